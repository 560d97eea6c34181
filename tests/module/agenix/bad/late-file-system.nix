# error: age.identityPaths has /persist/key, which is on fileSystems."/persist", and that is mounted after users are created, but age.secrets.password.file needs the key before; set fileSystems."/persist".neededForBoot = true.
{ config, ... }:
{
  services.userborn.enable = true;
  fileSystems."/persist" = { };
  age.identityPaths = [ "/persist/key" ];
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
