//! Fields that nothing reads: most often a known one that is mistyped, whose absence would go unnoticed.
//!
//! sops-nix passes over them, and so does an installation, with a warning. Names that begin with an underscore are for notes.

use crate::Error;
use crate::error::{Problems, Subject};
use crate::json::{Kind, Value};

/// Reports each unknown field of the document, and of the objects in it.
pub(crate) fn report(document: &Value<'_>, problems: &mut Problems) {
    fields(document, &Subject::Document, DOCUMENT, problems);
    if let Some(logging) = document.field("logging") {
        fields(logging, &Subject::Field("logging"), LOGGING, problems);
    }
    for (secret, number) in elements(document, "secrets").zip(1..) {
        fields(secret, &subject(secret, Subject::Secret, Subject::NthSecret(number)), SECRET, problems);
    }
    for (template, number) in elements(document, "templates").zip(1..) {
        fields(template, &subject(template, Subject::Template, Subject::NthTemplate(number)), TEMPLATE, problems);
    }
}

fn elements<'v>(document: &'v Value<'v>, list: &str) -> impl Iterator<Item = &'v Value<'v>> {
    match document.field(list) {
        Some(Value { kind: Kind::List(values), .. }) => values.iter(),
        _ => [].iter(),
    }
}

fn subject(object: &Value<'_>, named: fn(String) -> Subject, other: Subject) -> Subject {
    match object.field("name") {
        Some(Value { kind: Kind::Text(name), .. }) => named(name.to_string()),
        _ => other,
    }
}

fn fields(object: &Value<'_>, subject: &Subject, known: &[&'static str], problems: &mut Problems) {
    let Kind::Object(members) = &object.kind else { return };
    for member in members {
        let name = member.name.as_ref();
        if !name.starts_with('_') && !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let error = Error::UnknownField { name: shown(name), nearest: nearest(name, known) };
            problems.report(member.value.at, subject.clone(), error);
        }
    }
}

/// The beginning of a name, which is as long as anybody may write it.
fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

/// The known field that is spelled most alike, if any is near.
fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    if name.len() > SHOWN {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let distance = |field: &'static str| (strsim::damerau_levenshtein(&field.to_ascii_lowercase(), &name), field);
    let limit = (name.len() / 3).max(1);
    known.iter().map(|&field| distance(field)).filter(|&(distance, _)| distance <= limit).min().map(|(_, field)| field)
}

/// How much of a name is shown, in characters. Every known one is shorter.
const SHOWN: usize = 60;

const DOCUMENT: &[&str] = &[
    "secrets",
    "templates",
    "placeholderBySecretName",
    "secretsMountPoint",
    "symlinkPath",
    "keepGenerations",
    "sshKeyPaths",
    "gnupgHome",
    "ageKeyFile",
    "ageSshKeyPaths",
    "useTmpfs",
    "userMode",
    "logging",
];

const LOGGING: &[&str] = &["keyImport", "secretChanges"];

/// With what the modules write of a secret although an installation does not need it.
const SECRET: &[&str] = &[
    "name",
    "key",
    "path",
    "owner",
    "uid",
    "group",
    "gid",
    "sopsFile",
    "format",
    "mode",
    "restartUnits",
    "reloadUnits",
    "selectKey",
    "credential",
    "sopsFileHash",
    "neededForUsers",
];

const TEMPLATE: &[&str] =
    &["name", "content", "file", "path", "owner", "uid", "group", "gid", "mode", "restartUnits", "reloadUnits"];
