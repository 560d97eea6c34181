//! Links to secrets from places of their own (sops-format.md section 8.6).
//!
//! A link leads through the link to the running generation, so it stays right over generations. What links were made is
//! recorded beside the generations, so that those no longer wanted can be removed.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Gid, Uid};

use crate::Error;
use crate::dir::{Dir, Kind, Missing};
use crate::location::split;
use crate::store::{RECORD, Store, temporary};

/// A link that is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link<'a> {
    /// Where it stands.
    pub path: &'a Path,
    /// Where it leads: a place below the link to the running generation.
    pub target: &'a Path,
    /// Whose it is itself; `None` leaves it to the user who runs the program.
    pub owner: Option<(Uid, Gid)>,
}

impl Store<'_> {
    /// Makes the links that are wanted and removes those that an earlier run made and that are wanted no more.
    ///
    /// A right link is kept as it is. Another link, or an empty directory, is replaced. Anything else stays, and is an
    /// [`Error::Foreign`]. Every failure is returned; none stops the rest.
    #[must_use]
    pub fn link(&self, links: &[Link<'_>]) -> Vec<Error> {
        let recorded = match self.recorded() {
            Ok(recorded) => recorded,
            Err(error) => return vec![error],
        };
        let wanted: BTreeSet<PathBuf> = links.iter().map(|link| link.path.to_owned()).collect();
        let mut errors = Vec::new();
        // Written before anything is made: a run that is killed leaves no link that the next one does not know of.
        let mut all: BTreeSet<PathBuf> = recorded.union(&wanted).cloned().collect();
        if let Err(error) = self.record(&recorded, &all) {
            return vec![error];
        }
        for path in recorded.difference(&wanted) {
            match self.remove_link(path) {
                Ok(()) => {
                    all.remove(path);
                }
                Err(error) => errors.push(error),
            }
        }
        let mut parents = Parents(None);
        for link in links {
            errors.extend(parents.open(link.path).and_then(|(parent, name)| place(parent, name, link)).err());
        }
        errors.extend(self.record(&recorded.union(&wanted).cloned().collect(), &all).err());
        errors
    }

    /// Removes a link, if it still is one that leads below the link to the running generation.
    fn remove_link(&self, path: &Path) -> Result<(), Error> {
        let (parent, name) = split(path);
        let parent = match Dir::open_guarded(parent, Missing::IsAnError) {
            Ok(parent) => parent,
            Err(Error::Call { source: Errno::ENOENT | Errno::ENOTDIR, .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if parent.kind(name)? == Some(Kind::Link)
            && parent.read_link(name)?.is_some_and(|target| target.starts_with(&self.location().symlink_path))
        {
            return parent.remove_file(name);
        }
        Ok(())
    }

    /// The links that earlier runs made.
    fn recorded(&self) -> Result<BTreeSet<PathBuf>, Error> {
        let directory = self.directory();
        let file = match directory.open_file(RECORD.as_ref()) {
            Ok(file) => file,
            Err(Error::Call { source: Errno::ENOENT, .. }) => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        let mut content = Vec::new();
        std::fs::File::from(file).read_to_end(&mut content).map_err(|error| {
            let errno = error.raw_os_error().map_or(Errno::EIO, Errno::from_raw);
            Error::call("read", directory.path_of(RECORD))(errno)
        })?;
        let paths = content.split(|&byte| byte == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
    }

    /// Writes the record if it changes: paths, each with a NUL byte behind. It is replaced in one moment.
    fn record(&self, before: &BTreeSet<PathBuf>, after: &BTreeSet<PathBuf>) -> Result<(), Error> {
        if before == after {
            return Ok(());
        }
        let mut content = Vec::new();
        for path in after {
            content.extend_from_slice(path.as_os_str().as_bytes());
            content.push(0);
        }
        let new = temporary(RECORD.as_ref());
        let directory = self.directory();
        directory.remove_file(&new)?;
        directory.write_file(&new, &content, 0o600, None)?;
        directory.rename(&new, RECORD.as_ref())
    }
}

/// The directory of the last link, so that links in one directory look it up once.
struct Parents(Option<(PathBuf, Dir)>);

impl Parents {
    /// The directory that a link goes into, made if it is missing, and the link's name there.
    fn open<'p>(&mut self, path: &'p Path) -> Result<(&Dir, &'p OsStr), Error> {
        let (parent, name) = split(path);
        let last = self.0.take().filter(|(path, _)| path == parent);
        let opened = match last {
            Some(last) => last,
            None => (parent.to_owned(), Dir::open_guarded(parent, Missing::IsMade)?),
        };
        let (_, directory) = self.0.insert(opened);
        Ok((directory, name))
    }
}

/// Makes one link right.
fn place(parent: &Dir, name: &OsStr, link: &Link<'_>) -> Result<(), Error> {
    let foreign = |found| Error::Foreign { path: link.path.to_owned(), found };
    let Some(status) = parent.status(name)? else {
        return parent.make_link(link.target, name, link.owner);
    };
    match Kind::of(&status) {
        Kind::Link => {
            let owned = link
                .owner
                .is_none_or(|(user, group)| (user.as_raw(), group.as_raw()) == (status.st_uid, status.st_gid));
            if owned && parent.read_link(name)?.as_deref() == Some(link.target) {
                return Ok(());
            }
            let new = temporary(name);
            parent.remove_file(&new)?;
            parent.make_link(link.target, &new, link.owner)?;
            parent.rename(&new, name)
        }
        Kind::Directory => match parent.remove_directory(name) {
            Ok(()) => parent.make_link(link.target, name, link.owner),
            Err(Error::Call { source: Errno::ENOTEMPTY | Errno::EEXIST, .. }) => Err(foreign("a directory with files")),
            Err(error) => Err(error),
        },
        other => Err(foreign(other.name())),
    }
}
