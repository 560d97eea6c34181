//! From sops files to values: each file is read, unlocked and verified once, however many secrets it gives.

use std::collections::HashMap;
use std::path::Path;

use install::Inputs;
use manifest::{Manifest, Secret};
use sops::{AgeFileError, Encrypted, Error, Format, HostRecipient, LookupError, Plaintext};

use crate::input;
use crate::keys::{Host, HostKeys, Unusable};
use crate::questions;
use crate::report::{Code, Report, Subject, Tone, chain};

/// The value of every secret in the order of the manifest; `None` where there is none, which was reported.
pub(crate) type Values = Vec<Option<Plaintext>>;

/// A sops file and the secrets in it.
struct SopsFile<'m> {
    path: &'m Path,
    format: Format,
    /// With their places in the manifest.
    secrets: Vec<(usize, &'m Secret)>,
}

/// A sops file that gives nothing, and what its owner can do.
#[derive(Debug, thiserror::Error)]
#[error("{message}{way_out}")]
struct Unopened {
    message: String,
    way_out: String,
}

/// Decrypts all secrets of the manifest in memory. Every failure is reported, and a file that fails takes only its own
/// secrets with it.
pub(crate) fn decrypt(manifest: &Manifest, keys: &HostKeys, inputs: &mut Inputs, report: &mut Report) -> Values {
    let mut values: Values = manifest.secrets().iter().map(|_| None).collect();
    let files = files(manifest);
    if keys.identities.has_plugins() {
        // A plugin is to be started once, so every file is read before the first is decrypted.
        let mut read: Vec<_> = files.iter().filter_map(|file| Some((file, file.read(inputs, report)?))).collect();
        Encrypted::ask_plugins(read.iter_mut().map(|(_, encrypted)| encrypted), &keys.identities);
        for (file, encrypted) in read {
            file.decrypt(encrypted, keys, &mut values, report);
        }
    } else {
        for file in files {
            if let Some(encrypted) = file.read(inputs, report) {
                file.decrypt(encrypted, keys, &mut values, report);
            }
        }
    }
    values
}

/// Checks without any key that every sops file is one and has what the manifest asks for.
pub(crate) fn check(manifest: &Manifest, report: &mut Report) {
    for file in files(manifest) {
        let Some(encrypted) = file.read(&mut Inputs::new(), report) else { continue };
        let selected = file.selected();
        let checked = encrypted.check(selected.iter().map(|(_, _, path)| path.as_slice()));
        if let Err(error) = checked.file {
            file.report(&error, String::new(), report);
        }
        for (&(place, secret, _), result) in selected.iter().zip(checked.keys) {
            if let Err(error) = result {
                file.report_key(lookup_code(&error), (place, secret), &error, report);
            }
        }
    }
}

/// Checks without any private key that each host can open every sops file.
pub(crate) fn check_recipients(manifest: &Manifest, hosts: &[Host], report: &mut Report) {
    for file in files(manifest) {
        let Some(encrypted) = file.read(&mut Inputs::new(), report) else { continue };
        let opens: Vec<_> = hosts.iter().map(|host| (host, encrypted.opens_for(&host.keys))).collect();
        let shut: Vec<_> = opens.iter().filter(|(_, opens)| *opens == Some(false)).map(|&(host, _)| host).collect();
        if !shut.is_empty() {
            let error = NotForHosts::new(&encrypted, &shut, &file);
            report.failure(Code::RecipientMissing, file.subject(), &error);
        } else if opens.iter().any(|(_, opens)| opens.is_none()) {
            report.warning(Code::RecipientUnknown, file.subject(), &Unnamed);
        }
    }
}

/// A sops file that some of the hosts cannot open.
#[derive(Debug, thiserror::Error)]
#[error("it is encrypted to {recipients}, but not to {hosts}; {way_out}")]
struct NotForHosts {
    recipients: String,
    hosts: String,
    way_out: String,
}

