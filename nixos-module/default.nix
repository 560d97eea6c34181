# The options of sops-nix, and what becomes of them: a manifest, which the build checks, and the units that install it.
#
# Users who are created by an activation script, that is without userborn and systemd-sysusers, are the one case that
# still needs such a script, and only for secrets with `neededForUsers`: a unit would come too late. Everything else is
# done by sops-install-secrets.service in every configuration.
#
# In a container the mount is made in the container's own mount namespace, where ramfs is allowed.
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

  regularSecrets = lib.filterAttrs (_: secret: !secret.neededForUsers) cfg.secrets;
  secretsForUsers = lib.filterAttrs (_: secret: secret.neededForUsers) cfg.secrets;

  installation = {
    inherit (cfg) package environment;
    inherit (cfg.age) plugins;
    keyPaths =
      lib.optional (cfg.gnupg.home != null) cfg.gnupg.home
      ++ cfg.gnupg.sshKeyPaths
      ++ lib.optional (cfg.age.keyFile != null) cfg.age.keyFile
      ++ cfg.age.sshKeyPaths;
    generatedKey = if cfg.age.generateKey then cfg.age.keyFile else null;
    usesAgent = cfg.gnupg.home != null;
  };

  isUsed = regularSecrets != { } || cfg.templates != { };

  # Whether an activation script installs the secrets of either kind.
  scriptInstalls = isUsed && !cfg.useSystemdActivation;
  scriptInstallsForUsers = secretsForUsers != { } && installer.usersUnit == null;

  ownership = lib.getAttrs (lib.attrNames entry);

  secretEntry =
    secret:
    {
      inherit (secret)
        name
        key
        path
        format
        sopsFile
        sopsFileHash
        neededForUsers
        ;
    }
    // ownership secret
    # Fields that the program of sops-nix does not know: only where they say something.
    // lib.optionalAttrs secret.selectKey { selectKey = true; }
    // lib.optionalAttrs secret.credential { credential = true; };

  templateEntry =
    template:
    {
      inherit (template)
        name
        path
        content
        file
        ;
    }
    // ownership template;

  manifestFor =
    {
      suffix,
      secrets,
      templates,
    }:
    installer.manifestFile {
      name = "manifest${suffix}.json";
      checkMode = if cfg.validateSopsFiles then "sopsfile" else "manifest";
      inherit (cfg) validationPackage;
      recipients = lib.optionals (secrets != { }) cfg.hostRecipients;
      document = {
        secrets = lib.mapAttrsToList (_: secretEntry) secrets;
        templates = lib.mapAttrsToList (_: templateEntry) templates;
        placeholderBySecretName = lib.optionalAttrs (cfg.templates != { }) cfg.placeholder;
        secretsMountPoint = "/run/secrets${suffix}.d";
        symlinkPath = "/run/secrets${suffix}";
        keepGenerations = cfg.keepGenerations;
        gnupgHome = cfg.gnupg.home;
        sshKeyPaths = cfg.gnupg.sshKeyPaths;
        ageKeyFile = cfg.age.keyFile;
        ageSshKeyPaths = cfg.age.sshKeyPaths;
        useTmpfs = cfg.useTmpfs;
        userMode = false;
        logging = {
          keyImport = lib.elem "keyImport" cfg.log;
          secretChanges = lib.elem "secretChanges" cfg.log;
        };
      };
    };

  manifest = manifestFor {
    suffix = "";
    secrets = regularSecrets;
    inherit (cfg) templates;
  };

  manifestForUsers = manifestFor {
    suffix = "-for-users";
    secrets = secretsForUsers;
    templates = { };
  };

  hashOf =
    file:
    if installer.isBuilt file then
      builtins.hashString "sha256" (builtins.unsafeDiscardStringContext file)
    else if builtins.pathExists file then
      builtins.hashFile "sha256" file
    else
      "";

  groupText = lib.literalMD "the primary group of {option}`owner`, or null without one";

  secretType = types.submodule (
    { config, name, ... }:
    {
      options = entry // {
        name = mkOption {
          type = types.nonEmptyStr;
          default = name;
          defaultText = lib.literalMD "the name of the secret";
          example = "db/password";
          description = "Place of the file below `/run/secrets`. It may have directories.";
        };

        key = mkOption {
          type = types.str;
          default = if cfg.defaultSopsKey != null then cfg.defaultSopsKey else name;
          defaultText = lib.literalMD "{option}`sops.defaultSopsKey`, or else the name of the secret";
          example = "db/password";
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
          default =
            if config.neededForUsers then
              "/run/secrets-for-users/${config.name}"
            else
              "/run/secrets/${config.name}";
          defaultText = lib.literalMD ''
            `/run/secrets/NAME`, or `/run/secrets-for-users/NAME` with {option}`neededForUsers`
          '';
          example = "/etc/app/password";
          description = ''
            Where the secret is to be found. If that is not its own place, a link to it is made there.

            Give this path to services. Do not read it while the system is evaluated: that would copy the secret into
            the Nix store.
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

        group = entry.group // {
          default = if config.owner == null then null else installer.groupOf config.owner;
          defaultText = groupText;
        };

        sopsFile = mkOption {
          type = types.path;
          defaultText = lib.literalExpression "config.sops.defaultSopsFile";
          example = lib.literalExpression "./secrets/db.yaml";
          description = "The encrypted file.";
        };

        sopsFileHash = mkOption {
          type = types.str;
          readOnly = true;
          description = ''
            SHA-256 of the encrypted file, or of its path if a derivation builds it; empty without
            {option}`sops.validateSopsFiles`. It changes with the file, for example in
            {option}`systemd.services.<name>.restartTriggers`.
          '';
        };

        neededForUsers = mkOption {
          type = types.bool;
          default = false;
          example = true;
          description = ''
            Install the secret before users are created, below `/run/secrets-for-users`, for
            {option}`users.users.<name>.hashedPasswordFile`. There are no other users at that time: it belongs to root.
          '';
        };

        credential = mkOption {
          type = types.bool;
          default = false;
          example = true;
          description = ''
            Publish the secret as a credential of systemd too: below `/run/credstore`, under its name with `-` in the
            place of each `/`. A service gets it with `ImportCredential=` or `LoadCredential=`, and needs neither an
            owner nor a group for it. sops-nix does not have this option.
          '';
        };
      };

      config = {
        sopsFile = lib.mkIf options.sops.defaultSopsFile.isDefined (
          lib.mkOptionDefault cfg.defaultSopsFile
        );
        sopsFileHash = if cfg.validateSopsFiles then hashOf config.sopsFile else "";
      };
    }
  );

  templateType = types.submodule (
    { config, name, ... }:
    {
      options = entry // {
        name = mkOption {
          type = types.nonEmptyStr;
          default = name;
          defaultText = lib.literalMD "the name of the template";
          example = "app/config.toml";
          description = "Place of the file below `/run/secrets/rendered`. It may have directories.";
        };

        path = mkOption {
          type = types.nonEmptyStr;
          default = "/run/secrets/rendered/${config.name}";
          defaultText = lib.literalMD "`/run/secrets/rendered/NAME`";
          example = "/etc/app/config.toml";
          description = "Where the file is to be found. If that is not its own place, a link to it is made there.";
        };

        content = mkOption {
          type = types.lines;
          default = "";
          example = lib.literalExpression ''"password = ''${config.sops.placeholder."db/password"}"'';
          description = ''
            Text of the file, with a placeholder from {option}`sops.placeholder` in the place of each secret. It is
            readable in the Nix store. Only secrets without {option}`sops.secrets.<name>.neededForUsers` can be used.
          '';
        };

        file = mkOption {
          type = types.path;
          default = pkgs.writeText (lib.strings.sanitizeDerivationName (baseNameOf config.name)) config.content;
          defaultText = lib.literalMD "a file with {option}`content`";
          example = lib.literalExpression "./config.toml.in";
          description = "File with the text. Counts only while {option}`content` is empty.";
        };

        group = entry.group // {
          default = if config.owner == null then null else installer.groupOf config.owner;
          defaultText = groupText;
        };
      };
    }
  );

  hostKeys =
    type:
    installer.hostKeys {
      types = [ type ];
      # A key that is a secret itself cannot decrypt itself.
      installed = [ "/run/secrets" ] ++ lib.mapAttrsToList (_: secret: secret.path) cfg.secrets;
    };

  pathOf = name: option: "sops.secrets.${lib.strings.escapeNixIdentifier name}.${option}";

  ownerAssertions =
    kind: name: file:
    let
      path = "sops.${kind}.${lib.strings.escapeNixIdentifier name}";
    in
    [
      {
        assertion = file.owner != null -> file.uid == null || file.uid == 0;
        message = "${path}.owner and ${path}.uid are both set; remove one of them.";
      }
      {
        assertion = file.group != null -> file.gid == null || file.gid == 0;
        message = "${path}.group and ${path}.gid are both set; remove one of them.";
      }
    ];

  sopsFileAssertions = name: secret: [
    {
      assertion = installer.isBuilt secret.sopsFile || builtins.pathExists secret.sopsFile;
      message = "${pathOf name "sopsFile"} is ${toString secret.sopsFile}, which does not exist. In a flake, a file has to be added to git to be seen.";
    }
    {
      assertion = builtins.isPath secret.sopsFile || lib.hasPrefix builtins.storeDir "${secret.sopsFile}";
      message = "${pathOf name "sopsFile"} is ${toString secret.sopsFile}, which is not in the Nix store, so the build cannot check it; write it as a path without quotes, or set sops.validateSopsFiles = false.";
    }
  ];

  rootAssertion = name: secret: {
    assertion =
      lib.elem secret.owner [
        null
        "root"
      ]
      && lib.elem secret.group [
        null
        "root"
      ]
      && lib.elem secret.uid [
        null
        0
      ]
      && lib.elem secret.gid [
        null
        0
      ];
    message = "${pathOf name "neededForUsers"} is set, so the secret is installed before there are users and belongs to root; remove owner, uid, group and gid, or declare a second secret with the same key.";
  };

  credentials = lib.filter installer.isCredential installation.keyPaths;

  # The build sees no file outside the store.
  foreignRecipients = lib.filter (
    recipient: lib.hasPrefix "/" recipient && !lib.hasPrefix builtins.storeDir recipient
  ) (lib.filter builtins.isString cfg.hostRecipients);

  scriptsAfterSecrets = installer.scriptsAfter [ "setupSecrets" ];

  latePasswords = installer.usersWithPasswordIn regularSecrets;

  unitsWithScript = lib.concatMap (file: file.restartUnits ++ file.reloadUnits) (
    lib.attrValues regularSecrets ++ lib.attrValues cfg.templates
  );
