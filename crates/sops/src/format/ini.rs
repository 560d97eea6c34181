//! INI files (docs/format.md section 7.4): read and written as go-ini does it for sops.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use go_yaml::BYTE_ORDER_MARK;

use crate::format::Fix::{Place, Write};
use crate::format::{EmitError, ParseError, Reason, Source, flat};
use crate::metadata::Notation;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};
use crate::version::Version;

/// The sections of a file, each a mapping; keys before any section are in the section `DEFAULT`, which is always the
/// first. The comment of a section is its first item, the comment of a key follows the key.
///
/// The section `sops` is the metadata.
///
/// # Errors
///
/// [`ParseError`] at the first line that is neither empty, a comment, a section nor a key with its value, and at a second
/// section `sops`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    let mut reader = Reader { rest: bytes, line: bytes, comment: Vec::new() };
    let sections = reader.sections().map_err(|reason| {
        let offset = bytes.len().saturating_sub(reader.line.len());
        ParseError::at(bytes, offset, reason)
    })?;
    let mut data = Mapping::new();
    let mut metadata = None;
    for section in sections {
        if section.name == METADATA {
            metadata = Some(Value::Mapping(section.into_mapping()));
        } else {
            let key = Key::Text(section.name.to_vec());
            data.push(Item::Entry { key, value: Value::Mapping(section.into_mapping()) });
        }
    }
    Ok(Source { tree: Tree { documents: vec![data] }, metadata, notation: Notation::Flattened })
}

/// The decrypted file.
///
/// # Errors
///
/// [`EmitError::Complex`] if the value of a key is a mapping or a list, or what should be a section is something else.
pub(crate) fn emit(tree: &Tree, version: Version) -> Result<Plaintext, EmitError> {
    let mut buffer = Vec::new();
    let sections = tree.documents.iter().flatten().filter_map(|item| match item {
        Item::Entry { key, value } => Some((flat::key_bytes(key), value)),
        Item::Comment(_) => None,
    });
    let mut separator: &[u8] = b"";
    for (position, (name, value)) in sections.enumerate() {
        let items = match value {
            Value::Mapping(items) => items.as_slice(),
            Value::List(_) => return Err(flat::complex(name, "list")),
            Value::Comment(_) => return Err(flat::complex(name, "comment")),
            Value::Scalar(scalar) => return Err(flat::complex(name, scalar.kind())),
        };
        buffer.extend_from_slice(separator);
        separator = b"\n";
        let (comment, items) = match items {
            [Item::Comment(comment), items @ ..] => (Some(comment), items),
            items => (None, items),
        };
        push_comment(&mut buffer, comment, |line| line);
        if position > 0 || !name.eq_ignore_ascii_case(DEFAULT) {
            buffer.extend_from_slice(b"[");
            buffer.extend_from_slice(name);
            buffer.extend_from_slice(b"]\n");
        } else if !items.iter().any(|item| matches!(item, Item::Entry { .. })) {
            separator = b"";
        }
        push_keys(&mut buffer, items, version)?;
    }
    Ok(Plaintext::new(buffer))
}

struct Reader<'a> {
    /// What is not yet read.
    rest: &'a [u8],
    /// All from the start of the line that was read last, blanks left out; of a value of several lines, the first.
    line: &'a [u8],
    /// The comments that belong to the next section or key.
    comment: Vec<u8>,
}

struct Section<'a> {
    name: &'a [u8],
    comment: Vec<u8>,
    keys: Vec<(Vec<u8>, Plaintext, Vec<u8>)>,
    /// Where each name stands in `keys`.
    positions: HashMap<Vec<u8>, usize>,
    /// How many keys were given as `-`.
    unnamed: u64,
}

