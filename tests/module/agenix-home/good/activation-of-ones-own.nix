# The entry of the activation that agenix does not have, as people define it.
# holds: "linkGeneration"
{ config, ... }:
{
  age.secrets.token.file = ../../files/token.age;
  home.activation.agenix = {
    after = [ ];
    before = [ "linkGeneration" ];
    data = config.systemd.user.services.agenix.Service.ExecStart;
  };
}
