//! The generations: staging a new one, switching to it, removing old ones.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::Gid;

use crate::credentials::{self, Credential, Published};
use crate::current::Current;
use crate::dir::{Dir, Missing, Occupant, Over, PARENT, Prepared, directory_access, split, temporary};
use crate::generation::{ForeignNumbers, is_as_made};
use crate::links::{LinkFailure, Made};
use crate::location::{HIGHEST, number};
use crate::lock::{Lock, rest};
use crate::mount::{self, Mounted};
use crate::notice::Notice;
use crate::requests::{Request, RequestRecord};
use crate::seal::Seal;
use crate::symlinks::{self, OtherSymlink};
use crate::{Access, Changes, Effect, Error, File, Location, Retention, generation, links, record};

/// The generations of a [`Location`], open for change.
pub struct Store<'l> {
    location: &'l Location,
    root: Dir,
    /// The access to directories.
    directories: Access,
    /// The number that the symlink names.
    active: Option<u64>,
    /// What an earlier file system still holds.
    beneath: Option<Dir>,
    requests: RequestRecord,
    /// Symlinks that lead to other generations than the active one.
    others: Vec<OtherSymlink>,
    /// The generation that was staged, the links and the credentials, each as it was made; nothing where something failed.
    staged: Option<Seal>,
    links: Option<Seal>,
    credentials: Option<Seal>,
    notices: Vec<Notice>,
    effect: Effect,
    #[expect(dead_code, reason = "held, never looked at: no other run changes the location before this is dropped")]
    lock: Lock,
}

impl<'l> Store<'l> {
    /// Mounts the file system unless it is mounted, and opens it. The running generation stays readable at every moment.
    ///
    /// The directories belong to root and the group; in user mode (`None`) to the user.
    ///
    /// # Errors
    ///
    /// [`Error::NotInMemory`] if the mount point is not on the wanted file system even after mounting,
    /// [`Error::Call`] if it cannot be made, mounted or copied to. The running generation is untouched then.
    pub fn open(current: &Current<'l>, lock: Lock, group: Option<Gid>) -> Result<Self, Error> {
        let directories = directory_access(group);
        let (location, active, requests) = (current.location(), current.number(), current.requests().clone());
        remove_prepared(location)?;
        let Mounted { root, beneath, mut notices, effect } = mount::ensure(current, directories)?;
        symlinks::take_over::<Made>(current, &root)?;
        symlinks::take_over::<Published>(current, &root)?;
        let others = OtherSymlink::all(&root, location, active)?;
        for other in &others {
            notices.push(other.notice(location));
        }
        let [links, credentials] = [Some(Seal::default()), Some(Seal::default())];
        Ok(Self {
            location,
            root,
            directories,
            active,
            beneath,
            requests,
            others,
            staged: None,
            links,
            credentials,
            notices,
            effect,
            lock,
        })
    }

    /// What people should know of what was done so far. Each is given once.
    pub fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Whether the generations are in memory. Only in user mode can they be elsewhere, which deserves a warning.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the file system cannot be asked.
    pub fn medium(&self) -> Result<Medium, Error> {
        Ok(if self.root.is_memory()? { Medium::Memory } else { Medium::Disk })
    }

    /// The number of the generation that readers see.
    #[must_use]
    pub fn active(&self) -> Option<u64> {
        self.active
    }

    /// Whether anything beside a generation was made, changed or removed: the file system, a link, a credential.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The directory of the generations.
    pub(crate) fn root(&self) -> &Dir {
        &self.root
    }

