"""Random documents for differential.py: trees, laid out as people write them, and as they should not."""
import base64
import json
import random
import re
import struct

WORDS = [
    "a", "b", "yes", "no", "on", "null", "~", "true", "True", "0x1F", "017", "08", "1e3", "1_000", ".5", "-.5", "1.", "2020-01-01",
    "2020-01-02T03:04:05.6+02:00", "1:30", "<<", "=", "-", "- a", "a: b", "a #b", "#c", " lead", "trail ", "tab\there", "\ttab",
    "it's", 'say "x"', "back\\slash", "%p", "@at", "`tick`", "{x}", "[y]", "&z", "*w", "!t", "|p", ">q", "?", ": x", "é", "日本", "😀",
    "\u00a0", "\u2028", "\u0085", "two\nlines", "two\nlines\n", "\nfirst", "end\n\n", "  indented\nblock", "trail \nline", "x" * 130, "y" * 90 + " z",
    "ENC[AES256_GCM,data:x,iv:y,tag:z,type:str]", "<a href='x'>&amp;</a>", "$VAR", "a=b", "a;b", "\r", "a\r\nb", "\u007f", "\ufeffbom", "",
    "---", "...", "--- a", "\x00", "\x01\x1f", "\x0b\x0c", "\x1b[0m", "\ud7ff\ue000", "\ufffd\ufffe", "\uffff", "\U0010ffff", "\u200b", "\u0300a", "a\u2029b", "\x80\x9f",
    "\n", "\n\n", "\ta\nb", "a\n\tb", "a\n b\n", "a\n\n\nb", "\n a", " \n", "a\n ", "a\u0085b\n", "a\u2028b\nc", "#\n#", "k: v\n", "- x\n- y\n", "sops", "a\\nb", "\\", "''", '""', '"""', "'\"`",
]
# What YAML may take for something else than text: numbers, dates and other words, in all their forms.
PLAIN = [
    "0", "-0", "+1", "-1", "00", "012", "0o17", "0O17", "0x1f", "0XFF", "-0x1F", "0b101", "0B1", "+0b1", "1_000", "1__0", "_1", "1_", "0_7", "09", "0b2", "0xg", "0x", "0o", "0o8",
    "1e3", "1E3", "1e+3", "1e-3", "-1e3", "+1e3", ".5e1", "5.e1", "1.e+2", "1e", "e1", "1e400", "-1e400", "1e-400", "1_0.5", "1._5", "1.5_", ".5", "-.5", "+.5", ".", "..", "-.", "+", "1.", "-1.",
    "1.0", "100000.0", "1000000.0", "0.1", "123456789.125", "1.7976931348623157e308", "5e-324", "2.5e-5", "0.0001", "0.00001", "999999.5", "1e21", "1e20", "0x1p-2", "0x1.8p1", "1p3", "0.e0",
    ".inf", "-.inf", "+.inf", ".Inf", ".INF", ".iNF", "inf", "Infinity", ".nan", ".NaN", ".NAN", "nan", "-.nan",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551615", "18446744073709551616", "0x7fffffffffffffff", "0xffffffffffffffff",
    "0x10000000000000000", "123456789012345678901234567890", "-123456789012345678901234567890", "9007199254740993", "0777777777777777777777", "01777777777777777777777", "0b" + "1" * 63, "0b" + "1" * 64,
    "true", "True", "TRUE", "tRUE", "false", "False", "FALSE", "yes", "Yes", "no", "on", "Off", "y", "N", "null", "Null", "NULL", "nULL", "~", "",
    "2020-01-01", "2020-1-1", "2020-01-01T00:00:00Z", "2020-01-01t00:00:00z", "2020-01-01 00:00:00", "2020-01-01 1:2:3.45", "2020-01-01T1:02:03+1:00", "2020-01-01T01:02:03.123456789+02:00",
    "2020-01-01T01:02:03.1234567891Z", "2020-01-01T01:02:03 +02:00", "2020-02-30", "2020-13-01", "0000-01-01", "9999-12-31T23:59:59.999999999Z", "10000-01-01", "2020-01-01T24:00:00Z", "2020-01-01T00:00:60Z",
    "2020-01-01T00:00:00+00:00", "2020-01-01T00:00:00-23:59", "2020-01-01T00:00:00+24:00", "2020-01-01T00:00:00,5Z", "2020-01-01 ", "2020-01-01  10:00:00", "0001-01-01", "2020-02-29", "1900-02-29",
    "1:30", "190:20:30", "-1:30", "1:60", "1:30.5", "12:30:45", "=", "<<", "-", "- -", "?", ":", "::", "a:b", "a::", ":a", "-a", "--", "?a", "a#b", "a,b", "a]", "a{b", "a b", "a  b", "a\tb", "a'b", 'a"b', "a\\b",
    "%a", "@a", "`a", "!a", "!", "&a", "*a", "|", ">", "|-", ">+", "'", '"', "[", "]", "{", "}", ",", ",a", "#", "[]", "{}", "[a", "{a", "é", "日本", "😀", "\u00a0", "\u0085", "\u2028", "\ufeff", "\x7f", "...", "---", "a ...", "a: ", "a:\tb",
]
TAGS = ["!!str", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!binary", "!!merge", "!!map", "!!seq", "!!set", "!!omap", "!foo", "!", "!<tag:yaml.org,2002:str>", "!<!x>", "!!foo", "!e!x", "!%41"]
# What is put into a text at a random place.
PIECES = [
    " ", "  ", "    ", "\n", "\n\n", "\t", "\r", "\r\n", ":", ": ", "- ", "-", "? ", "?", "#", " #", " # x\n", "\n# x\n", "\n  # x\n", "\n    # x\n", ",", "[", "]", "{", "}", "'", '"', "|", ">", "|-\n", ">+\n", "|2\n", "&a ", "*a", "*a ", "!", "!!str ", "!!int ", "%",
    "@", "`", "\\", "\\n", "<<: ", "---", "\n---\n", "\n--- ", "\n...\n", "~", "null", "0", "1", "a", "x: y\n", "é", "😀", "\u2028", "\u0085", "\ufeff", "\x00", "\x07", "\x7f", ".", "e", "_", "=", ";", "`", '"""', "sops", "\ud800",
]
JSON_NUMBERS = [
    "0", "-0", "0.0", "-0.0", "1", "-1", "1.0", "1.50", "1e3", "1E3", "1e+3", "1E-3", "1e400", "-1E400", "1E-400", "1e21", "1e20", "1e-6", "1e-7", "123456789012345678", "12345678901234567890", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615", "123456789012345678901234567890", "9007199254740993", "9007199254740992.5", "0.1", "100.0", "1000000", "1000000.0", "1e6", "5e-324", "2e-324", "1.7976931348623157e308", "1.7976931348623159e308",
    "01", "+1", ".5", "1.", "1e", "-", "NaN", "Infinity", "0x10", "1_000",
]
ODD_JSON = ["\\u0000", "\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\uD83D\\uDE00", "\\/", "\\b\\f\\n\\r\\t", "\\u2028", "\\u003c", "\\u00e9", "\\uFFFF", "\\ud83dx", "\\ud83d\\n", "\\ufeff", "\\x41", "\\u12", "\x7f", "\\u007f", "\\\\", "\\\"", "<>&", "\u2028", "\x01", "\t", "é", "😀"]
# Plain scalars that go-yaml reads, in a block at least; what is no text in YAML; breaks.
WELL = re.compile(r"""(?!---|\.\.\.)(?![-?:](\s|$))[^\s,\[\]{}#&*!|>'"%@`](?!.*(: |:$|:\t| \#|\t\#))[^\n\r\u0085\u2028\u2029\ufeff]*(?<![ \t])|""")
CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
RARE_BREAKS = re.compile("[\r\u0085\u2028\u2029]")
BREAKS = re.compile("[\n\r\u0085\u2028\u2029]")
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d{1,2})?")


