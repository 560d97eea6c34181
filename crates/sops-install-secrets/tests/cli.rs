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
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use serde_json::json;
use support::{Scratch, corpus, manifest, messages, secret, with};

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
    let lost = "warning: secret \"everything\": CORPUS/sops/key-string/in.yaml: the text of the key \"lead\" has several lines and \
                begins with a tab, and sops prints null in its place, or fails if a comment is at it; ask for its value by its \
                key, or begin it with another character\n";
    assert_eq!((messages(&scratch, &run).as_str(), run.stdout.as_str(), run.status), (lost, "", Some(0)));
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
fn a_wrong_call_is_told_where_there_is_no_room_for_it_yet() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let mut filled = 0;
    while let Ok(written) = writer.write(b"x") {
        filled += written;
    }
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let mut child = Scratch::new().command().arg("-nonsense").stderr(writer).spawn().unwrap();
    // Until it waits, or has ended without a word.
    std::thread::sleep(Duration::from_millis(200));
    let mut said = String::new();
    reader.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(said[filled..].contains("nonsense"), "{}", &said[filled..]);
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
    let disk = tempfile::tempdir_in("/var/tmp").unwrap();
    let wanted = scratch.write("manifest.json", manifest(&[secret("a", "str")]).to_string().as_bytes());
    let mut command = scratch.command();
    let run = Scratch::finish(command.env("XDG_RUNTIME_DIR", disk.path()).arg("-ignore-passwd").arg(wanted));
    assert_eq!(run.status, Some(0));
    // Some machines have even this in memory.
    let kind = nix::sys::statfs::statfs(disk.path()).unwrap().filesystem_type();
    let warned = run.stderr.contains("secrets.d is on a disk, where secrets outlive the session; let XDG_RUNTIME_DIR");
    assert_eq!(warned, kind != nix::sys::statfs::TMPFS_MAGIC, "{}", run.stderr);
    assert!(fs::read_link(disk.path().join("secrets")).unwrap().ends_with("secrets.d/1"));
}

#[test]
fn a_user_has_no_log_of_changes_and_units_that_are_not_asked_for_are_named_until_they_are() {
    let scratch = Scratch::new();
    let asked = scratch.path().join("asked");
    let stub = scratch.write("bin/systemctl", format!("#!/bin/sh\necho \"$*\" >>{}\n", asked.display()).as_bytes());
    fs::set_permissions(stub, fs::Permissions::from_mode(0o755)).unwrap();
    let warning = "warning: SOPS_RESTART_UNITS_VIA_SYSTEMCTL is not 1, so units are not asked for; do so with: \
                   systemctl --user restart a.service\n";
    for (key, variable, said) in [("str", "", ""), ("multi", "", warning), ("multi", "", warning), ("multi", "1", "")] {
        let changing = with(secret("a", key), "restartUnits", vec!["a.service"]);
        let wanted = with(manifest(&[changing]), "logging", json!({ "secretChanges": true, "keyImport": false }));
        let wanted = scratch.write("manifest.json", wanted.to_string().as_bytes());
        let mut command = scratch.command();
        command.env("PATH", scratch.path().join("bin")).env("SOPS_RESTART_UNITS_VIA_SYSTEMCTL", variable);
        let run = Scratch::finish(command.arg("-ignore-passwd").arg(wanted));
        assert_eq!((run.status, run.stdout.as_str(), messages(&scratch, &run).as_str()), (Some(0), "", said));
        assert_eq!(asked.exists(), variable == "1");
    }
    assert_eq!(fs::read_link(scratch.runtime().join("secrets")).unwrap(), scratch.runtime().join("secrets.d/2"));
    assert_eq!(fs::read_to_string(asked).unwrap(), "--user --no-block try-restart -- a.service\n");
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
        ("cannot read the manifest nowhere.json: there is no such file\n1 failure; nothing was changed\n", Some(1))
    );
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
        assert_eq!(run.stderr.lines().count(), usize::from(status != 0) * 3, "{}", run.stderr);
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
fn an_identity_may_be_a_credential_of_systemd() {
    let scratch = Scratch::new();
    let wanted = with(manifest(&[secret("a", "str")]), "ageKeyFile", "%d/host-key");
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    fs::create_dir(scratch.path().join("credentials")).unwrap();
    fs::copy(corpus().join("keys/age-1.txt"), scratch.path().join("credentials/host-key")).unwrap();
    let run = |command: &mut std::process::Command| Scratch::finish(command.arg("-ignore-passwd").arg(&path));
    let without = run(&mut scratch.command());
    assert_eq!(without.status, Some(1));
    let cause = "secret \"a\": CORPUS/sops/key-string/in.yaml: this host cannot use %d/host-key (CREDENTIALS_DIRECTORY is not \
                 set; run this as a unit with LoadCredential=); no identity opens it; ";
    assert!(messages(&scratch, &without).starts_with(cause), "{}", without.stderr);
    let with = run(scratch.command().env("CREDENTIALS_DIRECTORY", scratch.path().join("credentials")));
    assert_eq!((with.status, with.stderr.as_str()), (Some(0), ""));
}
