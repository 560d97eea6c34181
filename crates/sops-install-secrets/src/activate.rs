//! The order of an installation: read everything, decrypt everything, compare, stage, switch, and then the rest.
//!
//! Until the switch an error leaves the machine as it was. After it an error is reported, and the rest still runs.

use std::path::{Path, PathBuf};

use install::{
    Activation, Changes, Credential, Current, File, FileSystem, Inputs, Kind, Location, Lock, Medium, Notice, Owner,
    Store,
};
use manifest::{CredentialName, Entry, Manifest, Name, RuntimeDirectory, UnitName};
use nix::unistd::Gid;
use sops::Plaintext;
use zeroize::Zeroizing;

use crate::cli::{self, Action, Arguments, ManifestPath};
use crate::confinement::{confine, raise_file_limit};
use crate::environment::Environment;
use crate::keys::HostKeys;
use crate::plan::{Owners, Unknown};
use crate::report::{Code, Outcome, Report, Reported, Step, Subject};
use crate::units::{self, RequestError, Requests, Route};
use crate::{accounts, decrypt, input, keys, plan, questions, status, verify};

/// Does what the command line asks for with a manifest. What came of it stands in the report.
pub(crate) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) {
    raise_file_limit();
    let action = match &arguments.action {
        Action::Install if environment.dry_activate => &Action::DryRun,
        action => action,
    };
    report.begin(action, arguments.manifest.as_path(), arguments.output);
    report.step(Step::Manifest);
    let mut inputs = Inputs::new();
    let Ok(manifest) = read_manifest(&arguments.manifest, action, environment, &mut inputs, report) else { return };
    let installation = Installation { manifest: &manifest, environment, accounts: arguments.accounts };
    let done = match action {
        Action::CheckManifest => Ok(()),
        Action::CheckSopsFiles => {
            decrypt::check(&manifest, report);
            plan::check_templates(&manifest, report);
            Ok(())
        }
        Action::CheckRecipients(hosts) => {
            keys::hosts(hosts, report).map(|hosts| decrypt::check_recipients(&manifest, &hosts, report))
        }
        Action::Install => installation.run(inputs, report),
        Action::DryRun => installation.dry_run(report),
        Action::Verify => installation.verify(&arguments.manifest, report),
        Action::Status => status::show(&installation, &arguments.manifest, arguments.output, report),
    };
    match done {
        // Whatever stopped it stands in the report.
        Ok(()) | Err(Reported) => {}
    }
}

/// A manifest that belongs on this machine.
pub(crate) struct Installation<'a> {
    pub(crate) manifest: &'a Manifest,
    environment: &'a Environment,
    accounts: cli::Accounts,
}

/// The secret or template that a file comes from.
struct Source<'a> {
    entry: &'a Entry,
    credential: Option<&'a CredentialName>,
}

/// Plaintext of secrets and templates, in the order of the manifest.
struct Contents {
    secrets: Vec<Option<Plaintext>>,
    templates: Vec<Option<Zeroizing<Vec<u8>>>>,
}

impl Contents {
    /// Contents that nobody is going to look at.
    fn unread(manifest: &Manifest) -> Self {
        Self {
            secrets: manifest.secrets().iter().map(|_| Some(Plaintext::new(Vec::new()))).collect(),
            templates: manifest.templates().iter().map(|_| Some(Zeroizing::default())).collect(),
        }
    }
}

/// Whom a file is to belong to: to the user who runs the program if to nobody else. Who cannot be found was reported.
type Ownership = Result<Option<Owner>, Reported>;

/// What a run decides on before anything is touched.
struct Decision<'c> {
    files: Vec<File<'c>>,
    sources: Vec<Source<'c>>,
    changes: Changes,
}

