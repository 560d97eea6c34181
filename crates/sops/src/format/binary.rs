//! Any file at all, which sops keeps as a string in a JSON document (docs/format.md section 7.6).

use crate::format::{EmitError, ParseError, Source, json};
use crate::plaintext::Plaintext;
use crate::tree::{Item, Scalar, Tree, Value};

/// The JSON document around the encrypted bytes.
///
/// # Errors
///
/// [`ParseError`] if it is not one JSON object.
pub(crate) fn parse(file: &Plaintext) -> Result<Source, ParseError> {
    json::parse_shared(file)
}

/// The bytes that were encrypted, which the first item named `data` holds; nothing is added.
///
/// # Errors
///
/// [`EmitError::NoData`] if there is no such item, or it is not a string.
pub(crate) fn emit(tree: &Tree) -> Result<Plaintext, EmitError> {
    let data = tree.documents.iter().flatten().find_map(|item| match item {
        Item::Entry { key, value } if key.as_bytes() == Some(b"data") => Some(value),
        _ => None,
    });
    match data {
        Some(Value::Scalar(Scalar::Text(text))) => Ok(text.duplicate()),
        _ => Err(EmitError::NoData),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Key, Mapping};

    #[test]
    fn the_first_data_is_the_file() {
        for (items, bytes) in [
            (vec![("data", Scalar::text("a\n"))], &b"a\n"[..]),
            (vec![("data", Scalar::text(""))], b""),
            (
                vec![("other", Scalar::Null), ("data", Scalar::text("first")), ("data", Scalar::text("second"))],
                b"first",
            ),
            (vec![("data", Scalar::Text(Plaintext::new(vec![0, 0xff, 0x0a])))], &[0, 0xff, 0x0a]),
        ] {
            assert_eq!(emit(&tree(items)).ok().unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn without_a_string_named_data_there_is_no_file() {
        for items in
            [vec![], vec![("Data", Scalar::text("x"))], vec![("data", Scalar::Integer(1)), ("data", Scalar::text("x"))]]
        {
            assert_eq!(
                emit(&tree(items)).err().unwrap().to_string(),
                "the file has no string named data, so it is not the encrypted form of a binary file"
            );
        }
    }

    #[test]
    fn a_file_that_does_not_begin_as_json_is_told_from_a_broken_one() {
        for (text, message) in [
            ("{", "line 1, column 2: the JSON ends before its object does, so its end was cut off; Restore"),
            ("a: b\nsops:\n    mac: x\n", "line 1, column 1: expected {, with which a sops file in JSON starts"),
        ] {
            assert_eq!(parse(&Plaintext::from(text)).err().unwrap().with_fix(), message);
        }
    }

    fn tree(items: Vec<(&str, Scalar)>) -> Tree {
        let item = |(key, scalar): (&str, Scalar)| Item::Entry {
            key: Key::Text(key.as_bytes().to_vec()),
            value: Value::Scalar(scalar),
        };
        Tree { documents: vec![items.into_iter().map(item).collect::<Mapping>()] }
    }
}
