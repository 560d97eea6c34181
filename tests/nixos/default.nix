# Tests on machines of NixOS: a table from names to modules for testers.runNixOSTest.
{
  basic = ./basic.nix;
  rotation = ./rotation.nix;
  dry-activate = ./dry-activate.nix;
  restart = ./restart.nix;
  for-users = ./for-users.nix;
  broken = ./broken.nix;
  migration = ./migration.nix;
}
