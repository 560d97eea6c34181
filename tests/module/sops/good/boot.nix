# What `boot` starts in a container.
{ config, ... }:
{
  services.userborn.enable = true;
  users.users.shop.group = "shop";
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.keyFile = "/persist/made/key.txt";
    age.generateKey = true;
    age.sshKeyPaths = [ "/persist/ssh_host_ed25519_key" ];
    secrets = {
      early = {
        key = "mail/relays/0/token";
        neededForUsers = true;
      };
      "database/password" = {
        owner = "shop";
        mode = "0440";
        restartUnits = [ "reader.service" ];
        credential = true;
      };
      certificate.path = "/etc/shop/certificate.pem";
    };
    templates.url.content = "shop:${config.sops.placeholder."database/password"}@localhost";
  };
}
