//! What came of a run: lines on standard error for what went wrong, lines on standard output for what changed, or all of
//! it in one JSON document.
//!
//! A failure is printed when it happens, so that nothing is lost if the run is ended from outside; if that would mean to wait,
//! at the end. Files are read one after the other, so the failures of one file stand together. A last line counts them and says
//! how the machine was left.

mod document;
mod installed;
mod public_key;
mod style;
mod words;

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use install::{Changes, Difference, FileKind, Location, Notice, Wanted, shell_word};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{fstat, makedev};
use nix::time::{ClockId, clock_gettime};
use sops::Watcher;

use crate::cli::{ExitStatus, Output};
use crate::input::Unreadable;
use crate::remedy::{Module, Remedy};
use crate::text;
use document::{RemedyEntry, ReportDocument};

pub(crate) use installed::{InstalledAccess, InstalledFile, InstalledFiles, PendingUnit, finding};
pub(crate) use public_key::PublicKey;
pub(crate) use style::{LineStyle, Paint};
pub(crate) use words::{Code, Outcome, Step};

/// Prints as the run goes, and keeps what the document at its end holds.
pub(crate) struct Report {
    program: String,
    style: LineStyle,
    output: Output,
    action: &'static str,
    lines: OutputLines,
    last_words: LastWords,
    manifest: PathBuf,
    module: Module,
    outcome: Outcome,
    readers: Readers,
    changes: Option<ChangedNames>,
    installed: Option<InstalledFiles>,
    identities: Option<Vec<PublicKey>>,
    restart: Vec<String>,
    reload: Vec<String>,
    failures: Vec<Finding>,
    warnings: Vec<Finding>,
    timings: Vec<(Step, Duration)>,
    running: Option<(Step, Duration)>,
    tone: Tone,
    /// How many failures are told as warnings.
    lenient: usize,
    /// The outermost first.
    held: RefCell<Vec<Held>>,
    /// Lines that could not be printed without waiting, while other runs wait for this one's lock; printed at the end.
    late: RefCell<Vec<(Outlet, String)>>,
    /// The lines that are kept for [`Report::kept_lines`].
    kept: RefCell<Option<Vec<Vec<u8>>>>,
    /// What the last line ends with, if a switch is refused.
    override_command: Option<String>,
    /// Why standard output did not take what was printed.
    lost: Cell<Option<io::Error>>,
}

/// How an action speaks.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) last_words: LastWords,
    pub(crate) lines: OutputLines,
}

/// What the lines on standard output are to whoever calls an action.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OutputLines {
    /// They tell of work that is done without them, too.
    News,
    /// They are what was asked for.
    Answer,
}

/// How serious a failure is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    /// The run fails.
    Strict,
    /// It is a warning.
    Lenient,
}

/// What was reported and not printed yet.
struct Held {
    lines: Vec<(Outlet, String)>,
    /// How many there were of each before.
    failures: usize,
    warnings: usize,
    lenient: usize,
    restart: usize,
    reload: usize,
    /// As they were before.
    changes: Option<ChangedNames>,
    outcome: Outcome,
}

/// Where a line goes.
#[derive(Clone, Copy)]
enum Outlet {
    Output,
    Error(style::Level),
}

/// Something failed, and the report has it.
#[derive(Clone, Copy)]
pub(crate) struct Reported;

/// Whether something is done, or would be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Indicative,
    Conditional,
}

/// What a notice is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) secrets: Vec<String>,
    pub(crate) templates: Vec<String>,
    pub(crate) file: Option<PathBuf>,
    /// Line and column in the file, counted from 1.
    pub(crate) place: Option<(usize, usize)>,
    pub(crate) leading: Leading,
}

/// What a message begins with.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Leading {
    /// The secrets and templates that are affected.
    #[default]
    Names,
    /// The place in the file, for something that the file says of a secret or template.
    Place,
}

/// A failure or a warning.
struct Finding {
    code: Code,
    about: About,
    /// The remedy included.
    message: String,
    remedy: Option<Remedy>,
}

/// How the machine was left after failures, to continue a line that counts them.
pub(crate) type LastWords = fn(Outcome, &Readers) -> &'static str;

/// What readers see.
pub(crate) enum Readers {
    /// Nobody has looked.
    Unknown,
    /// No secrets.
    Nothing,
    /// The secrets of a generation.
    Generation(Generation),
}

