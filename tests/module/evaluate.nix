# What a module makes of a configuration, as a value that JSON can hold.
{
  # The folder lib of nixpkgs.
  lib,
  # sops, agenix or home-manager.
  kind,
  # A module.
  configuration ? { },
}:
let
  library = import lib;
  stubs = import ./stubs.nix { lib = library; };

  kinds = {
    sops = {
      class = "nixos";
      modules = [
        stubs.nixos
        ../../nixos-module
      ];
    };
    agenix = {
      class = "nixos";
      modules = [
        stubs.nixos
        ../../nixos-module/agenix.nix
      ];
    };
    home-manager = {
      class = "homeManager";
      modules = [
        stubs.homeManager
        ../../nixos-module/home-manager.nix
      ];
    };
  };

  evaluated = library.evalModules {
    inherit (kinds.${kind}) class;
    modules = kinds.${kind}.modules ++ [
      configuration
      { _module.args = { inherit (stubs) pkgs; }; }
    ];
  };
  inherit (evaluated) config;

  failed = library.filter (assertion: !assertion.assertion) config.assertions;

  contentOf = manifest: {
    check = manifest.checkPhase;
    document = builtins.fromJSON (builtins.unsafeDiscardStringContext manifest.text);
  };

  # Only what is set says something.
  trimmed = library.mapAttrs (
    _: library.filterAttrs (_: value: value != [ ] && value != { } && value != "")
  );

  nixos = {
    manifests = library.mapAttrs (_: contentOf) (
      library.filterAttrs (name: _: library.hasInfix "manifest" name) config.system.build
    );
    services = trimmed config.systemd.services;
    inherit (config.system) activationScripts preSwitchChecks;
    etc = config.environment.etc;
  };

  homeManager = {
    manifests.sops-nix-manifest = contentOf config.sops.manifest;
    services = config.systemd.user.services;
    inherit (config.home) activation sessionVariables;
  };
in
{
  result =
    if failed != [ ] then
      { assertions = map (assertion: assertion.message) failed; }
    else
      { inherit (config) warnings; } // (if kind == "home-manager" then homeManager else nixos);

  options =
    map
      (option: {
        inherit (option) name type readOnly;
        description = option.description or null;
        default = option.default.text or null;
        defaultIsProse = option.default._type or null == "literalMD";
        example = option.example.text or null;
        declaredHere = option.visible && !option.internal;
      })
      (
        library.filter (
          option:
          library.elem (library.head option.loc) [
            "sops"
            "age"
          ]
        ) (library.optionAttrSetToDocList evaluated.options)
      );
}
