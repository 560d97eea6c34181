# The options that sops-nix has in home-manager: the secrets of a user, installed by the user's own systemd into the
# user's runtime directory.
#
# What is left out on purpose stands in options.nix behind `isSystem`: all files belong to the user, nothing is mounted, the user is
# there, and /run/credstore and virtual machines are the system's.
{
  config,
  options,
  lib,
  pkgs,
  ...
}@args:
let
  inherit (lib) types;
  inherit (shared) mkOption;

  cfg = config.sops;

  inherit
    (import ./parts.nix (args // { inherit options pkgs; }) {
      isSops = true;
      isSystem = false;
      directory = cfg.defaultSymlinkPath;
      directoryText = "{option}`sops.defaultSymlinkPath`";
      mountPoint = cfg.defaultSecretsMountPoint;
      programOption = "sops.package";
      unit = "sops-nix";
    })
    checks
    shared
    units
    ;

  splitGpg = cfg.gnupg.qubes-split-gpg;
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
      manifest = shared.built "The manifest that is installed." units.manifest;
      script = shared.built "What the unit starts." units.script;

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
        sshKeyPaths = shared.ageSshKeyPaths { example = [ "/home/alice/.ssh/id_ed25519" ]; };
      };

      gnupg = shared.gnupg // {
        sshKeyPaths = shared.gnupgSshKeyPaths { example = [ "/home/alice/.ssh/id_rsa" ]; };

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
            hasOtherKey = splitGpg.enable;
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
          (units.environment (
            # nixpkgs does not have the program of Qubes OS.
            lib.optionals splitGpg.enable [
              "/run/current-system/sw/bin"
              "/usr/bin"
              "/bin"
            ]
          ))
          shared.gnupgEnvironment
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
    ++ units.definitions (
      # The agent of GnuPG may want to ask for a passphrase on the screen.
      if cfg.gnupg.home != null then "graphical-session-pre.target" else "default.target"
    )
  );
}
