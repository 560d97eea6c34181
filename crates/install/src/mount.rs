//! The file system that the generations are on.
//!
//! # Another file system than the running one
//!
//! If `useTmpfs` changes, or the file system of the running generation is not mounted any more, a new one has to come to
//! a directory that readers are using, and mounting over it would hide what they read. So the new file system is made where no path
//! leads to, and gets a copy of the running generation under the same number. Then it is put beneath the one that is
//! mounted, and that one is taken away: the symlink leads to the same content before and after it, and one mount is left, so that
//! systemd can unmount it when the machine is powered off. A run that is killed in between leaves a note in the upper one,
//! and the next run takes that away.
//!
//! Where nothing is mounted yet, the new file system goes over the directory. Where the kernel cannot put one beneath another
//! (before Linux 6.5, or right below the root of a mount namespace), it goes over the old one, and [`crate::Store::prune`] removes what that one
//! held through an open handle.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{major, minor};
use rustix::fs::CWD;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen, move_mount,
};

use crate::current::Current;
use crate::dir::{DIRECTORY, Dir, Is, Missing, RAMFS_MAGIC, TMPFS_MAGIC, errno, raw};
use crate::error::UNMOUNT;
use crate::foreign::foreign;
use crate::generation::ForeignNumbers;
use crate::location::number;
use crate::mountinfo::{self, MOUNTS, field, is_line_of_ours};
use crate::notice::Notice;
use crate::record::{self, RECORD, RECORDS, STAMP, SUCCESSOR, is_record};
use crate::{Access, Effect, Error, FileSystem, Location};

/// The directory of the generations, open, and what it hides.
pub(crate) struct Mounted {
    pub(crate) root: Dir,
    /// The directory that held the generations until now, if another one was put over it.
    pub(crate) beneath: Option<Dir>,
    pub(crate) notices: Vec<Notice>,
    /// Whether anything was changed.
    pub(crate) effect: Effect,
}

/// Makes sure that the wanted file system is at the mount point and can be reached through it.
pub(crate) fn ensure(current: &Current<'_>, access: Access) -> Result<Mounted, Error> {
    let path = current.location().mount_point();
    let Some(kind) = MemoryKind::of(current.location()) else {
        let root = open(path)?;
        let effect = settle(&root, access)?;
        if !root.is_private()? {
            return Err(Error::Untrusted { path: path.to_owned() });
        }
        return Ok(Mounted { root, beneath: None, notices: Vec::new(), effect });
    };
    let mut before = open(path)?;
    if let Some(notice) = keeps(current, &before, access)? {
        let effect = settle(&before, access)?;
        return Ok(Mounted { root: before, beneath: None, notices: vec![notice], effect });
    }
    let mut taken_away = None;
    if finish(&before, current)? {
        taken_away = Some(std::mem::replace(&mut before, open(path)?));
    }
    if kind.is_at(&before)? {
        let effect = settle(&before, access)?;
        return Ok(Mounted { root: before, beneath: taken_away, notices: Vec::new(), effect });
    }
    let carried = current.number().filter(|_| current.running().is_some());
    let mut notices = Vec::new();
    // A file system without a symlink to it still holds the records of links and credentials elsewhere.
    let beneath = if carried.is_some() || before.is_mount()? {
        if before.is_mount()? {
            // The note on what is to follow it counts only where nobody else can write.
            settle(&before, access)?;
        }
        let change = Change { current, before: &before, generation: carried, mount_point: path, kind, access };
        change.make(&mut notices)?;
        Some(before)
    } else {
        mount_new(kind, &before, &mut notices)?;
        None
    };
    let root = open(path)?;
    // mount(2) saying yes is not enough: the secrets go to this handle, so this is what is looked at.
    if !kind.is_at(&root)? {
        return Err(Error::NotInMemory { path: path.to_owned() });
    }
    settle(&root, access)?;
    Ok(Mounted { root, beneath, notices, effect: Effect::Something })
}

