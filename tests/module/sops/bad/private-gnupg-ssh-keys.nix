# error: sops.gnupg.sshKeyPaths."[definition 1-entry 1]" holds a private key, and everybody can read the Nix store; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.gnupg.sshKeyPaths = [ (builtins.readFile ../../../../demo/ssh_host_ed25519_key) ];
}
