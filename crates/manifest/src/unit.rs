//! The names of systemd units that are restarted or reloaded after a change.

use std::fmt;

/// The name of a systemd unit, such as `nginx.service`.
///
/// Invariant: a prefix of ASCII letters, digits and `:_.\@-` that does not begin with `-`, a known suffix, at most 255
/// bytes; not a template without its instance (systemd.unit(5)). So it is one word on a command line and never an
/// option.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnitName(String);

impl UnitName {
    /// The name with its suffix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for UnitName {
    type Error = UnitError;

    /// A name without a suffix is that of a service, as for systemctl.
    fn try_from(text: String) -> Result<Self, UnitError> {
        if text.is_empty() {
            return Err(UnitError::Empty);
        }
        let has_suffix = text.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
        let text = if has_suffix { text } else { text + ".service" };
        if text.len() > UNIT_BYTES {
            return Err(UnitError::Long(text));
        }
        if text.starts_with('-') {
            return Err(UnitError::Option(text));
        }
        let known = |character: char| character.is_ascii_alphanumeric() || ":_.\\@-".contains(character);
        if let Some(character) = text.chars().find(|character| !known(*character)) {
            return Err(UnitError::Character(text, character));
        }
        match text.rsplit_once('.') {
            None | Some(("", _)) => Err(UnitError::NoPrefix(text)),
            Some((prefix, _)) if prefix.starts_with('@') => Err(UnitError::NoPrefix(text)),
            Some((prefix, _)) if prefix.ends_with('@') => Err(UnitError::NoInstance(text)),
            Some(_) => Ok(Self(text)),
        }
    }
}

/// Why a text is no [`UnitName`].
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// The empty text.
    #[error("the unit name is empty")]
    Empty,
    /// Nothing before the suffix, or nothing before the `@`.
    #[error("the unit name {0:?} has nothing before its suffix or its @")]
    NoPrefix(String),
    /// `getty@.service`, which is no unit until it has an instance.
    #[error("the unit {0:?} is a template")]
    NoInstance(String),
    /// A leading `-`.
    #[error(
        "the unit name {0:?} begins with -, like an option of systemctl; such a unit cannot be restarted from here"
    )]
    Option(String),
    /// A character that no unit name has.
    #[error("the unit name {0:?} has the character {1:?}")]
    Character(String, char),
    /// More than 255 bytes.
    #[error("the unit name {0:?} has more than {UNIT_BYTES} bytes, the limit of systemd")]
    Long(String),
}

/// `UNIT_NAME_MAX` of systemd.
const UNIT_BYTES: usize = 255;

/// The types of units (systemd.unit(5)).
const SUFFIXES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_a_known_suffix() {
        for suffix in SUFFIXES {
            for prefix in ["a", "a.b", "A-1:_x", r"dev-disk\x2dby", "getty@tty1", "a@b@c"] {
                let text = format!("{prefix}.{suffix}");
                assert_eq!(UnitName::try_from(text.clone()).unwrap().to_string(), text);
            }
        }
        assert!(UnitName::try_from(format!("{}.service", "x".repeat(247))).is_ok());
    }

    #[test]
    fn without_a_suffix_of_systemd_it_is_a_service() {
        for (text, name) in [("nginx", "nginx.service"), ("a.b", "a.b.service"), ("a.Service", "a.Service.service")] {
            assert_eq!(UnitName::try_from(text.to_owned()).unwrap().as_str(), name);
        }
    }

    #[test]
    fn each_reason_against_a_unit_has_its_words() {
        let long = format!("{}.service", "x".repeat(248));
        for (bad, message) in [
            ("", "the unit name is empty"),
            (".service", r#"the unit name ".service" has nothing before its suffix or its @"#),
            ("@a.service", r#"the unit name "@a.service" has nothing before its suffix or its @"#),
            ("getty@.service", r#"the unit "getty@.service" is a template"#),
            (
                "-a.service",
                r#"the unit name "-a.service" begins with -, like an option of systemctl; such a unit cannot be restarted from here"#,
            ),
            ("a b.service", r#"the unit name "a b.service" has the character ' '"#),
            ("a\n.service", r#"the unit name "a\n.service" has the character '\n'"#),
            ("a/b.mount", r#"the unit name "a/b.mount" has the character '/'"#),
            ("é.service", r#"the unit name "é.service" has the character 'é'"#),
            (&long, &format!("the unit name {long:?} has more than 255 bytes, the limit of systemd")),
        ] {
            assert_eq!(UnitName::try_from(bad.to_owned()).unwrap_err().to_string(), message);
        }
    }
}
