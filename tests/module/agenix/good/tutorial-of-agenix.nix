# What the tutorial and the reference of agenix show, in one configuration. Only the input is another.
{ config, ... }:
{
  services.openssh.enable = true;
  age.secrets.secret1.file = ../../files/secret.age;
  users.users.user1 = {
    isNormalUser = true;
    hashedPasswordFile = config.age.secrets.secret1.path;
  };
  age.secrets.monit = {
    name = "monitrc";
    file = ../../files/secret.age;
    path = "/etc/monitrc";
  };
  age.secrets.nginx-htpasswd = {
    file = ../../files/secret.age;
    mode = "770";
    owner = "nginx";
    group = "nginx";
  };
  # In NixOS with services.nginx.enable.
  users.users.nginx.group = "nginx";
  users.groups.nginx = { };
  age.secretsDir = "/run/keys";
  age.secretsMountPoint = "/run/secret-generations";
}
