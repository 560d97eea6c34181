//! Why a path is not there: where its links lead, and whether a file system is missing on the way, which is the usual reason
//! for a key that is not there while a machine starts.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use install::shell_word;

use crate::input;
use crate::remedy::Remedy;

/// A path that is not there. Why is looked for when it is said: most such paths are those of keys that need not be there.
#[derive(Debug)]
pub(crate) struct Absence {
    path: PathBuf,
    /// The kernel's answer, for where nothing is known.
    source: io::Error,
}

/// A file system that is not mounted.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Unmounted {
    mount_point: PathBuf,
    wanted_by: WantedBy,
}

/// What says that it should be.
#[derive(Clone, Debug, Eq, PartialEq)]
enum WantedBy {
    Fstab,
    /// The name of a mount unit.
    Unit(String),
}

impl Absence {
    /// The absence of whatever was expected at the path.
    pub(crate) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }

    /// Whether it may be in a file system that is not mounted.
    pub(crate) fn is_unmounted(&self) -> bool {
        self.explain().1.is_some()
    }

    /// What mounts it.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        let Unmounted { mount_point, wanted_by } = self.explain().1?;
        let place = mount_point.display();
        Some(match wanted_by {
            WantedBy::Fstab => {
                let early =
                    format!("in NixOS fileSystems.\"{place}\".neededForBoot = true; mounts it before this runs");
                Remedy::say(&early)
                    .then(Remedy::run("mount it now with", format!("mount {}", shell_word(&mount_point))))
            }
            WantedBy::Unit(_) => Remedy::say(&format!(
                "let this run after it: RequiresMountsFor={place}, or for users made by an activation script put the file where the first \
                 stage of the boot mounts it"
            )),
        })
    }

    /// Where the links of the path lead, if it has any, and what is not mounted there.
    ///
    /// It only explains an error to a person, so a table that cannot be read explains nothing.
    fn explain(&self) -> (Option<PathBuf>, Option<Unmounted>) {
        let end = follow(&self.path);
        let unmounted = missing(&end, &wanted(), || input::read_table(Path::new("/proc/self/mountinfo")));
        let leads_to = (end != self.path && self.path.is_absolute()).then_some(end);
        (leads_to, unmounted)
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (leads_to, unmounted) = self.explain();
        if let Some(end) = &leads_to {
            write!(formatter, "it leads to {}, ", end.display())?;
        }
        match (&unmounted, &leads_to) {
            (Some(Unmounted { mount_point, wanted_by: WantedBy::Fstab }), leads_to) => write!(
                formatter,
                "{}{mount_point} is in /etc/fstab and is not mounted",
                if leads_to.is_some() { "and " } else { "" },
                mount_point = mount_point.display()
            ),
            (Some(Unmounted { mount_point, wanted_by: WantedBy::Unit(unit) }), leads_to) => write!(
                formatter,
                "{}{mount_point} is not mounted yet, which {unit} does",
                if leads_to.is_some() { "and " } else { "" },
                mount_point = mount_point.display()
            ),
            (None, Some(_)) => formatter.write_str("which is not there"),
            (None, None) if self.source.kind() == io::ErrorKind::NotFound => {
                formatter.write_str("there is no such file")
            }
            (None, None) => self.source.fmt(formatter),
        }
    }
}

/// Where a path leads when each link on the way is followed, as far as that can be seen.
fn follow(path: &Path) -> PathBuf {
    let mut reached = PathBuf::new();
    let mut rest: VecDeque<OsString> = parts(path);
    let mut links = 0_usize;
    while let Some(part) = rest.pop_front() {
        if part == ".." {
            reached.pop();
            continue;
        }
        let next = reached.join(&part);
        match fs::read_link(&next) {
            Ok(target) if links < MOST_LINKS => {
                links = links.saturating_add(1);
                // One from the root begins there again.
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            }
            _ => reached = next,
        }
    }
    reached
}

/// The components of a path; one from the root begins with `/`.
fn parts(path: &Path) -> VecDeque<OsString> {
    path.components().filter(|part| *part != Component::CurDir).map(|part| part.as_os_str().to_owned()).collect()
}

/// The innermost file system above the path that should be mounted and is not. The kernel writes the table of mounts anew
/// for every reader, so it is read only if it can matter.
fn missing(path: &Path, wanted: &[Unmounted], mounted: impl FnOnce() -> Option<Vec<u8>>) -> Option<Unmounted> {
    // Without a root nothing would run.
    let is_above =
        |wanted: &&Unmounted| path.starts_with(&wanted.mount_point) && wanted.mount_point.as_path() != Path::new("/");
    let above: Vec<_> = wanted.iter().filter(is_above).collect();
    if above.is_empty() {
        return None;
    }
    let mounted = mounted()?;
    let mounted: Vec<_> = column(&mounted, MOUNTINFO_COLUMN).collect();
    above
        .into_iter()
        .filter(|wanted| !mounted.contains(&wanted.mount_point))
        // Of two that name the same place the first one, which is fstab.
        .rev()
        .max_by_key(|wanted| wanted.mount_point.components().count())
        .cloned()
}

