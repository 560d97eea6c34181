//! JSON Schema, as much of it as `report.schema.json` and `manifest.schema.json` use. A keyword that is not known here fails, so that none is passed
//! over: a whole implementation would bring forty crates for these lines.

use serde_json::Value;

/// What of the document is not as the schema says, each with its place.
pub(crate) fn errors(schema: &Value, document: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    check(schema, schema, document, "", &mut errors);
    errors
}

fn check(root: &Value, schema: &Value, value: &Value, place: &str, errors: &mut Vec<String>) {
    for (keyword, argument) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            // A part of additionalProperties.
            "patternProperties" => {
                assert_eq!(argument, &serde_json::json!({ "^_": {} }), "no other pattern is known");
                true
            }
            "$ref" => {
                let target = root.pointer(argument.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                check(root, target, value, place, errors);
                true
            }
            "const" => argument == value,
            "enum" => argument.as_array().unwrap().contains(value),
            "type" => match argument {
                Value::Array(types) => types.iter().any(|name| is(name, value)),
                name => is(name, value),
            },
            "minimum" => value.as_i64().is_none_or(|number| number >= argument.as_i64().unwrap()),
            "maximum" => value.as_u64().is_none_or(|number| number <= argument.as_u64().unwrap()),
            "pattern" => {
                let length = match argument.as_str() {
                    Some("^[0-7]{4}$") => 4..=4,
                    Some("^[0-7]+$") => 1..=usize::MAX,
                    other => panic!("the pattern {other:?} is not known"),
                };
                value.as_str().is_none_or(|text| {
                    length.contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
                })
            }
            "oneOf" => {
                let fits = |schema: &&Value| {
                    let mut errors = Vec::new();
                    check(root, schema, value, place, &mut errors);
                    errors.is_empty()
                };
                argument.as_array().unwrap().iter().filter(fits).count() == 1
            }
            "required" => value.as_object().is_none_or(|object| {
                argument.as_array().unwrap().iter().all(|name| object.contains_key(name.as_str().unwrap()))
            }),
            "additionalProperties" if argument.is_object() => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    check(root, argument, value, &format!("{place}/{name}"), errors);
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(argument, false, "nothing else is known");
                let known = schema["properties"].as_object().unwrap();
                let notes = schema.get("patternProperties").is_some();
                let is_known = |name: &String| known.contains_key(name) || notes && name.starts_with('_');
                value.as_object().is_none_or(|object| object.keys().all(is_known))
            }
            "properties" => {
                for (name, schema) in argument.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(root, schema, value, &format!("{place}/{name}"), errors);
                    }
                }
                true
            }
            "items" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, argument, value, &format!("{place}/{number}"), errors);
                }
                true
            }
            unknown => panic!("the keyword {unknown} is not known"),
        };
        if !holds {
            errors.push(format!("{place}: {keyword} {argument}"));
        }
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        other => panic!("the type {other} is not known"),
    }
}
