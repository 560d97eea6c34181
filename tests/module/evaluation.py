"""Evaluates the modules, and the machines of tests/nixos, with real Nix, for `record` and `check`.

A configuration is a Nix module at KIND/good/NAME.nix or KIND/bad/NAME.nix. What becomes of it stands in
recorded/KIND/NAME.json. Comments at the top of a configuration say what has to hold:

    # manifest: FILE    the manifest that is to be the same as FILE, which sops-nix made, but for hashes in store paths
    # manifest-for-users: FILE
    # warning: TEXT     a warning that the configuration has to give
    # holds: TEXT       a text that the record of the configuration has to contain
    # error: TEXT       a text that the error of a bad configuration has to contain; several may be given
    # refused: TEXT     a text that the program has to say against the manifest, which it otherwise has to accept
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RECORDED = HERE / "recorded"
MACHINES = RECORDED / "machines.json"
OUTPUTS = RECORDED / "outputs.json"
EXAMPLES = RECORDED / "examples.json"
HASHES = RECORDED / "hashes.json"
REAL = ROOT / "tests/nixos/record.json"
OPTIONS = ROOT / "nixos-module" / "OPTIONS.md"
KINDS = {
    "sops": "NixOS: sops (`default.nix`)",
    "agenix": "NixOS: agenix (`agenix.nix`)",
    "home-manager": "home-manager: sops (`home-manager.nix`)",
    "agenix-home": "home-manager: agenix (`agenix-home.nix`)",
}


class Failure(Exception):
    """Something that does not hold, in words."""


def configurations():
    return sorted(path for kind in KINDS for path in (HERE / kind).glob("*/*.nix"))


def record_of(configuration):
    kind, outcome = configuration.relative_to(HERE).parts[:2]
    return RECORDED / kind / outcome / (configuration.stem + ".json")


def text_of(value):
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


# Evaluation


def nix(lib, kind, attribute, configuration=None):
    command = ["nix-instantiate", "--store", "dummy://", "--eval", "--strict", "--json", "--show-trace", str(HERE / "evaluate.nix")]
    command += ["--arg", "lib", str(Path(lib).resolve()), "--argstr", "kind", kind, "-A", attribute]
    if configuration is not None:
        command += ["--arg", "configuration", str(configuration)]
    return subprocess.run(command, capture_output=True, text=True)


def evaluate(lib, configuration):
    """What the configuration gives: the result, or the error that its evaluation ends in."""
    run = nix(lib, configuration.relative_to(HERE).parts[0], "result", configuration)
    if configuration.parent.name == "bad" and PRIVATE_KEY.search(run.stdout + run.stderr):
        raise Failure(f"{configuration.relative_to(HERE)}: its evaluation says a private key")
    if run.returncode == 0:
        return json.loads(run.stdout.replace(str(ROOT), ""))
    error = run.stderr.replace(str(ROOT), "").rpartition("error: ")[2]
    return {"error": re.sub(r"\x1b\[[0-9;]*m", "", error).partition("\n\n")[0].strip()}


PRIVATE_KEY = re.compile(r"AGE-(SECRET-KEY|PLUGIN-\w+)-(PQ-)?1\w{6}|BEGIN \w+ PRIVATE KEY|b3BlbnNzaC1rZXkt", re.IGNORECASE)


def evaluate_all(lib):
    paths = configurations()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: evaluate(lib, path), paths))
    records = {record_of(path): text_of(result) for path, result in zip(paths, results)}
    records[MACHINES] = text_of(value_of(lib, "tests"))
    records[OUTPUTS] = text_of(value_of(lib, "outputs"))
    records[EXAMPLES] = text_of(value_of(lib, "examples"))
    records[OPTIONS] = options_page(lib)
    return records


def value_of(lib, attribute):
    """An attribute of evaluate.nix that needs no configuration."""
    run = nix(lib, "sops", attribute)
    if run.returncode != 0:
        raise Failure(f"{attribute}: {run.stderr}")
    return json.loads(run.stdout.replace(str(ROOT), ""))


# The page of options


def options_page(lib):
    page = ["# Options", "", "Generated from the modules by `tests/module/record`; change the descriptions there.", ""]
    options = {kind: options_of(lib, kind) for kind in KINDS}
    page += ["## Which option is where", "", *table_of_places(options), ""]
    page += ["## Which options are only here", "", *list_of_own(options), ""]
    for kind, title in KINDS.items():
        page += [f"## {title}", ""]
        page += ["| option | type | default | what it is |", "| --- | --- | --- | --- |"]
        for option in options[kind]:
            cells = [f"`{option['name']}`", option["type"], default_cell(option), description_cell(option)]
            page.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        page.append("")
    return "\n".join(page)


def options_of(lib, kind):
    """What people may set, each with everything that is said of it."""
    run = nix(lib, kind, "options")
    if run.returncode != 0:
        raise Failure(f"the options of {kind}: {run.stderr}")
    options = [
        option
        for option in json.loads(run.stdout)
        if option["declaredHere"] and not option["name"].endswith("_module.args")
    ]
    for option in options:
        missing = [field for field in ("description", "example") if not option[field]]
        # lib.mkPackageOption gives no example.
        if missing and not option["readOnly"] and not option["name"].endswith("gnupg.package"):
            raise Failure(f"{option['name']} has no {' and no '.join(missing)}")
        if option["default"] is None and option["name"] not in WITHOUT_DEFAULT:
            raise Failure(f"{option['name']} has no default")
    return options


WITHOUT_DEFAULT = ("sops.defaultSopsFile", "age.secrets.<name>.file")

# The names that sops-nix and agenix have for the same thing, without what is in front of all names.
SAME = {
    "identityPaths": "age.sshKeyPaths",
    "installPackage": "package",
    "secretsDir": "defaultSymlinkPath",
    "secretsMountPoint": "defaultSecretsMountPoint",
    "secrets.<name>.file": "secrets.<name>.sopsFile",
    "keyFile": "age.keyFile",
    "plugins": "age.plugins",
    "generateKey": "age.generateKey",
    "keyType": "age.keyType",
}


def table_of_places(options):
    """A row for each option, or for the options of two names that are the same thing."""
    places = {}
    for kind, listed in options.items():
        for option in listed:
            name = option["name"].partition(".")[2]
            places.setdefault(SAME.get(name, name), {})[kind] = option["name"]
    yield "| " + " | ".join(KINDS.values()) + " |"
    yield "| " + " | ".join("---" for _ in KINDS) + " |"
    for _, names in sorted(places.items()):
        yield "| " + " | ".join(f"`{names[kind]}`" if kind in names else "" for kind in KINDS) + " |"


# What the modules have behind the description of an option that sops-nix or agenix does not have.
OWN = " does not have this option."


def list_of_own(options):
    """An entry for each module; what is below such an option is not named again."""
    for kind, title in KINDS.items():
        names = [option["name"] for option in options[kind] if option["description"].endswith(OWN)]
        named = [name for name in names if not any(name.startswith(f"{other}.") for other in names)]
        yield f"- {title}: " + ", ".join(f"`{name}`" for name in named)


def default_cell(option):
    text = " ".join((option["default"] or "").split())
    return prose(text) if option["defaultIsProse"] or not text else code(text)


def prose(text):
    return re.sub(r"\{option\}(`[^`]*`)", r"\1", text)


def code(text):
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def description_cell(option):
    paragraphs = [" ".join(text.split()) for text in prose(option["description"]).strip().split("\n\n")]
    if option["example"]:
        paragraphs.append("Example: " + code(" ".join(option["example"].split())))
    return "<br>".join(paragraphs)


# What has to hold


def expectations(configuration):
    for line in configuration.read_text().splitlines():
        match = re.match(r"# (manifest|manifest-for-users|warning|holds|error|refused): (.*)", line)
        if match:
            yield match.groups()
        elif not line.startswith("#"):
            return


def failures_of(configuration, record):
    """Every expectation of the configuration that its record does not meet."""
    is_bad = configuration.parent.name == "bad"
    expected = list(expectations(configuration))
    if is_bad:
        if not expected:
            yield "says no error"
        said = "\n".join(record.get("assertions", [record.get("error", "nothing")]))
        for _, text in expected:
            if text not in said:
                yield f"the error has no {text!r}, it is {said!r}"
        return
    if "error" in record or "assertions" in record:
        yield f"is not accepted: {record}"
        return
    for field, file in expected:
        if field == "refused":
            continue
        if field == "holds":
            if file not in text_of(record):
                yield f"does not hold {file!r}"
            continue
        if field == "warning":
            if file not in record["warnings"]:
                yield f"does not warn {file!r}, but {record['warnings']}"
            continue
        name = {"manifest": "sops-nix-manifest", "manifest-for-users": "sops-nix-users-manifest"}[field]
        ours, theirs = record["manifests"][name]["document"], json.loads((ROOT / file).read_text())
        if without_hashes(ours) != without_hashes(theirs):
            yield f"its {field} is not that of {file}:\n{text_of(ours)}"


def failures_of_machines(tests):
    """What is wrong with the tests on machines, as far as it can be seen without a machine."""
    for name, test in tests.items():
        try:
            compile(test["script"], name, "exec")
        except SyntaxError as error:
            yield f"{name}: its script is no Python: {error}"
    for machine, result in records_of_machines(tests):
        # The one machine whose users a script creates, of which NixOS 26.11 warns, too.
        warnings = [text for text in result.get("warnings", []) if not text.startswith("An activation script creates the users")]
        if warnings or "assertions" in result:
            yield f"{machine}: {warnings or result['assertions']}"


def records_of_machines(tests):
    """The machines of the tests, each with its specialisations, by a name for messages."""
    for name, test in tests.items():
        for node, machines in test["machines"].items():
            for specialisation, result in machines.items():
                yield f"{name}: {node} {specialisation}".rstrip(), result


def failures_of_example(record):
    """What a user of the example would be told of it."""
    if "assertions" in record or record["warnings"]:
        yield f"{record.get('assertions') or record['warnings']}"


def without_hashes(value):
    return json.loads(re.sub(r"/nix/store/[0-9a-z]{32}-", "/nix/store/HASH-", json.dumps(value, sort_keys=True)))


def refusals(configuration, record, program):
    """What is wrong with the program's judgement on the manifests, with the commands that a build would run."""
    expected = [text for field, text in expectations(configuration) if field == "refused"]
    said = ""
    for manifest in record.get("manifests", {}).values():
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(here(json.dumps(manifest["document"]), record, ROOT))
            file.flush()
            commands = here(manifest["check"], record, ROOT)
            commands = re.sub(r"/nix/store/\w{32}-sops-install-secrets/bin/sops-install-secrets", str(program), commands)
            run = subprocess.run(
                ["bash", "-ec", commands], capture_output=True, text=True, env=dict(os.environ, out=file.name)
            )
            said += run.stderr
            if run.returncode != 0 and not expected:
                yield f"the program refuses its manifest: {run.stderr}"
    for text in expected:
        if text not in said:
            yield f"the program does not say {text!r}, but {said!r}"


