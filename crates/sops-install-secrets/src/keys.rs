//! The private keys of this host: read from where the manifest and the environment say.

mod public;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use install::Inputs;
use manifest::Manifest;
use sops::{
    Gpg, HostRecipient, Identities, IdentityError, KeyProblem, Plugins, Query, QueryError, RecipientError, Watcher,
    command_words,
};
use zeroize::Zeroizing;

use crate::cli::HostName;
use crate::environment::Environment;
use crate::input;
use crate::questions;
use crate::remedy::Remedy;
use crate::report::{About, Code, Report, Reported};

pub(crate) use public::{named, of_host, of_sshd};

/// Whether a key has to be there.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Presence {
    /// The manifest or a variable names it.
    Expected,
    /// A place where sops always looks.
    Optional,
}

/// Whether commands that print keys are run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyCommands {
    /// Each once.
    Run,
    /// Not where a look must be quick and touch no token.
    NotRun,
}

/// The identities of this host.
pub(crate) struct HostKeys {
    pub(crate) identities: Identities,
    /// The keys that cannot be used.
    pub(crate) unusable: Vec<Unusable>,
    /// Whether there are others that this run must not ask for or cannot see.
    pub(crate) hidden: bool,
}

/// A machine by its public keys, any of which may open a file.
pub(crate) struct Host {
    pub(crate) keys: Vec<HostRecipient>,
}

/// A key that cannot be used: where it is, and why.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the key {origin}: {reason}")]
pub(crate) struct Unusable {
    origin: String,
    reason: String,
    pub(crate) why: Why,
    pub(crate) remedy: Option<Remedy>,
}

/// Why a key cannot be used, as far as it matters for what to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Why {
    /// It is not there at all, in no file system that is yet to be mounted either.
    Missing,
    /// It is not there, but keys are that it may stand for.
    Misnamed,
    /// Only another user may read it.
    Denied,
    /// It is left to a run that may ask for it.
    NotRun,
    Other,
}

impl Unusable {
    /// What can be done about each of them. Where there are several, each says for which key it is.
    pub(crate) fn ways_out(keys: &[Self]) -> impl Iterator<Item = Remedy> {
        let are_several = keys.iter().filter(|key| key.remedy.is_some()).count() > 1;
        keys.iter().filter_map(move |key| {
            let remedy = key.remedy.clone()?;
            Some(if are_several { remedy.about(&key.origin) } else { remedy })
        })
    }

    /// Whether it is a key that sshd makes for itself, and is not there.
    pub(crate) fn is_missing_host_key(&self) -> bool {
        self.why == Why::Missing && public::HOST_KEYS.contains(&self.origin.as_str())
    }
}

impl HostKeys {
    /// Warns of the keys that cannot be used. If a file was not opened, its message has named them.
    pub(crate) fn warn(&self, report: &mut Report) {
        if !report.has(Code::NoIdentity) {
            for key in self.unusable.iter().filter(|key| key.why != Why::NotRun) {
                report.warning_with(Code::IdentityUnusable, About::default(), key, key.remedy.clone());
            }
        }
    }
}

