# error: sops.hostRecipients."[definition 1-entry 2]" holds the handle of a private key; give the public half of the key: `age-keygen -y FILE` prints it, and that of an SSH key is FILE.pub.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.hostRecipients = [
    ../../../../demo/ssh_host_ed25519_key.pub
    "AGE-PLUGIN-TOY-1QQQSYQCYQ5RQWZQF"
  ];
}
