//! What can go wrong with files, mounts and links.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Uid, geteuid};

use crate::way_out::unmount;
use crate::{WayOut, mountinfo, shell_word};

/// Why something of an installation was not done. `Display` gives the problem alone, and [`Error::way_out`] what to do about it. Every
/// variant names the path; none holds content of a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Error {
    /// A system call that failed.
    #[error("cannot {action} {path}: {errno}", path = path.display())]
    Call {
        /// What was tried: a verb, perhaps with words behind it.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The symlink path leads into the mount point, or the mount point into the symlink path, by another name.
    #[error(
        "one of the symlink path {symlink_path} and the mount point {mount_point} is inside the other",
        symlink_path = symlink_path.display(),
        mount_point = mount_point.display()
    )]
    Nested {
        /// The link that readers follow.
        symlink_path: PathBuf,
        /// The directory of the generations.
        mount_point: PathBuf,
    },
    /// Something that this program did not make stands where it has to put something.
    #[error("{path} is {found} that this program did not make", path = path.display())]
    Foreign {
        /// Where it stands.
        path: PathBuf,
        /// What it is, with an article.
        found: &'static str,
    },
    /// Something was to be removed, and another file system is mounted there.
    #[error("a file system is mounted at {path}, so it stays", path = path.display())]
    Mounted {
        /// Where it is mounted.
        path: PathBuf,
    },
    /// The link to the generations leads to none of them.
    #[error("{link} leads to {target}, which is no numbered generation", link = link.display(), target = target.display())]
    NoGeneration {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The running generation has the largest number there is.
    #[error("no generation can follow {generation}")]
    LastGeneration {
        /// The number of the running generation.
        generation: u64,
        /// The link that leads to it.
        link: PathBuf,
    },
    /// Plaintext would be on a disk.
    #[error("{path} is on a file system that is not in memory; no secret was written there", path = path.display())]
    NotInMemory {
        /// The directory that the plaintext would be in.
        path: PathBuf,
    },
    /// A link or directory that someone else can change while it is being used.
    #[error("{path} is a link or directory that other users can change", path = path.display())]
    Untrusted {
        /// The link or directory.
        path: PathBuf,
    },
    /// The directory of the credentials, which has a fixed place.
    #[error("{path} can be changed by other users", path = path.display())]
    Shared {
        /// The directory.
        path: PathBuf,
    },
    /// A link at the place of the secrets themselves, which would lead to itself.
    #[error("a link at {path} would hide the secrets", path = path.display())]
    HidesSecrets {
        /// Where the link was wanted.
        path: PathBuf,
    },
    /// A link among the program's own things, by another name of the place.
    #[error(
        "{path} would lie below {of}, where this program makes everything itself",
        path = path.display(),
        of = of.display()
    )]
    Inside {
        /// Where the link was wanted.
        path: PathBuf,
        /// The place that holds it.
        of: PathBuf,
    },
    /// A link at a name that the program needs while it works.
    #[error(
        "{path} is a name that this program uses while it makes {of}",
        path = path.display(),
        of = of.display()
    )]
    Reserved {
        /// Where the link was wanted.
        path: PathBuf,
        /// What is made by means of it.
        of: PathBuf,
    },
    /// A link at a place that something is read from.
    #[error("{path} is where {read} is read from, which a link there would replace",
        path = path.display(), read = read.display())]
    ReadFrom {
        /// Where the link was wanted.
        path: PathBuf,
        /// What is read, as it is known.
        read: PathBuf,
    },
    /// Two links at one place.
    #[error(
        "{path} and {other} lead to the same place, and only one link can be there",
        path = path.display(),
        other = other.display()
    )]
    SamePlace {
        /// The path of one link.
        path: PathBuf,
        /// The path of the other.
        other: PathBuf,
    },
    /// A link on the way to another one.
    #[error("{path} leads below {other}, where another link is to be", path = path.display(), other = other.display())]
    Below {
        /// The path of the link that would lie below.
        path: PathBuf,
        /// The path of the other.
        other: PathBuf,
    },
    /// The program's own places in the directory of the credentials, or that in them.
    #[error(
        "the secrets cannot be at {path}, because the credentials of systemd are in {store}",
        path = path.display(),
        store = store.display()
    )]
    InStore {
        /// The symlink path or the mount point.
        path: PathBuf,
        /// The directory of the credentials.
        store: PathBuf,
    },
    /// The symlink of another manifest leads to a generation of the same mount point.
    #[error(
        "{path} leads to a generation below {mount_point} too, perhaps for another manifest",
        path = path.display(),
        mount_point = mount_point.display()
    )]
    OtherSymlink {
        /// The symlink.
        path: PathBuf,
        /// The directory of the generations.
        mount_point: PathBuf,
    },
    /// What earlier runs have noted of symlinks is lost, and one may lead to this generation.
    #[error("what was known of the symlinks that lead to {path} is lost", path = path.display())]
    MayBeRead {
        /// The generation.
        path: PathBuf,
    },
    /// A link of an ordinary user that leads to what belongs to somebody else.
    #[error(
        "{path} is a link of another user to what is not that user's, and so it is not followed",
        path = path.display()
    )]
    Stranger {
        /// The link.
        path: PathBuf,
    },
    /// A directory with the number of a generation whose owner somebody has changed: nobody else can make one there.
    #[error("{path} has the name of a generation and belongs to somebody else", path = path.display())]
    Disowned {
        /// The directory.
        path: PathBuf,
    },
    /// A file at the name of a credential, which may hold a secret, so that nobody should move it to a disk.
    #[error("{path} is a file that this program did not make, or that was changed since", path = path.display())]
    OtherCredential {
        /// The file.
        path: PathBuf,
    },
    /// A file in memory among the generations, which may hold a secret too, such as the keys that sops-nix leaves. Nobody should move it to
    /// a disk.
    #[error("{path} is a file that this program did not make", path = path.display())]
    ForeignSecret {
        /// The file.
        path: PathBuf,
    },
    /// A link that nobody could follow.
    #[error("a link at {path} would lead nowhere, since its file system is mounted with nosymfollow", path = path.display())]
    NoSymlinks {
        /// Where the link was wanted.
        path: PathBuf,
    },
    /// What earlier runs have noted cannot be read.
    #[error("{path} is damaged; {lost}", path = path.display())]
    Record {
        /// The note.
        path: PathBuf,
        /// What this can lead to.
        lost: &'static str,
    },
}

