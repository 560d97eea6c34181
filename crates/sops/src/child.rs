//! A child process that is asked something and cannot outlast its time limit.
//!
//! It gets pipes and no terminal, and a process group of its own, which ends with it: what it left behind in that group is
//! killed, also when this process is told to end meanwhile. There are no threads; all waiting is done by `poll(2)`.

pub(crate) mod ending;
pub(crate) mod query;
pub(crate) mod watcher;

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use self::ending::Postponed;
use self::watcher::{Untold, Watcher};
use crate::foreign::Foreign;

/// The most that is kept of what a child wrote, in bytes; what is asked for is a key.
const LARGEST_OUTPUT: usize = 64 * 1024;
const LARGEST_COMPLAINT: usize = 4 * 1024;

/// What a pipe takes without blocking when `poll(2)` says that it takes something: `PIPE_BUF` (pipe(7)).
const PIECE: usize = 4096;

/// What can go wrong with a child that was to answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildProblem {
    #[error("it cannot be started: {0}")]
    Start(io::Error),
    #[error("it gave no answer within {} seconds and was stopped", .0.as_secs_f32())]
    TimeLimit(Duration),
    #[error("it answered with more than {LARGEST_OUTPUT} bytes")]
    Output,
    #[error("it was stopped, because this program was told to end")]
    Interrupted,
    #[error("talking to it failed: {0}")]
    Pipe(io::Error),
}

/// Whether a child can expect more input.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum More {
    Expected,
    Never,
}

/// What a child is for.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum When {
    /// It is not started any more once this process was told to end, and is stopped then.
    Working,
    /// It is not.
    CleaningUp,
}

/// A running child.
pub(crate) struct Child {
    process: process::Child,
    /// Still there to be killed and waited for.
    running: bool,
    input: Option<ChildStdin>,
    limit: Duration,
    deadline: Instant,
    /// What it wrote to its standard output and is not forgotten. The buffer does not grow, which would leave copies behind.
    output: Zeroizing<Vec<u8>>,
    /// The beginning of what it wrote to its standard error.
    complaint: Vec<u8>,
    when: When,
    untold: Untold,
    /// Dropped last, when the child has ended.
    postponed: Postponed,
}

impl Child {
    /// Starts `command`; the time limit starts now. Its `PATH` has the absolute folders of `search_path`.
    pub(crate) fn start(
        command: &mut Command,
        search_path: &OsStr,
        limit: Duration,
        when: When,
    ) -> Result<Self, ChildProblem> {
        // A child has no use for the identities that sops takes from there.
        command.env_remove("SOPS_AGE_KEY");
        command.env("PATH", absolute_folders(search_path));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let postponed = Postponed::new().map_err(ChildProblem::Start)?;
        if when == When::Working && postponed.is_told() {
            return Err(ChildProblem::Interrupted);
        }
        let mut process = command.spawn().map_err(ChildProblem::Start)?;
        let now = Instant::now();
        Ok(Self {
            input: process.stdin.take(),
            process,
            running: true,
            limit,
            // A limit that the clock cannot hold becomes a day.
            deadline: now
                .checked_add(limit)
                .or_else(|| now.checked_add(Duration::from_secs(24 * 60 * 60)))
                .unwrap_or(now),
            output: Zeroizing::new(Vec::with_capacity(LARGEST_OUTPUT)),
            complaint: Vec::new(),
            when,
            untold: Untold::new(Watcher::default(), String::new()),
            postponed,
        })
    }

    /// Lets people be told if it takes long.
    pub(crate) fn telling(mut self, watcher: &Watcher, program: &Path) -> Self {
        let name = program.file_name().unwrap_or(program.as_os_str());
        self.untold = Untold::new(watcher.clone(), one_line(name.as_bytes()));
        self
    }

    /// Its standard output so far, without what was forgotten.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Makes room for more output in place of its first bytes, which were understood.
    pub(crate) fn forget(&mut self, length: usize) {
        // What is moved to the front leaves its old place inside the buffer, which is wiped as a whole.
        let length = length.min(self.output.len());
        self.output.drain(..length);
    }

