# error: system.activationScripts.mine: deps has agenixInstall, but the secrets are installed by agenix-install-secrets.service
{
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  system.activationScripts.mine.deps = [ "agenixInstall" ];
}
