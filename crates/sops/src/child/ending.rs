//! What happens to our children when this process is told to end.
//!
//! A child has a process group of its own, so neither a terminal nor systemd's first signal is sure to reach it. While one
//! runs, the signals that would end this process ([`ENDING`]) do not do so at once: whoever waits for the child is woken, ends it, cleans
//! up, and then the process ends as the signal says. There is one such state for the whole process, because there is one
//! set of signal handlers.
//!
//! What a child started and moved out of its group is given to this process once its own parent has ended (prctl(2),
//! `PR_SET_CHILD_SUBREAPER`). It is killed when nothing is going on any more, so that it outlives no session in which it may be
//! of use, such as that of GnuPG with its agent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, c_int};
use nix::poll::{PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpgid, getpgrp};

use super::names;

/// As long as one of these is there, a signal does not end the process before it is dropped.
pub(crate) struct Postponed(&'static State);

struct State {
    /// Whether a signal ends the process at once.
    at_once: Arc<AtomicBool>,
    /// The signal that came while it did not; 0 for none.
    told: Arc<AtomicUsize>,
    /// Can be read as soon as a signal came, and is never read.
    wakes: UnixStream,
    /// How many there are that postpone the end.
    postponing: Mutex<usize>,
}

impl Postponed {
    /// Postpones the end of the process, whatever signal comes.
    ///
    /// # Errors
    ///
    /// That the signals cannot be caught: no descriptors are left.
    pub(crate) fn new() -> io::Result<Self> {
        let state = state()?;
        let mut postponing = state.postponing.lock().unwrap_or_else(PoisonError::into_inner);
        *postponing = postponing.saturating_add(1);
        state.at_once.store(false, Ordering::SeqCst);
        Ok(Self(state))
    }

    /// Whether the process was told to end.
    pub(crate) fn is_told(&self) -> bool {
        self.0.told.load(Ordering::SeqCst) != 0
    }

    /// Can be read as soon as the process was told to end.
    pub(crate) fn wakes(&self) -> BorrowedFd<'_> {
        self.0.wakes.as_fd()
    }
}

impl Drop for Postponed {
    fn drop(&mut self) {
        let mut postponing = self.0.postponing.lock().unwrap_or_else(PoisonError::into_inner);
        *postponing = postponing.saturating_sub(1);
        if *postponing > 0 {
            return;
        }
        // While the lock is held, so that no child of another thread is among them.
        end_strays();
        self.0.at_once.store(true, Ordering::SeqCst);
        let told = self.0.told.load(Ordering::SeqCst);
        if let Ok(signal @ 1..) = c_int::try_from(told) {
            match signal_hook::low_level::emulate_default_handler(signal) {
                // This process has ended, unless the kernel does not do as it is told, for which there is no remedy.
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Catches the signals, once for all.
fn state() -> io::Result<&'static State> {
    static STATE: OnceLock<State> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(state) = STATE.get() {
        return Ok(state);
    }
    match prctl::set_child_subreaper(true) {
        // Where that is refused, children are ended with their groups all the same.
        Ok(()) | Err(_) => {}
    }
    let (wakes, end) = UnixStream::pair()?;
    let state = State {
        at_once: Arc::new(AtomicBool::new(true)),
        told: Arc::new(AtomicUsize::new(0)),
        wakes,
        postponing: Mutex::new(0),
    };
    let ignored = ignored_signals();
    for number in ENDING {
        let Ok(value) = usize::try_from(number) else { continue };
        // Who started us may have wanted us to live on, as nohup does.
        if is_ignored(ignored, value) {
            continue;
        }
        signal_hook::flag::register_conditional_default(number, Arc::clone(&state.at_once))?;
        signal_hook::flag::register_usize(number, Arc::clone(&state.told), value)?;
        signal_hook::low_level::pipe::register(number, end.try_clone()?)?;
    }
    if usize::try_from(SIGCHLD).is_ok_and(|value| is_ignored(ignored, value)) {
        // While it is ignored, the kernel keeps no status of a child that has ended. Caught, it does, and nothing else is wanted.
        signal_hook::flag::register(SIGCHLD, Arc::new(AtomicBool::new(false)))?;
    }
    Ok(STATE.get_or_init(|| state))
}

/// The signals with which people, terminals and systemd end a process.
const ENDING: [c_int; 4] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT];

/// Whether a signal is among those that are ignored.
fn is_ignored(ignored: u64, signal: usize) -> bool {
    let bits = u32::try_from(signal.saturating_sub(1)).ok().and_then(|bits| ignored.checked_shr(bits));
    bits.is_some_and(|bits| bits & 1 == 1)
}

/// Kills what children of ours have left behind. They are waited for, so whatever they started comes next.
///
/// A process that the kernel does not let go is left to it after a second.
fn end_strays() {
    for _ in 0..PATIENCE {
        let strays = strays();
        if strays.is_empty() {
            return;
        }
        for stray in strays {
            for ended in [kill(stray, Signal::SIGKILL), waitpid(stray, Some(WaitPidFlag::WNOHANG)).map(drop)] {
                match ended {
                    // It may have ended by itself. Whether it has is seen in the next round.
                    Ok(()) | Err(_) => {}
                }
            }
        }
        match poll(&mut [], PollTimeout::from(1_u8)) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// The children of this process outside of its own group, where none of ours is, as the kernel tells them (proc(5)); none
/// where it does not.
fn strays() -> Vec<Pid> {
    let tasks = Path::new("/proc/self/task");
    let lists = names(tasks).into_iter().map(|task| tasks.join(task).join("children"));
    let lists = lists.filter_map(|list| std::fs::read_to_string(list).ok());
    let numbers: Vec<i32> = lists.flat_map(|list| list.split(' ').flat_map(str::parse).collect::<Vec<_>>()).collect();
    let children = numbers.into_iter().map(Pid::from_raw);
    children.filter(|child| getpgid(Some(*child)) != Ok(getpgrp())).collect()
}

/// How many times it is looked, a millisecond apart.
const PATIENCE: u16 = 1000;

/// The set of signals that this process ignores, as the kernel tells it (proc(5)): a bit each, SIGHUP the lowest.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}
