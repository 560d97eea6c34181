//! Texts that go-yaml would lose.

use super::EmitError;
use crate::tree::{Item, Key, Mapping, Scalar, Value};

/// Looks for such a text in what stands below `path`, keys joined by `/`.
pub(super) fn find_in_mapping(mapping: &Mapping, path: &str) -> Result<(), EmitError> {
    for item in mapping {
        let Item::Entry { key, value } = item else { continue };
        let name = match key {
            Key::Text(bytes) => String::from_utf8_lossy(bytes),
            Key::Other { text, .. } => text.into(),
        };
        // The key itself is written in the same way.
        let lost_key = go_yaml::is_lost(&name);
        // Most values are leaves, whose path is of no use.
        if lost_key || may_be_lost(value) {
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            if lost_key {
                return Err(EmitError::Lost { key: path });
            }
            find(value, &path)?;
        }
    }
    Ok(())
}

/// The same for a value at `path`.
pub(super) fn find(value: &Value, path: &str) -> Result<(), EmitError> {
    match value {
        Value::Mapping(mapping) => find_in_mapping(mapping, path),
        Value::List(list) => list
            .iter()
            .enumerate()
            .filter(|(_, value)| may_be_lost(value))
            .try_for_each(|(number, value)| find(value, &format!("{path}/{number}"))),
        Value::Scalar(Scalar::Text(text)) if text.as_str().is_some_and(go_yaml::is_lost) => {
            Err(EmitError::Lost { key: path.to_owned() })
        }
        Value::Scalar(_) | Value::Comment(_) => Ok(()),
    }
}

fn may_be_lost(value: &Value) -> bool {
    match value {
        Value::Mapping(_) | Value::List(_) => true,
        Value::Scalar(Scalar::Text(text)) => text.as_bytes().starts_with(b"\t"),
        Value::Scalar(_) | Value::Comment(_) => false,
    }
}
