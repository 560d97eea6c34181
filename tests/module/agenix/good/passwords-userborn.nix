# A password for users that are created by userborn.
{ config, ... }:
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  age.keyFile = "/var/lib/agenix/key.txt";
  age.secrets.password = {
    file = ../../files/secret.age;
    neededForUsers = true;
  };
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
