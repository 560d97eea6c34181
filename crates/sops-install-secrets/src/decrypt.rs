//! From sops files to values: each file is read, unlocked and verified once, however many secrets it gives.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use manifest::{Manifest, Secret};
use sops::{AgeFileError, Encrypted, Format, HostRecipient, Identities, Plaintext};

use crate::report::{Report, chain};

/// The value of every secret in the order of the manifest; `None` where there is none, which was reported.
pub(crate) type Values = Vec<Option<Plaintext>>;

/// A sops file and the secrets in it.
struct SopsFile<'m> {
    path: &'m Path,
    format: Format,
    /// With their places in the manifest.
    secrets: Vec<(usize, &'m Secret)>,
}

/// A sops file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the sops file {path}", path = path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}

/// A sops file that gives nothing, and what its owner can do.
#[derive(Debug, thiserror::Error)]
#[error("{}{way_out}", chain(error))]
struct Unopened {
    error: sops::Error,
    way_out: String,
}

/// Decrypts all secrets of the manifest in memory. Every failure is reported, and a file that fails takes only its own
/// secrets with it.
pub(crate) fn decrypt(manifest: &Manifest, identities: &Identities, report: &mut Report) -> Values {
    let mut values: Values = manifest.secrets().iter().map(|_| None).collect();
    let files = files(manifest);
    if identities.has_plugins() {
        // A plugin is to be started once, so every file is read before the first is decrypted.
        let mut read: Vec<_> = files.iter().filter_map(|file| Some((file, file.read(report)?))).collect();
        Encrypted::ask_plugins(read.iter_mut().map(|(_, encrypted)| encrypted), identities);
        for (file, encrypted) in read {
            file.decrypt(encrypted, identities, &mut values, report);
        }
    } else {
        for file in files {
            if let Some(encrypted) = file.read(report) {
                file.decrypt(encrypted, identities, &mut values, report);
            }
        }
    }
    values
}

/// Checks without any key that every sops file is one and has what the manifest asks for.
pub(crate) fn check(manifest: &Manifest, report: &mut Report) {
    for file in files(manifest) {
        let Some(encrypted) = file.read(report) else { continue };
        let selected = file.selected();
        let checked = encrypted.check(selected.iter().map(|(_, _, path)| path.as_slice()));
        for (&(place, secret, _), result) in selected.iter().zip(checked) {
            if let Err(error) = result {
                report.failure(&file.subject_of(&[(place, secret)]), &error);
            }
        }
    }
}

/// Checks without any key that hosts can open every sops file.
pub(crate) fn check_recipients(manifest: &Manifest, hosts: &[HostRecipient], report: &mut Report) {
    for file in files(manifest) {
        let Some(encrypted) = file.read(report) else { continue };
        match encrypted.opens_for(hosts) {
            Some(true) => {}
            Some(false) => {
                let error = NotForHosts::new(&encrypted, hosts, file.path);
                report.failure(&file.subject(), &error);
            }
            None => report.warning(&file.subject(), &Unnamed),
        }
    }
}

/// A sops file that none of the hosts can open.
#[derive(Debug, thiserror::Error)]
#[error("it is encrypted to {recipients}, but not to {hosts}; add that to .sops.yaml and run: sops updatekeys {file}", file = file.display())]
struct NotForHosts {
    recipients: String,
    hosts: String,
    file: PathBuf,
}

/// A plain age file has stanzas, from which nobody but their recipients can tell whose they are.
#[derive(Debug, thiserror::Error)]
#[error("a plain age file does not name its recipients, so they cannot be checked")]
struct Unnamed;

impl NotForHosts {
    fn new(encrypted: &Encrypted, hosts: &[HostRecipient], path: &Path) -> Self {
        let recipients: Vec<_> = encrypted.recipients().iter().map(ToString::to_string).collect();
        let hosts: Vec<_> = hosts.iter().map(HostRecipient::to_add).collect();
        Self { recipients: recipients.join(", "), hosts: hosts.join(", "), file: editable(path).to_owned() }
    }
}

/// The sops files of the manifest in its order, each once.
fn files(manifest: &Manifest) -> Vec<SopsFile<'_>> {
    let mut files: Vec<SopsFile<'_>> = Vec::new();
    let mut numbers: HashMap<&Path, usize> = HashMap::new();
    for (place, secret) in manifest.secrets().iter().enumerate() {
        let next = files.len();
        let number = *numbers.entry(secret.sops_file()).or_insert(next);
        if let Some(file) = files.get_mut(number) {
            file.secrets.push((place, secret));
        } else {
            let path = secret.sops_file();
            files.push(SopsFile { path, format: format(secret.format()), secrets: vec![(place, secret)] });
        }
    }
    files
}

