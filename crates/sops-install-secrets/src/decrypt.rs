//! From sops files to values: each file is read, unlocked and verified once, however many secrets it gives.

use std::collections::HashMap;
use std::path::Path;

use install::Inputs;
use manifest::{Name, Secret};
use nix::unistd::geteuid;
use sops::{AgeFileError, Encrypted, Error, HostIdentity, HostRecipient, Integers, LookupError, Plaintext};

use crate::input;
use crate::keys::{Host, HostKeys, Unusable, Why};
use crate::plan::{Plan, SopsFile};
use crate::questions;
use crate::remedy::{Module, Remedy, editable};
use crate::report::{About, Code, Report, Tone};
use crate::text;

/// The value of each secret by its name. One that failed has none.
pub(crate) type Values<'m> = HashMap<&'m Name, Plaintext>;

/// What is wrong at a place of a sops file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Misread(String);

/// Decrypts all secrets of the plan in memory. Every failure is reported, and a file that fails takes only its own secrets with it.
pub(crate) fn decrypt<'m>(plan: &Plan<'m>, keys: &HostKeys, inputs: &mut Inputs, report: &mut Report) -> Values<'m> {
    let mut values = Values::with_capacity(plan.manifest.secrets().len());
    if keys.identities.has_plugins() {
        // A plugin is to be started once, so every file is read before the first is decrypted.
        let files = plan.sops_files.iter();
        let mut read: Vec<_> = files.filter_map(|file| Some((file, file.read(inputs, report)?))).collect();
        Encrypted::ask_plugins(read.iter_mut().map(|(_, encrypted)| encrypted), &keys.identities);
        for (file, encrypted) in read {
            file.decrypt(encrypted, keys, &mut values, report);
        }
    } else {
        for file in &plan.sops_files {
            if let Some(encrypted) = file.read(inputs, report) {
                file.decrypt(encrypted, keys, &mut values, report);
            }
        }
    }
    values
}

/// Checks without any private key that every sops file is one and has what the manifest asks for, and that each host can open it.
pub(crate) fn check(plan: &Plan<'_>, hosts: &[Host], report: &mut Report) {
    for file in &plan.sops_files {
        let Some(encrypted) = file.read(&mut Inputs::new(), report) else { continue };
        file.check_hosts(&encrypted, hosts, report);
        let selected = file.selected();
        let checked = encrypted.check(selected.iter().map(|(_, path)| path.as_slice()));
        if let Err(error) = checked.file {
            file.report(&error, &[], report);
        }
        for ((secret, _), result) in selected.iter().zip(checked.keys) {
            if let Err(error) = result {
                file.report_key(secret, &error.into(), report);
            }
        }
    }
}

/// A sops file that some of the hosts cannot open.
#[derive(Debug, thiserror::Error)]
#[error("it is encrypted to {recipients}, but not to {hosts}")]
struct NotForHosts {
    recipients: String,
    hosts: String,
}

/// A plain age file whose recipients cannot be told.
#[derive(Debug, thiserror::Error)]
#[error("an age file says of its SSH keys alone whose they are, so whether the host opens it cannot be checked")]
struct Unnamed;

impl NotForHosts {
    fn new(encrypted: &Encrypted, hosts: &[&Host]) -> Self {
        let recipients: Vec<_> = encrypted.recipients().iter().map(ToString::to_string).collect();
        // Of several keys of a host one is enough.
        let either = |host: &&Host| host.keys.iter().map(HostRecipient::to_add).collect::<Vec<_>>().join(" or ");
        let hosts: Vec<_> = hosts.iter().map(either).collect();
        Self { recipients: recipients.join(", "), hosts: hosts.join(", ") }
    }
}

impl<'m> SopsFile<'m> {
    fn check_hosts(&self, encrypted: &Encrypted, hosts: &[Host], report: &mut Report) {
        let opens: Vec<_> = hosts.iter().map(|host| (host, encrypted.opens_for(&host.keys))).collect();
        let shut: Vec<_> = opens.iter().filter(|(_, opens)| *opens == Some(false)).map(|&(host, _)| host).collect();
        if !shut.is_empty() {
            let remedy = if self.format.is_of_sops() {
                Remedy::add_recipient("", "that", editable(self.path))
            } else {
                Remedy::rekey()
            };
            let error = NotForHosts::new(encrypted, &shut);
            report.failure_with(Code::RecipientMissing, self.about(), &error, self.told(Some(remedy)));
        } else if opens.iter().any(|(_, opens)| opens.is_none()) {
            report.warning(Code::RecipientUnknown, self.about(), &Unnamed);
        }
    }

