//! Where a secret or template stands below the generation directory.

use std::fmt;

use serde::Deserialize;

/// A relative path of ordinary components, such as `db/password`: the place of a file below a generation directory.
///
/// Invariant: not empty; no component is empty, `.` or `..`; no NUL byte; no component is longer than 255 bytes. So a
/// name joined to a directory never leaves it.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name as the manifest spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, from the generation directory downwards; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.starts_with('/') {
            return Err(NameError::Absolute(text));
        }
        if text.contains('\0') {
            return Err(NameError::Nul(text));
        }
        for component in text.split('/') {
            match component {
                "" => return Err(NameError::EmptyComponent(text)),
                "." | ".." => return Err(NameError::Dots(text)),
                long if long.len() > COMPONENT_BYTES => return Err(NameError::Long(text)),
                _ => {}
            }
        }
        Ok(Self(text))
    }
}

/// Why a text is no [`Name`].
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The empty text.
    #[error("the name is empty; give it a relative path such as db/password")]
    Empty,
    /// A path from the root.
    #[error("the name {0:?} is an absolute path; a name is relative, remove the leading /")]
    Absolute(String),
    /// `a//b` or `a/`.
    #[error("the name {0:?} has an empty component; remove the superfluous /")]
    EmptyComponent(String),
    /// `.` or `..` as a component.
    #[error("the name {0:?} has a component . or .., which could leave the secrets directory; spell the path out")]
    Dots(String),
    /// A NUL byte, which no path can hold.
    #[error("the name {0:?} has a NUL byte, which no file name can hold")]
    Nul(String),
    /// A component over 255 bytes.
    #[error("the name {0:?} has a component of more than {COMPONENT_BYTES} bytes, the limit for a file name")]
    Long(String),
}

/// `NAME_MAX` of every Linux file system.
const COMPONENT_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_its_directory() {
        for good in ["a", "a/b", "..a/b..", "a b", "ключ", "...", &"x".repeat(255)] {
            assert_eq!(Name::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b", &"x".repeat(256)] {
            assert!(Name::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
