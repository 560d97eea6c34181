//! Asking systemd to restart and reload units whose secrets have changed (docs/format.md section 8.7).
//!
//! This happens after the switch: a unit that is restarted reads the new values. The secrets are installed then, so a unit that
//! systemd does not know or does not restart fails nothing: it is a warning, and remembered. systemd out of reach is a failure,
//! which the next run makes good.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use install::{Activation, Changes, Request, Verb, shell_word};
use manifest::{Entry, UnitName};
use nix::libc;
use nix::unistd::{AccessFlags, access};
use sops::{Query, QueryError, Watcher};

use crate::environment::Environment;
use crate::plan::Plan;
use crate::remedy::Remedy;
use crate::report::{About, Code, Report};

/// The units to ask for, each once, in the order of the manifest.
#[derive(Default)]
pub(crate) struct Requests<'a> {
    restart: Vec<&'a UnitName>,
    reload: Vec<&'a UnitName>,
    seen: HashSet<(Verb, &'a UnitName)>,
    /// Those that systemd refused before, and that the manifest does not name any more.
    renamed: Vec<&'a UnitName>,
}

/// How units are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Route<'a> {
    /// `systemctl --no-block`: in a unit, since NixOS would read the lists only at the next switch.
    Systemctl(Systemctl<'a>),
    /// The lists below this directory that NixOS reads after its activation script.
    ActivationLists(&'a Path),
    /// Not at all: NixOS has no lists for the units of a user.
    Nowhere,
}

impl<'a> Route<'a> {
    /// The way that the environment asks for.
    pub(crate) fn of(plan: &Plan<'_>, environment: &'a Environment, watcher: &'a Watcher) -> Self {
        if environment.systemctl {
            let whose = if plan.manifest.user_mode() { Whose::OfTheUser } else { Whose::OfTheSystem };
            Self::Systemctl(Systemctl { search_path: &environment.path, whose, watcher })
        } else if plan.manifest.user_mode() {
            Self::Nowhere
        } else {
            Self::ActivationLists(Path::new("/run/nixos"))
        }
    }
}

/// The program that hands requests to systemd.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Systemctl<'a> {
    /// Where it is looked for.
    search_path: &'a OsStr,
    whose: Whose,
    /// Who is told if it takes long.
    watcher: &'a Watcher,
}

/// Whose units are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Whose {
    OfTheSystem,
    OfTheUser,
}

impl Whose {
    /// What says so to systemctl.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::OfTheSystem => &["--no-block"],
            Self::OfTheUser => &["--user", "--no-block"],
        }
    }

    /// How a person asks for the status of a unit.
    fn status(self) -> &'static str {
        match self {
            Self::OfTheSystem => "systemctl status",
            Self::OfTheUser => "systemctl --user status",
        }
    }
}

/// What came of the requests.
#[derive(Default)]
pub(crate) struct Sent {
    /// Refusals of systemd, and that there is no systemd to ask: neither is a failure.
    refusals: Vec<RequestError>,
    /// The requests that are not settled by them.
    pub(crate) unasked: Vec<Request>,
    /// Requests that did not get through.
    pub(crate) errors: Vec<RequestError>,
    /// What is in the lists of NixOS now, as it is typed behind `systemctl`.
    listed: Vec<String>,
}

/// Why a request was not made, or not followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("cannot ask systemctl to {verb} {units}: {reason}")]
    NoSystemctl { verb: &'static str, units: String, reason: QueryError },
    /// systemd's answer.
    #[error("systemctl {command}: {answer}")]
    Refused { command: &'static str, answer: String, unit: String, status: &'static str },
    /// systemctl failed in another way, and may not have reached systemd.
    #[error("systemctl {command} {units}: {answer}")]
    Failed { command: &'static str, units: String, answer: String },
    /// Without NixOS there is nothing that reads its lists.
    #[error(
        "there is no /run/nixos with the list of units that NixOS is to {verb}, and SOPS_RESTART_UNITS_VIA_SYSTEMCTL is not 1, \
         so they are not asked for"
    )]
    NoList { verb: &'static str, units: String },
    /// Nothing but a person's own word asks for the units of a user.
    #[error("SOPS_RESTART_UNITS_VIA_SYSTEMCTL is not 1, so units are not asked for")]
    OfTheUser { verb: &'static str, units: String },
    /// Another one may have taken its place, of which nothing is known.
    #[error("{unit}, which systemd refused to restart or reload, is not in the manifest any more")]
    Renamed { unit: String },
    #[error(
        "cannot write {path}, so NixOS will not {verb} these units: {units}",
        path = path.display()
    )]
    List { path: PathBuf, verb: &'static str, units: String, source: io::Error },
}

