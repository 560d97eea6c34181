# Passwords, with each way to create users. The values are no password hashes; that they get to /etc/shadow is the point.
{ lib, ... }:
let
  machine =
    { config, lib, ... }:
    {
      imports = [ ./machine.nix ];

      users.mutableUsers = false;
      users.users.alice = {
        isNormalUser = true;
        hashedPasswordFile = config.sops.secrets.password.path;
      };
      sops.secrets.password = {
        key = lib.mkDefault "mail/relays/0/token";
        neededForUsers = true;
      };
      sops.secrets."database/user".owner = "alice";

      specialisation.rotated.configuration.sops.secrets.password.key = "mail/relays/1/token";
    };
in
{
  name = "sops-install-secrets-for-users";

  nodes = {
    # Here users are created before /etc is made, and so before the key of the other machines is there.
    script = {
      imports = [ machine ];
      sops.age.sshKeyPaths = lib.mkForce [ "/var/lib/host-key" ];
      system.activationScripts.key.text = "install -D -m 0600 ${../../demo/ssh_host_ed25519_key} /var/lib/host-key";
      system.activationScripts.setupSecretsForUsers.deps = [ "key" ];
    };
    userborn = {
      imports = [ machine ];
      services.userborn.enable = true;
    };
    # Nothing is done by activation scripts, since there are none.
    bashless = {
      imports = [ machine ];
      services.userborn.enable = true;
      system.etc.overlay.enable = true;
      system.nixos-init.enable = true;
      boot.initrd.systemd.enable = true;
    };
    # The key is on a file system of its own, whose unit stops at shutdown.
    persist = {
      imports = [ machine ];
      services.userborn.enable = true;
      sops.age.sshKeyPaths = lib.mkForce [ "/persist/key" ];
      virtualisation.emptyDiskImages = [ 64 ];
      virtualisation.fileSystems."/persist" = {
        device = "/dev/vdb";
        fsType = "ext4";
        autoFormat = true;
        neededForBoot = true;
      };
    };
  };

  testScript =
    { nodes, ... }:
    ''
      def check(machine, password):
          machine.succeed(f"grep -q '^alice:{password}:' /etc/shadow")
          assert machine.succeed("stat -L -c '%a %U' /run/secrets-for-users/password") == "400 root\n"
          assert machine.succeed("stat -c %U /run/secrets/database/user") == "alice\n"


      def reboot(machine):
          machine.shutdown()
          machine.start()
          machine.wait_for_unit("multi-user.target")
          machine.fail("journalctl | grep -i 'ordering cycle'")


      start_all()
      for machine, toplevel in [
          (script, "${nodes.script.system.build.toplevel}"),
          (userborn, "${nodes.userborn.system.build.toplevel}"),
          (bashless, "${nodes.bashless.system.build.toplevel}"),
      ]:
          machine.wait_for_unit("multi-user.target")
          check(machine, "tok_7c1f")
          machine.succeed(f"{toplevel}/specialisation/rotated/bin/switch-to-configuration test")
          check(machine, "tok_93aa")
          reboot(machine)
          check(machine, "tok_7c1f")

      persist.wait_for_unit("multi-user.target")
      persist.succeed("install -m 0600 ${../../demo/ssh_host_ed25519_key} /persist/key")
      reboot(persist)
      check(persist, "tok_7c1f")
    '';
}
