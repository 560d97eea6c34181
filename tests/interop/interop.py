"""Lets sops and age write files, in every format and through every command that changes one, and compares what
sops-install-secrets installs with what `sops decrypt` prints.

    interop.py PATH/sops-install-secrets

`tests/interop/run` calls it with sops in PATH. The last line counts the comparisons.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / "tools"

YAML = """\
# A comment at the top.
name: shop # at the end of a line
database:
    # before a nested key
    user: "yes"
    password: 'correct: horse # battery'
    port: 5432
    ratio: 0.25
    enabled: true
    nothing: null
    since: 2024-01-02T03:04:05Z
    certificate: |
        first line
            indented
        last line
list:
    - one
    - two: 2
      # in a list
      three: [a, b]
    - - nested
empty: ""
emoji: "\\U0001F511 key"
tab: "a\\tb"
trailing: "a \\nb"
hidden_unencrypted: plain
"""

JSON = """\
{"name": "shop", "database": {"user": "<root> & co", "port": 5432, "big": 1e21, "small": 1e-7, "on": true, "no": null},
 "list": ["one", {"two": "zwei"}, []], "escapes": "a\\"b\\\\c\\n\\t\\u0001\\u2028", "empty": {}, "plain_unencrypted": "x"}
"""

DOTENV = "# a comment\nUSER=shop\nPASSWORD=\"quoted\" # and more\nLINES=one\\ntwo\nEMPTY=\nA-B=c\n"

INI = """\
top = level

; a comment
[database]
user = shop
password = "a # b"
long_key_name = `x;y`

[empty]
"""

SAMPLES = {
    "yaml": (YAML, ["name", "database/password", "database/certificate", "list/0", "tab", "emoji", "trailing"]),
    "json": (JSON, ["name", "database/user", "list/1/two", "escapes"]),
    "dotenv": (DOTENV, []),
    "ini": (INI, []),
    "binary": (bytes(range(256)) * 20, []),
}
EXTENSIONS = {"yaml": "yaml", "json": "json", "dotenv": "env", "ini": "ini", "binary": "bin"}


class Bench:
    """A folder with keys, and the comparison of what is installed from a file with what sops says of it."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.compared = 0
        self.failures = []
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith(("SOPS_", "GNUPG"))}
        self.environment["HOME"] = str(folder / "home")
        (folder / "home").mkdir()
        self.host_key = folder / "ssh_host_ed25519_key"
        self.call("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.host_key))
        self.host = self.call(str(TOOLS / "ssh-to-age"), f"{self.host_key}.pub").decode().strip()
        self.admin_key = folder / "admin.txt"
        self.call("age-keygen", "-o", str(self.admin_key))
        self.admin = self.call("age-keygen", "-y", str(self.admin_key)).decode().strip()
        # sops decrypts with the administrator's key, the program under test with the host's.
        self.environment["SOPS_AGE_KEY_FILE"] = str(self.admin_key)

    def call(self, *command, **more):
        environment = self.environment | more.pop("environment", {})
        return subprocess.run(
            command, env=environment, cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **more
        ).stdout

    def sops(self, *arguments, **more):
        return self.call("sops", "--disable-version-check", *arguments, **more)

    def install(self, name, source, kind, key, key_file=None):
        runtime = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        manifest = {
            "secrets": [
                {
                    "name": "secret",
                    "key": key,
                    "sopsFile": str(source),
                    "format": kind,
                    "path": "%r/secrets/secret",
                    "mode": "0400",
                }
            ],
            "secretsMountPoint": "%r/secrets.d",
            "symlinkPath": "%r/secrets",
            "keepGenerations": 1,
            "userMode": True,
            "ageSshKeyPaths": [str(self.host_key)],
        }
        (runtime / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        environment = {key: value for key, value in self.environment.items() if not key.startswith("SOPS_")}
        environment["XDG_RUNTIME_DIR"] = str(runtime)
        done = subprocess.run(
            [self.program, "-ignore-passwd", str(runtime / "manifest.json")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
        )
        if done.returncode != 0:
            self.failures.append(f"{name}: exit status {done.returncode}: {done.stderr.decode().strip()}")
            return None
        return (runtime / "secrets" / "secret").read_bytes()

    def same(self, name, got, want):
        self.compared += 1
        if got is not None and got != want:
            self.failures.append(f"{name}: got {got!r}, want {want!r}")

    def compare(self, step, source, kind, keys):
        name = f"{kind}: {step}"
        types = ("--input-type", kind, "--output-type", kind)
        self.same(name, self.install(name, source, kind, ""), self.sops("decrypt", *types, str(source)))
        for key in keys:
            path = "".join(f"[{part}]" if part.isdigit() else f'["{part}"]' for part in key.split("/"))
            want = self.sops("decrypt", *types, "--extract", path, str(source))
            self.same(f"{name}: {key}", self.install(name, source, kind, key), want)

    def life_of_a_file(self, kind):
        plain, keys = SAMPLES[kind]
        source = self.folder / f"secrets.{EXTENSIONS[kind]}"
        source.write_bytes(plain if isinstance(plain, bytes) else plain.encode())
        types = ("--input-type", kind, "--output-type", kind)
        rules = self.folder / ".sops.yaml"

        rules.write_text(f"creation_rules:\n    - age: {self.admin}\n", encoding="utf-8")
        self.sops("encrypt", "--in-place", *types, str(source))
        rules.write_text(f"creation_rules:\n    - age: {self.admin},{self.host}\n", encoding="utf-8")
        self.sops("updatekeys", "--yes", "--input-type", kind, str(source), stderr=subprocess.DEVNULL)
        self.compare("updatekeys", source, kind, keys)

        editor = self.folder / "editor"
        editor.write_text(
            "#!/usr/bin/env python3\n"
            "import sys\n"
            "data = open(sys.argv[1], 'rb').read()\n"
            "open(sys.argv[1], 'wb').write(data.replace(b'shop', b'shop two').replace(b'\\x01\\x02', b'\\x02\\x01'))\n",
            encoding="utf-8",
        )
        editor.chmod(0o755)
        self.sops("edit", *types, str(source), environment={"EDITOR": str(editor), "SOPS_EDITOR": str(editor)})
        self.compare("edit", source, kind, keys)

        self.sops("rotate", "--in-place", *types, str(source))
        self.compare("rotate", source, kind, keys)

        if kind in ("yaml", "json"):
            self.sops("set", *types, str(source), '["database"]["user"]', json.dumps("o'brien: \"x\"\n# y"))
            self.sops("set", *types, str(source), '["added"]', json.dumps({"list": [1, 2.5, True, "z"]}))
            self.sops("unset", *types, str(source), '["list"]')
            left = [key for key in keys if not key.startswith("list/")]
            self.compare("set and unset", source, kind, [*left, "database/user", "added/list/3"])

    def age_files(self):
        plain = self.folder / "plain"
        plain.write_bytes(b"agenix\n\0" * 20000)
        for name, options in {
            "age: binary, native host key": ["-R", f"{self.host_key}.pub"],
            "age: armored, native host key": ["-a", "-R", f"{self.host_key}.pub"],
            "age: armored, derived recipient": ["-a", "-r", self.host],
        }.items():
            target = self.folder / "secret.age"
            self.call("age", *options, "-o", str(target), str(plain))
            self.same(name, self.install(name, target, "age", ""), plain.read_bytes())
            target.unlink()


def main():
    program = os.path.abspath(sys.argv[1])
    # What is installed belongs into memory.
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="interop-", dir=base) as folder:
        bench = Bench(program, Path(folder))
        for kind in SAMPLES:
            bench.life_of_a_file(kind)
        bench.age_files()
        for failure in bench.failures:
            print(f"FAIL {failure}")
        version = bench.sops("--version").decode().splitlines()[0]
        print(f"interop with {version}: {bench.compared} comparisons")
        print(f"{bench.compared - len(bench.failures)} passed, {len(bench.failures)} failed")
        sys.exit(bool(bench.failures))


if __name__ == "__main__":
    main()
