//! The paths of a manifest: those that are written to, and those that are only read.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::name::{COMPONENT_BYTES, PATH_BYTES};

/// A place that is written to, such as `/run/secrets`.
///
/// Invariant: begins with `/`; no component is empty, `.` or `..`; no NUL byte; no longer than a path can be. Superfluous
/// `/` and components `.` are removed while reading, so equal places are equal texts.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AbsolutePath(String);

impl AbsolutePath {
    pub(crate) fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// Whether the other path is this one or below it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        other.as_path().starts_with(self.as_path())
    }

    /// The place of a relative path below this one.
    pub(crate) fn join(&self, below: &str) -> Result<Self, PathError> {
        Self::try_from([&self.0, "/", below].concat())
    }
}

impl AsRef<Path> for AbsolutePath {
    fn as_ref(&self) -> &Path {
        self.as_path()
    }
}

impl fmt::Display for AbsolutePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for AbsolutePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        check(&text)?;
        if !text.starts_with('/') {
            return Err(PathError::Relative(text));
        }
        let mut path = String::with_capacity(text.len());
        for component in text.split('/') {
            match component {
                "" | "." => {}
                ".." => return Err(PathError::DotDot(text)),
                long if long.len() > COMPONENT_BYTES => return Err(PathError::Long(text)),
                _ => {
                    path.push('/');
                    path.push_str(component);
                }
            }
        }
        if path.is_empty() {
            path.push('/');
        }
        Ok(Self(path))
    }
}

/// A file or directory that is only read, such as `/etc/ssh/ssh_host_ed25519_key`; it may be relative, as in sops-nix.
///
/// Invariant: not empty; no NUL byte; no longer than a path can be.
#[derive(Debug)]
pub(crate) struct SourcePath(PathBuf);

impl From<SourcePath> for PathBuf {
    fn from(path: SourcePath) -> Self {
        path.0
    }
}

impl TryFrom<String> for SourcePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        check(&text)?;
        Ok(Self(PathBuf::from(text)))
    }
}

/// Why a text is no path.
#[derive(Debug, thiserror::Error)]
pub enum PathError {
    /// The empty text.
    #[error("the path is empty")]
    Empty,
    /// A path that depends on the working directory.
    #[error("the path {0:?} is relative")]
    Relative(String),
    /// A component `..`, which leads elsewhere if the component before it is a link.
    #[error("the path {0:?} has a component ..")]
    DotDot(String),
    /// A NUL byte, which no path can hold.
    #[error("the path {0:?} has a NUL byte, which no path can hold")]
    Nul(String),
    /// A component over 255 bytes.
    #[error("the path {0:?} has a component of more than {COMPONENT_BYTES} bytes, the limit for a file name")]
    Long(String),
    /// More than a path can have.
    #[error("the path has more than {PATH_BYTES} bytes, the limit for a path")]
    TooLong,
}

/// What `%r` stands for in the paths of a manifest with `userMode`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuntimeDirectory<'r> {
    /// The value of `XDG_RUNTIME_DIR`; it may be empty, as in sops-nix.
    At(&'r str),
    /// `XDG_RUNTIME_DIR` is not set: `%r` is an error.
    Unset,
    /// Nothing will be installed, as in the check modes: `%r` stands for `/%r`, so that the paths can be compared.
    Unneeded,
}

impl RuntimeDirectory<'_> {
    /// The text with `%r` and `%%` replaced; any other `%` stays. None if `%r` is there and means nothing.
    pub(crate) fn expand(self, text: &str) -> Option<Cow<'_, str>> {
        if !text.contains('%') {
            return Some(Cow::Borrowed(text));
        }
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('%') {
            expanded.push_str(before);
            rest = if let Some(behind) = behind.strip_prefix('r') {
                expanded.push_str(match self {
                    Self::At(directory) => directory,
                    Self::Unset => return None,
                    Self::Unneeded => "/%r",
                });
                behind
            } else {
                expanded.push('%');
                behind.strip_prefix('%').unwrap_or(behind)
            };
        }
        expanded.push_str(rest);
        Some(Cow::Owned(expanded))
    }
}

