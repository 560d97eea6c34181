//! What the tests from outside have in common: a place of its own for each, whole runs, and children with other rights.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::num::NonZeroU64;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use install::{
    Access, Changes, Current, Error, File, FileKind, FileSystem, Location, Lock, Notice, Ownership, Removable, Removal,
    Retention, Store,
};
use manifest::{AbsolutePath, GenerationPlace, LinkPlace, Mode, Name, Places, RENDERED};
use nix::unistd::{Gid, Uid, geteuid};
use tempfile::TempDir;

/// The retention of a manifest that says nothing of it.
pub(crate) fn keep_one() -> Retention {
    Retention::last(NonZeroU64::new(1))
}

/// A folder with a location in it.
pub(crate) struct Place {
    folder: PathBuf,
    pub(crate) location: Location,
    /// Of the directories; none in user mode.
    pub(crate) group: Option<Gid>,
    /// Removes the folder in the end.
    _guard: Option<TempDir>,
}

/// What a run did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) changes: Changes,
    pub(crate) failures: Vec<Error>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) active: Option<u64>,
}

impl Place {
    /// In user mode, so that no right is needed.
    pub(crate) fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        // Under some of the umasks that tests set, an ordinary user could not enter it.
        fs::set_permissions(guard.path(), Permissions::from_mode(0o700)).unwrap();
        let folder = guard.path().canonicalize().unwrap();
        Self { location: location_in(&folder, FileSystem::Runtime), folder, group: None, _guard: Some(guard) }
    }

    /// Another one in the same folder, in user mode.
    pub(crate) fn share(&self) -> Self {
        Self { folder: self.folder.clone(), location: self.location.clone(), group: self.group, _guard: None }
    }

    /// In the folder that a child of [`in_namespace`] was given.
    pub(crate) fn mounted(file_system: FileSystem, group: u32) -> Self {
        let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
        let location = location_in(&folder, file_system);
        Self { folder, location, group: Some(Gid::from_raw(group)), _guard: None }
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    /// A secret that wants no link.
    pub(crate) fn secret(&self, name: &str, content: &str) -> Wanted {
        self.wanted(FileKind::Secret, name, content)
    }

    /// A template that wants no link.
    pub(crate) fn template(&self, name: &str, content: &str) -> Wanted {
        self.wanted(FileKind::Template, name, content)
    }

    fn wanted(&self, kind: FileKind, name: &str, content: &str) -> Wanted {
        let generation = GenerationPlace::root(&absolute(self.location.symlink_path()));
        let directory = match kind {
            FileKind::Secret => generation,
            FileKind::Template => generation.join(RENDERED).unwrap(),
        };
        Wanted {
            name: Name::try_from(name.to_owned()).unwrap(),
            place: directory.join(name).unwrap(),
            kind,
            content: content.into(),
            mode: mode(0o400),
            owner: self.group.map(|_| Ownership { user: Uid::from_raw(0), group: Gid::from_raw(0) }),
            link: None,
        }
    }

    /// A whole run, with one generation kept.
    pub(crate) fn install(&self, wanted: &[Wanted]) -> Result<Run, Error> {
        self.install_keeping(wanted, 1)
    }

    pub(crate) fn install_keeping(&self, wanted: &[Wanted], keep: u64) -> Result<Run, Error> {
        self.run(wanted, Retention::last(NonZeroU64::new(keep)), |store: &Store<'_>, retention| store.prune(retention))
    }

    /// A run that ends before old generations are removed.
    ///
    /// For tests with readers: a reader that the scheduler stops while the kernel is resolving its path, after the symlink
    /// and before the file, finds nothing if the generation is removed meanwhile.
    pub(crate) fn install_unpruned(&self, wanted: &[Wanted]) -> Result<Run, Error> {
        self.run(wanted, Retention::last(None), |_, _| Vec::new())
    }

    fn run(
        &self,
        wanted: &[Wanted],
        retention: Retention,
        prune: impl FnOnce(&Store<'_>, Retention) -> Vec<Error>,
    ) -> Result<Run, Error> {
        let files: Vec<File<'_>> = wanted.iter().map(Wanted::file).collect();
        let lock = Lock::acquire(&self.location, |_| {})?;
        let current = Current::inspect(&self.location)?;
        let changes = Changes::between(&current, &files, self.group)?;
        let mut store = Store::open(&current, lock, self.group)?;
        if !changes.is_empty() {
            store.stage(&files, retention)?.activate(&[])?;
        }
        let mut failures: Vec<_> = store.link(&files).into_iter().map(|(_, error)| error).collect();
        failures.extend(prune(&store, retention));
        let notices = store.notices();
        Ok(Run { changes, failures, notices, active: store.active() })
    }

    /// What a dry run finds.
    pub(crate) fn changes(&self, wanted: &[Wanted]) -> Result<Changes, Error> {
        let files: Vec<File<'_>> = wanted.iter().map(Wanted::file).collect();
        Changes::between(&Current::inspect(&self.location)?, &files, self.group)
    }

    /// The names in the mount point that are numbers.
    pub(crate) fn generations(&self) -> Vec<u64> {
        let mut numbers: Vec<u64> = fs::read_dir(self.location.mount_point())
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// What readers see: files by their place.
    pub(crate) fn tree(&self) -> BTreeMap<String, Seen> {
        let mut tree = BTreeMap::new();
        // The link itself must not be taken for an entry.
        walk(&fs::canonicalize(self.location.symlink_path()).unwrap(), "", &mut tree);
        tree
    }
}

/// Tells other threads to stop when it is dropped, so that they also stop if a test fails.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A file to be installed, with everything that it borrows.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    pub(crate) kind: FileKind,
    pub(crate) content: Vec<u8>,
    pub(crate) mode: Mode,
    pub(crate) owner: Option<Ownership>,
    pub(crate) place: GenerationPlace,
    pub(crate) link: Option<LinkPlace>,
}

impl Wanted {
    pub(crate) fn file(&self) -> File<'_> {
        let access = Access::new(self.mode, self.owner);
        let (name, kind, place, link) = (&self.name, self.kind, &self.place, self.link.as_ref());
        File { wanted: install::Wanted { name, kind, access, place, link, credential: None }, content: &self.content }
    }

    pub(crate) fn mode(mut self, bits: u32) -> Self {
        self.mode = mode(bits);
        self
    }

    pub(crate) fn owner(mut self, user: u32, group: u32) -> Self {
        self.owner = Some(Ownership { user: Uid::from_raw(user), group: Gid::from_raw(group) });
        self
    }

    pub(crate) fn at(mut self, path: &Path) -> Self {
        self.link = self.place.link(absolute(path));
        self
    }
}

/// A file, link or directory as it is found.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Seen {
    File { content: String, mode: u32, inode: u64 },
    Link { target: PathBuf },
    Directory { mode: u32 },
}

