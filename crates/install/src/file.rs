//! What is to be installed, and where below a generation.

use std::path::Path;

use manifest::{CredentialName, GenerationPlace, LinkPlace, Mode, Name};
use nix::unistd::{Gid, Uid};

/// A secret or a rendered template, ready to be written.
///
/// It borrows the plaintext and has no `Debug`.
pub struct File<'a> {
    /// Everything but its content.
    pub wanted: Wanted<'a>,
    /// The plaintext.
    pub content: &'a [u8],
}

/// A file that is wanted, without its content.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Its name in the manifest.
    pub name: &'a Name,
    /// What it is made from.
    pub kind: FileKind,
    /// Its owner and its permissions.
    pub access: Access,
    /// Where it goes at the [`Location`](crate::Location).
    pub place: &'a GenerationPlace,
    /// The link to it that is wanted. Without one it is found at its own place.
    pub link: Option<&'a LinkPlace>,
    /// Under which name systemd hands it to units.
    pub credential: Option<&'a CredentialName>,
}

/// A file that is looked for. It borrows the plaintext and has no `Debug`.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    /// Everything but its content.
    pub wanted: Wanted<'a>,
    /// The plaintext, unless nothing was decrypted.
    pub content: Option<&'a [u8]>,
}

impl<'a> From<&File<'a>> for Sought<'a> {
    fn from(file: &File<'a>) -> Self {
        Self { wanted: file.wanted, content: Some(file.content) }
    }
}

impl<'a> From<Wanted<'a>> for Sought<'a> {
    fn from(wanted: Wanted<'a>) -> Self {
        Self { wanted, content: None }
    }
}

impl<'a> Wanted<'a> {
    /// Where it needs a link outside of the generation.
    #[must_use]
    pub fn outer_link(&self) -> Option<&'a Path> {
        match self.link {
            Some(LinkPlace::Outside(path)) => Some(path.as_path()),
            Some(LinkPlace::Inside(_)) | None => None,
        }
    }

    /// Where the link to it leads, whichever generation is running.
    #[must_use]
    pub fn target(&self) -> &'a Path {
        self.place.path().as_path()
    }
}

/// What a file is made from. Templates have a directory of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileKind {
    /// A value of a sops file.
    Secret,
    /// A template with its placeholders filled in.
    Template,
}

/// The owner of a file or directory, and its exact permissions, whatever the umask.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Access {
    /// The bits of chmod(2).
    pub(crate) permissions: u32,
    /// The owner; `None` if it stays with the user who runs the program.
    pub(crate) owner: Option<Ownership>,
}

impl Access {
    /// The access to a file of the manifest.
    #[must_use]
    pub fn new(mode: Mode, owner: Option<Ownership>) -> Self {
        Self { permissions: mode.bits(), owner }
    }

    /// The owner; `None` if it stays with the user who runs the program.
    #[must_use]
    pub fn owner(self) -> Option<Ownership> {
        self.owner
    }
}

/// The user and the group of a file, directory or link, by their numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ownership {
    /// The user.
    pub user: Uid,
    /// The group.
    pub group: Gid,
}

impl Ownership {
    /// That of root.
    pub const ROOT: Self = Self { user: Uid::from_raw(0), group: Gid::from_raw(0) };
}

/// Whether something was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// All was right already.
    Nothing,
    /// At least one thing.
    Something,
}

impl Effect {
    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        if other == Self::Something {
            *self = other;
        }
    }
}
