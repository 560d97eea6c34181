# What the four modules are made of. A module says by the set `here` where it stands:
#
#   isSops, isSystem   sops or agenix, NixOS or home-manager
#   directory          the link to the directory with the secrets; for users of NixOS with -for-users behind it
#   directoryText      the same for a description
#   mountPoint         the directory of the generations
#   programOption      the name of the option with the program
#   unit               the name of the unit that installs the secrets
#   earlySecrets       of all secrets those that are installed before users are created; only in NixOS
#   scripts            the names of activation scripts; only in NixOS
#
# The rest of `here` follows from that, below.
{ lib, config, ... }@args:
here:
let
  valueOf = option: lib.getAttrFromPath (lib.splitString "." option) config;
  load = file: import file parts;

  parts = args // {
    text = import ./text.nix { inherit lib; };
    secrecy = load ./secrecy.nix;
    shared = load ./options.nix;
    mock = load ./mock.nix;
    keys = load ./keys.nix;
    manifests = load ./manifest.nix;
    mounts = load ./mounts.nix;
    checks = load ./checks.nix;
    units = load (if here.isSystem then ./units.nix else ./user-units.nix);

    cfg = config.${parts.here.prefix};

    here = here // rec {
      # What the names of its options begin with.
      prefix = if here.isSops then "sops" else "age";
      # Whose options these are. The folder with the manifest has this name, too.
      origin = if here.isSops then "sops-nix" else "agenix";

      inherit valueOf;
      package = valueOf here.programOption;

      # The unit that makes a key.
      keyUnit = if here.isSops then "sops-generate-age-key" else "agenix-generate-age-key";

      # Fields of the manifest with private keys, each with its option.
      keys =
        if here.isSops then
          [
            { gnupgHome = "sops.gnupg.home"; }
            { sshKeyPaths = "sops.gnupg.sshKeyPaths"; }
            { ageKeyFile = "sops.age.keyFile"; }
            { ageSshKeyPaths = "sops.age.sshKeyPaths"; }
          ]
        else
          [
            { ageSshKeyPaths = "age.identityPaths"; }
            { ageKeyFile = "age.keyFile"; }
          ];

      # The name of the option keyFile, generateKey, keyType or plugins.
      keyOption = name: if here.isSops then "sops.age.${name}" else "age.${name}";
      keyValue = name: valueOf (keyOption name);

      # What creates the users: the unit's name without its suffix, or null for the activation script. The real names, since
      # systemd-sysusers.service is only an alias where userborn is on, and a link in the .wants of an alias is none.
      usersUnit =
        if config.services.userborn.enable or false then
          "userborn"
        else if config.systemd.sysusers.enable or false then
          "systemd-sysusers"
        else
          null;

      # The group of a user of the configuration. checks.nix says if there is no such user. A user without a group has an
      # empty one, against which NixOS has an assertion.
      primaryGroup =
        user:
        let
          group = config.users.users.${toString user}.group or "";
        in
        if group == "" then null else group;
    };
  };
in
parts
