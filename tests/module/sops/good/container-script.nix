# What `boot` runs in a container as the activation scripts of a machine whose users are created by one.
{
  users.users.shop.group = "shop";
  sops = {
    useSystemdActivation = false;
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.sshKeyPaths = [ "/persist/ssh_host_ed25519_key" ];
    secrets = {
      early = {
        key = "mail/relays/0/token";
        neededForUsers = true;
      };
      "database/password" = {
        owner = "shop";
        restartUnits = [ "reader.service" ];
      };
    };
  };
}
