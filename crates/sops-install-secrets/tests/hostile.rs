//! What others can put before the program: private keys where public ones belong, terminals' control characters, pipes and
//! devices for files, and environments in which nothing is as usual.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg, OFlag, openat};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;
use serde_json::{Value, json};
use support::{Run, Scratch, corpus, manifest, messages, secret, with};

/// A plaintext that stands in files where it does not belong.
const MARKER: &str = "correct-horse-battery";

fn identity() -> String {
    let file = fs::read_to_string(corpus().join("keys/age-1.txt")).unwrap();
    file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap().to_owned()
}

/// Nothing that was secret, and nothing that a terminal obeys, is in what was printed.
fn assert_clean(what: &str, run: &Run) {
    let key = identity();
    let body = fs::read_to_string(corpus().join("keys/ssh-ed25519")).unwrap();
    let body = body.lines().nth(1).unwrap();
    for (stream, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let lower = text.to_lowercase();
        for secret in [&key[20..40], &body[..30], &body[30..60], MARKER, "YELLOW-PLAINTEXT"] {
            assert!(!lower.contains(&secret.to_lowercase()), "{what}: {stream}: {text}");
        }
        let obeyed = text.chars().find(|&letter| letter != '\n' && letter.is_control() || letter == '\u{202e}');
        assert_eq!(obeyed, None, "{what}: {stream}: {text:?}");
        assert!(text.lines().all(|line| line.len() < 20_000), "{what}: {stream}: a line of {} bytes", text.len());
    }
}

