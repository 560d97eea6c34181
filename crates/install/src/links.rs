//! Links at the paths that secrets and templates ask for, outside of the generations.
//!
//! A link leads through the symlink path, so it stays right while generations come and go. It may stand in a directory of
//! an ordinary user, who can exchange anything there at any moment. So the directory is opened once, without following
//! a link that the user could have made, and all the rest happens on its handle: nothing is made, changed or removed in
//! any other directory, and nothing but links changes its owner.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::dir::{Dir, Found, Missing, order, temporary};
use crate::location::NeededLink;
use crate::mount::split;
use crate::record::{self, Entries, LINKS};
use crate::{Error, File, Location, Owner};

/// Makes the links that the files need and removes those of earlier runs that no file needs. One that fails does not stop
/// the others.
pub(crate) fn update(root: &Dir, location: &Location, files: &[File<'_>]) -> Vec<Error> {
    let mut failures = Vec::new();
    let mut wanted: Vec<Link<'_>> = files.iter().filter_map(|file| Link::of(file, location)).collect();
    wanted.sort_by_key(|link| link.path.file_name().map_or(0, order));
    let exact: Entries = wanted.iter().map(Link::entry).collect();
    let known = match record::recover(root, LINKS, &mut failures) {
        Ok(known) => known,
        Err(error) => return vec![error],
    };
    // Before the first of them is made: a run that is killed leaves no link that nobody knows.
    let all: Entries = known.union(&exact).cloned().collect();
    if all != known {
        failures.extend(record::write(root, LINKS, &all).err());
    }
    // Removed before others are made, so that a link can give way to a directory with links.
    let mut left = exact.clone();
    for (path, target) in known.difference(&exact) {
        if !wanted.iter().any(|link| link.path == path)
            && let Err(error) = remove(path, Path::new(target))
        {
            failures.push(error);
            left.insert((path.clone(), target.clone()));
        }
    }
    for link in &wanted {
        if let Err(error) = link.place(location) {
            failures.push(error);
            let entry = link.entry();
            if !known.contains(&entry) {
                left.remove(&entry);
            }
        }
    }
    if left != all {
        failures.extend(record::write(root, LINKS, &left).err());
    }
    failures
}

struct Link<'a> {
    path: &'a Path,
    target: PathBuf,
    owner: Option<Owner>,
}

impl<'a> Link<'a> {
    /// The link that a file needs outside of the generation.
    fn of(file: &File<'a>, location: &Location) -> Option<Self> {
        match location.link(file) {
            NeededLink::None | NeededLink::Inside(_) => None,
            NeededLink::Outside(path) => Some(Self { path, target: location.readable(file), owner: file.owner }),
        }
    }

    fn entry(&self) -> (PathBuf, OsString) {
        (self.path.to_owned(), self.target.clone().into())
    }

    /// Makes the link unless it is there. Other links and empty directories give way, anything else is an error.
    fn place(&self, location: &Location) -> Result<(), Error> {
        if self.path == location.symlink_path() {
            return Err(Error::HidesSecrets { path: self.path.to_owned() });
        }
        let (parent, name) = split(self.path)?;
        let parent = Dir::walk(parent, Missing::Make(PARENT))?;
        match parent.look(name)? {
            Found::Nothing => parent.link(&self.target, name, self.owner),
            Found::Link(link) if link.target == self.target => self.owner.map_or(Ok(()), |owner| link.give(owner)),
            Found::Link(_) => self.replace(&parent, name, location),
            Found::Directory => match parent.remove_empty(name) {
                Ok(()) => parent.link(&self.target, name, self.owner),
                Err(Error::Call { source: Errno::ENOTEMPTY | Errno::EEXIST | Errno::EBUSY, .. }) => {
                    Err(self.foreign("a directory with files"))
                }
                Err(error) => Err(error),
            },
            found @ (Found::File | Found::Special) => Err(self.foreign(found.noun())),
        }
    }

    /// Puts the link in the place of another one, so that there is always one of the two.
    fn replace(&self, parent: &Dir, name: &OsStr, location: &Location) -> Result<(), Error> {
        let temporary = temporary(name);
        match parent.look(&temporary)? {
            Found::Nothing => {}
            Found::Link(link) if link.target.starts_with(location.symlink_path()) => parent.remove(&temporary)?,
            found => {
                return Err(Error::Foreign { path: parent.path().join(temporary), found: found.noun() });
            }
        }
        parent.link(&self.target, &temporary, self.owner)?;
        parent.rename_or_remove(&temporary, name)
    }

    fn foreign(&self, found: &'static str) -> Error {
        Error::Foreign { path: self.path.to_owned(), found }
    }
}

/// Removes a link that an earlier run made, and what a killed run prepared, if they still lead where they led.
fn remove(path: &Path, target: &Path) -> Result<(), Error> {
    let (parent, name) = split(path)?;
    let Some(parent) = Dir::existing(parent)? else { return Ok(()) };
    for name in [name, &temporary(name)] {
        if let Found::Link(link) = parent.look(name)?
            && link.target == target
        {
            parent.remove(name)?;
        }
    }
    Ok(())
}

/// Permissions of the directories that are made on the way to a link, less the umask.
const PARENT: u32 = 0o755;
