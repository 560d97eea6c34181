# What a build of NixOS makes of the configurations of tests/module, by the real builders: the manifests with their checks,
# and the checks before a switch, as NixOS makes one program of them. Options of NixOS are the stubs of tests/module.
{
  project,
  program,
  ...
}@arguments:
let
  packages = import ./pkgs.nix {
    inherit (arguments)
      nixpkgs
      corepkgs
      parts
      stubNames
      ;
  };
  inherit (packages) lib;

  package =
    packages.runCommand "sops-install-secrets" { meta.mainProgram = "sops-install-secrets"; }
      ''
        install -D ${program} $out/bin/sops-install-secrets
      '';

  plugin =
    name:
    packages.runCommand name { meta.mainProgram = name; } "mkdir -p $out/bin; touch $out/bin/${name}";

  pkgs =
    packages
    // lib.genAttrs [ "age-plugin-toy" "age-plugin-tpm" ] plugin
    // {
      buildPackages = pkgs;
      # The modules name no other file.
      callPackage = _: _: package;
    };

  stubs = import (project + "/tests/module/stubs.nix") { inherit lib; };

  modules = {
    sops = project + "/nixos-module";
    agenix = project + "/nixos-module/agenix.nix";
  };

  evaluate =
    kind: configuration:
    (lib.evalModules {
      class = "nixos";
      modules = [
        stubs.nixos
        modules.${kind}
        configuration
        { _module.args.pkgs = lib.mkDefault pkgs; }
      ];
    }).config;

  # NixOS: modules/system/activation/pre-switch-check.nix.
  checkProgram =
    checks:
    packages.writeShellApplication {
      name = "pre-switch-checks";
      text = lib.concatStrings (
        lib.mapAttrsToList (name: text: ''
          # pre-switch check ${name}
          if ! (
            ${text}
          ) >&2 ; then
            echo "Pre-switch check '${name}' failed" >&2
            exit 1
          fi
        '') checks
      );
    };

  of =
    kind: file:
    let
      config = evaluate kind file;
      manifests = lib.filterAttrs (name: _: lib.hasInfix "manifest" name) config.system.build;
    in
    packages.linkFarm "builds" (manifests // { checks = checkProgram config.system.preSwitchChecks; });

  namesOf =
    kind:
    map (lib.removeSuffix ".nix") (
      lib.attrNames (builtins.readDir (project + "/tests/module/${kind}/good"))
    );
  builds = lib.genAttrs (lib.attrNames modules) (
    kind:
    lib.genAttrs (namesOf kind) (name: of kind (project + "/tests/module/${kind}/good/${name}.nix"))
  );
in
builds
// {
  # Several of them at once.
  all = lib.mapAttrs (
    _: builds: names:
    packages.linkFarm "all" (lib.getAttrs names builds)
  ) builds;
}
