//! Where the secrets of one manifest are.

use std::path::{Path, PathBuf};

use manifest::{AbsolutePath, Manifest, Places};

/// The mount point, below which each generation is a numbered directory, the symlink path, which leads to the running one,
/// and what the generations are kept on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    places: Places,
    file_system: FileSystem,
}

impl Location {
    /// What a manifest says.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let file_system = match (manifest.user_mode(), manifest.use_tmpfs()) {
            (true, _) => FileSystem::Runtime,
            (false, true) => FileSystem::Tmpfs,
            (false, false) => FileSystem::Ramfs,
        };
        Self::new(manifest.places().clone(), file_system)
    }

    /// The location, such as `/run/secrets.d` and `/run/secrets` on a [`FileSystem::Ramfs`].
    #[must_use]
    pub fn new(places: Places, file_system: FileSystem) -> Self {
        Self { places, file_system }
    }

    /// The directory of the generations.
    #[must_use]
    pub fn mount_point(&self) -> &Path {
        self.places.mount_point().as_path()
    }

    /// The link that readers follow.
    #[must_use]
    pub fn symlink_path(&self) -> &Path {
        self.places.symlink_path().as_path()
    }

    /// The directory of a generation.
    #[must_use]
    pub fn generation(&self, number: u64) -> PathBuf {
        self.mount_point().join(number.to_string())
    }

    /// Whether a link with this target leads to the mount point or below it, by the name that this has here.
    pub(crate) fn is_below(&self, target: &Path) -> bool {
        target.starts_with(self.mount_point())
    }

    /// The number of the generation that a link with this target leads to, if it is one below the mount point.
    pub(crate) fn number(&self, target: &Path) -> Option<u64> {
        // By components: /run/secrets.d-old/41 is not below /run/secrets.d, although sops-nix takes it for that.
        number(target.strip_prefix(self.mount_point()).ok()?.as_os_str().as_encoded_bytes())
    }

    /// What the generations are kept on.
    #[must_use]
    pub fn file_system(&self) -> FileSystem {
        self.file_system
    }

    /// As a stamp keeps it: no path has a NUL byte.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let Self { places, file_system } = self;
        let name = FILE_SYSTEMS.iter().find(|(_, one)| one == file_system).map_or("", |(name, _)| name);
        [places.mount_point().as_str(), places.symlink_path().as_str(), name].join("\0").into_bytes()
    }

    /// From [`Location::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(bytes).ok()?.split('\0');
        let mut path = || AbsolutePath::try_from(parts.next()?.to_owned()).ok();
        let places = Places::new(path()?, path()?).ok()?;
        let name = parts.next()?;
        let file_system = FILE_SYSTEMS.into_iter().find(|(one, _)| *one == name).map(|(_, kind)| kind)?;
        Some(Self::new(places, file_system))
    }
}

/// What the generations are kept on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileSystem {
    /// A ramfs, which is never swapped out.
    Ramfs,
    /// A tmpfs, without swap where the kernel can do that (since 6.4, and not in user namespaces).
    Tmpfs,
    /// Whatever the mount point is on: user mode, in which nothing is mounted and no owner is changed.
    Runtime,
}

impl FileSystem {
    /// Whether it is mounted for the generations alone.
    pub(crate) fn is_mounted(self) -> bool {
        self != Self::Runtime
    }
}

/// What a stamp calls them.
const FILE_SYSTEMS: [(&str, FileSystem); 3] =
    [("ramfs", FileSystem::Ramfs), ("tmpfs", FileSystem::Tmpfs), ("runtime", FileSystem::Runtime)];

/// The number of a generation from the name of its directory: decimal digits as this program writes them.
pub(crate) fn number(name: &[u8]) -> Option<u64> {
    let number = std::str::from_utf8(name).ok()?.parse::<u64>().ok()?;
    // Neither +1 nor 01, which would be a second name of the same generation.
    (number.to_string().as_bytes() == name).then_some(number)
}

/// The highest number that a generation can have: with one each second it is reached after a century. A directory with a higher number
/// is no generation.
pub(crate) const HIGHEST: u64 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_generation_if_it_is_a_number_directly_below_the_mount_point() {
        let path = |text: &str| AbsolutePath::try_from(text.to_owned()).unwrap();
        let location = Location::new(Places::new(path("/d"), path("/s")).unwrap(), FileSystem::Runtime);
        assert_eq!(location.number(&location.generation(7)), Some(7));
        for (target, number, is_below) in [
            ("/d/1/", Some(1), true),
            ("/d/./1/.", Some(1), true),
            ("/d", None, true),
            ("/d/01", None, true),
            ("/d/1/a", None, true),
            ("/d/1/..", None, true),
            ("/d-old/1", None, false),
            ("d/1", None, false),
            ("/s/1", None, false),
        ] {
            let target = Path::new(target);
            assert_eq!((location.number(target), location.is_below(target)), (number, is_below), "{target:?}");
        }
    }

    #[test]
    fn a_generation_is_named_by_plain_digits() {
        for (name, expected) in [("1", Some(1)), ("0", Some(0)), ("18446744073709551615", Some(u64::MAX))] {
            assert_eq!(number(name.as_bytes()), expected);
        }
        for bad in ["", "+1", "-1", "01", "1a", " 1", "18446744073709551616", ".links"] {
            assert_eq!(number(bad.as_bytes()), None, "{bad}");
        }
    }
}
