//! What one generation consists of, and writing it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use manifest::LinkPlace;
use nix::sys::stat::{FileStat, SFlag};

use crate::dir::{DIRECTORY, Dir, Occupant, is_trusted, kind, permissions_of};
use crate::location::number;
use crate::record::{self, Entries, FOREIGN, Pair, Recorded};
use crate::seal::Seal;
use crate::{Access, Error, File, Ownership, Wanted};

/// Something in a generation, at a place below it.
pub(crate) struct GenerationEntry<'a> {
    pub(crate) place: &'a str,
    pub(crate) content: EntryContent<'a>,
}

/// What is at a place.
pub(crate) enum EntryContent<'a> {
    File(&'a File<'a>),
    /// A link to a file of whichever generation is running: its path lies below the symlink path.
    Link {
        target: &'a Path,
        owner: Option<Ownership>,
    },
}

/// Whether what has a number for its name is as a generation is made, also by a run that was killed: with its final permissions,
/// by root or our own user.
pub(crate) fn is_as_made(root: &Dir, name: &OsStr) -> Result<bool, Error> {
    is_ours(root, name, |status| permissions_of(status) == DIRECTORY)
}

/// Whether what has a number for its name may be a generation: a directory of root or our own user, whatever its mode.
pub(crate) fn may_be_one(root: &Dir, name: &OsStr) -> Result<bool, Error> {
    is_ours(root, name, |_| true)
}

fn is_ours(root: &Dir, name: &OsStr, is_right: impl Fn(&FileStat) -> bool) -> Result<bool, Error> {
    match root.status_of(name) {
        // The first number is 1.
        Ok(status) => Ok(name != "0" && kind(&status) == SFlag::S_IFDIR && is_trusted(&status) && is_right(&status)),
        // Gone meanwhile, which is as good.
        Err(error) if error.is_absence() => Ok(true),
        Err(error) => Err(error),
    }
}

/// What others have given a number, as far as earlier runs have noted it.
pub(crate) struct ForeignNumbers {
    known: Entries<ForeignNumber>,
    /// Whether nothing of the record is lost.
    is_whole: bool,
    is_changed: bool,
}

impl ForeignNumbers {
    /// What is recorded.
    pub(crate) fn read(root: &Dir) -> Result<Self, Error> {
        let (known, is_whole) = match record::read(root) {
            Err(Error::Record { .. }) => (Entries::default(), false),
            read => (read?.unwrap_or_default(), true),
        };
        Ok(Self { known, is_whole, is_changed: false })
    }

    /// Whether what has a number for its name is removed as a generation. Up to the active number this is every directory of root or
    /// our own user that is not recorded as foreign, whatever its mode. Above it, and everywhere if the record is lost, only a directory
    /// counts that is as a generation is made.
    pub(crate) fn is_generation(&self, root: &Dir, name: &OsStr, active: Option<u64>) -> Result<bool, Error> {
        let number = number(name.as_encoded_bytes());
        if self.is_whole && number.is_some() && number <= active && may_be_one(root, name)? {
            Ok(!self.known.contains(&ForeignNumber(name.to_owned())))
        } else {
            is_as_made(root, name)
        }
    }

    /// Notes what is foreign and could be taken for a generation later, and gives the error about it, if it is still there.
    pub(crate) fn add(&mut self, root: &Dir, name: &OsStr) -> Result<Option<Error>, Error> {
        if may_be_one(root, name)? {
            self.is_changed |= self.known.insert(&ForeignNumber(name.to_owned()));
        }
        refusal(root, name)
    }

    /// Forgets what stood at a number that is a generation's now.
    pub(crate) fn forget(&mut self, name: &OsStr) {
        self.is_changed |= self.known.remove(&ForeignNumber(name.to_owned()));
    }

    /// Records what has changed.
    pub(crate) fn write(&mut self, root: &Dir) -> Result<(), Error> {
        if std::mem::take(&mut self.is_changed) { record::write(root, &self.known) } else { Ok(()) }
    }
}

