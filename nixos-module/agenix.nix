# The options of agenix, for files that age encrypted without sops, installed by the same program.
#
# What differs from agenix:
#
# * Secrets are installed by a unit in every configuration. There are no activation scripts agenix, agenixInstall or
#   agenixChown to come after; a configuration that does so is an error.
# * Users are created before that unit runs. A secret that is the `hashedPasswordFile` of a user is installed a second
#   time, before that, in a directory of its own, and the user's option is made to point there. `neededForUsers` says the
#   same where something else reads it that early.
# * `symlink = false` is an error: it would write the plaintext to a disk.
# * `mode` is an octal number, not a text such as u=r.
# * A file of age keys may be one of `identityPaths`, as in agenix, or the `keyFile`.
# * If one secret cannot be decrypted, the running generation stays as it is, as a whole.
# * Templates, plugins and whatever else `sops.secrets` has are here too; `ageBin` has nothing to do.
#
# Left out on purpose: a default file and its format, since each secret names its file; GnuPG, since age has no such
# recipients; `useSystemdActivation`, since agenix' own scripts have other names than a configuration could come after;
# `format`, `key` and `selectKey`, since an age file is one secret as a whole; `validateSopsFiles`, since the paths say
# what the build can look at, and `sopsFileHash`, since the path of a file in the Nix store changes with it; `uid` and
# `gid`, since `owner` and `group` can be numbers.
{
  config,
  options,
  lib,
  pkgs,
  ...
}@args:
let
  inherit (lib) mkOption types;

  cfg = config.age;

  inherit
    (import ./parts.nix (args // { inherit options pkgs; }) {
      isSops = false;
      isSystem = true;
      directory = cfg.secretsDir;
      directoryText = "{option}`age.secretsDir`";
      mountPoint = cfg.secretsMountPoint;
      programOption = "age.package";
      unit = "agenix-install-secrets";
      inherit earlySecrets;
      scripts = {
        # Those of agenix, the older ones too.
        former = [
          "agenix"
          "agenixChown"
          "agenixInstall"
          "agenixMountSecrets"
          "agenixNewGeneration"
          "agenixRoot"
        ];
        forUsers = "agenixInstallForUsers";
        key = "agenixGenerateKey";
      };
    })
    checks
    shared
    units
    ;

  # A password is where agenix has it too, for whatever else reads it there. Whatever the owner of the secret is, there is
  # only root that early.
  earlySecrets =
    secrets:
    lib.mapAttrs (
      _: secret:
      secret
      // {
        owner = "0";
        group = "0";
        credential = secret.credential && secret.neededForUsers;
      }
      // lib.optionalAttrs (!secret.neededForUsers) { path = earlyPath secret; }
    ) (lib.filterAttrs (_: isNeededForUsers) secrets);

  isNeededForUsers = secret: secret.neededForUsers || lib.elem (earlyPath secret) passwordFiles;
  earlyPath = secret: "${cfg.secretsDir}-for-users/${secret.name}";
  passwordFiles = lib.mapAttrsToList (_: user: user.hashedPasswordFile) config.users.users;

  # Where users find a password that is one of the secrets.
  earlyPaths = lib.mapAttrs' (
    _: secret: lib.nameValuePair secret.path (earlyPath secret)
  ) cfg.secrets;
in
{
  _class = "nixos";
  key = "sops-install-secrets#agenix";

  imports = [
    (lib.mkRenamedOptionModule [ "age" "sshKeyPaths" ] [ "age" "identityPaths" ])
    (lib.mkRemovedOptionModule [ "age" "ageBin" ] "sops-install-secrets decrypts age files itself.")
  ];

  options.users.users = mkOption {
    type = types.attrsOf (
      types.submodule {
        options.hashedPasswordFile = mkOption {
          apply = path: if path == null then null else earlyPaths.${path} or path;
        };
      }
    );
  };

  options.age =
    shared.files
    // shared.own (shared.installation // shared.keys)
    // shared.agenix
    // {
      package = shared.program;

      identityPaths = shared.identityPaths {
        default = units.hostKeys [
          "rsa"
          "ed25519"
        ];
        defaultText = lib.literalMD ''
          the Ed25519 and RSA keys of {option}`services.openssh.hostKeys`, if {option}`services.openssh.enable` or
          {option}`services.openssh.generateHostKeys` is set
        '';
        example = [ "/persist/etc/ssh/ssh_host_ed25519_key" ];
      };
    };

  config = lib.mkMerge (
    [
      { age.placeholder = shared.placeholders; }

      (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
        system.build.agenix-manifest = units.installation.manifest;
        system.build.agenix-users-manifest = units.installation.manifestForUsers;

        assertions = checks.assertions {
          keyAdvice = "age.identityPaths or age.keyFile, or one of services.openssh.enable and services.openssh.generateHostKeys for the host keys";
        };

        inherit (checks) warnings;
      })
    ]
    ++ units.definitions
  );
}
