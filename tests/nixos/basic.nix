# Secrets are there with their owner and mode before any ordinary service starts, on every boot.
{
  name = "sops-install-secrets-basic";

  nodes.machine =
    { config, ... }:
    {
      imports = [ ./machine.nix ];

      users.groups.shop = { };
      users.users.shop = {
        isSystemUser = true;
        group = "shop";
      };

      sops.secrets = {
        "database/password" = {
          owner = "shop";
          mode = "0440";
          credential = true;
        };
        certificate.path = "/etc/shop/certificate.pem";
        keytab = {
          sopsFile = ../../demo/keytab.json;
          format = "binary";
        };
        API_URL = {
          sopsFile = ../../demo/service.env;
          format = "dotenv";
          selectKey = true;
        };
      };
      sops.templates."database.url".content = "shop:${
        config.sops.placeholder."database/password"
      }@localhost";

      systemd.services.early-reader = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          User = "shop";
          ImportCredential = "database-password";
        };
        script = ''
          [[ $(</run/secrets/database/password) == $(<"$CREDENTIALS_DIRECTORY/database-password") ]]
        '';
      };
    };

  testScript = ''
    password = 'correct horse: battery "staple"'


    def check():
        machine.wait_for_unit("multi-user.target")
        machine.succeed("systemctl is-active sops-install-secrets.service early-reader.service")
        assert machine.succeed("cat /run/secrets/database/password") == password
        assert machine.succeed("stat -c '%a %U %G' /run/secrets/database/password") == "440 shop shop\n"
        assert machine.succeed("stat -c '%a %G' /run/secrets/") == "751 keys\n"
        assert machine.succeed("stat -f -c %T /run/secrets/") == "ramfs\n"
        assert machine.succeed("readlink /etc/shop/certificate.pem") == "/run/secrets/certificate\n"
        assert machine.succeed("stat -L -c %s /run/secrets/keytab") == "64\n"
        assert machine.succeed("cat /run/secrets/API_URL") == "https://api.example.org"
        assert machine.succeed("cat /run/secrets/rendered/database.url") == f"shop:{password}@localhost"
        machine.fail("journalctl -b | grep -i 'ordering cycle'")
        machine.fail("journalctl -b | grep staple")


    check()
    machine.shutdown()
    machine.start()
    check()
    machine.fail("journalctl -b -1 | grep -i 'ordering cycle'")
  '';
}