/// The error about something that has a number for its name and is not a generation, if it is there.
pub(crate) fn refusal(root: &Dir, name: &OsStr) -> Result<Option<Error>, Error> {
    let path = || root.path().join(name);
    Ok(match root.look(name)? {
        Occupant::Nothing => None,
        Occupant::Directory if !is_trusted(&root.status_of(name)?) => Some(Error::Disowned { path: path() }),
        found => Some(Error::Foreign { path: path(), found: found.noun() }),
    })
}

/// Something that has a number for its name and is not a generation.
#[derive(PartialEq)]
struct ForeignNumber(OsString);

impl Recorded for ForeignNumber {
    const RECORD: &'static str = FOREIGN;

    fn line(&self) -> Pair {
        [self.0.clone(), OsString::new()]
    }

    fn of([name, nothing]: &Pair) -> Option<Self> {
        (number(name.as_encoded_bytes()).is_some() && nothing.is_empty()).then(|| Self(name.clone()))
    }
}

/// What the generation of these files consists of, sorted so that what is in one directory stays together.
pub(crate) fn entries<'a>(files: &'a [File<'a>]) -> Vec<GenerationEntry<'a>> {
    let mut entries = Vec::with_capacity(files.len());
    for file in files {
        let wanted = &file.wanted;
        entries.push(GenerationEntry { place: wanted.place.below(), content: EntryContent::File(file) });
        if let Some(LinkPlace::Inside(link)) = wanted.link {
            let content = EntryContent::Link { target: wanted.target(), owner: wanted.access.owner };
            entries.push(GenerationEntry { place: link.below(), content });
        }
    }
    entries.sort_unstable_by_key(|entry| entry.place);
    entries
}

/// The places in the generation of these files.
pub(crate) fn places<'a>(wanted: impl IntoIterator<Item = Wanted<'a>>) -> BTreeSet<&'a str> {
    let mut places = BTreeSet::new();
    for file in wanted {
        places.insert(file.place.below());
        if let Some(LinkPlace::Inside(link)) = file.link {
            places.insert(link.below());
        }
    }
    places
}

/// Writes sorted entries below an empty directory, and gives all of it as it was made. A place that is taken twice is an error.
pub(crate) fn write(generation: &Dir, entries: &[GenerationEntry<'_>], directories: Access) -> Result<Seal, Error> {
    let mut seal = Seal::default();
    // The open directories from the generation down to the last entry, so that each is looked up once.
    let mut open: Vec<Open<'_>> = Vec::new();
    for entry in entries {
        let (parents, name) = match entry.place.rsplit_once('/') {
            Some((parents, name)) => (parents.split('/').collect(), name),
            None => (Vec::new(), entry.place),
        };
        let shared = open.iter().zip(&parents).take_while(|(open, parent)| open.name == **parent).count();
        close(&mut open, shared, &mut seal)?;
        for parent in parents.into_iter().skip(shared) {
            let (above, place) =
                open.last().map_or((generation, PathBuf::new()), |open| (&open.directory, open.place.clone()));
            let directory = above.make(parent.as_ref(), directories)?;
            open.push(Open { name: parent, place: place.join(parent), directory });
        }
        let directory = open.last().map_or(generation, |open| &open.directory);
        let place = Path::new(entry.place);
        match &entry.content {
            EntryContent::File(file) => {
                let status = directory.write(name.as_ref(), file.content, file.wanted.access)?;
                seal.content(place, &status, file.content);
            }
            EntryContent::Link { target, owner } => {
                let status = directory.link(target, name.as_ref(), *owner)?;
                seal.link(place, target.as_os_str(), &status);
            }
        }
    }
    close(&mut open, 0, &mut seal)?;
    seal.directory(Path::new(""), &generation.status()?);
    Ok(seal)
}

/// A directory that is being filled.
struct Open<'a> {
    name: &'a str,
    place: PathBuf,
    directory: Dir,
}

/// Leaves all but the first directories, which are complete then.
fn close(open: &mut Vec<Open<'_>>, left: usize, seal: &mut Seal) -> Result<(), Error> {
    while open.len() > left
        && let Some(Open { place, directory, .. }) = open.pop()
    {
        seal.directory(&place, &directory.status()?);
    }
    Ok(())
}
