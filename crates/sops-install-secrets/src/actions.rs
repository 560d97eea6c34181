//! What can be done with a manifest. Each is a file of its own, in the order in which it happens.

mod check;
mod dry_run;
mod install;
mod pre_switch;
mod recipients;
mod remove;
mod status;
mod verify;

use ::install::{Notice, Retention, Store};

use crate::cli::{Action, Arguments, ManifestPath};
use crate::confinement::raise_file_limit;
use crate::environment::Environment;
use crate::report::{About, Code, LastWords, Manner, OutputLines, Report, Reported, Step};

/// Does what the command line asks for. What came of it stands in the report.
pub(crate) fn run(mut arguments: Arguments, environment: &Environment, report: &mut Report) {
    raise_file_limit();
    if arguments.manifest == ManifestPath::OfMachine
        && let Some(path) = environment.manifest_of_user.clone()
    {
        arguments.manifest = ManifestPath::OfUser(path);
    }
    let arguments = &arguments;
    let action = match &arguments.action {
        Action::Install if environment.is_dry() => &Action::DryRun,
        action => action,
    };
    report.begin(action.word(), manner(action), arguments.manifest.as_path(), arguments.output);
    report.step(Step::Manifest);
    let done = match action {
        Action::Install => install::run(arguments, environment, report),
        Action::DryRun => dry_run::run(arguments, environment, report),
        Action::Verify => verify::run(arguments, environment, report),
        Action::Status(rows) => status::run(arguments, *rows, environment, report),
        Action::Recipients(operands) => recipients::run(arguments, operands, environment, report),
        Action::Remove if environment.is_dry() => {
            report.line("nothing is removed, because NIXOS_ACTION is dry-activate");
            Ok(())
        }
        Action::Remove => remove::run(arguments, environment, report),
        Action::Check(check) => check::run(arguments, check, environment, report),
        Action::PreSwitch(switch) => {
            pre_switch::run(arguments, switch, environment, report);
            Ok(())
        }
    };
    match done {
        // Whatever stopped it stands in the report.
        Ok(()) | Err(Reported) => {}
    }
}

/// How the report of an action speaks. It ends with nothing after failures of one that leaves the machine as it is in any case.
fn manner(action: &Action) -> Manner {
    let (last_words, lines): (LastWords, _) = match action {
        Action::Install => (install::last_words, OutputLines::News),
        Action::DryRun => (dry_run::last_words, OutputLines::Answer),
        Action::Remove => (remove::last_words, OutputLines::Answer),
        Action::PreSwitch(_) => (pre_switch::last_words, OutputLines::Answer),
        Action::Check(_) | Action::Verify | Action::Status(_) | Action::Recipients(_) => {
            (|_, _| "", OutputLines::Answer)
        }
    };
    Manner { last_words, lines }
}

/// Says what people should know of what was done.
fn tell(notices: &[Notice], report: &mut Report) {
    for notice in notices {
        report.notice(notice);
    }
}

/// Removes the generations that are not to stay.
fn prune(store: &Store<'_>, retention: Retention, report: &mut Report) {
    report.step(Step::Prune);
    for error in store.prune(retention) {
        report.undone(Code::PruneFailed, About::default(), &error);
    }
}
