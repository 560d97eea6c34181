//! The JSON text of the manifest, read into a tree in which every value knows where it stands.
//!
//! A deserialiser stops at the first value that does not fit, and serde's loses the position of everything behind it.
//! All problems of a manifest are reported in one run, each with its line and column, so the text becomes a tree with
//! offsets first and the values are looked at afterwards.
//!
//! Accepts what RFC 8259 allows, up to [`DEPTH`] levels. Where the RFC leaves a choice, Go's decoder decides, because it
//! reads the manifests of sops-nix: text after the first value is ignored, each byte that is not UTF-8 and each lone
//! surrogate becomes U+FFFD. Time and memory are linear in the length of the text.

use std::borrow::Cow;

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Value<'j> {
    /// The offset of the value's first byte.
    pub(crate) at: usize,
    /// What stands there.
    pub(crate) kind: Kind<'j>,
}

/// The kinds of JSON values.
#[derive(Debug)]
pub(crate) enum Kind<'j> {
    Null,
    Bool(bool),
    /// The digits as they stand in the text: their range is the reader's business.
    Number(&'j str),
    Text(Cow<'j, str>),
    List(Vec<Value<'j>>),
    /// Every member in the order of the text, also those that have the same name.
    Object(Vec<Member<'j>>),
}

/// One name and value of an object.
#[derive(Debug)]
pub(crate) struct Member<'j> {
    pub(crate) name: Cow<'j, str>,
    pub(crate) value: Value<'j>,
}

impl Value<'_> {
    /// The value of a field with Go's rules: names match without regard to case, the last of several counts, null is the
    /// same as absent (sops-format.md section 8.3).
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let Kind::Object(members) = &self.kind else {
            return None;
        };
        let last = members.iter().rfind(|member| member.name.eq_ignore_ascii_case(name));
        last.map(|member| &member.value).filter(|value| !matches!(value.kind, Kind::Null))
    }

    /// The place of a field's value, or of this value if the field is absent.
    pub(crate) fn place(&self, field: &str) -> usize {
        self.field(field).map_or(self.at, |value| value.at)
    }
}

impl Kind<'_> {
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

/// Reads the first JSON value of a text.
pub(crate) fn read(json: &[u8]) -> Result<Value<'_>, Failure> {
    Reader { json, rest: json, depth: 0 }.value("a value")
}

/// Where and why a text is no JSON.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The offset of the first byte that cannot be there; for an unclosed string, of its opening quote.
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
    #[error("the control character {0:?} stands inside a string; write it as \\u{code:04x}", code = u32::from(*.0))]
    Control(char),
    /// A backslash before something else than an escape.
    #[error("there is no such escape as \\{0}; a backslash itself is written \\\\")]
    Escape(char),
    /// `\u` without its digits.
    #[error("\\u needs four hexadecimal digits")]
    Unicode,
    /// More brackets than anyone needs.
    #[error("lists and objects are nested more than {DEPTH} deep; a manifest needs five")]
    Depth,
}

/// The unread rest of a text.
struct Reader<'j> {
    json: &'j [u8],
    rest: &'j [u8],
    depth: usize,
}

impl<'j> Reader<'j> {
    fn value(&mut self, expected: &'static str) -> Result<Value<'j>, Failure> {
        self.skip_blanks();
        let at = self.offset();
        let kind = match self.rest {
            [b'{', rest @ ..] => self.nested(rest, Self::object)?,
            [b'[', rest @ ..] => self.nested(rest, Self::list)?,
            [b'"', rest @ ..] => Kind::Text(self.text(rest)?),
            [b'-' | b'0'..=b'9', ..] => Kind::Number(self.number()?),
            [b't', b'r', b'u', b'e', rest @ ..] => self.word(rest, Kind::Bool(true)),
            [b'f', b'a', b'l', b's', b'e', rest @ ..] => self.word(rest, Kind::Bool(false)),
            [b'n', b'u', b'l', b'l', rest @ ..] => self.word(rest, Kind::Null),
            _ => return Err(self.expected(expected)),
        };
        Ok(Value { at, kind })
    }

    fn word(&mut self, rest: &'j [u8], kind: Kind<'j>) -> Kind<'j> {
        self.rest = rest;
        kind
    }

