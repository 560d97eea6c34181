"""Shared parts of the sweeps: a machine to install on, manifests, strace, and what to compare afterwards.

A sweep runs the real program many times, disturbs each run in another way, and looks at what it leaves behind. All of it
happens in mount namespaces of its own, below a new folder and on a /run of its own, so nothing of the machine changes.
Needs root, Linux, strace, util-linux and python3; no package of Python.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
KEYS = HERE.parent / "corpus/keys"

PLAIN = {name: json.loads((FIXTURES / f"{name}.plain.json").read_text()) for name in ("old", "new")}
AGE_KEY = KEYS / "age-1.txt"
SSH_KEY = KEYS / "ssh-ed25519"

NOBODY = 65534
KEYS_GROUP = 96
TIME_LIMIT = 10
"""Seconds within which a run ends that normally takes milliseconds, also under strace."""


def value(values, key):
    """The bytes of one value of a fixture, such as `database/user`; of the whole file for the empty key."""
    if not key:
        return (FIXTURES / f"{values}.plain.json").read_bytes()
    node = PLAIN[values]
    for step in key.split("/"):
        node = node[step]
    return node.encode()


def markers():
    """Every plaintext, by name. None of them occurs by accident: each has at least 16 random bytes."""
    keys = ["alpha", "beta", "database/user", "database/password", "same"]
    found = {f"{values} {key}": value(values, key) for values in PLAIN for key in keys}
    for values in PLAIN:
        large = value(values, "large")
        for part, at in (("begin", 10), ("middle", len(large) // 2), ("end", -40)):
            found[f"{values} large, {part}"] = large[at:][:32]
    return found


# --- What to install ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Secret:
    """One secret of a manifest."""

    name: str
    key: str
    link: str = None
    """A custom path below the site; without one the path is where the secret is."""
    mode: str = "0400"
    uid: int = 0
    gid: int = 0
    credential: bool = False
    units: tuple = ()


@dataclass(frozen=True)
class Template:
    """One template. Its text has `@NAME@` for the secret of that name."""

    name: str
    text: str
    link: str = None
    mode: str = "0400"
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True)
class Manifest:
    """What a manifest says, apart from where."""

    values: str
    secrets: tuple
    templates: tuple = ()
    file_system: str = "ramfs"
    keep: int = 1
    identities: tuple = ("ssh", "age")

    @property
    def user_mode(self):
        return self.file_system == "runtime"

    def document(self, site):
        """The JSON text."""
        entry = lambda item, place: {
            "name": item.name, "mode": item.mode, "uid": item.uid, "gid": item.gid,
            "path": str(site.root / item.link) if item.link else f"{site.link}/{place}",
        }
        return json.dumps({
            "secrets": [
                entry(secret, secret.name) | {
                    "key": secret.key, "sopsFile": str(site.files / f"{self.values}.sops.json"), "format": "json",
                    "credential": secret.credential, "restartUnits": list(secret.units),
                } for secret in self.secrets
            ],
            "templates": [
                entry(template, f"rendered/{template.name}") | {"content": template.text} for template in self.templates
            ],
            "placeholderBySecretName": {secret.name: f"@{secret.name}@" for secret in self.secrets},
            "secretsMountPoint": str(site.mount_point), "symlinkPath": str(site.link),
            "keepGenerations": self.keep, "useTmpfs": self.file_system == "tmpfs", "userMode": self.user_mode,
            "ageKeyFile": str(site.files / AGE_KEY.name) if "age" in self.identities else None,
            "ageSshKeyPaths": [str(site.files / SSH_KEY.name)] if "ssh" in self.identities else [],
            "logging": {"keyImport": True, "secretChanges": True},
        })

    def generation(self):
        """What readers find in a whole generation of it, as [`Site.generation`] gives it."""
        runner = NOBODY if self.user_mode else 0
        owner = lambda item: (NOBODY, NOBODY) if self.user_mode else (item.uid, item.gid)
        file = lambda item, content: ("file", int(item.mode, 8), *owner(item), content)
        files = {secret.name: file(secret, value(self.values, secret.key)) for secret in self.secrets}
        for template in self.templates:
            text = template.text
            for secret in self.secrets:
                text = text.replace(f"@{secret.name}@", value(self.values, secret.key).decode())
            files[f"rendered/{template.name}"] = file(template, text.encode())
        directories = {str(parent) for place in files for parent in Path(place).parents}
        group = NOBODY if self.user_mode else KEYS_GROUP
        return files | {place: ("directory", 0o751, runner, group, None) for place in directories}

    def links(self):
        """Custom paths below the site, and the place in a generation that each leads to."""
        links = {secret.link: secret.name for secret in self.secrets}
        links |= {template.link: f"rendered/{template.name}" for template in self.templates}
        return {link: place for link, place in links.items() if link}


@dataclass(frozen=True)
class Scenario:
    """A run to disturb, and what was installed before it."""

    name: str
    before: tuple
    """Manifests that are installed in this order first."""
    after: Manifest

    @property
    def user(self):
        return self.after.user_mode


def scenarios():
    """The runs that the sweeps of system calls disturb."""
    plain = (
        Secret("alpha", "alpha"),
        Secret("database/password", "database/password", mode="0440", uid=1234, gid=2345),
        Secret("large", "large"),
        Secret("same", "same"),
    )
    old = Manifest("old", (
        Secret("alpha", "alpha", link="etc/alpha", credential=True),
        Secret("beta", "beta", link="etc/removed/beta", credential=True),
        Secret("db/user", "database/user", link="etc/moved", uid=1234, gid=2345),
        Secret("db/password", "database/password"),
        Secret("same", "same", link="etc/same"),
    ), (Template("app.conf", "user=@db/user@\n", link="etc/app.conf"), Template("gone", "@alpha@")))
    new = Manifest("new", (
        Secret("alpha", "alpha", link="etc/alpha", credential=True, units=("a.service", "b.service")),
        Secret("db/user", "database/user"),
        Secret("db/password", "database/password", link="etc/moved", uid=1234, gid=2345, credential=True),
        Secret("deep/er/large", "large", mode="0444"),
        Secret("same", "same", link="etc/same"),
    ), (Template("app.conf", "user=@db/user@ password=@db/password@\n", link="etc/app.conf", mode="0440", gid=2345),
        Template("added", "@same@")))
    user = [replace(manifest, file_system="runtime", secrets=tuple(
        replace(secret, credential=False, units=()) for secret in manifest.secrets)) for manifest in (old, new)]
    return [
        Scenario("first install", (), new),
        Scenario("upgrade", (Manifest("old", plain),), Manifest("new", plain)),
        Scenario("upgrade with templates, links, removals, pruning",
                 (replace(old, keep=0), replace(new, keep=0), replace(old, keep=0)), new),
        Scenario("switch to tmpfs", (old,), replace(new, file_system="tmpfs")),
        Scenario("first install of a user", (), user[1]),
        Scenario("upgrade of a user", (user[0],), user[1]),
    ]


# --- Where to install --------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What a run of the program gave."""

    status: int
    """The exit status; negative for a signal; `None` if it had to be ended."""
    stdout: bytes
    stderr: bytes

    @property
    def output(self):
        return self.stdout + self.stderr


