# Every option that more than one of the four modules has, written once: an option is in all four, or left out on purpose
# below.
{
  lib,
  pkgs,
  config,
  options,
  cfg,
  here,
  secrecy,
  text,
  ...
}:
let
  inherit (lib) types;
  inherit (here) prefix primaryGroup;

  # No option takes a private key.
  mkOption = arguments: lib.mkOption (arguments // { type = secrecy.ofValues arguments.type; });

  # Marks the description of an option, or of each in a set, that sops-nix or agenix does not have. OPTIONS.md lists what has
  # this mark.
  own =
    options:
    if !lib.isOption options then
      lib.mapAttrs (_: own) options
    else if lib.hasSuffix mark options.description then
      options
    else
      options // { description = lib.trim options.description + mark; };
  mark = " ${here.origin} does not have this option.";
  mkOwn = arguments: own (mkOption arguments);
  mkOwnForUsers = if here.isSystem then mkOption else mkOwn;
  mkOwnForAgenix = if here.isSops then mkOption else mkOwn;

  # 2³²-1 tells chown(2) to leave the id as it is.
  id = types.ints.between 0 4294967294;
  unit = types.strMatching "[^[:space:]]+";

  # Everything but owners, which a user's files have not.
  ofEveryFile = {
    mode = mkOption {
      type = types.strMatching "[0-7]{3,4}";
      default = "0400";
      example = "0440";
      description = "Permissions of the file, as an octal number.";
    };

    restartUnits = mkRequest {
      type = types.listOf unit;
      default = [ ];
      example = [ "nginx.service" ];
      description = ''
        Units${ofUser}, with their suffix, that are restarted when the file changes. They are asked for after the new files are
        in place, each once, and only if they run.
      '';
    };

    reloadUnits = mkRequest {
      type = types.listOf unit;
      default = [ ];
      example = [ "haproxy.service" ];
      description = ''
        Units${ofUser}, with their suffix, that are reloaded when the file changes, or restarted if they cannot reload. They are
        asked for after the new files are in place, each once, and only if they run.
      '';
    };
  };

  mkRequest = if here.isSystem then mkOwnForAgenix else mkOwn;
  ofUser = lib.optionalString (!here.isSystem) " of the user";

  homeOfUser =
    if here.isSystem then config.users.users.root.home or "/root" else config.home.homeDirectory;

  ownersOfSops = file: {
    owner = mkOption {
      type = types.nullOr types.nonEmptyStr;
      default = null;
      example = "nginx";
      description = "Name of the user that owns the file. If null, {option}`uid` says who does.";
    };

    uid = mkOption {
      type = types.nullOr id;
      default = 0;
      example = 1000;
      description = ''
        Number of the user that owns the file; there need not be such an account. Counts only while {option}`owner` is
        null.
      '';
    };

    group = mkOption {
      type = types.nullOr types.nonEmptyStr;
      default = primaryGroup file.owner;
      defaultText = lib.literalMD "the primary group of {option}`owner`, or null without one";
      example = "nginx";
      description = "Name of the file's group. If null, {option}`gid` says which it is.";
    };

    gid = mkOption {
      type = types.nullOr id;
      default = 0;
      example = 1000;
      description = ''
        Number of the file's group; there need not be such a group. Counts only while {option}`group` is null.
      '';
    };
  };

  ownersOfAgenix = file: {
    owner = mkOption {
      type = types.nonEmptyStr;
      default = "0";
      example = "nginx";
      description = "Name or number of the user that owns the file.";
    };

    group = mkOption {
      type = types.nonEmptyStr;
      default =
        let
          group = primaryGroup file.owner;
        in
        if group == null then "0" else group;
      defaultText = lib.literalMD "the primary group of {option}`owner`, or `0`";
      example = "nginx";
      description = "Name or number of the file's group.";
    };
  };

  # A user's files belong to the user.
  ownersOf =
    file: lib.optionalAttrs here.isSystem ((if here.isSops then ownersOfSops else ownersOfAgenix) file);

  pathNote = lib.optionalString (!here.isSystem) (
    if here.isSops then
      " `%r` stands for the runtime directory of the user, `%%` for `%`."
    else
      " The variable XDG_RUNTIME_DIR is the only one that it may have."
  );

  # Which value of a sops file, and how that is written. An age file is one secret as a whole.
  sourceOfSops = secret: name: {
    key = mkOption {
      type = types.str;
      default = if cfg.defaultSopsKey != null then cfg.defaultSopsKey else name;
      defaultText = lib.literalMD "{option}`sops.defaultSopsKey`, or else the name of the secret";
      example = "db/password";
      description = ''
        Which value of the sops file the secret is: keys from the outermost inwards, with `/` between them; the elements of
        a list are counted from 0. The empty text stands for the whole file.

        The formats `binary` and `age` have no keys. With `dotenv` and `ini` the secret is the whole file unless
        {option}`selectKey` is set.
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
      example = lib.literalExpression "./secrets/db.yaml";
      description = "The encrypted file.";
    };

    sopsFileHash = mkOwnForUsers {
      type = types.str;
      readOnly = true;
      default = if cfg.validateSopsFiles then hashOf secret.sopsFile else "";
      defaultText = lib.literalMD "of the file";
      description = ''
        SHA-256 of the encrypted file, or of its path if a derivation builds it; empty without
        {option}`sops.validateSopsFiles`. It changes with the file, for example in
        {option}`systemd.services.<name>.restartTriggers`.
      '';
    };
  };

  hashOf =
    file:
    if text.isBuilt file then
      builtins.hashString "sha256" (builtins.unsafeDiscardStringContext file)
    else if builtins.pathExists file then
      builtins.hashFile "sha256" file
    else
      "";

  sourceOfAgenix = {
    file = mkOption {
      type = types.path;
      example = lib.literalExpression "./secrets/db-password.age";
      description = "File that age encrypted, with or without armor.";
    };

    symlink = mkOption {
      type = types.bool;
      default = true;
      example = true;
      description = "Has to be true: the secret stays in memory and {option}`path` is a link to it.";
    };
  };

  # Users are created, and services started, by the system.
  ofTheSystem = {
    neededForUsers = mkOwnForAgenix {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Install the secret before users are created, in a directory with `-for-users` behind its name, for
        {option}`users.users.<name>.hashedPasswordFile`. There are no other users at that time: it belongs to root.

        Where an activation script creates the users, another one installs the secret; NixOS warns of both from 26.11 on.
        {option}`services.userborn.enable` makes units of them.
      ''
      + lib.optionalString (!here.isSops) ''

        A secret that is a {option}`users.users.<name>.hashedPasswordFile` is installed early without this option.
      '';
    };

    # A private key that is made up is no secret.
    mock = own (
      lib.mkOption {
        type = types.nullOr types.str;
        default = null;
        example = "postgresql:///shop";
        description = ''
          The value under {option}`${prefix}.mock.enable`. If null, one is made up: a number where the sops file has a
          number, the hash of the password `mock` for a secret that is one, otherwise a text.
        '';
      }
    );
  };

  # What goes into the manifest as it is, under the name of the option.
  fields = {
    keepGenerations = mkOption {
      type = types.ints.unsigned;
      default = 1;
      example = 5;
      description = ''
        How many generations of secrets stay in memory, the present one included; 0 keeps them all. A guest that shares
        the whole directory, such as a container or a virtual machine, needs more than one: it goes on reading the
        generation that it began with.
      '';
    };
  }
  // lib.optionalAttrs here.isSystem {
    useTmpfs = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Keep the secrets in a tmpfs instead of a ramfs. It is mounted with `noswap`; before Linux 6.4, which cannot do that,
        secrets may get into swap space.
      '';
    };
  };

  fieldsOfSecret =
    lib.optionalAttrs here.isSops {
      selectKey = mkOwn {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          With the formats `dotenv` and `ini`, install the one value that {option}`key` names instead of the whole file.
        '';
      };
    }
    // lib.optionalAttrs here.isSystem {
      credential = mkOwn {
        type = types.bool;
        default = false;
        example = true;
        description = ''
          Publish the secret as a credential of systemd too: below `/run/credstore`, under its name with `-` in the place of
          each `/`. A service gets it with `ImportCredential=` or `LoadCredential=`, and needs neither an owner nor a group
          for it, so that it may have `DynamicUser=`.
        '';
      };
    };

  secretType = types.submodule (
    { config, name, ... }:
    {
      options =
        ofEveryFile
        // ownersOf config
        // (if here.isSops then sourceOfSops config name else sourceOfAgenix)
        // lib.optionalAttrs here.isSystem ofTheSystem
        // fieldsOfSecret
        // {
          name = mkOption {
            type = types.nonEmptyStr;
            default = name;
            defaultText = lib.literalMD "the name of the secret";
            example = "db/password";
            description = "Place of the file below ${here.directoryText}. It may have directories.";
          };

          path = mkOption {
            type = types.nonEmptyStr;
            default =
              let
                suffix = lib.optionalString (config.neededForUsers or false) "-for-users";
              in
              "${here.directory}${suffix}/${config.name}";
            defaultText = lib.literalMD (
              "${here.directoryText} and the name"
              + lib.optionalString here.isSystem ", with `-for-users` behind the directory if {option}`neededForUsers` is set"
            );
            example = if here.isSystem then "/etc/app/password" else "/home/alice/.config/app/password";
            description = ''
              Where the secret is to be found. If that is not its own place, a link to it is made there.${pathNote}

              Give this path to services. Do not read it while the configuration is evaluated: that would copy the secret
              into the Nix store.
            '';
          };
        };

      config = lib.optionalAttrs here.isSops {
        sopsFile = lib.mkIf options.sops.defaultSopsFile.isDefined (
          lib.mkOptionDefault cfg.defaultSopsFile
        );
      };
    }
  );

  templateType = types.submodule (
    { config, name, ... }:
    {
      options =
        ofEveryFile
        // ownersOf config
        // {
          name = mkOption {
            type = types.nonEmptyStr;
            default = name;
            defaultText = lib.literalMD "the name of the template";
            example = "app/config.toml";
            description = "Place of the file below `rendered` in ${here.directoryText}. It may have directories.";
          };

          path = mkOption {
            type = types.nonEmptyStr;
            default = "${here.directory}/rendered/${config.name}";
            defaultText = lib.literalMD "${here.directoryText}, `rendered` and the name";
            example = if here.isSystem then "/etc/app/config.toml" else "/home/alice/.config/app/config.toml";
            description = ''
              Where the file is to be found. If that is not its own place, a link to it is made there.${pathNote}
            '';
          };

          content = mkOption {
            type = types.lines;
            default = "";
            example = lib.literalExpression ''"password = ''${config.${prefix}.placeholder."db/password"}"'';
            description = ''
              Text of the file, with a placeholder from {option}`${prefix}.placeholder` in the place of each secret. It is
              readable in the Nix store.${lib.optionalString here.isSystem " Only secrets without {option}`${prefix}.secrets.<name>.neededForUsers` can be used."}
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

  # types.externalPath, which NixOS 25.05 does not have.
  externalPath = types.addCheck types.str (path: lib.hasPrefix "/" path && !text.isInStore path) // {
    description = "absolute path in quotes, not in the Nix store";
  };

  # Outside the store, or a credential of the unit, or a file that only says where a key is. Any other path without quotes
  # would be copied to the store, where every user can read it.
  keyPath =
    types.oneOf [
      externalPath
      (types.strMatching "%d/.+")
      (types.addCheck types.path text.isHandle)
    ]
    // {
      description = "absolute path in quotes, not in the Nix store, or one below %d, the credentials of the unit, or a file of nothing but AGE-PLUGIN-... lines";
    };

  # Paths of private keys, with the default and the example of a module.
  mkKeyPaths =
    description: arguments:
    mkOption (
      {
        inherit description;
        type = secrecy.ofKeyPaths (types.listOf keyPath);
        default = [ ];
      }
      // arguments
    );
  sshKeys = "SSH keys${lib.optionalString (!here.isSystem) " without a passphrase"}";

  runtime = if here.isSystem then "/run" else "\${XDG_RUNTIME_DIR}";
  placeType = if here.isSystem then externalPath else types.nonEmptyStr;

  noun = if here.isSystem then "system" else "configuration";

  # The program itself, and the same for the platform that builds.
  ownPackage = pkgs.callPackage ../package.nix { };
in
{
  inherit
    mkOption
    own
    fields
    fieldsOfSecret
    ;

  placeholders = lib.mapAttrs (
    name: _: lib.mkDefault "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>"
  ) cfg.secrets;

  gnupgEnvironment = lib.mkIf (cfg.gnupg.home != null) {
    SOPS_GPG_EXEC = lib.mkDefault (lib.getExe' cfg.gnupg.package "gpg");
  };

  files = {
    secrets = mkOption {
      type = types.attrsOf secretType;
      default = { };
      example = lib.literalExpression (
        if here.isSops then
          ''
            {
              "db/password" = {
                restartUnits = [ "app.service" ];
              };
            }
          ''
        else
          "{ db-password.file = ./secrets/db-password.age; }"
      );
      description = "Secrets to install, by name.";
    };

    templates = mkOwnForAgenix {
      type = types.attrsOf templateType;
      default = { };
      example = lib.literalExpression ''
        {
          "app.toml".content = "password = ''${config.${prefix}.placeholder."db/password"}";
        }
      '';
      description = "Files with secrets in them to install, by name.";
    };

    placeholder = mkOwnForAgenix {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      defaultText = lib.literalMD "a text of its own for each secret";
      example = lib.literalExpression ''{ "db/password" = "@db-password@"; }'';
      description = "What stands for each secret in {option}`${prefix}.templates.<name>.content`.";
    };
  };

  installation = {
    hostRecipients = mkOwn {
      type = secrecy.ofRecipients (types.listOf (types.either types.path types.singleLineStr));
      default = [ ];
      example = lib.literalExpression "[ ./ssh_host_ed25519_key.pub ]";
      description = ''
        Public keys of ${
          if here.isSystem then "this machine" else "this user"
        }: files such as `ssh_host_ed25519_key.pub`, or texts (`age1...`, `ssh-ed25519 ...`, `ssh-rsa ...`${lib.optionalString here.isSops ", the fingerprint of a PGP key"}). A private key is refused. With any, the build fails if there is a file that none of them opens, before
        the machine notices.
      ''
      + (
        if here.isSops then
          ''

            Of a secret in the format `age`, the build can tell it only by stanzas for `ssh-ed25519` and `ssh-rsa`, which have
            a tag of the key; where others could open it, a warning says so.
          ''
        else
          ''

            The build tells it by the stanzas for `ssh-ed25519` and `ssh-rsa`, which have a tag of the key. Those for
            `age1...` say nothing of theirs: where one of them could open the file, the build warns that it cannot tell.
          ''
      );
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
        Environment variables of sops-install-secrets. They are passed as they are, no shell reads them.${lib.optionalString here.isSystem " `PATH` is made of {option}`${here.keyOption "plugins"}` and cannot be set. With `SOPS_AGE_KEY_CMD` or `SOPS_AGE_SSH_PRIVATE_KEY_CMD`, a command that prints a key, the unit may use devices and the network."}
      '';
    };

    validationPackage = mkOwnForUsers {
      type = types.package;
      default =
        if pkgs.stdenv.buildPlatform == pkgs.stdenv.hostPlatform then
          here.package
        else
          pkgs.buildPackages.callPackage ../package.nix { };
      defaultText = lib.literalMD "{option}`${here.programOption}`, or if the ${noun} is cross-compiled, the same for the platform that builds";
      example = lib.literalExpression "pkgs.buildPackages.sops-install-secrets";
      description = "The program that checks the manifest while the ${noun} is built.";
    };

    external =
      lib.optionalAttrs here.isSystem {
        users = mkOwn {
          type = types.listOf types.nonEmptyStr;
          default = [ ];
          example = [ "backup" ];
          description = "Names of users that something else than this configuration creates, so that they may own files.";
        };

        groups = mkOwn {
          type = types.listOf types.nonEmptyStr;
          default = [ ];
          example = [ "backup" ];
          description = "Names of groups that something else than this configuration creates, so that files may have them.";
        };
      }
      // {
        units = mkOwn {
          type = types.listOf types.nonEmptyStr;
          default = [ ];
          example = [ "backup.service" ];
          description = ''
            Names of units that something else than this configuration brings, such as a package: in
            {option}`restartUnits` and {option}`reloadUnits` nothing warns of them.
          '';
        };
      };
  }
  // lib.optionalAttrs here.isSystem {
    mock.enable = mkOwn {
      type = types.bool;
      default = false;
      example = true;
      description = ''
        Install made-up values in the place of all secrets, for a machine without keys. No key is read and nothing real is
        decrypted; the log says MOCK. It is set in {option}`virtualisation.vmVariant`, and so in what
        `nixos-rebuild build-vm` makes.
      '';
    };
  }
  // fields;

  program = mkOwnForAgenix {
    type = types.package;
    default = ownPackage;
    defaultText = lib.literalMD "the package of this repository";
    example = lib.literalExpression "pkgs.sops-install-secrets";
    description = "The program that installs the secrets.";
  };

  # For a user what is built is an option, since there is no system.build.
  built =
    description: package:
    mkOption {
      type = types.package;
      default = package;
      internal = true;
      readOnly = true;
      inherit description;
    };

  keys = {
    keyFile = mkOption {
      type = secrecy.ofKeyPaths (types.nullOr keyPath);
      default = null;
      example =
        if here.isSystem then
          "/var/lib/${here.origin}/key.txt"
        else
          "/home/alice/.config/${if here.isSops then "sops/age/keys.txt" else "agenix/key.txt"}";
      description = ''
        File with private age keys, outside the Nix store${lib.optionalString here.isSystem " and not on a network file system"}. A file of nothing but `AGE-PLUGIN-...` lines may be in the store: it says where a key is.
      ''
      + lib.optionalString (!here.isSops) ''

        It may as well be one of {option}`age.identityPaths`.
      ''
      + lib.optionalString here.isSystem ''

        With `%d/NAME`, here or in {option}`${
          if here.isSops then "sops.age.sshKeyPaths" else "age.identityPaths"
        }`, it is a credential of the unit: set
        `LoadCredentialEncrypted` in {option}`systemd.services.${here.unit}.serviceConfig`, and in that of
        `${here.unit}-for-users` if there are secrets with `neededForUsers`. The key is then on no disk in the clear, and
        can be bound to the TPM of the machine (see `systemd-creds`). ${here.origin} cannot do this.
      '';
    };

    plugins = mkOption {
      type = secrecy.ofPlugins (types.listOf types.package);
      default = [ ];
      example = lib.literalExpression "[ pkgs.age-plugin-tpm ]";
      description =
        "Packages with age plugins."
        + lib.optionalString here.isSystem " With one, the unit may use devices and the network, and nothing is decrypted for a check before a switch, since a plugin may want to be touched.";
    };

    generateKey = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Make {option}`${here.keyOption "keyFile"}` with a new key if it is not there.";
    };

    keyType = mkOwn {
      type = types.enum [
        "x25519"
        "hybrid"
      ];
      default = "x25519";
      example = "hybrid";
      description = ''
        What {option}`${here.keyOption "generateKey"}` makes: an ordinary key of age, or one that also withstands a quantum
        computer (`age1pq1...`), for which age 1.3 or later is needed. A key that is there stays.
      '';
    };
  };

  ageSshKeyPaths = mkKeyPaths ''
    Private ${sshKeys}, outside the Nix store, that decrypt what is encrypted to their age form (see `ssh-to-age`) or to
    the SSH key as such.
  '';

  gnupgSshKeyPaths = mkKeyPaths ''
    Private RSA keys of SSH, outside the Nix store, that decrypt what is encrypted to their PGP form (see `ssh-to-pgp`). No
    gpg takes part.
  '';

  identityPaths = mkKeyPaths ''
    Private keys that decrypt the files, ${sshKeys} or files of age keys, outside the Nix store. A file of nothing but
    `AGE-PLUGIN-...` lines may be in the store; {option}`age.plugins` has its plugin.
  '';

  # What only files of sops have, for the system and for users: in agenix each secret names its file.
  sops = {
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
        Check when the ${noun} is built that every sops file is there and has what is asked of it; that needs no key.
        Otherwise only the manifest is checked, and sops files can be outside the Nix store.
      '';
    };
  };

  # Where the secrets are.
  agenix = {
    secretsDir = mkOption {
      type = placeType;
      default = "${runtime}/agenix";
      example = if here.isSystem then "/run/keys" else "/home/alice/.secrets";
      description = "Link to the directory with the secrets.";
    };

    secretsMountPoint = mkOption {
      type = placeType;
      default = "${runtime}/agenix.d";
      example = "${runtime}/keys.d";
      description =
        if here.isSystem then
          "Where the file system in memory with the secrets is mounted."
        else
          "Directory of the generations of secrets.";
    };
  };

  # Files of age have no PGP recipients.
  gnupg = {
    home = mkOption {
      type = secrecy.ofKeyPaths (types.nullOr types.str);
      default = null;
      example = if here.isSystem then "/var/lib/sops-nix/gnupg" else "/home/alice/.gnupg";
      # As gpg itself takes it.
      apply =
        home:
        if home != null && lib.hasPrefix "~/" home then homeOfUser + lib.removePrefix "~" home else home;
      description = "Directory of GnuPG with private keys, for files that no age or SSH key opens. `~/` is the home of the user${lib.optionalString here.isSystem " root"}.";
    };

    package = mkOption (removeAttrs (lib.mkPackageOption pkgs "gnupg" { }) [ "_type" ]);
  };
}