impl RequestError {
    /// What a person can do about it.
    pub(crate) fn remedy(&self) -> Remedy {
        match self {
            Self::NoSystemctl { .. } | Self::Failed { .. } => {
                Remedy::say("the new secrets are installed, restart the units by hand, or run this again")
            }
            Self::Refused { unit, status, .. } => Remedy::run(
                &format!("the new secrets are installed, but {unit} has not read them: correct the name or see"),
                format!("{status} {}", shell_word(Path::new(unit))),
            ),
            Self::OfTheUser { verb, units } => Remedy::run("do so with", format!("systemctl --user {verb} {units}")),
            Self::Renamed { .. } => Remedy::say("if the manifest has its right name now, restart that by hand"),
            Self::NoList { verb, units } => Remedy::run("do so with", format!("systemctl {verb} {units}")),
            Self::List { verb, units, .. } => {
                Remedy::run("run this again, or do so with", format!("systemctl {verb} {units}"))
            }
        }
    }
}

impl<'a> Requests<'a> {
    /// The units that are to read new values, of which some may be due since an earlier run. On the first activation none is:
    /// they have yet to start.
    pub(crate) fn of(plan: &'a Plan<'_>, changes: &Changes, due: &'a [Request]) -> Self {
        let mut requests = Self::default();
        if changes.activation() == Activation::Update {
            // A unit that was refused is asked again as long as the manifest names it.
            let named = if due.iter().any(|due| due.refused) { named(plan) } else { HashSet::new() };
            for due in due {
                let is_named = |verb: &Verb| named.contains(&(*verb, &due.unit));
                match [due.verb].into_iter().chain(Verb::ALL).find(|verb| !due.refused || is_named(verb)) {
                    Some(verb) => requests.add(verb, &due.unit),
                    None => requests.renamed.push(&due.unit),
                }
            }
            for file in &plan.files {
                let of_kind = changes.of_kind(file.wanted.kind);
                let name = file.wanted.name.as_str();
                if of_kind.adds(name) || of_kind.modifies(name) {
                    requests.add_all(file.entry.restart_units(), file.entry.reload_units());
                }
            }
        }
        let Self { reload, seen, .. } = &mut requests;
        // One that is restarted has read everything.
        reload.retain(|unit| !seen.contains(&(Verb::Restart, unit)));
        requests
    }

    /// Adds the units of a secret or template that has changed.
    fn add_all(&mut self, restart: &'a [UnitName], reload: &'a [UnitName]) {
        for (verb, units) in [(Verb::Restart, restart), (Verb::Reload, reload)] {
            for unit in units {
                self.add(verb, unit);
            }
        }
    }

    /// Adds a unit, unless the same is asked of it already.
    fn add(&mut self, verb: Verb, unit: &'a UnitName) {
        if self.seen.insert((verb, unit)) {
            self.of_mut(verb).push(unit);
        }
    }

    /// The units of which one thing is asked.
    pub(crate) fn of_verb(&self, verb: Verb) -> &[&'a UnitName] {
        match verb {
            Verb::Restart => &self.restart,
            Verb::Reload => &self.reload,
        }
    }

    /// Each of them, before it is made.
    pub(crate) fn all(&self) -> Vec<Request> {
        let of =
            |verb| self.of_verb(verb).iter().map(move |&unit| Request { verb, unit: unit.clone(), refused: false });
        Verb::ALL.into_iter().flat_map(of).collect()
    }

    fn of_mut(&mut self, verb: Verb) -> &mut Vec<&'a UnitName> {
        match verb {
            Verb::Restart => &mut self.restart,
            Verb::Reload => &mut self.reload,
        }
    }

    /// Tells the report which units are asked.
    pub(crate) fn tell(&self, route: Route<'_>, report: &mut Report) {
        if matches!(route, Route::Nowhere) {
            return;
        }
        let names = |units: &[&UnitName]| units.iter().map(|unit| unit.as_str().to_owned()).collect();
        report.units(names(&self.restart), names(&self.reload));
    }

    /// Makes the requests, restarts first.
    pub(crate) fn send(&self, route: Route<'_>) -> Sent {
        let mut sent = self.renamed();
        for verb in Verb::ALL {
            let units = self.of_verb(verb);
            if units.is_empty() {
                continue;
            }
            match route {
                Route::Nowhere => {
                    sent.unasked.extend(units.iter().map(|&unit| Request { verb, unit: unit.clone(), refused: false }));
                    sent.refusals.push(RequestError::OfTheUser { verb: verb.word(), units: names_in_words(units) });
                }
                Route::Systemctl(systemctl) => {
                    for units in units.chunks(UNITS) {
                        systemctl.ask(verb, units, &mut sent);
                    }
                }
                Route::ActivationLists(directory) => match append(directory, verb, units) {
                    Ok(()) => sent.listed.push(format!("{} {}", verb.word(), names_in_words(units))),
                    Err(error) => sent.add(error),
                },
            }
        }
        sent
    }
}

