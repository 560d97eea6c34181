# What installs the secrets of a user in home-manager, for sops and for agenix. For `here`, see options.nix.
#
# An installation is a set of
#   manifest       what is installed
#   plugins        packages with age plugins
#   path           further directories with programs
#   generatedKey   an age key file to be made if it is not there, or null
#   wantedBy       the target that starts the unit
{
  lib,
  pkgs,
  config,
  here,
}:
let
  text = import ./text.nix { inherit lib; };
  cfg = config.${if here.isSops then "sops" else "age"};
  keys = import ./keys.nix {
    inherit lib pkgs;
    inherit (if here.isSops then cfg.age else cfg) keyType;
  };

  executable = lib.getExe' (lib.getAttrFromPath (lib.splitString "." here.programOption) config) "sops-install-secrets";
  systemctl = config.systemd.user.systemctlPath;
  unit = "${here.unit}.service";

  # No namespaces and no filters: the user's manager may not be allowed to make the former, and a plugin, gpg or its agent
  # would inherit the latter.
  service = {
    Type = "oneshot";
    UMask = "0077";
    NoNewPrivileges = true;
    LimitCORE = 0;
  };

  arguments = manifest: [
    executable
    "-ignore-passwd"
    manifest
  ];

  # The program, run by a shell: words before it, and arguments of its own.
  call =
    installation: before: arguments:
    text.shellCommand (
      text.shellAssignments cfg.environment
      ++ before
      ++ map text.shellWord (
        [
          executable
          "-ignore-passwd"
        ]
        ++ arguments
        ++ [ installation.manifest ]
      )
    );

  # After the user's systemd has read the new unit. restart also starts it, and works if it was made to remain active. A
  # failure is said by the program itself and ends nothing: what comes after it in the activation is not to wait for a key.
  #
  # Without the user's systemd a login starts the unit, and where there is no systemd at all, as in a container, nothing
  # ever does: then the secrets are installed at once, where there is memory. In a directory that everybody can write to,
  # only one of one's own will do.
  activation = installation: {
    after = [ "reloadSystemd" ];
    before = [ ];
    data = ''
      secretsRuntime=''${XDG_RUNTIME_DIR:-/run/user/$UID}
      case "$(XDG_RUNTIME_DIR=$secretsRuntime ${systemctl} --user is-system-running 2>/dev/null || true)" in
      running | degraded | starting)
        if ! XDG_RUNTIME_DIR=$secretsRuntime run ${systemctl} --user restart ${unit}; then
          ${call installation [ "XDG_RUNTIME_DIR=$secretsRuntime" ] [ "-dry-run" ]} >&2 || true
          echo "The secrets stay as they were. When that is mended: systemctl --user restart ${unit}" >&2
        fi
        ;;
      *)
        if [[ ! -d $secretsRuntime && ! -d /run/systemd/system && ! -v DRY_RUN ]]; then
          secretsRuntime=/dev/shm/${here.folder}-$UID
          [[ -d $secretsRuntime ]] || mkdir -m 0700 "$secretsRuntime" || true
        fi
        if [[ -d $secretsRuntime && -O $secretsRuntime && ! -L $secretsRuntime ]]; then
          ${lib.optionalString (installation.generatedKey != null) (generation installation.generatedKey)}
          if ! ${
            call installation
              [
                "XDG_RUNTIME_DIR=$secretsRuntime"
                "run"
              ]
              [ ]
          }; then
            echo "The secrets stay as they were. When that is mended, activate again." >&2
          fi
        else
          echo "There is no session of this user; the secrets are installed at the next login." >&2
        fi
        ;;
      esac
    '';
  };

  # home-manager's own dry run writes nothing.
  generation = file: "if [[ ! -v DRY_RUN ]]; then\n${keys.script file}fi || true";
in
{
  definitions = installation: [
    (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
      home.packages = [ (lib.getAttrFromPath (lib.splitString "." here.programOption) config) ];

      # Where the program looks if a user gives it none; if both sops and agenix are used, it finds that of sops there.
      xdg.configFile =
        if here.isSops then
          { "sops-nix/manifest.json".source = installation.manifest; }
        else
          {
            "agenix/manifest.json".source = installation.manifest;
            "sops-nix/manifest.json".source = lib.mkOverride 1400 installation.manifest;
          };

      systemd.user.services.${here.unit} = {
        Unit = {
          Description = "Install secrets";
        }
        // lib.optionalAttrs (installation.generatedKey != null) {
          Wants = [ "${here.keyUnit}.service" ];
          After = [ "${here.keyUnit}.service" ];
        };
        Service = service // {
          Environment = lib.mapAttrsToList text.assignment cfg.environment;
          ExecStart = text.commandLine (arguments installation.manifest);
        };
        Install.WantedBy = [ installation.wantedBy ];
      };

      # Whoever had to define the entry with agenix, which has none, may go on with that.
      home.activation.${here.unit} = lib.mkDefault (activation installation);
    })

    (lib.mkIf (cfg.secrets != { } && installation.generatedKey != null) {
      systemd.user.services.${here.keyUnit} = {
        Unit = {
          Description = "Generate the age key of this user";
          ConditionPathExists = text.absent installation.generatedKey;
        };
        Service = service // {
          ExecStart = keys.commands installation.generatedKey;
        };
      };
    })
  ];

  # What the program is given. It asks the user's systemd for units with systemctl.
  environment = installation: {
    SOPS_RESTART_UNITS_VIA_SYSTEMCTL = lib.mkDefault "1";
    PATH = lib.mkDefault (
      lib.concatStringsSep ":" (
        [ (dirOf systemctl) ]
        ++ lib.optional (installation.plugins != [ ]) (lib.makeBinPath installation.plugins)
        ++ installation.path
      )
    );
  };
}
