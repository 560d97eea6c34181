//! JSON files (sops-format.md section 7.5).
//!
//! The reader is our own because a sops file is read as Go reads JSON: duplicate keys stay, and each byte that is not
//! UTF-8 and each half of a surrogate pair is U+FFFD, where `serde_json` fails. The writer is our own because a sops file
//! is written as Go writes JSON, with escapes for HTML, and because `serde_json` does not wipe what it writes.

use crate::buffer::Buffer;
use crate::error::{EmitError, ParseError};
use crate::format::{self, BYTE_ORDER_MARK, Notation, Source, flat};
use crate::number;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};

/// The object of a file; its key `sops` is the metadata. Every number is a float, as in sops 3.12.
///
/// # Errors
///
/// [`ParseError`] at the first byte that does not fit. Unlike later versions of sops, this reader takes nothing behind the
/// object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    parse_as("json", bytes)
}

/// Like [`parse`]; errors name the format that the file was declared to be.
pub(crate) fn parse_as(declared: &str, bytes: &[u8]) -> Result<Source, ParseError> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    reader.document().map_err(|problem| {
        let offset = bytes.len().saturating_sub(reader.rest.len());
        format::advise(ParseError::at(bytes, offset, problem), bytes, declared)
    })
}

/// The decrypted file. Comments are dropped.
///
/// # Errors
///
/// [`EmitError::NotFinite`].
pub(crate) fn emit(tree: &Tree) -> Result<Plaintext, EmitError> {
    let mut writer = Writer::default();
    writer.mapping(tree.documents.first().map_or(&[], Vec::as_slice))?;
    writer.buffer.push(b"\n");
    Ok(writer.buffer.into_plaintext())
}

/// One value: a string or a timestamp as it is, any other value as JSON; a line feed only behind a mapping.
///
/// # Errors
///
/// [`EmitError::NotFinite`].
pub(crate) fn emit_value(value: &Value) -> Result<Plaintext, EmitError> {
    let mut writer = Writer::default();
    match value {
        Value::Scalar(Scalar::Text(text)) => writer.buffer.push(text.as_bytes()),
        Value::Scalar(Scalar::Timestamp(time)) => writer.buffer.push_display(time),
        Value::Mapping(mapping) => {
            writer.mapping(mapping)?;
            writer.buffer.push(b"\n");
        }
        _ => writer.value(value)?,
    }
    Ok(writer.buffer.into_plaintext())
}

/// What is wrong at the place where the reader stopped.
type Problem = &'static str;