impl Requests<'_> {
    /// What is to be told whatever comes of the requests.
    fn renamed(&self) -> Sent {
        let refusals = self.renamed.iter().map(|unit| RequestError::Renamed { unit: unit.to_string() });
        Sent { refusals: refusals.collect(), ..Sent::default() }
    }

    /// Which requests would not get through, as far as that can be seen without making them.
    pub(crate) fn foresee(&self, route: Route<'_>) -> Sent {
        let mut sent = self.renamed();
        let directory = match route {
            Route::ActivationLists(directory) => directory,
            Route::Nowhere => return self.send(route),
            Route::Systemctl(_) => return sent,
        };
        for verb in Verb::ALL {
            let units = self.of_verb(verb);
            let path = list(directory, verb);
            match path.symlink_metadata() {
                _ if units.is_empty() => {}
                Ok(status) if !status.is_file() => sent.add(not_written(path, verb, units, no_file())),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    sent.add(not_written(path, verb, units, error));
                }
                found => {
                    let changed = if found.is_ok() { &path } else { directory };
                    if let Err(errno) = access(changed, AccessFlags::W_OK) {
                        sent.add(not_written(path, verb, units, errno.into()));
                    }
                }
            }
        }
        sent
    }
}

/// What the manifest asks of units when any file changes.
fn named<'a>(plan: &'a Plan<'_>) -> HashSet<(Verb, &'a UnitName)> {
    let of = |verb: Verb, units: &'a [UnitName]| units.iter().map(move |unit| (verb, unit));
    let of_file =
        |entry: &'a Entry| of(Verb::Restart, entry.restart_units()).chain(of(Verb::Reload, entry.reload_units()));
    plan.files.iter().flat_map(|file| of_file(file.entry)).collect()
}

/// How many units are asked for in one call. Their names are short enough for a command line.
const UNITS: usize = 1000;

/// How long systemctl may take to hand over one call's requests. It waits for no job, only for systemd to take them.
const TIME_LIMIT: Duration = Duration::from_secs(30);

impl Systemctl<'_> {
    /// One call for all these units. systemctl goes on after a unit that it cannot find, and names each on its standard error.
    fn ask(self, verb: Verb, units: &[&UnitName], sent: &mut Sent) {
        let Self { search_path, whose, watcher } = self;
        let command = match verb {
            Verb::Restart => "try-restart",
            Verb::Reload => "try-reload-or-restart",
        };
        let options = whose.options().iter().copied().chain([command, "--"]);
        let arguments = options.chain(units.iter().map(|unit| unit.as_str()));
        let arguments: Vec<OsString> = arguments.map(OsString::from).collect();
        let program = OsStr::new("systemctl");
        let query =
            Query { program, arguments: &arguments, search_path, environment: &[], time_limit: TIME_LIMIT, watcher };
        let (status, said) = match query.output() {
            Ok(_) => return,
            Err(QueryError::Failed { status, complaint }) => (status, complaint),
            Err(reason) => {
                let units = names(units);
                sent.errors.push(RequestError::NoSystemctl { verb: verb.word(), units, reason });
                return;
            }
        };
        // What it said of so many units may have been cut off. A request that is made twice is one job.
        if let (true, Some((first, second))) = (said.ends_with(CUT_OFF), units.split_at_checked(units.len() / 2))
            && units.len() > 1
        {
            self.ask(verb, first, sent);
            self.ask(verb, second, sent);
            return;
        }
        let answers: Vec<&str> = said.split("; ").filter(|answer| !answer.is_empty()).collect();
        if !matches!(status.code(), Some(code) if REFUSALS.contains(&code)) {
            let answer = if answers.is_empty() { status.to_string() } else { answers.join("; ") };
            sent.errors.push(RequestError::Failed { command, units: names(units), answer });
            return;
        }
        // systemd says no to the units that it names, or to any of them if it names none.
        let mut named = false;
        for unit in units {
            let of_unit = answers.iter().find(|answer| is_about(answer, unit.as_str()));
            if let Some(answer) = of_unit {
                named = true;
                sent.refuse(verb, command, unit, whose, answer.trim_end_matches('.').to_owned());
            }
        }
        if !named {
            let answer = if answers.is_empty() { status.to_string() } else { answers.join("; ") };
            for unit in units {
                sent.refuse(verb, command, unit, whose, answer.clone());
            }
        }
    }
}

