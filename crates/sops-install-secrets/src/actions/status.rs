//! What is installed, for `-status`: where each file comes from, its owner, and what is not as the manifest says.
//! Nothing is decrypted and no content is read.

use std::borrow::Cow;
use std::path::Path;

use install::{Current, File, Inspection, Installed, Kind};
use manifest::{Entry, Secret, TemplateSource};
use nix::unistd::{Gid, Group, Uid, User};
use serde::Serialize;

use crate::activate::{Installation, subject_of};
use crate::cli::{ManifestPath, Output};
use crate::decrypt::editable;
use crate::plan::Unknown;
use crate::report::{Code, Report, Reported};
use crate::verify::command;
use crate::{steady, text, units};

/// What is installed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// What the generation is on; nothing without one.
    file_system: Option<&'static str>,
    files: Vec<Row>,
    /// Places in the generation that nothing in the manifest wants; unknown to who may not list it.
    superfluous: Option<Vec<String>>,
    /// Units that have yet to read the new values.
    pending: Vec<Pending>,
}

/// A unit that was to be asked for something after a switch, and was not, or did not follow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Pending {
    unit: String,
    request: &'static str,
    /// Whether systemd was asked and said no. Otherwise the next run asks.
    refused: bool,
}

/// A file of the manifest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    kind: &'static str,
    name: String,
    sops_file: Option<String>,
    key: Option<String>,
    /// Where readers find it: a link, unless it is the place in the generation.
    path: String,
    link: bool,
    installed: Option<Owned>,
    drift: Vec<String>,
}

/// The owner of an installed file, and its mode.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owned {
    mode: String,
    uid: u32,
    gid: u32,
    owner: String,
    group: String,
}

/// Prints the table, or hands it to the report if that is to be a document.
///
/// # Errors
///
/// What cannot be looked at is reported.
pub(crate) fn show(
    installation: &Installation<'_>,
    manifest: &ManifestPath,
    output: Output,
    report: &mut Report,
) -> Result<(), Reported> {
    let location = installation.location(report)?;
    steady::look(&location, report, |report| {
        let current = Installation::look(&location, report)?;
        let status = Status::of(installation, &current, report)?;
        match output {
            Output::Lines => status.print(&current, manifest, report),
            Output::Json => report.status(status),
        }
        Ok(())
    })
}

impl Status {
    fn of(installation: &Installation<'_>, current: &Current<'_>, report: &mut Report) -> Result<Self, Reported> {
        let manifest = installation.manifest;
        let secrets = manifest.secrets().iter().map(|secret| (Kind::Secret, secret.entry(), Origin::of_secret(secret)));
        let templates = manifest
            .templates()
            .iter()
            .map(|template| (Kind::Template, template.entry(), Origin::of_template(template.source())));
        let mut owners = installation.owners(Unknown::Warning);
        let mut files = Vec::new();
        let mut rows = Vec::new();
        for (kind, entry, origin) in secrets.chain(templates) {
            let (name, mode, path) = (entry.name(), entry.mode(), entry.path());
            let mut file = File { name, kind, content: &[], mode, owner: None, path };
            // Another owner than the wanted one cannot be seen where that is not known, which was reported.
            file.owner = owners.find(entry, &subject_of(&file), report).unwrap_or(None);
            let inspection =
                current.inspect_file(&file).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
            rows.push(Row::new(&file, entry, origin, &inspection, current));
            files.push(file);
        }
        let superfluous = match current.superfluous(&files) {
            Ok(places) => Some(places),
            // An ordinary user sees the files that it knows and no list of the others.
            Err(install::Error::Call { source: nix::errno::Errno::EACCES, .. }) => None,
            Err(error) => return Err(report.failed(Code::InstallationFailed, &error)),
        };
        let file_system =
            current.file_system_name().map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        let pending = units::due(current).into_iter();
        let pending =
            pending.map(|due| Pending { unit: due.unit.to_string(), request: due.action.verb(), refused: due.refused });
        Ok(Self { file_system, files: rows, superfluous, pending: pending.collect() })
    }

