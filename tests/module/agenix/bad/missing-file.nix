# error: which does not exist
{ config, ... }:
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.other.file = ../../files/none.age;
}
