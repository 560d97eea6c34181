{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/home/alice/.config/sops/age/keys.txt";
  sops.age.generateKey = true;
  sops.secrets."mail/password" = { };
}
