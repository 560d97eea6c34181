//! What is installed, for `-status`: where each file comes from, its owner, and what is not as the manifest says.
//! Nothing is decrypted and no content is read; of keys the public half is shown.

use std::borrow::Cow;
use std::path::Path;

use install::{Current, FileKind, Installed, Sought, Surrounding};
use manifest::TemplateSource;
use nix::errno::Errno;
use nix::unistd::Gid;

use crate::cli::{Arguments, ManifestPath, Output, Rows};
use crate::confinement::confine;
use crate::environment::Environment;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Origin, Plan, PlannedFile, Unknown};
use crate::remedy::{Remedy, editable};
use crate::report::{
    InstalledAccess, InstalledFile, InstalledFiles, Paint, PendingUnit, PublicKey, Report, Reported, finding,
};
use crate::{accounts, keys, steady, text};

/// Prints the table, or hands it to the report if that is to be a document.
pub(super) fn run(
    arguments: &Arguments,
    rows: Rows,
    environment: &Environment,
    report: &mut Report,
) -> Result<(), Reported> {
    let path = &arguments.manifest;
    let manifest = manifest_file::read(path, Purpose::Show, environment, report)?;
    confine();
    let identities = keys::of_host(&manifest, environment, report);
    if let (ManifestPath::OfUser(path), Output::Lines) = (path, arguments.output) {
        report.line(format_args!("the manifest is {}", path.display()));
    }
    let table = Table { rows, paint: Paint::of(environment), identities };
    let plan = Plan::resolve(&manifest, arguments.accounts, Unknown::Warning, report);
    steady::look(&plan.location, report, |report| {
        let current = plan.look(report)?;
        // Where the wanted owner is not known, a wrong one cannot be noticed.
        plan.report_unknown_accounts(report);
        let group = plan.directory_group(report)?;
        let installed = look(&plan, &current, group, report)?;
        match arguments.output {
            Output::Lines => table.print(&installed, &current, arguments, report),
            Output::Json => report.installed(installed),
        }
        Ok(())
    })?;
    if arguments.output == Output::Json {
        report.identities(table.identities);
    }
    Ok(())
}

fn look(
    plan: &Plan<'_>,
    current: &Current<'_>,
    group: Option<Gid>,
    report: &mut Report,
) -> Result<InstalledFiles, Reported> {
    let mut files = Vec::new();
    for file in &plan.files {
        let row = InstalledFile::of(file, current);
        files.push(report.tried(row)?);
    }
    let wanted = plan.files.iter().map(|file| file.wanted);
    // An ordinary user may look at the files of the manifest, but not list what else there is.
    let remains = report.tried(permitted(current.remains(wanted.clone(), group)))?;
    let (mut superfluous, unsettled) = remains.map(|remains| (remains.superfluous, remains.unsettled)).unzip();
    let file_system = report.tried(current.file_system_name())?;
    let pending = current.due().into_iter();
    let pending =
        pending.map(|due| PendingUnit { unit: due.unit.to_string(), request: due.verb.word(), refused: due.refused });
    let found = permitted(current.surroundings(group, plan.credentials, wanted.map(Sought::from)));
    let found = report.tried(found)?;
    // A user who may not look at them is told nothing of them, and gets no list of what is superfluous, which would lack some.
    superfluous = superfluous.filter(|_| found.is_some());
    let damage = current.damage().into_iter();
    // An ordinary user may not look at them.
    let damage = damage.filter(|error| matches!(error, install::Error::Record { .. }));
    let (mut surroundings, mut remedies): (Vec<_>, Vec<_>) =
        damage.map(|error| finding(&error, error.way_out())).unzip();
    for one in found.into_iter().chain(unsettled).flatten() {
        match one {
            Surrounding::StaleLink { path, .. } => {
                if let Some(places) = &mut superfluous {
                    places.push(path.to_string_lossy().into_owned());
                }
            }
            Surrounding::Credential(install::Error::Call { errno: Errno::EACCES, .. }) => {}
            // An installation leaves it so, with the same warning.
            Surrounding::Kept(notice) => report.notice(&notice),
            other => {
                let (words, remedy) = finding(&other, other.way_out());
                surroundings.push(words);
                remedies.push(remedy);
            }
        }
    }
    let remedies = remedies.into_iter().flatten().collect();
    Ok(InstalledFiles { file_system, files, superfluous, surroundings, remedies, pending: pending.collect() })
}

/// What is found; nothing where this user may not look.
fn permitted<T>(found: Result<T, install::Error>) -> Result<Option<T>, install::Error> {
    match found {
        Err(install::Error::Call { errno: Errno::EACCES, .. }) => Ok(None),
        found => found.map(Some),
    }
}

/// How the table is printed.
struct Table {
    rows: Rows,
    paint: Paint,
    /// Printed below it.
    identities: Vec<PublicKey>,
}

