//! Why an identity was of no use.

/// Why an identity did not open a file, in words that go on a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct IdentityFailure {
    pub(crate) words: String,
    /// What it needs, if that is known.
    pub(crate) need: Option<Need>,
}

/// What an identity needs to be of use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The program of its plugin.
    Plugin,
    /// The program GnuPG.
    Gpg,
    /// A GnuPG home that no other user can change.
    OwnHome,
    /// No passphrase at its secret key in the GnuPG home.
    NoPassphrase,
}

impl From<String> for IdentityFailure {
    fn from(words: String) -> Self {
        Self { words, need: None }
    }
}

impl Need {
    /// The failure of what lacks this.
    pub(crate) fn of(self, words: String) -> IdentityFailure {
        IdentityFailure { words, need: Some(self) }
    }
}
