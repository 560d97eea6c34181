//! The tree of a sops file: what every format is read into and written from (docs/format.md section 1.1).
//!
//! The same tree holds a file before and after decryption: at first the leaves that a rule calls encrypted are texts
//! like `ENC[...]`, afterwards they are what those stand for.

use go_yaml::Timestamp;

use crate::plaintext::Plaintext;

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

/// The value of a key, or an element of a list.
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
    /// An integer of JSON that is another number as a 64-bit float, which it was up to sops 3.13.1: one that a float cannot
    /// hold, or `-0`. Which of the two it is shows when the MAC is compared.
    JsonInteger {
        /// What it is since sops 3.13.2.
        exact: i64,
        /// What it was before.
        rounded: f64,
    },
    /// A floating-point number, infinities and not-a-number included.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A point in time with its offset.
    Timestamp(Timestamp),
    /// No value: never encrypted, never hashed.
    Null,
}

/// A comment.
pub(crate) struct Comment {
    /// Its text without its mark (`#` or `;`), blanks kept.
    pub(crate) text: Plaintext,
    /// Where it stands, as far as sops remembers.
    pub(crate) place: Place,
}

/// Where a comment stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// On a line of its own, or in a place that sops does not remember.
    OwnLine,
    /// Behind the value that follows it in the tree.
    Inline,
}

/// What integers of JSON are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Integers {
    /// Exact, as since sops 3.13.2.
    Exact,
    /// Floating-point numbers, as up to sops 3.13.1.
    Rounded,
}

impl Tree {
    /// Makes every integer of JSON what it is in this reading.
    pub(crate) fn settle(&mut self, integers: Integers) {
        self.documents.iter_mut().flatten().for_each(|item| item.settle(integers));
    }
}

impl Item {
    fn settle(&mut self, integers: Integers) {
        if let Self::Entry { value, .. } = self {
            value.settle(integers);
        }
    }
}

impl Value {
    fn settle(&mut self, integers: Integers) {
        match self {
            Self::Mapping(mapping) => mapping.iter_mut().for_each(|item| item.settle(integers)),
            Self::List(list) => list.iter_mut().for_each(|value| value.settle(integers)),
            Self::Scalar(scalar) => {
                if let Scalar::JsonInteger { exact, rounded } = *scalar {
                    *scalar = match integers {
                        Integers::Exact => Scalar::Integer(exact),
                        Integers::Rounded => Scalar::Float(rounded),
                    };
                }
            }
            Self::Comment(_) => {}
        }
    }
}

impl Comment {
    /// A comment on a line of its own.
    pub(crate) fn new(text: Plaintext) -> Self {
        Self { text, place: Place::OwnLine }
    }
}

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
            Self::Integer(_) | Self::Unsigned(_) | Self::JsonInteger { .. } => "integer",
            Self::Float(_) => "number",
            Self::Boolean(_) => "boolean",
            Self::Timestamp(_) => "timestamp",
            Self::Null => "null",
        }
    }
}
