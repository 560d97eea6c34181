# The same as in sops/good/mock.nix.
# refused: -mock-secrets/
# holds: "SyslogIdentifier": "MOCK-agenix-install-secrets"
{ config, ... }:
{
  services.userborn.enable = true;
  age.mock.enable = true;
  age.secrets.token.file = ../../files/secret.age;
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