struct Reader<'a> {
    /// What is not yet read.
    rest: &'a [u8],
    /// How many mappings and lists are open.
    depth: usize,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Source, Problem> {
        if self.rest.starts_with(BYTE_ORDER_MARK) {
            return Err("a byte order mark, which JSON does not have; save the file without it");
        }
        self.skip_blanks();
        match self.rest.first() {
            Some(b'{') => {}
            Some(b'[') => return Err("a list, but sops files in JSON hold an object; put the list under a key"),
            Some(_) => return Err(unexpected(self.rest, "expected {, with which a sops file in JSON starts")),
            None => return Err("the file is empty, which is not JSON; an empty object is {}"),
        }
        let mut data = Mapping::new();
        let mut metadata = None;
        self.mapping(|key, value| {
            if key != b"sops" {
                data.push(Item::Entry { key: Key::Text(key), value });
            } else if metadata.replace(value).is_some() {
                return Err("the key \"sops\" is given twice; remove the one that does not belong to the file");
            }
            Ok(())
        })?;
        self.skip_blanks();
        if !self.rest.is_empty() {
            return Err("text behind the object, which must be all of the file; remove it");
        }
        Ok(Source { tree: Tree { documents: vec![data] }, metadata, notation: Notation::Nested })
    }

    fn value(&mut self) -> Result<Value, Problem> {
        match self.rest {
            [b'"', rest @ ..] => {
                self.rest = rest;
                Ok(Value::Scalar(Scalar::Text(Plaintext::new(self.string()?))))
            }
            [b'{', ..] => {
                let mut mapping = Mapping::new();
                self.mapping(|key, value| {
                    mapping.push(Item::Entry { key: Key::Text(key), value });
                    Ok(())
                })?;
                Ok(Value::Mapping(mapping))
            }
            [b'[', ..] => self.list(),
            [b'-' | b'0'..=b'9', ..] => self.number(),
            [b't', ..] => self.literal(b"true", Scalar::Boolean(true)),
            [b'f', ..] => self.literal(b"false", Scalar::Boolean(false)),
            [b'n', ..] => self.literal(b"null", Scalar::Null),
            [b'}' | b']', ..] => Err("expected a value; remove the comma in front of the bracket, or add the value"),
            rest => Err(unexpected(
                rest,
                "expected a value: a string in double quotes, a number, true, false, null, [ or {",
            )),
        }
    }

    /// Reads an object whose opening brace is next, and gives each of its items to `each`.
    fn mapping(&mut self, mut each: impl FnMut(Vec<u8>, Value) -> Result<(), Problem>) -> Result<(), Problem> {
        self.open()?;
        if self.closes(b'}') {
            return Ok(());
        }
        loop {
            let start = self.rest;
            let [b'"', rest @ ..] = start else {
                return Err(match start {
                    [b'}', ..] => "expected a key; remove the comma in front of the brace",
                    _ => unexpected(start, "expected a key in double quotes"),
                });
            };
            self.rest = rest;
            let key = self.string()?;
            self.skip_blanks();
            self.byte(b':', "expected a colon behind the key")?;
            self.skip_blanks();
            let value = self.value()?;
            let end = self.rest;
            self.rest = start;
            each(key, value)?;
            self.rest = end;
            if self.closes(b'}') {
                return Ok(());
            }
            self.byte(b',', "expected a comma or } behind the value")?;
            self.skip_blanks();
        }
    }

    fn list(&mut self) -> Result<Value, Problem> {
        let mut list = Vec::new();
        self.open()?;
        if self.closes(b']') {
            return Ok(Value::List(list));
        }
        loop {
            list.push(self.value()?);
            if self.closes(b']') {
                return Ok(Value::List(list));
            }
            self.byte(b',', "expected a comma or ] behind the value")?;
            self.skip_blanks();
        }
    }

    /// Reads an opening bracket.
    fn open(&mut self) -> Result<(), Problem> {
        if self.depth == DEEPEST {
            return Err("mappings and lists nested in each other more than 512 deep");
        }
        self.depth = self.depth.saturating_add(1);
        self.rest = self.rest.get(1..).unwrap_or_default();
        self.skip_blanks();
        Ok(())
    }

    /// Reads a closing bracket if it is next.
    fn closes(&mut self, bracket: u8) -> bool {
        self.skip_blanks();
        let Some(rest) = self.rest.strip_prefix(&[bracket]) else { return false };
        self.rest = rest;
        self.depth = self.depth.saturating_sub(1);
        true
    }

    /// Reads a string whose opening quote is read.
    fn string(&mut self) -> Result<Vec<u8>, Problem> {
        let mut text = Vec::new();
        loop {
            let is_special = |&byte: &u8| byte == b'"' || byte == b'\\' || byte < b' ';
            let length = self.rest.iter().position(is_special).unwrap_or(self.rest.len());
            let (plain, rest) = self.rest.split_at_checked(length).unwrap_or_default();
            push_text(&mut text, plain);
            self.rest = rest;
            match rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(text);
                }
                [b'\\', ..] => text.extend_from_slice(self.escape()?.encode_utf8(&mut [0; 4]).as_bytes()),
                rest => {
                    return Err(unexpected(rest, "a control character in a string; write it as an escape such as \\n"));
                }
            }
        }
    }

    /// Reads an escape whose backslash is next.
    fn escape(&mut self) -> Result<char, Problem> {
        let (character, rest) = match self.rest {
            [_, b'"', rest @ ..] => ('"', rest),
            [_, b'\\', rest @ ..] => ('\\', rest),
            [_, b'/', rest @ ..] => ('/', rest),
            [_, b'b', rest @ ..] => ('\u{8}', rest),
            [_, b'f', rest @ ..] => ('\u{c}', rest),
            [_, b'n', rest @ ..] => ('\n', rest),
            [_, b'r', rest @ ..] => ('\r', rest),
            [_, b't', rest @ ..] => ('\t', rest),
            start => {
                let (unit, rest) = code_unit(start).ok_or("not an escape of JSON; a backslash itself is \\\\")?;
                // Only both halves of a pair stand for a character.
                let pair = code_unit(rest)
                    .and_then(|(low, behind)| Some((char::decode_utf16([unit, low]).next()?.ok()?, behind)))
                    .filter(|(character, _)| character.len_utf16() == 2);
                pair.unwrap_or((char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
            }
        };
        self.rest = rest;
        Ok(character)
    }

    fn number(&mut self) -> Result<Value, Problem> {
        let start = self.rest;
        let problem = "not a number of JSON; put it in quotes if it is a string";
        let unsigned = start.strip_prefix(b"-").unwrap_or(start);
        let mut rest = match unsigned {
            [b'0', rest @ ..] => rest,
            [b'1'..=b'9', rest @ ..] => skip_digits(rest),
            _ => return Err(problem),
        };
        if let [b'.', fraction @ ..] = rest {
            rest = some_digits(fraction).ok_or(problem)?;
        }
        if let [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] = rest {
            rest = some_digits(exponent).ok_or(problem)?;
        }
        let length = start.len().saturating_sub(rest.len());
        let text = start.get(..length).and_then(|text| std::str::from_utf8(text).ok()).ok_or(problem)?;
        let number: f64 = text.parse().ok().ok_or(problem)?;
        if number.is_infinite() {
            return Err("a number beyond what 64 bits of floating point hold; put it in quotes");
        }
        self.rest = rest;
        Ok(Value::Scalar(Scalar::Float(number)))
    }

    fn literal(&mut self, name: &[u8], scalar: Scalar) -> Result<Value, Problem> {
        let rest = self.rest.strip_prefix(name).ok_or("not a value of JSON; put it in quotes if it is a string")?;
        self.rest = rest;
        Ok(Value::Scalar(scalar))
    }

    fn byte(&mut self, byte: u8, problem: Problem) -> Result<(), Problem> {
        self.rest = self.rest.strip_prefix(&[byte]).ok_or_else(|| unexpected(self.rest, problem))?;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// Why the rest of a text is not what it should be.
fn unexpected(rest: &[u8], otherwise: Problem) -> Problem {
    match rest {
        [] => "the JSON ends before its object does; restore the file, it was cut off",
        [b'/' | b'#', ..] => "JSON has no comments; remove it",
        _ => otherwise,
    }
}

/// Adds text as Go reads it: each byte that is not part of a character becomes U+FFFD.
fn push_text(text: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            text.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// The UTF-16 code unit of an escape like `\u00e9`, and what is behind it.
fn code_unit(text: &[u8]) -> Option<(u16, &[u8])> {
    let [b'\\', b'u', rest @ ..] = text else { return None };
    let (digits, rest) = rest.split_at_checked(4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

fn skip_digits(mut text: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', rest @ ..] = text {
        text = rest;
    }
    text
}

/// What is behind the digits, of which there must be some.
fn some_digits(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_digits(text);
    (rest.len() < text.len()).then_some(rest)
}

#[derive(Default)]
struct Writer {
    buffer: Buffer,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), EmitError> {
        match value {
            Value::Mapping(mapping) => return self.mapping(mapping),
            Value::List(list) => return self.list(list),
            Value::Comment(comment) => return self.comment(comment),
            Value::Scalar(Scalar::Text(text)) => self.string(text.as_bytes()),
            Value::Scalar(Scalar::Integer(number)) => self.buffer.push_display(number),
            Value::Scalar(Scalar::Unsigned(number)) => self.buffer.push_display(number),
            Value::Scalar(Scalar::Float(number)) if !number.is_finite() => return Err(EmitError::NotFinite),
            Value::Scalar(Scalar::Float(number)) => {
                self.buffer.push(Plaintext::new(number::json(*number).into_bytes()).as_bytes());
            }
            Value::Scalar(Scalar::Boolean(boolean)) => self.buffer.push_display(boolean),
            Value::Scalar(Scalar::Timestamp(time)) => self.buffer.push_display(format_args!("\"{time}\"")),
            Value::Scalar(Scalar::Null) => self.buffer.push(b"null"),
        }
        Ok(())
    }

    fn mapping(&mut self, mapping: &[Item]) -> Result<(), EmitError> {
        let entries = mapping.iter().filter_map(|item| match item {
            Item::Entry { key, value } => Some((flat::key_bytes(key), value)),
            Item::Comment(_) => None,
        });
        self.container([b"{", b"}"], entries, |writer, (key, value)| {
            writer.string(key);
            writer.buffer.push(b": ");
            writer.value(value)
        })
    }

    fn list(&mut self, list: &[Value]) -> Result<(), EmitError> {
        let elements = list.iter().filter(|value| !matches!(value, Value::Comment(_)));
        self.container([b"[", b"]"], elements, Self::value)
    }

    /// A comment in the place of a value, which only files made by hand have: sops prints its own structure.
    fn comment(&mut self, comment: &Comment) -> Result<(), EmitError> {
        self.container([b"{", b"}"], std::iter::once(comment), |writer, comment| {
            writer.buffer.push(b"\"Value\": ");
            writer.string(comment.0.as_bytes());
            Ok(())
        })
    }

    fn container<T>(
        &mut self,
        [open, close]: [&[u8]; 2],
        elements: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), EmitError>,
    ) -> Result<(), EmitError> {
        self.buffer.push(open);
        self.depth = self.depth.saturating_add(1);
        let mut separator: &[u8] = b"\n";
        let mut is_empty = true;
        for element in elements {
            is_empty = false;
            self.buffer.push(separator);
            self.buffer.push_repeated(b"\t", self.depth);
            write(self, element)?;
            separator = b",\n";
        }
        self.depth = self.depth.saturating_sub(1);
        if !is_empty {
            self.buffer.push(b"\n");
            self.buffer.push_repeated(b"\t", self.depth);
        }
        self.buffer.push(close);
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) {
        self.buffer.push(b"\"");
        for chunk in bytes.utf8_chunks() {
            for piece in chunk.valid().split_inclusive(needs_escape) {
                match piece.strip_suffix(needs_escape) {
                    Some(plain) => {
                        self.buffer.push(plain.as_bytes());
                        piece.chars().next_back().into_iter().for_each(|character| self.escape(character));
                    }
                    None => self.buffer.push(piece.as_bytes()),
                }
            }
            self.buffer.push_repeated(b"\\ufffd", chunk.invalid().len());
        }
        self.buffer.push(b"\"");
    }

    fn escape(&mut self, character: char) {
        match character {
            '"' => self.buffer.push(b"\\\""),
            '\\' => self.buffer.push(b"\\\\"),
            '\u{8}' => self.buffer.push(b"\\b"),
            '\u{c}' => self.buffer.push(b"\\f"),
            '\n' => self.buffer.push(b"\\n"),
            '\r' => self.buffer.push(b"\\r"),
            '\t' => self.buffer.push(b"\\t"),
            other => self.buffer.push_display(format_args!("\\u{:04x}", u32::from(other))),
        }
    }
}

/// What Go escapes: besides what JSON demands, what could end a script in HTML or JavaScript.
fn needs_escape(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

/// Beyond the 10,000 levels of Go nothing is real; so few keep every walk over a tree within a small stack.
const DEEPEST: usize = 512;
