//! What a person can do about an error or a notice.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use crate::{mountinfo, shell_word};

/// The way out of an error. `Display` gives it in words, as they follow the problem in a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WayOut {
    advice: Cow<'static, str>,
    command: String,
    rest: &'static str,
}

impl WayOut {
    /// Something that no command does.
    pub(crate) fn say(advice: impl Into<Cow<'static, str>>) -> Self {
        Self::run(advice, String::new())
    }

    /// A command, and what it is for.
    pub(crate) fn run(advice: impl Into<Cow<'static, str>>, command: String) -> Self {
        Self { advice: advice.into(), command, rest: "" }
    }

    /// To make a place free. What is mounted there cannot be moved.
    pub(crate) fn move_away(path: &Path) -> Self {
        Self::unmount(path).unwrap_or_else(|| Self::say("move it away"))
    }

    /// The same where something is mounted.
    pub(crate) fn unmount(path: &Path) -> Option<Self> {
        mountinfo::is_at(path).then(|| Self::run("run", unmount(path)))
    }

    /// To remove a generation that may have readers. What is mounted in it is somebody else's.
    pub(crate) fn remove(generation: &Path) -> Self {
        Self::run("if nothing reads it, run", format!("rm -r --one-file-system {}", shell_word(generation)))
    }

    /// The same, after which there is nothing in the way of an installation.
    pub(crate) fn before_installation(self) -> Self {
        let rest = if self.command.is_empty() { " before this is installed" } else { ", then install this" };
        Self { rest, ..self }
    }

    /// The same, after which what was tried is to be tried again.
    pub(crate) fn then_again(self) -> Self {
        Self { rest: ", then run this again", ..self }
    }

    /// What to do, or what the command is for.
    #[must_use]
    pub fn advice(&self) -> &str {
        &self.advice
    }

    /// The command that does it; empty if none does.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// What the words end with after the command.
    #[must_use]
    pub fn rest(&self) -> &'static str {
        self.rest
    }
}

impl fmt::Display for WayOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { advice, command, rest } = self;
        let colon = if command.is_empty() { "" } else { ": " };
        write!(formatter, "{advice}{colon}{command}{rest}")
    }
}

/// The command that takes a file system away, with what is mounted in it, which may be mounted elsewhere too and stays there.
pub(crate) fn unmount(path: &Path) -> String {
    let there = shell_word(path);
    if mountinfo::are_in(path) {
        format!("mount --make-rslave {there} && umount -R {there}")
    } else {
        format!("umount {there}")
    }
}
