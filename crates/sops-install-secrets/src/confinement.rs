//! Keeping what this process knows to itself.

use std::hint::black_box;

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use zeroize::Zeroize as _;

/// Makes the memory of this process unreadable to others and keeps it out of core dumps and, where the limits allow,
/// out of swap. Each of these is a further line of defence, so none of them stops an installation that it fails in.
pub(crate) fn confine() {
    // Under a limit a later allocation, or the growth of the stack, would end the process instead of going unlocked. Root
    // can lift the limit, but the root of a user namespace cannot.
    let unlimited = match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((RLIM_INFINITY, _)) => true,
        Ok(_) | Err(_) => setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).is_ok(),
    };
    let swap_is_shut_out =
        if unlimited { mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE) } else { Ok(()) };
    for defence in [prctl::set_dumpable(false), setrlimit(Resource::RLIMIT_CORE, 0, 0), swap_is_shut_out] {
        match defence {
            // A sandbox may forbid it, and the secrets are needed all the same.
            Ok(()) | Err(_) => {}
        }
    }
}

/// Overwrites the part of the stack that is free now. Values that moved from one function to another left copies there
/// that their own wiping does not reach.
#[inline(never)]
#[expect(clippy::large_stack_arrays, reason = "the stack is what is to be overwritten")]
pub(crate) fn wipe_stack() {
    let mut free = [0_u64; STACK_BYTES / size_of::<u64>()];
    free.zeroize();
    black_box(&free);
}

/// More than the deepest calls take that have a secret at hand: the arithmetic of RSA and of post-quantum keys.
const STACK_BYTES: usize = 512 << 10;
