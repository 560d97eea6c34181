#!/usr/bin/env python3
"""Random documents through the real sops and through this program: both must print the same, or both fail.

    differential.py PROGRAM [--sops SOPS] [--documents N] [--seed N] [--start N] [--keep FOLDER] [--record FOLDER]
    differential.py PROGRAM --replay FOLDER [--keep FOLDER]

Needs the real sops program (see `run` in this folder, which fetches it) and an hour or more, so it is no part of CI.

A document is one random tree (documents.py). It goes two ways. "sealed": sops encrypts it under one of the rules, and what it
wrote is decrypted. "by hand": metadata is put beside the document as it is written, under a rule that encrypts nothing, so
that both have to read the layout, mistakes included. Most documents share a file with others of their format, because
a run of sops takes as long for a hundred as for one; a tenth have files of their own. Of those that this program refuses sops is
asked one by one, for some of them; the others do not count. Where a shared file differs, or cannot be read, it is halved
until the difference is that of one document. That one is made as small as it can be while it still differs. Of some files a
value is looked up by its keys as well.

What differs is printed, and kept in FOLDER, one file each. Exit status: 0 if nothing differs. With --record everything that
sops decrypted is kept with what it printed, so that --replay shows whether another version of this program does the same,
in minutes and without sops.
"""
import argparse
import gzip
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from documents import Document

KEY = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486"
RECIPIENT = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2"
FOREIGN = ("SOPS_", "GNUPG", "AGE_", "NIXOS_ACTION", "XDG_CONFIG_HOME")
# How many documents are made before anything is run, and how many of them share a file.
ROUND = 2000
SHARED = 100
# The share of documents with files of their own, besides those that cannot share one.
ALONE = 0.06
# The share of those that this program refuses of which sops is asked. The others are not counted.
REFUSED = 0.25
# How many differences are made smaller in one run, and by how many attempts each.
SHRUNK = 40
ATTEMPTS = 250
# A line that sops prints when it dies of a mistake of its own.
CRASH = re.compile("^(panic|runtime|fatal error): ", re.MULTILINE)
NOTHING = {"encrypted_regex": "^NEVER$"}
ONLY_ENCRYPTED = {"encrypted_regex": "^NEVER$", "mac_only_encrypted": True}
RULES = [{}, {}, {}, {"unencrypted_suffix": "_x"}, {"encrypted_suffix": "_secret"}, {"encrypted_regex": "^[ab]"}, {"unencrypted_regex": "^[cd]"},
         {"encrypted_comment_regex": "secret"}, {"unencrypted_comment_regex": "note"}, {"encrypted_regex": "^a", "mac_only_encrypted": True},
         {"unencrypted_regex": "[0-9]$", "mac_only_encrypted": True}]
# What sops takes for a path as it stands, and a manifest for a part of a key.
SIMPLE = re.compile(r"[A-Za-z0-9_.<>=:~ -]+")


