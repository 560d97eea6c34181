# error: sops.age.keyFile holds the handle of a private key; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.age.keyFile = "AGE-PLUGIN-TOY-1QQQSYQCYQ5RQWZQF";
}
