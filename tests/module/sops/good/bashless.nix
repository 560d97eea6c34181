# With nixos-init, without bash and perl: no activation script, no check before a switch, everything by units.
# holds: "activationScripts": {}
# holds: "preSwitchChecks": {}
{ config, ... }:
{
  boot.initrd.systemd.enable = true;
  services.userborn.enable = true;
  system = {
    activatable = false;
    etc.overlay.enable = true;
    etc.overlay.mutable = false;
    nixos-init.enable = true;
  };
  services.openssh.generateHostKeys = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.token = {
    key = "password";
    restartUnits = [ "sops-install-secrets.service" ];
  };
  sops.secrets.password.neededForUsers = true;
  sops.templates."app.conf".content = "token = ${config.sops.placeholder.token}";
  users.users.alice = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets.password.path;
  };
}
