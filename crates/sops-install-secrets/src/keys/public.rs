//! The public halves of keys: what a file has to be encrypted to so that a host can open it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use install::Inputs;
use manifest::Manifest;
use sops::{HostRecipient, Public, RecipientError};

use super::{Host, KeyCommands, NotARecipient, STANDARD_INPUT, load};
use crate::environment::Environment;
use crate::input;
use crate::remedy::Remedy;
use crate::report::{About, Code, PublicKey, Report, Reported};

/// The keys that this host would use for a manifest, also those that cannot be used.
///
/// Where a private key may not be read, its public half beside it says the same, if it was not exchanged.
pub(crate) fn of_host(manifest: &Manifest, environment: &Environment, report: &mut Report) -> Vec<PublicKey> {
    report.hold();
    let keys = load(manifest, environment, KeyCommands::NotRun, &mut Inputs::new(), report);
    // What is wrong with a key stands beside it here, and which ones are imported is not asked.
    report.discard();
    let mut shown: Vec<PublicKey> = Vec::new();
    for half in keys.identities.public() {
        let (recipients, note) = match half.is {
            Public::Names(names) => (names.to_vec(), None),
            Public::Plugin(program) => (Vec::new(), Some(format!("{program} alone can tell what to encrypt to"))),
        };
        match shown.last_mut().filter(|last| last.origin == half.origin) {
            Some(last) => last.recipients.extend(recipients),
            None => shown.push(PublicKey { origin: half.origin.to_owned(), recipients, note }),
        }
    }
    for unusable in keys.unusable {
        let recipients = beside(Path::new(&unusable.origin)).map_or_else(Vec::new, |host| host.names().to_vec());
        let remedy = unusable.remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
        shown.push(PublicKey { origin: unusable.origin, recipients, note: Some(unusable.reason + &remedy) });
    }
    if let Some(home) = manifest.gnupg_home() {
        let origin = home.to_string_lossy().into_owned();
        shown.push(PublicKey {
            origin,
            recipients: Vec::new(),
            note: Some("gpg alone can tell what is in it".to_owned()),
        });
    }
    shown
}

/// The keys that sshd makes, for a host without a manifest.
pub(crate) fn of_sshd() -> Vec<PublicKey> {
    let shown = |path: &str| {
        let host = beside(Path::new(path))?;
        Some(usable(path, &host))
    };
    HOST_KEYS.into_iter().filter_map(shown).collect()
}

/// A key that can be used.
fn usable(origin: &str, host: &HostRecipient) -> PublicKey {
    PublicKey { origin: origin.to_owned(), recipients: host.names().to_vec(), note: None }
}

/// Which keys a missing key may have been meant as: those in its folder with a similar name; for a key of sshd otherwise the keys
/// that sshd has made.
pub(super) fn similar(path: &Path) -> Vec<String> {
    let (Some(folder), Some(wanted)) = (path.parent(), path.file_name().and_then(OsStr::to_str)) else {
        return Vec::new();
    };
    let in_folder = |folder: &Path, name: &OsStr| folder.join(name).display().to_string();
    // A key of DSA or ECDSA opens nothing.
    let is_key = |path: &String| !path.ends_with("pub") && !path.contains("dsa") && Path::new(path).is_file();
    let names = input::names(folder).unwrap_or_default();
    let near = nearest::nearest(wanted, &mut names.iter().take(COMPARED).filter_map(|name| name.to_str()));
    let mut found: Vec<String> = near.into_iter().map(|name| in_folder(folder, name.as_ref())).filter(is_key).collect();
    if wanted.starts_with("ssh_host_") {
        for folder in [folder, Path::new("/etc/ssh")] {
            if found.is_empty() {
                found = HOST_KEYS
                    .iter()
                    .filter_map(|key| Some(in_folder(folder, Path::new(key).file_name()?)))
                    .filter(is_key)
                    .collect();
            }
        }
    }
    found
}

/// The public half in the file beside a private key.
fn beside(path: &Path) -> Option<HostRecipient> {
    let mut name = path.to_owned().into_os_string();
    name.push(".pub");
    let content = input::read(input::ReadKind::PublicKey, Path::new(&name)).ok()?;
    HostRecipient::parse(String::from_utf8_lossy(&content).trim()).ok()
}

/// The keys that a command line names: texts, files with a key in each line, `known_hosts`, or `-` for standard input.
///
/// # Errors
///
/// What is not a key is reported, and then there are none at all.
pub(crate) fn named(operands: &[OsString], report: &mut Report) -> Result<Vec<PublicKey>, Reported> {
    let mut shown = Vec::new();
    // A key that was not quoted comes as several words.
    let joined = match operands.first().and_then(|word| word.to_str()) {
        Some("ssh-ed25519" | "ssh-rsa") => Some([operands.join(OsStr::new(" "))]),
        _ => None,
    };
    for operand in joined.as_ref().map_or(operands, |joined| joined.as_slice()) {
        shown.extend(one(operand, report)?);
    }
    Ok(shown)
}

