//! The data key of a sops file: found by trying this host's identities on the recipients of the file (sops-format.md
//! section 6.1).

use std::fmt;

use zeroize::Zeroizing;

use crate::identity::age::{AgeProblem, File};
use crate::identity::openpgp::Message;
use crate::identity::recipient::HostRecipient;
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
    let needed = needed(groups, threshold);
    // A file that does not say how many groups are needed may need them all.
    let wanted = if threshold < 1 { needed.max(groups.len()) } else { needed };
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

/// The recipients in all groups, as messages name them.
pub(crate) fn recipients(groups: &[KeyGroup]) -> Vec<Recipient> {
    let numbered = groups.iter().enumerate();
    numbered.flat_map(|(group, keys)| keys.iter().map(move |key| Recipient::of(group, key, None))).collect()
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

/// How many groups must open. Where there are several, one share says nothing, whatever the threshold says.
fn needed(groups: &[KeyGroup], threshold: i64) -> usize {
    if groups.len() > 1 { usize::try_from(threshold).unwrap_or(0).max(2) } else { 1 }
}

/// What is in an age file that is a secret as it is, the form that agenix uses. It may be armored.
///
/// # Errors
///
/// Says what is wrong with the file, or that no identity opens it.
pub(crate) fn decrypt_age_file(bytes: &[u8], identities: &Identities) -> Result<Plaintext, AgeFileError> {
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
        let recipients = self.entries.into_iter().map(|entry| Recipient::of(entry.group, entry.wrapped, entry.problem));
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
    fn of(group: usize, wrapped: &WrappedKey, problem: Option<String>) -> Self {
        let (kind, text) = match wrapped {
            WrappedKey::Age { recipient, .. } => ("age", recipient),
            WrappedKey::Pgp { fingerprint, .. } => ("pgp", fingerprint),
            WrappedKey::Remote { service, key } => (*service, key),
        };
        Self { group, kind, text: text.clone(), problem }
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
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::time::Duration;

    use super::*;
    use crate::identity::{Gpg, Plugins};

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

    fn identities() -> Identities {
        let mut identities = Identities::new();
        assert_eq!(identities.add_age_key_file("/keys.txt", KEY_1.as_bytes()), []);
        identities.add_ssh_key("/etc/ssh/key", SSH).unwrap();
        identities
    }

    fn open(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<Vec<u8>, String> {
        recover(groups, threshold, identities).map(|key| key.as_bytes().to_vec()).map_err(|error| error.to_string())
    }

    /// The folder with programs for tests.
    fn programs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
    }

    /// The stand-in for GnuPG, told what to do in its home.
    fn set_gpg(identities: &mut Identities, how: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("how"), how).unwrap();
        identities.set_gpg(Gpg {
            program: programs().join("gpg"),
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

    #[test]
    fn a_plugin_is_asked_first_about_recipients_of_its_own() {
        // A recipient whose stanza holds the file key itself, with what the toy shall do.
        struct Toy(&'static str);
        impl age::Recipient for Toy {
            fn wrap_file_key(
                &self,
                key: &age_core::format::FileKey,
            ) -> Result<(Vec<age_core::format::Stanza>, std::collections::HashSet<String>), age::EncryptError>
            {
                use age_core::secrecy::ExposeSecret;
                let (tag, args) = ("toy".to_owned(), vec![self.0.to_owned()]);
                let stanza = age_core::format::Stanza { tag, args, body: key.expose_secret().to_vec() };
                Ok((vec![stanza], std::collections::HashSet::new()))
            }
        }
        let toy = |recipient: &str, how| {
            let toy = Toy(how);
            let recipients: &dyn age::Recipient = &toy;
            let encryptor = age::Encryptor::with_recipients(std::iter::once(recipients)).unwrap();
            let mut file = Vec::new();
            let mut writer = encryptor.wrap_output(&mut file).unwrap();
            writer.write_all(how.as_bytes()).unwrap();
            writer.finish().unwrap();
            WrappedKey::Age { recipient: recipient.to_owned(), enc: armored(&file) }
        };
        let mut identities = identities();
        let text = age_core::primitives::bech32_encode(bech32::Hrp::parse_unchecked("age-plugin-toy-"), &[1]);
        assert_eq!(identities.add_age_key_file("/toy.txt", text.to_uppercase().as_bytes()), []);

        let missing = open(&[vec![toy("age1toy1qqqq", "open")]], 0, &identities).unwrap_err();
        assert!(missing.contains("age-plugin-toy (/toy.txt): age-plugin-toy is not in PATH"), "{missing}");

        identities.set_plugins(Plugins { search_path: programs().into(), time_limit: Duration::from_secs(60) });
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
        let hosts = |names: &[&str]| -> Vec<_> { names.iter().filter_map(|name| HostRecipient::parse(name)).collect() };
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
