//! The manual page and the completions are made from the table of options, so that none of them can tell of an option that
//! does not exist, or keep one to itself.
//!
//! After a change of the table, `WRITE_MANUAL=1 cargo test -p sops-install-secrets --test manual` writes the files in `doc/`
//! anew; without the variable, files that are not as they would be written fail.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is not as it must be"
)]

#[path = "../src/cli/options.rs"]
mod options;
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use options::{DEFAULT_MANIFEST, EXIT_STATUSES, OPTIONS, Opt, Spec, Value};

const ENVIRONMENT: &[(&str, &str)] = &[
    ("NIXOS_ACTION", "With the value dry-activate the same as -dry-run. NixOS sets it."),
    (
        "SOPS_RESTART_UNITS_VIA_SYSTEMCTL",
        "With the value 1 units are asked to restart and reload through systemctl --no-block, and otherwise by the lists in \
         /run/nixos that NixOS reads after its activation script.",
    ),
    ("XDG_RUNTIME_DIR", "What %r stands for in a manifest with userMode."),
    (
        "CREDENTIALS_DIRECTORY",
        "What %d stands for at the beginning of the path of a key. systemd sets it for LoadCredential=.",
    ),
    ("SOPS_GPG_EXEC", "The gpg program; gpg if it is not set."),
    ("GNUPGHOME", "The GnuPG home, if the manifest names none."),
    ("SOPS_AGE_KEY", "Identities of age, one a line."),
    ("SOPS_AGE_KEY_FILE", "A file of age identities, if the manifest names no age key."),
    ("SOPS_AGE_SSH_PRIVATE_KEY_FILE", "An SSH private key."),
    (
        "SOPS_AGE_KEY_CMD",
        "A command that prints identities of age. It is taken apart as by a shell and run without one, once a run, for at most \
         60 seconds; its program is an absolute path or in PATH. No check runs it, and -pre-switch does not either.",
    ),
    ("SOPS_AGE_SSH_PRIVATE_KEY_CMD", "A command that prints an SSH private key. The same holds for it."),
    ("HOME", "Where .config/sops/age/keys.txt, .ssh/id_ed25519 and .ssh/id_rsa are looked for."),
    ("XDG_CONFIG_HOME", "Where sops/age/keys.txt is looked for instead of in .config."),
    (
        "PATH",
        "Where gpg, systemctl, the plugins of age and the programs of key commands are looked for. Folders that are not \
         absolute are passed over.",
    ),
    ("NO_COLOR", "If it is set, a terminal gets no colours."),
    ("TERM", "A terminal that is dumb gets no colours."),
    ("JOURNAL_STREAM", "If standard error goes to the journal, each line has its level. systemd sets it."),
];

const FILES: &[(&str, &str)] = &[
    (DEFAULT_MANIFEST, "The manifest that is read if none is named."),
    ("/run/secrets", "The link that readers follow to the running generation."),
    ("/run/secrets.d", "The memory file system with the generations. The manifest can name other places for both."),
    ("/run/secrets.d.lock", "Held while an installation runs, so that two of them wait for each other."),
    ("/run/credstore", "Secrets that the manifest publishes as credentials for ImportCredential=."),
    ("/etc/ssh/ssh_host_ed25519_key", "The usual identity of a host. The manifest says which keys there are."),
    (
        "/etc/fstab, /etc/systemd/system/*.mount, /run/systemd/system/*.mount",
        "Tell whether a file is missing because a file system is not mounted.",
    ),
    ("/nix/var/nix/profiles/system-*-link", "Tell -pre-switch whether a system is an older generation."),
];

const EXAMPLES: &[(&str, &str)] = &[
    ("sops-install-secrets -dry-run", "What would the next activation change?"),
    ("sops-install-secrets -status", "What is installed, from which file, and for whom?"),
    ("sops-install-secrets -verify && echo unchanged", "Is everything as the manifest gives it?"),
    (
        "sops-install-secrets -check-mode=recipients -recipient-file=ssh_host_ed25519_key.pub manifest.json",
        "Will the host open all its files? No private key is needed, so this can be asked before a deployment.",
    ),
    (
        "sops-install-secrets -check-mode=recipients -recipient-file=a.pub -recipient-file=b.pub manifest.json",
        "Will each of two hosts open all files?",
    ),
    (
        "sops-install-secrets -status -json | jq '.installed.files[] | select(.drift != [])'",
        "Which files are not as the manifest says?",
    ),
];