impl Error {
    /// What a person can do about it.
    #[must_use]
    pub fn way_out(&self) -> Option<WayOut> {
        Some(match self {
            Self::Call { action, path, errno } => return way_out_of_call(action, *errno, path),
            Self::NotInMemory { .. } => return None,
            Self::Nested { .. } => WayOut::say("give each its own place"),
            Self::Foreign { path, .. } => WayOut::move_away(path).then_again(),
            Self::Disowned { path } => WayOut::run("if it is one, take it back with", take_back(path)).then_again(),
            Self::OtherCredential { path } | Self::ForeignSecret { path } => {
                let remove = || WayOut::run("if nobody needs it, run", format!("rm {}", shell_word(path)));
                WayOut::unmount(path).unwrap_or_else(remove).then_again()
            }
            Self::Mounted { path } => WayOut::run("run", unmount(path)).then_again(),
            Self::NoGeneration { .. } => WayOut::say("remove the link").then_again(),
            Self::LastGeneration { link, .. } => WayOut::say(format!("remove {}", link.display())).then_again(),
            Self::Untrusted { .. } => WayOut::say("use a path that does not lead through it"),
            Self::Shared { path } => {
                let path = shell_word(path);
                WayOut::run("close it with", format!("chown root: {path}; chmod 700 {path}")).then_again()
            }
            Self::HidesSecrets { .. } | Self::Inside { .. } | Self::ReadFrom { .. } => {
                WayOut::say("give it another path")
            }
            Self::Reserved { .. } => WayOut::say("give the link another path"),
            Self::SamePlace { .. } | Self::Below { .. } => WayOut::say("give each its own path"),
            Self::InStore { .. } => WayOut::say("choose another path, such as /run/secrets"),
            Self::OtherSymlink { path, .. } => {
                WayOut::run("if it is not needed any more, run", format!("rm {}", shell_word(path))).then_again()
            }
            Self::MayBeRead { path } => WayOut::remove(path).then_again(),
            Self::Stranger { .. } => WayOut::say("name the file itself"),
            Self::NoSymlinks { .. } => WayOut::say("mount it without that, or use another path"),
            Self::Record { path, .. } => WayOut::run("if that is said again, run", format!("rm {}", shell_word(path))),
        })
    }

