//! The program from outside: what it prints, what it exits with, and the tree that it leaves.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::use_debug,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde_json::{Value, json};
use support::{Run, Scratch, corpus};

/// A manifest in user mode with secrets of one YAML file that holds every type.
fn manifest(secrets: &[Value]) -> Value {
    json!({
        "secrets": secrets,
        "secretsMountPoint": "%r/secrets.d",
        "symlinkPath": "%r/secrets",
        "keepGenerations": 1,
        "userMode": true,
        "ageKeyFile": corpus().join("keys/age-1.txt"),
    })
}

fn secret(name: &str, key: &str) -> Value {
    json!({
        "name": name, "key": key, "path": format!("%r/secrets/{name}"), "mode": "0400", "format": "yaml",
        "sopsFile": source(),
    })
}

fn source() -> std::path::PathBuf {
    corpus().join("sops/key-string/in.yaml")
}

fn with(mut value: Value, field: &str, content: impl Into<Value>) -> Value {
    value[field] = content.into();
    value
}

/// Standard error without the name of the program in front of each line, and without the folders of this machine.
fn messages(scratch: &Scratch, run: &Run) -> String {
    run.stderr
        .replace(&format!("{}: ", env!("CARGO_BIN_EXE_sops-install-secrets")), "")
        .replace(scratch.path().to_str().unwrap(), "SCRATCH")
        .replace(corpus().to_str().unwrap(), "CORPUS")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_first_installation_leaves_the_tree_of_the_manifest() {
    let scratch = Scratch::new();
    let secrets = [
        secret("a", "str"),
        with(secret("nested/deep/b", "nest/a/b"), "mode", "0440"),
        with(secret("linked", "multi"), "path", "%r/elsewhere/link"),
        with(secret("everything", ""), "mode", "4755"),
    ];
    let run = scratch.run(&manifest(&secrets), &["-ignore-passwd"]);
    assert_eq!((messages(&scratch, &run).as_str(), run.stdout.as_str(), run.status), ("", "", Some(0)));
    let runtime = scratch.runtime();
    let generation = runtime.join("secrets.d/1");
    assert_eq!(fs::read_link(runtime.join("secrets")).unwrap(), generation);
    assert_eq!(fs::read(generation.join("a")).unwrap(), fs::read(corpus().join("sops/key-string/want")).unwrap());
    assert_eq!(fs::read(generation.join("nested/deep/b")).unwrap(), b"deep");
    assert_eq!(fs::read_link(runtime.join("elsewhere/link")).unwrap(), runtime.join("secrets/linked"));
    assert_eq!(
        fs::read(runtime.join("elsewhere/link")).unwrap(),
        fs::read(corpus().join("sops/key-multi-line/want")).unwrap()
    );
    for (path, bits) in [("a", 0o400), ("nested/deep/b", 0o440), ("everything", 0o755), ("nested", 0o751), ("", 0o751)]
    {
        assert_eq!(mode(&generation.join(path)), bits, "{path:?}");
    }
}

#[test]
fn a_run_that_changes_nothing_touches_nothing() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("a", "str"), with(secret("b", "multi"), "path", "%r/link")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    let inodes = || {
        ["secrets", "secrets.d/1", "secrets.d/1/a", "link"]
            .map(|path| fs::symlink_metadata(scratch.runtime().join(path)).unwrap())
            .map(|metadata| (metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec()))
    };
    let before = inodes();
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    assert_eq!(inodes(), before);
}

#[test]
fn a_change_is_a_new_generation_and_the_old_one_goes() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(&manifest(&[secret("a", "str")]), &["-ignore-passwd"]).status, Some(0));
    assert_eq!(scratch.run(&manifest(&[secret("a", "multi")]), &["-ignore-passwd"]).status, Some(0));
    let generations = scratch.runtime().join("secrets.d");
    assert_eq!(fs::read_link(scratch.runtime().join("secrets")).unwrap(), generations.join("2"));
    assert!(!generations.join("1").exists());
    let keeping = with(manifest(&[secret("a", "str")]), "keepGenerations", 2);
    assert_eq!(scratch.run(&keeping, &["-ignore-passwd"]).status, Some(0));
    assert!(generations.join("2").exists() && generations.join("3").exists());
}

#[test]
fn one_failure_leaves_the_running_generation_as_it_is() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(&manifest(&[secret("a", "str")]), &["-ignore-passwd"]).status, Some(0));
    let run = scratch.run(&manifest(&[secret("a", "multi"), secret("b", "strr")]), &["-ignore-passwd"]);
    assert_eq!(run.status, Some(1));
    assert_eq!(fs::read_link(scratch.runtime().join("secrets")).unwrap(), scratch.runtime().join("secrets.d/1"));
    assert!(!scratch.runtime().join("secrets.d/2").exists());
}

#[test]
fn a_dry_run_writes_nothing_at_all() {
    let scratch = Scratch::new();
    let run = scratch.run(&manifest(&[secret("a", "str")]), &["-ignore-passwd", "--dry-run"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert_eq!(fs::read_dir(scratch.runtime()).unwrap().count(), 0);
}

#[test]
fn exit_statuses_and_streams_are_as_documented() {
    let scratch = Scratch::new();
    let help = Scratch::finish(scratch.command().arg("--help"));
    assert!(help.stdout.starts_with("Usage: sops-install-secrets") && help.stderr.is_empty());
    assert_eq!(help.status, Some(0));
    let version = Scratch::finish(scratch.command().arg("-version"));
    assert_eq!(version.stdout, format!("sops-install-secrets {}\n", env!("CARGO_PKG_VERSION")));
    let wrong = Scratch::finish(scratch.command().arg("-x"));
    assert_eq!(
        (messages(&scratch, &wrong).as_str(), wrong.status),
        ("there is no option \"-x\"\nTry: sops-install-secrets --help\n", Some(2))
    );
    let missing = Scratch::finish(scratch.command().arg("nowhere.json"));
    assert_eq!(
        (messages(&scratch, &missing).as_str(), missing.status),
        ("cannot read the manifest nowhere.json: No such file or directory (os error 2)\n", Some(1))
    );
}
