{
  installShellFiles,
  lib,
  rustPlatform,
  testers,
}:

rustPlatform.buildRustPackage (finalAttrs: {
  pname = "sops-install-secrets";
  version = (lib.importTOML ./Cargo.toml).workspace.package.version;

  # Only what cargo reads, so that a change of a module or of a text builds nothing again.
  src = lib.fileset.toSource {
    root = ./.;
    fileset = lib.fileset.unions [
      ./Cargo.lock
      ./Cargo.toml
      ./crates
    ];
  };

  cargoLock.lockFile = ./Cargo.lock;

  # The tests mount file systems, trace system calls and start gpg. A build sandbox grants some of that on some
  # machines; .ci/run runs all of them.
  doCheck = false;

  # nixpkgs has cargo leave all symbols in the program and takes away only those of debuggers afterwards, which leaves a
  # sixth more than cargo itself would.
  stripAllList = [ "bin" ];

  nativeBuildInputs = [ installShellFiles ];
  postInstall = ''
    installManPage crates/sops-install-secrets/doc/sops-install-secrets.8 crates/sops-install-secrets/doc/sops-install-secrets-manifest.5
    cd crates/sops-install-secrets/doc/completions
    installShellCompletion --bash sops-install-secrets.bash --fish sops-install-secrets.fish --zsh _sops-install-secrets
    cd - >/dev/null
  '';

  passthru.tests = lib.mapAttrs (_: testers.runNixOSTest) (import ./tests/nixos);

  meta = {
    description = "Installs the secrets of a NixOS machine from sops files";
    license = lib.licenses.mit;
    mainProgram = finalAttrs.pname;
    platforms = lib.platforms.linux;
  };
})
