# error: age.ageBin
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.ageBin = "/bin/rage";
}
