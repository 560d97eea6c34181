//! The program as a machine's activation runs it: with a file system of its own, owners, and units.
//!
//! Each test runs in a mount namespace of its own: as root with `unshare --mount`, as an ordinary user as root of a user
//! namespace, where no other owner exists and all is installed with `-ignore-passwd`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use support::{Run, Scratch, corpus, with};

/// A place for a system, and how it is called.
struct System {
    scratch: Scratch,
    root: bool,
}

/// Knows every unit but one, and does not want to know any private key.
const SYSTEMCTL: &str = "#!/bin/sh
echo \"$*\" >>asked
case $(env) in *AGE-SECRET-KEY-*) echo 'a private key in the environment' >&2; exit 1 ;; esac
case $* in *unknown*) echo 'Unit unknown.service not found.' >&2; exit 5 ;; esac
";

impl System {
    fn new() -> Self {
        let root = nix::unistd::geteuid().is_root();
        if !root {
            println!("NOT TESTED as an ordinary user: owners other than root");
        }
        Self { scratch: Scratch::new(), root }
    }

    /// A secret of one YAML file that holds every type.
    fn secret(&self, name: &str, key: &str) -> Value {
        json!({
            "name": name, "key": key, "path": self.path(&format!("secrets/{name}")), "mode": "0400", "format": "yaml",
            "sopsFile": corpus().join("sops/key-string/in.yaml"),
        })
    }

    fn path(&self, below: &str) -> String {
        self.scratch.path().join(below).to_str().unwrap().to_owned()
    }

    /// Writes a manifest as the NixOS module would.
    fn manifest(&self, name: &str, secrets: &[Value], templates: &[Value]) -> String {
        let placeholders: serde_json::Map<_, _> = secrets
            .iter()
            .map(|secret| secret["name"].as_str().unwrap())
            .map(|name| (name.to_owned(), json!(format!("<SOPS:{name}>"))))
            .collect();
        let manifest = json!({
            "secrets": secrets,
            "templates": templates,
            "placeholderBySecretName": placeholders,
            "secretsMountPoint": self.path("secrets.d"),
            "symlinkPath": self.path("secrets"),
            "keepGenerations": 1,
            "ageKeyFile": corpus().join("keys/age-1.txt"),
            "logging": { "keyImport": true, "secretChanges": true },
        });
        self.scratch.write(name, manifest.to_string().as_bytes()).to_str().unwrap().to_owned()
    }

    /// A manifest with this secret, and one in which its value is another one.
    fn before_and_after(&self, secret: Value) -> [String; 2] {
        let changed = with(secret.clone(), "key", "multi");
        [("before.json", secret), ("after.json", changed)].map(|(name, secret)| self.manifest(name, &[secret], &[]))
    }

    /// Runs a shell script in the namespace. `install` is the program; `list DIR` shows a tree: kind, mode, owner, path
    /// and where a link leads. What `systemctl` is asked is added to the file `asked`.
    fn script(&self, script: &str) -> Run {
        let stub = self.scratch.write("bin/systemctl", SYSTEMCTL.as_bytes());
        fs::set_permissions(stub, fs::Permissions::from_mode(0o755)).unwrap();
        let accounts = if self.root { "" } else { "-ignore-passwd" };
        let program = env!("CARGO_BIN_EXE_sops-install-secrets");
        let prelude = format!(
            "set -u; cd {}; export PATH=$PWD/bin:$PATH HOME=/var/empty\n\
             program={program} accounts={accounts}\n\
             install() {{ {program} {accounts} \"$@\"; echo \"exit $?\"; }}\n\
             list() {{ (cd \"$1\" && find . -printf '%y %m %U:%G %P %l\\n' | LC_ALL=C sort -k4 | sed 's/ *$//'); }}\n",
            self.path("")
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private"]);
        if !self.root {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", &format!("{prelude}{script}")]).env("NIXOS_ACTION", "switch");
        let mut run = Scratch::finish(&mut command);
        for text in [&mut run.stdout, &mut run.stderr] {
            *text = text.replace(&self.path(""), "/").replace(&format!("{program}: "), "");
            // What is pasted is to have the options of the run that said it.
            *text = text.replace(&format!("sops-install-secrets {accounts} "), "sops-install-secrets ");
        }
        run
    }
}

#[test]
fn a_first_activation_mounts_a_ramfs_and_gives_every_file_its_owner_and_mode() {
    let system = System::new();
    let mut shared = system.secret("db/password", "nest/a/b");
    shared["mode"] = json!("0440");
    let mut by_number = system.secret("number", "int");
    if system.root {
        (shared["owner"], shared["group"]) = (json!("nobody"), json!("nogroup"));
        (by_number["uid"], by_number["gid"]) = (json!(1234), json!(5678));
    }
    let template = json!({
        "name": "conf", "path": system.path("etc/conf"), "mode": "0644", "content": "password=<SOPS:db/password>\n",
    });
    let manifest = system.manifest("m.json", &[shared, by_number], &[template]);
    let run = system.script(&format!(
        "umask 077; install {manifest}; stat -f -c %T secrets.d; grep -c ' {} ' /proc/self/mountinfo\n\
         list secrets.d; cat secrets/db/password secrets/number etc/conf; readlink etc/conf",
        system.path("secrets.d")
    ));
    assert_eq!(run.stderr, "");
    let (directories, owner, number) = if system.root {
        // Debian has no group `keys`, so this is that of nogroup.
        ("0:65534", "65534:65534", "1234:5678")
    } else {
        ("0:0", "0:0", "0:0")
    };
    let expected = format!(
        "exit 0\nramfs\n1\nd 751 {directories}\nf 600 0:0 .links\nf 600 0:0 .stamp\nf 600 0:0 .symlinks\nd 751 {directories} 1\nd 751 {directories} 1/db\n\
         f 440 {owner} 1/db/password\nf 400 {number} 1/number\nd 751 {directories} 1/rendered\nf 644 0:0 1/rendered/conf\n\
         deep5password=deep\n/secrets/rendered/conf\n"
    );
    assert_eq!(run.stdout, expected);
}

#[test]
fn a_later_activation_logs_its_changes_and_asks_for_units_after_the_switch() {
    let system = System::new();
    let mut first = system.secret("changing", "str");
    first["restartUnits"] = json!(["a.service", "b.service"]);
    first["reloadUnits"] = json!(["c.service"]);
    let mut second = first.clone();
    second["key"] = json!("multi");
    let mut added = system.secret("added", "str");
    added["restartUnits"] = json!(["b.service", "d.service"]);
    let before =
        system.manifest("before.json", &[first, system.secret("removed", "str"), system.secret("same", "str")], &[]);
    let after = system.manifest("after.json", &[second, added, system.secret("same", "str")], &[]);
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1\n\
         install {before}; install {before}; install --dry-run {after} 2>&1; NIXOS_ACTION=dry-activate install {after} 2>&1\n\
         install {after}; install {after}; ls secrets.d"
    ));
    assert_eq!(run.stderr, "");
    let dry = "would add secret: added\nwould modify secret: changing\nwould remove secret: removed\n\
               would restart a.service\nwould restart b.service\nwould restart d.service\nwould reload c.service\nexit 0\n";
    assert_eq!(
        run.stdout,
        format!(
            "exit 0\nexit 0\n{dry}{dry}adding secret: added\nmodifying secret: changing\nremoving secret: removed\nexit 0\n\
             exit 0\n2\n"
        )
    );
}

#[test]
fn changes_are_not_logged_unless_the_manifest_wants_it() {
    let system = System::new();
    let quiet = |name: &str, key: &str| {
        let manifest = system.manifest(name, &[system.secret("a", key)], &[]);
        let mut document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
        document["logging"]["secretChanges"] = json!(false);
        fs::write(&manifest, document.to_string()).unwrap();
        manifest
    };
    let (before, after) = (quiet("before.json", "str"), quiet("after.json", "multi"));
    let run = system.script(&format!("install {before}; install {after}; ls secrets.d"));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("exit 0\nexit 0\n2\n", ""));
}

#[test]
fn units_are_asked_for_through_systemctl_and_an_unknown_one_stops_nothing() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["unknown.service", "known.service"]);
    secret["reloadUnits"] = json!(["known.service", "other.service"]);
    let [before, after] = system.before_and_after(secret);
    let key = corpus().join("keys/age-2.txt");
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1 SOPS_AGE_KEY=$(cat {})\n\
         install {before}; install {after}; readlink secrets; install {after}; cat asked; ls secrets.d",
        key.display()
    ));
    let warning = "warning: systemctl try-restart: Unit unknown.service not found; the new secrets are installed, but \
                   unknown.service has not read them: correct the name or see: systemctl status unknown.service\n";
    // Told again as long as the manifest names it, and never a failure.
    assert_eq!(run.stderr, warning.repeat(2));
    let asked = "--no-block try-restart -- unknown.service known.service\n--no-block try-reload-or-restart -- other.service\n\
         --no-block try-restart -- unknown.service\n";
    assert_eq!(run.stdout, format!("exit 0\nmodifying secret: a\nexit 0\n/secrets.d/2\nexit 0\n{asked}2\n"));
}

#[test]
fn a_unit_whose_name_the_shell_would_change_is_quoted_in_commands() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["mnt-my\\x2ddata.mount"]);
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!(
        "unset NIXOS_ACTION; mount -t tmpfs t /run; mkdir /run/nixos\n install {before}; install {after}"
    ));
    assert!(run.stderr.contains("now this does so: systemctl restart 'mnt-my\\x2ddata.mount'\n"), "{}", run.stderr);
}

#[test]
fn more_units_than_fit_into_a_command_line_are_all_asked_for() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    // Some 2.5 MB, and the kernel takes 2.
    secret["restartUnits"] = (0..10_000).map(|number| format!("{}{number:05}.service", "u".repeat(240))).collect();
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; install {before}; install {after} 2>&1 | cut -c 1-200\n\
         tr ' ' '\\n' <asked | grep -c service"
    ));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("exit 0\nmodifying secret: a\nexit 0\n10000\n", ""));
}

#[test]
fn units_of_a_user_are_asked_of_the_systemd_of_that_user() {
    let system = System::new();
    let mut before = system.secret("a", "str");
    before["restartUnits"] = json!(["mail.service"]);
    let mut after = before.clone();
    after["key"] = json!("multi");
    let before = system.manifest("before.json", &[before], &[]);
    let after = system.manifest("after.json", &[after], &[]);
    let run = system.script(&format!(
        "sed -i 's/^{{/{{\"userMode\":true,/' {before} {after}; export XDG_RUNTIME_DIR=$PWD\n\
         install {before}; install {after}; ls asked\n\
         export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; install {before}; cat asked"
    ));
    assert!(run.stdout.ends_with("--user --no-block try-restart -- mail.service\n"), "{}{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("asked': No such file"), "{}", run.stderr);
}

#[test]
fn a_template_that_changes_is_logged_and_asks_for_its_units() {
    let system = System::new();
    let secrets = [system.secret("a", "str")];
    let template = |name: &str, content: &str| {
        json!({
            "name": name, "path": system.path(&format!("secrets/rendered/{name}")), "mode": "0400", "content": content,
            "restartUnits": [format!("{name}.service")], "reloadUnits": [],
        })
    };
    let before = system.manifest("before.json", &secrets, &[template("same", "<SOPS:a>"), template("changing", "old")]);
    let after = system.manifest("after.json", &secrets, &[template("same", "<SOPS:a>"), template("changing", "new")]);
    let run = system
        .script(&format!("export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; install {before}; install {after}; cat asked"));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "exit 0\nmodifying rendered secret: changing\nexit 0\n--no-block try-restart -- changing.service\n"
    );
}

#[test]
fn a_nix_expression_that_is_left_in_a_template_is_told() {
    let system = System::new();
    system.scratch.write("text", b"password = ${config.sops.placeholder.a}\n");
    let template = json!({
        "name": "t", "path": system.path("secrets/rendered/t"), "mode": "0400", "content": "", "file": system.path("text"),
    });
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[template]);
    let run = system.script(&format!("install {manifest}; install -check-mode=sopsfile {manifest}"));
    let told = "template \"t\": its text has a Nix expression for a placeholder, which is installed as it stands";
    let [warning, failure, end] = run.stderr.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(warning.starts_with(&format!("warning: {told}")) && failure.starts_with(told), "{}", run.stderr);
    assert_eq!((end, run.stdout.as_str()), ("1 failure", "exit 0\nexit 1\n"));
}

