//! What can go wrong with files, mounts and links.

use std::path::PathBuf;

use nix::errno::Errno;

/// Why something of an installation was not done. Every variant names the path; none holds content of a file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call that failed.
    #[error("cannot {action} {path}", path = path.display())]
    Call {
        /// What was tried: a verb, perhaps with words behind it.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's answer.
        source: Errno,
    },
    /// Something that this program did not make stands where a link has to go.
    #[error("{path} is {found} that this program did not make; move it away, then run this again", path = path.display())]
    Foreign {
        /// Where it stands.
        path: PathBuf,
        /// What it is, with an article.
        found: &'static str,
    },
    /// The link to the generations leads to none of them.
    #[error(
        "{link} leads to {target}, which is no numbered generation; remove the link, then run this again",
        link = link.display(),
        target = target.display()
    )]
    NoGeneration {
        /// The link.
        link: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The generations would be on a disk.
    #[error("{path} is on a file system that is not in memory; no secret was written", path = path.display())]
    NotInMemory {
        /// The directory of the generations.
        path: PathBuf,
    },
    /// A directory that anyone could have swapped for another while it was looked at.
    #[error(
        "{path} goes through a link or directory that others can change; use a path without one",
        path = path.display()
    )]
    Untrusted {
        /// The path that was asked for.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn call(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(Errno) -> Self {
        let path = path.into();
        move |source| Self::Call { action, path, source }
    }
}
