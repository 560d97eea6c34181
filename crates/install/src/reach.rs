//! Opening what others are to be given the content of, where an ordinary user may have put links on the way.
//!
//! Root reads keys, sops files and texts at paths that a manifest names, and some of them lie in directories of ordinary users.
//! A link there may lead to a file of root, whose content would come out at the other end, or through /proc into a file system
//! whose server never answers. So a link that another user can have made is followed by its text alone, and only to
//! what belongs to the same user or is there for everybody.
//!
//! For what is not there yet, the nearest directory above it says who decides over it, and what would keep it from being made
//! or followed.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open as open_path, openat, openat2};
use nix::sys::stat::{Mode, fstat};
use nix::unistd::Uid;

use crate::Error;
use crate::dir::{Dir, LINKS, Occupant, is_trusted, push_steps, split};

/// Opens what is at a path, with these flags of open(2). On the way, links of other users lead to nothing that is not theirs.
///
/// # Errors
///
/// [`Error::Stranger`] for such a link, and [`Error::Call`] for what the kernel answers.
pub fn open(path: &Path, flags: OFlag) -> Result<OwnedFd, Error> {
    let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        // There is a link, or the kernel does not know this call (before Linux 5.6), or a sandbox does not.
        Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM) => {}
        opened => return opened.map_err(Error::call("open", path)),
    }
    match Way::walk(path)? {
        None => open_path(path, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(Error::call("open", path)),
        Some(way) => way.open(flags),
    }
}

/// A way on which a link of another user is.
struct Way {
    directory: Dir,
    name: OsString,
    /// The last such link.
    link: PathBuf,
    /// Whose it is.
    user: Uid,
    /// Whether everybody can go where it leads.
    is_open: bool,
}

impl Way {
    /// The way to a path; nothing if on it there is no link of another user, and so the kernel may go it.
    fn walk(path: &Path) -> Result<Option<Self>, Error> {
        let mut directory = if path.is_absolute() { Dir::slash()? } else { Dir::here()? };
        let mut ahead = Vec::new();
        push_steps(&mut ahead, path);
        let mut links = LINKS;
        let mut stranger: Option<(PathBuf, Uid)> = None;
        let mut is_open = true;
        while let Some(name) = ahead.pop() {
            if name == ".." {
                directory = directory.above()?;
                continue;
            }
            let found = directory.look(&name)?;
            if let Occupant::Link(link) = found {
                links = links.checked_sub(1).ok_or(Errno::ELOOP).map_err(Error::call("open", path))?;
                let above = directory.status()?;
                if !(link.is_trusted() && is_trusted(&above)) {
                    // A link of ours in a directory that another user can write to counts as that user's.
                    let user = if link.is_trusted() { Uid::from_raw(above.st_uid) } else { link.owner.user };
                    if stranger.as_ref().is_some_and(|(_, other)| *other != user) {
                        return Err(Error::Stranger { path: link.path });
                    }
                    stranger = Some((link.path, user));
                    is_open = true;
                }
                if link.target.is_absolute() {
                    directory = Dir::slash()?;
                }
                push_steps(&mut ahead, &link.target);
                continue;
            }
            if ahead.is_empty() {
                return Ok(stranger.map(|(link, user)| Self { directory, name, link, user, is_open }));
            }
            match found {
                Occupant::Directory => {
                    directory = directory.step(&name).map_err(Error::call("open", path))?;
                    is_open &= directory.status()?.st_mode & PASSABLE != 0;
                }
                // Links such as /proc/self/fd/0 do not lead where their text says. For all others the kernel finds the same file.
                _ if stranger.is_none() => return Ok(None),
                Occupant::Nothing => return Err(Error::call("open", path)(Errno::ENOENT)),
                _ => return Err(Error::call("open", path)(Errno::ENOTDIR)),
            }
        }
        // The root of all paths, to which anybody may lead.
        Ok(None)
    }

    fn open(self, flags: OFlag) -> Result<OwnedFd, Error> {
        let Self { directory, name, link, user, is_open } = self;
        let failed = || Error::call("open", &link);
        let opened =
            openat(directory.handle(), name.as_os_str(), flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty());
        let opened = opened.map_err(failed())?;
        let status = fstat(&opened).map_err(failed())?;
        if status.st_uid == user.as_raw() || (is_open && status.st_mode & READABLE != 0) {
            Ok(opened)
        } else {
            Err(Error::Stranger { path: link })
        }
    }
}

/// Whether an ordinary user decides over what is at a path, by a directory or a link on the way to it.
#[must_use]
pub fn is_of_a_user(path: &Path) -> bool {
    match nearest(path) {
        Ok(directory) => !directory.is_some_and(|directory| directory.status().is_ok_and(|status| is_trusted(&status))),
        Err(error) => error.out_of_reach().is_ok(),
    }
}

/// That a link at a path would not be followed.
pub(crate) fn unfollowed(path: &Path) -> Result<Option<Error>, Error> {
    Ok(nearest(path)?.and_then(|directory| directory.refuse_nosymfollow(path).err()))
}

/// Why what is not there at a path cannot be made.
///
/// # Errors
///
/// [`Error::Call`] if the way to it cannot be looked at.
pub(crate) fn unmakeable(path: &Path) -> Result<Option<Error>, Error> {
    if matches!(path.try_exists(), Ok(false)) { refused(path) } else { Ok(None) }
}