#[test]
fn a_placeholder_in_a_secret_is_part_of_the_secret() {
    let system = System::new();
    let template = json!({
        "name": "t", "path": system.path("secrets/rendered/t"), "mode": "0400", "content": "<SOPS:a> <SOPS:b>",
    });
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), system.secret("b", "nest/a/b")], &[template]);
    let mut document: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    // The values are "hello" and "deep", so each of them holds the placeholder of one more secret.
    for (name, placeholder) in [("c", "ell"), ("d", "deep")] {
        document["secrets"].as_array_mut().unwrap().push(system.secret(name, "int"));
        document["placeholderBySecretName"][name] = json!(placeholder);
    }
    let manifest = system.scratch.write("m.json", document.to_string().as_bytes());
    let run = system.script(&format!("install {}; cat secrets/rendered/t", manifest.display()));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("exit 0\nhello deep", ""));
}

#[test]
fn a_failure_after_the_switch_does_not_stop_the_pruning() {
    let system = System::new();
    let before = system.manifest("before.json", &[system.secret("a", "str")], &[]);
    let mut linked = system.secret("a", "multi");
    linked["path"] = json!(system.path("file"));
    let after = system.manifest("after.json", &[linked], &[]);
    let run =
        system.script(&format!("echo theirs > file; install {before}; install {after} 2>/dev/null; ls secrets.d"));
    assert_eq!(run.stdout, "exit 0\nmodifying secret: a\nexit 1\n2\n");
}

#[test]
fn a_run_that_changes_nothing_succeeds_on_a_read_only_file_system() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "install {manifest}; mount -o remount,ro {}; install {manifest}; ls -A secrets.d",
        system.path("secrets.d")
    ));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("exit 0\nexit 0\n.stamp\n.symlinks\n1\n", ""));
}

#[test]
fn a_run_after_which_nothing_was_touched_changes_nothing_and_any_touch_is_noticed() {
    let system = System::new();
    let mut linked = system.secret("b", "multi");
    linked["path"] = json!(system.path("link"));
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), linked], &[]);
    let run = system.script(&format!(
        "again() {{ install {manifest}; readlink secrets link\n\
         cmp -s stamp secrets.d/.stamp && echo same; cp secrets.d/.stamp stamp; }}\n\
         again; again; rm link; again\n\
         printf jello > secrets/a; again; cat secrets/a; echo; chmod 444 secrets/b; again; stat -L -c %a secrets/b\n\
         touch secrets/new; again; rm secrets/a; again; mkdir secrets/empty; again; chmod 700 secrets/; again; again\n\
         rm secrets.d/.stamp; again; echo nonsense > secrets.d/.stamp; again",
    ));
    let after = |change: &str, generation: u32, stamp: &str| {
        format!("{change}exit 0\n/secrets.d/{generation}\n/secrets/b\n{stamp}")
    };
    let expected = [
        after("", 1, ""),
        after("", 1, "same\n"),
        after("", 1, ""),
        after("modifying secret: a\n", 2, "hello\n"),
        after("modifying secret: b\n", 3, "400\n"),
        after("removing secret: new\n", 4, ""),
        after("adding secret: a\n", 5, ""),
        after("", 6, ""),
        after("", 7, ""),
        after("", 7, "same\n"),
        // Each with a salt of its own.
        after("", 7, ""),
        after("", 7, ""),
    ];
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected.concat().as_str(), ""));
}

#[test]
fn a_run_that_has_to_compare_everything_and_finds_it_right_touches_nothing() {
    let system = System::new();
    let mut linked = system.secret("b", "multi");
    linked["path"] = json!(system.path("link"));
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), linked], &[]);
    let run = system.script(&format!(
        "look() {{ stat -c '%n %i %z' link secrets secrets.d/* secrets/*; }}; install {manifest}; look > before\n\
         rm secrets.d/.stamp; install {manifest}; look | cmp - before && echo same\n\
         rm secrets.d/.stamp; mount -o remount,ro secrets.d; install {manifest}; look | cmp - before && echo same",
    ));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("exit 0\nexit 0\nsame\nexit 0\nsame\n", ""));
}

#[test]
fn what_cannot_be_removed_refuses_no_switch() {
    let system = System::new();
    let before = system.manifest("before.json", &[system.secret("a", "str")], &[]);
    let after = system.manifest("after.json", &[system.secret("a", "multi")], &[]);
    let run = system.script(&format!(
        "install {before}; mkdir -m 700 secrets.d/7; install -pre-switch=switch {after}; install -dry-run {after}; install {after}; ls secrets.d"
    ));
    assert_eq!(run.stdout, "exit 0\nexit 0\nwould modify secret: a\nexit 1\nmodifying secret: a\nexit 1\n2\n7\n");
    assert_eq!(
        run.stderr.matches("secrets.d/7 is a directory that this program did not make").count(),
        3,
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.matches("warning: ").count(), 1, "{}", run.stderr);
}

#[test]
fn a_removal_without_a_manifest_says_that_secrets_may_be_elsewhere() {
    let system = System::new();
    let run = system.script("mount -t tmpfs none /run; install -remove");
    let expected = "nothing is installed at /run/secrets, and there is no manifest that names another place; if you have one: \
                    sops-install-secrets -remove MANIFEST\nexit 0\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn a_removal_says_where_the_symlink_leads_that_is_not_of_its_manifest() {
    let system = System::new();
    let before = system.manifest("before.json", &[system.secret("a", "str")], &[]);
    let mut elsewhere: Value = serde_json::from_str(&fs::read_to_string(&before).unwrap()).unwrap();
    elsewhere["secretsMountPoint"] = json!(system.path("new.d"));
    fs::write(system.path("after.json"), elsewhere.to_string()).unwrap();
    let run = system.script(&format!("install {before}; install -remove {}; ls secrets/", system.path("after.json")));
    let expected = "exit 0\nnothing is installed at /secrets by this manifest; it leads to /secrets.d/1\nexit 0\na\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn other_bytes_of_any_input_are_noticed_by_no_clock() {
    let system = System::new();
    let mut template = json!({ "name": "t", "path": system.path("secrets/rendered/t"), "mode": "0400" });
    template["file"] = json!(system.path("text"));
    let mut binary = system.secret("b", "");
    binary["format"] = json!("binary");
    binary["sopsFile"] = json!(system.path("sops"));
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), binary], &[template]);
    let [before, after] = ["binary-text", "binary-no-final-newline"]
        .map(|case| corpus().join("sops").join(case).join("in.bin").to_str().unwrap().to_owned());
    // Each keeps its size, and its times are set back: only the bytes tell. The second one is an image that is mounted over it.
    let run = system.script(&format!(
        "echo one > text; echo two > other; touch -r text other; cp {before} sops; install {manifest}; cmp_stamp() {{ cmp -s stamp secrets.d/.stamp && echo same; cp secrets.d/.stamp stamp; }}\n\
         cmp_stamp; install {manifest}; cmp_stamp\n\
         touch -r text times; echo two > text; touch -r times text; install {manifest}; cat secrets/rendered/t; cmp_stamp\n\
         touch -r sops times; {{ cat {after}; printf '    '; }} > sops; touch -r times sops\n\
         stat -c %s sops; stat -c %s {before}; install {manifest}; cat secrets/b; echo; cmp_stamp\n\
         echo six > other; mount --bind other text; install {manifest}; cat secrets/rendered/t; cmp_stamp\n\
         touch {manifest}; install {manifest}; cmp_stamp; SOPS_AGE_KEY_FILE=/other install {manifest}; cmp_stamp",
    ));
    assert_eq!(
        run.stdout,
        "exit 0\nexit 0\nsame\nmodifying rendered secret: t\nexit 0\ntwo\n\
         1081\n1081\nmodifying secret: b\nexit 0\nno newline at the end\n\
         modifying rendered secret: t\nexit 0\nsix\nexit 0\nsame\nexit 0\n"
    );
}

#[test]
fn a_link_by_another_name_of_the_own_places_changes_nothing() {
    let system = System::new();
    let before = system.manifest("before.json", &[system.secret("a", "str")], &[]);
    let at = |path: &str| {
        let mut linked = system.secret("b", "multi");
        linked["path"] = json!(system.path(path));
        linked
    };
    let mut script = format!("ln -s . alias; install {before}\n");
    for (number, path) in
        ["alias/secrets", "alias/secrets/b", "alias/secrets.d/b", ".secrets.d.new"].into_iter().enumerate()
    {
        let manifest = system.manifest(&format!("{number}.json"), &[system.secret("a", "str"), at(path)], &[]);
        script.extend([
            format!("install {manifest}; ls -A . secrets.d secrets/ | grep -v json | tr '\\n' ' '; "),
            "echo; readlink secrets\n".to_owned(),
        ]);
    }
    let run = system.script(&script);
    assert_eq!(run.stdout.matches("exit 1\n").count(), 4, "{}", run.stdout);
    assert_eq!(run.stdout.matches("/secrets.d/1\n").count(), 4, "{}", run.stdout);
    assert_eq!(run.stderr.matches("1 failure; nothing was changed").count(), 4, "{}", run.stderr);
    assert!(!run.stdout.contains(".new"), "{}", run.stdout);
}

#[test]
fn what_fails_is_reported_by_every_run() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), system.secret("b", "nosuch")], &[]);
    let run = system.script(&format!("install {manifest}; install {manifest}; ls secrets/"));
    assert_eq!(run.stdout, "exit 1\nexit 1\na\n");
    assert_eq!(run.stderr.matches("there is no key \"nosuch\"").count(), 2, "{}", run.stderr);
}

#[test]
fn a_secret_deep_below_directories_needs_many_handles_and_leaves_nothing_without_them() {
    let system = System::new();
    let plain = system.manifest("plain.json", &[system.secret("a", "str")], &[]);
    let name = format!("{}x", "d/".repeat(300));
    let deep = system.manifest("deep.json", &[system.secret("a", "str"), system.secret(&name, "str")], &[]);
    let run = system.script(&format!(
        "install {plain}; (ulimit -n 64; install {deep} 2>&1 | sed 's|/d/.*:||'); ls secrets.d; cat secrets/a; echo\n\
         (ulimit -S -n 64; install {deep} | tail -n 1); cat secrets/{name}; echo; install {plain} | tail -n 1; ls secrets.d"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "exit 0\ncannot open the directory /secrets.d/2 Too many open files\n\
         1 failure; nothing was changed: the secrets installed before are still in place\nexit 1\n1\nhello\nexit 0\nhello\nexit 0\n3\n"
    );
}

#[test]
fn closed_standard_streams_are_no_file_of_the_program() {
    let system = System::new();
    let before = system.manifest("before.json", &[system.secret("a", "str")], &[]);
    let after = system.manifest("after.json", &[system.secret("a", "multi")], &[]);
    let bad = system.manifest("bad.json", &[system.secret("a", "nowhere")], &[]);
    let accounts = if system.root { "" } else { "-ignore-passwd" };
    let program = env!("CARGO_BIN_EXE_sops-install-secrets");
    let run = system.script(&format!(
        "run() {{ {program} {accounts} $1; }}\n\
         run {before} <&- >&- 2>&-; echo $?; run {after} <&- >&- 2>&-; echo $?; run {bad} <&- >&- 2>&-; echo $?; cat secrets/a\n\
         ls secrets.d; run {before} >/dev/full 2>&1; echo $?; run {after} | true; cat secrets/a"
    ));
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("0\n0\n1\none\ntwo\n2\n0\none\ntwo\n", ""));
}

#[test]
fn memory_is_locked_and_not_for_core_dumps_before_a_key_is_read() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    // It can be locked without a limit, or with CAP_IPC_LOCK, of which that of a user namespace does not count.
    let capability =
        if system.root { "0x$(sed -n 's/CapEff://p' /proc/self/status | tr -d '\\t') >> 14 & 1" } else { "0" };
    let run = system.script(&format!(
        "{HELD}; hold secrets.d.lock\n\
         {program} {accounts} {manifest} 9<&- & await $!; grep 'Max core' /proc/$!/limits | tr -s ' '\n\
         lockable=$(({capability})); (ulimit -l unlimited) 2>/dev/null && lockable=1\n\
         locked=$(sed -n 's/VmLck:\\t *\\([0-9]*\\) kB/\\1/p' /proc/$!/status)\n\
         test $lockable = $((locked > 1000)) || echo lockable: $lockable, locked: $locked\n\
         kill -ABRT $!; wait $! 2>/dev/null; ls | grep core",
        program = env!("CARGO_BIN_EXE_sops-install-secrets"),
        accounts = if system.root { "" } else { "-ignore-passwd" },
    ));
    assert_eq!(run.stdout, "Max core file size 0 0 bytes \n", "{}", run.stderr);
}