def ended(process, limit):
    """What came of a process that leads a session; it is ended if it takes longer than so many seconds."""
    try:
        stdout, stderr = process.communicate(timeout=limit)
        return Run(process.returncode, stdout, stderr)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
        return Run(None, stdout, stderr)


class Site:
    """A folder with everything that an installation touches, always at the same path, so that trees can be compared."""

    def __init__(self, work, program, user=False):
        self.work, self.user = Path(work), user
        self.root = self.work / "site"
        self.files = self.work / "files"
        self.runtime = self.root / "runtime"
        """The runtime directory of a user."""
        base = self.runtime if user else self.root / "run"
        self.mount_point, self.link = base / "secrets.d", base / "secrets"
        self.program = self.files / "sops-install-secrets"
        if not self.files.exists():
            # A copy, so that a user can read it wherever the checkout is, and a build does not change it meanwhile.
            self.files.mkdir(parents=True)
            shutil.copy(program, self.program)
            for file in [AGE_KEY, SSH_KEY, *FIXTURES.glob("*.sops.json")]:
                shutil.copy(file, self.files)
            for path in [self.work, *self.work.rglob("*")]:
                path.chmod(0o755 if path.is_dir() or path == self.program else 0o644)

    def reset(self):
        """Makes it as on a machine on which nothing was ever installed."""
        require_namespace()
        for mount_point in reversed(mounts(self.root)):
            unmount(mount_point[1])
        shutil.rmtree(self.root, ignore_errors=True)
        for name in ("credstore", "nixos"):
            shutil.rmtree(f"/run/{name}", ignore_errors=True)
        os.makedirs("/run/nixos")
        for name in ("run", "home", "runtime"):
            (self.root / name).mkdir(parents=True)
        if self.user:
            mount("tmpfs", self.runtime, "tmpfs", "mode=0700")
            for path in (self.root, self.root / "home", self.runtime):
                os.chown(path, NOBODY, NOBODY)

    def write(self, manifest, name="manifest.json"):
        path = self.root / name
        path.write_text(manifest.document(self))
        return path

    def command(self, manifest, name="manifest.json"):
        return [self.program, self.write(manifest, name)]

    def run(self, command, limit=TIME_LIMIT, **options):
        """Runs a command as the machine or, in user mode, as its user."""
        options = self.options() | options
        return ended(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options), limit)

    def options(self):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"), "LC_ALL": "C"}
        options = {"env": environment, "cwd": self.root / "home", "stdin": subprocess.DEVNULL, "umask": 0o022}
        if self.user:
            environment["XDG_RUNTIME_DIR"] = str(self.runtime)
            options |= {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return options

    def install(self, manifest):
        return self.run(self.command(manifest))

    def prepare(self, scenario):
        """The machine as it is when the run to disturb begins."""
        self.reset()
        for manifest in scenario.before:
            run = self.install(manifest)
            if run.status != 0:
                raise RuntimeError(f"{scenario.name}: cannot be prepared: {run}")
        # As NixOS does once it has read them.
        for requests in self.requests():
            requests.unlink()

    # --- what is there ---

    def generation(self):
        """What readers find through the link: places with kind, mode, owner, group and content; `None` without a link."""
        if not self.link.is_symlink():
            return None
        if not self.link.exists():
            return {}
        return tree(os.path.realpath(self.link))

    def snapshot(self):
        """Everything that an installation can leave behind, and what is mounted. The number of the running generation
        is not told apart, since it depends on what was tried before."""
        entries = tree(self.root) | {f"/run/{place}": entry for place, entry in tree("/run").items()}
        active = os.readlink(self.link) if self.link.is_symlink() else None
        shown = {}
        for place, entry in entries.items():
            # A stamp is made of inodes and times, and there is none if the inputs are too young. It is read only to save work.
            if place in ("manifest.json", ".") or place.startswith("/run/nixos") or place.endswith("/.stamp"):
                continue
            if active is not None:
                relative = os.path.relpath(active, self.root)
                place = re.sub(rf"^{re.escape(relative)}(?=/|$)", f"{os.path.dirname(relative)}/ACTIVE", place)
                if entry[4] == active.encode():
                    entry = (*entry[:4], b"ACTIVE")
            shown[place] = entry
        for number, (kind, point) in enumerate(mounts(self.root)):
            shown[f"mount {number}"] = (kind, 0, 0, 0, os.path.relpath(point, self.root).encode())
        return shown

    def numbers(self):
        """The generations that are there."""
        try:
            return {name for name in os.listdir(self.mount_point) if name.isdigit()}
        except FileNotFoundError:
            return set()

    def spilled(self):
        """Places with plaintext outside of the file systems that are meant for it."""
        meant = {"/run/credstore": "/run", self.mount_point: self.runtime} if self.user else {"/run/credstore": "/run"}
        meant = {f"{place}/": os.stat(mounted).st_dev for place, mounted in meant.items()}
        if not self.user:
            meant |= {f"{place}/": os.stat(place).st_dev for _, place in mounts(self.root)}
        found = []
        for top in (self.root, "/run"):
            for place, entry in tree(top).items():
                if entry[0] == "file" and contains_plaintext(entry[4]):
                    path = os.path.join(top, place)
                    device = os.lstat(path).st_dev
                    if not any(path.startswith(prefix) and device == memory for prefix, memory in meant.items()):
                        found.append(path)
        return found

    def requests(self):
        """The files in which NixOS is asked for units."""
        return list(Path("/run/nixos").iterdir())

    def requested_units(self):
        try:
            return set(Path("/run/nixos/activation-restart-list").read_text().split())
        except FileNotFoundError:
            return set()


def tree(top):
    """Everything below a directory, itself included: kind, mode, owner, group, and content or target."""
    entries = {}

    def add(path, place):
        status = os.lstat(path)
        content, kind = None, "special"
        if stat.S_ISLNK(status.st_mode):
            kind, content = "link", os.fsencode(os.readlink(path))
        elif stat.S_ISREG(status.st_mode):
            kind = "file"
            with open(path, "rb") as file:
                content = file.read()
        elif stat.S_ISDIR(status.st_mode):
            kind = "directory"
        entries[place] = (kind, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, content)
        if kind == "directory":
            for name in os.listdir(path):
                add(os.path.join(path, name), name if place == "." else f"{place}/{name}")

    add(os.fspath(top), ".")
    return entries


def state(directory):
    """Everything below a directory, with what a removal and a new one would change too."""
    entries = tree(directory)
    return {place: (*entry[:4], (entry[4] or b"") + b" %d %d" % (status.st_ino, status.st_mtime_ns))
            for place, entry in entries.items() for status in [os.lstat(os.path.join(directory, place))]}


def difference(found, expected):
    """The first few differences of two trees, in words."""
    if found is None or expected is None:
        return "nothing is there" if found is None else "something is there"
    words = []
    for place in sorted(found.keys() | expected.keys()):
        if found.get(place) != expected.get(place):
            show = lambda entry: "nothing" if entry is None else f"{entry[0]} {entry[1]:o} {entry[2]}:{entry[3]} {(entry[4] or b'')[:60]}"
            words.append(f"{place}: {show(found.get(place))}, not {show(expected.get(place))}")
    return "; ".join(words[:4]) + (f"; and {len(words) - 4} more" if len(words) > 4 else "")


MARKERS = re.compile(b"|".join(re.escape(marker) for marker in markers().values()))


def contains_plaintext(text):
    return MARKERS.search(text) is not None


# --- Mounts ------------------------------------------------------------------------------------------------------------

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 1, 32, 4096, 16384, 1 << 18, 2
# Held open: the number of a namespace that nobody is in any more may be given to the next one.
OUTSIDE_HANDLE = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
OUTSIDE = os.readlink("/proc/self/ns/mnt")


def call(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"cannot {what}: {os.strerror(ctypes.get_errno())}")


def enter_namespace():
    """Moves this process into a mount namespace of its own, with a /run of its own."""
    if os.geteuid() != 0:
        sys.exit("the sweeps need root: they mount file systems and set owners, in mount namespaces of their own")
    call(LIBC.unshare(CLONE_NEWNS), "make a mount namespace")
    require_namespace()
    call(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "make the mounts private")
    # On NixOS, the programs in PATH are behind links in /run.
    links = {name: os.readlink(f"/run/{name}") for name in os.listdir("/run") if os.path.islink(f"/run/{name}")}
    mount("tmpfs", "/run", "tmpfs", "mode=0755")
    for name, target in links.items():
        os.symlink(target, f"/run/{name}")
    # The group that directories belong to need not exist elsewhere than on NixOS.
    group = Path("/run/group")
    lines = [line for line in open("/etc/group") if not line.startswith("keys:")]
    group.write_text("".join(lines) + f"keys:x:{KEYS_GROUP}:\n")
    mount(group, os.path.realpath("/etc/group"), "none", flags=MS_BIND)


def require_namespace():
    """Nothing is mounted or unmounted in the namespace that the sweep was started in."""
    if os.readlink("/proc/self/ns/mnt") == OUTSIDE:
        raise RuntimeError("not in a mount namespace of its own")


def mount(source, point, kind, data="", flags=0):
    require_namespace()
    arguments = [os.fsencode(os.fspath(argument)) for argument in (source, point, kind)]
    call(LIBC.mount(*arguments, flags, data.encode()), f"mount {kind} at {point}")


def unmount(point):
    require_namespace()
    call(LIBC.umount2(os.fsencode(point), MNT_DETACH), f"unmount {point}")


def mounts(below):
    """What is mounted below a directory: type and place, in the order of mounting."""
    found = []
    with open("/proc/self/mountinfo") as lines:
        for line in lines:
            fields, _, rest = line.partition(" - ")
            point = fields.split()[4]
            if point.startswith(f"{below}/"):
                found.append((rest.split()[0], point))
    return found


# --- System calls ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """One system call of a run: its name, which of that name it is, and which of all."""

    call: str
    count: int
    index: int

    def __str__(self):
        return f"{self.call} {self.count}"


@dataclass
class Recording:
    """All system calls of a run, in order."""

    points: list
    lines: list

    def find(self, pattern, start=0):
        """The index of the first call from there on whose text matches."""
        for index, line in enumerate(self.lines[start:], start):
            if re.search(pattern, line):
                return index
        raise RuntimeError(f"no system call matches {pattern}")


def record(site, scenario):
    """The system calls of the run that a scenario disturbs."""
    site.prepare(scenario)
    return record_run(site, [site.write(scenario.after)])


def record_run(site, arguments, statuses=(0,)):
    """The system calls of a run that ends as it is to end."""
    log = site.work / "strace.log"
    # As root also for a user, because the calls of a process that is not dumpable show their paths to root alone.
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if site.user else []
    options = site.options() if not site.user else site.options() | {"user": None, "group": None, "extra_groups": None}
    run = site.run(["strace", "-f", "-qq", "-s", "256", "-o", log, *user, site.program, *arguments], **options)
    if run.status not in statuses:
        raise RuntimeError(f"it fails without any disturbance: {run}")
    counts, points, lines = Counter(), [], []
    started = False
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"\d+ +(\w+)\(", line)
        if match and match[1] == "execve":
            started = f'execve("{site.program}"' in line
            counts.clear()
        elif match and started:
            counts[match[1]] += 1
            points.append(Point(match[1], counts[match[1]], len(points)))
            lines.append(line)
    return Recording(points, lines)


