//! The search for the parts of a data key: the keys in memory, and what is left for programs.

use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::report::{Cause, HostIdentity, NoDataKey, Recipient, label};
use crate::identity::age::{AgeFile, AgeProblem};
use crate::identity::failure::IdentityFailure;
use crate::identity::openpgp::{Message, PgpProblem};
use crate::identity::{Identities, IdentityKind, Plugin};
use crate::metadata::{KeyGroup, WrappedKey};

/// What a search for the data key of a file has come to, so that it can go on there. There is deliberately no `Debug`.
#[derive(Default)]
pub(crate) struct Findings {
    /// What each group gave.
    parts: Vec<Option<Zeroizing<Vec<u8>>>>,
    /// What is wrong with each entry, in the order of the file.
    pub(super) problems: Vec<Option<EntryProblem>>,
    failures: Failures,
    pub(super) tried: Tried,
    /// How many times an identity was tried on a stanza.
    attempts: usize,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryProblem {
    #[error("{0}")]
    Age(AgeProblem),
    #[error("{0}")]
    OpenPgp(PgpProblem),
}

/// How far a search is.
#[derive(Clone, Copy, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Tried {
    #[default]
    Nothing,
    Memory,
    Plugins,
}

/// The search for the parts of a data key, or for the content of an age file.
pub(crate) struct Search<'a> {
    identities: &'a Identities,
    entries: Vec<Openable<'a>>,
    /// After how many open groups it is over.
    wanted: usize,
    pub(super) findings: &'a mut Findings,
}

