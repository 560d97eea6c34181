//! Metadata on lines of their own, as dotenv and INI have it, brought into the form of the others (docs/format.md
//! section 5.4).

use std::collections::BTreeMap;

use go_yaml::number;

use crate::metadata::{MetadataError, mismatch};
use crate::plaintext::Plaintext;
use crate::tree::{Item, Key, Scalar, Value};

/// The nested form of a mapping whose keys are paths like `age__list_0__map_enc`.
///
/// Of a line that is given twice the last counts. Where elements of a list are left out there is one null, however many
/// are: for every list that sops has, several mean the same.
///
/// # Errors
///
/// [`MetadataError::Index`] and [`MetadataError::Contradiction`].
pub(super) fn nest(flattened: &Value) -> Result<Value, MetadataError> {
    let Value::Mapping(items) = flattened else {
        return Err(mismatch("sops".to_owned(), flattened, "lines of keys and values"));
    };
    let mut root = Unfinished::Unknown;
    for item in items {
        let Item::Entry { key: Key::Text(key), value: Value::Scalar(Scalar::Text(text)) } = item else { continue };
        let shown = || String::from_utf8_lossy(key).into_owned();
        let path = path(key).ok_or_else(|| MetadataError::Index { key: shown() })?;
        if path.len() > DEEPEST {
            continue;
        }
        root.place(&path, text).ok_or_else(|| MetadataError::Contradiction { key: shown() })?;
    }
    Ok(root.into_value())
}

/// A step into nested metadata.
enum PathPart<'a> {
    Key(&'a [u8]),
    Index(u16),
}

/// A value, while it is put together from lines.
enum Unfinished<'a> {
    Unknown,
    Text(&'a Plaintext),
    Mapping(BTreeMap<&'a [u8], Unfinished<'a>>),
    List(BTreeMap<u16, Unfinished<'a>>),
}

/// The steps that a key stands for. Separators cannot be escaped; an index that is no number counts as 0.
fn path(key: &[u8]) -> Option<Vec<PathPart<'_>>> {
    let mut path = Vec::new();
    let mut separator = MAP_SEPARATOR;
    let mut rest = key;
    loop {
        let starts_separator = |at: &usize| {
            let rest = rest.get(*at..).unwrap_or_default();
            rest.starts_with(MAP_SEPARATOR) || rest.starts_with(LIST_SEPARATOR)
        };
        let end = (0..rest.len()).find(starts_separator).unwrap_or(rest.len());
        let (text, behind) = rest.split_at_checked(end)?;
        path.push(if separator == MAP_SEPARATOR { PathPart::Key(text) } else { PathPart::Index(index(text)?) });
        separator = match behind {
            [] => return Some(path),
            _ if behind.starts_with(MAP_SEPARATOR) => MAP_SEPARATOR,
            _ => LIST_SEPARATOR,
        };
        rest = behind.strip_prefix(separator)?;
    }
}

fn index(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(0);
    }
    number::parse_decimal(text).and_then(|index| u16::try_from(index).ok())
}

impl<'a> Unfinished<'a> {
    /// Puts a text at a path below the node, unless that contradicts what is known.
    fn place(&mut self, path: &[PathPart<'a>], text: &'a Plaintext) -> Option<()> {
        let mut node = self;
        for token in path {
            node = match token {
                PathPart::Key(key) => {
                    if let Self::Unknown = node {
                        *node = Self::Mapping(BTreeMap::new());
                    }
                    let Self::Mapping(mapping) = node else { return None };
                    mapping.entry(key).or_insert(Self::Unknown)
                }
                PathPart::Index(index) => {
                    if let Self::Unknown = node {
                        *node = Self::List(BTreeMap::new());
                    }
                    let Self::List(list) = node else { return None };
                    list.entry(*index).or_insert(Self::Unknown)
                }
            };
        }
        match node {
            Self::Unknown | Self::Text(_) => {
                *node = Self::Text(text);
                Some(())
            }
            Self::Mapping(_) | Self::List(_) => None,
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Unknown => Value::Scalar(Scalar::Null),
            Self::Text(text) => Value::Scalar(Scalar::Text(text.duplicate())),
            Self::Mapping(mapping) => {
                let items = mapping.into_iter().map(|(key, node)| {
                    let key = Key::Text(key.to_vec());
                    Item::Entry { key, value: node.into_value() }
                });
                Value::Mapping(items.collect())
            }
            Self::List(list) => {
                let mut elements = Vec::new();
                let mut expected = 0;
                for (index, node) in list {
                    if index != expected {
                        elements.push(Value::Scalar(Scalar::Null));
                    }
                    elements.push(node.into_value());
                    expected = index.saturating_add(1);
                }
                Value::List(elements)
            }
        }
    }
}

/// The text with each two bytes `\n` replaced by a line feed. There is no escape for a backslash.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\\', b'n', rest @ ..] => {
                unescaped.push(b'\n');
                rest
            }
            [byte, rest @ ..] => {
                unescaped.push(*byte);
                rest
            }
            [] => return unescaped,
        };
    }
}

