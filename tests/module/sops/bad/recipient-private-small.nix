# error: sops.hostRecipients."[definition 1-entry 2]" holds a private key, and everybody can read the Nix store
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.hostRecipients = [
    ../../../../demo/ssh_host_ed25519_key.pub
    "age-secret-key-1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0s0000000"
  ];
}