#[test]
fn no_private_key_and_no_plaintext_that_is_read_anywhere_is_printed() {
    let scratch = Scratch::new();
    let age = format!("# created: now\n{}\n", identity());
    let lower = identity().to_lowercase();
    let ssh = fs::read_to_string(corpus().join("keys/ssh-ed25519")).unwrap();
    let escapes = format!("\x1b[31m\u{9b}2J\u{202e}\rforged: line {MARKER}\n{}", "x".repeat(100_000));
    let good = manifest(&[secret("s", "str")]);
    for (number, text) in [age.as_str(), &lower, &ssh, MARKER, &escapes, "YELLOW-PLAINTEXT\n"].into_iter().enumerate() {
        let file = scratch.write(&format!("file-{number}"), text.as_bytes()).to_str().unwrap().to_owned();
        let modes = ["-check-mode=manifest", "-check-mode=sopsfile", "-json", "-status", "-verify", "-dry-run"];
        for mode in modes {
            let run = Scratch::finish(scratch.command().args([mode, "-ignore-passwd", &file]));
            assert_clean(&format!("{number} as manifest, {mode}"), &run);
            assert_ne!(run.status, Some(0));
        }
        for field in ["ageKeyFile", "ageSshKeyPaths", "sshKeyPaths"] {
            let path = if field == "ageKeyFile" { json!(file) } else { json!([file]) };
            let wanted = with(with(good.clone(), "ageKeyFile", Value::Null), field, path);
            assert_clean(&format!("{number} as {field}"), &scratch.run(&wanted, &["-json", "-ignore-passwd"]));
        }
        for format in ["yaml", "json", "dotenv", "ini", "binary", "age"] {
            let wanted = manifest(&[with(with(secret("s", "a"), "sopsFile", file.as_str()), "format", format)]);
            for mode in ["-check-mode=sopsfile", "-dry-run"] {
                assert_clean(
                    &format!("{number} as {format}, {mode}"),
                    &scratch.run(&wanted, &[mode, "-ignore-passwd"]),
                );
            }
        }
        let template = json!({ "name": "t", "path": "%r/secrets/rendered/t", "mode": "0400", "file": file });
        let with_template =
            with(with(good.clone(), "templates", vec![template]), "placeholderBySecretName", json!({ "s": "x" }));
        assert_clean(&format!("{number} as template"), &scratch.run(&with_template, &["-check-mode=sopsfile"]));
        for options in [
            vec![format!("-recipient-file={file}")],
            vec![format!("-recipient={text}")],
            vec!["-recipient".to_owned(), format!("age1x,{text}")],
        ] {
            let short: Vec<_> = options.iter().map(|option| option.chars().take(90_000).collect::<String>()).collect();
            let arguments: Vec<_> = std::iter::once("-check-mode=recipients".to_owned()).chain(short).collect();
            let run = scratch.run(&good, &arguments);
            assert_eq!(run.status, Some(1), "{number}: {arguments:?}");
            assert_clean(&format!("{number} as recipient"), &run);
        }
        // As an argument or a value that is no file at all.
        let text: String = text.chars().take(90_000).collect();
        if !text.contains(MARKER) && !text.contains("YELLOW") {
            for arguments in [vec![text.as_str()], vec!["-check-mode", &text], vec!["a", &text]] {
                assert_clean(&format!("{number} as argument"), &Scratch::finish(scratch.command().args(arguments)));
            }
            let refused = scratch.write("refused.json", manifest(&[secret("s", "nope")]).to_string().as_bytes());
            let system = format!("-system={text}");
            let run = Scratch::finish(scratch.command().args(["-pre-switch=switch", &system]).arg(refused));
            assert_clean(&format!("{number} as system"), &run);
            assert!(run.status == Some(1) && run.stderr.contains("NIXOS_NO_CHECK"), "{}", run.stderr);
            for field in ["ageKeyFile", "gnupgHome", "symlinkPath", "secretsMountPoint", "keepGenerations", "unknown"] {
                let run = scratch.run(
                    &with(with(good.clone(), "ageKeyFile", Value::Null), field, text.as_str()),
                    &["-json", "-ignore-passwd"],
                );
                assert_clean(&format!("{number} in {field}"), &run);
            }
            for field in ["name", "key", "path", "mode", "owner", "format", "sopsFile", "restartUnits"] {
                let value = if field == "restartUnits" { json!([text]) } else { json!(text) };
                for mode in ["-dry-run", "-check-mode=sopsfile", "-json", "-status"] {
                    let run = scratch
                        .run(&manifest(&[with(secret("s", "str"), field, value.clone())]), &[mode, "-ignore-passwd"]);
                    assert_clean(&format!("{number} in {field} of a secret, {mode}"), &run);
                }
            }
            for variable in
                ["SOPS_AGE_KEY_FILE", "SOPS_AGE_KEY_CMD", "SOPS_GPG_EXEC", "GNUPGHOME", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"]
            {
                let wanted = with(good.clone(), "ageKeyFile", Value::Null);
                let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
                let run = Scratch::finish(scratch.command().env(variable, &text).arg("-ignore-passwd").arg(path));
                assert_clean(&format!("{number} in {variable}"), &run);
            }
        }
        assert_clean(
            "unknown option",
            &Scratch::finish(scratch.command().arg(format!("-recipients={}", &text[..text.len().min(9)]))),
        );
    }
}

#[test]
fn a_private_key_given_as_recipient_says_where_it_stands_and_how_to_get_the_public_one() {
    let scratch = Scratch::new();
    let key = corpus().join("keys/age-1.txt");
    let run = scratch
        .run(&manifest(&[secret("s", "str")]), &["-check-mode=recipients", "-recipient-file", key.to_str().unwrap()]);
    let text = fs::read_to_string(&key).unwrap();
    let line = text.lines().position(|line| line.starts_with("AGE-")).unwrap() + 1;
    let expected = format!(
        "CORPUS/keys/age-1.txt:{line}: this is a private key of age; give its public half, which this prints: age-keygen -y \
         CORPUS/keys/age-1.txt\n1 failure\n"
    );
    assert_eq!(messages(&scratch, &run), expected);
}

#[test]
fn names_of_secrets_reach_no_terminal_raw() {
    let scratch = Scratch::new();
    let name = "a\x1b[2J\r\nsops-install-secrets: forged";
    let wanted = manifest(&[
        secret(name, "str"),
        secret(&"long/".repeat(600).trim_end_matches('/').replace("long", "x"), "int"),
    ]);
    for arguments in [&["-dry-run"][..], &[], &["-status"], &["-status", "-json"], &["-verify"]] {
        let arguments: Vec<_> = arguments.iter().copied().chain(["-ignore-passwd"]).collect();
        let run = scratch.run(&wanted, &arguments);
        assert_eq!(run.status, Some(0), "{}", run.stderr);
        assert_clean(&format!("{arguments:?}"), &run);
        assert!(
            !format!("{}{}", run.stdout, run.stderr)
                .lines()
                .any(|line| line.starts_with("sops-install-secrets: forged"))
        );
    }
}

/// Runs it, and fails if it takes longer than a run that waits for nothing.
fn at_once(command: &mut Command) -> Run {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("it hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[test]
fn only_regular_files_of_a_size_are_read_whatever_they_are_for() {
    let scratch = Scratch::new();
    let at = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    nix::unistd::mkfifo(Path::new(&at("pipe")), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(at("socket")).unwrap();
    File::create(at("sparse")).unwrap().set_len(1 << 40).unwrap();
    let not_a_file = |what: &str| format!("it is {what}, and only a regular file is read; name one");
    for (path, reason) in [
        (at("pipe"), not_a_file("a pipe")),
        (at("socket"), not_a_file("a socket")),
        (at("run"), not_a_file("a directory")),
        ("/dev/zero".to_owned(), not_a_file("a device")),
        (at("sparse"), "MiB, the limit for such a file; name another one".to_owned()),
    ] {
        let good = manifest(&[secret("s", "str")]);
        let template = json!({ "name": "t", "path": "%r/secrets/rendered/t", "mode": "0400", "file": path });
        let templates =
            with(with(good.clone(), "templates", vec![template]), "placeholderBySecretName", json!({ "s": "x" }));
        for (what, wanted) in [
            ("use", with(good.clone(), "ageKeyFile", path.as_str())),
            ("use", with(with(good.clone(), "ageKeyFile", Value::Null), "ageSshKeyPaths", vec![path.as_str()])),
            ("use", with(with(good.clone(), "ageKeyFile", Value::Null), "sshKeyPaths", vec![path.as_str()])),
            ("read the sops file", manifest(&[with(secret("s", "str"), "sopsFile", path.as_str())])),
            ("read the text", templates),
        ] {
            let manifest = scratch.write("manifest.json", wanted.to_string().as_bytes());
            let run = at_once(scratch.command().arg("-ignore-passwd").arg(manifest));
            assert_eq!(run.status, Some(1), "{what} {path}");
            assert!(
                run.stderr.contains(&format!("cannot {what} {path}")) && run.stderr.contains(&reason),
                "{what} {path}: {}",
                run.stderr
            );
        }
        let run = at_once(scratch.command().args(["-status", &path]));
        assert!(run.status == Some(1) && run.stderr.contains(&reason), "{}", run.stderr);
        let run =
            at_once(scratch.command().args(["-check-mode=recipients", "-recipient-file", &path, &at("manifest.json")]));
        assert!(run.status == Some(1) && run.stderr.contains(&reason), "{}", run.stderr);
    }
}

#[test]
fn output_that_is_lost_is_a_failure_where_it_was_asked_for() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("s", "str")]);
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let shell = |script: &str| {
        let program = env!("CARGO_BIN_EXE_sops-install-secrets");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{program} -ignore-passwd {script} {}", "\"$0\""), path.to_str().unwrap()]);
        command.env("XDG_RUNTIME_DIR", scratch.runtime()).env("HOME", scratch.path().join("home"));
        Scratch::finish(&mut command)
    };
    for options in [
        "-dry-run",
        "-json -dry-run",
        "",
        "-json",
        "-status",
        "-json -status",
        "-json -verify",
        "-json -check-mode=manifest",
        "-help",
        "-version",
    ] {
        for redirection in [">/dev/full", ">&-", "1<\"$0\"", "1</dev/null"] {
            let run = shell(&format!("{options} {redirection}"));
            let expected = i32::from(!options.is_empty());
            assert_eq!(run.status, Some(expected), "{options} {redirection}: {}", run.stderr);
            assert_eq!(run.stderr.contains("cannot write to standard output: "), expected == 1, "{}", run.stderr);
        }
        assert_eq!(shell(&format!("{options} >/dev/null")).status, Some(0), "{options}");
    }
}