const MAP_SEPARATOR: &[u8] = b"__map_";
const LIST_SEPARATOR: &[u8] = b"__list_";

/// Longer paths are no fields that sops knows: the longest leads to the context of a KMS key in a group, in six steps.
const DEEPEST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::outline;

    #[test]
    fn paths_become_mappings_and_lists() {
        for (keys, nested) in [
            (&["mac"][..], r#"{mac: "0"}"#),
            (&["age__list_0__map_enc", "age__list_0__map_recipient"], r#"{age: [{enc: "0", recipient: "1"}]}"#),
            (&["age__list_1__map_enc", "age__list_0__map_enc"], r#"{age: [{enc: "1"}, {enc: "0"}]}"#),
            (&["kms__list_0__map_context__map_k"], r#"{kms: [{context: {k: "0"}}]}"#),
            (&["a__list_0__list_1"], r#"{a: [[null, "0"]]}"#),
            (&["a__list_0__map_"], r#"{a: [{: "0"}]}"#),
            (&["a__list_x", "a__list_1"], r#"{a: ["0", "1"]}"#),
            (&["a__list_", "a__list_+2"], r#"{a: ["0", null, "1"]}"#),
            (&["a__list_007"], r#"{a: [null, "0"]}"#),
            (&["a__list_65535"], r#"{a: [null, "0"]}"#),
            (&["a", "a"], r#"{a: "1"}"#),
            (&["a___map_b"], r#"{a_: {b: "0"}}"#),
            (&["a__mapb"], r#"{a__mapb: "0"}"#),
            (&[""], r#"{: "0"}"#),
            (&["__map_a"], r#"{: {a: "0"}}"#),
            (
                &["a__map_b__map_c__map_d__map_e__map_f__map_g__map_h__map_i__map_j__map_k__map_l__map_m", "b"],
                r#"{b: "1"}"#,
            ),
        ] {
            assert_eq!(outline::value(&nest(&lines(keys)).unwrap_or(Value::List(Vec::new()))), nested, "{keys:?}");
        }
    }

    #[test]
    fn lines_that_contradict_each_other_are_named() {
        for keys in [["a", "a__map_b"], ["a__map_b", "a"], ["a__list_0", "a__map_b"], ["a__map_b", "a__list_0"]] {
            assert_eq!(
                nest(&lines(&keys)).err(),
                Some(MetadataError::Contradiction { key: keys[1].to_owned() }),
                "{keys:?}"
            );
        }
    }

    #[test]
    fn an_index_beyond_any_list_allocates_nothing() {
        for key in ["a__list_65536", "a__list_-1", "a__list_999999999999", "a__list_99999999999999999999"] {
            let error = nest(&lines(&[key])).err().unwrap();
            assert_eq!(
                error.to_string(),
                format!("its sops metadata has the line {key:?} with an index that is negative or above 65535")
            );
        }
    }

    #[test]
    fn only_backslash_n_is_an_escape() {
        for (text, unescaped) in [
            ("a\\nb", "a\nb"),
            ("\\n\\n", "\n\n"),
            ("\\\\n", "\\\n"),
            ("\\", "\\"),
            ("\\t\\r", "\\t\\r"),
            ("n\\", "n\\"),
            ("", ""),
        ] {
            assert_eq!(unescape(text.as_bytes()), unescaped.as_bytes(), "{text:?}");
        }
    }

    /// Lines with these keys, whose values are their numbers.
    fn lines(keys: &[&str]) -> Value {
        let item = |(number, key): (usize, &&str)| Item::Entry {
            key: Key::Text(key.as_bytes().to_vec()),
            value: Value::Scalar(Scalar::text(&number.to_string())),
        };
        Value::Mapping(keys.iter().enumerate().map(item).collect())
    }
}
