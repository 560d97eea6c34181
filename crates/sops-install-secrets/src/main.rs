//! `sops-install-secrets`: installs the secrets of a machine when it is activated.
//!
//! This file is the program as its caller sees it: arguments in, lines and an exit status out. What it does in between
//! stands in `actions.rs` and the files below it.

mod accounts;
mod actions;
mod cli;
mod confinement;
mod contents;
mod decrypt;
mod environment;
mod input;
mod keys;
mod manifest_file;
mod plan;
mod questions;
mod remedy;
mod report;
mod steady;
mod templates;
mod text;
mod units;

#[cfg(not(target_env = "musl"))]
use std::alloc::System as Allocator;
use std::env;
use std::process::ExitCode;

use cli::{Command, ExitStatus};
use confinement::SmallStack;
// The allocator of musl returns nearly all that is freed to the kernel, and so asks it hundreds of times for what this
// one asks once.
#[cfg(target_env = "musl")]
use dlmalloc::GlobalDlmalloc as Allocator;
use environment::Environment;
use report::{LineStyle, Report};
use zeroizing_alloc::ZeroAlloc;

/// Everything that is freed is wiped first, also what a library frees.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<Allocator> = ZeroAlloc(Allocator);

fn main() -> ExitCode {
    // Before the frame of the program, for which a small stack has no room.
    let pages = match confinement::prepare() {
        Ok(pages) => pages,
        Err(error) => return refuse(&error),
    };
    let exit_code = run();
    confinement::wipe_stack(pages.as_ref());
    exit_code
}

/// Says why nothing is done.
#[inline(never)]
fn refuse(error: &SmallStack) -> ExitCode {
    let environment = Environment::read();
    let report = Report::new(environment.program.clone(), LineStyle::of(&environment));
    report.note(format_args!("{}: {error}", environment.program));
    report.end_with(ExitStatus::FAILED)
}

/// The program. It has a frame of its own, so that nothing of it is left above the part of the stack that is wiped.
#[inline(never)]
fn run() -> ExitCode {
    let environment = Environment::read();
    let mut report = Report::new(environment.program.clone(), LineStyle::of(&environment));
    match cli::parse(env::args_os().skip(1)) {
        Ok(Command::Help) => report.page(cli::usage()),
        Ok(Command::Version) => report.line(format_args!("sops-install-secrets {}", env!("CARGO_PKG_VERSION"))),
        Ok(Command::Run(arguments)) => actions::run(arguments, &environment, &mut report),
        Err(error) => {
            report.note(format_args!("{}: {error}", environment.program));
            report.note("Try: sops-install-secrets --help");
            return report.end_with(ExitStatus::CALLED_WRONGLY);
        }
    }
    report.finish()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn what_is_freed_is_wiped() {
        let secret = vec![b'x'; 4000];
        let address = u64::try_from(secret.as_ptr().addr()).unwrap();
        let memory = File::open("/proc/self/mem").unwrap();
        let mut seen = [0; 1000];
        // Away from its beginning, where the allocator notes what is free.
        memory.read_exact_at(&mut seen, address + 1000).unwrap();
        assert_eq!(seen, [b'x'; 1000]);
        drop(secret);
        memory.read_exact_at(&mut seen, address + 1000).unwrap();
        assert_eq!(seen, [0; 1000]);
    }
}
