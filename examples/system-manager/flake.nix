{
  description = "Secrets of a machine with Debian or Ubuntu, by system-manager";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    system-manager = {
      url = "github:numtide/system-manager";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    sops-install-secrets = {
      url = "git+file:///path/to/this/repository";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { system-manager, sops-install-secrets, ... }:
    {
      systemConfigs.default = system-manager.lib.makeSystemConfig {
        modules = [
          sops-install-secrets.nixosModules.sops
          {
            nixpkgs.hostPlatform = "x86_64-linux";
            sops = {
              # The distribution runs its own sshd, so its key is no default here.
              age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];
              defaultSopsFile = ./secrets.yaml;
              hostRecipients = [ ./host.pub ];
              # What the distribution has, and not this configuration.
              external.users = [ "www-data" ];
              external.groups = [ "www-data" ];
              external.units = [ "nginx.service" ];
              secrets."database/password" = {
                owner = "www-data";
                group = "www-data";
                restartUnits = [ "nginx.service" ];
              };
            };
          }
        ];
      };
    };
}
