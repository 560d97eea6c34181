# error: sops.age.keyFile
# error: not in the Nix store
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/nix/store/0000000000000000000000000000000a-key.txt";
  sops.secrets.password = { };
}
