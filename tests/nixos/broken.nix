# A file that this machine cannot decrypt stops a switch before it begins, and a dry one is told. Where the check is
# skipped, as the message says how, the unit fails and the secrets that were there stay as they were.
{
  name = "sops-install-secrets-broken";

  nodes.machine = {
    imports = [ ./machine.nix ];
    sops.secrets."database/user" = { };
    specialisation.broken.configuration.sops.secrets.foreign = {
      # Encrypted to a key that is not here.
      sopsFile = ../corpus/sops/recipient-x25519/in.yaml;
      key = "";
    };
  };

  testScript =
    { nodes, ... }:
    ''
      program = "${nodes.machine.system.build.toplevel}/specialisation/broken/bin/switch-to-configuration"
      switch = f"{program} test 2>&1"

      machine.wait_for_unit("multi-user.target")
      before = machine.succeed("readlink /run/secrets; stat -L -c %i /run/secrets/database/user")

      output = machine.fail(switch)
      assert "no identity opens it" in output, output
      assert "age17aym2vww7d550zjnmuje2a8zs5y4hfkc2we8sn3kda7kru3amuds5jnw8x" in output, output
      assert "NIXOS_NO_CHECK=1" in output, output

      output = machine.succeed(f"{program} dry-activate 2>&1")
      assert "no identity opens it" in output, output

      status, output = machine.execute(f"NIXOS_NO_CHECK=1 {switch}")
      assert status == 4, output
      assert machine.succeed("readlink /run/secrets; stat -L -c %i /run/secrets/database/user") == before
      machine.fail("test -e /run/secrets/foreign")
    '';
}