/// The generation that readers see.
#[derive(serde::Serialize)]
pub(crate) struct Generation {
    number: u64,
    path: String,
}

/// Names of what a run changes or would change.
#[derive(Clone, Default, serde::Serialize)]
struct ChangedNames {
    #[serde(with = "Names")]
    secrets: Difference,
    #[serde(with = "Names")]
    templates: Difference,
}

/// [`Difference`] in the report.
#[derive(serde::Serialize)]
#[serde(remote = "Difference")]
struct Names {
    added: Vec<String>,
    modified: Vec<String>,
    removed: Vec<String>,
}

impl Report {
    /// An empty report of a run. `program` is how the program was called, which begins each line.
    pub(crate) fn new(program: String, style: LineStyle) -> Self {
        Self {
            program,
            style,
            output: Output::Lines,
            // Before it begins, there is the usage or the version to print.
            action: "none",
            lines: OutputLines::Answer,
            last_words: |_, _| "",
            manifest: PathBuf::new(),
            module: Module::default(),
            outcome: Outcome::Checked,
            readers: Readers::Unknown,
            changes: None,
            installed: None,
            identities: None,
            restart: Vec::new(),
            reload: Vec::new(),
            failures: Vec::new(),
            warnings: Vec::new(),
            timings: Vec::new(),
            running: None,
            tone: Tone::Strict,
            lenient: 0,
            held: RefCell::new(Vec::new()),
            late: RefCell::new(Vec::new()),
            kept: RefCell::new(None),
            override_command: None,
            lost: Cell::new(None),
        }
    }

    /// What the run is to do, and who reads the report.
    pub(crate) fn begin(&mut self, action: &'static str, manner: Manner, manifest: &Path, output: Output) {
        (self.action, self.lines, self.last_words) = (action, manner.lines, manner.last_words);
        manifest.clone_into(&mut self.manifest);
        self.output = output;
    }

    /// How serious failures are.
    pub(crate) fn tone(&self) -> Tone {
        self.tone
    }

    /// How serious failures are from here on. Gives what they were.
    pub(crate) fn set_tone(&mut self, tone: Tone) -> Tone {
        std::mem::replace(&mut self.tone, tone)
    }

    /// One thing that was to be done and was not: the run fails, but goes on where it can.
    pub(crate) fn failure(&mut self, code: Code, about: About, error: &dyn Error) {
        self.failure_with(code, about, error, None);
    }

    /// As [`Report::failure`], with what a person can do about it.
    pub(crate) fn failure_with(&mut self, code: Code, about: About, error: &dyn Error, remedy: Option<Remedy>) {
        if self.tone == Tone::Lenient {
            self.lenient = self.lenient.saturating_add(1);
            self.warning_with(code, about, error, remedy);
            return;
        }
        let message = message(error, remedy.as_ref());
        let prefix = self.style.failure(&self.program);
        self.emit(Outlet::Error(style::Level::Error), format!("{prefix} {about}{message}"));
        self.failures.push(Finding { code, about, message, remedy });
    }

    /// As [`Report::failure`], for the error path of an expression.
    pub(crate) fn failed(&mut self, code: Code, error: &dyn Error) -> Reported {
        self.failure(code, About::default(), error);
        Reported
    }

    /// What the installation gives. An error is reported as a failure of it.
    pub(crate) fn tried<T>(&mut self, result: Result<T, install::Error>) -> Result<T, Reported> {
        result.map_err(|error| self.undone(Code::InstallationFailed, About::default(), &error))
    }

    /// As [`Report::failure`], for what the installation does not do.
    pub(crate) fn undone(&mut self, code: Code, about: About, error: &install::Error) -> Reported {
        self.failure_with(code, about, error, error.way_out().map(Remedy::from));
        Reported
    }

    /// As [`Report::failure`], for a file that cannot be read.
    pub(crate) fn unreadable(&mut self, code: Code, about: About, error: &Unreadable) -> Reported {
        self.failure_with(code, about, error, error.remedy());
        Reported
    }

    /// Something that a person should know and that fails nothing.
    pub(crate) fn warning(&mut self, code: Code, about: About, error: &dyn Error) {
        self.warning_with(code, about, error, None);
    }

    /// As [`Report::warning`], with what a person can do about it.
    pub(crate) fn warning_with(&mut self, code: Code, about: About, error: &dyn Error, remedy: Option<Remedy>) {
        let message = message(error, remedy.as_ref());
        let prefix = self.style.warning(&self.program);
        self.emit(Outlet::Error(style::Level::Warning), format!("{prefix} {about}{message}"));
        self.warnings.push(Finding { code, about, message, remedy });
    }

