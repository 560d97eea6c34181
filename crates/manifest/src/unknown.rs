//! Fields that nothing reads: most often a known one that is mistyped, whose absence would go unnoticed.
//!
//! sops-nix passes over them, and so does an installation, with a warning. Names that begin with an underscore are for notes.

use crate::Error;
use crate::error::{Problems, Subject};
use crate::json::{JsonKind, JsonValue};
use crate::schema::{FieldKind, Object};
use crate::{secret, template};

/// Reports each unknown field of the document, which is such an object, and of the objects in it.
pub(crate) fn report(document: &JsonValue<'_>, manifest: &'static Object, problems: &mut Problems) {
    fields(document, manifest, &Subject::Document, problems);
}

fn fields(value: &JsonValue<'_>, object: &'static Object, subject: &Subject, problems: &mut Problems) {
    let JsonKind::Object(members) = &value.kind else { return };
    for member in members {
        let name = member.name.as_ref();
        if !name.starts_with('_') && !object.fields().iter().any(|field| field.name().eq_ignore_ascii_case(name)) {
            let error = Error::UnknownField { name: shown(name), nearest: nearest(name, object) };
            problems.report(member.value.at, subject.clone(), error);
        }
    }
    for field in object.fields() {
        match field.kind() {
            FieldKind::Object(object) => {
                if let Some(inner) = value.field(field.name()) {
                    fields(inner, object, &Subject::Field(field.name()), problems);
                }
            }
            FieldKind::Objects(object) => {
                if let Some(JsonValue { kind: JsonKind::List(elements), .. }) = value.field(field.name()) {
                    for (element, number) in elements.iter().zip(1..) {
                        fields(element, object, &element_subject(element, object, number), problems);
                    }
                }
            }
            _ => {}
        }
    }
}

/// What an element of `secrets` or `templates` is called.
fn element_subject(element: &JsonValue<'_>, object: &Object, number: usize) -> Subject {
    let name = match element.field(secret::NAME.name()) {
        Some(JsonValue { kind: JsonKind::Text(name), .. }) => Some(name.to_string()),
        _ => None,
    };
    let is_template = object.name() == template::TEMPLATE.name();
    match name {
        Some(name) if is_template => Subject::Template(name),
        Some(name) => Subject::Secret(name),
        None if is_template => Subject::NthTemplate(number),
        None => Subject::NthSecret(number),
    }
}

/// The beginning of a name, which may have any length.
fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// The known field that is spelled most alike, if any is near.
fn nearest(name: &str, object: &'static Object) -> Option<&'static str> {
    let known = &mut object.fields().iter().map(|field| field.name());
    nearest::nearest(name, known).first().copied()
}

/// How much of a name is shown, in characters. Every known one is shorter.
const SHOWN: usize = 60;
