//! The JSON text of the manifest, read by `serde_json` into a tree in which every value knows where it stands.
//!
//! A deserialiser stops at the first value that does not fit, and does not know the place of a value that it has read.
//! All problems of a manifest are reported in one run, each with its line and column, so the text becomes a tree first
//! and the values are looked at afterwards. `serde_json` visits the values in the order of the text, so a [`Locator`]
//! that goes along finds the place of each, and that of a mistake.
//!
//! Accepts what RFC 8259 allows, up to [`DEPTH`] levels. Where the RFC leaves a choice, Go's decoder decides, because
//! it reads the manifests of sops-nix: text after the first value is ignored, and each byte that is not UTF-8 becomes
//! U+FFFD. The one difference: half of a surrogate pair is an error here. Time and memory are linear in the length of
//! the text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value and its place.
#[derive(Debug)]
pub(crate) struct JsonValue<'j> {
    /// The offset of the value's first byte.
    pub(crate) at: usize,
    /// What stands there.
    pub(crate) kind: JsonKind<'j>,
}

/// The kinds of JSON values.
#[derive(Debug)]
pub(crate) enum JsonKind<'j> {
    Null,
    Bool(bool),
    /// The digits as they are in the text: which are good depends on the field.
    Number(&'j str),
    Text(Cow<'j, str>),
    List(Vec<JsonValue<'j>>),
    /// Every member in the order of the text, also those that have the same name.
    Object(Vec<Member<'j>>),
}

/// One name and value of an object.
#[derive(Debug)]
pub(crate) struct Member<'j> {
    pub(crate) name: Cow<'j, str>,
    pub(crate) value: JsonValue<'j>,
}

impl JsonValue<'_> {
    /// The value of a field with Go's rules: names match without regard to case, the last of several counts, null is the
    /// same as absent (docs/format.md section 8.3).
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let JsonKind::Object(members) = &self.kind else {
            return None;
        };
        let last = members.iter().rfind(|member| member.name.eq_ignore_ascii_case(name));
        last.map(|member| &member.value).filter(|value| !matches!(value.kind, JsonKind::Null))
    }

    /// The place of a field's value, or of this value if the field is absent.
    pub(crate) fn place(&self, field: &str) -> usize {
        self.field(field).map_or(self.at, |value| value.at)
    }
}

impl JsonKind<'_> {
    /// The kind in the words of a message.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// The text of a document, with one U+FFFD for each byte that is not UTF-8: one per byte is Go's way, not Rust's.
pub(crate) fn decode(json: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(json) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(json.len());
    for chunk in json.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// Reads the first JSON value of a text.
pub(crate) fn read(text: &str) -> Result<Read<'_>, Failure> {
    let mut reader = Locator { text, reached: 0, next: Expected::Value };
    match reader.deserialize(&mut serde_json::Deserializer::from_str(text)) {
        Ok(value) => {
            reader.skip(BLANKS);
            Ok(Read { value, behind: Some(reader.reached).filter(|&end| end < text.len()) })
        }
        // Its words are for programmers, and its column is in bytes.
        Err(_) => Err(reader.failure()),
    }
}

/// The first value of a text, which is all that sops-nix reads of it.
#[derive(Debug)]
pub(crate) struct Read<'j> {
    pub(crate) value: JsonValue<'j>,
    /// Where something else follows.
    pub(crate) behind: Option<usize>,
}

/// Where and why a text is no JSON.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The offset of the first byte that cannot be there, or of the start of a value that is wrong as a whole.
    pub(crate) at: usize,
    pub(crate) error: SyntaxError,
}

