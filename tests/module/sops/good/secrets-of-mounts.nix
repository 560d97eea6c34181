# A file system of the machine itself with a secret among its options is mounted before there are secrets.
# warning: fileSystems."/vault" has /run/secrets/vault, which sops-install-secrets.service installs only after such file systems are mounted; set sops.secrets.vault.neededForUsers = true, which installs it before, or add "_netdev" to the options if it comes over the network.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.vault.key = "example-key";
  fileSystems = {
    "/vault" = {
      fsType = "fuse.gocryptfs";
      options = [ "passfile=${config.sops.secrets.vault.path}" ];
    };
    "/share" = {
      fsType = "cifs";
      options = [ "credentials=${config.sops.secrets.vault.path}" ];
    };
    "/cloud" = {
      fsType = "rclone";
      options = [
        "config=${config.sops.secrets.vault.path}"
        "nofail"
      ];
    };
  };
}
