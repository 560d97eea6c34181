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
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use documents::options::{self, EXIT_STATUSES, OPTIONS, Opt};
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
    for (status, _) in EXIT_STATUSES {
        assert!(usage.lines().any(|line| line.trim_start().starts_with(status)), "{status}");
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

fn doc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("doc").join(name)
}
