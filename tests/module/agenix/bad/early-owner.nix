# error: age.secrets.password.neededForUsers is set, so the secret is installed before there are users
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.secrets.password.neededForUsers = true;
  age.secrets.password.owner = "nginx";
}
