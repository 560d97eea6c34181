//! Reading the manifest, and saying what is wrong with it.

use std::path::Path;

use install::Inputs;
use manifest::{Manifest, Problem, RuntimeDirectory};

use crate::cli::{Action, ManifestPath};
use crate::environment::Environment;
use crate::report::{About, Code, Leading, Report, Reported};
use crate::{input, questions};

/// The manifest of the command line.
///
/// # Errors
///
/// That it cannot be read, or every problem of it, which is reported.
pub(crate) fn read(
    path: &ManifestPath,
    action: &Action,
    environment: &Environment,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let json = read_text(path, report)?;
    questions::add_manifest(inputs, &json);
    parse(path, &json, action, environment, report)
}

/// The text of the manifest.
///
/// # Errors
///
/// That it cannot be read, which is reported.
pub(crate) fn read_text(path: &ManifestPath, report: &mut Report) -> Result<Vec<u8>, Reported> {
    let kind = match path {
        ManifestPath::Given(_) | ManifestPath::OfUser(_) => input::ReadKind::Manifest,
        ManifestPath::OfMachine => input::ReadKind::ManifestOfMachine,
    };
    input::read(kind, path.as_path()).map_err(|error| report.failed(Code::ManifestUnreadable, &error))
}

/// What the text of the manifest says.
///
/// # Errors
///
/// Every problem of it, which is reported.
pub(crate) fn parse(
    path: &ManifestPath,
    json: &[u8],
    action: &Action,
    environment: &Environment,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let runtime_directory = match (action, environment.runtime_directory.as_deref()) {
        // One before a switch has the environment of a deployment tool.
        (Action::CheckManifest | Action::CheckSopsFiles | Action::CheckRecipients(_) | Action::Recipients(_), _)
        | (Action::PreSwitch(_), None) => RuntimeDirectory::Unneeded,
        (_, Some(directory)) => RuntimeDirectory::At(directory),
        (_, None) => RuntimeDirectory::Unset,
    };
    let manifest = Manifest::from_json(json, runtime_directory).map_err(|problems| {
        for problem in &problems {
            report_problem(Code::ManifestInvalid, path.as_path(), problem, report);
        }
        Reported
    })?;
    // Made anew, it would be on a disk.
    if let (Action::Install | Action::DryRun, true, RuntimeDirectory::At(directory)) =
        (action, manifest.user_mode(), runtime_directory)
        && !Path::new(directory).is_dir()
    {
        let path = directory.to_owned();
        return Err(report.failed(Code::InstallationFailed, &NoRuntimeDirectory { path }));
    }
    for problem in manifest.unknown_fields() {
        // Taken for a field that does not matter, it would let everything be removed.
        let stands_for_all = match problem.error() {
            manifest::Error::UnknownField { nearest: Some("secrets"), .. } => manifest.secrets().is_empty(),
            manifest::Error::UnknownField { nearest: Some("templates"), .. } => manifest.templates().is_empty(),
            _ => false,
        };
        if stands_for_all && matches!(action, Action::Install | Action::DryRun | Action::Verify) {
            report_problem(Code::FieldUnknown, path.as_path(), problem, report);
            return Err(Reported);
        }
        match action {
            Action::CheckManifest | Action::CheckSopsFiles | Action::CheckRecipients(_) => {
                report_problem(Code::FieldUnknown, path.as_path(), problem, report);
            }
            Action::Install | Action::DryRun | Action::Verify | Action::Status(_) | Action::Recipients(_) => {
                let (about, error) = placed(path.as_path(), problem);
                report.warning(Code::FieldUnknown, about, &error);
            }
            // The build has checked it, and the installation says it again; and what is removed needs no field.
            Action::PreSwitch(_) | Action::Remove => {}
        }
    }
    Ok(manifest)
}

/// The session of the user is over, or there was none.
#[derive(Debug, thiserror::Error)]
#[error("XDG_RUNTIME_DIR is {path}, which is not there; run this as a user with a session")]
struct NoRuntimeDirectory {
    path: String,
}

/// Reports a problem of the manifest, or of a template's text, with its place.
pub(crate) fn report_problem(code: Code, file: &Path, problem: &Problem, report: &mut Report) {
    let (about, error) = placed(file, problem);
    report.failure(code, about, &error);
}

/// A problem in the words of a message, and what it is about.
fn placed(file: &Path, problem: &Problem) -> (About, InDocument) {
    let about = About::file(file).at(problem.line(), problem.column());
    let (secrets, templates) = match problem.subject() {
        manifest::Subject::Secret(name) => (vec![name.clone()], Vec::new()),
        manifest::Subject::Template(name) => (Vec::new(), vec![name.clone()]),
        _ => (Vec::new(), Vec::new()),
    };
    let about = About { secrets, templates, leading: Leading::Place, ..about };
    // What the subject has no name for, the message names.
    let what = match problem.subject() {
        manifest::Subject::Document | manifest::Subject::Secret(_) | manifest::Subject::Template(_) => String::new(),
        what => format!("{what}: "),
    };
    (about, InDocument { what, error: problem.error().to_string() })
}

/// A problem without its place.
#[derive(Debug, thiserror::Error)]
#[error("{what}{error}")]
struct InDocument {
    what: String,
    error: String,
}
