//! The exact text of the messages, as a person reads them.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use support::{Scratch, corpus, manifest, messages, secret, with};

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
        "secret \"a\": {file}: there is no key \"strr\" (did you mean \"str\"?)\n\
         secret \"b\": {file}: there is no key \"str/x\": \"str\" holds a string, which has no keys below it; ask for \"str\" itself\n\
         secret \"c\": {file}: the key \"nul\" is null, which has no text to install; give it a value with: sops edit {file}\n\
         secret \"d\": {file}: there is no key \"list/9\" (did you mean \"list/0\" or \"list/1\" or \"list/2\"?)\n\
         secret \"e\": {file}: there is no key \"zzzzzz\"; they are shown by: sops edit {file}\n\
         secret \"f\": {file}: there is no key \"Str\" (did you mean \"str\"?)\n\
         6 failures; no secret is installed\n"
    );
    assert_eq!(found, expected);
}

#[test]
fn a_file_without_content_is_called_empty_in_every_format() {
    let sops = " it is empty, without any sops metadata";
    let json = "1:1: it is empty, which is not JSON";
    let binary = &format!("1:1:{sops}");
    for (format, what) in [("yaml", sops), ("dotenv", sops), ("ini", sops), ("binary", binary), ("json", json)] {
        let scratch = Scratch::new();
        let file = scratch.write("empty", b"");
        let empty = with(with(secret("s", ""), "sopsFile", file.to_str().unwrap()), "format", format);
        let run = scratch.run(&manifest(&[empty]), &["-ignore-passwd"]);
        let expected = format!(
            "secret \"s\": SCRATCH/empty:{what}; restore the file from version control\n1 failure; no secret is installed\n"
        );
        assert_eq!((messages(&scratch, &run), run.status), (expected, Some(1)), "{format}");
    }
}

#[test]
fn a_user_without_a_session_and_a_template_beyond_all_measure_are_refused() {
    let scratch = Scratch::new();
    let path = scratch.write("manifest.json", manifest(&[secret("a", "str")]).to_string().as_bytes());
    let mut command = scratch.command();
    let run = Scratch::finish(command.env("XDG_RUNTIME_DIR", "/nowhere/1").arg("-ignore-passwd").arg(path));
    let expected = "XDG_RUNTIME_DIR is /nowhere/1, which is not there; run this as a user with a session\n\
                    1 failure; nothing was changed\n";
    assert_eq!((messages(&scratch, &run).as_str(), run.status), (expected, Some(1)));
    assert!(!Path::new("/nowhere").exists());
    let mut large = manifest(&[secret("a", "str")]);
    large["placeholderBySecretName"] = json!({ "a": "@" });
    // Five letters for each.
    let content = "@".repeat(14_000_000);
    large["templates"] = json!([{ "name": "t", "path": "%r/t", "mode": "0400", "content": content }]);
    let run = scratch.run(&large, &["-ignore-passwd"]);
    let expected = "template \"t\": filled, it would have 70000000 bytes, and at most 67108864 are installed; take out placeholders\n\
                    1 failure; all other secrets and templates are installed\n";
    assert_eq!((messages(&scratch, &run).as_str(), run.status), (expected, Some(1)));
}

#[test]
fn text_behind_the_manifest_is_a_warning_and_fails_a_check() {
    let scratch = Scratch::new();
    let text = format!("{}\n  }}\n", manifest(&[secret("a", "str")]));
    let path = scratch.write("manifest.json", text.as_bytes());
    let behind = "SCRATCH/manifest.json:2:3: the manifest ends before this, and what follows is not read; remove it, or see \
                  whether a bracket is misplaced\n";
    let run = Scratch::finish(scratch.command().arg("-ignore-passwd").arg(&path));
    assert_eq!((messages(&scratch, &run), run.status), (format!("warning: {behind}"), Some(0)));
    let run = Scratch::finish(scratch.command().arg("-check-mode=manifest").arg(&path));
    assert_eq!((messages(&scratch, &run), run.status), (format!("{behind}1 failure\n"), Some(1)));
}

