//! What to encrypt to: for the keys of a host, and for those of others.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};
use support::{Run, Scratch, corpus, manifest, secret, with};

/// What is said of the two names of an ed25519 key.
const EITHER: &str =
    "one of these is enough: age1... if sops-nix is to open it too, ssh-ed25519 ... if sops is to, with the key itself";
/// What ssh-to-age derives of the ed25519 key.
const DERIVED: &str = "age1cq5w2vlg0jfkavrz66eswk8f3dm4kp0efsndavw4x4smn7un0v8qc3fvgs";

fn key(name: &str) -> String {
    fs::read_to_string(corpus().join("keys").join(name)).unwrap().trim().to_owned()
}

/// A public key without its comment.
fn bare(name: &str) -> String {
    key(name).split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn recipients(scratch: &Scratch, arguments: &[&str], input: &str) -> Run {
    let mut command = scratch.command();
    command.arg("-recipients").args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever fails before has not read it.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_public_key_gives_what_goes_into_the_rules_of_sops() {
    let scratch = Scratch::new();
    let path = corpus().join("keys/ssh-ed25519.pub").display().to_string();
    let (ed25519, rsa) = (bare("ssh-ed25519.pub"), bare("ssh-rsa.pub"));
    let both = format!("- {DERIVED}\n- {ed25519}\n");
    let words: Vec<_> = key("ssh-ed25519.pub").split(' ').map(str::to_owned).collect();
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let scanned = format!("# h:22 SSH-2.0\nh {rsa}\nh ecdsa-sha2-nistp256 AAAA\nh {ed25519}\n[g]:22 {rsa}\n");
    for (arguments, input, expected) in [
        (vec![path.as_str()], "", format!("# {path}: {EITHER}\n{both}")),
        (vec![&*key("ssh-ed25519.pub")], "", format!("# {EITHER}\n{both}")),
        (words, "", format!("# {EITHER}\n{both}")),
        (vec![DERIVED], "", format!("- {DERIVED}\n")),
        (vec![&*format!("h,192.0.2.1 {ed25519}")], "", format!("# {EITHER}\n{both}")),
        (vec!["-"], &scanned, format!("# h: {EITHER}\n- {DERIVED}\n- {rsa}\n- {ed25519}\n# [g]:22\n- {rsa}\n")),
    ] {
        let run = recipients(&scratch, &arguments, input);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str(), run.status), (expected.as_str(), "", Some(0)));
    }
    let run = recipients(&scratch, &["-json", &path], "");
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["identities"], json!([{ "origin": path, "recipients": [DERIVED, ed25519], "note": null }]));
}

#[test]
fn what_is_printed_is_an_item_of_a_list_and_is_taken_back() {
    let scratch = Scratch::new();
    let path = corpus().join("keys/ssh-ed25519.pub").display().to_string();
    let printed = recipients(&scratch, &[&path], "").stdout;
    let file = scratch.write("printed", printed.as_bytes()).display().to_string();
    let again = recipients(&scratch, &["-"], &printed).stdout;
    let items = |text: &str| text.lines().filter(|line| line.starts_with("- ")).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!((items(&printed).len(), items(&printed)), (2, items(&again)), "{again}");
    let mut of_host = with(secret("s", ""), "format", "json");
    of_host["sopsFile"] = json!(corpus().join("sops/recipient-json-ssh/in.json"));
    for host in [format!("-recipient-file={file}"), format!("-recipient={}", items(&printed)[1])] {
        let run = scratch.run(&manifest(&[of_host.clone()]), &["-check-mode=recipients", &host]);
        assert_eq!((run.stderr.as_str(), run.status), ("", Some(0)), "{host}");
    }
}

