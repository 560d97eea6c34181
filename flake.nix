{
  description = "Installs the secrets of a NixOS machine from sops and age files";

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
    in
    {
      packages = forEachSystem (pkgs: rec {
        default = sops-install-secrets;
        sops-install-secrets = pkgs.callPackage ./package.nix { };
        # Needs no loader and no C library, for machines without Nix too.
        static = pkgs.pkgsStatic.callPackage ./package.nix { };
      });

      overlays.default = final: _: { sops-install-secrets = final.callPackage ./package.nix { }; };

      nixosModules = {
        default = ./nixos-module;
        sops = self.nixosModules.default;
        agenix = ./nixos-module/agenix.nix;
        # The name in the flake of agenix.
        age = self.nixosModules.agenix;
      };

      homeModules = {
        default = ./nixos-module/home-manager.nix;
        sops = self.homeModules.default;
        agenix = ./nixos-module/agenix-home.nix;
        age = self.homeModules.agenix;
      };
      # The names from before home-manager settled on homeModules.
      homeManagerModules = self.homeModules;
      homeManagerModule = self.homeModules.default;

      darwinModules = lib.genAttrs [ "default" "sops" "agenix" "age" ] (
        _: _: throw "sops-install-secrets installs secrets on Linux only; on macOS use sops-nix or agenix."
      );

      templates.default = {
        path = ./examples/nixos;
        description = "A machine and a user with secrets";
        welcomeText = "README.md says what to put in the place of the keys and secrets of the example.";
      };

      checks = forEachSystem (
        pkgs:
        let
          package = self.packages.${pkgs.stdenv.hostPlatform.system}.default;
        in
        {
          inherit package;
          formatting = pkgs.runCommand "formatting" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            nixfmt --check ${./flake.nix} ${./default.nix} ${./package.nix} ${./nixos-module}/*.nix
            touch $out
          '';
          # Machines without bash and perl can have it.
          closure = pkgs.runCommand "closure" { } ''
            ! grep -E -- '-(bash|perl)' ${pkgs.closureInfo { rootPaths = [ package ]; }}/store-paths
            touch $out
          '';
          module = pkgs.runCommand "module" { nativeBuildInputs = [ pkgs.python3 ]; } ''
            cd ${self}
            python3 -B tests/module/check --program ${lib.getExe package}
            touch $out
          '';
        }
        // lib.mapAttrs' (name: lib.nameValuePair "machine-${name}") package.tests
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
