//! Whether anything was touched since a generation was made, by what stat(2) says of it and of what it was made from.
//!
//! The same inputs give the same files, so a run that finds all of them as the last one left them has nothing to decrypt.
//! This is how make(1) saves its work, but every fact must be the same, not only newer: device, inode, size, the times of the
//! last change of content and of status, and for what is installed permissions and owner. No content goes into a stamp.

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::stat::{FileStat, stat};
use sha2::{Digest as _, Sha256};

use crate::dir::{Dir, Is};
use crate::record::STAMP;
use crate::{Current, Error, Owner, Store};

/// What a generation is made from: taken down before it is read, so that a change in between is not missed.
pub struct Inputs {
    facts: Sha256,
    settled: bool,
}

/// A hash of inputs and one of what was made from them.
type Stamp = [u8; 64];

impl Inputs {
    /// No inputs.
    #[must_use]
    pub fn new() -> Self {
        Self { facts: Sha256::new(), settled: true }
    }

    /// Adds something that is no file and no secret.
    pub fn add(&mut self, bytes: &[u8]) {
        add(&mut self.facts, bytes);
    }

    /// Adds what stat(2) says of a file, or why it cannot. A file that was changed a moment ago may change again without a
    /// trace in its times, which the kernel takes from a coarse clock. Then there is no stamp.
    pub fn add_file(&mut self, path: &Path) {
        self.add(path.as_os_str().as_bytes());
        match stat(path) {
            Ok(status) => {
                self.add(b"there");
                add_facts(&mut self.facts, &status);
                self.settled &= is_settled(&status, SystemTime::now());
            }
            Err(errno) => {
                self.add(b"not to be had");
                self.add(errno.desc().as_bytes());
            }
        }
    }

    /// Adds what stat(2) says of the program that runs. Nobody can change the file while it does.
    pub fn add_program(&mut self) {
        if let Ok(status) = stat("/proc/self/exe") {
            add_facts(&mut self.facts, &status);
        } else {
            self.settled = false;
        }
    }

    /// Adds whom something is to belong to.
    pub fn add_owner(&mut self, owner: Option<Owner>) {
        match owner {
            Some(Owner { user, group }) => {
                self.add(&user.as_raw().to_le_bytes());
                self.add(&group.as_raw().to_le_bytes());
            }
            None => self.add(b""),
        }
    }

    /// Adds something that cannot be looked at again. There is no stamp then.
    pub fn add_unknown(&mut self) {
        self.settled = false;
    }
}

impl Default for Inputs {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Inputs").field("settled", &self.settled).finish_non_exhaustive()
    }
}

impl Current<'_> {
    /// Whether the running generation was made from these inputs and is as it was then. Then [`Changes::none`](crate::Changes::none) is the answer of
    /// [`Changes::between`](crate::Changes::between).
    ///
    /// What cannot be looked at counts as touched.
    #[must_use]
    pub fn is_stamped(&self, inputs: &Inputs) -> bool {
        let (Some(running), Some(found)) = (self.running(), self.stamp()) else { return false };
        stamp(inputs, running).is_ok_and(|stamp| stamp.is_some_and(|stamp| stamp == *found))
    }
}

impl Store<'_> {
    /// Notes that the active generation was made from these inputs, all of them and without a failure.
    ///
    /// Without a stamp, which may have failed for want of room, the next run does all the work.
    pub fn stamp(&self, inputs: &Inputs) {
        let Some(active) = self.active() else { return };
        let stamped = self.root().child(active.to_string().as_ref()).and_then(|active| stamp(inputs, &active));
        if let Ok(Some(stamp)) = stamped {
            match self.root().replace(STAMP.as_ref(), &stamp, 0o600, None) {
                Ok(()) | Err(_) => {}
            }
        }
    }
}

fn stamp(inputs: &Inputs, generation: &Dir) -> Result<Option<Stamp>, Error> {
    if !inputs.settled {
        return Ok(None);
    }
    let mut made = Sha256::new();
    add_directory(&mut made, &generation.listable()?)?;
    let mut stamp = [0; 64];
    let (from, to) = stamp.split_at_mut(32);
    from.copy_from_slice(&inputs.facts.clone().finalize());
    to.copy_from_slice(&made.finalize());
    Ok(Some(stamp))
}

/// Adds a directory and all that is in it, in the order in which it is listed: a directory that is as it was is listed as it
/// was.
fn add_directory(facts: &mut Sha256, directory: &Dir) -> Result<(), Error> {
    add_facts(facts, &directory.status()?);
    for (name, is) in directory.entries()? {
        add(facts, name.as_bytes());
        match is {
            Is::Directory => add_directory(facts, &directory.child(&name)?)?,
            Is::Other => add_facts(facts, &directory.status_of(&name)?),
        }
    }
    // A name is never empty, so that this ends the directory.
    add(facts, b"");
    Ok(())
}

/// Adds bytes so that no two series of them are the same.
fn add(facts: &mut Sha256, bytes: &[u8]) {
    facts.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    facts.update(bytes);
}

fn add_facts(facts: &mut Sha256, status: &FileStat) {
    for number in [status.st_dev, status.st_ino] {
        facts.update(number.to_le_bytes());
    }
    for number in [status.st_mode, status.st_uid, status.st_gid] {
        facts.update(number.to_le_bytes());
    }
    for number in [status.st_size, status.st_mtime, status.st_mtime_nsec, status.st_ctime, status.st_ctime_nsec] {
        facts.update(number.to_le_bytes());
    }
}

/// Whether the last change lies so far back that the next one gets another time.
fn is_settled(status: &FileStat, now: SystemTime) -> bool {
    let changed = u64::try_from(status.st_ctime).ok().and_then(|seconds| {
        let nanoseconds = u64::try_from(status.st_ctime_nsec).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?.checked_add(Duration::from_nanos(nanoseconds))
    });
    // A time in the future, from a clock that was wrong, tells nothing.
    changed.and_then(|changed| now.duration_since(changed).ok()).is_some_and(|age| age > COARSEST)
}

/// More than the steps of the clock that any file system takes its times from.
const COARSEST: Duration = Duration::from_secs(2);
