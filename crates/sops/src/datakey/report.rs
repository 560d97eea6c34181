//! The words for a file that no identity opens: what it is encrypted to, and what this host has.

use std::fmt;

use crate::foreign::Foreign;
use crate::identity::AgeKind;
use crate::identity::failure::{IdentityFailure, Need};
use crate::metadata::WrappedKey;
use crate::shamir::CombineError;

/// Why no data key was found: what the file is encrypted to, and what this host has. No secret is in it.
#[derive(Debug)]
pub struct NoDataKey {
    pub(super) recipients: Vec<Recipient>,
    pub(super) identities: Vec<HostIdentity>,
    /// The keys of this host that are no identities, each with its reason.
    pub(super) unusable: Vec<String>,
    pub(super) cause: Cause,
}

/// One of those that a file is encrypted to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    pub(super) group: usize,
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) problem: Option<String>,
}

/// An identity of this host that did not open a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostIdentity {
    pub(super) origin: String,
    pub(super) public: Vec<String>,
    pub(super) failure: Option<IdentityFailure>,
}

/// What was missing in the end.
#[derive(Debug)]
pub(super) enum Cause {
    TooFew { opened: usize, needed: usize },
    Shares(CombineError),
}

impl NoDataKey {
    /// What the file is encrypted to, in its order.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The identities of this host, in the order they were added, and last the GnuPG program.
    #[must_use]
    pub fn identities(&self) -> &[HostIdentity] {
        &self.identities
    }

    /// How many key groups are needed, and how many opened. Not there if enough opened and did not fit together.
    #[must_use]
    pub fn missing_groups(&self) -> Option<(usize, usize)> {
        match self.cause {
            Cause::TooFew { opened, needed } => Some((needed, opened)),
            Cause::Shares(_) => None,
        }
    }

    /// The recipient to add to the file so that this host can open it: that of an SSH host key if there is one. Nothing if
    /// the host has no identity, or if the file already has its recipient.
    #[must_use]
    pub fn recipient_to_add(&self) -> Option<&str> {
        let usable = self.identities.iter().filter(|identity| !self.lists(identity) && identity.failure.is_none());
        let rank = |identity: &&HostIdentity| match identity.public.as_slice() {
            [_, second, ..] if second.starts_with("ssh-") => 0,
            [first, ..] => AgeKind::of(first).map_or(usize::MAX, |(place, _)| place.saturating_add(1)),
            [] => usize::MAX,
        };
        usable.min_by_key(rank).and_then(|identity| identity.public.first()).map(String::as_str)
    }

    /// Whether the file names `identity` as a recipient.
    #[must_use]
    pub fn lists(&self, identity: &HostIdentity) -> bool {
        let named = |public: &String| self.recipients.iter().any(|recipient| recipient.is(public));
        identity.public.iter().any(named)
    }

    /// Why `identity` did not open the file.
    #[must_use]
    pub fn reason(&self, identity: &HostIdentity) -> String {
        match &identity.failure {
            Some(failure) => failure.words.clone(),
            None if self.lists(identity) => {
                "a recipient, but its entry is damaged or was encrypted to another key".into()
            }
            None => "not a recipient".into(),
        }
    }
}

/// The kind of a recipient, and what the file calls it.
pub(super) fn label(wrapped: &WrappedKey) -> (&'static str, &str) {
    match wrapped {
        WrappedKey::Age { recipient, .. } => ("age", recipient),
        WrappedKey::Pgp { fingerprint, .. } => ("pgp", fingerprint),
        WrappedKey::Remote { service, key } => (service, key),
    }
}

impl Recipient {
    pub(super) fn of(group: usize, wrapped: &WrappedKey) -> Self {
        let (kind, text) = label(wrapped);
        Self { group, kind, text: text.to_owned(), problem: None }
    }

    /// The number of its key group, counted from 0.
    #[must_use]
    pub fn group(&self) -> usize {
        self.group
    }

