# error: sops.age.generateKey is set, but sops.age.keyFile does not say where the key is to be.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.generateKey = true;
  sops.secrets.password = { };
}
