//! Whether a path leads to where the program keeps its own things, however it is written.
//!
//! `/var/run/secrets` and `/run/secrets` are one place, and so are two paths that a bind mount makes of one directory. So
//! every directory on the way is opened and compared by its device and inode; only the names that are not there yet are
//! compared as text.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::dir::{Dir, DirectoryId, LINKS, PathStep, lock_name, push_steps, split, temporary};
use crate::surroundings::Surrounding;
use crate::{Current, Error, File, Location, Wanted, links, mountinfo};

impl Current<'_> {
    /// The files, apart from those whose path leads to where the program keeps its own things, to one of the `read_files` or a link on
    /// the way to it, or to the path of another file or below it. The directory of `credentials` is the program's own if there is
    /// one to be in it. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Nested`] if the symlink path leads into the mount point, or the other way round, by whichever name;
    /// [`Error::InStore`] if one of them and the directory of `credentials` are in each other; [`Error::ReadFrom`] if the symlink
    /// would take the place of a link on the way to one of the `read_files`.
    pub fn place<'f, 'p>(
        &self,
        files: Vec<File<'f>>,
        read_files: impl IntoIterator<Item = &'p Path>,
        credentials: &Path,
    ) -> Result<PlacedFiles<'f>, Error> {
        let errors = self.misplaced(&files, read_files.into_iter().collect(), credentials)?;
        let mut placed = PlacedFiles { files: Vec::with_capacity(files.len()), misplaced: Vec::new() };
        let mut errors = errors.into_iter();
        for file in files {
            match errors.next().flatten() {
                Some(error) => placed.misplaced.push((file.wanted, error)),
                None => placed.files.push(file),
            }
        }
        Ok(placed)
    }

    /// What is wrong with the path of each file; nothing for the last ones that are right.
    fn misplaced(
        &self,
        files: &[File<'_>],
        read_files: Vec<&Path>,
        credentials: &Path,
    ) -> Result<Vec<Option<Error>>, Error> {
        let mut ours = Ours::of(self.location())?;
        let store = ours.store(self.location(), credentials)?;
        let mut misplaced = Vec::new();
        let symlink_path = self.location().symlink_path();
        if self.number().is_none() && self.running().is_none() && symlink_path.is_symlink() {
            // It gives way to ours, and leads to no generation, which would have successors.
            let mut trails = HashMap::new();
            let (parent, name) = split(symlink_path)?;
            let link = ours.trail(parent, &mut trails)?.spot(name);
            for file in read_files.iter().filter(|file| file.exists()) {
                if ours.way_to(file, &mut trails).contains(&link) {
                    return Err(Error::ReadFrom { path: symlink_path.to_owned(), read: (*file).to_owned() });
                }
            }
        }
        if !files.iter().any(|file| file.wanted.outer_link().is_some()) {
            return Ok(misplaced);
        }
        if files.iter().any(|file| file.wanted.credential.is_some())
            && let Some(spot) = store
        {
            ours.add(&spot, What::Credentials, credentials);
        }
        let mut trails = HashMap::new();
        let mut read: HashMap<Spot, &Path> = HashMap::new();
        let mut on_the_way: HashMap<Spot, &Path> = HashMap::new();
        for file in read_files {
            // What cannot be reached is not read.
            if let Ok(spot) = ours.judge(file, &mut trails) {
                read.insert(spot, file);
            }
            on_the_way.extend(ours.way_to(file, &mut trails).into_iter().map(|spot| (spot, file)));
        }
        misplaced.resize_with(files.len(), || None);
        let mut misplace = |position: usize, error| {
            if let Some(place) = misplaced.get_mut(position) {
                *place = Some(error);
            }
        };
        let mut taken: HashMap<Spot, (usize, &Path)> = HashMap::new();
        let mut unfollowed = Vec::new();
        let mut refused = Vec::new();
        for (position, file) in files.iter().enumerate() {
            let Some(path) = file.wanted.outer_link() else { continue };
            // A reader that comes by a link of its own may read what is installed, but nothing that is there is replaced.
            let replaces = || match path.read_link() {
                Ok(target) => !target.starts_with(symlink_path),
                Err(_) => path.symlink_metadata().is_ok(),
            };
            match ours.judge(path, &mut trails) {
                Ok(spot) => {
                    let read = read.get(&spot).or_else(|| on_the_way.get(&spot).filter(|_| replaces()));
                    match (read, taken.get(&spot)) {
                        (Some(&read), _) => {
                            let (path, read) = (path.to_owned(), read.to_owned());
                            misplace(position, Error::ReadFrom { path, read });
                        }
                        (None, Some(&(_, other))) => {
                            let (path, other) = (path.to_owned(), other.to_owned());
                            misplace(position, Error::SamePlace { path, other });
                        }
                        (None, None) => {
                            taken.insert(spot, (position, path));
                        }
                    }
                }
                Err(error) if error.is_refusal() => refused.push((position, path, error)),
                // A path that cannot be followed leads to no place of ours. It is reported when the link is made, unless it is
                // another link that is in the way.
                Err(_) => unfollowed.push((position, path)),
            }
        }
        if !refused.is_empty() {
            let stale = links::stale(self, files.iter().map(|file| file.wanted))?;
            let going = Surrounding::links_that_go(&stale);
            let going: HashSet<Spot> = going.iter().filter_map(|path| ours.judge(path, &mut trails).ok()).collect();
            for (position, path, error) in refused {
                // An old link of ours goes before a directory takes its place.
                let way = ours.trail(split(path)?.0, &mut trails)?;
                if way.links.iter().any(|link| going.contains(link)) {
                    unfollowed.push((position, path));
                } else {
                    misplace(position, error);
                }
            }
        }
        for (spot, &(position, path)) in &taken {
            if let Some((_, other)) = spot.above().find_map(|above| taken.get(&above)) {
                let (path, other) = (path.to_owned(), (*other).to_owned());
                misplace(position, Error::Below { path, other });
            }
        }
        for (position, path) in unfollowed {
            let mut spots = path.ancestors().skip(1).filter_map(|above| ours.judge(above, &mut trails).ok());
            if let Some((_, other)) = spots.find_map(|spot| taken.get(&spot)) {
                let (path, other) = (path.to_owned(), (*other).to_owned());
                misplace(position, Error::Below { path, other });
            }
        }
        Ok(misplaced)
    }
}

