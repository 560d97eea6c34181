//! Secrets for `ImportCredential=` of systemd units, in a directory that only root can enter.

use std::ffi::OsStr;
use std::path::Path;

use manifest::CredentialName;

use crate::dir::{Dir, Found, Missing, order, temporary};
use crate::mount::{is_memory, split};
use crate::record::{self, CREDENTIALS, Entries};
use crate::{Error, Owner};

/// A secret that systemd hands to units. It borrows the plaintext and has no `Debug`.
pub struct Credential<'a> {
    /// The name of its file.
    pub name: &'a CredentialName,
    /// The plaintext.
    pub content: &'a [u8],
}

impl Credential<'_> {
    /// Whether it is in the directory as it should be.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the directory cannot be looked at.
    pub fn is_published(&self, directory: &Path) -> Result<bool, Error> {
        match Dir::existing(directory)? {
            Some(directory) => directory.is(self.name.as_str().as_ref(), self.content, FILE, None),
            None => Ok(false),
        }
    }
}

/// Makes the files that are wanted and removes those of earlier runs that are not. One that fails does not stop the others.
pub(crate) fn update(root: &Dir, path: &Path, credentials: &[Credential<'_>], owner: Option<Owner>) -> Vec<Error> {
    let mut failures = Vec::new();
    let known = match record::recover(root, CREDENTIALS, &mut failures) {
        Ok(known) => known,
        Err(error) => return vec![error],
    };
    let key = |credential: &Credential<'_>| (path.to_owned(), credential.name.as_str().into());
    let mut left: Entries = credentials.iter().map(key).collect();
    let stale: Entries = known.difference(&left).cloned().collect();
    // Without anything to publish, the directory is not made.
    let directory = match credentials {
        [] => None,
        _ => open(path, owner).map_err(|error| failures.push(error)).ok(),
    };
    let mut ours = Vec::new();
    if let Some(directory) = &directory {
        for credential in credentials {
            match claim(directory, credential, known.contains(&key(credential))) {
                Ok(()) => ours.push(credential),
                Err(error) => failures.push(error),
            }
        }
    }
    ours.sort_by_key(|credential| order(credential.name.as_str().as_ref()));
    left.retain(|entry| known.contains(entry) || ours.iter().any(|credential| key(credential) == *entry));
    // Before the first of them is made: a run that is killed leaves no file that nobody knows. What is not in the record
    // would be foreign to the next run, so it is not made.
    let all: Entries = known.union(&left).cloned().collect();
    if all != known
        && let Err(error) = record::write(root, CREDENTIALS, &all)
    {
        failures.push(error);
        return failures;
    }
    for entry in stale {
        if let Err(error) = remove(&entry.0, entry.1.as_ref()) {
            failures.push(error);
            left.insert(entry);
        }
    }
    if let Some(directory) = &directory {
        failures.extend(ours.into_iter().filter_map(|credential| publish(directory, credential, owner).err()));
    }
    if left != all {
        failures.extend(record::write(root, CREDENTIALS, &left).err());
    }
    failures
}

/// The directory, made if it is not there, if it is fit for plaintext.
fn open(path: &Path, owner: Option<Owner>) -> Result<Dir, Error> {
    let (parent, name) = split(path)?;
    let parent = Dir::walk(parent, Missing::Make(PARENT))?;
    let directory = match parent.look(name)? {
        Found::Nothing => parent.make(name, DIRECTORY, owner)?,
        _ => parent.child(name)?,
    };
    if !is_memory(&directory)? {
        return Err(Error::NotInMemory { path: path.to_owned() });
    }
    if !directory.is_private()? {
        return Err(Error::Untrusted { path: path.to_owned() });
    }
    Ok(directory)
}

/// Whether the name is free, or already ours, and the one under which it is prepared too.
fn claim(directory: &Dir, credential: &Credential<'_>, known: bool) -> Result<(), Error> {
    let name: &OsStr = credential.name.as_str().as_ref();
    for name in [name, &temporary(name)] {
        match directory.look(name)? {
            Found::Nothing => {}
            Found::File if known => {}
            found => return Err(Error::Foreign { path: directory.path().join(name), found: found.noun() }),
        }
    }
    Ok(())
}

fn publish(directory: &Dir, credential: &Credential<'_>, owner: Option<Owner>) -> Result<(), Error> {
    let name = credential.name.as_str().as_ref();
    if directory.is(name, credential.content, FILE, owner)? {
        return Ok(());
    }
    directory.replace(name, credential.content, FILE, owner)
}

/// Removes a credential of an earlier run, and what a killed run prepared.
fn remove(path: &Path, name: &OsStr) -> Result<(), Error> {
    let Some(directory) = Dir::existing(path)? else { return Ok(()) };
    directory.remove(&temporary(name))?;
    directory.remove(name)
}

/// Permissions of the directory, as systemd-tmpfiles makes it.
const DIRECTORY: u32 = 0o700;
/// Permissions of the directories above it, less the umask.
const PARENT: u32 = 0o755;
/// Permissions of a credential.
const FILE: u32 = 0o400;
