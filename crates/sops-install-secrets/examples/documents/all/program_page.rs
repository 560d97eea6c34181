//! The manual page of the program, sops-install-secrets(8).

use super::options::{DEFAULT_MANIFEST, ExitStatus, OPTIONS, OptionArgument, Spec};
use super::roff::{entry, literal, roff, section, sentence};

/// The manual page of the program.
pub(crate) fn page() -> String {
    let mut lines = vec![
        ".\\\" Made by the program documents from the table of options.".to_owned(),
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
             {DEFAULT_MANIFEST}, or for an ordinary user who has it ~/.config/sops-nix/manifest.json."
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
        "An option begins with one dash or two. Its value comes after = or in the next argument.".to_owned(),
    ]);
    for spec in OPTIONS {
        lines.extend([".TP".to_owned(), option_in_roff(spec), roff(&sentence(spec.summary))]);
        if !spec.details.is_empty() {
            lines.push(roff(spec.details));
        }
        if let OptionArgument::Word(value, words) = spec.argument {
            lines.push(format!("\\fI{value}\\fR is one of"));
            lines.push(".RS".to_owned());
            for (word, meaning) in words {
                lines.extend(entry(word, [roff(&sentence(meaning))]));
            }
            lines.push(".RE".to_owned());
        }
    }
    let statuses = ExitStatus::ALL.map(|status| (status.number.to_string(), status.meaning));
    let statuses: Vec<_> = statuses.iter().map(|(number, meaning)| (number.as_str(), *meaning)).collect();
    lines.extend(section("EXIT STATUS", &statuses));
    lines.extend(section("ENVIRONMENT", ENVIRONMENT));
    lines.extend(section("FILES", FILES));
    lines.push(".SH EXAMPLES".to_owned());
    for (command, words) in EXAMPLES {
        lines.extend([".PP".to_owned(), roff(words)]);
        lines.extend(literal(command));
    }
    lines.extend([
        ".SH SEE ALSO".to_owned(),
        ".BR sops\\-install\\-secrets\\-manifest (5),".to_owned(),
        ".BR sops (1),".to_owned(),
        ".BR age (1),".to_owned(),
        ".BR systemd.exec (5)".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

fn option_in_roff(spec: &Spec) -> String {
    let name = roff(&format!("-{}", spec.name));
    match spec.argument {
        OptionArgument::Flag => format!(".B {name}"),
        OptionArgument::Word(value, _) | OptionArgument::Text(value) | OptionArgument::File(value) => {
            format!(".BI {name}= {value}")
        }
    }
}

/// The variables of the environment that count.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "NIXOS_ACTION",
        "With the value dry-activate the same as -dry-run. NixOS sets it; without it a run says which units wait for the next switch.",
    ),
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
    ("~/.config/sops-nix/manifest.json", "The same for an ordinary user who has it; home-manager puts it there."),
    (
        "/etc/sops-nix/manifest-for-users.json",
        "The secrets that are installed before users are created, by the NixOS module.",
    ),
    (
        "/etc/agenix/manifest.json, ~/.config/agenix/manifest.json",
        "The secrets of the modules for agenix. Where there are none of those for sops, the first two files are these.",
    ),
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
