//! The reports: the JSON document, what is installed, and whether it is as it should be.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "support/schema.rs"]
mod schema;
mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use serde_json::{Value, json};
use support::{Run, Scratch, corpus, manifest, secret, with};

/// The document that a run prints, which is of the form that the schema describes.
fn document(run: &Run) -> Value {
    let document: Value = serde_json::from_str(&run.stdout).unwrap();
    let schema = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/report.schema.json")).unwrap();
    let errors = schema::errors(&serde_json::from_slice(&schema).unwrap(), &document);
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
    assert_eq!(document["exitStatus"], json!(run.status.unwrap()));
    document
}

fn codes(notices: &Value) -> Vec<&str> {
    notices.as_array().unwrap().iter().map(|notice| notice["code"].as_str().unwrap()).collect()
}

#[test]
fn a_document_of_another_form_is_noticed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/report.schema.json");
    let form: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let scratch = Scratch::new();
    let good = document(&scratch.run(&manifest(&[secret("a", "strr")]), &["-ignore-passwd", "-json"]));
    for (place, value) in [
        ("/report", json!(2)),
        ("/action", json!("look")),
        ("/outcome", json!("perhaps")),
        ("/exitStatus", json!("1")),
        ("/generation", json!({ "number": -1, "path": "/" })),
        ("/units", json!({ "restart": [] })),
        ("/failures/0/code", json!("unheard-of")),
        ("/failures/0/line", json!(0)),
        ("/failures/0/secrets", json!(["a", 1])),
        ("/timings/0/extra", json!(1)),
    ] {
        let mut bad = good.clone();
        let (parent, field) = place.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[field] = value;
        assert!(!schema::errors(&form, &bad).is_empty(), "{place}");
    }
}