def here(text, record, root):
    """The text with the files of the repository in the place of those of the store."""
    for store, source in record["sources"].items():
        text = text.replace(store, str(root) + source)
    return text


# Really installing what was recorded


def installation_failures(configuration, record, program):
    """Installs every manifest, as root in a mount namespace with empty folders, with the host key of the demonstration.

    Not the configurations of `boot`, which has the keys that they need, nor those that the program is to refuse.
    """
    if configuration.stem.startswith("container") or any(field == "refused" for field, _ in expectations(configuration)):
        return
    for name, manifest in record.get("manifests", {}).items():
        with tempfile.TemporaryDirectory() as work:
            document = json.loads(here(json.dumps(manifest["document"]), record, f"{work}/repository"))
            files = document["secrets"] + document.get("templates", [])
            for secret in document["secrets"]:
                if not secret["sopsFile"].startswith(work):
                    secret["sopsFile"] = f"{work}/repository/tests/module/files/secret.age"
            document.update(ageKeyFile=None, gnupgHome=None, sshKeyPaths=[])
            document["ageSshKeyPaths"] = [f"{work}/repository/demo/ssh_host_ed25519_key"]
            Path(work, "manifest.json").write_text(json.dumps(document))
            shutil.copy(program, Path(work, "program"))
            paths = [file["path"] for file in files]
            if document.get("userMode"):
                paths = [path.replace("%r", RUNTIME_DIRECTORY).replace("%%", "%") for path in paths]
            command = ["unshare", "--mount", "sh", "-euc", INSTALL, "install", str(ROOT), work, *paths]
            run = subprocess.run(command, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
            expected = [f"{int(file['mode'], 8):o}" for file in files]
            if run.returncode != 0 or run.stdout.split() != expected:
                yield f"{name} installs modes {run.stdout.split()}, not {expected}: {run.stderr}"


RUNTIME_DIRECTORY = "/run/user/1000"
INSTALL = f"""
root=$1 work=$2
shift 2
mkdir "$work/repository"
mount --bind "$root" "$work/repository"
for folder in /etc /home /run /var; do mount -t tmpfs tmpfs "$folder"; done
mkdir -p {RUNTIME_DIRECTORY}
XDG_RUNTIME_DIR={RUNTIME_DIRECTORY} "$work/program" -ignore-passwd "$work/manifest.json" >&2
for path; do
    test -s "$path"
    stat -L -c %a "$path"
done
"""


# Whether records are those of the present files


def hashes_of_modules():
    """Of what the last run of tests/nixos/run was made."""
    return hashes_of([*sorted((ROOT / "nixos-module").glob("*.nix")), ROOT / "package.nix"])


def hashes_of(paths):
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.exists()}


def failures_of_real_run():
    """What is wrong with the record of the last run on the real NixOS and home-manager."""
    if not REAL.exists():
        yield f"{REAL.relative_to(ROOT)} is not there; run tests/nixos/run --record"
        return
    record, present = json.loads(REAL.read_text()), hashes_of_modules()
    for path in sorted(record["files"].keys() | present.keys()):
        if record["files"].get(path) != present.get(path):
            yield f"{path} is not as it was in the last real run; run tests/nixos/run --record"
    for name, said in record["failed"].items():
        yield f"{name} failed in the last real run: {said}"
    if not record["passed"]:
        yield "nothing passed in the last real run"


def hashes():
    inputs = [HERE / "evaluate.nix", HERE / "stubs.nix", HERE / "evaluation.py", *configurations()]
    inputs += sorted((HERE / "files").iterdir())
    inputs += sorted(path for folder in ("", "nixos-module", "tests/nixos") for path in (ROOT / folder).glob("*.nix"))
    inputs += sorted(path for path in (ROOT / "examples").rglob("*") if path.is_file())
    outputs = [OPTIONS, MACHINES, OUTPUTS, EXAMPLES, *sorted(RECORDED.glob("*/*/*.json"))]
    return hashes_of(inputs + outputs)