impl<'a> Reader<'a> {
    fn sections(&mut self) -> Result<Vec<Section<'a>>, Reason> {
        match self.rest {
            [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => return Err(&("the file is in UTF-16", Write("save it as UTF-8"))),
            text => self.rest = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
        }
        let mut sections = Vec::new();
        let mut section = Section::new(DEFAULT, Vec::new());
        let mut has_metadata = false;
        loop {
            let start = self.rest;
            let Some(line) = self.next_line() else { break };
            let text = trim_start(line);
            let indentation = line.len().saturating_sub(text.len());
            self.line = start.get(indentation..).unwrap_or_default();
            match text {
                [] => {}
                [b'#' | b';', ..] => self.comment.extend_from_slice(text),
                [b'[', header @ ..] => {
                    let name = self.header(header)?;
                    if name == METADATA && std::mem::replace(&mut has_metadata, true) {
                        return Err(&(
                            "the section [sops] is given twice",
                            Write("remove the one that does not belong to the file"),
                        ));
                    }
                    sections.push(std::mem::replace(&mut section, Section::new(name, self.take_comment())));
                }
                text => {
                    let (name, value) = key(text)?;
                    let name = section.name_key(name);
                    let value = self.value(value)?;
                    section.put(name, Plaintext::new(value), self.take_comment());
                }
            }
        }
        sections.push(section);
        Ok(sections)
    }

    /// Reads the name of a section, whose opening bracket is read. It ends at the last bracket of the line.
    fn header(&mut self, text: &'a [u8]) -> Result<&'a [u8], Reason> {
        let end = rfind(text, b"]").ok_or(&("the name of a section is not closed", Write("end it with ]")))?;
        let (name, behind) = text.split_at_checked(end).unwrap_or_default();
        if name.is_empty() {
            return Err(&("a section without a name", Write("put the name between the brackets")));
        }
        self.comment.extend_from_slice(without_comment(behind).1);
        Ok(name)
    }

    /// Reads the value of a key, which starts with `text` and may go on over more lines.
    fn value(&mut self, text: &'a [u8]) -> Result<Vec<u8>, Reason> {
        let text = trim_start(text);
        let quote: &[u8] = match text {
            [b'`', ..] => b"`",
            [b'"', b'"', b'"', _, ..] => TRIPLE_QUOTE,
            _ => return Ok(self.unquoted_value(trim(text))),
        };
        let body = text.strip_prefix(quote).unwrap_or_default();
        if let Some(end) = rfind(body, quote) {
            return Ok(body.get(..end).unwrap_or_default().to_vec());
        }
        let mut value = body.to_vec();
        loop {
            let line = self
                .next_line()
                .ok_or(&("a quoted value is not closed", Write("end it with the quote that opens it")))?;
            // A quote on a line that ends in a backslash closes nothing.
            let end = rfind(line, quote).filter(|_| !trim(line).ends_with(b"\\"));
            let Some((last, behind)) = end.and_then(|end| line.split_at_checked(end)) else {
                value.extend_from_slice(line);
                continue;
            };
            value.extend_from_slice(last);
            self.comment.extend_from_slice(trim(without_comment(behind).1));
            return Ok(value);
        }
    }

    /// Reads a value that is not in the quotes for raw text. A value of several lines is all that its lines hold, while a
    /// comment and a pair of quotes are taken from one of a single line.
    fn unquoted_value(&mut self, text: &'a [u8]) -> Vec<u8> {
        let Some(first) = text.strip_suffix(b"\\") else {
            let (value, comment) = without_comment(text);
            self.comment.extend_from_slice(comment);
            return unquote(trim(value)).to_vec();
        };
        let mut value = first.to_vec();
        loop {
            let line = trim(self.next_line().unwrap_or_default());
            let Some(part) = line.strip_suffix(b"\\") else {
                value.extend_from_slice(line);
                return value;
            };
            value.extend_from_slice(part);
        }
    }

    /// Reads a line with its line feed.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        let line = self.rest.split_inclusive(|&byte| byte == b'\n').next()?;
        self.rest = self.rest.get(line.len()..).unwrap_or_default();
        Some(line)
    }

    fn take_comment(&mut self) -> Vec<u8> {
        let comment = unmarked(trim(&self.comment)).to_vec();
        self.comment.clear();
        comment
    }
}

impl<'a> Section<'a> {
    fn new(name: &'a [u8], comment: Vec<u8>) -> Self {
        Self { name, comment, keys: Vec::new(), positions: HashMap::new(), unnamed: 0 }
    }

    /// The name of a key: `-` stands for a number of its own.
    fn name_key(&mut self, name: &[u8]) -> Vec<u8> {
        if name != b"-" {
            return name.to_vec();
        }
        self.unnamed = self.unnamed.saturating_add(1);
        format!("#{}", self.unnamed).into_bytes()
    }

