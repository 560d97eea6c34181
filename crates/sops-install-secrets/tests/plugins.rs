//! The program with identities that a plugin of age uses: a toy in POSIX shell, whose starts are counted.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::{Run, Scratch, corpus};

/// A file that was made for the toy.
fn toy_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plugin").join(name)
}

fn secret(name: &str, file: &Path) -> Value {
    let age = file.extension().is_some_and(|extension| extension == "age");
    let (format, key) = if age { ("age", "") } else { ("yaml", "password") };
    json!({
        "name": name, "key": key, "path": format!("%r/secrets/{name}"), "mode": "0400", "format": format, "sopsFile": file,
    })
}

/// Runs the program on a manifest with these secrets, with the identities of the toy and the first one of the corpus.
fn install(scratch: &Scratch, secrets: &[Value]) -> Run {
    let identities = ["AGE-PLUGIN-TOY-1QY55TW45", "AGE-PLUGIN-TOY-1QG92DYYN"].join("\n");
    let in_memory = fs::read_to_string(corpus().join("keys/age-1.txt")).unwrap();
    let keys = scratch.write("keys.txt", format!("{in_memory}{identities}\n").as_bytes());
    let manifest = json!({
        "secrets": secrets, "secretsMountPoint": "%r/secrets.d", "symlinkPath": "%r/secrets", "keepGenerations": 1,
        "userMode": true, "ageKeyFile": keys,
    });
    let manifest = scratch.write("manifest.json", manifest.to_string().as_bytes());
    let folders = [scratch.path().join("bin")].into_iter();
    let path: OsString =
        env::join_paths(folders.chain(env::split_paths(&env::var_os("PATH").unwrap_or_default()))).unwrap();
    let other = fs::read_to_string(corpus().join("keys/age-2.txt")).unwrap();
    Scratch::finish(scratch.command().env("PATH", path).env("SOPS_AGE_KEY", other).arg("-ignore-passwd").arg(manifest))
}

/// Puts the toy in `PATH`. It adds a line to the file for each start.
fn add_toy(scratch: &Scratch) -> PathBuf {
    let starts = scratch.write("bin/starts", b"");
    let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sops/tests/programs/age-plugin-toy");
    symlink(toy.canonicalize().unwrap(), scratch.path().join("bin/age-plugin-toy")).unwrap();
    starts
}

fn installed(scratch: &Scratch, name: &str) -> String {
    fs::read_to_string(scratch.runtime().join("secrets").join(name)).unwrap()
}

#[test]
fn all_files_are_installed_by_one_start_of_the_plugin() {
    let scratch = Scratch::new();
    let starts = add_toy(&scratch);
    let mut in_memory = secret("memory", &corpus().join("sops/key-string/in.yaml"));
    in_memory["key"] = json!("str");
    let run = install(
        &scratch,
        &[
            secret("one", &toy_file("one.yaml")),
            in_memory,
            secret("two", &toy_file("two.yaml")),
            secret("three", &toy_file("three.age")),
        ],
    );
    assert_eq!((run.stderr.as_str(), run.stdout.as_str(), run.status), ("", "", Some(0)));
    for name in ["one", "two", "three"] {
        assert_eq!(installed(&scratch, name), format!("the value of {name}"));
    }
    assert_eq!(installed(&scratch, "memory"), fs::read_to_string(corpus().join("sops/key-string/want")).unwrap());
    assert_eq!(fs::read_to_string(starts).unwrap(), "2: open open open\n");
}

