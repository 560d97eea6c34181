# A password that users are created without is a warning.
# warning: users.users.alice.hashedPasswordFile is /run/secrets/password, a secret that is installed after users are created; set sops.secrets.password.neededForUsers = true.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  users.users.alice.hashedPasswordFile = config.sops.secrets.password.path;
}
