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
        ["", "secrets", "secrets.d", "secrets.d/.links", "secrets.d/1", "secrets.d/1/a", "link"]
            .map(|path| fs::symlink_metadata(scratch.runtime().join(path)).unwrap())
            .map(|metadata| (metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec()))
    };
    let before = inodes();
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    assert_eq!(inodes(), before);
}

#[test]
fn secrets_of_a_user_on_a_disk_are_installed_with_a_warning() {
    let scratch = Scratch::new();
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let wanted = scratch.write("manifest.json", manifest(&[secret("a", "str")]).to_string().as_bytes());
    let mut command = scratch.command();
    let run = Scratch::finish(command.env("XDG_RUNTIME_DIR", disk.path()).arg("-ignore-passwd").arg(wanted));
    assert_eq!(run.status, Some(0));
    // Somebody may build in memory.
    let kind = nix::sys::statfs::statfs(disk.path()).unwrap().filesystem_type();
    let warned = run.stderr.contains("secrets.d is on a disk, where secrets outlive the session; let XDG_RUNTIME_DIR");
    assert_eq!(warned, kind != nix::sys::statfs::TMPFS_MAGIC, "{}", run.stderr);
    assert!(fs::read_link(disk.path().join("secrets")).unwrap().ends_with("secrets.d/1"));
}

#[test]
fn a_user_has_no_units_and_no_log_of_changes() {
    let scratch = Scratch::new();
    let asked = scratch.path().join("asked");
    let stub = scratch.write("bin/systemctl", format!("#!/bin/sh\necho \"$*\" >>{}\n", asked.display()).as_bytes());
    fs::set_permissions(stub, fs::Permissions::from_mode(0o755)).unwrap();
    for key in ["str", "multi"] {
        let changing = with(secret("a", key), "restartUnits", vec!["a.service"]);
        let wanted = with(manifest(&[changing]), "logging", json!({ "secretChanges": true, "keyImport": false }));
        let wanted = scratch.write("manifest.json", wanted.to_string().as_bytes());
        let mut command = scratch.command();
        command.env("PATH", scratch.path().join("bin")).env("SOPS_RESTART_UNITS_VIA_SYSTEMCTL", "1");
        let run = Scratch::finish(command.arg("-ignore-passwd").arg(wanted));
        assert_eq!((run.status, run.stdout.as_str(), messages(&scratch, &run).as_str()), (Some(0), "", ""));
    }
    assert_eq!(fs::read_link(scratch.runtime().join("secrets")).unwrap(), scratch.runtime().join("secrets.d/2"));
    assert!(!asked.exists());
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

/// The messages of a manifest's secrets, each with its file.
fn failures(secrets: &[Value], change: impl FnOnce(&mut Value)) -> String {
    let scratch = Scratch::new();
    let mut wanted = manifest(secrets);
    change(&mut wanted);
    let run = scratch.run(&wanted, &["-ignore-passwd"]);
    assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""));
    messages(&scratch, &run)
}

fn of(case: &str, file: &str) -> Value {
    with(secret("s", ""), "sopsFile", corpus().join("sops").join(case).join(file).to_str().unwrap())
}

#[test]
fn every_wrong_key_is_reported_with_the_nearest_ones() {
    let secrets = [("a", "strr"), ("b", "str/x"), ("c", "nul"), ("d", "list/9"), ("e", "zzzzzz"), ("f", "Str")];
    let found = failures(&secrets.map(|(name, key)| secret(name, key)), |_| {});
    let file = "CORPUS/sops/key-string/in.yaml";
    let expected = format!(
        "secret \"a\": {file}: there is no key \"strr\"; did you mean \"str\"?\n\
         secret \"b\": {file}: there is no key \"str/x\": \"str\" holds a string, which has no keys below it; ask for \"str\" itself\n\
         secret \"c\": {file}: the key \"nul\" is null, which has no text to install; give it a value with: sops edit\n\
         secret \"d\": {file}: there is no key \"list/9\"; the nearest are \"list/0\", \"list/1\", \"list/2\"\n\
         secret \"e\": {file}: there is no key \"zzzzzz\"; sops decrypt shows which there are\n\
         secret \"f\": {file}: there is no key \"Str\"; did you mean \"str\"?\n"
    );
    assert_eq!(found, expected);
}

