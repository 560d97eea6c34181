# Keys that are not there yet when users are created, beside one that is. Nothing that early waits for their file systems.
# warning: age.identityPaths has /home/alice/.ssh/id_ed25519, which is on fileSystems."/home", and that is mounted after users are created, so at boot age.secrets.password.file has to do with the other keys; if none of those opens it, set fileSystems."/home".neededForBoot = true.
# holds: "RequiresMountsFor": [
{ config, ... }:
{
  services.userborn.enable = true;
  fileSystems."/" = { };
  fileSystems."/home" = { };
  systemd.mounts = [
    {
      where = "/tmp";
      what = "tmpfs";
    }
    {
      where = "/etc/ssh";
      what = "/old";
      enable = false;
    }
  ];
  age.identityPaths = [
    "/etc/ssh/ssh_host_ed25519_key"
    "/home/alice/.ssh/id_ed25519"
    "/tmp/id_ed25519"
  ];
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = config.age.secrets.password.path;
}
