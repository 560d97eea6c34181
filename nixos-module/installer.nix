# The manifest, the units and the scripts of an installation: what the modules for sops and for agenix have in common.
#
# An installation is a set of
#   package, validationPackage   the program, and the one that can run where the system is built
#   keyPaths                     files and directories that have to be mounted before anything can be decrypted
#   generatedKey                 an age key file to be made if it is not there, or null
#   plugins                      packages with age plugins
#   environment                  variables of the program
#   usesAgent                    whether gpg, and so perhaps its agent or a smart card, takes part
{
  lib,
  pkgs,
  config,
  options,
}:
let
  # What creates the users: the unit's name without its suffix, or null for the activation script. The real names, since
  # systemd-sysusers.service is only an alias where userborn is on, and a link in the .wants of an alias is none.
  usersUnit =
    if options.services ? userborn && config.services.userborn.enable then
      "userborn"
    else if options.systemd ? sysusers && config.systemd.sysusers.enable then
      "systemd-sysusers"
    else
      null;

  executable = installation: lib.getExe' installation.package "sops-install-secrets";

  # One argument of ExecStart=, or one path of RequiresMountsFor=: % begins a specifier, $ a variable, a space a new word.
  systemdWord =
    word:
    let
      escaped = lib.replaceStrings [ "%" ] [ "%%" ] word;
    in
    if builtins.match "[A-Za-z0-9_/.:@%+,=-]+" escaped != null then
      escaped
    else
      builtins.toJSON escaped;

  commandLine = lib.concatMapStringsSep " " (
    argument: lib.replaceStrings [ "$" ] [ "$$" ] (systemdWord (toString argument))
  );

  # sops looks for SSH keys of the user whose home this is; the machine's secrets must not depend on root's own keys.
  environmentOf = installation: { HOME = "/var/empty"; } // installation.environment;

  environmentOfScripts =
    installation: environmentOf installation // { PATH = lib.makeBinPath installation.plugins; };

  # One word of a shell in a form in which a shell, and ShellCheck, find nothing of their own: what is no plain character
  # stands there by its number. NixOS builds no system with a finding of ShellCheck in the check before a switch.
  shellWord =
    value:
    let
      word = toString value;
    in
    if builtins.match "[A-Za-z0-9_/.:@%+,=-]+" word != null then
      word
    else
      "$'${lib.replaceStrings shellMeant shellNumbers word}'";

  shellMeant = [
    "\\"
    "'"
    "\""
    "$"
    "`"
    "\n"
    "\r"
    "\t"
  ];
  shellNumbers = [
    "\\x5c"
    "\\x27"
    "\\x22"
    "\\x24"
    "\\x60"
    "\\x0a"
    "\\x0d"
    "\\x09"
  ];

  # One command of a shell, a word a line. Each word is a text of the shell by now.
  shellCommand = lib.concatStringsSep " \\\n  ";

  shellAssignments = lib.mapAttrsToList (name: value: "${name}=${shellWord value}");

  # The sandbox. The program mounts a file system that every later process is to see, so nothing here may give the unit
  # a mount namespace of its own: inside one, the secrets would be installed, the unit would succeed, and nobody would
  # find them. That rules out ProtectSystem=, ProtectHome=, PrivateTmp=, PrivateDevices=, PrivateMounts=,
  # ProtectKernelTunables=, ProtectKernelModules=, ProtectKernelLogs=, ProtectControlGroups=, ProtectProc=,
  # ReadOnlyPaths= and their like, and PrivateNetwork= too, which implies PrivateMounts= (systemd.exec(5)).
  # What is left are capabilities, seccomp filters and limits.
  sandbox =
    installation:
    let
      # A plugin may talk to a token, a TPM or a server, and gpg to a smart card: only they know what they need.
      alone = installation.plugins == [ ] && !installation.usesAgent;
    in
    {
      UMask = "0077";
      NoNewPrivileges = true;
      CapabilityBoundingSet = [
        "CAP_SYS_ADMIN" # mount
        "CAP_CHOWN"
        "CAP_FOWNER" # chmod what has just been given away
        "CAP_DAC_OVERRIDE" # keys that belong to others, links in directories of others
        "CAP_IPC_LOCK" # no secret is swapped out while it is in the program's memory
      ];
      LimitCORE = 0;
      MemorySwapMax = 0;
      LockPersonality = true;
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      SystemCallErrorNumber = "EPERM";
      # Of the group @resources only what a process does to its own limits, and of @mount only what mounts.
      SystemCallFilter = [
        "@system-service"
        "~@resources"
        "prlimit64"
        "setrlimit"
        "mount"
        "umount2"
      ];
      # A hanging gpg or plugin must not hold up the boot for ever.
      TimeoutStartSec = "5min";
    }
    // lib.optionalAttrs alone {
      # AF_UNIX is how the user database (nscd) and systemd are asked. There is no network in the program.
      RestrictAddressFamilies = [ "AF_UNIX" ];
      # Enforced by BPF programs of the control group, without a namespace.
      DevicePolicy = "closed";
      IPAddressDeny = "any";
      MemoryDenyWriteExecute = true;
    };

  baseService = installation: manifest: arguments: {
    wants = lib.optional (installation.generatedKey != null) "sops-generate-age-key.service";
    after = lib.optional (installation.generatedKey != null) "sops-generate-age-key.service";
    before = [
      # DefaultDependencies=no takes these away, and without them nothing that starts after sysinit.target waits.
      "sysinit.target"
      "shutdown.target"
      "sysinit-reactivation.target"
    ];
    conflicts = [ "shutdown.target" ];
    # A switch restarts this target after it has reloaded systemd and before it restarts anything else. The manifest is
    # in ExecStart=, so a switch that changes it stops this unit first, and the target starts it again.
    requiredBy = [ "sysinit-reactivation.target" ];

    # systemctl is the one program that is started besides gpg and plugins; no shell, no coreutils.
    enableDefaultPath = false;
    path = [ config.systemd.package ] ++ installation.plugins;
    environment = environmentOf installation // {
      # The lists below /run/nixos are read before units like this one start, and go away in NixOS 26.11. systemctl asks
      # after the new files are in place, without waiting, and only for units that run: what the switch has stopped, since
      # its unit changed too, is started once, by the switch. Only a unit with stopIfChanged = false may restart twice.
      SOPS_RESTART_UNITS_VIA_SYSTEMCTL = "1";
    };

    unitConfig = {
      DefaultDependencies = false;
      # Below %d there is what LoadCredential= of this unit has put there.
      RequiresMountsFor = map systemdWord (lib.filter (path: !isCredential path) installation.keyPaths);
      # Several switches in ten seconds must not end in a unit that systemd refuses to start. Nothing restarts it by itself.
      StartLimitIntervalSec = 0;
    };

    serviceConfig = {
      Type = "oneshot";
      ExecStart = commandLine ([ (executable installation) ] ++ arguments ++ [ manifest ]);
    }
    // sandbox installation;
  };

  isCredential = lib.hasPrefix "%d/";

  # How an age key is made: it appears under its name only when it is complete.
  keyCommands =
    { file, age }:
    map commandLine [
      [
        "${pkgs.coreutils}/bin/mkdir"
        "-p"
        (dirOf file)
      ]
      [
        "${pkgs.coreutils}/bin/rm"
        "-f"
        "${file}.new"
      ]
      [
        (lib.getExe' age "age-keygen")
        "-o"
        "${file}.new"
      ]
      [
        "${pkgs.coreutils}/bin/mv"
        "-nT"
        "${file}.new"
        file
      ]
    ];

  # A file, as opposed to a text.
  isFile = value: builtins.isPath value || lib.hasPrefix "/" value;

  # The condition that a file is not there. Conditions are not split into words.
  absent = file: "!${lib.replaceStrings [ "%" ] [ "%%" ] file}";
in
{
  inherit
    usersUnit
    executable
    commandLine
    systemdWord
    keyCommands
    absent
    isCredential
    isFile
    ;

  # Host keys of a type, to serve as identities; not those that are secrets themselves.
  hostKeys =
    { types, installed }:
    let
      openssh = config.services.openssh;
      made = openssh.enable || (options.services.openssh ? generateHostKeys && openssh.generateHostKeys);
      usable = key: lib.elem key.type types && !lib.any (place: lib.hasPrefix place key.path) installed;
    in
    lib.optionals made (map (key: key.path) (lib.filter usable openssh.hostKeys));

  # Where a private key is. Not a path without quotes: it would be copied to the store, where every user can read it.
  keyPath = lib.types.either lib.types.externalPath (lib.types.strMatching "%d/.+") // {
    description = "absolute path in quotes, not in the Nix store, or one below %d, the credentials of the unit";
  };

  # The primary group of a user, as the configuration declares it.
  groupOf = owner: config.users.users.${owner}.group;

  # What is built by a derivation is not there while the system is evaluated, and asking for it would build it then.
  isBuilt =
    file:
    builtins.isString file
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext file));

  # Activation scripts that say they come after one of these, which units have taken the place of. NixOS puts the whole of
  # them among them, as `script`, which cannot be looked at: with such a script it is an error that names no option.
  scriptsAfter =
    names:
    lib.attrNames (
      lib.filterAttrs (
        _: script: builtins.isAttrs script && lib.intersectLists names (script.deps or [ ]) != [ ]
      ) (removeAttrs config.system.activationScripts [ "script" ])
    );

  # Users whose password is looked for in one of these secrets.
  usersWithPasswordIn =
    secrets:
    let
      paths = lib.mapAttrsToList (_: secret: secret.path) secrets;
    in
    lib.filterAttrs (_: user: lib.elem user.hashedPasswordFile paths) config.users.users;

  # A manifest that the build has checked.
  manifestFile =
    {
      name,
      document,
      checkMode,
      validationPackage,
      # Public keys of the machine, as texts or files: one of them has to open each sops file.
      recipients ? [ ],
    }:
    let
      check = arguments: ''
        ${lib.getExe' validationPackage "sops-install-secrets"} ${arguments} "$out"
      '';
      recipientArgument =
        recipient: if isFile recipient then "-recipient-file=${recipient}" else "-recipient=${recipient}";
    in
    pkgs.writeTextFile {
      inherit name;
      text = builtins.toJSON document;
      checkPhase =
        check "-check-mode=${checkMode}"
        + lib.optionalString (recipients != [ ]) (
          check "-check-mode=recipients ${lib.escapeShellArgs (map recipientArgument recipients)}"
        );
    };

  # The unit of secrets that belong to whomever.
  service =
    installation: manifest:
    lib.mkMerge [
      (baseService installation manifest [ ])
      {
        wantedBy = [ "sysinit.target" ];
        after = [
          "local-fs.target"
          # Owners have to exist. A unit that is not there orders nothing.
          "systemd-sysusers.service"
          "userborn.service"
        ];
        # It starts before sysinit.target too, and reads private keys of WireGuard.
        before = [ "systemd-networkd.service" ];
        serviceConfig.RemainAfterExit = true;
      }
    ];

  # The unit of secrets that the creation of users needs. It can look up no names, so everything is root's.
  #
  # It does not wait for local-fs.target, which waits for the users. It does not remain active either: what is active is
  # stopped at shutdown, after userborn and before the file system with the key, while userborn itself stops only after
  # the file systems (it is ordered before systemd-tmpfiles-setup-dev.service): a cycle. What is not active has no stop
  # job and so no part in it. sysinit-reactivation.target starts the unit at every switch, and without a change the
  # program touches nothing.
  serviceForUsers =
    installation: manifest:
    lib.mkMerge [
      (baseService installation manifest [ "-ignore-passwd" ])
      {
        wantedBy = [ "${usersUnit}.service" ];
        before = [ "${usersUnit}.service" ];
      }
    ];

  # The unit that takes the place of either where a configuration has no such secrets: it takes away those of the
  # configuration before, at the switch. After a boot there are none.
  serviceWithoutSecrets =
    installation: manifest: symlinkPath:
    lib.mkMerge [
      (baseService installation manifest [ "-ignore-passwd" ])
      {
        description = "Remove the secrets of the configuration before";
        unitConfig.ConditionPathIsSymbolicLink = symlinkPath;
      }
    ];

  # An age key that is made once.
  keyService =
    {
      file,
      age,
      before,
    }:
    {
      description = "Generate the age key of this machine";
      inherit before;
      unitConfig = {
        DefaultDependencies = false;
        RequiresMountsFor = systemdWord file;
        ConditionPathExists = absent file;
      };
      enableDefaultPath = false;
      serviceConfig = {
        Type = "oneshot";
        UMask = "0077";
        ExecStart = keyCommands { inherit file age; };
        NoNewPrivileges = true;
        # The folder may belong to another user.
        CapabilityBoundingSet = [ "CAP_DAC_OVERRIDE" ];
        LimitCORE = 0;
        MemorySwapMax = 0;
        # Nothing is mounted here, so this unit can have namespaces. Only the file systems stay as they are: the key may be
        # anywhere.
        PrivateNetwork = true;
        PrivateDevices = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        IPAddressDeny = "any";
        LockPersonality = true;
        MemoryDenyWriteExecute = true;
        RestrictAddressFamilies = "none";
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        SystemCallErrorNumber = "EPERM";
        SystemCallFilter = [
          "@system-service"
          "~@privileged"
          "~@resources"
        ];
      };
    };

  keyScript =
    { file, age }:
    let
      key = shellWord file;
      new = shellWord "${file}.new";
    in
    ''
      if [[ ! -e ${key} ]]; then
        echo "generating the age key of this machine..."
        (
          umask 077
          mkdir -p ${shellWord (dirOf file)}
          rm -f ${new}
          ${lib.getExe' age "age-keygen"} -o ${new}
          mv -nT ${new} ${key}
        )
      fi
    '';

  # The unit of a user. No namespaces and no filters: the user's manager may not be allowed to make the former, and a
  # plugin, gpg or its agent would inherit the latter.
  userService = {
    Type = "oneshot";
    UMask = "0077";
    NoNewPrivileges = true;
    LimitCORE = 0;
  };

  # What home-manager does with it, after the user's systemd has read the new unit. restart also starts it, and works if it
  # was made to remain active.
  userActivation =
    unit:
    let
      systemctl = config.systemd.user.systemctlPath;
    in
    {
      after = [ "reloadSystemd" ];
      before = [ ];
      data = ''
        case "$(${systemctl} --user is-system-running 2>/dev/null || true)" in
        running | degraded | starting)
          run ${systemctl} --user restart ${unit}
          ;;
        *)
          echo "The user's systemd does not run; secrets are installed at the next login."
          ;;
        esac
      '';
    };

  # The call in an activation script. Units are then asked for through the lists that the script's caller reads.
  script =
    installation: manifest: arguments:
    shellCommand (
      shellAssignments (environmentOfScripts installation)
      ++ map shellWord ([ (executable installation) ] ++ arguments ++ [ manifest ])
    )
    + "\n";

  # Decrypts everything in memory before a switch touches anything. NixOS gives the new system and the action; what the
  # program makes of both, and of a machine without keys, is the program's decision.
  preSwitchCheck =
    installation: manifests:
    shellCommand (
      shellAssignments (environmentOfScripts installation)
      ++ [
        (shellWord (executable installation))
        "-pre-switch=\"\${2-}\""
        "-system=\"\${1-}\""
      ]
      ++ map shellWord manifests
    )
    + "\n";

  # Whether that check can be made: a switch is possible at all, no token has to be touched for it, and no key is handed to
  # nobody but the unit.
  canCheckBeforeSwitch =
    installation:
    (config.system.activatable or true)
    && installation.plugins == [ ]
    && !installation.usesAgent
    && !lib.any isCredential installation.keyPaths;
}
