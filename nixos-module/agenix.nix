# The options of agenix, for files that age encrypted without sops, installed by the same program.
#
# What differs from agenix:
#
# * Secrets are installed by a unit in every configuration. There are no activation scripts agenix, agenixInstall or
#   agenixChown to come after; a configuration that does so is an error.
# * Users are created before that unit runs. A secret that is the `hashedPasswordFile` of a user is installed a second
#   time, before that, in a directory of its own, and the user's option is made to point there. `neededForUsers` says the
#   same where something else reads it that early.
# * `symlink = false` is an error: it would write the plaintext to a disk.
# * `mode` is an octal number, not a text such as u=r.
# * A file of age keys may be one of `identityPaths`, as in agenix, or the `keyFile`.
# * If one secret cannot be decrypted, the running generation stays as it is, as a whole.
# * `restartUnits`, `reloadUnits`, `neededForUsers`, `keyFile`, `package` and `validationPackage` are new; `ageBin` has
#   nothing to do.
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

  regularSecrets = lib.filterAttrs (_: secret: !secret.neededForUsers) cfg.secrets;
  # A password is where agenix has it too, for whatever else reads it there.
  secretsForUsers = lib.filterAttrs (
    _: secret: secret.neededForUsers || lib.elem (earlyPath secret) passwordFiles
  ) cfg.secrets;

  earlyPath = secret: "${cfg.secretsDir}-for-users/${secret.name}";
  passwordFiles = lib.mapAttrsToList (_: user: user.hashedPasswordFile) config.users.users;

  # Where users find a password that is one of the secrets.
  earlyPaths = lib.mapAttrs' (
    _: secret: lib.nameValuePair secret.path (earlyPath secret)
  ) cfg.secrets;

  installation = {
    inherit (cfg) package;
    environment = { };
    plugins = [ ];
    keyPaths = cfg.identityPaths ++ lib.optional (cfg.keyFile != null) cfg.keyFile;
    generatedKey = null;
    usesAgent = false;
  };

  # A name, or a number as chown(1) takes it.
  account =
    text:
    if builtins.match "[0-9]+" text != null then
      {
        name = null;
        id = lib.toIntBase10 text;
      }
    else
      {
        name = text;
        id = 0;
      };

  secretEntry =
    secret:
    let
      owner = account secret.owner;
      group = account secret.group;
    in
    {
      inherit (secret)
        name
        path
        mode
        restartUnits
        reloadUnits
        ;
      key = "";
      format = "age";
      sopsFile = secret.file;
      owner = owner.name;
      uid = owner.id;
      group = group.name;
      gid = group.id;
    };

  # The build sees no file outside the store.
  isChecked = secret: builtins.isPath secret.file || lib.hasPrefix builtins.storeDir "${secret.file}";

  # Whatever the owner of the secret is, nobody but root is there yet.
  earlyEntry =
    secret:
    secretEntry (
      secret
      // {
        owner = "0";
        group = "0";
      }
      // lib.optionalAttrs (!secret.neededForUsers) { path = earlyPath secret; }
    );

  manifestFor =
    suffix: entryOf: secrets:
    installer.manifestFile {
      name = "agenix-manifest${suffix}.json";
      checkMode = if lib.all isChecked (lib.attrValues secrets) then "sopsfile" else "manifest";
      inherit (cfg) validationPackage;
      document = {
        secrets = lib.mapAttrsToList (_: entryOf) secrets;
        secretsMountPoint = if suffix == "" then cfg.secretsMountPoint else "${cfg.secretsDir}${suffix}.d";
        symlinkPath = "${cfg.secretsDir}${suffix}";
        keepGenerations = 1;
        ageKeyFile = cfg.keyFile;
        ageSshKeyPaths = cfg.identityPaths;
        logging = {
          keyImport = true;
          secretChanges = true;
        };
      };
    };

  manifest = manifestFor "" secretEntry regularSecrets;
  manifestForUsers = manifestFor "-for-users" earlyEntry secretsForUsers;

  pathOf = name: option: "age.secrets.${lib.strings.escapeNixIdentifier name}.${option}";
  isRoot = account: account == "0" || account == "root";

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
      assertion = secret.neededForUsers -> isRoot secret.owner && isRoot secret.group;
      message = "${pathOf name "neededForUsers"} is set, so the secret is installed before there are users and belongs to root; remove owner and group.";
    }
  ];

  scriptsAfterSecrets = installer.scriptsAfter [
    "agenix"
    "agenixChown"
    "agenixInstall"
    "agenixNewGeneration"
  ];

  secretType = types.submodule (
    { config, name, ... }:
    {
      options = {
        inherit (entry) mode restartUnits reloadUnits;

        name = mkOption {
          type = types.nonEmptyStr;
          default = name;
          defaultText = lib.literalMD "the name of the secret";
          example = "db/password";
          description = "Place of the file below {option}`age.secretsDir`. It may have directories.";
        };

        file = mkOption {
          type = types.path;
          example = lib.literalExpression "./secrets/db-password.age";
          description = "File that age encrypted, with or without armor.";
        };

        path = mkOption {
          type = types.nonEmptyStr;
          default = if config.neededForUsers then earlyPath config else "${cfg.secretsDir}/${config.name}";
          defaultText = lib.literalMD ''
            {option}`age.secretsDir` and the name, with `-for-users` behind the directory if
            {option}`neededForUsers` is set
          '';
          example = "/etc/app/password";
          description = "Where the secret is to be found. If that is not its own place, a link to it is made there.";
        };

        owner = mkOption {
          type = types.nonEmptyStr;
          default = "0";
          example = "nginx";
          description = "Name or number of the user that owns the file.";
        };

        group = mkOption {
          type = types.nonEmptyStr;
          default = config'.users.users.${config.owner}.group or "0";
          defaultText = lib.literalMD "the primary group of {option}`owner`, or `0`";
          example = "nginx";
          description = "Name or number of the file's group.";
        };

        symlink = mkOption {
          type = types.bool;
          default = true;
          example = true;
          description = "Has to be true: the secret stays in memory and {option}`path` is a link to it.";
        };

        neededForUsers = mkOption {
          type = types.bool;
          default = false;
          example = true;
          description = ''
            Install the secret before users are created, in a directory of its own and nowhere else. It belongs to root.
            A secret that is a {option}`users.users.<name>.hashedPasswordFile` is installed early without this option.
            agenix does not have it.
          '';
        };
      };
    }
  );

  config' = config;
