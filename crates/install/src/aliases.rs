//! Whether a path leads to where the program keeps its own things, however it is written.
//!
//! `/var/run/secrets` and `/run/secrets` are one place, and so are two paths that a bind mount makes of one directory. So
//! every directory on the way is opened and compared by its device and inode; only the names that are not there yet are
//! compared as text.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::dir::{Dir, DirectoryId, LINKS, PathStep, lock_name, push_steps, split, temporary};
use crate::{Error, Location, mountinfo, symlinks};

/// The places that are the program's own.
pub(crate) struct Ours {
    places: Vec<OwnPlace>,
    /// The directory of the generations, if it is there.
    generations: Option<DirectoryId>,
    /// Its device and mount, if it is a file system of its own. Before Linux 5.8 the mount is not known.
    mount: Option<(u64, Option<u64>)>,
    mount_point: PathBuf,
    /// None: what is among the generations of another manifest is not looked for.
    symlink_path: Option<PathBuf>,
}

struct OwnPlace {
    spot: Spot,
    what: What,
    /// As the manifest writes it.
    path: PathBuf,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum What {
    SymlinkPath,
    MountPoint,
    /// The directory of the credentials.
    Credentials,
    /// A name that the program uses while it works.
    Temporary,
}

/// Where a path leads: the last directory on the way that is there, and the names below it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct Spot {
    directory: DirectoryId,
    below: Vec<OsString>,
}

impl Spot {
    /// The places on the way to this one that are not there.
    pub(crate) fn above(&self) -> impl Iterator<Item = Self> {
        let names = |length| self.below.iter().take(length).cloned().collect();
        (1..self.below.len()).map(move |length| Self { directory: self.directory, below: names(length) })
    }
}

impl Ours {
    /// None yet, for things below this mount point.
    fn none(mount_point: &Path) -> Self {
        let mount_point = mount_point.to_owned();
        Self { places: Vec::new(), generations: None, mount: None, mount_point, symlink_path: None }
    }

    /// The places of a location.
    ///
    /// # Errors
    ///
    /// [`Error::Nested`] if the symlink path leads to the mount point or below it, or the other way round. Otherwise what
    /// stands in the way of looking.
    pub(crate) fn of(location: &Location) -> Result<Self, Error> {
        let (mount_point, symlink_path) = (location.mount_point(), location.symlink_path());
        let nested = |error| match error {
            // Otherwise it is among the generations of another manifest.
            Error::Inside { of, path } if of != mount_point && of != symlink_path => Error::Inside { path, of },
            Error::Inside { .. } | Error::HidesSecrets { .. } => {
                Error::Nested { symlink_path: symlink_path.to_owned(), mount_point: mount_point.to_owned() }
            }
            error => error,
        };
        let root = Dir::existing(mount_point)?;
        let mut ours = Self { symlink_path: Some(symlink_path.to_owned()), ..Self::none(mount_point) };
        let generations = match ours.judge(mount_point, &mut HashMap::new()) {
            // It is among those of another manifest since before this was refused.
            Err(_) if root.as_ref().is_some_and(|root| symlinks::is_noted(root, location).unwrap_or(false)) => {
                ours.symlink_path = None;
                ours.judge(mount_point, &mut HashMap::new())?
            }
            judged => judged?,
        };
        ours.add(&generations, What::MountPoint, mount_point);
        if let Some(root) = root {
            let id = root.id()?;
            if root.listable()?.is_mount()? {
                ours.mount = Some((id.device, root.mount().ok()));
            }
            ours.generations = Some(id);
        }
        let link = ours.judge(symlink_path, &mut HashMap::new()).map_err(nested)?;
        let mut link_only = Self::none(mount_point);
        link_only.add(&link, What::SymlinkPath, symlink_path);
        link_only.judge(mount_point, &mut HashMap::new()).map_err(nested)?;
        ours.places.append(&mut link_only.places);
        Ok(ours)
    }

    /// Where the directory of the credentials is, if it can be reached.
    ///
    /// # Errors
    ///
    /// [`Error::InStore`] if it is not a place of its own.
    pub(crate) fn store(&self, location: &Location, credentials: &Path) -> Result<Option<Spot>, Error> {
        let in_store = |path: &Path| Err(Error::InStore { path: path.to_owned(), store: credentials.to_owned() });
        let spot = match self.judge(credentials, &mut HashMap::new()) {
            Ok(spot) => spot,
            Err(error) if error.is_refusal() => return in_store(&self.mount_point),
            // Nothing can be in a directory that cannot be reached.
            Err(_) => return Ok(None),
        };
        // Below that directory is where nothing of ours may be, by whichever name.
        let there = Dir::existing(credentials).ok().flatten().map(|store| store.id()).transpose()?;
        let mut store = Self { generations: there, ..Self::none(credentials) };
        store.add(&spot, What::Credentials, credentials);
        for path in [location.mount_point(), location.symlink_path()] {
            if store.judge(path, &mut HashMap::new()).is_err_and(|error| error.is_refusal()) {
                return in_store(path);
            }
        }
        Ok(Some(spot))
    }

