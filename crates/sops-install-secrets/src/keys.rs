//! The private keys of this host: read from where the manifest and the environment say.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use install::Inputs;
use manifest::Manifest;
use sops::{Gpg, HostRecipient, Identities, IdentityError, KeyProblem, Plugins};
use zeroize::Zeroizing;

use crate::cli::HostName;
use crate::environment::Environment;
use crate::input;
use crate::report::{Code, Report, Reported, Subject};
use crate::unmounted::mount_point_of;

/// Whether a key has to be there.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Presence {
    /// The manifest or a variable names it.
    Expected,
    /// A place where sops always looks.
    Optional,
}

/// The identities of this host.
pub(crate) struct HostKeys {
    pub(crate) identities: Identities,
    /// What was to be one and cannot be used.
    pub(crate) unusable: Vec<Unusable>,
}

/// A key that cannot be used: where it is, and why. Printed, the reason stands in parentheses.
#[derive(Debug, thiserror::Error)]
#[error("{origin} ({reason})")]
pub(crate) struct Unusable {
    origin: String,
    reason: String,
}

/// Loads every identity that this host has. What cannot be used is a warning: another identity may open the files, and
/// if none does, that is the error.
///
/// Every place that is looked at is one of the inputs.
pub(crate) fn load(
    manifest: &Manifest,
    environment: &Environment,
    inputs: &mut Inputs,
    report: &mut Report,
) -> HostKeys {
    let credentials = environment.credentials_directory.as_deref();
    let log_imports = manifest.logging().key_import();
    let mut loader =
        Loader { identities: Identities::new(), unusable: Vec::new(), inputs, report, credentials, log_imports };
    for path in manifest.age_ssh_key_paths() {
        loader.ssh_key(path, Presence::Expected, Log::Import);
    }
    let manifest_has_age = manifest.age_key_file().is_some() || !manifest.age_ssh_key_paths().is_empty();
    let of_environment = environment.age_key_file.as_deref().filter(|_| !manifest_has_age);
    for path in manifest.age_key_file().into_iter().chain(of_environment) {
        loader.age_key_file(path, Presence::Expected);
    }
    if let Some(text) = &environment.age_key {
        loader.inputs.add_unknown();
        for error in loader.identities.add_age_key_variable("SOPS_AGE_KEY", text.as_bytes()) {
            loader.is_unusable(&error);
        }
    }
    for name in &environment.key_commands {
        loader.cannot_read(Path::new(name), Reason::Command);
    }
    for path in &environment.ssh_keys {
        loader.ssh_key(path, Presence::Optional, Log::Quiet);
    }
    if let Some(path) = &environment.user_age_keys {
        loader.age_key_file(path, Presence::Optional);
    }
    for path in manifest.ssh_key_paths() {
        loader.openpgp_ssh_key(path);
    }
    let Loader { mut identities, unusable, .. } = loader;
    identities.set_plugins(Plugins { search_path: environment.path.clone(), time_limit: TIME_LIMIT });
    let home = manifest.gnupg_home().map(Path::to_owned).or_else(|| environment.gnupg_home.clone());
    // With SSH keys for PGP there is no other GnuPG home, and that of the user is none of this host's business.
    if home.is_some() || manifest.ssh_key_paths().is_empty() {
        let program = PathBuf::from(&environment.gpg);
        let search_path = environment.path.clone();
        identities.set_gpg(Gpg { program, search_path, home, time_limit: TIME_LIMIT });
    }
    HostKeys { identities, unusable }
}

/// The hosts that the command line names.
///
/// # Errors
///
/// A name that is none is reported, and then there are no hosts at all: a check with fewer would prove too little.
pub(crate) fn hosts(names: &[HostName], report: &mut Report) -> Result<Vec<HostRecipient>, Reported> {
    let mut hosts = Vec::new();
    for name in names {
        let text = match name {
            HostName::Text(text) => text.clone(),
            HostName::File(path) => {
                let content = input::read("public key", path);
                let content = content.map_err(|error| report.failed(Code::RecipientInvalid, &error))?;
                String::from_utf8_lossy(&content).into_owned()
            }
        };
        // A file may hold several, one a line, as `ssh-keyscan` prints them.
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            hosts.push(HostRecipient::parse(line).map_err(|error| report.failed(Code::RecipientInvalid, &error))?);
        }
    }
    Ok(hosts)
}

/// How long gpg may take to open one data key, and a plugin of age to open all of them, but for a second for each further
/// file: a hardware token has to be found and touched.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Whether the import of a key is logged, if the manifest wants it at all.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Log {
    Import,
    Quiet,
}

