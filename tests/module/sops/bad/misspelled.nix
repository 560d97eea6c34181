# error: The option `sops.secrets.password.restartUnit' does not exist
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.restartUnit = [ "app.service" ];
}
