# What `boot` starts in a container, with systemd-sysusers.
{ config, ... }:
{
  systemd.sysusers.enable = true;
  users.users.shop.group = "shop";
  users.users.guard = {
    group = "shop";
    hashedPasswordFile = config.sops.secrets.early.path;
  };
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.sshKeyPaths = [ "/persist/ssh_host_ed25519_key" ];
    secrets = {
      early = {
        key = "mail/relays/0/token";
        neededForUsers = true;
      };
      "database/password".owner = "shop";
    };
  };
}
