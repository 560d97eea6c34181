# Disks that are opened with a secret: what users need is there, and says so; other secrets come too late for what the boot
# waits for, and not for what is opened by hand or after them.
# warning: environment.etc.crypttab opens later with /run/secrets/late, which sops-install-secrets.service installs only after the file systems are mounted, so it stays closed until somebody types its passphrase; set sops.secrets.late.neededForUsers = true, which installs it before.
# warning: environment.etc.crypttab opens brief with /run/secrets/late, which sops-install-secrets.service installs only after the file systems are mounted, so it stays closed until somebody types its passphrase; set sops.secrets.late.neededForUsers = true, which installs it before.
# warning: environment.etc.crypttab opens lost with /run/secrets/early, where no secret is; write config.sops.secrets.early.path.
# holds: "systemd-cryptsetup@data\\x2dof\\x2dshop.service"
{ config, ... }:
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.early = {
    key = "example-key";
    neededForUsers = true;
  };
  sops.secrets.late.key = "example-key";
  environment.etc.crypttab.text = ''
    data-of-shop /dev/vdb1 ${config.sops.secrets.early.path}
    later /dev/vdb2 ${config.sops.secrets.late.path} nofail,discard
    by-hand /dev/vdb3 ${config.sops.secrets.late.path} noauto
    ordered /dev/vdb4 ${config.sops.secrets.late.path}
    before /dev/vdb7 ${config.sops.secrets.late.path}
    network /dev/vdb8 ${config.sops.secrets.late.path} luks,_netdev
    network-too /dev/vdb9 ${config.sops.secrets.late.path} nofail,_netdev
    brief /dev/vdb10 ${config.sops.secrets.late.path} timeout=30s
    asked /dev/vdb5
    lost /dev/vdb6 /run/secrets/early
  '';
  systemd.services."systemd-cryptsetup@ordered".after = [ "sops-install-secrets.service" ];
  systemd.services.sops-install-secrets.before = [ "systemd-cryptsetup@before.service" ];
}
