# What the first stage leaves in the place of the directories is taken away before there are secrets.
{ config, pkgs, ... }:
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.host-key.key = "example-key";
  sops.secrets.password = {
    key = "example-key";
    neededForUsers = true;
  };
  boot.initrd.secrets = {
    ${config.sops.secrets.host-key.path} = null;
    ${config.sops.secrets.password.path} = null;
  };
  boot.initrd.postMountCommands = "rm -rf /run/secrets-for-users";
  boot.initrd.systemd.services.clean.serviceConfig = {
    ExecStartPre = "-/bin/rm -rf /run/secrets";
    ExecStart = pkgs.writeShellScript "clean" "true";
  };
}
