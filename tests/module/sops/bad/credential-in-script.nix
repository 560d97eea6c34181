# error: sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.sshKeyPaths has %d/key, a credential of a unit, but an activation script installs secrets; set services.userborn.enable and remove sops.useSystemdActivation.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "%d/key";
  sops.secrets.password.neededForUsers = true;
}