    /// Turns what the kernel said into an error that says what was tried, and on what.
    pub(crate) fn call(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(Errno) -> Self {
        // Errors are rare, so the path is copied only when there is one.
        move |errno| Self::of_call(action, path.into(), errno)
    }

    #[cold]
    #[inline(never)]
    fn of_call(action: &'static str, path: PathBuf, errno: Errno) -> Self {
        Self::Call { action, path, errno }
    }

    /// The same error about another path: for a temporary name, the path that it is made for.
    pub(crate) fn at(self, path: &Path) -> Self {
        match self {
            Self::Call { action, errno, .. } => Self::Call { action, path: path.to_owned(), errno },
            other => other,
        }
    }

    /// Whether it says that a path is where something of the program is.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Inside { .. } | Self::HidesSecrets { .. } | Self::Reserved { .. })
    }

    /// What a user has put on the way to a thing of theirs, if that is why it cannot be reached: a link, or a file system of FUSE, which
    /// refuses root, or has lost the one who served it.
    pub(crate) fn out_of_reach(self) -> Result<PathBuf, Self> {
        match self {
            Self::Untrusted { path: through }
            | Self::Call { errno: Errno::ELOOP | Errno::EACCES | Errno::ENOTCONN, path: through, .. } => Ok(through),
            other => Err(other),
        }
    }

    /// Whether the thing is not there, which is the only error that means absence. Below a file there is nothing either.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::Call { errno: Errno::ENOENT | Errno::ENOTDIR, .. })
    }
}

/// What a person can do about an answer of the kernel.
fn way_out_of_call(action: &str, errno: Errno, path: &Path) -> Option<WayOut> {
    Some(match errno {
        Errno::EACCES | Errno::EPERM if geteuid().is_root() => {
            WayOut::say("find out what keeps root out: a sandbox, or a directory without permission for others")
        }
        Errno::EACCES | Errno::EPERM => match taken_from_us(path) {
            Some(there) => {
                let advice = format!("{} belongs to another user; take it back with", shell_word(there));
                WayOut::run(advice, take_back(there))
            }
            None => WayOut::say("run this as root"),
        },
        Errno::ENOSPC | Errno::EDQUOT => {
            let advice = "make room on its file system, or let it be larger; this shows how full it is";
            WayOut::run(advice, "df -h; df -i".to_owned())
        }
        Errno::EROFS => {
            // Not through a link of ours, which leads to another mount.
            let is_link = path.is_symlink();
            let there = path.ancestors().skip(usize::from(is_link)).find(|above| above.is_dir()).unwrap_or(path);
            if there.canonicalize().is_ok_and(|there| there.starts_with("/nix/store")) {
                return Some(WayOut::say(format!("{} is in the Nix store: use another path", shell_word(there))));
            }
            let place = shell_word(&mountinfo::mount_point(there));
            // The one is for the file system, the other for the mount alone.
            let command = format!("mount -o remount,rw {place}; mount -o remount,bind,rw {place}");
            WayOut::run("its file system is read-only: use another path, or run", command)
        }
        Errno::ENOTDIR => WayOut::say("something on that path is no directory: move it away, or use another path"),
        Errno::EIO => WayOut::say("its disk or file system is damaged: see dmesg"),
        Errno::ENAMETOOLONG => WayOut::say("use a shorter path"),
        Errno::EBUSY => WayOut::run("if a file system is mounted there, run", unmount(path)).then_again(),
        Errno::EINVAL if action == UNMOUNT => {
            WayOut::say("if it is a link, name the place that it leads to in the manifest")
        }
        Errno::EINVAL | Errno::EOVERFLOW if action.starts_with(GIVE) => WayOut::say(
            "this user namespace, or the mount with other owners that this is on, has no such user or group: see \
                 /proc/self/uid_map and gid_map",
        ),
        _ => return None,
    })
}

/// The command that makes something our own again.
fn take_back(path: &Path) -> String {
    let there = shell_word(path);
    if geteuid().is_root() {
        format!("chown root: {there}")
    } else {
        // With a colon chown(1) would ask for the group of the account.
        format!("sudo chown {user} {there}", user = geteuid())
    }
}

/// What belongs to another user on the way to a path, but is in a directory of our own.
fn taken_from_us(path: &Path) -> Option<&Path> {
    let owner = |path: &Path| path.symlink_metadata().ok().map(|status| Uid::from_raw(status.uid()));
    let mut way = path.ancestors().filter(|above| owner(above).is_some());
    let (there, above) = (way.next()?, way.next()?);
    let ours = Some(geteuid());
    (owner(there) != ours && owner(above) == ours).then_some(there)
}

/// The action that takes a file system away.
pub(crate) const UNMOUNT: &str = "unmount";

/// How the actions begin that give something to another owner.
const GIVE: &str = "change the owner of";
