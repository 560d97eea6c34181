//! What was installed, as fstat(2) told while it was being made, in one hash: a later run looks whether it is still so.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::sys::stat::{FileStat, SFlag};
use sha2::{Digest as _, Sha256};

use crate::dir::kind;

/// What was installed, as it was made: each path, a NUL byte, and the facts on it. It does not matter in which order.
#[derive(Debug, Default)]
pub(crate) struct Seal(Vec<Vec<u8>>);

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

    pub(crate) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    fn add(&mut self, path: &Path, status: &FileStat, changed: Changed, more: &[u8]) {
        let path = path.as_os_str().as_bytes();
        let mut facts = Vec::with_capacity(path.len().saturating_add(MOST_FACTS).saturating_add(more.len()));
        facts.extend(path);
        facts.push(0);
        for number in [status.st_dev, status.st_ino] {
            facts.extend(number.to_le_bytes());
        }
        for number in [status.st_mode, status.st_uid, status.st_gid] {
            facts.extend(number.to_le_bytes());
        }
        let size = if kind(status) == SFlag::S_IFDIR { 0 } else { status.st_size };
        facts.extend(size.to_le_bytes());
        if changed == Changed::Then {
            for number in [status.st_ctime, status.st_ctime_nsec] {
                facts.extend(number.to_le_bytes());
            }
        }
        facts.extend(more);
        self.0.push(facts);
    }

    /// One hash of all of these, and of something that goes with them.
    pub(crate) fn finish(seals: &[&Self], salt: &Hash, more: &[u8]) -> Hash {
        let mut facts: Vec<&[u8]> = seals.iter().flat_map(|seal| &seal.0).map(Vec::as_slice).collect();
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

pub(crate) fn salted(salt: &Hash, hash: &Hash) -> Hash {
    Sha256::new().chain_update(salt).chain_update(hash).finalize().into()
}

pub(crate) fn length(bytes: &[u8]) -> [u8; 8] {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()
}

const OTHERS_WRITE: u32 = 0o022;

/// How many bytes the NUL byte and the numbers have.
const MOST_FACTS: usize = 53;
