# A unit of users, which the manager of the system does not know.
# warning: sops.secrets.example-key.restartUnits has "sync.service", a unit of users, which a secret of the system cannot have restarted; remove it, and declare the secret in home-manager, in sops.secrets of the user.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.example-key.restartUnits = [ "sync.service" ];
  systemd.user.services.sync.script = "sync";
}
