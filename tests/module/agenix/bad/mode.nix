# error: age.secrets.password.mode
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.password.mode = "u=r";
}
