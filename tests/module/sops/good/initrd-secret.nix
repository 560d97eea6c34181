# A secret that the first stage has too, at a place that is in nobody's way.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.wireguard = {
    key = "example-key";
    path = "/etc/initrd/wireguard";
  };
  boot.initrd.secrets.${config.sops.secrets.wireguard.path} = config.sops.secrets.wireguard.path;
}
