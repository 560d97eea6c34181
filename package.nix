{
  installShellFiles,
  lib,
  rustPlatform,
  testers,
  versionCheckHook,
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
      # Tests read it.
      ./tests/corpus
    ];
  };

  cargoLock.lockFile = ./Cargo.lock;

  # What a build sandbox can run: neither mounts nor gpg, nor any program but a shell. .ci/run runs all tests. The hook of
  # cargo-auditable, which nixpkgs has by default, records the crates in the program.
  cargoTestFlags = [
    "--package=gcm"
    "--package=go-yaml"
    "--package=manifest"
    "--package=sops"
    "--lib"
    "--test=accepted"
    "--test=documents"
    "--test=problems"
    "--test=table"
  ];
  checkFlags = [
    "--skip=child::"
    "--skip=datakey::"
    "--skip=identity::gpg::"
    "--skip=identity::plugin::"
  ];
  # Without the optimisation of the released program, which takes longer than the tests.
  checkType = "debug";

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

  doInstallCheck = true;
  nativeInstallCheckInputs = [ versionCheckHook ];
  versionCheckProgramArg = "--version";

  passthru.tests = {
    version = testers.testVersion { package = finalAttrs.finalPackage; };
  }
  # The machines are with the modules; a copy of this file elsewhere has none.
  // lib.optionalAttrs (builtins.pathExists ./tests/nixos) (
    lib.mapAttrs (_: testers.runNixOSTest) (import ./tests/nixos)
  );

  meta = {
    description = "Installs the secrets of a NixOS machine from sops and age files";
    longDescription = ''
      Decrypts sops and age files with the keys of the host and installs each secret into memory, all of them at one
      moment. It takes the place of the program of the same name in sops-nix.
    '';
    # A place in this repository, as long as it has no address.
    changelog = toString ./CHANGELOG.md;
    license = lib.licenses.mit;
    mainProgram = finalAttrs.pname;
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
})
