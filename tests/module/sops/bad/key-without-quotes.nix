# error: sops.age.keyFile
# error: absolute path in quotes, not in the Nix store
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = /var/lib/sops-nix/key.txt;
  sops.secrets.password = { };
}
