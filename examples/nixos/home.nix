# The secrets of a user, which a unit of that user installs.
{ config, ... }:
{
  home.stateVersion = "25.11";

  sops = {
    age.keyFile = "/home/alice/.config/sops/age/keys.txt";
    # Where the key is not there yet, it is made; its public half goes into .sops.yaml.
    age.generateKey = true;
    defaultSopsFile = ./alice.yaml;
    secrets.github_token = { };
    templates.netrc = {
      path = "${config.home.homeDirectory}/.netrc";
      content = "machine github.com login alice password ${config.sops.placeholder.github_token}";
    };
  };
}
