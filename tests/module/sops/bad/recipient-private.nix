# error: sops.hostRecipients."[definition 1-entry 2]" holds a private key, and everybody can read the Nix store; give the public half of the key: `age-keygen -y FILE` prints it, and that of an SSH key is FILE.pub.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.hostRecipients = [
    ../../../../demo/ssh_host_ed25519_key.pub
    "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000"
  ];
}
