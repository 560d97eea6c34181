//! The file system that the generations are on.
//!
//! # Another file system than the running one
//!
//! If `useTmpfs` changes, or the file system of the running generation is not mounted any more, a new one has to come over
//! a directory that readers are using, and mounting over it would hide what they read. So the new file system is first
//! mounted beside the mount point, where nobody looks, and gets a copy of the running generation under the same number.
//! Then a bind mount puts it over the old one in one step, and the symlink leads to the same content before and after it.
//! (Moving the mount is not possible below a shared mount, which is what systemd makes of `/`.)
//!
//! The old file system stays beneath: it cannot be unmounted while the new one stands on it, and mounting the new one
//! under it needs `move_mount(2)`, for which there is no safe interface. But an open handle still reaches it, and through it
//! [`crate::Store::prune`] removes what it held. If the run is killed before that, it is unreachable until the next boot.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::current::{Current, number};
use crate::dir::{Dir, Found, Is, Missing, temporary};
use crate::record::RECORDS;
use crate::{Error, FileSystem, Owner};

/// The directory of the generations, open, and what it hides.
pub(crate) struct Mounted {
    pub(crate) root: Dir,
    /// The directory that held the generations until now, if another one was put over it.
    pub(crate) beneath: Option<Dir>,
}

/// Makes sure that the wanted file system is at the mount point and can be reached through it.
pub(crate) fn ensure(current: &Current<'_>, owner: Option<Owner>) -> Result<Mounted, Error> {
    let path = current.location().mount_point();
    let (kind, magic) = match current.location().file_system() {
        FileSystem::Ramfs => ("ramfs", RAMFS),
        FileSystem::Tmpfs => ("tmpfs", TMPFS),
        FileSystem::Runtime => {
            let root = open(path)?;
            root.settle(owner, DIRECTORY)?;
            return Ok(Mounted { root, beneath: None });
        }
    };
    let (parent, name) = split(path)?;
    let parent = Dir::walk(parent, Missing::Make(DIRECTORY))?;
    let beside = temporary(name);
    discard(&parent, &beside)?;
    let before = open(path)?;
    if before.is_mount()? && before.file_system()? == magic {
        before.settle(owner, DIRECTORY)?;
        return Ok(Mounted { root: before, beneath: None });
    }
    let carried = match (current.number(), current.running()) {
        (Some(number), Some(_)) => Some(OsString::from(number.to_string())),
        _ => None,
    };
    let beneath = match carried {
        None => {
            mount_memory(kind, path)?;
            None
        }
        Some(generation) => {
            let staging = Staging { parent: &parent, name: &beside, kind, owner };
            let result = staging.put_over(&before, &generation, path);
            let cleaned = discard(&parent, &beside);
            result.and(cleaned)?;
            Some(before)
        }
    };
    let root = open(path)?;
    // Not what the mount said, but what is there: the secrets go to this handle.
    if !root.is_mount()? || root.file_system()? != magic {
        return Err(Error::NotInMemory { path: path.to_owned() });
    }
    root.settle(owner, DIRECTORY)?;
    Ok(Mounted { root, beneath })
}

/// Whether plaintext may be written below this directory.
pub(crate) fn is_memory(directory: &Dir) -> Result<bool, Error> {
    Ok(matches!(directory.file_system()?, RAMFS | TMPFS))
}

/// What people call the file system below this directory.
pub(crate) fn file_system_name(directory: &Dir) -> Result<&'static str, Error> {
    Ok(match directory.file_system()? {
        RAMFS => "ramfs",
        TMPFS => "tmpfs",
        _ => "a disk",
    })
}

/// Removes the generations and records that a new file system was put over.
pub(crate) fn clear(beneath: &Dir) -> Result<(), Error> {
    for (name, _) in beneath.entries()? {
        if number(name.as_encoded_bytes()).is_some() || RECORDS.iter().any(|record| name == *record) {
            beneath.remove_tree(&name)?;
        }
    }
    Ok(())
}

/// The directory that a path is in, and its name there.
pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr), Error> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::Foreign { path: path.to_owned(), found: "a directory" }),
    }
}

/// Permissions of the mount point and of all directories below it: anyone passes through, only the group `keys` lists.
pub(crate) const DIRECTORY: u32 = 0o751;

fn open(path: &Path) -> Result<Dir, Error> {
    Dir::walk(path, Missing::Make(DIRECTORY))?.listable()
}

/// A new file system, as long as nobody looks at it.
struct Staging<'a> {
    parent: &'a Dir,
    name: &'a OsStr,
    kind: &'static str,
    owner: Option<Owner>,
}

impl Staging<'_> {
    /// Mounts it, gives it the generation and the records that are in another directory, and puts it over that one.
    fn put_over(&self, before: &Dir, generation: &OsStr, mount_point: &Path) -> Result<(), Error> {
        drop(self.parent.make(self.name, DIRECTORY, None)?);
        let path = self.parent.path().join(self.name);
        mount_memory(self.kind, &path)?;
        let new = self.parent.child(self.name)?;
        if !new.is_mount()? || !is_memory(&new)? {
            return Err(Error::NotInMemory { path });
        }
        new.settle(self.owner, DIRECTORY)?;
        before.copy_to(generation, &new)?;
        for (name, is) in before.entries()? {
            if is == Is::Other && RECORDS.iter().any(|record| name == *record) {
                before.copy_entry_to(&name, &new)?;
            }
        }
        mount(Some(&path), mount_point, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(Error::call("put a new file system over", mount_point))
    }
}

fn mount_memory(kind: &'static str, path: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let attempt = |data: &'static str| mount(Some("none"), path, Some(kind), flags, Some(data));
    let result = match kind {
        // Kernels before 6.4 do not know noswap, and user namespaces may not use it.
        "tmpfs" => match attempt("mode=0751,noswap") {
            Err(Errno::EINVAL) => attempt("mode=0751"),
            result => result,
        },
        _ => attempt("mode=0751"),
    };
    result.map_err(Error::call("mount a file system in memory at", path))
}

/// Removes the file system that a killed run has mounted beside the mount point.
fn discard(parent: &Dir, beside: &OsStr) -> Result<(), Error> {
    // A run that finds nothing to do does nothing, so that it succeeds on a read-only file system too.
    if matches!(parent.look(beside)?, Found::Nothing) {
        return Ok(());
    }
    match parent.remove_empty(beside) {
        Err(Error::Call { source: Errno::EBUSY, .. }) => {}
        result => return result,
    }
    let path = parent.path().join(beside);
    umount2(&path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW).map_err(Error::call("unmount", &path))?;
    parent.remove_empty(beside)
}

/// `RAMFS_MAGIC` and `TMPFS_MAGIC` of linux/magic.h.
const RAMFS: u32 = 0x8584_58f6;
const TMPFS: u32 = 0x0102_1994;
