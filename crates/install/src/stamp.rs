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
//! The hashes are salted with random bytes that stand in the stamp. A reader of the stamp could guess a short secret with it; but
//! only root can, and beside it are the secrets themselves, for the same reader. The salt keeps a stamp that is copied elsewhere
//! from being compared with that of another machine, or with a table.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::path::Path;

use nix::sys::stat::SFlag;
use rustix::rand::{GetRandomFlags, getrandom};
use zeroize::Zeroizing;

use crate::dir::{Dir, Is, kind};
use crate::mount::is_ramfs;
use crate::record::{RECORD, STAMP};
use crate::seal::{Hash, Seal, hash, is_written_by_root_alone, length, salted};
use crate::{Changes, Current, Error, Store, credentials, links};

/// What a generation is made from: questions, each with the answer that was used.
pub struct Inputs {
    /// A hash of the answer to each question.
    answers: HashMap<Vec<u8>, Hash>,
    is_complete: bool,
}

impl Inputs {
    /// No inputs.
    #[must_use]
    pub fn new() -> Self {
        Self { answers: HashMap::new(), is_complete: true }
    }

    /// Adds the answer to a question that can be asked again. Only a hash of it is kept.
    ///
    /// A question that had another answer before, such as a file that gives other bytes at every look, has none. There is no stamp
    /// then.
    pub fn add(&mut self, question: &[u8], answer: &[u8]) {
        let answer = hash(answer);
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

impl Current<'_> {
    /// Whether the running generation, its links and its credentials are as they were made, and every question has the
    /// answer that was used. Then [`Changes::none`](crate::Changes::none) is the answer of
    /// [`Changes::between`](crate::Changes::between), and there is no link to make.
    ///
    /// What is known already are these inputs; the other questions are asked one after the other, until one has another
    /// answer or none.
    #[must_use]
    pub fn is_stamped(&self, known: &Inputs, mut ask: impl FnMut(&[u8]) -> Option<Zeroizing<Vec<u8>>>) -> bool {
        let (Some(running), Some(stamp)) = (self.running(), self.stamp().and_then(Stamp::parse)) else { return false };
        let mut known_before = 0_usize;
        let mut is_same = |question: &[u8], expected: &Hash| {
            let answer = match known.answers.get(question) {
                Some(answer) => {
                    known_before = known_before.saturating_add(1);
                    Some(*answer)
                }
                None => ask(question).map(|answer| hash(&answer)),
            };
            answer.is_some_and(|answer| salted(&stamp.salt, &answer) == *expected)
        };
        known.is_complete
            && look(self, running).is_ok_and(|seal| seal.finish(&stamp.salt) == stamp.seal)
            && stamp.answers.iter().all(|(question, expected)| is_same(question, expected))
            && known_before == known.answers.len()
    }
}

impl Store<'_> {
    /// Notes that the active generation was made from these inputs, all of them and without a failure.
    ///
    /// Without a stamp, which may have failed for want of room, the next run does all the work.
    pub fn stamp(&self, inputs: &Inputs, changes: &Changes) {
        let Some(seal) = self.seal(changes).filter(|_| inputs.is_complete) else { return };
        let mut salt = [0; 32];
        let Ok(32) = getrandom(&mut salt, GetRandomFlags::empty()) else { return };
        let answers = inputs.answers.iter();
        let stamp = Stamp {
            salt,
            seal: seal.finish(&salt),
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
    let lists = if is_ramfs(running)? { Lists::None } else { Lists::Possible };
    look_below(&mut seal, &running.listable()?, Path::new(""), lists)?;
    if let Some(root) = current.root() {
        seal.join(links::look(root)?);
        seal.join(credentials::look(root)?);
    }
    Ok(seal)
}

/// Whether a file system has access control lists, which nothing of ours has.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Lists {
    None,
    Possible,
}

fn look_below(seal: &mut Seal, directory: &Dir, place: &Path, lists: Lists) -> Result<(), Error> {
    if lists == Lists::Possible {
        directory.refuse_lists()?;
    }
    for (name, is) in directory.entries()? {
        let place = place.join(&name);
        if is == Is::Directory {
            look_below(seal, &directory.within(&name)?, &place, lists)?;
            continue;
        }
        let status = directory.status_of(&name)?;
        if kind(&status) == SFlag::S_IFLNK {
            let (target, status) = directory.link_at(&name)?;
            seal.link(&place, &target, &status);
        } else if lists == Lists::Possible || !is_written_by_root_alone(&status) {
            let (content, status) = directory.read_whole(&name)?;
            seal.content(&place, &status, &content);
        } else {
            seal.content(&place, &status, &[]);
        }
    }
    seal.directory(place, &directory.status()?);
    Ok(())
}

/// A stamp as it is kept.
struct Stamp<'a> {
    salt: Hash,
    /// Of what was installed.
    seal: Hash,
    /// Questions, each with the hash of its answer.
    answers: Vec<(&'a [u8], Hash)>,
}

impl<'a> Stamp<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let bytes = bytes.strip_prefix(FORMAT)?;
        let (salt, bytes) = bytes.split_first_chunk()?;
        let (seal, mut bytes) = bytes.split_first_chunk()?;
        let mut answers = Vec::new();
        while let Some((length, rest)) = bytes.split_first_chunk() {
            let (question, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            let (answer, rest) = rest.split_first_chunk()?;
            answers.push((question, *answer));
            bytes = rest;
        }
        bytes.is_empty().then_some(Self { salt: *salt, seal: *seal, answers })
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = FORMAT.to_vec();
        bytes.extend(self.salt);
        bytes.extend(self.seal);
        for (question, answer) in &self.answers {
            bytes.extend(length(question));
            bytes.extend(*question);
            bytes.extend(answer);
        }
        bytes
    }
}

/// What a stamp begins with. One of another version says nothing.
const FORMAT: &[u8] = b"stamp 1\n";