#[test]
fn which_reading_of_integers_gave_the_mac_is_said_where_they_differ() {
    for (case, reading) in [
        ("json-3.13-large-integer", Some("exactly, as sops does since 3.13.2")),
        ("json-3.13-labelled-3.12", Some("exactly, as sops does since 3.13.2")),
        ("json-3.12-large-integer", Some("as floating-point numbers, as sops did up to 3.13.1")),
        ("json-nested", None),
    ] {
        let scratch = Scratch::new();
        let wanted = manifest(&[with(of(case, "in.json"), "format", "json")]);
        let run = scratch.run(&wanted, &["-ignore-passwd"]);
        let said = reading.map_or_else(String::new, |reading| {
            format!("CORPUS/sops/{case}/in.json: its MAC is right with integers read {reading}\n")
        });
        assert_eq!((messages(&scratch, &run), run.status), (said, Some(0)), "{case}");
    }
}

/// Every failure that the corpus has, with the first age key as the only one of the host, and what goes wrong with keys and
/// with manifests, each as it is printed, stand in `messages.txt`. After a change, `WRITE_MESSAGES=1` writes the file anew, to be read.
#[test]
fn every_message_on_a_sops_file_a_key_or_a_manifest_is_as_recorded() {
    let mut lines: Vec<String> = of_keys().into_iter().map(|(what, message)| format!("{what}: {message}")).collect();
    let mut cases: Vec<_> =
        fs::read_dir(corpus().join("sops")).unwrap().map(|case| case.unwrap().file_name()).collect();
    cases.sort();
    for case in cases {
        let case = case.to_str().unwrap();
        for (file, format) in
            [("in.yaml", "yaml"), ("in.json", "json"), ("in.env", "dotenv"), ("in.ini", "ini"), ("in.bin", "binary")]
        {
            if corpus().join("sops").join(case).join(file).exists() {
                let message = message(&manifest(&[with(of(case, file), "format", format)]));
                lines.extend(message.map(|message| format!("{case}: {message}")));
            }
        }
    }
    lines.extend(of_manifests());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    let found = lines.join("\n") + "\n";
    if std::env::var_os("WRITE_MESSAGES").is_some() {
        fs::write(&path, &found).unwrap();
    }
    let recorded = fs::read_to_string(path).unwrap();
    for (found, recorded) in found.lines().zip(recorded.lines()) {
        assert_eq!(found, recorded);
    }
    assert_eq!(found.lines().count(), recorded.lines().count());
    assert!(lines.len() > 240, "{}", lines.len());
}

/// What is said if the keys of a host are not as they should be.
fn of_keys() -> Vec<(&'static str, String)> {
    let scratch = Scratch::new();
    let key = |name: &str| corpus().join("keys").join(name).to_str().unwrap().to_owned();
    let written = |name: &str, text: &str| scratch.write(name, text.as_bytes()).to_str().unwrap().to_owned();
    let stranger = fs::read_to_string(key("age-stranger.txt")).unwrap();
    let good_line = stranger.lines().find(|line| line.starts_with("AGE-")).unwrap();
    let [age, ssh, openpgp] = ["ageKeyFile", "ageSshKeyPaths", "sshKeyPaths"];
    [
        ("no key at all", ssh, json!([])),
        ("a key that is not there", ssh, json!(["/nowhere/key"])),
        ("a key whose name is misspelt", ssh, json!([written("of a host/ssh_host_rsa_key", "").replace("rsa", "ras")])),
        (
            "a host key where there is one of another kind",
            ssh,
            json!([written("of another host/ssh_host_rsa_key", "").replace("rsa", "ed25519")]),
        ),
        ("a key with a passphrase", ssh, json!([key("ssh-ed25519-passphrase")])),
        (
            "a key with a passphrase, by a name that a shell would take apart",
            ssh,
            json!([written("it's a key", &fs::read_to_string(key("ssh-ed25519-passphrase")).unwrap())]),
        ),
        ("a key that only signs", ssh, json!([key("ssh-ecdsa")])),
        ("a public key", ssh, json!([key("ssh-ed25519.pub")])),
        ("two keys of a stranger", ssh, json!([key("ssh-ed25519"), key("ssh-rsa")])),
        ("two keys with a fault each", ssh, json!([key("ssh-ed25519-passphrase"), key("ssh-ecdsa")])),
        ("age identities in the place of an SSH key", ssh, json!([key("age-stranger.txt")])),
        ("an SSH key in the place of age identities", age, json!(key("ssh-ed25519"))),
        (
            "one good line and two bad ones",
            age,
            json!(written("1", &format!("# x\n{good_line}\n{good_line}X\nnonsense\n"))),
        ),
        ("age identities with a passphrase", age, json!(written("2", "age-encryption.org/v1\n-> scrypt x 18\n"))),
        ("no line at all", age, json!(written("3", "# none\n"))),
        ("a plugin that is not there", age, json!(written("4", "AGE-PLUGIN-NOSUCH-1QQ2P2HQK\n"))),
        ("an ed25519 key as an OpenPGP key", openpgp, json!([key("ssh-ed25519")])),
        ("a credential outside of a unit", age, json!("%d/key")),
    ]
    .into_iter()
    .map(|(what, field, value)| {
        let wanted = with(with(manifest(&[secret("s", "str")]), "ageKeyFile", Value::Null), field, value);
        (what, message(&wanted).unwrap().replace(scratch.path().to_str().unwrap(), "SCRATCH"))
    })
    .collect()
}