/// Whether the mount point may be used: a new file system hides what is in it, or takes the place of the one that is there, and
/// one that is not ours yet gets another owner and other permissions. Foreign things must not be hidden or given another owner.
///
/// Where readers have their secrets in memory already, it stays as it is for that reason, which the notice says.
///
/// # Errors
///
/// [`Error::Foreign`] or [`Error::Mounted`] for something that is not ours.
pub(crate) fn keeps(current: &Current<'_>, root: &Dir, access: Access) -> Result<Option<Notice>, Error> {
    let Some(kind) = MemoryKind::of(current.location()) else { return Ok(None) };
    if kind.is_at(root)? && (current.number().is_some() || root.is_settled(access)?) {
        return Ok(None);
    }
    let is_mount = root.is_mount()?;
    let path = root.path().to_owned();
    if is_mount && !root.is_memory()? {
        return Err(Error::Mounted { path });
    }
    let first = foreign(root, current.location(), current.number())?.into_iter().next();
    let way_out = first.as_ref().and_then(Error::way_out);
    match first {
        Some(
            Error::Foreign { path: found, .. }
            | Error::ForeignSecret { path: found }
            | Error::Disowned { path: found }
            | Error::Mounted { path: found }
            | Error::MayBeRead { path: found },
        ) if is_mount && has_generation(current, root) => {
            Ok(Some(Notice::Kept { path, wanted: kind.name, found, way_out }))
        }
        // Its readers have their secrets there.
        Some(Error::OtherSymlink { path: symlink, .. }) if is_mount => {
            Ok(Some(Notice::KeptFor { path, wanted: kind.name, symlink }))
        }
        Some(error) => Err(error),
        None if is_mount && hides_ours(root)? => Err(Error::Mounted { path }),
        None if stays(kind, root)? => Ok(Some(Notice::KeptMount { path, wanted: kind.name })),
        None => Ok(None),
    }
}

/// Whether the symlink leads to a generation that is there, also to one that something covers.
fn has_generation(current: &Current<'_>, root: &Dir) -> bool {
    current.number().is_some_and(|number| root.status_of(number.to_string().as_ref()).is_ok())
}

/// What people call the file system that is to be at the mount point, if it is not there.
pub(crate) fn missing(location: &Location, root: &Dir) -> Result<Option<&'static str>, Error> {
    match MemoryKind::of(location) {
        Some(kind) if !kind.is_at(root)? && !stays(kind, root)? => Ok(Some(kind.name)),
        _ => Ok(None),
    }
}

/// Whether another kind than the wanted one is used as it is, because somebody else has mounted it.
fn stays(kind: MemoryKind, root: &Dir) -> Result<bool, Error> {
    Ok(root.is_mount()? && root.is_memory()? && !kind.is_at(root)? && !root.is_our_mount()?)
}

fn settle(root: &Dir, access: Access) -> Result<Effect, Error> {
    if root.is_settled(access)? { Ok(Effect::Nothing) } else { root.settle(access).map(|()| Effect::Something) }
}

/// Whether a file system of somebody else is mounted over one of ours, with what it holds.
pub(crate) fn hides_ours(root: &Dir) -> Result<bool, Error> {
    if root.is_our_mount()? {
        return Ok(false);
    }
    let Ok(mounts) = mounts() else { return Ok(false) };
    let number = root.mount()?.to_string();
    Ok(is_over(&mounts, |line| field(line, 0) == Some(&number), is_line_of_ours))
}

/// What people call the file system below this directory.
pub(crate) fn file_system_name(directory: &Dir) -> Result<&'static str, Error> {
    let magic = directory.file_system()?;
    Ok([RAMFS, TMPFS].into_iter().find(|kind| kind.magic == magic).map_or("a disk", |kind| kind.name))
}

/// Removes the generations and records in a directory of generations, such as one that a new file system was put over. What is
/// newer than `newest` may be something else with such a name.
pub(crate) fn clear(beneath: &Dir, newest: Option<u64>) -> Vec<Error> {
    // First, since it says that there are others: of one that is killed nothing is to be taken for damage.
    if let Err(error) = beneath.remove(STAMP.as_ref()) {
        return vec![error];
    }
    clear_with(beneath, newest, is_record)
}

/// Removes the generations alone: the records are needed as long as something that they name is left.
pub(crate) fn clear_generations(root: &Dir, newest: Option<u64>) -> Vec<Error> {
    clear_with(root, newest, |_| false)
}

fn clear_with(directory: &Dir, newest: Option<u64>, goes_too: impl Fn(&OsStr) -> bool) -> Vec<Error> {
    // Read before the record itself goes.
    let found = ForeignNumbers::read(directory).and_then(|foreign| Ok((foreign, directory.entries()?)));
    let (foreign, entries) = match found {
        Ok(found) => found,
        Err(error) => return vec![error],
    };
    let is_ours = |name: &OsStr| match number(name.as_encoded_bytes()) {
        Some(_) => foreign.is_generation(directory, name, newest),
        None => Ok(goes_too(name)),
    };
    let remove = |(name, _): (OsString, Is)| match is_ours(&name) {
        Ok(true) => directory.remove_tree(&name),
        Ok(false) => Vec::new(),
        Err(error) => vec![error],
    };
    entries.into_iter().flat_map(remove).collect()
}