in
{
  _class = "nixos";
  key = "sops-install-secrets#sops";

  imports = [
    (lib.mkRenamedOptionModule [ "sops" "gnupgHome" ] [ "sops" "gnupg" "home" ])
    (lib.mkRenamedOptionModule [ "sops" "sshKeyPaths" ] [ "sops" "gnupg" "sshKeyPaths" ])
  ];

  options.sops = {
    secrets = mkOption {
      type = types.attrsOf secretType;
      default = { };
      example = lib.literalExpression ''
        {
          "db/password" = {
            owner = "postgres";
            restartUnits = [ "postgresql.service" ];
          };
        }
      '';
      description = "Secrets to install, by name.";
    };

    templates = mkOption {
      type = types.attrsOf templateType;
      default = { };
      example = lib.literalExpression ''
        {
          "app.toml" = {
            owner = "app";
            content = "password = ''${config.sops.placeholder."db/password"}";
          };
        }
      '';
      description = "Files with secrets in them to install, by name.";
    };

    placeholder = mkOption {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      defaultText = lib.literalMD "a text of its own for each secret";
      example = lib.literalExpression ''{ "db/password" = "@db-password@"; }'';
      description = "What stands for each secret in {option}`sops.templates.<name>.content`.";
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

    validateSopsFiles = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Check when the system is built that every sops file is there and has what is asked of it; that needs no key.
        Otherwise only the manifest is checked, and sops files can be outside the Nix store.
      '';
    };

    hostRecipients = mkOption {
      type = types.listOf (types.either types.path types.singleLineStr);
      default = [ ];
      example = lib.literalExpression "[ ./ssh_host_ed25519_key.pub ]";
      description = ''
        Public keys of this machine: files such as `ssh_host_ed25519_key.pub`, or texts (`age1...`, `ssh-ed25519 ...`,
        `ssh-rsa ...`, the fingerprint of a PGP key). With any, the build fails if there is a sops file that none of them
        opens, before the machine notices. sops-nix does not have this option.
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
      description = ''
        Environment variables of sops-install-secrets. They are passed as they are, no shell reads them. `PATH` is made
        of {option}`sops.age.plugins` and cannot be set.
      '';
    };

    package = mkOption {
      type = types.package;
      default = pkgs.callPackage ../package.nix { };
      defaultText = lib.literalMD "the package of this repository";
      example = lib.literalExpression "pkgs.sops-install-secrets";
      description = "The program that installs the secrets.";
    };

    validationPackage = mkOption {
      type = types.package;
      default =
        if pkgs.stdenv.buildPlatform == pkgs.stdenv.hostPlatform then
          cfg.package
        else
          pkgs.buildPackages.callPackage ../package.nix { };
      defaultText = lib.literalMD "{option}`sops.package`, or if the system is cross-compiled, the same for the platform that builds";
      example = lib.literalExpression "pkgs.buildPackages.sops-install-secrets";
      description = "The program that checks the manifest while the system is built.";
    };

    useTmpfs = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Keep the secrets in a tmpfs instead of a ramfs. It is mounted with `noswap`; before Linux 6.4, which cannot do
        that, secrets may get into swap space.
      '';
    };

    useSystemdActivation = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = ''
        Install the secrets with `sops-install-secrets.service`, before `sysinit.target`. Otherwise an activation script
        does it, which needs users that are created by one too, and only suits other activation scripts that need
        secrets: NixOS phases these scripts out.
      '';
    };

    age = {
      keyFile = mkOption {
        type = types.nullOr installer.keyPath;
        default = null;
        example = "/var/lib/sops-nix/key.txt";
        description = ''
          File with private age keys, outside the Nix store and not on a network file system.

          With `%d/NAME`, here or in {option}`sops.age.sshKeyPaths`, it is a credential of the unit: set
          `LoadCredentialEncrypted` in {option}`systemd.services.sops-install-secrets.serviceConfig`, and in that of
          `sops-install-secrets-for-users` if there are secrets with `neededForUsers`. The key is then on no disk in the
          clear, and can be bound to the TPM of the machine (see `systemd-creds`). sops-nix cannot do this.
        '';
      };

      plugins = mkOption {
        type = types.listOf types.package;
        default = [ ];
        example = lib.literalExpression "[ pkgs.age-plugin-tpm ]";
        description = ''
          Packages with age plugins. With one, the unit may use devices and the network, and nothing is decrypted for a
          check before a switch, since a plugin may want to be touched.
        '';
      };

      generateKey = mkOption {
        type = types.bool;
        default = false;
        example = true;
        description = "Make {option}`sops.age.keyFile` with a new key if it is not there.";
      };

      sshKeyPaths = mkOption {
        type = types.listOf installer.keyPath;
        default = hostKeys "ed25519";
        defaultText = lib.literalMD ''
          the Ed25519 keys of {option}`services.openssh.hostKeys`, if {option}`services.openssh.enable` or
          {option}`services.openssh.generateHostKeys` is set
        '';
        example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
        description = ''
          Private SSH keys, outside the Nix store, that decrypt what is encrypted to their age form (see `ssh-to-age`)
          or to the SSH key as such.
        '';
      };
    };

    gnupg = {
      home = mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "/var/lib/sops-nix/gnupg";
        description = "Directory of GnuPG with private keys, for files that no age or SSH key opens.";
      };

      sshKeyPaths = mkOption {
        type = types.listOf installer.keyPath;
        default = lib.optionals (cfg.gnupg.home == null) (hostKeys "rsa");
        defaultText = lib.literalMD ''
          the RSA keys of {option}`services.openssh.hostKeys` on the same terms as for {option}`sops.age.sshKeyPaths`;
          none if {option}`sops.gnupg.home` is set
        '';
        example = [ "/etc/ssh/ssh_host_rsa_key" ];
        description = ''
          Private RSA keys of SSH, outside the Nix store, that decrypt what is encrypted to their PGP form (see
          `ssh-to-pgp`). No gpg takes part.
        '';
      };

      package = lib.mkPackageOption pkgs "gnupg" { };
    };
  };

  config = lib.mkMerge [
    {
      sops.placeholder = lib.mapAttrs (
        name: _: lib.mkDefault "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>"
      ) cfg.secrets;

      system.build.sops-nix-manifest = manifest;
      system.build.sops-nix-users-manifest = manifestForUsers;
    }

    (lib.mkIf (cfg.secrets != { }) {
      sops.environment.SOPS_GPG_EXEC = lib.mkIf (cfg.gnupg.home != null) (
        lib.mkDefault (lib.getExe' cfg.gnupg.package "gpg")
      );

      assertions = [
        {
          assertion = installation.keyPaths != [ ];
          message = "sops.secrets is set, but there is no key to decrypt with; set sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.home, or one of services.openssh.enable and services.openssh.generateHostKeys for the host keys.";
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
          assertion =
            cfg.age.generateKey -> cfg.age.keyFile != null && !installer.isCredential cfg.age.keyFile;
          message = "sops.age.generateKey is set, but sops.age.keyFile does not say where the key is to be.";
        }
        {
          assertion = !(cfg.environment ? PATH);
          message = "sops.environment.PATH is set, but the PATH of the program is made of sops.age.plugins; add the package there, or name gpg in sops.environment.SOPS_GPG_EXEC.";
        }
        {
          assertion = cfg.hostRecipients != [ ] -> cfg.validateSopsFiles;
          message = "sops.hostRecipients is set, but sops.validateSopsFiles is false, so no sops file is looked at when the system is built; remove one of them.";
        }
        {
          assertion = foreignRecipients == [ ];
          message = "sops.hostRecipients has ${toString foreignRecipients}, which is not in the Nix store, so the build cannot read it; write it as a path without quotes, or give the text of the key.";
        }
        {
          assertion = scriptInstalls -> installer.usersUnit == null;
          message = "sops.useSystemdActivation is false, but ${toString installer.usersUnit}.service creates the users, later than any activation script; remove sops.useSystemdActivation.";
        }
        {
          assertion = credentials != [ ] -> !scriptInstalls && !scriptInstallsForUsers;
          message = "sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.sshKeyPaths has ${toString credentials}, a credential of a unit, but an activation script installs secrets; set services.userborn.enable and remove sops.useSystemdActivation.";
        }
        {
          assertion = cfg.useSystemdActivation -> scriptsAfterSecrets == [ ];
          message = "system.activationScripts.${lib.concatStringsSep ", " scriptsAfterSecrets}: deps has setupSecrets, but the secrets are installed by sops-install-secrets.service, later than any activation script; make it a service, or set sops.useSystemdActivation = false.";
        }
      ]
      ++ lib.concatLists (lib.mapAttrsToList (ownerAssertions "secrets") cfg.secrets)
      ++ lib.concatLists (lib.mapAttrsToList (ownerAssertions "templates") cfg.templates)
      ++ lib.optionals cfg.validateSopsFiles (
        lib.concatLists (lib.mapAttrsToList sopsFileAssertions cfg.secrets)
      )
      ++ lib.mapAttrsToList rootAssertion secretsForUsers;

      warnings =
        lib.mapAttrsToList (
          name: user:
          "users.users.${lib.strings.escapeNixIdentifier name}.hashedPasswordFile is ${user.hashedPasswordFile}, a secret that is installed after users are created; set sops.secrets.<name>.neededForUsers for it."
        ) latePasswords
        ++
          lib.optional
            (scriptInstalls && unitsWithScript != [ ] && lib.versionAtLeast lib.trivial.release "26.11")
            "sops.useSystemdActivation is false, and from NixOS 26.11 on activation scripts cannot have units restarted: restartUnits and reloadUnits of sops.secrets and sops.templates do nothing."
        ++
          lib.optional (secretsForUsers != { } && installer.usersUnit == "systemd-sysusers")
            "systemd.sysusers.enable is set: systemd-sysusers sets a password when it creates the account and never again, so a new value of a secret with neededForUsers does not change a password.";
    })

    (lib.mkIf isUsed {
      # Where the program looks if it is given none, for an administrator who wants a dry run or the status.
      environment.etc."sops-nix/manifest.json".source = manifest;
    })

    (lib.mkIf (secretsForUsers != { }) {
      environment.etc."sops-nix/manifest-for-users.json".source = manifestForUsers;
    })

    (lib.mkIf (cfg.secrets != { }) { environment.systemPackages = [ cfg.package ]; })

    (lib.mkIf (isUsed && cfg.useSystemdActivation) {
      systemd.services.sops-install-secrets = lib.mkMerge [
        (installer.service installation manifest)
        { description = "Install secrets"; }
      ];
    })

    (lib.mkIf (!isUsed) {
      systemd.services.sops-install-secrets =
        installer.serviceWithoutSecrets installation manifest
          "/run/secrets";
    })

    (lib.mkIf scriptInstalls {
      system.activationScripts.setupSecrets = {
        supportsDryActivation = true;
        deps = [
          "specialfs"
          "users"
          "groups"
        ]
        ++ lib.optional cfg.age.generateKey "generate-age-key";
        text = installer.script installation manifest [ ];
      };
    })

    (lib.mkIf (secretsForUsers != { } && installer.usersUnit != null) {
      systemd.services = {
        sops-install-secrets-for-users = lib.mkMerge [
          (installer.serviceForUsers installation manifestForUsers)
          { description = "Install secrets that the creation of users needs"; }
        ];
        # A new password has to get to the accounts in the same switch.
        ${installer.usersUnit}.restartTriggers = [ manifestForUsers ];
      };
    })

    (lib.mkIf (secretsForUsers == { }) {
      systemd.services.sops-install-secrets-for-users =
        installer.serviceWithoutSecrets installation manifestForUsers
          "/run/secrets-for-users";
    })

    (lib.mkIf scriptInstallsForUsers {
      system.activationScripts = {
        setupSecretsForUsers = {
          supportsDryActivation = true;
          deps = [ "specialfs" ] ++ lib.optional cfg.age.generateKey "generate-age-key";
          text = installer.script installation manifestForUsers [ "-ignore-passwd" ];
        };
        users.deps = [ "setupSecretsForUsers" ];
      };
    })

    (lib.mkIf (cfg.secrets != { } && installation.generatedKey != null) (
      lib.mkMerge [
        (lib.mkIf (scriptInstalls || scriptInstallsForUsers) {
          system.activationScripts.generate-age-key.text = installer.keyScript {
            file = installation.generatedKey;
            inherit (pkgs) age;
          };
        })
        (lib.mkIf (!(scriptInstalls || scriptInstallsForUsers)) {
          systemd.services.sops-generate-age-key = installer.keyService {
            file = installation.generatedKey;
            inherit (pkgs) age;
            before = [
              "sops-install-secrets.service"
              "sops-install-secrets-for-users.service"
            ];
          };
        })
      ]
    ))

    (lib.optionalAttrs (options.system ? preSwitchChecks) {
      system.preSwitchChecks =
        lib.mkIf (cfg.secrets != { } && installer.canCheckBeforeSwitch installation)
          {
            sops-install-secrets = installer.preSwitchCheck installation (
              lib.optional (secretsForUsers != { }) manifestForUsers ++ lib.optional isUsed manifest
            );
          };
    })
  ];
}
