//! The data key of a sops file: found by trying this host's identities on the recipients of the file (sops-format.md
//! section 6.1).

use std::collections::HashSet;
use std::fmt;

use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use crate::identity::age::{AgeProblem, File};
use crate::identity::openpgp::{Message, PgpProblem};
use crate::identity::recipient::HostRecipient;
use crate::identity::{Identities, Key, Plugin};
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

/// What a search for the data key of a file has come to, so that it can go on there. There is deliberately no `Debug`.
#[derive(Default)]
pub(crate) struct Findings {
    /// What each group gave.
    parts: Vec<Option<Zeroizing<Vec<u8>>>>,
    /// What is wrong with each entry, in the order of the file.
    problems: Vec<Option<EntryProblem>>,
    failures: Failures,
    tried: Tried,
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
enum EntryProblem {
    #[error("{0}")]
    Age(AgeProblem),
    #[error("{0}")]
    OpenPgp(PgpProblem),
}

/// How far a search is.
#[derive(Clone, Copy, Default, Eq, Ord, PartialEq, PartialOrd)]
enum Tried {
    #[default]
    Nothing,
    Memory,
    Plugins,
}

/// The data key of a file with these groups.
///
/// If there is one group, its part is the data key, whatever `threshold` says; else all parts that were found are combined.
/// Keys in memory are tried first. Only if they do not open as many groups as are needed, programs are run: plugins of age,
/// and then GnuPG. What is in `findings` already is not tried again.
pub(crate) fn recover(
    groups: &[KeyGroup],
    threshold: i64,
    identities: &Identities,
    mut findings: Findings,
) -> Result<DataKey, NoDataKey> {
    let needed = needed(groups, threshold);
    let mut search = Search::of_sops_file(groups, threshold, identities, &mut findings);
    ask_plugins(std::slice::from_mut(&mut search), identities);
    if !search.is_over() {
        search.with_gpg();
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

/// The recipients in all groups, as messages name them.
pub(crate) fn recipients(groups: &[KeyGroup]) -> Vec<Recipient> {
    let numbered = groups.iter().enumerate();
    numbered.flat_map(|(group, keys)| keys.iter().map(move |key| Recipient::of(group, key))).collect()
}

/// Tries the keys in memory on each file, and then runs each plugin once for all files that are still closed.
pub(crate) fn ask_plugins(searches: &mut [Search<'_>], identities: &Identities) {
    for search in &mut *searches {
        search.in_memory();
    }
    for plugin in identities.by_plugin() {
        let questions = searches.iter().enumerate().flat_map(|(number, search)| search.questions(number, &plugin));
        // First what names a recipient of the plugin: whoever runs out of time has then done the most.
        let (mut questions, others): (Vec<_>, Vec<_>) = questions.partition(|question| question.made);
        questions.extend(others);
        let files: HashSet<_> = questions.iter().map(|question| question.search).collect();
        if files.is_empty() {
            continue;
        }
        let headers: Vec<_> = questions.iter_mut().map(|question| std::mem::take(&mut question.stanzas)).collect();
        let mut answers = plugin.ask(&headers, files.len(), identities.plugins());
        for (number, question) in questions.iter().enumerate() {
            let answer = answers.take_key(number).ok_or_else(|| plugin.failures(&answers, number));
            if let Some(search) = searches.get_mut(question.search) {
                search.learn(question.entry, answer);
            }
        }
    }
    for search in searches {
        search.findings.tried = Tried::Plugins;
    }
}

/// What a plugin is asked: whether it opens an entry of a file.
struct Question {
    search: usize,
    entry: usize,
    stanzas: Vec<Stanza>,
    /// Whether it looks as if the plugin had made the recipient.
    made: bool,
}

/// Whether hosts of these names could open a file with these groups, as far as the names in the file are right.
pub(crate) fn could_open(groups: &[KeyGroup], threshold: i64, hosts: &[HostRecipient]) -> bool {
    let ours = |wrapped: &WrappedKey| match wrapped {
        WrappedKey::Age { recipient, .. } => hosts.iter().any(|host| host.is(recipient)),
        WrappedKey::Pgp { fingerprint, .. } => hosts.iter().any(|host| host.is(fingerprint)),
        WrappedKey::Remote { .. } => false,
    };
    groups.iter().filter(|group| group.iter().any(ours)).count() >= needed(groups, threshold)
}

/// Whether somebody who is not in the network could open a file with these groups.
pub(crate) fn could_open_offline(groups: &[KeyGroup], threshold: i64) -> bool {
    let is_offline = |wrapped: &WrappedKey| !matches!(wrapped, WrappedKey::Remote { .. });
    groups.iter().filter(|group| group.iter().any(is_offline)).count() >= needed(groups, threshold)
}

/// How many groups must open. Where there are several, one share says nothing, whatever the threshold says.
fn needed(groups: &[KeyGroup], threshold: i64) -> usize {
    if groups.len() > 1 { usize::try_from(threshold).unwrap_or(0).max(2) } else { 1 }
}

/// What is in an age file that is a secret as it is, the form that agenix uses. It may be armored.
///
/// # Errors
///
/// Says what is wrong with the file, or that no identity opens it.
pub(crate) fn decrypt_age_file(
    bytes: &[u8],
    identities: &Identities,
    mut findings: Findings,
) -> Result<Plaintext, AgeFileError> {
    let mut search = Search::of_age_file(bytes, identities, &mut findings);
    ask_plugins(std::slice::from_mut(&mut search), identities);
    if let Some(mut content) = search.take_parts().pop() {
        return Ok(Plaintext::new(std::mem::take(&mut *content)));
    }
    if let Some(EntryProblem::Age(problem)) = search.findings.problems.first_mut().and_then(Option::take) {
        return Err(AgeFileError::Damaged(problem));
    }
    Err(AgeFileError::NoIdentity(search.report(Cause::TooFew { opened: 0, needed: 1 })))
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

/// What came of trying identities on one age file.
#[derive(Default)]
struct Attempt {
    content: Option<Zeroizing<Vec<u8>>>,
    problem: Option<AgeProblem>,
}

/// Tries each identity in memory on its own: one that fails stands in nobody's way.
fn try_age(file: &File, recipient: &str, identities: &Identities) -> Attempt {
    let mut attempt = Attempt::default();
    let (likely, others): (Vec<_>, Vec<_>) = identities.loaded().iter().partition(|loaded| loaded.is_named(recipient));
    for loaded in likely.into_iter().chain(others) {
        let Key::Age(keys) = &loaded.key else { continue };
        for outcome in keys.iter().map(|key| file.open(&**key)) {
            match outcome {
                Ok(Some(content)) => attempt.content = Some(content),
                Ok(None) => {}
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
#[derive(Default)]
struct Failures {
    /// In the order of the identities.
    identities: Vec<Option<String>>,
    gpg: Option<String>,
}

impl Failures {
    fn report(self, identities: &Identities) -> Vec<HostIdentity> {
        let loaded = identities.loaded().iter().zip(self.identities).map(|(loaded, failure)| HostIdentity {
            origin: loaded.origin.clone(),
            public: loaded.public.clone(),
            failure,
        });
        // Who has only age recipients to answer for has not asked GnuPG, and need not read of it.
        let asked = identities.gpg().zip(self.gpg);
        let gpg = asked.map(|(program, failure)| HostIdentity {
            origin: program.origin(),
            public: Vec::new(),
            failure: Some(failure),
        });
        loaded.chain(gpg).collect()
    }
}

/// The search for the parts of a data key, or for the content of an age file.
pub(crate) struct Search<'a> {
    identities: &'a Identities,
    entries: Vec<Entry<'a>>,
    /// After how many open groups it is over.
    wanted: usize,
    findings: &'a mut Findings,
}

/// A recipient of a sops file with the number of its group; or an age file, which is a group of its own.
#[derive(Clone, Copy)]
enum Entry<'a> {
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
        let keys = |(number, group): (usize, &'a KeyGroup)| group.iter().map(move |key| Entry::Key(number, key));
        let entries = groups.iter().enumerate().flat_map(keys).collect();
        Self::new(entries, groups.len(), wanted, identities, findings)
    }

    /// Goes on in an age file.
    pub(crate) fn of_age_file(bytes: &'a [u8], identities: &'a Identities, findings: &'a mut Findings) -> Self {
        Self::new(vec![Entry::File(bytes)], 1, 1, identities, findings)
    }

    fn new(
        entries: Vec<Entry<'a>>,
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
    fn opened(&self) -> usize {
        self.findings.parts.iter().flatten().count()
    }

    fn is_over(&self) -> bool {
        self.opened() >= self.wanted
    }

    fn take_parts(&mut self) -> Vec<Zeroizing<Vec<u8>>> {
        self.findings.parts.iter_mut().filter_map(Option::take).collect()
    }

    /// Keys of age and SSH first, since those of OpenPGP cost more.
    fn in_memory(&mut self) {
        if self.findings.tried >= Tried::Memory {
            return;
        }
        self.findings.tried = Tried::Memory;
        let Findings { parts, problems, .. } = &mut *self.findings;
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
                    let attempt = try_age(&file, entry.recipient(), self.identities);
                    *part = attempt.content;
                    *problem = attempt.problem.map(EntryProblem::Age);
                }
                Some(Err(error)) => *problem = Some(EntryProblem::Age(error)),
                None => {}
            }
        }
        if self.identities.loaded().iter().all(|loaded| !matches!(loaded.key, Key::OpenPgp(_))) {
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
                let Key::OpenPgp(key) = &loaded.key else { continue };
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
    fn questions(&self, search: usize, plugin: &Plugin<'_>) -> Vec<Question> {
        if self.findings.tried >= Tried::Plugins || self.is_over() {
            return Vec::new();
        }
        let question = |(place, entry): (usize, &Entry<'_>)| {
            let Some(None) = self.findings.parts.get(entry.group()) else { return None };
            // What is wrong with a file was seen when the keys in memory were tried.
            let stanzas = entry.age_file()?.ok()?.stanzas();
            let made = plugin.members.iter().any(|(_, identity)| identity.made(entry.recipient()));
            (!stanzas.is_empty()).then_some(Question { search, entry: place, stanzas, made })
        };
        self.entries.iter().enumerate().filter_map(question).collect()
    }

    /// Takes what a plugin answered: a file key, or why each of its identities gave none.
    fn learn(&mut self, place: usize, answer: Result<FileKey, Vec<(usize, String)>>) {
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

    fn with_gpg(&mut self) {
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

    fn report(self, cause: Cause) -> NoDataKey {
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
        NoDataKey { recipients: recipients.collect(), identities: failures.report(self.identities), cause }
    }
}

impl Entry<'_> {
    fn group(&self) -> usize {
        match self {
            Self::Key(group, _) => *group,
            Self::File(_) => 0,
        }
    }

    /// The age file that it is, if it is one.
    fn age_file(&self) -> Option<Result<File, AgeProblem>> {
        match self {
            Self::Key(_, WrappedKey::Age { enc, .. }) => Some(File::from_entry(enc)),
            Self::Key(..) => None,
            Self::File(bytes) => Some(File::from_bytes(bytes)),
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
                let recipients = File::from_bytes(bytes).map(|file| file.recipients()).unwrap_or_default();
                recipients.into_iter().map(|recipient| ("age", recipient)).collect()
            }
        }
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

/// The kind of a recipient, and what the file calls it.
fn label(wrapped: &WrappedKey) -> (&'static str, &str) {
    match wrapped {
        WrappedKey::Age { recipient, .. } => ("age", recipient),
        WrappedKey::Pgp { fingerprint, .. } => ("pgp", fingerprint),
        WrappedKey::Remote { service, key } => (service, key),
    }
}

impl Recipient {
    fn of(group: usize, wrapped: &WrappedKey) -> Self {
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
    let letters: Vec<char> = text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect();
    match (letters.split_first_chunk::<24>(), letters.split_last_chunk::<16>()) {
        (Some((start, _)), Some((_, end))) if letters.len() > 80 => {
            start.iter().chain(&['.', '.', '.']).chain(end).collect()
        }
        _ => letters.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Write;
    use std::time::{Duration, Instant};

    use age_core::secrecy::ExposeSecret;

    use super::*;
    use crate::child::tests::{programs, search_path};
    use crate::identity::{Gpg, Plugins};
    use crate::{Encrypted, Format};

    const KEY_1: &str = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
    const AGE_1: &str = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";
    const SSH: &[u8] = include_bytes!("../tests/keys/ssh-ed25519");
    const SSH_PUBLIC: &str = include_str!("../tests/keys/ssh-ed25519.pub");
    const RSA: &[u8] = include_bytes!("../tests/keys/ssh-rsa");
    const STRANGER: &str = "age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr";

    /// An age file for a recipient of X25519 or SSH.
    fn file(recipient: &str, content: &[u8]) -> Vec<u8> {
        let recipient: Box<dyn age::Recipient> = match recipient.parse::<age::x25519::Recipient>() {
            Ok(recipient) => Box::new(recipient),
            Err(_) => Box::new(recipient.parse::<age::ssh::Recipient>().ok().unwrap()),
        };
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&*recipient)).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
        file
    }

    fn armored(file: &[u8]) -> String {
        let mut text = Vec::new();
        let mut writer = age::armor::ArmoredWriter::wrap_output(&mut text, age::armor::Format::AsciiArmor).unwrap();
        writer.write_all(file).unwrap();
        writer.finish().unwrap();
        String::from_utf8(text).unwrap()
    }

    fn age(recipient: &str, content: &[u8]) -> WrappedKey {
        WrappedKey::Age { recipient: recipient.trim().to_owned(), enc: armored(&file(recipient, content)) }
    }

    fn broken(recipient: &str) -> WrappedKey {
        WrappedKey::Age { recipient: recipient.to_owned(), enc: "broken".to_owned() }
    }

    fn pgp(enc: &str) -> WrappedKey {
        WrappedKey::Pgp { fingerprint: "4D90CB1E7AE375B0E0FE6DD795290D727DAF2CCE".into(), enc: enc.to_owned() }
    }

    fn kms() -> WrappedKey {
        WrappedKey::Remote { service: "kms", key: "arn:aws:kms:us-east-1:1:key/2".into() }
    }

    fn recover(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<DataKey, NoDataKey> {
        super::recover(groups, threshold, identities, Findings::default())
    }

    fn decrypt_age_file(bytes: &[u8], identities: &Identities) -> Result<Plaintext, AgeFileError> {
        super::decrypt_age_file(bytes, identities, Findings::default())
    }

    fn identities() -> Identities {
        let mut identities = Identities::new();
        assert_eq!(identities.add_age_key_file("/keys.txt", KEY_1.as_bytes()), []);
        identities.add_ssh_key("/etc/ssh/key", SSH).unwrap();
        identities
    }

    fn open(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<Vec<u8>, String> {
        recover(groups, threshold, identities).map(|key| key.as_bytes().to_vec()).map_err(|error| error.to_string())
    }

    /// The stand-in for GnuPG, told what to do in its home.
    fn set_gpg(identities: &mut Identities, how: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("how"), how).unwrap();
        std::fs::write(home.path().join("pubring.kbx"), "").unwrap();
        identities.set_gpg(Gpg {
            program: programs().join("gpg"),
            search_path: "/usr/bin:/bin".into(),
            home: Some(home.path().to_owned()),
            time_limit: Duration::from_secs(60),
        });
        home
    }

    fn runs(home: &tempfile::TempDir) -> usize {
        std::fs::read_to_string(home.path().join("runs")).map_or(0, |runs| runs.lines().count())
    }

    #[test]
    fn one_group_gives_the_data_key_whatever_the_threshold() {
        let identities = identities();
        for threshold in [-1, 0, 1, 2, i64::MAX] {
            for recipient in [AGE_1, SSH_PUBLIC] {
                let groups = [vec![kms(), broken(AGE_1), age(STRANGER, b"no"), age(recipient, b"a key")]];
                assert_eq!(open(&groups, threshold, &identities).as_deref(), Ok(&b"a key"[..]));
            }
        }
        assert_eq!(open(&[vec![age(AGE_1, b"")]], 0, &identities).as_deref(), Ok(&[][..]), "any length");
    }

    #[test]
    fn several_groups_give_shares() {
        let identities = identities();
        // Of the secret "s" on a line, at 1, 2 and 3.
        let share = |x: u8| [b's' ^ x, x];
        let groups = |openable: &[u8]| -> Vec<KeyGroup> {
            (1..=3).map(|x| vec![age(if openable.contains(&x) { AGE_1 } else { STRANGER }, &share(x))]).collect()
        };
        for (openable, threshold, opens) in [
            (&[1, 2, 3][..], 2, true),
            (&[1, 3], 2, true),
            (&[2, 3], 0, true),
            (&[2, 3], -7, true),
            (&[2, 3], 1, true),
            (&[1, 2, 3], 3, true),
            (&[2, 3], 3, false),
            (&[2], 2, false),
            (&[2], 1, false),
            (&[2], 0, false),
            (&[], 0, false),
        ] {
            let outcome = recover(&groups(openable), threshold, &identities);
            assert_eq!(
                outcome.as_ref().ok().map(DataKey::as_bytes),
                opens.then_some(&b"s"[..]),
                "{openable:?} {threshold}"
            );
            if let Err(error) = outcome {
                let needed = usize::try_from(threshold).unwrap().max(2);
                assert_eq!(error.missing_groups(), Some((needed, openable.len())), "{openable:?} {threshold}");
            }
        }
    }

    #[test]
    fn shares_that_do_not_fit_together_are_told_from_missing_ones() {
        let groups = [vec![age(AGE_1, b"ab")], vec![age(AGE_1, b"cb")]];
        let error = recover(&groups, 2, &identities()).err().unwrap();
        assert_eq!(error.to_string(), "its key groups open, but do not fit together: two groups hold the same share");
        assert_eq!(error.missing_groups(), None);
    }

    #[test]
    fn programs_are_run_only_for_what_nothing_in_memory_opens() {
        let mut identities = identities();
        let home = set_gpg(&mut identities, "copy");
        let both = [vec![pgp("a key of gpg"), age(AGE_1, b"a key")]];
        assert_eq!(open(&both, 0, &identities).as_deref(), Ok(&b"a key"[..]));
        assert_eq!(runs(&home), 0);

        let only_pgp = [vec![pgp("a key of gpg"), pgp("another")]];
        assert_eq!(open(&only_pgp, 0, &identities).as_deref(), Ok(&b"a key of gpg"[..]));
        assert_eq!(runs(&home), 1);

        let enough = [vec![age(AGE_1, &[b's' ^ 1, 1])], vec![pgp("x")], vec![age(AGE_1, &[b's' ^ 3, 3])]];
        assert_eq!(open(&enough, 2, &identities).as_deref(), Ok(&b"s"[..]));
        assert_eq!(runs(&home), 1, "two shares are enough");
    }

    #[test]
    fn an_rsa_host_key_opens_pgp_entries_without_gpg() {
        let mut identities = identities();
        let home = set_gpg(&mut identities, "copy");
        identities.add_openpgp_ssh_key("/etc/ssh/rsa", RSA).unwrap();
        let groups = [vec![pgp("broken"), pgp(include_str!("../tests/openpgp/aes256-zip.asc"))]];
        assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"0123456789abcdef0123456789abcdef"[..]));
        assert_eq!(runs(&home), 0);
        // What is beyond it is left to GnuPG.
        let camellia = include_str!("../tests/openpgp/camellia.asc");
        assert_eq!(open(&[vec![pgp(camellia)]], 0, &identities).as_deref(), Ok(camellia.as_bytes()));
    }

    /// A recipient whose stanza holds the file key itself, with what the toy shall do.
    struct Toy<'a>(&'a [&'a str]);

    impl age::Recipient for Toy<'_> {
        fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
            let args = self.0.iter().map(|word| (*word).to_owned()).collect();
            let stanza = Stanza { tag: "toy".to_owned(), args, body: key.expose_secret().to_vec() };
            Ok((vec![stanza], HashSet::new()))
        }
    }

    fn toy_file(task: &[&str], content: &[u8]) -> Vec<u8> {
        let toy = Toy(task);
        let recipients: &dyn age::Recipient = &toy;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipients)).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap();
        file
    }

    /// An entry for the toy, whose content is what it shall do.
    fn toy(recipient: &str, how: &str) -> WrappedKey {
        WrappedKey::Age { recipient: recipient.to_owned(), enc: armored(&toy_file(&[how], how.as_bytes())) }
    }

    fn add_toys(identities: &mut Identities, count: u8) {
        for number in 0..count {
            let name = bech32::Hrp::parse_unchecked("age-plugin-toy-");
            let text = age_core::primitives::bech32_encode(name, &[number]);
            assert_eq!(identities.add_age_key_file("/toy.txt", text.to_uppercase().as_bytes()), []);
        }
    }

    /// A folder with the toy, where its starts are counted.
    fn set_counting_toy(identities: &mut Identities, time_limit: Duration) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(programs().join("age-plugin-toy"), folder.path().join("age-plugin-toy")).unwrap();
        std::fs::write(folder.path().join("starts"), "").unwrap();
        identities.set_plugins(Plugins { search_path: search_path(folder.path()), time_limit });
        folder
    }

    /// A line for each start: the number of identities, and what the toy was to do.
    fn starts(folder: &tempfile::TempDir) -> Vec<String> {
        std::fs::read_to_string(folder.path().join("starts")).unwrap().lines().map(str::to_owned).collect()
    }

    const LONG: Duration = Duration::from_secs(60);

    /// Age files in the way of a run: all are read, plugins are asked, each is decrypted.
    fn run(files: &[Vec<u8>], identities: &Identities) -> Vec<Result<Vec<u8>, String>> {
        let mut files: Vec<_> = files.iter().map(|file| Encrypted::parse(Format::Age, file.clone())).collect();
        Encrypted::ask_plugins(files.iter_mut().flatten(), identities);
        let decrypt = |file: Result<Encrypted, crate::Error>| match file.and_then(|file| file.decrypt(identities)) {
            Ok(decrypted) => Ok(decrypted.whole().ok().unwrap().as_bytes().to_vec()),
            Err(crate::Error::Age(error)) => Err(error.to_string()),
            Err(error) => Err(format!("another error: {error}")),
        };
        files.into_iter().map(decrypt).collect()
    }

    #[test]
    fn a_plugin_is_started_once_for_all_files() {
        let mut identities = identities();
        add_toys(&mut identities, 1);
        let folder = set_counting_toy(&mut identities, LONG);
        let files: Vec<_> = (0..5).map(|number| toy_file(&["open"], &[number])).collect();
        let opened: Vec<_> = (0..5).map(|number| Ok(vec![number])).collect();
        assert_eq!(run(&files, &identities), opened);
        assert_eq!(starts(&folder), ["1: open open open open open"]);

        add_toys(&mut identities, 1);
        assert_eq!(run(&files, &identities), opened);
        assert_eq!(starts(&folder)[1..], ["2: open open open open open"], "identities of one plugin share a session");

        assert_eq!(run(&[], &identities), []);
        assert_eq!(starts(&folder).len(), 2, "nothing to ask");
        let alone = decrypt_age_file(&files[3], &identities).ok().unwrap();
        assert_eq!((alone.as_bytes(), starts(&folder).len()), (&[3][..], 3), "a file by itself");
    }

    #[test]
    fn a_plugin_is_asked_only_about_groups_that_nothing_in_memory_opens() {
        let mut identities = identities();
        add_toys(&mut identities, 1);
        let folder = set_counting_toy(&mut identities, LONG);
        let home = set_gpg(&mut identities, "copy");
        let files = [
            vec![vec![toy("age1toy1qqqq", "stay"), age(AGE_1, b"in memory")]],
            vec![vec![age(STRANGER, b"no"), pgp("a key of gpg"), toy("age1toy1qqqq", "open")]],
            vec![vec![toy("age1toy1qqqq", "nothing"), pgp("another of gpg")]],
            // Of the secret "s" at 1, 2 and 3.
            vec![vec![age(AGE_1, &[b's' ^ 1, 1])], vec![toy("age1toy1qqqq", "die")], vec![age(AGE_1, &[b's' ^ 3, 3])]],
        ];
        let threshold = 2;
        let mut findings: Vec<_> = files.iter().map(|_| Findings::default()).collect();
        let search = |(groups, findings)| Search::of_sops_file(groups, threshold, &identities, findings);
        let mut searches: Vec<_> = files.iter().map(Vec::as_slice).zip(&mut findings).map(search).collect();
        ask_plugins(&mut searches, &identities);
        drop(searches);
        assert_eq!(starts(&folder), ["1: open nothing"]);
        assert_eq!(runs(&home), 0, "GnuPG is last");
        let keys: Vec<_> = files
            .iter()
            .zip(findings)
            .map(|(groups, findings)| super::recover(groups, threshold, &identities, findings).ok().unwrap())
            .collect();
        let keys: Vec<_> = keys.iter().map(DataKey::as_bytes).collect();
        assert_eq!(keys, [&b"in memory"[..], b"open", b"another of gpg", b"s"]);
        assert_eq!((starts(&folder).len(), runs(&home)), (1, 1), "what is known is not asked again");
        let files = [file(AGE_1, b"a"), file(SSH_PUBLIC, b"b")];
        assert_eq!(run(&files, &identities), [Ok(b"a".to_vec()), Ok(b"b".to_vec())]);
        assert_eq!(starts(&folder).len(), 1, "keys in memory open all files");
    }

    #[test]
    fn a_plugin_that_hangs_takes_one_time_limit_and_every_file_says_so() {
        let mut identities = Identities::new();
        add_toys(&mut identities, 2);
        let folder = set_counting_toy(&mut identities, Duration::from_secs(1));
        let pids = folder.path().join("pids");
        let hang = toy_file(&["hang", pids.to_str().unwrap()], b"");
        let start = Instant::now();
        let outcome = run(&[toy_file(&["open"], b"early"), hang, toy_file(&["open"], b"late")], &identities);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        crate::child::tests::assert_gone(&pids);
        assert_eq!(outcome[0], Ok(b"early".to_vec()));
        let stopped = "age-plugin-toy was of no use: it gave no answer within 3 seconds and was stopped";
        for outcome in &outcome[1..] {
            let error = outcome.as_ref().unwrap_err();
            assert_eq!(error.matches(stopped).count(), 2, "by each identity: {error}");
        }
        assert_eq!(starts(&folder), ["2: open hang open"]);
    }

    #[test]
    fn a_plugin_that_is_missing_is_named_for_every_file_but_those_that_open_without_it() {
        let mut identities = identities();
        add_toys(&mut identities, 1);
        let files = [toy_file(&["open"], b"one"), file(AGE_1, b"two"), toy_file(&["open"], b"three"), b"x".to_vec()];
        let outcome = run(&files, &identities);
        for number in [0, 2] {
            let error = outcome[number].as_ref().unwrap_err();
            assert!(error.contains("age-plugin-toy (/toy.txt): age-plugin-toy is not in PATH; "), "{error}");
        }
        assert_eq!(outcome[1], Ok(b"two".to_vec()));
        assert_eq!(outcome[3], Err("its header is damaged, or it is no age file".to_owned()));
    }

    #[test]
    fn a_plugin_may_answer_for_some_files_only() {
        let mut identities = Identities::new();
        add_toys(&mut identities, 1);
        let folder = set_counting_toy(&mut identities, LONG);
        let tasks = ["nothing", "open", "refuse", "wrong", "open"];
        let files: Vec<_> = tasks.iter().map(|task| toy_file(&[task], task.as_bytes())).collect();
        let outcome = run(&files, &identities);
        let closed = "no identity opens it; it is encrypted to toy; this host is age-plugin-toy (/toy.txt)";
        assert_eq!(outcome[0], Err(closed.to_owned()));
        assert_eq!(outcome[1], Ok(b"open".to_vec()));
        assert!(
            outcome[2].as_ref().unwrap_err().starts_with(&format!("{closed}: age-plugin-toy says: ")),
            "{outcome:?}"
        );
        assert_eq!(outcome[3], Err("its header does not match its MAC".to_owned()));
        assert_eq!(outcome[4], Ok(b"open".to_vec()));
        assert_eq!(starts(&folder).len(), 1);
    }

    #[test]
    fn a_plugin_is_asked_first_about_recipients_of_its_own() {
        let mut identities = identities();
        add_toys(&mut identities, 1);

        let missing = open(&[vec![toy("age1toy1qqqq", "open")]], 0, &identities).unwrap_err();
        assert!(missing.contains("age-plugin-toy (/toy.txt): age-plugin-toy is not in PATH"), "{missing}");

        identities.set_plugins(Plugins { search_path: search_path(&programs()), time_limit: Duration::from_secs(60) });
        let groups = [vec![toy("age1other1qqqq", "open"), toy("age1toy1qqqq", "stay")]];
        assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"stay"[..]));
        let groups = [vec![toy("age1other1qqqq", "error"), toy("age1tag1qqqq", "open")]];
        assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"open"[..]));
        let failed = recover(&[vec![toy("age1toy1qqqq", "die"), kms()]], 0, &identities).err().unwrap();
        let reasons: Vec<_> = failed.identities().iter().map(|identity| failed.reason(identity)).collect();
        assert_eq!(
            reasons,
            ["not a recipient", "not a recipient", "age-plugin-toy ended before it answered: the card is not there"]
        );
        let order: Vec<_> = failed.recipients().iter().map(Recipient::kind).collect();
        assert_eq!(order, ["age", "kms"], "the report keeps the order of the file");
    }