#[test]
fn other_processes_of_a_user_cannot_read_the_memory() {
    let system = System::new();
    if !system.root {
        println!(
            "NOT TESTED as an ordinary user: /proc does not tell root of a user namespace whether a process is dumpable"
        );
        return;
    }
    let manifest = json!({ "userMode": true, "secretsMountPoint": "%r/secrets.d", "symlinkPath": "%r/secrets" });
    let manifest = system.scratch.write("m.json", manifest.to_string().as_bytes());
    // The files of a process in /proc are those of its user only if it can be dumped.
    let run = system.script(&format!(
        "{HELD}; chmod 755 .; mkdir of-user; export XDG_RUNTIME_DIR=$PWD/of-user; hold of-user/secrets.d.lock; chown -R 1:1 of-user\n\
         exec 8<{program}; setpriv --reuid=1 --regid=1 --clear-groups /proc/self/fd/8 -ignore-passwd {manifest} 9<&- &\n\
         await $!; stat -c %u /proc/$!/mem; kill $!",
        program = env!("CARGO_BIN_EXE_sops-install-secrets"),
        manifest = manifest.display(),
    ));
    assert_eq!(run.stdout, "0\n", "{}", run.stderr);
}

/// `hold FILE` takes the lock for which the program waits before it reads a key, `await PID` until it does.
const HELD: &str = "hold() { touch $1; chmod 600 $1; exec 9<$1; flock 9; }\n\
    await() { tries=0; until grep -q -- \"-> FLOCK.* $1 \" /proc/locks || test $((tries += 1)) -gt 200; do sleep 0.05; done; }";

#[test]
fn a_user_is_not_sent_to_root_for_what_is_the_users() {
    let system = System::new();
    if !system.root {
        println!("NOT TESTED as an ordinary user: things of other users");
        return;
    }
    let mut linked = system.secret("a", "str");
    linked["path"] = json!(system.path("home/.config/app/token"));
    let manifest = system.manifest("m.json", &[linked], &[]);
    let manifest = edited(&system, &manifest, "user.json", "userMode", json!(true));
    let manifest = edited(&system, &manifest, "user.json", "secretsMountPoint", json!("%r/secrets.d"));
    let manifest = edited(&system, &manifest, "user.json", "symlinkPath", json!("%r/secrets"));
    let run = system.script(&format!(
        "exec 8<$program; chmod 711 .; mkdir -p root home/.config run; chown 1 home run; chmod 700 root\n\
         as() {{ XDG_RUNTIME_DIR=$PWD/$1 setpriv --reuid 1 --regid 1 --clear-groups /proc/self/fd/8 -ignore-passwd {manifest} 2>&1 \
         | sed 's/^[^ ]*: //'; }}\n as root; as run"
    ));
    let [session, failed, link, left] = run.stdout.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(
        session,
        "XDG_RUNTIME_DIR is /root, which is that of another user; run this in a session of the user whose secrets these are"
    );
    assert!(failed.starts_with("1 failure"), "{failed}");
    assert_eq!(
        link,
        "secret \"a\": cannot make the directory /home/.config/app: EACCES: Permission denied; /home/.config belongs to another user; \
         take it back with: sudo chown 1 /home/.config"
    );
    assert!(left.starts_with("1 failure"), "{left}");
}

#[test]
fn units_that_a_killed_run_did_not_ask_for_are_asked_for_by_the_next_one() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["restartUnits"] = json!(["a.service", "both.service"]);
    first["reloadUnits"] = json!(["b.service"]);
    let mut second = first.clone();
    second["key"] = json!("multi");
    let mut third = system.secret("new", "str");
    third["restartUnits"] = json!(["both.service", "c.service"]);
    let before = system.manifest("before.json", std::slice::from_ref(&first), &[]);
    let after = system.manifest("after.json", &[second.clone()], &[]);
    let more = system.manifest("more.json", &[second, third], &[]);
    // It is killed by what it asks first, after the switch.
    let prelude = "mkdir of-nixos; mount --bind of-nixos /run; mkdir /run/nixos\n\
        killed() { printf '#!/bin/sh\\nkill -KILL $PPID\\n' > killer/systemctl; chmod +x killer/systemctl\n\
        (export PATH=$PWD/killer:$PATH SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; install \"$@\") 2>/dev/null; }; mkdir killer\n\
        lists() { head /run/nixos/* 2>/dev/null; rm -f /run/nixos/*; }";
    let run = system.script(&format!(
        "{prelude}; install {before}; killed {after}; cat secrets/a; echo\n\
         install --dry-run {after} 2>&1; lists; install {after}; lists; install {after}; lists; ls -A secrets.d\n\
         install {before}; lists; killed {after}; install {more}; lists"
    ));
    let dry = "would remove generation: /secrets.d/1\nwould restart a.service\nwould restart both.service\nwould reload b.service\nexit 0\n";
    let lists = "==> /run/nixos/activation-reload-list <==\nb.service\n\n\
                 ==> /run/nixos/activation-restart-list <==\na.service\nboth.service\n";
    let killed = "modifying secret: a\nexit 137\n";
    assert_eq!(
        run.stdout,
        format!(
            "exit 0\n{killed}one\ntwo\n\n{dry}exit 0\n{lists}exit 0\n.stamp\n.symlinks\n2\n\
             modifying secret: a\nexit 0\n{lists}{killed}adding secret: new\nexit 0\n{lists}c.service\n"
        )
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn units_are_asked_for_again_if_systemd_was_not_reached() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["one", "two.socket"]);
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; mkdir broken; install {before}\n\
         printf '#!/bin/sh\\necho Failed to connect to bus >&2; exit 1\\n' > broken/systemctl; chmod +x broken/systemctl\n\
         (PATH=$PWD/broken:$PATH; install {after}; install {after}) 2>&1; install {after}; cat asked; install {after}; cat asked",
    ));
    let failed = "systemctl try-restart one.service, two.socket: Failed to connect to bus; the new secrets are installed, restart the units by \
                  hand, or run this again\n1 failure; all secrets and templates are installed\nexit 1\n";
    let asked = "--no-block try-restart -- one.service two.socket\n";
    assert_eq!(run.stdout, format!("exit 0\nmodifying secret: a\n{failed}{failed}exit 0\n{asked}exit 0\n{asked}"));
    assert_eq!(run.stderr, "");
}

#[test]
fn a_run_by_hand_says_how_units_get_the_new_values_before_the_next_switch() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["one", "two.socket"]);
    secret["reloadUnits"] = json!(["three"]);
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!(
        "mount -t tmpfs none /run; mkdir /run/nixos; unset NIXOS_ACTION; install {before}; install {after} 2>&1; install {after}"
    ));
    assert_eq!(
        run.stdout,
        "exit 0\nmodifying secret: a\n\
         NixOS is to restart one.service two.socket at its next switch; now this does so: systemctl restart one.service two.socket\n\
         NixOS is to reload three.service at its next switch; now this does so: systemctl reload three.service\nexit 0\nexit 0\n"
    );
    assert_eq!(run.stderr, "");
}

#[test]
fn without_nixos_a_run_says_which_units_nobody_asks_for() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["one", "two.socket"]);
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!("install {before}; install {after} 2>&1; install {after} 2>&1"));
    let warning = "warning: there is no /run/nixos with the list of units that NixOS is to restart, and \
                   SOPS_RESTART_UNITS_VIA_SYSTEMCTL is not 1, so they are not asked for; do so with: systemctl restart \
                   one.service two.socket\n";
    assert_eq!(run.stdout, format!("exit 0\nmodifying secret: a\n{warning}exit 0\nexit 0\n"));
    assert_eq!(run.stderr, "");
}

#[test]
fn a_unit_that_systemd_refuses_is_a_warning_that_status_and_the_next_runs_know() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["restartUnits"] = json!(["unknown.service"]);
    let mut second = first.clone();
    second["key"] = json!("multi");
    let mut corrected = second.clone();
    corrected["restartUnits"] = json!(["known.service"]);
    let before = system.manifest("before.json", &[first], &[]);
    let after = system.manifest("after.json", &[second], &[]);
    let corrected = system.manifest("corrected.json", &[corrected], &[]);
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; install {before}\n\
         install -json {after} 2>/dev/null > report; tail -n 1 report; grep -c unit-refused report; grep exitStatus report\n\
         ls -A secrets.d; install -status {after} | grep unknown; install {after} 2>&1 | grep -c 'warning: .*unknown'\n\
         install {corrected}; install {corrected}; install -status {corrected} | grep unknown; ls -A secrets.d; cat asked"
    ));
    assert_eq!(
        run.stdout,
        "exit 0\nexit 0\n1\n  \"exitStatus\": 0,\n.requests\n.stamp\n.symlinks\n2\n\
         unknown.service has not read the new values: it was to restart, which systemd refused\n1\nexit 0\nexit 0\n.stamp\n.symlinks\n2\n\
         --no-block try-restart -- unknown.service\n--no-block try-restart -- unknown.service\n"
    );
    assert_eq!(
        run.stderr,
        "warning: unknown.service, which systemd refused to restart or reload, is not in the manifest any more; if the manifest \
         has its right name now, restart that by hand\n"
    );
}

#[test]
fn activation_lists_are_written_where_nixos_reads_them() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["restartUnits"] = json!(["a.service"]);
    first["reloadUnits"] = json!(["b.service"]);
    let mut second = first.clone();
    second["mode"] = json!("0440");
    let before = system.manifest("before.json", &[first], &[]);
    let after = system.manifest("after.json", &[second], &[]);
    let run = system.script(&format!(
        "mkdir of-nixos; mount --bind of-nixos /run && mkdir /run/nixos\n\
         install {before}; ls /run/nixos; NIXOS_ACTION=dry-activate install {after} 2>/dev/null; ls /run/nixos\n\
         (umask 077; printf open.service >/run/nixos/activation-restart-list)\n\
         install {after}; head /run/nixos/*; stat -c %a /run/nixos/*"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "exit 0\nwould modify secret: a\nexit 0\nmodifying secret: a\nexit 0\n\
         ==> /run/nixos/activation-reload-list <==\nb.service\n\n\
         ==> /run/nixos/activation-restart-list <==\nopen.service\na.service\n600\n600\n"
    );
}

#[test]
fn an_activation_list_that_is_no_file_holds_up_nothing_and_leads_nowhere() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["restartUnits"] = json!(["a.service"]);
    for (obstacle, reason) in [
        ("mkfifo /run/nixos/activation-restart-list", "it is not a regular file"),
        // Of which somebody reads.
        (
            "mkfifo /run/nixos/activation-restart-list; exec 3<>/run/nixos/activation-restart-list",
            "it is not a regular file",
        ),
        ("ln -s /run/precious /run/nixos/activation-restart-list", "Too many levels of symbolic links (os error 40)"),
        ("mkdir /run/nixos/activation-restart-list", "Is a directory (os error 21)"),
    ] {
        let mut second = first.clone();
        second["mode"] = json!("0440");
        let before = system.manifest("before.json", std::slice::from_ref(&first), &[]);
        let after = system.manifest("after.json", &[second], &[]);
        let run = system.script(&format!(
            "mkdir -p of-nixos; mount --bind of-nixos /run && rm -rf /run/nixos && mkdir /run/nixos\n\
             install {before}; {obstacle}\n$program $accounts -dry-run {after} 2>&1 | grep -c 'so NixOS will not restart'\n\
             timeout 5 $program $accounts {after}; echo exit $?; ls /run; rm -r /run/nixos/activation-restart-list\n\
             install {after}; cat /run/nixos/activation-restart-list"
        ));
        let failure = format!(
            "cannot write /run/nixos/activation-restart-list, so NixOS will not restart these units: a.service: {reason}; \
             run this again, or do so with: systemctl restart a.service\n1 failure; all secrets and templates are installed\n"
        );
        // What the C library of a static program calls it.
        let stderr = run.stderr.replace("Symbolic link loop", "Too many levels of symbolic links");
        assert_eq!(stderr, failure, "{obstacle}");
        let expected = "exit 0\n1\nmodifying secret: a\nexit 1\nnixos\nexit 0\na.service\n";
        assert_eq!(run.stdout, expected, "{obstacle}");
    }
}

#[test]
fn the_first_activation_installs_what_it_can_and_a_later_one_all_or_nothing() {
    let system = System::new();
    let good = system.secret("good", "str");
    let bad = system.secret("bad", "nowhere");
    let mut foreign = system.secret("foreign", "str");
    foreign["sopsFile"] = json!(corpus().join("sops/no-identity-stranger/in.yaml"));
    let partly = system.manifest("partly.json", &[good.clone(), bad.clone(), foreign], &[]);
    let nothing = system.manifest("nothing.json", std::slice::from_ref(&bad), &[]);
    let run = system.script(&format!(
        "install {nothing} 2>/dev/null; test -e secrets || echo none\n\
         install {partly} 2>/dev/null; list secrets/; install {partly} 2>&1 | tail -n 2; readlink secrets"
    ));
    let owner = if system.root { "0:65534" } else { "0:0" };
    assert_eq!(
        run.stdout,
        format!(
            "exit 1\nnone\nexit 1\nd 751 {owner}\nf 400 0:0 good\n\
             2 failures; nothing was changed: the secrets installed before are still in place\nexit 1\n/secrets.d/1\n"
        )
    );
}

