//! The floor: a program that only makes the system calls of an installation, with fixed bytes.
//!
//! It reads the same files and writes as many, of the same size. No parsing, no decryption, no comparison, no links: what is
//! left is what the kernel needs. The bench `install` sets the real program against it.
//!
//!     floor install MOUNT_POINT SYMLINK COUNT BYTES [FILE...]
//!     floor peak PROGRAM [ARGUMENT...]
//!
//! The second form runs a program and prints the most memory that it held, in KiB. It is here because the kernel counts the
//! memory of whoever starts a program as that program's, and this one has next to none.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a person")]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, ExitCode};

use nix::fcntl::{OFlag, openat};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::stat::Mode;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let done = match arguments.split_first() {
        Some((verb, rest)) if verb == "install" => install(rest),
        Some((verb, rest)) if verb == "peak" => peak(rest),
        // `cargo bench` runs every bench without arguments of ours.
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A new generation with `count` files of `bytes` bytes, the link switched to it, the generation before it removed.
fn install(arguments: &[OsString]) -> io::Result<()> {
    let [mount_point, link, count, bytes, files @ ..] = arguments else { return Err(usage()) };
    let (mount_point, link) = (Path::new(mount_point), Path::new(link));
    let (count, bytes) = (number(count)?, number(bytes)?);
    for file in files {
        fs::read(file)?;
    }
    DirBuilder::new().recursive(true).mode(0o751).create(mount_point)?;
    let last = match fs::read_link(link) {
        Ok(target) => target.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok()),
        Err(_) => None,
    };
    let generation = mount_point.join(last.unwrap_or(0).wrapping_add(1).to_string());
    DirBuilder::new().mode(0o751).create(&generation)?;
    let directory = File::open(&generation)?;
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
    let content = vec![b'x'; bytes];
    for number in 0..count {
        let name = format!("s{number}");
        let mut file = File::from(openat(&directory, name.as_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?);
        file.write_all(&content)?;
        file.set_permissions(Permissions::from_mode(0o400))?;
    }
    let temporary = link.with_extension("new");
    symlink(&generation, &temporary)?;
    fs::rename(&temporary, link)?;
    if let Some(last) = last {
        fs::remove_dir_all(mount_point.join(last.to_string()))?;
    }
    Ok(())
}

/// Runs a program and prints its peak memory.
fn peak(arguments: &[OsString]) -> io::Result<()> {
    let (program, arguments) = arguments.split_first().ok_or_else(usage)?;
    let status = Command::new(program).args(arguments).status()?;
    if !status.success() {
        return Err(io::Error::other(format!("{status}")));
    }
    println!("{}", getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(())
}

fn number(text: &OsStr) -> io::Result<usize> {
    text.to_str().and_then(|text| text.parse().ok()).ok_or_else(usage)
}

fn usage() -> io::Error {
    io::Error::other("install MOUNT_POINT SYMLINK COUNT BYTES [FILE...], or peak PROGRAM [ARGUMENT...]")
}
