//! The tree of a sops file: what every format is read into and written from (sops-format.md section 1.1).
//!
//! The same tree holds a file before and after decryption: at first the leaves that a rule calls encrypted are texts
//! like `ENC[...]`, afterwards they are what those stand for.

use crate::plaintext::Plaintext;
use crate::timestamp::Timestamp;

/// A whole file: one mapping a document. Every format but YAML has exactly one.
pub(crate) struct Tree {
    pub(crate) documents: Vec<Mapping>,
}

/// Items in the order of the file. Duplicate keys may occur: JSON, dotenv and YAML below the top level keep them.
pub(crate) type Mapping = Vec<Item>;

/// What stands in a mapping.
pub(crate) enum Item {
    /// A key with its value.
    Entry {
        /// The key, with the format's own quoting and escapes resolved.
        key: Key,
        /// What it stands for.
        value: Value,
    },
    /// A comment, placed before the item that it precedes; an end-of-line comment before the item whose line it ends.
    Comment(Comment),
}

/// The key of a mapping's entry.
pub(crate) enum Key {
    /// The bytes of the key. Only dotenv and INI files can hold keys that are not UTF-8.
    Text(Vec<u8>),
    /// A YAML key of another type, which the walk rejects: what it is, as in `int`, and its source text.
    Other {
        /// Go's name of the type, as sops prints it.
        kind: &'static str,
        /// The text in the file. Keys are never encrypted, so this is no secret.
        text: String,
    },
}

/// What stands behind a key or in a list.
pub(crate) enum Value {
    /// Nested keys.
    Mapping(Mapping),
    /// Elements in order; comments among them are elements too.
    List(Vec<Value>),
    /// A comment: an element of a list, or the result of decrypting a value whose type is `comment`.
    Comment(Comment),
    /// A leaf.
    Scalar(Scalar),
}

/// A leaf of the tree.
pub(crate) enum Scalar {
    /// A string, which need not be UTF-8; before decryption also a ciphertext.
    Text(Plaintext),
    /// A whole number.
    Integer(i64),
    /// A YAML integer that only an unsigned number can hold; the walk rejects it.
    Unsigned(u64),
    /// A floating-point number, infinities and not-a-number included.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A point in time with its offset.
    Timestamp(Timestamp),
    /// No value: never encrypted, never hashed.
    Null,
}

/// The text of a comment without its mark (`#` or `;`), blanks kept.
pub(crate) struct Comment(pub(crate) Plaintext);

impl Key {
    /// The bytes of a key that is a string.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(bytes) => Some(bytes),
            Self::Other { .. } => None,
        }
    }
}

impl Scalar {
    /// A string leaf.
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Plaintext::from(text))
    }

    /// The name of the type, as messages use it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "string",
            Self::Integer(_) | Self::Unsigned(_) => "integer",
            Self::Float(_) => "number",
            Self::Boolean(_) => "boolean",
            Self::Timestamp(_) => "timestamp",
            Self::Null => "null",
        }
    }
}
