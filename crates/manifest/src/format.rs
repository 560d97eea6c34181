//! How the content of a sops file is written.

use std::fmt;

use crate::known_to::KnownTo;

/// The format of a sops file.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Format {
    /// A YAML mapping: each key can be a secret. What the empty text and an absent field mean.
    #[default]
    Yaml,
    /// A JSON object: each key can be a secret.
    Json,
    /// Lines of `KEY=value`.
    Dotenv,
    /// Sections of `key = value`.
    Ini,
    /// Any bytes: the whole file is one secret.
    Binary,
    /// A plain age file without sops around it: the whole file is one secret.
    Age,
}

/// When the value at `key` is meant, and not the whole file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyCounts {
    Always,
    /// With `selectKey`.
    Selected,
    Never,
}

impl Format {
    /// All, in the order in which people are told of them.
    pub const ALL: [Self; 6] = [Self::Yaml, Self::Json, Self::Dotenv, Self::Ini, Self::Binary, Self::Age];

    /// What a manifest calls each, what it is, and which programs know it.
    pub(crate) const WORDS: [(&'static str, &'static str, KnownTo); 6] = {
        let [yaml, json, dotenv, ini, binary, age] = Self::ALL;
        [yaml.word(), json.word(), dotenv.word(), ini.word(), binary.word(), age.word()]
    };

    const fn word(self) -> (&'static str, &'static str, KnownTo) {
        match self {
            Self::Yaml => ("yaml", "a YAML mapping, of which each key can be a secret", KnownTo::SopsNix),
            Self::Json => ("json", "a JSON object, of which each key can be a secret", KnownTo::SopsNix),
            Self::Dotenv => ("dotenv", "lines of KEY=value", KnownTo::SopsNix),
            Self::Ini => ("ini", "sections of key = value", KnownTo::SopsNix),
            Self::Binary => ("binary", "any bytes, which are one secret", KnownTo::SopsNix),
            Self::Age => ("age", "a plain age file without sops around it, which is one secret", KnownTo::Ours),
        }
    }

    /// What `key` means.
    pub(crate) fn key_counts(self) -> KeyCounts {
        match self {
            Self::Yaml | Self::Json => KeyCounts::Always,
            Self::Dotenv | Self::Ini => KeyCounts::Selected,
            Self::Binary | Self::Age => KeyCounts::Never,
        }
    }

    /// The format as a manifest spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.word().0
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Stricter than sops-nix, which reads a file of an unknown format as YAML without a word (docs/format.md section 8.3).
impl TryFrom<String> for Format {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        match Self::ALL.into_iter().find(|format| format.as_str() == text) {
            Some(format) => Ok(format),
            None if text.is_empty() => Ok(Self::default()),
            None => Err(FormatError(text)),
        }
    }
}

/// A text that is no [`Format`].
#[derive(Debug, thiserror::Error)]
#[error("the format {0:?} is not known")]
pub struct FormatError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_is_printed() {
        for format in Format::ALL {
            assert_eq!(Format::try_from(format.to_string()).unwrap(), format);
        }
        assert_eq!(Format::try_from(String::new()).unwrap(), Format::Yaml);
    }

    #[test]
    fn an_unknown_format_is_an_error() {
        for bad in ["YAML", "yml", "html", " json"] {
            assert_eq!(
                Format::try_from(bad.to_owned()).unwrap_err().to_string(),
                format!("the format {bad:?} is not known")
            );
        }
    }
}
