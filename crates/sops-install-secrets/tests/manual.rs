//! The manual pages, the completions and the schema of the manifest are those that `cargo run -p sops-install-secrets
//! --example documents` makes from the tables, and they tell all.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "../examples/documents/all/mod.rs"]
mod documents;
#[path = "support/schema.rs"]
mod schema;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use manifest::{FieldKind, MANIFEST, Manifest, Object, RuntimeDirectory};
use serde_json::Value;

use documents::manifest_page::EXAMPLE;
use documents::options::{self, ExitStatus, OPTIONS, Opt};
use documents::program_page::ENVIRONMENT;

#[test]
fn the_documents_are_as_the_program_makes_them() {
    for (name, expected) in documents::documents() {
        let written = fs::read_to_string(doc(name)).unwrap_or_default();
        let command = "cargo run -p sops-install-secrets --example documents";
        assert!(written == expected, "doc/{name} is out of date: run {command}");
    }
}

#[test]
fn the_usage_names_every_option_and_every_exit_status() {
    let usage = options::usage();
    for spec in OPTIONS {
        assert!(usage.lines().any(|line| line.trim_start().starts_with(&spec.usage())), "{}", spec.name);
    }
    for status in ExitStatus::ALL {
        let number = status.number.to_string();
        assert!(usage.lines().any(|line| line.trim_start().starts_with(&number)), "{number}");
    }
}

#[test]
fn the_readme_names_every_option_and_every_variable() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let silent = [Opt::Help, Opt::Version];
    for spec in OPTIONS.iter().filter(|spec| !silent.contains(&spec.option)) {
        assert!(readme.contains(&format!("-{}", spec.name)), "README does not name -{}", spec.name);
    }
    for (variable, _) in
        ENVIRONMENT.iter().filter(|(variable, _)| !["HOME", "XDG_CONFIG_HOME", "TERM"].contains(variable))
    {
        assert!(readme.contains(variable), "README does not name {variable}");
    }
}

#[test]
fn every_variable_that_the_program_reads_is_in_the_manual() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/environment.rs")).unwrap();
    let read: Vec<_> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    assert!(read.len() >= ENVIRONMENT.len(), "{read:?}");
    for variable in read {
        assert!(ENVIRONMENT.iter().any(|(name, _)| *name == variable), "{variable}");
    }
}

#[test]
fn every_field_of_the_manifest_is_in_its_manual() {
    fn look(object: &Object, page: &str) {
        for field in object.fields() {
            assert!(page.lines().any(|line| line == format!(".B {}", field.name())), "{}", field.name());
            if let FieldKind::Object(inner) | FieldKind::Objects(inner) = field.kind() {
                look(inner, page);
            }
        }
    }
    look(&MANIFEST, &fs::read_to_string(doc("sops-install-secrets-manifest.5")).unwrap());
}

#[test]
fn the_example_of_the_manual_is_a_manifest() {
    let manifest = Manifest::from_json(EXAMPLE.as_bytes(), RuntimeDirectory::Unset).unwrap();
    assert_eq!(manifest.unknown_fields().iter().count(), 0);
    assert_eq!((manifest.secrets().len(), manifest.templates().len()), (2, 1));
    assert_eq!(schema::errors(&manifest_schema(), &serde_json::from_str(EXAMPLE).unwrap()), [""; 0]);
}

#[test]
fn the_manifests_of_the_modules_are_of_the_form_that_the_schema_describes() {
    let form = manifest_schema();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let mut seen = 0;
    for module in ["agenix", "agenix-home", "home-manager", "sops"] {
        for file in fs::read_dir(tests.join("module/recorded").join(module).join("good")).unwrap() {
            let path = file.unwrap().path();
            let recorded: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            for manifest in recorded["manifests"].as_object().into_iter().flat_map(|manifests| manifests.values()) {
                assert_eq!(schema::errors(&form, &manifest["document"]), [""; 0], "{}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
    for name in ["system", "system-for-users", "gnupg-tmpfs"] {
        let text = fs::read(tests.join(format!("corpus/manifests/{name}.json"))).unwrap();
        assert_eq!(schema::errors(&form, &serde_json::from_slice(&text).unwrap()), [""; 0], "{name}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses_by_form() {
    let form = manifest_schema();
    let good: Value = serde_json::from_str(EXAMPLE).unwrap();
    for (place, value) in [
        ("/secretsMountPoint", Value::Null),
        ("/keepGenerations", "1".into()),
        ("/keepGenerations", (-1).into()),
        ("/useTmpfs", 1.into()),
        ("/secret", Value::Null),
        ("/ageSshKeyPaths", "/k".into()),
        ("/ageSshKeyPaths", vec![1].into()),
        ("/placeholderBySecretName", Vec::<Value>::new().into()),
        ("/logging", true.into()),
        ("/secrets", vec![Value::Null].into()),
        ("/secrets/0/name", Value::Null),
        ("/secrets/0/mode", 400.into()),
        ("/secrets/0/mode", "0o400".into()),
        ("/secrets/0/format", "html".into()),
        ("/secrets/0/uid", 4_294_967_295_u64.into()),
        ("/templates/0/key", "k".into()),
    ] {
        let mut bad = good.clone();
        let (parent, field) = place.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[field] = value;
        assert!(!schema::errors(&form, &bad).is_empty(), "{place}");
        let read = Manifest::from_json(bad.to_string().as_bytes(), RuntimeDirectory::Unset);
        assert!(read.is_err() || read.unwrap().unknown_fields().iter().count() > 0, "{place}");
    }
    let mut noted = good;
    noted["_note"] = "for people".into();
    noted["$schema"] = "./manifest.schema.json".into();
    noted["keepGenerations"] = Value::Null;
    assert_eq!(schema::errors(&form, &noted), [""; 0]);
}

#[test]
fn bash_completes_what_there_is() {
    if !support::program_exists("bash") {
        println!("NOT TESTED without bash");
        return;
    }
    for (words, expected) in [
        (&["sops-install-secrets", "-stat"][..], "-status"),
        (&["sops-install-secrets", "--stat"], "--status"),
        (&["sops-install-secrets", "-check-mode=s"], "sopsfile"),
        (&["sops-install-secrets", "-check-mode", "rec"], "recipients"),
    ] {
        // As readline does it, `=` is a word of its own.
        let broken: Vec<String> = words
            .iter()
            .flat_map(|word| word.replace('=', " = ").split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let script = format!(
            ". {}; COMP_WORDS=({}); COMP_CWORD={}; _sops_install_secrets; echo \"${{COMPREPLY[@]}}\"",
            doc("completions/sops-install-secrets.bash").display(),
            broken.join(" "),
            broken.len().saturating_sub(1)
        );
        let output = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words:?}: {output:?}");
    }
}

fn manifest_schema() -> Value {
    serde_json::from_slice(&fs::read(doc("manifest.schema.json")).unwrap()).unwrap()
}

fn doc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("doc").join(name)
}