    /// Reads and parses the file; `None` if that failed, which is then reported.
    fn read(&self, inputs: &mut Inputs, report: &mut Report) -> Option<Encrypted> {
        let bytes = match input::read(input::ReadKind::SopsFile, self.path) {
            Ok(bytes) => {
                questions::add_file(inputs, self.path, Some(&bytes));
                bytes
            }
            Err(error) => {
                // The error names the file itself.
                let about = About { file: None, ..self.about() };
                report.unreadable(Code::SopsFileUnreadable, about, &error);
                return None;
            }
        };
        match Encrypted::parse(self.format, bytes) {
            Ok(encrypted) => Some(encrypted),
            Err(error) => {
                self.report(&error, &[], report);
                None
            }
        }
    }

    /// Reports what is wrong with the file as a whole. The keys are those that this host cannot use.
    fn report(&self, error: &Error, unusable: &[Unusable], report: &mut Report) {
        let remedy =
            Remedy::of_sops_file(error, self.path).or_else(|| remedy(error, self.path, unusable, report.module()));
        let remedy = self.told(remedy);
        match error {
            Error::Parse(problem) => {
                let mut about = self.about();
                if let Some(at) = problem.position {
                    about = about.at(at.line, at.column);
                }
                report.failure_with(code(error), about, &Misread(problem.problem.to_string()), remedy);
            }
            error => report.failure_with(code(error), self.about(), error, remedy),
        }
    }

    /// What to do, with commands that tell sops the format.
    fn told(&self, remedy: Option<Remedy>) -> Option<Remedy> {
        remedy.map(|remedy| remedy.telling_format(editable(self.path), self.format))
    }

    /// Reports what is wrong with one secret of the file.
    fn report_key(&self, affected: &Secret, error: &Error, report: &mut Report) {
        let remedy = self.told(Remedy::of_sops_file(error, self.path));
        report.failure_with(code(error), self.about_of(&[affected]), error, remedy);
    }

    /// Adds the values of its secrets. What fails is reported.
    fn decrypt(&self, encrypted: Encrypted, keys: &HostKeys, values: &mut Values<'m>, report: &mut Report) {
        let decrypted = match encrypted.decrypt(&keys.identities) {
            Ok(decrypted) => decrypted,
            Err(error) => {
                // A key that this run cannot see may open the file all the same.
                let tone = if keys.hidden && code(&error) == Code::NoIdentity { Tone::Lenient } else { report.tone() };
                let before = report.set_tone(tone);
                self.report(&error, &keys.unusable, report);
                report.set_tone(before);
                return;
            }
        };
        if let Some(integers) = decrypted.integers() {
            let reading = match integers {
                Integers::Exact => "exactly, as sops does since 3.13.2",
                Integers::Rounded => "as floating-point numbers, as sops did up to 3.13.1",
            };
            let file = text::piece(&self.path.to_string_lossy()).into_owned();
            report.note(format_args!("{}: {file}: its MAC is right with integers read {reading}", report.program()));
        }
        let as_a_whole: Vec<_> = self.whole().collect();
        if !as_a_whole.is_empty()
            && let Some(lost) = decrypted.lost()
        {
            let lost = Error::from(lost);
            let remedy = Remedy::of_sops_file(&lost, self.path);
            report.warning_with(Code::ValueUnusable, self.about_of(&as_a_whole), &lost, remedy);
        }
        let selected = self.selected();
        let found = decrypted.values(selected.iter().map(|(_, path)| path.as_slice()));
        let whole = self.whole().map(|secret| (secret, decrypted.whole()));
        let found = selected.iter().zip(found).map(|(&(secret, _), value)| (secret, value));
        for (secret, value) in found.chain(whole) {
            match value {
                Ok(value) => drop(values.insert(secret.name(), value)),
                Err(error) => self.report_key(secret, &error, report),
            }
        }
    }

    /// The secrets that are one value of the file, with the path of its key.
    fn selected(&self) -> Vec<(&'m Secret, Vec<&'m str>)> {
        let secrets = self.secrets.iter();
        secrets.filter_map(|&secret| Some((secret, secret.selected_key()?.parts().collect()))).collect()
    }

