# error: sops.environment.GNUPGHOME is /tests/corpus/keys/gnupg, which holds private keys, and everybody can read the Nix store; name a directory outside of it, in quotes.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.environment.GNUPGHOME = ../../../corpus/keys/gnupg;
}