class Sides:
    """The two programs."""

    def __init__(self, sops, program, folder):
        self.sops_path, self.program_path, self.folder = sops, program, folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        (folder / "key.txt").write_text(KEY + "\n")
        # Collecting garbage is no use to a program that ends at once.
        self.environment.update(HOME=str(folder / "home"), SOPS_AGE_KEY_FILE=str(folder / "key.txt"), GOGC="off", GOMAXPROCS="1")
        self.rules = {}
        self.metadata = {}
        self.runs = 0
        if not sops:
            return
        for kind, plain in [("yaml", b"a: 1\n"), ("json", b'{"a":1}'), ("ini", b"[a]\nb = 1\n"), ("dotenv", b"a=1\n"), ("binary", b"a")]:
            self.metadata[kind] = metadata_of(kind, self.encrypt(kind, plain, ONLY_ENCRYPTED))

    def rule(self, rule):
        """The configuration with that rule."""
        text = json.dumps({"creation_rules": [{"age": RECIPIENT, **rule}]})
        if text not in self.rules:
            path = self.folder / f"rule{len(self.rules)}.yaml"
            path.write_text(text)
            self.rules[text] = path
        return self.rules[text]

    def sops(self, *arguments):
        """What it prints, or None, and what it says."""
        self.runs += 1
        try:
            p = subprocess.run([self.sops_path, "--disable-version-check", *arguments], env=self.environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        except subprocess.TimeoutExpired:
            return None, "time out"
        return (p.stdout if p.returncode == 0 else None), p.stderr.decode("utf-8", "replace")

    def write(self, data):
        fd, path = tempfile.mkstemp(dir=self.folder)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        return Path(path)

    def encrypt(self, kind, data, rule):
        path = self.write(data)
        out, _ = self.sops("--config", str(self.rule(rule)), "encrypt", "--input-type", kind, "--output-type", kind, str(path))
        path.unlink()
        return out

    def decrypt(self, kind, path, *more):
        return self.sops("decrypt", "--input-type", kind, "--output-type", kind, *more, str(path))

    def program(self, files):
        """What it installs of each (format, path, key), or None, and all that it said."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            d = Path(name)
            (d / "run").mkdir(mode=0o700)
            secrets = [{"name": f"s{n}", "key": key, "path": str(d / f"secrets/s{n}"), "sopsFile": str(path), "format": kind, "mode": "0400"} for n, (kind, path, key) in enumerate(files)]
            manifest = {"secrets": secrets, "templates": [], "placeholderBySecretName": {s["name"]: f"<SOPS:{s['name']}:PLACEHOLDER>" for s in secrets},
                        "secretsMountPoint": "%r/secrets.d", "symlinkPath": str(d / "secrets"), "keepGenerations": 1, "useTmpfs": False, "userMode": True, "ageKeyFile": str(self.folder / "key.txt")}
            (d / "m.json").write_text(json.dumps(manifest))
            environment = dict(self.environment, XDG_RUNTIME_DIR=str(d / "run"))
            p = subprocess.run([self.program_path, "-ignore-passwd", str(d / "m.json")], env=environment, capture_output=True, stdin=subprocess.DEVNULL, timeout=300)
            words = p.stderr.decode("utf-8", "replace")
            if p.returncode not in (0, 1) or "panicked" in words:
                raise SystemExit(f"the program died: status {p.returncode}: {words[-2000:]}")
            # A first activation installs what it can.
            found = [(d / f"secrets/s{n}") for n in range(len(files))]
            out = [path.read_bytes() if path.exists() else None for path in found]
            if (p.returncode == 0) != all(content is not None for content in out):
                raise SystemExit(f"status {p.returncode} and files do not agree: {words[-2000:]}")
            return out, words


def metadata_of(kind, file):
    """The metadata in an encrypted file, as it is written there."""
    text = file.decode("utf-8", "surrogateescape")
    if kind in ("json", "binary"):
        return json.dumps(json.loads(text)["sops"])
    if kind == "dotenv":
        return "".join(line + "\n" for line in text.split("\n") if line.startswith("sops_"))
    mark = "sops:\n" if kind == "yaml" else "[sops]\n"
    at = text.index("\n" + mark) + 1 if not text.startswith(mark) else 0
    return re.split(r"^---\n", text[at:], maxsplit=1, flags=re.MULTILINE)[0]


def joined(kind, texts):
    """One file of several documents."""
    if kind == "json":
        return b"{" + b",".join(b'"d%d":%s' % (n, text) for n, text in enumerate(texts)) + b"}" if len(texts) > 1 else texts[0]
    texts = [text if text.endswith(b"\n") else text + b"\n" for text in texts] if len(texts) > 1 else texts
    return (b"---\n" if kind == "yaml" else b"").join(texts)


def by_hand(kind, texts, metadata, place, braces):
    """One file of several documents with metadata beside them."""
    metadata = metadata.encode("utf-8", "surrogateescape")
    text = joined(kind, texts)
    if kind == "json":
        head, brace, body = text.partition(b"{")
        if not brace:
            return text
        sops = b'"sops":' + metadata
        if body.lstrip()[:1] == b"}":
            return head + brace + sops + body
        tail = body.rstrip()
        if place and tail.endswith(b"}"):
            return head + brace + tail[:-1] + b"," + sops + b"}"
        return head + brace + sops + b"," + body
    if kind == "dotenv":
        return metadata + text if place == 1 else (text if text.endswith(b"\n") else text + b"\n") + metadata
    if kind == "ini":
        return (text if text.endswith(b"\n") else text + b"\n") + (b"\n" if place else b"") + metadata
    if braces or place == 2:
        return metadata + b"---\n" + text
    first = texts[0]
    if place == 1 and not first.startswith((b"-", b"%", b"\xef\xbb\xbf")):
        return metadata + text
    end = b"" if first.endswith((b"\n", b"\r")) else b"\n"
    rest = b"".join(b"---\n" + (other if other.endswith(b"\n") else other + b"\n") for other in texts[1:])
    return first + end + metadata + rest


class Case:
    """One file of one or more documents."""

    def __init__(self, documents, way, rule, place):
        self.documents, self.way, self.rule, self.place = documents, way, rule, place
        self.kind = documents[0].kind

    def part(self, documents):
        return Case(documents, self.way, self.rule, self.place)

    def with_text(self, text):
        one = Document.__new__(Document)
        one.__dict__.update(self.documents[0].__dict__, data=text)
        return Case([one], self.way, self.rule, self.place)

    def build(self, sides):
        """The encrypted file, or None if sops makes none."""
        texts = [document.data for document in self.documents]
        if self.way == "sealed":
            return sides.encrypt(self.kind, joined(self.kind, texts), self.rule)
        metadata = sides.metadata[self.kind]
        if self.rule == NOTHING:
            sealed = sides.encrypt(self.kind, joined(self.kind, texts), self.rule)
            if sealed is None:
                return None
            metadata = metadata_of(self.kind, sealed)
        return by_hand(self.kind, texts, metadata, self.place, self.documents[0].braces)


def excuse(case, words):
    """Whether sops fails for a reason of its own: it crashes, or does not find the MAC right of a file that it has just encrypted by
    comments of a list (docs/format.md section 3.2)."""
    return CRASH.search(words) is not None or case.way == "sealed" and any("comment" in name for name in case.rule) and "MAC mismatch" in words


def blamed(case, path, said):
    """The number of the document in which this program found a mistake, if it names a line and none but marks divide them."""
    found = re.search(re.escape(str(path)) + r":(\d+)", said)
    if not found or case.kind != "yaml" or case.way != "sealed":
        return None
    lines = path.read_bytes().split(b"\n")
    number = lines[:int(found[1])].count(b"---")
    return number if lines.count(b"---") == len(case.documents) - 1 else None


class Record:
    """A file that sops decrypted, or did not."""

    def __init__(self, kind, numbers, way, file, printed, excused, lookup):
        self.kind, self.numbers, self.way, self.file, self.printed, self.excused, self.lookup = kind, numbers, way, file, printed, excused, lookup

    def line(self):
        text = lambda data: None if data is None else data.decode("latin-1")
        lookup = self.lookup and [self.lookup[0], text(self.lookup[1])]
        return json.dumps([self.kind, self.numbers, self.way, text(self.file), text(self.printed), self.excused, lookup]) + "\n"

    @classmethod
    def parse(cls, line):
        kind, numbers, way, file, printed, excused, lookup = json.loads(line)
        data = lambda text: None if text is None else text.encode("latin-1")
        return cls(kind, numbers, way, data(file), data(printed), excused, lookup and (lookup[0], data(lookup[1])))


def same_value(kind, theirs, ours, number, said):
    """Whether a value that was looked up is the same: sops ends what is no string with a line feed, and prints the other
    documents of a file of YAML behind a mapping. A null cannot be installed, nor what holds a text that sops loses
    (docs/format.md section 7.2.1), if this program says so of the secret of that number."""
    if ours is None:
        return re.search(rf'secret "s{number}": .*(is null, which|sops prints null)', said) is not None
    return ours in (theirs, theirs[:-1]) or kind == "yaml" and theirs.startswith(ours + b"---\n")


class Comparison:
    """What came out of both sides so far."""

    def __init__(self, sides, seed, keep, record):
        self.sides, self.seed, self.keep, self.record = sides, seed, keep, record
        self.recorded = []
        # How often a difference came with a message.
        self.reasons = {}
        self.compared, self.failed, self.refused, self.excused, self.different, self.looked_up = set(), set(), set(), set(), {}, 0
        self.shrunk = 0
        self.made = {}

    # ---- one round

    def round(self, numbers):
        r = random.Random(self.seed * 1_000_003 + numbers.start)
        documents = []
        for number in numbers:
            document = Document(self.seed * 10_000_000 + number)
            document.number = number
            document.alone = r.random() < ALONE or document.borders
            self.made[document.kind] = self.made.get(document.kind, 0) + 1
            documents.append(document)
        place = lambda: r.choice([0, 0, 1, 2])
        # What this program refuses would spoil a shared file: sops is asked alone.
        by_hand = [Case([document], "by hand", ONLY_ENCRYPTED, place()) for document in documents if document.kind != "binary"]
        files = [(case.kind, self.sides.write(case.build(self.sides)), "") for case in by_hand]
        outcome, _ = self.sides.program(files)
        cases = []
        sharing = {}
        for case, (_, path, _), ours in zip(by_hand, files, outcome):
            path.unlink()
            (document,) = case.documents
            kind = r.random()
            if ours is None:
                if kind < REFUSED:
                    cases.append(case)
            elif document.alone:
                cases.append(Case([document], "sealed", r.choice(RULES), place()) if kind < 0.4 else Case([document], "by hand", NOTHING, place()) if kind < 0.55 else case)
            else:
                sharing.setdefault(case.kind, []).append(document)
        cases += [Case([document], "sealed", r.choice(RULES), 0) for document in documents if document.kind == "binary"]
        unreadable = self.unreadable(zip(by_hand, files, outcome))
        for kind, shared in sharing.items():
            for start in range(0, len(shared), SHARED):
                part = shared[start:start + SHARED]
                cases.append(Case(part, "by hand", NOTHING if r.random() < 0.3 else ONLY_ENCRYPTED, place()))
                # Those that sops may write so that it cannot read them would spoil the file.
                part = [document for document in part if document.number not in unreadable or r.random() < 0.003]
                if part:
                    cases.append(Case(part, "sealed", r.choice(RULES), 0))
        self.settle_all(cases, r)
        if self.record:
            self.record.mkdir(parents=True, exist_ok=True)
            with gzip.open(self.record / f"{self.seed}-{numbers.start:07}.jsonl.gz", "wt", compresslevel=3) as file:
                file.writelines(record.line() for record in self.recorded)
        self.recorded = []

    def unreadable(self, outcomes):
        """The numbers of documents whose print this program reads otherwise or not at all: sops writes some texts wrong (docs/format.md
        section 7.2)."""
        printed = [(case, ours) for case, _, ours in outcomes if ours is not None and case.kind == "yaml"]
        files = [("yaml", self.sides.write(self.sides.metadata["yaml"].encode() + b"---\n" + ours), "") for _, ours in printed]
        again, _ = self.sides.program(files) if files else ([], "")
        for _, path, _ in files:
            path.unlink()
        return {case.documents[0].number for (case, first), second in zip(printed, again) if second != b"{}\n---\n" + first}

    def settle_all(self, cases, r):
        files, asked, waiting = [], [], []
        for case in cases:
            file = case.build(self.sides)
            if file is None:
                self.not_encrypted(case)
                continue
            path = self.sides.write(file)
            printed, words = self.sides.decrypt(case.kind, path)
            waiting.append((case, path, printed, words))
            files.append((case.kind, path, ""))
            lookup = self.lookup(case, path, r) if printed is not None and r else None
            if lookup:
                asked.append((case, path, *lookup))
            self.recorded.append(Record(case.kind, [document.number for document in case.documents], case.way, file, printed, excuse(case, words), lookup))
        if not files:
            return
        outcome, said = self.sides.program(files + [(case.kind, path, key) for case, path, key, _ in asked])
        for (case, path, printed, words), ours in zip(waiting, outcome):
            self.judge(case, path, printed, words, ours, said)
        for number, ((case, path, key, theirs), ours) in enumerate(zip(asked, outcome[len(files):]), len(files)):
            self.looked_up += 1
            if not same_value(case.kind, theirs, ours, number, said):
                self.report(case, f"key {key!r}", path.read_bytes(), theirs, ours, "", said)
        for _, path, _, _ in waiting:
            path.unlink()

    def not_encrypted(self, case):
        if len(case.documents) == 1:
            self.refused.add(case.documents[0].number)
        else:
            self.halve(case)

    def judge(self, case, path, printed, words, ours, said):
        numbers = [document.number for document in case.documents]
        if printed == ours and printed is not None:
            self.compared.update(numbers)
        elif len(numbers) == 1:
            if printed is None and ours is None:
                self.failed.update(numbers)
            elif printed is None and excuse(case, words):
                self.excused.update(numbers)
            else:
                self.compared.update(numbers)
                self.report(case, "", path.read_bytes(), printed, ours, words, said)
        else:
            before = len(self.different)
            self.halve(case, blamed(case, path, said) if ours is None else None)
            if printed != ours and len(self.different) == before and not (printed is None and excuse(case, words)):
                self.report(case, "", path.read_bytes(), printed, ours, words, said)

    def halve(self, case, named=None):
        """Goes on with parts: the document that is to blame, where that is known, and the others."""
        documents = case.documents
        middle = len(documents) // 2
        parts = [documents[:middle], documents[middle:]] if named is None else [documents[named:named + 1], documents[:named] + documents[named + 1:]]
        self.settle_all([case.part(part) for part in parts], None)

    def lookup(self, case, path, r):
        """A key for a manifest, and what sops finds there."""
        if case.kind not in ("yaml", "json") or len(case.documents) == 1 and r.random() > 0.15:
            return None
        place = 0 if case.kind == "yaml" else r.randrange(len(case.documents))
        document = case.documents[place]
        # Comments count in the lists of sops and not in those of a manifest.
        paths = [keys for keys, through in document.paths if all(isinstance(key, int) or SIMPLE.fullmatch(key) for key in keys) and not (through and case.kind == "yaml" and b"#" in document.data)]
        if not paths:
            return None
        keys = r.choice(paths)
        if case.kind == "json" and len(case.documents) > 1:
            keys = (f"d{place}", *keys)
        extract = "".join(f"[{key}]" if isinstance(key, int) else f'["{key}"]' for key in keys)
        theirs, _ = self.sides.decrypt(case.kind, path, "--extract", extract)
        return ("/".join(map(str, keys)), theirs) if theirs is not None else None

    # ---- differences

    def report(self, case, what, file, printed, ours, words, said):
        numbers = [document.number for document in case.documents]
        name = f"{numbers[0]}-{len(self.different)}"
        self.different[name] = numbers
        print(f"document {', '.join(map(str, numbers[:3]))}{'...' if len(numbers) > 3 else ''}: {case.kind}, {case.way}, {case.rule} {what}", flush=True)
        if self.keep:
            self.keep.mkdir(parents=True, exist_ok=True)
            (self.keep / f"{name}.{case.kind}").write_bytes(file)
        reason = re.sub(r"[0-9]+|/\S+", "", words.strip().split("\n")[-1]) if printed is None else re.sub(r"[0-9]+|/\S+", "", said.strip().split("\n")[0]) if ours is None else ""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if not what and self.shrunk < SHRUNK and (not reason or self.reasons[reason] <= 3):
            self.shrunk += 1
            case, printed, ours = self.shrink(case, printed, ours)
            if self.keep:
                (self.keep / f"{name}.small").write_bytes(joined(case.kind, [document.data for document in case.documents]))
            print(f"  document: {joined(case.kind, [document.data for document in case.documents])!r:.600} place {case.place}")
        words = ""
        path = self.sides.write(case.build(self.sides) or b"")
        if ours is None:
            _, words = self.sides.program([(case.kind, path, what[5:-1] if what else "")])
        if printed is None:
            _, words = self.sides.decrypt(case.kind, path)
        path.unlink()
        print(f"  sops    : {printed!r:.400}\n  program : {ours!r:.400}\n  {words.strip()[-300:]}", flush=True)

    def outcome(self, case):
        file = case.build(self.sides)
        if file is None:
            return None, None
        path = self.sides.write(file)
        printed, _ = self.sides.decrypt(case.kind, path)
        (ours,), _ = self.sides.program([(case.kind, path, "")])
        path.unlink()
        return printed, ours

    def shrink(self, case, printed, ours):
        """The same with as little left as still differs, and differs in the same way."""
        way = lambda printed, ours: (printed is None, ours is None)
        left = ATTEMPTS
        best = case, printed, ours
        wanted = way(printed, ours)

        def differs(smaller):
            nonlocal left, best
            left -= 1
            theirs, mine = self.outcome(smaller)
            if theirs == mine or way(theirs, mine) != wanted:
                return False
            best = smaller, theirs, mine
            return True

        documents = case.documents
        at = 0
        while len(documents) > 1 and at < len(documents) and left > 0:
            fewer = documents[:at] + documents[at + 1:]
            if differs(case.part(fewer)):
                documents = fewer
            else:
                at += 1
        if len(documents) > 1:
            return best
        # Lines first, then characters.
        for split, join in ((lambda text: text.split("\n"), "\n".join), (list, "".join)):
            pieces = split(best[0].documents[0].data.decode("utf-8", "surrogateescape"))
            size = max(len(pieces) // 2, 1)
            while left > 0:
                at = 0
                while at < len(pieces) and left > 0:
                    fewer = pieces[:at] + pieces[at + size:]
                    if differs(best[0].with_text(join(fewer).encode("utf-8", "surrogateescape"))):
                        pieces = fewer
                    else:
                        at += size
                if size == 1:
                    break
                size //= 2
        return best

    def summary(self):
        failed, refused = self.failed - self.compared, self.refused - self.compared - self.failed
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(self.made.items()))
        return (f"{len(self.compared)} documents compared and {len(failed)} that fail in both ({counts}; {len(refused)} more are not encrypted by sops, {len(self.excused)} only sops cannot decrypt, for reasons of its own); "
                f"{self.looked_up} values looked up; {self.sides.runs} runs of sops; {len(self.different)} different")


def replay(program, folder, keep):
    """Has the program do again what is recorded."""
    compared, failed, excused, different, looked_up = set(), set(), set(), 0, 0
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        sides = Sides(None, program, Path(name))
        for path in sorted(folder.iterdir()):
            with gzip.open(path, "rt") as lines:
                records = [Record.parse(line) for line in lines]
            files = [(record.kind, sides.write(record.file), "") for record in records]
            asked = [(record, file) for record, (_, file, _) in zip(records, files) if record.lookup]
            outcome, said = sides.program(files + [(record.kind, file, record.lookup[0]) for record, file in asked])
            for _, file, _ in files:
                file.unlink()
            seed = path.name.split("-")[0]
            wrong = [(record, record.printed, ours) for record, ours in zip(records, outcome) if record.printed != ours and not record.excused]
            wrong += [(record, record.lookup[1], ours) for number, ((record, _), ours) in enumerate(zip(asked, outcome[len(files):]), len(files))
                      if not same_value(record.kind, record.lookup[1], ours, number, said)]
            looked_up += len(asked)
            for record, ours in zip(records, outcome):
                numbers = [f"{seed}-{number}" for number in record.numbers]
                if record.printed is not None:
                    compared.update(numbers)
                elif len(numbers) == 1:
                    (excused if ours is not None else failed).update(numbers)
            for record, theirs, ours in wrong:
                different += 1
                print(f"{path.name}: document {record.numbers[0]}{'...' if record.numbers[1:] else ''}: {record.kind}, {record.way}\n  sops    : {theirs!r:.400}\n  program : {ours!r:.400}", flush=True)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{seed}-{record.numbers[0]}-{different}.{record.kind}").write_bytes(record.file)
    print(f"{len(compared)} documents compared and {len(failed - compared)} that fail in both, {len(excused - compared - failed)} only sops cannot decrypt, for reasons of its own; "
          f"{looked_up} values looked up; {different} different")
    return 1 if different else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--sops", default="sops")
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the number of the first document, a multiple of %d" % ROUND)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--replay", type=Path)
    a = parser.parse_args()
    if a.replay:
        return replay(os.path.abspath(a.program), a.replay, a.keep)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        comparison = Comparison(Sides(a.sops, os.path.abspath(a.program), Path(name)), a.seed, a.keep, a.record)
        start = time.monotonic()
        end = a.start + a.documents
        for first in range(a.start, end, ROUND):
            comparison.round(range(first, min(first + ROUND, end)))
            if first // ROUND % 10 == 9:
                print(f"{first + ROUND - a.start} documents, {time.monotonic() - start:.0f} s: {comparison.summary()}", flush=True)
    print(comparison.summary())
    return 1 if comparison.different else 0


if __name__ == "__main__":
    sys.exit(main())
