//! Under which name a secret is a systemd credential.

use std::fmt;

use crate::Name;

/// The file name of a credential below `/run/credstore`, such as `db-password` for the secret `db/password`.
///
/// Invariant: 1 to 255 ASCII letters, digits, `_`, `.` and `-`; not `.` or `..`. So it needs no quoting in
/// `LoadCredential=` and `ImportCredential=` (systemd.exec(5)).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct CredentialName(String);

impl CredentialName {
    /// The file name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The name with `-` in the place of each `/`.
impl TryFrom<&Name> for CredentialName {
    type Error = CredentialError;

    fn try_from(name: &Name) -> Result<Self, CredentialError> {
        let credential = name.as_str().replace('/', "-");
        if credential.len() > CREDENTIAL_BYTES {
            return Err(CredentialError::Long(credential));
        }
        match credential.chars().find(|character| !character.is_ascii_alphanumeric() && !"_.-".contains(*character)) {
            Some(character) => Err(CredentialError::Character(credential, character)),
            // A name has no component . or .., so this is neither.
            None => Ok(Self(credential)),
        }
    }
}

/// Why a [`Name`] gives no [`CredentialName`].
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A character that would need quoting in a unit file.
    #[error("the credential {0:?} would have the character {1:?}")]
    Character(String, char),
    /// More than 255 bytes.
    #[error("the credential {0:?} would have more than {CREDENTIAL_BYTES} bytes")]
    Long(String),
}

/// `CREDENTIAL_NAME_MAX` of systemd.
const CREDENTIAL_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_the_name_with_hyphens() {
        for (name, credential) in
            [("a", "a"), ("db/password", "db-password"), ("a/b/C_1.x", "a-b-C_1.x"), ("...", "...")]
        {
            let name = Name::try_from(name.to_owned()).unwrap();
            assert_eq!(CredentialName::try_from(&name).unwrap().to_string(), credential);
        }
    }

    #[test]
    fn each_reason_against_a_credential_has_its_words() {
        let long = format!("{}/{}", "x".repeat(200), "y".repeat(55));
        let hyphens = long.replace('/', "-");
        for (name, message) in [
            ("a b", r#"the credential "a b" would have the character ' '"#),
            ("x/a:b", r#"the credential "x-a:b" would have the character ':'"#),
            (&long, &format!("the credential {hyphens:?} would have more than 255 bytes")),
        ] {
            let name = Name::try_from(name.to_owned()).unwrap();
            assert_eq!(CredentialName::try_from(&name).unwrap_err().to_string(), message);
        }
    }
}