/// Loads every identity that this host has. What cannot be used is kept too: another identity may open the files, and if none
/// does, that is the reason.
///
/// Every place that is looked at is one of the inputs.
pub(crate) fn load(
    manifest: &Manifest,
    environment: &Environment,
    commands: KeyCommands,
    inputs: &mut Inputs,
    report: &mut Report,
) -> HostKeys {
    let credentials = environment.credentials_directory.as_deref();
    let log_imports = manifest.logging().key_import();
    let mut loader = Loader {
        watcher: report.watcher(),
        identities: Identities::new(),
        unusable: Vec::new(),
        hidden: false,
        inputs,
        report,
        credentials,
        commands,
        search_path: &environment.path,
        log_imports,
    };
    for path in manifest.age_ssh_key_paths() {
        loader.ssh_key(path, Presence::Expected, Log::Import);
    }
    let manifest_has_age = manifest.age_key_file().is_some() || !manifest.age_ssh_key_paths().is_empty();
    let of_environment = environment.age_key_file.as_deref().filter(|_| !manifest_has_age);
    for path in manifest.age_key_file().into_iter().chain(of_environment) {
        loader.age_key_file(path, Presence::Expected);
    }
    loader.keys_of_environment(environment);
    for path in manifest.ssh_key_paths() {
        loader.openpgp_ssh_key(path);
    }
    let named = manifest.gnupg_home().map(|home| environment.gnupg_home(home));
    if let Some(home) = &named {
        questions::add_home(loader.inputs, home);
    }
    let named = named.filter(|home| loader.has_home(home));
    let home = named.or_else(|| environment.gnupg_home.clone().filter(|_| manifest.gnupg_home().is_none()));
    let watcher = loader.watcher.clone();
    let Loader { mut identities, unusable, hidden, inputs, .. } = loader;
    identities.set_plugins(Plugins {
        search_path: environment.path.clone(),
        time_limit: TIME_LIMIT,
        watcher: watcher.clone(),
    });
    // If the manifest has SSH keys for PGP, or names a GnuPG home that is not there, the user's own home is not asked
    // instead.
    if home.is_some() || (manifest.ssh_key_paths().is_empty() && manifest.gnupg_home().is_none()) {
        let program = PathBuf::from(&environment.gpg);
        let search_path = environment.path.clone();
        let home = home.or_else(|| environment.usual_gnupg_home());
        if let (None, Some(home)) = (manifest.gnupg_home(), &home) {
            questions::add_home(inputs, home);
        }
        identities.set_gpg(Gpg { program, search_path, home, time_limit: TIME_LIMIT, watcher });
    }
    HostKeys { identities, unusable, hidden }
}

/// The hosts that the command line names, each on its own. Several keys in one option are those of one host: joined by
/// commas, or in the lines of one file, where no line names another host.
///
/// # Errors
///
/// What is not a recipient is reported, and then there are no hosts at all: a check with fewer would prove too little.
pub(crate) fn hosts(names: &[HostName], report: &mut Report) -> Result<Vec<Host>, Reported> {
    let mut hosts = Vec::new();
    for name in names {
        match name {
            HostName::Text(text) => {
                let keys = joined(text).map(HostRecipient::parse).collect::<Result<_, _>>();
                let keys = keys.map_err(|error| NotARecipient::new("-recipient", None, error).report(report))?;
                hosts.push(Host { keys });
            }
            HostName::File(path) => {
                let content = input::read(input::ReadKind::PublicKey, path);
                let content =
                    content.map_err(|error| report.unreadable(Code::RecipientInvalid, About::default(), &error))?;
                let (origin, content) = (path.to_string_lossy(), String::from_utf8_lossy(&content));
                let found = public::by_host(&origin, &content).and_then(|found| match found.left_out {
                    Some(error) => Err(error),
                    None => Ok(found.hosts),
                });
                let found = found.map_err(|error| error.report(report))?;
                hosts.extend(found.into_iter().map(|(_, host)| host));
            }
        }
    }
    Ok(hosts)
}

/// Whether a key comes from a command that a variable names.
pub(crate) fn is_command(origin: &str) -> bool {
    [AGE_KEY_COMMAND, SSH_KEY_COMMAND].contains(&origin)
}

/// The variables with commands that print keys.
const AGE_KEY_COMMAND: &str = "SOPS_AGE_KEY_CMD";
const SSH_KEY_COMMAND: &str = "SOPS_AGE_SSH_PRIVATE_KEY_CMD";

/// Where keys come from that no file has.
const STANDARD_INPUT: &str = "standard input";

/// The keys of one host. A comma may also stand in the comment of an SSH key, so one counts only if a key follows it.
fn joined(text: &str) -> impl Iterator<Item = &str> {
    let begins_key = |text: &str| {
        let word = text.trim_start().split([' ', ',']).next().unwrap_or_default();
        let is_fingerprint = word.len() == 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_fingerprint || ["age1", "ssh-", "AGE-"].iter().any(|start| word.starts_with(start))
    };
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let halves = |(at, _)| text.split_at_checked(at).and_then(|(key, rest)| Some((key, rest.strip_prefix(',')?)));
        let (key, after) = match text.match_indices(',').filter_map(halves).find(|(_, after)| begins_key(after)) {
            Some((key, after)) => (key, Some(after)),
            None => (text, None),
        };
        rest = after;
        Some(key.trim())
    })
}

/// A text that names no host: where it stands, and what it is instead. It may be a private key, so nothing of it is in here.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
struct NotARecipient {
    place: String,
    problem: String,
    remedy: Option<Remedy>,
}

