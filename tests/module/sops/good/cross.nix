# What checks the manifest runs where the system is built, and what installs it where that runs.
# holds: /nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-sops-install-secrets/bin/sops-install-secrets \\\n  -check-mode=sopsfile
# holds: "ExecStart": "/nix/store/dcc3b1a0905f1919910075950e902d6d-sops-install-secrets/bin/sops-install-secrets
{ lib, ... }:
{
  _module.args.pkgs = lib.mkForce (
    (import ../../stubs.nix { inherit lib; }).pkgs
    // {
      stdenv = {
        buildPlatform = "x86_64-linux";
        hostPlatform = "aarch64-linux";
      };
      buildPackages.callPackage = _: _: {
        type = "derivation";
        name = "sops-install-secrets";
        outPath = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-sops-install-secrets";
      };
    }
  );
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
