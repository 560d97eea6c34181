//! Taking away all that runs have installed at a location, for the day on which a machine is to have no secrets any more.

use std::path::Path;

use nix::errno::Errno;

use crate::credentials;
use crate::dir::{Dir, Occupant, split};
use crate::foreign::{foreign, is_number};
use crate::lock::Lock;
use crate::notice::Notice;
use crate::store::remove_prepared;
use crate::{Current, Error, Location, links, mount, symlinks};

/// What is installed at a location, once nothing is in the way of its removal. No other run changes it before this is dropped.
pub struct Removable<'l> {
    location: &'l Location,
    lock: Lock,
    /// The directory of the generations, if it is there.
    root: Option<Dir>,
    /// The number of the active generation, if there is one.
    active: Option<u64>,
}

impl<'l> Removable<'l> {
    /// Looks for what stands in the way.
    ///
    /// # Errors
    ///
    /// Each thing among the generations that this program did not make, [`Error::Foreign`] or [`Error::Mounted`].
    /// [`Error::Call`] if it cannot be looked, or nothing can be changed.
    pub fn of(location: &'l Location, lock: Lock) -> Result<Self, Vec<Error>> {
        let one = |error| vec![error];
        let root = root(location).map_err(one)?;
        let active = Current::inspect(location).ok().and_then(|current| current.number());
        if let Some(root) = &root {
            let obstacles = obstacles(root, location, active).map_err(one)?;
            if !obstacles.is_empty() {
                return Err(obstacles);
            }
        }
        Ok(Self { location, lock, root, active })
    }

    /// Takes away everything at the location: links and credentials, then the symlink, the generations and their records, at
    /// last the file system, its directory and the lock. Directories that were made on the way to a link stay.
    ///
    /// A removal that is killed can be run again: nothing is forgotten before it is gone. If a link or a credential has to stay, all
    /// the others go, and the generations with them; the records stay, in the file system, for the next removal.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the directory of the generations cannot be taken back from others. Nothing was removed then.
    pub fn remove(self) -> Result<Removal, Error> {
        let Self { location, lock, root, active } = self;
        let mut removal = Removal::default();
        match root {
            Some(root) => {
                if !root.is_private()? {
                    // As an installation does: the records count only where nobody else can write.
                    root.make_private()?;
                }
                removal.all(location, root, active);
            }
            None => removal.symlink(location),
        }
        if removal.failures.is_empty() {
            removal.failures.extend(lock.remove(location).err());
        }
        Ok(removal)
    }
}

/// What was taken away, and what was not.
#[derive(Debug, Default)]
pub struct Removal {
    /// How many generations are gone.
    pub generations: usize,
    /// How many links outside of the generations are gone.
    pub links: usize,
    /// How many credentials are gone.
    pub credentials: usize,
    /// Whether the symlink that readers followed is gone.
    pub symlink: bool,
    /// Whether the file system stays, because this process may not unmount it. There is nothing in it any more.
    pub stays_mounted: bool,
    /// What people should know.
    pub notices: Vec<Notice>,
    /// What stays. The records of it stay too, so that the next removal finds it.
    pub failures: Vec<Error>,
}