/// Why a directory for plaintext, which is not there, cannot be made.
///
/// # Errors
///
/// As [`unmakeable`].
pub(crate) fn unfit(path: &Path) -> Result<Option<Error>, Error> {
    match nearest(path)? {
        Some(above) if !above.is_memory()? => Ok(Some(Error::NotInMemory { path: path.to_owned() })),
        _ => refused(path),
    }
}

/// Why nothing can be made at a path: what keeps us from adding to the directory that it is in, or to the nearest one that is there.
fn refused(path: &Path) -> Result<Option<Error>, Error> {
    Ok(nearest(path)?.and_then(|directory| directory.refusal_to_add().map(Error::call("make", path))))
}

/// The same of a link, which is made by another name and then renamed.
pub(crate) fn refused_link(path: &Path) -> Result<Option<Error>, Error> {
    match Dir::existing(split(path)?.0)? {
        Some(directory) => Ok(directory.refusal_to_change().map(Error::call("make", path))),
        None => refused(path),
    }
}

/// The directory that a path is in, or the nearest one above that is there.
fn nearest(path: &Path) -> Result<Option<Dir>, Error> {
    for above in path.ancestors().skip(1) {
        if let Some(directory) = Dir::existing(above)? {
            return Ok(Some(directory));
        }
    }
    Ok(None)
}

/// The bit of a directory that everybody can pass, and of a file that everybody can read.
const PASSABLE: u32 = 0o001;
const READABLE: u32 = 0o004;

/// Something else than a directory where one would have to be made or entered: on the way to the path but for its last parts.
pub(crate) fn unreachable(path: &Path, last: usize) -> Option<Error> {
    let above = path.ancestors().skip(last).find(|above| above.symlink_metadata().is_ok())?;
    let is_directory = match above.metadata() {
        Ok(metadata) => metadata.is_dir(),
        // Where a link leads to nothing, a directory is made.
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    (!is_directory).then(|| Error::call("open", above)(Errno::ENOTDIR))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn a_link_of_another_user_leads_to_what_is_theirs_alone() {
        if !geteuid().is_root() {
            // Only root can make a link of another user.
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, user, mode) in [("ours", 0, 0o600), ("public", 0, 0o644), ("theirs", 7, 0o600), ("others", 8, 0o600)]
        {
            fs::write(at(name), name).unwrap();
            fs::set_permissions(at(name), fs::Permissions::from_mode(mode)).unwrap();
            lchown(at(name), Some(user), Some(user)).unwrap();
        }
        fs::create_dir(at("home")).unwrap();
        fs::create_dir(at("closed")).unwrap();
        fs::write(at("closed/readable"), "").unwrap();
        fs::set_permissions(at("closed"), fs::Permissions::from_mode(0o700)).unwrap();
        lchown(at("home"), Some(7), Some(7)).unwrap();
        let is_opened = |link: &str| match open(&at(link), OFlag::O_RDONLY) {
            Ok(_) => true,
            Err(Error::Stranger { path }) => {
                assert!(path.starts_with(folder.path()), "{}", path.display());
                false
            }
            Err(error) => panic!("{link}: {error}"),
        };
        for (number, (user, target, expected)) in [
            (0, at("ours"), true),
            (7, at("ours"), false),
            (7, "../ours".into(), false),
            (7, at("theirs"), true),
            (7, "../theirs".into(), true),
            (7, at("others"), false),
            (7, at("public"), true),
            (7, at("closed/readable"), false),
        ]
        .into_iter()
        .enumerate()
        {
            for directory in ["home", "."] {
                let link = format!("{directory}/{number}");
                symlink(
                    target.strip_prefix(if directory == "." { ".." } else { "/none" }).unwrap_or(&target),
                    at(&link),
                )
                .unwrap();
                lchown(at(&link), Some(user), Some(user)).unwrap();
                // One of root in a directory of theirs may have been put there by them.
                let expected = expected && (user != 0 || directory == ".");
                assert_eq!(is_opened(&link), expected, "{link} to {} of {user}", target.display());
            }
        }
        // From where the program is called too.
        let here = tempfile::tempdir_in(".").unwrap();
        symlink(at("ours"), here.path().join("link")).unwrap();
        lchown(here.path().join("link"), Some(7), Some(7)).unwrap();
        let relative = Path::new(here.path().file_name().unwrap()).join("link");
        assert!(matches!(open(&relative, OFlag::O_RDONLY), Err(Error::Stranger { .. })));
        symlink("home/3", at("way")).unwrap();
        assert!(is_opened("way"));
        symlink("home/1", at("astray")).unwrap();
        assert!(!is_opened("astray"));
    }

    #[test]
    fn links_of_the_kernel_are_followed_by_the_kernel_if_they_are_ours() {
        let pipe = std::io::pipe().unwrap();
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&pipe.0);
        assert!(open(Path::new(&format!("/proc/self/fd/{descriptor}")), OFlag::O_PATH).is_ok());
        assert!(matches!(open(Path::new("/nonexistent"), OFlag::O_PATH), Err(error) if error.is_absence()));
        assert!(open(Path::new("/"), OFlag::O_PATH).is_ok());
    }
}
