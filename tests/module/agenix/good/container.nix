# What `boot` starts in a container: the forms of the tutorial of agenix.
{ config, ... }:
{
  services.userborn.enable = true;
  age.identityPaths = [ "/persist/ssh_host_ed25519_key" ];
  age.secrets.token = {
    file = ../../files/token.age;
    owner = "shop";
    mode = "770";
  };
  age.secrets.monitrc = {
    file = ../../files/token.age;
    path = "/etc/monitrc";
  };
  age.secrets.password.file = ../../files/token.age;
  users.users.shop = {
    group = "shop";
    hashedPasswordFile = config.age.secrets.password.path;
  };
}
