# The options of sops-nix, and what becomes of them: a manifest, which the build checks, and the units that install it.
#
# Users who are created by an activation script, that is without userborn and systemd-sysusers, are the one case that
# still needs such a script, and only for secrets with `neededForUsers`: a unit would come too late. Everything else is
# done by sops-install-secrets.service in every configuration.
#
# In a container the mount is made in the container's own mount namespace, where ramfs is allowed.
#
# Left out on purpose, as in sops-nix: other places than /run/secrets and /run/secrets.d.
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
      isSystem = true;
      directory = "/run/secrets";
      directoryText = "`/run/secrets`";
      mountPoint = "/run/secrets.d";
      programOption = "sops.package";
      unit = "sops-install-secrets";
      earlySecrets = lib.filterAttrs (_: secret: secret.neededForUsers);
      scripts = {
        secrets = "setupSecrets";
        former = [ "setupSecrets" ];
        forUsers = "setupSecretsForUsers";
        key = "generate-age-key";
      };
    })
    here
    checks
    keys
    shared
    text
    units
    ;
  inherit (units) installation;

  credentials = lib.filter text.isCredential (map (key: key.path) keys.all);

  scriptInstalls = units.isUsed && installation.byScript;

  unitsOf = lib.concatMap (file: file.restartUnits ++ file.reloadUnits) (
    lib.attrValues installation.secrets ++ lib.attrValues cfg.templates
  );
in
{
  _class = "nixos";
  key = "sops-install-secrets#sops";

  imports = [
    (lib.mkRenamedOptionModule [ "sops" "gnupgHome" ] [ "sops" "gnupg" "home" ])
    (lib.mkRenamedOptionModule [ "sops" "sshKeyPaths" ] [ "sops" "gnupg" "sshKeyPaths" ])
  ];

  options.sops =
    shared.files
    // shared.installation
    // shared.sops
    // {
      package = shared.program;

      useSystemdActivation = mkOption {
        type = types.bool;
        default = true;
        example = false;
        description = ''
          Install the secrets with `sops-install-secrets.service`, before `sysinit.target`. Otherwise an activation script
          does it, which needs users that are created by one too, and only suits other activation scripts that need
          secrets: NixOS phases these scripts out.
        '';
      };

      age = shared.keys // {
        sshKeyPaths = shared.ageSshKeyPaths {
          default = units.hostKeys [ "ed25519" ];
          defaultText = lib.literalMD ''
            the Ed25519 keys of {option}`services.openssh.hostKeys`, if {option}`services.openssh.enable` or
            {option}`services.openssh.generateHostKeys` is set
          '';
          example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
        };
      };

      gnupg = shared.gnupg // {
        sshKeyPaths = shared.gnupgSshKeyPaths {
          default = lib.optionals (cfg.gnupg.home == null) (units.hostKeys [ "rsa" ]);
          defaultText = lib.literalMD ''
            the RSA keys of {option}`services.openssh.hostKeys` on the same terms as for {option}`sops.age.sshKeyPaths`;
            none if {option}`sops.gnupg.home` is set
          '';
          example = [ "/etc/ssh/ssh_host_rsa_key" ];
        };
      };
    };

  config = lib.mkMerge (
    [
      {
        sops.placeholder = shared.placeholders;

        system.build.sops-nix-manifest = installation.manifest;
        system.build.sops-nix-users-manifest = installation.manifestForUsers;
      }

      (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
        sops.environment = shared.gnupgEnvironment;

        assertions =
          checks.assertions {
            keyAdvice = "sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.home, or one of services.openssh.enable and services.openssh.generateHostKeys for the host keys";
          }
          ++ checks.gnupg
          ++ [
            {
              assertion = scriptInstalls -> here.usersUnit == null;
              message = "sops.useSystemdActivation is false, but ${toString here.usersUnit}.service creates the users, later than any activation script; remove sops.useSystemdActivation.";
            }
            {
              assertion = credentials != [ ] -> !units.scripts;
              message = "sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.sshKeyPaths has ${toString credentials}, a credential of a unit, but an activation script installs secrets; set services.userborn.enable and remove sops.useSystemdActivation.";
            }
          ];

        warnings =
          checks.warnings
          ++
            lib.optional (scriptInstalls && unitsOf != [ ] && lib.versionAtLeast lib.trivial.release "26.11")
              "sops.useSystemdActivation is false, and from NixOS 26.11 on activation scripts cannot have units restarted: restartUnits and reloadUnits of sops.secrets and sops.templates do nothing.";
      })
    ]
    ++ units.definitions
  );
}
