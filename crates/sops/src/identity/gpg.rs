//! The GnuPG program, which is asked for the data keys that nothing in memory opens.
//!
//! It leaves nothing behind. Where there is no GnuPG home, or one without keys, it gets an empty one in memory instead of
//! making its own; and an agent that was started for us is stopped.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::poll::{PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::sys::statfs::{self, FsType};
use nix::unistd::{UnlinkatFlags, geteuid, getuid, unlinkat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use zeroize::Zeroizing;

use crate::child::ending::Postponed;
use crate::child::query::{Query, QueryError, resolve};
use crate::child::watcher::Watcher;
use crate::child::{Child, ChildProblem, More, When, names, one_line};
use crate::identity::failure::{IdentityFailure, Need};

/// How to run GnuPG. It asks for no passphrase; whether its agent does, is up to the settings of the agent.
pub struct Gpg {
    /// The program: an absolute path, or a name to look up.
    pub program: PathBuf,
    /// Where names are looked up: folders with colons between, like `PATH`. Folders that are not absolute are passed over.
    pub search_path: OsString,
    /// The folder with the keys. Without one, or if it has none, gpg gets an empty folder in memory.
    pub home: Option<PathBuf>,
    /// How long one message may take.
    pub time_limit: Duration,
    /// Who is told if one takes long.
    pub watcher: Watcher,
}

/// GnuPG, unless it has hung once.
pub(crate) struct Program {
    settings: Gpg,
    hung: AtomicBool,
    /// Open from the first message on, so that an agent remembers what it was told.
    session: Mutex<Option<Session>>,
}

impl Program {
    pub(crate) fn new(settings: Gpg) -> Self {
        Self { settings, hung: AtomicBool::new(false), session: Mutex::new(None) }
    }

    /// How a report names it.
    pub(crate) fn origin(&self) -> String {
        match &self.settings.home {
            Some(home) => format!("{} with the GnuPG home {}", self.settings.program.display(), home.display()),
            None => self.settings.program.display().to_string(),
        }
    }

    /// What is in an armored message. An error says in one line why it was not told.
    pub(crate) fn decrypt(&self, armored: &str) -> Result<Zeroizing<Vec<u8>>, IdentityFailure> {
        let program = resolve(&self.settings.program, &self.settings.search_path)
            .map_err(|problem| Need::Gpg.of(problem.to_string()))?;
        let mut slot = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let session = match &mut *slot {
            Some(session) => session,
            None => slot.insert(Session::open(&self.settings)?),
        };
        let outcome = self.decrypt_one(&program, session.agent.home.path(), armored);
        if session.postponed.is_told() {
            // Cleans up, and then this process ends.
            *slot = None;
        }
        outcome
    }

    /// Stops what was started for this, and removes what was made.
    pub(crate) fn close(&self) {
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn decrypt_one(&self, program: &Path, home: &Path, armored: &str) -> Result<Zeroizing<Vec<u8>>, IdentityFailure> {
        if self.hung.load(Ordering::Relaxed) {
            return Err("it did not answer before, so it was not asked again".to_owned().into());
        }
        self.run(program, home, armored).map_err(|problem| match problem {
            NoAnswer::Child(ChildProblem::Start(error)) if error.kind() == io::ErrorKind::NotFound => {
                Need::Gpg.of(format!("the program {} is not there", program.display()))
            }
            NoAnswer::Child(problem) => {
                self.hung.store(matches!(problem, ChildProblem::TimeLimit(_)), Ordering::Relaxed);
                problem.to_string().into()
            }
            NoAnswer::Said(failure) => failure,
        })
    }

    fn run(&self, program: &Path, home: &Path, armored: &str) -> Result<Zeroizing<Vec<u8>>, NoAnswer> {
        let mut command = Command::new(program);
        command.args(["--batch", "--no-tty"]);
        // Trust plays no part in a decryption, and these keep it from making files.
        command.args(["--trust-model=always", "--no-auto-check-trustdb", "--no-random-seed-file", "--decrypt"]);
        // Its messages are looked into.
        command.env("GNUPGHOME", home).env("LC_ALL", "C").env_remove("LANGUAGE").current_dir("/");
        let child = Child::start(&mut command, &self.settings.search_path, self.settings.time_limit, When::Working)?;
        let mut child = child.telling(&self.settings.watcher, program);
        child.exchange(armored.as_bytes(), More::Never, |_, _| false)?;
        let status = child.finish(Duration::MAX)?;
        if !status.success() {
            let complaint = essence(child.raw_complaint());
            let said = if complaint.words.is_empty() { status.to_string().into() } else { complaint };
            return Err(NoAnswer::Said(said));
        }
        if child.output().is_empty() {
            return Err(NoAnswer::Said("it printed nothing".to_owned().into()));
        }
        Ok(Zeroizing::new(child.output().to_vec()))
    }
}

/// Why gpg failed, in its words: its last line, but for what it shows of the session key if its configuration wants that. That it
/// cannot use a key is another thing than that there is none, but it ends with the same words.
fn essence(complaint: &[u8]) -> IdentityFailure {
    let lines = complaint.split(|&byte| byte == b'\n').map(|line| line.strip_prefix(b"gpg: ").unwrap_or(line));
    let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty() && !line.starts_with(b"session key")).collect();
    match lines.iter().find_map(|line| line.strip_prefix(UNUSABLE)) {
        Some(why) => {
            let why = one_line(why);
            let words = format!("the secret key is there and cannot be used: {why}");
            if ASKS.iter().any(|word| why.contains(word)) {
                Need::NoPassphrase.of(words + "; a passphrase cannot be typed here")
            } else {
                words.into()
            }
        }
        // Then the last line says that there is no secret key, of which gpg knows nothing.
        None => match lines.iter().find(|line| line.starts_with(NO_AGENT)) {
            Some(line) => Need::OwnHome.of(one_line(line)),
            None => one_line(lines.last().copied().unwrap_or_default()).into(),
        },
    }
}

/// What gpg says when its agent, which has the keys, does not start: in a home that cannot be written to, for example.
const NO_AGENT: &[u8] = b"can't connect to the agent";

/// Words of what is in the way where a passphrase is asked for.
const ASKS: [&str; 5] = ["ioctl", "inentry", "assphrase", "cancel", "No such file"];

/// What gpg says of a key that it has, before why it cannot use it.
const UNUSABLE: &[u8] = b"public key decryption failed: ";

/// All that is done with GnuPG in a run. What is there for it goes on drop.
struct Session {
    agent: Agent,
    /// What is to be cleaned up is cleaned up before this process ends.
    postponed: Postponed,
}

impl Session {
    fn open(settings: &Gpg) -> Result<Self, IdentityFailure> {
        let postponed = Postponed::new().map_err(|error| format!("it cannot be started: {error}"))?;
        let home = Home::find(settings)?;
        let agent = Agent::look(settings, home);
        Ok(Self { agent, postponed })
    }
}

/// Where GnuPG finds its keys.
enum Home {
    /// A folder of the user's, with keys.
    Theirs(PathBuf),
    /// An empty folder in memory, removed on drop. It is locked, so that no other run takes it for left behind.
    InMemory(PathBuf, Flock<fs::File>),
}

impl Home {
    fn find(settings: &Gpg) -> Result<Self, IdentityFailure> {
        let home = settings.home.as_deref();
        // Before it is looked into: what stands there may lead anywhere.
        if let Some(theirs) = home.and_then(of_others) {
            return Err(changeable(theirs));
        }
        match home {
            Some(home) if KEYRINGS.iter().any(|name| home.join(name).exists()) => trusted(home).map(Self::Theirs),
            _ => Self::in_memory()
                .map_err(|error| format!("there is no place in memory for a GnuPG home of its own: {error}").into()),
        }
    }

    fn in_memory() -> io::Result<Self> {
        let runtime = PathBuf::from(format!("/run/user/{}", getuid()));
        let folders = [Path::new("/dev/shm"), Path::new("/run"), &runtime];
        let is_memory =
            |folder: &&Path| statfs::statfs(*folder).is_ok_and(|system| is_memory(system.filesystem_type()));
        let mut outcome = Err(io::Error::from(io::ErrorKind::NotFound));
        for folder in folders.iter().copied().filter(is_memory) {
            remove_leftovers(folder);
            for attempt in 0..100_u32 {
                let place = folder.join(format!("{HOME}{}-{attempt}", std::process::id()));
                match DirBuilder::new().mode(0o700).create(&place) {
                    Ok(()) => {
                        if let Some(lock) = unused(&place).filter(|_| place.exists()) {
                            return Ok(Self::InMemory(place, lock));
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
        }
        outcome
    }

    fn path(&self) -> &Path {
        match self {
            Self::Theirs(path) | Self::InMemory(path, _) => path,
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Self::InMemory(path, lock) = self {
            // The agent removes its sockets while this goes on, and both may find something gone.
            retry(|| remove_folder(path, lock));
        }
    }
}

/// The home by a path without links, if nobody else can change what is in it: gpg runs programs and writes files that stand in
/// its configuration, as whoever runs it.
fn trusted(home: &Path) -> Result<PathBuf, IdentityFailure> {
    let path = fs::canonicalize(home).map_err(|error| format!("{}: {error}", home.display()))?;
    let inside = names(&path).into_iter().map(|name| path.join(name));
    let is_open = |path: &PathBuf| can_others_change(path).is_none_or(|(open, _)| open);
    // Above it, what is sticky keeps what somebody has made from all others.
    let is_open_above = |path: &&Path| can_others_change(path).is_none_or(|(open, sticky)| open && !sticky);
    let above = path.ancestors().skip(1).find(is_open_above).map(Path::to_owned);
    match inside.chain([path.clone()]).find(is_open).or(above) {
        Some(path) => Err(changeable(&path)),
        None => Ok(path),
    }
}

fn changeable(path: &Path) -> IdentityFailure {
    Need::OwnHome.of(format!("another user can change {}, and so let gpg do anything", path.display()))
}

/// The first directory or link on the way to a home that belongs to neither root nor this user.
fn of_others(home: &Path) -> Option<&Path> {
    let from_the_root: Vec<_> = home.ancestors().collect();
    let is_of_others = |path: &&&Path| fs::symlink_metadata(path).is_ok_and(|found| !is_ours(found.uid()));
    from_the_root.iter().rev().find(is_of_others).copied()
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

/// Whether somebody but root and this user can write what is at a path, and whether it is sticky; nothing if it is theirs.
fn can_others_change(path: &Path) -> Option<(bool, bool)> {
    let link = match fs::symlink_metadata(path) {
        // A lock of gpg's that is gone by now.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some((false, true)),
        link => link.ok()?,
    };
    let status = match fs::metadata(path) {
        // A link to nothing is whose it is.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return is_ours(link.uid()).then_some((false, true)),
        status => status.ok()?,
    };
    let [group, others, sticky] = [0o020, 0o002, 0o1000].map(|bit| status.mode() & bit != 0);
    // A group that has the number of an ordinary user is mostly that user's alone. With an access control list these bits are what it
    // grants at most.
    let is_private = !geteuid().is_root() && status.gid() == geteuid().as_raw();
    let is_open = others || (group && !is_private);
    (is_ours(link.uid()) && is_ours(status.uid())).then_some((is_open, sticky))
}

/// A folder of our own, if no run has it: the kernel gives up the lock of one that was killed.
fn unused(path: &Path) -> Option<Flock<fs::File>> {
    let folder =
        fs::File::options().read(true).custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW).bits()).open(path);
    let folder =
        folder.ok().filter(|folder| folder.metadata().is_ok_and(|folder| folder.uid() == geteuid().as_raw()))?;
    Flock::lock(folder, FlockArg::LockExclusiveNonblock).ok()
}

/// Removes a folder of our own with what is in it, but for what is mounted there.
fn remove_folder(path: &Path, folder: &fs::File) -> io::Result<()> {
    match clear(folder.as_fd()).map_err(io::Error::from).and_then(|()| fs::remove_dir(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Empties a folder. That `install` can do so too is no help: this crate knows nothing of installations, and what it removes
/// here is its own alone.
fn clear(folder: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut list = Dir::openat(folder, c".", flags, Mode::empty())?;
    for entry in list.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if [c".", c".."].contains(&name) {
            continue;
        }
        let here = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_XDEV);
        let opened = match openat2(folder, name, here) {
            // Before Linux 5.6, or in a sandbox that does not know this call.
            Err(Errno::ENOSYS | Errno::EPERM) => openat(folder, name, flags, Mode::empty()),
            opened => opened,
        };
        match opened {
            Ok(below) => {
                clear(below.as_fd())?;
                unlinkat(folder, name, UnlinkatFlags::RemoveDir)?;
            }
            Err(Errno::ENOTDIR | Errno::ELOOP) => unlinkat(folder, name, UnlinkatFlags::NoRemoveDir)?,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Removes what runs have left in a folder that were killed while GnuPG was at work.
fn remove_leftovers(folder: &Path) {
    for name in names(folder).iter().filter(|name| name.as_bytes().starts_with(HOME.as_bytes())) {
        let path = folder.join(name);
        if let Some(lock) = unused(&path) {
            match remove_folder(&path, &lock) {
                // The next run tries again.
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// How the name of a home in memory begins.
const HOME: &str = ".sops-gnupg-";

/// Whether a file system is in memory alone. `install` asks the same of where secrets go, by its own open directories, and
/// neither crate may use the other.
fn is_memory(kind: FsType) -> bool {
    // The number's type differs between architectures and C libraries; its first four bytes do not.
    let [a, b, c, d, ..] = kind.0.to_le_bytes();
    MEMORY.contains(&u32::from_le_bytes([a, b, c, d]))
}

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of linux/magic.h.
const MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

/// Without one of these a GnuPG home has no keys, and GnuPG would make one.
const KEYRINGS: [&str; 3] = ["pubring.kbx", "pubring.gpg", "public-keys.d"];

/// The agent of a GnuPG home. One that was not there before is stopped on drop.
struct Agent {
    search_path: OsString,
    watcher: Watcher,
    home: Home,
    was_running: bool,
    /// The folders for sockets that there were.
    folders: Vec<PathBuf>,
}

impl Agent {
    fn look(settings: &Gpg, home: Home) -> Self {
        let (search_path, watcher) = (settings.search_path.clone(), settings.watcher.clone());
        let mut agent = Self { search_path, watcher, home, was_running: false, folders: socket_folders() };
        let socket = agent.gpgconf(&["--list-dirs", "agent-socket"]).ok();
        agent.was_running = socket.is_some_and(|path| is_served(OsStr::from_bytes(path.trim_ascii_end())));
        agent
    }

    fn gpgconf(&self, arguments: &[&str]) -> Result<Zeroizing<Vec<u8>>, QueryError> {
        let arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        let query = Query {
            program: OsStr::new("gpgconf"),
            arguments: &arguments,
            search_path: &self.search_path,
            environment: &[("GNUPGHOME", self.home.path().as_os_str())],
            time_limit: CLEANING,
            watcher: &self.watcher,
        };
        query.output_even_at_the_end()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.was_running {
            return;
        }
        match self.gpgconf(&["--kill", "all"]) {
            // Where there is no gpgconf, there is no agent that it could stop.
            Ok(_) | Err(_) => {}
        }
        let new: Vec<_> = socket_folders().into_iter().filter(|folder| !self.folders.contains(folder)).collect();
        // In the order of paths a folder comes before what is in it.
        for folder in new.iter().rev() {
            retry(|| match fs::remove_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                outcome => outcome,
            });
        }
    }
}

/// Whether somebody listens at a socket. One that is left over from an agent that is gone accepts no connection, and one that does not
/// accept it at once has an agent that does not get to it.
fn is_served(socket: &OsStr) -> bool {
    let connected = SocketAddrUnix::new(socket).and_then(|address| {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        connect(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?, &address)
    });
    matches!(connected, Ok(()) | Err(rustix::io::Errno::AGAIN))
}

/// The folders in which GnuPG puts sockets if it does not put them into its home: one for each home.
fn socket_folders() -> Vec<PathBuf> {
    let top = PathBuf::from(format!("/run/user/{}/gnupg", getuid()));
    let folders: Vec<PathBuf> = names(&top).into_iter().map(|name| top.join(name)).collect();
    let is_folder = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    folders.into_iter().chain([top]).filter(is_folder).collect()
}

/// Tries again for a while what fails because something else is not finished.
fn retry(attempt: impl Fn() -> io::Result<()>) {
    let start = Instant::now();
    while attempt().is_err() && start.elapsed() < CLEANING {
        // Not the standard library's sleep, which panics where a sandbox refuses it.
        match poll(&mut [], PollTimeout::from(5_u8)) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// How long it may take to clean up.
const CLEANING: Duration = Duration::from_secs(5);

/// Why there was no answer.
enum NoAnswer {
    Child(ChildProblem),
    Said(IdentityFailure),
}

impl From<ChildProblem> for NoAnswer {
    fn from(problem: ChildProblem) -> Self {
        Self::Child(problem)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Stdio;

    use super::*;
    use crate::child::tests::{assert_gone, programs};

    const PATH: &str = "/usr/bin:/bin";

    /// The stand-in for GnuPG, told what to do.
    fn program(home: &Path, how: &str, time_limit: Duration) -> Program {
        fs::write(home.join("how"), how).unwrap();
        fs::write(home.join("pubring.kbx"), "").unwrap();
        let home = Some(home.to_owned());
        Program::new(Gpg {
            program: programs().join("gpg"),
            search_path: PATH.into(),
            home,
            time_limit,
            watcher: Watcher::default(),
        })
    }

    #[test]
    fn a_home_that_another_user_can_change_is_not_used() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("above/home");
        fs::create_dir_all(&home).unwrap();
        for name in ["pubring.kbx", "gpg.conf"] {
            fs::write(home.join(name), "").unwrap();
        }
        let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let above = home.parent().unwrap().to_owned();
        let configuration = home.join("gpg.conf");
        for (path, mode, is_used) in [
            (&home, 0o700, true),
            (&home, 0o777, false),
            (&home, 0o1777, false),
            (&home, 0o755, true),
            (&configuration, 0o666, false),
            (&configuration, 0o644, true),
            (&above, 0o777, false),
            (&above, 0o1777, true),
        ] {
            set(path, mode);
            let outcome = trusted(&home);
            assert_eq!(outcome.is_ok(), is_used, "{} {mode:o}: {outcome:?}", path.display());
        }
        std::os::unix::fs::symlink("user@host.1", home.join(".#gpg.conf")).unwrap();
        assert_eq!(trusted(&home).unwrap(), fs::canonicalize(&home).unwrap());
        if geteuid().is_root() {
            chown(&configuration, Some(1), None).unwrap();
            assert!(trusted(&home).unwrap_err().words.contains("another user can change "));
        }
    }

    #[test]
    fn a_socket_that_nobody_gets_to_is_not_waited_for() {
        use std::os::unix::net::UnixListener;
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("S.gpg-agent");
        assert!(!is_served(socket.as_os_str()));
        let listener = UnixListener::bind(&socket).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = SocketAddrUnix::new(&socket).unwrap();
        let full: Vec<_> = (0..8)
            .map(|_| {
                let flags = SocketFlags::NONBLOCK;
                let one = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
                (connect(&one, &address), one)
            })
            .collect();
        assert!(full.iter().any(|(connected, _)| connected.is_err()), "no more is accepted");
        assert!(is_served(socket.as_os_str()));
        drop(listener);
        assert!(!is_served(socket.as_os_str()));
    }

    #[test]
    fn only_what_no_run_has_is_taken_for_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let [used, left, other] =
            [".sops-gnupg-1-0", ".sops-gnupg-999999999-0", ".other"].map(|name| folder.path().join(name));
        for home in [&used, &left, &other] {
            fs::create_dir_all(home.join("private-keys-v1.d")).unwrap();
            fs::write(home.join("trustdb.gpg"), "").unwrap();
            std::os::unix::fs::symlink("/", home.join("link")).unwrap();
        }
        let lock = unused(&used).unwrap();
        remove_leftovers(folder.path());
        assert!(used.join("trustdb.gpg").exists() && other.exists() && !left.exists());
        drop(lock);
        remove_leftovers(folder.path());
        assert!(!used.exists());
    }

    #[test]
    fn the_answer_is_the_key_and_a_refusal_is_told() {
        for (how, expected) in [
            ("copy", Ok("the message")),
            ("deaf", Ok("a key")),
            ("complain", Ok("a key")),
            ("empty", Err("it printed nothing")),
            ("refuse", Err("decryption failed: ?[1mNo secret key")),
            (
                "locked",
                Err(
                    "the secret key is there and cannot be used: Inappropriate ioctl for device; a passphrase cannot be typed here",
                ),
            ),
            ("apart", Err("can't connect to the agent: Read-only file system")),
            ("flood", Err("it answered with more than 65536 bytes")),
        ] {
            let home = tempfile::tempdir().unwrap();
            let outcome = program(home.path(), how, Duration::from_secs(60)).decrypt("the message");
            let need = outcome.as_ref().err().and_then(|failure| failure.need);
            let outcome = outcome.map(|key| String::from_utf8(key.to_vec()).unwrap()).map_err(|failure| failure.words);
            assert_eq!(outcome, expected.map(str::to_owned).map_err(str::to_owned), "{how}");
            let expected = match how {
                "locked" => Some(Need::NoPassphrase),
                "apart" => Some(Need::OwnHome),
                _ => None,
            };
            assert_eq!(need, expected, "{how}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_stopped_with_all_it_started_and_not_asked_again() {
        let home = tempfile::tempdir().unwrap();
        let gpg = program(home.path(), "hang", Duration::from_secs(2));
        assert_eq!(gpg.decrypt("").err().unwrap().words, "it gave no answer within 2 seconds and was stopped");
        assert_gone(&home.path().join("pids"));
        assert_eq!(gpg.decrypt("").err().unwrap().words, "it did not answer before, so it was not asked again");
        assert_eq!(fs::read_to_string(home.path().join("runs")).unwrap(), "run\n");
    }

    #[test]
    fn what_a_program_leaves_running_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        // It holds the pipe of its parent open, which is not waited for.
        let gpg = program(home.path(), "leave", Duration::from_secs(60));
        let begin = std::time::Instant::now();
        gpg.decrypt("").unwrap();
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        assert_gone(&home.path().join("pids"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let settings = |program: &str, path: &str| Gpg {
            program: program.into(),
            search_path: path.into(),
            home: None,
            time_limit: Duration::from_secs(9),
            watcher: Watcher::default(),
        };
        let gpg = Program::new(settings("/nonexistent/gpg", PATH));
        assert_eq!(gpg.decrypt(""), Err(Need::Gpg.of("the program /nonexistent/gpg is not there".to_owned())));
        assert_eq!(gpg.origin(), "/nonexistent/gpg");
        for path in ["", ".", ":", "tests/programs"] {
            let gpg = Program::new(settings("gpg", path));
            let problem = "the program gpg is not in an absolute folder of PATH".to_owned();
            assert_eq!(gpg.decrypt(""), Err(Need::Gpg.of(problem)), "{path:?}");
        }
    }

    #[test]
    fn the_real_program_opens_what_it_encrypted() {
        // Its agents are started by GnuPG itself, outside of a session of ours, and another test must not end them.
        let _going_on = Postponed::new().unwrap();
        let private = || tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        let home = private();
        let run = |arguments: &[&str], input: &[u8]| {
            let mut child = Command::new("gpg")
                .args(["--batch", "--quiet", "--no-tty", "--pinentry-mode=loopback", "--passphrase="])
                .args(arguments)
                .env("GNUPGHOME", home.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            child.stdin.take().unwrap().write_all(input)?;
            child.wait_with_output()
        };
        let made = run(&["--quick-generate-key", "host", "default", "default"], b"");
        if made.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            // Past the capture of the test harness, which shows nothing of a test that passes.
            std::io::stderr().write_all(b"NOT TESTED: GnuPG, because there is no program gpg\n").unwrap();
            return;
        }
        assert!(made.unwrap().status.success());
        let message =
            run(&["--trust-model=always", "--armor", "--recipient", "host", "--encrypt"], b"a data key").unwrap();
        let message = String::from_utf8(message.stdout).unwrap();
        let listing = |home: &Path| {
            let mut names: Vec<_> = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let kill = |home: &Path| {
            let agent = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", home).status();
            assert!(agent.unwrap().success());
        };
        let is_running = |home: &Path| {
            let agent = Command::new("gpgconf").args(["--list-dirs", "agent-socket"]).env("GNUPGHOME", home).output();
            is_served(OsStr::from_bytes(agent.unwrap().stdout.trim_ascii_end()))
        };
        let gpg = |home: &Path| {
            let home = Some(home.to_owned());
            Program::new(Gpg {
                program: "gpg".into(),
                search_path: PATH.into(),
                home,
                time_limit: Duration::from_secs(60),
                watcher: Watcher::default(),
            })
        };

        // The agent that made the key is running, and goes on.
        assert!(is_running(home.path()));
        assert_eq!(gpg(home.path()).decrypt(&message).unwrap().as_slice(), b"a data key");
        assert!(is_running(home.path()), "what is not ours is left alone");

        kill(home.path());
        fs::remove_file(home.path().join("trustdb.gpg")).unwrap();
        let before = retry_listing(home.path());
        let program = gpg(home.path());
        for _ in 0..2 {
            assert_eq!(program.decrypt(&message).unwrap().as_slice(), b"a data key");
        }
        assert!(is_running(home.path()), "it remembers passphrases until the end");
        drop(program);
        assert!(!is_running(home.path()), "what was started for us is stopped");
        assert_eq!(listing(home.path()), before, "nothing is left behind");

        let empty = private();
        for folder in [empty.path(), &empty.path().join("missing")] {
            assert!(gpg(folder).decrypt(&message).unwrap_err().words.contains("No secret key"));
            assert_eq!(listing(empty.path()), Vec::<OsString>::new(), "nothing is made");
        }
        let ours = format!(".sops-gnupg-{}-", std::process::id());
        for folder in ["/dev/shm", "/run"] {
            let left = fs::read_dir(folder)
                .unwrap()
                .any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(&ours));
            assert!(!left, "{folder}");
        }
    }

    /// What is in a GnuPG home once its agent has removed its sockets.
    fn retry_listing(home: &Path) -> Vec<OsString> {
        let start = Instant::now();
        loop {
            let names = fs::read_dir(home).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<_> = names.collect();
            names.sort();
            if !names.iter().any(|name| name.to_string_lossy().starts_with("S.")) || start.elapsed() > CLEANING {
                return names;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
