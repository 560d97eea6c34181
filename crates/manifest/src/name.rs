//! Where a secret or template stands below the generation directory.

use std::fmt;

/// A relative path of ordinary components, such as `db/password`: the place of a file below a generation directory.
///
/// Invariant: not empty; no component is empty, `.` or `..`; no NUL byte; no component is longer than 255 bytes and the
/// whole no longer than a path can be. So a name joined to a directory never leaves it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Name(String);

impl Name {
    /// The name as the manifest spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, from the generation directory downwards; at least one.
    #[must_use]
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
        if text.len() > PATH_BYTES {
            return Err(NameError::TooLong);
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
    #[error("the name is empty")]
    Empty,
    /// A path from the root.
    #[error("the name {0:?} is an absolute path")]
    Absolute(String),
    /// `a//b` or `a/`.
    #[error("the name {0:?} has an empty component")]
    EmptyComponent(String),
    /// `.` or `..` as a component.
    #[error("the name {0:?} has a component . or .., which could leave the secrets directory")]
    Dots(String),
    /// A NUL byte, which no path can hold.
    #[error("the name {0:?} has a NUL byte, which no file name can hold")]
    Nul(String),
    /// A component over 255 bytes.
    #[error("the name {0:?} has a component of more than {COMPONENT_BYTES} bytes, the limit for a file name")]
    Long(String),
    /// More than a path can have.
    #[error("the name has more than {PATH_BYTES} bytes, the limit for a path")]
    TooLong,
}

/// `NAME_MAX` of every Linux file system.
pub(crate) const COMPONENT_BYTES: usize = 255;

/// `PATH_MAX` of Linux without the NUL byte at the end.
pub(crate) const PATH_BYTES: usize = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_below_its_directory() {
        let longest = ["x/".repeat(2047), "y".to_owned()].concat();
        for good in ["a", "a/b", "..a/b..", "a b", "ключ", "...", &"x".repeat(255), &longest] {
            assert_eq!(Name::try_from(good.to_owned()).unwrap().as_str(), good);
        }
    }

    #[test]
    fn each_reason_against_a_name_has_its_words() {
        let component = "x".repeat(256);
        for (bad, message) in [
            ("", "the name is empty"),
            ("/", r#"the name "/" is an absolute path"#),
            ("/a", r#"the name "/a" is an absolute path"#),
            ("a/", r#"the name "a/" has an empty component"#),
            ("a//b", r#"the name "a//b" has an empty component"#),
            (".", r#"the name "." has a component . or .., which could leave the secrets directory"#),
            ("a/..", r#"the name "a/.." has a component . or .., which could leave the secrets directory"#),
            ("../a", r#"the name "../a" has a component . or .., which could leave the secrets directory"#),
            ("a\0b", r#"the name "a\0b" has a NUL byte, which no file name can hold"#),
            (
                &component,
                &format!("the name \"{component}\" has a component of more than 255 bytes, the limit for a file name"),
            ),
            (&"x/".repeat(2048), "the name has more than 4095 bytes, the limit for a path"),
        ] {
            assert_eq!(Name::try_from(bad.to_owned()).unwrap_err().to_string(), message);
        }
    }
}