/// A recipient of a sops file with the number of its group; or an age file, which is a group of its own.
#[derive(Clone, Copy)]
enum Openable<'a> {
    Key(usize, &'a WrappedKey),
    File(&'a [u8]),
}

impl<'a> Search<'a> {
    /// Goes on in the metadata of a sops file.
    pub(crate) fn of_sops_file(
        groups: &'a [KeyGroup],
        threshold: i64,
        identities: &'a Identities,
        findings: &'a mut Findings,
    ) -> Self {
        let needed = needed(groups, threshold);
        // A file that does not say how many groups are needed may need them all.
        let wanted = if threshold < 1 { needed.max(groups.len()) } else { needed };
        let keys = |(number, group): (usize, &'a KeyGroup)| group.iter().map(move |key| Openable::Key(number, key));
        let entries = groups.iter().enumerate().flat_map(keys).collect();
        Self::new(entries, groups.len(), wanted, identities, findings)
    }

    /// Goes on in an age file.
    pub(crate) fn of_age_file(bytes: &'a [u8], identities: &'a Identities, findings: &'a mut Findings) -> Self {
        Self::new(vec![Openable::File(bytes)], 1, 1, identities, findings)
    }

    fn new(
        entries: Vec<Openable<'a>>,
        groups: usize,
        wanted: usize,
        identities: &'a Identities,
        findings: &'a mut Findings,
    ) -> Self {
        findings.parts.resize_with(groups, || None);
        findings.problems.resize_with(entries.len(), || None);
        findings.failures.identities.resize(identities.loaded().len(), None);
        Self { identities, entries, wanted, findings }
    }

    /// How many groups are open.
    pub(super) fn opened(&self) -> usize {
        self.findings.parts.iter().flatten().count()
    }

    pub(super) fn is_over(&self) -> bool {
        self.opened() >= self.wanted
    }

    pub(super) fn take_parts(&mut self) -> Vec<Zeroizing<Vec<u8>>> {
        self.findings.parts.iter_mut().filter_map(Option::take).collect()
    }

    /// Keys of age and SSH first, since those of OpenPGP cost more.
    pub(super) fn in_memory(&mut self) {
        if self.findings.tried >= Tried::Memory {
            return;
        }
        self.findings.tried = Tried::Memory;
        let Findings { parts, problems, attempts, .. } = &mut *self.findings;
        // What names a key of this host comes first, since each attempt costs as much as all else of a file. A name may be
        // wrong, so the rest is tried too.
        let (likely, others): (Vec<_>, Vec<_>) = self
            .entries
            .iter()
            .zip(&mut *problems)
            .partition(|(entry, _)| self.identities.are_named(entry.recipient()));
        for (entry, problem) in likely.into_iter().chain(others) {
            let Some(part @ None) = parts.get_mut(entry.group()) else { continue };
            match entry.age_file() {
                Some(Ok(file)) => {
                    let attempt = try_age(&file, entry.recipient(), self.identities, attempts);
                    *part = attempt.content;
                    *problem = attempt.problem.map(EntryProblem::Age);
                }
                Some(Err(error)) => *problem = Some(EntryProblem::Age(error)),
                None => {}
            }
        }
        if self.identities.loaded().iter().all(|loaded| !matches!(loaded.kind, IdentityKind::OpenPgp(_))) {
            return;
        }
        for (entry, problem) in self.entries.iter().zip(problems) {
            let Some(part @ None) = parts.get_mut(entry.group()) else { continue };
            let Some(enc) = entry.openpgp() else { continue };
            let message = match Message::parse(enc) {
                Ok(message) => message,
                Err(error) => {
                    *problem = Some(EntryProblem::OpenPgp(error));
                    continue;
                }
            };
            for loaded in self.identities.loaded() {
                let IdentityKind::OpenPgp(key) = &loaded.kind else { continue };
                match message.open(key) {
                    Ok(Some(content)) => *part = Some(content),
                    Ok(None) => {}
                    Err(error) => *problem = Some(EntryProblem::OpenPgp(error)),
                }
                if part.is_some() {
                    break;
                }
            }
        }
    }

    /// What there is to ask a plugin about this search, which has a number among several.
    pub(super) fn questions(&self, search: usize, plugin: &Plugin<'_>) -> Vec<Question> {
        if self.findings.tried >= Tried::Plugins || self.is_over() {
            return Vec::new();
        }
        let question = |(place, entry): (usize, &Openable<'_>)| {
            let Some(None) = self.findings.parts.get(entry.group()) else { return None };
            // What is wrong with a file was seen when the keys in memory were tried.
            let stanzas = entry.age_file()?.ok()?.stanzas();
            let made = plugin.members.iter().any(|(_, identity)| identity.made(entry.recipient()));
            (!stanzas.is_empty()).then_some(Question { search, entry: place, stanzas, made })
        };
        self.entries.iter().enumerate().filter_map(question).collect()
    }

    /// Takes what a plugin answered: a file key, or why each of its identities gave none.
    pub(super) fn learn(&mut self, place: usize, answer: Result<FileKey, Vec<(usize, IdentityFailure)>>) {
        let Findings { parts, problems, failures, .. } = &mut *self.findings;
        let (Some(entry), Some(problem)) = (self.entries.get(place), problems.get_mut(place)) else { return };
        let Some(part @ None) = parts.get_mut(entry.group()) else { return };
        match answer {
            Ok(key) => match entry.age_file().map(|file| file?.open_with(key)) {
                Some(Ok(content)) => *part = content,
                Some(Err(error)) => *problem = Some(EntryProblem::Age(error)),
                None => {}
            },
            Err(told) => {
                for (identity, failure) in told {
                    if let Some(slot) = failures.identities.get_mut(identity) {
                        *slot = Some(failure);
                    }
                }
            }
        }
    }

    pub(super) fn with_gpg(&mut self) {
        let Some(gpg) = self.identities.gpg() else { return };
        for entry in &self.entries {
            let Some(part @ None) = self.findings.parts.get_mut(entry.group()) else { continue };
            let Some(enc) = entry.openpgp() else { continue };
            match gpg.decrypt(enc) {
                Ok(content) => *part = Some(content),
                Err(problem) => self.findings.failures.gpg = Some(problem),
            }
        }
    }

    pub(super) fn report(self, cause: Cause) -> NoDataKey {
        let Findings { problems, failures, .. } = std::mem::take(self.findings);
        let recipients = self.entries.iter().zip(problems).flat_map(|(entry, problem)| {
            let problem = problem.map(|problem| problem.to_string());
            entry.names().into_iter().map(move |(kind, text)| Recipient {
                group: entry.group(),
                kind,
                text,
                problem: problem.clone(),
            })
        });
        let unusable = self.identities.unusable().to_vec();
        NoDataKey { recipients: recipients.collect(), identities: failures.report(self.identities), unusable, cause }
    }
}

impl Openable<'_> {
    fn group(&self) -> usize {
        match self {
            Self::Key(group, _) => *group,
            Self::File(_) => 0,
        }
    }

    /// The age file that it is, if it is one.
    fn age_file(&self) -> Option<Result<AgeFile, AgeProblem>> {
        match self {
            Self::Key(_, WrappedKey::Age { enc, .. }) => Some(AgeFile::from_entry(enc)),
            Self::Key(..) => None,
            Self::File(bytes) => Some(AgeFile::from_bytes(bytes)),
        }
    }

    /// The OpenPGP message that it is, if it is one.
    fn openpgp(&self) -> Option<&str> {
        match self {
            Self::Key(_, WrappedKey::Pgp { enc, .. }) => Some(enc),
            Self::Key(..) | Self::File(_) => None,
        }
    }

    /// The recipient of age that the metadata names.
    fn recipient(&self) -> &str {
        match self {
            Self::Key(_, WrappedKey::Age { recipient, .. }) => recipient,
            Self::Key(..) | Self::File(_) => "",
        }
    }

    /// Each recipient: its kind and what the file calls it.
    fn names(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Key(_, wrapped) => {
                let (kind, text) = label(wrapped);
                vec![(kind, text.to_owned())]
            }
            Self::File(bytes) => {
                let recipients = AgeFile::from_bytes(bytes).map(|file| file.recipients()).unwrap_or_default();
                recipients.into_iter().map(|recipient| ("age", recipient)).collect()
            }
        }
    }
}