impl NotARecipient {
    /// A text of an option, or of a line of a file.
    fn new(origin: &str, line: Option<usize>, error: RecipientError) -> Self {
        let file = Path::new(if origin == STANDARD_INPUT { "/dev/stdin" } else { origin });
        Self {
            place: line.map_or_else(|| origin.to_owned(), |line| format!("{origin}:{line}")),
            problem: error.to_string(),
            remedy: Remedy::of_recipient(error, line.map(|_| file)),
        }
    }

    /// A text without any key.
    fn no_key(origin: &str) -> Self {
        let problem = "there is no key in it".to_owned();
        Self { place: origin.to_owned(), problem, remedy: Some(Remedy::say("name at least one")) }
    }

    fn report(&self, report: &mut Report) -> Reported {
        report.failure_with(Code::RecipientInvalid, About::default(), self, self.remedy.clone());
        Reported
    }
}

/// How long gpg may take to open one data key, and a plugin of age to open all of them, which gets a second more for
/// each further file: a hardware token has to be found and touched.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Whether the import of a key is logged, if the manifest wants it at all.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Log {
    Import,
    Quiet,
}

struct Loader<'a> {
    /// Tells people what takes long.
    watcher: Watcher,
    identities: Identities,
    unusable: Vec<Unusable>,
    hidden: bool,
    inputs: &'a mut Inputs,
    report: &'a mut Report,
    /// What `%d` stands for.
    credentials: Option<&'a Path>,
    commands: KeyCommands,
    /// Where their programs are looked for.
    search_path: &'a OsStr,
    log_imports: bool,
}

