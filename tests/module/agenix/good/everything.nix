# What agenix does not have: templates, plugins, units, credentials, generations, the recipients of the machine.
{ config, pkgs, ... }:
{
  services.userborn.enable = true;
  users.users.shop.group = "shop";
  users.groups.shop = { };
  systemd.services.shop = { };
  age = {
    keyFile = "/var/lib/agenix/key.txt";
    generateKey = true;
    identityPaths = [ ../../files/handle.txt ];
    plugins = [ pkgs.age-plugin-tpm ];
    environment.NOTE = "it's";
    log = [ "secretChanges" ];
    keepGenerations = 3;
    useTmpfs = true;
    secrets.token = {
      file = ../../files/secret.age;
      name = "deep/token";
      restartUnits = [ "shop.service" ];
      credential = true;
    };
    templates."shop.conf" = {
      owner = "shop";
      group = "shop";
      path = "/etc/shop.conf";
      content = "token = ${config.age.placeholder.token}";
      reloadUnits = [ "shop.service" ];
    };
  };
}
