//! Whether a generation was made from the same bytes and is as it was made, so that there is nothing to decrypt.
//!
//! A stamp has two halves. One is of what the generation was made from: each input is a question that can be asked again,
//! such as "what is in this file", with a hash of the answer that was used. The other is of what was installed: each file,
//! link and directory as fstat(2) told while it was being made. No clock decides anything, and nothing is looked up afterwards, when
//! it may have been changed already.
//!
//! What only root can write is compared by what stat(2) says of it. What others may write too, such as a file of an ordinary
//! user, is compared by content: its owner can change it without a trace in any time.
//!
//! A stamp also has a [`Summary`] of the manifest, so that a run that finds nothing changed need not parse what it has hashed.
//!
//! The hashes are salted with random bytes that stand in the stamp. A reader of the stamp could guess a short secret with it; but
//! only root can, and beside it are the secrets themselves, for the same reader. The salt keeps a stamp that is copied elsewhere
//! from being compared with that of another machine, or with a table.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::sys::stat::SFlag;
use nix::unistd::Gid;
use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};

use crate::dir::{Dir, Is, kind};
use crate::record::{self, RECORD, STAMP};
use crate::seal::{Hash, Seal, is_written_by_root_alone, length, salted};
use crate::{Changes, Current, Error, Location, Retention, Store, credentials, links};

/// What a generation is made from: questions, each with the answer that was used.
pub struct Inputs {
    /// A hash of the answer to each question. Sorted, so that every run asks in one order, and two runs are the same.
    answers: BTreeMap<Vec<u8>, Hash>,
    is_complete: bool,
}

impl Inputs {
    /// No inputs.
    #[must_use]
    pub fn new() -> Self {
        Self { answers: BTreeMap::new(), is_complete: true }
    }

    /// Adds the answer to a question that can be asked again.
    ///
    /// A question that had another answer before, such as a file that gives other bytes at every look, has none. There is no stamp
    /// then.
    pub fn add(&mut self, question: &[u8], answer: Answer) {
        let answer = answer.hash();
        match self.answers.entry(question.to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert(answer);
            }
            Entry::Occupied(entry) => self.is_complete &= *entry.get() == answer,
        }
    }

    /// Adds something that cannot be asked again. There is no stamp then.
    pub fn add_unknown(&mut self) {
        self.is_complete = false;
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let questions: Vec<_> = self.answers.keys().map(|question| String::from_utf8_lossy(question)).collect();
        formatter.debug_struct("Inputs").field("questions", &questions).finish_non_exhaustive()
    }
}

/// An answer, of which only a hash is kept.
#[derive(Clone)]
pub struct Answer(Sha256);

impl Answer {
    /// One that begins with these bytes.
    #[must_use]
    pub fn new(begin: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(begin))
    }

    /// Adds bytes to its end. In how many parts they come does not matter.
    pub fn append(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    #[inline(never)]
    fn hash(self) -> Hash {
        self.0.finalize().into()
    }
}

/// What a run has to know of its manifest where nothing has changed.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Where the secrets are.
    pub location: Location,
    /// The group of the directories; none in user mode.
    pub group: Option<Gid>,
    /// Which generations stay.
    pub retention: Retention,
    /// What every run says, in words of the caller.
    pub lines: Vec<Vec<u8>>,
}

impl Summary {
    /// The summary in the stamp below a mount point, if the stamp was made from all of the known inputs.
    ///
    /// Where the mount point was found does not matter: the stamp has to say itself that it belongs there, and only root and our
    /// own user can have written it. Whether anything else has changed is the question of [`Current::is_stamped`].
    #[must_use]
    pub fn find(mount_point: &Path, known: &Inputs) -> Option<Self> {
        let root = Dir::existing(mount_point).ok().flatten()?;
        let bytes = record::bytes(&root, STAMP).ok()??;
        let stamp = Stamp::parse(&bytes)?;
        let summary = Self::parse(stamp.summary)?;
        let is_known = summary.location.mount_point() == mount_point && stamp.has_all(known);
        is_known.then_some(summary)
    }

    fn parse(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let location = Location::from_bytes(take(bytes)?)?;
        let group = match take(bytes)? {
            [] => None,
            number => Some(Gid::from_raw(u32::from_le_bytes(number.try_into().ok()?))),
        };
        let retention = Retention::from_bytes(take(bytes)?)?;
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            lines.push(take(bytes)?.to_owned());
        }
        Some(Self { location, group, retention, lines })
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { location, group, retention, lines } = self;
        let mut bytes = Vec::new();
        put(&mut bytes, &location.to_bytes());
        put(&mut bytes, group.map(|group| group.as_raw().to_le_bytes()).as_ref().map_or(&[], |group| group));
        put(&mut bytes, &retention.to_bytes());
        for line in lines {
            put(&mut bytes, line);
        }
        bytes
    }
}

impl Current<'_> {
    /// Whether the running generation, its links and its credentials are as they were made, and every question has the
    /// answer that was used. Then [`Changes::none`](crate::Changes::none) is the answer of
    /// [`Changes::between`](crate::Changes::between), and there is no link to make.
    ///
    /// What is known already are these inputs; the other questions are asked one after the other, until one has another
    /// answer or none.
    #[must_use]
    pub fn is_stamped(&self, known: &Inputs, mut ask: impl FnMut(&[u8]) -> Option<Answer>) -> bool {
        let (Some(running), Some(stamp)) = (self.running(), self.stamp().and_then(Stamp::parse)) else { return false };
        let mut is_same = |question: &[u8], expected: &Hash| {
            let answer = match known.answers.get(question) {
                Some(answer) => Some(*answer),
                None => ask(question).map(Answer::hash),
            };
            answer.is_some_and(|answer| salted(&stamp.salt, &answer) == *expected)
        };
        stamp.has_all(known)
            && look(self, running).is_ok_and(|seal| Seal::finish(&[&seal], &stamp.salt, stamp.summary) == stamp.seal)
            && stamp.answers.iter().all(|(question, expected)| is_same(question, expected))
    }

    /// The summary in the stamp, if it has one.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        Summary::parse(Stamp::parse(self.stamp()?)?.summary)
    }

    /// Whether earlier runs were to ask others for something, and have perhaps not, or in vain.
    #[must_use]
    pub fn has_requests(&self) -> bool {
        self.requests().is_there()
    }
}

