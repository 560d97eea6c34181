# error: class
# error: homeManager
{
  imports = [ ../../../../nixos-module/home-manager.nix ];
}