    fn nested(
        &mut self,
        rest: &'j [u8],
        content: fn(&mut Self) -> Result<Kind<'j>, Failure>,
    ) -> Result<Kind<'j>, Failure> {
        if self.depth == DEPTH {
            return Err(self.failure(SyntaxError::Depth));
        }
        self.rest = rest;
        self.depth = self.depth.saturating_add(1);
        let kind = content(self)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(kind)
    }

    fn object(&mut self) -> Result<Kind<'j>, Failure> {
        let mut members = Vec::new();
        if self.take(b'}') {
            return Ok(Kind::Object(members));
        }
        let mut expected = "a field name in double quotes or }";
        loop {
            self.skip_blanks();
            let name = match self.rest {
                [b'"', rest @ ..] => self.text(rest)?,
                _ => return Err(self.expected(expected)),
            };
            if !self.take(b':') {
                return Err(self.expected("a colon after the field name"));
            }
            members.push(Member { name, value: self.value("a value")? });
            if self.take(b'}') {
                // There may be thousands of objects of half a kilobyte, a third of it for members that never come.
                members.shrink_to_fit();
                return Ok(Kind::Object(members));
            }
            if !self.take(b',') {
                return Err(self.expected("a comma or } after the value"));
            }
            expected = "a field name in double quotes after the comma";
        }
    }

    fn list(&mut self) -> Result<Kind<'j>, Failure> {
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(Kind::List(values));
        }
        let mut expected = "a value or ]";
        loop {
            values.push(self.value(expected)?);
            if self.take(b']') {
                return Ok(Kind::List(values));
            }
            if !self.take(b',') {
                return Err(self.expected("a comma or ] after the value"));
            }
            expected = "a value after the comma";
        }
    }

    /// The string whose opening quote stands before `rest`.
    fn text(&mut self, rest: &'j [u8]) -> Result<Cow<'j, str>, Failure> {
        let opening = self.offset();
        self.rest = rest;
        let mut text = Cow::Borrowed("");
        loop {
            let end = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let (run, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
            self.rest = rest;
            if text.is_empty() {
                text = lossy(run);
            } else {
                text.to_mut().push_str(&lossy(run));
            }
            match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Ok(text);
                }
                [b'\\', rest @ ..] => {
                    self.rest = rest;
                    text.to_mut().push(self.escape()?);
                }
                [control, ..] => return Err(self.failure(SyntaxError::Control(char::from(*control)))),
                [] => return Err(Failure { at: opening, error: SyntaxError::Unclosed }),
            }
        }
    }

    /// The character of the escape whose backslash has been read.
    fn escape(&mut self) -> Result<char, Failure> {
        let Some((byte, rest)) = self.rest.split_first() else {
            return Err(self.expected("an escape after the backslash"));
        };
        let character = match byte {
            b'"' | b'\\' | b'/' => char::from(*byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let Some((unit, rest)) = code_unit(rest) else {
                    return Err(self.failure(SyntaxError::Unicode));
                };
                self.rest = rest;
                return Ok(self.character(unit));
            }
            _ => return Err(self.failure(SyntaxError::Escape(self.character_here()))),
        };
        self.rest = rest;
        Ok(character)
    }

    /// The character that a UTF-16 code unit begins; takes the escape of the second half if there is one.
    fn character(&mut self, unit: u16) -> char {
        if let [b'\\', b'u', rest @ ..] = self.rest
            && let Some((second, rest)) = code_unit(rest)
            && let Some(Ok(pair)) = char::decode_utf16([unit, second]).next()
            && pair > '\u{ffff}'
        {
            self.rest = rest;
            return pair;
        }
        char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    fn number(&mut self) -> Result<&'j str, Failure> {
        let start = self.rest;
        self.take_here(b"-");
        // Nothing stands behind a leading zero: 01 is a 0 and then something that cannot be there.
        if !self.take_here(b"0") {
            self.digits()?;
        }
        if self.take_here(b".") {
            self.digits()?;
        }
        if self.take_here(b"eE") {
            self.take_here(b"+-");
            self.digits()?;
        }
        let length = start.len().saturating_sub(self.rest.len());
        // Only ASCII has been read.
        Ok(start.get(..length).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), Failure> {
        let end = self.rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.expected("a digit"));
        }
        self.rest = self.rest.get(end..).unwrap_or_default();
        Ok(())
    }

    /// Takes the byte if it comes next, blanks apart.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_blanks();
        self.take_here(&[byte])
    }

    /// Takes the next byte if it is one of these.
    fn take_here(&mut self, bytes: &[u8]) -> bool {
        match self.rest {
            [first, rest @ ..] if bytes.contains(first) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn offset(&self) -> usize {
        self.json.len().saturating_sub(self.rest.len())
    }

    fn failure(&self, error: SyntaxError) -> Failure {
        Failure { at: self.offset(), error }
    }

    fn expected(&self, expected: &'static str) -> Failure {
        self.failure(match self.rest {
            [] => SyntaxError::End(expected),
            _ => SyntaxError::Character { expected, found: self.character_here() },
        })
    }

    fn character_here(&self) -> char {
        let first = self.rest.utf8_chunks().next();
        first.and_then(|chunk| chunk.valid().chars().next()).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

/// Four hexadecimal digits, and what follows them.
fn code_unit(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(4)?;
    // from_str_radix would take a sign as well.
    let digits = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    Some((u16::from_str_radix(digits, 16).ok()?, rest))
}

/// The bytes as text, with one U+FFFD for each byte that is not UTF-8: one per byte is Go's way, not Rust's.
fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

/// How many lists and objects may stand inside one another.
const DEPTH: usize = 128;

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
            assert_eq!(print(&read(json.as_bytes()).unwrap()), value, "{json}");
        }
    }

    #[test]
    fn text_behind_the_first_value_is_ignored() {
        for json in ["{} {", "{}x", "{}\n\u{0}"] {
            assert_eq!(print(&read(json.as_bytes()).unwrap()), "{}", "{json}");
        }
    }

    #[test]
    fn what_is_not_unicode_becomes_the_replacement_character_as_in_go() {
        for (json, text) in [
            (&b"\"a\xffb\""[..], "a\u{fffd}b"),
            (b"\"\xe2\x82\"", "\u{fffd}\u{fffd}"),
            (b"\"\xe2\x82\\n\"", "\u{fffd}\u{fffd}\n"),
            (b"\"\\ud800\"", "\u{fffd}"),
            (b"\"\\udc00\"", "\u{fffd}"),
            (b"\"\\ud800x\"", "\u{fffd}x"),
            (b"\"\\ud800\\n\"", "\u{fffd}\n"),
            (b"\"\\ud800\\u0041\"", "\u{fffd}A"),
            (b"\"\\ud800\\ud83d\\ude00\"", "\u{fffd}😀"),
            (b"\"\\udc00\\ud800\"", "\u{fffd}\u{fffd}"),
            (b"\"\\u0041\\u0042\"", "AB"),
        ] {
            match read(json).unwrap().kind {
                Kind::Text(read) => assert_eq!(read, text, "{json:?}"),
                other => panic!("{json:?} is {other:?}"),
            }
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
            ("[01]", 2, "expected a comma or ] after the value, found '1'"),
            ("-", 1, "expected a digit, found the end of the text; the file is empty or cut off"),
            ("[1.]", 3, "expected a digit, found ']'"),
            ("[1e+]", 4, "expected a digit, found ']'"),
            ("[+1]", 1, "expected a value or ], found '+'"),
            (r#"["abc]"#, 1, "the string that begins here has no closing double quote"),
            ("\"a\nb\"", 2, "the control character '\\n' stands inside a string; write it as \\u000a"),
            (r#""a\x""#, 3, "there is no such escape as \\x; a backslash itself is written \\\\"),
            (
                r#""a\"#,
                3,
                "expected an escape after the backslash, found the end of the text; the file is empty or cut off",
            ),
            (r#""\u12""#, 2, "\\u needs four hexadecimal digits"),
            (r#""\u+123""#, 2, "\\u needs four hexadecimal digits"),
            (r#""\ud800\u12""#, 8, "\\u needs four hexadecimal digits"),
        ] {
            let failure = read(json.as_bytes()).unwrap_err();
            assert_eq!((failure.at, failure.error.to_string().as_str()), (at, message), "{json}");
        }
    }

    #[test]
    fn nesting_ends_at_128_levels_however_deep_the_text_goes() {
        let deepest = format!("{}{}", "[".repeat(128), "]".repeat(128));
        assert_eq!(print(&read(deepest.as_bytes()).unwrap()), deepest);
        for open in ["[", r#"{"a":"#] {
            let failure = read(open.repeat(100_000).as_bytes()).unwrap_err();
            assert_eq!(failure.at, open.len() * 128);
            assert_eq!(
                failure.error.to_string(),
                "lists and objects are nested more than 128 deep; a manifest needs five"
            );
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let document = read(br#" {"a": [1, "x"]}"#).unwrap();
        let Kind::Object(members) = &document.kind else { panic!() };
        let Kind::List(values) = &members[0].value.kind else { panic!() };
        assert_eq!([document.at, members[0].value.at, values[0].at, values[1].at], [1, 7, 8, 11]);
    }

    proptest! {
        #[test]
        fn the_reader_agrees_with_serde_json_on_every_value(value in any_json()) {
            for json in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let theirs: serde_json::Value = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(convert(&read(json.as_bytes()).unwrap()), Some(theirs));
            }
        }

        #[test]
        fn the_reader_never_panics_and_refuses_nothing_that_serde_json_takes(bytes in any_bytes()) {
            // Inside a list, so that the first value does not hide the rest.
            let bytes = [b"[", &bytes[..], b"]"].concat();
            let ours = read(&bytes);
            match serde_json::from_slice::<serde_json::Value>(&bytes) {
                Ok(value) => prop_assert_eq!(convert(&ours.unwrap()), Some(value)),
                // Text behind the value, text that is not Unicode, numbers beyond f64, one level of nesting more:
                // everything else that serde_json refuses is refused here too.
                Err(error) => {
                    let reason = error.to_string();
                    let tolerated = ["trailing characters", "surrogate", "hex escape", "unicode", "out of range", "recursion"];
                    prop_assert!(
                        ours.is_err() || tolerated.iter().any(|word| reason.contains(word)),
                        "{} but read as {:?}", reason, ours
                    );
                }
            }
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

    fn convert(value: &Value<'_>) -> Option<serde_json::Value> {
        Some(match &value.kind {
            Kind::Null => serde_json::Value::Null,
            Kind::Bool(bool) => (*bool).into(),
            Kind::Number(digits) => serde_json::Value::Number(serde_json::from_str(digits).ok()?),
            Kind::Text(text) => text.as_ref().into(),
            Kind::List(values) => serde_json::Value::Array(values.iter().map(convert).collect::<Option<_>>()?),
            Kind::Object(members) => serde_json::Value::Object(
                members
                    .iter()
                    .map(|member| Some((member.name.clone().into_owned(), convert(&member.value)?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    fn print(value: &Value<'_>) -> String {
        match &value.kind {
            Kind::Number(digits) => (*digits).to_owned(),
            Kind::Text(text) => format!("{text:?}"),
            Kind::List(values) => format!("[{}]", values.iter().map(print).collect::<Vec<_>>().join(",")),
            Kind::Object(members) => {
                let members = members.iter().map(|member| format!("{:?}:{}", member.name, print(&member.value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            word => word.describe().to_owned(),
        }
    }
}