    /// The active generation, its links and its credentials, each as it was made or compared; nothing if not all is known.
    pub(crate) fn seals<'s>(&'s self, changes: &'s Changes) -> Option<[&'s Seal; 3]> {
        Some([self.staged.as_ref().or(changes.seal())?, self.links.as_ref()?, self.credentials.as_ref()?])
    }

    /// Writes a new generation that has no readers yet.
    ///
    /// It stands under its final number from the beginning: readers come through the symlink only, which does not lead to
    /// it. What a killed run has left under this number is removed first. If there is no room, the generations that the retention
    /// does not keep in any case make some.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if something cannot be written; then the new generation is removed again.
    /// [`Error::LastGeneration`] if there is no next number.
    pub fn stage(&mut self, files: &[File<'_>], retention: Retention) -> Result<Staged<'_, 'l>, Error> {
        let number = self.free_number()?;
        let mut written = self.write(number, files);
        if let Err(Error::Call { errno: Errno::ENOSPC | Errno::EDQUOT, .. }) = written {
            self.discard(number);
            let old = retention.pruned(&self.root, self.active, &self.others)?;
            if !old.is_empty() {
                // What stays is told when the rest is removed.
                drop(self.remove_generations(&old)?);
                written = self.write(number, files);
            }
        }
        match written {
            Ok(seal) => Ok(Staged { store: self, number, seal }),
            Err(error) => {
                self.discard(number);
                Err(error)
            }
        }
    }

    fn write(&self, number: u64, files: &[File<'_>]) -> Result<Seal, Error> {
        let root = self.root.make(number.to_string().as_ref(), self.directories)?;
        generation::write(&root, &generation::entries(files), self.directories)
    }

    /// Makes the links at the paths of the files and removes those of earlier runs that no file needs.
    ///
    /// What is already right is not touched, and no content is looked at. All that went wrong is returned; the rest is done.
    #[must_use = "each error is a link that is missing or left behind"]
    pub fn link<'f>(&mut self, files: &[File<'f>]) -> Vec<LinkFailure<'f>> {
        let links::Updated { failures, notices, seal, effect } =
            links::update(&self.root, self.location, &self.others, files);
        self.links = seal;
        self.effect.add(effect);
        self.notices.extend(notices);
        failures
    }

    /// Makes the files of a credential store such as `/run/credstore` and removes those of earlier runs that are not
    /// wanted any more.
    ///
    /// What is already right is not touched. All that went wrong is returned; the rest is done.
    #[must_use = "each error is a credential that is missing or left behind"]
    pub fn publish(&mut self, directory: &Path, credentials: &[Credential<'_>]) -> Vec<Error> {
        let owner = credentials::owner(self.directories);
        let credentials::Updated { failures, seal, effect } =
            credentials::update(&self.root, directory, credentials, owner);
        self.credentials = seal;
        self.effect.add(effect);
        failures
    }

    /// Forgets the requests of this run and of earlier ones: the caller has made them, or said why it cannot. Others are kept
    /// in their place, for later runs to know.
    ///
    /// # Errors
    ///
    /// [`Error::Record`] if there were requests that cannot be read. [`Error::Call`] if the record cannot be removed; then
    /// the next run makes them again.
    pub fn requested_but(&mut self, kept: &[Request]) -> Result<(), Error> {
        match self.active {
            Some(active) if !kept.is_empty() => self.requests.record(&self.root, None, active, kept),
            _ => self.requests.forget(&self.root),
        }
    }

    /// Removes the generations that are not to stay. The active one always does.
    ///
    /// What killed runs have left behind goes in any case. All that went wrong is returned; the rest is done.
    #[must_use = "each error is a generation that is left behind"]
    pub fn prune(&self, retention: Retention) -> Vec<Error> {
        let mut failures = record::remove_unfinished(&self.root);
        let old = retention.pruned(&self.root, self.active, &self.others).unwrap_or_else(|error| {
            failures.push(error);
            Vec::new()
        });
        if self.beneath.is_some() || !old.is_empty() {
            rest(GRACE);
        }
        if !old.is_empty() {
            failures.extend(self.remove_generations(&old).unwrap_or_else(|error| vec![error]));
        }
        failures.extend(self.beneath.iter().flat_map(|beneath| mount::clear(beneath, self.active)));
        failures
    }

    /// Removes generations that are not needed any more. All that went wrong is given; the rest is done.
    fn remove_generations(&self, names: &[OsString]) -> Result<Vec<Error>, Error> {
        let mut foreign = ForeignNumbers::read(&self.root)?;
        let mut failures = Vec::new();
        for name in names {
            failures.extend(self.remove_generation(name, &mut foreign));
        }
        failures.extend(foreign.write(&self.root).err());
        Ok(failures)
    }

    /// Removes one of them; what only has such a name ([`ForeignNumbers::is_generation`]) is noted and told.
    fn remove_generation(&self, name: &OsStr, foreign: &mut ForeignNumbers) -> Vec<Error> {
        match foreign.is_generation(&self.root, name, self.active) {
            Ok(true) => self.root.remove_tree(name),
            Ok(false) => match self.root.within(name) {
                Err(mounted @ Error::Mounted { .. }) => vec![mounted],
                Ok(_) | Err(_) => foreign.add(&self.root, name).unwrap_or_else(Some).into_iter().collect(),
            },
            Err(error) => vec![error],
        }
    }

    /// The next number, or the first after it under which nothing stands that has to stay. What is in the way is not said:
    /// [`Store::prune`] comes to it once more.
    fn free_number(&self) -> Result<u64, Error> {
        let last = last_number(&self.root, self.location, self.active, &self.others)?;
        let mut number = last;
        let mut foreign = ForeignNumbers::read(&self.root)?;
        loop {
            number = number.checked_add(1).ok_or_else(|| Error::LastGeneration {
                generation: last,
                link: self.location.symlink_path().to_owned(),
            })?;
            let name = OsString::from(number.to_string());
            let failures = self.remove_generation(&name, &mut foreign);
            let stays = |failure: &Error| {
                matches!(failure, Error::Mounted { .. } | Error::Foreign { .. } | Error::Disowned { .. })
            };
            match failures.into_iter().find(|failure| !stays(failure)) {
                Some(failure) => return Err(failure),
                None if matches!(self.root.look(&name)?, Occupant::Nothing) => {
                    foreign.forget(&name);
                    foreign.write(&self.root)?;
                    return Ok(number);
                }
                None => {}
            }
        }
    }

    /// Whether this run has switched to a new generation.
    pub(crate) fn has_switched(&self) -> bool {
        self.staged.is_some()
    }

    /// Notes which symlinks lead to generations, or are about to.
    pub(crate) fn note_symlinks(&self) -> Result<(), Error> {
        symlinks::note(&self.root, self.location, &self.others)
    }

    /// The error that led here says more than what stays, and the next run tries again.
    fn discard(&self, number: u64) {
        drop(self.root.remove_tree(number.to_string().as_ref()));
    }

    fn switch(&mut self, number: u64) -> Result<(), Error> {
        let (parent, name) = split(self.location.symlink_path())?;
        let parent = Dir::walk(parent, Missing::Make(PARENT))?;
        parent.refuse_nosymfollow(self.location.symlink_path())?;
        self.note_symlinks()?;
        let temporary = temporary(name);
        let gone = clear_way(&parent, name, self.location, &self.root)?;
        let target = self.location.generation(number);
        let of_symlink = |error: Error| error.at(self.location.symlink_path());
        parent.link(&target, &temporary, None).map_err(of_symlink)?;
        parent.rename_or_remove(&temporary, name, Over::Anything).map_err(of_symlink)?;
        self.notices.extend(gone);
        Ok(())
    }
}

