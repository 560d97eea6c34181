//! What to encrypt to, for `-recipients`: for the keys of this host, or for those that the command line names.

use std::ffi::OsString;
use std::fs;

use nearest::did_you_mean;

use crate::cli::{Arguments, Output};
use crate::confinement::confine;
use crate::environment::Environment;
use crate::input::is_absence;
use crate::keys::{self, is_command};
use crate::manifest_file::{self, Purpose};
use crate::remedy::{MAKE_KEYS, Remedy};
use crate::report::{About, Code, PublicKey, Report, Reported};

/// Prints the recipients as items of a list in `.sops.yaml`: comments say whose they are.
pub(super) fn run(
    arguments: &Arguments,
    operands: &[OsString],
    environment: &Environment,
    report: &mut Report,
) -> Result<(), Reported> {
    let keys = if operands.is_empty() {
        of_this_host(arguments, environment, report)?
    } else {
        keys::named(operands, report)?
    };
    if keys.iter().all(|key| key.recipients.is_empty()) {
        let of_sshd = keys::of_sshd();
        let of_sshd = of_sshd.iter().map(|key| &key.origin);
        let mut words = format!("correct the path in {}{}", report.module().keys(), did_you_mean(of_sshd.clone()));
        let command = keys.iter().find(|key| is_command(&key.origin));
        let remedy = if let Some(PublicKey { origin, .. }) = command {
            let words = "may print a key; pass on what it prints to age-keygen -y, or for an SSH key to ssh-keygen -y -f /dev/stdin";
            Remedy::say(&format!("the command in {origin} {words}"))
        } else if of_sshd.count() > 0 {
            Remedy::say(&words)
        } else {
            words += ", or if sshd has made no key yet, this does";
            Remedy::run(&words, MAKE_KEYS.to_owned())
        };
        report.failure_with(Code::NoIdentity, About::default(), &NothingToShow, Some(remedy));
    }
    match arguments.output {
        Output::Lines => print(&keys, report),
        Output::Json => report.identities(keys),
    }
    Ok(())
}

fn of_this_host(
    arguments: &Arguments,
    environment: &Environment,
    report: &mut Report,
) -> Result<Vec<PublicKey>, Reported> {
    let path = &arguments.manifest;
    // Before its first installation, a host has the keys of sshd.
    if fs::metadata(path.as_path()).is_err_and(|error| is_absence(&error)) {
        return Ok(keys::of_sshd());
    }
    let manifest = manifest_file::read(path, Purpose::Keys, environment, report)?;
    confine();
    Ok(keys::of_host(&manifest, environment, report))
}

fn print(keys: &[PublicKey], report: &Report) {
    for key in keys {
        let begins = |start: &str| key.recipients.iter().any(|recipient| recipient.starts_with(start));
        let note = if begins("age1") && begins("ssh-ed25519 ") { Some(EITHER) } else { key.note.as_deref() };
        // A key on the command line is its own name.
        let is_name = key.recipients.first() == Some(&key.origin);
        match note {
            None if is_name => {}
            Some(note) if is_name => report.line(format_args!("# {note}")),
            Some(note) => report.line(format_args!("# {}: {note}", key.origin)),
            None => report.line(format_args!("# {}", key.origin)),
        }
        for recipient in &key.recipients {
            report.line(format_args!("- {recipient}"));
        }
    }
}

/// Which of its two names to encrypt to for an ed25519 key of SSH.
const EITHER: &str =
    "one of these is enough: age1... if sops-nix is to open it too, ssh-ed25519 ... if sops is to, with the key itself";

/// There is no key of which something could be shown.
#[derive(Debug, thiserror::Error)]
#[error("this host has no key whose public half can be shown")]
struct NothingToShow;