fn check(text: &str) -> Result<(), PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    if text.len() > PATH_BYTES {
        return Err(PathError::TooLong);
    }
    if text.contains('\0') {
        return Err(PathError::Nul(text.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_has_one_spelling() {
        for (text, path) in [
            ("/run/secrets", "/run/secrets"),
            ("//run///secrets/", "/run/secrets"),
            ("/./run/./secrets/.", "/run/secrets"),
            ("/", "/"),
            ("//", "/"),
            ("/a b/%r/...", "/a b/%r/..."),
        ] {
            assert_eq!(AbsolutePath::try_from(text.to_owned()).unwrap().as_str(), path);
        }
    }

    #[test]
    fn each_reason_against_a_path_has_its_words() {
        let component = format!("/{}", "x".repeat(256));
        for (bad, message) in [
            ("", "the path is empty"),
            ("run/secrets", r#"the path "run/secrets" is relative"#),
            ("~/x", r#"the path "~/x" is relative"#),
            ("%t/x", r#"the path "%t/x" is relative"#),
            ("%r/secrets", r#"the path "%r/secrets" is relative"#),
            ("/run/../etc", r#"the path "/run/../etc" has a component .."#),
            ("/a\0b", r#"the path "/a\0b" has a NUL byte, which no path can hold"#),
            (
                &component,
                &format!("the path {component:?} has a component of more than 255 bytes, the limit for a file name"),
            ),
            (&"/x".repeat(2048), "the path has more than 4095 bytes, the limit for a path"),
        ] {
            assert_eq!(AbsolutePath::try_from(bad.to_owned()).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_source_path_may_be_relative_but_has_to_be_a_path() {
        for good in ["/etc/key", "key", "../a//b"] {
            assert_eq!(PathBuf::from(SourcePath::try_from(good.to_owned()).unwrap()), Path::new(good));
        }
        for (bad, message) in [
            ("", "the path is empty"),
            ("a\0b", r#"the path "a\0b" has a NUL byte, which no path can hold"#),
            (&"x".repeat(4096), "the path has more than 4095 bytes, the limit for a path"),
        ] {
            assert_eq!(SourcePath::try_from(bad.to_owned()).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn a_path_holds_itself_and_what_is_below_it() {
        let path = |text: &str| AbsolutePath::try_from(text.to_owned()).unwrap();
        for (outer, inner, holds) in
            [("/a", "/a", true), ("/a", "/a/b", true), ("/", "/a", true), ("/a", "/ab", false), ("/a/b", "/a", false)]
        {
            assert_eq!(path(outer).holds(&path(inner)), holds, "{outer} {inner}");
        }
    }

    #[test]
    fn the_runtime_directory_stands_in_for_percent_r_only() {
        for (text, expanded) in [
            ("%r/secrets.d", "/run/user/1/secrets.d"),
            ("%r%r", "/run/user/1/run/user/1"),
            ("100%%", "100%"),
            ("%%r", "%r"),
            ("%%%r", "%/run/user/1"),
            ("%x%", "%x%"),
            ("%x%r", "%x/run/user/1"),
            ("/é%rö", "/é/run/user/1ö"),
            ("", ""),
        ] {
            assert_eq!(RuntimeDirectory::At("/run/user/1").expand(text).unwrap(), expanded, "{text}");
        }
        assert_eq!(RuntimeDirectory::Unneeded.expand("%r/%%/%x").unwrap(), "/%r/%/%x");
        assert_eq!(RuntimeDirectory::Unset.expand("/a%%b%x").unwrap(), "/a%b%x");
        assert_eq!(RuntimeDirectory::Unset.expand("%r/a"), None);
        assert_eq!(RuntimeDirectory::At("").expand("%r/a").unwrap(), "/a");
    }
}
