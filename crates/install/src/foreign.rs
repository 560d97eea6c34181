//! What stands among the generations that this program did not make.

use std::ffi::OsStr;

use crate::dir::{Dir, Is, Occupant};
use crate::generation::{ForeignNumbers, refusal};
use crate::location::number;
use crate::record::is_record;
use crate::symlinks::OtherSymlink;
use crate::{Error, Location};

/// What this program did not make: everything among the generations but their numbers and the records, and in them every
/// mount and special file. What a generation is is decided as in pruning ([`ForeignNumbers::is_generation`]), with the `active` number.
///
/// A symlink of another manifest to one of the generations is in it too.
pub(crate) fn foreign(root: &Dir, location: &Location, active: Option<u64>) -> Result<Vec<Error>, Error> {
    let mut found = Vec::new();
    for other in OtherSymlink::all(root, location, active)? {
        found.push(other.refusal(location));
    }
    let numbers = ForeignNumbers::read(root)?;
    let is_ours = || Ok(root.is_mount()? && root.is_our_mount()?);
    let is_generation = |name: &OsStr| Ok(root.has_mount(name)? || numbers.is_generation(root, name, active)?);
    for (name, is) in root.entries()? {
        match is {
            Is::Directory if is_number(&name) && is_generation(&name)? => foreign_below(root, &name, &mut found)?,
            Is::Other if is_record(&name) => {}
            _ if root.has_mount(&name)? => found.push(Error::Mounted { path: root.path().join(&name) }),
            _ if is_number(&name) => found.extend(refusal(root, &name)?),
            _ => {
                let path = root.path().join(&name);
                found.push(match root.look(&name)? {
                    Occupant::File if is_ours()? => Error::ForeignSecret { path },
                    other => Error::Foreign { path, found: other.noun() },
                });
            }
        }
    }
    Ok(found)
}

fn foreign_below(above: &Dir, name: &OsStr, found: &mut Vec<Error>) -> Result<(), Error> {
    let directory = match above.within(name) {
        Ok(directory) => directory,
        Err(error @ Error::Mounted { .. }) => {
            found.push(error);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    for (name, is) in directory.entries()? {
        if is == Is::Directory {
            foreign_below(&directory, &name, found)?;
        } else if directory.has_mount(&name)? {
            // First: whoever serves the file system there may refuse every look.
            found.push(Error::Mounted { path: directory.path().join(name) });
        } else if let special @ Occupant::Special = directory.look(&name)? {
            found.push(Error::Foreign { path: directory.path().join(name), found: special.noun() });
        }
    }
    Ok(())
}

pub(crate) fn is_number(name: &OsStr) -> bool {
    number(name.as_encoded_bytes()).is_some()
}