REFERENCES = {}


def reference(site, number):
    """What an undisturbed run leaves."""
    if number not in REFERENCES:
        scenario = scenarios()[number]
        site.prepare(scenario)
        run = site.install(scenario.after)
        if run.status != 0 or site.generation() != scenario.after.generation():
            raise RuntimeError(f"{scenario.name}: {run} leaves {difference(site.generation(), scenario.after.generation())}")
        REFERENCES[number] = site.snapshot()
    return REFERENCES[number]


def injected(site, point, action, manifest):
    """An installation with something done to one of its system calls."""
    return with_injection(site, point, action, [site.write(manifest)])


def with_injection(site, point, action, arguments):
    """Runs the program with something done to one of its system calls."""
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={point.call}"]
    return site.run([*trace, "-e", f"inject={point.call}:{action}:when={point.count}", site.program, *arguments])


GRANTED = {"brk", "mmap", "mremap", "munmap", "mprotect", "madvise", "getrandom", "clock_nanosleep"}
"""What the language takes for granted. If one of them fails, it may end the process."""


def outcome(run, may_panic=False):
    """What no run may do, whatever happens to it."""
    violations = []
    if run.status is None:
        violations.append("it hangs")
    if b"panicked" in run.output and not may_panic:
        violations.append(f"panic: {run.stderr.decode()}")
    if contains_plaintext(run.output):
        violations.append("plaintext in the output")
    return violations


