//! What dotenv and INI have in common: every value is one text (docs/format.md sections 5.4, 7.3 and 7.4).

use go_yaml::number;

use crate::format::{EmitError, push_display};
use crate::plaintext::Plaintext;
use crate::tree::{Key, Scalar, Value};
use crate::version::Version;

/// The text of the value of a key: a string as it is, other leaves as sops prints them in these formats.
///
/// # Errors
///
/// [`EmitError::Complex`] for a mapping or a list.
pub(crate) fn text(key: &[u8], value: &Value, version: Version) -> Result<Plaintext, EmitError> {
    let mut buffer = Vec::new();
    match value {
        Value::Scalar(Scalar::Text(text)) => buffer.extend_from_slice(text.as_bytes()),
        Value::Scalar(Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. }) => {
            push_display(&mut buffer, number);
        }
        Value::Scalar(Scalar::Unsigned(number)) => push_display(&mut buffer, number),
        Value::Scalar(Scalar::Float(number)) => push_float(&mut buffer, *number),
        Value::Scalar(Scalar::Boolean(boolean)) => push_display(&mut buffer, boolean),
        Value::Scalar(Scalar::Timestamp(time)) => buffer.extend_from_slice(time.whole_seconds().as_bytes()),
        // Neither can be read from these formats: a null has no notation, and a comment in the place of a value is one
        // that was encrypted as such by hand. sops prints both as Go prints what it holds.
        Value::Scalar(Scalar::Null) => buffer.extend_from_slice(b"<nil>"),
        Value::Comment(comment) => {
            buffer.extend_from_slice(b"{");
            buffer.extend_from_slice(comment.text.as_bytes());
            if version.knows_inline_comments() {
                buffer.extend_from_slice(b" false");
            }
            buffer.extend_from_slice(b"}");
        }
        Value::Mapping(_) => return Err(complex(key, "mapping")),
        Value::List(_) => return Err(complex(key, "list")),
    }
    Ok(Plaintext::new(buffer))
}

/// The error for a key whose value these formats have no notation for.
pub(crate) fn complex(key: &[u8], kind: &'static str) -> EmitError {
    EmitError::Complex { key: String::from_utf8_lossy(key).into_owned(), kind }
}

/// The bytes of a key; of a YAML key that is no string, its text.
pub(crate) fn key_bytes(key: &Key) -> &[u8] {
    match key {
        Key::Text(bytes) => bytes,
        Key::Other { text, .. } => text.as_bytes(),
    }
}

/// Go's format `%G`, with `.0` behind what could be taken for a whole number.
fn push_float(buffer: &mut Vec<u8>, number: f64) {
    if !number.is_finite() {
        return buffer.extend_from_slice(number::positional(number).as_bytes());
    }
    let mut text = number::general(number);
    text.make_ascii_uppercase();
    let text = Plaintext::new(text.into_bytes());
    buffer.extend_from_slice(text.as_bytes());
    if !text.as_bytes().iter().any(|byte| matches!(byte, b'.' | b'E')) {
        buffer.extend_from_slice(b".0");
    }
}

#[cfg(test)]
mod tests {
    use go_yaml::Timestamp;

    use super::*;
    use crate::tree::Comment;

    #[test]
    fn leaves_print_as_sops_prints_them() {
        let time = |text| Value::Scalar(Scalar::Timestamp(Timestamp::parse_rfc3339(text).unwrap()));
        let float = |number| Value::Scalar(Scalar::Float(number));
        for (value, printed) in [
            (Value::Scalar(Scalar::text("a\nb")), "a\nb"),
            (Value::Scalar(Scalar::Integer(-7)), "-7"),
            (Value::Scalar(Scalar::Unsigned(u64::MAX)), "18446744073709551615"),
            (Value::Scalar(Scalar::Boolean(true)), "true"),
            (Value::Scalar(Scalar::Boolean(false)), "false"),
            (Value::Scalar(Scalar::Null), "<nil>"),
            (Value::Comment(Comment::new(Plaintext::from("x"))), "{x}"),
            (time("2020-01-01T01:02:03.5+02:00"), "2020-01-01T01:02:03+02:00"),
            (float(1.0), "1.0"),
            (float(-0.0), "-0.0"),
            (float(1.5), "1.5"),
            (float(999_999.0), "999999.0"),
            (float(1e6), "1E+06"),
            (float(1.25e7), "1.25E+07"),
            (float(0.00001), "1E-05"),
            (float(0.0001), "0.0001"),
            (float(f64::INFINITY), "+Inf"),
            (float(f64::NEG_INFINITY), "-Inf"),
            (float(f64::NAN), "NaN"),
        ] {
            let text = text(b"k", &value, Version::OLDEST).ok().unwrap();
            assert_eq!(text.as_str(), Some(printed));
        }
    }

    #[test]
    fn mappings_and_lists_have_no_notation() {
        for (value, kind) in [(Value::Mapping(Vec::new()), "mapping"), (Value::List(Vec::new()), "list")] {
            assert_eq!(
                text(b"k", &value, Version::OLDEST).err().unwrap().to_string(),
                format!("the key \"k\" holds a {kind}, which the format has no notation for")
            );
        }
    }
}