/// The manifest's names of the formats and those of sops are two things: a manifest may one day have others.
fn format(format: manifest::Format) -> Format {
    match format {
        manifest::Format::Yaml => Format::Yaml,
        manifest::Format::Json => Format::Json,
        manifest::Format::Binary => Format::Binary,
        manifest::Format::Dotenv => Format::Dotenv,
        manifest::Format::Ini => Format::Ini,
        manifest::Format::Age => Format::Age,
    }
}

impl SopsFile<'_> {
    /// Reads and parses the file; `None` if that failed, which is then reported.
    fn read(&self, report: &mut Report) -> Option<Encrypted> {
        let bytes = match fs::read(self.path) {
            Ok(bytes) => bytes,
            Err(source) => {
                report.failure(&secrets(&self.secrets), &Unreadable { path: self.path.to_owned(), source });
                return None;
            }
        };
        match Encrypted::parse(self.format, &bytes) {
            Ok(encrypted) => Some(encrypted),
            Err(error) => {
                report.failure(&self.subject(), &error);
                None
            }
        }
    }

    /// Puts the value of each secret in its place. What fails is reported.
    fn decrypt(&self, encrypted: Encrypted, identities: &Identities, values: &mut Values, report: &mut Report) {
        let decrypted = match encrypted.decrypt(identities) {
            Ok(decrypted) => decrypted,
            Err(error) => {
                report.failure(&self.subject(), &Unopened { way_out: way_out(&error, self.path), error });
                return;
            }
        };
        let selected = self.selected();
        let found = decrypted.values(selected.iter().map(|(_, _, path)| path.as_slice()));
        let whole = self.whole().map(|(place, secret)| (place, secret, decrypted.whole()));
        let found = selected.iter().zip(found).map(|(&(place, secret, _), value)| (place, secret, value));
        for (place, secret, value) in found.chain(whole) {
            match (value, values.get_mut(place)) {
                (Ok(value), Some(slot)) => *slot = Some(value),
                (Ok(_), None) => {}
                (Err(error), _) => report.failure(&self.subject_of(&[(place, secret)]), &error),
            }
        }
    }

    /// The secrets that are one value of the file, with the path of its key.
    fn selected(&self) -> Vec<(usize, &Secret, Vec<&str>)> {
        let secrets = self.secrets.iter();
        secrets.filter_map(|&(place, secret)| Some((place, secret, secret.selected_key()?.parts().collect()))).collect()
    }

    /// The secrets that are the whole file.
    fn whole(&self) -> impl Iterator<Item = (usize, &Secret)> {
        self.secrets.iter().copied().filter(|(_, secret)| secret.selected_key().is_none())
    }

    fn subject(&self) -> String {
        self.subject_of(&self.secrets)
    }

    fn subject_of(&self, affected: &[(usize, &Secret)]) -> String {
        format!("{}{}: ", secrets(affected), self.path.display())
    }
}

/// What to do about a file that nobody at hand opens: the command is the one to type where the file is edited.
fn way_out(error: &sops::Error, path: &Path) -> String {
    let (sops::Error::DataKey(unopened) | sops::Error::Age(AgeFileError::NoIdentity(unopened))) = error else {
        return String::new();
    };
    let file = editable(path);
    match (error, unopened.recipient_to_add()) {
        (sops::Error::DataKey(_), Some(recipient)) => {
            format!("; add {recipient} to .sops.yaml and run: sops updatekeys {}", file.display())
        }
        (_, Some(recipient)) => format!("; encrypt {} again to {recipient} too", file.display()),
        (_, None) if unopened.identities().is_empty() => {
            "; give this host a key in sops.age.sshKeyPaths or sops.age.keyFile".to_owned()
        }
        (_, None) => String::new(),
    }
}

/// The path of a file where a person edits it: in the Nix store only the part below the store's own folder means
/// anything, or the name without its hash.
fn editable(path: &Path) -> &Path {
    let Ok(inside) = path.strip_prefix("/nix/store") else { return path };
    let mut components = inside.components();
    let top = components.next();
    if !components.as_path().as_os_str().is_empty() {
        return components.as_path();
    }
    let name = top.and_then(|top| top.as_os_str().to_str());
    name.and_then(|name| name.split_once('-')).map_or(path, |(_, name)| Path::new(name))
}

/// `secret "a": ` or `secrets "a", "b" and 7 more: `.
fn secrets(affected: &[(usize, &Secret)]) -> String {
    let mut text = String::from(if affected.len() == 1 { "secret " } else { "secrets " });
    let named: Vec<_> =
        affected.iter().take(NAMED).map(|(_, secret)| format!("{:?}", secret.name().as_str())).collect();
    text.push_str(&named.join(", "));
    let more = affected.len().saturating_sub(NAMED);
    if more > 0 && write!(text, " and {more} more").is_err() {
        // Writing to a string cannot fail.
    }
    text.push_str(": ");
    text
}

/// How many secrets of a file that fails are named.
const NAMED: usize = 3;
