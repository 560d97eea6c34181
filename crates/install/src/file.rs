//! A finished file: what is to be installed, and where below a generation.

use std::borrow::Cow;

use manifest::{AbsolutePath, Mode, Name, RENDERED};
use nix::unistd::{Gid, Uid};

/// A secret or a rendered template, ready to be written.
///
/// It borrows the plaintext and has no `Debug`.
pub struct File<'a> {
    /// Its name in the manifest.
    pub name: &'a Name,
    /// Which of the two it is.
    pub kind: Kind,
    /// The plaintext.
    pub content: &'a [u8],
    /// Its exact permissions, whatever the umask.
    pub mode: Mode,
    /// Its owner; `None` in user mode, where all belongs to the user.
    pub owner: Option<Owner>,
    /// Where a link to it is wanted. The place where it is anyway needs none and is ignored.
    pub path: &'a AbsolutePath,
}

impl File<'_> {
    /// Its place below a generation, and below the symlink path.
    #[must_use]
    pub fn place(&self) -> Cow<'_, str> {
        match self.kind {
            Kind::Secret => Cow::Borrowed(self.name.as_str()),
            Kind::Template => Cow::Owned([RENDERED, "/", self.name.as_str()].concat()),
        }
    }
}

/// What a file was made from. Templates have a directory of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A value of a sops file.
    Secret,
    /// A template with its placeholders filled in.
    Template,
}

/// The owner of a file, directory or link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// The user.
    pub user: Uid,
    /// The group.
    pub group: Gid,
}
