//! Reading the manifest, and saying what is wrong with it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use manifest::{Manifest, Problem, RuntimeDirectory};
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access, geteuid};

use crate::cli::ManifestPath;
use crate::environment::Environment;
use crate::input;
use crate::remedy::{Module, Remedy};
use crate::report::{About, Code, Leading, Report, Reported};

/// What a manifest is read for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To prove that it is right.
    Check,
    /// To install what it says, or to say what that would do.
    Install,
    /// To compare what is installed with it.
    Compare,
    /// To show what there is of what it says.
    Show,
    /// To know the keys of this machine.
    Keys,
    /// To take away what was installed where it says.
    Remove,
    /// To look ahead of a switch.
    PreSwitch,
}

impl Purpose {
    /// Where the places of user mode are. A look ahead has the environment of a deployment tool, perhaps without one.
    fn runtime_directory(self, environment: &Environment) -> RuntimeDirectory<'_> {
        match (self, environment.runtime_directory.as_deref()) {
            (Self::Check | Self::Keys, _) | (Self::PreSwitch, None) => RuntimeDirectory::Unneeded,
            (_, Some(directory)) => RuntimeDirectory::At(directory),
            (_, None) => RuntimeDirectory::Unset,
        }
    }

    /// What to do about a field that is not known.
    fn unknown_field(self, stands_for_all: bool) -> UnknownField {
        match self {
            Self::Check => UnknownField::Failure,
            // Taken for a field that does not matter, it would let everything be removed.
            Self::Install | Self::Compare if stands_for_all => UnknownField::End,
            Self::Install | Self::Compare | Self::Show | Self::Keys => UnknownField::Warning,
            // The build has checked it, and the installation says it again; and what is removed needs no field.
            Self::PreSwitch | Self::Remove => UnknownField::Nothing,
        }
    }
}

/// What comes of a field that is not known.
enum UnknownField {
    Failure,
    /// A failure, and nothing else is done.
    End,
    Warning,
    Nothing,
}

/// The manifest of the command line.
///
/// # Errors
///
/// That it cannot be read, or every problem of it, which is reported.
pub(crate) fn read(
    path: &ManifestPath,
    purpose: Purpose,
    environment: &Environment,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let json = read_text(path, report)?;
    parse(path, &json, purpose, environment, report)
}

/// The text of the manifest.
///
/// # Errors
///
/// That it cannot be read, which is reported.
pub(crate) fn read_text(path: &ManifestPath, report: &mut Report) -> Result<Vec<u8>, Reported> {
    input::read(kind(path), path.as_path())
        .map_err(|error| report.unreadable(Code::ManifestUnreadable, About::default(), &error))
}

/// Whether the text of the manifest is still the same.
///
/// # Errors
///
/// As [`read_text`].
pub(crate) fn has_text(path: &ManifestPath, text: &[u8], report: &mut Report) -> Result<bool, Reported> {
    input::holds(kind(path), path.as_path(), text)
        .map_err(|error| report.unreadable(Code::ManifestUnreadable, About::default(), &error))
}

fn kind(path: &ManifestPath) -> input::ReadKind {
    match path {
        ManifestPath::Given(_) | ManifestPath::OfUser(_) => input::ReadKind::Manifest,
        ManifestPath::OfMachine => input::ReadKind::ManifestOfMachine,
    }
}

/// What the text of the manifest says.
///
/// # Errors
///
/// Every problem of it, which is reported.
pub(crate) fn parse(
    path: &ManifestPath,
    json: &[u8],
    purpose: Purpose,
    environment: &Environment,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let runtime_directory = purpose.runtime_directory(environment);
    let manifest = Manifest::from_json(json, runtime_directory).map_err(|problems| {
        for problem in &problems {
            report_problem(Code::ManifestInvalid, path.as_path(), problem, report);
        }
        Reported
    })?;
    report.set_module(Module::of(&manifest));
    if let (Purpose::Install, true, RuntimeDirectory::At(directory)) =
        (purpose, manifest.user_mode(), runtime_directory)
    {
        let directory = Path::new(directory);
        if !directory.is_dir() {
            // Made anew, it would be on a disk.
            let path = directory.to_owned();
            let remedy = Remedy::say("run this as a user with a session");
            report.failure_with(Code::InstallationFailed, About::default(), &NoRuntimeDirectory { path }, Some(remedy));
            return Err(Reported);
        }
        // As su(1) and sudo(8) leave it. What root made there would be in the user's way.
        let is_closed = access(directory, AccessFlags::W_OK | AccessFlags::X_OK) == Err(Errno::EACCES);
        let is_of_other = directory.metadata().is_ok_and(|status| geteuid().is_root() && status.uid() != 0);
        if is_closed || is_of_other {
            let error = ForeignRuntimeDirectory { path: directory.to_owned() };
            report.failure_with(Code::InstallationFailed, About::default(), &error, Some(Remedy::own_session(path)));
            return Err(Reported);
        }
    }
    for problem in manifest.unknown_fields() {
        let stands_for_all = match problem.error() {
            manifest::Error::UnknownField { nearest: Some("secrets"), .. } => manifest.secrets().is_empty(),
            manifest::Error::UnknownField { nearest: Some("templates"), .. } => manifest.templates().is_empty(),
            _ => false,
        };
        match purpose.unknown_field(stands_for_all) {
            UnknownField::Failure => report_problem(Code::FieldUnknown, path.as_path(), problem, report),
            UnknownField::End => {
                report_problem(Code::FieldUnknown, path.as_path(), problem, report);
                return Err(Reported);
            }
            UnknownField::Warning => {
                let (about, error) = placed(path.as_path(), problem);
                report.warning_with(Code::FieldUnknown, about, &error, Remedy::of_manifest(problem.error()));
            }
            UnknownField::Nothing => {}
        }
    }
    Ok(manifest)
}

/// The session of the user is over, or there was none.
#[derive(Debug, thiserror::Error)]
#[error("XDG_RUNTIME_DIR is {}, which is not there", path.display())]
struct NoRuntimeDirectory {
    path: PathBuf,
}

/// The session is that of another user.
#[derive(Debug, thiserror::Error)]
#[error("XDG_RUNTIME_DIR is {}, which is that of another user", path.display())]
struct ForeignRuntimeDirectory {
    path: PathBuf,
}

/// Reports a problem of the manifest, or of a template's text, with its place.
pub(crate) fn report_problem(code: Code, file: &Path, problem: &Problem, report: &mut Report) {
    let (about, error) = placed(file, problem);
    report.failure_with(code, about, &error, Remedy::of_manifest(problem.error()));
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
    // If the subject has no name, the message says which one it is.
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
