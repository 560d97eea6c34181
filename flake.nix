{
  description = "Installs the secrets of a NixOS machine from sops files";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;

      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forEachSystem = function: lib.genAttrs systems (system: function nixpkgs.legacyPackages.${system});

      machineTests = import ./tests/nixos;
    in
    {
      packages = forEachSystem (pkgs: rec {
        default = sops-install-secrets;
        sops-install-secrets = pkgs.callPackage ./package.nix { };
      });

      overlays.default = final: _: { sops-install-secrets = final.callPackage ./package.nix { }; };

      nixosModules = {
        default = ./nixos-module;
        sops = self.nixosModules.default;
        agenix = ./nixos-module/agenix.nix;
      };

      homeModules = {
        default = ./nixos-module/home-manager.nix;
        sops = self.homeModules.default;
      };
      # The name from before home-manager settled on homeModules.
      homeManagerModules = self.homeModules;

      checks = forEachSystem (
        pkgs:
        {
          inherit (self.packages.${pkgs.stdenv.hostPlatform.system}) sops-install-secrets;
          formatting = pkgs.runCommand "formatting" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            nixfmt --check ${./flake.nix} ${./default.nix} ${./package.nix} ${./nixos-module}/*.nix
            touch $out
          '';
        }
        // lib.mapAttrs' (
          name: test: lib.nameValuePair "machine-${name}" (pkgs.testers.runNixOSTest test)
        ) machineTests
      );

      devShells = forEachSystem (pkgs: {
        default = pkgs.mkShell {
          packages = [
            pkgs.age
            pkgs.cargo
            pkgs.clippy
            pkgs.deadnix
            pkgs.gnupg
            pkgs.nixfmt
            pkgs.python3
            pkgs.rustc
            pkgs.rustfmt
            pkgs.sops
            pkgs.strace
          ];
        };
      });

      formatter = forEachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
