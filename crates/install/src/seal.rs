//! What was installed, as fstat(2) told while it was being made, in one hash: a later run looks whether it is still so.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::sys::stat::{FileStat, SFlag};
use sha2::{Digest as _, Sha256};

use crate::dir::{OTHERS_WRITE, kind};

/// What was installed, as it was made: each path, a NUL byte, and the facts on it. It does not matter in which order.
#[derive(Debug, Default)]
pub(crate) struct Seal {
    /// All of it in one piece, so that nothing is allocated for each file.
    facts: Vec<u8>,
    ends: Vec<usize>,
}

impl Seal {
    /// Adds a directory once all that is to be in it is there.
    pub(crate) fn directory(&mut self, path: &Path, status: &FileStat) {
        self.add(path, status, Changed::Then, &[]);
    }

    /// Adds a directory that others too may put something into and take it away.
    pub(crate) fn place(&mut self, path: &Path, status: &FileStat) {
        self.add(path, status, Changed::Whenever, &[]);
    }

    /// Adds a link.
    pub(crate) fn link(&mut self, path: &Path, target: &OsStr, status: &FileStat) {
        self.add(path, status, Changed::Whenever, target.as_bytes());
    }

    /// Adds a file that only root can write.
    pub(crate) fn file(&mut self, path: &Path, status: &FileStat) {
        self.add(path, status, Changed::Then, &[]);
    }

    /// Adds a file with its content, which counts if others may write it too.
    pub(crate) fn content(&mut self, path: &Path, status: &FileStat, content: &[u8]) {
        if is_written_by_root_alone(status) {
            self.add(path, status, Changed::Then, &[]);
        } else {
            self.add(path, status, Changed::Then, &hash(content));
        }
    }

    pub(crate) fn join(&mut self, other: &Self) {
        let begin = self.facts.len();
        self.facts.extend_from_slice(&other.facts);
        self.ends.extend(other.ends.iter().map(|end| begin.saturating_add(*end)));
    }

    fn add(&mut self, path: &Path, status: &FileStat, changed: Changed, more: &[u8]) {
        let facts = &mut self.facts;
        facts.extend_from_slice(path.as_os_str().as_bytes());
        facts.push(0);
        let size = if kind(status) == SFlag::S_IFDIR { 0 } else { status.st_size };
        let (seconds, fraction) =
            if changed == Changed::Then { (status.st_ctime, status.st_ctime_nsec) } else { (0, 0) };
        for number in
            [status.st_dev, status.st_ino, size.cast_unsigned(), seconds.cast_unsigned(), fraction.cast_unsigned()]
        {
            facts.extend_from_slice(&number.to_le_bytes());
        }
        for number in [status.st_mode, status.st_uid, status.st_gid] {
            facts.extend_from_slice(&number.to_le_bytes());
        }
        facts.extend_from_slice(more);
        self.ends.push(facts.len());
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |end| self.facts.get(std::mem::replace(&mut begin, *end)..*end))
    }

    /// One hash of all of these, and of something that goes with them.
    pub(crate) fn finish(seals: &[&Self], salt: &Hash, more: &[u8]) -> Hash {
        let mut facts: Vec<&[u8]> = seals.iter().flat_map(|seal| seal.each()).collect();
        facts.sort_unstable();
        let mut all = Sha256::new();
        all.update(salt);
        for one in [more].into_iter().chain(facts) {
            all.update(length(one));
            all.update(one);
        }
        all.finalize().into()
    }
}

/// Whether the time of the last change is that of the making. No clock is asked: an equal time proves nothing, but another one
/// tells that root has changed a file that only root can change.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Changed {
    Then,
    /// It was given its final name afterwards, which changes the time as well.
    Whenever,
}

/// Whether only root can open a file for writing. An owner can always give themselves the right to.
pub(crate) fn is_written_by_root_alone(status: &FileStat) -> bool {
    status.st_uid == 0 && status.st_mode & OTHERS_WRITE == 0
}

/// SHA-256.
pub(crate) type Hash = [u8; 32];

pub(crate) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

#[inline(never)]
pub(crate) fn salted(salt: &Hash, hash: &Hash) -> Hash {
    Sha256::new().chain_update(salt).chain_update(hash).finalize().into()
}

pub(crate) fn length(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}
