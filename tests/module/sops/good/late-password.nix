# A password that users are created without is a warning.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  users.users.alice.hashedPasswordFile = config.sops.secrets.password.path;
}
