# A machine without keys has made-up values. Here nothing is built, so the program finds no file with them.
# refused: -mock-secrets/
# holds: "mock": {
# holds: "SyslogIdentifier": "MOCK-sops-install-secrets"
{ config, ... }:
{
  services.userborn.enable = true;
  sops = {
    mock.enable = true;
    defaultSopsFile = ../../../../demo/secrets.yaml;
    # Not even looked at.
    age.keyFile = "/persist/key.txt";
    age.generateKey = true;
    environment.SOPS_AGE_KEY_CMD = "echo not asked";
    secrets."database/port" = { };
    secrets."database/user".mock = "it's $HOME";
    # A private key that is made up is no secret.
    secrets."database/key" = {
      key = "database/password";
      mock = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000";
    };
    secrets.password = {
      key = "database/password";
      neededForUsers = true;
    };
    templates."app.conf".content = "user = ${config.sops.placeholder."database/user"}";
  };
}
