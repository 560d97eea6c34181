# Accounts and units that something else brings are no fault.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.external = {
    users = [ "backup" ];
    groups = [ "backup" ];
    units = [ "backup.service" ];
  };
  users.users.nginx.group = "nginx";
  users.groups.nginx = { };
  systemd.services."instance@" = { };
  sops.secrets.password = {
    owner = "backup";
    group = "backup";
    restartUnits = [
      "backup.service"
      "instance@one.service"
      "sops-install-secrets.service"
      "systemd-networkd.service"
    ];
  };
  sops.secrets.other = {
    key = "password";
    owner = "nginx";
    group = "keys";
  };
}
