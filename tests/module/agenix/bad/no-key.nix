# error: age.secrets is set, but there is no key to decrypt with
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  age.identityPaths = [ ];
}
