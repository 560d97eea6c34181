# error: sops.age.keyFile has /tests/module/files/handle-and-key.txt, which holds a private key, and everybody can read the Nix store; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = ../../files/handle-and-key.txt;
  sops.secrets.password = { };
}
