# The options that agenix has in home-manager, for files that age encrypted without sops.
#
# What differs from agenix, besides what `agenix.nix` says of modes, keys and `symlink`:
#
# * `package` is an error: no age program takes part. `installPackage` is the program here.
# * The variable XDG_RUNTIME_DIR is the only one that paths may have.
#
# Left out on purpose is what `agenix.nix` and `home-manager.nix` leave out.
{
  config,
  options,
  lib,
  pkgs,
  ...
}@args:
let
  cfg = config.age;

  inherit
    (import ./parts.nix (args // { inherit options pkgs; }) {
      isSops = false;
      isSystem = false;
      directory = cfg.secretsDir;
      directoryText = "{option}`age.secretsDir`";
      mountPoint = cfg.secretsMountPoint;
      programOption = "age.installPackage";
      unit = "agenix";
    })
    checks
    manifests
    shared
    units
    ;

  variableAssertion = kind: name: file: {
    assertion = !lib.hasInfix "$" (manifests.pathOf file.path);
    message = "${
      checks.optionOf kind name "path"
    } is ${file.path}, but XDG_RUNTIME_DIR is the only variable that a path may have.";
  };
in
{
  _class = "homeManager";
  key = "sops-install-secrets#agenix-home";

  imports = [
    (lib.mkRemovedOptionModule [
      "age"
      "package"
    ] "sops-install-secrets decrypts age files itself; age.installPackage is that program.")
  ];

  options.age =
    shared.files
    // shared.own (shared.installation // shared.keys)
    // shared.agenix
    // {
      installPackage = shared.program;
      manifest = shared.built "The manifest that is installed." units.manifest;
      script = shared.built "What the unit starts." units.script;

      identityPaths = shared.identityPaths {
        default = [
          "${config.home.homeDirectory}/.ssh/id_ed25519"
          "${config.home.homeDirectory}/.ssh/id_rsa"
        ];
        defaultText = lib.literalMD "`.ssh/id_ed25519` and `.ssh/id_rsa` in the home directory";
        example = [ "/home/alice/.ssh/id_agenix" ];
      };
    };

  config = lib.mkMerge (
    [
      { age.placeholder = shared.placeholders; }

      (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
        assertions =
          checks.assertions { keyAdvice = "age.identityPaths or age.keyFile"; }
          ++ lib.mapAttrsToList (variableAssertion "secrets") cfg.secrets
          ++ lib.mapAttrsToList (variableAssertion "templates") cfg.templates;

        inherit (checks) warnings;

        age.environment = units.environment [ ];
      })
    ]
    ++ units.definitions "default.target"
  );
}
