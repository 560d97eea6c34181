//! The memory file system below the generations (sops-format.md section 8.5).

use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::fstat;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, fstatfs};

use crate::Error;
use crate::dir::Dir;
use crate::location::FileSystem;

/// Whether the directory is on a file system whose content is never written to a disk, but perhaps to swap.
pub(crate) fn is_memory(directory: &Dir) -> Result<bool, Error> {
    let kind = kind(directory)?;
    Ok(kind == TMPFS_MAGIC || kind == RAMFS_MAGIC)
}

/// Whether the directory is the root of a mount of just that file system.
pub(crate) fn is_mounted(directory: &Dir, file_system: FileSystem) -> Result<bool, Error> {
    let wanted = match file_system {
        FileSystem::Ramfs => RAMFS_MAGIC,
        FileSystem::Tmpfs => TMPFS_MAGIC,
        FileSystem::Existing => return Ok(true),
    };
    Ok(kind(directory)? == wanted && is_root_of_mount(directory)?)
}

/// Mounts a new file system on a directory. What is mounted there already, and everything in it, is covered by it.
pub(crate) fn mount_memory(path: &Path, file_system: FileSystem) -> Result<(), Error> {
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let try_mount = |kind: &str, options: &str| mount(Some("none"), path, Some(kind), flags, Some(options));
    let mounted = match file_system {
        FileSystem::Ramfs => try_mount("ramfs", "mode=0751"),
        FileSystem::Tmpfs => match try_mount("tmpfs", "mode=0751,noswap") {
            // Kernels before 6.4, and users without the right in their own namespace.
            Err(Errno::EINVAL | Errno::EPERM) => try_mount("tmpfs", "mode=0751"),
            mounted => mounted,
        },
        FileSystem::Existing => Ok(()),
    };
    mounted.map_err(Error::call("mount a memory file system on", path))
}

/// Mounts what is at one place at another one as well. The two are then the same file system.
pub(crate) fn bind(from: &Path, to: &Path) -> Result<(), Error> {
    let flags = MsFlags::MS_BIND;
    mount(Some(from), to, None::<&str>, flags, None::<&str>).map_err(Error::call("mount the new file system on", to))
}

/// Takes away the topmost mount of a place; who still has it open keeps it.
pub(crate) fn unmount(path: &Path) -> Result<(), Error> {
    match umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        // Not a mount point, or not there.
        Ok(()) | Err(Errno::EINVAL | Errno::ENOENT) => Ok(()),
        Err(error) => Err(Error::call("unmount", path)(error)),
    }
}

/// Where a new file system is filled before it takes its place.
pub(crate) fn waiting_room(mount_point: &Path) -> PathBuf {
    let mut name = mount_point.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}

fn kind(directory: &Dir) -> Result<FsType, Error> {
    match fstatfs(directory) {
        Ok(status) => Ok(status.filesystem_type()),
        Err(error) => Err(Error::call("look at the file system of", directory.path())(error)),
    }
}

/// A directory whose device is not that of its parent is where a file system begins.
fn is_root_of_mount(directory: &Dir) -> Result<bool, Error> {
    let device = |directory: &Dir| {
        fstat(directory).map(|status| status.st_dev).map_err(Error::call("look at", directory.path()))
    };
    Ok(device(directory)? != device(&directory.child("..".as_ref())?)?)
}

/// `RAMFS_MAGIC` of linux/magic.h.
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);
