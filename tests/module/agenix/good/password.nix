# A password as the tutorial of agenix has it. It is installed a second time, before users are created.
{ config, ... }:
{
  services.openssh.enable = true;
  services.userborn.enable = true;
  age.secrets.secret1.file = ../../files/secret.age;
  age.secrets.secret1.owner = "user1";
  users.users.user1 = {
    isNormalUser = true;
    hashedPasswordFile = config.age.secrets.secret1.path;
  };
}
