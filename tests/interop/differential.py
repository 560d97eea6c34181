#!/usr/bin/env python3
"""Random documents through the real sops and through this program: both must print the same, or both fail.

    differential.py PROGRAM [--sops SOPS] [--documents N] [--seed N] [--keep FOLDER]

Needs the real sops program (see `run` in this folder, which fetches it) and an hour or more, so it is no part of CI. sops
encrypts each document and decrypts it; PROGRAM installs a batch of them as whole files in one run. What differs is kept in
FOLDER, one file each. Exit status: 0 if nothing differs.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

KEY = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486"
RECIPIENT = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2"
FOREIGN = ("SOPS_", "GNUPG", "AGE_", "NIXOS_ACTION", "XDG_CONFIG_HOME")
BATCH = 50

WORDS = [
    "a", "b", "yes", "no", "on", "null", "~", "true", "True", "0x1F", "017", "08", "1e3", "1_000", ".5", "-.5", "1.", "2020-01-01",
    "2020-01-02T03:04:05.6+02:00", "1:30", "<<", "=", "-", "- a", "a: b", "a #b", "#c", " lead", "trail ", "tab\there", "\ttab",
    "it's", 'say "x"', "back\\slash", "%p", "@at", "`tick`", "{x}", "[y]", "&z", "*w", "!t", "|p", ">q", "?", ": x", "é", "日本", "😀",
    "\u00a0", "\u2028", "\u0085", "two\nlines", "two\nlines\n", "\nfirst", "end\n\n", "  indented\nblock", "trail \nline", "x" * 130, "y" * 90 + " z",
    "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "<a href='x'>&amp;</a>", "$VAR", "a=b", "a;b", "\r", "a\r\nb", "\u007f", "\ufeffbom", "",
]


class Documents:
    """Makes random documents."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self):
        r = self.random
        if r.random() < 0.6:
            return r.choice(WORDS)
        return "".join(r.choice(WORDS + [" ", "\n", ":", "#"])[:12] for _ in range(r.randint(1, 4)))

    def number(self):
        r = self.random
        kind = r.randint(0, 6)
        if kind == 0:
            return r.randint(-10, 100)
        if kind == 1:
            return r.randint(-(2**63), 2**63 - 1)
        if kind == 2:
            single = struct.unpack("f", struct.pack("I", r.getrandbits(32)))[0]
            return single if single == single and abs(single) != float("inf") else 0.5
        if kind == 3:
            return r.getrandbits(24) / 2 ** r.randint(0, 24)
        if kind == 4:
            return r.randint(0, 2**50) + r.choice([0.25, 0.75, 0.5])
        if kind == 5:
            return round(r.uniform(-1000, 1000), r.randint(0, 6))
        return r.choice([0.0, -0.0, 1e6, 1e-5, 1e21, 1e-7, 123456.0, 1e100, 5e-324, 1.7976931348623157e308])

    def scalar(self):
        r = self.random
        return r.choice([self.text, self.text, self.text, self.number, lambda: r.choice([True, False, None])])()

    def key(self, taken, plain):
        r = self.random
        while True:
            key = r.choice("abcdefgh") + r.choice(["", "1", "_unencrypted", "_secret", "-x", ".y"])
            if not plain and r.random() < 0.15:
                key = self.text() or "e"
            if key not in taken and key != "sops" and not (plain and "." in key):
                taken.add(key)
                return key

    def tree(self, depth=0):
        r = self.random
        taken = set()
        entries = {}
        for _ in range(r.randint(1, 4)):
            entries[self.key(taken, False)] = self.value(depth)
        return entries

    def value(self, depth):
        r = self.random
        if depth < 3 and r.random() < 0.35:
            return self.tree(depth + 1) if r.random() < 0.5 else [self.value(depth + 1) for _ in range(r.randint(0, 4))]
        return self.scalar()

    # ---- JSON

    def json(self):
        r = self.random
        return json.dumps(self.tree(), ensure_ascii=r.random() < 0.5, indent=r.choice([None, 1, "\t"])).encode("utf-8", "surrogatepass")

    # ---- YAML, in the layouts that people write

    def comment(self):
        return "#" + self.random.choice(["", " note", " secret", "x", " # twice", "\ttab", "  é"])

    def yaml_scalar(self, value):
        r = self.random
        if isinstance(value, str):
            if r.random() < 0.3 and value and "\n" not in value and "\r" not in value:
                return value
            if r.random() < 0.3 and "\n" not in value and "\r" not in value and "\u0085" not in value and "\u2028" not in value:
                return "'" + value.replace("'", "''") + "'"
            return json.dumps(value, ensure_ascii=r.random() < 0.5)
        if value is None:
            return r.choice(["~", "null", ""])
        if isinstance(value, bool):
            return r.choice([str(value), str(value).lower()])
        return repr(value)

    def yaml_flow(self, value):
        if isinstance(value, dict):
            return "{" + ", ".join(json.dumps(k) + ": " + self.yaml_flow(v) for k, v in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(self.yaml_flow, value)) + "]"
        return json.dumps(value) if isinstance(value, str) else self.yaml_scalar(value) or "~"

    def noise(self, indent):
        r = self.random
        lines = []
        while r.random() < 0.25:
            lines.append("" if r.random() < 0.3 else " " * indent + self.comment())
        return lines

    def yaml_lines(self, value, indent):
        r = self.random
        step = r.choice([2, 4])
        lines = []
        items = value.items() if isinstance(value, dict) else [(None, element) for element in value]
        for key, element in items:
            lines += self.noise(indent)
            head = " " * indent + ("-" if key is None else self.yaml_scalar(key) + ":")
            end = " " + self.comment() if r.random() < 0.15 else ""
            if isinstance(element, (dict, list)):
                if not element or r.random() < 0.2:
                    lines.append(head + " " + self.yaml_flow(element) + end)
                else:
                    lines.append(head + end)
                    lines += self.yaml_lines(element, indent + step)
            elif isinstance(element, str) and "\n" in element and r.random() < 0.6 and element.strip("\n ") == element.rstrip("\n"):
                lines.append(head + " " + r.choice("|>") + r.choice(["", "-", "+"]) + end)
                lines += [" " * (indent + step) + line if line else "" for line in element.rstrip("\n").split("\n")]
            else:
                lines.append(head + " " + self.yaml_scalar(element) + end)
        return lines + self.noise(indent)

    def yaml(self):
        r = self.random
        documents = ["\n".join(self.yaml_lines(self.tree(), 0)) for _ in range(2 if r.random() < 0.1 else 1)]
        return ("\n---\n".join(documents) + "\n").encode("utf-8", "surrogatepass")

    # ---- dotenv and INI

    def dotenv(self):
        r = self.random
        lines, taken = [], set()
        for _ in range(r.randint(1, 6)):
            if r.random() < 0.2:
                lines.append(self.comment())
            lines.append(self.key(taken, True).replace("-", "_") + "=" + self.text().replace("\n", "\\n").replace("\r", ""))
        return ("\n".join(lines) + "\n").encode()

    def ini(self):
        r = self.random
        lines = []
        sections = set()
        for _ in range(r.randint(1, 3)):
            lines.append("[" + self.key(sections, True) + "]")
            taken = set()
            for _ in range(r.randint(0, 4)):
                if r.random() < 0.2:
                    lines.append(r.choice("#;") + self.comment()[1:])
                value = self.text().replace("\n", " ").replace("\r", "")
                lines.append(self.key(taken, True) + r.choice(["=", " = "]) + r.choice([value, '"' + value + '"', "`" + value + "`"]))
        return ("\n".join(lines) + "\n").encode()

    def make(self):
        kind = self.random.choices(["yaml", "json", "dotenv", "ini", "binary"], [6, 3, 1, 1, 1])[0]
        data = self.random.randbytes(self.random.randint(0, 40)) if kind == "binary" else getattr(self, kind)()
        rule = self.random.choice([[], [], [], ["--unencrypted-suffix=_x"], ["--encrypted-suffix=_secret"], ["--encrypted-regex=^[ab]"],
                                   ["--unencrypted-regex=^[cd]"], ["--encrypted-comment-regex=secret"], ["--unencrypted-comment-regex=note"], ["--mac-only-encrypted", "--encrypted-regex=^a"]])
        return kind, data, rule


