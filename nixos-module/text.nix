# Words of systemd and of the shell, and what can be told of a path while a configuration is evaluated.
{ lib }:
let
  plain = "[A-Za-z0-9_/.:@%+,=-]+";

  # What a shell could take for something else, and the numbers that stand for it.
  shellMeant = [
    "\\"
    "'"
    "\""
    "$"
    "`"
    "\n"
    "\r"
    "\t"
  ];
  shellNumbers = [
    "\\x5c"
    "\\x27"
    "\\x22"
    "\\x24"
    "\\x60"
    "\\x0a"
    "\\x0d"
    "\\x09"
  ];
in
rec {
  # One argument of ExecStart=, or one path of RequiresMountsFor=: % begins a specifier, $ a variable, a space a new word.
  systemdWord =
    word:
    let
      escaped = lib.replaceStrings [ "%" ] [ "%%" ] word;
    in
    if builtins.match plain escaped != null then escaped else builtins.toJSON escaped;

  commandLine = lib.concatMapStringsSep " " (
    argument: lib.replaceStrings [ "$" ] [ "$$" ] (systemdWord (toString argument))
  );

  # The condition that a file is not there. Conditions are not split into words.
  absent = file: "!${lib.replaceStrings [ "%" ] [ "%%" ] file}";

  # One word of a shell in a form in which neither a shell nor ShellCheck finds a meaning: what is no plain character stands
  # there by its number. NixOS builds no system with a finding of ShellCheck in the check before a switch.
  shellWord =
    value:
    let
      word = toString value;
    in
    if builtins.match plain word != null then
      word
    else
      "$'${lib.replaceStrings shellMeant shellNumbers word}'";

  # One command of a shell, a word a line. Each word is a text of the shell by now.
  shellCommand = lib.concatStringsSep " \\\n  ";

  shellAssignments = lib.mapAttrsToList (name: value: "${name}=${shellWord value}");

  # lib.hasInfix is a regular expression on the whole text, which is too much for a long one.
  contains = part: words: lib.replaceStrings [ part ] [ "" ] words != words;

  # Below %d there is what LoadCredential= of the unit has put there.
  isCredential = lib.hasPrefix "%d/";

  # A file, as opposed to a text.
  isFile = value: builtins.isPath value || lib.hasPrefix "/" value;

  # What is built by a derivation is not there while the system is evaluated, and asking for it would build it then.
  isBuilt =
    file:
    !builtins.isPath file
    && lib.any (origin: origin ? outputs) (lib.attrValues (builtins.getContext "${file}"));

  # Whether a path is this place or something in it.
  isAt = place: path: path == place || lib.hasPrefix "${lib.removeSuffix "/" place}/" path;

  # The build sees no file outside the store.
  isInStore = file: builtins.isPath file || isAt builtins.storeDir "${file}";

  # Whether the value is a file that is there, and to be read, while the system is evaluated.
  isReadable =
    value:
    (builtins.isPath value || builtins.isString value)
    && isInStore value
    && !isBuilt value
    && builtins.pathExists value
    && fileType value != "directory";

  # Nix before 2.14 does not say.
  fileType =
    builtins.readFileType or (
      file:
      (builtins.readDir (builtins.dirOf file)).${builtins.unsafeDiscardStringContext (baseNameOf file)}
      or "unknown"
    );

  # The encrypted file of a secret.
  sourceOf = secret: secret.sopsFile or secret.file;

  isNumber = words: builtins.match "[0-9]+" words != null;

  # Whether a file holds nothing but identities of age plugins: each says where a key is, and is none.
  isHandle =
    file:
    let
      isLine = line: line == "" || lib.hasPrefix "#" line || lib.hasPrefix "AGE-PLUGIN-" line;
      lines = map lib.trim (lib.splitString "\n" (builtins.readFile file));
    in
    isReadable file && lib.any (lib.hasPrefix "AGE-PLUGIN-") lines && lib.all isLine lines;

  # The end of a sentence on a name that is not among some: the nearest of them, if one is near.
  nearest =
    name: names:
    let
      # lib.strings.levenshteinAtMost finds no double letter that is only one.
      isNear =
        other:
        let
          longer = lib.stringLength other - lib.stringLength name;
        in
        -2 <= longer && longer <= 2 && lib.strings.levenshtein name other <= 2;
      near = lib.filter isNear names;
      sorted = lib.sort (a: b: lib.strings.levenshtein name a < lib.strings.levenshtein name b) near;
    in
    if near == [ ] then "." else "; did you mean \"${lib.head sorted}\"?";
}
