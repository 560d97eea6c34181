# The product's own tests of machines: each node as a container, and the script that its test runs.
arguments@{ project, ... }:
let
  kit = import ./systems.nix arguments;
  inherit (kit) lib package evaluate;
  tests = import (project + "/tests/nixos");

  node =
    name: module:
    evaluate [
      module
      # Options that only virtual machines or newer versions of NixOS have.
      (
        { lib, ... }:
        {
          options = {
            virtualisation.emptyDiskImages = lib.mkOption { type = lib.types.anything; };
            virtualisation.fileSystems = lib.mkOption { type = lib.types.anything; };
            system.nixos-init = lib.mkOption { type = lib.types.anything; };
          };
          config = {
            networking.hostName = lib.mkDefault name;
            sops.package = package;
            users.allowNoPasswordLogin = true;
            specialisation = { };
            boot.initrd.systemd.enable = lib.mkForce false;
            system.etc.overlay.enable = lib.mkForce false;
          };
        }
      )
    ];

  test =
    _: file:
    let
      value = import file;
      parts = if lib.isFunction value then value { inherit lib; } else value;
      nodes = lib.mapAttrs node parts.nodes;
      configs = lib.mapAttrs (_: evaluated: evaluated.config) nodes;
    in
    {
      toplevels = lib.mapAttrs (_: config: config.system.build.toplevel) configs;
      script =
        if lib.isFunction parts.testScript then parts.testScript { nodes = configs; } else parts.testScript;
    };
in
lib.mapAttrs test tests