/// Why a text is no JSON.
#[derive(Debug, thiserror::Error)]
pub enum SyntaxError {
    /// Something else than the grammar asks for.
    #[error("expected {expected}, found {found:?}")]
    Character {
        /// What the grammar asks for.
        expected: &'static str,
        /// What is there.
        found: char,
    },
    /// Nothing where the grammar asks for something.
    #[error("expected {0}, found the end of the text; the file is empty or cut off")]
    End(&'static str),
    /// A string without its end.
    #[error("the string that begins here has no closing double quote")]
    Unclosed,
    /// A control character that is not escaped.
    #[error("the control character {0:?} is inside a string")]
    Control(char),
    /// A backslash before something else than an escape.
    #[error("there is no such escape as \\{0}")]
    Escape(char),
    /// `\u` without its digits.
    #[error("\\u needs four hexadecimal digits")]
    Unicode,
    /// One half of a surrogate pair without the other.
    #[error("the string that begins here has an escape from \\ud800 to \\udfff alone, which is half a character")]
    Surrogate,
    /// `0400`, which is most often a mode.
    #[error("the number {0} begins with 0, which JSON does not allow")]
    LeadingZero(String),
    /// A number beyond those of 64 bits.
    #[error("the number that begins here is too large; no field needs such a number")]
    LargeNumber,
    /// `<<<<<<<`, `|||||||`, `=======` or `>>>>>>>` at the beginning of a line.
    #[error("a merge conflict was left here")]
    Conflict,
    /// More brackets than a manifest needs.
    #[error("lists and objects are nested more than {DEPTH} deep; a manifest needs five")]
    Depth,
}

/// A place in a text that moves along while `serde_json` reads the values.
struct Locator<'j> {
    text: &'j str,
    /// All before this offset is read. Blanks, a comma or a colon may follow before the next value.
    reached: usize,
    next: Expected,
}

/// What comes next.
#[derive(Clone, Copy)]
enum Expected {
    Value,
    FirstElement,
    OtherElement,
    FirstName,
    OtherName,
    ValueOfName,
}

/// Reads one value. The names of members, which are always strings, are read in the same way.
impl<'j> DeserializeSeed<'j> for &mut Locator<'j> {
    type Value = JsonValue<'j>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> Result<JsonValue<'j>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for &mut Locator<'j> {
    type Value = JsonValue<'j>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<JsonValue<'j>, E> {
        Ok(self.take(JsonKind::Null, 4))
    }

    fn visit_bool<E>(self, bool: bool) -> Result<JsonValue<'j>, E> {
        Ok(self.take(JsonKind::Bool(bool), if bool { 4 } else { 5 }))
    }

    fn visit_u64<E>(self, _: u64) -> Result<JsonValue<'j>, E> {
        Ok(self.number())
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonValue<'j>, E> {
        Ok(self.number())
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonValue<'j>, E> {
        Ok(self.number())
    }

    fn visit_borrowed_str<E>(self, text: &'j str) -> Result<JsonValue<'j>, E> {
        Ok(self.take(JsonKind::Text(Cow::Borrowed(text)), text.len().saturating_add(2)))
    }

    /// A string with escapes.
    fn visit_str<E>(self, text: &str) -> Result<JsonValue<'j>, E> {
        self.begin();
        let length = string(self.rest()).unwrap_or_default();
        Ok(self.take(JsonKind::Text(Cow::Owned(text.to_owned())), length))
    }

    fn visit_seq<A: SeqAccess<'j>>(self, mut elements: A) -> Result<JsonValue<'j>, A::Error> {
        let at = self.begin();
        self.pass(1);
        let mut values = Vec::new();
        self.next = Expected::FirstElement;
        while let Some(value) = elements.next_element_seed(&mut *self)? {
            values.push(value);
            self.next = Expected::OtherElement;
        }
        self.end();
        Ok(JsonValue { at, kind: JsonKind::List(values) })
    }

    fn visit_map<A: MapAccess<'j>>(self, mut members: A) -> Result<JsonValue<'j>, A::Error> {
        let at = self.begin();
        self.pass(1);
        let mut read = Vec::new();
        self.next = Expected::FirstName;
        while let Some(name) = members.next_key_seed(&mut *self)? {
            self.next = Expected::ValueOfName;
            let value = members.next_value_seed(&mut *self)?;
            if let JsonKind::Text(name) = name.kind {
                read.push(Member { name, value });
            }
            self.next = Expected::OtherName;
        }
        self.end();
        // There may be thousands of objects, and a third of the half kilobyte of each is room for members that never
        // come.
        read.shrink_to_fit();
        Ok(JsonValue { at, kind: JsonKind::Object(read) })
    }
}

impl<'j> Locator<'j> {
    /// Goes to the value or name that `serde_json` has found, and gives its place.
    fn begin(&mut self) -> usize {
        self.skip(b" \t\n\r,:");
        self.reached
    }

