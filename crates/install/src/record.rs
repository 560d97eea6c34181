//! Lists of things made outside of the generations, so that a later run knows that they are ours.
//!
//! They are kept beside the generations, so they live as long as the secrets: they survive generations and killed runs,
//! and a reboot empties both.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::dir::{Dir, Is, temporary};
use crate::{Access, Error};

/// What one kind of record holds. It is kept as a line of two texts without a NUL byte.
pub(crate) trait Recorded: Sized {
    /// The name of the record.
    const RECORD: &'static str;

    /// Its texts.
    fn line(&self) -> Pair;

    /// The entry that the texts stand for, if they can stand for one.
    fn of(line: &Pair) -> Option<Self>;

    /// Whether the texts can be those of an entry; otherwise the record is damaged.
    fn is_entry(line: &Pair) -> bool {
        Self::of(line).is_some()
    }
}

/// The texts of an entry.
pub(crate) type Pair = [OsString; 2];

/// Entries of one kind, each once, sorted by their texts.
///
/// They are kept as texts, so that the code of the set is there once and not for each kind.
pub(crate) struct Entries<E> {
    lines: BTreeSet<Pair>,
    kind: PhantomData<E>,
}

impl<E: Recorded> Entries<E> {
    fn new(lines: BTreeSet<Pair>) -> Self {
        Self { lines, kind: PhantomData }
    }

    /// These entries.
    pub(crate) fn of(entries: impl Iterator<Item = E>) -> Self {
        let mut lines = BTreeSet::new();
        for entry in entries {
            lines.insert(entry.line());
        }
        Self::new(lines)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(crate) fn contains(&self, entry: &E) -> bool {
        self.lines.contains(&entry.line())
    }

    /// Adds an entry. Says whether it is new.
    pub(crate) fn insert(&mut self, entry: &E) -> bool {
        self.lines.insert(entry.line())
    }

    /// Takes an entry out. Says whether it was there.
    pub(crate) fn remove(&mut self, entry: &E) -> bool {
        self.lines.remove(&entry.line())
    }

    /// Those of both.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut lines = self.lines.clone();
        for line in &other.lines {
            lines.insert(line.clone());
        }
        Self::new(lines)
    }

    /// Those that the others do not have.
    pub(crate) fn without<'a>(&'a self, others: &'a Self) -> impl Iterator<Item = E> + 'a {
        self.lines.iter().filter(|line| !others.lines.contains(*line)).filter_map(E::of)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = E> + '_ {
        self.lines.iter().filter_map(E::of)
    }
}

impl<E> Clone for Entries<E> {
    fn clone(&self) -> Self {
        Self { lines: self.lines.clone(), kind: PhantomData }
    }
}

impl<E> Default for Entries<E> {
    fn default() -> Self {
        Self { lines: BTreeSet::new(), kind: PhantomData }
    }
}

impl<E> PartialEq for Entries<E> {
    fn eq(&self, other: &Self) -> bool {
        self.lines == other.lines
    }
}

/// The links at the custom paths of secrets and templates.
pub(crate) const LINKS: &str = ".links";
/// What gave way to them.
pub(crate) const REPLACED: &str = ".replaced";
/// The files below `/run/credstore`.
pub(crate) const CREDENTIALS: &str = ".credentials";
/// Requests to units that were perhaps not made yet.
pub(crate) const REQUESTS: &str = ".requests";
/// What the active generation was made from. Unlike the others it is no list.
pub(crate) const STAMP: &str = ".stamp";
/// The file system beneath, which is to stay when this one goes. It is no list either.
pub(crate) const SUCCESSOR: &str = ".successor";
/// What others have given a number, so that it is not taken for a generation once the generations have passed it.
pub(crate) const FOREIGN: &str = ".foreign";
/// The symlinks that lead to generations, those of other manifests too.
pub(crate) const SYMLINKS: &str = ".symlinks";
/// All records.
pub(crate) const RECORDS: [&str; 8] = [LINKS, REPLACED, CREDENTIALS, REQUESTS, STAMP, SUCCESSOR, FOREIGN, SYMLINKS];

/// Whether a name is that of a record, or of one that is being made.
pub(crate) fn is_record(name: &OsStr) -> bool {
    is_unfinished(name) || RECORDS.iter().any(|record| name == *record)
}

/// Whether a name is that of a record that is being made.
fn is_unfinished(name: &OsStr) -> bool {
    RECORDS.iter().any(|record| name == temporary(record.as_ref()))
}

/// Removes the records that a killed run was making. Each that cannot be removed is given.
pub(crate) fn remove_unfinished(root: &Dir) -> Vec<Error> {
    match root.entries() {
        Ok(entries) => {
            let unfinished = entries.iter().filter(|(name, is)| *is == Is::Other && is_unfinished(name));
            unfinished.filter_map(|(name, _)| root.remove(name).err()).collect()
        }
        Err(error) => vec![error],
    }
}

/// The access to a record.
pub(crate) const RECORD: Access = Access { permissions: 0o600, owner: None };

/// What the record holds, if it is there.
pub(crate) fn read<E: Recorded>(root: &Dir) -> Result<Option<Entries<E>>, Error> {
    let Some(lines) = read_lines(root, E::RECORD, E::is_entry)? else { return Ok(None) };
    Ok(Some(Entries::new(lines)))
}

/// What the record holds, or nothing of what is damaged, which is a failure.
///
/// # Errors
///
/// The record is there and cannot be read. Then it must not be replaced either: the next run may be able to.
pub(crate) fn recover<E: Recorded>(root: &Dir, failures: &mut Vec<Error>) -> Result<Entries<E>, Error> {
    match read(root) {
        Err(error @ Error::Record { .. }) => {
            failures.push(error);
            Ok(Entries::default())
        }
        result => result.map(Option::unwrap_or_default),
    }
}