#[test]
fn an_identity_of_a_plugin_may_stand_among_the_ssh_keys_as_in_agenix() {
    let scratch = Scratch::new();
    add_toy(&scratch);
    let keys = scratch.write("handle.txt", b"# of a token\nAGE-PLUGIN-TOY-1QY55TW45\n");
    let manifest = json!({
        "secrets": [secret("three", &toy_file("three.age"))], "secretsMountPoint": "%r/secrets.d", "symlinkPath": "%r/secrets",
        "keepGenerations": 1, "userMode": true, "ageSshKeyPaths": [keys],
    });
    let manifest = scratch.write("manifest.json", manifest.to_string().as_bytes());
    let path = env::join_paths([scratch.path().join("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
    let run = Scratch::finish(scratch.command().env("PATH", path).arg("-ignore-passwd").arg(manifest));
    assert_eq!((run.stderr.as_str(), run.status), ("", Some(0)));
    assert_eq!(installed(&scratch, "three"), "the value of three");
}

#[test]
fn a_file_that_the_plugin_refuses_is_the_only_one_that_fails() {
    let scratch = Scratch::new();
    let starts = add_toy(&scratch);
    let secrets = ["one", "refused", "two"].map(|name| secret(name, &toy_file(&format!("{name}.yaml"))));
    let run = install(&scratch, &secrets);
    assert_eq!(run.status, Some(1));
    let lines: Vec<_> = run.stderr.lines().filter(|line| line.contains("secret \"")).collect();
    assert!(matches!(lines.as_slice(), [line] if line.contains("secret \"refused\": ")), "{}", run.stderr);
    assert_eq!(run.stderr.matches("age-plugin-toy says: ").count(), 2, "by each identity: {}", run.stderr);
    assert_eq!([installed(&scratch, "one"), installed(&scratch, "two")], ["the value of one", "the value of two"]);
    assert_eq!(fs::read_to_string(starts).unwrap(), "2: open refuse open\n");
}

#[test]
fn the_name_of_a_plugin_is_not_what_a_file_is_to_be_encrypted_to() {
    let scratch = Scratch::new();
    add_toy(&scratch);
    let keys = scratch.write("handle.txt", b"AGE-PLUGIN-TOY-1QY55TW45\n");
    let secret = json!({ "name": "s", "key": "str", "path": "%r/secrets/s", "sopsFile": corpus().join("sops/key-string/in.yaml") });
    let manifest = json!({
        "secrets": [secret], "secretsMountPoint": "%r/secrets.d", "symlinkPath": "%r/secrets", "userMode": true, "ageKeyFile": keys,
    });
    let manifest = scratch.write("manifest.json", manifest.to_string().as_bytes());
    let path = env::join_paths([scratch.path().join("bin"), "/usr/bin".into(), "/bin".into()]).unwrap();
    let run = Scratch::finish(scratch.command().env("PATH", path).arg("-ignore-passwd").arg(manifest));
    assert_eq!(run.status, Some(1));
    let advice = "add the recipient that the plugin has printed with the key to .sops.yaml and run";
    assert!(run.stderr.contains(advice), "{}", run.stderr);
}

#[test]
fn a_plugin_that_is_not_in_path_is_named_for_every_file() {
    let scratch = Scratch::new();
    let run = install(&scratch, &["one", "two"].map(|name| secret(name, &toy_file(&format!("{name}.yaml")))));
    assert_eq!(run.status, Some(1));
    for name in ["one", "two"] {
        let line = run.stderr.lines().find(|line| line.contains(&format!("secret \"{name}\": "))).unwrap_or_default();
        assert!(line.contains("(age-plugin-toy is not in PATH)"), "{line}");
        let way_out = "; add the package of the plugin to sops.age.plugins; or add ";
        assert_eq!(line.matches(way_out).count(), 1, "{line}");
    }
}

#[test]
fn a_plugin_that_takes_its_time_is_named_while_it_does() {
    let scratch = Scratch::new();
    scratch.write("bin/starts", b"");
    let toy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sops/tests/programs/age-plugin-toy");
    let slow = format!("#!/bin/sh\nsleep 3\nexec '{}' \"$@\"\n", toy.canonicalize().unwrap().display());
    let plugin = scratch.write("bin/age-plugin-toy", slow.as_bytes());
    fs::set_permissions(plugin, fs::Permissions::from_mode(0o755)).unwrap();
    let run = install(&scratch, &[secret("a", &toy_file("one.yaml"))]);
    let program = env!("CARGO_BIN_EXE_sops-install-secrets");
    assert_eq!(run.stderr, format!("{program}: waiting for age-plugin-toy; its token may have to be touched\n"));
    assert_eq!(run.status, Some(0));
}
