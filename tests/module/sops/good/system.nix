# manifest: tests/corpus/manifests/system.json
# manifest-for-users: tests/corpus/manifests/system-for-users.json
{ config, ... }:
{
  services.openssh.enable = true;
  users.users.nginx.group = "nginx";
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    validateSopsFiles = false;
    age.keyFile = "/var/lib/sops-nix/key.txt";
    secrets = {
      foo = { };
      "nested/bar" = {
        owner = "nginx";
        mode = "0440";
        restartUnits = [ "nginx.service" ];
        reloadUnits = [ "haproxy.service" ];
      };
      whole = {
        key = "";
        path = "/etc/app/config.yaml";
        uid = 1000;
        gid = 100;
      };
      rootpw.neededForUsers = true;
    };
    templates = {
      "app.conf".content = ''
        password=${config.sops.placeholder.foo}
      '';
      env = {
        path = "/etc/app/env";
        owner = "nginx";
        restartUnits = [ "app.service" ];
        content = ''
          A=${config.sops.placeholder.foo}
          B=${config.sops.placeholder."nested/bar"}
        '';
      };
    };
  };
}
