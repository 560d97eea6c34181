//! A dry run: what an installation would do. Nothing is locked, and nothing on the machine changes.

use std::collections::HashSet;
use std::path::Path;

use install::{Changes, Current, Drift, File, Sought, Surrounding, Verb, is_of_a_user};
use manifest::Manifest;

use crate::cli::{AccountLookup, Arguments};
use crate::confinement::confine;
use crate::contents::{Contents, Decision};
use crate::environment::Environment;
use crate::keys::KeyCommands;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, Unknown};
use crate::remedy::Remedy;
use crate::report::{About, Code, Mood, Outcome, Readers, Report, Reported, Step, Tone};
use crate::steady;
use crate::units::{Requests, Route};

/// Says what an installation would do with the manifest of the command line.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    let manifest = manifest_file::read(&arguments.manifest, Purpose::Install, environment, report)?;
    dry_run(&manifest, arguments.accounts, environment, KeyCommands::Run, Tell::All, report)
}

/// What is said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tell<'p> {
    All,
    /// The same of one manifest among others, the one at this path.
    AllOf(&'p Path),
    /// What an installation would refuse or fail at, and what it would warn of.
    Failures,
}

/// Says what an installation would do.
pub(super) fn dry_run(
    manifest: &Manifest,
    accounts: AccountLookup,
    environment: &Environment,
    commands: KeyCommands,
    tell: Tell<'_>,
    report: &mut Report,
) -> Result<(), Reported> {
    confine();
    report.step(Step::Look);
    // Before a switch has made its users, a dry run cannot know them.
    let is_before_a_switch = commands == KeyCommands::NotRun || environment.nixos_action.is_some();
    let unknown = if is_before_a_switch { Unknown::Warning } else { Unknown::Failure };
    let plan = Plan::resolve(manifest, accounts, unknown, report);
    let group = plan.directory_group(report)?;
    let contents = Contents::resolve(&plan, environment, commands, report);
    steady::look(&plan.location, report, |report| {
        let current = plan.look(report)?;
        let Decision { files, changes } = contents.decide(&plan, &current, group, report)?;
        let is_whole = report.failures() == 0;
        let found = current.surroundings(group, plan.credentials, files.iter().map(Sought::from));
        let found = report.tried(found)?;
        let going = Surrounding::links_that_go(&found);
        let mut links = links(&current, &files, &going, is_before_a_switch, tell, report)?;
        if !changes.is_empty() {
            links.extend(report.tried(current.inspect_symlink())?.and_then(in_words));
        }
        let surroundings = surroundings(&plan, &current, &files, &changes, found, tell, report)?;
        if tell == Tell::Failures {
            return Ok(());
        }
        for notice in report.tried(current.read_by_others())? {
            report.notice(&notice);
        }
        report.changes(&changes);
        let due = current.due();
        let requests = Requests::of(&plan, &changes, &due);
        let same = changes.is_empty() && links.is_empty() && surroundings.is_empty();
        report.outcome(match report.failures() {
            0 if same => Outcome::Unchanged,
            _ if is_whole => Outcome::WouldInstall,
            _ => Outcome::WouldInstallPartly,
        });
        if let Tell::AllOf(path) = tell
            && !same
        {
            report.line(format_args!("by {}:", path.display()));
        }
        report.announce(&changes, Mood::Conditional);
        if !changes.is_empty() && changes.secrets().is_empty() && changes.templates().is_empty() {
            report.line("would make a new generation, in which a directory or link differs");
        }
        for line in links.into_iter().chain(surroundings) {
            report.line(line);
        }
        // That old ones go for a new one is what everybody expects.
        let old = if changes.is_empty() { report.tried(current.old_generations(plan.retention))? } else { Vec::new() };
        for path in &old {
            report.line(format_args!("would remove generation: {}", path.display()));
        }
        let watcher = report.watcher();
        let route = Route::of(&plan, environment, &watcher);
        let mut asked = false;
        for verb in Verb::ALL {
            for unit in requests.of_verb(verb) {
                asked = true;
                if !matches!(route, Route::Nowhere) {
                    report.note(format_args!("would {} {unit}", verb.word()));
                }
            }
        }
        requests.foresee(route).tell(environment, report);
        requests.tell(route, report);
        if same && old.is_empty() && !asked && report.failures() == 0 {
            match tell {
                Tell::AllOf(path) => report.line(format_args!("nothing would change by {}", path.display())),
                Tell::All | Tell::Failures => report.line("nothing would change"),
            }
        }
        Ok(())
    })
}

/// What an installation would leave after failures.
pub(super) fn last_words(outcome: Outcome, _readers: &Readers) -> &'static str {
    match outcome {
        Outcome::Failed => "; an installation would change nothing",
        Outcome::WouldInstallPartly => "; an installation would install all other secrets and templates",
        _ => "; an installation would install all secrets and templates",
    }
}

