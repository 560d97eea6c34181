//! Trees as text on one line, for tests to compare.

use std::fmt::Write;

use crate::format::flat;
use crate::tree::{Item, Scalar, Tree, Value};

/// A file with one document: `{key: "text", list: [1, true, null], #comment}`. Bytes that are not UTF-8 are `\xff`.
pub(crate) fn tree(tree: &Tree) -> String {
    assert_eq!(tree.documents.len(), 1);
    mapping(&tree.documents[0])
}

/// A value of a tree.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::Mapping(items) => mapping(items),
        Value::List(list) => format!("[{}]", list.iter().map(self::value).collect::<Vec<_>>().join(", ")),
        Value::Comment(comment) => format!("#{}", bytes(comment.text.as_bytes())),
        Value::Scalar(Scalar::Text(text)) => format!("\"{}\"", bytes(text.as_bytes())),
        Value::Scalar(Scalar::Integer(number)) => number.to_string(),
        Value::Scalar(Scalar::Unsigned(number)) => number.to_string(),
        Value::Scalar(Scalar::JsonInteger { exact, rounded }) => format!("{exact} or {rounded}"),
        Value::Scalar(Scalar::Float(number)) => number.to_string(),
        Value::Scalar(Scalar::Boolean(boolean)) => boolean.to_string(),
        Value::Scalar(Scalar::Timestamp(time)) => time.to_string(),
        Value::Scalar(Scalar::Null) => "null".to_owned(),
    }
}

fn mapping(items: &[Item]) -> String {
    let items = items.iter().map(|item| match item {
        Item::Entry { key, value } => format!("{}: {}", bytes(flat::key_bytes(key)), self::value(value)),
        Item::Comment(comment) => format!("#{}", bytes(comment.text.as_bytes())),
    });
    format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
}

/// Text with the escapes of Rust.
fn bytes(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        write!(text, "{}{}", chunk.valid().escape_debug(), chunk.invalid().escape_ascii()).unwrap();
    }
    text
}
