# The unit by itself: without a change it touches nothing, it repairs what is missing, and what it no longer has goes.
{ lib, ... }:
{
  name = "sops-install-secrets-restart";

  nodes.machine = {
    imports = [ ./machine.nix ];
    sops.secrets."database/user".path = "/etc/shop/user";
    specialisation.without.configuration.sops.secrets."database/user".path =
      lib.mkForce "/etc/shop/elsewhere";
  };

  testScript =
    { nodes, ... }:
    ''
      inode = "stat -L -c %i /run/secrets/database/user"

      machine.wait_for_unit("multi-user.target")
      before = machine.succeed(inode)
      machine.succeed("systemctl restart sops-install-secrets.service")
      assert machine.succeed(inode) == before

      machine.succeed("rm /etc/shop/user")
      machine.succeed("systemctl restart sops-install-secrets.service")
      assert machine.succeed("cat /etc/shop/user") == "shop"

      machine.succeed(
          "${nodes.machine.system.build.toplevel}/specialisation/without/bin/switch-to-configuration test"
      )
      assert machine.succeed("cat /etc/shop/elsewhere") == "shop"
      machine.fail("test -L /etc/shop/user")
    '';
}
