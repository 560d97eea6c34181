//! The report as a JSON document, whose form `doc/report.schema.json` describes.

use std::borrow::Cow;

use serde::Serialize;

use crate::remedy::Remedy;
use crate::text;

use super::{ChangedNames, Code, Finding, Generation, InstalledFiles, Outcome, PublicKey, Readers, Report, Step};

/// The whole document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReportDocument<'a> {
    /// The version of the form. It grows when a field goes or changes its meaning.
    report: u32,
    version: &'static str,
    action: &'a str,
    manifest: Cow<'a, str>,
    outcome: Outcome,
    exit_status: u8,
    generation: Option<&'a Generation>,
    changes: Option<&'a ChangedNames>,
    units: Units<'a>,
    installed: Option<&'a InstalledFiles>,
    identities: Option<&'a [PublicKey]>,
    failures: Vec<FindingEntry<'a>>,
    warnings: Vec<FindingEntry<'a>>,
    timings: Vec<Timing>,
}

#[derive(Serialize)]
struct Units<'a> {
    restart: &'a [String],
    reload: &'a [String],
}

#[derive(Serialize)]
struct FindingEntry<'a> {
    code: Code,
    secrets: &'a [String],
    templates: &'a [String],
    file: Option<Cow<'a, str>>,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
    remedy: Option<RemedyEntry<'a>>,
}

#[derive(Serialize)]
pub(super) struct RemedyEntry<'a> {
    words: String,
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct Timing {
    step: Step,
    microseconds: u64,
}

impl<'a> ReportDocument<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            report: 1,
            version: env!("CARGO_PKG_VERSION"),
            action: report.action,
            manifest: report.manifest.to_string_lossy(),
            outcome: report.final_outcome(),
            exit_status: report.exit_status().number,
            generation: match &report.readers {
                Readers::Unknown | Readers::Nothing => None,
                Readers::Generation(generation) => Some(generation),
            },
            changes: report.changes.as_ref(),
            installed: report.installed.as_ref(),
            identities: report.identities.as_deref(),
            units: Units { restart: &report.restart, reload: &report.reload },
            failures: report.failures.iter().map(FindingEntry::of).collect(),
            warnings: report.warnings.iter().map(FindingEntry::of).collect(),
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

impl<'a> FindingEntry<'a> {
    fn of(notice: &'a Finding) -> Self {
        let (line, column) = notice.about.place.unzip();
        Self {
            code: notice.code,
            secrets: &notice.about.secrets,
            templates: &notice.about.templates,
            file: notice.about.file.as_ref().map(|file| file.to_string_lossy()),
            line,
            column,
            message: &notice.message,
            remedy: notice.remedy.as_ref().map(RemedyEntry::of),
        }
    }
}

impl<'a> RemedyEntry<'a> {
    pub(super) fn of(remedy: &'a Remedy) -> Self {
        // With a part of it hidden, it would do something else.
        let is_whole = |command: &&str| matches!(text::clean(command), Cow::Borrowed(_));
        Self { words: remedy.to_string(), command: remedy.command().filter(is_whole) }
    }
}
