# error: system.activationScripts.agenixInstall is set, but agenix-install-secrets.service does what this script did
# error: define system.activationScripts.agenixInstallForUsers.deps
{
  services.openssh.enable = true;
  age.secrets.password = {
    file = ../../files/secret.age;
    neededForUsers = true;
  };
  age.secrets.other.file = ../../files/secret.age;
  system.activationScripts.persist.text = "mount /persist";
  system.activationScripts.agenixInstall.deps = [ "persist" ];
}
