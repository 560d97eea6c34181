//! How much memory the program needs, held by a limit of the kernel.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

#[path = "support/large.rs"]
mod large;
mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::Scratch;

#[test]
fn a_value_of_ten_megabytes_needs_at_most_four_times_its_file() {
    let scratch = Scratch::new();
    let file = scratch.write("large.json", &large::binary_file(10 << 20));
    let secret =
        json!({"name": "large", "sopsFile": file, "format": "binary", "mode": "0400", "path": "%r/secrets/large"});
    let size = fs::metadata(&file).unwrap().len();
    install_within(&scratch, size, &[secret]);
    assert_eq!(fs::metadata(scratch.runtime().join("secrets/large")).unwrap().len(), 10 << 20);
}

#[test]
fn ten_thousand_secrets_need_at_most_four_times_their_files() {
    let scratch = Scratch::new();
    let file = bench("n10000.yaml");
    let secret = |number| {
        let name = format!("s{number}");
        json!({"name": name, "key": name, "sopsFile": file, "mode": "0400", "path": format!("%r/secrets/{name}")})
    };
    let secrets: Vec<Value> = (0..10_000).map(secret).collect();
    install_within(&scratch, fs::metadata(&file).unwrap().len(), &secrets);
    assert_eq!(fs::read_dir(scratch.runtime().join("secrets/")).unwrap().count(), 10_000);
}

/// Installs with four times the size of the files, the manifest among them, and 8 MiB. The code of the program and of the C
/// library takes up to 2 MiB of that; the limit is on the rest.
fn install_within(scratch: &Scratch, files: u64, secrets: &[Value]) {
    let manifest = json!({
        "secrets": secrets,
        "secretsMountPoint": "%r/secrets.d",
        "symlinkPath": "%r/secrets",
        "userMode": true,
        "ageKeyFile": bench("age-perf.txt"),
    });
    let manifest = scratch.write("manifest.json", manifest.to_string().as_bytes());
    let bytes = 4 * (files + fs::metadata(&manifest).unwrap().len()) + (6 << 20);
    let program = env!("CARGO_BIN_EXE_sops-install-secrets");
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -d "$1" && exec "$2" "$3""#, "sh", &(bytes >> 10).to_string(), program]);
    shell.arg(manifest).env_clear().env("HOME", scratch.path()).env("XDG_RUNTIME_DIR", scratch.runtime());
    let run = Scratch::finish(&mut shell);
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "with {bytes} bytes");
}

fn bench(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench").canonicalize().unwrap();
    folder.join(name).to_str().unwrap().to_owned()
}
