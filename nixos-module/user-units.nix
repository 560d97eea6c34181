# What installs the secrets of a user in home-manager, for sops and for agenix.
{
  lib,
  pkgs,
  config,
  cfg,
  here,
  keys,
  manifests,
  text,
  ...
}:
let
  manifest = manifests.make { inherit (cfg) secrets templates; };
  executable = lib.getExe' here.package "sops-install-secrets";
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

  # The program with all that it is given, and any further arguments. It is one path, as with sops-nix and agenix: whoever has
  # ExecStart of the unit can run it by that.
  script = pkgs.writeShellScript "${here.origin}-user" (
    text.shellCommand (
      text.shellAssignments cfg.environment
      ++ [
        "exec"
        (text.shellWord executable)
        "-ignore-passwd"
        "\"$@\""
        (text.shellWord manifest)
      ]
    )
    + "\n"
  );

  # After the user's systemd has read the new unit. restart also starts it, and works if it was made to remain active. A
  # failure is said by the program itself and ends nothing: what comes after it in the activation is not to wait for a key.
  #
  # Without the user's systemd a login starts the unit, and where there is no systemd at all, as in a container, nothing
  # ever does: then the secrets are installed at once, where there is memory. In a directory that everybody can write to,
  # only one of one's own will do.
  activation = {
    after = [ "reloadSystemd" ];
    before = [ ];
    data = ''
      secretsRuntime=''${XDG_RUNTIME_DIR:-/run/user/$UID}
      case "$(XDG_RUNTIME_DIR=$secretsRuntime ${systemctl} --user is-system-running 2>/dev/null || true)" in
      running | degraded | starting)
        if ! XDG_RUNTIME_DIR=$secretsRuntime run ${systemctl} --user restart ${unit}; then
          XDG_RUNTIME_DIR=$secretsRuntime ${script} -dry-run >&2 || true
          echo "The secrets stay as they were. When that is mended: systemctl --user restart ${unit}" >&2
        fi
        ;;
      *)
        if [[ ! -d $secretsRuntime && ! -d /run/systemd/system && ! -v DRY_RUN ]]; then
          secretsRuntime=/dev/shm/${here.origin}-$UID
          [[ -d $secretsRuntime ]] || mkdir -m 0700 "$secretsRuntime" || true
        fi
        if [[ -d $secretsRuntime && -O $secretsRuntime && ! -L $secretsRuntime ]]; then
          ${lib.optionalString (keys.generated != null) generation}
          if ! XDG_RUNTIME_DIR=$secretsRuntime run ${script}; then
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
  generation = "if [[ ! -v DRY_RUN ]]; then\n${keys.script}fi || true";
in
{
  inherit manifest script;

  # `wantedBy` is the target that starts the unit.
  definitions = wantedBy: [
    (lib.mkIf (cfg.secrets != { } || cfg.templates != { }) {
      home.packages = [ here.package ];

      # Where the program looks if a user gives it none; if both sops and agenix are used, it finds that of sops there.
      xdg.configFile =
        if here.isSops then
          { "sops-nix/manifest.json".source = manifest; }
        else
          {
            "agenix/manifest.json".source = manifest;
            "sops-nix/manifest.json".source = lib.mkOverride 1400 manifest;
          };

      systemd.user.services.${here.unit} = {
        Unit = {
          Description = "Install secrets";
        }
        // lib.optionalAttrs (keys.generated != null) {
          Wants = [ "${here.keyUnit}.service" ];
          After = [ "${here.keyUnit}.service" ];
        };
        Service = service // {
          ExecStart = "${script}";
          SyslogIdentifier = "sops-install-secrets";
        };
        Install.WantedBy = [ wantedBy ];
      };

      # Whoever had to define the entry with agenix, which has none, may go on with that.
      home.activation.${here.unit} = lib.mkDefault activation;
    })

    (lib.mkIf (cfg.secrets != { } && keys.generated != null) {
      systemd.user.services.${here.keyUnit} = {
        Unit = {
          Description = "Generate the age key of this user";
          ConditionPathExists = text.absent keys.generated;
        };
        Service = service // {
          ExecStart = keys.commands;
        };
      };
    })
  ];

  # What the program is given, with further directories of programs. It asks the user's systemd for units with systemctl.
  environment = directories: {
    SOPS_RESTART_UNITS_VIA_SYSTEMCTL = lib.mkDefault "1";
    PATH = lib.mkDefault (
      lib.concatStringsSep ":" (
        [ (dirOf systemctl) ]
        ++ lib.optional (keys.plugins != [ ]) (lib.makeBinPath keys.plugins)
        ++ directories
      )
    );
  };
}
