//! One run at a time.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollTimeout, poll};
use nix::sys::stat::fstat;

use crate::aliases::Ours;
use crate::dir::{DIRECTORY, Dir, Missing, lock_name, split};
use crate::record::RECORDS;
use crate::{Error, Location};

/// The right to change a [`Location`]; other runs wait until it is dropped.
///
/// The lock is on a file beside the mount point, not on the mount point, where a mount would hide it from the next run,
/// and not on a directory, which any user who can read it could lock for ever.
#[must_use = "the lock is given back when this is dropped"]
pub struct Lock(Option<Flock<OwnedFd>>);

impl Lock {
    /// Waits until no other run holds the lock. Makes the lock file, so a dry run does not call this.
    ///
    /// If it takes two seconds, `waiting` is called once with the path of the lock file.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if something else than a file of ours stands in its place, [`Error::Call`] if it cannot be made,
    /// [`Error::Nested`] before one is made where the places of the location are in each other.
    pub fn acquire(location: &Location, waiting: impl FnOnce(&Path)) -> Result<Self, Error> {
        let (parent, name) = split(location.mount_point())?;
        let name = lock_name(name);
        if Dir::existing(parent)?.is_none_or(|parent| parent.status_of(&name).is_err()) {
            // No directory and no lock is made in a generation.
            Ours::of(location)?;
        }
        let parent = Dir::walk(parent, Missing::Make(DIRECTORY))?;
        let path = parent.path().join(&name);
        let mut waiting = Some(waiting);
        loop {
            let lock = Self::on(parent.lockable(&name)?, &path, &mut waiting)?;
            // The run before may have removed everything, the file with it. Then others do not see this lock.
            if lock.is_named(&parent, &name)? {
                return Ok(lock);
            }
        }
    }

    fn on(mut handle: OwnedFd, path: &Path, waiting: &mut Option<impl FnOnce(&Path)>) -> Result<Self, Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let pause = pauses.next();
            if pause.is_none()
                && let Some(waiting) = waiting.take()
            {
                waiting(path);
            }
            // In the end the kernel wakes this run, in the order in which all have come.
            match Flock::lock(handle, pause.map_or(WAIT, |_| TRY)) {
                Ok(lock) => return Ok(Self(Some(lock))),
                Err((same, Errno::EINTR | Errno::EWOULDBLOCK)) => handle = same,
                Err((_, errno)) => return Err(Error::call("lock", path)(errno)),
            }
            if let Some(pause) = pause {
                rest(pause);
            }
        }
    }

    /// Whether the file that is locked still has its name.
    fn is_named(&self, parent: &Dir, name: &OsStr) -> Result<bool, Error> {
        let Some(lock) = &self.0 else { return Ok(false) };
        let locked = fstat(lock.as_fd()).map_err(Error::call("look at", parent.path()))?;
        match parent.status_of(name) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (locked.st_dev, locked.st_ino)),
            Err(error) if error.is_absence() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes the lock file, and then gives the lock back. Who waits for it makes a new one.
    pub(crate) fn remove(self, location: &Location) -> Result<(), Error> {
        let (parent, name) = split(location.mount_point())?;
        let removed = Dir::existing(parent)?.map_or(Ok(()), |parent| parent.remove(&lock_name(name)));
        drop(self);
        removed
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        match self.0.take().map(Flock::unlock) {
            None | Some(Ok(_)) => {}
            // Dropping it would try once more, and panic. Left open, it is given back when the process ends.
            Some(Err((lock, _))) => std::mem::forget(lock),
        }
    }
}

/// What would keep the lock from being taken: something else at its name, or a file that others can open. Reads only.
pub(crate) fn obstacle(location: &Location) -> Result<Option<Error>, Error> {
    let (parent, name) = split(location.mount_point())?;
    Ok(Dir::existing(parent)?.and_then(|parent| parent.refuses_lock(&lock_name(name))))
}

/// Whether a run is going on, for those who only look.
///
/// The lock is tried and given back at once, so that no run waits for a look. An ordinary user may not open the lock of root;
/// then it is taken for free.
#[must_use]
pub fn is_running(location: &Location) -> bool {
    let Ok((parent, name)) = split(location.mount_point()) else { return false };
    let Ok(Some(parent)) = Dir::existing(parent) else { return false };
    let Ok(Some(handle)) = parent.lock_of_others(&lock_name(name)) else { return false };
    match Flock::lock(handle, FlockArg::LockSharedNonblock) {
        Ok(lock) => {
            drop(Lock(Some(lock)));
            false
        }
        Err((_, errno)) => errno == Errno::EWOULDBLOCK,
    }
}

/// What every installation that changes something changes, to be compared with itself later: the link to the generations,
/// which is always a new one, and the records, which are always new files.
#[must_use]
pub fn state(location: &Location) -> impl PartialEq + use<> {
    let records = RECORDS.map(|name| location.mount_point().join(name));
    let paths = [location.symlink_path().to_owned(), location.mount_point().to_owned()].into_iter().chain(records);
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec());
    paths.map(|path| path.symlink_metadata().ok().map(identity)).collect::<Vec<_>>()
}

/// Where the lock file is.
pub(crate) fn path(location: &Location) -> Result<PathBuf, Error> {
    let (parent, name) = split(location.mount_point())?;
    Ok(parent.join(lock_name(name)))
}

/// Waits so many milliseconds. By poll(2), because the standard library's sleep panics where a sandbox refuses it; then the
/// pause is shorter, and nothing is wrong.
pub fn rest(milliseconds: u8) {
    match poll(&mut [], PollTimeout::from(milliseconds)) {
        Ok(_) | Err(_) => {}
    }
}

const TRY: FlockArg = FlockArg::LockExclusiveNonblock;
const WAIT: FlockArg = FlockArg::LockExclusive;

/// The pauses between the first tries, in milliseconds: two seconds in all, and short ones first, because most runs are
/// short.
const PAUSES: [u8; 43] = {
    let mut pauses = [50; 43];
    pauses[0] = 1;
    pauses[1] = 3;
    pauses[2] = 10;
    pauses[3] = 36;
    pauses
};
