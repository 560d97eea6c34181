# The units, the scripts and the check before a switch of a NixOS machine, for sops and for agenix.
{
  lib,
  config,
  options,
  cfg,
  here,
  keys,
  manifests,
  mock,
  mounts,
  text,
  ...
}@parts:
let
  inherit (text)
    commandLine
    isCredential
    shellAssignments
    shellCommand
    shellWord
    systemdWord
    ;

  inherit (here) prefix usersUnit;

  # What is installed.
  installation = rec {
    # Before services.
    secrets = lib.filterAttrs (_: secret: !secret.neededForUsers) mock.secrets;
    inherit (cfg) templates;
    manifest = manifests.make { inherit secrets templates; };

    # Before users are created.
    secretsForUsers = here.earlySecrets mock.secrets;
    manifestForUsers = manifests.make {
      suffix = "-for-users";
      secrets = secretsForUsers;
    };

    # By an activation script, and not by a unit.
    byScript = here.isSops && !cfg.useSystemdActivation;
  };

  order = import ./order.nix (
    parts
    // {
      inherit
        installation
        isUsed
        scripts
        scriptInstallsForUsers
        ;
    }
  );

  executable = lib.getExe' here.package "sops-install-secrets";

  # sops looks for SSH keys of the user whose home this is; the machine's secrets must not depend on root's own keys.
  environment = {
    HOME = "/var/empty";
  }
  // lib.filterAttrs (name: _: !(mock.isUsed && isOfKeys name)) cfg.environment;

  # With values that are made up, no real key is read.
  isOfKeys = name: name == "GNUPGHOME" || lib.hasPrefix "SOPS_AGE_" name;

  environmentOfScripts = environment // {
    PATH = lib.makeBinPath keys.plugins;
  };

  # gpg, and so perhaps its agent or a smart card.
  usesAgent = here.isSops && (cfg.gnupg.home != null && !mock.isUsed || environment ? GNUPGHOME);
  printsKey = environment ? SOPS_AGE_KEY_CMD || environment ? SOPS_AGE_SSH_PRIVATE_KEY_CMD;

  # What a unit with secrets in its memory is not allowed, even if it needs the network or devices.
  confinement = {
    NoNewPrivileges = true;
    LimitCORE = 0;
    MemorySwapMax = 0;
    LockPersonality = true;
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
  };

  # The sandbox. The program mounts a file system that every later process is to see, so nothing here may give the unit
  # a mount namespace of its own: inside one, the secrets would be installed, the unit would succeed, and no service would
  # find them. That rules out ProtectSystem=, ProtectHome=, PrivateTmp=, PrivateDevices=, PrivateMounts=,
  # ProtectKernelTunables=, ProtectKernelModules=, ProtectKernelLogs=, ProtectControlGroups=, ProtectProc=,
  # ReadOnlyPaths= and their like, and PrivateNetwork= too, which implies PrivateMounts= (systemd.exec(5)).
  # What is left are capabilities, seccomp filters and limits.
  sandbox =
    let
      # A plugin or a command that prints a key may talk to a token, a TPM or a server, and gpg to a smart card: only they
      # know what they need.
      alone = keys.plugins == [ ] && !usesAgent && !printsKey;
    in
    confinement
    // {
      # Secrets have their modes whatever this is; directories that are made on the way to a link are for everybody.
      UMask = "0022";
      CapabilityBoundingSet = [
        "CAP_SYS_ADMIN" # mount
        "CAP_CHOWN"
        "CAP_FOWNER" # chmod what has just been given away
        "CAP_DAC_OVERRIDE" # keys that belong to others, links in directories of others
        "CAP_IPC_LOCK" # no secret is swapped out while it is in the program's memory
      ];
      # Of the group @resources only what a process does to its own limits, and of @mount only what mounts: the first two,
      # and the others where one file system takes the place of another.
      SystemCallFilter = [
        "@system-service"
        "~@resources"
        "prlimit64"
        "setrlimit"
        "mount"
        "umount2"
        "fsopen"
        "fsconfig"
        "fsmount"
        "move_mount"
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

  baseService = privateKeys: secrets: manifest: arguments: {
    wants = lib.optional (keys.generated != null) "${here.keyUnit}.service";
    after = lib.optional (keys.generated != null) "${here.keyUnit}.service";
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
    path = [ config.systemd.package ] ++ keys.plugins;
    environment = environment // {
      # The lists below /run/nixos are read before units like this one start, and go away in NixOS 26.11. systemctl asks
      # after the new files are in place, without waiting, and only for units that run: what the switch has stopped, since
      # its unit changed too, is started once, by the switch. Only a unit with stopIfChanged = false may restart twice.
      SOPS_RESTART_UNITS_VIA_SYSTEMCTL = "1";
    };

    unitConfig = {
      DefaultDependencies = false;
      # Below %d there is what LoadCredential= of this unit has put there.
      RequiresMountsFor = map systemdWord (
        lib.filter (path: !isCredential path && !text.isInStore path) privateKeys
        ++ filesOutsideStore secrets
      );
      # Several switches in ten seconds must not end in a unit that systemd refuses to start. Nothing restarts it by itself.
      StartLimitIntervalSec = 0;
    };

    serviceConfig = {
      Type = "oneshot";
      ExecStart = commandLine ([ executable ] ++ arguments ++ [ manifest ]);
    }
    // lib.optionalAttrs cfg.mock.enable { SyslogIdentifier = "MOCK-${here.unit}"; }
    // sandbox;
  };

  allKeys = map (key: key.path) keys.all;

  # The mount of a key that comes after the users waits for them, and with it they would wait for it. If there is no other
  # key, checks.nix says so.
  keysForUsers =
    let
      early = lib.filter (path: !mounts.isLate path) allKeys;
    in
    if early == [ ] then allKeys else early;

  # Sops files that the build does not put into the store.
  filesOutsideStore =
    secrets:
    lib.unique (lib.filter (file: !text.isInStore file) (map text.sourceOf (lib.attrValues secrets)));

  # The unit of secrets with any owner.
  service = lib.mkMerge [
    (baseService allKeys installation.secrets installation.manifest [ ])
    {
      description = "Install secrets";
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
  serviceForUsers = lib.mkMerge [
    (baseService keysForUsers installation.secretsForUsers installation.manifestForUsers [
      "-ignore-passwd"
    ])
    {
      description = "Install secrets that the creation of users needs";
      wantedBy = [ "${usersUnit}.service" ];
      before = [ "${usersUnit}.service" ] ++ order.disksAfter;
    }
  ];

  # The unit that takes the place of either where a configuration has no such secrets: it takes away those of the
  # configuration before, at the switch. After a boot there are none.
  serviceWithoutSecrets =
    manifest: symlinkPath:
    lib.mkMerge [
      (baseService allKeys { } manifest [ "-ignore-passwd" ])
      {
        description = "Remove the secrets of the configuration before";
        unitConfig.ConditionPathIsSymbolicLink = symlinkPath;
      }
    ];

  # An age key that is made once.
  keyService = {
    description = "Generate the age key of this machine";
    before = [
      "${here.unit}.service"
      "${here.unit}-for-users.service"
    ];
    unitConfig = {
      DefaultDependencies = false;
      RequiresMountsFor = systemdWord keys.generated;
      ConditionPathExists = text.absent keys.generated;
    };
    enableDefaultPath = false;
    serviceConfig = confinement // {
      Type = "oneshot";
      UMask = "0077";
      ExecStart = keys.commands;
      # The folder may belong to another user.
      CapabilityBoundingSet = [ "CAP_DAC_OVERRIDE" ];
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
      MemoryDenyWriteExecute = true;
      RestrictAddressFamilies = "none";
      SystemCallFilter = [
        "@system-service"
        "~@privileged"
        "~@resources"
      ];
    };
  };

  # The call in an activation script. Units are then asked for through the lists that the script's caller reads.
  script =
    manifest: arguments:
    shellCommand (
      shellAssignments environmentOfScripts ++ map shellWord ([ executable ] ++ arguments ++ [ manifest ])
    )
    + "\n";

  # Decrypts everything in memory before a switch touches anything. NixOS gives the new system and the action; what the
  # program makes of both, and of a machine without keys, is the program's decision.
  preSwitchCheck =
    manifests:
    shellCommand (
      shellAssignments environmentOfScripts
      ++ [
        (shellWord executable)
        "-pre-switch=\"\${2-}\""
        "-system=\"\${1-}\""
      ]
      ++ map shellWord manifests
    )
    + "\n";

  # Whether that check can be made: a switch is possible at all, no token has to be touched, and no key is one that only the
  # unit gets.
  canCheckBeforeSwitch =
    (config.system.activatable or true)
    && keys.plugins == [ ]
    && !usesAgent
    && !lib.any (key: isCredential key.path) keys.all;

  # systemd-sysusers makes no user at all if the file of one password is missing, as at a first boot without a key. With a
  # password that lets no one in as its default, everybody is made.
  lockedPasswords =
    secretsForUsers:
    let
      users = lib.filterAttrs (
        _: user: user.initialHashedPassword or null == null && user.initialPassword or null == null
      ) (usersWithPasswordIn secretsForUsers);
    in
    lib.mapAttrsToList (name: _: "passwd.hashed-password.${name}:!*") users;

  # Users whose password is looked for in one of these secrets.
  usersWithPasswordIn =
    secrets:
    let
      paths = lib.mapAttrsToList (_: secret: secret.path) secrets;
    in
    lib.filterAttrs (_: user: lib.elem user.hashedPasswordFile paths) config.users.users;

  isUsed = installation.secrets != { } || installation.templates != { };

  # Whether an activation script installs what users need: a unit would come too late for another script.
  scriptInstallsForUsers = installation.secretsForUsers != { } && usersUnit == null;

  scripts = isUsed && installation.byScript || scriptInstallsForUsers;

  regularUnit =
    if isUsed then service else serviceWithoutSecrets installation.manifest here.directory;

  unitForUsers =
    if installation.secretsForUsers != { } then
      serviceForUsers
    else
      serviceWithoutSecrets installation.manifestForUsers "${here.directory}-for-users";
in
{
  inherit
    installation
    scripts
    isUsed
    ;

  # Host keys of some types, to serve as identities. One that is a secret itself cannot decrypt itself.
  hostKeys =
    types:
    let
      installed = [ here.directory ] ++ lib.mapAttrsToList (_: secret: secret.path) cfg.secrets;
      openssh = config.services.openssh;
      made = openssh.enable || (options ? services.openssh.generateHostKeys && openssh.generateHostKeys);
      usable = key: lib.elem key.type types && !lib.any (place: text.isAt place key.path) installed;
    in
    lib.optionals made (map (key: key.path) (lib.filter usable openssh.hostKeys));

  # What becomes of it. The sets of options are known before any of them is looked at.
  definitions = [
    (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
      environment.systemPackages = [ here.package ];
    })

    # Where the program looks if it is given none, for an administrator who wants a dry run or the status; if both sops and
    # agenix are used, it finds that of sops there.
    (lib.mkIf isUsed {
      environment.etc."${here.origin}/manifest.json".source = installation.manifest;
    })
    (lib.mkIf (isUsed && !here.isSops) {
      environment.etc."sops-nix/manifest.json".source = lib.mkOverride 1400 installation.manifest;
    })
    (lib.mkIf (installation.secretsForUsers != { }) {
      environment.etc."${here.origin}/manifest-for-users.json".source = installation.manifestForUsers;
    })

    (lib.mkIf (!(isUsed && installation.byScript)) {
      systemd.services.${here.unit} = regularUnit;
    })
    (lib.mkIf (!scriptInstallsForUsers) {
      systemd.services."${here.unit}-for-users" = unitForUsers;
    })
    # A new password has to get to the accounts in the same switch.
    (lib.mkIf (installation.secretsForUsers != { } && usersUnit != null) {
      systemd.services.${toString usersUnit}.restartTriggers = [ installation.manifestForUsers ];
    })
    (lib.mkIf (installation.secretsForUsers != { } && usersUnit == "systemd-sysusers") {
      systemd.services.systemd-sysusers.serviceConfig.SetCredential =
        lockedPasswords installation.secretsForUsers;
    })

    (lib.mkIf (isUsed && installation.byScript) {
      system.activationScripts.${here.scripts.secrets} = {
        supportsDryActivation = true;
        deps = [
          "specialfs"
          "users"
          "groups"
        ]
        ++ lib.optional (keys.generated != null) here.scripts.key;
        text = script installation.manifest [ ];
      };
    })
    (lib.mkIf scriptInstallsForUsers {
      system.activationScripts = {
        ${here.scripts.forUsers} = {
          supportsDryActivation = true;
          deps = [ "specialfs" ] ++ lib.optional (keys.generated != null) here.scripts.key;
          text = script installation.manifestForUsers [ "-ignore-passwd" ];
        };
        users.deps = [ here.scripts.forUsers ];
      };
    })

    (lib.mkIf (cfg.secrets != { } && keys.generated != null) (
      lib.mkMerge [
        (lib.mkIf scripts {
          system.activationScripts.${here.scripts.key}.text = keys.script;
        })
        (lib.mkIf (!scripts) {
          systemd.services.${here.keyUnit} = keyService;
        })
      ]
    ))

    (lib.optionalAttrs (options ? system.preSwitchChecks) {
      system.preSwitchChecks = lib.mkIf (cfg.secrets != { } && canCheckBeforeSwitch) {
        ${here.unit} = preSwitchCheck (
          lib.optional (installation.secretsForUsers != { }) installation.manifestForUsers
          ++ lib.optional isUsed installation.manifest
        );
      };
    })

    # A virtual machine of this system has none of its keys.
    (lib.optionalAttrs (options ? virtualisation.vmVariant) {
      virtualisation.vmVariant.${prefix}.mock.enable = lib.mkDefault true;
    })
    (lib.optionalAttrs (options ? virtualisation.vmVariantWithBootLoader) {
      virtualisation.vmVariantWithBootLoader.${prefix}.mock.enable = lib.mkDefault true;
    })

    { assertions = order.textAssertions; }
    (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
      assertions = order.assertions;
      warnings = order.warnings;
    })
    {
      warnings =
        lib.optional (scriptInstallsForUsers && lib.versionAtLeast lib.trivial.release "26.11")
          "An activation script creates the users and another one installs the secrets that they need; NixOS warns of such scripts from 26.11 on. services.userborn.enable = true makes units of both, and removes this warning and that of NixOS."
        ++
          lib.optional (installation.secretsForUsers != { } && usersUnit == "systemd-sysusers")
            "systemd.sysusers.enable is set: systemd-sysusers sets a password when it creates the account and never again, so a new value of a secret with neededForUsers does not change a password, and an account that was created without its password has none until it is given one by hand. services.userborn.enable has neither fault.";
    }
  ];
}
