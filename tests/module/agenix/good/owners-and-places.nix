# Owners by name and number, places, a file outside the store.
{
  age.identityPaths = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
  age.secrets.nextcloud = {
    file = ../../files/secret.age;
    owner = "nextcloud";
    group = "nextcloud";
    mode = "770";
  };
  age.secrets.numbers = {
    file = ../../files/secret.age;
    owner = "1000";
    group = "0100";
    name = "sub/numbers";
    path = "/etc/numbers";
  };
  age.secrets.primary-group = {
    file = ../../files/secret.age;
    owner = "nginx";
  };
  age.secrets.elsewhere.file = "/var/lib/elsewhere.age";
  age.secretsDir = "/run/keys";
  age.secretsMountPoint = "/run/keys.d";
  users.users.nginx.group = "www";
  # Made by another tool.
  age.external.users = [ "nextcloud" ];
  age.external.groups = [ "nextcloud" ];
}
