//! JSON files (docs/format.md section 7.5).
//!
//! The reader is our own because a sops file is read as Go reads JSON: duplicate keys stay, and each byte that is not
//! UTF-8 and each half of a surrogate pair is U+FFFD, where `serde_json` fails. The writer is our own because a sops file
//! is written as Go writes JSON, with escapes for HTML, and because `serde_json` does not wipe what it writes.

use go_yaml::{BYTE_ORDER_MARK, number};

use crate::format::Fix::{Place, Restore, Write};
use crate::format::{EmitError, ParseError, Reason, Source, flat, push_display};
use crate::metadata::Notation;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};
use crate::version::Version;

/// The object of a file; its key `sops` is the metadata. Every number is a float, but for integers that a float does not hold.
///
/// # Errors
///
/// [`ParseError`] at the first byte that does not fit. Unlike later versions of sops, this reader takes nothing behind the
/// object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    parse_as(bytes, None)
}

/// Like [`parse`], but long strings of the file are shared with it and not copied.
pub(crate) fn parse_shared(file: &Plaintext) -> Result<Source, ParseError> {
    parse_as(file.as_bytes(), Some(file))
}

fn parse_as(bytes: &[u8], whole: Option<&Plaintext>) -> Result<Source, ParseError> {
    let mut reader = Reader { whole, rest: bytes, depth: 0, has_metadata: false };
    reader.document().map_err(|reason| {
        let offset = bytes.len().saturating_sub(reader.rest.len());
        ParseError::at(bytes, offset, reason)
    })
}

/// The decrypted file. Comments are dropped.
///
/// # Errors
///
/// [`EmitError::NotFinite`].
pub(crate) fn emit(tree: &Tree, version: Version) -> Result<Plaintext, EmitError> {
    let mut writer = Writer { version, buffer: Vec::new(), depth: 0 };
    writer.mapping(tree.documents.first().map_or(&[], Vec::as_slice))?;
    writer.buffer.extend_from_slice(b"\n");
    Ok(Plaintext::new(writer.buffer))
}

/// One value: a string or a timestamp as it is, any other value as JSON; a line feed only behind a mapping.
///
/// # Errors
///
/// [`EmitError::NotFinite`].
pub(crate) fn emit_value(value: &Value, version: Version) -> Result<Plaintext, EmitError> {
    let mut writer = Writer { version, buffer: Vec::new(), depth: 0 };
    match value {
        Value::Scalar(Scalar::Text(text)) => writer.buffer.extend_from_slice(text.as_bytes()),
        Value::Scalar(Scalar::Timestamp(time)) => push_display(&mut writer.buffer, time),
        Value::Mapping(mapping) => {
            writer.mapping(mapping)?;
            writer.buffer.extend_from_slice(b"\n");
        }
        _ => writer.value(value)?,
    }
    Ok(Plaintext::new(writer.buffer))
}

struct Reader<'a> {
    /// The file, if its strings are to be shared with it.
    whole: Option<&'a Plaintext>,
    /// What is not yet read.
    rest: &'a [u8],
    /// How many mappings and lists are open.
    depth: usize,
    /// Whether the key of the metadata was read.
    has_metadata: bool,
}