#[test]
fn a_dry_run_mounts_and_writes_nothing() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!("find . | sort > /dev/shm/before.$$; install --dry-run {manifest}\n\
         find . | sort | diff /dev/shm/before.$$ - && echo same; rm /dev/shm/before.$$; grep -c {} /proc/self/mountinfo", system.path("secrets")));
    assert_eq!(run.stdout, "would add secret: a\nexit 0\nsame\n0\n");
    assert_eq!(run.stderr, "");
}

#[test]
fn without_an_argument_the_manifest_of_the_machine_is_read() {
    let system = System::new();
    system.manifest("etc/sops-nix/manifest.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "mkdir none; mount --bind none /etc; {program} -ignore-passwd -dry-run; mount --bind etc /etc; {program} \
         -ignore-passwd -dry-run",
        program = env!("CARGO_BIN_EXE_sops-install-secrets")
    ));
    assert_eq!(
        run.stderr,
        "cannot read the manifest of this machine, /etc/sops-nix/manifest.json: there is no such file; name another one, as in \
         sops-install-secrets MANIFEST, or see whether the module is imported and has a secret\n\
         1 failure; an installation would change nothing\n"
    );
    assert_eq!(run.stdout, "would add secret: a\n");
}

#[test]
fn a_key_below_a_file_system_that_is_not_mounted_names_it() {
    let system = System::new();
    let path = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["ageKeyFile"] = Value::Null;
    manifest["ageSshKeyPaths"] = json!([system.path("persist/ssh_host_ed25519_key")]);
    system.scratch.write("m.json", manifest.to_string().as_bytes());
    system.scratch.write("fstab", format!("/dev/x {} ext4 defaults 0 0\n", system.path("persist")).as_bytes());
    let run = system.script(&format!("touch /etc/fstab 2>/dev/null; mount --bind fstab /etc/fstab; install {path}"));
    let cause = ": this host cannot use /persist/ssh_host_ed25519_key (/persist is in /etc/fstab and is not mounted); no identity opens it; ";
    assert!(run.stderr.starts_with("secret \"a\": ") && run.stderr.contains(cause), "{}", run.stderr);
    let way_out = "; in NixOS fileSystems.\"/persist\".neededForBoot = true; mounts it before this runs; mount it now with: mount /persist\n";
    assert!(run.stderr.contains(way_out), "{}", run.stderr);
    assert_eq!(run.stdout, "exit 1\n");
}

#[test]
fn a_file_behind_a_link_or_a_mount_unit_says_what_is_not_mounted_whatever_it_is_for() {
    let system = System::new();
    let path = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let write = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        system.scratch.write(name, manifest.to_string().as_bytes()).to_str().unwrap().to_owned()
    };
    let (link, below) = (system.path("link"), system.path("data/file"));
    let manifests = [
        write("1.json", &|manifest| manifest["ageKeyFile"] = json!(link)),
        write("2.json", &|manifest| manifest["ageSshKeyPaths"] = json!([below])),
        write("3.json", &|manifest| manifest["secrets"][0]["sopsFile"] = json!(link)),
        write("4.json", &|manifest| {
            manifest["templates"] =
                json!([{ "name": "t", "path": system.path("secrets/rendered/t"), "mode": "0400", "file": below }]);
        }),
        link.clone(),
    ];
    system.scratch.write("fstab", format!("/dev/x {} ext4 defaults 0 0\n", system.path("persist")).as_bytes());
    system.scratch.write(
        "units/data.mount",
        format!("[Unit]\nBefore=local-fs.target\n[Mount]\nWhat=/x\nWhere={}\n", system.path("data")).as_bytes(),
    );
    let installs = manifests.each_ref().map(|path| format!("install -dry-run {path} >/dev/null;")).concat();
    let run = system.script(&format!(
        "touch /etc/fstab 2>/dev/null; mount --bind fstab /etc/fstab; mkdir -p own-run/systemd; mount --bind own-run /run\n\
         mv units /run/systemd/system; mkdir persist data; ln -s persist/../persist/file link\n\
         {installs} install -check-mode=recipients -recipient-file=data/file {}",
        manifests[1]
    ));
    let of_fstab = "it leads to /persist/file, and /persist is in /etc/fstab and is not mounted; in NixOS \
                    fileSystems.\"/persist\".neededForBoot = true; mounts it before this runs";
    let of_unit = "/data is not mounted yet, which data.mount does; let this run after it: RequiresMountsFor=/data";
    for expected in [
        ": this host cannot use /link (it leads to /persist/file, and /persist is in /etc/fstab and is not mounted); "
            .to_owned(),
        format!("warning: cannot use the key /data/file: {of_unit}"),
        format!("secret \"a\": cannot read the sops file /link: {of_fstab}"),
        format!("template \"t\": cannot read the text /data/file: {of_unit}"),
        format!("cannot read the manifest /link: {of_fstab}"),
        "cannot read the public key data/file: ".to_owned(),
    ] {
        assert!(run.stderr.contains(&expected), "{expected}\n{}", run.stderr);
    }
    assert_eq!(run.stderr.matches("; mount it now with: mount /persist\n").count(), 3, "{}", run.stderr);
}

#[test]
fn a_switch_is_refused_if_not_everything_can_be_decrypted_and_the_way_back_never_is() {
    let system = System::new();
    if !system.root {
        println!("NOT TESTED as an ordinary user: a machine with its own /nix");
        return;
    }
    let good = system.manifest("good.json", &[system.secret("a", "str")], &[]);
    let mut foreign = system.secret("foreign", "str");
    foreign["sopsFile"] = json!(corpus().join("sops/no-identity-stranger/in.yaml"));
    // An owner that the switch is yet to make.
    foreign["owner"] = json!("not-made-yet");
    let bad = system.manifest("bad.json", &[system.secret("a", "str"), foreign], &[]);
    let mut first: Value = serde_json::from_slice(&fs::read(&bad).unwrap()).unwrap();
    first["ageKeyFile"] = Value::Null;
    first["ageSshKeyPaths"] = json!(["/nowhere/key", "/nowhere/other"]);
    let first = system.scratch.write("first.json", first.to_string().as_bytes()).display().to_string();
    let run = system.script(&format!(
        "mkdir -p root/nix/var/nix/profiles root/nix/store/old root/nix/store/new root/nix/store/test root/nix/store/old/specialisation\n\
         ln -s /nix/store/test root/nix/store/old/specialisation/special\n\
         ln -s /nix/store/old root/nix/var/nix/profiles/system-9-link; ln -s /nix/store/new root/nix/var/nix/profiles/system-10-link\n\
         test -d /nix || mount -t tmpfs none /mnt; test -d /nix && mount --bind root/nix /nix\n\
         before() {{ find . | sort > /dev/shm/before.$$; install \"$@\"; find . | sort | diff /dev/shm/before.$$ -; rm /dev/shm/before.$$; }}\n\
         echo '# good'; before -pre-switch= -system= {good}; before -pre-switch=switch -system=/nix/store/new {good} {first}\n\
         for action in switch test check other ''; do echo \"# $action\"; before -pre-switch=$action -system=/nix/store/new {good} {bad} 2>&1; done\n\
         for action in boot dry-activate; do echo \"# $action\"; before -pre-switch=$action -system=/nix/store/new {bad} 2>&1; done\n\
         echo '# dry'; before -pre-switch=dry-activate {good} 2>&1; install {good}; before -pre-switch=dry-activate {bad} 2>&1\n\
         for system in old old/specialisation/special; do echo '# back'; before -pre-switch=switch -system=/nix/store/$system {bad} {good} 2>&1; done\n\
         echo '# back to good'; before -pre-switch=switch -system=/nix/store/old {good} 2>&1"
    ));
    if !Path::new("/nix").is_dir() {
        println!("NOT TESTED without /nix: the way back");
        return;
    }
    assert_eq!(run.stderr, "");
    let no = "secret \"foreign\": ";
    let not_yet = "warning: secret \"foreign\": there is no user \"not-made-yet\"; declare it or correct the name, \
                   unless the switch makes it";
    let sections: Vec<(&str, &str)> =
        run.stdout.split("# ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
    assert_eq!(sections[0], ("good", "exit 0\nexit 0\n"));
    for (action, said) in &sections[1..6] {
        let lines: Vec<_> = said.lines().collect();
        assert!(lines.len() == 4 && lines[0].starts_with(no), "{action}: {said}");
        assert_eq!(lines[1], not_yet, "{action}");
        let again = if *action == "test" { "test" } else { "switch" };
        let last = format!(
            "1 failure; the switch is refused and nothing was changed; to switch all the same, run it again with \
             NIXOS_NO_CHECK=1 in its environment, or as root: NIXOS_NO_CHECK=1 \
             /nix/store/new/bin/switch-to-configuration {again}"
        );
        assert_eq!(lines[2..], [&*last, "exit 1"], "{action}");
    }
    let (_, boot) = sections[6];
    assert!(boot.starts_with(&format!("warning: {no}")) && boot.ends_with("\nexit 0\n"), "{boot}");
    assert_eq!(boot.lines().count(), 2, "{boot}");
    let (_, dry) = sections[7];
    assert!(dry.starts_with(&format!("warning: {no}")) && dry.ends_with("\nwould add secret: a\nexit 0\n"), "{dry}");
    let (_, dry) = sections[8];
    assert!(dry.starts_with("would add secret: a\nexit 0\nexit 0\nwarning: ") && dry.ends_with("\nexit 0\n"), "{dry}");
    for (_, back) in &sections[9..11] {
        let warning = "warning: this is the way back to generation 9 of the system; the secrets that it cannot open stay as they \
                       are installed now; to see which: sops-install-secrets -dry-run /bad.json\nexit 0\n";
        assert_eq!(*back, warning);
    }
    assert_eq!(sections[11], ("back to good", "exit 0\n"));
}

#[test]
fn a_key_that_is_gone_refuses_the_switch_once_something_is_installed() {
    let system = System::new();
    let good = system.manifest("good.json", &[system.secret("a", "str")], &[]);
    let gone = edited(&system, &good, "gone.json", "ageKeyFile", json!("/nowhere/key"));
    let run = system.script(&format!(
        "look() {{ install -pre-switch=switch {gone} 2>&1 | grep -o -e 'secret \"a\": .*: this host cannot use /nowhere/key' -e exit.*; }}\n\
         look; install {good}; look; install -remove {good}; look"
    ));
    let refused = "secret \"a\": /corpus/sops/key-string/in.yaml: this host cannot use /nowhere/key";
    let run_stdout = run.stdout.replace(&corpus().display().to_string(), "/corpus");
    assert!(run_stdout.starts_with(&format!("exit 0\nexit 0\n{refused}\nexit 1\n")), "{run_stdout}{}", run.stderr);
    assert!(run_stdout.ends_with("\nexit 0\nexit 0\n"), "{run_stdout}");
}

#[test]
fn another_mount_point_takes_over_what_is_known_of_credentials_and_a_look_knows_it() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    published["path"] = json!(system.path("etc/a"));
    let one = system.manifest("one.json", &[published], &[]);
    let other = edited(&system, &one, "other.json", "secretsMountPoint", json!(system.path("other.d")));
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; mkdir etc /run/nixos; install {one}; install -dry-run {other}\n\
         install -status {other} | grep -v identity; install -verify {other} 2>&1; install {other} 2>/dev/null; install -verify {other}",
    ));
    let [dry, status, verify] = [
        "exit 0\nwould make a new generation, in which a directory or link differs\n\
         would replace link: /secrets, which leads to /secrets.d/1\nexit 0\n",
        "nothing is installed at /secrets\n",
        "nothing is installed at /secrets; install it again with: sops-install-secrets /other.json\n1 failure\nexit 1\nexit 0\n\
         1 file is as the manifest says\nexit 0\n",
    ];
    assert!(run.stdout.starts_with(&format!("{dry}{status}")), "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("it is not installed\n1 of 1 files are not as the manifest says"), "{}", run.stdout);
    assert!(run.stdout.ends_with(verify), "{}{}", run.stdout, run.stderr);
}

