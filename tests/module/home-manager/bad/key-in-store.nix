# error: sops.age.sshKeyPaths
# error: not in the Nix store
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.sshKeyPaths = [ "/nix/store/0000000000000000000000000000000a-id_ed25519" ];
  sops.secrets.password = { };
}
