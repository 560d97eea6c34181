//! Where the generations of a manifest are, and the symlink to the active one.

use crate::path::AbsolutePath;
use crate::table::{self, Field};

/// The mount point, below which each generation is a directory, and the symlink path, which leads to the active one.
///
/// Invariant: neither of the two is the other or lies inside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Places {
    mount_point: AbsolutePath,
    symlink_path: AbsolutePath,
}

impl Places {
    /// The places, such as `/run/secrets.d` and `/run/secrets`.
    ///
    /// # Errors
    ///
    /// [`PlacesError`] if one of the two is the other or lies inside it.
    pub fn new(mount_point: AbsolutePath, symlink_path: AbsolutePath) -> Result<Self, PlacesError> {
        match (mount_point.holds(&symlink_path), symlink_path.holds(&mount_point)) {
            (false, false) => Ok(Self { mount_point, symlink_path }),
            (true, true) => Err(PlacesError::Same(symlink_path)),
            (true, false) => Err(PlacesError::SymlinkPathInside { symlink_path, mount_point }),
            (false, true) => Err(PlacesError::MountPointInside { mount_point, symlink_path }),
        }
    }

    /// Where the file system with the generations is mounted.
    #[must_use]
    pub fn mount_point(&self) -> &AbsolutePath {
        &self.mount_point
    }

    /// The link to the active generation.
    #[must_use]
    pub fn symlink_path(&self) -> &AbsolutePath {
        &self.symlink_path
    }
}

/// Why two paths are not [`Places`].
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// One path for both.
    #[error("the path {path:?} is also secretsMountPoint", path = _0.as_str())]
    Same(AbsolutePath),
    /// The symlink would be where only generations are.
    #[error(
        "the path {inner:?} lies inside secretsMountPoint {outer:?}",
        inner = symlink_path.as_str(),
        outer = mount_point.as_str()
    )]
    SymlinkPathInside {
        /// The inner path.
        symlink_path: AbsolutePath,
        /// The outer path.
        mount_point: AbsolutePath,
    },
    /// The symlink would have to be a directory.
    #[error(
        "the path {inner:?} lies inside symlinkPath {outer:?}",
        inner = mount_point.as_str(),
        outer = symlink_path.as_str()
    )]
    MountPointInside {
        /// The inner path.
        mount_point: AbsolutePath,
        /// The outer path.
        symlink_path: AbsolutePath,
    },
}

impl PlacesError {
    /// The field of the path that the message begins with.
    pub(crate) fn field(&self) -> &'static Field {
        match self {
            Self::Same(_) | Self::SymlinkPathInside { .. } => &table::SYMLINK_PATH,
            Self::MountPointInside { .. } => &table::SECRETS_MOUNT_POINT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_path_may_be_in_the_other() {
        let path = |text: &str| AbsolutePath::try_from(text.to_owned()).unwrap();
        let places = |mount_point, symlink_path| Places::new(path(mount_point), path(symlink_path));
        for (mount_point, symlink_path) in [("/s.d", "/s"), ("/s", "/s.d"), ("/a/d", "/a/s")] {
            assert!(places(mount_point, symlink_path).is_ok(), "{mount_point} {symlink_path}");
        }
        assert!(matches!(places("/s", "//s/"), Err(PlacesError::Same(_))));
        for (outer, inner) in [("/s", "/s/a"), ("/s", "/s/a/b"), ("/", "/s")] {
            assert!(matches!(places(outer, inner), Err(PlacesError::SymlinkPathInside { .. })), "{outer} {inner}");
            assert!(matches!(places(inner, outer), Err(PlacesError::MountPointInside { .. })), "{outer} {inner}");
        }
    }
}
