# error: system.activationScripts.mine: deps has a script of agenix
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  system.activationScripts.mine.deps = [ "agenixInstall" ];
}
