//! The running generation, as found. Reads only.

use nix::errno::Errno;
use zeroize::Zeroizing;

use crate::dir::{Dir, Occupant, split};
use crate::location::number;
use crate::record::{self, STAMP};
use crate::requests::{Request, RequestRecord};
use crate::{Error, Location};

/// What readers of a [`Location`] see before this run changes anything.
pub struct Current<'l> {
    location: &'l Location,
    /// The number of the generation that the symlink names, whether it is there or not.
    number: Option<u64>,
    /// The directory of the generations.
    root: Option<Dir>,
    /// The directory that the symlink leads to.
    running: Option<Dir>,
    requests: RequestRecord,
    stamp: Option<Zeroizing<Vec<u8>>>,
}

impl<'l> Current<'l> {
    /// Looks at the symlink and where it leads. Changes nothing, so a dry run calls this too.
    ///
    /// A symlink that leads elsewhere is as in sops-nix no generation of ours: numbers begin at 1, and it will be
    /// replaced. A generation at another mount point is compared with all the same; anything else may be of any size and is not
    /// looked into. After a reboot, the symlink of user mode leads to nothing: there is a number and nothing that runs.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if a file or a directory with something in it stands at the symlink path. sops-nix deletes it.
    /// [`Error::NoGeneration`] if the symlink leads into the mount point, but to none of its numbered directories.
    pub fn inspect(location: &'l Location) -> Result<Self, Error> {
        let mut found = Self {
            location,
            number: None,
            root: Dir::existing(location.mount_point())?,
            running: None,
            requests: RequestRecord::default(),
            stamp: None,
        };
        if let Some(root) = &found.root {
            found.requests = RequestRecord::read(root)?;
            // Without a stamp there is more to do, and nothing is wrong.
            found.stamp = record::bytes(root, STAMP).ok().flatten();
        }
        let foreign = |found| Error::Foreign { path: location.symlink_path().to_owned(), found };
        let (parent, name) = split(location.symlink_path())?;
        let Some(parent) = Dir::existing(parent)? else { return Ok(found) };
        match parent.look(name)? {
            Occupant::Nothing => Ok(found),
            Occupant::Link(link) => {
                found.number = location.number(&link.target);
                if found.number.is_none() && location.is_below(&link.target) {
                    let path = location.symlink_path().to_owned();
                    return Err(Error::NoGeneration { link: path, target: link.target });
                }
                found.running =
                    match Dir::existing(&parent.path().join(&link.target)) {
                        // A link that leads elsewhere may as well lead through links, which only matters if it is ours.
                        Err(
                            Error::Untrusted { .. } | Error::Call { errno: Errno::ELOOP | Errno::ENAMETOOLONG, .. },
                        ) if found.number.is_none() => None,
                        running => running?,
                    };
                if found.number.is_none() {
                    found.number = found.number_by_place()?;
                }
                if !found.is_generation()? {
                    found.running = None;
                }
                Ok(found)
            }
            Occupant::Directory => {
                let directory = parent.child(name)?;
                if directory.is_mount()? {
                    Err(foreign("a mounted file system"))
                } else if directory.is_hollow()? {
                    Ok(found)
                } else {
                    Err(foreign("a directory with files"))
                }
            }
            other @ (Occupant::File | Occupant::Special) => Err(foreign(other.noun())),
        }
    }

    /// The number of the running generation if the symlink leads to it by another name of the mount point, such as a relative
    /// one. Taken for none of ours, it would be removed to make room for the next one while it is read.
    fn number_by_place(&self) -> Result<Option<u64>, Error> {
        let (Some(root), Some(running)) = (&self.root, &self.running) else { return Ok(None) };
        let Some(name) = running.path().file_name() else { return Ok(None) };
        let Some(number) = number(name.as_encoded_bytes()) else { return Ok(None) };
        let running = running.id()?;
        match root.status_of(name) {
            Ok(status) if status.st_dev == running.device && status.st_ino == running.inode => Ok(Some(number)),
            Ok(_) => Ok(None),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the symlink leads to what may be a generation: one below the mount point, which is on no other file system, or one at
    /// another mount point.
    fn is_generation(&self) -> Result<bool, Error> {
        let Some(running) = &self.running else { return Ok(false) };
        if let (Some(_), Some(root)) = (self.number, &self.root) {
            return Ok(running.id()?.device == root.id()?.device);
        }
        let is_number = running.path().file_name().is_some_and(|name| number(name.as_encoded_bytes()).is_some());
        Ok(is_number && running.is_memory()?)
    }

    /// Where it was looked.
    #[must_use]
    pub fn location(&self) -> &'l Location {
        self.location
    }

    /// The number of the generation that the symlink names.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.number
    }

    /// The number of the generation that readers see; nothing if they see none.
    #[must_use]
    pub fn running_number(&self) -> Option<u64> {
        self.running.as_ref().and(self.number)
    }

    /// What earlier runs were to ask for after the switch to this generation or an older one, and have perhaps not asked
    /// for, because they were killed, or in vain. What a later version of this program has recorded may be missing.
    #[must_use]
    pub fn due(&self) -> Vec<Request> {
        self.requests.due(self.number)
    }

    /// All that earlier runs were to ask for.
    pub(crate) fn requests(&self) -> &RequestRecord {
        &self.requests
    }

    /// The stamp of the generation that was active when the last run ended.
    pub(crate) fn stamp(&self) -> Option<&[u8]> {
        self.stamp.as_ref().map(|stamp| stamp.as_slice())
    }

    /// The directory of the generations, if it is there.
    pub(crate) fn root(&self) -> Option<&Dir> {
        self.root.as_ref()
    }

    /// The directory that readers see.
    pub(crate) fn running(&self) -> Option<&Dir> {
        self.running.as_ref()
    }
}
