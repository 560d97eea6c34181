# The options that sops-nix has in home-manager: the secrets of a user, installed by the user's own systemd into the
# user's runtime directory.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  cfg = config.sops;
  installer = import ./installer.nix {
    inherit
      lib
      pkgs
      config
      options
      ;
  };
  entry = import ./entry.nix { inherit lib; };

  manifest = installer.manifestFile {
    name = "manifest.json";
    checkMode = if cfg.validateSopsFiles then "sopsfile" else "manifest";
    validationPackage = cfg.package;
    document = {
      secrets = lib.mapAttrsToList (
        _: secret:
        {
          inherit (secret)
            name
            key
            path
            format
            mode
            sopsFile
            ;
        }
        # A field that the program of sops-nix does not know: only where it says something.
        // lib.optionalAttrs secret.selectKey { selectKey = true; }
      ) cfg.secrets;
      templates = lib.mapAttrsToList (_: template: {
        inherit (template)
          name
          path
          content
          file
          mode
          ;
      }) cfg.templates;
      placeholderBySecretName = lib.optionalAttrs (cfg.templates != { }) cfg.placeholder;
      secretsMountPoint = cfg.defaultSecretsMountPoint;
      symlinkPath = cfg.defaultSymlinkPath;
      keepGenerations = cfg.keepGenerations;
      gnupgHome = cfg.gnupg.home;
      sshKeyPaths = cfg.gnupg.sshKeyPaths;
      ageKeyFile = cfg.age.keyFile;
      ageSshKeyPaths = cfg.age.sshKeyPaths;
      userMode = true;
      logging = {
        keyImport = lib.elem "keyImport" cfg.log;
        secretChanges = lib.elem "secretChanges" cfg.log;
      };
    };
  };

  splitGpg = cfg.gnupg.qubes-split-gpg;

  generatedKey = if cfg.age.generateKey then cfg.age.keyFile else null;

  # One assignment of Environment=.
  assignment = name: value: builtins.toJSON (lib.replaceStrings [ "%" ] [ "%%" ] "${name}=${value}");

  pathOf = name: option: "sops.secrets.${lib.strings.escapeNixIdentifier name}.${option}";

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
          description = "Place of the file below {option}`sops.defaultSymlinkPath`. It may have directories.";
        };

        key = mkOption {
          type = types.str;
          default = if cfg.defaultSopsKey != null then cfg.defaultSopsKey else name;
          defaultText = lib.literalMD "{option}`sops.defaultSopsKey`, or else the name of the secret";
          example = "mail/password";
          description = ''
            Which value of the sops file the secret is: keys from the outermost inwards, with `/` between them; the
            elements of a list are counted from 0. The empty text stands for the whole file.

            The formats `binary` and `age` have no keys. With `dotenv` and `ini` the secret is the whole file unless
            {option}`selectKey` is set.
          '';
        };

        selectKey = mkOption {
          type = types.bool;
          default = false;
          example = true;
          description = ''
            With the formats `dotenv` and `ini`, install the one value that {option}`key` names instead of the whole
            file. sops-nix does not have this option.
          '';
        };

        path = mkOption {
          type = types.nonEmptyStr;
          default = "${cfg.defaultSymlinkPath}/${config.name}";
          defaultText = lib.literalMD "{option}`sops.defaultSymlinkPath` and the name";
          example = "%r/mail-password";
          description = ''
            Where the secret is to be found. If that is not its own place, a link to it is made there. `%r` stands for
            the runtime directory of the user, `%%` for `%`.
          '';
        };

        format = mkOption {
          type = types.enum [
            "yaml"
            "json"
            "dotenv"
            "ini"
            "binary"
            "age"
          ];
          default = cfg.defaultSopsFormat;
          defaultText = lib.literalExpression "config.sops.defaultSopsFormat";
          example = "binary";
          description = ''
            How the encrypted file is written. `binary` is any file as sops encrypts it; `age` is a file that age itself
            encrypted, without sops. Both are one secret as a whole.
          '';
        };

        sopsFile = mkOption {
          type = types.path;
          defaultText = lib.literalExpression "config.sops.defaultSopsFile";
          example = lib.literalExpression "./secrets/mail.yaml";
          description = "The encrypted file.";
        };
      };

      config.sopsFile = lib.mkIf options.sops.defaultSopsFile.isDefined (
        lib.mkOptionDefault cfg.defaultSopsFile
      );
    }
  );

  templateType = types.submodule (
    { config, name, ... }:
    {
      options = {
        inherit (entry) mode;

        name = mkOption {
          type = types.nonEmptyStr;
          default = name;
          defaultText = lib.literalMD "the name of the template";
          example = "mail/config.toml";
          description = "Place of the file below `rendered` in {option}`sops.defaultSymlinkPath`. It may have directories.";
        };

        path = mkOption {
          type = types.nonEmptyStr;
          default = "${cfg.defaultSymlinkPath}/rendered/${config.name}";
          defaultText = lib.literalMD "{option}`sops.defaultSymlinkPath`, `rendered` and the name";
          example = "/home/alice/.config/mail/config.toml";
          description = ''
            Where the file is to be found. If that is not its own place, a link to it is made there. `%r` stands for the
            runtime directory of the user, `%%` for `%`.
          '';
        };

        content = mkOption {
          type = types.lines;
          default = "";
          example = lib.literalExpression ''"password = ''${config.sops.placeholder."mail/password"}"'';
          description = ''
            Text of the file, with a placeholder from {option}`sops.placeholder` in the place of each secret. It is
            readable in the Nix store.
          '';
        };

        file = mkOption {
          type = types.path;
          default = pkgs.writeText (lib.strings.sanitizeDerivationName (baseNameOf config.name)) config.content;
          defaultText = lib.literalMD "a file with {option}`content`";
          example = lib.literalExpression "./config.toml.in";
          description = "File with the text. Counts only while {option}`content` is empty.";
        };
      };
    }
  );