    fn print(&self, current: &Current<'_>, manifest: &ManifestPath, report: &Report) {
        let link = current.location().symlink_path();
        match (current.running_number(), self.file_system) {
            (Some(number), Some(file_system)) => {
                let place = current.location().mount_point().join(number.to_string());
                report.line(format_args!("generation {number} in {}, on {file_system}", place.display()));
            }
            _ => report.line(format_args!("nothing is installed at {}", link.display())),
        }
        let rows: Vec<_> = self.files.iter().map(Row::cells).collect();
        let widths = HEADINGS.iter().enumerate().map(|(column, heading)| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([heading.len()]).max().unwrap_or(0)
        });
        let widths: Vec<_> = widths.collect();
        let print = |cells: &[Cow<'_, str>]| {
            let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            report.line(padded.collect::<Vec<_>>().join("  ").trim_end());
        };
        print(&HEADINGS.map(Cow::Borrowed));
        for row in &rows {
            print(row);
        }
        for place in self.superfluous.iter().flatten() {
            report.line(format_args!("not in the manifest: {}", text::piece(&link.join(place).to_string_lossy())));
        }
        for Pending { unit, request, refused } in &self.pending {
            let why = if *refused { "which systemd refused" } else { "for which the next run will ask" };
            report.line(format_args!("{unit} has not read the new values: it was to {request}, {why}"));
        }
        let drifted = self.files.iter().filter(|row| !row.drift.is_empty()).count();
        let superfluous = self.superfluous.as_ref().map_or(0, Vec::len);
        if drifted == 0 && superfluous == 0 {
            report.line("all is as the manifest says, as far as can be seen without decrypting");
        } else {
            let all = self.files.len();
            report.line(format_args!(
                "{drifted} of {all} files are not as the manifest says; install them again with: {}",
                command(manifest)
            ));
        }
    }
}

/// Where a file's content comes from.
struct Origin {
    sops_file: Option<String>,
    key: Option<String>,
}

impl Origin {
    fn of_secret(secret: &Secret) -> Self {
        let key = secret.selected_key().map(|key| key.parts().collect::<Vec<_>>().join("/"));
        Self { sops_file: Some(secret.sops_file().to_string_lossy().into_owned()), key }
    }

    fn of_template(source: &TemplateSource) -> Self {
        let sops_file = match source {
            TemplateSource::Inline(_) => None,
            TemplateSource::File(path) => Some(path.as_path().to_string_lossy().into_owned()),
        };
        Self { sops_file, key: None }
    }
}

impl Row {
    fn new(file: &File<'_>, entry: &Entry, origin: Origin, inspection: &Inspection, current: &Current<'_>) -> Self {
        let path = entry.path().as_path();
        let place = current.location().symlink_path().join(&*file.place());
        Self {
            kind: if file.kind == Kind::Secret { "secret" } else { "template" },
            name: entry.name().to_string(),
            sops_file: origin.sops_file,
            key: origin.key,
            path: path.to_string_lossy().into_owned(),
            link: path != place,
            installed: inspection.installed.map(Owned::of),
            drift: inspection.drift.iter().map(ToString::to_string).collect(),
        }
    }

    /// The cells of its line, in the order of the headings.
    fn cells(&self) -> [Cow<'_, str>; HEADINGS.len()] {
        let or_dash =
            |cell: Option<&str>| cell.map_or(Cow::Borrowed("-"), |cell| text::piece(cell).into_owned().into());
        let name = text::piece(&self.name).into_owned();
        let name = if self.kind == "secret" { name } else { format!("{name} (template)") };
        let owner = self.installed.as_ref().map(|file| format!("{}:{}", file.owner, file.group));
        let mode = self.installed.as_ref().map(|file| file.mode.as_str());
        let sops_file = self.sops_file.as_ref().map(|file| editable(Path::new(file)).to_string_lossy());
        let state =
            if self.drift.is_empty() { "ok".to_owned() } else { text::clean(&self.drift.join(", ")).into_owned() };
        [
            name.into(),
            or_dash(owner.as_deref()),
            or_dash(mode),
            or_dash(sops_file.as_deref()),
            or_dash(self.key.as_deref()),
            or_dash(Some(self.path.as_str()).filter(|_| self.link)),
            state.into(),
        ]
    }
}

impl Owned {
    fn of(installed: Installed) -> Self {
        let (user, group) = (installed.owner.user, installed.owner.group);
        Self {
            mode: format!("{:04o}", installed.mode),
            uid: user.as_raw(),
            gid: group.as_raw(),
            owner: user_name(user),
            group: group_name(group),
        }
    }
}

/// The name of a user, or its number if it has none.
fn user_name(user: Uid) -> String {
    User::from_uid(user).ok().flatten().map_or_else(|| user.to_string(), |user| user.name)
}

fn group_name(group: Gid) -> String {
    Group::from_gid(group).ok().flatten().map_or_else(|| group.to_string(), |group| group.name)
}

const HEADINGS: [&str; 7] = ["NAME", "OWNER", "MODE", "FILE", "KEY", "LINK", "STATE"];
