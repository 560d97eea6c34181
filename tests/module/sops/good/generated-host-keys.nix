# Host keys without a daemon.
{
  services.openssh.generateHostKeys = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
