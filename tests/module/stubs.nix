# The options of NixOS and home-manager that the modules read or define, and the parts of nixpkgs that they use.
# Types are those of nixpkgs as far as a wrong definition would be an error there.
{ lib }:
let
  inherit (lib) mkOption types;

  option = type: default: mkOption { inherit type default; };
  flag = option types.bool false;
  anything = option (types.attrsOf types.anything) { };
  words = option (types.listOf types.str) [ ];

  # A derivation that is never built: its path tells it from others, its text can be read.
  derivation =
    name: attributes:
    {
      type = "derivation";
      inherit name;
      outPath = "/nix/store/${
        builtins.substring 0 32 (builtins.hashString "sha256" "${name}${attributes.text or ""}")
      }-${name}";
    }
    // attributes;

  service = types.submodule {
    options = {
      description = option types.singleLineStr "";
      script = option types.lines "";
      reload = option types.lines "";
      after = words;
      before = words;
      wants = words;
      wantedBy = words;
      requiredBy = words;
      requires = words;
      conflicts = words;
      path = option (types.listOf types.package) [ ];
      environment = option (types.attrsOf (types.nullOr (types.either types.str types.path))) { };
      restartTriggers = option (types.listOf types.unspecified) [ ];
      enable = option types.bool true;
      enableDefaultPath = option types.bool true;
      overrideStrategy = option (types.enum [
        "asDropin"
        "asDropinIfExists"
      ]) "asDropinIfExists";
      unitConfig = anything;
      serviceConfig = anything;
    };
  };

  script = types.submodule {
    options = {
      deps = words;
      # It has no default: a script of which there are only deps is an error.
      text = mkOption { type = types.lines; };
      supportsDryActivation = flag;
    };
  };

  hostKey = type: {
    inherit type;
    path = "/etc/ssh/ssh_host_${type}_key";
  };

  user =
    { config, name, ... }:
    {
      options = {
        name = option types.str name;
        group = option types.str (if config.isNormalUser then "users" else "");
        isNormalUser = flag;
        isSystemUser = flag;
        home = option types.path "/var/empty";
        hashedPasswordFile = option (types.nullOr types.str) null;
      };
    };

  group =
    { name, ... }:
    {
      freeformType = types.attrsOf types.anything;
      options.name = option types.str name;
    };

  fileSystem =
    { name, ... }:
    {
      freeformType = types.attrsOf types.anything;
      options = {
        mountPoint = option types.str name;
        neededForBoot = flag;
      };
    };

  common = {
    options = {
      assertions = option (types.listOf types.unspecified) [ ];
      warnings = option (types.listOf types.str) [ ];
    };
  };

  # As in NixOS, but for what they do. Where a unit creates the users, the scripts are empty.
  scriptsForUsers =
    { config, ... }:
    {
      system.activationScripts = {
        users =
          if config.services.userborn.enable || config.systemd.sysusers.enable then
            ""
          else
            {
              text = "";
              supportsDryActivation = true;
            };
        groups = lib.stringAfter [ "users" ] "";
      };
    };

  # As in NixOS: a part that is added to the unit of systemd.
  systemdSysusers =
    { config, lib, ... }:
    let
      etc = config.system.etc.overlay;
    in
    {
      systemd = lib.mkIf config.systemd.sysusers.enable {
        additionalUpstreamSystemUnits = [ "systemd-sysusers.service" ];
        services.systemd-sysusers = {
          unitConfig.ConditionNeedsUpdate = [ "" ];
          requiredBy = [ "sysinit-reactivation.target" ];
          before = [ "sysinit-reactivation.target" ];
          serviceConfig.ExecStart = lib.mkIf (etc.enable && !etc.mutable) [
            ""
            "/bin/systemd-sysusers --root /var/lib/nixos /etc/sysusers.d/00-nixos.conf"
          ];
        };
      };
    };

  # One of the activation: its text cannot be defined twice.
  entry.options = {
    after = words;
    before = words;
    data = mkOption { type = types.str; };
  };

  homeManager = {
    imports = [ common ];
    options = {
      home.stateVersion = option types.str "25.11";
      home.packages = option (types.listOf types.package) [ ];
      home.activation = option (types.attrsOf (types.submodule entry)) { };
      home.sessionVariables = anything;
      home.homeDirectory = option types.path "/home/alice";
      home.username = option types.str "alice";
      systemd.user = {
        services = option (types.attrsOf types.attrs) { };
        systemctlPath = option types.str "/nix/store/systemd/bin/systemctl";
        timers = option (types.attrsOf types.attrs) { };
      };
      xdg.configFile = anything;
      xdg.configHome = option types.path "/home/alice/.config";
    };
  };
