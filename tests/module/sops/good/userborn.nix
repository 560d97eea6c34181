# Early secrets with userborn, with keys on a file system of their own and a key that is made.
{ config, ... }:
{
  services.userborn.enable = true;
  users.mutableUsers = false;
  users.users.alice = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets.alice-password.path;
  };
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    age.keyFile = "/persist/sops nix/key%.txt";
    age.generateKey = true;
    secrets.alice-password.neededForUsers = true;
    secrets.other = { };
  };
}
