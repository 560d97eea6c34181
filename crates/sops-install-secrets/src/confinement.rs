//! Keeping what this process knows to itself, and the limits of the process.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;

use nix::libc;
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{SysconfVar, sysconf};
use rustix::fs::Mode;
use rustix::process::umask;

/// Makes this process independent of how it was started, once, before it does anything else. Gives the table by which
/// [`wipe_stack`] finds what was used; an ordinary user cannot open it after [`confine`].
///
/// # Errors
///
/// [`SmallStack`] if there is not enough room to work, and it cannot be made.
pub(crate) fn prepare() -> Result<Option<File>, SmallStack> {
    // Directories on the way to a link have the same modes whatever the caller's umask, and under 0177 none could be entered. Files are made
    // 0600 and get their modes by fchmod(2), which knows no umask.
    umask(Mode::WGRP | Mode::WOTH);
    // Beyond a limit on the size of files write(2) fails, which is reported; the signal would end the process without a word.
    // Blocked it has no effect, and a handler would be more than is needed.
    match SigSet::from(Signal::SIGXFSZ).thread_block() {
        Ok(()) | Err(_) => {}
    }
    raise_stack_limit()?;
    Ok(File::open("/proc/self/pagemap").ok())
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
/// copies there that their own wiping does not reach. Without the table of pages, as much is overwritten as could have been used.
pub(crate) fn wipe_stack(pages: Option<&File>) {
    wipe_pieces(pages.and_then(used_stack).unwrap_or(LARGEST).div_ceil(PIECE));
}

/// How many bytes of the stack below here were ever used: down to the last page that the kernel has made.
///
/// To touch the pages that no call has reached would cost more than anything else that the program does for one secret.
#[inline(never)]
fn used_stack(pages: &File) -> Option<usize> {
    let page = usize::try_from(sysconf(SysconfVar::PAGE_SIZE).ok()??).ok()?;
    let below = LARGEST.checked_div(page)?;
    let mut table = [0; MOST_PAGES * ENTRY];
    let table = table.get_mut(..below.checked_mul(ENTRY)?)?;
    let first = table.as_ptr().addr().checked_div(page)?.checked_sub(below)?;
    pages.read_exact_at(table, u64::try_from(first.checked_mul(ENTRY)?).ok()?).ok()?;
    let (entries, _) = table.as_chunks();
    let unused = entries.iter().take_while(|entry| u64::from_ne_bytes(**entry) & THERE == 0).count();
    // With the page that this is on.
    below.checked_sub(unused)?.checked_add(1)?.checked_mul(page)
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
const PIECE: usize = 4 << 10;

/// Bytes of an entry of /proc/self/pagemap, one for each page, and the two bits of which one is set if the page is in memory or in
/// swap: `proc_pid_pagemap(5)`.
const ENTRY: usize = size_of::<u64>();
const THERE: u64 = 0b11 << 62;

/// More than the deepest calls take that have a secret at hand: the arithmetic of RSA and of post-quantum keys.
const LARGEST: usize = 512 << 10;
/// Their number where they are smallest.
const MOST_PAGES: usize = LARGEST >> 12;

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::hint::black_box;
    use std::os::unix::fs::FileExt as _;

    use super::{LARGEST, used_stack, wipe_stack};

    #[test]
    fn the_stack_is_wiped_as_deep_as_it_was_used() {
        let pages = File::open("/proc/self/pagemap").unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let before = used_stack(&pages).unwrap();
        let deepest = fill(40);
        let after = used_stack(&pages).unwrap();
        assert!(before < after && (40 * 4096..LARGEST).contains(&after), "{before} {after}");
        let seen = || {
            let mut seen = [0; 4096];
            memory.read_exact_at(&mut seen, deepest).unwrap();
            seen
        };
        assert_eq!(seen(), [b'x'; 4096]);
        wipe_stack(Some(&pages));
        // A single such byte may be of an address, which differs in each run.
        let left = seen().windows(4).filter(|bytes| bytes == b"xxxx").count();
        assert_eq!(left, 0);
    }

    /// Gives the address of the last of so many pages below here.
    #[inline(never)]
    fn fill(count: usize) -> u64 {
        let filled = [b'x'; 4096];
        let deepest = count.checked_sub(1).map_or(u64::try_from(filled.as_ptr().addr()).unwrap(), fill);
        black_box(&filled);
        deepest
    }
}
