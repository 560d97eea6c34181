//! A child process that is asked something and cannot outlast its time limit.
//!
//! It gets pipes and no terminal, and a process group of its own, which ends with it: whoever it left behind in that group
//! is killed. There are no threads and no signal handlers; all waiting is done by `poll(2)`.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{self, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use zeroize::Zeroizing;

/// The most that is read from a child in bytes; what is asked for is a key.
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
    #[error("talking to it failed: {0}")]
    Pipe(io::Error),
}

/// Whether a child can expect more input.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum More {
    Expected,
    Never,
}

/// A running child.
pub(crate) struct Child {
    process: process::Child,
    /// Still there to be killed and waited for.
    running: bool,
    input: Option<ChildStdin>,
    limit: Duration,
    deadline: Instant,
    /// What it wrote to its standard output. The buffer does not grow, which would leave copies behind.
    output: Zeroizing<Vec<u8>>,
    /// The beginning of what it wrote to its standard error.
    complaint: Vec<u8>,
}

impl Child {
    /// Starts `command`; the time limit starts now.
    pub(crate) fn start(command: &mut Command, limit: Duration) -> Result<Self, ChildProblem> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut process = command.spawn().map_err(ChildProblem::Start)?;
        let now = Instant::now();
        Ok(Self {
            input: process.stdin.take(),
            process,
            running: true,
            limit,
            // A limit beyond the end of time is a day.
            deadline: now
                .checked_add(limit)
                .or_else(|| now.checked_add(Duration::from_secs(24 * 60 * 60)))
                .unwrap_or(now),
            output: Zeroizing::new(Vec::with_capacity(LARGEST_OUTPUT)),
            complaint: Vec::new(),
        })
    }

    /// All of its standard output so far.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// What it has to say about a failure, on one line, without control characters.
    pub(crate) fn complaint(&self) -> String {
        one_line(&String::from_utf8_lossy(&self.complaint))
    }

    /// Writes `input`, and reads until `enough` says so of the whole output, or until it is closed.
    pub(crate) fn exchange(
        &mut self,
        mut input: &[u8],
        more: More,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<(), ChildProblem> {
        loop {
            if input.is_empty() && more == More::Never {
                self.input = None;
            }
            if self.process.stdout.is_none() || (input.is_empty() && enough(&self.output)) {
                return Ok(());
            }
            let writing = if input.is_empty() { None } else { self.input.as_mut() };
            let ready = Ready::wait(&self.process, writing.as_deref(), self.deadline).map_err(ChildProblem::Pipe)?;
            if let (true, Some(pipe)) = (ready.input, writing) {
                let piece = input.get(..PIECE).unwrap_or(input);
                match pipe.write(piece) {
                    Ok(length) => input = input.get(length..).unwrap_or_default(),
                    // Whoever does not listen may still have answered.
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
        let pid = self.pid()?;
        loop {
            // Left unreaped for a moment, so that its number, and with it that of its group, is nobody else's.
            match waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT) {
                Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
                Ok(_) => return self.end().map_err(ChildProblem::Pipe),
                Err(error) => return Err(ChildProblem::Pipe(error.into())),
            }
            let now = Instant::now();
            if now >= deadline {
                return Err(ChildProblem::TimeLimit(self.limit));
            }
            // The end of a child is no event that `poll(2)` knows, so the pause grows from one to 16 milliseconds. What it
            // writes meanwhile is read, lest it wait for us.
            let until = now.checked_add(pause).map_or(deadline, |end| end.min(deadline));
            let ready = Ready::wait(&self.process, None, until).map_err(ChildProblem::Pipe)?;
            self.read(&ready)?;
            pause = pause.saturating_mul(2).min(Duration::from_millis(16));
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

    /// Kills what is left of the group, and takes the child's status.
    fn end(&mut self) -> io::Result<ExitStatus> {
        if let Ok(pid) = self.pid() {
            match killpg(pid, Signal::SIGKILL) {
                // ESRCH: nobody is left. EPERM: somebody is, but under another user.
                Ok(()) | Err(_) => {}
            }
        }
        self.running = false;
        self.process.wait()
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

/// Which pipes can be used without waiting.
struct Ready {
    input: bool,
    output: bool,
    complaint: bool,
}

impl Ready {
    /// Waits for one of them, at most until `deadline`.
    fn wait(process: &process::Child, input: Option<&ChildStdin>, deadline: Instant) -> io::Result<Self> {
        let pipes = [
            input.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)),
            process.stdout.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
            process.stderr.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)),
        ];
        let open = pipes.each_ref().map(Option::is_some);
        let mut polled: Vec<_> = pipes.into_iter().flatten().collect();
        // Rounded up, or the last millisecond would be spent in a loop.
        let left = deadline.saturating_duration_since(Instant::now()).saturating_add(Duration::from_micros(999));
        match poll(&mut polled, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Self { input: false, output: false, complaint: false }),
            Err(error) => return Err(error.into()),
        }
        let mut events = polled.iter().map(|pipe| pipe.any().unwrap_or(true));
        let [input, output, complaint] = open.map(|open| open && events.next().unwrap_or(false));
        Ok(Self { input, output, complaint })
    }
}

/// The first executable file of this name in the absolute folders of a search path like `PATH`.
pub(crate) fn find(name: &str, search_path: &OsStr) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(search_path).filter(|folder| folder.is_absolute()).map(|folder| folder.join(name)).find(
        |file| file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0),
    )
}

/// Text of another program, made fit for a message: no line breaks, no control characters, not too long.
pub(crate) fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("; ");
    joined.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(400).collect()
}
