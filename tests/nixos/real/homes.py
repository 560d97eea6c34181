"""Homes that home-manager makes by itself, activated by their user in a container of Debian with a real systemd."""

import os
import subprocess
import time

from machine import Failure, Machine, init_below

PLACES = {"sops": "/home/alice/.config/sops-nix/secrets/token", "agenix": "/run/user/1000/agenix/token"}
KINDS = tuple(PLACES)


class Debian(Machine):
    """A tree of Debian, of which nothing is changed, with the store and the programs of the packages beside it."""

    def __init__(self, kit, name):
        self.kit = kit
        self.console = kit.work / "machines" / f"{name}.console"
        self.process = self.leader = None
        libraries = "usr/lib/x86_64-linux-gnu"
        command = ["systemd-nspawn", "-q", "-D", kit.plain, "-b", "--register=no", "--keep-unit", "--private-network"]
        command += ["--console=pipe", "--volatile=overlay", f"--bind-ro={kit.store}:/nix/store", f"--bind-ro={kit.debian}:/debian"]
        command += [f"--bind-ro={kit.debian}/{libraries}:/{libraries}"]
        with open(self.console, "wb") as console:
            environment = dict(os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY="1")
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            self.leader = self.leader or init_below(self.process.pid)
            if self.leader and self.run("systemctl is-system-running")[1].strip() in ("running", "degraded"):
                break
            time.sleep(0.2)
        else:
            raise Failure(f"Debian does not boot:\n{self.console.read_text()[-2000:]}")
        self.out("useradd --create-home --uid 1000 alice")
        self.out("mkdir -p /nix/var/nix/profiles/per-user /home/alice/.local/state/nix/profiles")

    def run(self, command, timeout=120):
        return super().run(f"export PATH=/usr/bin:/usr/sbin; {command}", timeout)

    def add_key(self):
        self.out("install -d -m 0700 /home/alice/.ssh")
        self.out(f"cat >/home/alice/.ssh/id_ed25519 <<'END'\n{(self.kit.files / 'host_key').read_text()}END")
        self.out("chmod 0600 /home/alice/.ssh/id_ed25519; chown -R alice: /home/alice")

    def start_session(self):
        self.out("chown -R alice: /home/alice; loginctl enable-linger alice")
        self.expect_soon("runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user is-system-running", "running", 30)

    def as_alice(self, command, runtime="XDG_RUNTIME_DIR=/run/user/1000"):
        # As from a login: with the user's name, and nothing of root's.
        return self.run(f"cd /home/alice; runuser -u alice -- env -i HOME=/home/alice USER=alice PATH=/usr/bin {runtime} {command}")

    def activate(self, kind, variant, runtime="XDG_RUNTIME_DIR=/run/user/1000"):
        return self.as_alice(f"{self.build(kind, variant)}/activate", runtime)

    def build(self, kind, variant):
        return self.kit.build(f"home-{kind}-{variant}", f'homes.activations."{kind}.{variant}"')


def activated(machine, kind, variant, **options):
    status, output = machine.activate(kind, variant, **options)
    if status != 0:
        raise Failure(f"the activation of {variant} ends with {status}:\n{output}")
    return output


def session(machine, kind):
    """With the user's systemd running: the secrets are there after an activation, and new ones after another."""
    machine.add_key()
    machine.start_session()
    activated(machine, kind, "first")
    machine.expect(f"cat {PLACES[kind]}", "first-token")
    machine.expect(f"stat -L -c '%a %U' {PLACES[kind]}", "400 alice")
    if kind == "sops":
        machine.expect("cat /home/alice/linked", "constant-value")
    # As a service of the system activates it, which is told nothing of the session.
    activated(machine, kind, "changed", runtime="")
    machine.expect(f"cat {PLACES[kind]}", "second-token")


def failure(machine, kind):
    """A file that nothing opens: the activation says why, goes on, and the secrets stay."""
    machine.add_key()
    machine.start_session()
    activated(machine, kind, "first")
    output = activated(machine, kind, "broken")
    if "no identity opens it" not in output:
        raise Failure(f"the activation does not say why:\n{output}")
    machine.expect(f"cat {PLACES[kind]}", "first-token")


def no_key(machine, kind):
    """On a new machine, before the user's key is there: the activation says so and goes on; afterwards it installs."""
    machine.start_session()
    output = activated(machine, kind, "first")
    if "/home/alice/.ssh/id_ed25519" not in output:
        raise Failure(f"the activation does not name the key:\n{output}")
    machine.add_key()
    activated(machine, kind, "first")
    machine.expect(f"cat {PLACES[kind]}", "first-token")


def no_session(machine, kind):
    """Where the user's systemd does not run: nothing without a runtime directory, and the secrets at once with one."""
    machine.add_key()
    output = activated(machine, kind, "first", runtime="")
    if "at the next login" not in output:
        raise Failure(f"the activation does not say when:\n{output}")
    machine.out("mkdir -p /run/user/1000; mount -t tmpfs -o mode=0700,uid=1000 tmpfs /run/user/1000")
    activated(machine, kind, "first", runtime="")
    machine.expect(f"cat {PLACES[kind]}", "first-token")


def no_systemd(machine, kind):
    """Where no systemd runs at all, as in a container or a job of CI: the secrets are there at once, in memory."""
    machine.add_key()
    home = machine.build(kind, "first")
    place = {"sops": PLACES["sops"], "agenix": "/dev/shm/agenix-1000/agenix/token"}[kind]
    # What the machine has below /run is out of sight.
    script = f"""mount -t tmpfs tmpfs /run; cd /home/alice
        runuser -u alice -- env -i HOME=/home/alice USER=alice PATH=/usr/bin {home}/activate >&2; runuser -u alice -- cat {place}"""
    machine.expect(f"unshare --mount bash -euc '{script}' 2>/dev/null", "first-token")
    machine.expect("stat -c '%a %U' /dev/shm/*-1000", "700 alice")


SCENARIOS = (session, failure, no_key, no_session, no_systemd)


def applies(scenario, kind):
    return scenario is not failure or kind == "sops"


def evaluation(kit):
    """No assertion of home-manager fails, and nothing is warned of."""
    for name, judged in kit.value("(import /harness/all.nix).homes.judgements").items():
        if judged["warnings"] or judged["failures"]:
            raise Failure(f"{name}: {judged}")


def run(kit, scenario, kind):
    machine = Debian(kit, f"home-{kind}-{scenario.__name__}")
    try:
        scenario(machine, kind)
    finally:
        machine.kill()
