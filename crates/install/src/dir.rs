//! Directory handles: every call that opens, makes, changes or removes a file is here.
//!
//! A name is always one component, looked up in an open directory and never followed if it is a link. So nothing that
//! happens to the path afterwards can lead a call elsewhere. [`Dir::walk`] is the only way from a path to a handle.

use std::ffi::{OsStr, OsString};
use std::fs::File as Handle;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::sys::statfs::fstatfs;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, geteuid, symlinkat, unlinkat};
use zeroize::Zeroizing;

use crate::{Error, Owner};

/// An open directory.
pub(crate) struct Dir {
    handle: OwnedFd,
    /// How it was reached. For messages only.
    path: PathBuf,
}

/// What to do about a directory that is not there.
#[derive(Clone, Copy)]
pub(crate) enum Missing {
    /// It is an error.
    Fail,
    /// It is made, with these permissions less the umask.
    Make(u32),
}

/// Opening and looking.
impl Dir {
    /// The directory at an absolute path, good for names below it but not for listing.
    ///
    /// A link on the way is followed only if nobody but root and we ourselves can change it: it is owned by one of the two
    /// and so is its directory, in which nobody else can write. Any other link is [`Error::Untrusted`].
    pub(crate) fn walk(path: &Path, missing: Missing) -> Result<Self, Error> {
        // Almost every path has no link at all, and one call opens it or finds that a step is missing.
        let how = OpenHow::new().flags(STEP).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
        match (openat2(AT_FDCWD, path, how), missing, path.parent(), path.file_name()) {
            (Ok(handle), ..) => return Ok(Self { handle, path: path.to_owned() }),
            (Err(Errno::ENOENT), Missing::Fail, ..) => return Err(Error::call("open", path)(Errno::ENOENT)),
            (Err(Errno::ENOENT), Missing::Make(permissions), Some(parent), Some(name)) => {
                return Self::walk(parent, missing)?.make_step(name, permissions);
            }
            // Whatever else it is, going step by step either succeeds or says which step is wrong.
            (Err(_), ..) => {}
        }
        let mut directory = Self::root()?;
        let mut ahead = Vec::new();
        push_steps(&mut ahead, path);
        let mut links = LINKS;
        while let Some(name) = ahead.pop() {
            match (directory.step(&name), missing) {
                (Ok(next), _) => directory = next,
                (Err(Errno::ENOENT), Missing::Make(permissions)) => {
                    directory = directory.make_step(&name, permissions)?;
                }
                // ENOTDIR is said of a link, because O_NOFOLLOW comes before O_DIRECTORY, and ELOOP by some file systems.
                (Err(errno @ (Errno::ENOTDIR | Errno::ELOOP)), _) => {
                    let target = directory.trusted_target(&name, errno)?;
                    links = links.checked_sub(1).ok_or(Errno::ELOOP).map_err(Error::call("open", path))?;
                    if target.is_absolute() {
                        directory = Self::root()?;
                    }
                    push_steps(&mut ahead, &target);
                }
                (Err(errno), _) => return Err(Error::call("open", directory.path.join(name))(errno)),
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

    /// The directory of this name, good for listing; a link is an error.
    pub(crate) fn child(&self, name: &OsStr) -> Result<Self, Error> {
        let path = self.path.join(name);
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
    fn above(&self) -> Result<Self, Error> {
        self.relative(c"..")
    }

    fn relative(&self, dots: &std::ffi::CStr) -> Result<Self, Error> {
        let handle = openat(&self.handle, dots, LIST, Mode::empty()).map_err(Error::call("open", &self.path))?;
        Ok(Self { handle, path: self.path.clone() })
    }

    /// What stands at this name.
    pub(crate) fn look(&self, name: &OsStr) -> Result<Found, Error> {
        let path = || self.path.join(name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::ENOENT) => return Ok(Found::Nothing),
            Err(errno) => return Err(Error::call("look at", path())(errno)),
        };
        let status = fstat(&handle).map_err(Error::call("look at", path()))?;
        match kind(&status) {
            SFlag::S_IFLNK => {
                let target = readlinkat(&handle, c"").map_err(Error::call("read the link", path()))?;
                Ok(Found::Link(Link { handle, target: target.into(), owner: owner(&status), path: path() }))
            }
            SFlag::S_IFDIR => Ok(Found::Directory),
            SFlag::S_IFREG => Ok(Found::File),
            _ => Ok(Found::Special),
        }
    }

    /// The names in this directory, without `.` and `..`, and whether each is itself a directory.
    pub(crate) fn entries(&self) -> Result<Vec<(OsString, Is)>, Error> {
        let failed = || Error::call("list", &self.path);
        // A handle of its own: listing moves a position that all users of a handle share.
        let mut list = nix::dir::Dir::openat(&self.handle, c".", LIST, Mode::empty()).map_err(failed())?;
        let mut entries = Vec::new();
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
                    Found::Directory => Is::Directory,
                    _ => Is::Other,
                },
            };
            entries.push((name.to_owned(), is));
        }
        Ok(entries)
    }

