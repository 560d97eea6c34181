# Files that are read before any unit starts, and one that is not.
# warning: environment.etc.crypttab is /run/secrets/rendered/crypttab, which sops-install-secrets.service installs only after /etc/crypttab has been read, so at boot it counts for nothing; give it a text without secrets, if need be with the paths of secrets that have neededForUsers.
# warning: environment.etc."systemd/network/10-wan.link" is /run/secrets/link, which sops-install-secrets.service installs only after /etc/systemd/network/10-wan.link has been read, so at boot it counts for nothing; give it a text without secrets, if need be with the paths of secrets that have neededForUsers.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.link.key = "example-key";
  sops.templates.crypttab.content = "data /dev/sdb1 ${config.sops.secrets.link.path}";
  environment.etc = {
    crypttab.source = config.sops.templates.crypttab.path;
    "systemd/network/10-wan.link".source = config.sops.secrets.link.path;
    "systemd/network/10-wan.network".source = config.sops.secrets.link.path;
  };
}
