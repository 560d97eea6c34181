# What the flake of docs/moving.md with agenix-rekey gives, as a value that JSON can hold.
{
  # The folder lib of nixpkgs.
  lib,
  # A checkout of agenix-rekey.
  source,
  # The folder with the flake and a configuration.
  repository,
}:
let
  library = import lib;
  stubs = import ./stubs.nix { lib = library; };

  # Real derivations, which nothing builds: whether a file is the output of one is seen by its context.
  named =
    name:
    derivation {
      inherit name;
      system = "x86_64-linux";
      builder = "/bin/sh";
    }
    // {
      meta.mainProgram = name;
    };

  nixpkgs = {
    lib = library // {
      nixosSystem =
        arguments:
        library.evalModules {
          class = "nixos";
          modules = [
            stubs.nixos
            {
              _module.args.pkgs = stubs.pkgs // {
                lib = library;
                rage = named "rage";
                runCommand =
                  name: _: _:
                  named name;
                stdenv = stubs.pkgs.stdenv // {
                  mkDerivation = arguments: named arguments.name // arguments.passthru;
                };
              };
            }
          ]
          ++ arguments.modules;
        };
    };
    legacyPackages = library.genAttrs [ "x86_64-linux" "aarch64-linux" ] stubs.legacyPackages;
  };

  sops-install-secrets = (import ../../flake.nix).outputs {
    self = sops-install-secrets // {
      outPath = toString ../..;
    };
    inherit nixpkgs;
  };

  agenix-rekey = {
    nixosModules.default = import (source + "/modules/agenix-rekey.nix") nixpkgs;
    # What its own does before it makes the program, for which it needs all of nixpkgs.
    configure =
      arguments:
      builtins.attrNames (
        import (source + "/nix/select-nodes.nix") (
          {
            nodes = { };
            darwinConfigurations = { };
            homeConfigurations = { };
            collectHomeManagerConfigurations = true;
            lib = library;
          }
          // removeAttrs arguments [ "userFlake" ]
        )
      );
  };

  flake = (import (repository + "/flake.nix")).outputs {
    self = flake // {
      outPath = toString repository;
    };
    inherit nixpkgs sops-install-secrets agenix-rekey;
  };

  inherit (flake.nixosConfigurations.host) config;
in
{
  assertions = map (assertion: assertion.message) (
    library.filter (assertion: !assertion.assertion) config.assertions
  );
  inherit (config) warnings;
  hosts = flake.agenix-rekey;
  manifests = library.mapAttrs (
    _: manifest: builtins.fromJSON (builtins.unsafeDiscardStringContext manifest.text)
  ) (library.filterAttrs (name: _: library.hasInfix "manifest" name) config.system.build);
  units = builtins.attrNames config.systemd.services;
}
