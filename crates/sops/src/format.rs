//! The formats: how each is read into a tree, and how a tree is written.

pub(crate) mod binary;
pub(crate) mod dotenv;
pub(crate) mod flat;
pub(crate) mod ini;
pub(crate) mod json;
#[cfg(test)]
pub(crate) mod outline;
pub(crate) mod yaml;

use crate::error::ParseError;
use crate::tree::{Tree, Value};

/// What a format's reader makes of a file: its data and, cut out of it, the metadata.
pub(crate) struct Source {
    /// The data, without the metadata.
    pub(crate) tree: Tree,
    /// What stands where the format keeps its metadata; `None` if nothing does.
    pub(crate) metadata: Option<Value>,
    /// How the metadata is written down.
    pub(crate) notation: Notation,
}

/// The two ways to write metadata down (sops-format.md sections 5.2 and 5.4).
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Notation {
    /// Mappings and lists with typed values: YAML, JSON, binary.
    Nested,
    /// One mapping of texts whose keys are flattened paths: dotenv (without the prefix `sops_`) and INI.
    Flattened,
}

/// The error with where it is, and with a way out if the text shows why it is not of the format that it was declared to be.
pub(crate) fn advise(error: ParseError, text: &[u8], declared: &str) -> ParseError {
    let error = orient(error, text);
    let advice = if lines(text).any(|line| line.starts_with(b"<<<<<<< ")) {
        "the file has an unresolved merge conflict: resolve it".to_owned()
    } else {
        match guess(text) {
            Some("json") if declared == "binary" => return error,
            Some(format) if format != declared => format!("the file looks like {format}: set its format to {format}"),
            _ => return error,
        }
    };
    ParseError { problem: format!("{}; {advice}", error.problem).into(), ..error }
}

/// The error with the last key before its place whose value is encrypted, as an orientation in a long file. Nothing else
/// of the text is shown: whatever is not encrypted may be a plain value, but a key that has a ciphertext is a key.
fn orient(error: ParseError, text: &[u8]) -> ParseError {
    let before = error.position.map_or(text, |position| position.text_before(text));
    match last_key(before) {
        Some(key) => ParseError { problem: format!("behind the key {key:?}: {}", error.problem).into(), ..error },
        None => error,
    }
}

fn last_key(text: &[u8]) -> Option<&str> {
    let mut rest = text;
    loop {
        let at = rest.windows(CIPHERTEXT.len()).rposition(|window| window == CIPHERTEXT)?;
        rest = rest.get(..at)?;
        let key = key_at_the_end(rest);
        if key.is_some() {
            return key;
        }
    }
}

/// The key at the end of a text that leads to a value: `key: `, `"key": "` or `key=`.
fn key_at_the_end(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b"\"").unwrap_or(text).trim_ascii_end();
    let text = text.strip_suffix(b":").or_else(|| text.strip_suffix(b"="))?.trim_ascii_end();
    let key = match text.strip_suffix(b"\"") {
        Some(quoted) => quoted.rsplit(|&byte| byte == b'"').next(),
        None => text.rsplit(|byte| byte.is_ascii_whitespace() || b"{,".contains(byte)).next(),
    }?;
    std::str::from_utf8(key).ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY)
}

/// How a ciphertext begins.
pub(crate) const CIPHERTEXT: &[u8] = b"ENC[AES256_GCM,";

/// A longer key helps nobody to find a place.
const LONGEST_KEY: usize = 64;

