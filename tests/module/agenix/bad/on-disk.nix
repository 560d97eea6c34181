# error: age.secrets.password.symlink is false, which would leave the secret on a disk
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.password.symlink = false;
}