    /// Whether there is nothing in this directory but directories of which the same is true.
    pub(crate) fn is_hollow(&self) -> Result<bool, Error> {
        for (name, is) in self.entries()? {
            if is == Is::Other || !self.child(&name)?.is_hollow()? {
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

    /// Whether a file system is mounted here, so that it is another one than that of the directory above.
    pub(crate) fn is_mount(&self) -> Result<bool, Error> {
        Ok(self.status()?.st_dev != self.above()?.status()?.st_dev)
    }

    /// Whether nobody but root and we ourselves can put something into this directory or take it away.
    pub(crate) fn is_private(&self) -> Result<bool, Error> {
        let status = self.status()?;
        Ok(is_trusted(&status) && status.st_mode & OTHERS_WRITE == 0)
    }

    /// For messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What stat(2) says of whatever has this name, itself if it is a link.
    pub(crate) fn status_of(&self, name: &OsStr) -> Result<FileStat, Error> {
        fstatat(&self.handle, name, AtFlags::AT_SYMLINK_NOFOLLOW).map_err(Error::call("look at", self.path.join(name)))
    }

    /// What stat(2) says of this directory.
    pub(crate) fn status(&self) -> Result<FileStat, Error> {
        fstat(&self.handle).map_err(Error::call("look at", &self.path))
    }

    fn root() -> Result<Self, Error> {
        let handle = openat(AT_FDCWD, c"/", STEP, Mode::empty()).map_err(Error::call("open", "/"))?;
        Ok(Self { handle, path: PathBuf::from("/") })
    }

    fn step(&self, name: &OsStr) -> Result<Self, Errno> {
        let handle = openat(&self.handle, name, STEP, Mode::empty())?;
        Ok(Self { handle, path: self.path.join(name) })
    }

    fn make_step(&self, name: &OsStr, permissions: u32) -> Result<Self, Error> {
        let path = || self.path.join(name);
        match mkdirat(&self.handle, name, Mode::from_bits_truncate(permissions)) {
            // Somebody else made it meanwhile, which is as good.
            Ok(()) | Err(Errno::EEXIST) => self.step(name).map_err(Error::call("open", path())),
            Err(errno) => Err(Error::call("make the directory", path())(errno)),
        }
    }

    /// Where the link of this name leads, if nobody else can change it.
    fn trusted_target(&self, name: &OsStr, otherwise: Errno) -> Result<PathBuf, Error> {
        match self.look(name)? {
            Found::Link(link) if link.is_trusted() && self.is_private()? => Ok(link.target),
            Found::Link(link) => Err(Error::Untrusted { path: link.path }),
            _ => Err(Error::call("open", self.path.join(name))(otherwise)),
        }
    }
}

/// Making.
impl Dir {
    /// Makes a directory, and settles it as [`Dir::settle`] does.
    pub(crate) fn make(&self, name: &OsStr, permissions: u32, owner: Option<Owner>) -> Result<Self, Error> {
        match mkdirat(&self.handle, name, Mode::S_IRWXU) {
            Ok(()) => {}
            Err(errno) => return Err(Error::call("make the directory", self.path.join(name))(errno)),
        }
        let directory = self.child(name)?;
        directory.own(owner, permissions)?;
        Ok(directory)
    }

    /// Gives this directory an owner and exactly these permissions, unless it has them.
    pub(crate) fn settle(&self, owner: Option<Owner>, permissions: u32) -> Result<(), Error> {
        if self.is_settled(owner, permissions)? { Ok(()) } else { self.own(owner, permissions) }
    }

    /// Whether this directory has an owner and exactly these permissions.
    pub(crate) fn is_settled(&self, owner: Option<Owner>, permissions: u32) -> Result<bool, Error> {
        let status = self.status()?;
        Ok(permissions_of(&status) == permissions && owner.is_none_or(|owner| owner == self::owner(&status)))
    }

    fn own(&self, owner: Option<Owner>, permissions: u32) -> Result<(), Error> {
        own(&self.handle, owner, permissions, || self.path.clone())
    }

    /// Makes a file that nobody else can open until it is complete and belongs to its owner.
    pub(crate) fn write(
        &self,
        name: &OsStr,
        content: &[u8],
        permissions: u32,
        owner: Option<Owner>,
    ) -> Result<(), Error> {
        let path = || self.path.join(name);
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| Error::call("make", path())(errno))?;
        let mut handle = Handle::from(handle);
        handle.write_all(content).map_err(|error| Error::call("write", path())(errno(&error)))?;
        // No fsync: the files are in memory, and after a power failure there is nothing to come back to.
        own(&handle, owner, permissions, path)
    }

    /// Puts a file in the place of another one in one step, or makes it.
    pub(crate) fn replace(
        &self,
        name: &OsStr,
        content: &[u8],
        permissions: u32,
        owner: Option<Owner>,
    ) -> Result<(), Error> {
        let temporary = temporary(name);
        self.remove(&temporary)?;
        if let Err(error) = self.write(&temporary, content, permissions, owner) {
            match self.remove(&temporary) {
                // The first error says more, and the next run removes it.
                Ok(()) | Err(_) => return Err(error),
            }
        }
        self.rename_or_remove(&temporary, name)
    }

    /// Makes a link and gives it to its owner. Something that stands there is an error.
    ///
    /// In a directory in which others can write, the link may have been exchanged before it gets its owner; then nothing
    /// gets this owner but another link.
    pub(crate) fn link(&self, target: &Path, name: &OsStr, owner: Option<Owner>) -> Result<(), Error> {
        symlinkat(target, &self.handle, name).map_err(Error::call("make the link", self.path.join(name)))?;
        match (owner, self.look(name)?) {
            (None, _) => Ok(()),
            (Some(owner), Found::Link(link)) => link.give(owner),
            (Some(_), _) => Err(Error::Untrusted { path: self.path.join(name) }),
        }
    }

    /// Renames within this directory, over what stands there, or else removes what was to be renamed.
    pub(crate) fn rename_or_remove(&self, from: &OsStr, to: &OsStr) -> Result<(), Error> {
        let renamed = renameat(&self.handle, from, &self.handle, to);
        if renamed.is_err() {
            match self.remove(from) {
                // The first error says more, and the next run removes it.
                Ok(()) | Err(_) => {}
            }
        }
        renamed.map_err(Error::call("put in place", self.path.join(to)))
    }

    /// A file to lock, made if it is not there. Only root or we ourselves can open it, so nobody else can hold the lock.
    pub(crate) fn lockable(&self, name: &OsStr) -> Result<OwnedFd, Error> {
        let path = || self.path.join(name);
        // O_NONBLOCK, because opening a pipe that stands there would wait for somebody to write.
        let flags = OFlag::O_RDONLY | OFlag::O_CREAT | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle =
            openat(&self.handle, name, flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(Error::call("open", path()))?;
        let status = fstat(&handle).map_err(Error::call("look at", path()))?;
        if kind(&status) != SFlag::S_IFREG || !is_trusted(&status) || status.st_mode & OTHERS_ALL != 0 {
            return Err(Error::Foreign { path: path(), found: "a lock file" });
        }
        Ok(handle)
    }
}

/// The most bytes of a file that is read as a whole: many times what a hundred thousand links take.
const LARGEST_RECORD: i64 = 64 << 20;

/// Reading and comparing.
impl Dir {
    /// A lock file to look at, or nothing if there is none, or no lock file.
    pub(crate) fn lock_of_others(&self, name: &OsStr) -> Result<Option<OwnedFd>, Error> {
        match self.open(name) {
            Ok((file, _)) => Ok(Some(file.into())),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The content of a file, or nothing if it is not there.
    pub(crate) fn read(&self, name: &OsStr) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        match self.open(name) {
            // Whatever made it so, it is not ours, and there may not be memory for it.
            Ok((_, status)) if status.st_size > LARGEST_RECORD => {
                Err(Error::call("read", self.path.join(name))(Errno::EFBIG))
            }
            Ok((mut file, status)) => Ok(Some(self.read_all(&mut file, &status, name)?)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a file is there and has this content, these permissions and this owner.
    pub(crate) fn is(
        &self,
        name: &OsStr,
        content: &[u8],
        permissions: u32,
        owner: Option<Owner>,
    ) -> Result<bool, Error> {
        let (mut file, status) = match self.open(name) {
            Ok(opened) => opened,
            // Not there, or something else than a file: a link, a directory, a socket.
            Err(Error::Call {
                source: Errno::ENOENT | Errno::ELOOP | Errno::EISDIR | Errno::ENXIO | Errno::EINVAL,
                ..
            }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if permissions_of(&status) != permissions
            || owner.is_some_and(|owner| owner != self::owner(&status))
            || usize::try_from(status.st_size).ok() != Some(content.len())
        {
            return Ok(false);
        }
        Ok(*self.read_all(&mut file, &status, name)? == content)
    }

    /// The permissions and the owner of a regular file; nothing if there is none.
    pub(crate) fn permissions(&self, name: &OsStr) -> Result<Option<(u32, Owner)>, Error> {
        match self.status_of(name) {
            Ok(status) => Ok((kind(&status) == SFlag::S_IFREG).then(|| (permissions_of(&status), owner(&status)))),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Copies a directory with everything in it, owners and permissions included.
    pub(crate) fn copy_to(&self, name: &OsStr, other: &Self) -> Result<(), Error> {
        let from = self.child(name)?;
        let status = from.status()?;
        let to = other.make(name, permissions_of(&status), Some(owner(&status)))?;
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
        if let Found::Link(link) = self.look(name)? {
            return other.link(&link.target, name, Some(link.owner));
        }
        let (mut file, status) = self.open(name)?;
        let content = self.read_all(&mut file, &status, name)?;
        other.write(name, &content, permissions_of(&status), Some(owner(&status)))
    }

    /// Opens a regular file; anything else is EINVAL.
    fn open(&self, name: &OsStr) -> Result<(Handle, FileStat), Error> {
        let failed = || Error::call("read", self.path.join(name));
        // O_NONBLOCK, because opening a pipe that stands there would wait for somebody to write.
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let handle = openat(&self.handle, name, flags, Mode::empty()).map_err(failed())?;
        let status = fstat(&handle).map_err(failed())?;
        if kind(&status) != SFlag::S_IFREG {
            return Err(failed()(Errno::EINVAL));
        }
        Ok((Handle::from(handle), status))
    }

    fn read_all(&self, file: &mut Handle, status: &FileStat, name: &OsStr) -> Result<Zeroizing<Vec<u8>>, Error> {
        // All of it in one piece from the start: a vector that grows leaves copies of a secret behind.
        let length = usize::try_from(status.st_size).unwrap_or(0);
        let mut content = Zeroizing::new(vec![0; length]);
        match file.read_exact(&mut content) {
            Ok(()) => Ok(content),
            Err(error) => Err(Error::call("read", self.path.join(name))(errno(&error))),
        }
    }
}

/// Removing. Nothing here follows a link, and what is already gone is no error.
impl Dir {
    /// Removes a file or link.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<(), Error> {
        self.unlink(name, UnlinkatFlags::NoRemoveDir)
    }

    /// Removes a directory if it is empty.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> Result<(), Error> {
        self.unlink(name, UnlinkatFlags::RemoveDir)
    }

    /// Removes a directory with everything in it, or whatever else has this name.
    pub(crate) fn remove_tree(&self, name: &OsStr) -> Result<(), Error> {
        match self.child(name) {
            Ok(directory) => {
                directory.clear()?;
                self.remove_empty(name)
            }
            Err(Error::Call { source: Errno::ENOENT, .. }) => Ok(()),
            Err(Error::Call { source: Errno::ENOTDIR | Errno::ELOOP, .. }) => self.remove(name),
            Err(error) => Err(error),
        }
    }

    /// Removes everything in this directory. However deep it is, no more than two directories are open at a time: a tree that
    /// could not be finished for want of handles has to be removed without them.
    fn clear(self) -> Result<(), Error> {
        let mut here = self;
        let mut left = vec![here.remove_files()?];
        // The names on the way from the beginning to here.
        let mut way: Vec<OsString> = Vec::new();
        while let Some(directories) = left.last_mut() {
            if let Some(name) = directories.pop() {
                here = here.child(&name)?;
                left.push(here.remove_files()?);
                way.push(name);
            } else {
                left.pop();
                if let Some(name) = way.pop() {
                    here = here.above()?;
                    here.remove_empty(&name)?;
                }
            }
        }
        Ok(())
    }

    /// Removes all but the directories, and gives their names.
    fn remove_files(&self) -> Result<Vec<OsString>, Error> {
        let mut directories = Vec::new();
        for (name, is) in self.entries()? {
            match is {
                Is::Directory => directories.push(name),
                Is::Other => self.remove(&name)?,
            }
        }
        Ok(directories)
    }

    /// Removes a directory in which there is nothing but directories, and stops at the first other thing.
    pub(crate) fn remove_hollow(&self, name: &OsStr) -> Result<(), Error> {
        let directory = self.child(name)?;
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
            Err(errno) => Err(Error::call("remove", self.path.join(name))(errno)),
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

/// What stands at a name.
pub(crate) enum Found {
    Nothing,
    Link(Link),
    Directory,
    File,
    Special,
}

impl Found {
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
    path: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) owner: Owner,
}

impl Link {
    /// Changes the owner of the link itself, unless it is the one.
    pub(crate) fn give(&self, owner: Owner) -> Result<(), Error> {
        if self.owner == owner {
            return Ok(());
        }
        let flags = AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW;
        fchownat(&self.handle, c"", Some(owner.user), Some(owner.group), flags)
            .map_err(Error::call("change the owner of the link", &self.path))
    }

    fn is_trusted(&self) -> bool {
        self.owner.user.is_root() || self.owner.user == geteuid()
    }
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

/// The order in which things are put into one directory: what has the name under which another one is prepared comes after
/// it, and is made again if it was in the way.
pub(crate) fn order(name: &OsStr) -> usize {
    let bytes = name.as_bytes();
    if bytes.starts_with(b".") && bytes.ends_with(SUFFIX.as_bytes()) { bytes.len() } else { 0 }
}

/// Owner first, because chown(2) may clear bits; then the permissions, which open(2) has cut down by the umask.
fn own(handle: &impl AsFd, owner: Option<Owner>, permissions: u32, path: impl Fn() -> PathBuf) -> Result<(), Error> {
    if let Some(owner) = owner {
        fchown(handle, Some(owner.user), Some(owner.group))
            .map_err(|errno| Error::call("change the owner of", path())(errno))?;
    }
    fchmod(handle, Mode::from_bits_truncate(permissions))
        .map_err(|errno| Error::call("change the mode of", path())(errno))
}

fn push_steps(ahead: &mut Vec<OsString>, path: &Path) {
    ahead.extend(path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    }));
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn permissions_of(status: &FileStat) -> u32 {
    status.st_mode & PERMISSIONS
}

fn owner(status: &FileStat) -> Owner {
    Owner { user: Uid::from_raw(status.st_uid), group: Gid::from_raw(status.st_gid) }
}

fn is_trusted(status: &FileStat) -> bool {
    status.st_uid == 0 || status.st_uid == geteuid().as_raw()
}

/// The standard library's errors without their payload; those that it makes itself have no number.
fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// A handle for names below it. It needs no permission to read, as home directories may refuse it.
const STEP: OFlag = OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// A handle for listing, and for changing owner and permissions.
const LIST: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// As many links as the kernel follows, `path_resolution(7)`.
const LINKS: u8 = 40;

/// The bits that chmod(2) takes.
const PERMISSIONS: u32 = 0o7777;
const OTHERS_WRITE: u32 = 0o022;
const OTHERS_ALL: u32 = 0o077;

const STEM: usize = 200;
const SUFFIX: &str = ".new";
