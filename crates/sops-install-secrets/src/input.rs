//! The one place where the files are read that the manifest or the command line names: keys, sops files, texts of
//! templates, public keys, manifests.
//!
//! Some of these paths lie where an ordinary user can put anything, and root reads them while other runs wait. So nothing is
//! opened that can make the reader wait, only regular files are read, and none without end.

mod absence;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read as _, Take};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use install::shell_word;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use nix::unistd::geteuid;
use zeroize::Zeroizing;

use absence::Absence;

use crate::remedy::{Remedy, editable};

/// What is read, in the words of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadKind {
    Manifest,
    ManifestOfMachine,
    SopsFile,
    Text,
    PublicKey,
}

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {} {path}: {reason}", kind.noun(), path = path.display())]
pub(crate) struct Unreadable {
    kind: ReadKind,
    path: PathBuf,
    reason: ReadError,
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// Nothing is there.
    #[error("{0}")]
    Absent(Absence),
    /// Something else than a file.
    #[error("it is {0}, and only a regular file is read")]
    NotAFile(&'static str),
    /// More than any such file has.
    #[error("it is larger than {} MiB, the limit for such a file", _0 >> 20)]
    TooLarge(u64),
    /// On the way is a link of another user.
    #[error("{0}")]
    Stranger(install::Error),
    /// The kernel's answer.
    #[error("{0}")]
    Other(io::Error),
}

impl Unreadable {
    /// What a person can do about it.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        match (self.kind, &self.reason) {
            (ReadKind::ManifestOfMachine, ReadError::Absent(_)) => Some(Remedy::say(
                "name another one, as in sops-install-secrets MANIFEST, or see whether the module is imported and has a secret",
            )),
            (ReadKind::SopsFile, ReadError::Absent(absence)) if !absence.is_unmounted() => {
                Some(match editable(&self.path) {
                    name if name == self.path => Remedy::say("put it there, or correct its path in the configuration"),
                    name => Remedy::run("a flake has only what git knows of", format!("git add {}", shell_word(name))),
                })
            }
            (_, reason) => reason.remedy(),
        }
    }
}

impl ReadError {
    /// What a person can do about it, if the message does not say it.
    pub(crate) fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Absent(absence) => absence.remedy(),
            Self::NotAFile(_) => Some(Remedy::say("name one")),
            Self::TooLarge(_) => Some(Remedy::say("name another one")),
            Self::Stranger(error) => error.way_out().map(Remedy::from),
            Self::Other(_) => None,
        }
    }

    /// That nothing is at a path, and why.
    pub(crate) fn absent(path: &Path, error: io::Error) -> Self {
        Self::Absent(Absence::new(path, error))
    }
}

impl ReadKind {
    fn noun(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::ManifestOfMachine => "manifest of this machine,",
            Self::SopsFile => "sops file",
            Self::Text => "text",
            Self::PublicKey => "public key",
        }
    }

    /// The most bytes that are read.
    fn limit(self) -> u64 {
        match self {
            Self::Manifest | Self::ManifestOfMachine | Self::SopsFile | Self::Text => LARGEST_FILE,
            Self::PublicKey => LARGEST_KEY,
        }
    }
}

/// The whole of a file.
///
/// # Errors
///
/// [`Unreadable`] with the path and the reason.
pub(crate) fn read(kind: ReadKind, path: &Path) -> Result<Vec<u8>, Unreadable> {
    content(path, kind.limit()).map_err(|reason| Unreadable { kind, path: path.to_owned(), reason })
}

/// Whether these bytes are the whole of a file.
///
/// # Errors
///
/// As [`read`].
pub(crate) fn holds(kind: ReadKind, path: &Path, expected: &[u8]) -> Result<bool, Unreadable> {
    let mut left = Some(expected);
    read_again(path, &mut |piece| left = left.and_then(|left| left.strip_prefix(piece)))
        .map_err(|reason| Unreadable { kind, path: path.to_owned(), reason })?;
    Ok(left == Some(&[]))
}

/// The whole of a private key.
///
/// # Errors
///
/// [`ReadError`].
pub(crate) fn read_key(path: &Path) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    content(path, LARGEST_KEY).map(Zeroizing::new)
}

/// Hands over the whole of a file that an earlier run has read, whatever it is, piece by piece.
///
/// # Errors
///
/// [`ReadError`].
pub(crate) fn read_again(path: &Path, take: &mut dyn FnMut(&[u8])) -> Result<(), ReadError> {
    let (mut file, length) = open_below(path, LARGEST_FILE)?;
    let mut piece = Zeroizing::new(vec![0; length.clamp(SMALLEST_PIECE, LARGEST_PIECE)]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => take(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadError::Other(error)),
        }
    }
    if file.limit() == 0 { Err(ReadError::TooLarge(LARGEST_FILE)) } else { Ok(()) }
}

