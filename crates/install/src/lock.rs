//! One run at a time.

use std::ffi::OsString;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::dir::{Dir, Missing};
use crate::mount::{DIRECTORY, split};
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
    /// # Errors
    ///
    /// [`Error::Foreign`] if something else than a file of ours stands in its place, [`Error::Call`] if it cannot be made.
    pub fn acquire(location: &Location) -> Result<Self, Error> {
        let (parent, name) = split(location.mount_point())?;
        let mut name = OsString::from(name);
        name.push(".lock");
        let parent = Dir::walk(parent, Missing::Make(DIRECTORY))?;
        let mut handle = parent.lockable(&name)?;
        loop {
            match Flock::lock(handle, FlockArg::LockExclusive) {
                Ok(lock) => return Ok(Self(Some(lock))),
                Err((same, Errno::EINTR)) => handle = same,
                Err((_, errno)) => return Err(Error::call("lock", parent.path().join(name))(errno)),
            }
        }
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
