//! Users and groups, as the manifest says them: whether such an account exists is not known here.

use std::fmt;

/// The number of a user or group.
///
/// Invariant: not 2³²-1, which chown(2) takes for "leave it as it is".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Id(u32);

impl Id {
    /// The number, as `chown(2)` takes it.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }

    /// None for a number that no account can have.
    pub(crate) fn new(number: u64) -> Option<Self> {
        u32::try_from(number).ok().filter(|number| *number != u32::MAX).map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The name of a user or group.
///
/// Invariant: not empty; no NUL byte, colon or line break, which no user database can hold (passwd(5)).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AccountName(String);

impl AccountName {
    /// The name as the user database has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for AccountName {
    type Error = AccountError;

    fn try_from(text: String) -> Result<Self, AccountError> {
        if text.is_empty() {
            return Err(AccountError::Empty);
        }
        match text.chars().find(|character| matches!(character, '\0' | ':' | '\n')) {
            Some(character) => Err(AccountError::Character(text, character)),
            None => Ok(Self(text)),
        }
    }
}

/// Why a text is no [`AccountName`].
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The empty text.
    #[error("the owner or group is empty")]
    Empty,
    /// A character that separates the fields of passwd(5).
    #[error("the owner or group {0:?} has the character {1:?}, which no account name can hold")]
    Character(String, char),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_any_number_but_the_one_that_changes_nothing() {
        for (number, id) in [(0, Some(0)), (1000, Some(1000)), (4_294_967_294, Some(4_294_967_294))] {
            assert_eq!(Id::new(number).map(Id::number), id);
        }
        for number in [4_294_967_295, 4_294_967_296] {
            assert_eq!(Id::new(number), None);
        }
    }

    #[test]
    fn each_reason_against_an_account_name_has_its_words() {
        for good in ["root", "systemd-network", "1000", "DOMAIN\\user name"] {
            assert_eq!(AccountName::try_from(good.to_owned()).unwrap().to_string(), good);
        }
        for (bad, message) in [
            ("", "the owner or group is empty"),
            ("a:b", r#"the owner or group "a:b" has the character ':', which no account name can hold"#),
            ("a\n", r#"the owner or group "a\n" has the character '\n', which no account name can hold"#),
            ("a\0", r#"the owner or group "a\0" has the character '\0', which no account name can hold"#),
        ] {
            assert_eq!(AccountName::try_from(bad.to_owned()).unwrap_err().to_string(), message);
        }
    }
}
