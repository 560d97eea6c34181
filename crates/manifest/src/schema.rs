//! What can be said of an object of the manifest and of its fields. What is said of each stands below the type that reads it, and
//! `MANIFEST` is the whole.
//!
//! From it come what the reader takes for an absent field, the range of a number, what is missing, which fields are known,
//! the JSON schema and the manual page of the manifest.

use std::borrow::Cow;

use crate::json::{JsonKind, JsonValue};
use crate::known_to::KnownTo;

/// An object of the manifest.
#[derive(Debug)]
pub struct Object {
    name: &'static str,
    meaning: &'static str,
    fields: &'static [&'static Field],
}

impl Object {
    pub(crate) const fn new(name: &'static str, meaning: &'static str, fields: &'static [&'static Field]) -> Self {
        Self { name, meaning, fields }
    }

    /// What one is called: `manifest`, `secret`, `template` or `logging`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// Its fields, in the order in which people are told of them.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static Field] {
        self.fields
    }
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    kind: FieldKind,
    absent: Absent,
    known_to: KnownTo,
    meaning: &'static str,
}

impl Field {
    /// The name as the modules spell it; read without regard to case.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it can hold, besides null, which is the same as absent.
    #[must_use]
    pub fn kind(&self) -> &FieldKind {
        &self.kind
    }

    /// Whether it cannot be absent.
    #[must_use]
    pub fn is_required(&self) -> bool {
        matches!(self.absent, Absent::Missing(_))
    }

    /// The value that counts if it is absent, as JSON; none if then something else counts, or nothing.
    #[must_use]
    pub fn default_json(&self) -> Option<Cow<'static, str>> {
        let Absent::Counts(value) = &self.absent else {
            return None;
        };
        Some(match &value.kind {
            JsonKind::Number(digits) => Cow::Borrowed(digits),
            JsonKind::Text(text) => Cow::Owned(format!("{text:?}")),
            JsonKind::List(_) => Cow::Borrowed("[]"),
            JsonKind::Object(_) => Cow::Borrowed("{}"),
            word => Cow::Borrowed(word.describe()),
        })
    }

    /// Which programs know it.
    #[must_use]
    pub fn known_to(&self) -> KnownTo {
        self.known_to
    }

    /// What it is for, and what else counts for it, in sentences.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// The value that counts if it is absent.
    pub(crate) fn counts(&'static self) -> Option<&'static JsonValue<'static>> {
        match &self.absent {
            Absent::Counts(value) => Some(value),
            Absent::Missing(_) | Absent::Nothing => None,
        }
    }

    /// What to write if it is missing; empty if it can be absent.
    pub(crate) fn advice(&self) -> &'static str {
        match self.absent {
            Absent::Missing(advice) => advice,
            Absent::Counts(_) | Absent::Nothing => "",
        }
    }
}

/// What a field can hold.
#[derive(Debug)]
pub enum FieldKind {
    /// `true` or `false`.
    Bool,
    /// A whole number from 0.
    Integer {
        /// The largest one.
        most: u64,
        /// The range in words, to continue "it must be".
        range: &'static str,
    },
    /// A string.
    Text,
    /// A string of octal digits.
    Octal,
    /// One of these strings, each with its meaning and which programs know it.
    Word(&'static [(&'static str, &'static str, KnownTo)]),
    /// A list of strings.
    Texts,
    /// An object with strings under names that are free.
    TextsByName,
    /// Another object.
    Object(&'static Object),
    /// A list of objects.
    Objects(&'static Object),
    /// Anything: the field is known but not read.
    Unread,
}

/// What it means that a field is not there.
#[derive(Debug)]
pub(crate) enum Absent {
    /// Is an error with this advice.
    Missing(&'static str),
    /// Is the same as this value.
    Counts(JsonValue<'static>),
    /// Is told in the meaning.
    Nothing,
}

/// Absent, a field counts like this text.
pub(crate) const fn text(text: &'static str) -> Absent {
    counts(JsonKind::Text(Cow::Borrowed(text)))
}

/// Absent, a field counts like this number.
pub(crate) const fn number(digits: &'static str) -> Absent {
    counts(JsonKind::Number(digits))
}

const fn counts(kind: JsonKind<'static>) -> Absent {
    Absent::Counts(JsonValue { at: 0, kind })
}

/// A field that sops-nix has too.
pub(crate) const fn field(name: &'static str, kind: FieldKind, absent: Absent, meaning: &'static str) -> Field {
    Field { name, kind, absent, known_to: KnownTo::SopsNix, meaning }
}

/// A field that sops-nix does not have.
pub(crate) const fn our_field(name: &'static str, kind: FieldKind, absent: Absent, meaning: &'static str) -> Field {
    Field { name, kind, absent, known_to: KnownTo::Ours, meaning }
}

pub(crate) const EMPTY_TEXT: Absent = text("");
pub(crate) const EMPTY_LIST: Absent = counts(JsonKind::List(Vec::new()));
pub(crate) const EMPTY_OBJECT: Absent = counts(JsonKind::Object(Vec::new()));
pub(crate) const FALSE: Absent = counts(JsonKind::Bool(false));
pub(crate) const ZERO: Absent = number("0");
