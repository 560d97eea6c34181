//! Generations: numbered directories of which one is running (sops-format.md section 8.6).
//!
//! A generation is staged where nobody looks, and becomes the running one by one `rename(2)`. Whoever opens a path
//! through the link sees the whole of one generation at every moment.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use manifest::{Mode, Name};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid};

use crate::changes::Changes;
use crate::dir::{Dir, Kind, Ownership};
use crate::location::{FileSystem, Location, split};
use crate::lock::Lock;
use crate::{Error, mount};

/// A file of a generation. Its content is secret, so there is no `Debug`.
pub struct File<'a> {
    /// Where it stands below the generation.
    pub name: &'a Name,
    /// What is in it.
    pub content: &'a [u8],
    /// Its permissions, which it gets whatever the umask.
    pub mode: Mode,
    /// Its owner and group; `None` leaves it to the user who runs the program.
    pub owner: Option<(Uid, Gid)>,
}

/// The running generation, as it was found.
pub struct Current {
    number: u64,
    /// `None` if the link leads to a generation that is gone, as after a reboot.
    directory: Option<Dir>,
}

/// The generations of a location, ready for a new one.
pub struct Store<'a> {
    location: &'a Location,
    directory: Dir,
    /// The group of directories; `None` leaves them to the user who runs the program.
    directories: Ownership,
    current: u64,
    /// A file system that was covered by one of another type, with the generations on it.
    covered: Option<Dir>,
}

/// A new generation that nobody can reach yet.
#[must_use = "a staged generation is only reached once it is activated"]
pub struct Staged {
    number: u64,
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("File").field("name", &self.name).finish_non_exhaustive()
    }
}

impl File<'_> {
    pub(crate) fn ownership(&self) -> Ownership {
        self.owner
    }
}

