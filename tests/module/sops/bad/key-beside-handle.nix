# error: sops.age.keyFile
# error: not in the Nix store
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = ../../files/handle-and-key.txt;
  sops.secrets.password = { };
}