#[test]
fn an_account_that_a_switch_is_yet_to_make_is_a_warning_before_it() {
    let system = System::new();
    if !system.root {
        // Without owners there are no names to look up.
        return;
    }
    let mut secret = system.secret("a", "str");
    secret["owner"] = json!("nobdy");
    let manifest = system.manifest("m.json", &[secret], &[]);
    let run = system
        .script(&format!("install -dry-run {manifest}; install -pre-switch=switch {manifest}; install {manifest}"));
    let message = "secret \"a\": there is no user \"nobdy\" (did you mean \"nobody\"?); declare it or correct the name";
    let not_yet = format!("warning: {message}, unless the switch makes it\n");
    assert_eq!(run.stderr, format!("{not_yet}{not_yet}{message}\n1 failure; no secret is installed\n"));
    assert_eq!(run.stdout, "would add secret: a\nexit 0\nexit 0\nexit 1\n");
}

#[test]
fn an_owner_whom_many_secrets_have_is_told_of_once() {
    let system = System::new();
    if !system.root {
        return;
    }
    let names: Vec<_> = (0..12).map(|number| format!("s{number:02}")).collect();
    let secrets: Vec<_> = names
        .iter()
        .map(|name| {
            let mut secret = system.secret(name, "str");
            (secret["owner"], secret["group"]) = (json!("quite-unknown"), json!("unknown-too"));
            secret
        })
        .collect();
    let manifest = system.manifest("m.json", &secrets, &[]);
    let run = system.script(&format!("install -json {manifest}"));
    let who = "secrets \"s00\", \"s01\", \"s02\" and 9 more: there is no";
    let end = "; declare it or correct the name\n";
    let expected = format!(
        "{who} user \"quite-unknown\"{end}{who} group \"unknown-too\"{end}2 failures; no secret is installed\n"
    );
    assert_eq!(run.stderr, expected);
    let report: Value = serde_json::from_str(run.stdout.strip_suffix("exit 1\n").unwrap()).unwrap();
    assert_eq!(report["failures"][0]["secrets"], json!(names));
}

#[test]
fn what_stands_in_the_way_of_a_link_refuses_the_switch_and_the_failure_names_the_secret() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["path"] = json!(system.path("app/token"));
    let good = system.manifest("good.json", &[system.secret("a", "str")], &[]);
    let manifest = system.manifest("m.json", &[secret], &[]);
    let run = system.script(&format!(
        "mkdir app; echo mine >app/token; install {good}; install -pre-switch=boot {manifest}\n\
         for call in -pre-switch=switch -dry-run ''; do echo \"# $call\"; install $call {manifest} 2>&1; done; cat app/token"
    ));
    assert_eq!(run.stderr, "");
    let in_the_way =
        "secret \"a\": /app/token is a file and no link to it; move it away before this is installed\n1 failure; ";
    let expected = format!(
        "exit 0\nexit 0\n\
         # -pre-switch=switch\n{in_the_way}the switch is refused and nothing was changed; to switch all the same, run it again \
         with NIXOS_NO_CHECK=1 in its environment\nexit 1\n\
         # -dry-run\n{in_the_way}an installation would install all secrets and templates\nexit 1\n\
         # \nsecret \"a\": /app/token is a file that this program did not make; move it away, then run this again\n\
         1 failure; all secrets and templates are installed\nexit 1\nmine\n"
    );
    assert_eq!(run.stdout, expected);
}

#[test]
fn what_the_switch_may_take_away_itself_below_etc_is_a_warning() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["path"] = json!("/etc/app-of-this-test");
    let manifest = system.manifest("m.json", &[secret], &[]);
    let run = system.script(&format!(
        "mkdir etc; cp /etc/passwd /etc/group etc; echo mine >etc/app-of-this-test; mount --bind etc /etc\n\
         install -pre-switch=switch {manifest}"
    ));
    let warning = "warning: secret \"a\": /etc/app-of-this-test is a file and no link to it; move it away before this is installed\n";
    assert_eq!((run.stderr.as_str(), run.stdout.as_str()), (warning, "exit 0\n"));
}

#[test]
fn what_is_installed_can_be_seen_by_everybody_and_verified_by_root() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["credential"] = json!(true);
    if system.root {
        secret["owner"] = json!("nobody");
    }
    let manifest = system.manifest("m.json", &[secret], &[]);
    let status = if system.root { "setpriv --reuid 1 --regid 1 --clear-groups" } else { "" };
    let run = system.script(&format!(
        "mount -t tmpfs none /run; chmod 755 .; install {manifest}; \
         {status} {program} {accounts} -status {manifest} | sed 's/  .*  / .. /; s/^identity .*/identity/'; install -verify {manifest}\n\
         echo other >/run/credstore/a; chmod 600 secrets/a; install -verify {manifest}",
        program = env!("CARGO_BIN_EXE_sops-install-secrets"),
        accounts = if system.root { "" } else { "-ignore-passwd" },
    ));
    let limit = if system.root { ", and by this user" } else { "" };
    assert_eq!(
        run.stdout,
        format!(
            "exit 0\ngeneration 1 in /secrets.d/1, on ramfs\nNAME .. STATE\na .. ok\nidentity\n\
             all is as the manifest says, as far as can be seen without decrypting{limit}\n\
             1 file is as the manifest says\nexit 0\nexit 1\n"
        )
    );
    let cure = "install it again with: sops-install-secrets /m.json";
    assert_eq!(
        run.stderr,
        format!(
            "secret \"a\": its mode is 0600 and not 0400; {cure}\n\
             the credential /run/credstore/a has another content; {cure}\n2 failures\n"
        )
    );
}

#[test]
fn everything_can_be_removed_and_nothing_foreign_is() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["credential"] = json!(true);
    secret["path"] = json!(system.path("etc/link"));
    let manifest = system.manifest("m.json", &[secret], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs none /run; install {manifest}; NIXOS_ACTION=dry-activate install -remove {manifest}; \
         echo mine >secrets/mine; install -remove {manifest}; \
         rm secrets/mine; mkdir secrets.d/1/data; mount --bind /run secrets.d/1/data; install -remove {manifest}; \
         umount secrets.d/1/data; rmdir secrets.d/1/data; install -remove {manifest}; ls -A etc /run/credstore; ls -A | grep secrets; \
         grep -c secrets.d /proc/self/mountinfo; install -remove {manifest}"
    ));
    assert_eq!(
        run.stderr,
        "/secrets/mine is not in the manifest; if it was a secret before, install once and then remove, otherwise move \
         it away\n1 failure; nothing was removed\n\
         a file system is mounted at /secrets.d/1/data, so it stays; run: umount /secrets.d/1/data, then run this \
         again\n1 failure; nothing was removed\n"
    );
    assert_eq!(
        run.stdout,
        "exit 0\nnothing is removed, because NIXOS_ACTION is dry-activate\nexit 0\nexit 1\nexit 1\nremoved from /secrets: 1 generation, 1 link, 1 credential\nexit 0\n\
         /run/credstore:\n\netc:\n0\nnothing is installed at /secrets\nexit 0\n"
    );
}

#[test]
fn the_type_of_the_file_system_can_be_changed_while_secrets_are_read() {
    let system = System::new();
    let ramfs = system.manifest("ramfs.json", &[system.secret("a", "str")], &[]);
    let mut tmpfs: Value = serde_json::from_slice(&fs::read(&ramfs).unwrap()).unwrap();
    tmpfs["useTmpfs"] = json!(true);
    let tmpfs = system.scratch.write("tmpfs.json", tmpfs.to_string().as_bytes());
    let run = system.script(&format!(
        "install {ramfs}; install {}; stat -f -c %T secrets.d; cat secrets/a; echo; ls -A secrets.d",
        tmpfs.display()
    ));
    // The root of a user namespace may mount a tmpfs, but not keep it from the swap; and kernels before 6.4 and 6.5 do not know
    // how to do that, and how to mount beneath.
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap());
    let version = (numbers.next().unwrap(), numbers.next().unwrap());
    let mut expected = Vec::new();
    if !system.root || version < (6, 4) {
        expected.push("warning: the kernel refuses a tmpfs without swap");
    }
    if version < (6, 5) {
        expected.push("warning: the previous file system stays mounted below");
    }
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{}", run.stderr);
    assert!(lines.iter().zip(&expected).all(|(line, start)| line.starts_with(start)), "{}", run.stderr);
    assert!(run.stdout.starts_with("exit 0\nexit 0\ntmpfs\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("\n1\n"), "{}", run.stdout);
}

#[test]
fn what_the_program_did_not_make_is_never_removed() {
    let system = System::new();
    let mut linked = system.secret("linked", "str");
    linked["path"] = json!(system.path("etc/file"));
    let manifest = system.manifest("m.json", &[linked], &[]);
    let run = system.script(&format!(
        "mkdir -p secrets/old etc; echo mine > secrets/old/file; install {manifest}; cat secrets/old/file; rm -r secrets\n\
         mkdir -p secrets/empty; echo theirs > etc/file; install {manifest}; cat etc/file; readlink secrets"
    ));
    assert_eq!(
        run.stderr,
        "/secrets is a directory with files that this program did not make; move it away, then run this again\n\
         1 failure; nothing was changed\n\
         secret \"linked\": /etc/file is a file that this program did not make; move it away, then run this again\n\
         warning: /secrets was an empty directory that is not of this manifest; it gave way to a link\n\
         1 failure; all secrets and templates are installed\n"
    );
    assert_eq!(run.stdout, "exit 1\nmine\nexit 1\ntheirs\n/secrets.d/1\n");
}

#[test]
fn what_sops_nix_has_installed_is_taken_over() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str"), system.secret("b", "str")], &[]);
    let run = system.script(&format!(
        "mkdir secrets.d; mount -t ramfs -o mode=0751 none secrets.d; mkdir -m 751 secrets.d/5 secrets.d/6 secrets.d/7; mkdir secrets.d/gpg1\n\
         for name in a gone; do printf hello > secrets.d/6/$name; chmod 400 secrets.d/6/$name; done; echo key > secrets.d/age-keys.txt\n\
         ln -s $PWD/secrets.d/6 secrets; install {manifest}; readlink secrets; cat secrets/a secrets/b; echo; ls -A secrets.d"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "adding secret: b\nremoving secret: gone\nexit 0\n/secrets.d/7\nhellohello\n.stamp\n.symlinks\n7\nage-keys.txt\ngpg1\n"
    );
}

#[test]
fn the_last_secret_can_go_and_its_link_goes_with_it() {
    let system = System::new();
    let mut linked = system.secret("linked", "str");
    linked["path"] = json!(system.path("etc/link"));
    let one = system.manifest("one.json", &[linked], &[]);
    let none = system.manifest("none.json", &[], &[]);
    let run =
        system.script(&format!("install {one}; test -L etc/link && echo linked; install {none}; ls -A etc secrets/"));
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout, "exit 0\nlinked\nremoving secret: linked\nexit 0\netc:\n\nsecrets/:\n");
}

#[test]
fn what_an_installation_would_change_beside_the_secrets_is_said_too() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    let with = system.manifest("with.json", &[published], &[]);
    let tmpfs = edited(&system, &with, "tmpfs.json", "useTmpfs", json!(true));
    let without = system.manifest("without.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs tmpfs /run; look() {{ echo \"$1\"; install -dry-run $2; install -verify $2 2>&1 | grep -v failure; }}\n\
         install {without}; look 'one more' {with}; install {with}; look same {with}; look 'one less' {without}\n\
         install {with}; echo other >/run/credstore/a; look written {with}; install {with}; look again {with}\n\
         chmod 755 secrets.d; look opened {with}; install {with}; look again {with}\n\
         look moved {tmpfs}; chmod 644 /run/credstore/a; look foreign {with}; install -dry-run {without} 2>/dev/null | tail -n 1; rm /run/credstore/a; look gone {with}\n\
         chmod 777 /run/credstore; look writable {with}",
    ));
    let cure = "; install it again with: sops-install-secrets";
    let is_right = "1 file is as the manifest says\nexit 0\n";
    let same = format!("nothing would change\nexit 0\n{is_right}");
    let expected = format!(
        "exit 0\none more\nwould add credential: /run/credstore/a\nexit 0\n\
         the credential /run/credstore/a is missing{cure} /with.json\nexit 1\nexit 0\nsame\n{same}one less\n\
         would remove credential: /run/credstore/a\nexit 0\n\
         the credential /run/credstore/a is there, and the manifest does not want it{cure} /without.json\nexit 1\nexit 0\nwritten\n\
         would replace credential: /run/credstore/a\nexit 0\n\
         the credential /run/credstore/a has another content{cure} /with.json\nexit 1\nexit 0\nagain\n{same}opened\n\
         would set mode and owner of: /secrets.d\nexit 0\n\
         /secrets.d has another mode or owner, or an access control list{cure} /with.json\nexit 1\nexit 0\nagain\n{same}moved\n\
         would mount a tmpfs at: /secrets.d\nexit 0\n/secrets.d is not on a tmpfs of its own{cure} /tmpfs.json\nexit 1\nforeign\n\
         exit 1\n/run/credstore/a is a file that this program did not make, or that was changed since; if nobody needs it, run: \
         rm /run/credstore/a, then run this again\nexit 1\nexit 1\ngone\n\
         would add credential: /run/credstore/a\nexit 0\nthe credential /run/credstore/a is missing{cure} /with.json\nexit 1\n\
         writable\nexit 1\n\
         /run/credstore can be changed by other users; close it with: chown root: /run/credstore; chmod 700 /run/credstore, then run \
         this again\nexit 1\n"
    );
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    assert!(run.stderr.contains("/run/credstore/a is a file that this program did not make"), "{}", run.stderr);
}

