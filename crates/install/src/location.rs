//! Where generations stand and what leads to them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The places of an installation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Location {
    /// The directory of the generations, such as `/run/secrets.d`.
    pub mount_point: PathBuf,
    /// The link to the running generation, such as `/run/secrets`.
    pub symlink_path: PathBuf,
    /// What the generations are kept on.
    pub file_system: FileSystem,
}

/// What generations are kept on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileSystem {
    /// A ramfs mounted for them: it never reaches a swap device.
    Ramfs,
    /// A tmpfs mounted for them, with `noswap` where the kernel knows it.
    Tmpfs,
    /// Whatever is there, for users who cannot mount: their runtime directory is a tmpfs. Files stay theirs.
    Existing,
}

impl Location {
    /// The directory that the link stands in, and its name there.
    pub(crate) fn link(&self) -> (&Path, &OsStr) {
        split(&self.symlink_path)
    }

    /// The path of a generation.
    pub(crate) fn generation(&self, number: u64) -> PathBuf {
        self.mount_point.join(number.to_string())
    }
}

/// A path as the directory of its last component, and that component.
pub(crate) fn split(path: &Path) -> (&Path, &OsStr) {
    (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default())
}
