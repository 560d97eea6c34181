# How an age key is made: it appears under its name only when it is complete.
{
  lib,
  pkgs,
  # Of the options keyType.
  keyType,
}:
let
  text = import ./text.nix { inherit lib; };
  inherit (text) commandLine shellWord;
  generator = lib.getExe' pkgs.age "age-keygen";
  isHybrid =
    keyType == "hybrid"
    &&
      lib.throwIf (lib.versionOlder (lib.getVersion pkgs.age) "1.3")
        "keyType is \"hybrid\", but age ${lib.getVersion pkgs.age} makes no such keys; it needs age 1.3. Set pkgs.age by an overlay, or make the key by hand."
        true;
  makeKey = [ generator ] ++ lib.optional isHybrid "-pq";
in
{
  # For ExecStart=.
  commands =
    file:
    map commandLine [
      [
        "${pkgs.coreutils}/bin/mkdir"
        "-p"
        (dirOf file)
      ]
      [
        "${pkgs.coreutils}/bin/rm"
        "-f"
        "${file}.new"
      ]
      (
        makeKey
        ++ [
          "-o"
          "${file}.new"
        ]
      )
      [
        "${pkgs.coreutils}/bin/mv"
        "-nT"
        "${file}.new"
        file
      ]
    ];

  # For a shell.
  script =
    file:
    let
      key = shellWord file;
      new = shellWord "${file}.new";
    in
    ''
      if [[ ! -e ${key} ]]; then
        echo "generating an age key..."
        (
          umask 077 &&
            mkdir -p ${shellWord (dirOf file)} &&
            rm -f ${new} &&
            ${lib.concatStringsSep " " makeKey} -o ${new} &&
            mv -nT ${new} ${key}
        )
      fi
    '';

}