/// A plain age file has stanzas, of which only those for SSH keys tell whose they are.
#[derive(Debug, thiserror::Error)]
#[error(
    "an age file does not say whose its X25519, hybrid and plugin stanzas are, so whether the host opens it cannot be checked"
)]
struct Unnamed;

impl NotForHosts {
    fn new(encrypted: &Encrypted, hosts: &[&Host], file: &SopsFile<'_>) -> Self {
        let recipients: Vec<_> = encrypted.recipients().iter().map(ToString::to_string).collect();
        // Of several keys of a host one is enough.
        let either = |host: &&Host| host.keys.iter().map(HostRecipient::to_add).collect::<Vec<_>>().join(" or ");
        let hosts: Vec<_> = hosts.iter().map(either).collect();
        let way_out = match file.format {
            Format::Age => "add the host's key to secrets.nix and run: agenix -r".to_owned(),
            _ => format!("add that to .sops.yaml and run: sops updatekeys {}", editable(file.path).display()),
        };
        Self { recipients: recipients.join(", "), hosts: hosts.join(", "), way_out }
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
    fn read(&self, inputs: &mut Inputs, report: &mut Report) -> Option<Encrypted> {
        let bytes = match input::read(input::Kind::SopsFile, self.path) {
            Ok(bytes) => {
                questions::add_file(inputs, self.path, Some(&bytes));
                bytes
            }
            Err(error) => {
                // The error names the file itself.
                let subject = Subject { file: None, ..self.subject() };
                report.failure(Code::SopsFileUnreadable, subject, &error);
                return None;
            }
        };
        match Encrypted::parse(self.format, bytes) {
            Ok(encrypted) => Some(encrypted),
            Err(error) => {
                self.report(&error, String::new(), report);
                None
            }
        }
    }

    /// Reports what is wrong with the file as a whole.
    fn report(&self, error: &Error, way_out: String, report: &mut Report) {
        let (subject, message) = match error {
            Error::Parse(error) => {
                let subject = self.subject();
                match error.position {
                    Some(at) => (subject.at(at.line, at.column), error.problem.to_string()),
                    None => (subject, error.problem.to_string()),
                }
            }
            error => (self.subject(), chain(error)),
        };
        report.failure(code(error), subject, &Unopened { message: self.named(message), way_out });
    }

    /// Reports what is wrong with one secret of the file.
    fn report_key(&self, code: Code, affected: (usize, &Secret), error: &dyn std::error::Error, report: &mut Report) {
        let message = self.named(chain(error));
        report.failure(code, self.subject_of(&[affected]), &Unopened { message, way_out: String::new() });
    }

    /// The message with the file's own name in the command at its end.
    fn named(&self, message: String) -> String {
        match message.strip_suffix("FILE") {
            Some(start) => format!("{start}{}", editable(self.path).display()),
            None => message,
        }
    }

    /// Puts the value of each secret in its place. What fails is reported.
    fn decrypt(&self, encrypted: Encrypted, keys: &HostKeys, values: &mut Values, report: &mut Report) {
        let decrypted = match encrypted.decrypt(&keys.identities) {
            Ok(decrypted) => decrypted,
            Err(error) => {
                // Where a key cannot be looked at, it may open the file all the same.
                let tone = if keys.hidden && code(&error) == Code::NoIdentity { Tone::Lenient } else { report.tone() };
                let before = report.set_tone(tone);
                self.report(&error, way_out(&error, self.path, &keys.unusable), report);
                report.set_tone(before);
                return;
            }
        };
        let as_a_whole: Vec<_> = self.whole().collect();
        if !as_a_whole.is_empty()
            && let Some(lost) = decrypted.lost()
        {
            report.warning(Code::ValueUnusable, self.subject_of(&as_a_whole), &lost);
        }
        let selected = self.selected();
        let found = decrypted.values(selected.iter().map(|(_, _, path)| path.as_slice()));
        let whole = self.whole().map(|(place, secret)| (place, secret, decrypted.whole()));
        let found = selected.iter().zip(found).map(|(&(place, secret, _), value)| (place, secret, value));
        for (place, secret, value) in found.chain(whole) {
            match (value, values.get_mut(place)) {
                (Ok(value), Some(slot)) => *slot = Some(value),
                (Ok(_), None) => {}
                (Err(error), _) => self.report_key(code(&error), (place, secret), &error, report),
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

    fn subject(&self) -> Subject {
        self.subject_of(&self.secrets)
    }

    fn subject_of(&self, affected: &[(usize, &Secret)]) -> Subject {
        let secrets = affected.iter().map(|(_, secret)| secret.name().to_string()).collect();
        Subject { secrets, ..Subject::file(self.path) }
    }
}

/// What kind of failure an error of a sops file is.
fn code(error: &Error) -> Code {
    match error {
        Error::DataKey(_) | Error::Remote(_) | Error::Age(AgeFileError::NoIdentity(_)) => Code::NoIdentity,
        Error::Walk(_) | Error::Mac(_) => Code::SopsFileTampered,
        Error::Lookup(error) => lookup_code(error),
        Error::Parse(_)
        | Error::OtherFormat(_)
        | Error::Metadata(_)
        | Error::Age(AgeFileError::Damaged(_))
        | Error::DataKeyLength(_)
        | Error::Rule(_)
        | Error::Emit(_) => Code::SopsFileInvalid,
    }
}

fn lookup_code(error: &LookupError) -> Code {
    match error {
        LookupError::NotFound { .. } | LookupError::Slash { .. } | LookupError::NotAMapping { .. } => Code::KeyMissing,
        LookupError::Null { .. } | LookupError::NoText { .. } => Code::ValueUnusable,
    }
}

/// What to do about a file that no identity opens: the command is the one to type where the file is edited.
fn way_out(error: &Error, path: &Path, unusable: &[Unusable]) -> String {
    let (Error::DataKey(unopened) | Error::Age(AgeFileError::NoIdentity(unopened))) = error else {
        return String::new();
    };
    let keys: Vec<_> = unusable.iter().map(ToString::to_string).collect();
    let why = if keys.is_empty() { String::new() } else { format!("; what it cannot use: {}", keys.join(", ")) };
    let file = editable(path);
    let repair = match (error, unopened.recipient_to_add()) {
        (Error::DataKey(_), Some(recipient)) => {
            format!("; add {recipient} to .sops.yaml and run: sops updatekeys {}", file.display())
        }
        (_, Some(recipient)) => format!("; encrypt {} again to {recipient} too", file.display()),
        (_, None) if unopened.identities().is_empty() && unusable.is_empty() => {
            "; give this host a key in sops.age.sshKeyPaths or sops.age.keyFile".to_owned()
        }
        (_, None) if unopened.identities().is_empty() => "; repair one of these keys, then run this again".to_owned(),
        (_, None) if unopened.missing_groups().is_some_and(|(_, opened)| opened > 0) => format!(
            "; give this host a key of another group, or lower shamir_threshold in .sops.yaml and run: sops updatekeys {}",
            file.display()
        ),
        (_, None) if unopened.identities().iter().any(|identity| unopened.lists(identity)) => format!(
            "; the entry for this host is damaged or was encrypted to another key: restore {} from version control",
            file.display()
        ),
        (_, None) => String::new(),
    };
    why + &repair
}

/// The path of a file where a person edits it: in the Nix store only the part below the store's own folder means
/// anything, or the name without its hash.
pub(crate) fn editable(path: &Path) -> &Path {
    let Ok(inside) = path.strip_prefix("/nix/store") else { return path };
    let mut components = inside.components();
    let top = components.next();
    if !components.as_path().as_os_str().is_empty() {
        return components.as_path();
    }
    let name = top.and_then(|top| top.as_os_str().to_str());
    name.and_then(|name| name.split_once('-')).map_or(path, |(_, name)| Path::new(name))
}
