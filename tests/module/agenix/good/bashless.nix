# The same as in sops/good/bashless.nix.
# holds: "activationScripts": {}
# holds: "preSwitchChecks": {}
{ config, ... }:
{
  services.userborn.enable = true;
  system.activatable = false;
  system.nixos-init.enable = true;
  services.openssh.generateHostKeys = true;
  age.secrets.token.file = ../../files/secret.age;
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