    /// What it has to say about a failure, on one line, without control characters.
    pub(crate) fn complaint(&self) -> String {
        one_line(&self.complaint)
    }

    /// The beginning of its standard error, without what was forgotten.
    pub(crate) fn raw_complaint(&self) -> &[u8] {
        &self.complaint
    }

    /// Makes room for more complaints in place of these first bytes.
    pub(crate) fn forget_complaint(&mut self, length: usize) {
        self.complaint.drain(..length.min(self.complaint.len()));
    }

    /// Writes `input`, and reads until `enough` says so of the whole output and complaint, or until the output is closed.
    pub(crate) fn exchange(
        &mut self,
        mut input: &[u8],
        more: More,
        enough: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Result<(), ChildProblem> {
        let mut left_open = LeftOpen::new();
        loop {
            if input.is_empty() && more == More::Never {
                self.input = None;
            }
            if self.process.stdout.is_none() || (input.is_empty() && enough(&self.output, &self.complaint)) {
                return Ok(());
            }
            let writing = if input.is_empty() { None } else { self.input.as_mut() };
            let ending = (self.when == When::Working).then_some(&self.postponed);
            let until = left_open.look(self.untold.look(self.deadline));
            let ready = Ready::wait(&self.process, writing.as_deref(), ending, until)?;
            if !ready.output && left_open.is_over(self.has_ended()?) {
                // The child has ended, so what still holds it open is another process.
                self.process.stdout = None;
                return Ok(());
            }
            let writing = if input.is_empty() { None } else { self.input.as_mut() };
            if let (true, Some(pipe)) = (ready.input, writing) {
                let piece = input.get(..PIECE).unwrap_or(input);
                match pipe.write(piece) {
                    Ok(length) => input = input.get(length..).unwrap_or_default(),
                    // A child that does not read its input may still have answered.
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => input = &[],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(ChildProblem::Pipe(error)),
                }
            }
            self.read(&ready)?;
            if Instant::now() >= self.deadline {
                return Err(ChildProblem::TimeLimit(self.limit));
            }
        }
    }

    /// Closes its input and waits until it ends, but no longer than `patience`.
    pub(crate) fn finish(&mut self, patience: Duration) -> Result<ExitStatus, ChildProblem> {
        self.input = None;
        let deadline = Instant::now().checked_add(patience).map_or(self.deadline, |end| end.min(self.deadline));
        let mut pause = Duration::from_millis(1);
        loop {
            if self.has_ended()? {
                return self.end().map_err(ChildProblem::Pipe);
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(ChildProblem::TimeLimit(self.limit));
            }
            // The end of a child is no event that `poll(2)` knows, so the pause grows from one to 16 milliseconds. What it
            // writes meanwhile is read, lest it wait for us.
            let until = now.checked_add(pause).map_or(deadline, |end| end.min(deadline));
            let until = self.untold.look(until);
            let ending = (self.when == When::Working).then_some(&self.postponed);
            let ready = Ready::wait(&self.process, None, ending, until)?;
            self.read(&ready)?;
            pause = pause.saturating_mul(2).min(Duration::from_millis(16));
        }
    }

    /// Whether it has ended. It is left unreaped, so that its number, and with it that of its group, is not given to another.
    fn has_ended(&self) -> Result<bool, ChildProblem> {
        match waitid(Id::Pid(self.pid()?), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(ChildProblem::Pipe(error.into())),
        }
    }

    /// Takes what is there to be read, and closes what has ended.
    fn read(&mut self, ready: &Ready) -> Result<(), ChildProblem> {
        let mut piece = Zeroizing::new([0; PIECE]);
        if let (true, Some(pipe)) = (ready.output, self.process.stdout.as_mut()) {
            match pipe.read(piece.as_mut_slice()) {
                Ok(0) => self.process.stdout = None,
                Ok(length) => {
                    let read = piece.get(..length).unwrap_or_default();
                    if read.len() > LARGEST_OUTPUT.saturating_sub(self.output.len()) {
                        return Err(ChildProblem::Output);
                    }
                    self.output.extend_from_slice(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ChildProblem::Pipe(error)),
            }
        }
        if let (true, Some(pipe)) = (ready.complaint, self.process.stderr.as_mut()) {
            match pipe.read(piece.as_mut_slice()) {
                Ok(0) => self.process.stderr = None,
                Ok(length) => {
                    let read = piece.get(..length).unwrap_or_default();
                    let room = LARGEST_COMPLAINT.saturating_sub(self.complaint.len());
                    self.complaint.extend_from_slice(read.get(..room).unwrap_or(read));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ChildProblem::Pipe(error)),
            }
        }
        Ok(())
    }

    /// Kills what is left of the group, and the child, which may have gone into another one, and takes its status.
    ///
    /// One that may not be killed, since it has become another user's, is left behind.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Ok(pid) = self.pid() {
            for killed in [killpg(pid, Signal::SIGKILL), kill(pid, Signal::SIGKILL)] {
                match killed {
                    // ESRCH: none is left. EPERM: one is, but under another user.
                    Ok(()) | Err(_) => {}
                }
            }
        }
        self.running = false;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            if begun.elapsed() >= GRACE {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            match poll(&mut [], PollTimeout::from(1_u8)) {
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn pid(&self) -> Result<Pid, ChildProblem> {
        let number = i32::try_from(self.process.id()).map_err(|error| ChildProblem::Pipe(io::Error::other(error)))?;
        Ok(Pid::from_raw(number))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.running {
            match self.end() {
                // It was killed; how it ended is of no interest, and that it cannot be waited for has no remedy.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

/// The output of a child that has ended and left it to somebody else, such as an agent that it started.
struct LeftOpen {
    pause: Duration,
    /// When the child was first seen to have ended.
    ended: Option<Instant>,
}

impl LeftOpen {
    fn new() -> Self {
        Self { pause: Duration::from_millis(1), ended: None }
    }

    /// When to look whether the child has ended, which is no event that `poll(2)` knows. The pause grows, since most answer
    /// at once and others wait for a person.
    fn look(&mut self, until: Instant) -> Instant {
        let pause = self.pause;
        self.pause = self.pause.saturating_mul(2).min(Duration::from_millis(128));
        Instant::now().checked_add(pause).map_or(until, |next| next.min(until))
    }

    /// Whether the child has ended long enough ago.
    fn is_over(&mut self, has_ended: bool) -> bool {
        has_ended && self.ended.get_or_insert_with(Instant::now).elapsed() >= GRACE
    }
}

/// How long output is waited for after the end of the child, whose own is there already; and the end after a signal that nothing
/// outlives.
const GRACE: Duration = Duration::from_secs(1);

/// Which pipes can be used without waiting.
struct Ready {
    input: bool,
    output: bool,
    complaint: bool,
}

impl Ready {
    /// Waits for one of them, at most until `deadline`, or until this process is told to end.
    fn wait(
        process: &process::Child,
        input: Option<&ChildStdin>,
        ending: Option<&Postponed>,
        deadline: Instant,
    ) -> Result<Self, ChildProblem> {
        let pipes = [
            input.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)),
            process.stdout.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
            process.stderr.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
            ending.map(|ending| PollFd::new(ending.wakes(), PollFlags::POLLIN)),
        ];
        let open = pipes.each_ref().map(Option::is_some);
        let mut polled: Vec<_> = pipes.into_iter().flatten().collect();
        // Rounded up, or the last millisecond would be spent in a loop.
        let left = deadline.saturating_duration_since(Instant::now()).saturating_add(Duration::from_micros(999));
        match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Self { input: false, output: false, complaint: false }),
            Err(error) => return Err(ChildProblem::Pipe(error.into())),
        }
        if ending.is_some_and(Postponed::is_told) {
            return Err(ChildProblem::Interrupted);
        }
        let mut events = polled.iter().map(|pipe| pipe.any().unwrap_or(true));
        let [input, output, complaint, _] = open.map(|open| open && events.next().unwrap_or(false));
        Ok(Self { input, output, complaint })
    }
}

/// The first executable file of this name in the absolute folders of a search path like `PATH`.
pub(crate) fn find(name: impl AsRef<OsStr>, search_path: &OsStr) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name.as_ref())).find(|file| {
        file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// The absolute folders of a search path.
fn absolute_folders(search_path: &OsStr) -> OsString {
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    std::env::join_paths(folders).unwrap_or_default()
}

/// The names in a directory; none where it cannot be read. Not by the standard library, whose list panics at its end where
/// close(2) fails.
pub(crate) fn names(directory: &Path) -> Vec<OsString> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let Ok(mut list) = Dir::open(directory, flags, Mode::empty()) else { return Vec::new() };
    let names = list.iter().flatten().map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned());
    names.filter(|name| name != "." && name != "..").collect()
}

/// Text of another program, made fit for a message.
pub(crate) fn one_line(text: &[u8]) -> String {
    Foreign(text).within(LONGEST_COMPLAINT)
}

/// The most characters of a complaint that are shown.
const LONGEST_COMPLAINT: usize = 400;

#[cfg(test)]
pub(crate) mod tests {
    use std::path::{Path, PathBuf};

