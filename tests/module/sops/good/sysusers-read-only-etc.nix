# What NixOS adds to systemd-sysusers.service with an immutable /etc is no whole service; that is as early as systemd says.
{
  systemd.sysusers.enable = true;
  system.etc.overlay.enable = true;
  system.etc.overlay.mutable = false;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
  sops.secrets.other.key = "example-key";
}