fn open(path: &Path) -> Result<Dir, Error> {
    Dir::walk(path, Missing::Make(DIRECTORY))?.listable()
}

/// One file system that takes the place of another.
struct Change<'a> {
    current: &'a Current<'a>,
    before: &'a Dir,
    /// The one that readers see.
    generation: Option<u64>,
    mount_point: &'a Path,
    kind: MemoryKind,
    access: Access,
}

impl Change<'_> {
    fn make(&self, notices: &mut Vec<Notice>) -> Result<(), Error> {
        // Asked at the end, when it is too late to find out that it cannot be.
        mounts()?;
        let (mount, swap) = self.kind.detached().map_err(Error::call("make a file system for", self.mount_point))?;
        let new = Dir::of(&mount, self.mount_point)?;
        self.fill(&new)?;
        notices.extend(swap.notice(self.mount_point));
        if self.before.is_mount()? {
            // Written before, so that a run that finds both knows that they hold the same.
            self.before.replace(
                SUCCESSOR.as_ref(),
                &successor(&device_number(new.status()?.st_dev), self.generation),
                RECORD,
            )?;
            match put(&mount, self.mount_point, MoveMountFlags::MOVE_MOUNT_BENEATH) {
                // The call saying yes is not enough: what is there is looked at.
                Ok(()) if finish(self.before, self.current)? => return Ok(()),
                Ok(()) => return Err(Error::NotInMemory { path: self.mount_point.to_owned() }),
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EPERM | Errno::EOPNOTSUPP) => {
                    self.before.remove(SUCCESSOR.as_ref())?;
                    notices.push(Notice::Stacked { path: self.mount_point.to_owned() });
                }
                Err(errno) => return Err(Error::call("put a new file system beneath", self.mount_point)(errno)),
            }
        }
        put(&mount, self.mount_point, MoveMountFlags::empty())
            .map_err(Error::call("put a new file system over", self.mount_point))
    }

    /// Gives the new file system the generation and the records of the one before.
    fn fill(&self, new: &Dir) -> Result<(), Error> {
        if new.file_system()? != self.kind.magic {
            return Err(Error::NotInMemory { path: self.mount_point.to_owned() });
        }
        new.settle(self.access)?;
        if let Some(generation) = self.generation {
            self.before.copy_to(generation.to_string().as_ref(), new)?;
        }
        for (name, is) in self.before.entries()? {
            let is_record = RECORDS.iter().any(|record| name == *record) && name != SUCCESSOR && name != STAMP;
            if is == Is::Other && is_record {
                self.before.copy_entry_to(&name, new)?;
            }
        }
        Ok(())
    }
}

/// Finishes a change of file system that stopped half-way: unmounts the upper one if the one beneath is its recorded successor and
/// no switch came in between. Returns whether it did.
fn finish(before: &Dir, current: &Current<'_>) -> Result<bool, Error> {
    let Some(noted) = record::bytes(before, SUCCESSOR)? else { return Ok(false) };
    let upper = before.status()?.st_dev;
    // Where the kernel does not tell, the note stays for the next run.
    let generation = current.number().filter(|_| current.running().is_some());
    let upper = device_number(upper);
    let is_successor = |line: &str| field(line, 2).is_some_and(|device| successor(device, generation) == *noted);
    let is_beneath = is_over(&mounts()?, |line| field(line, 2) == Some(&upper), is_successor);
    if is_beneath {
        take_away(current.location().mount_point())?;
    } else {
        before.remove(SUCCESSOR.as_ref())?;
    }
    Ok(is_beneath)
}

/// The note on what is beneath: its device as mountinfo has it, and the generation that it holds.
fn successor(device: &str, generation: Option<u64>) -> Vec<u8> {
    let generation = generation.map_or_else(|| "none".to_owned(), |generation| generation.to_string());
    format!("{device} {generation}\n").into_bytes()
}

fn device_number(device: u64) -> String {
    format!("{}:{}", major(device), minor(device))
}

/// What is mounted, as /proc/self/mountinfo says it.
fn mounts() -> Result<String, Error> {
    mountinfo::read().map_err(|error| Error::call("read", MOUNTS)(errno(&error)))
}

/// Whether a file system is mounted on the root of another one, both told by their lines of mountinfo.
fn is_over(mounts: &str, is_upper: impl Fn(&str) -> bool, is_lower: impl Fn(&str) -> bool) -> bool {
    mounts.lines().filter(|upper| is_upper(upper)).any(|upper| {
        mounts
            .lines()
            .any(|lower| field(lower, 0) == field(upper, 1) && field(lower, 4) == field(upper, 4) && is_lower(lower))
    })
}