    /// What whoever reads a file passes: every link on the way, and the file itself.
    pub(crate) fn way_to(&self, file: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Vec<Spot> {
        let mut way = Vec::new();
        let mut path = file.to_owned();
        for _ in 0..=LINKS {
            // What cannot be reached is not read.
            let Ok((parent, name)) = split(&path) else { break };
            let Ok(trail) = self.trail(parent, trails) else { break };
            way.extend(trail.links.iter().cloned());
            way.push(trail.spot(name));
            let Ok(Some(directory)) = Dir::existing(parent) else { break };
            let Ok(target) = directory.target_of(name) else { break };
            path = parent.join(target);
        }
        way
    }

    /// Whether something else may be put at a name in an open directory.
    ///
    /// # Errors
    ///
    /// [`Error::Inside`], [`Error::HidesSecrets`] or [`Error::Reserved`] if not.
    pub(crate) fn refuse(&self, path: &Path, parent: &Dir, name: &OsStr) -> Result<(), Error> {
        let mut trail = Trail::default();
        self.arrive(&mut trail, parent)?;
        trail.is_below_generations |= self.mount.is_none() && self.is_above(parent, trail.last)?;
        self.verdict(path, &trail, name)
    }

    /// Whether the directory of the generations is above another one. For where both are on one device, which then does
    /// not tell.
    fn is_above(&self, directory: &Dir, mut id: DirectoryId) -> Result<bool, Error> {
        let mut above = directory.above()?;
        loop {
            let next = above.id()?;
            if self.generations == Some(next) {
                return Ok(true);
            }
            // The root is above itself.
            if next == id {
                return Ok(false);
            }
            id = next;
            above = above.above()?;
        }
    }

    /// Counts the directory of the credentials, at this spot, among the places.
    pub(crate) fn add_credentials(&mut self, spot: &Spot, credentials: &Path) {
        self.add(spot, What::Credentials, credentials);
    }

    fn add(&mut self, spot: &Spot, what: What, path: &Path) {
        let Some((name, above)) = spot.below.split_last() else { return };
        let mut beside = vec![temporary(name)];
        if what == What::MountPoint {
            beside.push(lock_name(name));
        }
        for name in beside {
            let below = above.iter().cloned().chain([name]).collect();
            let spot = Spot { directory: spot.directory, below };
            self.places.push(OwnPlace { spot, what: What::Temporary, path: path.to_owned() });
        }
        self.places.push(OwnPlace { spot: spot.clone(), what, path: path.to_owned() });
    }

    /// Where a path leads, if nothing of ours is there or on the way.
    pub(crate) fn judge(&self, path: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Result<Spot, Error> {
        let (parent, name) = split(path)?;
        let trail = self.trail(parent, trails)?;
        self.verdict(path, &trail, name)?;
        Ok(trail.spot(name))
    }

    /// The error about a name at the end of a trail, if there is one.
    fn verdict(&self, path: &Path, trail: &Trail, name: &OsStr) -> Result<(), Error> {
        let inside = |of: &Path| Err(Error::Inside { path: path.to_owned(), of: of.to_owned() });
        if trail.is_below_generations {
            return inside(&self.mount_point);
        }
        if let Some(others) = &trail.others {
            return inside(others);
        }
        for (directory, names) in &trail.passed {
            let names: Vec<&OsStr> = names.iter().map(OsString::as_os_str).chain([name]).collect();
            for OwnPlace { spot, what, path: ours } in &self.places {
                if spot.directory != *directory
                    || names.len() < spot.below.len()
                    || spot.below.iter().zip(&names).any(|(ours, name)| ours != name)
                {
                    continue;
                }
                return match what {
                    What::Temporary => Err(Error::Reserved { path: path.to_owned(), of: ours.clone() }),
                    What::SymlinkPath if names.len() == spot.below.len() => {
                        Err(Error::HidesSecrets { path: path.to_owned() })
                    }
                    What::SymlinkPath | What::MountPoint | What::Credentials => inside(ours),
                };
            }
        }
        Ok(())
    }

    /// The way to a directory. Each is followed once.
    pub(crate) fn trail(&self, directory: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Result<Trail, Error> {
        if let Some(trail) = trails.get(directory) {
            return Ok(trail.clone());
        }
        let trail = match (directory.parent(), directory.file_name()) {
            (Some(parent), Some(name)) => {
                let mut trail = self.trail(parent, trails)?;
                if trail.missing.is_empty() {
                    match Dir::plain(directory) {
                        Ok(open) => {
                            trail.pass(name);
                            self.arrive(&mut trail, &open)?;
                        }
                        Err(Errno::ENOENT) => trail.miss(name),
                        Err(_) => trail = self.step_by_step(directory)?,
                    }
                } else {
                    trail.miss(name);
                }
                trail
            }
            _ => self.step_by_step(directory)?,
        };
        trails.insert(directory.to_owned(), trail.clone());
        Ok(trail)
    }

    /// The way to a directory whose path may have links.
    fn step_by_step(&self, path: &Path) -> Result<Trail, Error> {
        let mut trail = Trail::default();
        let mut directory = Dir::slash()?;
        self.arrive(&mut trail, &directory)?;
        let mut ahead = Vec::new();
        push_steps(&mut ahead, path);
        let mut links = LINKS;
        while let Some(name) = ahead.pop() {
            if !trail.missing.is_empty() {
                trail.miss(&name);
                continue;
            }
            match directory.step_or_target(&name)? {
                PathStep::Directory(next) => {
                    directory = next;
                    trail.pass(&name);
                    self.arrive(&mut trail, &directory)?;
                }
                PathStep::Link(target) => {
                    trail.links.push(Spot { directory: trail.last, below: vec![name.clone()] });
                    trail.turn_off(&name, &ahead);
                    links = links.checked_sub(1).ok_or(Errno::ELOOP).map_err(Error::call("open", path))?;
                    if target.is_absolute() {
                        directory = Dir::slash()?;
                    }
                    push_steps(&mut ahead, &target);
                    self.arrive(&mut trail, &directory)?;
                }
                PathStep::Nothing => trail.miss(&name),
            }
        }
        Ok(trail)
    }

    fn arrive(&self, trail: &mut Trail, open: &Dir) -> Result<(), Error> {
        let directory = open.id()?;
        trail.last = directory;
        let is_ours = match self.mount {
            // The mount may show only one of the directories of a file system. Then the others are not ours.
            Some((device, mount)) if device == directory.device => {
                let mounts = mount.zip(open.mount().ok());
                mounts.is_none_or(|(mount, other)| mountinfo::shows(mount, other, open.path()))
            }
            Some(_) | None => self.generations == Some(directory),
        };
        trail.is_below_generations |= is_ours;
        if let Some(symlink_path) = &self.symlink_path
            && !is_ours
            && trail.others.is_none()
            && symlinks::are_of_another(open, symlink_path)?
        {
            trail.others = Some(open.path().to_owned());
        }
        if self.places.iter().any(|place| place.spot.directory == directory) {
            trail.passed.push((directory, Vec::new()));
            trail.open = trail.open.saturating_add(1);
        }
        Ok(())
    }
}

/// The directories on the way to another one.
#[derive(Clone, Default)]
pub(crate) struct Trail {
    /// Those that hold something of ours, each with the names behind it on the way.
    passed: Vec<(DirectoryId, Vec<OsString>)>,
    /// How many of the last ones the way has not left through a link: names that come next are added to theirs.
    open: usize,
    /// The last one that is there.
    last: DirectoryId,
    /// The names that are not there.
    missing: Vec<OsString>,
    /// The links that were followed.
    pub(crate) links: Vec<Spot>,
    is_below_generations: bool,
    /// The directory of the generations of another manifest.
    others: Option<PathBuf>,
}

impl Trail {
    /// Where this name is at the end of it.
    pub(crate) fn spot(&self, name: &OsStr) -> Spot {
        let below = self.missing.iter().cloned().chain([name.to_owned()]).collect();
        Spot { directory: self.last, below }
    }

    fn pass(&mut self, name: &OsStr) {
        for (_, names) in self.passed.iter_mut().rev().take(self.open) {
            names.push(name.to_owned());
        }
    }

    fn miss(&mut self, name: &OsStr) {
        self.pass(name);
        self.missing.push(name.to_owned());
    }

    /// A link of this name leads the way elsewhere. The directories passed so far get this name and all names ahead of it, and
    /// none that come later.
    fn turn_off(&mut self, name: &OsStr, ahead: &[OsString]) {
        self.pass(name);
        for name in ahead.iter().rev() {
            self.pass(name);
        }
        self.open = 0;
    }
}
