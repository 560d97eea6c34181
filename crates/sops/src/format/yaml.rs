//! YAML as sops reads and writes it: with go-yaml v3, so YAML 1.1 with the scalar types and the places for comments that
//! go-yaml has (sops-format.md sections 7.1 and 7.2).

mod compose;
mod emitter;
mod parser;
mod resolve;
mod scanner;
mod style;
mod text;

use crate::error::ParseError;
use crate::format::{self, Source};
use crate::plaintext::Plaintext;
use crate::tree::{Tree, Value};

/// Reads a file of any number of documents. The metadata is what stands behind the key `sops` of the first one; in it,
/// what is neither null nor printed as it is written, such as a date, is a text.
///
/// # Errors
///
/// A text that is not YAML 1.1 or has no tree: see [`compose::compose`] and [`parser::parse`].
pub(crate) fn parse(bytes: &[u8]) -> Result<Source, ParseError> {
    read(bytes).map_err(|error| format::advise(error, bytes, "yaml"))
}

fn read(bytes: &[u8]) -> Result<Source, ParseError> {
    let text = text::decode(bytes)?;
    compose::compose(&parser::parse(&text)?)
}

/// Writes a whole file as `sops decrypt` prints it, byte for byte, its oddities included.
pub(crate) fn emit(tree: &Tree) -> Plaintext {
    emitter::emit(tree)
}

/// Writes one value: a mapping or list as a document of its own, a scalar as its bare text.
pub(crate) fn emit_value(value: &Value) -> Plaintext {
    emitter::emit_value(value)
}

#[cfg(test)]
mod tests;