struct Loader<'a> {
    identities: Identities,
    unusable: Vec<Unusable>,
    inputs: &'a mut Inputs,
    report: &'a mut Report,
    /// What `%d` stands for.
    credentials: Option<&'a Path>,
    log_imports: bool,
}

impl Loader<'_> {
    fn ssh_key(&mut self, path: &Path, presence: Presence, log: Log) {
        let Some(content) = self.read(path, presence) else { return };
        let origin = path.to_string_lossy();
        match self.identities.add_ssh_key(&origin, &content) {
            Ok(imported) if self.log_imports && log == Log::Import => self.report.note(format_args!(
                "{}: Imported {origin} as age key with fingerprint {}",
                self.report.base_name(),
                imported.recipient()
            )),
            // Users of agenix have one list for keys of both kinds.
            Err(error) if presence == Presence::Expected && *error.problem() == KeyProblem::AgeIdentity => {
                self.age_keys(&origin, &content);
            }
            Err(error) if presence == Presence::Expected => self.is_unusable(&error),
            // A user's own key that is protected or of another kind is no concern of this program.
            Ok(_) | Err(_) => {}
        }
    }

    fn openpgp_ssh_key(&mut self, path: &Path) {
        let Some(content) = self.read(path, Presence::Expected) else { return };
        match self.identities.add_openpgp_ssh_key(&path.to_string_lossy(), &content) {
            Ok(fingerprint) if self.log_imports => self.report.line(format_args!(
                "{}: Imported {} as GPG key with fingerprint {fingerprint}",
                self.report.base_name(),
                path.display()
            )),
            Ok(_) => {}
            Err(error) => self.is_unusable(&error),
        }
    }

    fn age_key_file(&mut self, path: &Path, presence: Presence) {
        if let Some(content) = self.read(path, presence) {
            self.age_keys(&path.to_string_lossy(), &content);
        }
    }

    fn age_keys(&mut self, origin: &str, content: &[u8]) {
        for error in self.identities.add_age_key_file(origin, content) {
            self.is_unusable(&error);
        }
    }

    fn is_unusable(&mut self, error: &IdentityError) {
        self.report.warning(Code::IdentityUnusable, Subject::default(), error);
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        self.unusable
            .push(Unusable { origin: error.origin().to_owned(), reason: format!("{line}{}", error.problem()) });
    }

    fn read(&mut self, path: &Path, presence: Presence) -> Option<Zeroizing<Vec<u8>>> {
        let place = match (path.strip_prefix("%d"), self.credentials) {
            (Err(_), _) => Ok(path.to_owned()),
            (Ok(name), Some(directory)) => Ok(directory.join(name)),
            (Ok(_), None) => Err(Reason::NoCredentials),
        };
        let read = |place: PathBuf| {
            self.inputs.add_file(&place);
            fs::read(&place).map_err(|error| Reason::of(error, &place))
        };
        let reason = match place.and_then(read) {
            Ok(content) => return Some(Zeroizing::new(content)),
            Err(Reason::Absent) if presence == Presence::Optional => return None,
            Err(reason) => reason,
        };
        self.cannot_read(path, reason);
        None
    }

    fn cannot_read(&mut self, path: &Path, reason: Reason) {
        let unusable = Unusable { origin: path.display().to_string(), reason: reason.to_string() };
        self.report.warning(
            Code::IdentityUnusable,
            Subject::default(),
            &UnreadableKey { path: path.to_owned(), reason },
        );
        self.unusable.push(unusable);
    }
}

/// A key that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the key {path}: {reason}", path = path.display())]
struct UnreadableKey {
    path: PathBuf,
    reason: Reason,
}

/// Why a key cannot be read.
#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("there is no such file")]
    Absent,
    #[error(
        "{mount_point} is in /etc/fstab and is not mounted; mount it before this runs: in NixOS set neededForBoot for it",
        mount_point = _0.display()
    )]
    NotMounted(PathBuf),
    #[error("CREDENTIALS_DIRECTORY is not set; run this as a unit with LoadCredential=")]
    NoCredentials,
    #[error("no command is run for a key; let SOPS_AGE_KEY_FILE name a file that has it")]
    Command,
    #[error("{0}")]
    Other(io::Error),
}

impl Reason {
    fn of(error: io::Error, path: &Path) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => mount_point_of(path).map_or(Self::Absent, Self::NotMounted),
            _ => Self::Other(error),
        }
    }
}
