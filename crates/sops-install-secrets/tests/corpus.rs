//! Every file of the corpus, through the program from outside: a manifest goes in, and the bytes that the real sops
//! prints come out.
//!
//! A case is a folder of `tests/corpus/sops`; its README says what stands in one. A case is added by adding a folder.

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
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use support::{Scratch, corpus, installed, program_exists};

#[test]
fn every_case_gives_the_bytes_of_sops_or_fails_for_its_reason() {
    let cases = cases();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let gpg = program_exists("gpg");
    let without_gpg = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(folder) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                    let case: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
                    let needs_gpg = identities(&case).any(|(kind, _)| kind == "gnupgHome");
                    if needs_gpg && !gpg && case["expect"] == "ok" {
                        without_gpg.fetch_add(1, Ordering::Relaxed);
                    } else if let Err(reason) = check(folder, &case) {
                        failures.lock().unwrap().push(format!("{name}: {reason}"));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let left_out = without_gpg.into_inner();
    if left_out > 0 {
        println!("NOT TESTED: {left_out} cases need the gpg program, and it is not in PATH");
    }
    println!("corpus: {} of {} cases as they must be", cases.len() - failures.len() - left_out, cases.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(cases.len() > 400, "the corpus is incomplete");
}

/// Runs one case as an installation in user mode.
fn check(folder: &Path, case: &Value) -> Result<(), String> {
    let scratch = Scratch::new();
    let mut manifest = manifest(&source(folder), case);
    for (number, (kind, path)) in identities(case).enumerate() {
        let copy = scratch.private_copy(&corpus().join(path), &number.to_string());
        match kind {
            "ageKeyFile" | "gnupgHome" => manifest[kind] = json!(copy),
            _ => match &mut manifest[kind] {
                Value::Array(paths) => paths.push(json!(copy)),
                absent => *absent = json!([copy]),
            },
        }
    }
    let run = scratch.run(&manifest, &["-ignore-passwd"]);
    scratch.stop_agents();
    if run.stderr.contains("panicked") || run.status.is_none() {
        return Err(format!("it died: {}", run.stderr));
    }
    let link = scratch.runtime().join("secrets");
    if case["expect"] == "error" {
        let class = case["error_class"].as_str().unwrap_or_default();
        return match run.status {
            Some(1) if installed(&link).is_some() => Err("it failed and left a generation".to_owned()),
            Some(1) if !says(class, &run.stderr) => Err(format!("it failed, but not for {class}: {}", run.stderr)),
            Some(1) => Ok(()),
            other => Err(format!("exit status {other:?}, must fail with {class}")),
        };
    }
    if run.status != Some(0) {
        return Err(format!("exit status {:?}: {}", run.status, run.stderr));
    }
    let want = fs::read(folder.join("want")).unwrap();
    let got = fs::read(link.join("secret")).map_err(|error| error.to_string())?;
    if got != want {
        return Err(format!("got {:?}, want {:?}", String::from_utf8_lossy(&got), String::from_utf8_lossy(&want)));
    }
    let text = String::from_utf8_lossy(&want);
    let leaked = text.lines().find(|line| line.len() >= 8 && (run.stderr.contains(line) || run.stdout.contains(line)));
    leaked.map_or(Ok(()), |_| Err("a line of the secret stands in the output".to_owned()))
}

#[test]
fn a_check_without_keys_passes_every_good_file_and_finds_what_needs_no_key() {
    let scratch = Scratch::new();
    let mut found = 0;
    for folder in cases() {
        let case: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
        let run = scratch.run(&manifest(&source(&folder), &case), &["-check-mode=sopsfile"]);
        match case["error_class"].as_str() {
            None => assert_eq!(run.status, Some(0), "{folder:?}: {}", run.stderr),
            Some("parse" | "metadata" | "key_not_found" | "not_a_mapping" | "unsupported") => {
                assert_eq!(run.status, Some(1), "{folder:?}");
                found += 1;
            }
            // Some of these can be seen without a key, such as a plain value where a ciphertext must be.
            Some(_) => {}
        }
    }
    assert!(found > 50, "the corpus is incomplete");
    for case in ["enc-plain-text-instead", "enc-number-instead", "tamper-mac-missing", "binary-without-data"] {
        let folder = corpus().join("sops").join(case);
        let text: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
        let run = scratch.run(&manifest(&source(&folder), &text), &["-check-mode=sopsfile"]);
        assert_eq!(run.status, Some(1), "{case}");
    }
}

/// The encrypted file of a case.
fn source(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == "in")).unwrap()
}

/// A manifest that wants what the case is about.
fn manifest(source: &Path, case: &Value) -> Value {
    json!({
        "secrets": [{
            "name": "secret",
            "key": case["key"],
            "path": "%r/secrets/secret",
            "sopsFile": source,
            "format": case["format"],
            "mode": "0400",
        }],
        "secretsMountPoint": "%r/secrets.d",
        "symlinkPath": "%r/secrets",
        "keepGenerations": 1,
        "userMode": true,
    })
}

/// Whether a message gives the reason that the corpus gives.
fn says(class: &str, message: &str) -> bool {
    let words: &[&str] = match class {
        // With its place: in.yaml:3:14.
        "parse" => {
            return message.split("/in.").any(|rest| {
                let place = rest.split_once(':').and_then(|(_, rest)| rest.split_once(':'));
                place.is_some_and(|(line, _)| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit()))
            });
        }
        "metadata" => &["metadata"],
        "no_identity" => &["no identity opens it", "its key groups", "this host has no identity"],
        "tampered_value" => &["the value of the key", "data key has"],
        "mac" => &["its MAC", "it has no MAC"],
        "key_not_found" => &["there is no key"],
        "not_a_mapping" => &["has no keys below it"],
        "not_a_string" => &["is null", "no string named data", "named data"],
        "unsupported" => {
            &["sops only takes strings", "cannot hold", "which an activation does not ask", "never writes"]
        }
        _ => &[],
    };
    words.iter().any(|word| message.contains(word))
}

fn identities(case: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = case["identity"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|identity| (identity["kind"].as_str().unwrap(), identity["path"].as_str().unwrap()))
}

fn cases() -> Vec<std::path::PathBuf> {
    let mut cases: Vec<_> = fs::read_dir(corpus().join("sops")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}
