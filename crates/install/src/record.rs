//! Lists of things made outside of the generations, so that a later run knows that they are ours.
//!
//! They are kept beside the generations, so they live as long as the secrets: they survive generations and killed runs,
//! and a reboot empties both.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::dir::Dir;

/// What a record holds: a path, and the target of the link there, or the name of the credential in it, or what is to be asked
/// after the switch to it.
pub(crate) type Entries = BTreeSet<(PathBuf, OsString)>;

/// The links at the custom paths of secrets and templates.
pub(crate) const LINKS: &str = ".links";
/// The files below `/run/credstore`.
pub(crate) const CREDENTIALS: &str = ".credentials";
/// What is to be asked of others, and was perhaps not.
pub(crate) const REQUESTS: &str = ".requests";
/// What the active generation was made from. Unlike the others it is no list.
pub(crate) const STAMP: &str = ".stamp";
/// All records.
pub(crate) const RECORDS: [&str; 4] = [LINKS, CREDENTIALS, REQUESTS, STAMP];

/// What the record holds, if it is there.
pub(crate) fn read(root: &Dir, name: &str) -> Result<Option<Entries>, Error> {
    let damaged = || damaged(root.path().join(name));
    let Some(bytes) = root.read(name.as_ref())? else { return Ok(None) };
    let Some(bytes) = bytes.strip_suffix(b"\0") else {
        return if bytes.is_empty() { Ok(Some(Entries::new())) } else { Err(damaged()) };
    };
    let mut fields = bytes.split(|byte| *byte == 0).map(|field| OsStr::from_bytes(field).to_owned());
    let mut entries = Entries::new();
    while let Some(path) = fields.next() {
        let value = fields.next().ok_or_else(damaged)?;
        entries.insert((PathBuf::from(path), value));
    }
    Ok(Some(entries))
}

/// What the record holds, or nothing of what is damaged, which is a failure.
///
/// # Errors
///
/// The record is there and cannot be read. Then it must not be replaced either: the next run may be able to.
pub(crate) fn recover(root: &Dir, name: &str, failures: &mut Vec<Error>) -> Result<Entries, Error> {
    match read(root, name) {
        Err(error @ Error::Record { .. }) => {
            failures.push(error);
            Ok(Entries::new())
        }
        result => result.map(Option::unwrap_or_default),
    }
}

/// Puts a new record in the place of the old one.
pub(crate) fn write(root: &Dir, name: &str, entries: &Entries) -> Result<(), Error> {
    let mut bytes = Vec::new();
    for (path, value) in entries {
        for field in [path.as_os_str(), value] {
            // No path can hold a NUL byte, so it ends each field.
            bytes.extend_from_slice(field.as_bytes());
            bytes.push(0);
        }
    }
    root.replace(name.as_ref(), &bytes, 0o600, None)
}

/// The error of a record that cannot be read.
pub(crate) fn damaged(path: PathBuf) -> Error {
    let lost = if path.file_name() == Path::new(REQUESTS).file_name() {
        "units may still run with the secrets before the last ones"
    } else {
        "links and credentials of earlier runs may stay behind"
    };
    Error::Record { path, lost }
}
