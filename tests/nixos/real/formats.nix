# The formats of pkgs.formats that modules of NixOS ask for: any value, written as JSON or as keys and values.
{ lib, pkgs }:
let
  any = lib.types.attrsOf lib.types.anything;
  written = _suffix: text: {
    type = any;
    lib.types.atom = lib.types.anything;
    generate = name: value: pkgs.writeText name (text value);
  };
  json = _: written "json" builtins.toJSON;
  ini = _arguments: written "ini" (lib.generators.toINI { });
in
lib.genAttrs [
  "json"
  "yaml"
  "yaml_1_1"
  "yaml_1_2"
  "toml"
  "hocon"
  "pythonVars"
  "javaProperties"
  "libconfig"
  "gitIni"
  "elixirConf"
  "lua"
  "nixConf"
  "php"
  "xml"
  "cdn"
  "plist"
  "hcl1"
  "systemd-unused"
  "ruby"
  "badgerfish"
] (_: json)
// {
  inherit ini;
  iniWithGlobalSection = ini;
  keyValue =
    { ... }@arguments: written "conf" (lib.generators.toKeyValue (removeAttrs arguments [ "type" ]));
  systemd = ini { };
}
