//! dotenv files: lines of `KEY=value` (docs/format.md section 7.3).
//!
//! This is not the dotenv of shells: there are no quotes, no `export`, no variables and no blanks to trim, and the only
//! escape is `\n` in a value.

use crate::format::{EmitError, Fix, ParseError, Reason, Source, flat};
use crate::metadata::{Notation, unescape};
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};
use crate::version::Version;

/// The lines of a file as one mapping. Lines whose key starts with `sops_` are its metadata.
///
/// # Errors
///
/// [`ParseError`] at the first line that is neither empty, a comment nor an assignment.
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    let mut data = Mapping::new();
    let mut metadata = Mapping::new();
    let mut offset: usize = 0;
    for line in bytes.split(|&byte| byte == b'\n') {
        match line {
            [] => {}
            [b'#', text @ ..] => data.push(Item::Comment(Comment::new(Plaintext::new(text.to_vec())))),
            _ => {
                let Some((key, value)) = assignment(line) else {
                    return Err(ParseError::at(bytes, offset, reason(line)));
                };
                let value = Value::Scalar(Scalar::Text(Plaintext::new(unescape(value))));
                let (place, key) = match key.strip_prefix(METADATA_PREFIX) {
                    Some(field) => (&mut metadata, field),
                    None => (&mut data, key),
                };
                place.push(Item::Entry { key: Key::Text(key.to_vec()), value });
            }
        }
        offset = offset.saturating_add(line.len()).saturating_add(1);
    }
    let metadata = (!metadata.is_empty()).then_some(Value::Mapping(metadata));
    Ok(Source { tree: Tree { documents: vec![data] }, metadata, notation: Notation::Flattened })
}

/// The lines of a decrypted file.
///
/// # Errors
///
/// [`EmitError::Complex`] if a value is a mapping or a list.
pub(crate) fn emit(tree: &Tree, version: Version) -> Result<Plaintext, EmitError> {
    let mut buffer = Vec::new();
    for item in tree.documents.iter().flatten() {
        match item {
            Item::Comment(comment) => {
                buffer.extend_from_slice(b"#");
                buffer.extend_from_slice(comment.text.as_bytes());
            }
            Item::Entry { key, value } => {
                let key = flat::key_bytes(key);
                buffer.extend_from_slice(key);
                buffer.extend_from_slice(b"=");
                let text = flat::text(key, value, version)?;
                let mut lines = text.as_bytes().split(|&byte| byte == b'\n');
                buffer.extend_from_slice(lines.next().unwrap_or_default());
                for line in lines {
                    buffer.extend_from_slice(b"\\n");
                    buffer.extend_from_slice(line);
                }
            }
        }
        buffer.extend_from_slice(b"\n");
    }
    Ok(Plaintext::new(buffer))
}

/// One value: its text without escapes and without a line feed.
///
/// # Errors
///
/// [`EmitError::Complex`] if it is a mapping or a list.
pub(crate) fn emit_value(value: &Value, version: Version) -> Result<Plaintext, EmitError> {
    flat::text(b"", value, version)
}

/// Key and value of a line.
fn assignment(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut halves = line.splitn(2, |&byte| byte == b'=');
    Some((halves.next()?, halves.next()?))
}

fn reason(line: &[u8]) -> Reason {
    if line == b"\r" {
        &("a carriage return on a line of its own", Fix::Write("save the file with line feeds alone as line ends"))
    } else {
        &("not a dotenv line: expected KEY=value, or # in the first column", Fix::Place)
    }
}