in
{
  pkgs = rec {
    writeTextFile =
      {
        name,
        text,
        checkPhase ? "",
      }:
      derivation name { inherit text checkPhase; };
    writeText = name: text: writeTextFile { inherit name text; };
    writeShellScript = name: text: derivation name { text = "#!/bin/bash\n${text}"; };
    # The packages themselves need all of nixpkgs; only that the file is there is looked at.
    callPackage =
      file: _:
      assert builtins.pathExists file;
      derivation "sops-install-secrets" { };
    buildPackages = { inherit age callPackage; };
    runCommand =
      name: _: text:
      derivation name { inherit text; };
    stdenv = {
      buildPlatform = "x86_64-linux";
      hostPlatform = "x86_64-linux";
    };
    age = derivation "age" { version = "1.3.2"; };
    coreutils = derivation "coreutils" { };
    gnupg = derivation "gnupg" { };
    systemd = derivation "systemd" { };
    age-plugin-tpm = derivation "age-plugin-tpm" { };
    age-plugin-toy = derivation "age-plugin-toy" { };
  };

  # What the flake and default.nix use of nixpkgs.
  legacyPackages =
    system:
    let
      named = name: derivation name { };
      tests = lib.mapAttrs (name: _: named "vm-test-run-${name}") (import ../nixos);
    in
    lib.genAttrs [
      "age"
      "cargo"
      "clippy"
      "deadnix"
      "gnupg"
      "nixfmt"
      "nixfmt-tree"
      "python3"
      "rustc"
      "rustfmt"
      "sops"
      "strace"
    ] named
    // {
      stdenv.hostPlatform.system = system;
      callPackage =
        file: _:
        assert builtins.pathExists file;
        derivation "sops-install-secrets" {
          inherit tests;
          meta.mainProgram = "sops-install-secrets";
        };
      pkgsStatic.callPackage = _: _: named "sops-install-secrets-static";
      closureInfo = _: named "closure-info";
      mkShell = arguments: derivation "nix-shell" arguments;
      runCommand =
        name: _: text:
        derivation name { inherit text; };
    };

  nixos = {
    imports = [
      common
      scriptsForUsers
      systemdSysusers
    ];
    # As in NixOS.
    config.users = {
      users.root.group = "root";
      users.nobody.group = "nogroup";
      groups = lib.genAttrs [ "keys" "nogroup" "root" "users" "wheel" ] (_: { });
    };
    options = {
      boot.initrd.secrets = option (types.attrsOf (types.nullOr types.path)) { };
      boot.initrd.postMountCommands = option types.lines "";
      boot.initrd.systemd.enable = flag;
      boot.initrd.systemd.services = option (types.attrsOf service) { };
      boot.loader.systemd-boot.enable = flag;
      environment.etc = anything;
      environment.systemPackages = option (types.listOf types.package) [ ];
      networking.hostName = option types.str "nixos";
      nixpkgs.hostPlatform = option types.str "x86_64-linux";
      services.openssh = {
        enable = flag;
        generateHostKeys = flag;
        hostKeys = option (types.listOf types.attrs) [
          (hostKey "rsa")
          (hostKey "ed25519")
        ];
      };
      fileSystems = option (types.attrsOf (types.submodule fileSystem)) { };
      services.userborn.enable = flag;
      specialisation = option (types.attrsOf types.raw) { };
      system = {
        activatable = option types.bool true;
        activationScripts = mkOption {
          type = types.attrsOf (types.either types.str script);
          default = { };
          apply =
            scripts: scripts // { script = throw "the text of all activation scripts is not to be looked at"; };
        };
        build = option (types.lazyAttrsOf types.unspecified) { };
        etc.overlay.enable = flag;
        etc.overlay.mutable = option types.bool true;
        nixos-init.enable = flag;
        stateVersion = option types.str "25.11";
        switch.enable = flag;
        preSwitchChecks = option (types.attrsOf types.str) { };
      };
      systemd = {
        package = option types.package (derivation "systemd" { });
        additionalUpstreamSystemUnits = words;
        services = option (types.attrsOf service) { };
        sysusers.enable = flag;
        mounts = option (types.listOf types.attrs) [ ];
        user.services = option (types.attrsOf service) { };
      };
      users.groups = option (types.attrsOf (types.submodule group)) { };
      virtualisation = {
        emptyDiskImages = option (types.listOf types.int) [ ];
        fileSystems = anything;
        vmVariant = anything;
        vmVariantWithBootLoader = anything;
      };
      users.mutableUsers = option types.bool true;
      users.users = option (types.attrsOf (types.submodule user)) { };
    };
  };

  inherit homeManager;

  # What system-manager has of NixOS, of its commit 48d4734: no check before a switch, no file systems, no variants, and of
  # activation scripts only the names that sops-nix has.
  systemManager = {
    imports = [ common ];
    options = {
      environment.etc = anything;
      environment.systemPackages = option (types.listOf types.package) [ ];
      nixpkgs.hostPlatform = option types.str "x86_64-linux";
      services.openssh = {
        enable = flag;
        hostKeys = option (types.listOf types.attrs) [ ];
      };
      services.userborn.enable = option types.bool true;
      system = {
        activationScripts = lib.genAttrs [
          "generate-age-key"
          "setupSecrets"
          "setupSecretsForUsers"
          "users"
        ] (_: option types.raw "");
        build = option (types.lazyAttrsOf types.unspecified) { };
        etc.overlay.enable = flag;
      };
      systemd = {
        package = option types.package (derivation "systemd" { });
        services = option (types.attrsOf service) { };
        targets = anything;
        mounts = option (types.listOf types.attrs) [ ];
        sysusers.enable = flag;
      };
      users.groups = option (types.attrsOf (types.submodule group)) { };
      users.users = option (types.attrsOf (types.submodule user)) { };
    };
  };

  # What home-manager has for machines.
  homeManagerInNixos =
    { config, pkgs, ... }:
    {
      options.home-manager = {
        useGlobalPkgs = flag;
        sharedModules = option (types.listOf types.raw) [ ];
        users = option (types.attrsOf (
          types.submoduleWith {
            class = "homeManager";
            modules = [
              homeManager
              { _module.args = { inherit pkgs; }; }
            ]
            ++ config.home-manager.sharedModules;
          }
        )) { };
      };
    };
}