impl Seen {
    pub(crate) fn content(&self) -> &str {
        match self {
            Self::File { content, .. } => content,
            other => panic!("no file: {other:?}"),
        }
    }
}

pub(crate) fn walk(directory: &Path, prefix: &str, tree: &mut BTreeMap<String, Seen>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let place = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.path().symlink_metadata().unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        let seen = if metadata.is_dir() {
            walk(&entry.path(), &format!("{place}/"), tree);
            Seen::Directory { mode }
        } else if metadata.is_symlink() {
            Seen::Link { target: fs::read_link(entry.path()).unwrap() }
        } else {
            let content = fs::read(entry.path())
                .map_or_else(|error| error.to_string(), |bytes| String::from_utf8(bytes).unwrap());
            Seen::File { content, mode, inode: metadata.ino() }
        };
        tree.insert(place, seen);
    }
}

pub(crate) fn mode(bits: u32) -> Mode {
    Mode::try_from(format!("{bits:04o}")).unwrap()
}

pub(crate) fn absolute(path: &Path) -> AbsolutePath {
    AbsolutePath::try_from(path.to_str().unwrap().to_owned()).unwrap()
}

pub(crate) fn location(mount_point: &Path, symlink_path: &Path, file_system: FileSystem) -> Location {
    Location::new(Places::new(absolute(mount_point), absolute(symlink_path)).unwrap(), file_system)
}

