# The options of sops-nix, and what becomes of them: a manifest, which the build checks, and the units that install it.
#
# Users who are created by an activation script, that is without userborn and systemd-sysusers, are the one case that
# still needs such a script, and only for secrets with `neededForUsers`: a unit would come too late. Everything else is
# done by sops-install-secrets.service in every configuration.
#
# In a container the mount is made in the container's own mount namespace, where ramfs is allowed.
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
    isSystem = true;
    directory = "/run/secrets";
    directoryText = "`/run/secrets`";
    programOption = "sops.package";
    unit = "sops-install-secrets";
    keyUnit = "sops-generate-age-key";
    folder = "sops-nix";
    keyOptions = {
      keyFile = "sops.age.keyFile";
      sshKeyPaths = "sops.age.sshKeyPaths";
      plugins = "sops.age.plugins";
      generateKey = "sops.age.generateKey";
    };
    scripts = {
      secrets = "setupSecrets";
      former = [ "setupSecrets" ];
      forUsers = "setupSecretsForUsers";
      key = "generate-age-key";
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
  checks = import ./checks.nix { inherit lib config here; };
  units = import ./units.nix {
    inherit
      lib
      pkgs
      config
      options
      here
      ;
  };
  text = import ./text.nix { inherit lib; };
  inherit (text) keyAt;

  mock = import ./mock.nix { inherit lib pkgs here; };
  mocks = mock.make (secret: secret.neededForUsers) cfg.secrets;
  secrets = if cfg.mock.enable then mock.replace mocks cfg.secrets else cfg.secrets;

  regularSecrets = lib.filterAttrs (_: secret: !secret.neededForUsers) secrets;
  secretsForUsers = lib.filterAttrs (_: secret: secret.neededForUsers) secrets;

  manifestFor =
    suffix: secrets: templates:
    manifests.make {
      name = "manifest${suffix}.json";
      inherit secrets templates;
      secretsMountPoint = "/run/secrets${suffix}.d";
      symlinkPath = "/run/secrets${suffix}";
      keys =
        if cfg.mock.enable then
          {
            gnupgHome = null;
            sshKeyPaths = [ ];
            ageKeyFile = "${mocks}/key";
            ageSshKeyPaths = [ ];
          }
        else
          {
            gnupgHome = cfg.gnupg.home;
            sshKeyPaths = cfg.gnupg.sshKeyPaths;
            ageKeyFile = cfg.age.keyFile;
            ageSshKeyPaths = cfg.age.sshKeyPaths;
          };
    };

  realKeys =
    map (keyAt "sops.gnupg.home") (lib.optional (cfg.gnupg.home != null) cfg.gnupg.home)
    ++ map (keyAt "sops.gnupg.sshKeyPaths") cfg.gnupg.sshKeyPaths
    ++ map (keyAt "sops.age.keyFile") (lib.optional (cfg.age.keyFile != null) cfg.age.keyFile)
    ++ map (keyAt "sops.age.sshKeyPaths") cfg.age.sshKeyPaths;

  installation = {
    secrets = regularSecrets;
    inherit (cfg) templates;
    inherit secretsForUsers;
    manifest = manifestFor "" regularSecrets cfg.templates;
    manifestForUsers = manifestFor "-for-users" secretsForUsers { };
    symlinkPath = "/run/secrets";
    keys = if cfg.mock.enable then [ (keyAt "sops.mock.enable" "${mocks}/key") ] else realKeys;
    generatedKey = if cfg.age.generateKey && !cfg.mock.enable then cfg.age.keyFile else null;
    plugins = lib.optionals (!cfg.mock.enable) cfg.age.plugins;
    usesAgent = (cfg.gnupg.home != null || cfg.environment ? GNUPGHOME) && !cfg.mock.enable;
    byScript = !cfg.useSystemdActivation;
  };

  hostKeys =
    type:
    units.hostKeys {
      types = [ type ];
      # A key that is a secret itself cannot decrypt itself.
      installed = [ "/run/secrets" ] ++ lib.mapAttrsToList (_: secret: secret.path) cfg.secrets;
    };

  credentials = lib.filter text.isCredential (map (key: key.path) installation.keys);

  scriptInstalls = units.isUsed installation && installation.byScript;

  unitsOf = lib.concatMap (file: file.restartUnits ++ file.reloadUnits) (
    lib.attrValues regularSecrets ++ lib.attrValues cfg.templates
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
        sshKeyPaths = mkOption {
          type = types.listOf shared.keyPath;
          default = hostKeys "ed25519";
          defaultText = lib.literalMD ''
            the Ed25519 keys of {option}`services.openssh.hostKeys`, if {option}`services.openssh.enable` or
            {option}`services.openssh.generateHostKeys` is set
          '';
          example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
          description = ''
            Private SSH keys, outside the Nix store, that decrypt what is encrypted to their age form (see `ssh-to-age`)
            or to the SSH key as such.
          '';
        };
      };

      gnupg = shared.gnupg // {
        sshKeyPaths = mkOption {
          type = types.listOf shared.keyPath;
          default = lib.optionals (cfg.gnupg.home == null) (hostKeys "rsa");
          defaultText = lib.literalMD ''
            the RSA keys of {option}`services.openssh.hostKeys` on the same terms as for {option}`sops.age.sshKeyPaths`;
            none if {option}`sops.gnupg.home` is set
          '';
          example = [ "/etc/ssh/ssh_host_rsa_key" ];
          description = ''
            Private RSA keys of SSH, outside the Nix store, that decrypt what is encrypted to their PGP form (see
            `ssh-to-pgp`). No gpg takes part.
          '';
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
        sops.environment.SOPS_GPG_EXEC = lib.mkIf (cfg.gnupg.home != null) (
          lib.mkDefault (lib.getExe' cfg.gnupg.package "gpg")
        );

        assertions =
          checks.assertions {
            inherit (installation) keys;
            inherit (cfg.age) generateKey keyFile;
            inherit secretsForUsers;
            keyAdvice = "sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.home, or one of services.openssh.enable and services.openssh.generateHostKeys for the host keys";
          }
          ++ checks.gnupg
          ++ [
            {
              assertion = scriptInstalls -> units.usersUnit == null;
              message = "sops.useSystemdActivation is false, but ${toString units.usersUnit}.service creates the users, later than any activation script; remove sops.useSystemdActivation.";
            }
            {
              assertion = credentials != [ ] -> !units.scripts installation;
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
    ++ units.definitions installation
  );
}
