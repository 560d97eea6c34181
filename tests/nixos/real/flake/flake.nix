# What the flake of this repository uses of nixpkgs, out of the packages of pkgs.nix. Tests on virtual machines are stubs.
{
  outputs =
    _:
    let
      lib = import /src/nixpkgs/lib;
      arguments = import /harness/arguments.nix;
      overlay =
        final: _:
        {
          testers.testVersion = { package }: final.runCommand "${package.name}-test-version" { } "touch $out";
          testers.runNixOSTest = test: final.runCommand "vm-test" { inherit test; } "touch $out";
        }
        // lib.genAttrs [
          "clippy"
          "deadnix"
          "nixfmt"
          "nixfmt-tree"
          "rustfmt"
          "sops"
        ] (name: final.runCommand name { } "mkdir $out");
    in
    {
      inherit lib;
      legacyPackages = lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
        _: import /harness/pkgs.nix (arguments // { overlays = [ overlay ]; })
      );
    };
}
