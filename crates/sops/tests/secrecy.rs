//! No message shows a secret: private keys, a plaintext marker and a decrypted value go into everything that reads a text
//! from outside, and what comes out is looked at.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::use_debug,
    clippy::unwrap_used,
    reason = "tests look at every form of an error"
)]

use std::fmt::{Debug, Display};

use sops::{Encrypted, Foreign, Format, HostRecipient, Identities};

const AGE: &str = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
const MARKER: &str = "PLAINTEXT-MARKER-7f3a";
const SSH: &str = include_str!("../../../tests/corpus/keys/ssh-ed25519");

/// Texts with a secret in each, and the part that must not be seen.
fn secrets() -> Vec<(String, String)> {
    let body = SSH.lines().nth(2).unwrap().to_owned();
    let mut secrets =
        vec![(SSH.to_owned(), body.clone()), (SSH.replace('\n', " "), body.clone()), (body.clone(), body)];
    let hybrid = "AGE-SECRET-KEY-PQ-1QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    for secret in [AGE, hybrid, "AGE-PLUGIN-TOY-1QPZRY9X8GF2TVDW0S3JN54KHCE6", MARKER] {
        let end = |text: &str| text.chars().skip(text.len().saturating_sub(8)).collect::<String>();
        let half = secret.split_at(secret.len() * 2 / 3).0;
        secrets.push((half.to_owned(), end(half)));
        for text in [
            secret.to_owned(),
            secret.to_lowercase(),
            format!("{secret}x"),
            format!("# {secret}\n{secret} {secret}"),
            format!("-----BEGIN {secret} PRIVATE KEY-----\n{secret}\n-----END {secret} PRIVATE KEY-----"),
            format!("ssh-ed25519 {secret}"),
            format!("ssh-rsa {secret} {secret}"),
        ] {
            secrets.push((text, end(secret)));
        }
    }
    secrets
}

#[track_caller]
fn assert_hidden(what: &str, error: impl Debug + Display, secret: &str) {
    for shown in [error.to_string(), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!shown.contains(secret), "{what} shows {secret}: {shown}");
        assert!(!shown.to_lowercase().contains(&secret.to_lowercase()), "{what} shows {secret}: {shown}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_not_shown() {
    for (text, secret) in secrets() {
        if text.starts_with("-----BEGIN PLAINTEXT") {
            // The label of a PEM file names its kind; that it is bounded and printable is another test.
            continue;
        }
        let bytes = text.as_bytes();
        let mut identities = Identities::new();
        for error in
            identities.add_age_key_file("keys", bytes).into_iter().chain(identities.add_age_key_variable("K", bytes))
        {
            assert_hidden("an age key file", error, &secret);
        }
        if let Err(error) = identities.add_ssh_key("key", bytes) {
            assert_hidden("an SSH key", error, &secret);
        }
        if let Err(error) = identities.add_openpgp_ssh_key("key", bytes) {
            assert_hidden("an OpenPGP key", error, &secret);
        }
        for line in [text.as_str()].into_iter().chain(text.lines()) {
            if let Err(error) = HostRecipient::parse(line) {
                assert_hidden("a recipient", error, &secret);
            }
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_not_shown() {
    for (text, secret) in secrets() {
        let quoted = format!("{text:?}");
        for content in [
            text.clone(),
            format!("a: {quoted}\nb: [\n"),
            format!("a: {quoted}\nsops:\n    mac: {quoted}\n    lastmodified: {quoted}\n    age: {quoted}\n"),
            format!(
                "a: {quoted}\nsops:\n    mac: x\n    lastmodified: \"2026-01-01T00:00:00Z\"\n    version: [{quoted}]\n"
            ),
            format!("{{\"a\": {quoted}, \"b\": {quoted}"),
            format!("{{\"a\": {quoted}, \"sops\": {{\"mac\": {quoted}, \"lastmodified\": {quoted}}}}}"),
            format!("A={text}\nsops_mac={text}\nsops_lastmodified={text}\nsops_age__list_0__map_enc={text}\n"),
            format!("[s]\na = {text}\n[sops]\nmac = {text}\nlastmodified = {text}\n"),
        ] {
            for format in [Format::Yaml, Format::Json, Format::Binary, Format::Dotenv, Format::Ini, Format::Age] {
                let error = match Encrypted::parse(format, content.clone().into_bytes()) {
                    Err(error) => error,
                    Ok(file) => match file.decrypt(&Identities::new()) {
                        Err(error) => error,
                        Ok(_) => continue,
                    },
                };
                assert_hidden("a file", &error, &secret);
            }
        }
    }
}

#[test]
fn a_decrypted_value_is_in_no_message() {
    // Made for these tests: the value `hunter2-decrypted` stands where a number and a timestamp are expected.
    let mut identities = Identities::new();
    let key = include_str!("../../../tests/corpus/keys/age-1.txt");
    assert!(identities.add_age_key_file("keys", key.as_bytes()).is_empty());
    let mut looked_at = 0;
    for case in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus/sops")).unwrap() {
        let folder = case.unwrap().path();
        let (Ok(file), Ok(want)) =
            (std::fs::read(folder.join("in.yaml")), std::fs::read_to_string(folder.join("want")))
        else {
            continue;
        };
        let Ok(text) = String::from_utf8(file) else { continue };
        // Every kind that a ciphertext may name in the place of its own.
        for kind in ["int", "float", "bool", "time", "comment", "bytes", "x"] {
            let changed = text.replace("type:str]", &format!("type:{kind}]"));
            let Ok(file) = Encrypted::parse(Format::Yaml, changed.into_bytes()) else { continue };
            let Err(error) = file.decrypt(&identities) else { continue };
            looked_at += 1;
            for word in want.split(|character: char| character.is_whitespace() || "\"':".contains(character)) {
                if word.len() >= 8 && !text.contains(word) {
                    assert_hidden("a file", &error, word);
                }
            }
        }
    }
    assert!(looked_at > 50, "{looked_at}");
}

#[test]
fn foreign_text_with_a_private_key_is_withheld() {
    for (text, secret) in secrets() {
        if text.contains("AGE-") || text.contains("PRIVATE KEY-----") {
            assert_hidden("foreign text", Foreign(&text), &secret);
        }
    }
}