/// The format that the place of a file's metadata speaks for, or its first character.
pub(crate) fn guess(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.starts_with(b"age-encryption.org/") || text.trim_ascii_start().starts_with(b"-----BEGIN AGE ") {
        return Some("age");
    }
    if text.trim_ascii_start().starts_with(b"{") {
        return Some("json");
    }
    lines(text).find_map(|line| match line {
        b"sops:" => Some("yaml"),
        b"[sops]" => Some("ini"),
        _ if line.starts_with(b"sops_") && line.contains(&b'=') => Some("dotenv"),
        _ => None,
    })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// U+FEFF in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::error::Position;
    use crate::metadata::Metadata;
    use crate::plaintext::Plaintext;

    type Parse = fn(&[u8]) -> Result<Source, ParseError>;
    type Emit = fn(&Tree) -> Result<Plaintext, crate::error::EmitError>;

    const FORMATS: [(Parse, Emit); 4] = [
        (json::parse, json::emit),
        (|bytes| binary::parse(&Plaintext::new(bytes.to_vec())), binary::emit),
        (dotenv::parse, dotenv::emit),
        (ini::parse, ini::emit),
    ];

    #[test]
    fn a_file_of_another_format_is_recognised() {
        for (text, declared, advice) in [
            ("{}", "ini", "; the file looks like json: set its format to json"),
            ("\u{feff} \n{", "yaml", "; the file looks like json: set its format to json"),
            ("{}", "json", ""),
            ("{}", "binary", ""),
            ("a: b\r\nsops:\r\n  mac: x\r\n", "json", "; the file looks like yaml: set its format to yaml"),
            ("a=b\nsops_mac=x\n", "ini", "; the file looks like dotenv: set its format to dotenv"),
            ("[s]\n[sops]\n", "dotenv", "; the file looks like ini: set its format to ini"),
            ("[s]\n[sops]\n", "ini", ""),
            ("a: b\n  sops:\n", "json", ""),
            ("a\n<<<<<<< HEAD\n", "json", "; the file has an unresolved merge conflict: resolve it"),
            ("", "json", ""),
        ] {
            let error = ParseError { position: None, problem: "x".into() };
            assert_eq!(advise(error, text.as_bytes(), declared).to_string(), format!("x{advice}"), "{text:?}");
        }
    }

    #[test]
    fn a_place_in_a_long_file_is_found_by_the_last_key_before_it() {
        const ENC: &str = "ENC[AES256_GCM,data:x]";
        for (text, expected) in [
            (format!("{{\"a\": \"{ENC}\", \"b c\" : \"{ENC}\", \"d\": \"plain"), Some("b c")),
            (format!("a: {ENC}\nlist:\n  - {ENC}\n  - "), Some("a")),
            (format!("\ta-b: {ENC}\n"), Some("a-b")),
            (format!("KEY={ENC}\n"), Some("KEY")),
            (format!("[s]\nkey = {ENC}\n"), Some("key")),
            (format!("- {ENC}"), None),
            (format!("{}: {ENC}", "x".repeat(65)), None),
            ("password: hunter2\nother: plain".to_owned(), None),
        ] {
            assert_eq!(last_key(text.as_bytes()), expected, "{text}");
        }
        let text = format!("a: {ENC}\nb: {ENC}\n");
        for (line, column, expected) in
            [(1, 1, "x"), (1, 30, "behind the key \"a\": x"), (3, 1, "behind the key \"b\": x")]
        {
            let error = ParseError { position: Some(Position { line, column }), problem: "x".into() };
            assert_eq!(orient(error, text.as_bytes()).problem, expected);
        }
    }

    #[test]
    fn what_is_written_of_a_file_of_the_corpus_is_read_and_written_the_same() {
        for text in corpus() {
            for (parse, emit) in [FORMATS[0], FORMATS[2], FORMATS[3]] {
                let Ok(source) = parse(&text) else { continue };
                let written = emit(&source.tree).ok().unwrap();
                let read = parse(written.as_bytes()).map_err(|error| error.to_string()).unwrap();
                assert_eq!(emit(&read.tree).ok().unwrap().as_str(), written.as_str());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            read_and_write(&text);
        }

        #[test]
        fn no_text_of_their_own_signs_makes_a_reader_panic(text in "[\\[\\]{}\"'`=:;#,\\\\u0-9en \t\r\n\u{a0}a_.+-]{0,64}") {
            read_and_write(text.as_bytes());
        }

        #[test]
        fn no_change_of_a_sops_file_makes_a_reader_panic(
            file in any::<prop::sample::Index>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
        ) {
            let files = corpus();
            let mut text = file.get(&files).clone();
            for (place, byte, change) in changes {
                let place = place.index(text.len().saturating_add(1));
                match change {
                    0 => text.insert(place, byte),
                    1 => text.truncate(place),
                    _ => text.get_mut(place).into_iter().for_each(|old| *old = byte),
                }
            }
            read_and_write(&text);
        }

        #[test]
        fn no_error_quotes_a_value(
            format in 0..3_usize,
            place in any::<prop::sample::Index>(),
            sign in prop::sample::select(&["\n", "\"", "=", "[", "{", "\\", "`", "\"\"\"", ",", "\0", "x"][..]),
        ) {
            let mut text = [
                "{\"a\": \"SECRET\", \"b\": [\"SECRET\", {\"c\": \"SECRET\"}], \"sops\": {\"mac\": \"SECRET\", \"age\": [\"SECRET\"]}}",
                "A=SECRET\nB=SECRET\nsops_mac=SECRET\nsops_age__list_0=SECRET\n",
                "[s]\na = SECRET\nb = \"SECRET\"\nc = \"\"\"SECRET\nSECRET\"\"\"\n[sops]\nmac = SECRET\nlastmodified = SECRET\n",
            ][format].to_owned();
            text.insert_str(place.index(text.len()), sign);
            for (parse, _) in FORMATS {
                let message = match parse(text.as_bytes()) {
                    Err(error) => error.to_string(),
                    Ok(source) => match Metadata::decode(source.metadata.as_ref(), source.notation) {
                        Err(error) => error.to_string(),
                        Ok(_) => continue,
                    },
                };
                prop_assert!(!message.contains("SECRET"), "{message}");
            }
        }
    }

    /// Does all that these bytes lead to.
    fn read_and_write(text: &[u8]) {
        for (parse, emit) in FORMATS {
            if let Ok(source) = parse(text) {
                drop(Metadata::decode(source.metadata.as_ref(), source.notation));
                drop(emit(&source.tree));
            }
        }
    }

    /// The encrypted files of the corpus that are not YAML and not long.
    fn corpus() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/sops");
        let cases = fs::read_dir(folder).unwrap().map(|case| case.unwrap().path());
        let mut files: Vec<_> = cases
            .flat_map(|case| ["json", "bin", "env", "ini"].map(|extension| case.join("in").with_extension(extension)))
            .filter_map(|path| fs::read(path).ok())
            .filter(|text| text.len() < 10_000)
            .collect();
        files.sort();
        assert!(files.len() > 100, "the corpus is incomplete");
        files
    }
}
