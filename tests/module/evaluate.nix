# What a module makes of a configuration, as a value that JSON can hold.
{
  # The folder lib of nixpkgs.
  lib,
  # One of the kinds below.
  kind,
  # A module.
  configuration ? { },
}:
let
  library = import lib;
  stubs = import ./stubs.nix { lib = library; };

  # The flake, with an input that has what it needs of nixpkgs to say what its outputs are.
  flake = (import ../../flake.nix).outputs {
    self = flake // {
      outPath = toString ../..;
    };
    nixpkgs = {
      lib = library;
      legacyPackages = library.genAttrs [ "x86_64-linux" "aarch64-linux" ] stubs.legacyPackages;
    };
  };

  withoutFlakes = import ../../default.nix { pkgs = stubs.legacyPackages "x86_64-linux"; };

  # The names that those who come from sops-nix and agenix have in their flakes.
  kinds = {
    sops = {
      class = "nixos";
      modules = [
        stubs.nixos
        flake.nixosModules.sops
      ];
    };
    agenix = {
      class = "nixos";
      modules = [
        stubs.nixos
        flake.nixosModules.agenix
      ];
    };
    home-manager = {
      class = "homeManager";
      modules = [
        stubs.homeManager
        flake.homeManagerModules.sops
      ];
    };
    agenix-home = {
      class = "homeManager";
      modules = [
        stubs.homeManager
        flake.homeManagerModules.agenix
      ];
    };
  };

  # Down to what is no set of outputs any more: the name of a package, the path of a module, or what a function is for.
  outline =
    value:
    if library.isDerivation value then
      value.name
    else if builtins.isPath value then
      toString value
    else if builtins.isFunction value then
      "function"
    else if builtins.isString value then
      value
    else
      library.mapAttrs (_: outline) value;

  evaluate =
    kind: configurations:
    library.evalModules {
      inherit (kinds.${kind}) class;
      modules =
        kinds.${kind}.modules ++ configurations ++ [ { _module.args = { inherit (stubs) pkgs; }; } ];
    };

  evaluated = evaluate kind [ configuration ];

  contentOf = manifest: {
    path = manifest.outPath;
    check = manifest.checkPhase;
    document = builtins.fromJSON (builtins.unsafeDiscardStringContext manifest.text);
  };

  defaults = {
    enable = true;
    overrideStrategy = "asDropinIfExists";
  };

  # Only what is set says something.
  trimmed = library.mapAttrs (
    _:
    library.filterAttrs (
      name: value: value != [ ] && value != { } && value != "" && value != defaults.${name} or null
    )
  );

  # Where the files in the store come from.
  sourcesOf =
    files:
    library.listToAttrs (
      map (file: library.nameValuePair (builtins.unsafeDiscardStringContext "${file}") (toString file)) (
        library.filter builtins.isPath files
      )
    );

  sources =
    config:
    let
      cfg = config.sops or config.age;
      templates = library.attrValues (config.sops.templates or { } // config.age.templates or { });
    in
    sourcesOf (
      map (secret: secret.sopsFile) (library.attrValues (config.sops.secrets or { }))
      ++ map (secret: secret.file) (library.attrValues (config.age.secrets or { }))
      ++ map (template: template.file) templates
      ++ cfg.hostRecipients
    );

  # A script may be just its text. What is empty says something only by what it comes after; `groups` is that of NixOS.
  scriptsOf =
    scripts:
    library.filterAttrs (_: script: script.text != "" || script.deps != [ ]) (
      library.mapAttrs (_: script: if builtins.isAttrs script then script else library.noDepEntry script)
        (
          removeAttrs scripts [
            "groups"
            "script"
          ]
        )
    );

  nixos = config: {
    sources = sources config;
    manifests = library.mapAttrs (_: contentOf) (
      library.filterAttrs (name: _: library.hasInfix "manifest" name) config.system.build
    );
    services = trimmed config.systemd.services;
    preSwitchChecks = config.system.preSwitchChecks or { };
    # What scripts and units have to hand on. No variable for keys is, where values are made up.
    environment =
      library.optionalAttrs (!(config.sops.mock.enable or false))
        (config.sops or config.age).environment;
    activationScripts = scriptsOf config.system.activationScripts;
    vmVariant = config.virtualisation.vmVariant or { };
    etc = config.environment.etc;
    systemPackages = map (package: package.name) config.environment.systemPackages;
  };

  homeManager = config: {
    sources = sources config;
    manifests.sops-nix-manifest = contentOf (config.sops or config.age).manifest;
    services = config.systemd.user.services;
    # What the unit starts, by its path.
    scripts.${(config.sops or config.age).script.outPath} = (config.sops or config.age).script.text;
    inherit (config.home) activation sessionVariables;
    etc = config.xdg.configFile;
    inherit (config.sops or config.age) environment;
    packages = map (package: package.name) config.home.packages;
  };

  resultOf =
    kind: config:
    let
      failed = library.filter (assertion: !assertion.assertion) config.assertions;
    in
    if failed != [ ] then
      { assertions = map (assertion: assertion.message) failed; }
    else
      {
        inherit (config) warnings;
      }
      // (if kinds.${kind}.class == "homeManager" then homeManager else nixos) config;

  # The flake of examples/nixos, with stubs in the place of nixpkgs and home-manager.
  example = (import ../../examples/nixos/flake.nix).outputs {
    nixpkgs = {
      legacyPackages.x86_64-linux = stubs.pkgs;
      lib = library // {
        nixosSystem =
          { modules }:
          library.evalModules {
            class = "nixos";
            modules = [
              stubs.nixos
              { _module.args = { inherit (stubs) pkgs; }; }
            ]
            ++ modules;
          };
      };
    };
    home-manager = {
      nixosModules.home-manager = stubs.homeManagerInNixos;
      lib.homeManagerConfiguration =
        { pkgs, modules }:
        library.evalModules {
          class = "homeManager";
          modules = [
            stubs.homeManager
            { _module.args = { inherit pkgs; }; }
          ]
          ++ modules;
        };
    };
    sops-install-secrets = flake;
  };

  exampleOfSystemManager = (import ../../examples/system-manager/flake.nix).outputs {
    system-manager.lib.makeSystemConfig =
      { modules }:
      library.evalModules {
        modules = [
          stubs.systemManager
          { _module.args = { inherit (stubs) pkgs; }; }
        ]
        ++ modules;
      };
    sops-install-secrets = flake;
  };

  # A test of tests/nixos: its script, and its machines with each of their specialisations.
  testOf =
    file:
    let
      test =
        (library.evalModules {
          modules = [
            file
            {
              options = {
                name = library.mkOption { type = library.types.str; };
                nodes = library.mkOption { type = library.types.attrsOf library.types.deferredModule; };
                testScript = library.mkOption { type = library.types.raw; };
              };
            }
          ];
        }).config;
      specialisationsOf =
        node:
        library.mapAttrs (_: specialisation: [
          node
          specialisation.configuration
        ]) (evaluate "sops" [ node ]).config.specialisation;
    in
    {
      script =
        if builtins.isFunction test.testScript then
          test.testScript {
            nodes = library.mapAttrs (_: _: { system.build.toplevel = "/toplevel"; }) test.nodes;
          }
        else
          test.testScript;
      machines = library.mapAttrs (
        _: node:
        library.mapAttrs (_: modules: resultOf "sops" (evaluate "sops" modules).config) (
          specialisationsOf node // { "" = [ node ]; }
        )
      ) test.nodes;
    };
in
{
  result = resultOf kind evaluated.config;

  outputs = {
    flake = outline flake;
    overlay =
      outline
        (flake.overlays.default (stubs.legacyPackages "x86_64-linux") { }).sops-install-secrets;
    default = outline withoutFlakes;
  };

  tests = library.mapAttrs (_: testOf) (import ../nixos);

  examples =
    let
      inherit (example.nixosConfigurations.host) config;
    in
    {
      host = resultOf "sops" config;
      system-manager = resultOf "sops" exampleOfSystemManager.systemConfigs.default.config;
      standalone = resultOf "home-manager" example.homeConfigurations.alice.config;
    }
    // library.mapAttrs (_: resultOf "home-manager") config.home-manager.users;

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
