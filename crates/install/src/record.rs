//! Lists of things made outside of the generations, so that a later run knows that they are ours.
//!
//! They are kept beside the generations, so they live as long as the secrets: they survive generations and killed runs,
//! and a reboot empties both.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::Error;
use crate::dir::Dir;

/// One line of a record, which is kept as two texts without a NUL byte.
pub(crate) trait Entry: Ord + Sized {
    /// The name of the record.
    const RECORD: &'static str;

    /// Its texts.
    fn fields(&self) -> [Cow<'_, OsStr>; 2];

    /// What the texts say, if they can be of such an entry.
    fn of(fields: [OsString; 2]) -> Option<Self>;
}

/// The links at the custom paths of secrets and templates.
pub(crate) const LINKS: &str = ".links";
/// What gave way to them.
pub(crate) const REPLACED: &str = ".replaced";
/// The files below `/run/credstore`.
pub(crate) const CREDENTIALS: &str = ".credentials";
/// What is to be asked of others, and was perhaps not.
pub(crate) const REQUESTS: &str = ".requests";
/// What the active generation was made from. Unlike the others it is no list.
pub(crate) const STAMP: &str = ".stamp";
/// The file system beneath, which is to stay when this one goes. It is no list either.
pub(crate) const SUCCESSOR: &str = ".successor";
/// All records.
pub(crate) const RECORDS: [&str; 6] = [LINKS, REPLACED, CREDENTIALS, REQUESTS, STAMP, SUCCESSOR];

/// What the record holds, if it is there.
pub(crate) fn read<E: Entry>(root: &Dir) -> Result<Option<BTreeSet<E>>, Error> {
    let damaged = || damaged(&root.path().join(E::RECORD));
    let Some(bytes) = root.read(E::RECORD.as_ref())? else { return Ok(None) };
    let Some(bytes) = bytes.strip_suffix(b"\0") else {
        return if bytes.is_empty() { Ok(Some(BTreeSet::new())) } else { Err(damaged()) };
    };
    let mut fields = bytes.split(|byte| *byte == 0).map(|field| OsStr::from_bytes(field).to_owned());
    let mut entries = Vec::new();
    while let Some(first) = fields.next() {
        let second = fields.next().ok_or_else(damaged)?;
        entries.push(E::of([first, second]).ok_or_else(damaged)?);
    }
    Ok(Some(entries.into_iter().collect()))
}

/// What the record holds, or nothing of what is damaged, which is a failure.
///
/// # Errors
///
/// The record is there and cannot be read. Then it must not be replaced either: the next run may be able to.
pub(crate) fn recover<E: Entry>(root: &Dir, failures: &mut Vec<Error>) -> Result<BTreeSet<E>, Error> {
    match read(root) {
        Err(error @ Error::Record { .. }) => {
            failures.push(error);
            Ok(BTreeSet::new())
        }
        result => result.map(Option::unwrap_or_default),
    }
}

/// Puts a new record in the place of the old one.
pub(crate) fn write<E: Entry>(root: &Dir, entries: &BTreeSet<E>) -> Result<(), Error> {
    let mut bytes = Vec::new();
    for entry in entries {
        for field in entry.fields() {
            // No path can hold a NUL byte, so it ends each field.
            bytes.extend_from_slice(field.as_bytes());
            bytes.push(0);
        }
    }
    root.replace(E::RECORD.as_ref(), &bytes, 0o600, None).map(drop)
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
