# What a private key looks like, and types of options that refuse one: values of options get into the Nix store, which everybody
# can read. Nix has the value in its own message on a wrong type; such a type speaks first, and names the option alone.
{
  lib,
  here,
  text,
  ...
}:
let
  inherit (lib) types;

  has = pattern: words: lib.length (builtins.split pattern words) > 1;
  piecesOf = separator: words: lib.filter builtins.isString (builtins.split separator words);

  anyCase = lib.stringAsChars (
    letter:
    if lib.toUpper letter == letter then letter else "[${lib.toUpper letter}${lib.toLower letter}]"
  );

  # The words of a key and the beginning of its letters. A placeholder may stand in the place of those.
  ageKey = "${anyCase "age-secret-key-"}([0-9A-Za-z]{1,10}-)?1[0-9A-Za-z]{20}";
  pemBegin = "-----BEGIN [A-Za-z0-9 ]{0,40}PRIVATE KEY( BLOCK)?-----";
  # Line breaks may be written as escapes. What begins with a slash is a path.
  pemLine = "([[:space:]]|\\\\[nr])[A-Za-z0-9+][A-Za-z0-9+/]{39}";
  puttyKey = "Private-Lines: [0-9]+[[:space:]]+[A-Za-z0-9+/]{40}";
  # What is in a private key of OpenSSH begins so, whatever follows: openssh-key-.
  opensshKey = "b3BlbnNzaC1rZXkt[A-Za-z0-9+/]{20}";

  isPemBody = piece: has pemLine " ${lib.head (piecesOf "-----" piece)}";

  # Whether a text has a private key in it, whatever else it has.
  hasKey =
    words:
    has ageKey words
    || has puttyKey words
    || has opensshKey words
    || lib.any isPemBody (lib.tail (piecesOf pemBegin words));

  # Where a key or a path is asked for, what begins like a private key is one, and if it is only its first line.
  beginsKey =
    words:
    builtins.match "(age-secret-key|putty-user-key-file|-----begin [a-z0-9 ]*private key).*" (
      lib.toLower (builtins.substring 0 64 words)
    ) != null;
  # The name of a plugin is none.
  beginsHandle =
    words:
    builtins.match "age-plugin-[a-z0-9+._-]+-1[a-z0-9]{6}.*" (
      lib.toLower (builtins.substring 0 64 words)
    ) != null;

  # Several keys are joined by commas, or are the lines of a file. The comment of an SSH key may have anything in it.
  keysOf = words: map lib.trim (piecesOf "[,\r\n]" words);
  isPublic = key: builtins.match "(ssh|ecdsa|sk)-.*" (builtins.substring 0 8 key) != null;
  isKey = words: lib.any (key: beginsKey key || !isPublic key && hasKey key) (keysOf words);
  isHandle = words: lib.any beginsHandle (keysOf words);

  # The values below a value of the wrong type, as far as Nix would show them. It may be a flake, or all of nixpkgs.
  valuesBelow =
    depth: value:
    if depth == 0 || !(builtins.tryEval value).success || lib.isDerivation value then
      [ ]
    else if builtins.isAttrs value && lib.length (lib.attrNames value) > 100 then
      [ ]
    else if builtins.isList value then
      lib.concatMap (valuesBelow (depth - 1)) value
    else if builtins.isAttrs value then
      lib.attrNames value ++ lib.concatMap (valuesBelow (depth - 1)) (lib.attrValues value)
    else
      [ value ];

  # What is wrong with a value, in words that do not have it, or null.
  wrongWith =
    {
      isKey,
      isHandle,
      # Says what a file has in it; files are not read without.
      ofFile ? null,
      ...
    }:
    value:
    if builtins.isString value && isKey value then
      "holds a private key, and everybody can read the Nix store"
    else if builtins.isString value && isHandle value then
      "holds the handle of a private key"
    else if ofFile != null && text.isReadable value && ofFile (builtins.readFile value) then
      "has ${toString value}, which holds a private key, and everybody can read the Nix store"
    else
      null;

  refusing =
    kind: type:
    let
      withElements = make: make (refusing kind type.nestedTypes.elemType);
      inner =
        if type.name == "listOf" then
          withElements types.listOf
        else if type.name == "attrsOf" then
          withElements types.attrsOf
        else
          type;

      # Elements and values have this type too.
      valuesOf =
        value:
        if !inner.check value then
          valuesBelow 4 value
        else if
          builtins.isAttrs value
          && lib.elem type.name [
            "attrsOf"
            "submodule"
          ]
        then
          lib.attrNames value
        else if builtins.isString value || builtins.isPath value then
          [ value ]
        else
          [ ];
      wrong = value: lib.filter (words: words != null) (map (wrongWith kind) (valuesOf value));
    in
    if type.refusesKeys or false then
      type
    else
      inner
      // {
        refusesKeys = true;
        check = value: inner.check value || wrong value != [ ];
        merge =
          loc: defs:
          let
            found = lib.concatMap (def: wrong def.value) defs;
          in
          if found == [ ] then
            inner.merge loc defs
          else
            throw "${lib.showOption loc} ${lib.head found}; ${kind.wayOut}.";
        substSubModules = modules: refusing kind (inner.substSubModules modules);
      };
in
{
  inherit hasKey;

  # Of any value. The handle of a key is no secret.
  ofValues = refusing {
    isKey = hasKey;
    isHandle = _: false;
    wayOut = "encrypt it as one of ${here.prefix}.secrets, or if it is to decrypt them, name a file outside the Nix store in ${here.keyOption "keyFile"}";
  };

  # Of what is to be public keys.
  ofRecipients = refusing {
    inherit isKey isHandle;
    ofFile = words: isKey words || isHandle words;
    wayOut = "give the public half of the key: `age-keygen -y FILE` prints it, and that of an SSH key is FILE.pub";
  };

  # Of what is to be paths of private keys.
  ofKeyPaths = refusing {
    inherit isKey isHandle;
    ofFile = hasKey;
    wayOut = "name a file that has it, as an absolute path in quotes, not in the Nix store";
  };

  # Of what is to be packages of plugins.
  ofPlugins = refusing {
    inherit isKey isHandle;
    wayOut = "name a file that has it in ${here.keyOption "keyFile"}";
  };
}