#[test]
fn who_ignores_the_end_of_children_gets_their_answers_all_the_same() {
    let scratch = Scratch::new();
    let wanted = with(manifest(&[secret("s", "str")]), "ageKeyFile", Value::Null);
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let mut command = Command::new("env");
    command
        .args(["--ignore-signal=CHLD", env!("CARGO_BIN_EXE_sops-install-secrets"), "-ignore-passwd"])
        .arg(path)
        .env("XDG_RUNTIME_DIR", scratch.runtime())
        .env("HOME", scratch.path().join("home"))
        .env("SOPS_AGE_KEY_CMD", format!("cat {}", corpus().join("keys/age-1.txt").display()));
    let run = Scratch::finish(&mut command);
    assert_eq!((run.status, &*run.stderr), (Some(0), ""));
    assert!(scratch.runtime().join("secrets/s").exists());
}

#[test]
fn a_broken_environment_ends_nothing_without_a_word() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("s", "str"), with(secret("l", "int"), "path", "%r/below/link")]);
    let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let run = Scratch::finish(scratch.command().arg0(OsStr::from_bytes(b"\xff\x1b[1m")).arg("nowhere"));
    assert_eq!(run.status, Some(1));
    assert!(run.stderr.starts_with("\u{fffd}\\u{1b}[1m: cannot read"), "{}", run.stderr);
    for directory in ["", "/", "//.", "run"] {
        let run = Scratch::finish(scratch.command().env("XDG_RUNTIME_DIR", directory).arg("-ignore-passwd").arg(&path));
        assert_eq!(run.status, Some(1), "{directory:?}: {}", run.stderr);
    }
    let run = Scratch::finish(scratch.command().env_remove("XDG_RUNTIME_DIR").arg("-ignore-passwd").arg(&path));
    assert!(run.status == Some(1) && run.stderr.contains("XDG_RUNTIME_DIR is not set"), "{}", run.stderr);
    assert!(!Path::new("/secrets.d").exists() && !Path::new("/secrets").exists());
    let shell = |limits: &str| {
        let program = env!("CARGO_BIN_EXE_sops-install-secrets");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limits}; exec {program} -ignore-passwd \"$0\"")]).arg(&path);
        Scratch::finish(command.env("XDG_RUNTIME_DIR", scratch.runtime()).env("HOME", scratch.path().join("home")))
    };
    let run = shell("ulimit -f 0");
    assert!(run.status == Some(1) && run.stderr.contains("File too large"), "{:?} {}", run.status, run.stderr);
    let run = shell("ulimit -S -s 64; umask 0177");
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        fs::read(scratch.runtime().join("below/link")).unwrap(),
        fs::read(scratch.runtime().join("secrets/l")).unwrap()
    );
}

