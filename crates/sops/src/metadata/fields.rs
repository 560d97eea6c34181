//! Reading fields of the metadata as what they must be (docs/format.md sections 5.2 to 5.4).

use go_yaml::{Timestamp, number};

use crate::metadata::flattened::unescape;
use crate::metadata::{MetadataError, Notation, mismatch};
use crate::tree::{Item, Scalar, Value};

/// The fields of one mapping of the metadata.
pub(super) struct Fields<'a> {
    items: &'a [Item],
    /// Where the mapping stands, as in `pgp[0]`; empty for the whole metadata.
    path: String,
    notation: Notation,
}

impl<'a> Fields<'a> {
    /// The fields at the top of the metadata.
    pub(super) fn new(metadata: &'a Value, notation: Notation) -> Result<Self, MetadataError> {
        match metadata {
            Value::Mapping(items) => Ok(Self { items, path: String::new(), notation }),
            other => Err(mismatch("sops".to_owned(), other, "a mapping")),
        }
    }

    /// What a field of this mapping is called in messages.
    pub(super) fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// A text, empty if there is none. Numbers and the like stand for what they look like.
    pub(super) fn text(&self, name: &str) -> Result<String, MetadataError> {
        let Some(value) = self.find(name) else { return Ok(String::new()) };
        let Value::Scalar(scalar) = value else { return Err(mismatch(self.path(name), value, "a text")) };
        Ok(match scalar {
            Scalar::Text(text) if self.notation == Notation::Flattened => lossy(&unescape(text.as_bytes())),
            Scalar::Text(text) => lossy(text.as_bytes()),
            Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. } => number.to_string(),
            Scalar::Unsigned(number) => number.to_string(),
            Scalar::Float(number) => number::positional(*number),
            Scalar::Boolean(boolean) => boolean.to_string(),
            Scalar::Timestamp(time) => time.to_string(),
            Scalar::Null => String::new(),
        })
    }

    /// A point in time, which must be there.
    pub(super) fn time(&self, name: &str) -> Result<Timestamp, MetadataError> {
        match self.find(name) {
            None => Err(MetadataError::Missing { field: self.path(name) }),
            Some(Value::Scalar(Scalar::Timestamp(time))) => Ok(*time),
            Some(_) => Timestamp::parse_rfc3339(&self.text(name)?).ok_or_else(|| MetadataError::Text {
                field: self.path(name),
                expected: "a time like 2024-01-02T03:04:05Z",
            }),
        }
    }

    /// A whole number, 0 if there is none or it is empty. Of a fraction only the whole part counts.
    pub(super) fn integer(&self, name: &str) -> Result<i64, MetadataError> {
        let expected = "a whole number of 64 bits";
        match self.find(name) {
            None => Ok(0),
            Some(Value::Scalar(Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. })) => Ok(*number),
            Some(value @ Value::Scalar(Scalar::Float(number))) => {
                number::parse_decimal(&number::positional(number.trunc()))
                    .ok_or_else(|| mismatch(self.path(name), value, expected))
            }
            Some(Value::Scalar(Scalar::Text(_))) => {
                let text = self.text(name)?;
                // Old versions of sops wrote `2.0`, and YAML gives a float as its text.
                let from_float = || {
                    let number = number::parse_float(&text)?;
                    let whole = if self.notation == Notation::Nested { number.trunc() } else { number };
                    number::parse_decimal(&number::positional(whole))
                };
                let number = if text.is_empty() { Some(0) } else { number::parse_decimal(&text).or_else(from_float) };
                number.ok_or_else(|| MetadataError::Text { field: self.path(name), expected })
            }
            Some(other) => Err(mismatch(self.path(name), other, expected)),
        }
    }

    /// True or false; false if there is none.
    pub(super) fn boolean(&self, name: &str) -> Result<bool, MetadataError> {
        match self.find(name) {
            None => Ok(false),
            Some(Value::Scalar(Scalar::Boolean(boolean))) => Ok(*boolean),
            Some(Value::Scalar(Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. })) => {
                Ok(*number != 0)
            }
            Some(Value::Scalar(Scalar::Float(number))) => Ok(*number != 0.0),
            // For sops 3.12 any other text is false.
            Some(_) if self.notation == Notation::Flattened => Ok(self.text(name)? == "true"),
            Some(Value::Scalar(Scalar::Text(_))) => match &*self.text(name)? {
                "1" | "t" | "T" | "TRUE" | "true" | "True" | "y" | "Y" | "yes" | "on" => Ok(true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" | "n" | "N" | "no" | "off" | "" => Ok(false),
                _ => Err(MetadataError::Text { field: self.path(name), expected: "true or false" }),
            },
            Some(other) => Err(mismatch(self.path(name), other, "true or false")),
        }
    }

    /// The mappings in a list; a null among them has no fields. A mapping by itself is a list of one, or of none if it is
    /// empty.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Self>, MetadataError> {
        let elements = match self.find(name) {
            None => return Ok(Vec::new()),
            Some(Value::List(elements)) => elements.as_slice(),
            Some(Value::Mapping(items)) if items.is_empty() => return Ok(Vec::new()),
            Some(mapping @ Value::Mapping(_)) => std::slice::from_ref(mapping),
            Some(other) => return Err(mismatch(self.path(name), other, "a list")),
        };
        let elements = elements.iter().filter(|element| !matches!(element, Value::Comment(_))).enumerate();
        let fields = elements.map(|(position, element)| {
            let path = format!("{}[{position}]", self.path(name));
            match element {
                Value::Mapping(items) => Ok(Self { items, path, notation: self.notation }),
                Value::Scalar(Scalar::Null) => Ok(Self { items: &[], path, notation: self.notation }),
                other => Err(mismatch(path, other, "a mapping")),
            }
        });
        fields.collect()
    }

    /// The value of a field that is not null. Names match in any case of letters, though the exact one goes first.
    fn find(&self, name: &str) -> Option<&'a Value> {
        let entries = self.items.iter().rev().filter_map(|item| match item {
            Item::Entry { key, value } => Some((key.as_bytes()?, value)),
            Item::Comment(_) => None,
        });
        let exact = entries.clone().find(|(key, _)| *key == name.as_bytes());
        let any_case = || entries.clone().find(|(key, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        present(exact.or_else(any_case).map(|(_, value)| value))
    }
}

/// The value, unless it is null, which stands for an absent one everywhere in the metadata.
pub(super) fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !matches!(value, Value::Scalar(Scalar::Null)))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
