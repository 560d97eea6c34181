"""Builds of what the modules make of the configurations of tests/module, and an installation of made-up secrets."""

import evaluation
from machine import Failure

KINDS = ("sops", "agenix")

# Those that need what only Nix' own files or other platforms have.
LEFT_OUT = {"cross"}


def configurations(kind):
    return [
        path for path in evaluation.configurations() if path.parent.parts[-2:] == (kind, "good") and path.stem not in LEFT_OUT
    ]


def is_refused(configuration):
    fields = dict(evaluation.expectations(configuration))
    return "refused" in fields and "mock" not in configuration.stem


def run(kit, kind):
    """Real builders accept what they should, ShellCheck included, and refuse what they should."""
    good = [path.stem for path in configurations(kind) if not is_refused(path)]
    names = " ".join(f'"{name}"' for name in good)
    kit.build(f"builds-{kind}", f"builds.all.{kind} [ {names} ]")
    for path in configurations(kind):
        if is_refused(path):
            try:
                kit.build(f"builds-{kind}-{path.stem}", f'builds.{kind}."{path.stem}"')
            except Failure as failure:
                for field, text in evaluation.expectations(path):
                    if field == "refused" and text not in str(failure):
                        raise Failure(f"{path.stem}: the build does not say {text!r}: {failure}") from failure
            else:
                raise Failure(f"{path.stem}: the build succeeds")


# What `enter` runs has mounts of its own.
MOCK = """
mount -t tmpfs tmpfs /run
for manifest in {folder}/*manifest*; do {program} -ignore-passwd "$manifest" >&2; done
for file in /run/secrets/database/port /run/secrets/database/user /run/secrets/rendered/app.conf /run/secrets-for-users/password; do
    cat "$file"
    echo
done
"""


def mock(kit):
    """A machine without keys gets made-up values of the shape of the real ones, and a password that is known."""
    folder = kit.build("builds-mock", "builds.sops.mock")
    script = MOCK.format(folder=folder, program="/src/program")
    found = kit.enter("bash", "-euc", script).stdout.splitlines()
    port, user, template, password = found
    if (port, user, template) != ("4711", "it's $HOME", "user = it's $HOME"):
        raise Failure(f"the values are {found}")
    if password != kit.enter("openssl", "passwd", "-6", "-salt", "mock", "mock").stdout.strip():
        raise Failure(f"the hash of the password is {password!r}")