    /// As [`Report::warning`], for what the installation did or found.
    pub(crate) fn notice(&mut self, notice: &Notice) {
        self.warning_with(code_of(notice), About::default(), notice, Remedy::of_notice(notice, self.module));
    }

    /// A line on standard error that tells of no failure.
    pub(crate) fn note(&self, line: impl Display) {
        self.say(Outlet::Error(style::Level::Information), &line.to_string());
    }

    /// Tells at once that a program keeps this one waiting. It does not go through what is held back: people are to see it
    /// while it lasts.
    pub(crate) fn watcher(&self) -> Watcher {
        let (program, style) = (self.program.clone(), self.style);
        Watcher::new(move |name| {
            let touch = if name.starts_with("age-plugin-") { "; its token may have to be touched" } else { "" };
            let line = format!("{program}: waiting for {name}{touch}");
            if Outlet::Error(style::Level::Information).has_room(line.len()) {
                style.print(style::Level::Information, format_args!("{}", text::clean(&line)));
            }
        })
    }

    /// A line on standard output. If that is for a JSON document, the line goes to standard error.
    pub(crate) fn line(&self, line: impl Display) {
        self.say(Outlet::Output, &line.to_string());
    }

    fn say(&self, outlet: Outlet, line: &str) {
        if let Some(kept) = self.kept.borrow_mut().as_mut() {
            let outlet = if matches!(outlet, Outlet::Output) { OUTPUT } else { b"" };
            kept.push([outlet, line.as_bytes()].concat());
        }
        let outlet = match (outlet, self.output) {
            (Outlet::Output, Output::Json) => Outlet::Error(style::Level::Information),
            (outlet, _) => outlet,
        };
        self.emit(outlet, text::clean(line).into_owned());
    }

    /// Keeps the lines from here on that tell of no failure, until [`Report::kept_lines`].
    pub(crate) fn keep_lines(&mut self) {
        self.kept.replace(Some(Vec::new()));
    }

    /// The lines that were kept.
    pub(crate) fn kept_lines(&mut self) -> Vec<Vec<u8>> {
        self.kept.take().unwrap_or_default()
    }

    /// Says once more what was kept by another run.
    pub(crate) fn repeat(&self, lines: &[Vec<u8>]) {
        for line in lines {
            match line.strip_prefix(OUTPUT) {
                Some(line) => self.line(String::from_utf8_lossy(line)),
                None => self.note(String::from_utf8_lossy(line)),
            }
        }
    }

    /// Lines of our own on standard output.
    pub(crate) fn page(&self, page: impl Display) {
        self.emit(Outlet::Output, page.to_string());
    }

    /// Holds back what is reported from here on, until [`Report::release`] or [`Report::discard`]. What is held back within
    /// that is a part of it.
    pub(crate) fn hold(&mut self) {
        let held = Held {
            lines: Vec::new(),
            failures: self.failures.len(),
            warnings: self.warnings.len(),
            lenient: self.lenient,
            restart: self.restart.len(),
            reload: self.reload.len(),
            changes: self.changes.clone(),
            outcome: self.outcome,
        };
        self.held.get_mut().push(held);
    }

    /// Prints what was held back.
    pub(crate) fn release(&mut self) {
        let released = self.held.get_mut().pop();
        for (stream, line) in released.into_iter().flat_map(|held| held.lines) {
            self.emit(stream, line);
        }
    }

    /// Forgets what was held back: it is as if it had never been reported.
    pub(crate) fn discard(&mut self) {
        if let Some(held) = self.held.get_mut().pop() {
            self.failures.truncate(held.failures);
            self.warnings.truncate(held.warnings);
            self.lenient = held.lenient;
            self.restart.truncate(held.restart);
            self.reload.truncate(held.reload);
            (self.changes, self.outcome) = (held.changes, held.outcome);
        }
    }

    fn emit(&self, stream: Outlet, line: String) {
        if let Some(held) = self.held.borrow_mut().last_mut() {
            held.lines.push((stream, line));
            return;
        }
        let mut late = self.late.borrow_mut();
        if !late.is_empty() || !stream.has_room(line.len()) {
            late.push((stream, line));
            return;
        }
        drop(late);
        self.put(stream, &line);
    }

