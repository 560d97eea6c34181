{
  description = "A machine and a user with secrets";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
    home-manager = {
      url = "github:nix-community/home-manager";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    sops-install-secrets = {
      url = "git+file:///path/to/this/repository";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    {
      nixpkgs,
      home-manager,
      sops-install-secrets,
      ...
    }:
    {
      nixosConfigurations.host = nixpkgs.lib.nixosSystem {
        modules = [
          sops-install-secrets.nixosModules.sops
          home-manager.nixosModules.home-manager
          ./configuration.nix
          ./secrets.nix
          {
            home-manager = {
              useGlobalPkgs = true;
              sharedModules = [ sops-install-secrets.homeModules.sops ];
              users.alice = ./home.nix;
            };
          }
        ];
      };

      # The same for a user of any Linux, without NixOS: home-manager switch --flake .#alice
      homeConfigurations.alice = home-manager.lib.homeManagerConfiguration {
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
        modules = [
          sops-install-secrets.homeModules.sops
          ./home.nix
          {
            home.username = "alice";
            home.homeDirectory = "/home/alice";
          }
        ];
      };
    };
}
