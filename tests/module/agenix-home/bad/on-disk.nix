# error: age.secrets.token.symlink is false, which would leave the secret on a disk
{
  age.secrets.token.file = ../../files/secret.age;
  age.secrets.token.symlink = false;
}