in
{
  _class = "nixos";
  key = "sops-install-secrets#agenix";

  imports = [
    (lib.mkRenamedOptionModule [ "age" "sshKeyPaths" ] [ "age" "identityPaths" ])
    (lib.mkRemovedOptionModule [ "age" "ageBin" ] "sops-install-secrets decrypts age files itself.")
  ];

  options.users.users = mkOption {
    type = types.attrsOf (
      types.submodule {
        options.hashedPasswordFile = mkOption {
          apply = path: if path == null then null else earlyPaths.${path} or path;
        };
      }
    );
  };

  options.age = {
    secrets = mkOption {
      type = types.attrsOf secretType;
      default = { };
      example = lib.literalExpression ''
        {
          db-password = {
            file = ./secrets/db-password.age;
            owner = "postgres";
          };
        }
      '';
      description = "Secrets to install, by name.";
    };

    secretsDir = mkOption {
      type = types.externalPath;
      default = "/run/agenix";
      example = "/run/keys";
      description = "Link to the directory with the secrets.";
    };

    secretsMountPoint = mkOption {
      type = types.externalPath;
      default = "/run/agenix.d";
      example = "/run/keys.d";
      description = "Where the file system in memory with the secrets is mounted.";
    };

    identityPaths = mkOption {
      type = types.listOf installer.keyPath;
      default = installer.hostKeys {
        types = [
          "rsa"
          "ed25519"
        ];
        installed = [ cfg.secretsDir ] ++ lib.mapAttrsToList (_: secret: secret.path) cfg.secrets;
      };
      defaultText = lib.literalMD ''
        the Ed25519 and RSA keys of {option}`services.openssh.hostKeys`, if {option}`services.openssh.enable` or
        {option}`services.openssh.generateHostKeys` is set
      '';
      example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
      description = "Private keys that decrypt the files, SSH keys or files of age keys, outside the Nix store.";
    };

    keyFile = mkOption {
      type = types.nullOr installer.keyPath;
      default = null;
      example = "/var/lib/agenix/key.txt";
      description = ''
        File with private age keys, outside the Nix store. It may as well be one of
        {option}`age.identityPaths`.
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
      defaultText = lib.literalMD "{option}`age.package`, or if the system is cross-compiled, the same for the platform that builds";
      example = lib.literalExpression "pkgs.buildPackages.sops-install-secrets";
      description = "The program that checks the manifest while the system is built.";
    };
  };

  config = lib.mkMerge [
    (lib.mkIf (cfg.secrets != { }) {
      system.build.agenix-manifest = manifest;
      system.build.agenix-users-manifest = manifestForUsers;

      assertions = [
        {
          assertion = installation.keyPaths != [ ];
          message = "age.secrets is set, but there is no key to decrypt with; set age.identityPaths or age.keyFile, or one of services.openssh.enable and services.openssh.generateHostKeys for the host keys.";
        }
        {
          assertion = scriptsAfterSecrets == [ ];
          message = "system.activationScripts.${lib.concatStringsSep ", " scriptsAfterSecrets}: deps has a script of agenix, but the secrets are installed by agenix-install-secrets.service, later than any activation script; make it a service.";
        }
      ]
      ++ lib.concatLists (lib.mapAttrsToList secretAssertions cfg.secrets);
    })

    (lib.mkIf (regularSecrets != { }) {
      systemd.services.agenix-install-secrets = lib.mkMerge [
        (installer.service installation manifest)
        { description = "Install secrets"; }
      ];
    })

    (lib.mkIf (regularSecrets == { }) {
      systemd.services.agenix-install-secrets =
        installer.serviceWithoutSecrets installation manifest
          cfg.secretsDir;
    })

    (lib.mkIf (secretsForUsers == { }) {
      systemd.services.agenix-install-secrets-for-users =
        installer.serviceWithoutSecrets installation manifestForUsers
          "${cfg.secretsDir}-for-users";
    })

    (lib.mkIf (secretsForUsers != { } && installer.usersUnit != null) {
      systemd.services = {
        agenix-install-secrets-for-users = lib.mkMerge [
          (installer.serviceForUsers installation manifestForUsers)
          { description = "Install secrets that the creation of users needs"; }
        ];
        # A new password has to get to the accounts in the same switch.
        ${installer.usersUnit}.restartTriggers = [ manifestForUsers ];
      };
    })

    (lib.mkIf (secretsForUsers != { } && installer.usersUnit == null) {
      system.activationScripts = {
        agenixInstallForUsers = {
          supportsDryActivation = true;
          deps = [ "specialfs" ];
          text = installer.script installation manifestForUsers [ "-ignore-passwd" ];
        };
        users.deps = [ "agenixInstallForUsers" ];
      };
    })

    (lib.optionalAttrs (options.system ? preSwitchChecks) {
      system.preSwitchChecks =
        lib.mkIf (cfg.secrets != { } && installer.canCheckBeforeSwitch installation)
          {
            agenix-install-secrets = installer.preSwitchCheck installation (
              lib.optional (secretsForUsers != { }) manifestForUsers
              ++ lib.optional (regularSecrets != { }) manifest
            );
          };
    })
  ];
}