impl Store<'_> {
    /// Notes that the active generation was made from these inputs, all of them and without a failure. With a summary, a run that
    /// finds nothing changed has nothing else to say than what is in it.
    ///
    /// Without a stamp, which may have failed for want of room, the next run does all the work.
    pub fn stamp(&self, inputs: &Inputs, changes: &Changes, summary: Option<&Summary>) {
        let Some(seals) = self.seals(changes).filter(|_| inputs.is_complete) else { return };
        // A stamp shows later that there was such a note, also where the active generation is one of sops-nix.
        if !self.has_switched() && self.note_symlinks().is_err() {
            return;
        }
        let mut salt = [0; 32];
        let Ok(32) = getrandom(&mut salt, GetRandomFlags::empty()) else { return };
        let answers = inputs.answers.iter();
        let summary = summary.map(Summary::bytes).unwrap_or_default();
        let stamp = Stamp {
            salt,
            seal: Seal::finish(&seals, &salt, &summary),
            summary: &summary,
            answers: answers.map(|(question, answer)| (question.as_slice(), salted(&salt, answer))).collect(),
        };
        match self.root().replace(STAMP.as_ref(), &stamp.bytes(), RECORD) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// What is installed now.
fn look(current: &Current<'_>, running: &Dir) -> Result<Seal, Error> {
    let mut seal = Seal::default();
    look_below(&mut seal, &running.listable()?, &mut Vec::new())?;
    if let Some(root) = current.root() {
        seal.join(&links::look(root)?);
        seal.join(&credentials::look(root)?);
    }
    Ok(seal)
}

/// Nothing of ours has an access control list. Where only root can write, a new list changes the time that any other change does, and so
/// it is noticed; elsewhere it is looked for.
fn look_below(seal: &mut Seal, directory: &Dir, place: &mut Vec<u8>) -> Result<(), Error> {
    let length = place.len();
    let mut directories = Vec::new();
    directory.each_entry(&mut |name, is| {
        if is == Is::Directory {
            directories.push(name.to_owned());
            return Ok(());
        }
        enter(place, name);
        look_at(seal, directory, name, Path::new(OsStr::from_bytes(place)))?;
        place.truncate(length);
        Ok(())
    })?;
    for name in directories {
        enter(place, &name);
        look_below(seal, &directory.within(&name)?, place)?;
        place.truncate(length);
    }
    let status = directory.status()?;
    if !is_written_by_root_alone(&status) {
        directory.refuse_lists()?;
    }
    seal.directory(Path::new(OsStr::from_bytes(place)), &status);
    Ok(())
}

/// Puts a name behind the place of its directory.
fn enter(place: &mut Vec<u8>, name: &OsStr) {
    if !place.is_empty() {
        place.push(b'/');
    }
    place.extend_from_slice(name.as_bytes());
}

fn look_at(seal: &mut Seal, directory: &Dir, name: &OsStr, place: &Path) -> Result<(), Error> {
    let status = directory.status_of(name)?;
    if kind(&status) == SFlag::S_IFLNK {
        seal.link(place, &directory.target_of(name)?, &status);
    } else if is_written_by_root_alone(&status) {
        seal.file(place, &status);
    } else {
        let (content, status) = directory.read_unlisted(name)?;
        seal.content(place, &status, &content);
    }
    Ok(())
}

/// A stamp as it is kept.
struct Stamp<'a> {
    salt: Hash,
    /// Of what was installed, and of the summary.
    seal: Hash,
    /// A [`Summary`], or nothing.
    summary: &'a [u8],
    /// Questions, each with the hash of its answer.
    answers: Vec<(&'a [u8], Hash)>,
}

impl<'a> Stamp<'a> {
    #[inline(never)]
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(FORMAT)?;
        let (salt, bytes) = bytes.split_first_chunk()?;
        let (seal, mut bytes) = bytes.split_first_chunk()?;
        let summary = take(&mut bytes)?;
        let mut answers = Vec::new();
        while !bytes.is_empty() {
            let question = take(&mut bytes)?;
            let (answer, rest) = bytes.split_first_chunk()?;
            answers.push((question, *answer));
            bytes = rest;
        }
        Some(Self { salt: *salt, seal: *seal, summary, answers })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = FORMAT.to_vec();
        bytes.extend(self.salt);
        bytes.extend(self.seal);
        put(&mut bytes, self.summary);
        for (question, answer) in &self.answers {
            put(&mut bytes, question);
            bytes.extend(answer);
        }
        bytes
    }

    /// Whether all that is known has the answer that was used.
    #[inline(never)]
    fn has_all(&self, known: &Inputs) -> bool {
        let is_known = |(question, expected): &&(&[u8], Hash)| {
            known.answers.get(*question).is_some_and(|answer| salted(&self.salt, answer) == *expected)
        };
        known.is_complete && self.answers.iter().filter(is_known).count() == known.answers.len()
    }
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend(length(part));
    bytes.extend(part);
}

#[inline(never)]
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    *bytes = rest;
    Some(part)
}

/// What a stamp begins with. One of another version says nothing.
const FORMAT: &[u8] = b"stamp 3\n";
