# error: users.users.alice.hashedPasswordFile is /run/agenix/password, a secret that is installed after users are created; set age.secrets.<name>.neededForUsers for it.
{ config, ... }:
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
