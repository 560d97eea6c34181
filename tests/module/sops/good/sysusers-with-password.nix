# Everybody is made, also without the file of a password: that of the credential's default lets no one in.
{ config, ... }:
{
  systemd.sysusers.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
  users.users.alice = {
    isSystemUser = true;
    group = "alice";
    hashedPasswordFile = config.sops.secrets.password.path;
  };
}
