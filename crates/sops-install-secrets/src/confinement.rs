//! Keeping what this process knows to itself.

use std::hint::black_box;

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use zeroize::Zeroize as _;

/// Makes the memory of this process unreadable to others and keeps it out of core dumps and, where the limits allow,
/// out of swap. Each of these is a further line of defence, so none of them stops an installation that it fails in.
pub(crate) fn confine() -> Vec<nix::Error> {
    let swap_is_shut_out = match getrlimit(Resource::RLIMIT_MEMLOCK) {
        // Under a limit a later allocation would fail instead of going unlocked.
        Ok((soft, _)) if soft != RLIM_INFINITY && !nix::unistd::geteuid().is_root() => Ok(()),
        Ok(_) => mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE),
        Err(error) => Err(error),
    };
    [prctl::set_dumpable(false), setrlimit(Resource::RLIMIT_CORE, 0, 0), swap_is_shut_out]
        .into_iter()
        .filter_map(Result::err)
        .collect()
}

/// Overwrites the part of the stack that is free now. Values that moved from one function to another left copies there
/// that their own wiping does not reach.
#[inline(never)]
#[expect(clippy::large_stack_arrays, reason = "the stack is what is to be overwritten")]
pub(crate) fn wipe_stack() {
    let mut free = [0_u8; STACK_BYTES];
    free.zeroize();
    black_box(&free);
}

/// More than the deepest calls take that have a secret at hand: the arithmetic of RSA and of post-quantum keys.
const STACK_BYTES: usize = 512 << 10;