impl Table {
    fn print(&self, installed: &InstalledFiles, current: &Current<'_>, arguments: &Arguments, report: &Report) {
        let link = current.location().symlink_path();
        match (current.running_number(), installed.file_system) {
            (Some(number), Some(file_system)) => {
                let place = current.location().generation(number);
                report.line(format_args!("generation {number} in {}, on {file_system}", place.display()));
            }
            _ => report.line(format_args!("nothing is installed at {}", link.display())),
        }
        for surrounding in &installed.surroundings {
            report.line(surrounding);
        }
        self.print_rows(&installed.files, report);
        for place in installed.superfluous.iter().flatten() {
            report.line(format_args!("not in the manifest: {}", text::piece(&link.join(place).to_string_lossy())));
        }
        for PendingUnit { unit, request, refused } in &installed.pending {
            let why = if *refused { "which systemd refused" } else { "for which the next run will ask" };
            report.line(format_args!("{unit} has not read the new values: it was to {request}, {why}"));
        }
        print_identities(&self.identities, report);
        let drifted = installed.files.iter().filter(|row| !row.drift.is_empty()).count();
        let superfluous = installed.superfluous.as_ref().map_or(0, Vec::len);
        let is_right = drifted == 0 && superfluous == 0 && installed.surroundings.is_empty();
        if is_right && current.running_number().is_some() {
            // Who may not list the generation may not look at what is beside it either.
            let limit = if installed.superfluous.is_some() { "" } else { ", and by this user" };
            report.line(format_args!("all is as the manifest says, as far as can be seen without decrypting{limit}"));
        } else {
            let what = match drifted {
                0 => "not all is as the manifest says".to_owned(),
                _ => format!("{drifted} of {} files are not as the manifest says", installed.files.len()),
            };
            report.line(format_args!("{what}; {}", Remedy::install(&arguments.manifest, arguments.accounts)));
        }
    }

    /// The rows that are shown, in columns. Those that differ go before the others where there is no room for all.
    fn print_rows(&self, files: &[InstalledFile], report: &Report) {
        let limit = if self.rows == Rows::All { usize::MAX } else { SHOWN };
        let different = files.iter().filter(|file| !file.drift.is_empty()).count();
        let (mut bad, mut good) = (limit.min(different), limit.saturating_sub(different));
        let mut shown = Vec::new();
        for file in files {
            let left = if file.drift.is_empty() { &mut good } else { &mut bad };
            if let Some(less) = left.checked_sub(1) {
                *left = less;
                shown.push((file.cells(), file.drift.is_empty()));
            }
        }
        let widths = HEADINGS.iter().enumerate().map(|(column, heading)| {
            let cells = shown.iter().filter_map(|(row, _)| row.get(column)).map(|cell| cell.chars().count());
            cells.chain([heading.len()]).max().unwrap_or(0)
        });
        let widths: Vec<_> = widths.collect();
        let padded = |cells: &[Cow<'_, str>]| {
            let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        report.line(padded(&HEADINGS.map(Cow::Borrowed)));
        for (cells, is_right) in &shown {
            let line = text::clean(&padded(cells)).into_owned();
            // The state comes last and is not padded.
            match cells.last().and_then(|state| Some((line.strip_suffix(state.as_ref())?, state))) {
                Some((before, state)) if *is_right => report.page(format_args!("{before}{}", self.paint.right(state))),
                Some((before, state)) => report.page(format_args!("{before}{}", self.paint.wrong(state))),
                None => report.line(line),
            }
        }
        let hidden = files.len().saturating_sub(shown.len());
        if hidden > 0 {
            let hidden_bad = different.saturating_sub(shown.iter().filter(|(_, is_right)| !is_right).count());
            let state = if hidden_bad == 0 { ", all ok".to_owned() } else { format!(", {hidden_bad} of them not ok") };
            report.line(format_args!("and {hidden} more{state}; -status -all shows them"));
        }
    }
}

fn print_identities(keys: &[PublicKey], report: &Report) {
    for PublicKey { origin, recipients, note } in keys {
        let first = recipients.first().map(|recipient| match recipient.strip_prefix("ssh-rsa ") {
            // It would take several lines of a terminal.
            Some(_) => "an RSA key, which this prints: sops-install-secrets -recipients",
            None => recipient.as_str(),
        });
        let parts = [first, note.as_deref()].into_iter().flatten().collect::<Vec<_>>();
        report.line(format_args!("identity {origin}: {}", parts.join(", but ")));
    }
    if keys.is_empty() {
        report.line(format_args!("no identity; {}", Remedy::give_key(report.module())));
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
        let (drift, remedies): (_, Vec<_>) =
            inspection.drift.iter().map(|drift| finding(drift, drift.way_out())).unzip();
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
            kind: file.wanted.kind,
            name: file.entry.name().to_string(),
            sops_file: sops_file.map(|path| path.to_string_lossy().into_owned()),
            key,
            path: file.entry.path().as_path().to_string_lossy().into_owned(),
            link: file.wanted.link.is_some(),
            installed: inspection.installed.map(InstalledAccess::of),
            drift,
            remedies: remedies.into_iter().flatten().collect(),
        })
    }

    /// The cells of its line, in the order of the headings.
    fn cells(&self) -> [Cow<'_, str>; HEADINGS.len()] {
        let or_dash =
            |cell: Option<&str>| cell.map_or(Cow::Borrowed("-"), |cell| text::piece(cell).into_owned().into());
        let name = text::piece(&self.name).into_owned();
        let name = match self.kind {
            FileKind::Secret => name,
            FileKind::Template => format!("{name} (template)"),
        };
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
            owner: accounts::user_name(user),
            group: accounts::group_name(group),
        }
    }
}

/// How many rows of a long table are shown.
const SHOWN: usize = 40;
const HEADINGS: [&str; 7] = ["NAME", "OWNER", "MODE", "FILE", "KEY", "LINK", "STATE"];
