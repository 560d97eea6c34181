"""Looks at every text of ours that a builder of NixOS or home-manager looks at, with the tool that the builder has.

A build of NixOS runs ShellCheck on all checks before a switch together, and fails on a finding of any level. The same is
asked of what NixOS and home-manager put into their activation scripts, and systemd has to find nothing in a unit.
"""

import re
import subprocess
import tempfile
from pathlib import Path

from container import PROGRAM, STORE_PATH, unit_text, user_unit_text
from evaluation import Failure

# NixOS: modules/system/activation/pre-switch-check.nix, in a writeShellApplication.
APPLICATION = """#!/bin/bash
set -o errexit
set -o nounset
set -o pipefail

"""
CHECK = """# pre-switch check {name}
if ! (
  {text}
) >&2 ; then
  echo "Pre-switch check '{name}' failed" >&2
  exit 1
fi
"""

# NixOS: modules/system/activation/activation-script.nix.
ACTIVATION = """#!/bin/bash
_status=0
trap "_status=1" ERR
"""
SNIPPET = """
#### Activation script snippet {name}:
_localstatus=0
{text}
if (( _localstatus > 0 )); then
  printf "Activation script snippet '%s' failed (%s)\\n" "{name}" "$_localstatus"
fi
"""

# home-manager: modules/home-environment.nix and its library of functions.
HOME = """#!/bin/bash
set -eu
set -o pipefail
run() { "$@"; }
warnEcho() { echo "$1" >&2; }
verboseEcho() { true; }
"""
ENTRY = """
noteEcho() {{ echo "$1"; }}
noteEcho "Activating {name}"
{text}
"""


def failures_of(record, work):
    """Every finding in the texts of a record."""
    if checks := record.get("preSwitchChecks"):
        yield from shellcheck("the checks before a switch", APPLICATION, CHECK, checks, work)
    scripts = {name: script["text"] for name, script in record.get("activationScripts", {}).items()}
    if ours := {name: text for name, text in scripts.items() if "sops-install-secrets" in text or "age-keygen" in text}:
        yield from shellcheck("the activation scripts", ACTIVATION, SNIPPET, ours, work)
    if entries := {name: entry["data"] for name, entry in record.get("activation", {}).items()}:
        yield from shellcheck("the activation of home-manager", HOME, ENTRY, entries, work)
    if programs := record.get("scripts"):
        yield from shellcheck("what units start", "", "{text}", programs, work)
    yield from words_that_do_not_arrive(record, work)
    yield from findings_of_systemd(record, work)


def words_that_do_not_arrive(record, work):
    """What the program is not given as it stands in the configuration."""
    stub = Path(work, "stub")
    stub.write_text("#!/bin/sh\n/usr/bin/env -0 >&3\nprintf '=%s\\0' \"$@\" >&3\n")
    stub.chmod(0o755)
    texts = {name: (text, ["-pre-switch=test", "-system=/new system"]) for name, text in record.get("preSwitchChecks", {}).items()}
    for name, script in record.get("activationScripts", {}).items():
        if "sops-install-secrets" in script["text"]:
            texts[name] = (script["text"], [])
    for name, text in record.get("scripts", {}).items():
        texts[name] = (text, ["/new system", "test"])
    for name, (text, arguments) in texts.items():
        # What the shell sets by itself.
        out = Path(work, "out")
        with open(out, "wb") as file:
            script = re.sub(PROGRAM, str(stub), text)
            command = ["bash", "-euc", f"exec 3>{out}\n{script}", "check", "/new system", "test"]
            run = subprocess.run(command, env={}, capture_output=True, text=True)
        given = out.read_bytes().decode().split("\0")
        for variable, value in record.get("environment", {}).items():
            if f"{variable}={value}" not in given:
                yield f"{name}: {variable} is not {value!r} but in {given}: {run.stderr}"
        words = [word[1:] for word in given if word.startswith("=")]
        manifests = {manifest["path"] for manifest in record["manifests"].values()}
        others = [word for word in words if word not in manifests and word != "-ignore-passwd"]
        if others != arguments or not manifests & set(words):
            yield f"{name}: the program is given {words}"


def shellcheck(what, frame, part, texts, work):
    place = Path(work, "script")
    place.write_text(frame + "".join(part.format(name=name, text=text) for name, text in texts.items()))
    run = subprocess.run(["shellcheck", "-S", "style", "-f", "gcc", place], capture_output=True, text=True)
    if run.returncode != 0:
        yield f"ShellCheck finds in {what}:\n{run.stdout}{run.stderr}{place.read_text()}"


def findings_of_systemd(record, work):
    """What `systemd-analyze verify` says of the units, for which the programs that they start have to be there."""
    units = {}
    for name, service in record.get("services", {}).items():
        if "Service" in service:
            units[f"{name}.service"] = user_unit_text(service)
        elif re.match("(sops|agenix)-", name):
            units[f"{name}.service"] = unit_text(service)
    if not units:
        return
    folder = Path(work, "units")
    folder.mkdir()
    for name in ("sysinit-reactivation.target", "userborn.service"):
        if name not in units:
            Path(folder, name).write_text("[Unit]\nDefaultDependencies=no\n" + "[Service]\nExecStart=/bin/true\n" * name.endswith("service"))
    for name, text in units.items():
        Path(folder, name).write_text(re.sub(STORE_PATH + r"([^\s\"/]+/bin/[\w-]+|[\w-]+-user)", "/bin/true", text))
    is_user = any("Service" in service for service in record["services"].values())
    command = ["systemd-analyze", "--user" if is_user else "--system", "--recursive-errors=no", "--man=no", "verify"]
    run = subprocess.run(
        [*command, *sorted(str(folder / name) for name in units)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{folder}:", "XDG_RUNTIME_DIR": str(work), "HOME": str(work)},
    )
    if run.returncode != 0 or run.stderr.strip():
        yield f"systemd-analyze verify, exit status {run.returncode}: {run.stderr}"


def all_failures(record):
    """The same, with a folder to work in."""
    with tempfile.TemporaryDirectory() as work:
        try:
            yield from failures_of(record, work)
        except FileNotFoundError as error:
            raise Failure(f"{error.filename} is not there (Debian: shellcheck, systemd)") from error