/// Files, by whether their links can be made.
pub struct PlacedFiles<'f> {
    /// Those that can.
    pub files: Vec<File<'f>>,
    /// The others, and why, in their order.
    pub misplaced: Vec<(Wanted<'f>, Error)>,
}

/// The places that are the program's own.
pub(crate) struct Ours {
    places: Vec<OwnPlace>,
    /// The directory of the generations, if it is there.
    generations: Option<DirectoryId>,
    /// Its device and mount, if it is a file system of its own. Before Linux 5.8 the mount is not known.
    mount: Option<(u64, Option<u64>)>,
    mount_point: PathBuf,
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
struct Spot {
    directory: DirectoryId,
    below: Vec<OsString>,
}

impl Spot {
    /// The places on the way to this one that are not there.
    fn above(&self) -> impl Iterator<Item = Self> {
        let names = |length| self.below.iter().take(length).cloned().collect();
        (1..self.below.len()).map(move |length| Self { directory: self.directory, below: names(length) })
    }
}

impl Ours {
    /// The places of a location.
    ///
    /// # Errors
    ///
    /// [`Error::Nested`] if the symlink path leads to the mount point or below it, or the other way round. Otherwise what
    /// stands in the way of looking.
    pub(crate) fn of(location: &Location) -> Result<Self, Error> {
        let (mount_point, symlink_path) = (location.mount_point(), location.symlink_path());
        let nested = |error| match error {
            Error::Inside { .. } | Error::HidesSecrets { .. } => {
                Error::Nested { symlink_path: symlink_path.to_owned(), mount_point: mount_point.to_owned() }
            }
            error => error,
        };
        let nothing =
            || Self { places: Vec::new(), generations: None, mount: None, mount_point: mount_point.to_owned() };
        let mut ours = nothing();
        let generations = ours.judge(mount_point, &mut HashMap::new())?;
        ours.add(&generations, What::MountPoint, mount_point);
        if let Some(root) = Dir::existing(mount_point)? {
            let id = root.id()?;
            if root.listable()?.is_mount()? {
                ours.mount = Some((id.device, root.mount().ok()));
            }
            ours.generations = Some(id);
        }
        let link = ours.judge(symlink_path, &mut HashMap::new()).map_err(nested)?;
        let mut link_only = nothing();
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
    fn store(&self, location: &Location, credentials: &Path) -> Result<Option<Spot>, Error> {
        let in_store = |path: &Path| Err(Error::InStore { path: path.to_owned(), store: credentials.to_owned() });
        let spot = match self.judge(credentials, &mut HashMap::new()) {
            Ok(spot) => spot,
            Err(error) if error.is_refusal() => return in_store(&self.mount_point),
            // Nothing can be in a directory that cannot be reached.
            Err(_) => return Ok(None),
        };
        // Below that directory is where nothing of ours may be, by whichever name.
        let there = Dir::existing(credentials).ok().flatten().map(|store| store.id()).transpose()?;
        let mut store =
            Self { places: Vec::new(), generations: there, mount: None, mount_point: credentials.to_owned() };
        store.add(&spot, What::Credentials, credentials);
        for path in [location.mount_point(), location.symlink_path()] {
            if store.judge(path, &mut HashMap::new()).is_err_and(|error| error.is_refusal()) {
                return in_store(path);
            }
        }
        Ok(Some(spot))
    }

    /// What whoever reads a file passes: every link on the way, and the file itself.
    fn way_to(&self, file: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Vec<Spot> {
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
    fn judge(&self, path: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Result<Spot, Error> {
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
    fn trail(&self, directory: &Path, trails: &mut HashMap<PathBuf, Trail>) -> Result<Trail, Error> {
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
        if self.places.iter().any(|place| place.spot.directory == directory) {
            trail.passed.push((directory, Vec::new()));
            trail.open = trail.open.saturating_add(1);
        }
        Ok(())
    }
}

/// The directories on the way to another one.
#[derive(Clone, Default)]
struct Trail {
    /// Those that hold something of ours, each with the names behind it on the way.
    passed: Vec<(DirectoryId, Vec<OsString>)>,
    /// How many of the last ones the way has not left through a link: names that come next are added to theirs.
    open: usize,
    /// The last one that is there.
    last: DirectoryId,
    /// The names that are not there.
    missing: Vec<OsString>,
    /// The links that were followed.
    links: Vec<Spot>,
    is_below_generations: bool,
}

impl Trail {
    /// Where this name is at the end of it.
    fn spot(&self, name: &OsStr) -> Spot {
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