impl Reader<'_> {
    fn document(&mut self) -> Result<Source, Reason> {
        if self.rest.starts_with(BYTE_ORDER_MARK) {
            return Err(&("a byte order mark, which JSON does not have", Write("save the file without it")));
        }
        self.skip_blanks();
        match self.rest.first() {
            Some(b'{') => {}
            Some(b'[') => {
                return Err(&("a list, but sops files in JSON hold an object", Write("put the list under a key")));
            }
            Some(_) => {
                return Err(unexpected(self.rest, &("expected {, with which a sops file in JSON starts", Place)));
            }
            None => return Err(&("it is empty, which is not JSON", Restore)),
        }
        let mut data = self.mapping()?;
        let is_metadata = |item: &Item| matches!(item, Item::Entry { key: Key::Text(key), .. } if key == METADATA);
        // There is one at most.
        let metadata = data.iter().position(is_metadata).and_then(|at| match data.remove(at) {
            Item::Entry { value, .. } => Some(value),
            Item::Comment(_) => None,
        });
        self.skip_blanks();
        if !self.rest.is_empty() {
            return Err(&("text behind the object, which must be all of the file", Write("remove it")));
        }
        Ok(Source { tree: Tree { documents: vec![data] }, metadata, notation: Notation::Nested })
    }

    fn value(&mut self) -> Result<Value, Reason> {
        match self.rest {
            [b'"', rest @ ..] => {
                self.rest = rest;
                Ok(Value::Scalar(Scalar::Text(self.text()?)))
            }
            [b'{', ..] => Ok(Value::Mapping(self.mapping()?)),
            [b'[', ..] => Ok(Value::List(self.list()?)),
            [b'-' | b'0'..=b'9', ..] => self.number(),
            [b't', ..] => self.literal(b"true", Scalar::Boolean(true)),
            [b'f', ..] => self.literal(b"false", Scalar::Boolean(false)),
            [b'n', ..] => self.literal(b"null", Scalar::Null),
            [b'}' | b']', ..] => {
                Err(&("expected a value", Write("remove the comma in front of the bracket, or add the value")))
            }
            rest => Err(unexpected(
                rest,
                &("expected a value: a string in double quotes, a number, true, false, null, [ or {", Place),
            )),
        }
    }

    /// Reads an object whose opening brace is next.
    fn mapping(&mut self) -> Result<Mapping, Reason> {
        let mut mapping = Mapping::new();
        self.open()?;
        if self.closes(b'}') {
            return Ok(mapping);
        }
        loop {
            let start = self.rest;
            let [b'"', rest @ ..] = start else {
                return Err(match start {
                    [b'}', ..] => &("expected a key", Write("remove the comma in front of the brace")),
                    _ => unexpected(start, &("expected a key in double quotes", Place)),
                });
            };
            self.rest = rest;
            let key = self.string()?;
            if self.depth == 1 && key == METADATA && std::mem::replace(&mut self.has_metadata, true) {
                self.rest = start;
                return Err(&(
                    "the key \"sops\" is given twice",
                    Write("remove the one that does not belong to the file"),
                ));
            }
            self.skip_blanks();
            self.byte(b':', &("expected a colon behind the key", Place))?;
            self.skip_blanks();
            mapping.push(Item::Entry { key: Key::Text(key), value: self.value()? });
            if self.closes(b'}') {
                return Ok(mapping);
            }
            self.byte(b',', &("expected a comma or } behind the value", Place))?;
            self.skip_blanks();
        }
    }

    /// Reads an array whose opening bracket is next.
    fn list(&mut self) -> Result<Vec<Value>, Reason> {
        let mut list = Vec::new();
        self.open()?;
        if self.closes(b']') {
            return Ok(list);
        }
        loop {
            list.push(self.value()?);
            if self.closes(b']') {
                return Ok(list);
            }
            self.byte(b',', &("expected a comma or ] behind the value", Place))?;
            self.skip_blanks();
        }
    }

    /// Reads an opening bracket.
    fn open(&mut self) -> Result<(), Reason> {
        if self.depth == DEEPEST {
            return Err(&("mappings and lists nested in each other more than 512 deep", Place));
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

    /// Reads a value that is a string whose opening quote is read.
    fn text(&mut self) -> Result<Plaintext, Reason> {
        let length = plain_length(self.rest);
        if length >= LONG
            && let (Some(whole), Some((plain, [b'"', rest @ ..]))) = (self.whole, self.rest.split_at_checked(length))
            && std::str::from_utf8(plain).is_ok()
            && let Some(start) = whole.as_bytes().len().checked_sub(self.rest.len())
            && let Some(text) = whole.part(start..start.saturating_add(length))
        {
            self.rest = rest;
            return Ok(text);
        }
        Ok(Plaintext::new(self.string_after(length)?))
    }

    /// Reads a string whose opening quote is read.
    fn string(&mut self) -> Result<Vec<u8>, Reason> {
        self.string_after(plain_length(self.rest))
    }

    /// The same, if so many bytes of it are plain.
    fn string_after(&mut self, mut length: usize) -> Result<Vec<u8>, Reason> {
        let mut text = Vec::new();
        loop {
            let (plain, rest) = self.rest.split_at_checked(length).unwrap_or_default();
            push_text(&mut text, plain);
            self.rest = rest;
            match rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(text);
                }
                [b'\\', ..] => {
                    text.extend_from_slice(self.escape()?.encode_utf8(&mut [0; 4]).as_bytes());
                    length = plain_length(self.rest);
                }
                rest => {
                    return Err(unexpected(
                        rest,
                        &("a control character in a string", Write("write it as an escape such as \\n")),
                    ));
                }
            }
        }
    }

    /// Reads an escape whose backslash is next.
    fn escape(&mut self) -> Result<char, Reason> {
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
                let (unit, rest) =
                    code_unit(start).ok_or(&("not an escape of JSON", Write("a backslash itself is \\\\")))?;
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

    fn number(&mut self) -> Result<Value, Reason> {
        let start = self.rest;
        let problem: Reason = &("not a number of JSON", Write("put it in quotes if it is a string"));
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
            return Err(&("a number beyond what 64 bits of floating point hold", Write("put it in quotes")));
        }
        self.rest = rest;
        Ok(Value::Scalar(match text.parse::<i64>() {
            Ok(exact) if exact.to_string() != number::positional(number) => {
                Scalar::JsonInteger { exact, rounded: number }
            }
            _ => Scalar::Float(number),
        }))
    }

    fn literal(&mut self, name: &[u8], scalar: Scalar) -> Result<Value, Reason> {
        let rest = self
            .rest
            .strip_prefix(name)
            .ok_or(&("not a value of JSON", Write("put it in quotes if it is a string")))?;
        self.rest = rest;
        Ok(Value::Scalar(scalar))
    }

    fn byte(&mut self, byte: u8, reason: Reason) -> Result<(), Reason> {
        self.rest = self.rest.strip_prefix(&[byte]).ok_or_else(|| unexpected(self.rest, reason))?;
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }
}

