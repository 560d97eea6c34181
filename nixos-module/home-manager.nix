# The options that sops-nix has in home-manager: the secrets of a user, installed by the user's own systemd into the
# user's runtime directory.
{
  config,
  options,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;

  cfg = config.sops;

  here = {
    isSops = true;
    isSystem = false;
    directory = cfg.defaultSymlinkPath;
    directoryText = "{option}`sops.defaultSymlinkPath`";
    programOption = "sops.package";
    unit = "sops-nix";
    keyUnit = "sops-generate-age-key";
    folder = "sops-nix";
    keyOptions = {
      keyFile = "sops.age.keyFile";
      sshKeyPaths = "sops.age.sshKeyPaths";
      plugins = "sops.age.plugins";
      generateKey = "sops.age.generateKey";
    };
  };

  shared = import ./options.nix {
    inherit
      lib
      pkgs
      config
      options
      here
      ;
  };
  manifests = import ./manifest.nix {
    inherit
      lib
      pkgs
      config
      here
      ;
  };
  text = import ./text.nix { inherit lib; };
  inherit (text) keyAt;
  checks = import ./checks.nix { inherit lib config here; };
  units = import ./user-units.nix {
    inherit
      lib
      pkgs
      config
      here
      ;
  };

  splitGpg = cfg.gnupg.qubes-split-gpg;
  keys =
    map (keyAt "sops.gnupg.home") (lib.optional (cfg.gnupg.home != null) cfg.gnupg.home)
    ++ map (keyAt "sops.gnupg.sshKeyPaths") cfg.gnupg.sshKeyPaths
    ++ map (keyAt "sops.gnupg.qubes-split-gpg.domain") (
      lib.optional splitGpg.enable (toString splitGpg.domain)
    )
    ++ map (keyAt "sops.age.keyFile") (lib.optional (cfg.age.keyFile != null) cfg.age.keyFile)
    ++ map (keyAt "sops.age.sshKeyPaths") cfg.age.sshKeyPaths;

  installation = {
    manifest = manifests.make {
      name = "manifest.json";
      inherit (cfg) secrets templates;
      secretsMountPoint = cfg.defaultSecretsMountPoint;
      symlinkPath = cfg.defaultSymlinkPath;
      keys = {
        gnupgHome = cfg.gnupg.home;
        sshKeyPaths = cfg.gnupg.sshKeyPaths;
        ageKeyFile = cfg.age.keyFile;
        ageSshKeyPaths = cfg.age.sshKeyPaths;
      };
    };
    inherit (cfg.age) plugins;
    # nixpkgs does not have the program of Qubes OS.
    path = lib.optionals splitGpg.enable [
      "/run/current-system/sw/bin"
      "/usr/bin"
      "/bin"
    ];
    generatedKey = if cfg.age.generateKey then cfg.age.keyFile else null;
    # The agent of GnuPG may want to ask for a passphrase on the screen.
    wantedBy = if cfg.gnupg.home != null then "graphical-session-pre.target" else "default.target";
  };
in
{
  _class = "homeManager";
  key = "sops-install-secrets#home-manager";

  options.sops =
    shared.files
    // shared.installation
    // shared.sops
    // {
      package = shared.program;
      manifest = shared.manifest installation.manifest;

      defaultSymlinkPath = mkOption {
        type = types.nonEmptyStr;
        default = "${config.xdg.configHome}/sops-nix/secrets";
        defaultText = lib.literalExpression ''"''${config.xdg.configHome}/sops-nix/secrets"'';
        example = "/home/alice/.secrets";
        description = "Link to the directory with the secrets. `%r` stands for the runtime directory of the user.";
      };

      defaultSecretsMountPoint = mkOption {
        type = types.nonEmptyStr;
        default = "%r/secrets.d";
        example = "%r/sops";
        description = "Directory of the generations of secrets. `%r` stands for the runtime directory of the user.";
      };

      age = shared.keys // {
        sshKeyPaths = mkOption {
          type = types.listOf shared.keyPath;
          default = [ ];
          example = [ "/home/alice/.ssh/id_ed25519" ];
          description = ''
            Private SSH keys without a passphrase, outside the Nix store, that decrypt what is encrypted to their age form
            (see `ssh-to-age`) or to the SSH key as such.
          '';
        };
      };

      gnupg = shared.gnupg // {
        sshKeyPaths = mkOption {
          type = types.listOf shared.keyPath;
          default = [ ];
          example = [ "/home/alice/.ssh/id_rsa" ];
          description = ''
            Private RSA keys of SSH, outside the Nix store, that decrypt what is encrypted to their PGP form (see
            `ssh-to-pgp`). No gpg takes part.
          '';
        };

        qubes-split-gpg = {
          enable = mkOption {
            type = types.bool;
            default = false;
            example = true;
            description = ''
              Decrypt with the keys of another qube, by Split GPG of Qubes OS: with the program `qubes-gpg-client-wrapper`
              of the system.
            '';
          };

          domain = mkOption {
            type = types.nullOr types.nonEmptyStr;
            default = null;
            example = "vault-gpg";
            description = "The qube that has the keys.";
          };
        };
      };
    };

  config = lib.mkMerge (
    [
      { sops.placeholder = shared.placeholders; }

      (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
        assertions =
          checks.assertions {
            inherit keys;
            inherit (cfg.age) generateKey keyFile;
            keyAdvice = "sops.age.keyFile, sops.age.sshKeyPaths, sops.gnupg.home or sops.gnupg.qubes-split-gpg";
          }
          ++ checks.gnupg
          ++ [
            {
              assertion = splitGpg.enable -> splitGpg.domain != null;
              message = "sops.gnupg.qubes-split-gpg.enable is set, but sops.gnupg.qubes-split-gpg.domain does not say which qube has the keys.";
            }
            {
              assertion = splitGpg.enable -> cfg.gnupg.home == null && cfg.gnupg.sshKeyPaths == [ ];
              message = "sops.gnupg.qubes-split-gpg.enable is set, and sops.gnupg.home or sops.gnupg.sshKeyPaths too; remove one of them.";
            }
          ];

        inherit (checks) warnings;

        sops.environment = lib.mkMerge [
          (units.environment installation)
          {
            SOPS_GPG_EXEC = lib.mkIf (cfg.gnupg.home != null) (
              lib.mkDefault (lib.getExe' cfg.gnupg.package "gpg")
            );
          }
        ];
      })

      (lib.mkIf (cfg.secrets != { } && splitGpg.enable) {
        # The user's own sops decrypts with them too.
        home.sessionVariables.SOPS_GPG_EXEC = "qubes-gpg-client-wrapper";
        sops.environment = {
          SOPS_GPG_EXEC = lib.mkDefault "qubes-gpg-client-wrapper";
          QUBES_GPG_DOMAIN = lib.mkDefault splitGpg.domain;
        };
      })
    ]
    ++ units.definitions installation
  );
}