/// Every file system that fstab(5) and the mount units of systemd want.
fn wanted() -> Vec<Unmounted> {
    let fstab = input::read_table(Path::new("/etc/fstab")).unwrap_or_default();
    let of_fstab = of_fstab(&fstab);
    let units = UNIT_FOLDERS.iter().map(Path::new);
    let units = units.flat_map(|folder| input::names(folder).into_iter().flatten().map(|name| folder.join(name)));
    let of_units = units.filter_map(|path| {
        let name = path.file_name()?.to_str()?.to_owned();
        if path.extension() != Some(OsStr::new("mount")) {
            return None;
        }
        of_unit(name, &input::read_table(&path)?)
    });
    of_fstab.into_iter().chain(of_units).collect()
}

fn of_fstab(table: &[u8]) -> Vec<Unmounted> {
    let points = column(table, FSTAB_COLUMN);
    points.map(|mount_point| Unmounted { mount_point, wanted_by: WantedBy::Fstab }).collect()
}

/// What a mount unit mounts; its last `Where=` counts.
fn of_unit(name: String, text: &[u8]) -> Option<Unmounted> {
    let text = String::from_utf8_lossy(text);
    let mut places = text.lines().filter_map(|line| line.trim().strip_prefix("Where")?.trim_start().strip_prefix('='));
    let place = places.next_back()?.trim().trim_matches('"');
    // systemd writes a percent sign twice.
    let mount_point = PathBuf::from(place.replace("%%", "%"));
    mount_point
        .is_absolute()
        .then(|| Unmounted { mount_point: mount_point.components().collect(), wanted_by: WantedBy::Unit(name) })
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

/// How many digits follow the backslash.
const DIGITS: usize = 3;
/// Where fstab has the mount point, counted from 0.
const FSTAB_COLUMN: usize = 1;
/// Where mountinfo has it.
const MOUNTINFO_COLUMN: usize = 4;

/// Where mount units are. What systemd makes of fstab itself is not needed.
const UNIT_FOLDERS: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];
/// As many as the kernel follows.
const MOST_LINKS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is missing with these contents of fstab and mountinfo.
    fn find(path: &str, fstab: &[u8], mounted: &[u8]) -> Option<PathBuf> {
        missing(Path::new(path), &of_fstab(fstab), || Some(mounted.to_vec())).map(|missing| missing.mount_point)
    }

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
            assert_eq!(find(path, fstab, mounted), expected.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn what_is_mounted_is_not_asked_for_a_path_below_nothing_but_the_root() {
        let fstab = of_fstab(b"/dev/a / ext4 x 0 1\n/dev/b /boot vfat x 0 0\n");
        assert_eq!(missing(Path::new("/home/admin/.ssh/id_ed25519"), &fstab, || panic!("it was asked")), None);
    }

    #[test]
    fn nonsense_in_a_table_explains_nothing() {
        for table in [&b""[..], b"\n\n", b"x", b"\\ \\", b"a \\999 b", b"a /\\77", b"#"] {
            assert_eq!(find("/a/b", table, b""), None, "{table:?}");
            assert_eq!(of_unit("x.mount".to_owned(), table), None, "{table:?}");
        }
    }

    #[test]
    fn a_mount_unit_says_where_it_mounts() {
        let text = b"[Unit]\nBefore=x\n[Mount]\nWhat=/a\nWhere = /persist/my%%keys/\nOptions=bind\n";
        let unit = of_unit("x.mount".to_owned(), text).unwrap();
        assert_eq!(unit.mount_point.as_os_str(), "/persist/my%keys");
        let found = missing(Path::new("/persist/my%keys/key"), std::slice::from_ref(&unit), || Some(Vec::new()));
        assert_eq!(found, Some(unit));
    }

    #[test]
    fn links_are_followed_to_where_the_path_ends() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().canonicalize().unwrap().join(name);
        std::os::unix::fs::symlink(at("b/../c"), at("a")).unwrap();
        std::os::unix::fs::symlink("nowhere/x", at("c")).unwrap();
        std::os::unix::fs::symlink("loop", at("loop")).unwrap();
        assert_eq!(follow(&at("a")), at("nowhere/x"));
        assert_eq!(follow(&at("d/e")), at("d/e"));
        assert_eq!(follow(&at("loop")), at("loop"));
    }
}