/// One file in `doc/`, and what it has to hold.
fn documents() -> [(&'static str, String); 4] {
    [
        ("sops-install-secrets.8", manual()),
        ("completions/sops-install-secrets.bash", bash()),
        ("completions/_sops-install-secrets", zsh()),
        ("completions/sops-install-secrets.fish", fish()),
    ]
}

#[test]
fn the_manual_and_the_completions_are_those_of_the_options() {
    for (name, expected) in documents() {
        let path = doc(name);
        if std::env::var_os("WRITE_MANUAL").is_some() {
            fs::write(&path, &expected).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == expected, "doc/{name} is out of date: run this test with WRITE_MANUAL=1");
    }
}

#[test]
fn the_usage_names_every_option_and_every_exit_status() {
    let usage = options::usage();
    for spec in OPTIONS {
        assert!(usage.lines().any(|line| line.trim_start().starts_with(&spec.usage())), "{}", spec.name);
    }
    for (status, _) in EXIT_STATUSES {
        assert!(usage.lines().any(|line| line.trim_start().starts_with(status)), "{status}");
    }
}

#[test]
fn the_readme_names_every_option_and_every_variable() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let silent = [Opt::Help, Opt::Version];
    for spec in OPTIONS.iter().filter(|spec| !silent.contains(&spec.option)) {
        assert!(readme.contains(&format!("-{}", spec.name)), "README does not name -{}", spec.name);
    }
    for (variable, _) in
        ENVIRONMENT.iter().filter(|(variable, _)| !["HOME", "XDG_CONFIG_HOME", "TERM"].contains(variable))
    {
        assert!(readme.contains(variable), "README does not name {variable}");
    }
}

#[test]
fn every_variable_that_the_program_reads_is_in_the_manual() {
    let source = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/environment.rs")).unwrap();
    let read: Vec<_> = source
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|text| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'))
        .collect();
    assert!(read.len() >= ENVIRONMENT.len(), "{read:?}");
    for variable in read {
        assert!(ENVIRONMENT.iter().any(|(name, _)| *name == variable), "{variable}");
    }
}

