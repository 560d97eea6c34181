# Which file systems of a NixOS machine are mounted only after its users are created.
{
  lib,
  config,
  here,
  text,
  ...
}:
let
  # What NixOS mounts in the first stage in any case.
  early = [
    "/"
    "/etc"
    "/nix"
    "/nix/store"
    "/usr"
    "/var"
    "/var/lib"
    "/var/lib/nixos"
    "/var/log"
  ];

  # What is mounted for a path, as far as the configuration says: a file system, or a mount unit.
  of =
    path:
    let
      mounts =
        lib.mapAttrsToList (_: fileSystem: {
          place = fileSystem.mountPoint;
          isLate = !fileSystem.neededForBoot && !lib.elem fileSystem.mountPoint early;
          name = "fileSystems.\"${fileSystem.mountPoint}\"";
          advice = "set fileSystems.\"${fileSystem.mountPoint}\".neededForBoot = true";
        }) (config.fileSystems or { })
        ++ map (mount: {
          place = mount.where;
          # The other dependencies of a mount unit are what waits for the users.
          isLate = here.usersUnit == null || mount.unitConfig.DefaultDependencies or true;
          name = "a mount unit for ${mount.where}";
          advice =
            if here.usersUnit == null then
              "set services.userborn.enable = true and DefaultDependencies = false in that unit, or move the key to a file system of fileSystems with neededForBoot"
            else
              "set unitConfig.DefaultDependencies = false in that unit of systemd.mounts, or move the key to a file system of fileSystems with neededForBoot";
        }) (lib.filter (mount: mount.enable or true) (config.systemd.mounts or [ ]));
      holds = mount: text.isAt mount.place path;
      byLength = lib.sort (a: b: lib.stringLength a.place > lib.stringLength b.place) (
        lib.filter holds mounts
      );
    in
    if byLength == [ ] then null else lib.head byLength;
in
{
  inherit of;

  isLate =
    path:
    let
      mount = of path;
    in
    !text.isCredential path && !text.isInStore path && mount != null && mount.isLate;
}