    /// Adds a key. One that is given again keeps its place, and the last value and comment count.
    fn put(&mut self, name: Vec<u8>, value: Plaintext, comment: Vec<u8>) {
        match self.positions.entry(name) {
            Entry::Occupied(position) => {
                if let Some((_, old_value, old_comment)) = self.keys.get_mut(*position.get()) {
                    *old_value = value;
                    *old_comment = comment;
                }
            }
            Entry::Vacant(position) => {
                self.keys.push((position.key().clone(), value, comment));
                position.insert(self.keys.len().saturating_sub(1));
            }
        }
    }

    fn into_mapping(self) -> Mapping {
        let mut mapping = Mapping::new();
        mapping.extend(comment_item(self.comment));
        for (name, value, comment) in self.keys {
            mapping.push(Item::Entry { key: Key::Text(name), value: Value::Scalar(Scalar::Text(value)) });
            mapping.extend(comment_item(comment));
        }
        mapping
    }
}

fn comment_item(text: Vec<u8>) -> Option<Item> {
    (!text.is_empty()).then(|| Item::Comment(Comment::new(Plaintext::new(text))))
}

/// The name of a key, and what is behind the delimiter.
fn key(text: &[u8]) -> Result<(&[u8], &[u8]), Reason> {
    let quote: &[u8] = match text {
        [b'"', b'"', b'"', _, _, _, _, ..] => TRIPLE_QUOTE,
        [b'"', ..] => b"\"",
        [b'`', ..] => b"`",
        _ => b"",
    };
    let text = text.strip_prefix(quote).unwrap_or(text);
    let (name, behind) = if quote.is_empty() {
        (None, text)
    } else {
        let end = find(text, quote)
            .ok_or(&("the name of a key is not closed", Write("end it with the quote that opens it")))?;
        let (name, behind) = text.split_at_checked(end).unwrap_or_default();
        (Some(name), behind.strip_prefix(quote).unwrap_or_default())
    };
    let delimiter = behind
        .iter()
        .position(|byte| DELIMITERS.contains(byte))
        .ok_or(&("not a line of INI: expected a [section], key = value, or # or ; with a comment", Place))?;
    let (unquoted, value) = behind.split_at_checked(delimiter).unwrap_or_default();
    let name = trim(name.unwrap_or(unquoted));
    if name.is_empty() {
        return Err(&("a key without a name", Write("put the name in front of the delimiter")));
    }
    Ok((name, value.get(1..).unwrap_or_default()))
}

/// The text up to the first mark of a comment, wherever it stands, and the comment.
fn without_comment(text: &[u8]) -> (&[u8], &[u8]) {
    let mark = text.iter().position(|byte| COMMENT_MARKS.contains(byte)).unwrap_or(text.len());
    text.split_at_checked(mark).unwrap_or_default()
}

/// The text without the quotes around it, if there are none inside.
fn unquote(text: &[u8]) -> &[u8] {
    match text {
        [first @ (b'"' | b'\''), body @ .., last] if first == last && !body.contains(first) => body,
        text => text,
    }
}

/// The text of a comment without the marks and blanks before its first line.
fn unmarked(text: &[u8]) -> &[u8] {
    let Some(mark @ (b';' | b'#')) = text.first() else { return text };
    let start = text.iter().position(|byte| byte != mark && *byte != b' ').unwrap_or(text.len());
    text.get(start..).unwrap_or_default()
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

fn rfind(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).rposition(|window| window == part)
}

/// Without white space of Unicode at both ends; bytes that are not UTF-8 are none.
fn trim(text: &[u8]) -> &[u8] {
    let mut text = trim_start(text);
    while let Some(shorter) = (1..=LONGEST_BLANK).find_map(|length| {
        let (shorter, last) = text.split_at_checked(text.len().checked_sub(length)?)?;
        is_blank(last).then_some(shorter)
    }) {
        text = shorter;
    }
    text
}

fn trim_start(mut text: &[u8]) -> &[u8] {
    while let Some(shorter) = (1..=LONGEST_BLANK).find_map(|length| {
        let (first, shorter) = text.split_at_checked(length)?;
        is_blank(first).then_some(shorter)
    }) {
        text = shorter;
    }
    text
}

