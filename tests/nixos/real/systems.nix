# The systems that the scenarios boot and switch between: a set from names to toplevels.
{
  nixpkgs,
  corepkgs,
  parts,
  # The product's repository, and its program as a file.
  project,
  program,
  # Checkouts of sops-nix and agenix, or null.
  sopsNix ? null,
  agenix ? null,
  homeManager ? null,
  # A folder with the encrypted files, made by `secrets`.
  files,
  stubNames,
  rustToolchain ? null,
  crates ? null,
}:
let
  pkgs = import ./pkgs.nix {
    inherit
      nixpkgs
      corepkgs
      parts
      stubNames
      rustToolchain
      crates
      ;
  };
  inherit (pkgs) lib;

  package = pkgs.runCommand "sops-install-secrets" { meta.mainProgram = "sops-install-secrets"; } ''
    install -D ${program} $out/bin/sops-install-secrets
  '';

  evaluate =
    modules:
    import (nixpkgs + "/nixos/lib/eval-config.nix") {
      system = null;
      inherit pkgs lib;
      modules = [ ./base.nix ] ++ modules;
    };
  build = modules: (evaluate modules).config.system.build.toplevel;

  # What the secrets are for: a service that runs as a user, one that is reloaded, and one that is left alone.
  services = {
    users.groups.shop = { };
    users.users.shop = {
      isSystemUser = true;
      group = "shop";
    };
    users.users.other = {
      isSystemUser = true;
      group = "shop";
    };
    users.allowNoPasswordLogin = true;
    systemd.services =
      lib.genAttrs
        [
          "restarted"
          "reloaded"
          "undisturbed"
        ]
        (name: {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "cat /run/secrets/token >>/var/${name}; echo >>/var/${name}";
          reload = "cat /run/secrets/token >>/var/${name}-again; echo >>/var/${name}-again";
        })
      // {
        user = {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            User = "shop";
          };
          script = "cat /run/secrets/token >/dev/null";
        };
      };
    # Debian's sshd has its own place for this.
    systemd.tmpfiles.rules = [ "d /run/sshd 0755" ];
    services.openssh.enable = true;
    services.openssh.startWhenNeeded = false;
  };

  secrets =
    { config, ... }:
    {
      sops.package = package;
      sops.defaultSopsFile = files + "/first.json";
      sops.defaultSopsFormat = "json";
      sops.secrets = {
        token = {
          owner = lib.mkDefault "shop";
          restartUnits = [ "restarted.service" ];
          reloadUnits = [ "reloaded.service" ];
        };
        constant.restartUnits = [ "undisturbed.service" ];
        "deep/linked" = {
          key = "constant";
          owner = "shop";
          path = "/etc/shop/linked";
        };
      };
      sops.templates."shop.toml" = {
        owner = "shop";
        mode = "0440";
        content = ''token = "${config.sops.placeholder.token}"'';
      };
    };

  # A user who can log in.
  login =
    { config, ... }:
    {
      users.mutableUsers = false;
      users.users.alice = {
        isNormalUser = true;
        uid = 1000;
        extraGroups = [ "wheel" ];
        hashedPasswordFile = config.sops.secrets.password.path;
      };
      sops.secrets.password.neededForUsers = true;
    };

  # Without an activation script for users, only system users are made by systemd-sysusers.
  systemLogin =
    { config, ... }:
    {
      users.users.alice = {
        isSystemUser = true;
        group = "shop";
        shell = "/run/current-system/sw/bin/bash";
        hashedPasswordFile = config.sops.secrets.password.path;
      };
      sops.secrets.password.neededForUsers = true;
    };

  ours = project + "/nixos-module";
  theirs = sopsNix + "/modules/sops";

  # How a machine installs its secrets, and makes its users.
  kinds = {
    ours = {
      module = ours;
      inherit login;
    };
    ours-userborn = {
      module = ours;
      inherit login;
      options.services.userborn.enable = true;
    };
    ours-script = {
      module = ours;
      inherit login;
      options.sops.useSystemdActivation = false;
    };
    ours-regular.module = ours;
    ours-sysusers = {
      module = ours;
      login = systemLogin;
      options = {
        systemd.sysusers.enable = true;
        users.mutableUsers = false;
      };
    };
  }
  // lib.optionalAttrs (sopsNix != null) {
    theirs = {
      module = theirs;
      inherit login;
    };
    theirs-userborn = {
      module = theirs;
      inherit login;
      options.services.userborn.enable = true;
    };
    theirs-unit = {
      module = theirs;
      options.sops.useSystemdActivation = true;
    };
  };

  # The same in virtual machines, where a key can be on a file system of its own.
  virtualKinds = {
    virtual-ours = {
      module = ours;
      inherit login;
      options = ./virtual.nix;
    };
    virtual-userborn = {
      module = ours;
      inherit login;
      options = {
        imports = [ ./virtual.nix ];
        services.userborn.enable = true;
      };
    };
    virtual-persist = {
      module = ours;
      inherit login;
      options = {
        imports = [ ./virtual.nix ];
        services.userborn.enable = true;
        sops.age.sshKeyPaths = [ "/persist/key" ];
        sops.gnupg.sshKeyPaths = [ ];
        fileSystems."/persist" = {
          device = "/dev/vdb";
          fsType = "ext4";
        };
      };
    };
    virtual-late = {
      module = ours;
      options = {
        imports = [ ./virtual.nix ];
        sops.age.sshKeyPaths = [ "/persist/key" ];
        sops.gnupg.sshKeyPaths = [ ];
        fileSystems."/persist" = {
          device = "/dev/vdb";
          fsType = "ext4";
        };
      };
    };
  };
  virtualTheirs = lib.optionalAttrs (sopsNix != null) {
    virtual-persist-theirs = virtualKinds.virtual-persist // {
      module = theirs;
    };
  };
  virtualSystems = lib.concatMapAttrs (
    kind:
    {
      module,
      login ? null,
      options,
    }:
    lib.mapAttrs' (
      variant: change:
      lib.nameValuePair "${kind}.${variant}" (
        [
          module
          options
          services
          secrets
          change
        ]
        ++ lib.optional (login != null) login
      )
    ) { inherit (variants) first changed; }
  ) (virtualKinds // virtualTheirs);

  # What a switch changes.
  variants = {
    first = { };
    changed.sops.secrets.token.sopsFile = files + "/second.json";
    added.sops.secrets.added.key = "constant";
    removed.sops.secrets."deep/linked" = lib.mkForce {
      key = "constant";
      path = "/etc/shop/elsewhere";
    };
    owner.sops.secrets.token.owner = "other";
    broken.sops.secrets.foreign.sopsFile = files + "/foreign.json";
    # The unit changes together with its secret.
    both = {
      sops.secrets.token.sopsFile = files + "/second.json";
      systemd.services.restarted.environment.CHANGED = "1";
    };
    # The owner is a user that this switch makes.
    newuser = {
      users.users.fresh = {
        isSystemUser = true;
        group = "shop";
      };
      sops.secrets.token.owner = "fresh";
    };
    # No secret changes, only what would be restarted for one.
    lists.sops.secrets.constant.restartUnits = [ "restarted.service" ];
    # A unit that is not there, one that is not running, and a credential.
    odd = {
      sops.secrets.token.sopsFile = files + "/second.json";
      sops.secrets.token.restartUnits = [
        "missing.service"
        "sleeping.service"
      ];
      sops.secrets.token.reloadUnits = [ "user.service" ];
      systemd.services.sleeping = {
        script = "echo started >>/var/sleeping";
        serviceConfig.Type = "oneshot";
      };
    };
  };
  # Only for ours-regular.
  oursOnly = {
    credential = {
      sops.secrets.token.credential = true;
      systemd.services.holder = {
        wantedBy = [ "multi-user.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          DynamicUser = true;
          ImportCredential = "token";
        };
        script = ''cat "$CREDENTIALS_DIRECTORY/token" >/dev/null'';
      };
    };
    tmpfs.sops.useTmpfs = true;
    keep.sops.keepGenerations = 3;
    generate.sops.age = {
      keyFile = "/var/lib/sops-nix/key.txt";
      generateKey = true;
    };
  };
  ofPasswords = {
    password.sops.secrets.password.sopsFile = files + "/second.json";
    password-broken.sops.secrets.password.sopsFile = lib.mkForce (files + "/foreign.json");
    password-broken.sops.secrets.password.key = "foreign";
  };

  # The configuration after its last secret is gone.
  withoutSecrets = {
    sops.package = package;
    systemd.services = lib.genAttrs [ "restarted" "reloaded" "undisturbed" "user" ] (_: {
      enable = false;
    });
    users.mutableUsers = false;
    users.users.alice = {
      isNormalUser = true;
      uid = 1000;
    };
  };

  # A configuration of agenix; only the module changes.
  ageSecrets =
    { config, ... }:
    {
      users.mutableUsers = false;
      users.users.alice = {
        isNormalUser = true;
        uid = 1000;
        extraGroups = [ "wheel" ];
        hashedPasswordFile = config.age.secrets.password.path;
      };
      age.secrets = {
        token = {
          file = files + "/first-token.age";
          owner = "shop";
          group = "shop";
          mode = "0440";
        };
        constant.file = files + "/first-constant.age";
        "deep/linked" = {
          file = files + "/first-constant.age";
          path = "/etc/shop/linked";
          owner = "shop";
        };
        password.file = files + "/first-password.age";
      };
      systemd.services = {
        restarted.script = lib.mkForce "cat /run/agenix/token >>/var/restarted; echo >>/var/restarted";
        reloaded.script = lib.mkForce "true";
        undisturbed.script = lib.mkForce "true";
        user.script = lib.mkForce "cat /run/agenix/token >/dev/null";
      };
    };
  oursAgenix = project + "/nixos-module/agenix.nix";
  ageVariants = {
    first = { };
    changed.age.secrets.token.file = lib.mkForce (files + "/second-token.age");
    password.age.secrets.password.file = lib.mkForce (files + "/second-password.age");
    broken.age.secrets.foreign.file = files + "/foreign.age";
  };
  ageKinds = {
    ours-agenix = [
      oursAgenix
      { age.package = package; }
    ];
    ours-agenix-userborn = [
      oursAgenix
      {
        age.package = package;
        services.userborn.enable = true;
      }
    ];
  }
  // lib.optionalAttrs (agenix != null) { theirs-agenix = [ (agenix + "/modules/age.nix") ]; };
  ageSystems = lib.concatMapAttrs (
    kind: modules:
    lib.mapAttrs' (
      variant: change:
      lib.nameValuePair "${kind}.${variant}" (
        modules
        ++ [
          services
          ageSecrets
          change
        ]
      )
    ) ageVariants
  ) ageKinds;

  # A user with home-manager, whose key is in the home directory.
  homeKinds = lib.optionalAttrs (homeManager != null) {
    ours-home = {
      imports = [ (project + "/nixos-module/home-manager.nix") ];
      sops = {
        inherit package;
        age.sshKeyPaths = [ "/home/alice/.ssh/id_ed25519" ];
        defaultSopsFile = lib.mkDefault (files + "/first.json");
        defaultSopsFormat = "json";
        secrets.token = { };
        secrets.linked = {
          key = "constant";
          path = "/home/alice/linked";
        };
        templates."app.toml".content = "x = 1";
      };
    };
    ours-home-agenix = {
      imports = [ (project + "/nixos-module/agenix-home.nix") ];
      age = {
        installPackage = package;
        identityPaths = [ "/home/alice/.ssh/id_ed25519" ];
        secrets.token.file = lib.mkDefault (files + "/first-token.age");
      };
    };
  };
  homeSystems = lib.concatMapAttrs (
    kind: home:
    lib.mapAttrs'
      (
        variant: change:
        lib.nameValuePair "${kind}.${variant}" [
          (homeManager + "/nixos")
          services
          {
            systemd.services = lib.genAttrs [ "restarted" "reloaded" "undisturbed" "user" ] (_: {
              enable = false;
            });
            users.users.alice = {
              isNormalUser = true;
              uid = 1000;
              linger = true;
            };
            home-manager = {
              useGlobalPkgs = true;
              useUserPackages = true;
              users.alice = {
                imports = [
                  home
                  change
                ];
                home.stateVersion = "26.05";
                home.enableNixpkgsReleaseCheck = false;
                manual.manpages.enable = false;
                xdg.mime.enable = false;
                programs.man.enable = false;
                news.display = "silent";
                nix.package = pkgs.nix-that-does-nothing;
              };
            };
          }
        ]
      )
      {
        first = { };
        changed =
          if kind == "ours-home" then
            { sops.defaultSopsFile = files + "/second.json"; }
          else
            { age.secrets.token.file = files + "/second-token.age"; };
      }
  ) homeKinds;

  systems =
    ageSystems
    // homeSystems
    // virtualSystems
    // lib.concatMapAttrs (
      kind:
      {
        module,
        login ? null,
        options ? { },
      }:
      let
        base = [
          module
          options
          services
        ];
      in
      lib.mapAttrs'
        (
          variant: change:
          lib.nameValuePair "${kind}.${variant}" (
            base ++ [ secrets ] ++ lib.optional (login != null) login ++ [ change ]
          )
        )
        (
          variants
          // lib.optionalAttrs (login != null) ofPasswords
          // lib.optionalAttrs (kind == "ours-regular") oursOnly
        )
      // lib.optionalAttrs (kind != "ours-sysusers") { "${kind}.none" = base ++ [ withoutSecrets ]; }
    ) kinds;
in
{
  inherit pkgs package lib;
  systems = lib.mapAttrs (_: build) systems;
  configs = lib.mapAttrs (_: modules: (evaluate modules).config) systems;
  evaluate = evaluate;
  buildModules = build;
  inherit
    services
    secrets
    login
    ours
    theirs
    ;
}
