# error: sops.hostRecipients."[definition 1-entry 2]" has /tests/module/files/handle-and-key.txt, which holds a private key, and everybody can read the Nix store
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.hostRecipients = [
    ../../../../demo/ssh_host_ed25519_key.pub
    ../../files/handle-and-key.txt
  ];
}