impl Removal {
    /// Whether there was nothing to take away.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.generations == 0
            && self.links == 0
            && self.credentials == 0
            && !self.symlink
            && self.failures.is_empty()
            && self.notices.is_empty()
    }

    fn all(&mut self, location: &Location, top: Dir, active: Option<u64>) {
        // If the symlink leads elsewhere, others may read through it.
        let symlink = location.symlink_path();
        let end = symlinks::end(symlink).filter(|end| !is_ours(location, end));
        let spared = end.is_some().then_some(symlink);
        let other = end.and_then(|end| symlinks::root_before(&end, location));
        let removed = links::remove_all(&top, spared, &mut self.failures, &mut self.notices);
        self.links = self.count(removed);
        let removed = credentials::remove_all(&top, other.as_ref(), &mut self.failures);
        self.credentials = self.count(removed);
        let is_forgotten = self.failures.is_empty();
        self.symlink(location);
        let mut root = top;
        if !is_forgotten {
            return self.generations(&root, |root| mount::clear_generations(root, active));
        }
        // One file system may stand on another one, if a change between two was not finished.
        for _ in 0..MOST_MOUNTS {
            self.generations(&root, |root| mount::clear(root, active));
            if !self.failures.is_empty() {
                return;
            }
            root = match self.uncover(location, root) {
                Ok(Some(beneath)) => beneath,
                Ok(None) => return,
                Err(error) => return self.failures.push(error),
            };
            match foreign(&root, location, None) {
                Ok(foreign) if foreign.is_empty() => {}
                Ok(foreign) => return self.failures.extend(foreign),
                Err(error) => return self.failures.push(error),
            }
        }
        self.failures.push(Error::Mounted { path: location.mount_point().to_owned() });
    }

    /// Removes generations, and counts them.
    fn generations(&mut self, root: &Dir, clear: impl Fn(&Dir) -> Vec<Error>) {
        let before = generations(root);
        self.failures.extend(clear(root));
        let removed = before.saturating_sub(generations(root));
        self.generations = self.generations.saturating_add(removed);
    }

    /// Unmounts what is empty now, or removes the directory. Gives what was beneath.
    fn uncover(&mut self, location: &Location, root: Dir) -> Result<Option<Dir>, Error> {
        let path = location.mount_point();
        if root.is_mount()? {
            let is_ours = location.file_system().is_mounted() && root.is_our_mount()?;
            drop(root);
            if is_ours {
                match mount::take_away(path) {
                    Ok(()) => return self::root(location),
                    Err(Error::Call { errno: Errno::EPERM, .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            // Somebody else has mounted it, perhaps for this container.
            self.stays_mounted = true;
            return Ok(None);
        }
        drop(root);
        let (parent, name) = split(path)?;
        if let Some(parent) = Dir::existing(parent)? {
            parent.remove_empty(name)?;
        }
        Ok(None)
    }

    /// Removes the link that readers follow, if it is ours.
    fn symlink(&mut self, location: &Location) {
        let removed = remove_prepared(location).and_then(|()| {
            let (parent, name) = split(location.symlink_path())?;
            let Some(parent) = Dir::existing(parent)? else { return Ok(false) };
            match parent.look(name)? {
                Occupant::Link(link) if is_ours(location, &link.target) => parent.remove(name).map(|()| true),
                // It belongs to somebody else, or there is none.
                _ => Ok(false),
            }
        });
        self.symlink = removed.unwrap_or_else(|error| {
            self.failures.push(error);
            false
        });
    }

    fn count(&mut self, removed: Result<usize, Error>) -> usize {
        removed.unwrap_or_else(|error| {
            self.failures.push(error);
            0
        })
    }
}

/// Whether the symlink, which has this target, leads to a generation, perhaps by another name of the mount point, such as a
/// relative one.
fn is_ours(location: &Location, target: &Path) -> bool {
    let has_generation = || Current::inspect(location).is_ok_and(|current| current.running_number().is_some());
    // What is relative begins at the symlink, and its generation may be gone.
    let target = location.symlink_path().parent().map_or(target.to_owned(), |parent| parent.join(target));
    location.is_below(&target) || has_generation()
}

/// What stands in the way of removing what is in the directory of the generations.
fn obstacles(root: &Dir, location: &Location, active: Option<u64>) -> Result<Vec<Error>, Error> {
    let mut obstacles = foreign(root, location, active)?;
    if location.file_system().is_mounted() && root.is_mount()? && mount::hides_ours(root)? {
        obstacles.push(Error::Mounted { path: location.mount_point().to_owned() });
    }
    if let Some(errno) = root.refusal_to_change() {
        obstacles.push(Error::call("remove what is below", location.mount_point())(errno));
    }
    Ok(obstacles)
}

/// How many generations there are.
fn generations(root: &Dir) -> usize {
    root.entries().map_or(0, |entries| entries.iter().filter(|(name, _)| is_number(name)).count())
}

/// The directory of the generations, if it is there.
fn root(location: &Location) -> Result<Option<Dir>, Error> {
    Dir::existing(location.mount_point())?.map(|root| root.listable()).transpose()
}

/// How many file systems are taken away from one mount point, at most.
const MOST_MOUNTS: usize = 8;
