# Tests on machines of NixOS: a table from names to modules for testers.runNixOSTest. Users by script, by userborn and
# without activation scripts are in for-users; systemd-sysusers, which cannot have normal users, is in tests/module/boot.
{
  basic = ./basic.nix;
  rotation = ./rotation.nix;
  dry-activate = ./dry-activate.nix;
  restart = ./restart.nix;
  for-users = ./for-users.nix;
  broken = ./broken.nix;
  migration = ./migration.nix;
}
