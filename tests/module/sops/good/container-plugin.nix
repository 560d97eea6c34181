# What `boot` starts in a container, with a plugin of age.
{ pkgs, ... }:
{
  sops = {
    defaultSopsFile = ../../../../crates/sops-install-secrets/tests/plugin/one.yaml;
    age.keyFile = "/persist/plugin.txt";
    age.plugins = [ pkgs.age-plugin-toy ];
    secrets.password = { };
  };
}
