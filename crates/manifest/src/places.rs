//! Where things go: the generations, the symlink to the active one, each file in them, and the link to it.

use crate::path::{AbsolutePath, PathError};
use crate::schema::{Absent, Field, FieldKind, field};

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
            Self::Same(_) | Self::SymlinkPathInside { .. } => &SYMLINK_PATH,
            Self::MountPointInside { .. } => &SECRETS_MOUNT_POINT,
        }
    }
}

/// A place in a generation, such as `db/password`, which in the active one is `/run/secrets/db/password`.
///
/// Invariant: the symlink path, and what follows it; so no place is outside of the generation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GenerationPlace {
    path: AbsolutePath,
    /// The length of the symlink path.
    above: usize,
}

impl GenerationPlace {
    /// The active generation itself, in which all places are.
    #[must_use]
    pub fn root(symlink_path: &AbsolutePath) -> Self {
        Self { path: symlink_path.clone(), above: symlink_path.as_str().trim_end_matches('/').len() }
    }

    /// The place of a name in this directory.
    ///
    /// # Errors
    ///
    /// [`PathError`] if it is not one or becomes too long.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        Ok(Self { path: self.path.join(name)?, above: self.above })
    }

    /// The relative path below whichever generation, for a template below `rendered` there.
    #[must_use]
    pub fn below(&self) -> &str {
        self.cut(&self.path).unwrap_or_default()
    }

    /// The path in the active generation: where readers find it, and where a link to it leads.
    #[must_use]
    pub fn path(&self) -> &AbsolutePath {
        &self.path
    }

    /// The link that is needed for what is here to be found at a path; none if that is this place.
    #[must_use]
    pub fn link(&self, path: AbsolutePath) -> Option<LinkPlace> {
        if path == self.path {
            None
        } else if self.cut(&path).is_some() {
            Some(LinkPlace::Inside(Self { path, above: self.above }))
        } else {
            Some(LinkPlace::Outside(path))
        }
    }

    /// What follows the symlink path in a path.
    fn cut<'p>(&self, path: &'p AbsolutePath) -> Option<&'p str> {
        path.as_str().strip_prefix(self.path.as_str().get(..self.above)?)?.strip_prefix('/')
    }
}

/// Where a link to the place of a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LinkPlace {
    /// In the generation, of which it is a part.
    Inside(GenerationPlace),
    /// Somewhere else, where it stays while generations come and go.
    Outside(AbsolutePath),
}

impl LinkPlace {
    /// Where readers find it.
    #[must_use]
    pub fn path(&self) -> &AbsolutePath {
        match self {
            Self::Inside(place) => place.path(),
            Self::Outside(path) => path,
        }
    }
}

pub(crate) static SECRETS_MOUNT_POINT: Field = field(
    "secretsMountPoint",
    FieldKind::Text,
    Absent::Missing("write it like /run/secrets.d"),
    "The directory where the memory file system with the generations is mounted: an absolute path that is neither \
     symlinkPath nor inside or around it. In user mode %r at any place stands for the runtime directory, and %% for a %.",
);
pub(crate) static SYMLINK_PATH: Field = field(
    "symlinkPath",
    FieldKind::Text,
    Absent::Missing("write it like /run/secrets"),
    "The link to the active generation, which readers follow: an absolute path. In user mode %r and %% count as in \
     secretsMountPoint.",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_below_the_symlink_path_and_a_link_to_it_in_the_generation_or_outside() {
        let path = |text: &str| AbsolutePath::try_from(text.to_owned()).unwrap();
        let directory = GenerationPlace::root(&path("/run/s")).join("rendered").unwrap();
        let place = directory.join("a/b").unwrap();
        assert_eq!((place.below(), place.path().as_str()), ("rendered/a/b", "/run/s/rendered/a/b"));
        assert!(place.join("..").is_err());
        assert_eq!(place.link(path("/run/s/rendered/a//b")), None);
        for (inside, below) in [("/run/s/x", "x"), ("/run/s/rendered/x", "rendered/x")] {
            let Some(LinkPlace::Inside(link)) = place.link(path(inside)) else { panic!("{inside} is not inside") };
            assert_eq!((link.below(), link.path().as_str()), (below, inside));
        }
        for outside in ["/x", "/run", "/run/s", "/run/s-old/x", "/run/secrets/x"] {
            assert_eq!(place.link(path(outside)), Some(LinkPlace::Outside(path(outside))));
        }
        let below_the_root = GenerationPlace::root(&path("/")).join("a").unwrap();
        assert_eq!((below_the_root.below(), below_the_root.path().as_str()), ("a", "/a"));
    }

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
