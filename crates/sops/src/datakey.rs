//! The data key of a sops file: found by trying this host's identities on the recipients of the file (sops-format.md
//! section 6.1).

use std::fmt;

use zeroize::Zeroizing;

use crate::identity::age::{AgeProblem, File};
use crate::identity::child::one_line;
use crate::identity::openpgp::Message;
use crate::identity::{Identities, Key};
use crate::metadata::{KeyGroup, WrappedKey};
use crate::plaintext::Plaintext;
use crate::shamir::{self, CombineError};

/// The key that the values of a file are encrypted with. It is wiped on drop, and there is deliberately no `Debug`.
///
/// It has any length: whether a cipher takes it is seen when it is used.
pub(crate) struct DataKey(Zeroizing<Vec<u8>>);

impl DataKey {
    /// The bytes, for as long as the key lives.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The data key of a file with these groups.
///
/// If there is one group, its part is the data key, whatever `threshold` says; else all parts that were found are combined.
/// Keys in memory are tried first. Only if they do not open as many groups as are needed, programs are run: plugins of age,
/// and then GnuPG.
pub(crate) fn recover(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<DataKey, NoDataKey> {
    let threshold = usize::try_from(threshold).unwrap_or(0);
    // A file that does not say how many groups are needed still needs two if it has several, and may need them all.
    let (needed, wanted) = match (groups.len(), threshold) {
        (0 | 1, _) => (1, 1),
        (several, 0) => (2, several),
        _ => (threshold.max(2), threshold.max(2)),
    };
    let mut search = Search::new(groups, identities);
    for step in [Search::in_memory, Search::with_plugins, Search::with_gpg] {
        if search.opened() < wanted {
            step(&mut search);
        }
    }
    let opened = search.opened();
    if opened < needed {
        return Err(search.report(Cause::TooFew { opened, needed }));
    }
    match <[_; 1]>::try_from(search.take_parts()) {
        Ok([key]) => Ok(DataKey(key)),
        Err(parts) => shamir::combine(&parts).map(DataKey).map_err(|error| search.report(Cause::Shares(error))),
    }
}

/// What is in an age file that is a secret as it is, the form that agenix uses. It may be armored.
///
/// # Errors
///
/// Says what is wrong with the file, or that no identity opens it.
pub fn decrypt_age_file(bytes: &[u8], identities: &Identities) -> Result<Plaintext, AgeFileError> {
    let file = File::from_bytes(bytes).map_err(AgeFileError::Damaged)?;
    let mut failures = Failures::new(identities);
    let mut problem = None;
    for means in [Means::Memory, Means::Plugins] {
        let attempt = try_age(&file, identities, means, &mut failures);
        if let Some(mut content) = attempt.content {
            return Ok(Plaintext::new(std::mem::take(&mut *content)));
        }
        problem = problem.or(attempt.problem);
    }
    if let Some(problem) = problem {
        return Err(AgeFileError::Damaged(problem));
    }
    let recipient = |text| Recipient { group: 0, kind: "age", text, problem: None };
    Err(AgeFileError::NoIdentity(NoDataKey {
        recipients: file.recipients().into_iter().map(recipient).collect(),
        identities: failures.report(identities),
        cause: Cause::TooFew { opened: 0, needed: 1 },
    }))
}

/// Why an age file was not decrypted.
#[derive(Debug, thiserror::Error)]
pub enum AgeFileError {
    /// The file is at fault.
    #[error("{0}")]
    Damaged(AgeProblem),
    /// None of the identities is a recipient of the file, or none could be used.
    #[error("{0}")]
    NoIdentity(NoDataKey),
}

/// Whose help is sought.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Means {
    /// That of keys in memory.
    Memory,
    /// That of programs.
    Plugins,
}

/// What came of trying identities on one age file.
#[derive(Default)]
struct Attempt {
    content: Option<Zeroizing<Vec<u8>>>,
    problem: Option<AgeProblem>,
}

/// Tries each identity on its own: one that fails stands in nobody's way.
fn try_age(file: &File, identities: &Identities, means: Means, failures: &mut Failures) -> Attempt {
    let mut attempt = Attempt::default();
    for (loaded, failure) in identities.loaded().iter().zip(&mut failures.identities) {
        let outcomes: Vec<_> = match (&loaded.key, means) {
            (Key::Age(keys), Means::Memory) => keys.iter().map(|key| file.open(&**key)).collect(),
            (Key::Plugin(identity), Means::Plugins) => vec![file.open(&identity.with(identities.plugins()))],
            _ => continue,
        };
        for outcome in outcomes {
            match outcome {
                Ok(Some(content)) => attempt.content = Some(content),
                Ok(None) => {}
                Err(AgeProblem::Plugin(text)) => *failure = Some(text),
                Err(problem) => attempt.problem = Some(problem),
            }
        }
        if attempt.content.is_some() {
            break;
        }
    }
    attempt
}

/// What went wrong when identities were used, whatever the file.
struct Failures {
    /// In the order of the identities.
    identities: Vec<Option<String>>,
    gpg: Option<String>,
}

impl Failures {
    fn new(identities: &Identities) -> Self {
        Self { identities: identities.loaded().iter().map(|_| None).collect(), gpg: None }
    }

