# The secrets of the machine, and what is done with them.
{ config, pkgs, ... }:
{
  sops = {
    defaultSopsFile = ./secrets.yaml;
    # The build fails if somebody forgets the machine as recipient of a file.
    hostRecipients = [ ./host.pub ];
  };

  # 1. A file of a user, whose service starts again when the value changes.
  sops.secrets."database/password" = {
    owner = "shop";
    restartUnits = [ "shop.service" ];
  };

  # 2. A secret within a text.
  sops.templates."shop.env" = {
    owner = "shop";
    content = ''
      DATABASE_URL=postgres://shop:${config.sops.placeholder."database/password"}@localhost/shop
    '';
    restartUnits = [ "shop.service" ];
  };

  users.users.shop = {
    isSystemUser = true;
    group = "shop";
  };
  users.groups.shop = { };
  systemd.services.shop = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      User = "shop";
      EnvironmentFile = config.sops.templates."shop.env".path;
      ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
    };
  };

  # 3. A user's password: what `mkpasswd` prints.
  sops.secrets."users/alice".neededForUsers = true;
  users.users.alice = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets."users/alice".path;
  };

  # 4. A credential: the service has no user that could own a file.
  sops.secrets."backup/token" = {
    credential = true;
    restartUnits = [ "backup.service" ];
  };
  systemd.services.backup = {
    wantedBy = [ "multi-user.target" ];
    serviceConfig = {
      DynamicUser = true;
      # Becomes $CREDENTIALS_DIRECTORY/backup-token.
      ImportCredential = "backup-token";
      ExecStart = "${pkgs.coreutils}/bin/sleep infinity";
    };
  };
}
