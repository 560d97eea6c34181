# What agenix does not have for users.
{ config, pkgs, ... }:
{
  systemd.user.services.mail = { };
  age = {
    keyFile = "/home/alice/.config/agenix/key.txt";
    generateKey = true;
    identityPaths = [ ../../files/handle.txt ];
    plugins = [ pkgs.age-plugin-tpm ];
    environment.NOTE = "it's";
    log = [ "secretChanges" ];
    keepGenerations = 3;
    validationPackage = pkgs.buildPackages.callPackage ../../../../package.nix { };
    secrets.token = {
      file = ../../files/secret.age;
      restartUnits = [ "mail.service" ];
    };
    templates."mail.conf".content = "token = ${config.age.placeholder.token}";
  };
}