    fn report(self, identities: &Identities) -> Vec<HostIdentity> {
        let loaded = identities.loaded().iter().zip(self.identities).map(|(loaded, failure)| HostIdentity {
            origin: loaded.origin.clone(),
            public: loaded.public.clone(),
            failure,
        });
        let gpg = identities.gpg().map(|program| HostIdentity {
            origin: program.origin(),
            public: Vec::new(),
            failure: self.gpg,
        });
        loaded.chain(gpg).collect()
    }
}

/// The search for the parts of a data key.
struct Search<'a> {
    identities: &'a Identities,
    entries: Vec<Entry<'a>>,
    /// What each group gave.
    parts: Vec<Option<Zeroizing<Vec<u8>>>>,
    failures: Failures,
}

/// A recipient of a file.
struct Entry<'a> {
    group: usize,
    wrapped: &'a WrappedKey,
    /// What is wrong with it.
    problem: Option<String>,
}

impl<'a> Search<'a> {
    fn new(groups: &'a [KeyGroup], identities: &'a Identities) -> Self {
        let entry = |(group, wrapped)| Entry { group, wrapped, problem: None };
        let wrapped = |(number, group): (usize, &'a KeyGroup)| group.iter().map(move |wrapped| (number, wrapped));
        Self {
            identities,
            entries: groups.iter().enumerate().flat_map(wrapped).map(entry).collect(),
            parts: groups.iter().map(|_| None).collect(),
            failures: Failures::new(identities),
        }
    }

    /// How many groups are open.
    fn opened(&self) -> usize {
        self.parts.iter().flatten().count()
    }

    fn take_parts(&mut self) -> Vec<Zeroizing<Vec<u8>>> {
        self.parts.iter_mut().filter_map(Option::take).collect()
    }

    /// Keys of age and SSH first, since those of OpenPGP cost more.
    fn in_memory(&mut self) {
        self.age(Means::Memory);
        if self.identities.loaded().iter().all(|loaded| !matches!(loaded.key, Key::OpenPgp(_))) {
            return;
        }
        for entry in &mut self.entries {
            let Some(part @ None) = self.parts.get_mut(entry.group) else { continue };
            let WrappedKey::Pgp { enc, .. } = entry.wrapped else { continue };
            let message = match Message::parse(enc) {
                Ok(message) => message,
                Err(problem) => {
                    entry.problem = Some(problem.to_string());
                    continue;
                }
            };
            for loaded in self.identities.loaded() {
                let Key::OpenPgp(key) = &loaded.key else { continue };
                match message.open(key) {
                    Ok(Some(content)) => *part = Some(content),
                    Ok(None) => {}
                    Err(problem) => entry.problem = Some(problem.to_string()),
                }
                if part.is_some() {
                    break;
                }
            }
        }
    }

    /// The entries that look as if a plugin had made their recipient come first.
    fn with_plugins(&mut self) {
        let made = |wrapped: &WrappedKey| {
            let WrappedKey::Age { recipient, .. } = wrapped else { return false };
            let makes = |key: &Key| matches!(key, Key::Plugin(identity) if identity.made(recipient));
            self.identities.loaded().iter().any(|loaded| makes(&loaded.key))
        };
        self.entries.sort_by_key(|entry| !made(entry.wrapped));
        self.age(Means::Plugins);
        self.entries.sort_by_key(|entry| entry.group);
    }

    fn age(&mut self, means: Means) {
        for entry in &mut self.entries {
            let Some(part @ None) = self.parts.get_mut(entry.group) else { continue };
            let WrappedKey::Age { enc, .. } = entry.wrapped else { continue };
            match File::from_entry(enc) {
                Ok(file) => {
                    let attempt = try_age(&file, self.identities, means, &mut self.failures);
                    *part = attempt.content;
                    entry.problem = attempt.problem.map(|problem| problem.to_string()).or(entry.problem.take());
                }
                Err(problem) => entry.problem = Some(problem.to_string()),
            }
        }
    }

    fn with_gpg(&mut self) {
        let Some(gpg) = self.identities.gpg() else { return };
        for entry in &self.entries {
            let Some(part @ None) = self.parts.get_mut(entry.group) else { continue };
            let WrappedKey::Pgp { enc, .. } = entry.wrapped else { continue };
            match gpg.decrypt(enc) {
                Ok(content) => *part = Some(content),
                Err(problem) => self.failures.gpg = Some(problem),
            }
        }
    }

    fn report(self, cause: Cause) -> NoDataKey {
        let recipients = self.entries.into_iter().map(|entry| {
            let (kind, text) = match entry.wrapped {
                WrappedKey::Age { recipient, .. } => ("age", recipient),
                WrappedKey::Pgp { fingerprint, .. } => ("pgp", fingerprint),
                WrappedKey::Remote { service, key } => (*service, key),
            };
            Recipient { group: entry.group, kind, text: text.clone(), problem: entry.problem }
        });
        NoDataKey { recipients: recipients.collect(), identities: self.failures.report(self.identities), cause }
    }
}

/// Why no data key was found: whom the file is encrypted to, and who this host is. No secret is in it.
#[derive(Debug)]
pub struct NoDataKey {
    recipients: Vec<Recipient>,
    identities: Vec<HostIdentity>,
    cause: Cause,
}

/// Whom a file is encrypted to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recipient {
    group: usize,
    kind: &'static str,
    text: String,
    problem: Option<String>,
}

