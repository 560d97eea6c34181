# error: system.activationScripts.setupSecrets is set, but sops-install-secrets.service does what this script did
# error: system.activationScripts.setupSecretsForUsers is set, but sops-install-secrets-for-users.service does what
# error: system.activationScripts.generate-age-key is set, but this configuration does not need this script
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
  sops.secrets.other = { };
  system.activationScripts = {
    persist.text = "mount /persist";
    setupSecrets.deps = [ "persist" ];
    setupSecretsForUsers.deps = [ "persist" ];
    generate-age-key.deps = [ "persist" ];
  };
}
