//! Taking away all that was installed, for `-remove`.

use std::fs;
use std::path::{Path, PathBuf};

use install::{Current, Location, Lock, Removable, Removal, shell_word};

use super::install::WaitingForLock;
use super::tell;
use crate::cli::{AccountLookup, Arguments, ManifestPath};
use crate::environment::Environment;
use crate::input::is_absence;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, PlannedFile, Unknown};
use crate::remedy::Remedy;
use crate::report::{About, Code, Outcome, Readers, Report, Reported, Step};
use crate::text;

/// Takes everything away, unless something is among the secrets that no installation has put there.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    let failed = Code::RemovalFailed;
    let path = &arguments.manifest;
    // A machine whose configuration has no secrets any more has no manifest either.
    let is_gone =
        *path == ManifestPath::OfMachine && fs::metadata(path.as_path()).is_err_and(|error| is_absence(&error));
    let json = if is_gone { DEFAULT_PLACES.to_vec() } else { manifest_file::read_text(path, report)? };
    let manifest = manifest_file::parse(path, &json, Purpose::Remove, environment, report)?;
    let location = Location::of(&manifest);
    let lock = Lock::acquire(&location, WaitingForLock::tell(report))
        .map_err(|error| report.undone(failed, About::default(), &error))?;
    let installed = Removable::of(&location, lock).map_err(|obstacles| {
        for error in &obstacles {
            report.undone(failed, About::default(), error);
        }
        Reported
    })?;
    let plan = Plan::resolve(&manifest, AccountLookup::Ignore, Unknown::Warning, report);
    if !is_gone {
        refuse_unwanted(&plan, report)?;
    }
    report.step(Step::Prune);
    let removal = installed.remove().map_err(|error| report.undone(failed, About::default(), &error))?;
    tell(&removal.notices, report);
    for error in &removal.failures {
        report.undone(failed, About::default(), error);
    }
    if removal.failures.is_empty() {
        name_unrecorded(&plan, report);
    }
    if removal.is_nothing() {
        let symlink = location.symlink_path();
        let elsewhere = match fs::read_link(symlink) {
            Ok(target) => format!(" by this manifest; it leads to {}", text::piece(&target.to_string_lossy())),
            Err(_) if is_gone => ELSEWHERE.to_owned(),
            Err(_) => String::new(),
        };
        report.line(format_args!("nothing is installed at {}{elsewhere}", symlink.display()));
        report.outcome(Outcome::Unchanged);
        return Ok(());
    }
    report.outcome(Outcome::Removed);
    let Removal { generations, links, credentials, .. } = removal;
    report.line(format_args!(
        "removed from {}: {}, {}, {}",
        location.symlink_path().display(),
        counted(generations, "generation"),
        counted(links, "link"),
        counted(credentials, "credential")
    ));
    if removal.stays_mounted {
        report.line(format_args!("{} stays mounted, with nothing in it", location.mount_point().display()));
    }
    Ok(())
}

/// How the machine was left after failures.
pub(super) fn last_words(outcome: Outcome, _readers: &Readers) -> &'static str {
    match outcome {
        Outcome::Failed => "; nothing was removed",
        _ => "; what is not named here is removed",
    }
}

/// Refuses what is in the running generation and not in the manifest.
fn refuse_unwanted(plan: &Plan<'_>, report: &mut Report) -> Result<(), Reported> {
    let location = &plan.location;
    // What stands in the place of the symlink may be somebody else's. Then there is no running generation.
    let Ok(current) = Current::inspect(location) else { return Ok(()) };
    if current.running_number().is_none() {
        return Ok(());
    }
    let remains = current.remains(plan.files.iter().map(|file| file.wanted), None);
    let remains = remains.map_err(|error| report.undone(Code::RemovalFailed, About::default(), &error))?;
    let unwanted = remains.superfluous;
    for place in &unwanted {
        let path = location.symlink_path().join(place);
        let error = Unwanted { path: text::piece(&path.to_string_lossy()).into_owned() };
        let remedy = Remedy::say("if it was a secret before, install once and then remove, otherwise move it away");
        report.failure_with(Code::Superfluous, About::default(), &error, Some(remedy));
    }
    if unwanted.is_empty() { Ok(()) } else { Err(Reported) }
}

/// Warns of what the manifest names and is still there, since no record knew of it.
fn name_unrecorded(plan: &Plan<'_>, report: &mut Report) {
    for PlannedFile { wanted, .. } in &plan.files {
        let credential = wanted.credential.map(|name| plan.credentials.join(name.as_str()));
        let credential = credential.filter(|path| path.symlink_metadata().is_ok());
        let leads_to_nothing =
            |path: &&Path| !path.exists() && fs::read_link(path).is_ok_and(|target| target == wanted.target());
        let link = wanted.outer_link().filter(leads_to_nothing).map(Path::to_owned);
        for path in credential.into_iter().chain(link) {
            let remedy = Remedy::run("if nothing else needs it, run", format!("rm {}", shell_word(&path)));
            report.warning_with(Code::RemovalFailed, About::of(wanted), &Unrecorded { path }, Some(remedy));
        }
    }
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Where the module puts the secrets of a machine, if nothing else is said.
const DEFAULT_PLACES: &[u8] = br#"{"secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets"}"#;

/// Agenix, home-manager and passwords have places of their own.
const ELSEWHERE: &str =
    ", and there is no manifest that names another place; if you have one: sops-install-secrets -remove MANIFEST";

/// A file among the secrets that the manifest does not have.
#[derive(Debug, thiserror::Error)]
#[error("{path} is not in the manifest")]
struct Unwanted {
    path: String,
}

/// What the manifest names and no record knows of.
#[derive(Debug, thiserror::Error)]
#[error("{path} stays, since no record says that a run of this manifest made it", path = path.display())]
struct Unrecorded {
    path: PathBuf,
}