    /// Goes behind a closing bracket that `serde_json` has found.
    fn end(&mut self) {
        self.skip(BLANKS);
        self.pass(1);
    }

    /// A value that is so many bytes long.
    fn take(&mut self, kind: JsonKind<'j>, length: usize) -> JsonValue<'j> {
        let at = self.begin();
        self.pass(length);
        JsonValue { at, kind }
    }

    fn number(&mut self) -> JsonValue<'j> {
        self.begin();
        let length = number(self.rest()).unwrap_or_default();
        let digits = self.rest().get(..length).unwrap_or_default();
        self.take(JsonKind::Number(digits), length)
    }

    /// What is wrong after all that has been read.
    fn failure(mut self) -> Failure {
        let separator = match self.next {
            Expected::Value | Expected::FirstElement | Expected::FirstName => "",
            Expected::OtherElement | Expected::OtherName => ",",
            Expected::ValueOfName => ":",
        };
        self.skip(BLANKS);
        let separated = self.rest().starts_with(separator);
        if separated {
            self.pass(separator.len());
            self.skip(BLANKS);
        }
        let expected = match (self.next, separated) {
            (Expected::Value, _) | (Expected::ValueOfName, true) => "a value",
            (Expected::ValueOfName, false) => "a colon after the field name",
            (Expected::FirstElement, _) => "a value or ]",
            (Expected::OtherElement, true) => "a value after the comma",
            (Expected::OtherElement, false) => "a comma or ] after the value",
            (Expected::FirstName, _) => "a field name in double quotes or }",
            (Expected::OtherName, true) => "a field name in double quotes after the comma",
            (Expected::OtherName, false) => "a comma or } after the value",
        };
        let value = separated && !matches!(self.next, Expected::FirstName | Expected::OtherName);
        let rest = self.rest();
        let (behind, error) = match rest.as_bytes() {
            _ if self.is_conflict() => (0, SyntaxError::Conflict),
            [b'"', ..] if separated => string(rest).err().unwrap_or((0, SyntaxError::Surrogate)),
            [b'[' | b'{', ..] if value => (0, SyntaxError::Depth),
            [b'-' | b'0'..=b'9', ..] if value => wrong_number(rest),
            _ => (0, unexpected(rest, expected)),
        };
        Failure { at: self.reached.saturating_add(behind), error }
    }

    /// Whether a line begins here with what git and others write between two versions.
    fn is_conflict(&self) -> bool {
        let line_begins =
            self.text.get(..self.reached).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
        line_begins && ["<", "|", "=", ">"].iter().any(|mark| self.rest().starts_with(&mark.repeat(MARK)))
    }

    fn skip(&mut self, skipped: &[u8]) {
        let length = self.rest().bytes().take_while(|byte| skipped.contains(byte)).count();
        self.pass(length);
    }

    fn pass(&mut self, length: usize) {
        self.reached = self.reached.saturating_add(length);
    }

    fn rest(&self) -> &'j str {
        self.text.get(self.reached..).unwrap_or_default()
    }
}

/// The length of the string with which a text begins, or the offset and kind of its mistake.
fn string(text: &str) -> Result<usize, (usize, SyntaxError)> {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok(at.saturating_add(1)),
            b'\\' => escape(text, bytes.next())?,
            0..=0x1f => return Err((at, SyntaxError::Control(char::from(byte)))),
            _ => {}
        }
    }
    Err((0, SyntaxError::Unclosed))
}