/// Whether the bytes are one character of white space.
fn is_blank(bytes: &[u8]) -> bool {
    let mut characters = std::str::from_utf8(bytes).unwrap_or_default().chars();
    characters.next().is_some_and(char::is_whitespace) && characters.next().is_none()
}

/// The keys of a section with their comments, the delimiters below each other.
fn push_keys(buffer: &mut Vec<u8>, items: &[Item], version: Version) -> Result<(), EmitError> {
    let mut keys: Vec<(Vec<u8>, Plaintext, Option<&Comment>)> = Vec::new();
    for item in items {
        match item {
            Item::Entry { key, value } => {
                let name = flat::key_bytes(key);
                keys.push((quoted_key(name), flat::text(name, value, version)?, None));
            }
            // Without a key before it, a comment has no place in the file.
            Item::Comment(comment) => {
                if let Some((.., place)) = keys.last_mut() {
                    *place = Some(comment);
                }
            }
        }
    }
    let widest = keys.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    for (name, value, comment) in keys {
        push_comment(buffer, comment, trim);
        buffer.extend_from_slice(&name);
        buffer.extend_from_slice(&b" ".repeat(widest.saturating_sub(name.len())));
        buffer.extend_from_slice(b" = ");
        let value = value.as_bytes();
        let quote: &[u8] = if value.iter().any(|byte| matches!(byte, b'\n' | b'`')) {
            TRIPLE_QUOTE
        } else if value.iter().any(|byte| COMMENT_MARKS.contains(byte)) {
            b"`"
        } else if trim(value).len() != value.len() {
            b"\""
        } else {
            b""
        };
        for part in [quote, value, quote, b"\n"] {
            buffer.extend_from_slice(part);
        }
    }
    Ok(())
}

/// The name of a key, in quotes if it would not be read back without.
fn quoted_key(name: &[u8]) -> Vec<u8> {
    let quote: &[u8] = if name.contains(&b'"') || name.iter().any(|byte| DELIMITERS.contains(byte)) {
        b"`"
    } else if name.contains(&b'`') {
        TRIPLE_QUOTE
    } else {
        b""
    };
    [quote, name, quote].concat()
}

/// The lines of a comment; those without a mark of their own go through `clean` and get one.
fn push_comment(buffer: &mut Vec<u8>, comment: Option<&Comment>, clean: fn(&[u8]) -> &[u8]) {
    let text = comment.map_or(&b""[..], |comment| comment.text.as_bytes());
    if text.is_empty() {
        return;
    }
    for line in text.split(|&byte| byte == b'\n') {
        let (mark, line) = match line {
            [mark @ (b'#' | b';'), rest @ ..] => (std::slice::from_ref(mark), trim(rest)),
            line => (&b";"[..], clean(line)),
        };
        for part in [mark, b" ", line, b"\n"] {
            buffer.extend_from_slice(part);
        }
    }
}

const DEFAULT: &[u8] = b"DEFAULT";
const METADATA: &[u8] = b"sops";
const DELIMITERS: &[u8] = b"=:";
const COMMENT_MARKS: &[u8] = b"#;";
const TRIPLE_QUOTE: &[u8] = b"\"\"\"";

