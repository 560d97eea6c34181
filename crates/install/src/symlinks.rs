//! Symlinks that lead to generations below one mount point, each the symlink path of a manifest.
//!
//! A mount point is meant for one of them. Another one is there if the symlink path in a manifest has changed, or if two manifests
//! share a mount point by mistake. Its readers keep what they have: the generation that it leads to stays, its number is not used
//! again, and links through it are not removed. Once it is gone, so is all of that with the next run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::dir::{Dir, Occupant, id_above, is_one_place, is_trusted, split};
use crate::generation::may_be_one;
use crate::location::{HIGHEST, number};
use crate::record::{self, Entries, Pair, Recorded, STAMP, SYMLINKS};
use crate::{Current, Error, Location, Notice};

/// A symlink that is not that of this run's manifest, and leads to a generation of the same mount point.
pub(crate) struct OtherSymlink {
    /// Where it is; unknown if what earlier runs have noted is lost. Then there may be none.
    path: Option<PathBuf>,
    number: u64,
}

impl OtherSymlink {
    /// Every one that an earlier run has made and that is still there, with the `active` number of this run's manifest.
    ///
    /// If the record is lost or damaged, each other generation may have readers.
    pub(crate) fn all(root: &Dir, location: &Location, active: Option<u64>) -> Result<Vec<Self>, Error> {
        let (noted, is_lost) = match record::read::<NotedSymlink>(root) {
            Ok(Some(noted)) if !noted.is_empty() => (noted, false),
            Ok(_) => (Entries::default(), root.status_of(STAMP.as_ref()).is_ok()),
            Err(Error::Record { .. }) => (Entries::default(), true),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for NotedSymlink(path) in noted.iter() {
            // A symlink is in none of the generations: that is one whose symlink is not known.
            if let Some(number) = location.number(&path) {
                let name = OsString::from(number.to_string());
                if Some(number) != active && root.status_of(&name).is_ok() && may_be_one(root, &name)? {
                    found.push(Self { path: None, number });
                }
            } else if !is_one_place(&path, location.symlink_path())
                && let Some(number) = leads_to(&path, root, location)?
            {
                found.push(Self { path: Some(path), number });
            }
        }
        if is_lost {
            for (name, _) in root.listable()?.entries()? {
                match number(name.as_encoded_bytes()) {
                    Some(number) if Some(number) != active && number <= HIGHEST && may_be_one(root, &name)? => {
                        found.push(Self { path: None, number });
                    }
                    Some(_) | None => {}
                }
            }
        }
        Ok(found)
    }

    /// The generation that it leads to.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Where it is, if that is known.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What people should know of it.
    pub(crate) fn notice(&self, location: &Location) -> Notice {
        let generation = location.generation(self.number);
        match self.path.clone() {
            Some(path) => Notice::OtherSymlink { path, generation },
            None => Notice::MayBeRead { generation },
        }
    }

    /// The error for a run that would take away what it leads to.
    pub(crate) fn refusal(self, location: &Location) -> Error {
        match self.path {
            Some(path) => Error::OtherSymlink { path, mount_point: location.mount_point().to_owned() },
            None => Error::MayBeRead { path: location.generation(self.number) },
        }
    }
}

/// Notes that the symlink of a location leads to a generation, or is about to.
pub(crate) fn note(root: &Dir, location: &Location, others: &[OtherSymlink]) -> Result<(), Error> {
    let mut noted = Entries::default();
    noted.insert(&NotedSymlink(location.symlink_path().to_owned()));
    for other in others {
        noted.insert(&NotedSymlink(other.path.clone().unwrap_or_else(|| location.generation(other.number))));
    }
    record::keep(root, &noted)
}

/// Whether a directory is where another manifest than that of a symlink has its generations: it is noted there which symlinks lead
/// to them.
pub(crate) fn are_of_another(directory: &Dir, symlink_path: &Path) -> Result<bool, Error> {
    let noted = directory.file_status(SYMLINKS.as_ref())?;
    Ok(noted.is_some_and(|noted| is_trusted(&noted))
        && directory.is_private()?
        && other_reader(directory, symlink_path).is_some())
}

/// Whether an earlier run has noted the symlink of a location. A damaged record notes none.
///
/// # Errors
///
/// The record cannot be read.
pub(crate) fn is_noted(root: &Dir, location: &Location) -> Result<bool, Error> {
    match record::read::<NotedSymlink>(root) {
        Ok(noted) => {
            Ok(noted.is_some_and(|noted| noted.iter().any(|noted| is_one_place(&noted.0, location.symlink_path()))))
        }
        Err(Error::Record { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The directory of the generations at another mount point to which the symlink of this location led before: the one that holds
/// its `end`, if this symlink is recorded in it.
pub(crate) fn root_before(end: &Path, location: &Location) -> Option<Dir> {
    let (mount_point, name) = split(end).ok()?;
    number(name.as_encoded_bytes())?;
    let root = Dir::existing(mount_point).ok().flatten()?;
    is_noted(&root, location).is_ok_and(|is_ours| is_ours).then_some(root)
}

/// A symlink of another manifest that leads into such a directory.
pub(crate) fn other_reader(root: &Dir, symlink_path: &Path) -> Option<PathBuf> {
    let noted = record::read::<NotedSymlink>(root).ok()??;
    let leads_there = |path: &Path| end(path).is_some_and(|end| is_below(&end, root));
    noted.iter().map(|noted| noted.0).find(|path| leads_there(path) && !is_one_place(path, symlink_path))
}

/// The directory of the generations at another mount point to which the symlink of this run's manifest still leads.
fn before(current: &Current<'_>) -> Option<Dir> {
    // Mostly the symlink leads to this mount point, and there is nothing to look for.
    let end = if current.number().is_none() { end(current.location().symlink_path()) } else { None };
    root_before(&end?, current.location())
}

/// Takes over what runs have noted at another mount point, of links and credentials that are not made anew: without the note nobody
/// would know later that they are ours.
pub(crate) fn take_over<E: Recorded>(current: &Current<'_>, root: &Dir) -> Result<(), Error> {
    before(current).map_or(Ok(()), |before| record::take_over::<E>(&before, root))
}

/// What an installation knows of earlier runs: the record at the mount point, and the one that it takes over. What is damaged is
/// left out and pushed to the failures.
pub(crate) fn known<E: Recorded>(current: &Current<'_>, failures: &mut Vec<Error>) -> Result<Entries<E>, Error> {
    let here = current.root().map_or_else(|| Ok(Entries::default()), |root| record::recover(root, failures))?;
    Ok(match before(current).map(|before| record::read(&before)) {
        Some(Ok(Some(before))) => here.union(&before),
        // What is damaged there is lost.
        Some(Ok(None) | Err(_)) | None => here,
    })
}

/// The path of a symlink, or that of a generation whose symlink is not known.
struct NotedSymlink(PathBuf);

impl Recorded for NotedSymlink {
    const RECORD: &'static str = SYMLINKS;

    fn line(&self) -> Pair {
        [self.0.clone().into(), OsString::new()]
    }

    fn of([path, nothing]: &Pair) -> Option<Self> {
        (record::is_path(path) && nothing.is_empty()).then(|| Self(path.into()))
    }
}

/// The number of the generation that a symlink leads to, if it leads to one below the mount point.
fn leads_to(path: &Path, root: &Dir, location: &Location) -> Result<Option<u64>, Error> {
    let (parent, name) = split(path)?;
    let link = match Dir::existing(parent).and_then(|parent| parent.map(|parent| parent.look(name)).transpose()) {
        Ok(Some(Occupant::Link(link))) => link,
        Ok(_) => return Ok(None),
        // What its user has put on the way since must not stop this run.
        Err(error) => return error.out_of_reach().map(|_| None),
    };
    Ok(location.number(&link.target).or_else(|| number_by_place(&end(path)?, root)))
}

/// Where a symlink leads, from the root. It may begin at the directory that it is in, or lead through other links; through those only
/// as long as something is there.
pub(crate) fn end(symlink: &Path) -> Option<PathBuf> {
    let target = symlink.read_link().ok()?;
    symlink.canonicalize().ok().or_else(|| Some(symlink.parent()?.join(target)))
}

/// The number of the generation that a symlink ends at by another name of the mount point.
fn number_by_place(end: &Path, root: &Dir) -> Option<u64> {
    end.file_name().and_then(|name| number(name.as_encoded_bytes())).filter(|_| is_below(end, root))
}

/// Whether a symlink ends directly below the mount point, by whichever name of it. What cannot be reached is elsewhere.
pub(crate) fn is_below(end: &Path, root: &Dir) -> bool {
    id_above(end).is_some_and(|above| root.id().is_ok_and(|root| root == above))
}