#[test]
fn a_file_that_nobody_opens_says_who_could_who_this_host_is_and_what_to_type() {
    let keys = |name: &str| corpus().join("keys").join(name);
    let found = failures(&[secret("a", "str"), secret("b", "multi")], |manifest| {
        manifest["ageKeyFile"] = json!(keys("age-stranger.txt"));
        manifest["ageSshKeyPaths"] = json!([keys("ssh-ed25519"), keys("ssh-ecdsa"), "/nowhere/key"]);
    });
    let host = "age1cq5w2vlg0jfkavrz66eswk8f3dm4kp0efsndavw4x4smn7un0v8qc3fvgs";
    let expected = format!(
        "warning: CORPUS/keys/ssh-ecdsa: ECDSA keys cannot decrypt; use an ed25519 or RSA key\n\
         warning: cannot read the key /nowhere/key: No such file or directory (os error 2)\n\
         secrets \"a\", \"b\": CORPUS/sops/key-string/in.yaml: no identity opens it; it is encrypted to \
         age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr; this host is {host} (CORPUS/keys/ssh-ed25519), \
         age1efx2yvkzaeepdzj9yrv5pktes80gtvuwtq3nhuvdahdpul0twduszyzev5 (CORPUS/keys/age-stranger.txt); add {host} to \
         .sops.yaml and run: sops updatekeys CORPUS/sops/key-string/in.yaml\n"
    );
    assert_eq!(found, expected);
    let without_keys = failures(&[secret("a", "str")], |manifest| manifest["ageKeyFile"] = Value::Null);
    assert_eq!(
        without_keys,
        "secret \"a\": CORPUS/sops/key-string/in.yaml: no identity opens it; it is encrypted to \
         age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr; this host has no identity; give this host a key in \
         sops.age.sshKeyPaths or sops.age.keyFile\n"
    );
}

#[test]
fn a_file_that_is_not_what_it_should_be_says_what_is_wrong_with_it() {
    let json_as_yaml = of("parse-json-trailing-comma", "in.json");
    for (secret, message) in [
        (
            with(secret("s", ""), "sopsFile", "/nowhere.yaml"),
            "secret \"s\": cannot read the sops file /nowhere.yaml: No such file or directory (os error 2)\n",
        ),
        (
            of("meta-yaml-truncated", "in.yaml"),
            "secret \"s\": CORPUS/sops/meta-yaml-truncated/in.yaml: it has encrypted values and no sops metadata, so its end \
             was cut off; restore it from version control\n",
        ),
        (
            of("meta-none", "in.yaml"),
            "secret \"s\": CORPUS/sops/meta-none/in.yaml: it has no sops metadata, so it is not encrypted; encrypt it with: \
             sops encrypt --in-place FILE\n",
        ),
        (
            of("tamper-data-bit", "in.yaml"),
            "secret \"s\": CORPUS/sops/tamper-data-bit/in.yaml: the value of the key \"a\": it was changed, moved or encrypted \
             with another data key since sops wrote it; restore the file from version control, and change it only with: sops \
             edit\n",
        ),
        (
            of("tamper-list-swapped", "in.yaml"),
            "secret \"s\": CORPUS/sops/tamper-list-swapped/in.yaml: its MAC does not match: something was added, removed, \
             reordered or changed without sops; restore the file from version control or, if you trust the change, accept it \
             with: sops edit --ignore-mac\n",
        ),
        (
            with(json_as_yaml, "format", "json"),
            "secret \"s\": CORPUS/sops/parse-json-trailing-comma/in.json: line 15, column 1: expected a key; remove the comma \
             in front of the brace\n",
        ),
    ] {
        assert_eq!(failures(&[secret], |_| {}), message);
    }
}

#[test]
fn all_problems_of_a_manifest_are_reported_with_their_places() {
    let scratch = Scratch::new();
    let path = scratch.write(
        "manifest.json",
        br#"{
  "secrets": [
    { "name": "a", "path": "%r/secrets/a", "sopsFile": "f", "mode": "0o400" },
    { "name": "../b", "path": "%r/secrets/b", "sopsFile": "f", "mode": "0400" },
    { "name": "c", "path": "%r/secrets/c", "sopsFile": "f", "mode": "0400", "format": "toml" }
  ],
  "secretsMountPoint": "%r/secrets.d", "symlinkPath": "secrets", "userMode": true
}"#,
    );
    for check in ["-check-mode=manifest", "-check-mode=sopsfile", "-check-mode=off"] {
        let run = Scratch::finish(scratch.command().arg(check).arg(&path));
        assert_eq!(run.status, Some(1));
        assert_eq!(
            messages(&scratch, &run),
            "SCRATCH/manifest.json:3:69: secret \"a\": the mode \"0o400\" is not made of octal digits; write it like 0400 or 0440\n\
             SCRATCH/manifest.json:4:15: secret number 2: the name \"../b\" has a component . or .., which could leave the secrets \
             directory; spell the path out\n\
             SCRATCH/manifest.json:5:87: secret \"c\": the format \"toml\" is not known; use yaml, json, dotenv, ini, binary or age\n\
             SCRATCH/manifest.json:7:55: symlinkPath: the path \"secrets\" is relative; begin it with /\n"
        );
    }
}

#[test]
fn the_check_modes_need_no_key_and_touch_nothing() {
    let scratch = Scratch::new();
    let good = with(manifest(&[secret("a", "str"), secret("b", "")]), "ageKeyFile", "/nowhere");
    let bad = manifest(&[secret("a", "strr"), with(secret("b", "nul"), "mode", "0440")]);
    for (mode, wanted, status) in
        [("manifest", &good, 0), ("sopsfile", &good, 0), ("manifest", &bad, 0), ("sopsfile", &bad, 1)]
    {
        let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
        let run =
            Scratch::finish(scratch.command().env_remove("XDG_RUNTIME_DIR").args(["-check-mode", mode]).arg(path));
        assert_eq!(run.status, Some(status), "{mode}: {}", run.stderr);
        assert_eq!(run.stdout, "");
        assert_eq!(run.stderr.lines().count(), usize::from(status != 0) * 2, "{}", run.stderr);
    }
    assert_eq!(fs::read_dir(scratch.runtime()).unwrap().count(), 0);
}