#[test]
fn what_is_no_public_key_is_refused_and_not_shown() {
    let scratch = Scratch::new();
    let private = corpus().join("keys/ssh-ed25519").display().to_string();
    let identity = key("age-1.txt").lines().last().unwrap().to_owned();
    let manifest = scratch.write("manifest.json", b" {\"secrets\": []}").display().to_string();
    for (arguments, input, message) in [
        (
            vec![private.as_str()],
            "",
            format!("{private}:1: this is a private key; give its public half, which is in {private}.pub"),
        ),
        (vec![&*identity], "", "-recipients: this is a private key of age".to_owned()),
        (
            vec!["-"],
            &*format!("h ssh-ed25519 AAAA\n{identity}\n"),
            "standard input:1: this SSH public key is mistyped".to_owned(),
        ),
        (vec!["-"], &identity, "standard input:1: this is a private key of age".to_owned()),
        (
            vec!["-"],
            "h ecdsa-sha2-nistp256 AAAA\n",
            "standard input:1: age cannot encrypt to an SSH key of this kind".to_owned(),
        ),
        (
            vec![&manifest],
            "",
            format!(
                "{manifest}: it looks like a manifest; the keys of this host are shown without it: sops-install-secrets \
                 -recipients"
            ),
        ),
        (vec!["-"], "", "standard input: there is no key in it".to_owned()),
        (vec!["nowhere.pub"], "", "cannot read the public key nowhere.pub: there is no such file".to_owned()),
        (vec!["/dev/zero"], "", "cannot read the public key /dev/zero: it is a device".to_owned()),
    ] {
        let run = recipients(&scratch, &arguments, input);
        assert_eq!((run.stdout.as_str(), run.status), ("", Some(1)), "{arguments:?}");
        assert!(run.stderr.contains(&message), "{message}: {}", run.stderr);
        assert!(!run.stderr.contains(identity.split_at(20).1), "{}", run.stderr);
    }
}

