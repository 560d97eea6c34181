//! Which value of a sops file a secret is.

use std::fmt;

/// The way from the top of a sops file to a value, such as `db/password`; empty for the whole file.
///
/// Any text is one. The parts are separated by `/` and may be empty: `a//b` leads through the key "". So a key that has
/// a `/` itself cannot be reached, as in sops-nix (docs/format.md section 8.3).
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct KeyPath(String);

impl KeyPath {
    /// The key as the manifest spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is no key but the whole file.
    #[must_use]
    pub(crate) fn is_whole_file(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys from the top downwards; none for the whole file.
    #[must_use]
    pub fn parts(&self) -> impl DoubleEndedIterator<Item = &str> {
        // The whole file has no part; `split` alone would give one empty part.
        Some(self.0.as_str()).filter(|text| !text.is_empty()).into_iter().flat_map(|text| text.split('/'))
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<String> for KeyPath {
    fn from(text: String) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split_at_slashes_and_parts_may_be_empty() {
        for (text, parts) in [
            ("a", &["a"][..]),
            ("a/b/0", &["a", "b", "0"]),
            ("a//b", &["a", "", "b"]),
            ("/", &["", ""]),
            ("/a", &["", "a"]),
            ("a/", &["a", ""]),
            ("", &[]),
        ] {
            let key = KeyPath::from(text.to_owned());
            assert_eq!(key.parts().collect::<Vec<_>>(), parts, "{text}");
            assert_eq!((key.to_string().as_str(), key.is_whole_file()), (text, parts.is_empty()));
        }
    }
}
