# A unit that the configuration does not have is a warning.
# warning: sops.secrets.password.restartUnits has "postgresq.service", which this configuration does not have; did you mean "postgresql.service"? If a package brings it, add it to sops.external.units.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  systemd.services.postgresql = { };
  sops.secrets.password.restartUnits = [
    "postgresq.service"
    "postgresql.service"
  ];
}
