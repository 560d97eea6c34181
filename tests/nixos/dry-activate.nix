# dry-activate says that the unit would be restarted and which secret would be added, and changes nothing.
{
  name = "sops-install-secrets-dry-activate";

  nodes.machine = {
    imports = [ ./machine.nix ];
    specialisation.more.configuration.sops.secrets."database/password" = { };
    sops.secrets."database/user" = { };
  };

  testScript =
    { nodes, ... }:
    ''
      state = "find /run/secrets /run/secrets.d -printf '%p %i %m %u %g %l %T@\\n'; cat /proc/mounts"

      machine.wait_for_unit("multi-user.target")
      before = machine.succeed(state)
      output = machine.succeed(
          "${nodes.machine.system.build.toplevel}/specialisation/more/bin/switch-to-configuration dry-activate 2>&1"
      )
      assert "sops-install-secrets.service" in output, output
      assert "would add secret: database/password" in output, output
      assert machine.succeed(state) == before
    '';
}
