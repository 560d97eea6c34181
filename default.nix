{
  lib,
  rustPlatform,
}:

rustPlatform.buildRustPackage {
  pname = "sops-install-secrets";
  version = "0.1.0";

  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./Cargo.lock
      ./Cargo.toml
      ./crates
      ./demo
      ./tests
    ];
  };

  cargoLock.lockFile = ./Cargo.lock;

  meta = {
    description = "Installs the secrets of a NixOS machine from sops files";
    license = lib.licenses.mit;
    mainProgram = "sops-install-secrets";
    platforms = lib.platforms.linux;
  };
}