/// Looks at what follows a backslash.
fn escape(text: &str, next: Option<(usize, u8)>) -> Result<(), (usize, SyntaxError)> {
    match next {
        None | Some((_, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => Ok(()),
        Some((at, b'u')) => {
            let digits = text.bytes().skip(at).skip(1).take(4).filter(u8::is_ascii_hexdigit);
            if digits.count() == 4 { Ok(()) } else { Err((at, SyntaxError::Unicode)) }
        }
        Some((at, _)) => {
            let escaped = text.get(at..).and_then(|text| text.chars().next());
            Err((at, SyntaxError::Escape(escaped.unwrap_or(char::REPLACEMENT_CHARACTER))))
        }
    }
}

/// The length of the number with which a text begins, leading zeros included, or the offset where a digit is missing.
fn number(text: &str) -> Result<usize, usize> {
    let is = |at: usize, set: &[u8]| text.as_bytes().get(at).is_some_and(|byte| set.contains(byte));
    let digits = |from: usize| {
        let count = text.bytes().skip(from).take_while(u8::is_ascii_digit).count();
        if count == 0 { Err(from) } else { Ok(from.saturating_add(count)) }
    };
    let mut end = digits(usize::from(is(0, b"-")))?;
    if is(end, b".") {
        end = digits(end.saturating_add(1))?;
    }
    if is(end, b"eE") {
        let sign = end.saturating_add(1);
        end = digits(sign.saturating_add(usize::from(is(sign, b"+-"))))?;
    }
    Ok(end)
}

/// What is wrong with the number with which a text begins, and its offset.
fn wrong_number(text: &str) -> (usize, SyntaxError) {
    match number(text) {
        Err(at) => (at, unexpected(text.get(at..).unwrap_or_default(), "a digit")),
        Ok(length) => match text.strip_prefix('-').unwrap_or(text).as_bytes() {
            [b'0', b'0'..=b'9', ..] => {
                let digits: String = text.chars().take(length).take(QUOTED_DIGITS).collect();
                (0, SyntaxError::LeadingZero(digits))
            }
            _ => (0, SyntaxError::LargeNumber),
        },
    }
}

fn unexpected(text: &str, expected: &'static str) -> SyntaxError {
    text.chars().next().map_or(SyntaxError::End(expected), |found| SyntaxError::Character { expected, found })
}

/// How many lists and objects may be inside one another: where `serde_json` stops.
const DEPTH: usize = 127;

/// The length of the marks of a merge conflict.
const MARK: usize = 7;

const BLANKS: &[u8] = b" \t\n\r";

/// Longer numbers are not repeated in a message.
pub(crate) const QUOTED_DIGITS: usize = 40;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        for (json, value) in [
            ("null", "null"),
            (" true ", "true"),
            ("false", "false"),
            ("-0.5e+10", "-0.5e+10"),
            ("0", "0"),
            ("1E2", "1E2"),
            (r#""a""#, r#""a""#),
            (r#""\"\\\/\b\f\n\r\t""#, r#""\"\\/\u{8}\u{c}\n\r\t""#),
            (r#""a\u00e9\u20AC""#, r#""aé€""#),
            (r#""\ud83d\ude00""#, r#""😀""#),
            ("[]", "[]"),
            ("\t[1 ,\r\n2]", "[1,2]"),
            ("{}", "{}"),
            (r#"{ "a" : [ { } ] , "a" : 2 }"#, r#"{"a":[{}],"a":2}"#),
        ] {
            assert_eq!(print(&read(json).unwrap().value), value, "{json}");
        }
    }

    #[test]
    fn text_behind_the_first_value_is_only_noticed() {
        for (json, behind) in [
            ("{} {", Some(3)),
            ("{}x", Some(2)),
            ("{}\n\u{0}", Some(3)),
            ("{ }\n\t \r\n", None),
            (" {\"a\": \"b\"}", None),
        ] {
            let read = read(json).unwrap();
            assert_eq!(read.behind, behind, "{json}");
            assert!(matches!(read.value.kind, JsonKind::Object(_)), "{json}");
        }
    }

    #[test]
    fn a_byte_that_is_not_utf8_becomes_the_replacement_character_as_in_go() {
        for (json, text) in [
            (&b"\"a\xffb\""[..], "a\u{fffd}b"),
            (b"\"\xe2\x82\"", "\u{fffd}\u{fffd}"),
            (b"\"\xe2\x82\\n\"", "\u{fffd}\u{fffd}\n"),
            (b"\"\\u0041\\u0042\"", "AB"),
        ] {
            match read(&decode(json)).unwrap().value.kind {
                JsonKind::Text(read) => assert_eq!(read, text, "{json:?}"),
                other => panic!("{json:?} is {other:?}"),
            }
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_an_error_with_its_place() {
        for json in
            [r#""\ud800""#, r#""\udc00""#, r#""\ud800x""#, r#""\ud800\n""#, r#""\ud800\u0041""#, r#""\udc00\ud800""#]
        {
            let failure = read(&format!("[1,\n{json}]")).unwrap_err();
            assert_eq!(
                (failure.at, failure.error.to_string().as_str()),
                (
                    4,
                    "the string that begins here has an escape from \\ud800 to \\udfff alone, which is half a character"
                ),
                "{json}"
            );
        }
    }

    #[test]
    fn a_mark_of_a_merge_conflict_is_called_one() {
        for (json, at) in [
            ("<<<<<<< HEAD\n{}", 0),
            ("{\n\"a\": 1,\n<<<<<<< HEAD\n\"b\": 2", 10),
            ("{\n\"a\": 1\n=======\n", 9),
            ("{\n\"a\": 1,\n>>>>>>> theirs\n", 10),
            ("[\n|||||||\n", 2),
            ("{\"a\":\n<<<<<<<", 6),
        ] {
            let failure = read(json).unwrap_err();
            let message = "a merge conflict was left here";
            assert_eq!((failure.at, failure.error.to_string().as_str()), (at, message), "{json}");
        }
        assert!(matches!(read("[ =======").unwrap_err().error, SyntaxError::Character { found: '=', .. }));
    }

    #[test]
    fn a_number_with_a_leading_zero_is_told_how_a_mode_is_written() {
        for (json, at, number) in
            [("{\"mode\": 0400}", 9, "0400"), ("[01]", 1, "01"), ("[-00.5]", 1, "-00.5"), ("[1, 0400 ]", 4, "0400")]
        {
            let failure = read(json).unwrap_err();
            let message = format!("the number {number} begins with 0, which JSON does not allow");
            assert_eq!((failure.at, failure.error.to_string()), (at, message), "{json}");
        }
    }

    #[test]
    fn every_syntax_error_says_where_and_what() {
        for (json, at, message) in [
            ("", 0, "expected a value, found the end of the text; the file is empty or cut off"),
            ("  ", 2, "expected a value, found the end of the text; the file is empty or cut off"),
            ("nul", 0, "expected a value, found 'n'"),
            ("\u{feff}{}", 0, "expected a value, found '\\u{feff}'"),
            ("'a'", 0, "expected a value, found '\\''"),
            (
                "{",
                1,
                "expected a field name in double quotes or }, found the end of the text; the file is empty or cut off",
            ),
            ("{a:1}", 1, "expected a field name in double quotes or }, found 'a'"),
            (r#"{"a" 1}"#, 5, "expected a colon after the field name, found '1'"),
            (r#"{"a":}"#, 5, "expected a value, found '}'"),
            (r#"{"a":1 "b":2}"#, 7, "expected a comma or } after the value, found '\"'"),
            (r#"{"a":1,}"#, 7, "expected a field name in double quotes after the comma, found '}'"),
            ("[,]", 1, "expected a value or ], found ','"),
            ("[1,]", 3, "expected a value after the comma, found ']'"),
            ("[1 é]", 3, "expected a comma or ] after the value, found 'é'"),
            ("[1e999]", 1, "the number that begins here is too large; no field needs such a number"),
            ("[1-2]", 2, "expected a comma or ] after the value, found '-'"),
            ("[--1]", 2, "expected a digit, found '-'"),
            ("-", 1, "expected a digit, found the end of the text; the file is empty or cut off"),
            ("[1.]", 3, "expected a digit, found ']'"),
            ("[1e+]", 4, "expected a digit, found ']'"),
            ("[+1]", 1, "expected a value or ], found '+'"),
            (r#"["abc]"#, 1, "the string that begins here has no closing double quote"),
            ("\"a\nb\"", 2, "the control character '\\n' is inside a string"),
            (r#""a\x""#, 3, "there is no such escape as \\x"),
            (r#""a\"#, 0, "the string that begins here has no closing double quote"),
            (r#""\u12""#, 2, "\\u needs four hexadecimal digits"),
            (r#""\u+123""#, 2, "\\u needs four hexadecimal digits"),
            (r#""\ud800\u12""#, 8, "\\u needs four hexadecimal digits"),
        ] {
            let failure = read(json).unwrap_err();
            assert_eq!((failure.at, failure.error.to_string().as_str()), (at, message), "{json}");
        }
    }

    #[test]
    fn nesting_ends_at_127_levels_however_deep_the_text_goes() {
        let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
        assert_eq!(print(&read(&deepest).unwrap().value), deepest);
        for open in ["[", r#"{"a":"#] {
            let failure = read(&open.repeat(100_000)).unwrap_err();
            assert_eq!(failure.at, open.len() * 127);
            assert_eq!(
                failure.error.to_string(),
                "lists and objects are nested more than 127 deep; a manifest needs five"
            );
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let document = read(r#" {"a": [1, "x"]}"#).unwrap().value;
        let JsonKind::Object(members) = &document.kind else { panic!() };
        let JsonKind::List(values) = &members[0].value.kind else { panic!() };
        assert_eq!([document.at, members[0].value.at, values[0].at, values[1].at], [1, 7, 8, 11]);
    }

    proptest! {
        #[test]
        fn the_reader_agrees_with_serde_json_on_every_value(value in any_json()) {
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let theirs: serde_json::Value = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(convert(&read(&json).unwrap().value), Some(theirs));
            }
        }

        #[test]
        fn the_reader_takes_what_serde_json_takes_and_finds_every_place(bytes in any_bytes()) {
            // Inside a list, so that the first value does not hide the rest.
            let text = format!("[{}]", decode(&bytes));
            let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
            match (read(&text), stream.next()) {
                (Ok(Read { value, .. }), Some(Ok(theirs))) => {
                    prop_assert_eq!(convert(&value), Some(theirs));
                    prop_assert!(places_are_right(&text, &value), "{:?}", value);
                }
                (Err(failure), Some(Err(theirs))) => {
                    prop_assert!(failure.at <= text.len());
                    prop_assert!(text.is_char_boundary(failure.at), "{:?} {}", failure, theirs);
                }
                (ours, theirs) => prop_assert!(false, "{:?} but {:?}", ours, theirs),
            }
        }
    }

    /// Whether each value of a tree is at its place when read from there on.
    fn places_are_right(text: &str, value: &JsonValue<'_>) -> bool {
        let again = read(&text[value.at..]).is_ok_and(|again| convert(&again.value) == convert(value))
            && !text[value.at..].starts_with([' ', '\n']);
        again
            && match &value.kind {
                JsonKind::List(values) => values.iter().all(|value| places_are_right(text, value)),
                JsonKind::Object(members) => members.iter().all(|member| places_are_right(text, &member.value)),
                _ => true,
            }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<u64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            any::<String>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..8)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Bytes at random, and texts made of the pieces of JSON, which reach deeper.
    fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
        let pieces: [&[u8]; 24] = [
            b"{",
            b"}",
            b"[",
            b"]",
            b":",
            b",",
            b"\"",
            b"\\",
            b"\\u",
            b"\\ud83d",
            b"\\ude00",
            b"0",
            b"12",
            b"-",
            b".",
            b"e",
            b"true",
            b"false",
            b"null",
            b" ",
            b"\"a\"",
            b"\xc3\xa9",
            b"\xff",
            b"\n",
        ];
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..64),
            prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..32).prop_map(|pieces| pieces.concat()),
        ]
    }

    fn convert(value: &JsonValue<'_>) -> Option<serde_json::Value> {
        Some(match &value.kind {
            JsonKind::Null => serde_json::Value::Null,
            JsonKind::Bool(bool) => (*bool).into(),
            JsonKind::Number(digits) => serde_json::Value::Number(serde_json::from_str(digits).ok()?),
            JsonKind::Text(text) => text.as_ref().into(),
            JsonKind::List(values) => serde_json::Value::Array(values.iter().map(convert).collect::<Option<_>>()?),
            JsonKind::Object(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|member| Some((member.name.clone().into_owned(), convert(&member.value)?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    fn print(value: &JsonValue<'_>) -> String {
        match &value.kind {
            JsonKind::Number(digits) => (*digits).to_owned(),
            JsonKind::Text(text) => format!("{text:?}"),
            JsonKind::List(values) => format!("[{}]", values.iter().map(print).collect::<Vec<_>>().join(",")),
            JsonKind::Object(members) => {
                let members = members.iter().map(|member| format!("{:?}:{}", member.name, print(&member.value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            word => word.describe().to_owned(),
        }
    }
}
