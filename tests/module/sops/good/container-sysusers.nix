# What `boot` starts in a container, with systemd-sysusers.
{
  systemd.sysusers.enable = true;
  users.users.shop.group = "shop";
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
