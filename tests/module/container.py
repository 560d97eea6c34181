"""Machines in containers: a tree of Debian with the units of a record, the real program and a real systemd."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import evaluation

UNITS = "etc/systemd/system"
NO_RECORD = {"sources": {}, "manifests": {}, "services": {}}
STORE_PATH = r"/nix/store/\w{32}-"
PROGRAM = STORE_PATH + r"sops-install-secrets/bin/sops-install-secrets"


class Machine:
    """One configuration in a tree of its own."""

    def __init__(self, work, tree, program, kind, name):
        # An example has no record: its own instructions put its files where they belong.
        path = evaluation.RECORDED / kind / "good" / f"{name}.json"
        self.record = NO_RECORD if kind == "examples" else json.loads(path.read_text())
        # Several machines may have one configuration.
        self.tree = Path(work, f"{kind}-{name}-{len(list(Path(work).iterdir()))}")
        self.program = program
        self.process = self.leader = None
        overlay(tree, self.tree)
        self.persist = Path(f"{self.tree}-persist")
        self.persist.mkdir(mode=0o700)
        (self.tree / "var/log/journal").mkdir(exist_ok=True)
        self.write(f"{UNITS}/sysinit-reactivation.target", "[Unit]\n")
        self.build(self.record)
        self.install(self.record)

    # The tree

    def write(self, path, content, mode=0o644):
        place = self.tree / path.lstrip("/")
        content = content.encode() if isinstance(content, str) else content
        # As in the Nix store, what is the same stays untouched.
        if place.is_file() and not place.is_symlink() and place.read_bytes() == content and place.stat().st_mode & 0o7777 == mode:
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        place.chmod(mode)

    def link(self, path, target):
        place = self.tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def want(self, unit, target, relation="wants"):
        self.link(f"{UNITS}/{target}.{relation}/{unit}", f"../{unit}")

    def build(self, record):
        """What a build of the configuration puts into the store."""
        for store, source in record["sources"].items():
            self.write(store, (evaluation.ROOT / source.lstrip("/")).read_bytes())
        for manifest in record["manifests"].values():
            self.write(manifest["path"], json.dumps(manifest["document"]))
        for path, text in record.get("scripts", {}).items():
            self.write(path, text, 0o755)
        self.build_packages(json.dumps(record))

    def install(self, record):
        """What a switch puts into /etc. Returns the units that it changes."""
        for path, source in record.get("etc", {}).items():
            # Of a user it is below the user's own directory.
            place = f"{'etc' if 'preSwitchChecks' in record else 'home/alice/.config'}/{path}"
            if "text" in source:
                self.write(place, source["text"])
            else:
                self.link(place, source["source"])
        changed = []
        for name, service in record["services"].items():
            if "Service" in service:
                self.install_user_unit(name, service)
            elif "ExecStart" in service.get("serviceConfig", {}):
                changed += self.install_unit(name, service)
        return changed

    def build_packages(self, text):
        for package in re.findall(STORE_PATH + r"sops-install-secrets\b", text):
            self.write(f"{package}/bin/sops-install-secrets", Path(self.program).read_bytes(), 0o755)
        for package in set(re.findall(STORE_PATH + r"age-plugin-toy\b", text)):
            toy = evaluation.ROOT / "crates/sops/tests/programs/age-plugin-toy"
            self.write(f"{package}/bin/age-plugin-toy", toy.read_bytes(), 0o755)
        for package in set(re.findall(STORE_PATH + r"(?:systemd|coreutils|age|gnupg)(?=[/\"])", text)):
            self.link(f"{package}/bin", "/usr/bin")

    def install_unit(self, name, service):
        text = unit_text(service)
        place = self.tree / UNITS / f"{name}.service"
        if place.exists() and place.read_text() == text:
            return []
        self.write(f"{UNITS}/{name}.service", text)
        for old in (self.tree / UNITS).glob(f"*.*/{name}.service"):
            old.unlink()
        for relation, folder in (("wantedBy", "wants"), ("requiredBy", "requires")):
            for target in service.get(relation, []):
                self.want(f"{name}.service", target, folder)
        return [f"{name}.service"]

    def install_user_unit(self, name, service):
        folder = "home/alice/.config/systemd/user"
        self.write(f"{folder}/{name}.service", user_unit_text(service))
        for target in service.get("Install", {}).get("WantedBy", []):
            self.link(f"{folder}/{target}.wants/{name}.service", f"../{name}.service")

    def changed(self, change, fields=None):
        """The record of another configuration, built: this one, after a change of each secret of its manifests, and with
        other fields in these.
        """
        text = json.dumps(self.record)
        record = json.loads(text)
        for manifest in record["manifests"].values():
            manifest["document"].update(fields or {})
            for secret in manifest["document"]["secrets"]:
                change(secret)
            # The path of a file in the store changes with its content, and with it the units that name it.
            digest = hashlib.sha256(json.dumps(manifest["document"]).encode()).hexdigest()[:32]
            text = text.replace(manifest["path"], re.sub(r"\w{32}", digest, manifest["path"], count=1))
        documents = record["manifests"]
        record = json.loads(text)
        for name, manifest in record["manifests"].items():
            manifest["document"] = documents[name]["document"]
        self.build(record)
        return record

    # The container

    def boot(self):
        command = ["systemd-nspawn", "-q", "-D", str(self.tree), "-b", "--register=no", "--keep-unit"]
        command += ["--private-network", "--console=pipe", "--volatile=no", f"--bind={self.persist}:/persist"]
        # A machine has it, and a container of systemd-nspawn has not.
        command += ["--capability=CAP_IPC_LOCK"]
        environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
        with open(self.tree.with_suffix(".console"), "ab") as console:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self.leader = None
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            self.leader = self.leader or init_below(self.process.pid)
            if self.leader and self.run("systemctl is-system-running")[1].strip() in ("running", "degraded"):
                return
            time.sleep(0.1)
        raise evaluation.Failure(f"the container does not boot:\n{self.tree.with_suffix('.console').read_text()}")

    def power_off(self):
        if self.leader and self.process.poll() is None:
            self.run("systemctl poweroff")
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise evaluation.Failure("the container does not power off") from error

    def kill(self):
        """Nothing of it runs any longer, however it was left. Its processes die with number 1."""
        if self.leader and self.process.poll() is None:
            os.kill(self.leader, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def run(self, command):
        """Exit status, standard output and standard error."""
        run = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", "bash", "-c", command], capture_output=True, text=True, timeout=60
        )
        return run.returncode, run.stdout, run.stderr

    def out(self, command):
        status, out, err = self.run(command)
        if status != 0:
            raise evaluation.Failure(f"{command}\nexit status {status}: {out}{err}")
        return out.strip()

    def expect(self, command, expected):
        found = self.out(command)
        if found != expected:
            raise evaluation.Failure(f"{command}\ngives {found!r}, not {expected!r}")

    def expect_soon(self, command, expected):
        """For what is asked of systemd without waiting for it."""
        deadline = time.monotonic() + 10
        while self.run(command)[1].strip() != expected and time.monotonic() < deadline:
            time.sleep(0.1)
        self.expect(command, expected)

    def journal(self):
        command = ["journalctl", "-D", str(self.tree / "var/log/journal"), "-o", "cat", "--no-pager", "-q"]
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()

    # A switch, in the order of switch-to-configuration

    def check(self, record, action="test"):
        """The checks before a switch, as NixOS runs them: with the new system, and what is to be done with it."""
        return self.run(f"set -- /toplevel {action}\n" + "\n".join(record["preSwitchChecks"].values()))

    def switch(self, record):
        """Everything after the checks. Returns the exit status and what was said of the restart."""
        units = self.active(record)
        for unit in self.install(record):
            if unit in units:
                self.out(f"systemctl stop {unit}")
        self.out("systemctl reset-failed; systemctl daemon-reload")
        status, _, err = self.run("systemctl restart sysinit-reactivation.target")
        return status, err

    def active(self, record):
        return [
            f"{name}.service" for name in record["services"] if self.run(f"systemctl is-active {name}.service")[0] == 0
        ]

    def deploy(self, change, fields=None):
        record = self.changed(change, fields)
        for what, (status, *said) in (("check", self.check(record)), ("switch", self.switch(record))):
            if status != 0:
                raise evaluation.Failure(f"the {what} fails: {' '.join(said)}")


def overlay(lower, place):
    """Mounts a writable view of a tree. What is written stays in memory, beside the place."""
    upper, work = place.with_suffix(".upper"), place.with_suffix(".work")
    for folder in (place, upper, work):
        folder.mkdir()
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(place)], check=True)


def unchanged(_secret):
    """The configuration as it is recorded."""


def unit_text(service):
    unit = dict(service["unitConfig"], Description=service["description"])
    for name in ("after", "before", "wants", "conflicts"):
        if name in service:
            unit[name.capitalize()] = " ".join(service[name])
    environment = dict(service.get("environment", {}))
    if "path" in service:
        environment["PATH"] = ":".join(f"{package}/bin" for package in service["path"])
    settings = dict(service["serviceConfig"], Environment=[json.dumps(f"{k}={v}") for k, v in environment.items()])
    return "\n".join(["[Unit]", *assignments(unit), "[Service]", *assignments(settings), ""])


def user_unit_text(service):
    lines = []
    for section, settings in service.items():
        lines += [f"[{section}]", *assignments(settings)]
    return "\n".join([*lines, ""])


def assignments(section):
    for name, values in section.items():
        for value in values if isinstance(values, list) else [values]:
            yield f"{name}={str(value).lower() if isinstance(value, bool) else value}"


def init_below(pid):
    """The process that is number 1 in a namespace below this one."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            try:
                numbers = re.search(r"^NSpid:\s+(.*)$", Path(f"/proc/{child}/status").read_text(), re.M)[1].split()
            except FileNotFoundError:  # it has gone since
                continue
            if len(numbers) > 1 and numbers[-1] == "1":
                return int(child)
            if found := init_below(child):
                return found
    return None
