# error: system.activationScripts.users: deps has setupSecrets
# error: remove it, and set sops.secrets.<name>.neededForUsers = true for each secret that is a hashedPasswordFile
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  system.activationScripts.users.deps = [ "setupSecrets" ];
}