/// A generation that is complete and has no readers yet.
#[must_use = "it has no readers before it is activated"]
pub struct Staged<'s, 'l> {
    store: &'s mut Store<'l>,
    number: u64,
    /// What was made.
    seal: Seal,
}

impl Staged<'_, '_> {
    /// Switches readers from the old generation to this one, in one step: by a rename(2) of the symlink.
    ///
    /// The requests are what the caller asks of units after that. If it is killed before, [`Current::due`] has them.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] or [`Error::Foreign`] if the requests cannot be recorded or the symlink cannot be put in place. The old
    /// generation is active then, and this one is removed.
    pub fn activate(self, requests: &[Request]) -> Result<(), Error> {
        let Self { store, number, seal } = self;
        let recorded = store.requests.record(&store.root, store.active, number, requests);
        match recorded.and_then(|()| store.switch(number)) {
            Ok(()) => {
                store.active = Some(number);
                store.staged = Some(seal);
                Ok(())
            }
            Err(error) => {
                store.discard(number);
                match store.requests.record(&store.root, store.active, number, &[]) {
                    // What stays is not due before there is such a generation, and the run that makes it replaces it.
                    Ok(()) | Err(_) => Err(error),
                }
            }
        }
    }
}

/// The highest number in use, which the next generation follows: that of the active generation or of one that others read. Where
/// somebody has removed the symlink, it is that of the highest generation, so that older ones stay as long as they would have.
pub(crate) fn last_number(
    root: &Dir,
    location: &Location,
    active: Option<u64>,
    others: &[OtherSymlink],
) -> Result<u64, Error> {
    let mut last = active.unwrap_or(0);
    for other in others {
        last = last.max(other.number());
    }
    // Without an earlier switch, what is there is what a killed run has left. A record that is damaged makes `others` of all of it.
    if active.is_none() && symlinks::is_noted(root, location)? {
        for (name, _) in root.entries()? {
            match number(name.as_encoded_bytes()) {
                Some(number) if number > last && number <= HIGHEST && is_as_made(root, &name)? => last = number,
                Some(_) | None => {}
            }
        }
    }
    Ok(last)
}

