# Everything, with the places of `enter`.
let
  systems = import ./systems.nix arguments;
  arguments = import ./arguments.nix // {
    project = /project;
    program = /src/program;
    files = /src/files;
    sopsNix = /src/sops-nix;
    agenix = /src/agenix;
    homeManager = /src/home-manager;
  };
in
systems
// {
  product = systems.pkgs.callPackage /project/package.nix { };
  homes = import ./homes.nix arguments;
  builds = import ./builds.nix arguments;
  extras = import ./extras.nix arguments;
  tests = import ./project_tests.nix arguments;
}
