# error: sops.age.keyFile holds a private key, and everybody can read the Nix store; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  sops.age.sshKeyPaths = [ "/home/alice/.ssh/id_ed25519" ];
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.age.keyFile = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000";
}