/// What the generations are on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Medium {
    /// A ramfs or a tmpfs.
    Memory,
    /// Anything else, which may outlive a reboot.
    Disk,
}

/// Removes what a killed run has left of a switch that never was, for a run that fails before it has a [`Store`]: the prepared link, and
/// generations above the active one. All that went wrong is given; the next run tries again.
#[must_use = "each error is something that is left behind"]
pub fn tidy(current: &Current<'_>, _: &Lock) -> Vec<Error> {
    let mut failures: Vec<Error> = remove_prepared(current.location()).err().into_iter().collect();
    // Above the active one are those that were staged and never activated.
    match current.pruned(Retention::last(None)) {
        Ok((Some(root), names)) => failures.extend(names.iter().flat_map(|name| root.remove_tree(name))),
        Ok((None, _)) => {}
        Err(error) => failures.push(error),
    }
    failures
}

/// Removes the link that a killed run prepared for the symlink path. It is looked for in every run, since the next one may
/// have nothing to switch.
pub(crate) fn remove_prepared(location: &Location) -> Result<(), Error> {
    let (parent, name) = split(location.symlink_path())?;
    let Some(parent) = Dir::existing(parent)? else { return Ok(()) };
    match parent.prepared(name, &|target| location.is_below(target))? {
        Prepared::Link => parent.remove(&temporary(name)),
        // What else stands there is in the way of a switch only.
        Prepared::Nothing | Prepared::Foreign(_) => Ok(()),
    }
}

/// Removes what may give way to the symlink: directories without files. Says what is foreign and is about to go, after it is recorded.
fn clear_way(parent: &Dir, name: &OsStr, location: &Location, root: &Dir) -> Result<Option<Notice>, Error> {
    if let Prepared::Foreign(error) = parent.prepared(name, &|_| false)? {
        return Err(error);
    }
    let gone = match parent.look(name)? {
        Occupant::Nothing => return Ok(None),
        Occupant::Link(link) => {
            let end = symlinks::end(location.symlink_path());
            if location.is_below(&link.target) || end.as_ref().is_some_and(|end| symlinks::is_below(end, root)) {
                return Ok(None);
            }
            GaveWay::Link { end, target: link.target }
        }
        Occupant::Directory => GaveWay::Directory,
        found => return Err(Error::Foreign { path: parent.path().join(name), found: found.noun() }),
    };
    let is_directory = matches!(gone, GaveWay::Directory);
    let notice = gone.notice(location);
    if let Notice::GaveWay { path, was } = &notice {
        match links::note_replaced(root, path, was) {
            // The line says it too, and what was asked for is the secrets.
            Ok(()) | Err(_) => {}
        }
    }
    if is_directory {
        parent.remove_hollow(name)?;
    }
    Ok(Some(notice))
}

/// What gives way to the symlink.
enum GaveWay {
    /// A link to something else, and where it leads in the end.
    Link { target: PathBuf, end: Option<PathBuf> },
    /// An empty directory.
    Directory,
}

impl GaveWay {
    fn notice(self, location: &Location) -> Notice {
        let path = location.symlink_path().to_owned();
        let (target, end) = match self {
            Self::Directory => return Notice::GaveWay { path, was: "an empty directory".into() },
            Self::Link { target, end } => (target, end),
        };
        let before = end.and_then(|end| Some((symlinks::root_before(&end, location)?, end.parent()?.to_owned())));
        if let Some((root, before)) = before {
            let command = if location.file_system().is_mounted() { "umount" } else { "rm -r --one-file-system" };
            let reader = symlinks::other_reader(&root, location.symlink_path());
            return Notice::Left { path: before, symlink: path, reader, command };
        }
        let mut was = OsString::from("a link to ");
        was.push(target);
        Notice::GaveWay { path, was }
    }
}

/// How many milliseconds an old generation stays after the switch. The kernel may have interrupted a reader who has just followed the
/// symlink to it and has yet to take the next step of the path.
const GRACE: u8 = 10;
