# A host key that is a secret is no identity.
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
}