/// What a plugin is asked: whether it opens an entry of a file.
pub(super) struct Question {
    pub(super) search: usize,
    pub(super) entry: usize,
    pub(super) stanzas: Vec<Stanza>,
    /// Whether it looks as if the plugin had made the recipient.
    pub(super) made: bool,
}

/// What came of trying identities on one age file.
#[derive(Default)]
struct Attempt {
    content: Option<Zeroizing<Vec<u8>>>,
    problem: Option<AgeProblem>,
}

/// Tries each identity in memory on its own, so that one that fails does not keep the others from it. Counts in `attempts`, of
/// which a file has [`MOST_ATTEMPTS`].
fn try_age(file: &AgeFile, recipient: &str, identities: &Identities, attempts: &mut usize) -> Attempt {
    let mut attempt = Attempt::default();
    if file.is_scrypt() {
        return Attempt { problem: Some(AgeProblem::Passphrase), ..attempt };
    }
    let stanzas = file.stanzas().len();
    let (likely, others): (Vec<_>, Vec<_>) = identities.loaded().iter().partition(|loaded| loaded.is_named(recipient));
    for loaded in likely.into_iter().chain(others) {
        let IdentityKind::Age(keys) = &loaded.kind else { continue };
        for key in keys {
            *attempts = attempts.saturating_add(stanzas);
            if *attempts > MOST_ATTEMPTS {
                return Attempt { problem: Some(AgeProblem::TooManyAttempts(MOST_ATTEMPTS)), ..attempt };
            }
            match file.open(&**key) {
                Ok(Some(content)) => return Attempt { content: Some(content), problem: None },
                Ok(None) => {}
                Err(problem) => attempt.problem = Some(problem),
            }
        }
    }
    attempt
}

/// How many times an identity is tried on a stanza of one file: each takes some 100 microseconds.
const MOST_ATTEMPTS: usize = 10_000;

/// What went wrong when identities were used, whatever the file.
#[derive(Default)]
struct Failures {
    /// In the order of the identities.
    identities: Vec<Option<IdentityFailure>>,
    gpg: Option<IdentityFailure>,
}

impl Failures {
    fn report(self, identities: &Identities) -> Vec<HostIdentity> {
        let loaded = identities.loaded().iter().zip(self.identities).map(|(loaded, failure)| HostIdentity {
            origin: loaded.origin.clone(),
            public: loaded.public.clone(),
            failure,
        });
        // Where GnuPG was not asked, it is not named.
        let asked = identities.gpg().zip(self.gpg);
        let gpg = asked.map(|(program, failure)| HostIdentity {
            origin: program.origin(),
            public: Vec::new(),
            failure: Some(failure),
        });
        loaded.chain(gpg).collect()
    }
}

/// How many groups must open. Where there are several, one share says nothing, whatever the threshold says.
pub(super) fn needed(groups: &[KeyGroup], threshold: i64) -> usize {
    if groups.len() > 1 { usize::try_from(threshold).unwrap_or(0).max(2) } else { 1 }
}
