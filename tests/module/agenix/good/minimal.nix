{
  services.openssh.enable = true;
  age.secrets.db-password.file = ../../files/secret.age;
}
