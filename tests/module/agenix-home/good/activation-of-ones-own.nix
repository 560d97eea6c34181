# The entry of the activation that agenix does not have, as people define it, with what the unit starts as one path.
# holds: "linkGeneration"
# holds: -agenix-user\"
{ config, ... }:
{
  age.secrets.token.file = ../../files/token.age;
  home.activation.agenix = {
    after = [ ];
    before = [ "linkGeneration" ];
    data = ''
      run "${config.systemd.user.services.agenix.Service.ExecStart}"
    '';
  };
}
