# What the README of sops-nix shows, in one configuration. Only the input is another.
{ config, ... }:
{
  # Deployment, owner and mode.
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
  users.users.nobody.group = "nogroup";

  # Services.
  systemd.services.example.serviceConfig.ExecStart =
    "/bin/cat ${config.sops.secrets.example-key.path}";

  # Units to restart, and a link to where a service wants its file.
  sops.secrets."home-assistant-secrets.yaml" = {
    key = "";
    restartUnits = [ "home-assistant.service" ];
    owner = "hass";
    path = "/var/lib/hass/secrets.yaml";
  };
  users.users.hass.group = "hass";

  # A password.
  sops.secrets.my-password.neededForUsers = true;
  users.users.mic92 = {
    isNormalUser = true;
    hashedPasswordFile = config.sops.secrets.my-password.path;
  };

  # Formats.
  sops.secrets.github_token = {
    format = "json";
    sopsFile = ../../files/other.json;
  };
  sops.secrets.krb5-keytab = {
    format = "binary";
    sopsFile = ../../files/keytab;
  };

  # Templates.
  sops.templates."your-config-with-secrets.toml" = {
    content = ''
      password = "${config.sops.placeholder.example-key}"
    '';
    owner = "serviceuser";
  };
  users.users.serviceuser.group = "serviceuser";
  systemd.services.myservice.serviceConfig.ExecStart = "/bin/myservice --config ${
    config.sops.templates."your-config-with-secrets.toml".path
  }";
}