#[test]
fn a_link_that_no_secret_needs_any_more_is_seen_before_it_goes() {
    let system = System::new();
    let mut linked = system.secret("a", "str");
    linked["path"] = json!(system.path("etc/a"));
    let with = system.manifest("with.json", &[linked], &[]);
    let without = system.manifest("without.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "look() {{ echo \"$1\"; for action in -dry-run -verify -status; do install $action $2 2>&1 | grep -v -e NAME -e '^a ' | grep -e link -e etc/a -e exit; done; }}\n\
         outcome() {{ install -json $1 | sed -n 's/^  \"outcome\"/outcome/p'; }}\n\
         mkdir etc; install {with}; look wanted {with}; look stale {without}\n\
         mount --bind etc etc; mount -o remount,bind,ro etc; look kept {without}; install {without} 2>&1; umount etc\n\
         outcome {without}; outcome {without}; ls etc; look gone {without}; outcome {with}; outcome {with}"
    ));
    let cure = "; install it again with: sops-install-secrets /without.json";
    let stale = format!(
        "the link /etc/a is there, and the manifest does not want it{cure}\nexit 1\n\
         not in the manifest: /etc/a\nexit 0\n"
    );
    let failure = "cannot remove /etc/a: EROFS: Read-only file system; its file system is read-only: use another path, or run: mount -o \
                   remount,rw /etc; mount -o remount,bind,rw /etc";
    let right = "exit 0\nexit 0\nexit 0\n";
    let outcomes = "outcome: \"installed\",\noutcome: \"unchanged\",\n";
    let expected = format!(
        "exit 0\nwanted\n{right}stale\nwould remove link: /etc/a\nexit 0\n{stale}\
         kept\n{failure}\nexit 1\n{stale}{failure}\n1 failure; all secrets and templates are installed\nexit 1\n\
         {outcomes}gone\n{right}{outcomes}"
    );
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>());
    assert_eq!(run.stderr, "");
}

#[test]
fn a_symlink_that_nobody_could_follow_is_not_made() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let manifest = edited(&system, &manifest, "m.json", "symlinkPath", json!(system.path("links/secrets")));
    let manifest = edited(
        &system,
        &manifest,
        "m.json",
        "secrets",
        json!([with(system.secret("a", "str"), "path", system.path("links/secrets/a"))]),
    );
    let run = system.script(&format!(
        "mkdir links; mount -t tmpfs -o nosymfollow,mode=755 x links || exit\n\
         for action in -dry-run -verify ''; do install $action {manifest} 2>&1 | grep -v failure; done; ls -A links secrets.d"
    ));
    let refused = "a link at /links/secrets would lead nowhere, since its file system is mounted with nosymfollow; mount it without \
                   that, or use another path\nexit 1\n";
    let missing =
        "nothing is installed at /links/secrets; install it again with: sops-install-secrets /m.json\nexit 1\n";
    assert_eq!(run.stdout, format!("{refused}{missing}{refused}links:\n\nsecrets.d:\n"), "{}", run.stderr);
}

#[test]
fn a_dry_run_names_the_generations_that_go_without_a_new_one() {
    let system = System::new();
    let many = |name: &str, key: &str| {
        let manifest = system.manifest(name, &[system.secret("a", key)], &[]);
        edited(&system, &manifest, name, "keepGenerations", json!(3))
    };
    let (one, two) = (many("one.json", "str"), many("two.json", "multi"));
    let few = system.manifest("few.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "(install {one}; install {two}; install {one}) >/dev/null; install -dry-run {one}; install -dry-run {few}; ls secrets.d\n\
         install {few}; install -dry-run {few}; ls secrets.d"
    ));
    let expected = "nothing would change\nexit 0\nwould remove generation: /secrets.d/1\nwould remove generation: /secrets.d/2\nexit 0\n\
                    1\n2\n3\nexit 0\nnothing would change\nexit 0\n3\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn a_dry_run_foresees_that_links_give_way_to_each_other() {
    let system = System::new();
    let at = |name: &str, path: &str| {
        let mut secret = system.secret("a", "str");
        secret["path"] = json!(system.path(path));
        system.manifest(name, &[secret], &[])
    };
    let (above, below) = (at("above.json", "etc/x"), at("below.json", "etc/x/b"));
    let run = system.script(&format!(
        "mkdir etc; mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/nixos\nfor m in {above} {below} {above}; do\ninstall -dry-run $m; install -pre-switch=switch $m; install $m\ndone"
    ));
    assert_eq!(run.stdout.matches("exit 0").count(), 9, "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_dry_run_passes_nothing_that_an_installation_fails_at() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["credential"] = json!(true);
    let mut linked = system.secret("b", "str");
    linked["path"] = json!(system.path("etc/x/b"));
    let manifest = system.manifest("m.json", &[first, linked], &[]);
    // What begins with = happens after a first installation.
    for (obstacle, words) in [
        ("mkdir .secrets.new", "/.secrets.new is a directory that this program did not make"),
        ("mkdir -p etc/x/.b.new", "/etc/x/.b.new is a directory that this program did not make"),
        ("touch etc/x", "cannot open /etc/x: ENOTDIR"),
        ("touch secrets.d", "cannot open /secrets.d: ENOTDIR"),
        ("mkdir secrets.d; touch secrets.d/mine", "/secrets.d/mine is a file that this program did not make"),
        ("mkfifo secrets.d.lock", "/secrets.d.lock is a special file that this program did not make"),
        ("mkdir secrets.d.lock", "/secrets.d.lock is a directory that this program did not make"),
        ("touch secrets.d.lock", "/secrets.d.lock is a lock file that this program did not make"),
        ("ln -s /etc /run/credstore", "/run/credstore"),
        ("ln -s none /run/credstore", "/run/credstore"),
        ("= mv /run/credstore /run/moved; ln -s moved /run/credstore", "/run/credstore"),
        (
            "mkdir -m 777 /run/credstore",
            "/run/credstore can be changed by other users; close it with: chown root: /run",
        ),
        ("mount -o ro,mode=755 -t tmpfs x /run", "cannot make /run/credstore: EROFS"),
        ("= touch secrets.d/7", "/secrets.d/7 is a file that this program did not make"),
        ("= mkdir secrets/d; mount -t tmpfs x secrets/d", "a file system is mounted at /secrets.d/1/d"),
        ("= echo x >secrets.d/.links; rm etc/x/b", "/secrets.d/.links is damaged"),
        ("mkdir etc/x; mount -o ro -t tmpfs x etc/x", "cannot make /etc/x/b: EROFS"),
        ("mount -o ro -t tmpfs x etc", "cannot make /etc/x/b: EROFS"),
        ("mount -o nosymfollow,mode=755 -t tmpfs x etc; mkdir etc/x", "a link at /etc/x/b would lead nowhere"),
    ] {
        let (before, obstacle) = match obstacle.strip_prefix("= ") {
            Some(obstacle) => (format!("install {manifest} >/dev/null"), obstacle),
            None => (String::new(), obstacle),
        };
        let run = system.script(&format!(
            "for name in secrets secrets.d secrets.d.lock .secrets.new etc; do rm -rf $name; done; mkdir etc\n\
             mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/nixos; {before}\n{obstacle}\n\
             install -dry-run {manifest} 2>&1; install {manifest} 2>&1 | tail -1",
        ));
        let (look, done) = run.stdout.split_once("exit ").unwrap();
        assert!(look.contains(words), "{obstacle}: {look}");
        assert_eq!(done, "1\nexit 1\n", "{obstacle}: {}{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_directory_that_only_takes_more_is_foreseen() {
    let system = System::new();
    let mut linked = system.secret("b", "str");
    linked["path"] = json!(system.path("etc/x/b"));
    let manifest = system.manifest("m.json", &[linked.clone()], &[]);
    // A directory can be made there, and all is permitted in that one.
    linked["path"] = json!(system.path("etc/x/new/b"));
    let below = system.manifest("below.json", &[linked], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p etc/x; chattr +a etc/x || exit
         install -dry-run {manifest} 2>&1; install -pre-switch=switch {manifest} 2>&1
         install -dry-run {below}; install {below}; chattr -a etc/x; ls -A etc/x"
    ));
    if run.stderr.contains("chattr") {
        // As root only where this kernel has no such attribute on a tmpfs, or the program is not there.
        let is_excused = ["Inappropriate ioctl", "not found"].iter().any(|words| run.stderr.contains(words));
        assert!(!system.root || is_excused, "{}", run.stderr);
        return;
    }
    assert_eq!(run.stdout.matches("cannot make /etc/x/b: EPERM").count(), 2, "{}", run.stdout);
    assert_eq!(run.stdout.matches("exit 1").count(), 2, "{}", run.stdout);
    assert!(run.stdout.ends_with("would add link: /etc/x/new/b\nexit 0\nexit 0\nnew\n"), "{}", run.stdout);
}

#[test]
fn a_gnupg_home_that_has_lost_its_keys_is_noticed() {
    let system = System::new();
    if !system.root {
        println!("NOT TESTED as an ordinary user: in its namespace / belongs to nobody, and so gpg is not run");
        return;
    }
    let mut secret = system.secret("a", "token");
    secret["sopsFile"] = json!(corpus().join("sops/recipient-pgp-rsa/in.yaml"));
    let manifest = system.manifest("m.json", &[secret], &[]);
    let mut document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    document["ageKeyFile"] = Value::Null;
    document["gnupgHome"] = json!(system.path("gnupg"));
    let manifest = system.scratch.write("gnupg.json", document.to_string().as_bytes());
    let run = system.script(&format!(
        "cp -R {} gnupg; chmod -R go-rwx gnupg; mount -t tmpfs -o mode=755 tmpfs /run\n\
         install {manifest}; install {manifest}; mv gnupg/private-keys-v1.d gone; mkdir gnupg/private-keys-v1.d\n\
         install {manifest} 2>&1 | tail -n 2; rmdir gnupg/private-keys-v1.d; mv gone gnupg/private-keys-v1.d; install {manifest}",
        corpus().join("keys/gnupg").display(),
        manifest = manifest.display()
    ));
    let failed = "1 failure; nothing was changed: the secrets installed before are still in place\nexit 1\n";
    assert_eq!(run.stdout, format!("exit 0\nexit 0\n{failed}exit 0\n"), "{}", run.stderr);
}

#[test]
fn a_link_of_a_user_that_moves_below_its_old_path_is_foreseen() {
    let system = System::new();
    let mut linked = system.secret("a", "str");
    if system.root {
        linked["owner"] = json!("nobody");
    }
    linked["path"] = json!(system.path("etc/d"));
    let before = system.manifest("before.json", &[linked.clone()], &[]);
    linked["path"] = json!(system.path("etc/d/x"));
    let after = system.manifest("after.json", &[linked], &[]);
    let run =
        system.script(&format!("mkdir etc; install {before}; install -dry-run {after}; install {after}; cat etc/d/x"));
    assert_eq!(run.stderr, "");
    let would = "would add link: /etc/d/x\nwould remove link: /etc/d\n";
    assert_eq!(run.stdout, format!("exit 0\n{would}exit 0\nexit 0\nhello"));
}

#[test]
fn a_list_of_units_that_cannot_be_written_is_foreseen() {
    let system = System::new();
    let mut first = system.secret("a", "str");
    first["restartUnits"] = json!(["a.service"]);
    let before = system.manifest("before.json", std::slice::from_ref(&first), &[]);
    first["mode"] = json!("0440");
    let after = system.manifest("after.json", &[first], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; mkdir /run/nixos; install {before}; mount --bind /run/nixos /run/nixos\n\
         mount -o remount,bind,ro /run/nixos; install -dry-run {after} >/dev/null; install {after} >/dev/null\n\
         umount /run/nixos; install -dry-run {after}; install {after}; cat /run/nixos/activation-restart-list"
    ));
    let failure = "cannot write /run/nixos/activation-restart-list, so NixOS will not restart these units: a.service: Read-only file \
                   system (os error 30); run this again, or do so with: systemctl restart a.service\n1 failure; ";
    let [before, after] =
        ["an installation would install all secrets and templates", "all secrets and templates are installed"];
    let would = "would restart a.service\n";
    assert_eq!(run.stderr, format!("{would}{failure}{before}\n{failure}{after}\n{would}"));
    assert_eq!(run.stdout, "exit 0\nexit 0\nexit 0\na.service\n");
}

