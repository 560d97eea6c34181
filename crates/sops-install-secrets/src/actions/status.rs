//! What is installed, for `-status`: where each file comes from, its owner, and what is not as the manifest says.
//! Nothing is decrypted and no content is read.

use std::borrow::Cow;
use std::path::Path;

use install::{Current, FileKind, Inputs, Installed};
use manifest::TemplateSource;
use nix::unistd::{Gid, Group, Uid, User};

use crate::cli::{Action, Arguments, ManifestPath, Output};
use crate::environment::Environment;
use crate::plan::{Origin, Plan, PlannedFile, Unknown};
use crate::remedy::{Remedy, editable};
use crate::report::{Code, InstalledAccess, InstalledFile, InstalledFiles, PendingUnit, Report, Reported};
use crate::{manifest_file, steady, text, units};

/// Prints the table, or hands it to the report if that is to be a document.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    let path = &arguments.manifest;
    let manifest = manifest_file::read(path, &Action::Status, environment, &mut Inputs::new(), report)?;
    let plan = Plan::resolve(&manifest, arguments.accounts, Unknown::Warning, report)?;
    steady::look(&plan.location, report, |report| {
        let current = plan.look(report)?;
        // Another owner than the wanted one cannot be seen where that is not known.
        plan.report_unknown_accounts(report);
        let installed = look(&plan, &current, report)?;
        match arguments.output {
            Output::Lines => print(&installed, &current, path, report),
            Output::Json => report.installed(installed),
        }
        Ok(())
    })
}

fn look(plan: &Plan<'_>, current: &Current<'_>, report: &mut Report) -> Result<InstalledFiles, Reported> {
    let mut files = Vec::new();
    for file in &plan.files {
        let row = InstalledFile::of(file, current);
        files.push(row.map_err(|error| report.failed(Code::InstallationFailed, &error))?);
    }
    let wanted: Vec<_> = plan.files.iter().map(|file| file.wanted).collect();
    let superfluous = match current.superfluous(&wanted) {
        Ok(places) => Some(places),
        // An ordinary user sees the files that it knows and no list of the others.
        Err(install::Error::Call { source: nix::errno::Errno::EACCES, .. }) => None,
        Err(error) => return Err(report.failed(Code::InstallationFailed, &error)),
    };
    let file_system = current.file_system_name().map_err(|error| report.failed(Code::InstallationFailed, &error))?;
    let pending = units::due(current).into_iter();
    let pending =
        pending.map(|due| PendingUnit { unit: due.unit.to_string(), request: due.action.word(), refused: due.refused });
    Ok(InstalledFiles { file_system, files, superfluous, pending: pending.collect() })
}

fn print(installed: &InstalledFiles, current: &Current<'_>, manifest: &ManifestPath, report: &Report) {
    let link = current.location().symlink_path();
    match (current.running_number(), installed.file_system) {
        (Some(number), Some(file_system)) => {
            let place = current.location().mount_point().join(number.to_string());
            report.line(format_args!("generation {number} in {}, on {file_system}", place.display()));
        }
        _ => report.line(format_args!("nothing is installed at {}", link.display())),
    }
    let rows: Vec<_> = installed.files.iter().map(InstalledFile::cells).collect();
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
    for place in installed.superfluous.iter().flatten() {
        report.line(format_args!("not in the manifest: {}", text::piece(&link.join(place).to_string_lossy())));
    }
    for PendingUnit { unit, request, refused } in &installed.pending {
        let why = if *refused { "which systemd refused" } else { "for which the next run will ask" };
        report.line(format_args!("{unit} has not read the new values: it was to {request}, {why}"));
    }
    let drifted = installed.files.iter().filter(|row| !row.drift.is_empty()).count();
    let superfluous = installed.superfluous.as_ref().map_or(0, Vec::len);
    if drifted == 0 && superfluous == 0 {
        report.line("all is as the manifest says, as far as can be seen without decrypting");
    } else {
        let all = installed.files.len();
        report.line(format_args!(
            "{drifted} of {all} files are not as the manifest says; install them again with: {}",
            Remedy::install(manifest).command().unwrap_or_default()
        ));
    }
}

impl InstalledFile {
    /// What is installed of a file.
    ///
    /// # Errors
    ///
    /// That it cannot be looked at.
    fn of(file: &PlannedFile<'_>, current: &Current<'_>) -> Result<Self, install::Error> {
        let inspection = current.inspect_file(&file.wanted)?;
        let (sops_file, key) = match file.origin {
            Origin::Secret(secret) => {
                let key = secret.selected_key().map(|key| key.parts().collect::<Vec<_>>().join("/"));
                (Some(secret.sops_file()), key)
            }
            Origin::Template(template) => match template.source() {
                TemplateSource::Inline(_) => (None, None),
                TemplateSource::File(path) => (Some(path.as_path()), None),
            },
        };
        Ok(Self {
            kind: if file.wanted.kind == FileKind::Secret { "secret" } else { "template" },
            name: file.entry.name().to_string(),
            sops_file: sops_file.map(|path| path.to_string_lossy().into_owned()),
            key,
            path: file.entry.path().as_path().to_string_lossy().into_owned(),
            link: file.wanted.link.is_some(),
            installed: inspection.installed.map(InstalledAccess::of),
            drift: inspection.drift.iter().map(ToString::to_string).collect(),
        })
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

impl InstalledAccess {
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