    fn put(&self, stream: Outlet, line: &str) {
        match stream {
            Outlet::Output => self.print(format_args!("{line}")),
            Outlet::Error(level) => self.style.print(level, format_args!("{line}")),
        }
    }

    /// Prints on standard output. That it did not arrive is kept, for the exit status.
    fn print(&self, line: fmt::Arguments<'_>) {
        let printed =
            if is_closed() { Err(io::Error::from_raw_os_error(libc::EBADF)) } else { print(io::stdout().lock(), line) };
        if let Err(error) = printed {
            self.lost.set(Some(error));
        }
    }

    /// Begins a step, which ends the one before.
    pub(crate) fn step(&mut self, step: Step) {
        self.end_step();
        self.running = now().map(|now| (step, now));
    }

    fn end_step(&mut self) {
        if let (Some((step, begun)), Some(now)) = (self.running.take(), now()) {
            let time = now.saturating_sub(begun);
            match self.timings.iter_mut().find(|(other, _)| *other == step) {
                // It is begun again if the manifest has changed meanwhile.
                Some((_, before)) => *before = before.saturating_add(time),
                None => self.timings.push((step, time)),
            }
        }
    }

    /// Several manifests were looked at, each with a generation of its own.
    pub(crate) fn no_single_generation(&mut self) {
        self.readers = Readers::Unknown;
    }

    /// The generation that readers see now.
    pub(crate) fn generation(&mut self, location: &Location, number: Option<u64>) {
        let path = |number| location.generation(number).to_string_lossy().into_owned();
        let of = |number| Generation { number, path: path(number) };
        self.readers = number.map_or(Readers::Nothing, |number| Readers::Generation(of(number)));
    }

    /// What is changed, or would be, for the document; by all manifests if a check before a switch has several.
    pub(crate) fn changes(&mut self, changes: &Changes) {
        if self.output == Output::Json {
            let all = self.changes.get_or_insert_default();
            for (all, more) in [(&mut all.secrets, changes.secrets()), (&mut all.templates, changes.templates())] {
                all.added.extend_from_slice(&more.added);
                all.modified.extend_from_slice(&more.modified);
                all.removed.extend_from_slice(&more.removed);
            }
        }
    }

    /// What is installed.
    pub(crate) fn installed(&mut self, installed: InstalledFiles) {
        self.installed = Some(installed);
    }

    /// The keys of a host.
    pub(crate) fn identities(&mut self, keys: Vec<PublicKey>) {
        self.identities = Some(keys);
    }

    /// Says what changes, in lines as sops-nix prints them.
    pub(crate) fn announce(&self, changes: &Changes, mood: Mood) {
        for (noun, difference) in [("secret", changes.secrets()), ("rendered secret", changes.templates())] {
            for (verb, conditional, names) in [
                ("adding", "would add", &difference.added),
                ("modifying", "would modify", &difference.modified),
                ("removing", "would remove", &difference.removed),
            ] {
                if !names.is_empty() {
                    let plural = if names.len() == 1 { "" } else { "s" };
                    let verb = if mood == Mood::Conditional { conditional } else { verb };
                    let names: Vec<_> = names.iter().map(|name| text::piece(name)).collect();
                    self.line(format_args!("{verb} {noun}{plural}: {}", names.join(", ")));
                }
            }
        }
    }

    /// The units that are asked to restart and reload, or would be.
    pub(crate) fn units(&mut self, restart: Vec<String>, reload: Vec<String>) {
        for (all, more) in [(&mut self.restart, restart), (&mut self.reload, reload)] {
            if all.is_empty() {
                *all = more;
                continue;
            }
            // Several manifests may name one. Each of them has it once.
            for unit in more {
                if !all.contains(&unit) {
                    all.push(unit);
                }
            }
        }
    }

    /// How the machine is left, as far as is known yet. Of several manifests, what one would change counts.
    pub(crate) fn outcome(&mut self, outcome: Outcome) {
        if outcome != Outcome::Unchanged || self.outcome != Outcome::WouldInstall {
            self.outcome = outcome;
        }
    }

    /// The system that is not switched to after a failure, and the action that would do it all the same.
    pub(crate) fn refuses_switch_to(&mut self, system: &Path, action: &str) {
        let program = shell_word(&system.join("bin/switch-to-configuration"));
        self.override_command = Some(format!(", or as root: NIXOS_NO_CHECK=1 {program} {action}"));
    }