#[test]
fn a_status_names_the_identities_also_those_that_cannot_be_used() {
    let scratch = Scratch::new();
    let copy = |name: &str| scratch.private_copy(&corpus().join("keys").join(name), name);
    let [ed25519, rsa, stranger] = ["ssh-ed25519", "ssh-rsa", "ssh-ed25519-stranger.pub"].map(copy);
    let missing = stranger.with_extension("");
    let wanted = with(
        manifest(&[secret("a", "str")]),
        "ageSshKeyPaths",
        json!([ed25519, rsa, missing, scratch.path().join("nothing")]),
    );
    let run = scratch.run(&wanted, &["-status", "-json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let identities = report["identities"].as_array().unwrap();
    let of = |path: &std::path::Path| {
        identities.iter().find(|identity| identity["origin"] == path.display().to_string()).unwrap()
    };
    assert_eq!(of(&ed25519)["recipients"], json!([DERIVED, bare("ssh-ed25519.pub")]));
    assert_eq!(of(&rsa)["recipients"], json!([bare("ssh-rsa.pub")]));
    // Its public half beside it tells which key is missing.
    assert_eq!(of(&missing)["recipients"][1], bare("ssh-ed25519-stranger.pub"));
    assert!(of(&missing)["note"].as_str().unwrap().contains("no such file"));
    assert_eq!(of(&scratch.path().join("nothing"))["recipients"], json!([]));
    assert_eq!((report["warnings"].clone(), run.status), (json!([]), Some(0)));
    let run = scratch.run(&wanted, &["-status"]);
    assert!(run.stdout.contains(&format!("\nidentity {}: {DERIVED}\n", ed25519.display())), "{}", run.stdout);
    assert!(run.stdout.contains(&format!("\nidentity {}: an RSA key", rsa.display())), "{}", run.stdout);
}

#[test]
fn a_long_table_shows_what_differs_and_says_what_it_leaves_out() {
    let scratch = Scratch::new();
    let secrets: Vec<_> = (0..100).map(|number| secret(&format!("s{number:02}"), "str")).collect();
    let wanted = manifest(&secrets);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    for number in [50, 99] {
        fs::remove_file(scratch.runtime().join(format!("secrets/s{number}"))).unwrap();
    }
    let rows = |run: &Run| run.stdout.lines().filter(|line| line.starts_with('s')).count();
    let run = scratch.run(&wanted, &["-status"]);
    assert_eq!(rows(&run), 40);
    for name in ["s00 ", "s37 ", "s50 ", "s99 "] {
        assert!(run.stdout.lines().any(|line| line.starts_with(name)), "{name}: {}", run.stdout);
    }
    assert!(run.stdout.contains("\nand 60 more, all ok; -status -all shows them\n"), "{}", run.stdout);
    let run = scratch.run(&wanted, &["-status", "-all"]);
    assert_eq!((rows(&run), run.stdout.contains(" more")), (100, false));
}

#[test]
fn an_ordinary_user_who_has_a_manifest_of_their_own_needs_not_name_it() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("a", "str")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    let folder = scratch.path().join("config/sops-nix");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("manifest.json");
    fs::write(&path, wanted.to_string()).unwrap();
    let mut command = scratch.command();
    command.env("XDG_CONFIG_HOME", scratch.path().join("config")).arg("-status");
    let run = Scratch::finish(&mut command);
    if nix::unistd::geteuid().is_root() {
        // That of the machine is meant.
        assert!(run.stderr.contains("/etc/sops-nix/manifest.json"), "{}", run.stderr);
    } else {
        assert!(
            run.stdout.starts_with(&format!("the manifest is {}\n", path.display())),
            "{} {}",
            run.stdout,
            run.stderr
        );
        assert_eq!(run.status, Some(0));
    }
}

#[test]
fn a_check_of_recipients_is_a_check_of_the_files_too() {
    let scratch = Scratch::new();
    let recipient = "-recipient=age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr";
    for (key, status) in [("str", 0), ("nope", 1)] {
        let run = scratch.run(&manifest(&[secret("a", key)]), &["-check-mode=recipients", recipient]);
        assert_eq!(run.status, Some(status), "{key}: {}", run.stderr);
        assert_eq!(run.stderr.contains("nope"), status == 1, "{}", run.stderr);
    }
}

#[test]
fn lines_of_known_hosts_name_hosts_of_their_own() {
    let scratch = Scratch::new();
    let mut of_host = with(secret("s", ""), "format", "json");
    of_host["sopsFile"] = json!(corpus().join("sops/recipient-json-ssh/in.json"));
    let wanted = manifest(&[of_host]);
    let [host, rsa, stranger] = ["ssh-ed25519.pub", "ssh-rsa.pub", "ssh-ed25519-stranger.pub"].map(bare);
    let ecdsa = "ecdsa-sha2-nistp256 AAAA";
    for (text, expected) in [
        (format!("h {ecdsa}\nh {host}\n"), ""),
        (format!("# h:22 SSH-2.0\nh {host}\nh {rsa}\n"), ""),
        (format!("{ecdsa}\n{host}\n"), ""),
        // The other one has to open the file too.
        (format!("h {host}\ng {stranger}\n"), "but not to "),
        (format!("h {host}\ng {ecdsa}\n"), ":2: age cannot encrypt to an SSH key of this kind; give "),
        (format!("h {ecdsa}\n"), ":1: age cannot encrypt to an SSH key of this kind; give "),
        (format!("h {host}\nnonsense\n"), ":2: this is not a recipient; give "),
        (DERIVED.to_ascii_uppercase(), ":1: this age recipient is in capitals; write it in small letters\n"),
    ] {
        let file = scratch.write("hosts", text.as_bytes()).display().to_string();
        let run = scratch.run(&wanted, &["-check-mode=recipients", &format!("-recipient-file={file}")]);
        assert!(run.stderr.contains(expected), "{text}: {}", run.stderr);
        assert_eq!((run.status, run.stderr.is_empty()), (Some(i32::from(!expected.is_empty())), expected.is_empty()));
    }
}