#[test]
fn a_run_that_waits_for_another_says_so_after_two_seconds() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("s", "str")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    let file = scratch.runtime().join("secrets.d.lock");
    let lock = Flock::lock(File::open(&file).unwrap(), FlockArg::LockExclusive).unwrap();
    let manifest = scratch.write("manifest.json", wanted.to_string().as_bytes());
    let mut child = scratch.command().arg("-ignore-passwd").arg(manifest).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = vec![0; 4096];
    let begun = Instant::now();
    let length = child.stderr.as_mut().unwrap().read(&mut line).unwrap();
    assert!(begun.elapsed() > Duration::from_secs(1), "too early");
    let line = String::from_utf8_lossy(&line[..length]).into_owned();
    assert!(line.contains(&format!("waiting for another run, which holds {}\n", file.display())), "{line}");
    drop(lock);
    assert!(child.wait().unwrap().success());
}

#[test]
fn who_does_not_read_what_a_run_prints_keeps_no_other_run_waiting() {
    let scratch = Scratch::new();
    let right = manifest(&[secret("a", "str")]);
    assert_eq!(scratch.run(&right, &[""; 0]).status, Some(0));
    // More lines than a pipe holds, before anything is installed.
    let wrong: Vec<_> = (0..2000).map(|number| secret(&format!("n{number}"), &format!("no{number}"))).collect();
    let path = scratch.write("wrong.json", manifest(&wrong).to_string().as_bytes());
    let mut stuck = scratch.command().arg(&path).stderr(Stdio::piped()).spawn().unwrap();
    let unread = stuck.stderr.take().unwrap();
    let begin = Instant::now();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(scratch.run(&right, &[""; 0]).status, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(30), "{:?}", begin.elapsed());
    assert!(stuck.try_wait().unwrap().is_none(), "all of it found room");
    // Whoever reads at last gets all of it, in its order.
    let text = std::io::read_to_string(unread).unwrap();
    assert_eq!(stuck.wait().unwrap().code(), Some(1));
    let named = text.lines().filter(|line| line.contains("\"no")).count();
    assert!(
        named >= 2000 && text.lines().last().unwrap().contains("failures; nothing was changed"),
        "{named} of {text:.300}"
    );
}