    /// The manifest of the run.
    pub(crate) fn manifest(&self) -> &Path {
        &self.manifest
    }

    /// The module whose options messages name.
    pub(crate) fn module(&self) -> Module {
        self.module
    }

    /// The manifest is by that module.
    pub(crate) fn set_module(&mut self, module: Module) {
        self.module = module;
    }

    /// How the program was called.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The base name of the program, which sops-nix puts in front of the lines on imported keys.
    pub(crate) fn base_name(&self) -> &str {
        self.program.rsplit('/').next().unwrap_or(&self.program)
    }

    /// How many things failed so far, told as failures or as warnings.
    pub(crate) fn failures(&self) -> usize {
        self.failures.len().saturating_add(self.lenient)
    }

    /// Whether a failure or warning of that code was reported.
    pub(crate) fn has(&self, code: Code) -> bool {
        self.failures.iter().chain(&self.warnings).any(|finding| finding.code == code)
    }

    /// How many warnings there are so far.
    pub(crate) fn warnings(&self) -> usize {
        self.warnings.len()
    }

    /// Says the last word, and gives the exit status: 0 if nothing failed, else 1.
    pub(crate) fn finish(mut self) -> ExitCode {
        self.end_step();
        self.print_late();
        if !self.failures.is_empty() {
            let plural = if self.failures.len() == 1 { "" } else { "s" };
            let prefix = self.style.failure(&self.program);
            let last = (self.last_words)(self.final_outcome(), &self.readers);
            let count = self.failures.len();
            let command = text::line(self.override_command.as_deref().unwrap_or_default());
            self.style.print(style::Level::Error, format_args!("{prefix} {count} failure{plural}{last}{command}"));
        }
        if self.output == Output::Json {
            self.print(format_args!("{}", text::json(&ReportDocument::of(&self).to_json())));
        }
        let lost = self.lost.take().filter(|_| self.output == Output::Json || self.lines == OutputLines::Answer);
        if let Some(error) = &lost {
            let prefix = self.style.failure(&self.program);
            self.style.print(style::Level::Error, format_args!("{prefix} cannot write to standard output: {error}"));
        }
        ExitCode::from(if lost.is_none() { self.exit_status() } else { ExitStatus::FAILED }.number)
    }

    /// Ends a run that has not begun, of which there is nothing to report but what was printed.
    pub(crate) fn end_with(self, status: ExitStatus) -> ExitCode {
        self.print_late();
        ExitCode::from(status.number)
    }

    fn print_late(&self) {
        for (stream, line) in self.late.take() {
            self.put(stream, &line);
        }
    }

    /// The exit status, unless the report itself is lost.
    fn exit_status(&self) -> ExitStatus {
        if self.failures.is_empty() { ExitStatus::DONE } else { ExitStatus::FAILED }
    }

    /// How the machine was left. A run that fails before that leaves it as it was.
    fn final_outcome(&self) -> Outcome {
        if self.outcome == Outcome::Checked && !self.failures.is_empty() { Outcome::Failed } else { self.outcome }
    }
}

impl About {
    /// A file as a whole.
    pub(crate) fn file(path: &Path) -> Self {
        Self { file: Some(path.to_owned()), ..Self::default() }
    }

    /// A file that is wanted, or nothing.
    pub(crate) fn of_any(wanted: Option<&Wanted<'_>>) -> Self {
        wanted.map_or_else(Self::default, Self::of)
    }

    /// A file that is wanted.
    pub(crate) fn of(wanted: &Wanted<'_>) -> Self {
        match wanted.kind {
            FileKind::Secret => Self::secret(wanted.name.as_str()),
            FileKind::Template => Self::template(wanted.name.as_str()),
        }
    }

    /// A secret on its own.
    pub(crate) fn secret(name: &str) -> Self {
        Self { secrets: vec![name.to_owned()], ..Self::default() }
    }

    /// A template on its own.
    pub(crate) fn template(name: &str) -> Self {
        Self { templates: vec![name.to_owned()], ..Self::default() }
    }

    /// Affects what another notice affects, too.
    pub(crate) fn add(&mut self, other: Self) {
        self.secrets.extend(other.secrets);
        self.templates.extend(other.templates);
    }

    /// The same at a place in its file.
    pub(crate) fn at(self, line: usize, column: usize) -> Self {
        Self { place: Some((line, column)), ..self }
    }
}