#[test]
fn an_installation_reports_its_generation_its_changes_and_its_timings() {
    let scratch = Scratch::new();
    let first = [secret("a", "str"), secret("b", "multi")];
    let report = document(&scratch.run(&manifest(&first), &["-ignore-passwd", "-json"]));
    assert_eq!((&report["action"], &report["outcome"]), (&json!("install"), &json!("installed")));
    assert_eq!(report["generation"]["number"], 1);
    assert_eq!(report["changes"]["secrets"], json!({ "added": ["a", "b"], "modified": [], "removed": [] }));
    let steps: Vec<_> =
        report["timings"].as_array().unwrap().iter().map(|timing| timing["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["manifest", "look", "identities", "decrypt", "compare", "stage", "links", "units", "prune"]);

    let report = document(&scratch.run(&manifest(&first), &["-ignore-passwd", "-json"]));
    assert_eq!((&report["outcome"], &report["generation"]["number"]), (&json!("unchanged"), &json!(1)));

    let second = [secret("a", "multi"), secret("c", "str")];
    let report = document(&scratch.run(&manifest(&second), &["-ignore-passwd", "-json", "-dry-run"]));
    assert_eq!((&report["outcome"], &report["generation"]["number"]), (&json!("would-install"), &json!(1)));
    assert_eq!(report["changes"]["secrets"], json!({ "added": ["c"], "modified": ["a"], "removed": ["b"] }));
}

#[test]
fn what_has_to_stay_where_it_is_has_a_code_of_its_own() {
    let scratch = Scratch::new();
    let at = |link: &str| {
        let place = with(secret("a", "str"), "path", format!("%r/{link}/a"));
        with(manifest(&[place]), "symlinkPath", format!("%r/{link}"))
    };
    document(&scratch.run(&at("secrets"), &["-ignore-passwd", "-json"]));
    let report = document(&scratch.run(&at("others"), &["-ignore-passwd", "-json"]));
    assert_eq!((codes(&report["warnings"]), &report["failures"]), (vec!["left-in-place"], &json!([])));
}

#[test]
fn every_failure_has_a_code_its_secrets_and_its_place() {
    let scratch = Scratch::new();
    let secrets = [
        secret("good", "str"),
        secret("absent", "strr"),
        secret("null", "nul"),
        with(secret("unread", ""), "sopsFile", "/nowhere.yaml"),
        with(secret("conflict", ""), "sopsFile", scratch.write("c.yaml", b"a: 1\n<<<<<<< HEAD\n").to_str().unwrap()),
    ];
    let run =
        scratch.run(&with(manifest(&secrets), "ageSshKeyPaths", json!(["/nowhere/key"])), &["-ignore-passwd", "-json"]);
    let report = document(&run);
    assert_eq!(
        codes(&report["failures"]),
        ["key-missing", "value-unusable", "sops-file-unreadable", "sops-file-invalid"]
    );
    assert_eq!(codes(&report["warnings"]), ["identity-unusable"]);
    assert_eq!(report["outcome"], "partly-installed");
    assert_eq!(report["failures"][0]["secrets"], json!(["absent"]));
    assert_eq!(report["failures"][0]["remedy"], Value::Null);
    let remedy = &report["failures"][1]["remedy"];
    let command = remedy["command"].as_str().unwrap();
    assert!(command.starts_with("sops edit ") && command.ends_with("in.yaml"), "{command}");
    assert!(
        report["failures"][1]["message"]
            .as_str()
            .unwrap()
            .ends_with(&format!("; {}", remedy["words"].as_str().unwrap()))
    );
    let conflict = &report["failures"][3];
    assert_eq!((&conflict["line"], &conflict["secrets"]), (&json!(2), &json!(["conflict"])));
    assert!(conflict["file"].as_str().unwrap().ends_with("c.yaml"));
    // People read the same on standard error.
    assert!(
        run.stderr.contains("there is no key \"strr\"")
            && run.stderr.ends_with("all other secrets and templates are installed\n")
    );

    let report = document(&scratch.run(&manifest(&[secret("absent", "strr")]), &["-ignore-passwd", "-json"]));
    assert_eq!((&report["outcome"], &report["generation"]["number"]), (&json!("failed"), &json!(1)));
    assert_eq!(report["changes"], Value::Null);
}

#[test]
fn every_error_with_a_way_out_has_its_remedy() {
    let scratch = Scratch::new();
    let runtime = scratch.runtime();
    let path = |below: &str| runtime.join(below).display().to_string();
    let say = |words: &str| (words.to_owned(), Value::Null);
    let run = |words: &str, command: String| (format!("{words}: {command}"), json!(command));
    let report = |manifest: &Value, options: &[&str]| document(&scratch.run(manifest, &[&["-json"], options].concat()));
    let remedies = |report: &Value| {
        let findings = ["failures", "warnings"].map(|kind| report[kind].as_array().unwrap().clone()).concat();
        let remedy = |finding: &Value| {
            let (message, remedy) = (finding["message"].as_str().unwrap(), &finding["remedy"]);
            let words = remedy["words"].as_str().unwrap_or_else(|| panic!("{message}"));
            assert_eq!(message.matches(words).count(), 1, "{message}");
            assert!(message.ends_with(&format!("; {words}")), "{message}");
            (words.to_owned(), remedy["command"].clone())
        };
        findings.iter().map(remedy).collect::<Vec<_>>()
    };

    let owned = |field: &str, name: &str| with(with(secret("a", "str"), "path", "/nowhere/a"), field, name);
    let mut of_system =
        with(manifest(&[owned("owner", "nobody-is-called-so"), owned("group", "123")]), "userMode", false);
    of_system["secrets"][1]["name"] = json!("b");
    of_system["secrets"][1]["path"] = json!("/nowhere/b");
    (of_system["secretsMountPoint"], of_system["symlinkPath"]) = (json!(path("system.d")), json!(path("system")));
    let unknown = ["declare it or correct the name", "a number goes into the field gid"];
    assert_eq!(remedies(&report(&of_system, &["-dry-run"])), unknown.map(say));
    let unless = unknown.map(|words| say(&format!("{words}, unless the switch makes it")));
    let before = remedies(&report(&of_system, &["-pre-switch=switch"]));
    // An ordinary user hears of more.
    assert!(unless.iter().all(|one| before.contains(one)), "{before:?}");

    let linked = manifest(&[with(secret("a", "str"), "path", "%r/mine")]);
    fs::write(runtime.join("mine"), "precious").unwrap();
    assert_eq!(remedies(&report(&linked, &[])), [say("move it away, then run this again")]);
    assert_eq!(remedies(&report(&linked, &["-dry-run"])), [say("move it away before this is installed")]);
    fs::write(runtime.join("secrets.d/.requests"), "no end").unwrap();
    let record = run("if that is said again, run", format!("rm {}", path("secrets.d/.requests")));
    let found = remedies(&report(&manifest(&[secret("a", "multi")]), &[]));
    assert!(found.contains(&record), "{found:?}");

    let no_file = with(secret("a", "str"), "sopsFile", path(""));
    assert_eq!(remedies(&report(&manifest(&[no_file]), &[])), [say("name one")]);
    let away = Scratch::finish(scratch.command().env("XDG_RUNTIME_DIR", "/nowhere").args(["-json", "manifest.json"]));
    assert_eq!(remedies(&document(&away)), [say("run this as a user with a session")]);
    fs::write(runtime.join("secrets/stray"), "").unwrap();
    let stray = "if it was a secret before, install once and then remove, otherwise move it away";
    assert_eq!(remedies(&report(&manifest(&[secret("a", "multi")]), &["-remove"])), [say(stray)]);
    fs::remove_file(runtime.join("secrets/stray")).unwrap();
    let other_place = with(secret("a", "str"), "path", "%r/others/a");
    let found = remedies(&report(&with(manifest(&[other_place]), "symlinkPath", "%r/others"), &[]));
    let other = run("if it is not needed any more, run", format!("rm {}", path("secrets")));
    assert_eq!(found, [other]);
}

#[test]
fn a_check_of_several_manifests_reports_what_all_of_them_change() {
    let scratch = Scratch::new();
    let one = with(manifest(&[secret("a", "str")]), "ageKeyFile", json!(corpus().join("keys/age-1.txt")));
    let other = with(with(one.clone(), "secretsMountPoint", "%r/other.d"), "symlinkPath", "%r/other");
    let at = |name: &str| with(secret(name, "str"), "path", format!("%r/other/{name}"));
    let other = with(other, "secrets", json!([at("b")]));
    scratch.run(&other, &["-ignore-passwd"]);
    let second = scratch.write("second.json", other.to_string().as_bytes());
    let third = with(other, "secrets", json!([at("c")]));
    let third = scratch.write("third.json", third.to_string().as_bytes());
    let options = ["-pre-switch=dry-activate", "-ignore-passwd", "-json"];
    let [second, third] = [&second, &third].map(|path| path.to_str().unwrap());
    let run = |more: &[&str]| {
        scratch.write("manifest.json", one.to_string().as_bytes());
        Scratch::finish(scratch.command().args(options).arg("manifest.json").args(more))
    };
    let unchanged = run(&[second]);
    assert!(unchanged.stderr.contains(&format!("nothing would change by {second}\n")), "{}", unchanged.stderr);
    let report = document(&unchanged);
    assert_eq!((&report["outcome"], &report["changes"]["secrets"]["added"]), (&json!("would-install"), &json!(["a"])));
    let report = document(&run(&[third]));
    assert_eq!(report["changes"]["secrets"], json!({ "added": ["a", "c"], "modified": [], "removed": ["b"] }));
    // Each of them has a generation of its own.
    assert_eq!(report["generation"], Value::Null);
    let options = ["-dry-run", "-ignore-passwd", "-json"];
    let report = document(&Scratch::finish(scratch.command().args(options).arg(second)));
    assert_eq!(report["generation"]["number"], json!(1));
}

#[test]
fn a_problem_of_a_manifest_a_sops_file_or_a_key_has_its_remedy() {
    let scratch = Scratch::new();
    let remedy = |manifest: Value, options: &[&str]| {
        let report = document(&scratch.run(&manifest, &[&["-json", "-ignore-passwd"], options].concat()));
        let failure = &report["failures"][0];
        let words = failure["remedy"]["words"].as_str().unwrap_or_else(|| panic!("{failure}")).to_owned();
        assert!(failure["message"].as_str().unwrap().ends_with(&format!("; {words}")), "{failure}");
        (words, failure["remedy"]["command"].clone())
    };
    let say = |words: &str| (words.to_owned(), Value::Null);
    let bad_mode = manifest(&[with(secret("a", "str"), "mode", "9")]);
    assert_eq!(remedy(bad_mode, &[]), say("write it like 0400 or 0440"));
    assert_eq!(
        remedy(with(manifest(&[]), "secret", json!([])), &["-check-mode=manifest"]),
        say("correct or remove it")
    );

    let of_file = |text: &str| {
        let file = scratch.write("f.yaml", text.as_bytes()).to_str().unwrap().to_owned();
        (manifest(&[with(secret("a", "str"), "sopsFile", file.as_str())]), file)
    };
    let place = "mend that place, or restore the file from version control";
    // No error of a reader is taken apart: this one has a semicolon of its own, and no fix.
    let (ini, _) = of_file("x\n");
    let ini = with(manifest(&[with(ini["secrets"][0].clone(), "format", "ini")]), "ageKeyFile", Value::Null);
    assert_eq!(remedy(ini, &[]), say(place));
    assert_eq!(remedy(of_file("a: [\n").0, &[]), say(place));
    assert_eq!(remedy(of_file("a:\n\t- b\n").0, &[]), say("indent with spaces"));
    let (plain, file) = of_file("a: 1\n");
    let command = format!("sops encrypt --in-place {file}");
    let words = format!("encrypt it, in the folder of .sops.yaml, with: {command}");
    assert_eq!(remedy(plain, &[]), (words, json!(command)));

    // What the options are called depends on the module.
    let key = |name: &str| json!(corpus().join("keys").join(name));
    let header = format!("age-encryption.org/v1\n-> other x\nAAAA\n--- {}\n{}", "A".repeat(43), "x".repeat(64));
    let age_file = scratch.write("f.age", header.as_bytes());
    let agenix = with(with(secret("a", ""), "sopsFile", age_file.to_str().unwrap()), "format", "age");
    let plain_of_sops = with(manifest(&[agenix]), "ageKeyFile", key("ssh-ed25519"));
    let agenix = with(plain_of_sops.clone(), "secretsMountPoint", json!("%r/agenix.d"));
    let sops = with(manifest(&[secret("a", "str")]), "ageKeyFile", key("ssh-ed25519"));
    assert_eq!(remedy(sops, &[]), say("list an SSH key in sops.age.sshKeyPaths"));
    assert_eq!(remedy(plain_of_sops, &[]), say("list an SSH key in sops.age.sshKeyPaths"));
    assert_eq!(remedy(agenix, &[]), say("list an SSH key in age.identityPaths"));
    let signs = with(
        with(manifest(&[secret("a", "str")]), "ageKeyFile", Value::Null),
        "ageSshKeyPaths",
        json!([key("ssh-ecdsa")]),
    );
    assert_eq!(remedy(signs.clone(), &[]), say("use an ed25519 or RSA key"));
    let two = with(signs, "ageSshKeyPaths", json!([key("ssh-ecdsa"), "/nowhere/key"]));
    let others = "correct the paths of the other keys, repair or restore them, then run this again";
    assert_eq!(remedy(two, &[]), say(&format!("use an ed25519 or RSA key; {others}")));
}

#[test]
fn a_manifest_that_is_wrong_or_missing_is_reported_too() {
    let scratch = Scratch::new();
    let run = Scratch::finish(scratch.command().args(["-json", "nowhere.json"]));
    assert_eq!(codes(&document(&run)["failures"]), ["manifest-unreadable"]);
    let report = document(&scratch.run(&manifest(&[with(secret("a", "str"), "mode", "9")]), &["-json"]));
    assert_eq!(codes(&report["failures"]), ["manifest-invalid"]);
    assert_eq!(report["failures"][0]["secrets"], json!(["a"]));
}

#[test]
fn a_check_reports_without_a_generation() {
    let scratch = Scratch::new();
    let report = document(&scratch.run(&manifest(&[secret("a", "str")]), &["-check-mode=sopsfile", "-json"]));
    assert_eq!((&report["action"], &report["outcome"]), (&json!("check"), &json!("checked")));
    assert_eq!(
        (&report["generation"], &report["changes"], &report["installed"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[test]
fn the_status_shows_each_file_and_what_is_not_as_it_should_be() {
    let scratch = Scratch::new();
    let secrets = [
        secret("a", "str"),
        with(secret("b", "nest/a/b"), "path", "%r/elsewhere/b"),
        with(secret("whole", ""), "mode", "0440"),
    ];
    let mut wanted = manifest(&secrets);
    wanted["templates"] =
        json!([{ "name": "conf", "path": "%r/secrets/rendered/conf", "mode": "0400", "content": "x" }]);
    wanted["placeholderBySecretName"] = json!({ "a": "<A>", "b": "<B>", "whole": "<W>" });
    let nothing = scratch.run(&wanted, &["-status"]);
    assert!(
        nothing
            .stdout
            .starts_with(&format!("nothing is installed at {}\n", scratch.runtime().join("secrets").display()))
    );
    assert_eq!(nothing.status, Some(0));
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));

    let good = scratch.run(&wanted, &["-status"]);
    assert_eq!((good.stderr.as_str(), good.status), ("", Some(0)));
    assert!(
        good.stdout.ends_with("all is as the manifest says, as far as can be seen without decrypting\n"),
        "{}",
        good.stdout
    );

    let runtime = scratch.runtime();
    fs::set_permissions(runtime.join("secrets/whole"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::remove_file(runtime.join("elsewhere/b")).unwrap();
    symlink("/etc/passwd", runtime.join("elsewhere/b")).unwrap();
    fs::remove_file(runtime.join("secrets/a")).unwrap();
    fs::write(runtime.join("secrets/stray"), "").unwrap();
    let bad = scratch.run(&wanted, &["-status"]);
    assert_eq!(bad.status, Some(0));
    let row = |name: &str| bad.stdout.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(row("a ").ends_with("it is not installed"), "{}", bad.stdout);
    assert!(row("b ").contains(" nest/a/b ") && row("b ").ends_with("b leads to /etc/passwd"), "{}", bad.stdout);
    assert!(row("whole ").ends_with("its mode is 0444 and not 0440"), "{}", bad.stdout);
    assert!(row("conf (template) ").ends_with(" ok"), "{}", bad.stdout);
    assert!(bad.stdout.contains("not in the manifest: ") && bad.stdout.contains("/secrets/stray\n"));
    assert!(
        bad.stdout
            .contains("\n3 of 4 files are not as the manifest says; install it again with: sops-install-secrets ")
    );

    let report = document(&scratch.run(&wanted, &["-status", "-json"]));
    let files = report["installed"]["files"].as_array().unwrap();
    assert_eq!(files.iter().filter(|file| file["drift"] != json!([])).count(), 3);
    assert_eq!(report["installed"]["superfluous"], json!(["stray"]));
    assert_eq!((&files[1]["link"], &files[1]["key"]), (&json!(true), &json!("nest/a/b")));
    assert_eq!(files[2]["installed"]["mode"], "0444");
    assert!(files.iter().chain([&report["installed"]]).all(|found| found["remedies"] == json!([])), "{report}");

    // What an installation would leave has its own remedy.
    fs::remove_file(runtime.join("elsewhere/b")).unwrap();
    fs::write(runtime.join("elsewhere/b"), "mine").unwrap();
    fs::write(runtime.join("secrets.d/.links"), "garbage").unwrap();
    let report = document(&scratch.run(&wanted, &["-status", "-json"]));
    let found = &report["installed"];
    let words = "move it away before this is installed";
    assert_eq!(found["files"][1]["remedies"], json!([{ "words": words, "command": null }]));
    assert!(found["files"][1]["drift"][0].as_str().unwrap().ends_with(&format!("; {words}")), "{found}");
    let command = format!("rm {}", runtime.join("secrets.d/.links").display());
    assert_eq!(found["remedies"][0]["command"], json!(command), "{found}");
}

#[test]
fn a_status_needs_no_key_and_changes_nothing() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("a", "str")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    let without_key = with(wanted, "ageKeyFile", "/nowhere");
    let run = scratch.run(&without_key, &["-status"]);
    assert_eq!((run.stderr.as_str(), run.status), ("", Some(0)));
}

#[test]
fn a_verification_fails_for_each_difference_and_changes_nothing() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("a", "str"), secret("b", "multi"), with(secret("c", "int"), "path", "%r/link/c")]);
    let verify = || document(&scratch.run(&wanted, &["-ignore-passwd", "-verify", "-json"]));
    assert_eq!(codes(&verify()["failures"]), ["missing"]);
    assert_eq!(fs::read_dir(scratch.runtime()).unwrap().count(), 0);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    assert_eq!((codes(&verify()["failures"]), &verify()["outcome"]), (vec![], &json!("checked")));

    let runtime = scratch.runtime();
    let writable = runtime.join("secrets/a");
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&writable, "changed").unwrap();
    fs::set_permissions(&writable, fs::Permissions::from_mode(0o400)).unwrap();
    fs::remove_file(runtime.join("secrets/b")).unwrap();
    fs::remove_file(runtime.join("link/c")).unwrap();
    fs::write(runtime.join("secrets/stray"), "").unwrap();
    let report = verify();
    assert_eq!(codes(&report["failures"]), ["different", "missing", "missing", "superfluous"]);
    assert_eq!(report["outcome"], "failed");
    assert_eq!(fs::read(&writable).unwrap(), b"changed");
    assert!(!runtime.join("secrets/b").exists() && !runtime.join("link/c").is_symlink());

    // What the message says helps.
    assert!(
        report["failures"][0]["message"]
            .as_str()
            .unwrap()
            .contains("its content differs; install it again with: sops-install-secrets -ignore-passwd ")
    );
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    assert_eq!(codes(&verify()["failures"]), [""; 0]);
}

#[test]
fn a_verification_of_what_cannot_be_decrypted_says_so_and_nothing_else() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("a", "str")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    let wanted = with(wanted, "ageKeyFile", "/nowhere");
    assert_eq!(codes(&document(&scratch.run(&wanted, &["-verify", "-json"]))["failures"]), ["no-identity"]);
}

