# error: age.keyFile has /tests/module/files/handle-and-key.txt, which holds a private key, and everybody can read the Nix store; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  services.openssh.enable = true;
  age.secrets.token.file = ../../files/secret.age;
  age.keyFile = ../../files/handle-and-key.txt;
}
