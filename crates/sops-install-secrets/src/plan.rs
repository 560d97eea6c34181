//! What this machine makes of a manifest: numbers for its owners, texts for its templates.

use std::collections::HashMap;
use std::path::Path;

use install::{Inputs, Owner};
use manifest::{Entry, Manifest, Name, Problem, Segment, Template, TemplateSource, TemplateText};
use nix::unistd::{Gid, Uid};
use zeroize::Zeroizing;

use crate::accounts::Accounts;
use crate::cli;
use crate::decrypt::Values;
use crate::input;
use crate::questions;
use crate::report::{Code, Leading, Report, Reported, Subject};

/// The owners of all secrets and templates.
pub(crate) struct Owners {
    accounts: Accounts,
    source: Source,
    unknown: Unknown,
}

/// What a name is that no user or group has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    /// A failure.
    Failure,
    /// A warning: an account that the same switch is going to make.
    Warning,
}

/// Where owners come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Source {
    /// The manifest, with names looked up.
    Manifest,
    /// Nowhere: all is root's.
    Root,
    /// Nowhere: files stay with the user who runs the program.
    Caller,
}

impl Owners {
    /// The owners as a manifest and the command line want them.
    pub(crate) fn of(manifest: &Manifest, accounts: cli::Accounts, unknown: Unknown) -> Self {
        let source = match accounts {
            _ if manifest.user_mode() => Source::Caller,
            cli::Accounts::LookUp => Source::Manifest,
            cli::Accounts::Ignore => Source::Root,
        };
        Self { accounts: Accounts::default(), source, unknown }
    }

    /// The owner of one file, or `None` if it stays with the user who runs the program, or cannot be known yet.
    ///
    /// # Errors
    ///
    /// Names that cannot be looked up are reported, and there is no owner then.
    pub(crate) fn find(
        &mut self,
        entry: &Entry,
        subject: &Subject,
        report: &mut Report,
    ) -> Result<Option<Owner>, Reported> {
        match self.source {
            Source::Caller => Ok(None),
            Source::Root => Ok(Some(Owner { user: Uid::from_raw(0), group: Gid::from_raw(0) })),
            Source::Manifest => {
                let user = self.accounts.owner(entry.owner());
                let group = self.accounts.group(entry.group());
                match (user, group) {
                    (Ok(user), Ok(group)) => Ok(Some(Owner { user, group })),
                    (user, group) => {
                        for error in [user.err(), group.err()].into_iter().flatten() {
                            match self.unknown {
                                Unknown::Failure => report.failure(Code::AccountUnknown, subject.clone(), &error),
                                Unknown::Warning => report.warning(Code::AccountUnknown, subject.clone(), &error),
                            }
                        }
                        match self.unknown {
                            Unknown::Failure => Err(Reported),
                            Unknown::Warning => Ok(None),
                        }
                    }
                }
            }
        }
    }
}

/// Fills the templates of the manifest; `None` where that cannot be, which was reported.
pub(crate) fn render(
    manifest: &Manifest,
    values: &Values,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Vec<Option<Zeroizing<Vec<u8>>>> {
    let by_name: HashMap<&Name, &[u8]> = manifest
        .secrets()
        .iter()
        .zip(values)
        .filter_map(|(secret, value)| Some((secret.name(), value.as_ref()?.as_bytes())))
        .collect();
    manifest
        .templates()
        .iter()
        .map(|template| {
            let read;
            let text = match template.source() {
                TemplateSource::Inline(text) => text,
                TemplateSource::File(_) => {
                    read = read_text(template, manifest, inputs, report)?;
                    &read
                }
            };
            fill(text, &by_name)
        })
        .collect()
}

/// Reads and resolves the texts of all templates, without any secret.
pub(crate) fn check_templates(manifest: &Manifest, report: &mut Report) {
    for template in manifest.templates() {
        // What is wrong with it is reported while it is read.
        let _text = read_text(template, manifest, &mut Inputs::new(), report);
    }
}

/// The text of a template that stands in a file of its own.
fn read_text(
    template: &Template,
    manifest: &Manifest,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Option<TemplateText> {
    let path = template.file()?;
    let content = match input::read(input::Kind::Text, path) {
        Ok(content) => {
            questions::add_file(inputs, path, Some(&content));
            content
        }
        Err(error) => {
            report.failure(Code::TemplateUnreadable, Subject::template(template.name().as_str()), &error);
            return None;
        }
    };
    match template.parse(&content, manifest.placeholders()) {
        Ok(text) => Some(text),
        Err(problems) => {
            for problem in &problems {
                report_problem(Code::TemplateInvalid, path, problem, report);
            }
            None
        }
    }
}

/// Reports a problem of the manifest, or of a template's text, with its place.
pub(crate) fn report_problem(code: Code, file: &Path, problem: &Problem, report: &mut Report) {
    let (subject, error) = placed(file, problem);
    report.failure(code, subject, &error);
}

/// A problem in the words of a message, and what it is about.
pub(crate) fn placed(file: &Path, problem: &Problem) -> (Subject, InDocument) {
    let subject = Subject::file(file).at(problem.line(), problem.column());
    let (secrets, templates) = match problem.subject() {
        manifest::Subject::Secret(name) => (vec![name.clone()], Vec::new()),
        manifest::Subject::Template(name) => (Vec::new(), vec![name.clone()]),
        _ => (Vec::new(), Vec::new()),
    };
    let subject = Subject { secrets, templates, leading: Leading::Place, ..subject };
    // What the subject has no name for, the message names.
    let what = match problem.subject() {
        manifest::Subject::Document | manifest::Subject::Secret(_) | manifest::Subject::Template(_) => String::new(),
        what => format!("{what}: "),
    };
    (subject, InDocument { what, error: problem.error().to_string() })
}

/// A problem without its place.
#[derive(Debug, thiserror::Error)]
#[error("{what}{error}")]
pub(crate) struct InDocument {
    what: String,
    error: String,
}

/// The text with its secrets; `None` if one of them has no value. The buffer has its full size from the start, so that no
/// part of it stays behind in a smaller one.
fn fill(text: &TemplateText, secrets: &HashMap<&Name, &[u8]>) -> Option<Zeroizing<Vec<u8>>> {
    let mut parts: Vec<&[u8]> = Vec::with_capacity(text.segments().len());
    for segment in text.segments() {
        parts.push(match segment {
            Segment::Literal(literal) => literal,
            Segment::Secret(name) => secrets.get(name)?,
        });
    }
    Some(Zeroizing::new(parts.concat()))
}
