# What is in the wrong order on a NixOS machine: what reads a secret before a unit has installed it, and what is to come
# before such a unit and cannot.
#
# Whoever comes from sops-nix or agenix may have secrets installed by an activation script, before there is any unit. Some
# of what they have then goes on, and some finds no secret, which shows only at the next boot.
{
  lib,
  config,
  here,
  keys,
  text,
  # Of units.nix.
  installation,
  isUsed,
  scripts,
  scriptInstallsForUsers,
  ...
}:
let
  inherit (here) prefix usersUnit;

  unit = "${here.unit}.service";
  unitForUsers = "${here.unit}-for-users.service";

  optionOf = name: "${prefix}.secrets.${lib.strings.escapeNixIdentifier name}";

  # Where secrets are to be found: at their paths and, whatever these are, below the directory of their installation.
  placesOf =
    directory: secrets:
    lib.concatLists (
      lib.mapAttrsToList (
        name: secret:
        map (path: { inherit name path; }) (
          lib.unique [
            secret.path
            "${directory}/${secret.name}"
          ]
        )
      ) secrets
    );
  earlyPlaces = placesOf "${here.directory}-for-users" installation.secretsForUsers;
  regularPlaces = placesOf here.directory installation.secrets;
  templatePlaces = placesOf "${here.directory}/rendered" installation.templates;

  # The place that is this path, or null.
  placeAt = path: lib.findFirst (place: place.path == path) null;

  # Something that reads this path, with what is installed there before users are created and what is later.
  readerOf =
    path: reader:
    reader
    // {
      inherit path;
      early = placeAt path earlyPlaces;
      regular = placeAt path regularPlaces;
    };
  isTooEarly = reader: reader.early == null && reader.regular != null;
  # In the directory of the secrets, and none is there.
  isStray = reader: isInside reader.path && reader.early == null && reader.regular == null;

  # Whether a path is in a directory of the installation, where nothing else puts files.
  isInside =
    path: lib.hasPrefix "${here.directory}/" path || lib.hasPrefix "${here.directory}-for-users/" path;

  # The end of a sentence on a path in such a directory at which there is no secret.
  whatIsMeant =
    path:
    let
      name = lib.removePrefix "${here.directory}/" (lib.removePrefix "${here.directory}-for-users/" path);
      all = installation.secrets // installation.secretsForUsers;
      named = lib.filter (attribute: all.${attribute}.name == name) (lib.attrNames all);
    in
    if named == [ ] then
      text.nearest name (map (secret: secret.name) (lib.attrValues all))
    else
      "; write config.${optionOf (lib.head named)}.path.";

  # Places

  # What is installed at one time has its link in the directory of the other. What comes first makes a directory of what is
  # to be the other's link; what comes later has its link in a generation, and loses it with that.
  misplaced =
    directory: secrets: message:
    lib.optionals (isUsed && installation.secretsForUsers != { }) (
      lib.mapAttrsToList (
        name: secret:
        "${optionOf name}.path is ${secret.path}, in the directory of the secrets that are installed ${message}; remove path, and use config.${optionOf name}.path where the secret is read."
      ) (lib.filterAttrs (_: secret: lib.hasPrefix "${directory}/" secret.path) secrets)
    );
  placeAssertions = failures (
    misplaced here.directory installation.secretsForUsers "later, which could not be made then"
  );
  placeWarnings =
    misplaced "${here.directory}-for-users" installation.secrets
      "before users are created: whenever one of those changes, the link is gone until this one is installed again";

  failures = map (message: {
    assertion = false;
    inherit message;
  });

  # What the first stage has put below /run is there when the secrets are installed, in a directory that is to be a link.
  initrdAssertions =
    let
      places = lib.optionals (config.boot.initrd.enable or true) (
        lib.attrNames (config.boot.initrd.secrets or { })
      );
      directories =
        lib.optional isUsed here.directory
        ++ lib.optional (installation.secretsForUsers != { }) "${here.directory}-for-users";
      # Whoever has met this before may take the directory away at the end of the first stage, or by an activation script.
      isTakenAway = directory: lib.any (removes directory) (initrdCommands ++ scriptTexts);
      removes =
        directory: words:
        text.contains "rm " words && (hasPath directory words || text.contains "${directory}/*" words);
      isInWay =
        path: lib.any (directory: lib.hasPrefix "${directory}/" path && !isTakenAway directory) directories;
      placeOf = path: placeAt path (regularPlaces ++ earlyPlaces);
      wayOut =
        path:
        if placeOf path == null then
          "give it another place there, such as /etc/initrd/${baseNameOf path}"
        else
          "set ${optionOf (placeOf path).name}.path = \"/etc/initrd/${baseNameOf path}\" and write config.${optionOf (placeOf path).name}.path in the place of ${path}";
    in
    map (path: {
      assertion = false;
      message = "boot.initrd.secrets (or boot.initrd.network.ssh.hostKeys) has ${path}, which is there from the first stage on, so that at each boot it stands in the way of all secrets; ${wayOut path}.";
    }) (lib.filter isInWay places);

  # What the first stage runs, as far as it can be told.
  initrdCommands =
    let
      initrd = config.boot.initrd;
      commandsOf =
        service:
        [ (service.script or "") ]
        ++ lib.concatMap (name: map toString (lib.toList (service.serviceConfig.${name} or [ ]))) [
          "ExecStart"
          "ExecStartPre"
          "ExecStartPost"
          "ExecStop"
        ];
    in
    [
      (initrd.postMountCommands or "")
    ]
    ++ lib.concatMap commandsOf (lib.attrValues (initrd.systemd.services or { }));

  # Activation scripts

  # Without a shell there are none.
  runsScripts = !(config.system.nixos-init.enable or false);

  # NixOS puts the whole of them among them, as `script`, which cannot be looked at: with a script that is an error it ends
  # in one that names no option.
  allScripts = removeAttrs config.system.activationScripts [ "script" ];

  scriptOption = name: "system.activationScripts.${lib.strings.escapeNixIdentifier name}";

  # Scripts that units have taken the place of, each with the unit, or null if there is nothing to install.
  formerScripts =
    let
      regular = lib.optionalAttrs (!(isUsed && installation.byScript));
      key = lib.optionalAttrs (!(keys.generated != null && scripts));
    in
    regular (lib.genAttrs here.scripts.former (_: if isUsed then unit else null))
    // lib.optionalAttrs (!scriptInstallsForUsers) {
      ${here.scripts.forUsers} = if installation.secretsForUsers != { } then unitForUsers else null;
    }
    // key {
      ${here.scripts.key} = if keys.generated != null then "${here.keyUnit}.service" else null;
    };

  # Of `setupSecrets.deps = [ "persist" ];` only the deps are left where a unit does the work. NixOS then ends in an error on
  # the text, which says nothing of that.
  scriptsWithoutText = lib.filterAttrs (
    name: _:
    builtins.isAttrs (allScripts.${name} or "") && !(builtins.tryEval allScripts.${name}.text).success
  ) formerScripts;

  textAssertions = lib.mapAttrsToList (name: unit: {
    assertion = false;
    message =
      "${scriptOption name} is set, but "
      + (
        if unit == null then
          "this configuration does not need this script; remove the definition."
        else if !here.isSops && scriptInstallsForUsers then
          "${unit} does what this script did, later than every activation script, so what its deps name has run by then; remove the definition, and if the passwords need it too, which a script installs, define ${scriptOption here.scripts.forUsers}.deps."
        else
          "${unit} does what this script did, later than every activation script, so what its deps name has run by then; remove the definition."
      );
  }) (lib.optionalAttrs runsScripts scriptsWithoutText);

  scriptsWithText = removeAttrs allScripts (lib.attrNames scriptsWithoutText);

  # Scripts that say they come after one of those.
  scriptsAfter =
    let
      former = lib.attrNames formerScripts;
      named = script: lib.intersectLists former (script.deps or [ ]);
    in
    lib.optionalAttrs runsScripts (
      lib.filterAttrs (_: names: names != [ ]) (
        lib.mapAttrs (_: script: if builtins.isAttrs script then named script else [ ]) scriptsWithText
      )
    );

  # What creates the users reads nothing but passwords, which are installed before it.
  scriptMessage =
    name: former:
    let
      unit = formerScripts.${lib.head former};
    in
    "${scriptOption name}: deps has ${lib.head former}, but "
    + (
      if unit == null then
        "in this configuration there is no such script; remove it."
      else
        "${
          if lib.head former == here.scripts.key then "the key is made" else "the secrets are installed"
        } by ${unit}, later than any activation script; "
        + (
          if name == "users" && here.isSops then
            "remove it, and set sops.secrets.<name>.neededForUsers = true for each secret that is a hashedPasswordFile."
          else if name == "users" then
            "remove it: a secret that is a hashedPasswordFile is installed before users are created."
          else if here.isSops && usersUnit == null then
            "make it a service, or set sops.useSystemdActivation = false."
          else
            "make it a service."
        )
    );

  # Whoever has written a script of that name has it still, and what comes after it runs.
  hasOwn = _: former: lib.all (script: scriptsWithText ? ${script}) former;
  scriptAssertions = failures (
    lib.mapAttrsToList scriptMessage (lib.filterAttrs (name: former: !hasOwn name former) scriptsAfter)
  );
  scriptWarnings = lib.mapAttrsToList scriptMessage (lib.filterAttrs hasOwn scriptsAfter);

  # Scripts that have the path of something that a unit installs. Whether they read it cannot be told.
  readingWarnings =
    let
      late =
        lib.optionals (!installation.byScript) (
          map (place: place // { inherit unit; }) (regularPlaces ++ templatePlaces)
        )
        ++ lib.optionals (!scriptInstallsForUsers) (
          map (place: place // { unit = unitForUsers; }) earlyPlaces
        );
      directory = {
        inherit unit;
        path = "${here.directory}/";
      };
      # Whole directories come last: only where no secret is named.
      found =
        words:
        lib.findFirst (place: hasPath place.path words) (
          if !installation.byScript && text.contains directory.path words then directory else null
        ) late;
      # Those of NixOS are long, and name no secret but as a password of a user.
      read = removeAttrs allScripts [
        "etc"
        "users"
      ];
      finds = lib.filterAttrs (_: place: place != null) (
        lib.mapAttrs (_: script: found (textOf script)) read
      );
    in
    lib.optionals (runsScripts && late != [ ]) (
      lib.mapAttrsToList (
        name: place:
        "${scriptOption name} has the path ${place.path}, and ${place.unit} installs that later than any activation script: at boot nothing is there yet, and at a switch it is still as before. If the script reads it, make it a service."
      ) finds
    );

  textOf =
    script:
    let
      words = builtins.tryEval (if builtins.isString script then script else script.text or "");
    in
    if words.success then words.value else "";

  scriptTexts = lib.optionals runsScripts (map textOf (lib.attrValues allScripts));

  # Whether words have this path, and not only one that goes on.
  hasPath =
    path: words:
    let
      plain = builtins.unsafeDiscardStringContext path;
    in
    text.contains plain words
    && lib.any (rest: builtins.match "[A-Za-z0-9_./-].*" (lib.substring 0 1 rest) == null) (
      lib.tail (lib.splitString plain words)
    );

  # Passwords

  # Of a password at which there is no secret NixOS only says so while it activates, and the user has none then.
  passwordWarnings =
    let
      passwords = lib.mapAttrsToList (
        name: user: readerOf user.hashedPasswordFile { option = passwordOption name; }
      ) (lib.filterAttrs (_: user: user.hashedPasswordFile != null) config.users.users);
    in
    map (
      password:
      "${password.option} is ${password.path}, where no secret is, so the user has no password${whatIsMeant password.path}"
    ) (lib.filter isStray passwords)
    ++ map (
      password:
      "${password.option} is ${password.path}, a secret that is installed after users are created; set ${optionOf password.regular.name}.neededForUsers = true."
    ) (lib.filter isTooEarly passwords);

  passwordOption = name: "users.users.${lib.strings.escapeNixIdentifier name}.hashedPasswordFile";

  # Disks and file systems

  # The lines of /etc/crypttab. Disks of the first stage are not among them.
  disks =
    let
      crypttab = config.environment.etc.crypttab or { };
      lines = lib.splitString "\n" (
        if crypttab.enable or true && crypttab.text or null != null then crypttab.text else ""
      );
      wordsOf =
        line: lib.filter (word: builtins.isString word && word != "") (builtins.split "[ \t]+" line);
      diskOf =
        words:
        readerOf (lib.elemAt words 2) {
          name = lib.head words;
          options = lib.splitString "," (lib.concatStrings (lib.drop 3 words));
        };
    in
    map diskOf (
      lib.filter (words: lib.length words >= 3 && !lib.hasPrefix "#" (lib.head words)) (map wordsOf lines)
    );

  # As systemd-cryptsetup-generator(8) names it.
  unitOfDisk =
    disk:
    let
      characters = lib.stringToCharacters " !\"#$%&'()*+,;<=>?@[\\]^`{|}~-";
      escaped = lib.replaceStrings [ "/" ] [ "-" ] (lib.strings.escapeC characters disk.name);
    in
    "systemd-cryptsetup@${
      if lib.hasPrefix "." escaped then
        lib.strings.escapeC [ "." ] "." + lib.substring 1 (-1) escaped
      else
        escaped
    }";

  # Those that are opened before the file systems are mounted, for which the unit of all other secrets waits.
  lateDisks =
    let
      after = name: config.systemd.services.${name}.after or [ ];
      before = config.systemd.services.${here.unit}.before or [ ];
      isOrdered =
        disk:
        lib.elem unit (after (unitOfDisk disk) ++ after "systemd-cryptsetup@")
        || lib.elem "${unitOfDisk disk}.service" before
        || lib.elem "cryptsetup-pre.target" before;
      isLater =
        disk:
        hasOption disk [
          "_netdev"
          "noauto"
        ];
    in
    lib.filter (disk: isTooEarly disk && !isLater disk && !isOrdered disk) (
      lib.optionals (!installation.byScript) disks
    );

  hasOption =
    disk: names: lib.any (option: lib.elem (lib.head (lib.splitString "=" option)) names) disk.options;

  diskMessage =
    end: disk:
    "environment.etc.crypttab opens ${disk.name} with ${disk.path}, which ${unit} installs only after the file systems are mounted, so ${end}; set ${optionOf disk.regular.name}.neededForUsers = true, which installs it before.";

  # Those without which the boot goes on, at once or after a while, and those for which it waits.
  parted = lib.partition (
    disk:
    hasOption disk [
      "headless"
      "nofail"
      "timeout"
    ]
  ) lateDisks;

  diskAssertions = failures (
    map (diskMessage "the boot waits for a passphrase, and ends in emergency mode") parted.wrong
  );

  diskWarnings =
    map (diskMessage "it stays closed until somebody types its passphrase") parted.right
    ++ map (
      disk:
      "environment.etc.crypttab opens ${disk.name} with ${disk.path}, where no secret is${whatIsMeant disk.path}"
    ) (lib.filter isStray disks);

  # File systems that are mounted before that unit and have a secret among their options, or as their device.
  mountWarnings =
    let
      isLate =
        fileSystem:
        !(fileSystem.neededForBoot or false)
        && !lib.elem (lib.removePrefix "fuse." (fileSystem.fsType or "auto")) networkFileSystems
        && !lib.any (option: lib.elem option waitingOptions) (optionsOf fileSystem);
      # Some have several in one text.
      optionsOf = fileSystem: lib.concatMap (lib.splitString ",") (fileSystem.options or [ ]);
      wordsOf = fileSystem: fileSystem.options or [ ] ++ [ (toString (fileSystem.device or "")) ];
      secretOf =
        fileSystem:
        lib.findFirst (place: lib.any (hasPath place.path) (wordsOf fileSystem)) null (
          regularPlaces ++ map (place: place // { isTemplate = true; }) templatePlaces
        );
      wayOut =
        place:
        if place.isTemplate or false then
          "add \"x-systemd.automount\" to the options, or \"_netdev\" if it comes over the network"
        else
          "set ${optionOf place.name}.neededForUsers = true, which installs it before, or add \"_netdev\" to the options if it comes over the network";
      late = lib.filter ({ place, ... }: place != null) (
        lib.mapAttrsToList (_: fileSystem: {
          inherit (fileSystem) mountPoint;
          place = secretOf fileSystem;
        }) (lib.filterAttrs (_: isLate) (config.fileSystems or { }))
      );
    in
    lib.optionals (!installation.byScript) (
      map (
        { mountPoint, place }:
        "fileSystems.\"${mountPoint}\" has ${place.path}, which ${unit} installs only after such file systems are mounted; ${wayOut place}."
      ) late
    );

  # Files below /etc that are themselves such a secret or template, and that systemd and udev read before there is any unit.
  # What an activation script installs is there by then.
  etcWarnings =
    let
      isReadEarly =
        name:
        lib.elem name [
          "crypttab"
          "fstab"
        ]
        || lib.hasPrefix "systemd/network/" name && lib.hasSuffix ".link" name
        || lib.any (directory: lib.hasPrefix "${directory}/" name) [
          "modprobe.d"
          "modules-load.d"
          "sysctl.d"
          "systemd/system"
          "systemd/system.conf.d"
          "udev/rules.d"
        ];
      read = lib.filterAttrs (name: file: isReadEarly name && file.enable or true) (
        config.environment.etc or { }
      );
      pathOf = file: toString (file.source or "");
      late = lib.filterAttrs (_: path: placeAt path (regularPlaces ++ templatePlaces) != null) (
        lib.mapAttrs (_: pathOf) read
      );
    in
    lib.optionals (!installation.byScript) (
      lib.mapAttrsToList (
        name: path:
        "environment.etc.${lib.strings.escapeNixIdentifier name} is ${path}, which ${unit} installs only after /etc/${name} has been read, so at boot it counts for nothing; give it a text without secrets, if need be with the paths of secrets that have neededForUsers."
      ) late
    );

  # systemd mounts these after the network is there, and so after that unit.
  networkFileSystems = [
    "afs"
    "ceph"
    "cifs"
    "davfs"
    "gfs"
    "gfs2"
    "glusterfs"
    "lustre"
    "ncp"
    "ncpfs"
    "nfs"
    "nfs4"
    "ocfs2"
    "pvfs2"
    "smb3"
    "smbfs"
    "sshfs"
  ];

  # Such a file system comes later, or only when somebody asks for it. With "nofail" nothing waits for it, but it is mounted no
  # later, and once only.
  waitingOptions = [
    "_netdev"
    "noauto"
    "x-systemd.automount"
    "x-systemd.after=${unit}"
    "x-systemd.requires=${unit}"
  ];

  # Units

  # Whether the whole of a service is in this configuration, and not only a part that is added to a unit of systemd or of a
  # package, which may say elsewhere how early it is.
  isWhole =
    name: service:
    let
      commands = lib.toList (service.serviceConfig.ExecStart or service.script or "");
    in
    # An empty command at the beginning takes away those of such a unit.
    lib.head (commands ++ [ "" ]) != ""
    && service.overrideStrategy or "" != "asDropin"
    && !lib.hasPrefix "systemd-" name
    && !lib.hasInfix "@" name
    && !lib.elem "${name}.service" (config.systemd.additionalUpstreamSystemUnits or [ ]);

  # Whether a service is after sysinit.target, as each is that does not say otherwise.
  isLateService =
    name: service:
    service.enable or true
    && isWhole name service
    && !lib.elem (service.unitConfig.DefaultDependencies or true) [
      false
      "false"
      "no"
      "off"
      0
      "0"
    ];

  # What comes after sysinit.target, unless somebody has made it earlier, or, of the network, only systemd-networkd brings it up.
  lateUnits = [
    "network-online.target"
    "pcscd.service"
    "pcscd.socket"
  ];

  # What a boot starts in almost every configuration.
  bootTargets = [
    "basic.target"
    "default.target"
    "graphical.target"
    "local-fs.target"
    "multi-user.target"
    "network-online.target"
    "network-pre.target"
    "network.target"
    "remote-fs.target"
    "sockets.target"
    "sysinit.target"
    "timers.target"
  ];

  # What is to come before a unit of ours, which is before sysinit.target, and is started at boot: a cycle, for which systemd
  # leaves one of them out. What our unit itself starts is certain to be.
  cyclesOf =
    name:
    let
      ours = config.systemd.services.${name};
      pulled = ours.wants or [ ] ++ ours.requires or [ ] ++ ours.bindsTo or [ ];
      isBefore =
        other: service:
        lib.elem "${other}.service" (ours.after or [ ])
        || lib.elem "${name}.service" (service.before or [ ]);
      starters = service: service.wantedBy or [ ] ++ service.requiredBy or [ ];
      isPulled =
        other: service: lib.elem "${other}.service" pulled || lib.elem "${name}.service" (starters service);
      isStarted =
        other: service: !isPulled other service && lib.intersectLists bootTargets (starters service) != [ ];
      isInCycle = other: service: other != name && isBefore other service && isLateService other service;
      inCycle = lib.filterAttrs isInCycle config.systemd.services;
      # One of the early ones that waits for what is late is in a cycle as well.
      waits =
        other: service:
        other != name
        && isBefore other service
        && !isLateService other service
        && service.enable or true
        && (lib.intersectLists bootTargets (starters service) != [ ] || isPulled other service);
      neededBy =
        service:
        lib.intersectLists lateUnits (
          lib.intersectLists (service.after or [ ]) (
            service.wants or [ ] ++ service.requires or [ ] ++ service.bindsTo or [ ]
          )
        );
      waiting = lib.filterAttrs (
        other: service: waits other service && neededBy service != [ ]
      ) config.systemd.services;
      late = "have the secrets come later (docs/everyday.md, \"A key that comes late\")";
      messages =
        isMeant:
        lib.mapAttrsToList (
          other: _:
          "${serviceOption other} is to come before ${name}.service, which is before sysinit.target, but comes after that as every service does: at boot systemd leaves one of the two out; set ${serviceOption other}.unitConfig.DefaultDependencies = false, or ${late}."
        ) (lib.filterAttrs isMeant inCycle);
    in
    lib.optionalAttrs
      (config.systemd.services ? ${name} && lib.elem "sysinit.target" (ours.before or [ ]))
      {
        certain = messages isPulled;
        likely =
          messages isStarted
          ++ map (
            other:
            "${serviceOption name}.after has ${other}, but ${name}.service is before sysinit.target and ${other} mostly after it: then systemd leaves one of the two out at boot; ${late}."
          ) (lib.intersectLists lateUnits (lib.intersectLists pulled (ours.after or [ ])))
          ++ lib.mapAttrsToList (
            other: service:
            "${serviceOption other} is to come before ${name}.service, which is before sysinit.target, and after ${lib.head (neededBy service)}, which is mostly after it: then systemd leaves one of them out at boot; ${late}."
          ) waiting;
      };

  serviceOption = name: "systemd.services.${lib.strings.escapeNixIdentifier name}";

  # A unit that only takes away the secrets of the configuration before is not started at boot.
  cycles = map cyclesOf (
    lib.optional isUsed here.unit
    ++ lib.optional (installation.secretsForUsers != { }) "${here.unit}-for-users"
  );

  cycleAssertions = failures (lib.concatMap (cycle: cycle.certain or [ ]) cycles);

  cycleWarnings = lib.concatMap (cycle: cycle.likely or [ ]) cycles;
in
{
  # In every configuration, also in one without secrets.
  inherit textAssertions;

  assertions =
    placeAssertions ++ initrdAssertions ++ scriptAssertions ++ diskAssertions ++ cycleAssertions;

  warnings =
    placeWarnings
    ++ scriptWarnings
    ++ readingWarnings
    ++ passwordWarnings
    ++ diskWarnings
    ++ mountWarnings
    ++ etcWarnings
    ++ cycleWarnings;

  # What opens a disk with one of the secrets that users need. It is early enough for that, but nothing else says so.
  disksAfter = map (disk: "${unitOfDisk disk}.service") (lib.filter (disk: disk.early != null) disks);
}
