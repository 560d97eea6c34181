//! The report as a JSON document, whose form `doc/report.schema.json` describes.

use std::borrow::Cow;

use serde::Serialize;

use super::{Code, InstalledFiles, Notice, Outcome, Readers, Report, Step};

/// The whole document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    /// The version of the form. It grows when a field goes or changes its meaning.
    report: u32,
    version: &'static str,
    action: &'a str,
    manifest: Cow<'a, str>,
    outcome: Outcome,
    exit_status: u8,
    generation: Option<Generation<'a>>,
    changes: Option<Changes<'a>>,
    units: Units<'a>,
    installed: Option<&'a InstalledFiles>,
    failures: Vec<Entry<'a>>,
    warnings: Vec<Entry<'a>>,
    timings: Vec<Timing>,
}

#[derive(Serialize)]
struct Generation<'a> {
    number: u64,
    path: Cow<'a, str>,
}

#[derive(Serialize)]
struct Changes<'a> {
    secrets: Names<'a>,
    templates: Names<'a>,
}

#[derive(Serialize)]
struct Names<'a> {
    added: &'a [String],
    modified: &'a [String],
    removed: &'a [String],
}

#[derive(Serialize)]
struct Units<'a> {
    restart: &'a [String],
    reload: &'a [String],
}

#[derive(Serialize)]
struct Entry<'a> {
    code: Code,
    secrets: &'a [String],
    templates: &'a [String],
    file: Option<Cow<'a, str>>,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
}

#[derive(Serialize)]
struct Timing {
    step: Step,
    microseconds: u64,
}

impl<'a> Document<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            report: 1,
            version: env!("CARGO_PKG_VERSION"),
            action: report.action,
            manifest: report.manifest.to_string_lossy(),
            outcome: report.final_outcome(),
            exit_status: u8::from(!report.failures.is_empty()),
            generation: match &report.readers {
                Readers::Unknown | Readers::Nothing => None,
                Readers::Generation(at) => Some(Generation { number: at.number, path: at.path.to_string_lossy() }),
            },
            changes: report.changes.as_ref().map(|changes| Changes {
                secrets: Names::of(&changes.secrets),
                templates: Names::of(&changes.templates),
            }),
            installed: report.installed.as_ref(),
            units: Units { restart: &report.restart, reload: &report.reload },
            failures: report.failures.iter().map(Entry::of).collect(),
            warnings: report.warnings.iter().map(Entry::of).collect(),
            timings: report
                .timings
                .iter()
                .map(|&(step, time)| Timing { step, microseconds: u64::try_from(time.as_micros()).unwrap_or(u64::MAX) })
                .collect(),
        }
    }

    /// The text, with lines for people who look at it too.
    pub(super) fn to_json(&self) -> String {
        // Texts and numbers always have a form in JSON, so there is no error that this could hide.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl<'a> Names<'a> {
    fn of([added, modified, removed]: &'a [Vec<String>; 3]) -> Self {
        Self { added, modified, removed }
    }
}

impl<'a> Entry<'a> {
    fn of(notice: &'a Notice) -> Self {
        let (line, column) = notice.subject.place.unzip();
        Self {
            code: notice.code,
            secrets: &notice.subject.secrets,
            templates: &notice.subject.templates,
            file: notice.subject.file.as_ref().map(|file| file.to_string_lossy()),
            line,
            column,
            message: &notice.message,
        }
    }
}
