//! The published test vectors of the age format (C2SP/CCTV, folder `age/testdata`).
//!
//! They are not copied here. Those of 2024 come with the source of the `age` crate, where cargo has put it. The later ones,
//! which add the post-quantum recipients, are read from the folder that `AGE_TESTKIT` names; without it, the test says so.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, too"
)]

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use sops::{AgeFileError, AgeProblem, Encrypted, Error, Format, Identities};

#[test]
fn the_vectors_of_the_age_crate_hold() {
    let run = run_folder(&folder_of_the_age_crate());
    assert!(run > 100, "only {run} vectors found");
}

#[test]
fn the_vectors_with_post_quantum_recipients_hold() {
    let Some(folder) = std::env::var_os("AGE_TESTKIT") else {
        // Past the capture of the test harness, which shows nothing of a test that passes.
        std::io::stderr()
            .write_all(b"NOT TESTED: the post-quantum vectors of age; set AGE_TESTKIT to the folder age/testdata of C2SP/CCTV\n")
            .unwrap();
        return;
    };
    let run = run_folder(Path::new(&folder));
    assert!(run > 140, "only {run} vectors found");
}

/// Where cargo has the source of the crate, be it a registry or a vendored folder.
fn folder_of_the_age_crate() -> PathBuf {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--offline"])
        // Without it cargo wants the crates of every platform, and only those of this one are here.
        .arg(format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH))
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let age = packages.iter().find(|package| package["name"] == "age").unwrap();
    Path::new(age["manifest_path"].as_str().unwrap()).with_file_name("tests/testdata/testkit")
}

fn run_folder(folder: &Path) -> usize {
    let mut run = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            run += run_folder(&path);
        } else if path.extension().is_none() {
            run_vector(&path);
            run += 1;
        }
    }
    run
}

/// A vector is a few lines of header, an empty line, and the age file.
fn run_vector(path: &Path) {
    let vector = std::fs::read(path).unwrap();
    let end = vector.windows(2).position(|window| window == b"\n\n").unwrap();
    let header = std::str::from_utf8(&vector[..end]).unwrap();
    let file = &vector[end + 2..];
    let field = |name: &str| header.lines().find_map(|line| line.strip_prefix(name));
    let file = match field("compressed: ") {
        None => file.to_vec(),
        Some("zlib") => miniz_oxide::inflate::decompress_to_vec_zlib(file).unwrap(),
        Some(other) => panic!("{}: compressed with {other}", path.display()),
    };
    let mut identities = Identities::new();
    for identity in header.lines().filter_map(|line| line.strip_prefix("identity: ")) {
        assert_eq!(identities.add_age_key_file("vector", identity.as_bytes()), []);
    }
    let outcome = Encrypted::parse(Format::Age, file).and_then(|file| file.decrypt(&identities)?.whole());
    let expected = field("expect: ").unwrap();
    let good = match (&outcome, expected) {
        // No passphrase is typed here, whether it would be right or wrong.
        (Err(Error::Age(AgeFileError::Damaged(AgeProblem::Passphrase))), _) => field("passphrase: ").is_some(),
        (Ok(content), "success") => Some(hex(&Sha256::digest(content.as_bytes())).as_str()) == field("payload: "),
        (Err(Error::Age(AgeFileError::NoIdentity(_))), "no match") => true,
        (Err(Error::Age(AgeFileError::Damaged(problem))), "header failure") => {
            matches!(
                problem,
                AgeProblem::Header
                    | AgeProblem::Empty
                    | AgeProblem::Stanza
                    | AgeProblem::LineEnds
                    | AgeProblem::Version(_)
            )
        }
        (Err(Error::Age(AgeFileError::Damaged(problem))), "HMAC failure") => *problem == AgeProblem::Mac,
        (Err(Error::Age(AgeFileError::Damaged(problem))), "armor failure") => {
            matches!(problem, AgeProblem::Armor | AgeProblem::Header)
        }
        (Err(Error::Age(AgeFileError::Damaged(problem))), "payload failure") => *problem == AgeProblem::Payload,
        // The age crate also reads what was written before the format was settled.
        (Ok(_), _) => path.ends_with("stanza_missing_body") || path.ends_with("stanza_missing_final_line"),
        _ => false,
    };
    let outcome = outcome.map(|_| "some content").map_err(|error| error.to_string());
    assert!(good, "{}: expected {expected}, got {outcome:?}", path.display());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
