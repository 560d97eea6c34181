# For those without flakes: the package, the modules and the overlay.
{
  pkgs ? import <nixpkgs> { },
}:
{
  sops-install-secrets = pkgs.callPackage ./package.nix { };

  nixosModules = {
    default = ./nixos-module;
    sops = ./nixos-module;
    agenix = ./nixos-module/agenix.nix;
  };

  homeModules = {
    default = ./nixos-module/home-manager.nix;
    sops = ./nixos-module/home-manager.nix;
    agenix = ./nixos-module/agenix-home.nix;
  };

  overlay = final: _: { sops-install-secrets = final.callPackage ./package.nix { }; };
}