/// The lines on what an installation would change beside the generation. What it would refuse is a failure.
fn surroundings(
    plan: &Plan<'_>,
    current: &Current<'_>,
    files: &[File<'_>],
    changes: &Changes,
    found: Vec<Surrounding>,
    tell: Tell<'_>,
    report: &mut Report,
) -> Result<Vec<String>, Reported> {
    let going = Surrounding::links_that_go(&found);
    let obstacles = current.obstacles(files.iter().map(|file| file.wanted), changes, &going, plan.retention);
    let obstacles = report.tried(obstacles)?;
    let mut is_possible = obstacles.before.is_empty();
    for error in &obstacles.before {
        report.undone(Code::InstallationFailed, About::default(), error);
    }
    let is_told_below = |error: &install::Error| {
        found.iter().any(|one| matches!(one, Surrounding::MountPoint(other) if other == error))
    };
    for (file, error) in obstacles.after.iter().filter(|(_, error)| !is_told_below(error)) {
        let about = About::of_any(file.as_ref());
        match (tell, file) {
            (_, None) => report_stuck(error, tell, report),
            (Tell::Failures, Some(file)) if file.link.is_some_and(|link| is_of_a_user(link.path().as_path())) => {
                report.warning_with(Code::LinkFailed, about, error, error.way_out().map(Remedy::from));
            }
            _ => {
                report.undone(Code::InstallationFailed, about, error);
            }
        }
    }
    let mut lines = Vec::new();
    for surrounding in found {
        is_possible &= !matches!(surrounding, Surrounding::MountPoint(_));
        lines.extend(change(surrounding, tell, report));
    }
    if is_possible {
        Ok(lines)
    } else {
        report.outcome(Outcome::Failed);
        Err(Reported)
    }
}

/// The line on what an installation would change of a surrounding. What it would leave as it is, is reported.
fn change(surrounding: Surrounding, tell: Tell<'_>, report: &mut Report) -> Option<String> {
    Some(match surrounding {
        Surrounding::FileSystem { path, wanted } => format!("would mount a {wanted} at: {}", path.display()),
        Surrounding::Directory(path) => format!("would set mode and owner of: {}", path.display()),
        Surrounding::NoCredential(path) => format!("would add credential: {}", path.display()),
        Surrounding::OtherCredential(path) => format!("would replace credential: {}", path.display()),
        Surrounding::StaleCredential(path) => format!("would remove credential: {}", path.display()),
        Surrounding::StaleLink { path, obstacle: None } => format!("would remove link: {}", path.display()),
        Surrounding::StaleLink { obstacle: Some(error), .. } => {
            report_stuck(&error, tell, report);
            return None;
        }
        Surrounding::Kept(notice) => {
            report.notice(&notice);
            return None;
        }
        Surrounding::MountPoint(error) => {
            report.undone(Code::InstallationFailed, About::default(), &error);
            return None;
        }
        Surrounding::Credential(error) => {
            report.undone(Code::LinkFailed, About::default(), &error);
            return None;
        }
    })
}

/// Reports what cannot be removed. It keeps no secret from its place, and so it refuses no switch.
fn report_stuck(error: &install::Error, tell: Tell<'_>, report: &mut Report) {
    match tell {
        Tell::Failures => {
            let remedy = error.way_out().map(Remedy::from);
            report.warning_with(Code::PruneFailed, About::default(), error, remedy);
        }
        Tell::All | Tell::AllOf(_) => {
            report.undone(Code::InstallationFailed, About::default(), error);
        }
    }
}

/// The lines on links that an installation would make or change. What it would refuse is a failure.
fn links(
    current: &Current<'_>,
    files: &[File<'_>],
    going: &HashSet<&Path>,
    is_before_a_switch: bool,
    tell: Tell<'_>,
    report: &mut Report,
) -> Result<Vec<String>, Reported> {
    let mut lines = Vec::new();
    for File { wanted, .. } in files {
        let drift = current.inspect_outer_link(wanted);
        match report.tried(drift)? {
            Some(drift) if drift.is_in_the_way_after(going) => {
                // The switch itself removes what the old system put below /etc.
                let may_go = wanted.link.is_some_and(|link| {
                    let path = link.path().as_path();
                    // Before a switch, something in a user's own directory is only a warning: a user must not be able to block the
                    // switch.
                    is_before_a_switch && (path.starts_with("/etc") || tell == Tell::Failures && is_of_a_user(path))
                });
                let tone = report.set_tone(if may_go { Tone::Lenient } else { report.tone() });
                report.failure_with(Code::LinkFailed, About::of(wanted), &drift, drift.way_out().map(Remedy::from));
                report.set_tone(tone);
            }
            drift => lines.extend(drift.and_then(in_words)),
        }
    }
    Ok(lines)
}

/// What an installation does about a link. The others are of what it makes anew.
fn in_words(drift: Drift) -> Option<String> {
    Some(match drift {
        // What is out of reach is behind a link that goes.
        Drift::NoLink(path) | Drift::OutOfReach { path, .. } => format!("would add link: {}", path.display()),
        Drift::LinkOwner(path) => format!("would give to another owner: {}", path.display()),
        Drift::LinkElsewhere { path, target } => {
            format!("would replace link: {}, which leads to {}", path.display(), target.display())
        }
        Drift::NotALink { path, .. } => format!("would replace an empty directory by a link: {}", path.display()),
        Drift::Missing | Drift::NotAFile(_) | Drift::Mode { .. } | Drift::Owner { .. } | Drift::Listed => return None,
    })
}
