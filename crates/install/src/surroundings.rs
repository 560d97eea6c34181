//! What an installation sees to beside the generation: the file system and the directory that all generations are in, and
//! credentials.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::{Error, Notice, WayOut};

/// One way in which it is not as an installation leaves it.
#[derive(Debug, thiserror::Error)]
pub enum Surrounding {
    /// The generations are on another file system, or on none of their own.
    #[error("{path} is not on a {wanted} of its own", path = path.display())]
    FileSystem {
        /// The mount point.
        path: PathBuf,
        /// What people call the file system.
        wanted: &'static str,
    },
    /// The directory of the generations is open to others than it should be, or to fewer.
    #[error("{path} has another mode or owner, or an access control list", path = _0.display())]
    Directory(PathBuf),
    /// A credential is not there.
    #[error("the credential {path} is missing", path = _0.display())]
    NoCredential(PathBuf),
    /// A credential that an earlier run has made has another content.
    #[error("the credential {path} has another content", path = _0.display())]
    OtherCredential(PathBuf),
    /// A credential of an earlier run is still there.
    #[error("the credential {path} is there, and the manifest does not want it", path = _0.display())]
    StaleCredential(PathBuf),
    /// A link of an earlier run is still there, and no file needs it.
    #[error("the link {path} is there, and the manifest does not want it", path = path.display())]
    StaleLink {
        /// The link.
        path: PathBuf,
        /// What keeps an installation from removing it.
        obstacle: Option<Error>,
    },
    /// Another file system is wanted, and an installation does not change it.
    #[error(transparent)]
    Kept(Notice),
    /// The mount point is in use by somebody else, so that nothing can be installed.
    #[error(transparent)]
    MountPoint(Error),
    /// A credential that an installation does not make, since something is in its way.
    #[error(transparent)]
    Credential(Error),
}

impl Surrounding {
    /// The links among them that go: an installation removes them before it makes others.
    #[must_use]
    pub fn links_that_go(found: &[Self]) -> HashSet<&Path> {
        let link = |one| match one {
            &Self::StaleLink { ref path, obstacle: None } => Some(path.as_path()),
            _ => None,
        };
        found.iter().filter_map(link).collect()
    }

    /// What a person can do about it, where an installation does nothing.
    #[must_use]
    pub fn way_out(&self) -> Option<WayOut> {
        match self {
            Self::MountPoint(error) | Self::Credential(error) => error.way_out(),
            Self::Kept(notice) => notice.way_out(),
            Self::FileSystem { .. }
            | Self::Directory(_)
            | Self::NoCredential(_)
            | Self::OtherCredential(_)
            | Self::StaleCredential(_)
            | Self::StaleLink { .. } => None,
        }
    }
}