def run_sops(sops, arguments, environment):
    p = subprocess.run([sops, "--disable-version-check", *arguments], env=environment, capture_output=True, stdin=subprocess.DEVNULL)
    return p.stdout if p.returncode == 0 else None


def run_program(program, environment, folder, files):
    """The bytes of each file, or None and what was said."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        d = Path(name)
        (d / "run").mkdir(mode=0o700)
        secrets = [{"name": f"s{n}", "key": "", "path": str(d / f"secrets/s{n}"), "sopsFile": str(path), "format": kind, "mode": "0400"} for n, (kind, path) in enumerate(files)]
        manifest = {"secrets": secrets, "templates": [], "placeholderBySecretName": {s["name"]: f"<SOPS:{s['name']}:PLACEHOLDER>" for s in secrets},
                    "secretsMountPoint": "%r/secrets.d", "symlinkPath": str(d / "secrets"), "keepGenerations": 1, "useTmpfs": False, "userMode": True, "ageKeyFile": str(folder / "key.txt")}
        (d / "m.json").write_text(json.dumps(manifest))
        p = subprocess.run([program, "-ignore-passwd", str(d / "m.json")], env=dict(environment, XDG_RUNTIME_DIR=str(d / "run")), capture_output=True, stdin=subprocess.DEVNULL)
        words = p.stderr.decode("utf-8", "replace")
        if p.returncode == 0:
            return [(d / f"secrets/s{n}").read_bytes() for n in range(len(files))], words
        if len(files) == 1:
            return [None], words
    # One that fails keeps all from being installed.
    return None, words


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--sops", default="sops")
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    a = parser.parse_args()
    program = os.path.abspath(a.program)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    compared = refused = failed_both = different = 0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        (folder / "key.txt").write_text(KEY + "\n")
        environment.update(HOME=str(folder / "home"), SOPS_AGE_KEY_FILE=str(folder / "key.txt"))
        made = 0
        while made < a.documents:
            batch = []
            for number in range(made, min(made + BATCH, a.documents)):
                kind, data, rule = Documents(a.seed * 10_000_000 + number).make()
                plain, encrypted = folder / "plain", folder / f"e{number - made}"
                plain.write_bytes(data)
                out = run_sops(a.sops, ["encrypt", "--age", RECIPIENT, *rule, "--input-type", kind, "--output-type", kind, str(plain)], environment)
                if out is None:
                    refused += 1
                    continue
                encrypted.write_bytes(out)
                printed = run_sops(a.sops, ["decrypt", "--input-type", kind, "--output-type", kind, str(encrypted)], environment)
                batch.append((number, kind, data, rule, encrypted, printed))
            made += BATCH
            outcome, words = run_program(program, environment, folder, [(kind, path) for _, kind, _, _, path, _ in batch]) if batch else ([], "")
            for place, (number, kind, data, rule, path, printed) in enumerate(batch):
                if outcome is None:
                    (ours,), words = run_program(program, environment, folder, [(kind, path)])
                else:
                    ours = outcome[place]
                compared += 1
                failed_both += printed is None and ours is None
                if printed == ours:
                    continue
                different += 1
                print(f"document {number}: {kind} {rule}\n  sops   : {printed!r:.300}\n  program: {ours!r:.300} {words.strip()[-300:] if ours is None else ''}", flush=True)
                if a.keep:
                    a.keep.mkdir(parents=True, exist_ok=True)
                    (a.keep / f"{number}.{kind}").write_bytes(path.read_bytes())
            if made % 1000 == 0:
                print(f"{made} documents: {compared} compared, {failed_both} fail in both, {refused} not encrypted by sops, {different} different", flush=True)
    print(f"{compared} compared, {failed_both} fail in both, {refused} not encrypted by sops, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
