# Somebody's own script with the name of one that a unit has taken the place of: what comes after it goes on running.
# warning: system.activationScripts.mine: deps has setupSecrets, but the secrets are installed by sops-install-secrets.service, later than any activation script; make it a service.
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  system.activationScripts = {
    setupSecrets.text = "echo secrets are on their way";
    mine = {
      deps = [ "setupSecrets" ];
      text = "echo mine";
    };
  };
}
