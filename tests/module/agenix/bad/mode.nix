# error: age.secrets.password.mode
{ config, ... }:
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.password.mode = "u=r";
}
