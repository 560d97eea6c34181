//! Comparing what is installed with what the manifest gives, for `-verify`.

use install::{Changes, Current, Drift, File, Sought, Surrounding};
use nix::unistd::Gid;

use crate::cli::Arguments;
use crate::confinement::confine;
use crate::contents::Contents;
use crate::environment::Environment;
use crate::keys::KeyCommands;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, Unknown};
use crate::remedy::Remedy;
use crate::report::{About, Code, Report, Reported, Step};
use crate::steady;

/// Compares what an installation would give with what is installed.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    let path = &arguments.manifest;
    let manifest = manifest_file::read(path, Purpose::Compare, environment, report)?;
    confine();
    report.step(Step::Look);
    let plan = Plan::resolve(&manifest, arguments.accounts, Unknown::Failure, report);
    let group = plan.directory_group(report)?;
    let contents = Contents::resolve(&plan, environment, KeyCommands::Run, report);
    report.step(Step::Compare);
    steady::look(&plan.location, report, |report| {
        let current = plan.look(report)?;
        let files = contents.files();
        let changes = report.tried(Changes::between(&current, &files, group))?;
        report.changes(&changes);
        if report.failures() > 0 {
            // What cannot be decrypted cannot be compared either.
            return Err(Reported);
        }
        compare(&plan, &current, &files, &changes, group, arguments, report)?;
        if report.failures() == 0 {
            let plural = if files.len() == 1 { " is" } else { "s are" };
            report.line(format_args!("{} file{plural} as the manifest says", files.len()));
        }
        Ok(())
    })
}

/// A difference between what is wanted and what is installed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Deviation(String);

/// Reports each difference as a failure.
///
/// # Errors
///
/// What cannot be looked at is reported too, and then the rest is not compared.
fn compare(
    plan: &Plan<'_>,
    current: &Current<'_>,
    files: &[File<'_>],
    changes: &Changes,
    group: Option<Gid>,
    arguments: &Arguments,
    report: &mut Report,
) -> Result<(), Reported> {
    let remedy = &Remedy::install(&arguments.manifest, plan.accounts);
    let link = current.location().symlink_path();
    if current.running_number().is_none() {
        let what = format!("nothing is installed at {}", link.display());
        report.failure_with(Code::Missing, About::default(), &Deviation(what), Some(remedy.clone()));
        return Ok(());
    }
    let found = report.failures();
    for file in files {
        compare_file(current, file, changes, remedy, report)?;
    }
    let remains = current.remains(files.iter().map(|file| file.wanted), group);
    for place in report.tried(remains)?.superfluous {
        let what = format!("{} is installed, and the manifest does not want it", link.join(place).display());
        report.failure_with(Code::Superfluous, About::default(), &Deviation(what), Some(remedy.clone()));
    }
    if report.failures() == found && !changes.is_empty() {
        let what = format!("a directory or link below {} differs", link.display());
        report.failure_with(Code::Different, About::default(), &Deviation(what), Some(remedy.clone()));
    }
    compare_surroundings(plan, current, files, group, remedy, report)
}

/// Reports how an installed file differs. The remedy installs it again.
fn compare_file(
    current: &Current<'_>,
    file: &File<'_>,
    changes: &Changes,
    remedy: &Remedy,
    report: &mut Report,
) -> Result<(), Reported> {
    let wanted = &file.wanted;
    let inspection = report.tried(current.inspect_file(wanted))?;
    // A file counts as modified for its mode or owner, too.
    let is_modified = changes.of_kind(wanted.kind).modifies(wanted.name.as_str());
    let is_of_access = |drift: &Drift| matches!(drift, Drift::Mode { .. } | Drift::Owner { .. } | Drift::Listed);
    let has_access = || !inspection.drift.iter().any(is_of_access);
    let what = if !is_modified || inspection.installed.is_none() {
        None
    } else if !report.tried(current.has_content(file))? {
        Some("its content differs")
    } else {
        has_access().then_some("it has an access control list")
    };
    if let Some(what) = what {
        report.failure_with(Code::Different, About::of(wanted), &Deviation(what.to_owned()), Some(remedy.clone()));
    }
    for drift in inspection.drift {
        let remedy = drift.way_out().map_or_else(|| remedy.clone(), Remedy::from);
        report.failure_with(code(&drift), About::of(wanted), &Deviation(drift.to_string()), Some(remedy));
    }
    Ok(())
}

/// Reports what is different beside the generation.
fn compare_surroundings(
    plan: &Plan<'_>,
    current: &Current<'_>,
    files: &[File<'_>],
    group: Option<Gid>,
    remedy: &Remedy,
    report: &mut Report,
) -> Result<(), Reported> {
    let remedy = || Some(remedy.clone());
    let surroundings = current.surroundings(group, plan.credentials, files.iter().map(Sought::from));
    for surrounding in report.tried(surroundings)? {
        let (code, remedy) = match &surrounding {
            // An installation leaves it so, with the same warning.
            Surrounding::Kept(notice) => {
                report.notice(notice);
                continue;
            }
            Surrounding::MountPoint(_) | Surrounding::Credential(_) => {
                (Code::Different, surrounding.way_out().map(Remedy::from))
            }
            Surrounding::NoCredential(_) => (Code::Missing, remedy()),
            Surrounding::StaleCredential(_) | Surrounding::StaleLink { .. } => (Code::Superfluous, remedy()),
            Surrounding::FileSystem { .. } | Surrounding::Directory(_) | Surrounding::OtherCredential(_) => {
                (Code::Different, remedy())
            }
        };
        report.failure_with(code, About::default(), &surrounding, remedy);
    }
    Ok(())
}

fn code(drift: &Drift) -> Code {
    match drift {
        Drift::Missing | Drift::NoLink(_) => Code::Missing,
        Drift::NotAFile(_)
        | Drift::Mode { .. }
        | Drift::Owner { .. }
        | Drift::Listed
        | Drift::LinkElsewhere { .. }
        | Drift::LinkOwner(_)
        | Drift::NotALink { .. }
        | Drift::OutOfReach { .. } => Code::Different,
    }
}
