//! The formats: how each is read into a tree, and how a tree is written.

pub(crate) mod binary;
pub(crate) mod dotenv;
pub(crate) mod ini;
pub(crate) mod json;
pub(crate) mod yaml;

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