    /// The secrets that are the whole file.
    fn whole(&self) -> impl Iterator<Item = &'m Secret> {
        self.secrets.iter().copied().filter(|secret| secret.selected_key().is_none())
    }

    fn about(&self) -> About {
        self.about_of(&self.secrets)
    }

    fn about_of(&self, affected: &[&Secret]) -> About {
        let secrets = affected.iter().map(|secret| secret.name().to_string()).collect();
        About { secrets, ..About::file(self.path) }
    }
}

/// What kind of failure an error of a sops file is.
fn code(error: &Error) -> Code {
    match error {
        Error::DataKey(_) | Error::Remote(_) | Error::Age(AgeFileError::NoIdentity(_)) => Code::NoIdentity,
        Error::Walk(_) | Error::Mac(_) => Code::SopsFileTampered,
        Error::Lookup(LookupError::Null { .. } | LookupError::NoText { .. }) => Code::ValueUnusable,
        Error::Lookup(LookupError::NotFound { .. } | LookupError::Slash { .. } | LookupError::NotAMapping { .. }) => {
            Code::KeyMissing
        }
        Error::Parse(_)
        | Error::OtherFormat(_)
        | Error::Metadata(_)
        | Error::Age(AgeFileError::Damaged(_))
        | Error::DataKeyLength(_)
        | Error::Rule(_)
        | Error::Emit(_) => Code::SopsFileInvalid,
    }
}

/// What to do about a file that no identity opens: the command is the one to type where the file is edited.
fn remedy(error: &Error, path: &Path, unusable: &[Unusable], module: Module) -> Option<Remedy> {
    let (unopened, is_sops) = match error {
        Error::DataKey(unopened) => (unopened, true),
        Error::Age(AgeFileError::NoIdentity(unopened)) => (unopened, false),
        _ => return None,
    };
    let file = editable(path);
    let needs = unopened.identities().iter().filter_map(HostIdentity::need);
    let needs = needs.map(|need| Remedy::of_need(need, module));
    let ways = Unusable::ways_out(unusable).chain(needs).fold(Remedy::default(), Remedy::then);
    let has_ways = ways != Remedy::default();
    if let Some(recipient) = unopened.recipient_to_add() {
        let mend = unusable.iter().any(|key| key.why != Why::NotRun)
            || unopened.identities().iter().any(|identity| identity.failure().is_some());
        let first = match (has_ways, mend) {
            (true, _) => "or ",
            (false, true) => "mend that, or ",
            (false, false) => "",
        };
        let mut recipient = recipient.to_string();
        if recipient.starts_with("age-plugin-") {
            // The name of the program, which alone can tell.
            "the recipient that the plugin has printed with the key".clone_into(&mut recipient);
        }
        let add = if is_sops {
            Remedy::add_recipient(first, &recipient, file)
        } else {
            Remedy::encrypt_again(first, &recipient)
        };
        return Some(ways.then(add));
    }
    if unopened.identities().is_empty() {
        let has = |is: &dyn Fn(&Unusable) -> bool| unusable.iter().any(is);
        return Some(if unusable.is_empty() {
            Remedy::give_key(module)
        } else if has(&|key| key.why == Why::Denied) && !geteuid().is_root() {
            Remedy::say("let this user read the key, or run this as root")
        } else if has(&Unusable::is_missing_host_key) {
            if is_sops { Remedy::restore_keys(file) } else { Remedy::restore_agenix_keys() }
        } else if !has_ways {
            Remedy::say("correct the path of the key, repair or restore it, then run this again")
        } else if has(&|key| key.remedy.is_none()) {
            ways.then(Remedy::say("correct the paths of the other keys, repair or restore them, then run this again"))
        } else {
            ways
        });
    }
    if unopened.missing_groups().is_some_and(|(_, opened)| opened > 0) {
        return Some(ways.then(Remedy::open_group(file)));
    }
    if has_ways {
        return Some(ways);
    }
    let is_listed = unopened.identities().iter().any(|identity| unopened.lists(identity));
    is_listed.then(|| {
        Remedy::say(&format!(
            "the entry for this host is damaged or was encrypted to another key: restore {} from version control",
            file.display()
        ))
    })
}
