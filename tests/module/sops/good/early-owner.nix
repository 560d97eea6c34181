# Owners that nobody looks up, since there are no users yet.
# warning: sops.secrets.password.neededForUsers is set, so the secret is installed before there are users and belongs to root, and not to alice; remove owner and group, or declare a second secret with the same key.
# warning: sops.secrets.shared.neededForUsers is set, so the secret is installed before there are users and belongs to root, and not to the group tea; remove owner and group, or declare a second secret with the same key.
{ config, ... }:
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets = {
    password = {
      key = "example-key";
      neededForUsers = true;
      owner = "alice";
    };
    shared = {
      key = "example-key";
      neededForUsers = true;
      group = "tea";
    };
    roots = {
      key = "example-key";
      neededForUsers = true;
      owner = "root";
    };
  };
  users.users.alice = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets.password.path;
  };
}