impl Location {
    /// Finds the running generation. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`] if something that is not ours stands where the link goes, [`Error::NoGeneration`] if the link
    /// leads into the directory of the generations but not to one, [`Error::Call`] if it cannot be read.
    pub fn current(&self) -> Result<Option<Current>, Error> {
        let (parent, name) = self.link();
        let parent = match Dir::open(parent) {
            Ok(parent) => parent,
            Err(Error::Call { source: Errno::ENOENT, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match parent.kind(name)? {
            None => return Ok(None),
            Some(Kind::Link) => {}
            // sops-nix removes whatever is in it. Empty directories are all that can be removed without losing anything.
            Some(Kind::Directory) if parent.child(name)?.is_hollow()? => return Ok(None),
            Some(Kind::Directory) => {
                return Err(Error::Foreign { path: self.symlink_path.clone(), found: "a directory with files" });
            }
            Some(other) => return Err(Error::Foreign { path: self.symlink_path.clone(), found: other.name() }),
        }
        let Some(target) = parent.read_link(name)? else { return Ok(None) };
        if target.parent() != Some(&self.mount_point) {
            // A link of somebody else's, which the switch replaces.
            return Ok(None);
        }
        let Some(number) = target.file_name().and_then(number) else {
            return Err(Error::NoGeneration { link: self.symlink_path.clone(), target });
        };
        let directory = match Dir::open(&target) {
            Ok(directory) => Some(directory),
            Err(Error::Call { source: Errno::ENOENT, .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Current { number, directory }))
    }

    /// Compares files with the running generation. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the generation cannot be read.
    pub fn changes(&self, current: Option<&Current>, files: &[File<'_>]) -> Result<Changes, Error> {
        Changes::between(current.and_then(|current| current.directory.as_ref()), files)
    }

    /// Whether the generations have the file system they should have. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if that cannot be told.
    pub fn is_ready(&self) -> Result<bool, Error> {
        match Dir::open(&self.mount_point) {
            Ok(directory) => mount::is_mounted(&directory, self.file_system),
            Err(Error::Call { source: Errno::ENOENT, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the place of the generations is, or will be, in memory alone. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if that cannot be told.
    pub fn is_memory(&self) -> Result<bool, Error> {
        if self.file_system != FileSystem::Existing {
            return Ok(true);
        }
        let existing = self.mount_point.ancestors().find(|path| path.is_dir());
        mount::is_memory(&Dir::open(existing.unwrap_or(Path::new("/")))?)
    }
}

impl Current {
    /// Whether its directory is there. It is not if the machine was started anew since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.directory.is_some()
    }
}

impl<'a> Store<'a> {
    /// Makes the place of the generations ready: mounted, of the right type, and cleared of what killed runs left.
    ///
    /// `group` is the group of all directories, which are root's; `None` leaves them to the user.
    ///
    /// # Errors
    ///
    /// [`Error::Call`], and [`Error::NotInMemory`] if after all this is not a memory file system.
    pub fn open(
        location: &'a Location,
        group: Option<Gid>,
        current: Option<&Current>,
        _lock: &Lock,
    ) -> Result<Self, Error> {
        let directories = group.map(|group| (Uid::from_raw(0), group));
        let number = current.map_or(0, |current| current.number);
        let (directory, covered) = prepare(location, directories, current)?;
        if location.file_system != FileSystem::Existing && !mount::is_memory(&directory)? {
            return Err(Error::NotInMemory { path: location.mount_point.clone() });
        }
        directory.set(DIRECTORY_MODE, directories)?;
        let store = Self { location, directory, directories, current: number, covered };
        store.clear_leftovers()?;
        Ok(store)
    }

    /// The directory of the generations.
    pub(crate) fn directory(&self) -> &Dir {
        &self.directory
    }

    /// The places of the installation.
    pub(crate) fn location(&self) -> &Location {
        self.location
    }

    /// Writes the files into a new generation that nobody can reach yet.
    ///
    /// # Errors
    ///
    /// [`Error::Call`]. What was written until then is removed again.
    pub fn stage(&self, files: &[File<'_>]) -> Result<Staged, Error> {
        let staged = Staged { number: self.current.saturating_add(1) };
        let name = staged.number.to_string();
        match self.write(name.as_ref(), files) {
            Ok(()) => Ok(staged),
            Err(error) => {
                self.abandon(staged);
                Err(error)
            }
        }
    }

    /// Makes a staged generation the running one. This is the moment: before it nothing has changed for anybody, after
    /// it everything has. Gives the path of the generation.
    ///
    /// # Errors
    ///
    /// [`Error::Call`]. The generation that was running still is, and the new one is removed.
    pub fn activate(&mut self, staged: Staged) -> Result<PathBuf, Error> {
        let generation = self.location.generation(staged.number);
        if let Err(error) = self.switch(&generation) {
            self.abandon(staged);
            return Err(error);
        }
        self.current = staged.number;
        if let Some(covered) = self.covered.take() {
            empty(&covered);
        }
        Ok(generation)
    }

    /// Removes a generation that is not to be. What cannot be removed now is removed by the next run, and the error that
    /// led here is the one to know.
    fn abandon(&self, Staged { number }: Staged) {
        match self.directory.remove_tree(number.to_string().as_ref()) {
            Ok(()) | Err(_) => {}
        }
    }

    fn switch(&self, generation: &Path) -> Result<(), Error> {
        let (parent, name) = self.location.link();
        let parent = Dir::make_all(parent, 0o755)?;
        let temporary = temporary(name);
        parent.remove_file(&temporary)?;
        parent.make_link(generation, &temporary, None)?;
        if parent.kind(name)? == Some(Kind::Directory) {
            parent.remove_hollow(name)?;
        }
        parent.rename(&temporary, name)
    }

    /// Removes generations that are older than the last `keep`. Every failure is returned; none stops the rest.
    #[must_use]
    pub fn prune(&self, keep: NonZeroU64) -> Vec<Error> {
        let mut errors = Vec::new();
        match self.directory.entries() {
            Err(error) => errors.push(error),
            Ok(entries) => {
                let generations =
                    entries.into_iter().filter_map(|(name, _)| number(&name).map(|number| (number, name)));
                for (number, name) in generations {
                    if number != self.current && number.saturating_add(keep.get()) <= self.current {
                        errors.extend(self.directory.remove_tree(&name).err());
                    }
                }
            }
        }
        errors
    }

    /// Writes every file, directory by directory.
    fn write(&self, generation: &OsStr, files: &[File<'_>]) -> Result<(), Error> {
        let mut sorted: Vec<&File<'_>> = files.iter().collect();
        sorted.sort_by(|one, other| one.name.components().cmp(other.name.components()));
        let make = |parent: &Dir, name: &OsStr| {
            parent.make_directory(name, 0o700)?;
            let directory = parent.child(name)?;
            directory.set(DIRECTORY_MODE, self.directories)?;
            Ok(directory)
        };
        let root = make(&self.directory, generation)?;
        // The directories from the generation down to that of the last file.
        let mut open: Vec<(&str, Dir)> = Vec::new();
        for file in sorted {
            let mut components: Vec<&str> = file.name.components().collect();
            let name = components.pop().unwrap_or_default();
            let shared = open.iter().zip(&components).take_while(|((open, _), component)| open == *component).count();
            open.truncate(shared);
            for component in components.into_iter().skip(shared) {
                let directory = make(open.last().map_or(&root, |(_, directory)| directory), component.as_ref())?;
                open.push((component, directory));
            }
            let directory = open.last().map_or(&root, |(_, directory)| directory);
            directory.write_file(name.as_ref(), file.content, file.mode.bits(), file.ownership())?;
        }
        Ok(())
    }

    /// Removes what runs left that were killed before their switch: generations with a higher number than the running one.
    fn clear_leftovers(&self) -> Result<(), Error> {
        for (name, _) in self.directory.entries()? {
            if number(&name).is_some_and(|number| number > self.current) {
                self.directory.remove_tree(&name)?;
            }
        }
        Ok(())
    }
}

/// Makes the directory of the generations, and mounts a file system on it if it has none of the wanted type. Gives the
/// directory, and the one that a mount has covered.
fn prepare(
    location: &Location,
    directories: Ownership,
    current: Option<&Current>,
) -> Result<(Dir, Option<Dir>), Error> {
    let path = &location.mount_point;
    if location.file_system == FileSystem::Existing {
        return Ok((Dir::make_all(path, DIRECTORY_MODE)?, None));
    }
    let room = mount::waiting_room(path);
    if room.exists() {
        // A run was killed while it changed the type of the file system.
        leave(&room)?;
    }
    let directory = Dir::make_all(path, DIRECTORY_MODE)?;
    if mount::is_mounted(&directory, location.file_system)? {
        return Ok((directory, None));
    }
    let Some(running) = current.and_then(|current| Some((current.number, current.directory.as_ref()?))) else {
        mount::mount_memory(path, location.file_system)?;
        return Ok((Dir::open(path)?, None));
    };
    // The mount will cover the running generation, to which the link leads. So the new file system gets a copy under the
    // same number before it appears there, and readers find the same before and after.
    let filled = fill(&room, location.file_system, running, directories).and_then(|()| mount::bind(&room, path));
    leave(&room)?;
    filled?;
    Ok((Dir::open(path)?, Some(directory)))
}

/// Mounts a new file system in the waiting room and copies the running generation to it.
fn fill(
    room: &Path,
    file_system: FileSystem,
    (number, running): (u64, &Dir),
    directories: Ownership,
) -> Result<(), Error> {
    Dir::make_all(room, 0o700)?;
    mount::mount_memory(room, file_system)?;
    let room = Dir::open(room)?;
    room.set(DIRECTORY_MODE, directories)?;
    running.copy_tree(&room, number.to_string().as_ref())?;
    // The record of links, which belongs to the place and not to a generation.
    let record = OsStr::new(RECORD);
    let place = running.child("..".as_ref())?;
    if place.kind(record)? == Some(Kind::File) { place.copy_file(record, &room, record) } else { Ok(()) }
}

/// Gives the waiting room up. Where its file system was bound, that stays.
fn leave(room: &Path) -> Result<(), Error> {
    mount::unmount(room)?;
    let (parent, name) = split(room);
    Dir::open(parent)?.remove_directory(name)
}

/// Removes everything from a file system that nobody can reach any more. It is still memory, so its content has to go;
/// but all is done, so what cannot be removed stops nothing.
fn empty(covered: &Dir) {
    for (name, _) in covered.entries().unwrap_or_default() {
        match covered.remove_tree(&name) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// The number of a generation, if the name of a directory is one: digits, as `u64` prints them.
fn number(name: &OsStr) -> Option<u64> {
    let text = name.to_str()?;
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// The name under which a link waits until it replaces the one called `name`.
pub(crate) fn temporary(name: &OsStr) -> OsString {
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(".new");
    temporary
}

/// The permissions of every directory: only its owner and the group `keys` can list it.
const DIRECTORY_MODE: u32 = 0o751;

/// The file beside the generations that lists the links made elsewhere.
pub(crate) const RECORD: &str = ".links";