impl Installation<'_> {
    /// The whole of an installation, top to bottom.
    fn run(&self, mut inputs: Inputs, report: &mut Report) -> Result<(), Reported> {
        confine();
        let failed = Code::InstallationFailed;
        report.step(Step::Look);
        let location = self.location(report)?;
        let group = self.directory_group(report)?;
        let lock = Lock::acquire(&location).map_err(|error| report.failed(failed, &error))?;
        let current = Self::look(&location, report)?;
        let keys = self.keys(&mut inputs, report);
        let owners = self.find_owners(Unknown::Failure, report);
        self.add_inputs(&mut inputs, group, &owners);
        let is_untouched = current.is_stamped(&inputs, questions::ask);
        let contents =
            if is_untouched { Contents::unread(self.manifest) } else { self.contents(&keys, &mut inputs, report) };
        drop(keys);
        let Decision { files, sources, changes } = if is_untouched {
            // The contents that these files have not are those that are installed.
            let (files, sources) = self.files(&contents, owners);
            Decision { files, sources, changes: Changes::none() }
        } else {
            self.decide(&current, &contents, owners, group, report)?
        };
        report.changes(&changes);
        let due = units::due(&current);
        let requests = self.requests(&files, &sources, &changes, &due);
        // -------------- until here nothing on the machine has changed --------------

        report.step(Step::Stage);
        let mut store = Store::open(&current, lock, group).map_err(|error| report.failed(failed, &error))?;
        if store.medium().map_err(|error| report.failed(failed, &error))? == Medium::Disk {
            let path = location.mount_point().to_owned();
            report.warning(Code::NotInMemory, Subject::default(), &OnDisk { path });
        }
        if changes.is_empty() {
            report.outcome(Outcome::Unchanged);
        } else {
            let staged = store.stage(&files).map_err(|error| report.failed(failed, &error))?;
            // THE COMMIT: one rename.
            staged.activate(&requests.words()).map_err(|error| report.failed(failed, &error))?;
            report.generation(&location, store.active());
            report.outcome(if report.failures() == 0 { Outcome::Installed } else { Outcome::PartlyInstalled });
            self.announce(&changes, Mood::Indicative, report);
        }
        // -------------- readers see the new values; from here on an error stops nothing else --------------

        report.step(Step::Links);
        if !is_untouched {
            for error in store.link(&files) {
                report.failure(Code::LinkFailed, Subject::default(), &error);
            }
            for error in store.publish(Path::new(CREDENTIALS), &credentials(&files, &sources)) {
                report.failure(Code::LinkFailed, Subject::default(), &error);
            }
        }
        for notice in store.notices() {
            report.warning(code_of(&notice), Subject::default(), &notice);
        }
        report.step(Step::Units);
        let unsent = requests.send(self.route());
        for error in &unsent {
            report.failure(Code::UnitRefused, Subject::default(), error);
        }
        report.units(&requests);
        if !unsent.iter().any(RequestError::is_owed)
            && let Err(error) = store.requested()
        {
            report.failure(Code::UnitRefused, Subject::default(), &error);
        }
        report.step(Step::Prune);
        for error in store.prune(self.manifest.keep_generations()) {
            report.failure(Code::PruneFailed, Subject::default(), &error);
        }
        if !is_untouched && report.failures() == 0 {
            store.stamp(&inputs, &changes);
        }
        Ok(())
    }

    /// Says what an installation would do.
    fn dry_run(&self, report: &mut Report) -> Result<(), Reported> {
        confine();
        report.step(Step::Look);
        let location = self.location(report)?;
        let group = self.directory_group(report)?;
        let current = Self::look(&location, report)?;
        let contents = self.contents(&self.keys(&mut Inputs::new(), report), &mut Inputs::new(), report);
        // Before a switch has made its users, a dry run cannot know them.
        let owners = self.find_owners(Unknown::Warning, report);
        let Decision { files, sources, changes } = self.decide(&current, &contents, owners, group, report)?;
        report.changes(&changes);
        report.outcome(match report.failures() {
            0 if changes.is_empty() => Outcome::Unchanged,
            0 => Outcome::WouldInstall,
            _ => Outcome::WouldInstallPartly,
        });
        self.announce(&changes, Mood::Conditional, report);
        let due = units::due(&current);
        let requests = self.requests(&files, &sources, &changes, &due);
        for action in units::ACTIONS {
            for unit in requests.of(action) {
                report.note(format_args!("would {} {unit}", action.verb()));
            }
        }
        report.units(&requests);
        Ok(())
    }

    /// Compares what an installation would give with what is installed.
    fn verify(&self, manifest: &ManifestPath, report: &mut Report) -> Result<(), Reported> {
        confine();
        report.step(Step::Look);
        let location = self.location(report)?;
        let group = self.directory_group(report)?;
        let current = Self::look(&location, report)?;
        let contents = self.contents(&self.keys(&mut Inputs::new(), report), &mut Inputs::new(), report);
        let (files, sources) = self.files(&contents, self.find_owners(Unknown::Failure, report));
        report.step(Step::Compare);
        let changes = Changes::between(&current, &files, group)
            .map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        report.changes(&changes);
        if report.failures() > 0 {
            // What cannot be decrypted cannot be compared either.
            return Err(Reported);
        }
        let credentials = credentials(&files, &sources);
        verify::compare(&current, &files, &changes, (Path::new(CREDENTIALS), &credentials), manifest, report)
    }

    /// The running generation.
    pub(crate) fn look<'l>(location: &'l Location, report: &mut Report) -> Result<Current<'l>, Reported> {
        let current = Current::inspect(location).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        report.generation(location, current.running_number());
        Ok(current)
    }

    fn keys(&self, inputs: &mut Inputs, report: &mut Report) -> HostKeys {
        report.step(Step::Identities);
        keys::load(self.manifest, self.environment, inputs, report)
    }

    /// Adds what there is besides the manifest and the files that are read: the program, its environment, and the numbers of
    /// all owners.
    fn add_inputs(&self, inputs: &mut Inputs, group: Option<Gid>, owners: &[Ownership]) {
        questions::add_program(inputs);
        questions::add_environment(inputs, self.environment, self.accounts);
        if let Some(group) = group {
            questions::add_account(inputs, "group", "", group.as_raw());
        }
        let secrets = self.manifest.secrets().iter().map(manifest::Secret::entry);
        let templates = self.manifest.templates().iter().map(manifest::Template::entry);
        for (entry, owner) in secrets.chain(templates).zip(owners) {
            let Ok(owner) = owner else { return inputs.add_unknown() };
            let Some(Owner { user, group }) = owner else { continue };
            if let manifest::Owner::Name(name) = entry.owner() {
                questions::add_account(inputs, "user", name.as_str(), user.as_raw());
            }
            if let manifest::Group::Name(name) = entry.group() {
                questions::add_account(inputs, "group", name.as_str(), group.as_raw());
            }
        }
    }

    /// All plaintext.
    fn contents(&self, keys: &HostKeys, inputs: &mut Inputs, report: &mut Report) -> Contents {
        report.step(Step::Decrypt);
        let secrets = decrypt::decrypt(self.manifest, keys, inputs, report);
        report.step(Step::Compare);
        let templates = plan::render(self.manifest, &secrets, inputs, report);
        Contents { secrets, templates }
    }

    /// What is to be installed, and whether it may be: a running generation stays as it is after a failure; without one,
    /// something is better than nothing.
    fn decide<'c>(
        &self,
        current: &Current<'_>,
        contents: &'c Contents,
        owners: Vec<Ownership>,
        group: Option<Gid>,
        report: &mut Report,
    ) -> Result<Decision<'c>, Reported>
    where
        Self: 'c,
    {
        let (mut files, mut sources) = self.files(contents, owners);
        let misplaced = current.misplaced(&files).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        for (position, error) in misplaced.iter().rev() {
            report.failure(Code::LinkFailed, subject_of(&files.remove(*position)), error);
            sources.remove(*position);
        }
        let changes = Changes::between(current, &files, group)
            .map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        if report.failures() > 0 && (changes.activation() == Activation::Update || files.is_empty()) {
            return Err(Reported);
        }
        Ok(Decision { files, sources, changes })
    }

    /// Where the secrets are.
    pub(crate) fn location(&self, report: &mut Report) -> Result<Location, Reported> {
        let file_system = match (self.manifest.user_mode(), self.manifest.use_tmpfs()) {
            (true, _) => FileSystem::Runtime,
            (false, true) => FileSystem::Tmpfs,
            (false, false) => FileSystem::Ramfs,
        };
        let manifest = self.manifest;
        Location::new(manifest.secrets_mount_point().clone(), manifest.symlink_path().clone(), file_system)
            .map_err(|error| report.failed(Code::InstallationFailed, &error))
    }

    /// The group of the directories; none in user mode, where they are the user's.
    fn directory_group(&self, report: &mut Report) -> Result<Option<Gid>, Reported> {
        if self.manifest.user_mode() {
            return Ok(None);
        }
        match self.accounts {
            cli::Accounts::Ignore => Ok(Some(Gid::from_raw(0))),
            cli::Accounts::LookUp => {
                accounts::keys_group().map(Some).map_err(|error| report.failed(Code::AccountUnknown, &error))
            }
        }
    }

    /// Every file that can be installed, and what each comes from.
    fn files<'c>(&self, contents: &'c Contents, owners: Vec<Ownership>) -> (Vec<File<'c>>, Vec<Source<'c>>)
    where
        Self: 'c,
    {
        let secrets = self.manifest.secrets().iter().zip(&contents.secrets).map(|(secret, value)| {
            let source = Source { entry: secret.entry(), credential: secret.credential() };
            (Kind::Secret, source, value.as_ref().map(Plaintext::as_bytes))
        });
        let templates = self.manifest.templates().iter().zip(&contents.templates).map(|(template, text)| {
            let source = Source { entry: template.entry(), credential: None };
            (Kind::Template, source, text.as_ref().map(|text| text.as_slice()))
        });
        let mut files = Vec::new();
        let mut sources = Vec::new();
        for ((kind, source, content), owner) in secrets.chain(templates).zip(owners) {
            let entry = source.entry;
            if let (Some(content), Ok(owner)) = (content, owner) {
                let (name, mode, path) = (entry.name(), entry.mode(), entry.path());
                files.push(File { name, kind, content, mode, owner, path });
                sources.push(source);
            }
        }
        (files, sources)
    }

    /// The units that are to read new values, of which some may be due since an earlier run. On the first activation none
    /// is: they have yet to start.
    fn requests<'r>(
        &self,
        files: &[File<'r>],
        sources: &[Source<'r>],
        changes: &Changes,
        due: &'r [(units::Action, UnitName)],
    ) -> Requests<'r> {
        let mut requests = Requests::default();
        if changes.activation() == Activation::Update && !self.manifest.user_mode() {
            for (action, unit) in due {
                requests.add(*action, unit);
            }
            for (file, source) in files.iter().zip(sources) {
                let of_kind = if file.kind == Kind::Secret { changes.secrets() } else { changes.templates() };
                let name = file.name.as_str();
                if [&of_kind.added, &of_kind.modified].iter().any(|names| is_among(name, names)) {
                    requests.add_all(source.entry.restart_units(), source.entry.reload_units());
                }
            }
        }
        requests
    }

    /// Whom each secret, and then each template, is to belong to. Who cannot be found is reported.
    fn find_owners(&self, unknown: Unknown, report: &mut Report) -> Vec<Ownership> {
        let mut owners = self.owners(unknown);
        let secrets = self.manifest.secrets().iter().map(|secret| (Kind::Secret, secret.entry()));
        let templates = self.manifest.templates().iter().map(|template| (Kind::Template, template.entry()));
        let entries = secrets.chain(templates);
        entries.map(|(kind, entry)| owners.find(entry, &subject(kind, entry.name()), report)).collect()
    }

    /// The owners of the files.
    pub(crate) fn owners(&self, unknown: Unknown) -> Owners {
        Owners::of(self.manifest, self.accounts, unknown)
    }

    fn route(&self) -> Route<'static> {
        if self.environment.systemctl { Route::Systemctl } else { Route::ActivationLists(Path::new("/run/nixos")) }
    }

    /// The lines on what changes, as sops-nix prints them: not on the first activation, and not in user mode, but for a
    /// dry run.
    fn announce(&self, changes: &Changes, mood: Mood, report: &Report) {
        let silent = self.manifest.user_mode() || changes.activation() == Activation::First;
        if !self.manifest.logging().secret_changes() || (silent && mood == Mood::Indicative) {
            return;
        }
        for (noun, difference) in [("secret", changes.secrets()), ("rendered secret", changes.templates())] {
            for (verb, conditional, names) in [
                ("adding", "would add", &difference.added),
                ("modifying", "would modify", &difference.modified),
                ("removing", "would remove", &difference.removed),
            ] {
                if !names.is_empty() {
                    let plural = if names.len() == 1 { "" } else { "s" };
                    let verb = if mood == Mood::Conditional { conditional } else { verb };
                    report.line(format_args!("{verb} {noun}{plural}: {}", names.join(", ")));
                }
            }
        }
    }
}

