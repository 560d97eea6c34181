# makeSetupHook, without splicing.
{ lib, raw }:
{
  name ? "hook",
  propagatedBuildInputs ? [ ],
  propagatedNativeBuildInputs ? [ ],
  substitutions ? { },
  passthru ? { },
  ...
}:
script:
raw name { inherit passthru; } ''
  mkdir -p $out/nix-support
  cp ${script} $out/nix-support/setup-hook
  chmod u+w $out/nix-support/setup-hook
  ${lib.concatStrings (
    lib.mapAttrsToList (variable: value: ''
      python3 - "$out/nix-support/setup-hook" ${lib.escapeShellArg "@${variable}@"} ${lib.escapeShellArg (toString value)} <<'EOF'
      import sys
      path, old, new = sys.argv[1:]
      text = open(path).read()
      open(path, "w").write(text.replace(old, new))
      EOF
    '') substitutions
  )}
  echo ${
    toString (propagatedBuildInputs ++ propagatedNativeBuildInputs)
  } >$out/nix-support/propagated-build-inputs
''
