# What `boot` starts in a container, with userborn.
{ config, ... }:
{
  services.userborn.enable = true;
  environment.etc.crypttab.text = "second-disk /dev/vdb1 ${config.sops.secrets.early.path}";
  users.users.shop.group = "shop";
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    hostRecipients = [ ../../../../demo/ssh_host_ed25519_key.pub ];
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
      relay = {
        key = "mail/relays/0/token";
        reloadUnits = [ "reloader.service" ];
      };
      user = {
        key = "database/user";
        restartUnits = [
          "missing.service"
          "reader.service"
        ];
      };
      certificate.path = "/etc/shop/certificate.pem";
    };
    templates.url.content = "shop:${config.sops.placeholder."database/password"}@localhost";
  };
}