fn one(operand: &OsStr, report: &mut Report) -> Result<Vec<PublicKey>, Reported> {
    if operand == "-" {
        let content = standard_input().map_err(|error| report.failed(Code::RecipientInvalid, &error))?;
        return keys(STANDARD_INPUT, &content).map_err(|error| error.report(report));
    }
    let text = operand.to_string_lossy();
    match key("", &text) {
        Ok((_, host)) => return Ok(vec![usable(host.to_add(), &host)]),
        Err(RecipientError::Unknown) => {}
        Err(error) => return Err(NotARecipient::new("-recipients", None, error).report(report)),
    }
    let path = PathBuf::from(operand);
    let content = input::read(input::ReadKind::PublicKey, &path)
        .map_err(|error| report.unreadable(Code::RecipientInvalid, About::default(), &error))?;
    if content.trim_ascii_start().starts_with(b"{") {
        let remedy =
            Remedy::run("the keys of this host are shown without it", "sops-install-secrets -recipients".to_owned());
        let problem = "it looks like a manifest".to_owned();
        return Err(NotARecipient { place: text.into_owned(), problem, remedy: Some(remedy) }.report(report));
    }
    keys(&text, &String::from_utf8_lossy(&content)).map_err(|error| error.report(report))
}

/// The lines of a file of public keys that are not comments, with their numbers.
fn lines(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    let lines = (1..).zip(content.lines().map(str::trim));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// A key, with the names of the host in front of it or without; then it is known by its origin.
fn key<'t>(origin: &'t str, line: &'t str) -> Result<(&'t str, HostRecipient), RecipientError> {
    match HostRecipient::parse_known_host(line) {
        Err(RecipientError::Unknown) => HostRecipient::parse(line).map(|host| (origin, host)),
        known => known,
    }
}

/// The hosts whose keys stand in the lines of a text.
pub(super) struct ByHost<'t> {
    /// Each with the names in front of its keys, or with the origin of the text.
    pub(super) hosts: Vec<(&'t str, Host)>,
    /// The first line of a host that has no key of a kind that age knows.
    pub(super) left_out: Option<NotARecipient>,
}

/// Reads lines with a key each. Keys of a kind that age does not know are passed over as long as their host has another one.
///
/// # Errors
///
/// The first line that is no key, or that there is none.
pub(super) fn by_host<'t>(origin: &'t str, content: &'t str) -> Result<ByHost<'t>, NotARecipient> {
    let mut hosts: Vec<(&str, Host)> = Vec::new();
    let mut passed_over = Vec::new();
    for (number, line) in lines(content) {
        match key(origin, line) {
            Ok((name, key)) => match hosts.iter_mut().find(|(other, _)| *other == name) {
                Some((_, host)) => host.keys.push(key),
                None => hosts.push((name, Host { keys: vec![key] })),
            },
            Err(error) => {
                let error_here = NotARecipient::new(origin, Some(number), error);
                if error != RecipientError::OtherSsh {
                    return Err(error_here);
                }
                let has_no_name = HostRecipient::parse(line) == Err(RecipientError::OtherSsh);
                let name = if has_no_name { origin } else { line.split_whitespace().next().unwrap_or_default() };
                passed_over.push((name, error_here));
            }
        }
    }
    let is_left_out = |name: &str| hosts.iter().all(|(other, _)| *other != name);
    let left_out = passed_over.into_iter().find(|(name, _)| is_left_out(name)).map(|(_, error)| error);
    match left_out {
        left_out if hosts.is_empty() => Err(left_out.unwrap_or_else(|| NotARecipient::no_key(origin))),
        left_out => Ok(ByHost { hosts, left_out }),
    }
}

/// The keys that stand in the lines of a text.
fn keys(origin: &str, content: &str) -> Result<Vec<PublicKey>, NotARecipient> {
    let hosts = by_host(origin, content)?.hosts.into_iter();
    let shown = hosts.map(|(name, host)| {
        // A key may stand there by both of its names.
        let mut recipients: Vec<String> = Vec::new();
        for recipient in host.keys.iter().flat_map(HostRecipient::names) {
            if !recipients.contains(recipient) {
                recipients.push(recipient.clone());
            }
        }
        // What sops files have most often comes first.
        let (age, others): (Vec<_>, Vec<_>) =
            recipients.into_iter().partition(|recipient| recipient.starts_with("age1"));
        PublicKey { origin: name.to_owned(), recipients: [age, others].concat(), note: None }
    });
    Ok(shown.collect())
}

fn standard_input() -> Result<String, NoInput> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(input::LARGEST_KEY).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Standard input cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read standard input: {0}")]
struct NoInput(#[from] io::Error);

/// The keys that sshd makes, without the ending of the public half.
pub(super) const HOST_KEYS: [&str; 2] = ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_rsa_key"];
/// How many names of a folder are looked at: anyone may have put them there.
const COMPARED: usize = 1000;