/// The shortest string that is shared: for a shared one the whole file stays in memory.
const LONG: usize = 64 << 10;

/// Why the rest of a text is not what it should be.
fn unexpected(rest: &[u8], otherwise: Reason) -> Reason {
    match rest {
        [] => &("the JSON ends before its object does, so its end was cut off", Restore),
        [b'/' | b'#', ..] => &("JSON has no comments", Write("remove it")),
        _ => otherwise,
    }
}

/// How many bytes of a string stand before what ends it, an escape, or what must not be there.
fn plain_length(text: &[u8]) -> usize {
    // A file may be one string of many megabytes.
    let (words, _) = text.as_chunks::<8>();
    let plain = words.iter().take_while(|word| !has_special(u64::from_ne_bytes(**word))).count().saturating_mul(8);
    let within = text.iter().skip(plain).position(|&byte| matches!(byte, b'"' | b'\\' | 0..b' '));
    within.map_or(text.len(), |within| plain.saturating_add(within))
}

/// Whether one of eight bytes is a quote, a backslash or a control character. The highest bit of a byte shows whether a
/// subtraction had to borrow.
fn has_special(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let below = |word: u64, limit: u64| word.wrapping_sub(limit) & !word & u64::from_ne_bytes([0x80; 8]);
    let quote = below(word ^ u64::from_ne_bytes([b'"'; 8]), ONES);
    let backslash = below(word ^ u64::from_ne_bytes([b'\\'; 8]), ONES);
    let control = below(word, u64::from_ne_bytes([b' '; 8]));
    (quote | backslash | control) != 0
}

