# What is only evaluated and built: every option set once, the documentation, the modules of agenix.
arguments@{
  project,
  files,
  ...
}:
let
  kit = import ./systems.nix arguments;
  inherit (kit)
    lib
    pkgs
    package
    evaluate
    ;
  oursAgenix = project + "/nixos-module/agenix.nix";

  everySops =
    { config, pkgs, ... }:
    {
      services.userborn.enable = true;
      systemd.services.a.script = "true";
      systemd.services.b.script = "true";
      users.groups.shop = { };
      users.users.shop = {
        isSystemUser = true;
        group = "shop";
      };
      users.allowNoPasswordLogin = true;
      sops = {
        inherit package;
        validationPackage = package;
        age = {
          keyFile = "/var/lib/sops-nix/key.txt";
          generateKey = true;
          plugins = [ pkgs.coreutils ];
          sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
        };
        gnupg.sshKeyPaths = [ "/etc/ssh/ssh_host_rsa_key" ];
        gnupg.package = pkgs.gnupg;
        defaultSopsFile = files + "/first.json";
        defaultSopsFormat = "json";
        defaultSopsKey = "token";
        environment.SOMETHING = "a b";
        hostRecipients = [ (files + "/host_key.pub") ];
        keepGenerations = 3;
        log = [ "secretChanges" ];
        placeholder.one = "@one@";
        useTmpfs = true;
        useSystemdActivation = true;
        validateSopsFiles = true;
        secrets.one = {
          key = "constant";
          path = "/etc/one";
          format = "json";
          sopsFile = files + "/second.json";
          mode = "0440";
          owner = "shop";
          group = "shop";
          restartUnits = [ "a.service" ];
          reloadUnits = [ "b.service" ];
          credential = true;
        };
        secrets.two = {
          uid = 12;
          gid = 13;
          selectKey = false;
        };
        secrets.early = {
          neededForUsers = true;
          key = "password";
        };
        templates.one = {
          name = "deep/one.conf";
          path = "/etc/template";
          content = config.sops.placeholder.one;
          owner = "shop";
          group = "shop";
          mode = "0400";
          restartUnits = [ "a.service" ];
          reloadUnits = [ "b.service" ];
        };
        templates.two = {
          file = builtins.toFile "two" "@one@";
          uid = 1;
          gid = 2;
        };
      };
      environment.etc.hash.text = config.sops.secrets.one.sopsFileHash;
    };

  gnupg = {
    sops = {
      inherit package;
      gnupg.home = "/var/lib/sops-nix/gnupg";
      gnupg.sshKeyPaths = [ ];
      defaultSopsFile = files + "/first.json";
      defaultSopsFormat = "json";
      # With templates a secret's name has to be that of its attribute.
      secrets.token.name = "deep/token";
    };
    users.allowNoPasswordLogin = true;
  };

  everyAge =
    { ... }:
    {
      services.userborn.enable = true;
      systemd.services.a.script = "true";
      systemd.services.b.script = "true";
      users.allowNoPasswordLogin = true;
      age = {
        inherit package;
        validationPackage = package;
        identityPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
        keyFile = "/var/lib/agenix/key.txt";
        secretsDir = "/run/keys-of-age";
        secretsMountPoint = "/run/keys-of-age.d";
        secrets.one = {
          name = "deep/one";
          file = files + "/first-token.age";
          path = "/etc/one";
          mode = "0440";
          owner = "root";
          group = "root";
          symlink = true;
          restartUnits = [ "a.service" ];
          reloadUnits = [ "b.service" ];
        };
        secrets.early = {
          file = files + "/first-password.age";
          neededForUsers = true;
        };
      };
    };

  # What NixOS says of a configuration, and whether it can be built.
  judge =
    modules:
    let
      evaluated = (evaluate modules).config;
    in
    {
      inherit (evaluated) warnings;
      failures = map (assertion: assertion.message) (
        lib.filter (assertion: !assertion.assertion) evaluated.assertions
      );
      inherit (evaluated.system.build) toplevel;
    };

  documented = evaluate [
    kit.ours
    oursAgenix
  ];
in
{
  every = {
    sops = judge [
      kit.ours
      everySops
    ];
    gnupg = judge [
      kit.ours
      gnupg
    ];
    age = judge [
      oursAgenix
      everyAge
    ];
    both = judge [
      kit.ours
      oursAgenix
      everySops
      (removeAttrs (everyAge { config = { }; }) [
        "services"
        "users"
      ])
    ];
    unused = judge [
      kit.ours
      oursAgenix
      {
        users.allowNoPasswordLogin = true;
        sops.package = package;
        age.package = package;
      }
    ];
  };
  documentedOptions = documented.options;
  documentation =
    (pkgs.nixosOptionsDoc {
      options = { inherit (documented.options) sops age; };
    }).optionsJSON;
}