/// The whole chain of an error on one line, and what to do about it.
pub(crate) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    error.way_out().map_or(text.clone(), |way_out| format!("{text}; {way_out}"))
}

/// A notice, and what to do about it.
pub(crate) fn notice(notice: &Notice) -> String {
    notice.way_out().map_or(notice.to_string(), |way_out| format!("{notice}; {way_out}"))
}

/// A whole removal.
pub(crate) fn remove(location: &Location, lock: Lock) -> Result<Removal, Vec<Error>> {
    Removable::of(location, lock)?.remove().map_err(|error| vec![error])
}

/// Runs a test again in children that may mount, and says whether this is such a child.
///
/// As root, once with root's rights and once in a user namespace, so that both are tested in one go; as an ordinary user
/// in a user namespace only. Each child has a mount namespace of its own, and a folder with a tmpfs on it.
pub(crate) fn in_namespace(test: &str) -> Option<Rights> {
    match env::var(RIGHTS).as_deref() {
        Ok("root") => return Some(enter(Rights::Root)),
        Ok(_) => return Some(enter(Rights::UserNamespace)),
        Err(_) => {}
    }
    let mut variants = vec![("user", vec!["--user", "--map-root-user", "--mount"])];
    if geteuid().is_root() {
        variants.push(("root", vec!["--mount"]));
    } else {
        // Not by a macro, whose output is only shown if a test fails.
        let notice = format!("*** {test}: NOT ROOT, so this is tested in a user namespace only; run it as root too\n");
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
    }
    for (rights, arguments) in variants {
        let folder = tempfile::tempdir().unwrap();
        let status = Command::new("unshare")
            .args(arguments)
            .args(["--propagation", "private", "--"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(RIGHTS, rights)
            .env(FOLDER, folder.path().canonicalize().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "{test} failed with the rights of {rights}");
    }
    None
}

fn enter(rights: Rights) -> Rights {
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let flags = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("none"), &folder, Some("tmpfs"), flags, Some("mode=0755")).unwrap();
    rights
}

/// What a child of [`in_namespace`] may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rights {
    Root,
    /// Mount, but no `noswap`, and only user and group 0.
    UserNamespace,
}

/// Whether this child can make other users than root owners of files.
pub(crate) fn may_give_away() -> bool {
    env::var(RIGHTS).as_deref() == Ok("root")
}

/// Runs a test again in a child with another umask, and says whether this is such a child.
pub(crate) fn with_umask(test: &str, umasks: &[&str]) -> bool {
    if env::var_os(UMASK).is_some() {
        return true;
    }
    for umask in umasks {
        let status = Command::new("sh")
            .args(["-c", "umask $1; exec \"$0\" --exact \"$2\" --nocapture --test-threads=1"])
            .arg(env::current_exe().unwrap())
            .args([umask, test])
            .env(UMASK, umask)
            .status()
            .unwrap();
        assert!(status.success(), "{test} failed with umask {umask}");
    }
    false
}

fn location_in(folder: &Path, file_system: FileSystem) -> Location {
    location(&folder.join("run/secrets.d"), &folder.join("run/secrets"), file_system)
}

const RIGHTS: &str = "INSTALL_TEST_RIGHTS";
const FOLDER: &str = "INSTALL_TEST_FOLDER";
const UMASK: &str = "INSTALL_TEST_UMASK";