#[test]
fn a_run_that_fails_takes_away_what_a_killed_one_has_left() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let mut gone = system.secret("a", "str");
    gone["sopsFile"] = json!("/nowhere.yaml");
    let fails = system.manifest("fails.json", &[gone], &[]);
    let run = system.script(&format!(
        "install {manifest}; mkdir -m 751 secrets.d/2; echo plaintext >secrets.d/2/a; ln -s $PWD/secrets.d/2 .secrets.new\n\
         install {fails} 2>&1 | tail -n 1; ls -A secrets.d; test -L .secrets.new || echo gone; cat secrets/a"
    ));
    assert_eq!(run.stdout, "exit 0\nexit 1\n.stamp\n.symlinks\n1\ngone\nhello");
}

#[test]
fn looks_believe_of_a_mount_point_that_is_open_what_an_installation_believes() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    published["path"] = json!(system.path("etc/a"));
    let [before, after] = system.before_and_after(published);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; mkdir etc; install {before}; chmod 0777 secrets.d; install -dry-run {before}
         install -pre-switch=switch {before}; install -pre-switch=switch {after}; install {after}"
    ));
    let expected =
        "exit 0\nwould set mode and owner of: /secrets.d\nexit 0\nexit 0\nexit 0\nmodifying secret: a\nexit 0\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn the_old_generations_of_sops_nix_go_as_its_own_ones_do() {
    let system = System::new();
    let [one, two] = ["str", "int"].map(|key| {
        let manifest = system.manifest("m.json", &[system.secret("a", key)], &[]);
        edited(&system, &manifest, &format!("{key}.json"), "keepGenerations", json!(2))
    });
    // It has no records. In the first run nothing changes.
    let run = system.script(&format!(
        "install {one}; install {two}; rm secrets.d/.[a-z]*; install {two}; install {one} 2>&1; install {two} 2>&1; ls secrets.d"
    ));
    let modified = "modifying secret: a\nexit 0\n";
    assert_eq!(run.stdout, format!("exit 0\n{modified}exit 0\n{modified}{modified}3\n4\n"), "{}", run.stderr);
}

#[test]
fn a_dry_run_says_too_that_another_symlink_leads_to_a_generation() {
    let system = System::new();
    let first = system.manifest("first.json", &[system.secret("a", "str")], &[]);
    let mut second = system.secret("a", "str");
    second["path"] = json!(system.path("moved/a"));
    let moved = system.manifest("second.json", &[second], &[]);
    let moved = edited(&system, &moved, "moved.json", "symlinkPath", json!(system.path("moved")));
    let run = system.script(&format!(
        "install {first}\nfor look in -dry-run '' -dry-run; do install $look {moved} 2>&1 | grep -c 'which stays for it'; done"
    ));
    assert_eq!(run.stdout, "exit 0\n1\n1\n1\n", "{}", run.stderr);
}

#[test]
fn a_symlink_that_leads_elsewhere_is_not_looked_into() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "mkdir docs; echo x >docs/thesis; ln -s docs secrets; install -dry-run {manifest}; install -status {manifest}\n\
         install {manifest}; cat docs/thesis"
    ));
    assert!(!run.stdout.contains("thesis"), "{}", run.stdout);
    assert!(run.stdout.starts_with("would add secret: a\n"), "{}", run.stdout);
    assert!(run.stdout.ends_with("exit 0\nx\n"), "{}{}", run.stdout, run.stderr);
}

#[test]
fn the_symlink_takes_the_place_of_no_link_to_what_is_read() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let mut linked: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    linked["symlinkPath"] = json!(system.path("keys"));
    linked["secrets"][0]["path"] = json!(system.path("keys/a"));
    linked["secrets"][0]["sopsFile"] = json!(system.path("keys/in.yaml"));
    let linked = system.scratch.write("linked.json", linked.to_string().as_bytes());
    let run = system.script(&format!(
        "mkdir real; cp {} real/in.yaml; ln -s real keys; install -dry-run {linked}; install {linked}; readlink keys",
        fs::canonicalize("../../tests/corpus/sops/key-string/in.yaml").unwrap().display(),
        linked = linked.display()
    ));
    assert_eq!(run.stdout, "exit 1\nexit 1\nreal\n", "{}", run.stderr);
    assert_eq!(
        run.stderr.matches("which a link there would replace; give it another path").count(),
        2,
        "{}",
        run.stderr
    );
}

#[test]
fn a_removal_that_keeps_a_credential_keeps_no_secret() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    let manifest = system.manifest("m.json", &[published], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; install {manifest}; chmod 600 /run/credstore/a; install -remove {manifest}\n\
         ls -A secrets.d; ls -d secrets 2>/dev/null; rm /run/credstore/a; install -remove {manifest}; ls -d secrets.d 2>/dev/null"
    ));
    let expected = "exit 0\nremoved from /secrets: 1 generation, 0 links, 0 credentials\nexit 1\n.credentials\n.stamp\n.symlinks\nnothing is installed at /secrets\nexit 0\n";
    assert_eq!(run.stdout, expected, "{}", run.stderr);
}

#[test]
fn a_removal_names_what_no_record_knows_of() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    published["path"] = json!(system.path("etc/a"));
    let manifest = system.manifest("m.json", &[published], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; mkdir etc; install {manifest}; rm secrets.d/.credentials secrets.d/.links\n\
         install -remove {manifest}; rm /run/credstore/a etc/a; install -remove {manifest}"
    ));
    let expected = "exit 0\nremoved from /secrets: 1 generation, 0 links, 0 credentials\nexit 0\nnothing is installed at /secrets\nexit 0\n";
    assert_eq!(run.stdout, expected, "{}", run.stderr);
    let stays = |path: &str| {
        format!(
            "warning: secret \"a\": {path} stays, since no record says that a run of this manifest made it; if nothing else needs \
             it, run: rm {path}\n"
        )
    };
    assert_eq!(run.stderr, [stays("/run/credstore/a"), stays("/etc/a")].concat());
}

#[test]
fn everybody_looks_at_the_secrets_for_users_as_they_are_installed() {
    let system = System::new();
    if !system.root {
        println!("NOT TESTED as an ordinary user: in its namespace there are no owners");
        return;
    }
    let mut early = system.secret("a", "str");
    early["neededForUsers"] = json!(true);
    let manifest = system.manifest("m.json", &[early], &[]);
    let mut late = system.secret("b", "str");
    late["neededForUsers"] = json!(true);
    let other = system.manifest("other.json", &[late], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; install -ignore-passwd {manifest}\n\
         install -pre-switch=dry-activate {manifest} {other} 2>&1\n\
         for option in -dry-run -verify -status ''; do install $option {manifest} | tail -n 2; done; ls -A secrets.d | grep [0-9]"
    ));
    assert_eq!(
        run.stdout,
        "exit 0\nnothing would change by /m.json\nby /other.json:\nwould add secret: b\nwould remove secret: a\nexit 0\n\
         nothing would change\nexit 0\n1 file is as the manifest says\nexit 0\n\
         all is as the manifest says, as far as can be seen without decrypting\nexit 0\nexit 0\n1\n",
        "{}",
        run.stderr
    );
}

#[test]
fn what_the_retention_keeps_is_in_nobodys_way() {
    let system = System::new();
    let [before, after] = system.before_and_after(system.secret("a", "str"));
    for manifest in [&before, &after] {
        let mut all: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        all["keepGenerations"] = json!(0);
        fs::write(manifest, all.to_string()).unwrap();
    }
    let run = system.script(&format!(
        "install {before}; install {after} >/dev/null; chmod 700 secrets.d/1; mkdir secrets.d/0; install -dry-run {after}; install {after}\n\
         rmdir secrets.d/0; install -remove {after}"
    ));
    let expected = "exit 0\nnothing would change\nexit 0\nexit 0\nremoved from /secrets: 2 generations, 0 links, 0 credentials\nexit 0\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn what_is_in_the_way_of_a_switch_alone_is_no_matter_where_nothing_changes() {
    let system = System::new();
    let [before, after] = system.before_and_after(system.secret("a", "str"));
    let run = system.script(&format!(
        "install {before}; mkdir .secrets.new; install -pre-switch=switch {before}; install -dry-run {before}; install {before}\n\
         install -dry-run {after} 2>/dev/null; install {after} 2>/dev/null"
    ));
    let expected = "exit 0\nexit 0\nnothing would change\nexit 0\nexit 0\nexit 1\nexit 1\n";
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), (expected, ""));
}

#[test]
fn a_link_is_put_neither_among_the_credentials_nor_over_what_is_read() {
    let system = System::new();
    let mut credential = system.secret("b", "str");
    credential["credential"] = json!(true);
    let key = system.path("key");
    let mut manifests = Vec::new();
    for (number, path) in ["/run/credstore/b", "/run/credstore", "/alias/key", "/alias/linked.json"].iter().enumerate()
    {
        let path = path
            .strip_prefix("/alias/")
            .map_or_else(|| (*path).to_owned(), |name| system.path(&format!("alias/{name}")));
        let mut linked = system.secret("a", "str");
        linked["path"] = json!(path);
        let manifest = system.manifest(&format!("manifest{number}.json"), &[linked, credential.clone()], &[]);
        manifests.push(edited(&system, &manifest, &format!("manifest{number}.json"), "ageKeyFile", json!(key)));
    }
    let [one, two, three, _] = &*manifests else { panic!() };
    let own = edited(&system, &manifests[3], "real.json", "keepGenerations", json!(1));
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; ln -s . alias; ln -s {key} key; ln -s {own} linked.json\n\
         for manifest in {one} {two} {three} $PWD/linked.json; do install -dry-run $manifest 2>&1; install $manifest 2>&1; done\n\
         readlink key linked.json",
        key = corpus().join("keys/age-1.txt").display(),
    ));
    let stdout = run.stdout;
    for (path, words, times) in [
        ("/run/credstore/b", "would lie below /run/credstore, where", 2),
        ("/alias/key", "is where /key is read from, which a link there would replace", 2),
        ("/alias/linked.json", "is where /linked.json is read from, which a link there would replace", 2),
    ] {
        let said = stdout.lines().filter(|line| line.contains(path) && line.contains(words)).count();
        assert_eq!(said, times, "{path}: {stdout}");
    }
    assert!(stdout.ends_with("age-1.txt\n/real.json\n"), "{stdout}");
}

#[test]
fn a_field_that_is_almost_the_one_of_the_secrets_removes_nothing() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let mut document: Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    let secrets = document.as_object_mut().unwrap().remove("secrets").unwrap();
    document["secret"] = secrets;
    system.scratch.write("typo.json", document.to_string().as_bytes());
    let run = system.script(&format!(
        "install {manifest}; for option in '' -dry-run -verify; do install $option $PWD/typo.json 2>&1 | tail -2; done; cat secrets/a"
    ));
    let last = "; nothing was changed\nexit 1\n1 failure; an installation would change nothing\nexit 1\n1 failure\nexit 1\nhello";
    assert_eq!(run.stdout, format!("exit 0\n1 failure{last}"));
}

#[test]
fn a_status_says_that_secrets_are_on_another_file_system() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let tmpfs = edited(&system, &manifest, "tmpfs.json", "useTmpfs", json!(true));
    let run = system.script(&format!(
        "install {manifest}; {} -ignore-passwd -status {tmpfs}",
        env!("CARGO_BIN_EXE_sops-install-secrets")
    ));
    assert!(run.stdout.contains("/secrets.d is not on a tmpfs of its own\n"), "{}", run.stdout);
    assert!(run.stdout.contains("install it again with"), "{}", run.stdout);
}

#[test]
fn a_file_system_that_waits_is_a_warning_to_everybody_who_looks() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let tmpfs = edited(&system, &manifest, "tmpfs.json", "useTmpfs", json!(true));
    let run = system.script(&format!(
        "install {manifest}; mkdir secrets.d/of-another; install {tmpfs}\n\
         install -verify {tmpfs}; install -status {tmpfs} | tail -n 2; rmdir secrets.d/of-another; install -verify {tmpfs}"
    ));
    let waits = "warning: /secrets.d stays as it is and does not become a tmpfs, because /secrets.d/of-another would be lost; \
                 move it away, then run this again\n";
    let differs =
        "/secrets.d is not on a tmpfs of its own; install it again with: sops-install-secrets /tmpfs.json\n1 failure\n";
    assert_eq!(run.stderr, format!("{waits}{waits}{waits}{differs}"));
    assert_eq!(
        run.stdout,
        "exit 0\nexit 0\n1 file is as the manifest says\nexit 0\n\
         all is as the manifest says, as far as can be seen without decrypting\nexit 0\nexit 1\n"
    );
}

