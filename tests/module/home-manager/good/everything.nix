{ config, ... }:
{
  sops = {
    gnupg.home = "/home/alice/.gnupg";
    defaultSymlinkPath = "/home/alice/.secrets";
    defaultSecretsMountPoint = "%r/sops";
    environment.NOTE = "100% \"quoted\"";
    validateSopsFiles = false;
    secrets."mail/password" = {
      sopsFile = ../../files/secrets.yaml;
      path = "%r/mail-password";
    };
    secrets.token = {
      sopsFile = ../../files/service.env;
      format = "dotenv";
      selectKey = true;
      mode = "0440";
    };
    templates."mail.toml" = {
      path = "/home/alice/.config/mail.toml";
      content = "password = ${config.sops.placeholder."mail/password"}";
    };
  };
}
