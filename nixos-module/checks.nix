# What is wrong with a configuration, in words that name the option.
{
  lib,
  config,
  cfg,
  here,
  keys,
  mounts,
  secrecy,
  text,
  units,
  ...
}:
let
  inherit (here) keyOption prefix;
  inherit (text) isNumber sourceOf;

  secretsForUsers = units.installation.secretsForUsers or { };

  optionOf =
    kind: name: option:
    "${prefix}.${kind}.${lib.strings.escapeNixIdentifier name}.${option}";

  # Secrets and templates, each with its kind and name.
  files = lib.concatMap (
    kind:
    lib.mapAttrsToList (name: file: {
      inherit kind name file;
      option = optionOf kind name;
    }) cfg.${kind}
  ) kinds;
  kinds = [
    "secrets"
    "templates"
  ];

  # Accounts

  namesOf = accounts: map (account: account.name) (lib.attrValues accounts);
  # NixOS has root in every configuration.
  users = namesOf config.users.users ++ cfg.external.users ++ [ "root" ];
  groups = namesOf config.users.groups ++ cfg.external.groups ++ [ "root" ];

  isKnown = account: names: account == null || isNumber account || lib.elem account names;

  accountAssertions =
    {
      kind,
      file,
      option,
      ...
    }:
    [
      {
        assertion = isKnown file.owner users;
        message =
          "${option "owner"} is \"${file.owner}\", and users.users has no user of that name${text.nearest file.owner users} "
          +
            lib.optionalString (kind == "secrets")
              "For a service with DynamicUser, set ${option "credential"} in its place and import the secret with ImportCredential. "
          + "A user that something else creates goes into ${prefix}.external.users.";
      }
      {
        # The primary group of an owner is as good as the owner.
        assertion = file.group == here.primaryGroup file.owner || isKnown file.group groups;
        message = "${option "group"} is \"${file.group}\", and users.groups has no group of that name${text.nearest file.group groups} A group that something else creates goes into ${prefix}.external.groups.";
      }
    ];

  # A manifest of sops-nix has names and numbers in fields of their own. agenix hands either to chown(1), which tells them
  # apart.
  numberAssertion =
    {
      file,
      option,
      name,
      numberName,
      names,
    }:
    {
      assertion = file.${name} != null && isNumber file.${name} -> lib.elem file.${name} names;
      message = "${option name} is \"${file.${name}}\", a number; remove it, and set ${option numberName} = ${file.${name}}.";
    };

  numberAssertions =
    { file, option, ... }:
    [
      (numberAssertion {
        inherit file option;
        name = "owner";
        numberName = "uid";
        names = users;
      })
      (numberAssertion {
        inherit file option;
        name = "group";
        numberName = "gid";
        names = groups;
      })
    ];

  twoOwnersAssertions =
    { file, option, ... }:
    [
      {
        assertion = file.owner != null -> file.uid == null || file.uid == 0;
        message = "${option "owner"} and ${option "uid"} are both set; remove one of them.";
      }
      {
        assertion = file.group != null -> file.gid == null || file.gid == 0;
        message = "${option "group"} and ${option "gid"} are both set; remove one of them.";
      }
    ];

  isRoot =
    account:
    lib.elem account [
      null
      "root"
      "0"
      0
    ];

  # sops-nix looks up no name of a secret that users need, and lets it have an owner, who does not get it. Numbers are an
  # error there too.
  rootAssertion =
    { file, option, ... }:
    {
      assertion =
        if here.isSops then isRoot file.uid && isRoot file.gid else isRoot file.owner && isRoot file.group;
      message = "${option "neededForUsers"} is set, so the secret is installed before there are users and belongs to root; remove ${
        if here.isSops then "uid and gid" else "owner and group"
      }, or declare a second secret with the same ${if here.isSops then "key" else "file"}.";
    };

  rootWarnings =
    { file, option, ... }:
    lib.optional (here.isSops && !(isRoot file.owner && isRoot file.group))
      "${option "neededForUsers"} is set, so the secret is installed before there are users and belongs to root, and not to ${
        if isRoot file.owner then "the group ${file.group}" else file.owner
      }; remove owner and group, or declare a second secret with the same key.";

  early = lib.filter ({ file, ... }: file.neededForUsers or false) files;
  # What belongs to root in any case looks up no name.
  withOwners = lib.filter ({ file, ... }: !(here.isSops && file.neededForUsers or false)) files;

  # Units

  suffixes = {
    services = "service";
    sockets = "socket";
    timers = "timer";
    targets = "target";
    paths = "path";
    mounts = "mount";
    automounts = "automount";
    slices = "slice";
  };

  systemd = if here.isSystem then config.systemd else config.systemd.user;

  knownUnits =
    lib.concatLists (
      lib.mapAttrsToList (
        kind: suffix:
        let
          # Mounts are a list in NixOS, by their places.
          units = systemd.${kind} or { };
          aliases = lib.concatMap (unit: unit.aliases or [ ]) (lib.attrValues units);
        in
        lib.optionals (builtins.isAttrs units) (
          map (name: "${name}.${suffix}") (lib.attrNames units) ++ aliases
        )
      ) suffixes
    )
    ++ lib.attrNames (systemd.units or { })
    ++ systemd.additionalUpstreamSystemUnits or [ ]
    ++ cfg.external.units;

  # app@one.service is an instance of app@.service.
  templateOf =
    unit:
    let
      parts = builtins.match "([^@]+@)[^@]*(\\.[a-z]+)" unit;
    in
    if parts == null then unit else lib.concatStrings parts;

  isUnit = unit: builtins.match ".+\\.[a-z]+" unit != null;
  isDeclared =
    unit:
    lib.elem unit knownUnits
    || lib.elem (templateOf unit) knownUnits
    # Mounts, which are named by their places, and what systemd itself brings.
    || lib.hasSuffix ".mount" unit
    || lib.hasPrefix "systemd-" unit;

  unitOptions =
    { file, option, ... }:
    lib.concatMap
      (
        name:
        map (unit: {
          inherit unit;
          option = option name;
        }) file.${name}
      )
      [
        "restartUnits"
        "reloadUnits"
      ];

  unitAssertions = map (
    { unit, option }:
    {
      assertion = isUnit unit;
      message = "${option} has \"${unit}\", which has no suffix; write \"${unit}.service\".";
    }
  ) (lib.concatMap unitOptions files);

  # A unit of users, of which the manager of the system knows nothing.
  isUserUnit =
    unit:
    here.isSystem
    && lib.any (kind: (config.systemd.user or { }).${kind} or { } ? ${unitName unit}) [
      "services"
      "timers"
    ];
  unitName = unit: lib.head (builtins.match "(.*)\\.[a-z]+" unit);

  unitWarnings = map (
    { unit, option }:
    if isUserUnit unit then
      "${option} has \"${unit}\", a unit of users, which a secret of the system cannot have restarted; remove it, and declare the secret in home-manager, in ${prefix}.secrets of the user."
    else
      "${option} has \"${unit}\", which this configuration does not have${text.nearest unit knownUnits} If a package brings it, add it to ${prefix}.external.units."
  ) (lib.filter ({ unit, ... }: isUnit unit && !isDeclared unit) (lib.concatMap unitOptions files));

  # Files

  sourceOption = if here.isSops then "sopsFile" else "file";

  sourceAssertions =
    { file, option, ... }:
    let
      source = sourceOf file;
      isLooked = if here.isSops then cfg.validateSopsFiles else text.isInStore source;
    in
    lib.optionals isLooked (
      [
        {
          assertion = text.isBuilt source || builtins.pathExists source;
          message = "${option sourceOption} is ${toString source}, which does not exist. In a flake, a file has to be added to git to be seen.";
        }
      ]
      ++ lib.optional here.isSops {
        assertion = text.isInStore source;
        message = "${option sourceOption} is ${toString source}, which is not in the Nix store, so the build cannot check it; write it as a path without quotes, or set sops.validateSopsFiles = false.";
      }
    );

  # Each file is read once, however many secrets it has. age files may be binary, which Nix cannot read.
  placeOf = source: builtins.unsafeDiscardStringContext (toString source);
  hasKey = lib.listToAttrs (
    map (
      { file, ... }:
      let
        source = sourceOf file;
      in
      lib.nameValuePair (placeOf source) (
        text.isReadable source && secrecy.hasKey (builtins.readFile source)
      )
    ) (ofKind "secrets")
  );

  clearAssertion =
    { file, option, ... }:
    let
      source = sourceOf file;
      isText = file.format or "age" != "age" && !lib.hasSuffix ".age" (placeOf source);
    in
    {
      assertion = isText -> !hasKey.${placeOf source};
      message = "${option sourceOption} is ${toString source}, which holds a private key in the clear, and everybody can read the Nix store; encrypt it with sops.";
    };

  linkAssertion =
    { file, option, ... }:
    {
      assertion = file.symlink or true;
      message = "${option "symlink"} is false, which would leave the secret on a disk; remove it: ${file.path} becomes a link to the secret in memory.";
    };

  # File systems

  etcIsReadOnly =
    here.isSystem
    && config.system.etc.overlay.enable or false
    && !(config.system.etc.overlay.mutable or true);

  etcAssertion =
    {
      kind,
      name,
      file,
      option,
    }:
    {
      assertion = !(etcIsReadOnly && lib.hasPrefix "/etc/" file.path);
      message = "${option "path"} is ${file.path}, and system.etc.overlay.mutable is false, so that no link can be made there; remove the option, and set environment.etc.\"${lib.removePrefix "/etc/" file.path}\".source = config.${prefix}.${kind}.${lib.strings.escapeNixIdentifier name}.path.";
    };

  # Whatever creates users runs before a file system that the first stage has not mounted: userborn even stands in the way
  # of its mount, which ends in emergency mode. A key there is none at that time. Where there is another that is not, that
  # one may be enough, as a host key beside the key of somebody who also decrypts by hand, so that is a warning.
  needer = optionOf "secrets" (lib.head (lib.attrNames secretsForUsers)) (
    if here.isSops then "neededForUsers" else "file"
  );

  lateKeys = lib.optionals (secretsForUsers != { }) (
    lib.filter ({ path, ... }: mounts.isLate path) keys.all
  );

  hasEarlyKey = lib.any ({ path, ... }: !mounts.isLate path) keys.all;

  lateSources = lib.filter ({ path, ... }: mounts.isLate path) (
    lib.mapAttrsToList (name: secret: {
      option = optionOf "secrets" name sourceOption;
      path = toString (sourceOf secret);
    }) secretsForUsers
  );

  mountAssertions = map (
    { option, path }:
    let
      mount = mounts.of path;
    in
    {
      assertion = false;
      message = "${option} has ${path}, which is on ${mount.name}, and that is mounted after users are created, but ${needer} needs the key before; ${mount.advice}.";
    }
  ) (lib.optionals (!hasEarlyKey) lateKeys ++ lateSources);

  mountWarnings = map (
    { option, path }:
    let
      mount = mounts.of path;
    in
    "${option} has ${path}, which is on ${mount.name}, and that is mounted after users are created, so at boot ${needer} has to do with the other keys; if none of those opens it, ${mount.advice}."
  ) (lib.optionals hasEarlyKey lateKeys);

  # The program

  variableAssertions = map (name: {
    assertion = builtins.match "[A-Za-z_][A-Za-z0-9_]*" name != null;
    message = "${prefix}.environment has \"${name}\", which cannot be the name of an environment variable.";
  }) (lib.attrNames cfg.environment);

  # Files that variables name, as a whole or in a command, but for the program of the command.
  namedBy =
    value:
    if builtins.isPath value then
      [ value ]
    else
      [ value ]
      ++ lib.filter (origin: origin == value || !lib.hasPrefix origin value) (
        lib.attrNames (lib.filterAttrs (_: origin: origin.path or false) (builtins.getContext value))
      );

  keyVariableAssertions = lib.concatLists (
    lib.mapAttrsToList (
      name: value:
      map (file: {
        assertion = text.isReadable file -> !secrecy.hasKey (builtins.readFile file);
        message = "${prefix}.environment.${name} has ${toString file}, which holds a private key, and everybody can read the Nix store; name a file outside of it, in quotes.";
      }) (namedBy value)
    ) (lib.filterAttrs (name: _: lib.hasPrefix "SOPS_AGE_" name) cfg.environment)
  );

  gnupgHomes = lib.filterAttrs (_: home: home != null) {
    "sops.gnupg.home" = cfg.gnupg.home or null;
    "${prefix}.environment.GNUPGHOME" = cfg.environment.GNUPGHOME or null;
  };

  gnupgHomeAssertions = lib.mapAttrsToList (
    option: home:
    let
      keys = home + "/private-keys-v1.d";
      isThere = text.isInStore home && !text.isBuilt home && builtins.pathExists keys;
    in
    {
      assertion = isThere -> !lib.any (lib.hasSuffix ".key") (lib.attrNames (builtins.readDir keys));
      message = "${option} is ${toString home}, which holds private keys, and everybody can read the Nix store; name a directory outside of it, in quotes.";
    }
  ) gnupgHomes;

  # In agenix each secret says where its file is; the build reads none outside the store.
  unseenAssertion =
    { file, option, ... }:
    {
      assertion = here.isSops || cfg.hostRecipients == [ ] || text.isInStore (sourceOf file);
      message = "${prefix}.hostRecipients is set, but ${option sourceOption} is ${toString (sourceOf file)}, which is not in the Nix store, so the build cannot read it; write it as a path without quotes, or remove ${prefix}.hostRecipients.";
    };

  foreignRecipients = lib.filter (
    recipient: lib.hasPrefix "/" recipient && !text.isInStore recipient
  ) (lib.filter builtins.isString cfg.hostRecipients);

  ofKind = kind: lib.filter (file: file.kind == kind) files;
