//! What is mounted, as /proc/self/mountinfo says it: `proc_pid_mountinfo(5)`.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use rustix::path::Arg;

/// A line for each mount.
pub(crate) fn read() -> io::Result<String> {
    let read = String::from_utf8(std::fs::read(MOUNTS)?);
    // Anybody may have mounted something at a path that is no UTF-8.
    Ok(read.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// A field of a line: number, parent, device, root, place, options.
pub(crate) fn field(line: &str, position: usize) -> Option<&str> {
    line.split(' ').nth(position)
}

/// Where the file system is mounted that a directory is on; itself where that cannot be seen.
pub(crate) fn mount_point(directory: &Path) -> PathBuf {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let mounts = read().unwrap_or_default();
    // Of those above it, some may be covered by others. Before Linux 5.8 only their paths tell.
    if let Some(number) = number(&directory) {
        return numbered(&mounts, number).and_then(place).unwrap_or(directory);
    }
    let above = mounts.lines().filter_map(place).filter(|place| directory.starts_with(place));
    above.max_by_key(|place| place.as_os_str().len()).unwrap_or(directory)
}

/// The number of the mount that a path is on, which is no link.
fn number(path: &Path) -> Option<u64> {
    number_of(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()
}

/// The number of the mount that something is on. Before Linux 5.8 the error is `ENOSYS`.
pub(crate) fn number_of(directory: impl AsFd, name: impl Arg, how: AtFlags) -> Result<u64, Errno> {
    // The kernel gives the number unasked. Whoever serves a file system of FUSE would be asked for all else, and may refuse
    // even root, or never answer.
    let facts = statx(directory, name, how | AtFlags::STATX_DONT_SYNC, StatxFlags::empty())?;
    // Without the number, what is mounted could not be told from what is ours.
    let is_told = StatxFlags::from_bits_retain(facts.stx_mask).contains(StatxFlags::MNT_ID);
    is_told.then_some(facts.stx_mnt_id).ok_or(Errno::NOSYS)
}

/// Whether a mount shows the directory at a path too, which another mount of the same file system shows there. Where that cannot be
/// seen, it may.
pub(crate) fn shows(number: u64, other: u64, path: &Path) -> bool {
    let is_shown = |mounts: &str| {
        let root = unescaped(field(numbered(mounts, number)?, 3)?);
        Some(inside(numbered(mounts, other)?, path)?.starts_with(root))
    };
    number == other || read().ok().and_then(|mounts| is_shown(&mounts)).unwrap_or(true)
}

/// Whether a line is of a mount as this program, sops-nix and agenix make it.
pub(crate) fn is_line_of_ours(line: &str) -> bool {
    let has = |option| field(line, 5).is_some_and(|options| options.split(',').any(|one| one == option));
    let source = line.split(' ').skip_while(|field| *field != "-").nth(2);
    has("nosuid") && has("nodev") && source == Some("none")
}

/// Whether such a mount has this number. Without /proc it has to be believed.
pub(crate) fn is_ours(number: u64) -> io::Result<bool> {
    match read() {
        Ok(mounts) => Ok(numbered(&mounts, number).is_some_and(is_line_of_ours)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether something is mounted at a path, on a file too.
pub(crate) fn is_at(path: &Path) -> bool {
    match (number(path), path.parent().and_then(number)) {
        (Some(there), Some(above)) => there != above,
        _ => read().is_ok_and(|mounts| uppermost(&mounts, path).is_some()),
    }
}

/// Whether something is mounted in what is mounted at a path.
pub(crate) fn are_in(path: &Path) -> bool {
    read().is_ok_and(|mounts| {
        let number = uppermost(&mounts, path).and_then(|line| field(line, 0));
        number.is_some() && mounts.lines().any(|line| field(line, 1) == number)
    })
}

/// What is mounted at a path, the last one.
fn uppermost<'m>(mounts: &'m str, path: &Path) -> Option<&'m str> {
    let path = path.parent()?.canonicalize().ok()?.join(path.file_name()?);
    mounts.lines().rfind(|line| place(line).is_some_and(|place| place == path))
}

/// Where something is mounted on the same file or directory, which another mount shows too.
pub(crate) fn elsewhere(number: u64, path: &Path) -> Option<PathBuf> {
    let mounts = read().ok()?;
    elsewhere_in(&mounts, &number.to_string(), path)
}

fn elsewhere_in(mounts: &str, number: &str, path: &Path) -> Option<PathBuf> {
    let ours = line_of(mounts, number)?;
    let there = inside(ours, path)?;
    let shows_it = |line: &str| {
        let parent = line_of(mounts, field(line, 1)?)?;
        let is_same = field(parent, 2) == field(ours, 2) && inside(parent, &place(line)?)? == there;
        is_same.then(|| place(line)).flatten()
    };
    mounts.lines().find_map(shows_it)
}

fn numbered(mounts: &str, number: u64) -> Option<&str> {
    line_of(mounts, &number.to_string())
}

fn line_of<'m>(mounts: &'m str, number: &str) -> Option<&'m str> {
    mounts.lines().find(|line| field(line, 0) == Some(number))
}

/// Where a path below a mount is in the file system that it shows.
fn inside(line: &str, path: &Path) -> Option<PathBuf> {
    Some(unescaped(field(line, 3)?).join(path.strip_prefix(place(line)?).ok()?))
}

/// Where a mount is.
fn place(line: &str) -> Option<PathBuf> {
    field(line, 4).map(unescaped)
}

/// Blanks, line feeds and backslashes are written as three octal digits.
fn unescaped(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut parts = text.split('\\');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(3).unwrap_or((part, ""));
        bytes.extend(u8::from_str_radix(digits, 8));
        bytes.extend(rest.bytes());
    }
    OsString::from_vec(bytes).into()
}

/// Where they are listed.
pub(crate) const MOUNTS: &str = "/proc/self/mountinfo";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_on_a_file_is_found_by_its_other_path() {
        let mounts = "20 1 0:5 / / rw - ext4 /dev/sda rw\n\
                      30 20 0:40 / /run/secrets.d rw - ramfs none rw\n\
                      31 20 0:40 /2 /a\\040chroot/run rw - ramfs none rw\n\
                      32 31 0:41 / /a\\040chroot/run/db/x rw - tmpfs none rw\n\
                      33 20 0:41 / /db/x rw - tmpfs none rw\n";
        let find = |path: &str| elsewhere_in(mounts, "30", Path::new(path));
        assert_eq!(find("/run/secrets.d/2/db/x"), Some("/a chroot/run/db/x".into()));
        assert_eq!(find("/run/secrets.d/1/db/x"), None);
        assert_eq!(find("/elsewhere"), None);
        assert_eq!(unescaped("a\\134\\012b"), PathBuf::from("a\\\nb"));
    }
}
