# A template finds a secret by its attribute, whatever the secret's name is.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.name = "db/password";
  sops.secrets.early = {
    key = "password";
    name = "db/password";
    neededForUsers = true;
  };
  services.userborn.enable = true;
  sops.templates."app.conf".content = "password = ${config.sops.placeholder.password}";
}
