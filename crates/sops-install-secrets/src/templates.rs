//! The texts of templates, and filling them.

use install::Inputs;
use manifest::{Manifest, Template, TemplateSource, TemplateText};
use sops::Plaintext;

use crate::decrypt::Values;
use crate::manifest_file::report_problem;
use crate::plan::{Origin, Plan, PlannedFile};
use crate::remedy::Remedy;
use crate::report::{About, Code, Report};
use crate::{input, questions};

/// Fills the templates of the plan with the values of its secrets. What fails is reported, and is left out.
pub(crate) fn render<'p>(
    plan: &'p Plan<'_>,
    values: &Values<'_>,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Vec<(&'p PlannedFile<'p>, Plaintext)> {
    let mut rendered = Vec::with_capacity(plan.manifest.templates().len());
    for file in &plan.files {
        let Origin::Template(template) = file.origin else { continue };
        let read;
        let text = match template.source() {
            TemplateSource::Inline(text) => Some(text),
            TemplateSource::File(_) => {
                read = read_text(template, plan.manifest, inputs, report);
                read.as_ref()
            }
        };
        if text.is_some_and(TemplateText::is_unevaluated) {
            report.warning_with(Code::TemplateInvalid, file.about(), &Unevaluated, Some(Unevaluated::remedy()));
        }
        let value = |name| values.get(name).map(Plaintext::as_bytes);
        let Some(parts) = text.and_then(|text| text.fill(value)) else { continue };
        let length = parts
            .iter()
            .fold(0_u64, |length, part| length.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX)));
        if length > input::LARGEST_FILE {
            let remedy = Remedy::say("take out placeholders");
            report.failure_with(Code::TemplateInvalid, file.about(), &TooLarge { length }, Some(remedy));
            continue;
        }
        // The buffer has its full size from the start, so that no part of it stays behind in a smaller one.
        rendered.push((file, Plaintext::new(parts.concat())));
    }
    rendered
}

/// Reads and resolves the texts of all templates, without any secret.
pub(crate) fn check(manifest: &Manifest, report: &mut Report) {
    for template in manifest.templates() {
        // What is wrong with it is reported while it is read.
        let read = read_text(template, manifest, &mut Inputs::new(), report);
        let text = match template.source() {
            TemplateSource::Inline(text) => Some(text),
            TemplateSource::File(_) => read.as_ref(),
        };
        if let Some(text) = text.filter(|text| text.is_unevaluated()) {
            let about = About::template(template.name().as_str());
            // A comment may have such an expression, and then nothing is wrong. A file without placeholders was meant to be filled by it.
            if read.is_some() && text.is_constant() {
                report.failure_with(Code::TemplateInvalid, about, &Unevaluated, Some(Unevaluated::remedy()));
            } else {
                report.warning_with(Code::TemplateInvalid, about, &Unevaluated, Some(Unevaluated::remedy()));
            }
        }
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
    let content = match input::read(input::ReadKind::Text, path) {
        Ok(content) => {
            questions::add_file(inputs, path, Some(&content));
            content
        }
        Err(error) => {
            report.unreadable(Code::TemplateUnreadable, About::template(template.name().as_str()), &error);
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

/// A text in which Nix was to put a placeholder, and did not.
#[derive(Debug, thiserror::Error)]
#[error(
    "its text has a Nix expression for a placeholder, which is installed as it stands, since Nix evaluates none in a file"
)]
struct Unevaluated;

impl Unevaluated {
    fn remedy() -> Remedy {
        Remedy::say(
            "write the text in content, or a word such as @password@ in the file and sops.placeholder.NAME = \"@password@\" in the \
             configuration",
        )
    }
}

/// A template that would be too large once it is filled.
#[derive(Debug, thiserror::Error)]
#[error("filled, it would have {length} bytes, and at most {} are installed", input::LARGEST_FILE)]
struct TooLarge {
    length: u64,
}
