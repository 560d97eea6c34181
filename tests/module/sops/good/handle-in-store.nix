# A file that only says where a key is may be in the store.
{ pkgs, ... }:
{
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    age.keyFile = ../../files/handle.txt;
    age.plugins = [ pkgs.age-plugin-toy ];
    secrets.password = { };
  };
}