    /// The list of the metadata that it stands in: `age`, `pgp`, or the name of a service in the network.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What the file calls it. This text is not checked, and it may be empty.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What is wrong with its entry.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    fn is(&self, public: &str) -> bool {
        // Fingerprints are written in either case, and SSH keys with a comment.
        self.text.eq_ignore_ascii_case(public)
            || self.text.strip_prefix(public).is_some_and(|rest| rest.starts_with(' '))
    }
}

impl HostIdentity {
    /// Where it came from, as it was given with its content.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The public keys that belong to it, the one to encrypt to first. A plugin's identity has the name of its program.
    #[must_use]
    pub fn public(&self) -> &[String] {
        &self.public
    }

    /// What went wrong when it was used.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.words.as_str())
    }

    /// What it needs to be of use, if that is known.
    #[must_use]
    pub fn need(&self) -> Option<Need> {
        self.failure.as_ref().and_then(|failure| failure.need)
    }
}

/// What could not be used comes first: that is the cause as often as not.
impl fmt::Display for NoDataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (usable, failing): (Vec<_>, Vec<_>) =
            self.identities.iter().partition(|identity| identity.failure.is_none());
        let failing = failing.into_iter().map(ToString::to_string);
        let failing: Vec<_> = self.unusable.iter().cloned().chain(failing).collect();
        if !failing.is_empty() {
            write!(formatter, "this host cannot use {}; ", failing.join(", "))?;
        }
        match &self.cause {
            Cause::TooFew { needed: 1, .. } if usable.is_empty() && failing.is_empty() => {
                formatter.write_str("this host has no identity")?;
            }
            Cause::TooFew { needed: 1, .. } => formatter.write_str("no identity opens it")?,
            Cause::TooFew { opened, needed } => {
                write!(formatter, "the identities open {opened} of its key groups, and {needed} are needed")?;
            }
            Cause::Shares(error) => {
                write!(formatter, "its key groups open, but do not fit together: {error}")?;
                return Ok(());
            }
        }
        let recipients: Vec<_> = self.recipients.iter().map(ToString::to_string).collect();
        if recipients.is_empty() {
            formatter.write_str("; it has no recipients")?;
        } else {
            write!(formatter, "; it is encrypted to {}", recipients.join(", "))?;
        }
        if usable.is_empty() {
            return Ok(());
        }
        let usable: Vec<_> = usable.into_iter().map(ToString::to_string).collect();
        write!(formatter, "; this host is {}", usable.join(", "))
    }
}

impl std::error::Error for NoDataKey {}

impl Recipient {
    /// A stanza of a plain age file.
    pub(super) fn of_stanza(text: String) -> Self {
        Self { group: 0, kind: "age", text, problem: None }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.text.as_str()) {
            (kind, "") => write!(formatter, "{kind} (not named)")?,
            ("age", text) => formatter.write_str(&short(text))?,
            (kind, text) => write!(formatter, "{kind} {}", short(text))?,
        }
        match &self.problem {
            Some(problem) => write!(formatter, " ({problem})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for HostIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.failure, self.public.first()) {
            (Some(failure), _) => write!(formatter, "{} ({})", self.origin, failure.words),
            (None, Some(public)) => write!(formatter, "{} ({})", short(public), self.origin),
            (None, None) => formatter.write_str(&self.origin),
        }
    }
}

/// A public key that fits in a line: those of RSA and the post-quantum ones do not. Both ends are kept, since all keys of a
/// kind begin alike.
fn short(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    match (letters.split_first_chunk::<24>(), letters.split_last_chunk::<16>()) {
        (Some((start, _)), Some((_, end))) if letters.len() > 80 => {
            let both: String = start.iter().chain(&['.', '.', '.']).chain(end).collect();
            Foreign(both).to_string()
        }
        _ => Foreign(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_are_shortened_at_both_ends() {
        let usual = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";
        assert_eq!(short(usual), usual);
        assert_eq!(
            short(&format!("age1pq1{}end-of-the-key", "q".repeat(1900))),
            "age1pq1qqqqqqqqqqqqqqqqq...qqend-of-the-key"
        );
        assert_eq!(short("a\u{1b}[1m\nerror: b"), "a?[1m; error: b");
    }
}