#[test]
fn keys_that_are_imported_are_logged_as_sops_nix_does() {
    let scratch = Scratch::new();
    let mut wanted = manifest(&[with(
        with(secret("a", ""), "format", "json"),
        "sopsFile",
        corpus().join("sops/recipient-json-ssh/in.json").to_str().unwrap(),
    )]);
    wanted["ageSshKeyPaths"] = json!([corpus().join("keys/ssh-ed25519")]);
    wanted["sshKeyPaths"] = json!([corpus().join("keys/ssh-rsa")]);
    wanted["logging"] = json!({ "keyImport": true, "secretChanges": true });
    let run = scratch.run(&wanted, &["-ignore-passwd"]);
    assert_eq!(run.status, Some(0));
    assert_eq!(
        messages(&scratch, &run),
        "sops-install-secrets: Imported CORPUS/keys/ssh-ed25519 as age key with fingerprint \
         age1cq5w2vlg0jfkavrz66eswk8f3dm4kp0efsndavw4x4smn7un0v8qc3fvgs\n"
    );
    let fingerprint = run.stdout.trim_end().rsplit(' ').next().unwrap();
    assert!(fingerprint.len() == 40 && fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
}

#[test]
fn one_value_of_a_dotenv_or_ini_file_is_installed_where_it_is_asked_for() {
    let scratch = Scratch::new();
    let of_file = |case: &str, file: &str, format: &str, key: &str| {
        let path = corpus().join("sops").join(case).join(file);
        with(with(with(secret(key, key), "sopsFile", path.to_str().unwrap()), "format", format), "selectKey", true)
    };
    let wanted = manifest(&[
        of_file("dotenv-simple", "in.env", "dotenv", "B"),
        of_file("ini-simple", "in.ini", "ini", "database/password"),
    ]);
    let run = scratch.run(&wanted, &["-ignore-passwd"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    let installed = |name: &str| fs::read_to_string(scratch.runtime().join("secrets").join(name)).unwrap();
    assert_eq!((installed("B").as_str(), installed("database/password").as_str()), ("two words", "secret"));
}

#[test]
fn recipients_are_checked_without_any_private_key() {
    let scratch = Scratch::new();
    let wanted = with(manifest(&[secret("a", "str")]), "ageKeyFile", "/nowhere");
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let check = |arguments: &[&str]| {
        let run = Scratch::finish(scratch.command().arg("--check-mode=recipients").args(arguments).arg(&path));
        assert_eq!(run.stdout, "");
        (run.status, messages(&scratch, &run))
    };
    let recipient = "age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr";
    assert_eq!(check(&["--recipient", recipient]), (Some(0), String::new()));
    let public = corpus().join("keys/ssh-ed25519.pub");
    let host = "age1cq5w2vlg0jfkavrz66eswk8f3dm4kp0efsndavw4x4smn7un0v8qc3fvgs";
    let message = format!(
        "secret \"a\": CORPUS/sops/key-string/in.yaml: it is encrypted to {recipient}, but not to {host}; add that to .sops.yaml \
         and run: sops updatekeys CORPUS/sops/key-string/in.yaml\n"
    );
    assert_eq!(check(&["--recipient-file", public.to_str().unwrap()]), (Some(1), message.clone()));
    let text = fs::read_to_string(&public).unwrap();
    assert_eq!(check(&["--recipient", &text]), (Some(1), message));
    assert_eq!(check(&["--recipient", &text, "--recipient", recipient]).0, Some(0));
    let (status, message) = check(&["--recipient", "age1mistyped"]);
    assert_eq!(
        (status, message.as_str()),
        (
            Some(1),
            "\"age1mistyped\" is no recipient; give age1..., ssh-ed25519 AAAA..., ssh-rsa AAAA... or the 40 digits of a PGP \
             fingerprint\n"
        )
    );
}

#[test]
fn an_identity_may_be_a_credential_of_systemd() {
    let scratch = Scratch::new();
    let wanted = with(manifest(&[secret("a", "str")]), "ageKeyFile", "%d/host-key");
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    fs::create_dir(scratch.path().join("credentials")).unwrap();
    fs::copy(corpus().join("keys/age-1.txt"), scratch.path().join("credentials/host-key")).unwrap();
    let run = |command: &mut std::process::Command| Scratch::finish(command.arg("-ignore-passwd").arg(&path));
    let without = run(&mut scratch.command());
    assert_eq!(without.status, Some(1));
    let warning = "warning: cannot read the key %d/host-key: CREDENTIALS_DIRECTORY is not set; run this as a unit with \
                   LoadCredential=\n";
    assert!(messages(&scratch, &without).starts_with(warning), "{}", without.stderr);
    let with = run(scratch.command().env("CREDENTIALS_DIRECTORY", scratch.path().join("credentials")));
    assert_eq!((with.status, with.stderr.as_str()), (Some(0), ""));
}