    #[test]
    fn the_report_names_both_sides() {
        let mut identities = identities();
        let home = set_gpg(&mut identities, "refuse");
        let derived = identities.loaded()[1].public[0].clone();
        let groups = [vec![kms(), age(STRANGER, b"no"), broken("age1xyz"), broken(""), pgp("no message")]];
        let error = recover(&groups, 0, &identities).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "no identity opens it; it is encrypted to kms arn:aws:kms:us-east-1:1:key/2, {STRANGER}, \
                 age1xyz (it is not an armored age file), age (not named) (it is not an armored age file), \
                 pgp 4D90CB1E7AE375B0E0FE6DD795290D727DAF2CCE; this host is {AGE_1} (/keys.txt), \
                 {derived} (/etc/ssh/key), {} with the GnuPG home {}: \
                 encrypted with RSA key; decryption failed: ?[1mNo secret key",
                programs().join("gpg").display(),
                home.path().display(),
            )
        );
        assert_eq!(error.recipient_to_add(), Some(derived.as_str()), "that of the host key");
        assert_eq!(error.missing_groups(), Some((1, 0)));
    }

    #[test]
    fn a_recipient_that_is_there_already_is_not_to_be_added() {
        let identities = identities();
        let mut mislabelled = age(STRANGER, b"no");
        let derived = identities.loaded()[1].public[0].clone();
        if let WrappedKey::Age { recipient, .. } = &mut mislabelled {
            recipient.clone_from(&derived);
        }
        let error = recover(&[vec![mislabelled]], 0, &identities).err().unwrap();
        assert_eq!(error.recipient_to_add(), Some(AGE_1));
        assert!(error.lists(&error.identities()[1]));
        let reason = "a recipient, but its entry is damaged or was encrypted to another key";
        assert_eq!(error.reason(&error.identities()[1]), reason);

        let nobody = recover(&[], 0, &Identities::new()).err().unwrap();
        assert_eq!(nobody.to_string(), "no identity opens it; it has no recipients; this host has no identity");
        assert_eq!(nobody.recipient_to_add(), None);
    }

    #[test]
    fn names_tell_who_could_open_a_file() {
        let hosts =
            |names: &[&str]| -> Vec<_> { names.iter().map(|name| HostRecipient::parse(name).unwrap()).collect() };
        let fingerprint = "4d90cb1e7ae375b0e0fe6dd795290d727daf2cce";
        let groups = [vec![kms(), broken(AGE_1)], vec![broken(STRANGER), broken(SSH_PUBLIC)], vec![pgp("")]];
        for (names, threshold, could) in [
            (&[AGE_1, SSH_PUBLIC, fingerprint][..], 3, true),
            (&[AGE_1, SSH_PUBLIC], 3, false),
            (&[AGE_1, SSH_PUBLIC], 2, true),
            (&[AGE_1, fingerprint], 0, true),
            (&[SSH_PUBLIC, STRANGER], 2, false),
            (&[AGE_1], 1, false),
            (&[], 0, false),
        ] {
            assert_eq!(could_open(&groups, threshold, &hosts(names)), could, "{names:?} {threshold}");
        }
        assert!(could_open(&groups[..1], 3, &hosts(&[AGE_1])));
        assert!(!could_open(&groups[..1], 3, &hosts(&[STRANGER])));
    }

    #[test]
    fn long_keys_are_shortened_at_both_ends() {
        assert_eq!(short(AGE_1), AGE_1);
        assert_eq!(
            short(&format!("age1pq1{}end-of-the-key", "q".repeat(1900))),
            "age1pq1qqqqqqqqqqqqqqqqq...qqend-of-the-key"
        );
    }

    #[test]
    fn plain_age_files_open_armored_or_not() {
        let identities = identities();
        for recipient in [AGE_1, SSH_PUBLIC] {
            let file = file(recipient, b"a secret");
            for bytes in [file.clone(), armored(&file).into_bytes(), format!("\n{}\n", armored(&file)).into_bytes()] {
                let content = decrypt_age_file(&bytes, &identities).ok().unwrap();
                assert_eq!(content.as_bytes(), b"a secret");
            }
        }
        let large = vec![b'x'; 200_000];
        assert_eq!(decrypt_age_file(&file(AGE_1, &large), &identities).ok().unwrap().as_bytes(), large);
    }

    #[test]
    fn a_plain_age_file_that_does_not_open_says_why() {
        let identities = identities();
        let error = decrypt_age_file(&file(STRANGER, b"no"), &identities).err().unwrap();
        assert!(
            error.to_string().starts_with("no identity opens it; it is encrypted to X25519; this host is age1"),
            "{error}"
        );
        let mut damaged = file(AGE_1, b"a secret");
        damaged.pop();
        let error = decrypt_age_file(&damaged, &identities).err().unwrap();
        assert!(matches!(error, AgeFileError::Damaged(AgeProblem::Payload)));
        assert_eq!(error.to_string(), "its payload is damaged or truncated");
        let error = decrypt_age_file(b"hello", &identities).err().unwrap();
        assert_eq!(error.to_string(), "its header is damaged, or it is no age file");
    }
}
