//! Directory handles: every call that makes, changes or removes a file in an installation is here. File systems are mounted in
//! `mount.rs`, and what is only read is opened in `reach.rs`.
//!
//! A name is always one component, looked up in an open directory and never followed if it is a link. So nothing that
//! happens to the path afterwards can lead a call elsewhere. [`Dir::walk`] leads from a path to a handle through which something
//! may be changed; [`Dir::plain`] to one that is only looked at.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::File as Handle;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::sys::statfs::fstatfs;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, geteuid, symlinkat, unlinkat};
use rustix::fs::{
    Access as Allowed, AtFlags as StatxAt, RenameFlags, StatxAttributes, StatxFlags, accessat, fgetxattr_query,
    fremovexattr, fstatfs as fstatfs_all, readlinkat, renameat_with, statx,
};
use rustix::io::Errno as Refusal;
use rustix::process::umask;
use zeroize::Zeroizing;

use crate::{Access, Error, Ownership, mountinfo};

/// Of linux/magic.h.
pub(crate) const RAMFS_MAGIC: u32 = 0x8584_58f6;
/// Of linux/magic.h.
pub(crate) const TMPFS_MAGIC: u32 = 0x0102_1994;

/// An open directory.
pub(crate) struct Dir {
    handle: OwnedFd,
    /// How it was reached. For messages only.
    path: PathBuf,
}

/// A path that is put together once there is something to say about it.
#[derive(Clone, Copy)]
struct Below<'p> {
    directory: &'p Path,
    name: &'p OsStr,
}

impl From<Below<'_>> for PathBuf {
    #[cold]
    #[inline(never)]
    fn from(below: Below<'_>) -> Self {
        below.directory.join(below.name)
    }
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy)]
pub(crate) enum Missing {
    /// It is an error.
    Fail,
    /// It is made, with exactly these permissions.
    Make(u32),
}

/// Opening and looking.
impl Dir {
    /// The directory at an absolute path, good for names below it but not for listing.
    ///
    /// A link on the way is followed only if no other user than root and our own can change it: it is owned by one of the
    /// two and so is its directory, in which no other user can write. Any other link is [`Error::Untrusted`].
    pub(crate) fn walk(path: &Path, missing: Missing) -> Result<Self, Error> {
        // Almost every path has no link at all, and one call opens it or finds that a step is missing.
        match (Self::plain(path), missing, path.parent(), path.file_name()) {
            (Ok(directory), ..) => return Ok(directory),
            (Err(Errno::ENOENT), Missing::Fail, ..) => return Err(Error::call("open", path)(Errno::ENOENT)),
            (Err(Errno::ENOENT), Missing::Make(permissions), Some(parent), Some(name)) => {
                return Self::walk(parent, missing)?.make_step(name, permissions);
            }
            // Whatever else it is, going step by step either succeeds or says which step is wrong.
            (Err(_), ..) => {}
        }
        let mut directory = Self::slash()?;
        let mut ahead = Vec::new();
        push_steps(&mut ahead, path);
        let mut links = LINKS;
        while let Some(name) = ahead.pop() {
            match (directory.step_or_target(&name)?, missing) {
                (PathStep::Directory(next), _) => directory = next,
                (PathStep::Nothing, Missing::Make(permissions)) => {
                    directory = directory.make_step(&name, permissions)?;
                }
                (PathStep::Nothing, Missing::Fail) => {
                    return Err(Error::call("open", directory.path.join(name))(Errno::ENOENT));
                }
                (PathStep::Link(target), _) => {
                    links = links.checked_sub(1).ok_or(Errno::ELOOP).map_err(Error::call("open", path))?;
                    if target.is_absolute() {
                        directory = Self::slash()?;
                    }
                    push_steps(&mut ahead, &target);
                }
            }
        }
        Ok(directory)
    }