#[test]
fn a_terminal_gets_colours_a_journal_gets_levels_and_all_others_plain_lines() {
    let scratch = Scratch::new();
    let wanted = with(manifest(&[secret("a", "strr")]), "ageSshKeyPaths", json!(["/nowhere/key"]));
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let program = env!("CARGO_BIN_EXE_sops-install-secrets");
    let typed = |environment: &str| {
        let mut command = std::process::Command::new("script");
        let line = format!("env {environment} {program} -ignore-passwd {}", path.display());
        command.env("XDG_RUNTIME_DIR", scratch.runtime()).args(["-qec", &line, "/dev/null"]);
        Scratch::finish(&mut command).stdout
    };
    let coloured = typed("TERM=xterm");
    assert!(coloured.contains(&format!("\x1b[1;33m{program}: warning:\x1b[0m cannot use the key")), "{coloured:?}");
    assert!(coloured.contains(&format!("\x1b[1;31m{program}:\x1b[0m secret \"a\": ")), "{coloured:?}");
    for plain in [typed("TERM=xterm NO_COLOR=1"), typed("TERM=dumb"), typed("-u TERM")] {
        assert!(plain.contains("there is no key") && !plain.contains('\x1b'), "{plain:?}");
    }

    // A pipe of ours stands in for the journal: the variable names it by device and inode.
    let line = format!(
        "{{ JOURNAL_STREAM=$(stat -Lc %d:%i /dev/stderr) {program} -ignore-passwd {0}; \
         JOURNAL_STREAM=1:2 {program} -ignore-passwd {0}; }} 2>&1 | cat",
        path.display()
    );
    let mut command = std::process::Command::new("sh");
    let output = Scratch::finish(command.env("XDG_RUNTIME_DIR", scratch.runtime()).args(["-c", &line])).stdout;
    let starts: Vec<_> = output.lines().map(|line| line.split(program).next().unwrap()).collect();
    assert_eq!(starts, ["<3>", "<4>", "<3>", "", "", ""], "{output}");
}