#[test]
fn a_status_sees_that_a_directory_among_the_secrets_is_open() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("d/a", "str")], &[]);
    let run = system.script(&format!(
        "install {manifest}; chmod 777 secrets/d; install -status {manifest} | grep -e mode -e ^all -e ^not\n\
         chmod 700 secrets/; install -status {manifest} | grep -c 'has another mode'\n\
         install {manifest} >/dev/null; install -status {manifest} | grep -e mode -e ^all"
    ));
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(
        lines[1].starts_with("/secrets.d/1/d has another mode or owner, or an access control list"),
        "{}",
        run.stdout
    );
    assert!(lines[2].starts_with("not all is as the manifest says; "), "{}", run.stdout);
    assert_eq!(lines[3], "2", "{}", run.stdout);
    assert!(lines.iter().any(|line| line.starts_with("all is as the manifest says")), "{}", run.stdout);
}

#[test]
fn a_status_names_a_damaged_record() {
    let system = System::new();
    let mut linked = system.secret("a", "str");
    linked["path"] = json!(system.path("etc/a"));
    let manifest = system.manifest("m.json", &[linked], &[]);
    let run = system.script(&format!(
        "mkdir etc; install {manifest}; echo x >secrets.d/.links; echo x >secrets.d/.requests; install -status {manifest} | grep damaged\n\
         install {manifest} 2>/dev/null; install -status {manifest} | grep -c damaged"
    ));
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(
        lines[1].starts_with("/secrets.d/.links is damaged") && lines[2].starts_with("/secrets.d/.requests is damaged"),
        "{}",
        run.stdout
    );
    assert_eq!((lines[3], *lines.last().unwrap()), ("exit 1", "0"), "{}", run.stdout);
}

#[test]
fn a_status_sees_what_is_beside_the_secrets() {
    let system = System::new();
    let mut published = system.secret("a", "str");
    published["credential"] = json!(true);
    let manifest = system.manifest("m.json", &[published], &[]);
    let run = system.script(&format!(
        "mount -t tmpfs -o mode=755 tmpfs /run; install {manifest}; look() {{ install -status {manifest} | grep -e /secrets.d -e /run -e '^all' -e '^not'; }}\n\
         look; rm /run/credstore/a; look; install {manifest}; chmod 755 secrets.d; look; rm secrets; look",
    ));
    let generation = |number| format!("generation {number} in /secrets.d/{number}, on ramfs\n");
    let all = "all is as the manifest says, as far as can be seen without decrypting\n";
    let not = "not all is as the manifest says; install it again with: sops-install-secrets /m.json\n";
    let expected = format!(
        "exit 0\n{one}{all}{one}the credential /run/credstore/a is missing\n{not}exit 0\n{one}/secrets.d has another mode or owner, or \
         an access control list\n{not}",
        one = generation(1)
    );
    assert!(run.stdout.starts_with(&expected), "{}{}", run.stdout, run.stderr);
}

#[test]
fn a_secret_can_be_a_credential_too_and_goes_with_it() {
    let system = System::new();
    let mut published = system.secret("db/password", "nest/a/b");
    published["credential"] = json!(true);
    let mut changed = published.clone();
    changed["key"] = json!("str");
    let before = system.manifest("before.json", &[published], &[]);
    let after = system.manifest("after.json", &[changed], &[]);
    let none = system.manifest("none.json", &[system.secret("other", "str")], &[]);
    let run = system.script(&format!(
        "mkdir of-run; mount -t tmpfs tmpfs of-run; mount --bind of-run /run\n\
         install {before}; list /run/credstore; cat /run/credstore/*; echo\n\
         install {after} >/dev/null; cat /run/credstore/*; echo; install {none} >/dev/null; ls -A /run/credstore"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(run.stdout, "exit 0\nd 700 0:0\nf 400 0:0 db-password\ndeep\nhello\n");
}

#[test]
fn a_run_that_is_told_to_end_while_systemctl_hangs_ends_with_it_and_the_next_run_asks_again() {
    let system = System::new();
    let mut secret = system.secret("a", "str");
    secret["restartUnits"] = json!(["one.service"]);
    let [before, after] = system.before_and_after(secret);
    let run = system.script(&format!(
        "export SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1; mkdir hung; install {before}\n\
         printf '#!/bin/sh\\nsleep 600 & echo $! > pid; wait\\n' > hung/systemctl; chmod +x hung/systemctl\n\
         (PATH=.:$PWD/hung:$PATH; exec {program} {after}) >/dev/null & run=$!\n\
         tries=0; until test -s pid || test $((tries += 1)) -gt 400; do sleep 0.05; done\n\
         kill -TERM $run; wait $run; echo $?; sleep 0.2; grep -s '^State:.[^ZX]' /proc/$(cat pid)/status\n\
         PATH=:.:$PATH; install {after}; cat asked",
        program =
            [env!("CARGO_BIN_EXE_sops-install-secrets"), if system.root { "" } else { " -ignore-passwd" }].concat()
    ));
    assert_eq!(run.stdout, "exit 0\n143\nexit 0\n--no-block try-restart -- one.service\n");
    // The shell may say how its child ended.
    assert_eq!(run.stderr.replace("Terminated\n", ""), "");
}

/// Another manifest with one more field.
fn edited(system: &System, manifest: &str, name: &str, field: &str, value: Value) -> String {
    let mut document: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    document[field] = value;
    system.scratch.write(name, document.to_string().as_bytes()).to_str().unwrap().to_owned()
}

#[test]
fn an_unchanged_run_says_what_any_run_says() {
    let system = System::new();
    let plain = system.manifest("plain.json", &[system.secret("a", "str")], &[]);
    let ssh = edited(&system, &plain, "ssh.json", "ageSshKeyPaths", json!([corpus().join("keys/ssh-ed25519")]));
    let pgp = edited(&system, &plain, "pgp.json", "sshKeyPaths", json!([corpus().join("keys/ssh-rsa")]));
    let odd = edited(&system, &plain, "odd.json", "ageKeyFyle", json!("/x"));
    let run = system.script(&format!(
        "for manifest in {ssh} {pgp} {odd}; do\n\
         for run in 1 2; do install $manifest >out$run 2>err$run; done\n\
         cmp out1 out2 && cmp err1 err2 && grep -c -e Imported -e ageKeyFyle out1 err1; done\n\
         install -json {plain} | grep -c unchanged; install -json {plain} | grep -e outcome -e number -e exit"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "out1:0\nerr1:1\nout1:1\nerr1:0\nout1:0\nerr1:1\n\
         1\n  \"outcome\": \"unchanged\",\n  \"exitStatus\": 0,\n    \"number\": 1,\nexit 0\n"
    );
}

#[test]
fn an_unchanged_run_does_what_any_run_does() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let run = system.script(&format!(
        "install {manifest}; mkdir -m 751 secrets.d/7; ln -s {} .secrets.new; install {manifest}; ls secrets.d\n\
         readlink .secrets.new; ln -sfn /nowhere secrets; install {manifest}; cat secrets/a; echo\n\
         mkdir other; ln -sfn other secrets; install {manifest}; cat secrets/a; echo\n\
         chmod 700 secrets.d; install {manifest}; stat -c %a secrets.d\n\
         umount secrets.d; install {manifest}; stat -f -c %T secrets.d",
        system.path("secrets.d/1")
    ));
    let gone = |to: &str| {
        format!("warning: /secrets was a link to {to} that is not of this manifest; it gave way to a link\n")
    };
    assert_eq!(run.stderr, gone("/nowhere") + &gone("other"));
    assert_eq!(run.stdout, "exit 0\nexit 0\n1\nexit 0\nhello\nexit 0\nhello\nexit 0\n751\nexit 0\nramfs\n");
}

#[test]
fn what_a_run_without_changes_would_not_read_is_asked_for() {
    let system = System::new();
    let plain = system.manifest("plain.json", &[system.secret("a", "str")], &[]);
    let mut document: Value = serde_json::from_slice(&fs::read(&plain).unwrap()).unwrap();
    document.as_object_mut().unwrap().remove("ageKeyFile");
    document["gnupgHome"] = json!(system.path("gnupg"));
    let home = system.scratch.write("home.json", document.to_string().as_bytes());
    let run = system.script(&format!(
        "export HOME=$PWD/home; mkdir -p home/.config/sops/age; install {plain}; mkdir home/.config/sops/age/keys.txt\n\
         install {plain} 2>&1 | grep -c 'keys.txt: it is a directory'; rmdir home/.config/sops/age/keys.txt\n\
         install {plain}; SOPS_AGE_KEY_CMD='touch {ran}' install {plain}; ls ran\n\
         mkdir gnupg; export SOPS_AGE_KEY=$(grep AGE-SECRET {key}); install {home}; rmdir gnupg\n\
         install {home} 2>&1 | grep -c 'gnupg: there is no such file'",
        ran = system.path("ran"),
        key = corpus().join("keys/age-1.txt").display(),
        home = home.display(),
    ));
    assert_eq!(run.stderr, "warning: cannot use the key SOPS_AGE_KEY_CMD: it holds no key\n");
    assert_eq!(run.stdout, "exit 0\n1\nexit 0\nexit 0\nran\nexit 0\n1\n");
}

#[test]
fn owners_by_name_are_looked_up_by_every_run() {
    let system = System::new();
    if !system.root {
        println!("NOT TESTED as an ordinary user: owners by name");
        return;
    }
    let mut secret = system.secret("a", "str");
    (secret["owner"], secret["group"]) = (json!("nobody"), json!("nogroup"));
    let manifest = system.manifest("m.json", &[secret], &[]);
    // Another table in the place of the machine's, which no other process sees.
    let run = system.script(&format!(
        "look() {{ stat -L -c '%u %g' secrets/a; stat -c %g secrets.d/*; }}; install {manifest}; install {manifest}; look\n\
         sed 's/^nobody:x:[0-9]*/nobody:x:4321/' /etc/passwd >passwd; mount --bind passwd /etc/passwd\n\
         install {manifest}; look; echo keys:x:77: | cat /etc/group - >group; mount --bind group /etc/group\n\
         install {manifest}; look"
    ));
    assert_eq!(run.stderr, "");
    assert_eq!(
        run.stdout,
        "exit 0\nexit 0\n65534 65534\n65534\nmodifying secret: a\nexit 0\n4321 65534\n65534\nexit 0\n4321 65534\n77\n"
    );
}

#[test]
fn a_key_that_a_command_prints_is_no_reason_to_make_others() {
    let system = System::new();
    let manifest = system.manifest("m.json", &[system.secret("a", "str")], &[]);
    let manifest = edited(&system, &manifest, "none.json", "ageKeyFile", Value::Null);
    let run = system.script(&format!(
        "mount -t tmpfs x /etc; mkdir /etc/sops-nix; cp {manifest} /etc/sops-nix/manifest.json\n\
         for name in SOPS_AGE_KEY_CMD SOPS_AGE_SSH_PRIVATE_KEY_CMD; do env $name='cat key' {program} -recipients; echo $?; done",
        program = env!("CARGO_BIN_EXE_sops-install-secrets")
    ));
    assert_eq!(run.stdout.matches("\n1\n").count(), 2, "{}{}", run.stdout, run.stderr);
    for variable in ["SOPS_AGE_KEY_CMD", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"] {
        assert!(run.stderr.contains(&format!("; the command in {variable} may print a key; ")), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("ssh-keygen -A"), "{}", run.stderr);
}

#[test]
fn what_only_a_new_generation_meets_refuses_nothing_else() {
    let system = System::new();
    let plain = system.manifest("plain.json", &[system.secret("a", "str")], &[]);
    let tmpfs = edited(&system, &plain, "tmpfs.json", "useTmpfs", json!(true));
    let run = system.script(&format!(
        "install {plain}; mkdir .secrets.new; install -dry-run {tmpfs} | tail -1; install -pre-switch=switch {tmpfs}; install {tmpfs}"
    ));
    assert_eq!(run.stdout.matches("exit 0").count(), 4, "{}{}", run.stdout, run.stderr);
    // A user namespace may refuse a tmpfs without swap, which is a warning.
    assert!(!run.stderr.contains(".secrets.new"), "{}", run.stderr);
}
