# error: which does not exist
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.other.file = ../../files/none.age;
}
