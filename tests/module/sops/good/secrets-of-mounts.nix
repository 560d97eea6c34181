# A file system of the machine itself with a secret among its options is mounted before there are secrets.
# warning: fileSystems."/vault" has /run/secrets/vault, which sops-install-secrets.service installs only after such file systems are mounted; set sops.secrets.vault.neededForUsers = true, which installs it before, or add "_netdev" to the options if it comes over the network.
# warning: fileSystems."/cloud" has /run/secrets/vault, which sops-install-secrets.service installs only after such file systems are mounted; set sops.secrets.vault.neededForUsers = true, which installs it before, or add "_netdev" to the options if it comes over the network.
# warning: fileSystems."/rendered" has /run/secrets/rendered/cloud, which sops-install-secrets.service installs only after such file systems are mounted; add "x-systemd.automount" to the options, or "_netdev" if it comes over the network.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.vault.key = "example-key";
  sops.templates.cloud.content = "pass = ${config.sops.placeholder.vault}";
  fileSystems = {
    "/vault" = {
      fsType = "fuse.gocryptfs";
      options = [ "passfile=${config.sops.secrets.vault.path}" ];
    };
    "/share" = {
      fsType = "cifs";
      options = [ "credentials=${config.sops.secrets.vault.path}" ];
    };
    # Several in one text, as in fstab.
    "/asked-for" = {
      fsType = "rclone";
      options = [ "noauto,x-systemd.automount,config=${config.sops.secrets.vault.path}" ];
    };
    "/ordered" = {
      fsType = "rclone";
      options = [
        "nofail"
        "x-systemd.requires=sops-install-secrets.service"
        "config=${config.sops.secrets.vault.path}"
      ];
    };
    "/rendered" = {
      fsType = "rclone";
      options = [
        "nofail"
        "config=${config.sops.templates.cloud.path}"
      ];
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
