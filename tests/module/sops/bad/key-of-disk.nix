# error: environment.etc.crypttab opens secondary with /run/secrets/disk, which sops-install-secrets.service installs only after
# error: set sops.secrets.disk.neededForUsers = true
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.disk = { };
  environment.etc.crypttab.text = ''
    # <name> <device> <key> <options>
    secondary UUID=98c71f2d-11af-4db4-8d67-f9ff4ee3a6e8 ${config.sops.secrets.disk.path} discard
  '';
  fileSystems."/secondary".device = "/dev/mapper/secondary";
}
