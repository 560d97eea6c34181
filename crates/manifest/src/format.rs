//! How the content of a sops file is written.

use std::fmt;

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
    /// A plain age file without sops around it: the whole file is one secret. Not in sops-nix.
    Age,
}

/// Whether the value at `key` is meant, and not the whole file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Keys {
    Always,
    /// With `selectKey`.
    Selected,
    Never,
}

impl Format {
    /// What `key` means.
    pub(crate) fn keys(self) -> Keys {
        match self {
            Self::Yaml | Self::Json => Keys::Always,
            Self::Dotenv | Self::Ini => Keys::Selected,
            Self::Binary | Self::Age => Keys::Never,
        }
    }

    /// The format as a manifest spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
            Self::Age => "age",
        }
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
        match text.as_str() {
            "yaml" | "" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            "dotenv" => Ok(Self::Dotenv),
            "ini" => Ok(Self::Ini),
            "binary" => Ok(Self::Binary),
            "age" => Ok(Self::Age),
            _ => Err(FormatError(text)),
        }
    }
}

/// A text that is no [`Format`].
#[derive(Debug, thiserror::Error)]
#[error("the format {0:?} is not known; use yaml, json, dotenv, ini, binary or age")]
pub struct FormatError(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_read_as_it_is_printed() {
        for format in [Format::Yaml, Format::Json, Format::Dotenv, Format::Ini, Format::Binary, Format::Age] {
            assert_eq!(Format::try_from(format.to_string()).unwrap(), format);
        }
        assert_eq!(Format::try_from(String::new()).unwrap(), Format::Yaml);
    }

    #[test]
    fn an_unknown_format_is_an_error_that_lists_the_known_ones() {
        for bad in ["YAML", "yml", "toml", " json"] {
            assert_eq!(
                Format::try_from(bad.to_owned()).unwrap_err().to_string(),
                format!("the format {bad:?} is not known; use yaml, json, dotenv, ini, binary or age")
            );
        }
    }
}
