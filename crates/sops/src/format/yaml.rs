//! YAML as sops reads and writes it: with go-yaml v3 (docs/format.md sections 7.1 and 7.2).

mod lost;
mod read;
mod write;

use go_yaml::{Fragment, Stream};

use crate::format::{EmitError, ParseError, Source};
use crate::metadata::Notation;
use crate::plaintext::Plaintext;
use crate::tree::{Tree, Value};
use crate::version::Version;

/// Reads a file of any number of documents. The metadata is the value of the key `sops` in the first one; in it,
/// what is neither null nor printed as it is written, such as a date, is a text.
///
/// # Errors
///
/// A text that is not YAML 1.1 or has no tree: see [`read::compose`] and [`Stream::parse`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    let text = go_yaml::decode(bytes)?;
    let (tree, metadata) = read::compose(&Stream::parse(&text)?)?;
    Ok(Source { tree, metadata, notation: Notation::Nested })
}

/// Writes a whole file as the `sops decrypt` of a version prints it, byte for byte, its oddities included.
///
/// # Errors
///
/// [`EmitError::Lost`] names the first text that is lost, if a comment is at one: on that sops fails.
pub(crate) fn emit(tree: &Tree, version: Version) -> Result<Plaintext, EmitError> {
    let documents = write::documents(tree, version);
    if documents.iter().any(Fragment::is_refused) {
        check(tree)?;
    }
    Ok(Plaintext::new(go_yaml::print(&documents)))
}

/// Looks for a text that [`emit`] loses: sops prints null for one of several lines that begins with a tab.
///
/// # Errors
///
/// [`EmitError::Lost`] names the first.
pub(crate) fn check(tree: &Tree) -> Result<(), EmitError> {
    tree.documents.iter().try_for_each(|document| lost::find_in_mapping(document, ""))
}

/// Writes one value: a mapping or list as a document of its own, a scalar as its bare text.
///
/// # Errors
///
/// [`EmitError::Lost`] if a text in it would be lost.
pub(crate) fn emit_value(value: &Value, version: Version) -> Result<Plaintext, EmitError> {
    if matches!(value, Value::Mapping(_) | Value::List(_)) {
        lost::find(value, "")?;
    }
    Ok(write::emit_value(value, version))
}

#[cfg(test)]
mod tests;
