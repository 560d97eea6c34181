//! File systems that should be mounted and are not: the usual reason for a key that is not there while a machine starts.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The mount point in `/etc/fstab` that the path lies below, if nothing is mounted there.
///
/// It only explains an error to a person, so a table that cannot be read explains nothing.
pub(crate) fn mount_point_of(path: &Path) -> Option<PathBuf> {
    find(path, &fs::read("/etc/fstab").ok()?, || fs::read("/proc/self/mountinfo").ok())
}

/// The same for these contents of fstab(5) and of mountinfo, `proc_pid_mountinfo(5)`. The kernel writes the second anew
/// for every reader, so it is read only if it can matter.
fn find(path: &Path, wanted: &[u8], mounted: impl FnOnce() -> Option<Vec<u8>>) -> Option<PathBuf> {
    // Without a root nothing would run.
    let is_above = |mount_point: &PathBuf| path.starts_with(mount_point) && mount_point != Path::new("/");
    let above: Vec<_> = column(wanted, FSTAB_COLUMN).filter(is_above).collect();
    if above.is_empty() {
        return None;
    }
    let mounted = mounted()?;
    let mounted: Vec<_> = column(&mounted, MOUNTINFO_COLUMN).collect();
    // The innermost one that is missing.
    above
        .into_iter()
        .filter(|mount_point| !mounted.contains(mount_point))
        .max_by_key(|mount_point| mount_point.components().count())
}

/// The paths in one column of a table; comments and short lines have none.
fn column(table: &[u8], number: usize) -> impl Iterator<Item = PathBuf> {
    let lines = table.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_start).filter(|line| !line.starts_with(b"#"));
    lines.filter_map(move |line| {
        let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let path = unescape(fields.nth(number)?);
        path.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(path)))
    })
}

/// Blanks and the like are written as `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..DIGITS).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        text.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(DIGITS..).unwrap_or_default() } else { after };
    }
    text
}

/// How many digits stand behind the backslash.
const DIGITS: usize = 3;
/// Where fstab has the mount point, counted from 0.
const FSTAB_COLUMN: usize = 1;
/// Where mountinfo has it.
const MOUNTINFO_COLUMN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_file_system_that_is_missing_is_named() {
        let fstab = b"# <device> <mount point>\n/dev/a / ext4 defaults 0 1\n  /dev/b /persist ext4 x 0 0\n/dev/c\t/persist/my\\040keys\text4 x 0 0\n/dev/d none swap sw\n";
        let some = b"22 1 0:1 / / rw - ext4 /dev/a rw\n";
        let more = b"22 1 0:1 / / rw - ext4 /dev/a rw\n23 22 0:2 / /persist rw - ext4 /dev/b rw\n";
        let all = b"1 1 0:1 / / rw -\n2 1 0:2 / /persist rw -\n3 1 0:3 / /persist/my\\040keys rw -\n";
        for (path, mounted, expected) in [
            ("/persist/etc/key", &some[..], Some("/persist")),
            ("/persist/my keys/key", some, Some("/persist/my keys")),
            ("/persist/my keys/key", more, Some("/persist/my keys")),
            ("/persist/my keys/key", all, None),
            ("/persist/etc/key", more, None),
            ("/persistent/key", some, None),
            ("/etc/ssh/key", some, None),
        ] {
            assert_eq!(find(Path::new(path), fstab, || Some(mounted.to_vec())), expected.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn what_is_mounted_is_not_asked_for_a_path_below_nothing_but_the_root() {
        let fstab = b"/dev/a / ext4 x 0 1\n/dev/b /boot vfat x 0 0\n";
        assert_eq!(find(Path::new("/home/admin/.ssh/id_ed25519"), fstab, || panic!("it was asked")), None);
    }

    #[test]
    fn nonsense_in_a_table_explains_nothing() {
        for table in [&b""[..], b"\n\n", b"x", b"\\ \\", b"a \\999 b", b"a /\\77", b"#"] {
            assert_eq!(find(Path::new("/a/b"), table, || Some(Vec::new())), None, "{table:?}");
        }
    }
}