#[test]
fn looks_tell_no_untruths_while_installations_overtake_them() {
    const MANY: usize = 300;
    const ALL: usize = MANY + 1;
    let scratch = Scratch::new();
    // As many as keep a look at work while a generation goes.
    let link = |key: &str| {
        let many = (0..MANY).map(|number| secret(&format!("s{number}"), key));
        manifest(&many.chain([with(secret("l", key), "path", "%r/link")]).collect::<Vec<_>>())
    };
    let [one, two] = [("one.json", "str"), ("two.json", "multi")]
        .map(|(name, key)| scratch.write(name, link(key).to_string().as_bytes()));
    let install = |path: &Path| Scratch::finish(scratch.command().arg("-ignore-passwd").arg(path)).status;
    assert_eq!(install(&one), Some(0));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..40 {
                assert_eq!((install(&two), install(&one)), (Some(0), Some(0)));
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let run = Scratch::finish(scratch.command().args(["-ignore-passwd", "-status"]).arg(&one));
            assert_eq!(run.status, Some(0), "{}", run.stderr);
            assert!(run.stdout.contains("all is as the manifest says"), "{}", run.stdout);
            // One of the two is installed, and nothing in between.
            let run = Scratch::finish(scratch.command().args(["-ignore-passwd", "-verify"]).arg(&one));
            let different = run.stderr.matches("its content differs").count();
            assert!(matches!((run.status, different), (Some(0), 0) | (Some(1), ALL)), "{}", run.stderr);
            assert!(
                !run.stderr.contains("nothing is installed") && !run.stderr.contains("not installed"),
                "{}",
                run.stderr
            );
        }
    });
}

#[test]
fn a_mistyped_field_is_named_and_fails_the_checks() {
    let scratch = Scratch::new();
    let mut wanted = manifest(&[with(with(secret("s", "str"), "sopsFileHash", "x"), "neededForUsers", false)]);
    wanted["secret"] = json!([]);
    wanted["secrets"][0]["restartUnit"] = json!(["a.service"]);
    wanted["loging"] = json!({});
    wanted["zzz"] = json!(1);
    wanted["_note"] = json!("x");
    let expected = [
        "the field \"secret\" is not known (did you mean \"secrets\"?); correct or remove it",
        "secret \"s\": the field \"restartUnit\" is not known (did you mean \"restartUnits\"?); correct or remove it",
        "the field \"loging\" is not known (did you mean \"logging\"?); correct or remove it",
        "the field \"zzz\" is not known; correct or remove it",
    ];
    for (mode, status) in [
        ("-check-mode=manifest", 1),
        ("-check-mode=sopsfile", 1),
        ("-dry-run", 0),
        ("-check-mode=off", 0),
        ("-status", 0),
    ] {
        let run = scratch.run(&wanted, &[mode, "-ignore-passwd"]);
        assert_eq!(run.status, Some(status), "{mode}: {}", run.stderr);
        for words in expected {
            assert!(run.stderr.contains(words), "{mode}: {words}: {}", run.stderr);
        }
        assert_eq!(run.stderr.lines().count(), 4 + usize::from(status == 1), "{}", run.stderr);
    }
    assert!(scratch.runtime().join("secrets/s").exists());
}