in
{
  _class = "homeManager";
  key = "sops-install-secrets#home-manager";

  options.sops = {
    secrets = mkOption {
      type = types.attrsOf secretType;
      default = { };
      example = lib.literalExpression ''{ "mail/password" = { }; }'';
      description = "Secrets to install, by name.";
    };

    templates = mkOption {
      type = types.attrsOf templateType;
      default = { };
      example = lib.literalExpression ''
        {
          "mail.toml".content = "password = ''${config.sops.placeholder."mail/password"}";
        }
      '';
      description = "Files with secrets in them to install, by name.";
    };

    placeholder = mkOption {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      defaultText = lib.literalMD "a text of its own for each secret";
      example = lib.literalExpression ''{ "mail/password" = "@mail-password@"; }'';
      description = "What stands for each secret in {option}`sops.templates.<name>.content`.";
    };

    manifest = mkOption {
      type = types.package;
      default = manifest;
      internal = true;
      readOnly = true;
      description = "The manifest that is installed.";
    };

    defaultSopsFile = mkOption {
      type = types.path;
      example = lib.literalExpression "./secrets.yaml";
      description = "The encrypted file of each secret that does not name its own.";
    };

    defaultSopsFormat = mkOption {
      type = types.str;
      default = "yaml";
      example = "json";
      description = "The format of each secret that does not name its own; see {option}`sops.secrets.<name>.format`.";
    };

    defaultSopsKey = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "";
      description = ''
        The key of each secret that does not name its own; the empty text stands for the whole file. If null, it is the
        name of the secret.
      '';
    };

    defaultSymlinkPath = mkOption {
      type = types.nonEmptyStr;
      default = "${config.xdg.configHome}/sops-nix/secrets";
      defaultText = lib.literalExpression ''"''${config.xdg.configHome}/sops-nix/secrets"'';
      example = "/home/alice/.secrets";
      description = "Link to the directory with the secrets. `%r` stands for the runtime directory of the user.";
    };

    defaultSecretsMountPoint = mkOption {
      type = types.nonEmptyStr;
      default = "%r/secrets.d";
      example = "%r/sops";
      description = "Directory of the generations of secrets. `%r` stands for the runtime directory of the user.";
    };

    validateSopsFiles = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Check when the configuration is built that every sops file is there and has what is asked of it; that needs no
        key. Otherwise only the manifest is checked, and sops files can be outside the Nix store.
      '';
    };

    keepGenerations = mkOption {
      type = types.ints.unsigned;
      default = 1;
      example = 5;
      description = "How many generations of secrets stay in memory, the present one included; 0 keeps them all.";
    };

    log = mkOption {
      type = types.listOf (
        types.enum [
          "keyImport"
          "secretChanges"
        ]
      );
      default = [
        "keyImport"
        "secretChanges"
      ];
      example = [ "secretChanges" ];
      description = "What is logged besides errors: the public form of each key that is used, and which secrets change.";
    };

    environment = mkOption {
      type = types.attrsOf (types.either types.str types.path);
      default = { };
      example = {
        SOPS_GPG_EXEC = "/run/current-system/sw/bin/gpg";
      };
      description = "Environment variables of sops-install-secrets. They are passed as they are, no shell reads them.";
    };

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = lib.literalMD "the package of this repository";
      example = lib.literalExpression "pkgs.sops-install-secrets";
      description = "The program that checks the manifest and installs the secrets.";
    };

    age = {
      keyFile = mkOption {
        type = types.nullOr installer.keyPath;
        default = null;
        example = "/home/alice/.config/sops/age/keys.txt";
        description = "File with private age keys, outside the Nix store.";
      };

      plugins = mkOption {
        type = types.listOf types.package;
        default = [ ];
        example = lib.literalExpression "[ pkgs.age-plugin-yubikey ]";
        description = "Packages with age plugins.";
      };

      generateKey = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Make {option}`sops.age.keyFile` with a new key if it is not there.";
      };

      sshKeyPaths = mkOption {
        type = types.listOf installer.keyPath;
        default = [ ];
        example = [ "/home/alice/.ssh/id_ed25519" ];
        description = ''
          Private SSH keys without a passphrase, outside the Nix store, that decrypt what is encrypted to their age form
          (see `ssh-to-age`) or to the SSH key as such.
        '';
      };
    };

    gnupg = {
      home = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/home/alice/.gnupg";
        description = "Directory of GnuPG with private keys, for files that no age or SSH key opens.";
      };

      sshKeyPaths = mkOption {
        type = types.listOf installer.keyPath;
        default = [ ];
        example = [ "/home/alice/.ssh/id_rsa" ];
        description = ''
          Private RSA keys of SSH, outside the Nix store, that decrypt what is encrypted to their PGP form (see
          `ssh-to-pgp`). No gpg takes part.
        '';
      };

      package = lib.mkPackageOption pkgs "gnupg" { };

      qubes-split-gpg = {
        enable = mkOption {
          type = types.bool;
          default = false;
          example = true;
          description = ''
            Decrypt with the keys of another qube, by Split GPG of Qubes OS: with the program `qubes-gpg-client-wrapper`
            of the system.
          '';
        };

        domain = mkOption {
          type = types.nullOr types.nonEmptyStr;
          default = null;
          example = "vault-gpg";
          description = "The qube that has the keys.";
        };
      };
    };
  };

  config = lib.mkMerge [
    {
      sops.placeholder = lib.mapAttrs (
        name: _: lib.mkDefault "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>"
      ) cfg.secrets;
    }

    (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
      assertions = [
        {
          assertion =
            cfg.secrets != { }
            ->
              cfg.gnupg.home != null
              || cfg.gnupg.sshKeyPaths != [ ]
              || splitGpg.enable
              || cfg.age.keyFile != null
              || cfg.age.sshKeyPaths != [ ];
          message = "sops.secrets is set, but there is no key to decrypt with; set sops.age.keyFile, sops.age.sshKeyPaths, sops.gnupg.home or sops.gnupg.qubes-split-gpg.";
        }
        {
          assertion = splitGpg.enable -> splitGpg.domain != null;
          message = "sops.gnupg.qubes-split-gpg.enable is set, but sops.gnupg.qubes-split-gpg.domain does not say which qube has the keys.";
        }
        {
          assertion = splitGpg.enable -> cfg.gnupg.home == null && cfg.gnupg.sshKeyPaths == [ ];
          message = "sops.gnupg.qubes-split-gpg.enable is set, and sops.gnupg.home or sops.gnupg.sshKeyPaths too; remove one of them.";
        }
        {
          assertion = cfg.gnupg.home != null -> cfg.gnupg.sshKeyPaths == [ ];
          message = "sops.gnupg.home and sops.gnupg.sshKeyPaths are both set; remove one of them.";
        }
        {
          assertion = cfg.gnupg.home != null -> cfg.age.keyFile == null;
          message = "sops.gnupg.home and sops.age.keyFile are both set; remove one of them.";
        }
        {
          assertion = cfg.age.generateKey -> cfg.age.keyFile != null;
          message = "sops.age.generateKey is set, but sops.age.keyFile does not say where the key is to be.";
        }
      ]
      ++ lib.optionals cfg.validateSopsFiles (
        lib.mapAttrsToList (name: secret: {
          assertion = installer.isBuilt secret.sopsFile || builtins.pathExists secret.sopsFile;
          message = "${pathOf name "sopsFile"} is ${toString secret.sopsFile}, which does not exist. In a flake, a file has to be added to git to be seen.";
        }) cfg.secrets
      );

      sops.environment = {
        SOPS_GPG_EXEC = lib.mkIf (cfg.gnupg.home != null) (
          lib.mkDefault (lib.getExe' cfg.gnupg.package "gpg")
        );
        PATH = lib.mkDefault (
          lib.concatStringsSep ":" (
            lib.optional (cfg.age.plugins != [ ]) (lib.makeBinPath cfg.age.plugins)
            # nixpkgs does not have the program of Qubes OS.
            ++ lib.optionals splitGpg.enable [
              "/run/current-system/sw/bin"
              "/usr/bin"
              "/bin"
            ]
          )
        );
      };

      systemd.user.services.sops-nix = {
        Unit = {
          Description = "Install secrets";
        }
        // lib.optionalAttrs (generatedKey != null) {
          Wants = [ "sops-generate-age-key.service" ];
          After = [ "sops-generate-age-key.service" ];
        };
        Service = installer.userService // {
          Environment = lib.mapAttrsToList assignment cfg.environment;
          ExecStart = installer.commandLine [
            (installer.executable cfg)
            "-ignore-passwd"
            manifest
          ];
        };
        # The agent of GnuPG may want to ask for a passphrase on the screen.
        Install.WantedBy = [
          (if cfg.gnupg.home != null then "graphical-session-pre.target" else "default.target")
        ];
      };

      home.activation.sops-nix = installer.userActivation "sops-nix.service";
    })

    (lib.mkIf (cfg.secrets != { } && splitGpg.enable) {
      # The user's own sops decrypts with them too.
      home.sessionVariables.SOPS_GPG_EXEC = "qubes-gpg-client-wrapper";
      sops.environment = {
        SOPS_GPG_EXEC = lib.mkDefault "qubes-gpg-client-wrapper";
        QUBES_GPG_DOMAIN = lib.mkDefault splitGpg.domain;
      };
    })

    (lib.mkIf (cfg.secrets != { } && generatedKey != null) {
      systemd.user.services.sops-generate-age-key = {
        Unit = {
          Description = "Generate the age key of this user";
          ConditionPathExists = installer.absent generatedKey;
        };
        Service = installer.userService // {
          ExecStart = installer.keyCommands {
            file = generatedKey;
            inherit (pkgs) age;
          };
        };
      };
    })
  ];
}
