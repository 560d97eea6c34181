# error: sops.environment has "A-B", which cannot be the name of an environment variable.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.environment."A-B" = "c";
  sops.secrets.password = { };
}