#[test]
fn bash_completes_what_there_is() {
    if !support::program_exists("bash") {
        println!("NOT TESTED without bash");
        return;
    }
    for (words, expected) in [
        (&["sops-install-secrets", "-stat"][..], "-status"),
        (&["sops-install-secrets", "--stat"], "--status"),
        (&["sops-install-secrets", "-check-mode=s"], "sopsfile"),
        (&["sops-install-secrets", "-check-mode", "rec"], "recipients"),
    ] {
        // As readline does it, `=` is a word of its own.
        let broken: Vec<String> = words
            .iter()
            .flat_map(|word| word.replace('=', " = ").split(' ').map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let script = format!(
            ". {}; COMP_WORDS=({}); COMP_CWORD={}; _sops_install_secrets; echo \"${{COMPREPLY[@]}}\"",
            doc("completions/sops-install-secrets.bash").display(),
            broken.join(" "),
            broken.len().saturating_sub(1)
        );
        let output = Command::new("bash").args(["--norc", "-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words:?}: {output:?}");
    }
}

fn doc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("doc").join(name)
}

/// The manual page in the macros of man(7).
fn manual() -> String {
    let mut lines = vec![
        ".\\\" Made from the table of options by tests/manual.rs.".to_owned(),
        format!(".TH SOPS\\-INSTALL\\-SECRETS 8 \"\" \"sops-install-secrets {}\"", env!("CARGO_PKG_VERSION")),
        ".SH NAME".to_owned(),
        "sops\\-install\\-secrets \\- install the secrets of a machine from sops files into memory".to_owned(),
        ".SH SYNOPSIS".to_owned(),
        ".B sops\\-install\\-secrets".to_owned(),
        "[\\fIOPTION\\fR]... [\\fIMANIFEST\\fR]".to_owned(),
        ".SH DESCRIPTION".to_owned(),
    ];
    let paragraphs = [
        format!(
            "Reads MANIFEST, the JSON file that the NixOS module makes, decrypts the sops files that it names with the keys of \
             this host, and installs each secret with its owner and mode into a memory file system. Without MANIFEST it reads \
             {DEFAULT_MANIFEST}."
        ),
        "All secrets become visible at one moment, when one link is renamed. Until then a failure leaves the machine as it was; \
         only a first activation, on a machine without secrets, installs what it can and reports the rest. A run that changes \
         nothing touches nothing. Units that the manifest names are asked to restart or reload after the switch."
            .to_owned(),
        "Each failure is one line on standard error: the secret, the file, the reason, and what to do. The last line counts them."
            .to_owned(),
    ];
    for paragraph in paragraphs {
        lines.extend([".PP".to_owned(), roff(&paragraph)]);
    }
    lines.extend([
        ".SH OPTIONS".to_owned(),
        "An option begins with one dash or two. Its value stands behind = or in the next argument.".to_owned(),
    ]);
    for spec in OPTIONS {
        lines.extend([".TP".to_owned(), option_in_roff(spec), roff(&sentence(spec.summary))]);
        if !spec.details.is_empty() {
            lines.push(roff(spec.details));
        }
        if let Value::Word(value, words) = spec.value {
            lines.push(format!("\\fI{value}\\fR is one of"));
            lines.push(".RS".to_owned());
            for (word, meaning) in words {
                lines.extend([".TP".to_owned(), format!(".B {}", roff(word)), roff(&sentence(meaning))]);
            }
            lines.push(".RE".to_owned());
        }
    }
    let section = |title: &str, entries: &[(&str, &str)]| {
        let entry =
            |(name, words): &(&str, &str)| [".TP".to_owned(), format!(".B {}", roff(name)), roff(&sentence(words))];
        [format!(".SH {title}")].into_iter().chain(entries.iter().flat_map(entry)).collect::<Vec<_>>()
    };
    lines.extend(section("EXIT STATUS", EXIT_STATUSES));
    lines.extend(section("ENVIRONMENT", ENVIRONMENT));
    lines.extend(section("FILES", FILES));
    lines.push(".SH EXAMPLES".to_owned());
    for (command, words) in EXAMPLES {
        lines.extend([
            ".PP".to_owned(),
            roff(words),
            ".PP".to_owned(),
            ".nf".to_owned(),
            ".RS".to_owned(),
            roff(command),
        ]);
        lines.extend([".RE".to_owned(), ".fi".to_owned()]);
    }
    lines.extend([
        ".SH SEE ALSO".to_owned(),
        ".BR sops (1),".to_owned(),
        ".BR age (1),".to_owned(),
        ".BR systemd.exec (5)".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

fn option_in_roff(spec: &Spec) -> String {
    let name = roff(&format!("-{}", spec.name));
    match spec.value {
        Value::Switch => format!(".B {name}"),
        Value::Word(value, _) | Value::Text(value) | Value::File(value) => format!(".BI {name}= {value}"),
    }
}

/// A sentence of its own.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if words.ends_with(['.', '?']) { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// Text as roff prints it: a hyphen that can be copied, and no control line.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn bash() -> String {
    let names: Vec<_> = OPTIONS.iter().map(|spec| spec.name).collect();
    let words = |spec: &Spec| match spec.value {
        Value::Word(_, words) => words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" "),
        Value::Switch | Value::Text(_) | Value::File(_) => String::new(),
    };
    let cases: Vec<_> = OPTIONS
        .iter()
        .filter_map(|spec| match spec.value {
            Value::Word(..) => Some(format!(
                "    -{0} | --{0})\n        COMPREPLY=($(compgen -W '{1}' -- \"$word\"))\n        return\n        ;;\n",
                spec.name,
                words(spec)
            )),
            Value::File(_) => Some(format!(
                "    -{0} | --{0})\n        \
                 COMPREPLY=($(compgen -f -- \"$word\"))\n        return\n        ;;\n",
                spec.name
            )),
            Value::Text(_) => Some(format!("    -{0} | --{0}) return ;;\n", spec.name)),
            Value::Switch => None,
        })
        .collect();
    format!(
        "# Made from the table of options by tests/manual.rs.\n\
         _sops_install_secrets() {{\n    \
         local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} dash\n    \
         # `=` is a word of its own.\n    \
         if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi\n    \
         case $before in\n{}    esac\n    \
         if [[ $word == -* ]]; then\n        \
         dash=-\n        \
         if [[ $word == --* ]]; then dash=--; fi\n        \
         COMPREPLY=($(compgen -P \"$dash\" -W '{}' -- \"${{word#\"$dash\"}}\"))\n    \
         else\n        \
         COMPREPLY=($(compgen -f -- \"$word\"))\n    \
         fi\n\
         }}\n\
         complete -o filenames -F _sops_install_secrets sops-install-secrets\n",
        cases.concat(),
        names.join(" ")
    )
}

fn zsh() -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let lines: Vec<_> = OPTIONS
        .iter()
        .map(|spec| {
            let rest = match spec.value {
                Value::Switch => String::new(),
                Value::Word(value, words) => {
                    let words: Vec<_> =
                        words.iter().map(|(word, meaning)| format!("{word}\\:\"{}\"", quoted(meaning))).collect();
                    format!(":{value}:(({}))", words.join(" "))
                }
                Value::Text(value) => format!(":{value}:"),
                Value::File(value) => format!(":{value}:_files"),
            };
            let star = if matches!(spec.value, Value::Text(_) | Value::File(_)) { "*" } else { "" };
            let equals = if matches!(spec.value, Value::Switch) { "" } else { "=" };
            format!("    '{star}-{}{equals}[{}]{rest}' \\\n", spec.name, quoted(spec.summary))
        })
        .collect();
    format!(
        "#compdef sops-install-secrets\n# Made from the table of options by tests/manual.rs.\n_arguments \\\n{}    \
         '1:manifest:_files -g \"*.json\"'\n",
        lines.concat()
    )
}

fn fish() -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let lines: Vec<_> = OPTIONS
        .iter()
        .map(|spec| {
            let rest = match spec.value {
                Value::Switch => String::new(),
                Value::Word(_, words) => {
                    let words: Vec<_> = words.iter().map(|(word, meaning)| format!("{word}\\t\"{meaning}\"")).collect();
                    format!(" -x -a '{}'", words.join(" "))
                }
                Value::Text(_) => " -x".to_owned(),
                Value::File(_) => " -r -F".to_owned(),
            };
            format!("complete -c sops-install-secrets -o {0} -l {0} -d '{1}'{rest}\n", spec.name, quoted(spec.summary))
        })
        .collect();
    format!("# Made from the table of options by tests/manual.rs.\n{}", lines.concat())
}
