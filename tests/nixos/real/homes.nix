# Homes as home-manager by itself makes them, without NixOS: a set from KIND.VARIANT to activation packages.
{
  project,
  program,
  files,
  homeManager,
  ...
}@arguments:
let
  pkgs = import ./pkgs.nix {
    inherit (arguments)
      nixpkgs
      corepkgs
      parts
      stubNames
      ;
  };
  inherit (pkgs) lib;

  package = pkgs.runCommand "sops-install-secrets" { meta.mainProgram = "sops-install-secrets"; } ''
    install -D ${program} $out/bin/sops-install-secrets
  '';

  sops = {
    imports = [ (project + "/nixos-module/home-manager.nix") ];
    sops = {
      inherit package;
      age.sshKeyPaths = [ "/home/alice/.ssh/id_ed25519" ];
      defaultSopsFile = lib.mkDefault (files + "/first.json");
      defaultSopsFormat = "json";
      secrets.token.restartUnits = [ "reader.service" ];
      secrets.linked = {
        key = "constant";
        path = "/home/alice/linked";
      };
      templates."app.toml".content = "x = 1";
    };
    systemd.user.services.reader = {
      Service = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = "/bin/sh -c 'cat /home/alice/.config/sops-nix/secrets/token >>/home/alice/read; echo >>/home/alice/read'";
      };
      Install.WantedBy = [ "default.target" ];
    };
  };

  agenix = {
    imports = [ (project + "/nixos-module/agenix-home.nix") ];
    age = {
      installPackage = package;
      identityPaths = [ "/home/alice/.ssh/id_ed25519" ];
      secrets.token.file = lib.mkDefault (files + "/first-token.age");
    };
  };

  variants = {
    sops = {
      first = { };
      changed.sops.defaultSopsFile = files + "/second.json";
      broken.sops.defaultSopsFile = files + "/foreign.json";
      broken.sops.validateSopsFiles = false;
    };
    agenix = {
      first = { };
      changed.age.secrets.token.file = files + "/second-token.age";
    };
  };

  home =
    modules:
    import (homeManager + "/modules") {
      inherit pkgs lib;
      configuration = {
        imports = modules;
        # home-manager would make a set of its own out of the path.
        _module.args.pkgs = lib.mkForce pkgs;
        home = {
          username = "alice";
          homeDirectory = "/home/alice";
          stateVersion = "26.05";
          enableNixpkgsReleaseCheck = false;
        };
        # What needs more of nixpkgs than is here.
        manual.manpages.enable = false;
        xdg.mime.enable = false;
        programs.man.enable = false;
        programs.home-manager.enable = false;
        news.display = "silent";
        nix.package = pkgs.nix-that-does-nothing;
      };
    };

  of =
    kind: module:
    lib.mapAttrs' (
      variant: change:
      lib.nameValuePair "${kind}.${variant}" (home [
        module
        change
      ])
    ) variants.${kind};

  homes = of "sops" sops // of "agenix" agenix;
in
{
  activations = lib.mapAttrs (_: home: home.activationPackage) homes;
  # Whatever is wrong with them.
  judgements = lib.mapAttrs (_: home: {
    inherit (home.config) warnings;
    failures = map (assertion: assertion.message) (
      lib.filter (assertion: !assertion.assertion) home.config.assertions
    );
  }) homes;
}
