# error: remove it: a secret that is a hashedPasswordFile is installed before users are created.
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  system.activationScripts.users.deps = [ "agenixInstall" ];
}