#[test]
fn a_dry_run_says_always_what_would_change_links_and_failures_included() {
    let scratch = Scratch::new();
    let at = |name: &str| scratch.runtime().join(name);
    let linked = |name: &str, key: &str| with(secret(name, key), "path", format!("%r/links/{name}"));
    let wanted = manifest(&[linked("a", "str"), linked("b", "int"), linked("c", "int")]);
    fs::create_dir(at("links")).unwrap();
    std::os::unix::fs::symlink("/elsewhere", at("links/b")).unwrap();
    fs::create_dir(at("links/c")).unwrap();
    let dry = |wanted: &Value| {
        let run = scratch.run(wanted, &["-dry-run", "-ignore-passwd"]);
        (run.status, run.stdout.replace(scratch.runtime().to_str().unwrap(), "RUN"), messages(&scratch, &run))
    };
    let expected = "would add secrets: a, b, c\nwould add link: RUN/links/a\n\
                    would replace link: RUN/links/b, which leads to /elsewhere\n\
                    would replace an empty directory by a link: RUN/links/c\n";
    assert_eq!(dry(&wanted), (Some(0), expected.to_owned(), String::new()));
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    assert_eq!(dry(&wanted), (Some(0), "nothing would change\n".to_owned(), String::new()));
    fs::remove_file(at("links/a")).unwrap();
    fs::remove_file(at("links/b")).unwrap();
    fs::write(at("links/b"), "of somebody else").unwrap();
    let (status, stdout, stderr) = dry(&wanted);
    assert_eq!((status, stdout.as_str()), (Some(1), "would add link: RUN/links/a\n"));
    let advice = "links/b is a file and no link to it; move it away before this is installed";
    assert!(stderr.contains(advice), "{stderr}");
    // To install again would not help either.
    assert!(messages(&scratch, &scratch.run(&wanted, &["-verify", "-ignore-passwd"])).contains(advice));
    let run = scratch.run(&wanted, &["-status", "-ignore-passwd"]);
    assert!(run.stdout.contains(advice), "{}", run.stdout);
    if !nix::unistd::geteuid().is_root() {
        // What cannot be listed may hold something. Root can list it.
        fs::remove_file(at("links/b")).unwrap();
        fs::create_dir_all(at("links/b/precious")).unwrap();
        fs::set_permissions(at("links/b"), fs::Permissions::from_mode(0o300)).unwrap();
        let (status, stdout, stderr) = dry(&wanted);
        fs::set_permissions(at("links/b"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!((status, stdout.as_str()), (Some(1), "would add link: RUN/links/a\n"));
        assert!(stderr.contains("links/b is a directory and no link to it"), "{stderr}");
    }
}

#[test]
fn a_dry_run_says_that_only_directories_would_change() {
    let scratch = Scratch::new();
    let wanted = manifest(&[secret("d/s", "str")]);
    assert_eq!(scratch.run(&wanted, &["-ignore-passwd"]).status, Some(0));
    fs::set_permissions(scratch.runtime().join("secrets.d/1/d"), fs::Permissions::from_mode(0o700)).unwrap();
    let run = scratch.run(&wanted, &["-dry-run", "-ignore-passwd"]);
    let expected = "would make a new generation, in which a directory or link differs\n";
    assert_eq!((run.status, &*run.stdout, &*run.stderr), (Some(0), expected, ""));
}

#[test]
fn directories_deeper_than_any_path_end_in_words() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run(&manifest(&[secret("a", "str")]), &["-ignore-passwd"]).status, Some(0));
    let generation = scratch.runtime().join("secrets.d/1");
    let mut directory = File::open(&generation).unwrap();
    for _ in 0..5_000 {
        nix::sys::stat::mkdirat(&directory, "d", Mode::S_IRWXU).unwrap();
        directory = File::from(openat(&directory, "d", OFlag::O_DIRECTORY, Mode::empty()).unwrap());
    }
    // As services of systemd and many containers have it.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let wanted = manifest(&[secret("a", "int")]);
    let mut runs = Vec::new();
    for limit in [1024, most] {
        let path = scratch.write("manifest.json", wanted.to_string().as_bytes());
        for action in ["-dry-run", "-status", "-verify", "-ignore-passwd", "-remove"] {
            let mut command = Command::new("/bin/sh");
            let script = format!("ulimit -n {limit}; exec \"$0\" {action} \"$1\"");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_sops-install-secrets")]).arg(&path);
            runs.push((limit, action, Scratch::finish(command.env("XDG_RUNTIME_DIR", scratch.runtime()))));
        }
    }
    // It goes through all of them, other than what removes the folder of a test that fails.
    assert!(Command::new("rm").arg("-r").arg(generation.join("d")).status().unwrap().success());
    for (limit, action, run) in runs {
        assert_eq!(run.status, Some(1), "{limit} {action}");
        let said = run.stderr.get(..200).unwrap_or(&run.stderr);
        assert!(
            said.contains("cannot open the directory ") || said.contains("cannot list "),
            "{limit} {action}: {said}"
        );
    }
}

#[test]
fn a_small_stack_is_made_larger_or_refused_in_words() {
    for limit in [160, 256, 512] {
        let mut command = Command::new("/bin/sh");
        let script = format!("ulimit -s {limit}; exec \"$0\" -version");
        let output = command.args(["-c", &script, env!("CARGO_BIN_EXE_sops-install-secrets")]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // Who may raise a hard limit does.
        let is_refused = output.status.code() == Some(1)
            && said.contains(&format!("the stack is limited to {limit} KiB, which is too little"));
        assert!(output.status.code() == Some(0) || is_refused, "{limit}: {said}");
    }
}
