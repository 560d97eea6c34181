# error: sops-install-secrets decrypts age files itself; age.installPackage is that program.
{ pkgs, ... }:
{
  age.package = pkgs.age;
  age.secrets.token.file = ../../files/secret.age;
}
