//! Keeping what this process knows to itself, and the limits of the process.

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;

use nix::libc;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use rustix::fs::Mode;
use rustix::process::umask;

/// Makes this process independent of how it was started, once, before it does anything else.
///
/// # Errors
///
/// [`SmallStack`] if there is not enough room to work, and it cannot be made.
pub(crate) fn prepare() -> Result<(), SmallStack> {
    // Directories on the way to a link have the same modes whatever the caller's umask, and under 0177 none could be entered. Files are made
    // 0600 and get their modes by fchmod(2), which knows no umask.
    umask(Mode::WGRP | Mode::WOTH);
    // Beyond a limit on the size of files write(2) fails, which is reported; the signal would end the process without a word.
    // Blocked it has no effect, and a handler would be more than is needed.
    match SigSet::from(Signal::SIGXFSZ).thread_block() {
        Ok(()) | Err(_) => {}
    }
    raise_stack_limit()
}

/// The limit of the stack, in KiB, is too low to work in.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stack is limited to {0} KiB, which is too little; raise the limit to 8192: ulimit -s 8192, or LimitSTACK=8M in a unit"
)]
pub(crate) struct SmallStack(u64);

/// Gives the stack the room that the deepest calls need, if the caller left it less. The kernel looks at the limit when the
/// stack grows, so it may still be raised.
fn raise_stack_limit() -> Result<(), SmallStack> {
    let raised = getrlimit(Resource::RLIMIT_STACK).and_then(|(soft, hard)| {
        if soft >= STACK {
            return Ok(());
        }
        // The hard limit is raised too where that is permitted; otherwise it is the most that there is.
        setrlimit(Resource::RLIMIT_STACK, STACK, hard.max(STACK))
            .or_else(|_| setrlimit(Resource::RLIMIT_STACK, hard.min(STACK), hard))
    });
    match raised.and_then(|()| getrlimit(Resource::RLIMIT_STACK)) {
        Ok((soft, _)) if soft < ENOUGH => Err(SmallStack(soft >> 10)),
        // The limit cannot be read; it is most likely the usual one.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Makes the memory of this process unreadable to others and keeps it out of core dumps and, where the limits allow,
/// out of swap. Each of these is a further line of defence, so none of them stops an installation that it fails in.
pub(crate) fn confine() {
    for defence in [prctl::set_dumpable(false), setrlimit(Resource::RLIMIT_CORE, 0, 0), lock_memory()] {
        match defence {
            // A sandbox may forbid it, and the secrets are needed all the same.
            Ok(()) | Err(_) => {}
        }
    }
}

/// Locks all pages, also those to come, unless there is a limit: under one a later allocation, or the growth of the stack,
/// would end the process instead of going unlocked.
fn lock_memory() -> nix::Result<()> {
    // Pages are locked once they are used: to bring all of them into memory takes longer than to decrypt a secret.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    let lock = || mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault);
    let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK)?;
    if soft == RLIM_INFINITY || setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_ok() {
        return lock();
    }
    // For CAP_IPC_LOCK there is no limit. That of a user namespace is not the one that counts, and without it a limit of zero
    // lets nothing be locked.
    setrlimit(Resource::RLIMIT_MEMLOCK, 0, hard)?;
    let locked = lock();
    setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard)?;
    locked
}

/// Allows as many open files as the hard limit: a secret deep below directories takes a handle for each of them.
pub(crate) fn raise_file_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    match raised {
        // If it is not enough, opening a file fails, which is reported.
        Ok(()) | Err(_) => {}
    }
}

/// Overwrites the part of the stack that is free now and was ever used. Values that moved from one function to another left
/// copies there that their own wiping does not reach.
pub(crate) fn wipe_stack() {
    wipe_pieces(used_stack().unwrap_or(LARGEST).min(LARGEST).div_ceil(PIECE));
}

/// How large the stack has become, in bytes. The kernel makes it longer when a page is touched, and never shorter.
///
/// To touch the pages that no call has reached would cost more than anything else that the program does for one secret.
fn used_stack() -> Option<usize> {
    // All of it in one call, which a buffer that grows would not do.
    let mut status = [0; 4 << 10];
    let length = File::open("/proc/self/status").and_then(|mut file| file.read(&mut status)).ok()?;
    let status = std::str::from_utf8(status.get(..length)?).ok()?;
    let size = status.lines().find_map(|line| line.strip_prefix("VmStk:"))?;
    let kilobytes: usize = size.trim().strip_suffix(" kB")?.parse().ok()?;
    kilobytes.checked_mul(1 << 10)
}

/// Each call overwrites its own frame, and keeps it while the next one goes deeper.
#[inline(never)]
fn wipe_pieces(count: usize) {
    let free = [0_u8; PIECE];
    if let Some(count) = count.checked_sub(1) {
        wipe_pieces(count);
    }
    // To the compiler this reads the array, so it may not leave out writing it.
    black_box(&free);
}

/// The least that will do: twice what the arithmetic of RSA and of post-quantum keys takes.
const ENOUGH: u64 = 1 << 20;
/// The usual limit of the stack.
const STACK: u64 = 8 << 20;

/// Bytes of the stack that one call overwrites.
const PIECE: usize = 16 << 10;

/// More than the deepest calls take that have a secret at hand: the arithmetic of RSA and of post-quantum keys.
const LARGEST: usize = 512 << 10;
