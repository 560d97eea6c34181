//! Directories as open handles: every file operation of the installation.
//!
//! A name is looked up only in a directory that is already open, and the last component is never followed if it is a
//! link. So nobody can swap a component of a path for something else between a check and what follows it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, geteuid, symlinkat, unlinkat, write};

use zeroize::Zeroizing;

use crate::Error;

/// An open directory, and the path by which messages call it.
pub(crate) struct Dir {
    handle: OwnedFd,
    path: PathBuf,
}

/// Who shall own a file; `None` leaves it to the user who runs the program, who could not give it away.
pub(crate) type Ownership = Option<(Uid, Gid)>;

/// What to do about a directory that does not exist.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Missing {
    IsMade,
    IsAnError,
}

/// What stands at a name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Directory,
    Link,
    File,
    Other,
}

impl Dir {
    /// Opens a directory by its path, whose links the caller trusts.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let handle = openat(AT_FDCWD, path, OPEN_DIRECTORY.difference(OFlag::O_NOFOLLOW), Mode::empty());
        let handle = handle.map_err(Error::call("open", path))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// Opens a directory by its path and makes what is missing of it, with `mode` less the umask, as `mkdir -p` does.
    pub(crate) fn make_all(path: &Path, mode: u32) -> Result<Self, Error> {
        match Self::open(path) {
            Err(Error::Call { source: Errno::ENOENT, .. }) => {}
            opened => return opened,
        }
        let mut prefix = PathBuf::new();
        for component in path.components() {
            prefix.push(component);
            match mkdirat(AT_FDCWD, &prefix, permissions(mode)) {
                // Whatever stands there, opening it below tells whether it is a directory.
                Ok(()) | Err(Errno::EEXIST) => {}
                // A file system that nobody may write to says so even where the directory exists.
                Err(Errno::EROFS | Errno::EACCES | Errno::EPERM) if prefix.is_dir() => {}
                Err(error) => return Err(Error::call("make the directory", prefix)(error)),
            }
        }
        Self::open(path)
    }

    /// Opens a directory in a place that others may be able to write to.
    ///
    /// A link on the way is followed only if nobody but root and the user of this process can change it or put
    /// something else in its place.
    pub(crate) fn open_guarded(path: &Path, missing: Missing) -> Result<Self, Error> {
        let mut todo: Vec<OsString> = components_reversed(path);
        let mut directory = Self::open(Path::new("/"))?;
        let mut links: usize = 0;
        while let Some(name) = todo.pop() {
            if name == ".." {
                // Only the target of a link that is trusted can have one.
                directory = directory.child(&name)?;
                continue;
            }
            directory = match directory.child(&name) {
                Ok(child) => child,
                Err(Error::Call { source: Errno::ENOENT, .. }) if missing == Missing::IsMade => {
                    directory.make_directory(&name, 0o755)?;
                    directory.child(&name)?
                }
                Err(Error::Call { source: Errno::ENOTDIR | Errno::ELOOP, .. })
                    if directory.kind(&name)? == Some(Kind::Link) =>
                {
                    links = links.saturating_add(1);
                    if links > LINKS || !directory.guards(&name)? {
                        return Err(Error::Untrusted { path: directory.path_of(&name) });
                    }
                    let target = directory.read_link(&name)?.unwrap_or_default();
                    todo.extend(components_reversed(Path::new(&target)));
                    if Path::new(&target).is_absolute() { Self::open(Path::new("/"))? } else { directory }
                }
                Err(error) => return Err(error),
            };
        }
        Ok(Self { handle: directory.handle, path: path.to_owned() })
    }

    /// The path by which messages call it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it.
    pub(crate) fn path_of(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// A directory in this one.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self, Error> {
        let path = self.path_of(name);
        let handle = openat(&self.handle, name, OPEN_DIRECTORY, Mode::empty()).map_err(Error::call("open", &path))?;
        Ok(Self { handle, path })
    }

    /// Makes a directory with `mode` less the umask.
    pub(crate) fn make_directory(&self, name: &OsStr, mode: u32) -> Result<(), Error> {
        mkdirat(&self.handle, name, permissions(mode)).map_err(Error::call("make the directory", self.path_of(name)))
    }

    /// Gives the directory itself an owner and exactly `mode`.
    pub(crate) fn set(&self, mode: u32, ownership: Ownership) -> Result<(), Error> {
        set(&self.handle, mode, ownership, &self.path)
    }

