//! The JSON schema of the manifest, which editors and other programs can check one with.

use manifest::{Field, FieldKind, MANIFEST, Object};

/// The schema, as text whose order does not depend on how `serde_json` is built.
pub(crate) fn schema() -> String {
    let mut inner = Vec::new();
    collect(&MANIFEST, &mut inner);
    let definitions: Vec<_> = inner
        .iter()
        .map(|object| format!("    {}: {{\n{}\n    }}", json(object.name()), form(object, "      ")))
        .collect();
    format!(
        "{{\n  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n  \
         \"title\": \"Manifest of sops-install-secrets\",\n{},\n  \"$defs\": {{\n{}\n  }}\n}}\n",
        form(&MANIFEST, "  "),
        definitions.join(",\n")
    )
}

/// The objects inside an object.
fn collect(object: &'static Object, found: &mut Vec<&'static Object>) {
    for field in object.fields() {
        if let FieldKind::Object(inner) | FieldKind::Objects(inner) = field.kind() {
            found.push(inner);
            collect(inner, found);
        }
    }
}

/// The members of the schema of an object, each on a line.
fn form(object: &Object, indent: &str) -> String {
    let required: Vec<_> =
        object.fields().iter().filter(|field| field.is_required()).map(|field| json(field.name())).collect();
    let fields: Vec<_> = object
        .fields()
        .iter()
        .map(|field| format!("{indent}  {}: {{ {} }}", json(field.name()), members(field).join(", ")))
        .collect();
    let mut lines = vec![
        format!("{indent}\"description\": {}", json(object.meaning())),
        format!(
            "{indent}\"type\": {}",
            if object.name() == "logging" { "[\"object\", \"null\"]" } else { "\"object\"" }
        ),
        format!("{indent}\"additionalProperties\": false"),
        format!("{indent}\"patternProperties\": {{ \"^_\": {{}} }}"),
    ];
    if !required.is_empty() {
        lines.push(format!("{indent}\"required\": [{}]", required.join(", ")));
    }
    lines.push(format!("{indent}\"properties\": {{\n{}\n{indent}}}", fields.join(",\n")));
    lines.join(",\n")
}

/// The members of the schema of a field.
fn members(field: &Field) -> Vec<String> {
    let of_type = |name: &str| {
        let name = json(name);
        if field.is_required() { format!("\"type\": {name}") } else { format!("\"type\": [{name}, \"null\"]") }
    };
    let mut members = match field.kind() {
        FieldKind::Bool => vec![of_type("boolean")],
        FieldKind::Integer { most: u64::MAX, .. } => vec![of_type("integer"), "\"minimum\": 0".to_owned()],
        FieldKind::Integer { most, .. } => {
            vec![of_type("integer"), "\"minimum\": 0".to_owned(), format!("\"maximum\": {most}")]
        }
        FieldKind::Text => vec![of_type("string")],
        FieldKind::Octal => vec![of_type("string"), "\"pattern\": \"^[0-7]+$\"".to_owned()],
        FieldKind::Word(words) => {
            let words: Vec<_> = words.iter().map(|(word, ..)| json(word)).collect();
            vec![format!("\"enum\": [{}, \"\", null]", words.join(", "))]
        }
        FieldKind::Texts => vec![of_type("array"), "\"items\": { \"type\": \"string\" }".to_owned()],
        FieldKind::TextsByName => {
            vec![of_type("object"), "\"additionalProperties\": { \"type\": [\"string\", \"null\"] }".to_owned()]
        }
        FieldKind::Object(inner) => vec![format!("\"$ref\": {}", json(&format!("#/$defs/{}", inner.name())))],
        FieldKind::Objects(inner) => {
            vec![of_type("array"), format!("\"items\": {{ \"$ref\": {} }}", json(&format!("#/$defs/{}", inner.name())))]
        }
        FieldKind::Unread => Vec::new(),
    };
    members.extend(field.default_json().map(|default| format!("\"default\": {default}")));
    members.push(format!("\"description\": {}", json(field.meaning())));
    members
}

/// A string of JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
