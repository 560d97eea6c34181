# error: sops.age.plugins."[definition 1-entry 1]" holds the handle of a private key; name a file that has it in sops.age.keyFile.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.age.plugins = [ "AGE-PLUGIN-TOY-1QQQSYQCYQ5RQWZQF" ];
}
