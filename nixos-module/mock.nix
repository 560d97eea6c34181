# Made-up values in the place of secrets, for virtual machines, which have no keys.
#
# The values are encrypted, when the system is built, to a key that is made at the same time and lies beside them: whatever
# comes after that is as with real secrets. No real key is read and no real secret decrypted.
{
  lib,
  pkgs,
  cfg,
  here,
  text,
  ...
}:
let
  inherit (text) sourceOf;

  # sops writes the type of a value into its line. Only the last part of the key is looked for: a made-up value need not
  # be better than that.
  typeOf =
    secret:
    let
      key = lib.last (lib.splitString "/" secret.key);
      ends = [
        ":"
        "="
        " ="
      ];
      lines = map lib.trim (lib.splitString "\n" (builtins.readFile (sourceOf secret)));
      ofKey = lib.filter (
        line: lib.any (end: lib.hasPrefix "${key}${end}" line || lib.hasPrefix "\"${key}\"${end}" line) ends
      ) lines;
      types = lib.filter (type: lib.any (lib.hasInfix "type:${type}]") ofKey) [
        "int"
        "float"
        "bool"
      ];
      isReadable =
        here.isSops
        # It may have bytes that cannot be a text here.
        && secret.format != "age"
        && text.isInStore (sourceOf secret)
        && !text.isBuilt (sourceOf secret)
        && builtins.pathExists (sourceOf secret);
    in
    if isReadable && types != [ ] then lib.head types else "str";

  shapes = {
    int = "4711";
    float = "47.11";
    bool = "true";
  };

  # The password "mock".
  hash = "$6$mock$HUiuvJSnJz3M4VsQEfMP8wTMhRKDL4oQjfWEwni3eSoYr7NwFRTbsDOSJwLvO45dwlRyWdN8AiJOKdzUUV0DS/";

  # What users need is the hash of a password.
  passwords = here.earlySecrets cfg.secrets;

  valueOf =
    name: secret:
    if secret.mock != null then
      secret.mock
    else if passwords ? ${name} then
      hash
    else
      shapes.${typeOf secret} or "MOCK-${name}";

  fileOf = name: builtins.hashString "sha256" name;

  # A folder with the key and a file for each secret.
  folder = pkgs.runCommand "mock-secrets" { nativeBuildInputs = [ pkgs.buildPackages.age ]; } ''
    mkdir $out
    age-keygen -o $out/key 2>/dev/null
    recipient=$(age-keygen -y $out/key)
    ${lib.concatStrings (
      lib.mapAttrsToList (name: secret: ''
        printf %s ${text.shellWord (valueOf name secret)} | age -r "$recipient" -o $out/${fileOf name}
      '') cfg.secrets
    )}
  '';

  isUsed = cfg.mock.enable or false;
in
{
  inherit isUsed;
  key = "${folder}/key";

  # The secrets, each as one of an age file in that folder if values are made up.
  secrets =
    if !isUsed then
      cfg.secrets
    else
      lib.mapAttrs (
        name: secret:
        secret
        // {
          key = "";
          format = "age";
          sopsFile = "${folder}/${fileOf name}";
          file = "${folder}/${fileOf name}";
          selectKey = false;
        }
      ) cfg.secrets;
}
