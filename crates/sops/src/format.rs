//! The formats: how each is read into a tree, and how a tree is written.

pub(crate) mod binary;
pub(crate) mod dotenv;
pub(crate) mod flat;
pub(crate) mod ini;
pub(crate) mod json;
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

/// The error with a way out, if the text shows why it is not of the format that it was declared to be.
pub(crate) fn advise(error: ParseError, text: &[u8], declared: &str) -> ParseError {
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

/// The format that the place of a file's metadata speaks for, or its first character.
fn guess(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
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