/// The most bytes that a character of white space has in UTF-8.
const LONGEST_BLANK: usize = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::outline;

    #[test]
    fn sections_and_keys_are_read_as_go_ini_reads_them() {
        for (text, tree) in [
            ("", "{DEFAULT: {}}"),
            ("\u{feff}a = 1", r#"{DEFAULT: {a: "1"}}"#),
            ("a=1\n[s]\nb=2\n", r#"{DEFAULT: {a: "1"}, s: {b: "2"}}"#),
            ("[DEFAULT]\na=1\n", r#"{DEFAULT: {}, DEFAULT: {a: "1"}}"#),
            ("[s]\na=1\n[t]\n[s]\nb=2\n", r#"{DEFAULT: {}, s: {a: "1"}, t: {}, s: {b: "2"}}"#),
            ("[s]\na=1\nb=2\na=3\n", r#"{DEFAULT: {}, s: {a: "3", b: "2"}}"#),
            ("  [ s ]x\n", "{DEFAULT: {},  s : {}}"),
            ("[a]b]\n", "{DEFAULT: {}, a]b: {}}"),
            ("a:b=c\nd=e:f\n", r#"{DEFAULT: {a: "b=c", d: "e:f"}}"#),
            (" a b \t=  c d \r\n", r#"{DEFAULT: {a b: "c d"}}"#),
            ("\u{a0}a\u{2003}=\u{3000}b\u{85}\n", r#"{DEFAULT: {a: "b"}}"#),
            ("`a=b` = 1\n\"c:d\" x = 2\n\"\"\"e`f\"\"\"=3\n", r#"{DEFAULT: {a=b: "1", c:d: "2", e`f: "3"}}"#),
            ("\" a \"=1\n", r#"{DEFAULT: {a: "1"}}"#),
            ("-=1\n-=2\n[s]\n-=3\n", r#"{DEFAULT: {#1: "1", #2: "2"}, s: {#1: "3"}}"#),
            ("a ; b = c\n", r#"{DEFAULT: {a ; b: "c"}}"#),
        ] {
            assert_eq!(read(text), tree, "{text:?}");
        }
        let source = parse(b"[\xff]\n\xfe=\xfd\n").ok().unwrap();
        assert_eq!(outline::tree(&source.tree), r#"{DEFAULT: {}, \xff: {\xfe: "\xfd"}}"#);
    }

    #[test]
    fn values_are_read_as_go_ini_reads_them() {
        for (value, expected) in [
            ("", r#""""#),
            (" x ", r#""x""#),
            ("x#y", r#""x", #y"#),
            ("x ; y ; z", r#""x", #y ; z"#),
            ("#y", r#""", #y"#),
            ("'x'", r#""x""#),
            ("\"x\"", r#""x""#),
            ("\"\"", r#""""#),
            ("\"x", r#""\"x""#),
            ("\"x\"y\"", r#""\"x\"y\"""#),
            ("'x\"", r#""\'x\"""#),
            ("\" x \"", r#"" x ""#),
            ("\"x;y\"", r#""\"x", #y\""#),
            ("`x#y`", r#""x#y""#),
            ("`x`y`z", r#""x`y""#),
            ("\"\"\"x\"\"\" ; y", r#""x""#),
            ("\"\"\"\"\"\"", r#""""#),
            ("\"\"\"x\ny\"\"\"", r#""x\ny""#),
            ("\"\"\"x\r\n y\"\"\" ; z", r#""x\r\n y", #z"#),
            ("`x\ny`", r#""x\ny""#),
            ("`\n`", r#""\n""#),
            ("`x\ny` \\\nz`", r#""x\ny` \\\nz""#),
            ("x \\\n  y \\\n z", r#""x y z""#),
            ("x \\\n  y ; z", r#""x y ; z""#),
            ("\"x \\\n  y\"", r#""\"x y\"""#),
            ("x\\\n\ny=1", r#""x", y: "1""#),
            ("x\\", r#""x""#),
            ("C:\\dir", r#""C:\\dir""#),
            ("a\\nb", r#""a\\nb""#),
            ("%(x)s", r#""%(x)s""#),
        ] {
            assert_eq!(read(&format!("k = {value}\n")), format!("{{DEFAULT: {{k: {expected}}}}}"), "{value:?}");
        }
        assert_eq!(read("k = \"\"\""), r#"{DEFAULT: {k: "\"\"\""}}"#);
    }

    #[test]
    fn comments_belong_to_what_follows_them() {
        for (text, tree) in [
            ("; c\na=1\n", r#"{DEFAULT: {a: "1", #c}}"#),
            ("; c\n[s]\na=1\n", r#"{DEFAULT: {}, s: {#c, a: "1"}}"#),
            ("; c\n[s] # d\n", "{DEFAULT: {}, s: {#c\\n# d}}"),
            ("# a\n\n  ; b\n;;; c\nk=1 # d\n", r#"{DEFAULT: {k: "1", #a\n; b\n;;; c\n# d}}"#),
            (";; ;c\nk=1\n", r#"{DEFAULT: {k: "1", #c}}"#),
            ("#;c\nk=1\n", r#"{DEFAULT: {k: "1", #;c}}"#),
            (";\nk=1\n", r#"{DEFAULT: {k: "1"}}"#),
            ("k=1\n; c\n[s]\nj=2\n; lost\n", r#"{DEFAULT: {k: "1"}, s: {#c, j: "2"}}"#),
            ("; a\nk=1\n; b\nk=2\n", r#"{DEFAULT: {k: "2", #b}}"#),
            ("; a\nk=1\nk=2\n", r#"{DEFAULT: {k: "2"}}"#),
        ] {
            assert_eq!(read(text), tree, "{text:?}");
        }
    }

    #[test]
    fn the_section_sops_is_the_metadata() {
        let source = parse(b"[sops]\n; c\nmac = a\\nb\n[SOPS]\n[s]\n").ok().unwrap();
        assert_eq!(outline::tree(&source.tree), "{DEFAULT: {}, SOPS: {}, s: {}}");
        assert_eq!(outline::value(&source.metadata.unwrap()), r#"{mac: "a\\nb", #c}"#);
        assert!(parse(b"[s]\nsops = 1\n").ok().unwrap().metadata.is_none());
    }

    #[test]
    fn what_is_not_ini_is_named_and_not_quoted() {
        let line = "not a line of INI: expected a [section], key = value, or # or ; with a comment";
        let key = "a key without a name; put the name in front of the delimiter";
        let quote = "a quoted value is not closed; end it with the quote that opens it";
        for (text, place, problem) in [
            ("a=1\n  SECRET\n", "2, column 3", line),
            ("`a` SECRET\n", "1, column 1", line),
            ("= SECRET\n", "1, column 1", key),
            ("\"\" = SECRET\n", "1, column 1", key),
            ("` ` = SECRET\n", "1, column 1", key),
            ("\"a = SECRET\n", "1, column 1", "the name of a key is not closed; end it with the quote that opens it"),
            ("[s\na=1\n", "1, column 1", "the name of a section is not closed; end it with ]"),
            ("a=1\n\n[]\n", "3, column 1", "a section without a name; put the name between the brackets"),
            ("a=1\nb = \"\"\"SECRET\nc=1\n", "2, column 1", quote),
            ("b = `SECRET\nSECRET`\\", "1, column 1", quote),
            ("\u{feff}x\n", "1, column 2", line),
            (
                "[s]\n[sops]\n[sops]\n",
                "3, column 1",
                "the section [sops] is given twice; remove the one that does not belong to the file",
            ),
        ] {
            assert_eq!(
                parse(text.as_bytes()).err().unwrap().with_fix(),
                format!("line {place}: {problem}"),
                "{text:?}"
            );
        }
        assert_eq!(
            parse(b"\xff\xfea\0=\0").err().unwrap().with_fix(),
            "line 1, column 1: the file is in UTF-16; save it as UTF-8"
        );
    }

    #[test]
    fn files_are_written_as_go_ini_writes_them() {
        for (text, written) in [
            ("", ""),
            ("a=1\n[x]\nb=2\n; c\nlong_key=3\n", "a = 1\n\n[x]\nb        = 2\n; c\nlong_key = 3\n"),
            ("[e]\n[s]\na=hi\n", "[e]\n\n[s]\na = hi\n"),
            ("[s]\na=1\nlongkey=2\n`x:y`=3\n", "[s]\na       = 1\nlongkey = 2\n`x:y`   = 3\n"),
            ("[s]\n\"\"\"a`b\"\"\"=1\nc=2\n", "[s]\n\"\"\"a`b\"\"\" = 1\nc         = 2\n"),
            ("[DEFAULT]\na=1\n[default]\n", "[DEFAULT]\na = 1\n\n[default]\n"),
            ("[s]\na=\n[t]\n", "[s]\na = \n\n[t]\n"),
            (
                "a=\"\"\"x\ny\"\"\"\nb=`x#y`\nc=\" x\"\nd=`x\u{a0}`\n",
                "a = \"\"\"x\ny\"\"\"\nb = `x#y`\nc = \" x\"\nd = \"x\u{a0}\"\n",
            ),
            ("a=\"\"\"x`;y\"\"\"\nb=''x'\n", "a = \"\"\"x`;y\"\"\"\nb = ''x'\n"),
            ("# a\n#b\n; c\n[s]\n#  d\n;e\nk=1 ; f\n", "; a\n# b\n; c\n[s]\n; d\n; e\n; f\nk = 1\n"),
            (";\n; x\nk=1\n", "; \n; x\nk = 1\n"),
            ("k = \"\"\"x\ny\"\"\" ; c\r\n", "; c\nk = \"\"\"x\ny\"\"\"\n"),
        ] {
            let source = parse(text.as_bytes()).ok().unwrap();
            assert_eq!(emit(&source.tree, Version::OLDEST).ok().unwrap().as_str(), Some(written), "{text:?}");
        }
    }

    #[test]
    fn a_first_section_named_default_in_any_case_has_no_header() {
        for (names, written) in [
            (&["default"][..], "k = v\n"),
            (&["Default", "s"], "k = v\n\n[s]\nk = v\n"),
            (&["s", "DEFAULT"], "[s]\nk = v\n\n[DEFAULT]\nk = v\n"),
        ] {
            let section = |name: &&str| entry(name, Value::Mapping(vec![entry("k", Value::Scalar(Scalar::text("v")))]));
            let tree = Tree { documents: vec![names.iter().map(section).collect()] };
            assert_eq!(emit(&tree, Version::OLDEST).ok().unwrap().as_str(), Some(written));
        }
    }

    #[test]
    fn the_lines_of_a_section_comment_are_not_trimmed_and_those_of_a_key_are() {
        let comment = || Item::Comment(Comment::new(Plaintext::from("a \n b\n# c \n")));
        let section = vec![comment(), entry("k", Value::Scalar(Scalar::text("v"))), comment()];
        let tree = Tree { documents: vec![vec![entry("s", Value::Mapping(section))]] };
        let expected = "; a \n;  b\n# c\n; \n[s]\n; a\n; b\n# c\n; \nk = v\n";
        assert_eq!(emit(&tree, Version::OLDEST).ok().unwrap().as_str(), Some(expected));
    }

    #[test]
    fn what_ini_has_no_notation_for_is_an_error() {
        let message = "which the format has no notation for";
        for (value, kind) in [
            (Value::Scalar(Scalar::text("x")), "string"),
            (Value::List(Vec::new()), "list"),
            (Value::Mapping(vec![entry("a", Value::List(Vec::new()))]), "list"),
            (Value::Mapping(vec![entry("a", Value::Mapping(Vec::new()))]), "mapping"),
        ] {
            let tree = Tree { documents: vec![vec![entry("a", value)]] };
            assert_eq!(
                emit(&tree, Version::OLDEST).err().unwrap().to_string(),
                format!("the key \"a\" holds a {kind}, {message}")
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            sections in proptest::collection::vec(("[a-z\\]. ]{1,6}", keys()), 0..4),
            first in keys(),
        ) {
            let section = |(name, keys): (&str, &Vec<(String, String)>)| {
                let mut seen = std::collections::BTreeSet::new();
                let keys = keys.iter().filter(|(key, _)| seen.insert(key.clone()));
                let items = keys.map(|(key, value)| entry(key, Value::Scalar(Scalar::text(value))));
                entry(name, Value::Mapping(items.collect()))
            };
            let default = std::iter::once(("DEFAULT", &first));
            let sections = default.chain(sections.iter().map(|(name, keys)| (&**name, keys))).map(section);
            let tree = Tree { documents: vec![sections.collect()] };
            let text = emit(&tree, Version::OLDEST).ok().unwrap();
            let read = parse(text.as_bytes()).ok().unwrap();
            prop_assert_eq!(outline::tree(&read.tree), outline::tree(&tree));
        }
    }

    /// Keys and values without quotes and backslashes at their ends, which INI cannot always keep.
    fn keys() -> impl Strategy<Value = Vec<(String, String)>> {
        proptest::collection::vec(
            ("[a-z][a-z=: ]{0,4}[a-z\u{e9}]", "([a-z#;` \n\u{a0}=\\]][a-z#;` \n\u{a0}'=]{0,6}[a-z` \n])?"),
            0..5,
        )
    }

    fn entry(key: &str, value: Value) -> Item {
        Item::Entry { key: Key::Text(key.as_bytes().to_vec()), value }
    }

    fn read(text: &str) -> String {
        outline::tree(&parse(text.as_bytes()).map_err(|error| error.to_string()).unwrap().tree)
    }
}
