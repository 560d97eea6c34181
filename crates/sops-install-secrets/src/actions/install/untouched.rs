//! A run that finds everything as it was left, made from the same bytes: nothing is parsed and nothing is decrypted.
//!
//! It takes care of what any run takes care of: the file system and its mode, what killed runs have left, old
//! generations. If there is anything else to say or do, an ordinary run follows.

use install::{Changes, Current, Effect, Inputs, Lock, Store, Summary};
use manifest::Manifest;

use super::super::{prune, tell};
use super::WaitingForLock;
use crate::cli::Arguments;
use crate::environment::Environment;
use crate::report::{Outcome, Report, Reported, Step};
use crate::{manifest_file, questions};

/// Whether an ordinary run is needed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found {
    /// All is as it was left.
    Untouched,
    /// It may be another manifest, or something may have changed: the manifest has to be looked at.
    Unknown,
}

/// Looks whether all is as the last run has left it. `known` are those inputs that are known already, the text of the
/// manifest among them.
///
/// # Errors
///
/// What fails although nothing has changed, which is reported.
pub(super) fn run(
    arguments: &Arguments,
    environment: &Environment,
    json: &[u8],
    known: &Inputs,
    report: &mut Report,
) -> Result<Found, Reported> {
    let mount_point = Manifest::likely_mount_point(json, environment.runtime_directory.as_deref());
    let Some(found) = mount_point.and_then(|path| Summary::find(path.as_path(), known)) else {
        return Ok(Found::Unknown);
    };
    report.step(Step::Look);
    let waiting = WaitingForLock::tell(report);
    // What fails here fails again in the ordinary run, which reports it.
    let Ok(lock) = Lock::acquire(&found.location, waiting) else { return Ok(Found::Unknown) };
    let Ok(current) = Current::inspect(&found.location) else { return Ok(Found::Unknown) };
    // All of it once more, under the lock.
    let Some(summary) = current.summary().filter(|summary| summary.location == found.location) else {
        return Ok(Found::Unknown);
    };
    let is_same_manifest = manifest_file::has_text(&arguments.manifest, json, report)?;
    if !is_same_manifest || current.has_requests() || !current.is_stamped(known, questions::ask) {
        return Ok(Found::Unknown);
    }
    report.repeat(&summary.lines);
    report.generation(&summary.location, current.running_number());
    report.changes(&Changes::none());
    report.step(Step::Stage);
    let mut store = report.tried(Store::open(&current, lock, summary.group))?;
    report.outcome(if store.effect() == Effect::Nothing { Outcome::Unchanged } else { Outcome::Installed });
    tell(&store.notices(), report);
    prune(&store, summary.retention, report);
    Ok(Found::Untouched)
}
