//! What an installation would change, compared with the running generation. Only reads.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Read as _};

use manifest::Name;
use nix::sys::stat::fstat;

use crate::Error;
use crate::dir::{Dir, Kind, Ownership, permissions};
use crate::store::File;

/// The difference between the running generation and the files that are wanted; each name in one list at most, sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Wanted and not there.
    pub added: BTreeSet<String>,
    /// There with another content, owner, group or mode, or as something else than a file.
    pub modified: BTreeSet<String>,
    /// There and not wanted.
    pub removed: BTreeSet<String>,
}

impl Changes {
    /// Compares the files with a generation; without one, everything is added.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the generation cannot be read.
    pub(crate) fn between(generation: Option<&Dir>, files: &[File<'_>]) -> Result<Self, Error> {
        let mut changes = Self::default();
        let Some(generation) = generation else {
            changes.added = files.iter().map(|file| file.name.to_string()).collect();
            return Ok(changes);
        };
        let mut existing = BTreeSet::new();
        list(generation, "", &mut existing)?;
        let mut parents = Parents::new(generation);
        for file in files {
            let name = file.name.as_str();
            if !existing.remove(name) {
                changes.added.insert(name.to_owned());
            } else if !parents.holds(file)? {
                changes.modified.insert(name.to_owned());
            }
        }
        changes.removed = existing;
        Ok(changes)
    }

    /// Whether the running generation is what is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Whether a name was added or modified.
    #[must_use]
    pub fn affect(&self, name: &Name) -> bool {
        self.added.contains(name.as_str()) || self.modified.contains(name.as_str())
    }
}

/// Everything but directories, by the path below the generation.
fn list(directory: &Dir, above: &str, names: &mut BTreeSet<String>) -> Result<(), Error> {
    for (name, kind) in directory.entries()? {
        // No name of a manifest has other bytes, so such a file is none of ours; its name is only shown.
        let path = format!("{above}{}", name.to_string_lossy());
        if kind == Kind::Directory {
            list(&directory.child(&name)?, &format!("{path}/"), names)?;
        } else {
            names.insert(path);
        }
    }
    Ok(())
}

/// The directory that the last file was in, so that files in one directory look it up once.
struct Parents<'a> {
    generation: &'a Dir,
    last: Option<(String, Dir)>,
}

impl<'a> Parents<'a> {
    fn new(generation: &'a Dir) -> Self {
        Self { generation, last: None }
    }

    /// Whether the generation has the file just as it is wanted.
    fn holds(&mut self, file: &File<'_>) -> Result<bool, Error> {
        let (parent, name) = file.name.as_str().rsplit_once('/').unwrap_or(("", file.name.as_str()));
        if parent.is_empty() {
            return holds(self.generation, name.as_ref(), file);
        }
        if self.last.as_ref().is_none_or(|(path, _)| path != parent) {
            let mut directory = None;
            for component in parent.split('/') {
                directory = Some(directory.as_ref().unwrap_or(self.generation).child(component.as_ref())?);
            }
            self.last = directory.map(|directory| (parent.to_owned(), directory));
        }
        match &self.last {
            Some((_, directory)) => holds(directory, name.as_ref(), file),
            None => Ok(false),
        }
    }
}

fn holds(directory: &Dir, name: &OsStr, wanted: &File<'_>) -> Result<bool, Error> {
    if directory.kind(name)? != Some(Kind::File) {
        return Ok(false);
    }
    let handle = directory.open_file(name)?;
    let status = fstat(&handle).map_err(Error::call("look at", directory.path_of(name)))?;
    let is_owner = |owner: Ownership| {
        owner.is_none_or(|(user, group)| (status.st_uid, status.st_gid) == (user.as_raw(), group.as_raw()))
    };
    let same_size = u64::try_from(status.st_size).ok() == u64::try_from(wanted.content.len()).ok();
    let same_mode = status.st_mode & 0o7777 == permissions(wanted.mode.bits()).bits();
    if !same_size || !same_mode || !is_owner(wanted.ownership()) {
        return Ok(false);
    }
    same_content(std::fs::File::from(handle), wanted.content).map_err(|error| {
        let errno = error.raw_os_error().map_or(nix::errno::Errno::UnknownErrno, nix::errno::Errno::from_raw);
        Error::call("read", directory.path_of(name))(errno)
    })
}

/// Compares piece by piece, so that no copy of the whole lies in memory. The piece is wiped.
fn same_content(mut file: std::fs::File, mut wanted: &[u8]) -> io::Result<bool> {
    let mut piece = zeroize::Zeroizing::new([0; 16 << 10]);
    loop {
        let count = match file.read(piece.as_mut_slice()) {
            Ok(0) => return Ok(wanted.is_empty()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match (wanted.split_at_checked(count), piece.get(..count)) {
            (Some((head, tail)), Some(read)) if head == read => wanted = tail,
            _ => return Ok(false),
        }
    }
}
