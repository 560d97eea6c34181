//! One installation at a time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::Error;
use crate::dir::Dir;
use crate::location::{Location, split};

/// Held while an installation reads and changes generations and links. It goes with the process, also if that is killed.
pub struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Waits for its turn.
    ///
    /// The lock is on a file beside the directory of the generations, since a mount on that directory would hide it, and
    /// the file is closed to others, since whoever can open a file can lock it forever.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the file cannot be made or locked.
    pub fn wait(location: &Location) -> Result<Self, Error> {
        let (parent, name) = split(&location.mount_point);
        let parent = Dir::make_all(parent, 0o755)?;
        let mut file_name = std::ffi::OsString::from(".");
        file_name.push(name);
        file_name.push(".lock");
        let path: PathBuf = parent.path_of(file_name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlag::O_NOFOLLOW.bits())
            .open(&path);
        let mut file = file.map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
            Error::call("open the lock", &path)(errno)
        })?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusive) {
                Ok(file) => return Ok(Self { _file: file }),
                Err((unlocked, Errno::EINTR)) => file = unlocked,
                Err((_, error)) => return Err(Error::call("lock", path)(error)),
            }
        }
    }
}
