# For those without flakes: the package, the modules and the overlay.
{
  pkgs ? import <nixpkgs> { },
}:
rec {
  sops-install-secrets = pkgs.callPackage ./package.nix { };

  nixosModules = rec {
    default = ./nixos-module;
    sops = default;
    agenix = ./nixos-module/agenix.nix;
    age = agenix;
  };

  homeModules = rec {
    default = ./nixos-module/home-manager.nix;
    sops = default;
    agenix = ./nixos-module/agenix-home.nix;
    age = agenix;
  };
  homeManagerModules = homeModules;

  overlay = final: _: { sops-install-secrets = final.callPackage ./package.nix { }; };
}
