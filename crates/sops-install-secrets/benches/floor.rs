//! The floor: a program that only makes the system calls of an installation, with fixed bytes.
//!
//! No manifest, no decryption, no comparison, no links: what is left is what the kernel needs for the files. The bench
//! `install` sets the real program against it.
//!
//!     floor MOUNT_POINT SYMLINK COUNT BYTES

#![allow(clippy::print_stderr, reason = "a bench talks to a person")]

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown, symlink};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [mount_point, link, count, bytes] = arguments.as_slice() else {
        // `cargo bench` runs every bench without arguments of ours.
        return ExitCode::SUCCESS;
    };
    let (Ok(count), Ok(bytes)) = (count.parse(), bytes.parse()) else {
        eprintln!("floor: COUNT and BYTES are numbers");
        return ExitCode::from(2);
    };
    match install(Path::new(mount_point), Path::new(link), count, bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A new generation with `count` files of `bytes` bytes, the link switched to it, the generation before it removed.
fn install(mount_point: &Path, link: &Path, count: usize, bytes: usize) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o751).create(mount_point)?;
    let last = match fs::read_link(link) {
        Ok(target) => target.file_name().and_then(|name| name.to_str()?.parse::<u64>().ok()),
        Err(_) => None,
    };
    let generation = mount_point.join(last.unwrap_or(0).wrapping_add(1).to_string());
    DirBuilder::new().mode(0o751).create(&generation)?;
    let root = nix::unistd::geteuid().is_root();
    let content = vec![b'x'; bytes];
    for number in 0..count {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(generation.join(format!("s{number}")))?;
        file.write_all(&content)?;
        if root {
            fchown(&file, Some(0), Some(0))?;
        }
        File::set_permissions(&file, Permissions::from_mode(0o400))?;
    }
    let temporary = link.with_extension("new");
    symlink(&generation, &temporary)?;
    fs::rename(&temporary, link)?;
    if let Some(last) = last {
        fs::remove_dir_all(mount_point.join(last.to_string()))?;
    }
    Ok(())
}
