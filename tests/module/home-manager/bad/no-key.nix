# error: sops.secrets is set, but there is no key to decrypt with
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
