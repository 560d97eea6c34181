//! The options in one table, from which the parser, the usage, the manual page and the completions are made.

/// One option.
pub(crate) struct Spec {
    pub(crate) option: Opt,
    /// Without the dash.
    pub(crate) name: &'static str,
    pub(crate) argument: OptionArgument,
    /// What it is for, in one line; a completion shows it.
    pub(crate) summary: &'static str,
    /// What else there is to say.
    pub(crate) details: &'static str,
}

/// Which option it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Opt {
    CheckMode,
    Recipient,
    RecipientFile,
    PreSwitch,
    System,
    DryRun,
    Verify,
    Status,
    All,
    Recipients,
    Remove,
    Json,
    IgnorePasswd,
    Help,
    Version,
}

/// What an option is given.
#[derive(Clone, Copy)]
pub(crate) enum OptionArgument {
    /// Nothing, or a truth value after `=`.
    Flag,
    /// One of these words, each with its meaning.
    Word(&'static str, &'static [(&'static str, &'static str)]),
    /// Any text, by the name that the usage gives it.
    Text(&'static str),
    /// The path of a file.
    File(&'static str),
}

/// All options, in the order in which people are told of them.
pub(crate) const OPTIONS: &[Spec] = &[
    Spec {
        option: Opt::CheckMode,
        name: "check-mode",
        argument: OptionArgument::Word(
            "MODE",
            &[
                ("manifest", "only the manifest itself"),
                ("sopsfile", "also that each sops file has what is asked for"),
                ("recipients", "also that each host named can open each sops file"),
                ("off", "install, which is the default"),
            ],
        ),
        summary: "check without installing and without any private key",
        details: "",
    },
    Spec {
        option: Opt::Recipient,
        name: "recipient",
        argument: OptionArgument::Text("KEY"),
        summary: "a host for -check-mode=recipients",
        details: "KEY is age1..., ssh-ed25519 AAAA..., ssh-rsa AAAA... or the fingerprint of a PGP key. Repeated it names \
                  one more host; several keys of one host are joined by commas: -recipient=KEY,KEY",
    },
    Spec {
        option: Opt::RecipientFile,
        name: "recipient-file",
        argument: OptionArgument::File("FILE"),
        summary: "the same from a file such as ssh_host_ed25519_key.pub",
        details: "Its lines are the keys of one host, any of which may open a file. A line of \
                  known_hosts is for the host by whose name it begins.",
    },
    Spec {
        option: Opt::PreSwitch,
        name: "pre-switch",
        argument: OptionArgument::Text("ACTION"),
        summary: "decrypt in memory before a switch, and refuse it if that fails",
        details: "ACTION is that of switch-to-configuration. switch, test and check are refused with status 1 if something \
                  cannot be decrypted or stands in the way of a link, unless that is in a directory of a user, or below \
                  /etc, where the switch itself may remove it. boot only warns, and looks at no link. \
                  dry-activate only warns, and also shows what would change, as -dry-run does. An owner that does \
                  not exist yet is a warning. Takes any number of manifests. Prints nothing if all is well. Does \
                  nothing before the first installation, while no key exists.",
    },
    Spec {
        option: Opt::System,
        name: "system",
        argument: OptionArgument::File("PATH"),
        summary: "the system that is switched to, for -pre-switch",
        details: "An older generation of the machine's system profile is never refused.",
    },
    Spec {
        option: Opt::DryRun,
        name: "dry-run",
        argument: OptionArgument::Flag,
        summary: "decrypt, and say what would change, but change nothing",
        details: "",
    },
    Spec {
        option: Opt::Verify,
        name: "verify",
        argument: OptionArgument::Flag,
        summary: "decrypt, and fail if what is installed differs from it",
        details: "Changes nothing.",
    },
    Spec {
        option: Opt::Status,
        name: "status",
        argument: OptionArgument::Flag,
        summary: "show what is installed, and where that is not as MANIFEST says",
        details: "Decrypts nothing, changes nothing and shows no value.",
    },
    Spec {
        option: Opt::All,
        name: "all",
        argument: OptionArgument::Flag,
        summary: "show every line of a long table, for -status",
        details: "",
    },
    Spec {
        option: Opt::Recipients,
        name: "recipients",
        argument: OptionArgument::Flag,
        summary: "print what to encrypt to, as it goes into .sops.yaml",
        details: "For the keys of this host, or for each KEY and each FILE that is named: a public key, the lines of \
                  known_hosts, or - for what ssh-keyscan prints. No private key is printed.",
    },
    Spec {
        option: Opt::Remove,
        name: "remove",
        argument: OptionArgument::Flag,
        summary: "take away everything that was installed",
        details: "Links, credentials, the secrets and their file system. Nothing is touched as long as something foreign \
                  is among the secrets.",
    },
    Spec {
        option: Opt::Json,
        name: "json",
        argument: OptionArgument::Flag,
        summary: "print one report in JSON on standard output",
        details: "",
    },
    Spec {
        option: Opt::IgnorePasswd,
        name: "ignore-passwd",
        argument: OptionArgument::Flag,
        summary: "look up no owner and no group: all belongs to root",
        details: "In user mode all belongs to the user in any case.",
    },
    Spec { option: Opt::Help, name: "help", argument: OptionArgument::Flag, summary: "print this help", details: "" },
    Spec {
        option: Opt::Version,
        name: "version",
        argument: OptionArgument::Flag,
        summary: "print the version",
        details: "",
    },
];

/// What the report calls each action.
#[allow(dead_code, reason = "the schema of the report is made of it")]
pub(crate) const ACTIONS: &[&str] =
    &["check", "install", "dry-run", "verify", "status", "recipients", "remove", "pre-switch"];

/// What the program exits with, and what that means.
#[derive(Clone, Copy)]
pub(crate) struct ExitStatus {
    pub(crate) number: u8,
    pub(crate) meaning: &'static str,
}

impl ExitStatus {
    pub(crate) const DONE: Self = Self { number: 0, meaning: "done, or nothing was to be done" };
    pub(crate) const FAILED: Self = Self {
        number: 1,
        meaning: "something failed, or -verify found a difference; each failure was printed, with what to do about it",
    };
    pub(crate) const CALLED_WRONGLY: Self = Self { number: 2, meaning: "called wrongly" };
    /// All of them, in the order in which people are told of them.
    pub(crate) const ALL: [Self; 3] = [Self::DONE, Self::FAILED, Self::CALLED_WRONGLY];
}

/// The manifest that is read if none is named. The NixOS module puts it there.
pub(crate) const DEFAULT_MANIFEST: &str = "/etc/sops-nix/manifest.json";

impl Spec {
    /// As it is written on a command line: `-check-mode=MODE`.
    pub(crate) fn usage(&self) -> String {
        match self.argument {
            OptionArgument::Flag => format!("-{}", self.name),
            OptionArgument::Word(value, _) | OptionArgument::Text(value) | OptionArgument::File(value) => {
                format!("-{}={value}", self.name)
            }
        }
    }
}

/// What `-help` prints, without a line break at the end.
pub(crate) fn usage() -> String {
    let mut lines = vec![
        "Usage: sops-install-secrets [OPTION]... [MANIFEST]".to_owned(),
        "   or: sops-install-secrets -pre-switch=ACTION [OPTION]... [MANIFEST]...".to_owned(),
        "   or: sops-install-secrets -recipients [OPTION]... [KEY|FILE]...".to_owned(),
        String::new(),
        "Decrypts the secrets that MANIFEST, the JSON file made by the NixOS module, asks".to_owned(),
        "for, and installs them into a memory file system. Without MANIFEST it reads".to_owned(),
        format!("{DEFAULT_MANIFEST}, or for an ordinary user who has it"),
        "~/.config/sops-nix/manifest.json.".to_owned(),
        String::new(),
        "Options, with one dash or two:".to_owned(),
    ];
    for spec in OPTIONS {
        lines.extend(entry(&spec.usage(), spec.summary));
        if !spec.details.is_empty() {
            lines.extend(entry("", spec.details));
        }
        if let OptionArgument::Word(_, words) = spec.argument {
            lines.extend(words.iter().flat_map(|(word, meaning)| entry("", &format!("{word}: {meaning}"))));
        }
    }
    lines.extend([String::new(), "Exit status:".to_owned()]);
    lines.extend(ExitStatus::ALL.iter().flat_map(|status| entry(&status.number.to_string(), status.meaning)));
    lines.extend([String::new(), "More: man sops-install-secrets".to_owned()]);
    lines.join("\n")
}

/// A name in the left column, and words in the right one, in as many lines as they need.
fn entry(name: &str, words: &str) -> Vec<String> {
    let alone = (name.len() >= NAMES).then(|| format!("  {name}"));
    let beside = if alone.is_none() { name } else { "" };
    let lefts = std::iter::once(beside).chain(std::iter::repeat(""));
    let lines = broken(words).into_iter().zip(lefts).map(|(line, left)| format!("  {left:<NAMES$}{line}"));
    alone.into_iter().chain(lines).collect()
}

/// Words in lines that fit into the right column.
fn broken(words: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len().saturating_add(word.len()) < WORDS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Columns of the left part of the usage.
const NAMES: usize = 19;
/// Columns of the right part.
const WORDS: usize = 59;
