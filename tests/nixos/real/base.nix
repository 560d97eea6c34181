# What every machine here has: a container, without what needs packages that are stubs.
{
  lib,
  ...
}:
{
  boot.isContainer = lib.mkDefault true;
  system.stateVersion = "24.11";
  system.disableInstallerTools = true;
  nix.enable = false;
  documentation.enable = false;
  documentation.nixos.enable = false;
  environment.defaultPackages = [ ];
  environment.stub-ld.enable = false;
  environment.ldso = "/debian/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2";
  programs.less.lessopen = null;
  programs.command-not-found.enable = false;
  programs.nano.enable = false;
  boot.enableContainers = false;
  services.logrotate.enable = false;
  services.udisks2.enable = false;
  services.nscd.enable = false;
  system.nssModules = lib.mkForce [ ];
  security.sudo.enable = false;
  security.polkit.enable = lib.mkForce false;
  fonts.fontconfig.enable = false;
  networking.firewall.enable = false;
  networking.useDHCP = false;
  networking.useHostResolvConf = false;
  networking.resolvconf.enable = false;
  systemd.oomd.enable = false;
  systemd.coredump.enable = false;
  services.timesyncd.enable = false;
  xdg.autostart.enable = false;
  xdg.icons.enable = false;
  xdg.mime.enable = false;
  xdg.sounds.enable = false;
  system.switch.enable = true;
}
