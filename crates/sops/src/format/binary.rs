//! Any file at all, which sops keeps as a string in a JSON document (sops-format.md section 7.6).

use crate::error::{EmitError, ParseError};
use crate::format::{Source, json};
use crate::plaintext::Plaintext;
use crate::tree::{Item, Scalar, Tree, Value};

/// The JSON document around the encrypted bytes.
///
/// # Errors
///
/// [`ParseError`] if it is not one JSON object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    json::parse_as("binary", bytes)
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
