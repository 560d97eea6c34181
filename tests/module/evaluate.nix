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

  # Only what is set says something.
  trimmed = library.mapAttrs (
    _: library.filterAttrs (_: value: value != [ ] && value != { } && value != "")
  );

  # Where the files in the store come from.
  sourcesOf =
    files:
    library.listToAttrs (
      map (file: library.nameValuePair (builtins.unsafeDiscardStringContext "${file}") (toString file)) (
        library.filter builtins.isPath files
      )
    );

  nixos = config: {
    sources = sourcesOf (
      map (secret: secret.sopsFile) (library.attrValues (config.sops.secrets or { }))
      ++ config.sops.hostRecipients or [ ]
      ++ map (secret: secret.file) (library.attrValues (config.age.secrets or { }))
    );
    manifests = library.mapAttrs (_: contentOf) (
      library.filterAttrs (name: _: library.hasInfix "manifest" name) config.system.build
    );
    services = trimmed config.systemd.services;
    inherit (config.system) preSwitchChecks;
    activationScripts = removeAttrs config.system.activationScripts [ "script" ];
    etc = config.environment.etc;
  };

  homeManager = config: {
    sources = sourcesOf (map (secret: secret.sopsFile) (library.attrValues config.sops.secrets));
    manifests.sops-nix-manifest = contentOf config.sops.manifest;
    services = config.systemd.user.services;
    inherit (config.home) activation sessionVariables;
  };
  resultOf =
    kind: config:
    let
      failed = library.filter (assertion: !assertion.assertion) config.assertions;
    in
    if failed != [ ] then
      { assertions = map (assertion: assertion.message) failed; }
    else
      { inherit (config) warnings; } // (if kind == "home-manager" then homeManager else nixos) config;

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

  tests = library.mapAttrs (_: testOf) (import ../nixos);

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
