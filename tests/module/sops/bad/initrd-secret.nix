# error: boot.initrd.secrets (or boot.initrd.network.ssh.hostKeys) has /run/secrets/wireguard, which is there from the first stage on
# error: set sops.secrets.wireguard.path = "/etc/initrd/wireguard" and write config.sops.secrets.wireguard.path in the place of /run/secrets/wireguard.
# error: give it another place there, such as /etc/initrd/other.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.wireguard = { };
  boot.initrd.secrets = {
    ${config.sops.secrets.wireguard.path} = config.sops.secrets.wireguard.path;
    "/run/secrets/other" = "/etc/other";
  };
}