    use nix::sys::time::TimeValLike;

    use super::*;

    /// The folder with programs for tests.
    pub(crate) fn programs() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
    }

    /// A search path with a folder in front of those that a shell needs.
    pub(crate) fn search_path(folder: &Path) -> OsString {
        std::env::join_paths([folder, Path::new("/usr/bin"), Path::new("/bin")]).unwrap()
    }

    /// Waits for the processes to end whose numbers are in `file`.
    pub(crate) fn assert_gone(file: &Path) {
        let numbers = std::fs::read_to_string(file).unwrap();
        assert!(!numbers.trim().is_empty());
        let start = Instant::now();
        for number in numbers.split_whitespace() {
            // A process whose parent has ended may be a zombie until it is reaped.
            let running = || {
                let status = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
                let state = status.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
                !matches!(state, None | Some(Some('Z' | 'X')))
            };
            while running() {
                assert!(start.elapsed() < Duration::from_secs(10), "process {number} is still there");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    fn start(script: &str, limit: Duration) -> Result<Child, ChildProblem> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Child::start(&mut command, OsStr::new("/usr/bin:/bin"), limit, When::Working)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn input_larger_than_a_pipe_goes_through() {
        let mut child = start("cat | wc -c", LONG).unwrap();
        child.exchange(&vec![b'x'; 1_000_000], More::Never, |_, _| false).unwrap();
        assert!(child.finish(LONG).unwrap().success());
        assert_eq!(child.output().trim_ascii(), b"1000000");
    }

    #[test]
    fn who_waits_is_told_once_what_for() {
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let names = told.clone();
        let watcher = Watcher::new(move |name| names.lock().unwrap().push(name.to_owned()));
        for (script, times) in [("sleep 3", 1), ("exec >&- 2>&-; sleep 3", 1), ("true", 0)] {
            told.lock().unwrap().clear();
            let mut child = start(script, LONG).unwrap().telling(&watcher, Path::new("/bin/a\nb"));
            child.exchange(b"", More::Never, |_, _| false).unwrap();
            assert!(child.finish(LONG).unwrap().success());
            assert_eq!(*told.lock().unwrap(), vec!["a; b"; times], "{script}");
        }
    }

    #[test]
    fn who_waits_for_a_call_is_told_too() {
        let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let names = told.clone();
        let watcher = Watcher::new(move |name| names.lock().unwrap().push(name.to_owned()));
        assert_eq!(watcher.during("nothing", || 1), 1);
        watcher.during("sleep", || std::thread::sleep(Duration::from_millis(2500)));
        assert_eq!(*told.lock().unwrap(), ["sleep"]);
    }

    #[test]
    fn whoever_does_not_read_can_answer_all_the_same() {
        let mut child = start("exec <&-; echo yes; echo no >&2; exit 3", LONG).unwrap();
        child.exchange(&vec![b'x'; 1_000_000], More::Never, |_, _| false).unwrap();
        assert_eq!(child.finish(LONG).unwrap().code(), Some(3));
        assert_eq!((child.output(), child.complaint().as_str()), (&b"yes\n"[..], "no"));
    }

    #[test]
    fn the_time_limit_ends_it_whatever_it_is_doing() {
        let limit = Duration::from_millis(100);
        for script in ["sleep 600", "exec >&-; sleep 600", "exec >&- 2>&-; sleep 600", "while echo x >&2; do :; done"] {
            let begin = Instant::now();
            let mut child = start(script, limit).unwrap();
            let outcome = child.exchange(b"", More::Never, |_, _| false).and_then(|()| child.finish(LONG));
            assert!(matches!(outcome, Err(ChildProblem::TimeLimit(_))), "{script}");
            assert!(begin.elapsed() >= limit);
            drop(child);
            assert!(begin.elapsed() < LONG);
        }
    }

    #[test]
    fn a_child_that_goes_into_another_group_is_ended_all_the_same() {
        const GOES: &str = "TEST_CHILD_GOES";
        if std::env::var_os(GOES).is_some() {
            nix::unistd::setpgid(Pid::from_raw(0), nix::unistd::getpgid(Some(Pid::parent())).unwrap()).unwrap();
            std::fs::write(std::env::var_os(GOES).unwrap(), std::process::id().to_string()).unwrap();
            std::thread::sleep(Duration::from_secs(600));
        }
        let folder = tempfile::tempdir().unwrap();
        let gone = folder.path().join("pid");
        let mut command = Command::new(std::env::current_exe().unwrap());
        let test = "child::tests::a_child_that_goes_into_another_group_is_ended_all_the_same";
        command.args(["--exact", test, "--nocapture"]).env(GOES, &gone);
        let child = Child::start(&mut command, OsStr::new("/usr/bin:/bin"), LONG, When::Working).unwrap();
        let begin = Instant::now();
        while std::fs::read_to_string(&gone).unwrap_or_default().is_empty() {
            assert!(begin.elapsed() < LONG);
            std::thread::sleep(Duration::from_millis(5));
        }
        let begin = Instant::now();
        drop(child);
        assert!(begin.elapsed() < Duration::from_secs(20));
        assert_gone(&gone);
    }

    #[test]
    fn who_inherits_the_output_of_a_child_is_not_waited_for() {
        let begin = Instant::now();
        let mut child = start("(sleep 600; echo late) & echo answer", LONG).unwrap();
        child.exchange(b"", More::Never, |_, _| false).unwrap();
        assert!(child.finish(LONG).unwrap().success());
        assert_eq!(child.output(), b"answer\n");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        // But a child is, however long it is silent.
        let mut child = start("exec 3>&1; (sleep 3; echo one >&3); echo two", LONG).unwrap();
        child.exchange(b"", More::Never, |_, _| false).unwrap();
        assert_eq!(child.output(), b"one\ntwo\n");
    }

    #[test]
    fn waiting_costs_no_processor_time() {
        let used = || nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_THREAD).unwrap();
        let before = used();
        let mut child = start("exec >&- 2>&-; sleep 1", LONG).unwrap();
        child.exchange(b"", More::Never, |_, _| false).unwrap();
        assert!(child.finish(LONG).unwrap().success());
        let spent = used().user_time() - before.user_time();
        assert!(spent.num_milliseconds() < 200, "{spent}");
    }

    #[test]
    fn a_program_is_found_in_absolute_folders_only() {
        let folder = programs();
        let path = |folders: &[&Path]| std::env::join_paths(folders).unwrap();
        let found = find("age-plugin-toy", &path(&[Path::new("/nonexistent"), &folder]));
        assert_eq!(found, Some(folder.join("age-plugin-toy")));
        assert_eq!(find("age-plugin-other", &path(&[&folder])), None);
        assert_eq!(find("age-plugin-toy", OsStr::new("")), None);
        assert_eq!(find("age-plugin-toy", &path(&[Path::new("tests/programs"), Path::new(".")])), None);
        assert_eq!(find("tests", &path(&[Path::new(env!("CARGO_MANIFEST_DIR"))])), None, "a folder");
        assert_eq!(find("Cargo.toml", &path(&[Path::new(env!("CARGO_MANIFEST_DIR"))])), None, "not executable");
    }
}