# --- Running and reporting ---------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What a sweep found, by scenario."""

    points: Counter = field(default_factory=Counter)
    violations: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def point(self, scenario, violations=(), amount=1):
        self.points[scenario] += amount
        self.violations += [(scenario, violation) for violation in violations]

    def finish(self, started):
        """Prints it, and ends the program."""
        failed = Counter(scenario for scenario, _ in self.violations)
        shown = Counter()
        for scenario, violation in self.violations:
            shown[scenario] += 1
            if shown[scenario] <= SHOWN:
                print(f"VIOLATION {scenario}: {violation}")
        for scenario, amount in failed.items():
            if amount > SHOWN:
                print(f"{scenario}: ... and {amount - SHOWN} more violations")
        for note in self.notes:
            print(f"note: {note}")
        for scenario, points in self.points.items():
            print(f"{scenario}: {points} points, {failed[scenario]} violations")
        print(f"{sum(self.points.values())} points, {len(self.violations)} violations, {time.monotonic() - started:.0f} s")
        sys.exit(1 if self.violations else 0)


SHOWN = 8
"""Violations of a scenario that are printed."""


class Workers:
    """Several processes, each in a mount namespace and at a site of its own."""

    def __init__(self, program, work):
        # More than processors, because much of the time goes into waiting: for strace, and for mounts to go away.
        self.amount = 3 * len(os.sched_getaffinity(0))
        self.pool = ProcessPoolExecutor(self.amount, initializer=_start_worker, initargs=(program, work))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        # With the processes go their mounts, which keep the folder busy.
        self.pool.shutdown(cancel_futures=True)

    def map(self, function, items):
        """Calls a function of a site and an item for each item."""
        items = list(items)
        # Few of them are shared evenly.
        together = min(16, len(items) // self.amount + 1)
        return zip(items, self.pool.map(_call, [(function, item) for item in items], chunksize=together))


def _start_worker(program, work):
    global _worker
    enter_namespace()
    _worker = (program, Path(work) / str(os.getpid()))


def _call(task):
    function, item = task
    return function(*_worker, item)


def program_argument(description, names=None):
    """The path of the program, the first argument of every sweep. The others are names of scenarios, or of what else there is."""
    names = {scenario.name for scenario in scenarios()} if names is None else names
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK) or not set(names).issuperset(sys.argv[2:]):
        sys.exit(f"{description}\nusage: {sys.argv[0]} PATH/sops-install-secrets [NAME...]\nnames: {', '.join(names)}")
    return os.path.abspath(sys.argv[1])


def chosen_scenarios():
    """The scenarios with their numbers; only those that the command line names, if it names any."""
    chosen = sys.argv[2:]
    return [(number, scenario) for number, scenario in enumerate(scenarios()) if not chosen or scenario.name in chosen]


class WorkFolder(tempfile.TemporaryDirectory):
    """A folder that an ordinary user can pass through, gone at the end with all that is mounted in it."""

    def __init__(self):
        super().__init__(prefix="sops-sweeps.", ignore_cleanup_errors=True)
        os.chmod(self.name, 0o755)

    def __exit__(self, *exception):
        # What workers mounted went with their namespaces; what this process mounted is still there.
        for _, mount_point in reversed(mounts(self.name)):
            unmount(mount_point)
        super().__exit__(*exception)