/// An identity of this host that did not open a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostIdentity {
    origin: String,
    public: Vec<String>,
    failure: Option<String>,
}

/// What was missing in the end.
#[derive(Debug)]
enum Cause {
    TooFew { opened: usize, needed: usize },
    Shares(CombineError),
}

impl NoDataKey {
    /// Whom the file is encrypted to, in its order.
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
            [first, ..] if first.starts_with("age1pq1") => 2,
            [first, ..] if first.starts_with("age1") => 1,
            _ => 3,
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
            Some(failure) => failure.clone(),
            None if self.lists(identity) => {
                "a recipient, but its entry is damaged or was encrypted to another key".into()
            }
            None => "not a recipient".into(),
        }
    }
}

impl Recipient {
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

    /// What the file calls it. Nobody checks this text, and it may be empty.
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
}

impl fmt::Display for NoDataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
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
        let identities: Vec<_> = self.identities.iter().map(ToString::to_string).collect();
        if identities.is_empty() {
            formatter.write_str("; this host has no identity")
        } else {
            write!(formatter, "; this host is {}", identities.join(", "))
        }
    }
}

impl std::error::Error for NoDataKey {}

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
        match self.public.first() {
            Some(public) => write!(formatter, "{} ({})", short(public), self.origin)?,
            None => formatter.write_str(&self.origin)?,
        }
        match &self.failure {
            Some(failure) => write!(formatter, ": {failure}"),
            None => Ok(()),
        }
    }
}

/// A public key that fits in a line: those of RSA and the post-quantum ones do not. Both ends are kept, since all keys of a
/// kind begin alike.
fn short(text: &str) -> String {
    let letters: Vec<char> = one_line(text).chars().collect();
    match (letters.split_first_chunk::<24>(), letters.split_last_chunk::<16>()) {
        (Some((start, _)), Some((_, end))) if letters.len() > 80 => {
            start.iter().chain(&['.', '.', '.']).chain(end).collect()
        }
        _ => letters.into_iter().collect(),
    }
}
