//! How lines on standard error look: plain, with colours on a terminal, with levels in the journal.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;

use crate::environment::Environment;
use crate::report::print;

/// Where standard error goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LineStyle {
    /// A file, or whatever a script makes of it.
    Plain,
    /// A person who likes colours.
    Terminal,
    /// systemd's journal, which takes the level from the beginning of a line: sd-daemon(3).
    Journal,
}

/// The levels of syslog(3) that are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Level {
    Error,
    Warning,
    Information,
}

impl LineStyle {
    /// The style for this process.
    pub(crate) fn of(environment: &Environment) -> Self {
        let stderr = io::stderr();
        if stderr.is_terminal() {
            return if environment.colours { Self::Terminal } else { Self::Plain };
        }
        // Every program that a unit starts inherits the variable, so it counts only if it names this very stream.
        let stream = nix::sys::stat::fstat(stderr.as_fd()).map(|status| format!("{}:{}", status.st_dev, status.st_ino));
        match (&environment.journal_stream, stream) {
            (Some(journal), Ok(stream)) if *journal == stream => Self::Journal,
            _ => Self::Plain,
        }
    }

    /// The program's name in front of a failure.
    pub(super) fn failure(self, program: &str) -> String {
        match self {
            Self::Plain | Self::Journal => format!("{program}:"),
            Self::Terminal => format!("{RED}{program}:{RESET}"),
        }
    }

    /// The program's name in front of a warning.
    pub(super) fn warning(self, program: &str) -> String {
        match self {
            Self::Plain | Self::Journal => format!("{program}: warning:"),
            Self::Terminal => format!("{YELLOW}{program}: warning:{RESET}"),
        }
    }

    /// Prints a line on standard error.
    pub(super) fn print(self, level: Level, line: fmt::Arguments<'_>) {
        let stderr = io::stderr().lock();
        let printed = match self {
            Self::Plain | Self::Terminal => print(stderr, line),
            Self::Journal => print(stderr, format_args!("<{}>{line}", level.number())),
        };
        match printed {
            // There is no other stream on which it could be told.
            Ok(()) | Err(_) => {}
        }
    }
}

impl Level {
    fn number(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Information => 6,
        }
    }
}

/// Whether what is printed on standard output has colours.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// For this process: on a terminal of a person who likes colours.
    pub(crate) fn of(environment: &Environment) -> Self {
        Self(environment.colours && io::stdout().is_terminal())
    }

    /// Something as it should be.
    pub(crate) fn right(self, text: &str) -> String {
        self.with(GREEN, text)
    }

    /// Something that a person should look at.
    pub(crate) fn wrong(self, text: &str) -> String {
        self.with(RED, text)
    }

    fn with(self, colour: &str, text: &str) -> String {
        if self.0 { format!("{colour}{text}{RESET}") } else { text.to_owned() }
    }
}

const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[1;33m";
const RESET: &str = "\x1b[0m";
