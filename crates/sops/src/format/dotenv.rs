//! dotenv files: lines of `KEY=value` (sops-format.md section 7.3).
//!
//! This is not the dotenv of shells: there are no quotes, no `export`, no variables and no blanks to trim, and the only
//! escape is `\n` in a value.

use crate::buffer::Buffer;
use crate::error::{EmitError, ParseError};
use crate::format::{self, Notation, Source, flat};
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};

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
            [b'#', text @ ..] => data.push(Item::Comment(Comment(Plaintext::new(text.to_vec())))),
            _ => {
                let Some((key, value)) = assignment(line) else {
                    return Err(format::advise(ParseError::at(bytes, offset, problem(line)), bytes, "dotenv"));
                };
                let value = Value::Scalar(Scalar::Text(Plaintext::new(flat::unescape(value))));
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
pub(crate) fn emit(tree: &Tree) -> Result<Plaintext, EmitError> {
    let mut buffer = Buffer::default();
    for item in tree.documents.iter().flatten() {
        match item {
            Item::Comment(comment) => {
                buffer.push(b"#");
                buffer.push(comment.0.as_bytes());
            }
            Item::Entry { key, value } => {
                let key = flat::key_bytes(key);
                buffer.push(key);
                buffer.push(b"=");
                let text = flat::text(key, value)?;
                let mut lines = text.as_bytes().split(|&byte| byte == b'\n');
                buffer.push(lines.next().unwrap_or_default());
                for line in lines {
                    buffer.push(b"\\n");
                    buffer.push(line);
                }
            }
        }
        buffer.push(b"\n");
    }
    Ok(buffer.into_plaintext())
}

/// One value: its text without escapes and without a line feed.
///
/// # Errors
///
/// [`EmitError::Complex`] if it is a mapping or a list.
pub(crate) fn emit_value(value: &Value) -> Result<Plaintext, EmitError> {
    flat::text(b"", value)
}

/// Key and value of a line.
fn assignment(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut halves = line.splitn(2, |&byte| byte == b'=');
    Some((halves.next()?, halves.next()?))
}

fn problem(line: &[u8]) -> &'static str {
    if line == b"\r" {
        "a carriage return on a line of its own; save the file with line feeds alone as line ends"
    } else {
        "not a dotenv line: expected KEY=value, or # in the first column"
    }
}

const METADATA_PREFIX: &[u8] = b"sops_";
