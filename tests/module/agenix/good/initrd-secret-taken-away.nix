# As whoever comes from agenix has it, which links into the directory of the first stage.
{ config, ... }:
{
  age.identityPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
  age.secrets.host-key.file = ../../files/secret.age;
  boot.initrd.secrets.${config.age.secrets.host-key.path} = null;
  system.activationScripts.makeRoom.text = ''
    if [[ -d /run/agenix && ! -L /run/agenix ]]; then
      rm -rf /run/agenix
    fi
  '';
}
