# A host key that is a secret is no identity, but one beside a secret is.
# holds: "/persist/ssh/rsa"
{ config, ... }:
{
  services.openssh = {
    enable = true;
    hostKeys = [
      {
        type = "ed25519";
        path = config.sops.secrets.host-key.path;
      }
      {
        type = "ed25519";
        path = "/etc/ssh/linked";
      }
      {
        type = "rsa";
        path = "/persist/ssh/rsa";
      }
    ];
  };
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.host-key = { };
  sops.secrets.linked.path = "/etc/ssh/linked";
  sops.secrets.beside = {
    key = "host-key";
    path = "/persist/ssh/rs";
  };
}
