# error: sops.hostRecipients."[definition 1-entry 2]" holds a private key, and everybody can read the Nix store
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.hostRecipients = [
    ../../../../demo/ssh_host_ed25519_key.pub
    (builtins.readFile ../../../../demo/ssh_host_ed25519_key)
  ];
}
