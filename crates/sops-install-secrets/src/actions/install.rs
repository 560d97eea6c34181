//! An installation: read everything, decrypt everything, compare, stage, switch, and then the rest.
//!
//! Until the switch an error leaves the machine as it was. After it an error is reported, and the rest still runs.

mod untouched;

use std::path::{Path, PathBuf};

use install::{Activation, Changes, Credential, Effect, File, Inputs, Location, Lock, Medium, Store, Summary, tidy};
use manifest::Manifest;

use super::{prune, tell};
use crate::cli::Arguments;
use crate::confinement::confine;
use crate::contents::Contents;
use crate::environment::Environment;
use crate::keys::{self, KeyCommands};
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, Unknown};
use crate::questions;
use crate::remedy::Remedy;
use crate::report::{About, Code, Mood, Outcome, Readers, Report, Reported, Step};
use crate::units::{Requests, Route};
use untouched::Found;

/// Installs, one run at a time. The manifest names the lock, and may change while the run waits for it. So it is read
/// again under the lock, and that is what is installed.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    confine();
    let path = &arguments.manifest;
    let mut json = manifest_file::read_text(path, report)?;
    let mut inputs = known_inputs(&json, arguments, environment);
    if untouched::run(arguments, environment, &json, &inputs, report)? == Found::Untouched {
        return Ok(());
    }
    report.step(Step::Manifest);
    loop {
        let manifest = manifest_file::parse(path, &json, Purpose::Install, environment, report)?;
        report.step(Step::Look);
        let location = Location::of(&manifest);
        let lock = report.tried(Lock::acquire(&location, WaitingForLock::tell(report)))?;
        if manifest_file::has_text(path, &json, report)? {
            // It may be large, and is not needed any more.
            drop(json);
            return install(&manifest, arguments, environment, lock, inputs, report);
        }
        drop(lock);
        json = manifest_file::read_text(path, report)?;
        inputs = known_inputs(&json, arguments, environment);
        report.step(Step::Manifest);
    }
}

/// The inputs that are known before the manifest is looked at: its text, the program, the environment and the command line.
fn known_inputs(json: &[u8], arguments: &Arguments, environment: &Environment) -> Inputs {
    let mut inputs = Inputs::new();
    questions::add_manifest(&mut inputs, json);
    questions::add_call(&mut inputs, environment, arguments.accounts);
    inputs
}