/// The whole of a table such as `/etc/fstab` that only explains an error; nothing if it cannot be read.
pub(crate) fn read_table(path: &Path) -> Option<Vec<u8>> {
    let (file, _) = open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST_TABLE).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// The names in a directory that only explains something, or `None` where it cannot be read.
pub(crate) fn names(directory: &Path) -> Option<Vec<OsString>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    // Not the standard library's list, whose end panics where close(2) fails.
    let mut list = Dir::open(directory, flags, Mode::empty()).ok()?;
    let names = list.iter().map(|entry| Some(OsStr::from_bytes(entry.ok()?.file_name().to_bytes()).to_owned()));
    names.filter(|name| name.as_ref().is_none_or(|name| name != "." && name != "..")).collect()
}

fn content(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let (mut file, length) = open_below(path, limit)?;
    // All of it in one piece from the start, which takes the least memory. One byte more shows the end.
    let mut bytes = Vec::with_capacity(length.saturating_add(1));
    file.read_to_end(&mut bytes).map_err(ReadError::Other)?;
    if file.limit() == 0 { Err(ReadError::TooLarge(limit)) } else { Ok(bytes) }
}

/// A file of no more bytes than the limit, and how many it has. At most one byte more than the limit is read: that one byte shows that
/// the file is too large, even if it grew while it was read or, as in /proc, reports size 0.
fn open_below(path: &Path, limit: u64) -> Result<(Take<File>, usize), ReadError> {
    let (file, length) = open(path).map_err(|closed| match closed {
        Closed::Stranger(error) => ReadError::Stranger(error),
        Closed::Failed(error) if is_absence(&error) => ReadError::absent(path, error),
        Closed::Failed(error) => ReadError::Other(error),
        Closed::NotAFile(found) => ReadError::NotAFile(found),
    })?;
    if length > limit {
        return Err(ReadError::TooLarge(limit));
    }
    Ok((file.take(limit.saturating_add(1)), usize::try_from(length).unwrap_or(0)))
}

/// Why a file was not opened.
enum Closed {
    Stranger(install::Error),
    Failed(io::Error),
    NotAFile(&'static str),
}

/// Whether nothing is there. Below a file there is nothing either.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens a regular file without waiting for anything. Gives its size too.
fn open(path: &Path) -> Result<(File, u64), Closed> {
    // To open a device can have effects, so it is looked at before, and once more afterwards, as it may have been exchanged.
    check(&look(path)?)?;
    let file = reach(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).map_err(|closed| match closed {
        Closed::Failed(error) => match error.raw_os_error().map(Errno::from_raw) {
            // Another program holds a lease, which it would have to give up first.
            Some(Errno::EWOULDBLOCK) => Closed::NotAFile("held by a lease of another program"),
            // A socket that was put there meanwhile.
            Some(Errno::ENXIO) => Closed::NotAFile("a socket"),
            _ => Closed::Failed(error),
        },
        closed => closed,
    })?;
    let found = file.metadata().map_err(Closed::Failed)?;
    check(&found)?;
    Ok((file, found.len()))
}

/// What stat(2) says of a path.
fn look(path: &Path) -> Result<fs::Metadata, Closed> {
    reach(path, OFlag::O_PATH)?.metadata().map_err(Closed::Failed)
}

/// Opens a path. For root, what ordinary users have put on the way leads to nothing that is not theirs.
fn reach(path: &Path, flags: OFlag) -> Result<File, Closed> {
    let opened = if geteuid().is_root() {
        install::open(path, flags).map_err(|error| match error {
            install::Error::Call { errno, .. } => Closed::Failed(errno.into()),
            error => Closed::Stranger(error),
        })
    } else {
        nix::fcntl::open(path, flags | OFlag::O_CLOEXEC, Mode::empty()).map_err(|errno| Closed::Failed(errno.into()))
    };
    opened.map(File::from)
}

/// Whether there is nothing at a path, and if so why.
pub(crate) fn absence(path: &Path) -> Option<ReadError> {
    match look(path) {
        Err(Closed::Failed(error)) if is_absence(&error) => Some(ReadError::absent(path, error)),
        // What cannot be looked at may be there.
        Ok(_) | Err(_) => None,
    }
}

fn check(metadata: &fs::Metadata) -> Result<(), Closed> {
    let kind = metadata.file_type();
    let found = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(Closed::NotAFile(found))
}

/// The most bytes of a manifest, a sops file or the text of a template. README says so.
pub(crate) const LARGEST_FILE: u64 = 64 << 20;
/// The most bytes of a file of keys, or of standard input.
pub(crate) const LARGEST_KEY: u64 = 1 << 20;
/// The most bytes of a table of mounts or a unit.
const LARGEST_TABLE: u64 = 4 << 20;

/// Bytes of a file that are read at once where it is not needed as a whole.
const LARGEST_PIECE: usize = 64 << 10;
const SMALLEST_PIECE: usize = 4 << 10;
