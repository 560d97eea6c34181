# How an age key is made: it appears under its name only when it is complete.
{ lib, pkgs }:
let
  text = import ./text.nix { inherit lib; };
  inherit (text) commandLine shellWord;
  generator = lib.getExe' pkgs.age "age-keygen";
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
      [
        generator
        "-o"
        "${file}.new"
      ]
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
            ${generator} -o ${new} &&
            mv -nT ${new} ${key}
        )
      fi
    '';

}
