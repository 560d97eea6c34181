# Private keys: which ones a configuration has, and how an age key is made. It appears under its name only when it is
# complete.
{
  lib,
  pkgs,
  here,
  mock,
  text,
  ...
}:
let
  inherit (text) commandLine shellWord;

  # The handle of a key goes to the store.
  keysAt =
    option:
    let
      value = here.valueOf option;
    in
    map (key: {
      inherit option;
      path = if builtins.isPath key then "${key}" else key;
    }) (lib.optionals (value != null) (lib.toList value));

  # Made-up secrets have a key of their own, which is an age key.
  fieldValue =
    field: option:
    let
      value = here.valueOf option;
    in
    if !mock.isUsed then
      value
    else if field == "ageKeyFile" then
      mock.key
    else if builtins.isList value then
      [ ]
    else
      null;

  generator = lib.getExe' pkgs.age "age-keygen";
  isHybrid =
    here.keyValue "keyType" == "hybrid"
    &&
      lib.throwIf (lib.versionOlder (lib.getVersion pkgs.age) "1.3")
        "keyType is \"hybrid\", but age ${lib.getVersion pkgs.age} makes no such keys; it needs age 1.3. Set pkgs.age by an overlay, or make the key by hand."
        true;
  makeKey = [ generator ] ++ lib.optional isHybrid "-pq";

  generated = if here.keyValue "generateKey" && !mock.isUsed then here.keyValue "keyFile" else null;
  new = "${generated}.new";
in
{
  # All of them, each with the option that has it, { option, path }.
  all =
    if mock.isUsed then
      [
        {
          option = "${here.prefix}.mock.enable";
          path = mock.key;
        }
      ]
    else
      lib.concatMap keysAt (lib.concatMap lib.attrValues here.keys);

  # As the manifest has them.
  fields = lib.mapAttrs fieldValue (lib.mergeAttrsList here.keys);

  # An age key file to be made if it is not there, or null.
  inherit generated;

  # Packages with age plugins.
  plugins = lib.optionals (!mock.isUsed) (here.keyValue "plugins");

  # How it is made, for ExecStart=.
  commands = map commandLine [
    [
      "${pkgs.coreutils}/bin/mkdir"
      "-p"
      (dirOf generated)
    ]
    [
      "${pkgs.coreutils}/bin/rm"
      "-f"
      new
    ]
    (
      makeKey
      ++ [
        "-o"
        new
      ]
    )
    [
      "${pkgs.coreutils}/bin/mv"
      "-nT"
      new
      generated
    ]
  ];

  # For a shell.
  script = ''
    if [[ ! -e ${shellWord generated} ]]; then
      echo "generating an age key..."
      (
        umask 077 &&
          mkdir -p ${shellWord (dirOf generated)} &&
          rm -f ${shellWord new} &&
          ${lib.concatStringsSep " " makeKey} -o ${shellWord new} &&
          mv -nT ${shellWord new} ${shellWord generated}
      )
    fi
  '';
}