    /// Makes a file that was not there: closed to others while it is written, then given its owner, then its mode. There
    /// is no `fsync`, because generations are memory and gone with the power.
    pub(crate) fn write_file(&self, name: &OsStr, content: &[u8], mode: u32, owner: Ownership) -> Result<(), Error> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = retry(|| openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR))
            .map_err(|error| Error::call("make the file", self.path_of(name))(error))?;
        let mut rest = content;
        while !rest.is_empty() {
            match write(&file, rest) {
                Ok(0) => return Err(Error::call("write", self.path_of(name))(Errno::ENOSPC)),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::call("write", self.path_of(name))(error)),
            }
        }
        set_named(&file, mode, owner, || self.path_of(name))
    }

    /// Opens a file for reading, never through a link and never waiting for a pipe.
    pub(crate) fn open_file(&self, name: &OsStr) -> Result<OwnedFd, Error> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
        retry(|| openat(&self.handle, name, flags, Mode::empty()))
            .map_err(|error| Error::call("open", self.path_of(name))(error))
    }

    /// What stands at a name, without following it; `None` if nothing does.
    pub(crate) fn status(&self, name: &OsStr) -> Result<Option<FileStat>, Error> {
        match fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(Error::call("look at", self.path_of(name))(error)),
        }
    }

    /// The kind of what stands at a name; `None` if nothing does.
    pub(crate) fn kind(&self, name: &OsStr) -> Result<Option<Kind>, Error> {
        Ok(self.status(name)?.map(|status| Kind::of(&status)))
    }

    /// Where a link leads; `None` if nothing stands at the name.
    pub(crate) fn read_link(&self, name: &OsStr) -> Result<Option<PathBuf>, Error> {
        match readlinkat(&self.handle, name) {
            Ok(target) => Ok(Some(PathBuf::from(target))),
            Err(Errno::ENOENT) => Ok(None),
            Err(error) => Err(Error::call("read the link", self.path_of(name))(error)),
        }
    }

    /// Makes a link where nothing stands, and gives the link itself an owner.
    pub(crate) fn make_link(&self, target: &Path, name: &OsStr, ownership: Ownership) -> Result<(), Error> {
        symlinkat(target, &self.handle, name).map_err(Error::call("make the link", self.path_of(name)))?;
        let Some((user, group)) = ownership else { return Ok(()) };
        // Others may write to this directory and put a file in the place of the link. So the link is opened, looked at,
        // and only then given away, by its handle.
        let link = openat(&self.handle, name, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(Error::call("open", self.path_of(name)))?;
        let status = fstat(&link).map_err(Error::call("look at", self.path_of(name)))?;
        if Kind::of(&status) != Kind::Link || status.st_uid != geteuid().as_raw() {
            return Err(Error::Untrusted { path: self.path_of(name) });
        }
        fchownat(&link, c"", Some(user), Some(group), AtFlags::AT_EMPTY_PATH)
            .map_err(Error::call("give an owner to", self.path_of(name)))
    }

    /// Renames within the directory; what stands at the new name is replaced in the same moment.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Error> {
        renameat(&self.handle, from, &self.handle, to).map_err(Error::call("replace", self.path_of(to)))
    }

    /// Removes what is no directory. That nothing stands there is no error.
    pub(crate) fn remove_file(&self, name: &OsStr) -> Result<(), Error> {
        match unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(Error::call("remove", self.path_of(name))(error)),
        }
    }

    /// Removes an empty directory. That nothing stands there is no error.
    pub(crate) fn remove_directory(&self, name: &OsStr) -> Result<(), Error> {
        match unlinkat(&self.handle, name, UnlinkatFlags::RemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(Error::call("remove", self.path_of(name))(error)),
        }
    }

    /// Removes whatever stands at a name and, if it is a directory, everything in it. Links are removed, not followed.
    pub(crate) fn remove_tree(&self, name: &OsStr) -> Result<(), Error> {
        match unlinkat(&self.handle, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => return Ok(()),
            Err(Errno::EISDIR | Errno::EPERM) => {}
            Err(error) => return Err(Error::call("remove", self.path_of(name))(error)),
        }
        let directory = match self.child(name) {
            Ok(directory) => directory,
            Err(Error::Call { source: Errno::ENOENT, .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        for (entry, _) in directory.entries()? {
            directory.remove_tree(&entry)?;
        }
        self.remove_directory(name)
    }

    /// Removes a directory that has nothing below it but directories.
    pub(crate) fn remove_hollow(&self, name: &OsStr) -> Result<(), Error> {
        let directory = self.child(name)?;
        for (entry, _) in directory.entries()? {
            directory.remove_hollow(&entry)?;
        }
        self.remove_directory(name)
    }

    /// Copies the directory with all that is in it, owners and modes included, to a new name elsewhere.
    pub(crate) fn copy_tree(&self, to: &Self, name: &OsStr) -> Result<(), Error> {
        to.make_directory(name, 0o700)?;
        let copy = to.child(name)?;
        for (entry, kind) in self.entries()? {
            match kind {
                Kind::Directory => self.child(&entry)?.copy_tree(&copy, &entry)?,
                Kind::File => self.copy_file(&entry, &copy, &entry)?,
                // Generations have neither links nor special files.
                Kind::Link | Kind::Other => {}
            }
        }
        let status = fstat(&self.handle).map_err(Error::call("look at", &self.path))?;
        copy.set(status.st_mode, Some((Uid::from_raw(status.st_uid), Gid::from_raw(status.st_gid))))
    }

    /// Copies a file, owner and mode included.
    pub(crate) fn copy_file(&self, name: &OsStr, to: &Self, new_name: &OsStr) -> Result<(), Error> {
        let file = self.open_file(name)?;
        let status = fstat(&file).map_err(Error::call("look at", self.path_of(name)))?;
        let size = usize::try_from(status.st_size).unwrap_or_default();
        // One byte more than the file has: a vector that has to grow leaves a copy behind.
        let mut content = Zeroizing::new(Vec::with_capacity(size.saturating_add(1)));
        File::from(file).read_to_end(&mut content).map_err(|error| {
            Error::call("read", self.path_of(name))(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
        })?;
        let owner = Some((Uid::from_raw(status.st_uid), Gid::from_raw(status.st_gid)));
        to.write_file(new_name, &content, status.st_mode, owner)
    }

    /// Whether there is nothing below the directory but directories.
    pub(crate) fn is_hollow(&self) -> Result<bool, Error> {
        for (name, kind) in self.entries()? {
            if kind != Kind::Directory || !self.child(&name)?.is_hollow()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The names in the directory with what stands there, in no order.
    pub(crate) fn entries(&self) -> Result<Vec<(OsString, Kind)>, Error> {
        let fail = |error| Error::call("list", &self.path)(error);
        // A second handle, because reading moves the position of the first.
        let handle = openat(&self.handle, c".", OPEN_DIRECTORY, Mode::empty()).map_err(fail)?;
        let mut entries = Vec::new();
        for entry in nix::dir::Dir::from_fd(handle).map_err(fail)?.iter() {
            let entry = entry.map_err(fail)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                Some(Type::Directory) => Kind::Directory,
                Some(Type::Symlink) => Kind::Link,
                Some(Type::File) => Kind::File,
                Some(_) => Kind::Other,
                // Some file systems leave the type out.
                None => match self.kind(name)? {
                    Some(kind) => kind,
                    None => continue,
                },
            };
            entries.push((name.to_owned(), kind));
        }
        Ok(entries)
    }

    /// Whether nobody but root and the user of this process can change a link in this directory, or put something else
    /// in its place.
    fn guards(&self, name: &OsStr) -> Result<bool, Error> {
        let own = fstat(&self.handle).map_err(Error::call("look at", &self.path))?;
        let ours = |status: &FileStat| status.st_uid == 0 || status.st_uid == geteuid().as_raw();
        let mode = Mode::from_bits_truncate(own.st_mode);
        // In a sticky directory others can make names, but not touch those that are not theirs.
        let closed = !mode.intersects(Mode::S_IWGRP | Mode::S_IWOTH) || mode.contains(Mode::S_ISVTX);
        Ok(ours(&own) && closed && self.status(name)?.is_some_and(|link| ours(&link)))
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Kind {
    /// The kind in the status of a file.
    pub(crate) fn of(status: &FileStat) -> Self {
        match SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFDIR => Self::Directory,
            SFlag::S_IFLNK => Self::Link,
            SFlag::S_IFREG => Self::File,
            _ => Self::Other,
        }
    }

    /// What it is called in messages, with an article.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Directory => "a directory",
            Self::Link => "a link",
            Self::File => "a file",
            Self::Other => "a special file",
        }
    }
}

/// Permission bits; others never get further than here.
pub(crate) fn permissions(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode & 0o777)
}

fn set(handle: &OwnedFd, mode: u32, ownership: Ownership, path: &Path) -> Result<(), Error> {
    set_named(handle, mode, ownership, || path.to_owned())
}

/// First the owner, then the mode: the other way round the old owner would for a moment have what the mode gives.
fn set_named(handle: &OwnedFd, mode: u32, ownership: Ownership, path: impl Fn() -> PathBuf) -> Result<(), Error> {
    if let Some((user, group)) = ownership {
        fchown(handle, Some(user), Some(group)).map_err(|error| Error::call("give an owner to", path())(error))?;
    }
    fchmod(handle, permissions(mode)).map_err(|error| Error::call("set the mode of", path())(error))
}

/// The kernel may be interrupted on file systems that ask someone else.
fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// The components of a path, the first at the end, without the root.
fn components_reversed(path: &Path) -> Vec<OsString> {
    let proper = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let mut components: Vec<OsString> = proper.collect();
    components.reverse();
    components
}

const OPEN_DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// As many links as the kernel follows in a path.
const LINKS: usize = 40;
