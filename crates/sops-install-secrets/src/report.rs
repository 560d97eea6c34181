//! What people read: lines on standard error for what went wrong, lines on standard output for what changed.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

/// Prints as it goes, and counts what failed.
pub(crate) struct Report {
    program: String,
    failures: usize,
}

/// Something failed, and the report has it.
pub(crate) struct Reported;

impl Report {
    /// A report whose lines begin with the name of the program as it was called.
    pub(crate) fn new(program: String) -> Self {
        Self { program, failures: 0 }
    }

    /// One thing that was to be done and was not: the run fails, but goes on where it can.
    pub(crate) fn failure(&mut self, subject: &str, error: &dyn Error) {
        self.failures = self.failures.saturating_add(1);
        print(io::stderr().lock(), format_args!("{}: {subject}{}", self.program, chain(error)));
    }

    /// As [`Report::failure`], for the error path of an expression.
    pub(crate) fn failed(&mut self, subject: &str, error: &dyn Error) -> Reported {
        self.failure(subject, error);
        Reported
    }

    /// Something that a person should know and that fails nothing.
    pub(crate) fn warning(&self, subject: &str, error: &dyn Error) {
        print(io::stderr().lock(), format_args!("{}: warning: {subject}{}", self.program, chain(error)));
    }

    /// The base name of the program, which sops-nix puts in front of the lines on imported keys.
    pub(crate) fn base_name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or(&self.program)
    }

    /// The program as it was called.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// How many things failed so far.
    pub(crate) fn failures(&self) -> usize {
        self.failures
    }

    /// The exit status: 0 if nothing failed, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// A line on standard error that tells of no failure.
pub(crate) fn note(line: impl Display) {
    print(io::stderr().lock(), format_args!("{line}"));
}

/// A line on standard output.
pub(crate) fn line(line: impl Display) {
    print(io::stdout().lock(), format_args!("{line}"));
}

/// An error and its causes on one line, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

/// Nobody is left to tell that nobody listens, so an error of the output itself has no consequence.
fn print(mut output: impl Write, line: std::fmt::Arguments<'_>) {
    match writeln!(output, "{line}") {
        Ok(()) | Err(_) => {}
    }
}