/// The whole of an installation, top to bottom.
fn install(
    manifest: &Manifest,
    arguments: &Arguments,
    environment: &Environment,
    lock: Lock,
    mut inputs: Inputs,
    report: &mut Report,
) -> Result<(), Reported> {
    let plan = Plan::resolve(manifest, arguments.accounts, Unknown::Failure, report);
    let group = plan.directory_group(report)?;
    let current = plan.look(report)?;
    report.step(Step::Identities);
    report.keep_lines();
    let keys = keys::load(manifest, environment, KeyCommands::Run, &mut inputs, report);
    let lines = report.kept_lines();
    plan.report_unknown_accounts(report);
    questions::add_machine(&mut inputs, &plan, group);
    // Made from the same bytes and untouched since, a generation needs no contents: nothing is to be decrypted.
    let is_untouched = current.is_stamped(&inputs, questions::ask);
    let contents = (!is_untouched).then(|| Contents::of(&plan, &keys, &mut inputs, report));
    if is_untouched {
        keys.warn(report);
    }
    drop(keys);
    let decision = contents.as_ref().map(|contents| contents.decide(&plan, &current, group, report)).transpose();
    // What is left then is for the next run, which reports it.
    let decision = decision.inspect_err(|Reported| drop(tidy(&current, &lock)))?;
    let nothing = Changes::none();
    let changes = decision.as_ref().map_or(&nothing, |decision| &decision.changes);
    report.changes(changes);
    let due = current.due();
    let requests = Requests::of(&plan, changes, &due);
    // -------------- until here nothing on the machine has changed but the lock --------------

    report.step(Step::Stage);
    let mut store = report.tried(Store::open(&current, lock, group))?;
    if report.tried(store.medium())? == Medium::Disk {
        let path = plan.location.mount_point().to_owned();
        let remedy = Remedy::say("let XDG_RUNTIME_DIR name a directory in memory");
        report.warning_with(Code::NotInMemory, About::default(), &OnDisk { path }, Some(remedy));
    }
    match &decision {
        Some(decision) if !changes.is_empty() => {
            let staged = report.tried(store.stage(&decision.files, plan.retention))?;
            // THE COMMIT: one rename.
            report.tried(staged.activate(&requests.all()))?;
            report.generation(&plan.location, store.active());
            report.outcome(if report.failures() == 0 { Outcome::Installed } else { Outcome::PartlyInstalled });
            // Not on the first activation, and not in user mode, as in sops-nix.
            let silent = manifest.user_mode() || changes.activation() == Activation::First;
            if manifest.logging().secret_changes() && !silent {
                report.announce(changes, Mood::Indicative);
            }
        }
        Some(_) | None => report.outcome(Outcome::Unchanged),
    }
    // -------------- readers see the new values; from here on an error stops nothing else --------------

    report.step(Step::Links);
    if let Some(decision) = &decision {
        publish(&mut store, &decision.files, plan.credentials, report);
    }
    // Not all was as the manifest says, though no generation had to be made for it.
    if changes.is_empty() && store.effect() == Effect::Something {
        report.outcome(Outcome::Installed);
    }
    // After a warning so far, the next run may not take the short way: it has to know the manifest to warn again.
    // Notices come up in any run.
    let is_quiet = report.warnings() == 0;
    tell(&store.notices(), report);
    report.step(Step::Units);
    let watcher = report.watcher();
    let route = Route::of(&plan, environment, &watcher);
    let sent = requests.send(route);
    sent.tell(environment, report);
    requests.tell(route, report);
    if sent.errors.is_empty()
        && let Err(error) = store.requested_but(&sent.unasked)
    {
        report.undone(Code::UnitUnasked, About::default(), &error);
    }
    prune(&store, plan.retention, report);
    if decision.is_some() && report.failures() == 0 {
        let Plan { location, retention, .. } = &plan;
        let summary = is_quiet.then(|| Summary { location: location.clone(), group, retention: *retention, lines });
        store.stamp(&inputs, changes, summary.as_ref());
    }
    Ok(())
}

/// Makes the links and the credentials of what is installed.
fn publish(store: &mut Store<'_>, files: &[File<'_>], credentials: &Path, report: &mut Report) {
    for (file, error) in store.link(files) {
        report.undone(Code::LinkFailed, About::of_any(file.as_ref()), &error);
    }
    let wanted: Vec<Credential<'_>> = files.iter().filter_map(File::credential).collect();
    for error in store.publish(credentials, &wanted) {
        report.undone(Code::LinkFailed, About::default(), &error);
    }
}

/// How the machine was left after failures.
pub(super) fn last_words(outcome: Outcome, readers: &Readers) -> &'static str {
    match (outcome, readers) {
        (Outcome::Failed, Readers::Unknown) => "; nothing was changed",
        (Outcome::Failed, Readers::Nothing) => "; no secret is installed",
        (Outcome::Failed, Readers::Generation(_)) => {
            "; nothing was changed: the secrets installed before are still in place"
        }
        (Outcome::PartlyInstalled, _) => "; all other secrets and templates are installed",
        (Outcome::Installed | Outcome::Unchanged, _) => "; all secrets and templates are installed",
        _ => "",
    }
}

/// Another run holds the lock.
#[derive(Debug, thiserror::Error)]
#[error("waiting for another run, which holds {path}", path = path.display())]
pub(super) struct WaitingForLock<'a> {
    path: &'a Path,
}

impl WaitingForLock<'_> {
    /// What says so once it takes long.
    pub(super) fn tell(report: &Report) -> impl FnOnce(&Path) {
        |path| report.note(format_args!("{}: {}", report.program(), WaitingForLock { path }))
    }
}

/// Secrets of a user that are not in memory.
#[derive(Debug, thiserror::Error)]
#[error("{path} is on a disk, where secrets outlive the session", path = path.display())]
struct OnDisk {
    path: PathBuf,
}