impl Sent {
    /// Says what came of the requests. The secrets are installed, so a unit that does not restart is no failure.
    pub(crate) fn tell(&self, environment: &Environment, report: &mut Report) {
        for error in &self.refusals {
            report.warning_with(Code::UnitRefused, About::default(), error, Some(error.remedy()));
        }
        for error in &self.errors {
            report.failure_with(Code::UnitUnasked, About::default(), error, Some(error.remedy()));
        }
        if environment.nixos_action.is_none() {
            for command in &self.listed {
                report.note(format_args!(
                    "NixOS is to {command} at its next switch; now this does so: systemctl {command}"
                ));
            }
        }
    }

    /// A list that was not written.
    fn add(&mut self, error: RequestError) {
        let kind = if matches!(error, RequestError::NoList { .. }) { &mut self.refusals } else { &mut self.errors };
        kind.push(error);
    }

    fn refuse(&mut self, verb: Verb, command: &'static str, unit: &UnitName, whose: Whose, answer: String) {
        self.unasked.push(Request { verb, unit: unit.clone(), refused: true });
        self.refusals.push(RequestError::Refused { command, answer, unit: unit.to_string(), status: whose.status() });
    }
}

/// Whether the name of a unit stands in an answer, and not as a part of a longer one.
fn is_about(answer: &str, unit: &str) -> bool {
    answer.split(' ').any(|word| word.trim_end_matches(['.', ':', ',']) == unit.trim_end_matches('.'))
}

/// The names as words of a command line.
fn names_in_words(units: &[&UnitName]) -> String {
    units.iter().map(|unit| shell_word(Path::new(unit.as_str()))).collect::<Vec<_>>().join(" ")
}

/// The first names, and how many more there are.
fn names(units: &[&UnitName]) -> String {
    let first: Vec<_> = units.iter().take(NAMED).map(|unit| unit.as_str()).collect();
    match units.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

const NAMED: usize = 10;

/// What stands at the end of a child's complaint of which there was more.
const CUT_OFF: &str = "...";

/// The exit statuses of systemctl with which systemd itself says no: not implemented, not permitted, not installed, not
/// configured. With any other it may not have been reached.
const REFUSALS: [i32; 4] = [3, 4, 5, 6];

/// Appends to the list that NixOS reads.
///
/// Only a regular file is written to: to open a pipe would wait for a reader while other runs wait for the lock, and a link leads
/// to a file of somebody else.
fn append(directory: &Path, verb: Verb, units: &[&UnitName]) -> Result<(), RequestError> {
    let path = list(directory, verb);
    let lines: String = units.iter().flat_map(|unit| [unit.as_str(), "\n"]).collect();
    let written = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(&path)
        .and_then(|mut file| {
            let status = file.metadata()?;
            if status.is_file() {
                // Whoever wrote before may have left its last line open.
                let mut last = [b'\n'];
                if let Some(before) = status.len().checked_sub(1) {
                    file.read_at(&mut last, before)?;
                }
                let end = if last == [b'\n'] { "" } else { "\n" };
                file.write_all([end, &lines].concat().as_bytes())
            } else {
                Err(no_file())
            }
        });
    written.map_err(|error| not_written(path, verb, units, error))
}

/// The list that NixOS reads of it.
fn list(directory: &Path, verb: Verb) -> PathBuf {
    directory.join(match verb {
        Verb::Restart => "activation-restart-list",
        Verb::Reload => "activation-reload-list",
    })
}

fn no_file() -> io::Error {
    io::Error::other("it is not a regular file")
}

fn not_written(path: PathBuf, verb: Verb, units: &[&UnitName], source: io::Error) -> RequestError {
    let (verb, units) = (verb.word(), names_in_words(units));
    if source.kind() == io::ErrorKind::NotFound {
        RequestError::NoList { verb, units }
    } else {
        RequestError::List { path, verb, units, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_systemctl_are_about_the_unit_that_they_name() {
        for (answer, unit, about) in [
            ("Failed to try-restart a.service: Unit a.service not found.", "a.service", true),
            ("Unit a.service not found.", "a.service", true),
            ("Unit data.service not found.", "a.service", false),
            ("Failed to reload a.service", "a.service", true),
        ] {
            assert_eq!(is_about(answer, unit), about, "{answer} {unit}");
        }
    }
}