fn put(mount: &OwnedFd, path: &Path, how: MoveMountFlags) -> Result<(), Errno> {
    move_mount(mount, c"", CWD, path, how | MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(raw)
}

/// Readers who are in it stay there.
pub(crate) fn take_away(path: &Path) -> Result<(), Error> {
    umount2(path, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW).map_err(Error::call(UNMOUNT, path))
}

/// Mounts a new file system over a directory, wherever its path may lead by now. Where the kernel or a sandbox refuses the calls for
/// that, over what its path leads to.
fn mount_new(kind: MemoryKind, over: &Dir, notices: &mut Vec<Notice>) -> Result<(), Error> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    let made = kind.detached().and_then(|(mount, swap)| {
        move_mount(&mount, c"", over.handle(), c"", flags).map_err(raw)?;
        Ok(swap)
    });
    match made {
        Ok(swap) => {
            notices.extend(swap.notice(over.path()));
            Ok(())
        }
        Err(Errno::ENOSYS | Errno::EPERM | Errno::EACCES) => mount_at(kind, over.path(), notices),
        Err(errno) => Err(Error::call("mount a file system in memory at", over.path())(errno)),
    }
}

fn mount_at(kind: MemoryKind, path: &Path, notices: &mut Vec<Notice>) -> Result<(), Error> {
    let flags = MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let mode = format!("mode={DIRECTORY:04o}");
    let attempt = |data: &str| mount(Some("none"), path, Some(kind.name), flags, Some(data));
    let result = if kind.has_swap {
        match attempt(&(mode.clone() + ",noswap")) {
            Err(Errno::EINVAL) => {
                notices.extend(Swap::Allowed.notice(path));
                attempt(&mode)
            }
            result => result,
        }
    } else {
        attempt(&mode)
    };
    result.map_err(Error::call("mount a file system in memory at", path))
}

/// A kind of file system in memory.
#[derive(Clone, Copy)]
struct MemoryKind {
    name: &'static str,
    magic: u32,
    has_swap: bool,
}

impl MemoryKind {
    /// The one for the generations; nothing for those of a user.
    fn of(location: &Location) -> Option<Self> {
        match location.file_system() {
            FileSystem::Ramfs => Some(RAMFS),
            FileSystem::Tmpfs => Some(TMPFS),
            FileSystem::Runtime => None,
        }
    }

    /// Whether one of this kind is mounted at a directory.
    fn is_at(self, directory: &Dir) -> Result<bool, Error> {
        Ok(directory.is_mount()? && directory.file_system()? == self.magic)
    }

    /// A new file system that is mounted nowhere yet.
    fn detached(self) -> Result<(OwnedFd, Swap), Errno> {
        if self.has_swap {
            match self.configured(Swap::Refused) {
                Err(Errno::EINVAL) => {}
                mount => return Ok((mount?, Swap::Refused)),
            }
        }
        Ok((self.configured(Swap::Allowed)?, if self.has_swap { Swap::Allowed } else { Swap::Refused }))
    }

    fn configured(self, swap: Swap) -> Result<OwnedFd, Errno> {
        let file_system = fsopen(self.name, FsOpenFlags::FSOPEN_CLOEXEC).map_err(raw)?;
        fsconfig_set_string(&file_system, "source", "none").map_err(raw)?;
        fsconfig_set_string(&file_system, "mode", format!("{DIRECTORY:04o}")).map_err(raw)?;
        if self.has_swap && swap == Swap::Refused {
            fsconfig_set_flag(&file_system, "noswap").map_err(raw)?;
        }
        fsconfig_create(&file_system).map_err(raw)?;
        let attributes =
            MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        fsmount(&file_system, FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(raw)
    }
}

/// Whether the kernel may write a file system to swap.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Swap {
    Refused,
    /// Kernels before 6.4 do not know noswap, and user namespaces may not use it.
    Allowed,
}

impl Swap {
    fn notice(self, path: &Path) -> Option<Notice> {
        (self == Self::Allowed).then(|| Notice::Swappable { path: path.to_owned() })
    }
}

const RAMFS: MemoryKind = MemoryKind { name: "ramfs", magic: RAMFS_MAGIC, has_swap: false };
const TMPFS: MemoryKind = MemoryKind { name: "tmpfs", magic: TMPFS_MAGIC, has_swap: true };