/// Adds text as Go reads it: each byte that is not part of a character becomes U+FFFD.
fn push_text(text: &mut Vec<u8>, bytes: &[u8]) {
    // This is much faster than looking for what is not text.
    if std::str::from_utf8(bytes).is_ok() {
        text.extend_from_slice(bytes);
        return;
    }
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

struct Writer {
    version: Version,
    buffer: Vec<u8>,
    depth: usize,
}

impl Writer {
    fn value(&mut self, value: &Value) -> Result<(), EmitError> {
        match value {
            Value::Mapping(mapping) => return self.mapping(mapping),
            Value::List(list) => return self.list(list),
            Value::Comment(comment) => return self.comment(comment),
            Value::Scalar(Scalar::Text(text)) => self.string(text.as_bytes()),
            Value::Scalar(Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. }) => {
                push_display(&mut self.buffer, number);
            }
            Value::Scalar(Scalar::Unsigned(number)) => push_display(&mut self.buffer, number),
            Value::Scalar(Scalar::Float(number)) if !number.is_finite() => return Err(EmitError::NotFinite),
            Value::Scalar(Scalar::Float(number)) => {
                self.buffer.extend_from_slice(Plaintext::new(number::json(*number).into_bytes()).as_bytes());
            }
            Value::Scalar(Scalar::Boolean(boolean)) => push_display(&mut self.buffer, boolean),
            Value::Scalar(Scalar::Timestamp(time)) => push_display(&mut self.buffer, format_args!("\"{time}\"")),
            Value::Scalar(Scalar::Null) => self.buffer.extend_from_slice(b"null"),
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
            writer.buffer.extend_from_slice(b": ");
            writer.value(value)
        })
    }

    fn list(&mut self, list: &[Value]) -> Result<(), EmitError> {
        let elements = list.iter().filter(|value| !matches!(value, Value::Comment(_)));
        self.container([b"[", b"]"], elements, Self::value)
    }

    /// A comment in the place of a value, which only files made by hand have: sops prints its own structure.
    fn comment(&mut self, comment: &Comment) -> Result<(), EmitError> {
        let inline = self.version.knows_inline_comments();
        let fields = std::iter::once(Some(comment)).chain(inline.then_some(None));
        self.container([b"{", b"}"], fields, |writer, field| {
            match field {
                Some(comment) => {
                    writer.buffer.extend_from_slice(b"\"Value\": ");
                    writer.string(comment.text.as_bytes());
                }
                None => writer.buffer.extend_from_slice(b"\"Inline\": false"),
            }
            Ok(())
        })
    }

    fn container<T>(
        &mut self,
        [open, close]: [&[u8]; 2],
        elements: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T) -> Result<(), EmitError>,
    ) -> Result<(), EmitError> {
        self.buffer.extend_from_slice(open);
        self.depth = self.depth.saturating_add(1);
        let mut separator: &[u8] = b"\n";
        let mut is_empty = true;
        for element in elements {
            is_empty = false;
            self.buffer.extend_from_slice(separator);
            self.buffer.extend_from_slice(&b"\t".repeat(self.depth));
            write(self, element)?;
            separator = b",\n";
        }
        self.depth = self.depth.saturating_sub(1);
        if !is_empty {
            self.buffer.extend_from_slice(b"\n");
            self.buffer.extend_from_slice(&b"\t".repeat(self.depth));
        }
        self.buffer.extend_from_slice(close);
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(b"\"");
        for chunk in bytes.utf8_chunks() {
            for piece in chunk.valid().split_inclusive(needs_escape) {
                match piece.strip_suffix(needs_escape) {
                    Some(plain) => {
                        self.buffer.extend_from_slice(plain.as_bytes());
                        piece.chars().next_back().into_iter().for_each(|character| self.escape(character));
                    }
                    None => self.buffer.extend_from_slice(piece.as_bytes()),
                }
            }
            self.buffer.extend_from_slice(&b"\\ufffd".repeat(chunk.invalid().len()));
        }
        self.buffer.extend_from_slice(b"\"");
    }

    fn escape(&mut self, character: char) {
        match character {
            '"' => self.buffer.extend_from_slice(b"\\\""),
            '\\' => self.buffer.extend_from_slice(b"\\\\"),
            '\u{8}' => self.buffer.extend_from_slice(b"\\b"),
            '\u{c}' => self.buffer.extend_from_slice(b"\\f"),
            '\n' => self.buffer.extend_from_slice(b"\\n"),
            '\r' => self.buffer.extend_from_slice(b"\\r"),
            '\t' => self.buffer.extend_from_slice(b"\\t"),
            other => push_display(&mut self.buffer, format_args!("\\u{:04x}", u32::from(other))),
        }
    }
}