class Document:
    """One random tree and how it is written down."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kind = self.random.choices(["yaml", "json", "dotenv", "ini", "binary"], [15, 6, 1.2, 0.9, 0.2])[0]
        self.anchors = []
        # Where the metadata may stand, if it is written by hand: a YAML document in braces has no room for it.
        self.braces = False
        # A text with which a batch would not be what its documents are.
        self.borders = False
        # Keys that lead to a value, and whether they lead through lists.
        self.paths = []
        self.data = getattr(self, self.kind)()

    # ---- trees

    def text(self):
        r = self.random
        if r.random() < 0.6:
            return r.choice(WORDS)
        if r.random() < 0.1:
            return r.choice(PLAIN)
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

    def key(self, taken, plain=False):
        r = self.random
        while True:
            key = r.choice("abcdefgh") + r.choice(["", "1", "_unencrypted", "_secret", "_x", "-x", ".y"])
            if not plain and r.random() < 0.15:
                key = self.text() or "e"
            if not plain and r.random() < 0.02:
                key = "k" * r.choice([126, 127, 128, 129, 130] if r.random() < 0.9 else [1018, 1022, 1023, 1024, 1025])
            if key not in taken and key != "sops" and not (plain and "." in key):
                taken.add(key)
                return key

    def tree(self, depth=0, path=(), through=False):
        r = self.random
        taken = set()
        entries = {}
        for _ in range(r.choice([0, 1, 1, 2, 2, 3, 4]) if depth else r.choice([1, 1, 2, 2, 3, 4])):
            key = self.key(taken)
            below = (*path, key)
            self.paths.append((below, through))
            entries[key] = self.value(depth, below, through)
        return entries

    def value(self, depth, path, through):
        r = self.random
        if depth < 3 and r.random() < 0.35 or depth < 40 and r.random() < 0.004:
            if r.random() < 0.5:
                return self.tree(depth + 1, path, through)
            elements = []
            for number in range(r.randint(0, 4)):
                self.paths.append(((*path, number), True))
                elements.append(self.value(depth + 1, (*path, number), True))
            return elements
        return self.scalar()

    def mutate(self, text):
        r = self.random
        for _ in range(r.choice([1, 1, 1, 2, 3])):
            at = r.randint(0, len(text))
            kind = r.random()
            if kind < 0.6:
                text = text[:at] + r.choice(PIECES) + text[at:]
            elif kind < 0.8:
                text = text[:at] + text[at + r.choice([1, 1, 2, 5]):]
            else:
                lines = text.split("\n")
                at = r.randrange(len(lines))
                change = r.randint(0, 4)
                if change == 0:
                    lines.insert(r.randint(0, len(lines)), lines[at])
                elif change == 1:
                    lines[at] = " " * r.randint(1, 4) + lines[at]
                elif change == 2:
                    lines[at] = lines[at][r.randint(1, 4):]
                elif change == 3:
                    del lines[at]
                else:
                    lines[at] = lines[at].lstrip(" ")
                text = "\n".join(lines)
        self.paths = []
        return text

    # ---- JSON

    def json_text(self, text):
        r = self.random
        if r.random() < 0.05:
            return '"' + "".join(r.choice(ODD_JSON) for _ in range(r.choice([1, 1, 2]))) + '"'
        return json.dumps(text, ensure_ascii=r.random() < 0.5)

    def json_value(self, value):
        r = self.random
        space = lambda: r.choice(["", "", "", " ", "\n", "\t", "\r\n  "])
        if isinstance(value, dict):
            entries = [json.dumps(key, ensure_ascii=r.random() < 0.5) + space() + ":" + space() + self.json_value(element) for key, element in value.items()]
            if entries and r.random() < 0.03:
                entries.insert(r.randint(0, len(entries)), r.choice(entries))
                self.paths = []
            return "{" + space() + ("," + space()).join(entries) + space() + "}"
        if isinstance(value, list):
            return "[" + space() + ("," + space()).join(map(self.json_value, value)) + space() + "]"
        if isinstance(value, str):
            return self.json_text(value)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and r.random() < 0.4:
            number = r.choice(JSON_NUMBERS)
            return number if JSON_NUMBER.fullmatch(number) or r.random() < 0.05 else "1.0"
        return json.dumps(value)

    def json(self):
        r = self.random
        tree = self.tree()
        text = self.json_value(tree) if r.random() < 0.7 else json.dumps(tree, ensure_ascii=r.random() < 0.5, indent=r.choice([None, 1, "\t"]))
        if r.random() < 0.03:
            deep = r.randint(5, 60)
            text = '{"x":' * deep + text + "}" * deep
            self.paths = []
        if r.random() < 0.04:
            text = self.mutate(text)
        return text.encode("utf-8", "surrogatepass")

    # ---- YAML

    def comment(self):
        return "#" + self.random.choice(["", " note", " secret", "x", " # twice", "\ttab", "  é", " a: b", "!", " trail ", " 'q", "😀", "#"])

    def properties(self):
        """An anchor, a tag, both or, mostly, neither."""
        r = self.random
        if r.random() < 0.94:
            return ""
        kind = r.random()
        tag = r.choice(TAGS) + " "
        if kind < 0.4:
            return tag
        self.anchors.append(r.choice(["a", "b", "x1", "a-b", "A_"] if r.random() < 0.95 else ["é", "a.b", "a/"]))
        anchor = "&" + self.anchors[-1] + " "
        return anchor if kind < 0.8 else tag + anchor if kind < 0.9 else anchor + tag

    def yaml_scalar(self, value, indent=None):
        """A scalar in some style; one of several lines only if the indentation of what follows is given."""
        r = self.random
        if isinstance(value, str):
            kind = r.random()
            if (CONTROLS.search(value) or RARE_BREAKS.search(value)) and r.random() < 0.97:
                return self.double_quoted(value)
            if indent is not None and kind < 0.12:
                return self.several_lines(value, indent)
            # Mostly what may be written so, now and then what may not.
            if kind < 0.5 and (WELL.fullmatch(value) or r.random() < 0.01):
                return value
            if kind < 0.7 and (not BREAKS.search(value) or r.random() < 0.01):
                return "'" + value.replace("'", "''") + "'"
            return self.double_quoted(value)
        if r.random() < 0.25:
            plain = r.choice(PLAIN)
            return plain if WELL.fullmatch(plain) or r.random() < 0.1 else json.dumps(plain)
        if value is None:
            return r.choice(["~", "null", ""])
        if isinstance(value, bool):
            return r.choice([str(value), str(value).lower()])
        return repr(value)

    def double_quoted(self, value):
        r = self.random
        text = json.dumps(value, ensure_ascii=r.random() < 0.5 or bool(CONTROLS.search(value)) or bool(RARE_BREAKS.search(value)) and r.random() < 0.9)
        text = re.sub(r"\\u(d[89ab]..)\\u(d[cdef]..)", lambda pair: "\\U%08x" % (0x10000 + ((int(pair[1], 16) & 0x3FF) << 10) + (int(pair[2], 16) & 0x3FF)), text)
        if r.random() < 0.2:
            odd = r.random() < 0.03
            text = '"' + r.choice(["\\U00110000", "\\ud800", "\\q", "\\x4", "\\"] if odd else ["\\0", "\\a", "\\e", "\\v", "\\N", "\\_", "\\L", "\\P", "\\x41", "\\xff", "\\ ", "\\/", "\\u00e9", "\\U0001F600", "\\\t", "\t", "'", "\\r", "\\x85", "\\u2029", "\\t"]) + text[1:]
        return text

    def several_lines(self, value, indent):
        """A plain or quoted scalar over several lines, or a block scalar; not always of that value."""
        r = self.random
        words = [word for word in re.split(r"[\s]+", value) if word] or ["w"]
        pad = " " * (indent + r.choice([0, 1, 2, 2, 4]))
        breaks = lambda: r.choice(["\n", "\n", "\n", "\n\n", " \n", "\n\n\n", "\n \n", "\t\n"]) + pad + r.choice(["", "", "", "", "", " ", " ", "\t" if r.random() < 0.1 else ""])
        body = lambda: words[0] + "".join((breaks() if r.random() < 0.5 else " ") + word for word in words[1:] + [r.choice(["z", "end", ""])])
        kind = r.random()
        if kind < 0.15 and (all(map(WELL.fullmatch, words)) or r.random() < 0.05):
            return body()
        if kind < 0.3:
            return "'" + r.choice(["", " ", "\n" + pad]) + body().replace("'", "''") + r.choice(["", " ", breaks()]) + "'"
        if kind < 0.5:
            text = body().replace("\\", "\\\\").replace('"', '\\"')
            if r.random() < 0.4:
                text = text.replace("\n", "\\\n", 1)
            return '"' + r.choice(["", " ", "\n" + pad]) + text + r.choice(["", " ", breaks()]) + '"'
        # Block scalars, with and without indentation indicators, right and wrong.
        header = r.choice("|>") + r.choice(["", "", "-", "+"])
        if r.random() < 0.3:
            digit = r.choice(["1", "2", "2", "3", "4", "9", "0"] if r.random() < 0.2 else ["1", "2", "4"])
            header = header[0] + digit + header[1:] if r.random() < 0.5 else header + digit
            if r.random() < 0.9:
                pad = " " * (max(indent - 1, 0) + int(digit))
        header += r.choice([" ", " " + self.comment(), " " + self.comment(), "\t" + self.comment(), "\t", self.comment() if r.random() < 0.2 else "", " x" if r.random() < 0.2 else ""]) if r.random() < 0.3 else ""
        lines = [r.choice(["", "", "", "", "", "", "", " ", "  ", "\t", "#", "- "]) + line for line in value.split("\n")]
        if "\t" in lines[0][:1] and r.random() < 0.8:
            lines[0] = "x" + lines[0]
        lines = ["" if not line.strip() and r.random() < 0.5 else pad + line for line in lines]
        while r.random() < 0.25:
            lines.insert(r.choice([0, len(lines)]), r.choice(["", " ", pad, pad + " ", "\t"]))
        return header + "\n" + "\n".join(lines)

    def yaml_flow(self, value, indent):
        r = self.random
        gap = lambda: " " if r.random() < 0.95 else r.choice(["", "  ", "\t", "\n" + " " * (indent + 2), " " + self.comment() + "\n" + " " * (indent + 2), "\n\n" + " " * (indent + 2), "\n" if r.random() < 0.2 else " "])
        edge = lambda: "" if r.random() < 0.9 else gap()
        if isinstance(value, dict):
            entries = []
            for key, element in value.items():
                kind = r.random()
                key = self.double_quoted(key) if kind < 0.6 else self.yaml_scalar(key)
                entries.append(("? " if r.random() < 0.03 else "") + key + (":" if r.random() < 0.95 else " :") + gap() + self.yaml_flow(element, indent) if r.random() < 0.97 else key)
            return self.properties() + "{" + edge() + ("," + gap()).join(entries) + (r.choice([",", ", "]) if entries and r.random() < 0.07 else "") + edge() + "}"
        if isinstance(value, list):
            entries = [self.yaml_flow(element, indent) for element in value]
            if r.random() < 0.05:
                entries.append(r.choice(["a: b", "? a : b", '"q": 1', '"q":1', ": x", "? ", "*a", "[]", "{}"]))
            return self.properties() + "[" + edge() + ("," + gap()).join(entries) + (r.choice([",", " ,"]) if entries and r.random() < 0.07 else "") + edge() + "]"
        if self.anchors and r.random() < 0.1:
            return "*" + r.choice(self.anchors)
        if isinstance(value, str):
            return self.properties() + (self.double_quoted(value) if r.random() < 0.7 else self.yaml_scalar(value, indent + 1 if r.random() < 0.1 else None))
        return self.properties() + (self.yaml_scalar(value) or "~")

    def noise(self, indent):
        r = self.random
        lines = []
        while r.random() < 0.25:
            kind = r.random()
            deep = indent if kind < 0.85 else max(indent + r.choice([-4, -2, -1, 1, 2, 4]), 0)
            lines.append(r.choice(["", "", "", "", "  ", "\t" if r.random() < 0.02 else ""]) if r.random() < 0.3 else " " * deep + self.comment())
        return lines

    def end(self):
        r = self.random
        return "" if r.random() < 0.85 else r.choice([" ", " ", " ", " ", "  ", "\t", "" if r.random() < 0.1 else " "]) + self.comment()

    def yaml_lines(self, value, indent):
        """The lines of a mapping or list in block style."""
        r = self.random
        step = r.choice([2, 2, 4, 4, 1, 3])
        lines = []
        items = list(value.items()) if isinstance(value, dict) else [(None, element) for element in value]
        if isinstance(value, dict) and self.anchors and r.random() < 0.15:
            items.insert(r.randint(0, len(items)), ("<<", None))
        for key, element in items:
            lines += self.noise(indent)
            blank = " " if r.random() < 0.97 else r.choice(["  ", "   ", "  ", " \t" if key is not None else " ", "\t" if key is not None else " "])
            if key is None:
                head = " " * indent + "-"
            else:
                name = "<<" if key == "<<" else self.properties() + self.yaml_scalar(key)
                kind = r.random()
                if kind < 0.02:
                    head = " " * indent + "? " + self.yaml_scalar(key, indent + 2) + self.end() + "\n" + " " * indent + ":"
                elif kind < 0.025:
                    head = " " * indent + "? " + name
                    lines.append(head)
                    continue
                else:
                    head = " " * indent + name + (":" if r.random() < 0.98 else r.choice([" :", "  :", "\t:"]))
            if key == "<<" and element is None and self.anchors:
                merged = "*" + r.choice(self.anchors)
                lines.append(head + " " + r.choice([merged, merged, "[" + merged + ", *" + r.choice(self.anchors) + "]", "{m: 1}", "[{m: 1}, {n: 2}]", "5"]) + self.end())
            elif self.anchors and r.random() < 0.05:
                lines.append(head + blank + "*" + r.choice(self.anchors) + self.end())
            elif isinstance(element, (dict, list)):
                before = self.properties().rstrip(" ")
                before = " " + before if before else ""
                if not element or r.random() < 0.2:
                    lines.append(head + before + blank + self.yaml_flow(element, indent) + self.end())
                elif key is None and r.random() < 0.5 and not before:
                    # The collection begins on the line of the dash.
                    below = self.yaml_lines(element, indent + 2)
                    if below and below[0].startswith(" " * (indent + 2)) and below[0][indent + 2:indent + 3] not in ("", " ", "#"):
                        below[0] = head + " " + below[0][indent + 2:]
                    else:
                        lines.append(head)
                    lines += below
                else:
                    lines.append(head + before + self.end())
                    # A list may stand as deep as its key.
                    deeper = 0 if isinstance(element, list) and key is not None and r.random() < 0.3 else step
                    lines += self.yaml_lines(element, indent + deeper)
            elif isinstance(element, str) and "\n" in element and not CONTROLS.search(element) and not RARE_BREAKS.search(element) and not element.startswith("\t") and r.random() < 0.6 and element.strip("\n ") == element.rstrip("\n"):
                end = self.end()
                lines.append(head + " " + self.properties() + r.choice("|>") + r.choice(["", "-", "+"]) + (end if end[:1] in ("", " ", "\t") else " " + end))
                lines += [" " * (indent + step) + line if line else "" for line in element.rstrip("\n").split("\n")]
            else:
                tag = self.properties()
                if tag.startswith("!!binary") and r.random() < 0.7:
                    written = base64.b64encode(r.randbytes(r.choice([0, 1, 2, 3, 10, 60]))).decode()
                elif r.random() < 0.04:
                    written = "\n" + " " * (indent + step) + self.yaml_scalar(element, indent + 1)
                else:
                    written = self.yaml_scalar(element, indent + 1)
                # A block scalar has its comment in its header.
                lines.append(head + blank + tag + written + ("" if written[:1] in ("|", ">") else self.end()))
            if key is not None and r.random() < 0.006:
                lines.append(lines[-1])
                self.paths = []
        return lines + self.noise(indent)

    def yaml(self):
        r = self.random
        tree = self.tree()
        if r.random() < 0.04:
            text = "\n".join(self.noise(0) + [self.yaml_flow(tree, 0) + self.end()] + self.noise(0))
            self.braces = True
        else:
            text = "\n".join(self.yaml_lines(tree, 0))
        if "<<" in text:
            self.paths = []
        if r.random() < 0.01:
            deep = r.randint(5, 70)
            text = r.choice(["x: ", "x:\n    "]) + r.choice(["[" * deep + "]" * deep, "{a: " * deep + "1" + "}" * deep, "- " * deep + "1"]) + "\n" + text
        text += r.choice(["\n", "\n", "\n", "\n\n", ""])
        if r.random() < 0.06:
            text = self.mutate(text)
        # sops takes this for a time, and then cannot encrypt it.
        self.borders = "+24:00" in text
        if r.random() < 0.02:
            text = text.replace("\n", "\r\n")
        elif r.random() < 0.005:
            text = text.replace("\n", r.choice(["\r", "\u0085", "\u2028"]))
        if r.random() < 0.03:
            self.borders = True
            start = r.choice(["\ufeff", "---\n", "--- # c\n", "---\n# c\n", "# c\n---\n", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n", "%TAG !e! tag:x,2000:\n---\n", "\n\n", "# c\n\n# d\n", "--- !!map\n", "--- &a\n", "...\n", "%FOO\n---\n", "# c\n\n"])
            end = r.choice(["", "", "...\n", "---\n", "...\n# c\n", "---\n# c\n", "---\n...\n", "---\nx: 1\n", "---\n- 1\n", "---\nx\n", "---\n~\n", "--- {}\n", "--- {x: 1}\n", "---\n--- \n", "\x00", "# c", "  # c\n", "\n# c\n\n# d\n"])
            self.braces = True
            text = start + text + ("" if text.endswith("\n") else "\n") + end
        return text.encode("utf-8", "surrogatepass")

    # ---- dotenv and INI

    def dotenv(self):
        r = self.random
        lines, taken = [], set()
        for _ in range(r.randint(1, 6)):
            if r.random() < 0.2:
                lines.append(self.comment())
            key = self.key(taken, True).replace("-", "_")
            if r.random() < 0.1:
                key = r.choice(["export " + key, " " + key, key + " ", "", "é", "a.b", "a-b", key.upper(), "#" + key, "sops"])
            lines.append(key + "=" + self.text().replace("\n", "\\n").replace("\r", ""))
            if r.random() < 0.05:
                lines.append(r.choice(["", lines[-1], " ", "\t#c", "x", "=", "#"]))
        text = "\n".join(lines) + "\n"
        if r.random() < 0.04:
            text = self.mutate(text)
        if r.random() < 0.02:
            text = text.replace("\n", "\r\n")
        return text.encode("utf-8", "surrogatepass")

    def ini(self):
        r = self.random
        lines = []
        sections = set()
        if r.random() < 0.15:
            lines.append(self.key(set(), True) + " = " + r.choice(["x", "", "1"]))
        for _ in range(r.randint(1, 3)):
            section = self.key(sections, True)
            if r.random() < 0.1:
                section = r.choice(["DEFAULT", "default", section + "]", " " + section + " ", "a b", "é", "a;b", "a#b", "a.b", '"q"', section + "] ; c", "a:b"])
            lines.append("[" + section + "]")
            taken = set()
            for _ in range(r.randint(0, 4)):
                if r.random() < 0.2:
                    lines.append(r.choice("#;") + self.comment()[1:])
                value = self.text().replace("\n", " ").replace("\r", "")
                key = self.key(taken, True)
                if r.random() < 0.1:
                    key = r.choice(["`a:b`", '"a=b"', '"""a`b"""', "-", "a b", key.upper(), "é", " " + key, "a;b", "a#b", "'q'", '"q', key])
                value = r.choice([value, '"' + value + '"', "`" + value + "`", "'" + value + "'", '"""' + value + '"""'])
                if r.random() < 0.08:
                    value = r.choice([value + " ; c", value + " # c", value + "\\\nnext", '"""x\ny"""', "`x\ny`", '"x', "'x", '"""x', "`x", "%(a)s", "x\\", '"a" b', "'a'b'", '"\\n"', '"x\\\ny"'])
                lines.append(key + r.choice(["=", " = ", ":", " : ", "= "]) + value)
                if r.random() < 0.05:
                    lines.append(r.choice(["", "  ", "x", "=", "\t; c", lines[-1], "[", "[]"]))
            if r.random() < 0.1:
                lines.append(r.choice(["; end", "# end", ""]))
        text = "\n".join(lines) + "\n"
        if r.random() < 0.04:
            text = self.mutate(text)
        if r.random() < 0.02:
            text = text.replace("\n", "\r\n")
        # What goes on over a line would reach into the next document, and what stands before a section into the last.
        self.borders = not text.startswith("[") or any(sign in text for sign in ('"""', "`", "\\"))
        return text.encode("utf-8", "surrogatepass")

    def binary(self):
        self.borders = True
        return self.random.randbytes(self.random.randint(0, 40))
