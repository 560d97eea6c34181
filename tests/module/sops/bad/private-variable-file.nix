# error: sops.environment.SOPS_AGE_KEY_FILE has /tests/module/files/handle-and-key.txt, which holds a private key, and everybody can read the Nix store; name a file outside of it, in quotes.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.environment.SOPS_AGE_KEY_FILE = ../../files/handle-and-key.txt;
}
