//! The table of fields and the reader say the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use manifest::{Field, FieldKind, MANIFEST, Manifest, Object, RuntimeDirectory};
use serde_json::{Value, json};

#[test]
fn every_field_is_read_unless_the_table_says_otherwise() {
    let mut read = 0;
    each_field(|object, field| {
        // No field is a list with a list in it.
        let lines = problems(&document(object, field, &json!([[]])));
        if matches!(field.kind(), FieldKind::Unread) {
            assert!(lines.is_empty(), "{}: {lines:?}", field.name());
        } else {
            assert!(lines.iter().any(|line| line.contains("it must be")), "{}: {lines:?}", field.name());
            read += 1;
        }
    });
    // None was lost on the way.
    assert!(read >= 13 + 2 + 14 + 11, "{read}");
}

#[test]
fn an_absent_field_and_a_null_are_the_same_as_the_default_of_the_table() {
    each_field(|object, field| {
        let absent = debug(&document(object, field, &Value::Null));
        assert_eq!(absent.is_err(), field.is_required(), "{}", field.name());
        if field.is_required() {
            let message = format!("the field {} is missing", field.name());
            assert!(absent.unwrap_err().contains(&message), "{message}");
        } else if let Some(default) = field.default_json() {
            let default = serde_json::from_str(&default).unwrap();
            assert_eq!(debug(&document(object, field, &default)), absent, "{}", field.name());
        }
    });
}

#[test]
fn numbers_end_where_the_table_says() {
    each_field(|object, field| {
        let FieldKind::Integer { most, range } = *field.kind() else { return };
        assert_eq!(problems(&document(object, field, &json!(most))), [""; 0]);
        let more = (u128::from(most) + 1).to_string();
        let json = document(object, field, &json!(987_654_321)).replace("987654321", &more);
        let lines = problems(&json);
        assert!(lines.iter().any(|line| line.ends_with(&format!("is {more}; it must be {range}"))), "{lines:?}");
    });
}

#[test]
fn words_are_those_of_the_table() {
    each_field(|object, field| {
        let FieldKind::Word(words) = field.kind() else { return };
        for (word, ..) in *words {
            assert_eq!(problems(&document(object, field, &json!(word))), [""; 0], "{word}");
        }
        assert_eq!(problems(&document(object, field, &json!("other"))).len(), 1);
    });
}

#[test]
fn absent_fields_of_a_file_are_those_of_a_careful_person() {
    let json = r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": [{"name": "a/b", "sopsFile": "f", "key": "k"}]}"#;
    let manifest = Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset).unwrap();
    let entry = manifest.secrets()[0].entry();
    assert_eq!((entry.path().as_str(), entry.link(), entry.access().mode().bits()), ("/s/a/b", None, 0o400));
}

fn each_field(mut look: impl FnMut(&'static Object, &'static Field)) {
    fn of(object: &'static Object, look: &mut impl FnMut(&'static Object, &'static Field)) {
        for field in object.fields() {
            look(object, field);
            if let FieldKind::Object(inner) | FieldKind::Objects(inner) = field.kind() {
                of(inner, look);
            }
        }
    }
    of(&MANIFEST, &mut look);
}

/// A document that is good but for the value of one field.
fn document(object: &Object, field: &Field, value: &Value) -> String {
    let mut secret = json!({"name": "s", "sopsFile": "/f", "key": "k", "path": "/s/s", "mode": "0400"});
    let mut template = json!({"name": "t", "content": "text", "file": "/f", "path": "/s/rendered/t", "mode": "0400"});
    let mut logging = json!({});
    let mut manifest = json!({"secretsMountPoint": "/d", "symlinkPath": "/s", "placeholderBySecretName": {"s": "@"}});
    let part = match object.name() {
        "manifest" => &mut manifest,
        "secret" => &mut secret,
        "template" => &mut template,
        "logging" => &mut logging,
        other => panic!("{other} is not known"),
    };
    part[field.name()] = value.clone();
    // No templates where there are no placeholders, or no secrets for them.
    let alone = object.name() == "manifest";
    for (name, list) in [("secrets", json!([secret])), ("templates", json!([template])), ("logging", logging)] {
        if !alone {
            manifest.as_object_mut().unwrap().insert(name.to_owned(), list);
        }
    }
    manifest.to_string()
}

fn problems(json: &str) -> Vec<String> {
    match Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset) {
        Ok(manifest) => manifest.unknown_fields().iter().map(ToString::to_string).collect(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn debug(json: &str) -> Result<String, String> {
    Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset)
        .map(|manifest| format!("{manifest:?}"))
        .map_err(|errors| errors.to_string())
}