    /// The directory at an absolute path, as [`Dir::walk`] finds it; nothing if it is not there.
    pub(crate) fn existing(path: &Path) -> Result<Option<Self>, Error> {
        match Self::walk(path, Missing::Fail) {
            Ok(directory) => Ok(Some(directory)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The directory of this name in the same file system, good for listing; a link is an error.
    ///
    /// A mount is [`Error::Mounted`], a bind mount of the same file system too: what is there is not ours.
    pub(crate) fn within(&self, name: &OsStr) -> Result<Self, Error> {
        let path = self.below(name)?;
        match self.open_here(name, LIST) {
            Ok(handle) => Ok(Self { handle, path }),
            Err(Errno::EXDEV) => Err(Error::Mounted { path }),
            // Where openat2(2) is not known (before Linux 5.6), or not allowed, the number of the mount tells.
            Err(Errno::ENOSYS | Errno::EPERM) => {
                let directory = self.child(name)?;
                if directory.mount()? == self.mount()? { Ok(directory) } else { Err(Error::Mounted { path }) }
            }
            Err(errno) => Err(Error::call("open the directory", path)(errno)),
        }
    }

    /// The path of what has this name. A path longer than any of ours is an error, so that a deep tree of somebody else ends a walk
    /// before it exhausts the stack.
    fn below(&self, name: &OsStr) -> Result<PathBuf, Error> {
        let path = self.path.join(name);
        if path.as_os_str().len() > DEEPEST {
            return Err(Error::call("open the directory", path)(Errno::ENAMETOOLONG));
        }
        Ok(path)
    }

    /// Opens what is in this directory itself. Where another file system is mounted the answer is EXDEV, and that file system, which may
    /// not answer at all, is not asked.
    fn open_here(&self, name: &OsStr, flags: OFlag) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlag::RESOLVE_NO_XDEV.union(ResolveFlag::RESOLVE_NO_SYMLINKS);
        openat2(&self.handle, name, OpenHow::new().flags(flags).resolve(resolve))
    }

    /// Whether the directory of this name is empty. A mount is [`Error::Mounted`].
    pub(crate) fn has_empty(&self, name: &OsStr) -> Result<bool, Error> {
        Ok(self.within(name)?.entries()?.is_empty())
    }

    /// Whether something is mounted at a name. What has no name any more has no mount.
    pub(crate) fn has_mount(&self, name: &OsStr) -> Result<bool, Error> {
        match self.mount_of(name, StatxAt::SYMLINK_NOFOLLOW | StatxAt::NO_AUTOMOUNT) {
            Ok(mount) => Ok(mount != self.mount()?),
            // Before Linux 5.8 only the removal itself tells.
            Err(Error::Call { errno: Errno::ENOENT | Errno::ENOSYS, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether a file system in memory was mounted by a run of this program, or of sops-nix or agenix, as far as the kernel tells: all
    /// three call what is mounted `none`, and allow no devices and no programs with the rights of their owners in it. What an
    /// administrator has mounted is used like a directory.
    pub(crate) fn is_our_mount(&self) -> Result<bool, Error> {
        if !self.is_memory()? {
            return Ok(false);
        }
        match self.mount() {
            Ok(number) => {
                mountinfo::is_ours(number).map_err(|error| Error::call("read", mountinfo::MOUNTS)(errno(&error)))
            }
            // Before Linux 5.8. There it has to be believed.
            Err(Error::Call { errno: Errno::ENOSYS, .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The number of the mount that this directory is reached by.
    pub(crate) fn mount(&self) -> Result<u64, Error> {
        self.mount_of(OsStr::new(""), StatxAt::EMPTY_PATH)
    }

    fn mount_of(&self, name: &OsStr, how: StatxAt) -> Result<u64, Error> {
        mountinfo::number_of(&self.handle, name, how)
            .map_err(|error| Error::call("look at the mount of", self.at(name))(raw(error)))
    }

    /// The directory of this name, good for listing, also if a file system is mounted there; a link is an error.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self, Error> {
        let path = self.below(name)?;
        match openat(&self.handle, name, LIST, Mode::empty()) {
            Ok(handle) => Ok(Self { handle, path }),
            Err(errno) => Err(Error::call("open the directory", path)(errno)),
        }
    }

    /// The same directory, good for listing.
    pub(crate) fn listable(&self) -> Result<Self, Error> {
        self.relative(c".")
    }

    /// The directory above, which for the root of a mount lies on another file system.
    pub(crate) fn above(&self) -> Result<Self, Error> {
        let above = self.relative(c"..")?;
        Ok(Self { path: self.path.parent().unwrap_or(&self.path).to_owned(), ..above })
    }

    fn relative(&self, dots: &CStr) -> Result<Self, Error> {
        let handle = openat(&self.handle, dots, LIST, Mode::empty()).map_err(Error::call("open", &self.path))?;
        Ok(Self { handle, path: self.path.clone() })
    }

    /// What stands at this name.
    pub(crate) fn look(&self, name: &OsStr) -> Result<Occupant, Error> {
        let path = || self.path.join(name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::ENOENT) => return Ok(Occupant::Nothing),
            Err(errno) => return Err(Error::call("look at", path())(errno)),
        };
        let status = fstat(&handle).map_err(Error::call("look at", self.at(name)))?;
        match kind(&status) {
            SFlag::S_IFLNK => {
                let target = target(&handle, b"").map_err(Error::call("read the link", self.at(name)))?;
                Ok(Occupant::Link(Box::new(Link {
                    handle,
                    target: target.into(),
                    owner: owner(&status),
                    status,
                    path: path(),
                })))
            }
            SFlag::S_IFDIR => Ok(Occupant::Directory),
            SFlag::S_IFREG => Ok(Occupant::File),
            _ => Ok(Occupant::Special),
        }
    }

    /// The names in this directory, without `.` and `..`, and whether each is itself a directory.
    pub(crate) fn entries(&self) -> Result<Vec<(OsString, Is)>, Error> {
        let mut entries = Vec::new();
        self.each_entry(&mut |name, is| {
            entries.push((name.to_owned(), is));
            Ok(())
        })?;
        Ok(entries)
    }

    /// As [`Dir::entries`], each while the directory is being read.
    pub(crate) fn each_entry(&self, take: &mut dyn FnMut(&OsStr, Is) -> Result<(), Error>) -> Result<(), Error> {
        let failed = || Error::call("list", &self.path);
        // A handle of its own: listing moves a position that all users of a handle share.
        let mut list = nix::dir::Dir::openat(&self.handle, c".", LIST, Mode::empty()).map_err(failed())?;
        for entry in list.iter() {
            let entry = entry.map_err(failed())?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let is = match entry.file_type() {
                Some(Type::Directory) => Is::Directory,
                Some(_) => Is::Other,
                None => match self.look(name)? {
                    Occupant::Directory => Is::Directory,
                    _ => Is::Other,
                },
            };
            take(name, is)?;
        }
        Ok(())
    }

    /// Whether this directory and all directories below it have no file in them, and nothing is mounted there.
    pub(crate) fn is_hollow(&self) -> Result<bool, Error> {
        for (name, is) in self.entries()? {
            let is_hollow = match is {
                Is::Other => false,
                Is::Directory => match self.within(&name) {
                    Ok(directory) => directory.is_hollow()?,
                    Err(Error::Mounted { .. }) => false,
                    Err(error) => return Err(error),
                },
            };
            if !is_hollow {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The low 32 bits of the file system's magic number, statfs(2).
    pub(crate) fn file_system(&self) -> Result<u32, Error> {
        let status = fstatfs(&self.handle).map_err(Error::call("look at the file system of", &self.path))?;
        // The number's type differs between architectures and C libraries; its first four bytes do not.
        let [a, b, c, d, ..] = status.filesystem_type().0.to_le_bytes();
        Ok(u32::from_le_bytes([a, b, c, d]))
    }

    /// Whether plaintext may be written below it.
    pub(crate) fn is_memory(&self) -> Result<bool, Error> {
        Ok([RAMFS_MAGIC, TMPFS_MAGIC].contains(&self.file_system()?))
    }

    /// Whether a file system is mounted here, so that it is another one than that of the directory above.
    pub(crate) fn is_mount(&self) -> Result<bool, Error> {
        Ok(self.status()?.st_dev != self.above()?.status()?.st_dev)
    }

    /// Whether only root and our own user can put something into this directory or take it away.
    pub(crate) fn is_private(&self) -> Result<bool, Error> {
        let status = self.status()?;
        Ok(is_trusted(&status) && status.st_mode & OTHERS_WRITE == 0)
    }

    /// The error that nobody could follow a link at a path in this file system, if it is mounted with `nosymfollow`.
    pub(crate) fn refuse_nosymfollow(&self, path: &Path) -> Result<(), Error> {
        let facts = fstatfs_all(&self.handle)
            .map_err(|error| Error::call("look at the file system of", &self.path)(raw(error)))?;
        if facts.f_flags & ST_NOSYMFOLLOW == 0 { Ok(()) } else { Err(Error::NoSymlinks { path: path.to_owned() }) }
    }

    /// Why nothing can be made here, if that is so: by its mode, by an attribute or because it is read-only.
    pub(crate) fn refusal_to_add(&self) -> Option<Errno> {
        let refused = accessat(&self.handle, c".", Allowed::WRITE_OK | Allowed::EXEC_OK, StatxAt::empty());
        refused.err().map(raw)
    }

    /// Why nothing can be put in the place of something here, or removed.
    pub(crate) fn refusal_to_change(&self) -> Option<Errno> {
        self.refusal_to_add().or_else(|| self.is_append_only().then_some(Errno::EPERM))
    }

    /// Whether nothing in it can be renamed or removed, and so nothing put in its place either.
    fn is_append_only(&self) -> bool {
        statx(&self.handle, c"", StatxAt::EMPTY_PATH, StatxFlags::empty())
            .is_ok_and(|facts| facts.stx_attributes.contains(StatxAttributes::APPEND))
    }

    /// For messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in this directory, for messages.
    fn at<'p>(&'p self, name: &'p OsStr) -> Below<'p> {
        Below { directory: &self.path, name }
    }

    /// What stat(2) says of whatever has this name, itself if it is a link.
    pub(crate) fn status_of(&self, name: &OsStr) -> Result<FileStat, Error> {
        fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(Error::call("look at", self.at(name)))
    }

    /// What stat(2) says of this directory.
    pub(crate) fn status(&self) -> Result<FileStat, Error> {
        fstat(&self.handle).map_err(Error::call("look at", &self.path))
    }

    /// The directory at an absolute path on which there is no link.
    pub(crate) fn plain(path: &Path) -> Result<Self, Errno> {
        let how = OpenHow::new().flags(STEP).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        Ok(Self { handle: openat2(AT_FDCWD, path, how)?, path: path.to_owned() })
    }

    /// The directory of this name, or where the link of this name leads, if no other user can change it.
    pub(crate) fn step_or_target(&self, name: &OsStr) -> Result<PathStep, Error> {
        match self.step(name) {
            Ok(directory) => Ok(PathStep::Directory(directory)),
            Err(Errno::ENOENT) => Ok(PathStep::Nothing),
            // ENOTDIR is said of a link, because O_NOFOLLOW comes before O_DIRECTORY, and ELOOP by some file systems.
            Err(errno @ (Errno::ENOTDIR | Errno::ELOOP)) => Ok(PathStep::Link(self.trusted_target(name, errno)?)),
            Err(errno) => Err(Error::call("open", self.at(name))(errno)),
        }
    }

    /// Which directory it is, however it was reached.
    pub(crate) fn id(&self) -> Result<DirectoryId, Error> {
        let status = self.status()?;
        Ok(DirectoryId { device: status.st_dev, inode: status.st_ino })
    }

    /// Where the link of this name leads.
    pub(crate) fn target_of(&self, name: &OsStr) -> Result<OsString, Error> {
        target(&self.handle, name.as_bytes()).map_err(Error::call("read the link", self.at(name)))
    }

    /// The root of a file system that is mounted nowhere yet; the path is that where it is going to be.
    pub(crate) fn of(mount: &OwnedFd, path: &Path) -> Result<Self, Error> {
        let handle = openat(mount, c".", LIST, Mode::empty()).map_err(Error::call("open", path))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// The root of all paths.
    pub(crate) fn slash() -> Result<Self, Error> {
        let handle = openat(AT_FDCWD, c"/", STEP, Mode::empty()).map_err(Error::call("open", "/"))?;
        Ok(Self { handle, path: PathBuf::from("/") })
    }

    /// Where relative paths begin.
    pub(crate) fn here() -> Result<Self, Error> {
        let handle = openat(AT_FDCWD, c".", STEP, Mode::empty()).map_err(Error::call("open", "."))?;
        Ok(Self { handle, path: PathBuf::from(".") })
    }

    pub(crate) fn handle(&self) -> &OwnedFd {
        &self.handle
    }

    pub(crate) fn step(&self, name: &OsStr) -> Result<Self, Errno> {
        let handle = openat(&self.handle, name, STEP, Mode::empty())?;
        Ok(Self { handle, path: self.path.join(name) })
    }

    fn make_step(&self, name: &OsStr, permissions: u32) -> Result<Self, Error> {
        let path = || self.path.join(name);
        if our_user().is_root() {
            let here = self.status()?;
            // In a directory that everybody can write to, the new directory is not given to the directory's owner.
            if !is_trusted(&here) && here.st_mode & ALL_WRITE == 0 {
                match self.make_for_user(&here, name, permissions) {
                    // If it could not be made so, it is made as any other.
                    Ok(()) | Err(_) => {}
                }
            }
        }
        match make_exactly(&self.handle, name, permissions) {
            Ok(()) => {
                let made = self.step(name).map_err(Error::call("open", self.at(name)))?;
                // A default access control list of this directory counts in the place of the umask. Where others can put
                // another directory there, it stays: they decide who may pass.
                if self.is_private()? {
                    made.listable()?.settle(Access { permissions, owner: None })?;
                }
                Ok(made)
            }
            // Made for the user, or by somebody else meanwhile, which is as good.
            Err(Errno::EEXIST) => self.step(name).map_err(Error::call("open", self.at(name))),
            Err(errno) => Err(Error::call("make the directory", path())(errno)),
        }
    }

    /// Makes a directory in that of a user, `here`, and gives it to this user, who could use neither it nor what is to be there if it were
    /// root's.
    ///
    /// It gets its owner under another name, so that no run that is killed leaves one of root there. The user may have put something
    /// else at that name, so this is looked at: only a directory of root that is empty and has never been touched changes its owner.
    fn make_for_user(&self, here: &FileStat, name: &OsStr, permissions: u32) -> Result<(), Error> {
        let temporary = temporary(name);
        let access = Access { permissions: permissions | here.st_mode & SET_GROUP, owner: Some(owner(here)) };
        let is_made_here = match make_exactly(&self.handle, &temporary, permissions) {
            Ok(()) => true,
            // Another run is at it, or was killed.
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(Error::call("make the directory", self.at(&temporary))(errno)),
        };
        let finished = self.finish_for_user(here, &temporary, name, access);
        if finished.is_err() && (is_made_here || !matches!(finished, Err(Error::Untrusted { .. }))) {
            self.remove_empty(&temporary)?;
        }
        finished
    }

    /// Removes what a killed run has left of the first directory that is missing on the way to a path in the directory of a user.
    pub(crate) fn remove_unfinished(path: &Path) -> Result<(), Error> {
        let (directory, _) = split(path)?;
        let (parent, name) = split(directory)?;
        let Some(parent) = Self::existing(parent)? else { return Self::remove_unfinished(directory) };
        let unfinished = temporary(name);
        if !is_trusted(&parent.status()?) && matches!(parent.look(&unfinished)?, Occupant::Directory) {
            match parent.remove_empty(&unfinished) {
                // If something is in it, it is the user's.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Gives a new directory to the user whose directory this is, and puts it in place.
    fn finish_for_user(&self, here: &FileStat, temporary: &OsStr, name: &OsStr, access: Access) -> Result<(), Error> {
        let made = self.within(temporary)?;
        let status = made.status()?;
        let times = (status.st_mtime == status.st_ctime, status.st_mtime_nsec == status.st_ctime_nsec);
        // Moving an older directory here would change its ctime, so equal times mean it is new.
        let is_new = status.st_uid == 0 && times == (true, true);
        if !(is_new || status.st_uid == here.st_uid) || !made.entries()?.is_empty() {
            return Err(Error::Untrusted { path: made.path });
        }
        made.own(access)?;
        renameat_with(&self.handle, temporary, &self.handle, name, RenameFlags::NOREPLACE)
            .map_err(|error| Error::call("put in place", self.at(name))(raw(error)))
    }

    /// Where the link of this name leads, if no other user can change it.
    fn trusted_target(&self, name: &OsStr, otherwise: Errno) -> Result<PathBuf, Error> {
        match self.look(name)? {
            Occupant::Link(link) if link.is_trusted() && self.is_private()? => Ok(link.target),
            Occupant::Link(link) => Err(Error::Untrusted { path: link.path }),
            _ => Err(Error::call("open", self.at(name))(otherwise)),
        }
    }
}

/// Making.
impl Dir {
    /// Makes a directory, and settles it as [`Dir::settle`] does.
    pub(crate) fn make(&self, name: &OsStr, access: Access) -> Result<Self, Error> {
        match make_exactly(&self.handle, name, access.permissions) {
            Ok(()) => {}
            Err(errno) => return Err(Error::call("make the directory", self.at(name))(errno)),
        }
        let directory = self.within(name)?;
        directory.own(access)?;
        Ok(directory)
    }

    /// Gives this directory an owner and exactly these permissions, unless it has them, and takes its access control lists
    /// away.
    pub(crate) fn settle(&self, access: Access) -> Result<(), Error> {
        self.own(access)?;
        for list in [ACCESS_LIST, DEFAULT_LIST] {
            if self.has(list)? {
                fremovexattr(&self.handle, list)
                    .map_err(|error| Error::call("remove the access control list of", &self.path)(raw(error)))?;
            }
        }
        Ok(())
    }

    /// Lets only our own user put something into this directory or take it away.
    pub(crate) fn make_private(&self) -> Result<(), Error> {
        let owner = Ownership { user: our_user(), group: owner(&self.status()?).group };
        self.settle(Access { permissions: DIRECTORY, owner: Some(owner) })
    }

    /// Whether this directory has an owner and exactly these permissions, and nothing besides them.
    pub(crate) fn is_settled(&self, access: Access) -> Result<bool, Error> {
        let status = self.status()?;
        Ok(has_access(&status, access) && !self.has(ACCESS_LIST)? && !self.has(DEFAULT_LIST)?)
    }

    fn has(&self, list: &CStr) -> Result<bool, Error> {
        has(&self.handle, list, || self.path.clone())
    }

    /// Whether a file has an access control list, as far as we may look at it.
    pub(crate) fn has_list(&self, name: &OsStr) -> bool {
        self.open(name).is_ok_and(|(file, _)| has(&file, ACCESS_LIST, || self.path.join(name)).unwrap_or(false))
    }

    fn own(&self, access: Access) -> Result<(), Error> {
        own(&self.handle, access, || self.path.clone()).map(drop)
    }

    /// Makes a file that only its owner can open until it is complete, and gives what stat(2) says of it then.
    pub(crate) fn write(&self, name: &OsStr, content: &[u8], access: Access) -> Result<FileStat, Error> {
        let Access { permissions, owner } = access;
        let path = || self.path.join(name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        // Permissions for the owner alone are right from the start, which saves a call for each file.
        let first = if permissions & !OWNER_ALL == 0 { permissions } else { OWNER_READ_WRITE };
        let handle = openat(&self.handle, name, flags, Mode::from_bits_truncate(first))
            .map_err(|errno| Error::call("make", path())(errno))?;
        let mut handle = Handle::from(handle);
        handle.write_all(content).map_err(|error| Error::call("write", path())(errno(&error)))?;
        // No fsync: the files are in memory, and after a power failure there is nothing to come back to.
        if let Some(owner) = owner.filter(|owner| *owner != Ownership::ROOT) {
            give(&handle, owner, path)?;
        }
        if first != permissions {
            permit(&handle, permissions, path)?;
        }
        // Whether that was enough is looked at, and the rest is done: whichever user made the file, and with which umask.
        own(&handle, access, path)
    }

    /// Puts a file in the place of another one in one step, or makes it, and gives what stat(2) says of it. For directories in
    /// which only root can write.
    pub(crate) fn replace(&self, name: &OsStr, content: &[u8], access: Access) -> Result<FileStat, Error> {
        let temporary = temporary(name);
        self.remove(&temporary)?;
        match self.write(&temporary, content, access) {
            // Once more, because another name changes a time. Only root can have touched it since.
            Ok(_) => self.rename_or_remove(&temporary, name, Over::Anything).and_then(|()| self.status_of(name)),
            Err(error) => match self.remove(&temporary) {
                // The first error says more, and the next run removes it.
                Ok(()) | Err(_) => Err(error),
            },
        }
    }

    /// Takes the access control list of a file away, if it has one, and gives what stat(2) says of it then. For directories
    /// in which only root can write.
    pub(crate) fn remove_list(&self, name: &OsStr) -> Result<FileStat, Error> {
        let (file, status) = self.open(name)?;
        if !has(&file, ACCESS_LIST, || self.path.join(name))? {
            return Ok(status);
        }
        fremovexattr(&file, ACCESS_LIST)
            .map_err(|error| Error::call("remove the access control list of", self.at(name))(raw(error)))?;
        self.status_of(name)
    }

    /// Makes a link that belongs to its owner, and gives what stat(2) says of it. Something that stands there is an error.
    ///
    /// In a directory in which others can write, the link may have been exchanged before it gets its owner; then nothing
    /// gets this owner but another link.
    pub(crate) fn link(&self, target: &Path, name: &OsStr, owner: Option<Ownership>) -> Result<FileStat, Error> {
        symlinkat(target, &self.handle, name).map_err(Error::call("make the link", self.at(name)))?;
        let finished = self.finish_link(name, owner);
        if finished.is_err()
            && let Ok(Occupant::Link(link)) = self.look(name)
            && link.target == target
        {
            match self.remove(name) {
                // The first error says more, and the next run removes it.
                Ok(()) | Err(_) => {}
            }
        }
        finished
    }

    fn finish_link(&self, name: &OsStr, owner: Option<Ownership>) -> Result<FileStat, Error> {
        let status = self.status_of(name)?;
        match owner {
            Some(owner) if owner != self::owner(&status) => match self.look(name)? {
                Occupant::Link(link) => link.give(owner),
                _ => Err(Error::Untrusted { path: self.path.join(name) }),
            },
            _ => Ok(status),
        }
    }

    /// Renames within this directory, or else removes what was to be renamed.
    pub(crate) fn rename_or_remove(&self, from: &OsStr, to: &OsStr, over: Over) -> Result<(), Error> {
        let renamed = match over {
            Over::Anything => renameat(&self.handle, from, &self.handle, to),
            // By rustix, because nix has it for glibc only.
            Over::Nothing => match renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
                // Some file systems cannot do that. What stood there was looked at a moment ago.
                Err(Refusal::INVAL | Refusal::NOSYS) => renameat(&self.handle, from, &self.handle, to),
                renamed => renamed.map_err(raw),
            },
        };
        if renamed.is_err() {
            match self.remove(from) {
                // The first error says more, and the next run removes it.
                Ok(()) | Err(_) => {}
            }
        }
        renamed.map_err(Error::call("put in place", self.path.join(to)))
    }

    /// A file to lock, made if it is not there. Only root and our own user can open it, so no other user can hold the lock.
    pub(crate) fn lockable(&self, name: &OsStr) -> Result<OwnedFd, Error> {
        // O_NONBLOCK, because opening a pipe that stands there would wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = match openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR) {
            Err(Errno::EISDIR | Errno::ELOOP) => return Err(self.no_lock(name)),
            opened => opened.map_err(Error::call("open", self.at(name)))?,
        };
        let status = fstat(&handle).map_err(Error::call("look at", self.at(name)))?;
        if is_lock(&status) { Ok(handle) } else { Err(self.no_lock(name)) }
    }

    /// The error about what stands at the name of a lock file.
    fn no_lock(&self, name: &OsStr) -> Error {
        let found = match self.look(name) {
            Ok(Occupant::File) | Err(_) => "a lock file",
            Ok(found) => found.noun(),
        };
        Error::Foreign { path: self.path.join(name), found }
    }

    /// Why [`Dir::lockable`] would refuse what has this name.
    pub(crate) fn refuses_lock(&self, name: &OsStr) -> Option<Error> {
        match self.status_of(name) {
            Ok(status) if is_lock(&status) => None,
            Ok(_) => Some(self.no_lock(name)),
            // Such as that of a name that is too long.
            Err(error) => Some(error).filter(|error| !error.is_absence()),
        }
    }
}

/// Whether it is a file that only root and our own user can open.
fn is_lock(status: &FileStat) -> bool {
    kind(status) == SFlag::S_IFREG && is_trusted(status) && status.st_mode & OTHERS_ALL == 0
}

/// The most bytes of the path of a directory: the kernel takes 4095 of the path of a secret, and in its generation it has a somewhat longer
/// one.
const DEEPEST: usize = 5 << 10;

/// The most bytes of a file that is read as a whole: many times what a hundred thousand links take.
const LARGEST_RECORD: i64 = 64 << 20;

/// The most bytes of an installed file that are read without knowing what is expected: those of the largest input, and room for
/// what is put around them. What its owner has made larger is not as it was installed.
const LARGEST_CONTENT: i64 = 80 << 20;

/// Reading and comparing.
impl Dir {
    /// A lock file to look at, if it is there.
    pub(crate) fn lock_of_others(&self, name: &OsStr) -> Result<Option<OwnedFd>, Error> {
        match self.open(name) {
            Ok((file, _)) => Ok(Some(file.into())),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a file is there with this content, and can be read. No more is read of it than is expected.
    pub(crate) fn has_content(&self, name: &OsStr, content: &[u8]) -> Result<bool, Error> {
        let Some((mut file, status)) = self.open_to_compare(name)? else { return Ok(false) };
        self.holds(&mut file, &status, name, content)
    }

    fn holds(&self, file: &mut Handle, status: &FileStat, name: &OsStr, content: &[u8]) -> Result<bool, Error> {
        if usize::try_from(status.st_size).ok() != Some(content.len()) {
            return Ok(false);
        }
        Ok(self.read_all(file, status, name)?.is_some_and(|found| *found == content))
    }

    /// The content of a record, or nothing if it is not there or another user can have written it. Anything else than a file is
    /// [`Error::Foreign`].
    pub(crate) fn read(&self, name: &OsStr) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match self.open(name) {
            // Whatever made it so, it is not ours, and there may not be memory for it.
            Ok((_, status)) if status.st_size > LARGEST_RECORD => {
                Err(Error::Foreign { path: self.path.join(name), found: "a file of more than 64 MiB" })
            }
            Ok((_, status)) if !is_trusted(&status) || status.st_mode & OTHERS_WRITE != 0 => Ok(None),
            Ok((mut file, status)) => self.read_all(&mut file, &status, name),
            Err(error) if error.is_absence() => Ok(None),
            Err(Error::Call { errno: Errno::ELOOP | Errno::ENXIO | Errno::EINVAL, path, .. }) => {
                Err(Error::Foreign { path, found: self.look(name)?.noun() })
            }
            Err(error) => Err(error),
        }
    }

    /// What stat(2) says of a file if it is there and has this content, these permissions and this owner, and no access
    /// control list.
    pub(crate) fn same(&self, name: &OsStr, content: &[u8], access: Access) -> Result<Option<FileStat>, Error> {
        let (mut file, status) = match self.open_to_compare(name) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(None),
            // What we may not read we can still make anew.
            Err(error) if self.keeps_us_out(name, &error)? => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_same = has_access(&status, access)
            && !has(&file, ACCESS_LIST, || self.path.join(name))?
            && self.holds(&mut file, &status, name, content)?;
        Ok(is_same.then_some(status))
    }

    /// What stat(2) says of a regular file; nothing if there is none.
    pub(crate) fn file_status(&self, name: &OsStr) -> Result<Option<FileStat>, Error> {
        match self.status_of(name) {
            Ok(status) => Ok((kind(&status) == SFlag::S_IFREG).then_some(status)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What stands at the name under which a link of this name is prepared.
    pub(crate) fn prepared(&self, name: &OsStr, is_ours: &dyn Fn(&Path) -> bool) -> Result<Prepared, Error> {
        let temporary = temporary(name);
        Ok(match self.look(&temporary)? {
            Occupant::Nothing => Prepared::Nothing,
            Occupant::Link(link) if is_ours(&link.target) => Prepared::Link,
            found => Prepared::Foreign(Error::Foreign { path: self.path.join(temporary), found: found.noun() }),
        })
    }

    /// Copies a directory with everything in it, owners and permissions included.
    pub(crate) fn copy_to(&self, name: &OsStr, other: &Self) -> Result<(), Error> {
        let from = match self.within(name) {
            Ok(from) => from,
            // What is mounted there is not ours, and stays where it is.
            Err(Error::Mounted { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let status = from.status()?;
        let to = other.make(name, access_of(&status))?;
        for (name, is) in from.entries()? {
            match is {
                Is::Directory => from.copy_to(&name, &to)?,
                Is::Other => from.copy_entry_to(&name, &to)?,
            }
        }
        Ok(())
    }

    /// Copies a link or a file.
    pub(crate) fn copy_entry_to(&self, name: &OsStr, other: &Self) -> Result<(), Error> {
        if let Occupant::Link(link) = self.look(name)? {
            return other.link(&link.target, name, Some(link.owner)).map(drop);
        }
        // What its owner has made so large, or does not let others read, is not as it was installed, and is about to be made anew.
        let (mut file, status) = match self.open_to_compare(name) {
            Ok(Some((file, status))) if status.st_size <= LARGEST_CONTENT => (file, status),
            Ok(_) => return Ok(()),
            Err(error) if self.keeps_us_out(name, &error)? => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(content) = self.read_all(&mut file, &status, name)? else { return Ok(()) };
        other.write(name, &content, access_of(&status)).map(drop)
    }

    /// Opens a regular file; nothing if there is none that can be read as one.
    fn open_to_compare(&self, name: &OsStr) -> Result<Option<(Handle, FileStat)>, Error> {
        match self.open(name) {
            Ok(opened) => Ok(Some(opened)),
            // Not there, or something else than a file: a link, a directory, a socket. Or its owner has a lease on it, which
            // keeps others out. Or a mount, whose content is not ours.
            Err(
                Error::Mounted { .. }
                | Error::Call {
                    errno: Errno::ENOENT | Errno::ELOOP | Errno::EISDIR | Errno::ENXIO | Errno::EINVAL | Errno::EAGAIN,
                    ..
                },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a file of ours cannot be read because of its mode, or because root lacks a capability.
    fn keeps_us_out(&self, name: &OsStr, error: &Error) -> Result<bool, Error> {
        let is_refused = matches!(error, Error::Call { errno: Errno::EACCES, .. });
        Ok(is_refused && (our_user().is_root() || owner(&self.status_of(name)?).user == our_user()))
    }

    /// Opens a regular file; anything else is EINVAL.
    fn open(&self, name: &OsStr) -> Result<(Handle, FileStat), Error> {
        let failed = || Error::call("read", self.at(name));
        // O_NONBLOCK, because opening a pipe that stands there would wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = match self.open_here(name, flags) {
            Err(Errno::EXDEV) => return Err(Error::Mounted { path: self.path.join(name) }),
            // As for directories; the mount of a file is found when it is to be removed.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(&self.handle, name, flags, Mode::empty()),
            opened => opened,
        }
        .map_err(failed())?;
        let status = fstat(&handle).map_err(failed())?;
        if kind(&status) != SFlag::S_IFREG {
            return Err(failed()(Errno::EINVAL));
        }
        Ok((Handle::from(handle), status))
    }

    /// The content of a regular file without access control list, and what stat(2) says of it.
    pub(crate) fn read_unlisted(&self, name: &OsStr) -> Result<(Zeroizing<Vec<u8>>, FileStat), Error> {
        let (mut file, status) = self.open(name)?;
        if has(&file, ACCESS_LIST, || self.path.join(name))? {
            return Err(Error::Untrusted { path: self.path.join(name) });
        }
        if status.st_size > LARGEST_CONTENT {
            return Err(Error::call("read", self.at(name))(Errno::EFBIG));
        }
        let content = self.read_all(&mut file, &status, name)?;
        Ok((content.ok_or_else(|| Error::call("read", self.at(name))(Errno::ENODATA))?, status))
    }

    /// # Errors
    ///
    /// [`Error::Untrusted`] if this directory has an access control list.
    pub(crate) fn refuse_lists(&self) -> Result<(), Error> {
        if self.has(ACCESS_LIST)? || self.has(DEFAULT_LIST)? {
            return Err(Error::Untrusted { path: self.path.clone() });
        }
        Ok(())
    }

    /// As much as stat(2) has said; nothing if somebody has made it shorter since, which only its owner can do.
    fn read_all(
        &self,
        file: &mut Handle,
        status: &FileStat,
        name: &OsStr,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        // All of it in one piece from the start: a vector that grows leaves copies of a secret behind.
        let length = usize::try_from(status.st_size).unwrap_or(0);
        let mut content = Zeroizing::new(vec![0; length]);
        match file.read_exact(&mut content) {
            Ok(()) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(Error::call("read", self.at(name))(errno(&error))),
        }
    }
}

/// Removing. Nothing here follows a link or goes into another file system, and what is already gone is no error.
impl Dir {
    /// Removes a file or link.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<(), Error> {
        self.unlink(name, UnlinkatFlags::NoRemoveDir)
    }

    /// Removes a directory if it is empty.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> Result<(), Error> {
        self.unlink(name, UnlinkatFlags::RemoveDir)
    }

    /// Removes a directory with everything in it, or whatever else has this name. Each error is something that stayed; the
    /// rest is gone.
    ///
    /// What is mounted below stays with the directories on the way to it, and is [`Error::Mounted`].
    pub(crate) fn remove_tree(&self, name: &OsStr) -> Vec<Error> {
        let mut failures = Vec::new();
        match self.within(name) {
            Ok(directory) => {
                directory.clear(&mut failures);
                self.remove_emptied(name, &mut failures);
            }
            Err(Error::Call { errno: Errno::ENOENT, .. }) => {}
            Err(Error::Call { errno: Errno::ENOTDIR | Errno::ELOOP, .. }) => failures.extend(self.remove(name).err()),
            Err(error) => failures.push(error),
        }
        failures
    }

    /// Removes everything in this directory. However deep it is, no more than two directories are open at a time: a tree that
    /// could not be finished for want of handles has to be removed without them.
    fn clear(self, failures: &mut Vec<Error>) {
        let mut here = self;
        let mut left = vec![here.remove_files(failures)];
        // The names on the way from the beginning to here, and in which directory each is.
        let mut way: Vec<(OsString, DirectoryId)> = Vec::new();
        while let Some(directories) = left.last_mut() {
            if let Some(name) = directories.pop() {
                match here.within(&name).and_then(|below| Ok((below, here.id()?))) {
                    Ok((below, id)) => {
                        here = below;
                        left.push(here.remove_files(failures));
                        way.push((name, id));
                    }
                    Err(error) => failures.push(error),
                }
            } else {
                left.pop();
                if let Some((name, id)) = way.pop() {
                    // The owner of the tree may have moved a directory meanwhile: the names to come are not those of its new place.
                    here = match here.above().and_then(|above| Ok((above.id()? == id, above))) {
                        Ok((true, above)) => above,
                        Ok((false, above)) => return failures.push(Error::Untrusted { path: above.path.join(name) }),
                        Err(error) => return failures.push(error),
                    };
                    here.remove_emptied(&name, failures);
                }
            }
        }
    }

    /// Removes all but the directories, and gives their names.
    fn remove_files(&self, failures: &mut Vec<Error>) -> Vec<OsString> {
        let mut directories = Vec::new();
        let entries = self.entries().unwrap_or_else(|error| {
            failures.push(error);
            Vec::new()
        });
        for (name, is) in entries {
            match is {
                Is::Directory => directories.push(name),
                Is::Other => failures.extend(self.remove(&name).err()),
            }
        }
        directories
    }

    /// Removes a directory after what was in it. If something had to stay in it, the directory stays too, and that is said already.
    fn remove_emptied(&self, name: &OsStr, failures: &mut Vec<Error>) {
        match self.remove_empty(name) {
            Ok(()) => {}
            Err(Error::Call { errno: Errno::ENOTEMPTY | Errno::EEXIST, .. }) if !failures.is_empty() => {}
            Err(error) => failures.push(error),
        }
    }

    /// Removes a directory in which there is nothing but directories, and stops at the first other thing.
    pub(crate) fn remove_hollow(&self, name: &OsStr) -> Result<(), Error> {
        let directory = self.within(name)?;
        for (name, is) in directory.entries()? {
            match is {
                Is::Directory => directory.remove_hollow(&name)?,
                Is::Other => return Err(Error::Foreign { path: directory.path.join(name), found: "something" }),
            }
        }
        self.remove_empty(name)
    }

    fn unlink(&self, name: &OsStr, flag: UnlinkatFlags) -> Result<(), Error> {
        match unlinkat(&self.handle, name, flag) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(Errno::EBUSY) => {
                let path = self.path.join(name);
                // A mount of this file system at another place may have it on the same file.
                let elsewhere = || self.mount().ok().and_then(|number| mountinfo::elsewhere(number, &path));
                let other = if self.has_mount(name)? { None } else { elsewhere() };
                Err(Error::Mounted { path: other.unwrap_or(path) })
            }
            Err(errno) => Err(Error::call("remove", self.at(name))(errno)),
        }
    }
}

/// Whether an entry of a directory is itself one.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Is {
    /// A directory.
    Directory,
    /// Anything else, also a link to a directory.
    Other,
}

/// What there is at one step of a path.
pub(crate) enum PathStep {
    Directory(Dir),
    /// A link that no other user can change, and where it leads.
    Link(PathBuf),
    Nothing,
}

/// A directory, however it was reached.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub(crate) struct DirectoryId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// What a rename may take the place of.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Over {
    /// Whatever has the name.
    Anything,
    /// Nothing: it is an error if there is something.
    Nothing,
}

/// What stands at a name.
pub(crate) enum Occupant {
    Nothing,
    Link(Box<Link>),
    Directory,
    File,
    Special,
}

impl Occupant {
    /// What it is, with an article.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Link(_) => "a link",
            Self::Directory => "a directory",
            Self::File => "a file",
            Self::Special => "a special file",
        }
    }
}

/// A link that was looked at. The handle stays with it whatever happens to its name.
pub(crate) struct Link {
    handle: OwnedFd,
    pub(crate) path: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) owner: Ownership,
    pub(crate) status: FileStat,
}

impl Link {
    /// Changes the owner of the link itself, unless it is the one, and gives what stat(2) says of it then.
    pub(crate) fn give(&self, owner: Ownership) -> Result<FileStat, Error> {
        if self.owner == owner {
            return Ok(self.status);
        }
        let flags = AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW;
        fchownat(&self.handle, c"", Some(owner.user), Some(owner.group), flags)
            .map_err(Error::call("change the owner of the link", &self.path))?;
        fstat(&self.handle).map_err(Error::call("look at", &self.path))
    }

    pub(crate) fn is_trusted(&self) -> bool {
        is_trusted(&self.status)
    }
}

/// What stands where a link is about to be prepared.
pub(crate) enum Prepared {
    /// Nothing.
    Nothing,
    /// A link of this program, which a killed run left there.
    Link,
    /// Something else, as the error that it is.
    Foreign(Error),
}

/// The name of the lock file of a mount point.
pub(crate) fn lock_name(mount_point: &OsStr) -> OsString {
    let mut name = mount_point.to_owned();
    name.push(".lock");
    name
}

/// The name under which the successor of a file or link is prepared in the same directory.
///
/// It is the same in every run, so a run that was killed leaves nothing that the next one does not find.
pub(crate) fn temporary(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    // With the dot and the suffix it stays below NAME_MAX, however long the name is.
    let (stem, _) = bytes.split_at_checked(STEM).unwrap_or((bytes, &[]));
    let mut temporary = OsString::from(".");
    temporary.push(OsStr::from_bytes(stem));
    temporary.push(SUFFIX);
    temporary
}

/// The order in which things are put into one directory, as indexes of their names. `.a.new` is the temporary name of `a`, so a
/// link that is itself called `.a.new` is made after `a`.
pub(crate) fn order<'n>(names: impl Iterator<Item = &'n OsStr>) -> impl Iterator<Item = usize> {
    let mut ranks: Vec<(usize, usize)> = Vec::new();
    for (index, name) in names.enumerate() {
        let bytes = name.as_bytes();
        let is_temporary = bytes.starts_with(b".") && bytes.ends_with(SUFFIX.as_bytes());
        ranks.push((if is_temporary { bytes.len() } else { 0 }, index));
    }
    ranks.sort_unstable();
    ranks.into_iter().map(|(_, index)| index)
}

/// The directory that a path is in, and its name there.
pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr), Error> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::Foreign { path: path.to_owned(), found: "a directory" }),
    }
}

/// Whether two paths are the same name in the same directory, by whichever links or mounts they lead there.
pub(crate) fn is_one_place(one: &Path, other: &Path) -> bool {
    one == other || one.file_name() == other.file_name() && id_above(one).is_some_and(|id| id_above(other) == Some(id))
}

/// What identifies the directory that a path is in; nothing if that cannot be reached.
pub(crate) fn id_above(path: &Path) -> Option<DirectoryId> {
    Dir::existing(path.parent()?).ok()??.id().ok()
}

/// Permissions of the mount point and of all directories below it: anyone passes through, only the directories' group lists.
pub(crate) const DIRECTORY: u32 = 0o751;

/// Permissions of the directories that are made on the way to the symlink, a link or the credentials.
pub(crate) const PARENT: u32 = 0o755;

/// The access to the directories of generations: they belong to root and the group, or to the user.
pub(crate) fn directory_access(group: Option<Gid>) -> Access {
    let owner = group.map(|group| Ownership { user: Uid::from_raw(0), group });
    Access { permissions: DIRECTORY, owner }
}

/// Makes a directory whose permissions the umask does not cut down. To change them afterwards would be too late where others
/// can put another directory in its place.
fn make_exactly(parent: &OwnedFd, name: &OsStr, permissions: u32) -> nix::Result<()> {
    // No directory of ours is to be written by others, and the umask is that of all threads.
    // That of nix panics where a sandbox refuses the call.
    let before = umask(rustix::fs::Mode::from_raw_mode(OTHERS_WRITE));
    let made = mkdirat(parent, name, Mode::from_bits_truncate(permissions));
    umask(before);
    made
}

/// Gives an owner and exactly these permissions unless they are there, and gives what stat(2) says then. Owner first, because
/// chown(2) may clear bits.
fn own(handle: &impl AsFd, access: Access, path: impl Fn() -> PathBuf) -> Result<FileStat, Error> {
    let Access { permissions, owner } = access;
    let look = || fstat(handle).map_err(|errno| Error::call("look at", path())(errno));
    let found = look()?;
    let other = owner.filter(|owner| *owner != self::owner(&found));
    if let Some(owner) = other {
        give(handle, owner, &path)?;
    }
    let is_cleared = other.is_some() && permissions & !ALL != 0;
    let is_permitted = permissions_of(&found) == permissions && !is_cleared;
    if !is_permitted {
        permit(handle, permissions, &path)?;
    }
    if other.is_none() && is_permitted { Ok(found) } else { look() }
}

/// Where a link leads. By rustix, because the buffer of nix has a page, which is wiped after each link.
fn target(handle: &OwnedFd, name: &[u8]) -> Result<OsString, Errno> {
    Ok(OsString::from_vec(readlinkat(handle, name, Vec::new()).map_err(raw)?.into_bytes()))
}

fn give(handle: &impl AsFd, owner: Ownership, path: impl Fn() -> PathBuf) -> Result<(), Error> {
    fchown(handle, Some(owner.user), Some(owner.group))
        .map_err(|errno| Error::call("change the owner of", path())(errno))
}

fn permit(handle: &impl AsFd, permissions: u32, path: impl Fn() -> PathBuf) -> Result<(), Error> {
    fchmod(handle, Mode::from_bits_truncate(permissions))
        .map_err(|errno| Error::call("change the mode of", path())(errno))
}

/// Whether there is an access control list of this kind. A ramfs has none at all.
fn has(handle: &impl AsFd, list: &CStr, path: impl Fn() -> PathBuf) -> Result<bool, Error> {
    match fgetxattr_query(handle, list) {
        Ok(_) => Ok(true),
        Err(Refusal::NODATA | Refusal::OPNOTSUPP) => Ok(false),
        Err(error) => Err(Error::call("look at the access control list of", path())(raw(error))),
    }
}

/// The error of one interface to the kernel as that of the other.
pub(crate) fn raw(error: Refusal) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// Puts the components of a path in front of those that are to be taken already. The next one is the last.
pub(crate) fn push_steps(ahead: &mut Vec<OsString>, path: &Path) {
    ahead.extend(path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    }));
}

pub(crate) fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

/// Whether a file or directory has exactly these permissions, and this owner where it matters.
fn has_access(status: &FileStat, access: Access) -> bool {
    permissions_of(status) == access.permissions && access.owner.is_none_or(|owner| owner == self::owner(status))
}

fn access_of(status: &FileStat) -> Access {
    Access { permissions: permissions_of(status), owner: Some(owner(status)) }
}

pub(crate) fn permissions_of(status: &FileStat) -> u32 {
    status.st_mode & PERMISSIONS
}

pub(crate) fn owner(status: &FileStat) -> Ownership {
    Ownership { user: Uid::from_raw(status.st_uid), group: Gid::from_raw(status.st_gid) }
}

/// Whether it belongs to root or to our own user.
pub(crate) fn is_trusted(status: &FileStat) -> bool {
    status.st_uid == 0 || status.st_uid == our_user().as_raw()
}

/// Who we are, asked once: this is looked at for every directory, and does not change.
fn our_user() -> Uid {
    static USER: OnceLock<Uid> = OnceLock::new();
    *USER.get_or_init(geteuid)
}

/// The standard library's errors without their payload; those that it makes itself have no number.
pub(crate) fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// A handle for names below it. It needs no permission to read, as home directories may refuse it.
const STEP: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A handle for listing, and for changing owner and permissions.
const LIST: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// As many links as the kernel follows, `path_resolution(7)`.
pub(crate) const LINKS: u8 = 40;

/// The bits that chmod(2) takes.
const PERMISSIONS: u32 = 0o7777;
const ALL: u32 = 0o777;
const OWNER_ALL: u32 = 0o700;
const OWNER_READ_WRITE: u32 = 0o600;
pub(crate) const OTHERS_WRITE: u32 = 0o022;
const ALL_WRITE: u32 = 0o002;
const SET_GROUP: u32 = 0o2000;
const OTHERS_ALL: u32 = 0o077;

/// The extended attributes with access control lists, acl(5).
const ACCESS_LIST: &CStr = c"system.posix_acl_access";
const DEFAULT_LIST: &CStr = c"system.posix_acl_default";

/// `ST_NOSYMFOLLOW` of linux/statfs.h.
const ST_NOSYMFOLLOW: i64 = 0x2000;

const STEM: usize = 200;
const SUFFIX: &str = ".new";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_its_owner_makes_shorter_while_it_is_read_has_another_content() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("before"), "content, longer").unwrap();
        std::fs::write(folder.path().join("now"), "content").unwrap();
        let directory = Dir::walk(folder.path(), Missing::Fail).unwrap();
        let (_, before) = directory.open("before".as_ref()).unwrap();
        let (mut file, _) = directory.open("now".as_ref()).unwrap();
        assert!(!directory.holds(&mut file, &before, "now".as_ref(), b"content, longer").unwrap());
    }
}
