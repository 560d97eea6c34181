//! What a person should know although nothing went wrong.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::{WayOut, shell_word};

/// Something that an installation did or found, for a warning of one line. `Display` gives it alone, and [`Notice::way_out`] what to do
/// about it.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Notice {
    /// A link or an empty directory that is not of this manifest stood where a link was wanted.
    #[error("{path} was {was} that is not of this manifest; it gave way to a link", path = path.display(), was = was.display())]
    GaveWay {
        /// Where it stood.
        path: PathBuf,
        /// What it was, with an article, and where it led.
        was: OsString,
    },
    /// A link of an earlier run is not needed any more, and cannot be reached, or not safely.
    #[error(
        "the link {path} is not needed any more, but {through} is of another user or out of reach by now",
        path = path.display(),
        through = through.display()
    )]
    Forgotten {
        /// The link.
        path: PathBuf,
        /// What was put on the way to it.
        through: PathBuf,
    },
    /// A tmpfs that the kernel may swap out.
    #[error(
        "the kernel refuses a tmpfs without swap at {path} (noswap, since Linux 6.4), so secrets may be swapped out",
        path = path.display()
    )]
    Swappable {
        /// The mount point.
        path: PathBuf,
    },
    /// Another file system is wanted, and what is there cannot be taken away.
    #[error(
        "{path} stays as it is and does not become a {wanted}, because {found} would be lost",
        path = path.display(),
        found = found.display()
    )]
    Kept {
        /// The mount point.
        path: PathBuf,
        /// What people call the file system that is wanted.
        wanted: &'static str,
        /// What would go with the one that is there.
        found: PathBuf,
        /// How that goes.
        way_out: Option<WayOut>,
    },
    /// Another file system is wanted, and the one that is there is not this program's.
    #[error(
        "{path} was mounted by something else, so it stays as it is and does not become a {wanted}",
        path = path.display()
    )]
    KeptMount {
        /// The mount point.
        path: PathBuf,
        /// What people call the file system that is wanted.
        wanted: &'static str,
    },
    /// Another file system is wanted, and another symlink leads into the one that is there.
    #[error(
        "{path} stays as it is and does not become a {wanted} as long as {symlink} leads to a generation in it",
        path = path.display(),
        symlink = symlink.display()
    )]
    KeptFor {
        /// The mount point.
        path: PathBuf,
        /// What people call the file system that is wanted.
        wanted: &'static str,
        /// The other symlink.
        symlink: PathBuf,
    },
    /// What earlier runs have noted of symlinks is lost, and one may lead to this generation.
    #[error("{generation} stays, since what was known of the symlinks that lead to it is lost", generation = generation.display())]
    MayBeRead {
        /// The generation.
        generation: PathBuf,
    },
    /// The symlink of another manifest, or of this one before its symlink path changed, which still has a generation.
    #[error("{path} leads to {generation}, which stays for it", path = path.display(), generation = generation.display())]
    OtherSymlink {
        /// The symlink.
        path: PathBuf,
        /// Where it leads.
        generation: PathBuf,
    },
    /// The mount point has changed, and the one before is still there.
    #[error(
        "{path} still has the secrets from before {symlink} led elsewhere",
        path = path.display(),
        symlink = symlink.display()
    )]
    Left {
        /// The mount point before.
        path: PathBuf,
        /// The symlink.
        symlink: PathBuf,
        /// Another symlink that leads there too.
        reader: Option<PathBuf>,
        /// What takes it away.
        command: &'static str,
    },
    /// The previous file system, which stays mounted below the new one.
    #[error(
        "the previous file system stays mounted below {path}, empty, until the next boot, because the kernel could not put the new one beneath it (Linux 6.5 and later mostly can)",
        path = path.display()
    )]
    Stacked {
        /// The mount point.
        path: PathBuf,
    },
}

impl Notice {
    /// What a person can do about it, unless that is an option of the configuration, whose name is not known here.
    #[must_use]
    pub fn way_out(&self) -> Option<WayOut> {
        match self {
            Self::Forgotten { .. } => Some(WayOut::say("if it is still there, remove it by hand")),
            Self::Kept { way_out, .. } => way_out.clone(),
            Self::OtherSymlink { path, .. } => {
                Some(WayOut::run("if it is not needed any more, run", format!("rm {}", shell_word(path))))
            }
            Self::Left { path, reader, command, .. } => {
                let command = format!("{command} {}", shell_word(path));
                let advice = match reader {
                    Some(reader) => format!("once {} does not lead there any more, run", shell_word(reader)).into(),
                    None => Cow::Borrowed("once nothing reads them any more, run"),
                };
                Some(WayOut::run(advice, command))
            }
            Self::MayBeRead { generation } => Some(WayOut::remove(generation)),
            Self::KeptFor { .. } => Some(WayOut::say("give both manifests the same useTmpfs")),
            Self::Swappable { .. } | Self::KeptMount { .. } | Self::GaveWay { .. } | Self::Stacked { .. } => None,
        }
    }
}
