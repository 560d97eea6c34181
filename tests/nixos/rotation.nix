# A switch with a new value: the value is replaced as a whole and its units are restarted and reloaded, once, after that.
{ lib, ... }:
{
  name = "sops-install-secrets-rotation";

  nodes.machine = {
    imports = [ ./machine.nix ];

    sops.secrets.token = {
      key = lib.mkDefault "mail/relays/0/token";
      restartUnits = [ "restarted.service" ];
      reloadUnits = [ "reloaded.service" ];
    };
    sops.secrets.constant = {
      key = "database/user";
      restartUnits = [ "undisturbed.service" ];
    };

    systemd.services =
      lib.genAttrs
        [
          "restarted"
          "reloaded"
          "undisturbed"
        ]
        (name: {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "cat /run/secrets/token >>/tmp/${name}";
          reload = "cat /run/secrets/token >>/tmp/${name}-again";
        });

    specialisation.rotated.configuration.sops.secrets.token.key = "mail/relays/1/token";
  };

  testScript =
    { nodes, ... }:
    ''
      switch = "${nodes.machine.system.build.toplevel}/specialisation/rotated/bin/switch-to-configuration test"

      machine.wait_for_unit("multi-user.target")
      first = machine.succeed("readlink /run/secrets").strip()
      assert machine.succeed("cat /run/secrets/token") == "tok_7c1f"

      machine.succeed(switch)
      machine.wait_until_succeeds("grep -qx tok_7c1ftok_93aa /tmp/restarted")
      machine.wait_until_succeeds("grep -qx tok_93aa /tmp/reloaded-again")
      assert machine.succeed("cat /tmp/undisturbed") == "tok_7c1f"
      machine.fail(f"test -e {first}")

      second = machine.succeed("readlink /run/secrets")
      machine.succeed(switch)
      assert machine.succeed("readlink /run/secrets") == second
      assert machine.succeed("cat /tmp/restarted") == "tok_7c1ftok_93aa"
    '';
}
