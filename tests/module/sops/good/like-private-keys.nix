# What looks like a private key and is none: names, the comment of an SSH key, and a template with the key in
# a placeholder. The handle of a key is no secret.
{ config, ... }:
let
  key = builtins.readFile ../../../../demo/ssh_host_ed25519_key.pub;
in
{
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.keyFile = "/persist/AGE-SECRET-KEY-1.txt";
    hostRecipients = [
      "${builtins.head (builtins.match "([^ ]+ [^ ]+).*\n" key)} AGE-PLUGIN, private key of alice, #1"
    ];
    environment.SOPS_AGE_KEY = "AGE-PLUGIN-TOY-1QQQSYQCYQ5RQWZQF";
    secrets.age-secret-key-1-of-a-backup-machine.key = "database/password";
    templates.key.content = ''
      -----BEGIN OPENSSH PRIVATE KEY-----
      ${config.sops.placeholder.age-secret-key-1-of-a-backup-machine}
      -----END OPENSSH PRIVATE KEY-----
      ${key}
    '';
  };
}
