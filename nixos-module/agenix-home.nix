# The options that agenix has in home-manager, for files that age encrypted without sops.
#
# What differs from agenix, besides what `agenix.nix` says of modes, keys and `symlink`:
#
# * `package` is an error: no age program takes part. `installPackage`, `keyFile` are new.
# * The variable XDG_RUNTIME_DIR is the only one that paths may have.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  cfg = config.age;
  installer = import ./installer.nix {
    inherit
      lib
      pkgs
      config
      options
      ;
  };
  entry = import ./entry.nix { inherit lib; };

  # agenix has paths that a shell reads.
  inManifest = lib.replaceStrings [ "%" "\${XDG_RUNTIME_DIR}" "$XDG_RUNTIME_DIR" ] [ "%%" "%r" "%r" ];

  # The build sees no file outside the store.
  isChecked = secret: builtins.isPath secret.file || lib.hasPrefix builtins.storeDir "${secret.file}";

  manifest = installer.manifestFile {
    name = "agenix-manifest.json";
    checkMode = if lib.all isChecked (lib.attrValues cfg.secrets) then "sopsfile" else "manifest";
    validationPackage = cfg.installPackage;
    document = {
      secrets = lib.mapAttrsToList (_: secret: {
        inherit (secret) name mode;
        path = inManifest secret.path;
        key = "";
        format = "age";
        sopsFile = secret.file;
      }) cfg.secrets;
      secretsMountPoint = inManifest cfg.secretsMountPoint;
      symlinkPath = inManifest cfg.secretsDir;
      keepGenerations = 1;
      ageKeyFile = cfg.keyFile;
      ageSshKeyPaths = cfg.identityPaths;
      userMode = true;
      logging = {
        keyImport = true;
        secretChanges = true;
      };
    };
  };

  pathOf = name: option: "age.secrets.${lib.strings.escapeNixIdentifier name}.${option}";

  secretAssertions = name: secret: [
    {
      assertion = secret.symlink;
      message = "${pathOf name "symlink"} is false, which would leave the secret on a disk; remove it: ${secret.path} becomes a link to the secret in memory.";
    }
    {
      assertion = installer.isBuilt secret.file || !isChecked secret || builtins.pathExists secret.file;
      message = "${pathOf name "file"} is ${toString secret.file}, which does not exist. In a flake, a file has to be added to git to be seen.";
    }
    {
      assertion = !lib.hasInfix "$" (inManifest secret.path);
      message = "${pathOf name "path"} is ${secret.path}, but XDG_RUNTIME_DIR is the only variable that a path may have.";
    }
  ];

  secretType = types.submodule (
    { config, name, ... }:
    {
      options = {
        inherit (entry) mode;

        name = mkOption {
          type = types.nonEmptyStr;
          default = name;
          defaultText = lib.literalMD "the name of the secret";
          example = "mail/password";
          description = "Place of the file below {option}`age.secretsDir`. It may have directories.";
        };

        file = mkOption {
          type = types.path;
          example = lib.literalExpression "./secrets/mail-password.age";
          description = "File that age encrypted, with or without armor.";
        };

        path = mkOption {
          type = types.nonEmptyStr;
          default = "${cfg.secretsDir}/${config.name}";
          defaultText = lib.literalMD "{option}`age.secretsDir` and the name";
          example = "/home/alice/.config/mail/password";
          description = "Where the secret is to be found. If that is not its own place, a link to it is made there.";
        };

        symlink = mkOption {
          type = types.bool;
          default = true;
          example = true;
          description = "Has to be true: the secret stays in memory and {option}`path` is a link to it.";
        };
      };
    }
  );
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

  options.age = {
    secrets = mkOption {
      type = types.attrsOf secretType;
      default = { };
      example = lib.literalExpression "{ mail-password.file = ./secrets/mail-password.age; }";
      description = "Secrets to install, by name.";
    };

    secretsDir = mkOption {
      type = types.nonEmptyStr;
      default = "\${XDG_RUNTIME_DIR}/agenix";
      example = "/home/alice/.secrets";
      description = "Link to the directory with the secrets.";
    };

    secretsMountPoint = mkOption {
      type = types.nonEmptyStr;
      default = "\${XDG_RUNTIME_DIR}/agenix.d";
      example = "\${XDG_RUNTIME_DIR}/keys.d";
      description = "Directory of the generations of secrets.";
    };

    identityPaths = mkOption {
      type = types.listOf installer.keyPath;
      default = [
        "${config.home.homeDirectory}/.ssh/id_ed25519"
        "${config.home.homeDirectory}/.ssh/id_rsa"
      ];
      defaultText = lib.literalMD "`.ssh/id_ed25519` and `.ssh/id_rsa` in the home directory";
      example = [ "/home/alice/.ssh/id_agenix" ];
      description = "Private SSH keys without a passphrase that decrypt the files, outside the Nix store.";
    };

    keyFile = mkOption {
      type = types.nullOr installer.keyPath;
      default = null;
      example = "/home/alice/.config/agenix/key.txt";
      description = ''
        File with private age keys, outside the Nix store. In agenix such a file is one of
        {option}`age.identityPaths`.
      '';
    };

    manifest = mkOption {
      type = types.package;
      default = manifest;
      internal = true;
      readOnly = true;
      description = "The manifest that is installed.";
    };

    installPackage = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = lib.literalMD "the package of this repository";
      example = lib.literalExpression "pkgs.sops-install-secrets";
      description = "The program that checks the manifest and installs the secrets.";
    };
  };

  config = lib.mkIf (cfg.secrets != { }) {
    assertions = [
      {
        assertion = cfg.identityPaths != [ ] || cfg.keyFile != null;
        message = "age.secrets is set, but there is no key to decrypt with; set age.identityPaths or age.keyFile.";
      }
    ]
    ++ lib.concatLists (lib.mapAttrsToList secretAssertions cfg.secrets);

    systemd.user.services.agenix = {
      Unit.Description = "Install secrets";
      Service = installer.userService // {
        ExecStart = installer.commandLine [
          (installer.executable { package = cfg.installPackage; })
          "-ignore-passwd"
          manifest
        ];
      };
      Install.WantedBy = [ "default.target" ];
    };

    home.activation.agenix = installer.userActivation "agenix.service";
  };
}