const METADATA_PREFIX: &[u8] = b"sops_";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::outline;

    #[test]
    fn every_line_is_an_assignment_or_a_comment() {
        for (text, tree, metadata) in [
            ("", "{}", None),
            ("\n\n", "{}", None),
            ("A=1", r#"{A: "1"}"#, None),
            ("A=1\nB=2\n", r#"{A: "1", B: "2"}"#, None),
            ("A=1\nA=2\n", r#"{A: "1", A: "2"}"#, None),
            ("A=\n=x\n", r#"{A: "", : "x"}"#, None),
            ("A=b=c\n", r#"{A: "b=c"}"#, None),
            ("export A = x \n", r#"{export A : " x "}"#, None),
            ("A=\"q\"\nB='q'\n", r#"{A: "\"q\"", B: "\'q\'"}"#, None),
            ("A=a\\nb\\\\nc\\t\n", r#"{A: "a\nb\\\nc\\t"}"#, None),
            ("A=x # y\n", r#"{A: "x # y"}"#, None),
            ("A=x\r\n", r#"{A: "x\r"}"#, None),
            ("# c\n#\n #=x\n", r#"{# c, #,  #: "x"}"#, None),
            (
                "sops_mac=x\nA=1\nsops_age__list_0__map_enc=a\\nb\n",
                r#"{A: "1"}"#,
                Some(r#"{mac: "x", age__list_0__map_enc: "a\nb"}"#),
            ),
            (
                "SOPS_mac=x\nSops_b=y\n sops_c=z\nsops=w\n",
                r#"{SOPS_mac: "x", Sops_b: "y",  sops_c: "z", sops: "w"}"#,
                None,
            ),
            ("sops_=x\n", "{}", Some(r#"{: "x"}"#)),
        ] {
            let source = parse(text.as_bytes()).ok().unwrap();
            assert_eq!(outline::tree(&source.tree), tree, "{text:?}");
            assert_eq!(source.metadata.as_ref().map(outline::value).as_deref(), metadata, "{text:?}");
        }
        let source = parse(b"\xff=\xfe\n").ok().unwrap();
        assert_eq!(outline::tree(&source.tree), r#"{\xff: "\xfe"}"#);
    }

    #[test]
    fn a_line_that_is_neither_is_named_and_not_quoted() {
        for (text, message) in [
            ("A=1\nSECRET\n", "line 2, column 1: not a dotenv line: expected KEY=value, or # in the first column"),
            (" # c\n", "line 1, column 1: not a dotenv line: expected KEY=value, or # in the first column"),
            (
                "A=1\n\r\nB=2\r\n",
                "line 2, column 1: a carriage return on a line of its own; save the file with line feeds alone as line ends",
            ),
            (
                "a: SECRET\nsops:\n    mac: x\n",
                "line 1, column 1: not a dotenv line: expected KEY=value, or # in the first column",
            ),
        ] {
            assert_eq!(parse(text.as_bytes()).err().unwrap().with_fix(), message);
        }
    }

    #[test]
    fn line_feeds_in_values_are_escaped() {
        let source = parse(b"#c\nA=x\\n\\ny\nB=\n C =\"z\"\n").ok().unwrap();
        assert_eq!(emit(&source.tree, Version::OLDEST).ok().unwrap().as_str(), Some("#c\nA=x\\n\\ny\nB=\n C =\"z\"\n"));
    }

    #[test]
    fn a_value_by_itself_has_no_escapes() {
        assert_eq!(
            emit_value(&Value::Scalar(Scalar::text("a\nb\\n")), Version::OLDEST).ok().unwrap().as_str(),
            Some("a\nb\\n")
        );
        assert_eq!(emit_value(&Value::Scalar(Scalar::Float(1.0)), Version::OLDEST).ok().unwrap().as_str(), Some("1.0"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(lines in proptest::collection::vec((key(), "[^\\\\]{0,12}"), 0..8)) {
            let items = lines.iter().map(|(key, value)| match key {
                Some(key) => Item::Entry {
                    key: Key::Text(key.clone().into_bytes()),
                    value: Value::Scalar(Scalar::text(value)),
                },
                None => Item::Comment(Comment::new(Plaintext::from(&*value.replace('\n', "")))),
            });
            let tree = Tree { documents: vec![items.collect()] };
            let text = emit(&tree, Version::OLDEST).ok().unwrap();
            let read = parse(text.as_bytes()).ok().unwrap();
            prop_assert!(read.metadata.is_none());
            prop_assert_eq!(outline::tree(&read.tree), outline::tree(&tree));
        }
    }

    /// A key, or none for a comment.
    fn key() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("([^#s=\n][^=\n]{0,8})?")
    }
}
