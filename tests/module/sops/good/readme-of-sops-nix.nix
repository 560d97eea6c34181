# The form of the example in the README of sops-nix, as a configuration has it that changes only the input.
{ config, ... }:
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
  sops.age.keyFile = "/var/lib/sops-nix/key.txt";
  sops.age.generateKey = true;
  sops.secrets.example-key = { };
  sops.secrets."myservice/my_subdir/my_secret" = {
    mode = "0440";
    owner = config.users.users.nobody.name;
    group = config.users.users.nobody.group;
  };
  sops.secrets.krb5-keytab = {
    format = "binary";
    sopsFile = ../../files/keytab;
  };
  users.users.nobody.group = "nogroup";
  systemd.services.example.serviceConfig.ExecStart =
    "/bin/cat ${config.sops.secrets.example-key.path}";
}