/// What is said of manifests, a line for each problem.
fn of_manifests() -> Vec<String> {
    let of_store = |fields: &str| format!(r#"{{"secretsMountPoint": "/d", "symlinkPath": "/s", {fields}}}"#);
    // Each is a secret or a template with these fields beside those that it needs.
    let entry = |fields: &&str| {
        let fields =
            if fields.contains("\"name\"") { (*fields).to_owned() } else { format!(r#""name": "x", {fields}"#) };
        let sops_file = if fields.contains("sopsFile") { "" } else { r#""sopsFile": "/f", "# };
        let mode = if fields.contains("mode") { "" } else { r#""mode": "0400", "# };
        format!("{{{sops_file}{mode}{fields}}}")
    };
    let secrets = |entries: &[&str]| {
        let entries: Vec<_> = entries.iter().map(entry).collect();
        of_store(&format!(r#""secrets": [{}]"#, entries.join(", ")))
    };
    let hash = "0".repeat(63);
    let rendered = |placeholders: &str, content: &str| {
        of_store(&format!(
            r#""secrets": [{{"name": "a", "sopsFile": "/f", "mode": "0400"}}, {{"name": "b", "sopsFile": "/f", "mode": "0400"}}],
            "placeholderBySecretName": {{{placeholders}}}, "templates": [{{"name": "t", "path": "/t", "mode": "0400", {content}}}]"#
        ))
        .replace('\n', " ")
        .replace("SOPS:", &format!("SOPS:{hash}"))
    };
    let both = r#""a": "<SOPS:1:PLACEHOLDER>", "b": "<SOPS:2:PLACEHOLDER>""#;
    let mut documents = [
        "",
        r#"{"a"#,
        "{\"a\n",
        r#"{"a": "\x"}"#,
        r#"{"a": "\u12"}"#,
        r#"{"a": "\ud800"}"#,
        r#"{"a": 0400}"#,
        r#"{"a": 1e999}"#,
        "{\n<<<<<<< HEAD\n",
        "[]",
        "{}",
        r#"{"secretsMountPoint": "/s/d", "symlinkPath": "/s"}"#,
        r#"{"secretsMountPoint": "/s", "symlinkPath": "/s"}"#,
        r#"{"secretsMountPoint": "/s", "symlinkPath": "/t"} }"#,
    ]
    .map(str::to_owned)
    .to_vec();
    documents.extend(
        [
            r#""secret": []"#,
            r#""secrets": [{}], "templates": [{}]"#,
            r#""keepGenerations": -1"#,
            r#""gnupgHome": "/g", "ageKeyFile": "/k""#,
        ]
        .map(of_store),
    );
    for fields in WRONG_FIELDS {
        documents.push(secrets(&[fields]));
    }
    let long = "x".repeat(300);
    for fields in [
        format!(r#""name": "{long}""#),
        format!(r#""name": "{}""#, "x/".repeat(2500)),
        format!(r#""path": "/{long}""#),
        format!(r#""path": "{}""#, "/x".repeat(2500)),
        format!(r#""restartUnits": ["{long}.service"]"#),
        format!(r#""name": "{}", "credential": true"#, "x/".repeat(130) + "x"),
    ] {
        documents.push(secrets(&[&fields]));
    }
    for two in WRONG_PAIRS {
        documents.push(secrets(&two));
    }
    let many = format!(r#""a": "{}", "b": "y""#, "y".repeat(5000));
    for (placeholders, content) in [
        (both, r#""content": "", "file": """#),
        (r#""b": "<SOPS:2:PLACEHOLDER>""#, r#""content": "x""#),
        (r#""a": "", "b": "<SOPS:2:PLACEHOLDER>""#, r#""content": "x""#),
        (r#""a": "<SOPS:2:PLACEHOLDER>", "b": "<SOPS:2:PLACEHOLDER>""#, r#""content": "x""#),
        (many.as_str(), r#""content": "x""#),
        (both, r#""content": "<SOPS:3:PLACEHOLDER>""#),
        (both, r#""content": "&lt;SOPS:1:PLACEHOLDER&gt;""#),
        (&format!(r#"{both}, "z": "<SOPS:3:PLACEHOLDER>""#), r#""content": "<SOPS:3:PLACEHOLDER>""#),
    ] {
        documents.push(rendered(placeholders, content));
    }
    documents.push(rendered(both, r#""content": "x""#).replace(r#""name": "b""#, r#""name": "rendered/b""#));
    let scratch = Scratch::new();
    let mut lines = Vec::new();
    for document in documents {
        let path = scratch.write("manifest", document.as_bytes());
        let run = Scratch::finish(scratch.command().arg("-check-mode=manifest").arg(path));
        let said = messages(&scratch, &run);
        let problems = said.lines().filter_map(|line| line.strip_prefix("SCRATCH/manifest:"));
        lines.extend(problems.map(|line| {
            format!("manifest:{line}").replace(&long, "x...").replace(&"x/".repeat(100), "x/...").replace(&hash, "")
        }));
        assert_eq!(run.status, Some(1), "{document}");
    }
    lines
}

/// Fields of a secret, each of which is wrong.
const WRONG_FIELDS: [&str; 27] = [
    r#""name": """#,
    r#""name": "/a""#,
    r#""name": "a//b""#,
    r#""name": "../a""#,
    r#""name": "\u0000""#,
    r#""mode": "0o400""#,
    r#""mode": "7777777""#,
    r#""path": """#,
    r#""path": "x""#,
    r#""path": "~/x""#,
    r#""path": "%t/x""#,
    r#""path": "/a/../b""#,
    r#""path": "/\u0000""#,
    r#""path": "/f""#,
    r#""path": "/d""#,
    r#""path": "/d/x""#,
    r#""owner": """#,
    r#""group": "a:b""#,
    r#""restartUnits": [""]"#,
    r#""restartUnits": [".service"]"#,
    r#""restartUnits": ["a@.service"]"#,
    r#""restartUnits": ["-a.service"]"#,
    r#""restartUnits": ["a b.service"]"#,
    r#""format": "html""#,
    r#""name": "a b", "credential": true"#,
    r#""format": "binary", "selectKey": true"#,
    r#""format": "ini", "selectKey": true"#,
];

/// Fields of two secrets, which are wrong together.
const WRONG_PAIRS: [[&str; 2]; 7] = [
    [r#""name": "a""#, r#""name": "a""#],
    [r#""name": "a""#, r#""name": "a/b""#],
    [r#""name": "a", "path": "/p""#, r#""name": "b", "path": "/p""#],
    [r#""name": "a", "path": "/p""#, r#""name": "b", "path": "/p/q""#],
    [r#""name": "a", "path": "/p/q""#, r#""name": "b", "path": "/p""#],
    [r#""name": "a", "format": "ini""#, r#""name": "b", "format": "json""#],
    [r#""name": "a/b", "credential": true"#, r#""name": "a-b", "credential": true"#],
];

/// What a run says, on one line and without the line that counts; nothing if it succeeds.
fn message(manifest: &Value) -> Option<String> {
    let scratch = Scratch::new();
    let path = scratch.write("manifest.json", manifest.to_string().as_bytes());
    // What gpg says depends on its version and on the machine.
    let run = Scratch::finish(scratch.command().env("SOPS_GPG_EXEC", "/nowhere/gpg").arg("-ignore-passwd").arg(path));
    (run.status != Some(0)).then(|| {
        let text = messages(&scratch, &run);
        let text = text.strip_suffix("\n1 failure; no secret is installed\n").unwrap();
        text.replace('\n', " | ")
    })
}

#[test]
fn a_command_that_prints_a_key_is_run_once_and_by_no_check() {
    let scratch = Scratch::new();
    let ran = scratch.path().join("ran");
    let of_host = with(
        with(secret("h", ""), "format", "json"),
        "sopsFile",
        corpus().join("sops/recipient-json-ssh/in.json").to_str().unwrap(),
    );
    let wanted = with(manifest(&[secret("s", "str"), secret("t", "multi"), of_host]), "ageKeyFile", Value::Null);
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let print =
        scratch.write("bin/print key", format!("#!/bin/sh\necho \"$1\" >>{}; cat \"$1\"\n", ran.display()).as_bytes());
    fs::set_permissions(&print, fs::Permissions::from_mode(0o755)).unwrap();
    let key = |name: &str| corpus().join("keys").join(name).display().to_string();
    let run = |arguments: &[&str], age: &str, ssh: &str| {
        let mut command = scratch.command();
        command.env("PATH", format!("{}:/usr/bin:/bin", print.parent().unwrap().display()));
        command
            .env("SOPS_AGE_KEY_CMD", age)
            .env("SOPS_AGE_SSH_PRIVATE_KEY_CMD", ssh)
            .env("SOPS_GPG_EXEC", "/nowhere/gpg");
        let run = Scratch::finish(command.args(arguments).arg("-ignore-passwd").arg(&path));
        (run.status, messages(&scratch, &run))
    };
    let age = format!("'print key' \"{}\" # a comment", key("age-1.txt"));
    let ssh = format!("{} {}", print.display().to_string().replace(' ', "\\ "), key("ssh-ed25519"));
    assert_eq!(run(&["-check-mode=sopsfile"], &age, &ssh), (Some(0), String::new()));
    let (status, said) = run(&["-pre-switch=switch"], &age, &ssh);
    // The switch itself may well run them, so this is not known to fail.
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("this host cannot use SOPS_AGE_KEY_CMD (a command is not run by this check)"), "{said}");
    assert!(!ran.exists());
    assert_eq!(run(&[], &age, &ssh), (Some(0), String::new()));
    assert_eq!(fs::read_to_string(&ran).unwrap(), format!("{}\n{}\n", key("age-1.txt"), key("ssh-ed25519")));
    let (status, said) = run(&[], "./print key", "'not closed");
    assert_eq!(status, Some(1));
    for reason in [
        "cannot use SOPS_AGE_KEY_CMD (the program ./print is neither a name nor an absolute path; correct the command",
        "SOPS_AGE_SSH_PRIVATE_KEY_CMD (it is no command: a quote is not closed",
    ] {
        assert!(said.contains(reason), "{said}");
    }
    // What it says on the way may be a passphrase.
    let (status, said) = run(&[], "sh -c 'echo marker-of-a-passphrase >&2; exit 3'", &ssh);
    assert_eq!(status, Some(1));
    assert!(said.contains("its command failed (exit status: 3); run the command by hand to see why"), "{said}");
    assert!(!said.contains("marker-of-a-passphrase"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_once() {
    let found = failures(&[with(secret("s", ""), "sopsFile", "/nowhere.yaml")], |_| {});
    assert_eq!(
        found,
        "secret \"s\": cannot read the sops file /nowhere.yaml: there is no such file; put it there, or correct its path in the \
         configuration\n\
         1 failure; no secret is installed\n"
    );
}

#[test]
fn a_file_of_another_format_is_recognised() {
    for (case, file, format, message) in [
        (
            "dotenv-simple",
            "in.env",
            "ini",
            "it is no file of its format; it looks like dotenv; set its format to dotenv",
        ),
        ("key-string", "in.yaml", "age", "it is no file of its format; it looks like yaml; set its format to yaml"),
        (
            "key-string",
            "in.yaml",
            "json",
            "expected {, with which a sops file in JSON starts; the file looks like yaml; set its format to yaml",
        ),
    ] {
        let scratch = Scratch::new();
        let run = scratch.run(&manifest(&[with(of(case, file), "format", format)]), &["-check-mode=sopsfile"]);
        assert_eq!(run.status, Some(1));
        assert!(messages(&scratch, &run).contains(&format!(": {message}\n")), "{}", run.stderr);
    }
    let scratch = Scratch::new();
    let age_file = scratch.write("secret.age", b"age-encryption.org/v1\n-> X25519 x\n");
    let run = scratch
        .run(&manifest(&[with(secret("s", ""), "sopsFile", age_file.to_str().unwrap())]), &["-check-mode=sopsfile"]);
    assert!(run.stderr.contains("the file looks like age; set its format to age\n"), "{}", run.stderr);
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
    { "name": "c", "path": "%r/secrets/c", "sopsFile": "f", "mode": "0400", "format": "html" }
  ],
  "secretsMountPoint": "%r/secrets.d", "symlinkPath": "secrets", "userMode": true
}"#,
    );
    for (check, last) in
        [("-check-mode=manifest", ""), ("-check-mode=sopsfile", ""), ("-check-mode=off", "; nothing was changed")]
    {
        let run = Scratch::finish(scratch.command().arg(check).arg(&path));
        assert_eq!(run.status, Some(1));
        assert_eq!(
            messages(&scratch, &run),
            format!(
                "SCRATCH/manifest.json:3:69: secret \"a\": the mode \"0o400\" is not made of octal digits; write it like 0400 or 0440\n\
             SCRATCH/manifest.json:4:15: secret number 2: the name \"../b\" has a component . or .., which could leave the secrets \
             directory; spell the path out\n\
             SCRATCH/manifest.json:5:87: secret \"c\": the format \"html\" is not known; use yaml, json, dotenv, ini, binary or age\n\
             SCRATCH/manifest.json:7:55: symlinkPath: the path \"secrets\" is relative; begin it with /\n4 failures{last}\n"
            )
        );
    }
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
         and run in its folder, with a key that opens the file: sops updatekeys CORPUS/sops/key-string/in.yaml\n1 failure\n"
    );
    assert_eq!(check(&["--recipient-file", public.to_str().unwrap()]), (Some(1), message.clone()));
    let text = fs::read_to_string(&public).unwrap();
    assert_eq!(check(&["--recipient", &text]), (Some(1), message.clone()));
    // One more host is one more that has to open everything, and one more key of a host is not.
    assert_eq!(check(&["--recipient", &text, "--recipient", recipient]), (Some(1), message));
    assert_eq!(check(&["--recipient", &format!("{},{recipient}", text.trim())]), (Some(0), String::new()));
    let both = scratch.write("both.pub", format!("# keys of one host\n{text}\n{recipient}\n").as_bytes());
    assert_eq!(check(&["--recipient-file", both.to_str().unwrap()]), (Some(0), String::new()));
    let (status, message) = check(&["--recipient", &format!("{} a, comment,{host}", text.trim())]);
    assert!(status == Some(1) && message.contains(&format!("but not to {host} or {host}; add")), "{message}");
    let (status, message) = check(&["--recipient", "age1mistyped"]);
    let expected = "-recipient: this age recipient is mistyped or truncated\n1 failure\n";
    assert_eq!((status, message.as_str()), (Some(1), expected));
    let empty = scratch.write("empty.pub", b"# none\n");
    let (_, message) = check(&["--recipient-file", empty.to_str().unwrap()]);
    assert_eq!(message, "SCRATCH/empty.pub: there is no key in it; name at least one\n1 failure\n");
}