in
{
  inherit optionOf;

  assertions =
    {
      # The options that say where there is a key, in words.
      keyAdvice,
      hasOtherKey ? false,
    }:
    let
      generateKey = here.keyValue "generateKey";
      keyFile = here.keyValue "keyFile";
    in
    [
      {
        assertion = cfg.secrets != { } -> keys.all != [ ] || hasOtherKey;
        message = "${prefix}.secrets is set, but there is no key to decrypt with; set ${keyAdvice}.";
      }
      {
        assertion = generateKey -> keyFile != null && !text.isCredential (toString keyFile);
        message = "${keyOption "generateKey"} is set, but ${keyOption "keyFile"} does not say where the key is to be.";
      }
      {
        assertion = generateKey && keyFile != null -> !text.isInStore keyFile;
        message = "${keyOption "generateKey"} is set, but ${keyOption "keyFile"} is ${toString keyFile}, in the Nix store; remove one of them.";
      }
      {
        assertion = here.isSystem -> !(cfg.environment ? PATH);
        message = "${prefix}.environment.PATH is set, but the PATH of the program is made of ${keyOption "plugins"}; add the package there${lib.optionalString here.isSops ", or name gpg in sops.environment.SOPS_GPG_EXEC"}.";
      }
      {
        assertion = here.isSops && cfg.hostRecipients != [ ] -> cfg.validateSopsFiles;
        message = "sops.hostRecipients is set, but sops.validateSopsFiles is false, so no sops file is looked at when the system is built; remove one of them.";
      }
      {
        assertion = foreignRecipients == [ ];
        message = "${prefix}.hostRecipients has ${toString foreignRecipients}, which is not in the Nix store, so the build cannot read it; write it as a path without quotes, or give the text of the key.";
      }
    ]
    ++ variableAssertions
    ++ keyVariableAssertions
    ++ gnupgHomeAssertions
    ++ lib.concatMap sourceAssertions (ofKind "secrets")
    ++ map clearAssertion (ofKind "secrets")
    ++ map linkAssertion (ofKind "secrets")
    ++ map unseenAssertion (ofKind "secrets")
    ++ unitAssertions
    ++ lib.optionals here.isSystem (
      lib.concatMap accountAssertions withOwners
      ++ lib.optionals here.isSops (lib.concatMap twoOwnersAssertions files)
      ++ lib.optionals here.isSops (lib.concatMap numberAssertions withOwners)
      ++ map rootAssertion early
      ++ map etcAssertion files
      ++ mountAssertions
    );

  warnings =
    unitWarnings ++ lib.optionals here.isSystem (mountWarnings ++ lib.concatMap rootWarnings early);

  # Assertions on GnuPG, which excludes other keys.
  gnupg = [
    {
      assertion = cfg.gnupg.home or null != null -> cfg.gnupg.sshKeyPaths == [ ];
      message = "sops.gnupg.home and sops.gnupg.sshKeyPaths are both set; remove one of them.";
    }
    {
      assertion = cfg.gnupg.home or null != null -> cfg.age.keyFile == null;
      message = "sops.gnupg.home and sops.age.keyFile are both set; remove one of them.";
    }
  ];
}