fn is_among(name: &str, sorted: &[String]) -> bool {
    sorted.binary_search_by(|other| other.as_str().cmp(name)).is_ok()
}

/// Whether something is done, or would be.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Mood {
    Indicative,
    Conditional,
}

/// What a message on a secret or template begins with.
fn subject(kind: Kind, name: &Name) -> Subject {
    match kind {
        Kind::Secret => Subject::secret(name.as_str()),
        Kind::Template => Subject::template(name.as_str()),
    }
}

/// What a message on a file begins with.
pub(crate) fn subject_of(file: &File<'_>) -> Subject {
    subject(file.kind, file.name)
}

/// The secrets that systemd is to hand to units.
fn credentials<'r>(files: &[File<'r>], sources: &[Source<'r>]) -> Vec<Credential<'r>> {
    let pairs = files.iter().zip(sources);
    pairs.filter_map(|(file, source)| Some(Credential { name: source.credential?, content: file.content })).collect()
}

/// The manifest of the command line, with every problem of it reported.
fn read_manifest(
    path: &ManifestPath,
    action: &Action,
    environment: &Environment,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let what = match path {
        ManifestPath::Given(_) => "manifest",
        ManifestPath::OfMachine => "manifest of this machine,",
    };
    let json = input::read(what, path.as_path()).map_err(|error| report.failed(Code::ManifestUnreadable, &error))?;
    questions::add_manifest(inputs, &json);
    let runtime_directory = match (action, environment.runtime_directory.as_deref()) {
        (Action::CheckManifest | Action::CheckSopsFiles | Action::CheckRecipients(_), _) => RuntimeDirectory::Unneeded,
        (_, Some(directory)) => RuntimeDirectory::At(directory),
        (_, None) => RuntimeDirectory::Unset,
    };
    Manifest::from_json(&json, runtime_directory).map_err(|problems| {
        for problem in &problems {
            plan::report_problem(Code::ManifestInvalid, path.as_path(), problem, report);
        }
        Reported
    })
}

/// Where systemd looks for credentials that units import.
const CREDENTIALS: &str = "/run/credstore";

/// What kind of warning a notice is.
fn code_of(notice: &Notice) -> Code {
    match notice {
        Notice::GaveWay { .. } => Code::GaveWay,
        Notice::Forgotten { .. } => Code::LinkFailed,
        Notice::Swappable { .. } => Code::NotInMemory,
        Notice::Stacked { .. } => Code::PruneFailed,
    }
}

/// Secrets of a user that are not in memory.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} is on a disk, where secrets outlive the session; let XDG_RUNTIME_DIR name a directory in memory",
    path = path.display()
)]
struct OnDisk {
    path: PathBuf,
}
