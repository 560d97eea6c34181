# A plugin may use devices and the network, and is not asked before a switch.
{ pkgs, ... }:
{
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    age.keyFile = "/var/lib/sops-nix/tpm.txt";
    age.plugins = [ pkgs.age-plugin-tpm ];
    secrets.password = { };
  };
}