/// What Go escapes: besides what JSON demands, what could end a script in HTML or JavaScript.
fn needs_escape(character: char) -> bool {
    matches!(character, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

const METADATA: &[u8] = b"sops";

/// Go goes 10,000 deep. So few levels keep every walk over a tree, its drop included, within a small stack.
const DEEPEST: usize = 512;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use go_yaml::Timestamp;

    use super::*;
    use crate::format::outline;
    use crate::tree::Integers;

    #[test]
    fn objects_keep_their_order_and_their_duplicates() {
        for (text, tree, metadata) in [
            ("{}", "{}", None),
            (" \t\r\n{ \n } \r\n", "{}", None),
            (r#"{"b":1,"a":2,"b":3}"#, "{b: 1, a: 2, b: 3}", None),
            (r#"{"a":[],"b":{},"c":[[],{}]}"#, "{a: [], b: {}, c: [[], {}]}", None),
            (r#"{ "a" : [ true , false , null , "x" ] }"#, r#"{a: [true, false, null, "x"]}"#, None),
            (r#"{"a":1,"sops":{"mac":"x"},"b":2}"#, "{a: 1, b: 2}", Some(r#"{mac: "x"}"#)),
            (r#"{"a":{"sops":1},"Sops":2}"#, "{a: {sops: 1}, Sops: 2}", None),
            (r#"{"sops":null}"#, "{}", Some("null")),
            (r#"{"":""}"#, r#"{: ""}"#, None),
        ] {
            let source = parse(text.as_bytes()).ok().unwrap();
            assert_eq!(outline::tree(&source.tree), tree, "{text}");
            assert_eq!(source.metadata.as_ref().map(outline::value).as_deref(), metadata, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_string_is_plain_up_to_its_first_special_byte(plain in "[ -!#-\\[\\]-~\u{7f}-\u{2fff}]{0,40}", special in "[\"\\\\\0-\u{1f}]", rest: Vec<u8>) {
            let text = [plain.as_bytes(), special.as_bytes(), &rest].concat();
            prop_assert_eq!(plain_length(&text), plain.len());
            prop_assert_eq!(plain_length(plain.as_bytes()), plain.len());
        }
    }

    #[test]
    fn strings_are_read_as_go_reads_them() {
        for (text, read) in [
            (&br#""\"\\\/\b\f\n\r\t""#[..], "\"\\/\u{8}\u{c}\n\r\t"),
            (br#""\u00e9\u65E5\u0000""#, "é日\0"),
            (br#""\ud83d\ude00""#, "😀"),
            (br#""\ud83d""#, "\u{fffd}"),
            (br#""\ude00\ud83d""#, "\u{fffd}\u{fffd}"),
            (br#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (br#""\ud83dx""#, "\u{fffd}x"),
            (br#""\ud83d\n""#, "\u{fffd}\n"),
            (b"\"\xff\"", "\u{fffd}"),
            (b"\"\xe2\x80\"", "\u{fffd}\u{fffd}"),
            (b"\"\xf0\x9f\x98a\"", "\u{fffd}\u{fffd}\u{fffd}a"),
            (b"\"\xed\xa0\x80\"", "\u{fffd}\u{fffd}\u{fffd}"),
            (b"\"\xc0\xaf\"", "\u{fffd}\u{fffd}"),
            (b"\"\x7f\xe2\x80\xa8\"", "\u{7f}\u{2028}"),
        ] {
            let text = [b"{\"a\":", text, b"}"].concat();
            let source = parse(&text).ok().unwrap();
            let [Item::Entry { value: Value::Scalar(Scalar::Text(value)), .. }] = source.tree.documents[0].as_slice()
            else {
                panic!("{text:?}")
            };
            assert_eq!(value.as_str(), Some(read));
        }
    }

    #[test]
    fn keys_are_strings_like_any_other() {
        let source = parse(b"{\"\\u0061\\ud800\xff\":1}").ok().unwrap();
        assert_eq!(outline::tree(&source.tree), "{a\u{fffd}\u{fffd}: 1}");
    }

    #[test]
    fn numbers_print_as_in_the_go_of_each_reading() {
        for (text, rounded, exact) in [
            ("0", "0", "0"),
            ("-0", "-0", "0"),
            ("-0.0", "-0", "-0"),
            ("1.0", "1", "1"),
            ("1E3", "1000", "1000"),
            ("1e+3", "1000", "1000"),
            ("-12.50", "-12.5", "-12.5"),
            ("9007199254740992", "9007199254740992", "9007199254740992"),
            ("9007199254740993", "9007199254740992", "9007199254740993"),
            ("12345678901234567", "12345678901234568", "12345678901234567"),
            ("-9223372036854775808", "-9223372036854776000", "-9223372036854775808"),
            ("9223372036854775807", "9223372036854776000", "9223372036854775807"),
            ("9223372036854775808", "9223372036854776000", "9223372036854776000"),
            ("18446744073709551616", "18446744073709552000", "18446744073709552000"),
            ("1e20", "100000000000000000000", "100000000000000000000"),
            ("1e21", "1e+21", "1e+21"),
            ("1e-6", "0.000001", "0.000001"),
            ("1e-7", "1e-7", "1e-7"),
            ("1.5e-10", "1.5e-10", "1.5e-10"),
            ("1e-400", "0", "0"),
            ("5e-324", "5e-324", "5e-324"),
            ("1.7976931348623157e308", "1.7976931348623157e+308", "1.7976931348623157e+308"),
        ] {
            for (integers, printed) in [(Integers::Rounded, rounded), (Integers::Exact, exact)] {
                let mut source = parse(format!("{{\"a\":[{text}]}}").as_bytes()).ok().unwrap();
                source.tree.settle(integers);
                assert_eq!(
                    emit(&source.tree, Version::OLDEST).ok().unwrap().as_str().unwrap(),
                    format!("{{\n\t\"a\": [\n\t\t{printed}\n\t]\n}}\n")
                );
            }
        }
    }

    #[test]
    fn what_is_not_json_is_named_and_not_quoted() {
        let number = "not a number of JSON; put it in quotes if it is a string";
        let value = "expected a value: a string in double quotes, a number, true, false, null, [ or {";
        let cut_off = "the JSON ends before its object does, so its end was cut off; Restore";
        for (text, place, problem) in [
            ("", "1, column 1", "it is empty, which is not JSON; Restore"),
            (" \n ", "2, column 2", "it is empty, which is not JSON; Restore"),
            ("\u{feff}{}", "1, column 1", "a byte order mark, which JSON does not have; save the file without it"),
            ("[]", "1, column 1", "a list, but sops files in JSON hold an object; put the list under a key"),
            ("\"SECRET\"", "1, column 1", "expected {, with which a sops file in JSON starts"),
            ("// c\n{}", "1, column 1", "JSON has no comments; remove it"),
            ("{} x", "1, column 4", "text behind the object, which must be all of the file; remove it"),
            ("{}{}", "1, column 3", "text behind the object, which must be all of the file; remove it"),
            ("{", "1, column 2", cut_off),
            ("{\"a\"", "1, column 5", cut_off),
            ("{\"a\":", "1, column 6", cut_off),
            ("{\"a\":[1", "1, column 8", cut_off),
            ("{\"a\":\"SECRET", "1, column 13", cut_off),
            (
                "{\"a\":\"SECRET\n\"}",
                "1, column 13",
                "a control character in a string; write it as an escape such as \\n",
            ),
            ("{\"é\":\"\\x\"}", "1, column 7", "not an escape of JSON; a backslash itself is \\\\"),
            ("{\"a\":\"\\u12g4\"}", "1, column 7", "not an escape of JSON; a backslash itself is \\\\"),
            ("{\"a\":\"\\u+123\"}", "1, column 7", "not an escape of JSON; a backslash itself is \\\\"),
            ("{a:1}", "1, column 2", "expected a key in double quotes"),
            ("{'a':1}", "1, column 2", "expected a key in double quotes"),
            ("{1:1}", "1, column 2", "expected a key in double quotes"),
            ("{\n# c\n}", "2, column 1", "JSON has no comments; remove it"),
            ("{\"a\" 1}", "1, column 6", "expected a colon behind the key"),
            ("{\"a\":1 \"b\":2}", "1, column 8", "expected a comma or } behind the value"),
            ("{\"a\":01}", "1, column 7", "expected a comma or } behind the value"),
            ("{\"a\":[1 2]}", "1, column 9", "expected a comma or ] behind the value"),
            ("{\"a\":1,\n}", "2, column 1", "expected a key; remove the comma in front of the brace"),
            (
                "{\"a\":[1,]}",
                "1, column 9",
                "expected a value; remove the comma in front of the bracket, or add the value",
            ),
            ("{\"a\":}", "1, column 6", "expected a value; remove the comma in front of the bracket, or add the value"),
            ("{\"a\":SECRET}", "1, column 6", value),
            ("{\"a\":+1}", "1, column 6", value),
            ("{\"a\":.5}", "1, column 6", value),
            ("{\"a\":-}", "1, column 6", number),
            ("{\"a\":1.}", "1, column 6", number),
            ("{\"a\":1e}", "1, column 6", number),
            ("{\"a\":1e+}", "1, column 6", number),
            ("{\"a\":-SECRET}", "1, column 6", number),
            ("{\"a\":1e400}", "1, column 6", "a number beyond what 64 bits of floating point hold; put it in quotes"),
            ("{\"a\":nul}", "1, column 6", "not a value of JSON; put it in quotes if it is a string"),
            ("{\"a\":True}", "1, column 6", value),
            ("{\"a\":tRUE}", "1, column 6", "not a value of JSON; put it in quotes if it is a string"),
            (
                "{\"sops\":1,\n \"sops\":2}",
                "2, column 2",
                "the key \"sops\" is given twice; remove the one that does not belong to the file",
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).err().unwrap().with_fix(), format!("line {place}: {problem}"), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(511).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(512).as_bytes()).err().unwrap().to_string(),
            "line 1, column 517: mappings and lists nested in each other more than 512 deep"
        );
        assert!(parse("{\"a\":".repeat(1 << 20).as_bytes()).is_err());
    }

    #[test]
    fn the_layout_is_that_of_sops() {
        let source = parse(br#"{"a":{},"b":[],"c":[[{}],{"d":[1,"x"]}],"e":{"f":null}}"#).ok().unwrap();
        let expected = "{\n\t\"a\": {},\n\t\"b\": [],\n\t\"c\": [\n\t\t[\n\t\t\t{}\n\t\t],\n\t\t{\n\t\t\t\"d\": [\n\t\t\t\t1,\n\
                        \t\t\t\t\"x\"\n\t\t\t]\n\t\t}\n\t],\n\t\"e\": {\n\t\t\"f\": null\n\t}\n}\n";
        assert_eq!(emit(&source.tree, Version::OLDEST).ok().unwrap().as_str(), Some(expected));
    }

    #[test]
    fn strings_are_escaped_as_in_go() {
        for (text, printed) in [
            (&b"\"\\/"[..], r#""\"\\/""#),
            (b"\x00\x01\x08\x09\x0a\x0b\x0c\x0d\x1f\x7f", "\"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\u{7f}\""),
            (b"<script>&amp;", r#""\u003cscript\u003e\u0026amp;""#),
            ("\u{2027}\u{2028}\u{2029}".as_bytes(), "\"\u{2027}\\u2028\\u2029\""),
            ("é日😀\u{feff}\u{fffd}".as_bytes(), "\"é日😀\u{feff}\u{fffd}\""),
            (b"a\xffb\xe2\x80<\xc3", r#""a\ufffdb\ufffd\ufffd\u003c\ufffd""#),
            (b"", r#""""#),
        ] {
            let list = Value::List(vec![Value::Scalar(Scalar::Text(Plaintext::new(text.to_vec())))]);
            assert_eq!(
                emit_value(&list, Version::OLDEST).ok().unwrap().as_str().unwrap(),
                format!("[\n\t{printed}\n]")
            );
        }
    }

    #[test]
    fn comments_have_no_notation_but_as_values() {
        let comment = || Comment::new(Plaintext::from("<c>"));
        let tree = Tree {
            documents: vec![vec![
                Item::Comment(comment()),
                Item::Entry { key: Key::Text(b"a".to_vec()), value: Value::List(vec![Value::Comment(comment())]) },
                Item::Comment(comment()),
                Item::Entry { key: Key::Text(b"b".to_vec()), value: Value::Comment(comment()) },
            ]],
        };
        let expected = "{\n\t\"a\": [],\n\t\"b\": {\n\t\t\"Value\": \"\\u003cc\\u003e\"\n\t}\n}\n";
        assert_eq!(emit(&tree, Version::OLDEST).ok().unwrap().as_str(), Some(expected));
    }

    #[test]
    fn a_value_by_itself_is_its_bare_text() {
        let time = || Value::Scalar(Scalar::Timestamp(Timestamp::parse_rfc3339("2020-01-01T00:00:00.5Z").unwrap()));
        for (value, printed) in [
            (Value::Scalar(Scalar::text("<a>\"\n")), "<a>\"\n"),
            (Value::Scalar(Scalar::Float(1_234_567.5)), "1234567.5"),
            (Value::Scalar(Scalar::Integer(-5)), "-5"),
            (Value::Scalar(Scalar::Boolean(true)), "true"),
            (time(), "2020-01-01T00:00:00.5Z"),
            (Value::List(vec![time()]), "[\n\t\"2020-01-01T00:00:00.5Z\"\n]"),
            (Value::List(Vec::new()), "[]"),
            (Value::Mapping(Vec::new()), "{}\n"),
        ] {
            assert_eq!(emit_value(&value, Version::OLDEST).ok().unwrap().as_str(), Some(printed));
        }
    }

    #[test]
    fn numbers_that_are_not_finite_have_no_notation() {
        for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(
                emit_value(&Value::Scalar(Scalar::Float(number)), Version::OLDEST).err().unwrap().to_string(),
                "JSON has no notation for a number that is infinite or not a number"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(items in proptest::collection::vec(("[^s]{0,4}", model()), 0..6)) {
            let tree = Tree { documents: vec![mapping(&items)] };
            let text = emit(&tree, Version::OLDEST).ok().unwrap();
            let read = parse(text.as_bytes()).ok().unwrap();
            prop_assert_eq!(outline::tree(&read.tree), outline::tree(&tree));
            let again = emit(&read.tree, Version::OLDEST).ok().unwrap();
            prop_assert_eq!(again.as_bytes(), text.as_bytes());
        }

        #[test]
        fn what_serde_takes_is_taken_the_same_way(text in r#"(\{"a":)?[\[\]{}",:0-9eE.+\\utrue\- ]{0,24}\}?"#) {
            let theirs: Result<serde_json::Map<String, serde_json::Value>, _> = serde_json::from_str(&text);
            let ours = parse(text.as_bytes());
            if theirs.is_ok() {
                prop_assert!(ours.is_ok());
            }
            if ours.is_ok() {
                // Halves of surrogate pairs are what serde refuses besides.
                prop_assert!(theirs.is_ok() || text.contains("\\u"));
            }
        }
    }

    /// A value of JSON, with the `Debug` that plaintext does not have.
    #[derive(Clone, Debug)]
    enum Model {
        Text(String),
        Number(f64),
        Boolean(bool),
        Null,
        List(Vec<Model>),
        Mapping(Vec<(String, Model)>),
    }

    impl Model {
        fn value(&self) -> Value {
            match self {
                Self::Text(text) => Value::Scalar(Scalar::text(text)),
                Self::Number(number) => Value::Scalar(Scalar::Float(*number)),
                Self::Boolean(boolean) => Value::Scalar(Scalar::Boolean(*boolean)),
                Self::Null => Value::Scalar(Scalar::Null),
                Self::List(list) => Value::List(list.iter().map(Self::value).collect()),
                Self::Mapping(items) => Value::Mapping(mapping(items)),
            }
        }
    }

    fn mapping(items: &[(String, Model)]) -> Mapping {
        let item = |(key, model): &(String, Model)| Item::Entry {
            key: Key::Text(key.clone().into_bytes()),
            value: model.value(),
        };
        items.iter().map(item).collect()
    }

    fn model() -> impl Strategy<Value = Model> {
        let leaf = prop_oneof![
            ".{0,8}".prop_map(Model::Text),
            proptest::num::f64::NORMAL.prop_map(Model::Number),
            any::<bool>().prop_map(Model::Boolean),
            Just(Model::Null),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Model::List),
                proptest::collection::vec((".{0,4}", inner), 0..4).prop_map(Model::Mapping),
            ]
        })
    }
}