impl Loader<'_> {
    /// The keys that variables hold or have printed, and those in the places of a user's own.
    fn keys_of_environment(&mut self, environment: &Environment) {
        if let Some(text) = &environment.age_key {
            for error in self.identities.add_age_key_variable("SOPS_AGE_KEY", text.as_bytes()) {
                self.is_unusable(&error);
            }
        }
        if let Some(command) = &environment.age_key_command
            && let Some(content) = self.printed(AGE_KEY_COMMAND, command)
        {
            self.age_keys(AGE_KEY_COMMAND, &content);
        }
        if let Some(command) = &environment.ssh_key_command
            && let Some(content) = self.printed(SSH_KEY_COMMAND, command)
            && let Err(error) = self.identities.add_ssh_key(SSH_KEY_COMMAND, &content)
        {
            self.is_unusable(&error);
        }
        for path in &environment.ssh_keys {
            self.ssh_key(path, Presence::Optional, Log::Quiet);
        }
        if let Some(path) = &environment.user_age_keys {
            self.age_key_file(path, Presence::Optional);
        }
    }

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
        let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
        let origin = error.origin();
        let file = Some(Path::new(origin)).filter(|_| origin.starts_with('/'));
        let remedy = Remedy::of_key(error.problem(), file, self.report.module());
        self.cannot_use(origin, format!("{line}{}", error.problem()), Why::Other, remedy);
    }

    fn cannot_use(&mut self, origin: &str, reason: String, why: Why, remedy: Option<Remedy>) {
        self.identities.add_unusable(format!("{origin} ({reason})"));
        self.unusable.push(Unusable { origin: origin.to_owned(), reason, why, remedy });
    }

    /// What a command prints that a variable names, taken apart and run as sops does: without a shell.
    fn printed(&mut self, variable: &str, command: &OsStr) -> Option<Zeroizing<Vec<u8>>> {
        self.inputs.add_unknown();
        if self.commands == KeyCommands::NotRun {
            // It may open everything, so this is only told if nothing else does.
            self.hidden = true;
            self.cannot_use(variable, KeyReason::NotRun.to_string(), Why::NotRun, None);
            return None;
        }
        let words = command.to_str().and_then(command_words).ok_or(KeyReason::Command);
        let output = words.and_then(|words| {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            let (program, arguments) = words.split_first().ok_or(KeyReason::Command)?;
            let search_path = self.search_path;
            let query = Query {
                program,
                arguments,
                search_path,
                environment: &[],
                time_limit: TIME_LIMIT,
                watcher: &self.watcher,
            };
            query.output().map_err(|error| match error {
                // What it had to say may be a key, or a passphrase.
                QueryError::Failed { status, .. } if is_for_a_shell(program, arguments) => KeyReason::NoShell(status),
                QueryError::Failed { status, .. } => KeyReason::Failed(status),
                error => KeyReason::Query(error),
            })
        });
        match output {
            Ok(content) => Some(content),
            Err(reason) => {
                self.cannot_read(Path::new(variable), &reason);
                None
            }
        }
    }

    /// Whether the GnuPG home of the manifest is there.
    fn has_home(&mut self, home: &Path) -> bool {
        match input::absence(home) {
            Some(absence) => {
                self.cannot_read(home, &KeyReason::Unread(absence));
                false
            }
            // Anything else that is wrong with it is reported by gpg.
            None => true,
        }
    }

    fn read(&mut self, path: &Path, presence: Presence) -> Option<Zeroizing<Vec<u8>>> {
        let place = match (path.strip_prefix("%d"), self.credentials) {
            (Err(_), _) => Ok(path.to_owned()),
            (Ok(name), Some(directory)) => Ok(directory.join(name)),
            (Ok(_), None) => {
                self.hidden |= self.commands == KeyCommands::NotRun;
                Err(KeyReason::NoCredentials)
            }
        };
        let read = |place: PathBuf| {
            let content = input::read_key(&place);
            questions::add_file(self.inputs, &place, content.as_ref().ok().map(|content| content.as_slice()));
            content.map_err(KeyReason::Unread)
        };
        let reason = match place.and_then(read) {
            Ok(content) => return Some(content),
            Err(KeyReason::Unread(input::ReadError::Absent(_))) if presence == Presence::Optional => return None,
            Err(reason) => reason,
        };
        self.cannot_read(path, &reason);
        None
    }

    fn cannot_read(&mut self, path: &Path, reason: &KeyReason) {
        let why = match reason {
            KeyReason::Unread(input::ReadError::Absent(absence)) if !absence.is_unmounted() => Why::Missing,
            KeyReason::Unread(input::ReadError::Other(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                Why::Denied
            }
            _ => Why::Other,
        };
        let mut similar = if why == Why::Missing { public::similar(path) } else { Vec::new() };
        // A key that is in use already cannot be the one that was meant.
        similar.retain(|path| !self.identities.has_origin(path));
        let origin = path.to_string_lossy();
        if similar.is_empty() {
            let remedy = match reason {
                KeyReason::Unread(error) => error.remedy(),
                _ => None,
            };
            match (reason, remedy) {
                (KeyReason::Unread(input::ReadError::Absent(_)), remedy) => {
                    self.cannot_use(&origin, reason.to_string(), why, remedy);
                }
                // No other message says it again, so it belongs to the reason.
                (_, Some(remedy)) => self.cannot_use(&origin, format!("{reason}; {remedy}"), why, None),
                (_, None) => self.cannot_use(&origin, reason.to_string(), why, None),
            }
        } else {
            let reason = format!("{reason}; did you mean {}?", similar.join(" or "));
            self.cannot_use(&origin, reason, Why::Misnamed, None);
        }
    }
}

/// Whether a command is written for a shell, with signs that only a shell understands, but does not call one.
fn is_for_a_shell(program: &OsStr, arguments: &[OsString]) -> bool {
    let has_sign = |word: &OsString| word.as_encoded_bytes().iter().any(|byte| b"~$|<>&;`*".contains(byte));
    !program.as_encoded_bytes().ends_with(b"sh") && arguments.iter().any(has_sign)
}

/// Why a key cannot be read.
#[derive(Debug, thiserror::Error)]
enum KeyReason {
    #[error("{0}")]
    Unread(input::ReadError),
    #[error("CREDENTIALS_DIRECTORY is not set; run this as a unit with LoadCredential=")]
    NoCredentials,
    #[error("it is no command: a quote is not closed, or there is no word; correct the variable")]
    Command,
    #[error("a command is not run by this check")]
    NotRun,
    #[error("its command failed ({0}); run the command by hand to see why")]
    Failed(ExitStatus),
    #[error(
        "its command failed ({0}); run it by hand to see why; no shell reads it here: if it needs one, write sh -c '...'"
    )]
    NoShell(ExitStatus),
    #[error(
        "{0}; correct the command, or let SOPS_AGE_KEY_FILE or SOPS_AGE_SSH_PRIVATE_KEY_FILE name a file with the key"
    )]
    Query(QueryError),
}