/// Puts a new record in the place of the old one.
pub(crate) fn write<E: Recorded>(root: &Dir, entries: &Entries<E>) -> Result<(), Error> {
    write_lines(root, E::RECORD, &entries.lines)
}

/// Gives each line of a record, if it is there, in its order.
pub(crate) fn each(
    root: &Dir,
    name: &str,
    mut line: impl FnMut(&OsStr, &OsStr) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(bytes) = root.read(name.as_ref())? else { return Ok(()) };
    each_of(&bytes, || damaged(&root.path().join(name)), &mut line)
}

/// What stands in a record that is no list. In a directory that another user can change there is none: an older one may have been
/// put back. Of a list only root can have written what is read, and an installation takes such a directory back before it
/// reads it, so those who only look believe it as it does.
pub(crate) fn bytes(root: &Dir, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    if root.is_private()? { root.read(name.as_ref()) } else { Ok(None) }
}

/// Whether it is a path as a record has it: from the root, and such as a file may have. Any other is damage.
pub(crate) fn is_path(path: &OsStr) -> bool {
    let bytes = path.as_bytes();
    let mut names = bytes.split(|byte| *byte == b'/').skip(1);
    bytes.starts_with(b"/") && bytes.len() < LONGEST_PATH && names.all(|name| is_name(OsStr::from_bytes(name)))
}

/// Whether a file may have this name.
pub(crate) fn is_name(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty() && bytes.len() <= LONGEST_NAME && !bytes.contains(&b'/') && bytes != b"." && bytes != b".."
}

/// How many bytes a path has with the NUL byte at its end, at most, and a name without it (`PATH_MAX`, `NAME_MAX`).
const LONGEST_PATH: usize = 4096;
const LONGEST_NAME: usize = 255;

fn each_of(
    bytes: &[u8],
    damaged: impl Fn() -> Error,
    line: &mut dyn FnMut(&OsStr, &OsStr) -> Result<(), Error>,
) -> Result<(), Error> {
    let Some(bytes) = bytes.strip_suffix(b"\0") else {
        return if bytes.is_empty() { Ok(()) } else { Err(damaged()) };
    };
    let mut fields = bytes.split(|byte| *byte == 0).map(OsStr::from_bytes);
    while let Some(first) = fields.next() {
        line(first, fields.next().ok_or_else(&damaged)?)?;
    }
    Ok(())
}

/// Writes a record unless it holds these entries already. One that cannot be read is replaced.
pub(crate) fn keep<E: Recorded>(root: &Dir, entries: &Entries<E>) -> Result<(), Error> {
    keep_lines(root, E::RECORD, E::is_entry, &entries.lines)
}

/// Adds the entries of the record of another directory. What is damaged there is lost.
pub(crate) fn take_over<E: Recorded>(from: &Dir, root: &Dir) -> Result<(), Error> {
    match (read_lines(from, E::RECORD, E::is_entry), read_lines(root, E::RECORD, E::is_entry)) {
        (Ok(Some(mut lines)), Ok(known)) => {
            lines.extend(known.unwrap_or_default());
            keep_lines(root, E::RECORD, E::is_entry, &lines)
        }
        _ => Ok(()),
    }
}

// Of these there is one and not one for each kind of entry.

fn read_lines(root: &Dir, name: &str, is_entry: fn(&Pair) -> bool) -> Result<Option<BTreeSet<Pair>>, Error> {
    let Some(bytes) = root.read(name.as_ref())? else { return Ok(None) };
    let mut lines = BTreeSet::new();
    let damaged = || damaged(&root.path().join(name));
    each_of(&bytes, damaged, &mut |first, second| {
        lines.insert([first.to_owned(), second.to_owned()]);
        Ok(())
    })?;
    if lines.iter().all(is_entry) { Ok(Some(lines)) } else { Err(damaged()) }
}

fn write_lines(root: &Dir, name: &str, lines: &BTreeSet<Pair>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    for field in lines.iter().flatten() {
        // No path can hold a NUL byte, so it ends each field.
        bytes.extend_from_slice(field.as_bytes());
        bytes.push(0);
    }
    root.replace(name.as_ref(), &bytes, RECORD).map(drop)
}

fn keep_lines(root: &Dir, name: &str, is_entry: fn(&Pair) -> bool, lines: &BTreeSet<Pair>) -> Result<(), Error> {
    match read_lines(root, name, is_entry) {
        Ok(Some(known)) if known == *lines => Ok(()),
        Ok(_) | Err(Error::Record { .. }) => write_lines(root, name, lines),
        Err(error) => Err(error),
    }
}

/// The error of a record that cannot be read.
pub(crate) fn damaged(path: &Path) -> Error {
    let lost = if path.file_name() == Some(REQUESTS.as_ref()) {
        "units may still run with the secrets before the last ones"
    } else {
        "links and credentials of earlier runs may stay behind"
    };
    Error::Record { path: path.to_owned(), lost }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::dir::Missing;

    #[test]
    fn what_is_no_list_counts_only_where_nobody_else_can_put_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = Dir::walk(&folder.path().canonicalize().unwrap(), Missing::Fail).unwrap();
        root.replace(STAMP.as_ref(), b"made from this", RECORD).unwrap();
        for (mode, expected) in [(0o700, true), (0o751, true), (0o770, false), (0o757, false)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            let found = bytes(&root, STAMP).unwrap();
            assert_eq!(found.is_some_and(|found| *found == b"made from this"), expected, "{mode:o}");
        }
    }
}
