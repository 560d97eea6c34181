# error: system.activationScripts.mine: deps has setupSecrets, but the secrets are installed by sops-install-secrets.service
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  system.activationScripts.mine = {
    deps = [ "setupSecrets" ];
    text = "cat /run/secrets/password";
  };
}