/// What stands in front of a message: `secrets "a", "b" and 7 more: secrets.yaml:3:14: `.
impl Display for About {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [named("secret", &self.secrets), named("template", &self.templates)].concat();
        let file = self.file.as_ref().map(|file| text::line(&file.to_string_lossy()).into_owned());
        let place = match (file, self.place) {
            (Some(file), Some((line, column))) => format!("{file}:{line}:{column}: "),
            (Some(file), None) => format!("{file}: "),
            (None, _) => String::new(),
        };
        match self.leading {
            Leading::Names => write!(formatter, "{names}{place}"),
            Leading::Place => write!(formatter, "{place}{names}"),
        }
    }
}

/// The first few names, and how many more there are; nothing without names.
fn named(noun: &str, names: &[String]) -> String {
    let some: Vec<_> = names.iter().take(NAMED).map(|name| format!("\"{}\"", text::piece(name))).collect();
    let more = match names.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match names.len() {
        0 => String::new(),
        1 => format!("{noun} {}: ", some.concat()),
        _ => format!("{noun}s {}{more}: ", some.join(", ")),
    }
}

/// What marks a line for standard output among those that are kept. No line begins with it, since no message has a NUL byte.
const OUTPUT: &[u8] = b"\0";

/// How many secrets of a file that fails are named.
const NAMED: usize = 3;

/// What kind of warning a notice is.
fn code_of(notice: &Notice) -> Code {
    match notice {
        Notice::GaveWay { .. } => Code::GaveWay,
        Notice::Forgotten { .. } => Code::LinkFailed,
        Notice::Swappable { .. } => Code::NotInMemory,
        Notice::Kept { .. }
        | Notice::KeptFor { .. }
        | Notice::Left { .. }
        | Notice::MayBeRead { .. }
        | Notice::OtherSymlink { .. }
        | Notice::KeptMount { .. }
        | Notice::Stacked { .. } => Code::LeftInPlace,
    }
}

/// An error with its causes, and then what to do about it.
fn message(error: &dyn Error, remedy: Option<&Remedy>) -> String {
    let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
    text::line(&(chain(error) + &remedy)).into_owned()
}

/// An error and its causes on one line, outermost first.
fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}

/// The time since the machine started; nothing where a sandbox keeps it back, for which the standard library's clock panics.
fn now() -> Option<Duration> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).ok().map(Duration::from)
}

impl Outlet {
    /// Whether a line can be printed without waiting for whoever reads it.
    fn has_room(self, length: usize) -> bool {
        let (output, error) = (io::stdout(), io::stderr());
        let stream = match self {
            Self::Output => output.as_fd(),
            Self::Error(_) => error.as_fd(),
        };
        if fstat(stream).is_ok_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFREG) {
            return true;
        }
        // A pipe that takes anything takes so much (pipe(7)).
        let mut ready = [PollFd::new(stream, PollFlags::POLLOUT)];
        length < libc::PIPE_BUF && poll(&mut ready, PollTimeout::ZERO) != Ok(0)
    }
}

/// Prints a line at once, and in one piece, so that those of two runs do not mix.
fn print(mut output: impl Write, line: fmt::Arguments<'_>) -> io::Result<()> {
    output.write_all(format!("{line}\n").as_bytes())?;
    output.flush()
}

/// Whether standard output was closed when the program began: then the standard library has opened `/dev/null` for
/// reading and writing there, while whoever discards output on purpose opens it for writing. One that is open for
/// reading only counts as closed too.
fn is_closed() -> bool {
    let output = io::stdout();
    let is_null = || fstat(output.as_fd()).is_ok_and(|status| status.st_rdev == makedev(1, 3));
    let mode = fcntl(output.as_fd(), FcntlArg::F_GETFL).map(|flags| OFlag::from_bits_retain(flags) & OFlag::O_ACCMODE);
    mode.is_ok_and(|mode| mode == OFlag::O_RDONLY || mode == OFlag::O_RDWR && is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_back_within_something_held_back_is_a_part_of_it() {
        let mut report = Report::new("program".to_owned(), LineStyle::Plain);
        let fail = |report: &mut Report| report.failure(Code::Missing, About::default(), &io::Error::other("reason"));
        report.hold();
        fail(&mut report);
        report.hold();
        fail(&mut report);
        report.discard();
        assert_eq!(report.failures(), 1);
        report.hold();
        fail(&mut report);
        report.release();
        assert_eq!(report.failures(), 2);
        report.discard();
        assert_eq!(report.failures(), 0);
    }
}
