# A disk that is opened with a secret that users need too.
# holds: "systemd-cryptsetup@data.service"
{ config, ... }:
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  age.secrets.disk = {
    file = ../../files/secret.age;
    neededForUsers = true;
  };
  environment.etc.crypttab.text = "data /dev/vdb1 ${config.age.secrets.disk.path}";
}
