//! Comparing what is installed with what the manifest gives, for `-verify`.

use std::path::{Path, PathBuf};

use install::{Changes, Credential, Current, Drift, File, Kind};

use crate::activate::subject_of;
use crate::cli::ManifestPath;
use crate::report::{Code, Report, Reported, Subject};

/// A difference, and how it is undone.
#[derive(Debug, thiserror::Error)]
#[error("{what}; install it again with: {command}")]
struct Difference {
    what: String,
    command: String,
}

/// Reports each difference as a failure. `credentials` come with the directory in which they should be.
///
/// # Errors
///
/// What cannot be looked at is reported too, and then the rest is not compared.
pub(crate) fn compare(
    current: &Current<'_>,
    files: &[File<'_>],
    changes: &Changes,
    (directory, credentials): (&Path, &[Credential<'_>]),
    manifest: &ManifestPath,
    report: &mut Report,
) -> Result<(), Reported> {
    let command = command(manifest);
    let difference = |what: String| Difference { what, command: command.clone() };
    let link = current.location().symlink_path();
    if current.running_number().is_none() {
        let what = format!("nothing is installed at {}", link.display());
        report.failure(Code::Missing, Subject::default(), &difference(what));
        return Ok(());
    }
    let found = report.failures();
    for file in files {
        let inspection = current.inspect_file(file).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        let of_kind = if file.kind == Kind::Secret { changes.secrets() } else { changes.templates() };
        let is_the_same =
            inspection.drift.iter().all(|drift| !matches!(drift, Drift::Mode { .. } | Drift::Owner { .. }));
        if is_the_same && of_kind.modified.binary_search_by(|name| name.as_str().cmp(file.name.as_str())).is_ok() {
            let what = "its content is another one".to_owned();
            report.failure(Code::Different, subject_of(file), &difference(what));
        }
        for drift in inspection.drift {
            report.failure(code(&drift), subject_of(file), &difference(drift.to_string()));
        }
    }
    let superfluous = current.superfluous(files).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
    for place in superfluous {
        let what = format!("{} is installed, and the manifest does not want it", link.join(place).display());
        report.failure(Code::Superfluous, Subject::default(), &difference(what));
    }
    if report.failures() == found && !changes.is_empty() {
        let what = format!("a directory or link below {} is another one", link.display());
        report.failure(Code::Different, Subject::default(), &difference(what));
    }
    for credential in credentials {
        let is_published = credential.is_published(directory);
        if !is_published.map_err(|error| report.failed(Code::InstallationFailed, &error))? {
            let path: PathBuf = directory.join(credential.name.as_str());
            let what = format!("the credential {} is missing or another one", path.display());
            report.failure(Code::Different, Subject::default(), &difference(what));
        }
    }
    Ok(())
}

/// The command that installs this manifest.
pub(crate) fn command(manifest: &ManifestPath) -> String {
    match manifest {
        ManifestPath::OfMachine => "sops-install-secrets".to_owned(),
        ManifestPath::Given(path) => format!("sops-install-secrets {}", path.display()),
    }
}

fn code(drift: &Drift) -> Code {
    match drift {
        Drift::Missing | Drift::NoLink(_) => Code::Missing,
        Drift::NotAFile(_)
        | Drift::Mode { .. }
        | Drift::Owner { .. }
        | Drift::LinkElsewhere { .. }
        | Drift::LinkOwner(_)
        | Drift::NotALink { .. } => Code::Different,
    }
}
