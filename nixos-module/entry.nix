# The options that secrets and templates have in common: each becomes one file.
{ lib }:
let
  # 2³²-1 tells chown(2) to leave the id as it is.
  id = lib.types.ints.between 0 4294967294;
  unit = lib.types.strMatching "[^[:space:]]+";
in
{
  mode = lib.mkOption {
    type = lib.types.strMatching "[0-7]{3,4}";
    default = "0400";
    example = "0440";
    description = "Permissions of the file, as an octal number.";
  };

  owner = lib.mkOption {
    type = lib.types.nullOr lib.types.nonEmptyStr;
    default = null;
    example = "nginx";
    description = "Name of the user that owns the file. If null, {option}`uid` says who does.";
  };

  uid = lib.mkOption {
    type = lib.types.nullOr id;
    default = 0;
    example = 1000;
    description = ''
      Number of the user that owns the file; there need not be such an account. Counts only while {option}`owner` is
      null.
    '';
  };

  group = lib.mkOption {
    type = lib.types.nullOr lib.types.nonEmptyStr;
    example = "nginx";
    description = "Name of the file's group. If null, {option}`gid` says which it is.";
  };

  gid = lib.mkOption {
    type = lib.types.nullOr id;
    default = 0;
    example = 1000;
    description = ''
      Number of the file's group; there need not be such a group. Counts only while {option}`group` is null.
    '';
  };

  restartUnits = lib.mkOption {
    type = lib.types.listOf unit;
    default = [ ];
    example = [ "nginx.service" ];
    description = ''
      Units, with their suffix, that are restarted when the file changes. They are asked for after the new files are in
      place, each once, and only if they run.
    '';
  };

  reloadUnits = lib.mkOption {
    type = lib.types.listOf unit;
    default = [ ];
    example = [ "haproxy.service" ];
    description = ''
      Units, with their suffix, that are reloaded when the file changes, or restarted if they cannot reload. They are
      asked for after the new files are in place, each once, and only if they run.
    '';
  };
}
