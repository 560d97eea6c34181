//! The order of an installation: read everything, decrypt everything, compare, stage, switch, and then the rest.
//!
//! Until the switch an error leaves the machine as it was. After it an error is reported, and the rest still runs.

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use install::{
    Activation, Changes, Credential, Current, Drift, File, FileSystem, Inputs, Kind, Location, Lock, Medium, Notice,
    Owner, Store,
};
use manifest::{CredentialName, Entry, Manifest, Name, RuntimeDirectory};
use nix::unistd::Gid;
use sops::Plaintext;
use zeroize::Zeroizing;

use crate::cli::{self, Action, Arguments, ManifestPath};
use crate::confinement::{confine, raise_file_limit};
use crate::environment::Environment;
use crate::keys::{Commands, HostKeys};
use crate::plan::{Owners, Unknown};
use crate::report::{Code, Outcome, Report, Reported, Step, Subject};
use crate::units::{self, Due, Requests, Route, Whose};
use crate::{accounts, decrypt, input, keys, plan, preswitch, questions, status, steady, text, verify};

/// Does what the command line asks for with a manifest. What came of it stands in the report.
pub(crate) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) {
    raise_file_limit();
    let action = match &arguments.action {
        Action::Install if environment.dry_activate => &Action::DryRun,
        action => action,
    };
    report.begin(action, arguments.manifest.as_path(), arguments.output);
    report.step(Step::Manifest);
    let done = match action {
        Action::Install => install(arguments, environment, report),
        // For any number of manifests.
        Action::PreSwitch(switch) => {
            preswitch::check(arguments, action, switch, environment, report);
            Ok(())
        }
        action => read_manifest(&arguments.manifest, action, environment, &mut Inputs::new(), report)
            .and_then(|manifest| look(&manifest, action, arguments, environment, report)),
    };
    match done {
        // Whatever stopped it stands in the report.
        Ok(()) | Err(Reported) => {}
    }
}

/// Does what installs nothing.
fn look(
    manifest: &Manifest,
    action: &Action,
    arguments: &Arguments,
    environment: &Environment,
    report: &mut Report,
) -> Result<(), Reported> {
    let installation = Installation { manifest, environment, accounts: arguments.accounts };
    match action {
        Action::CheckSopsFiles => {
            decrypt::check(manifest, report);
            plan::check_templates(manifest, report);
            Ok(())
        }
        Action::CheckRecipients(hosts) => {
            keys::hosts(hosts, report).map(|hosts| decrypt::check_recipients(manifest, &hosts, report))
        }
        Action::DryRun => installation.dry_run(Commands::Run, report),
        Action::Verify => installation.verify(&arguments.manifest, report),
        Action::Status => status::show(&installation, &arguments.manifest, arguments.output, report),
        // The manifest has been checked, and the others do not come here.
        Action::CheckManifest | Action::Install | Action::PreSwitch(_) => Ok(()),
    }
}

/// Installs, one run at a time. The manifest says which lock that is, and may be another one by the time that the lock is
/// there: what is installed is what it says under the lock.
fn install(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    confine();
    let path = &arguments.manifest;
    let hasher = RandomState::new();
    let mut json = read_text(path, report)?;
    loop {
        let mut inputs = Inputs::new();
        let manifest = parse(path, &json, &Action::Install, environment, &mut inputs, report)?;
        // The text may be large, and is not needed any more.
        let before = hasher.hash_one(&json);
        drop(json);
        let installation = Installation { manifest: &manifest, environment, accounts: arguments.accounts };
        report.step(Step::Look);
        let location = installation.location(report)?;
        let waiting = |path: &Path| report.note(format_args!("{}: {}", report.program(), Waiting { path }));
        let lock = Lock::acquire_patiently(&location, waiting)
            .map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        json = read_text(path, report)?;
        if hasher.hash_one(&json) == before {
            drop(json);
            return installation.run(&location, lock, inputs, report);
        }
        drop(lock);
        report.step(Step::Manifest);
    }
}

/// Another run holds the lock.
#[derive(Debug, thiserror::Error)]
#[error("waiting for another run, which holds {path}", path = path.display())]
struct Waiting<'a> {
    path: &'a Path,
}

/// A manifest that belongs on this machine.
pub(crate) struct Installation<'a> {
    pub(crate) manifest: &'a Manifest,
    pub(crate) environment: &'a Environment,
    pub(crate) accounts: cli::Accounts,
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
    /// Contents that are not going to be looked at.
    fn unread(manifest: &Manifest) -> Self {
        Self {
            secrets: manifest.secrets().iter().map(|_| Some(Plaintext::new(Vec::new()))).collect(),
            templates: manifest.templates().iter().map(|_| Some(Zeroizing::default())).collect(),
        }
    }
}

/// The owner of a file; without one it belongs to the user who runs the program. An owner that cannot be found was reported.
type Ownership = Result<Option<Owner>, Reported>;

/// What a run decides on before anything is touched.
struct Decision<'c> {
    files: Vec<File<'c>>,
    sources: Vec<Source<'c>>,
    changes: Changes,
}

impl Installation<'_> {
    /// The whole of an installation, top to bottom.
    fn run(&self, location: &Location, lock: Lock, mut inputs: Inputs, report: &mut Report) -> Result<(), Reported> {
        let failed = Code::InstallationFailed;
        let group = self.directory_group(report)?;
        let current = Self::look(location, report)?;
        let keys = self.keys(Commands::Run, &mut inputs, report);
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
            report.generation(location, store.active());
            report.outcome(if report.failures() == 0 { Outcome::Installed } else { Outcome::PartlyInstalled });
            // Not on the first activation, and not in user mode, as in sops-nix.
            let silent = self.manifest.user_mode() || changes.activation() == Activation::First;
            if self.manifest.logging().secret_changes() && !silent {
                announce(&changes, Mood::Indicative, report);
            }
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
        let sent = requests.send(self.route());
        // The secrets are installed, so a unit that does not want them is no failure.
        for error in &sent.refusals {
            report.warning(Code::UnitRefused, Subject::default(), error);
        }
        for error in &sent.errors {
            report.failure(Code::UnitUnasked, Subject::default(), error);
        }
        report.units(&requests);
        if sent.errors.is_empty()
            && let Err(error) = store.requested_but(&sent.refused)
        {
            report.failure(Code::UnitUnasked, Subject::default(), &error);
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
    pub(crate) fn dry_run(&self, commands: Commands, report: &mut Report) -> Result<(), Reported> {
        confine();
        report.step(Step::Look);
        let location = self.location(report)?;
        let group = self.directory_group(report)?;
        let contents = self.contents(&self.keys(commands, &mut Inputs::new(), report), &mut Inputs::new(), report);
        // Before a switch has made its users, a dry run cannot know them.
        let owners = self.find_owners(Unknown::Warning, report);
        steady::look(&location, report, |report| {
            let current = Self::look(&location, report)?;
            let Decision { files, sources, changes } =
                self.decide(&current, &contents, owners.clone(), group, report)?;
            report.changes(&changes);
            let links = links(&current, &files, report)?;
            let due = units::due(&current);
            let requests = self.requests(&files, &sources, &changes, &due);
            let same = changes.is_empty() && links.is_empty();
            report.outcome(match report.failures() {
                0 if same => Outcome::Unchanged,
                0 => Outcome::WouldInstall,
                _ => Outcome::WouldInstallPartly,
            });
            announce(&changes, Mood::Conditional, report);
            for link in links {
                report.line(link);
            }
            let mut asked = false;
            for action in units::ACTIONS {
                for unit in requests.of(action) {
                    asked = true;
                    report.note(format_args!("would {} {unit}", action.verb()));
                }
            }
            report.units(&requests);
            if same && !asked && report.failures() == 0 {
                report.line("nothing would change");
            }
            Ok(())
        })
    }

    /// Compares what an installation would give with what is installed.
    fn verify(&self, manifest: &ManifestPath, report: &mut Report) -> Result<(), Reported> {
        confine();
        report.step(Step::Look);
        let location = self.location(report)?;
        let group = self.directory_group(report)?;
        let contents = self.contents(&self.keys(Commands::Run, &mut Inputs::new(), report), &mut Inputs::new(), report);
        let owners = self.find_owners(Unknown::Failure, report);
        report.step(Step::Compare);
        steady::look(&location, report, |report| {
            let current = Self::look(&location, report)?;
            let (files, sources) = self.files(&contents, owners.clone());
            let changes = Changes::between(&current, &files, group)
                .map_err(|error| report.failed(Code::InstallationFailed, &error))?;
            report.changes(&changes);
            if report.failures() > 0 {
                // What cannot be decrypted cannot be compared either.
                return Err(Reported);
            }
            let credentials = credentials(&files, &sources);
            verify::compare(&current, &files, &changes, (Path::new(CREDENTIALS), &credentials), manifest, report)
        })
    }

    /// The running generation.
    pub(crate) fn look<'l>(location: &'l Location, report: &mut Report) -> Result<Current<'l>, Reported> {
        let current = Current::inspect(location).map_err(|error| report.failed(Code::InstallationFailed, &error))?;
        report.generation(location, current.running_number());
        Ok(current)
    }

    fn keys(&self, commands: Commands, inputs: &mut Inputs, report: &mut Report) -> HostKeys {
        report.step(Step::Identities);
        keys::load(self.manifest, self.environment, commands, inputs, report)
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
        due: &'r [Due],
    ) -> Requests<'r> {
        let mut requests = Requests::default();
        // The lists are NixOS' own: units of a user can only be asked for through systemctl.
        let can_ask = !self.manifest.user_mode() || self.environment.systemctl;
        if changes.activation() == Activation::Update && can_ask {
            // A unit that was refused is asked again as long as the manifest names it.
            let named = |due: &&Due| !due.refused || self.names(due);
            for due in due.iter().filter(named) {
                requests.add(due.action, &due.unit);
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

    /// Whether the manifest asks for what was due before.
    fn names(&self, due: &Due) -> bool {
        self.manifest.entries().any(|entry| {
            let units = match due.action {
                units::Action::Restart => entry.restart_units(),
                units::Action::Reload => entry.reload_units(),
            };
            units.contains(&due.unit)
        })
    }

    /// The owner of each secret, and then of each template. Who cannot be found is reported.
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

    fn route(&self) -> Route<'_> {
        if self.environment.systemctl {
            let whose = if self.manifest.user_mode() { Whose::OfTheUser } else { Whose::OfTheSystem };
            Route::Systemctl(&self.environment.path, whose)
        } else {
            Route::ActivationLists(Path::new("/run/nixos"))
        }
    }
}

/// The lines on what changes, as sops-nix prints them.
fn announce(changes: &Changes, mood: Mood, report: &Report) {
    for (noun, difference) in [("secret", changes.secrets()), ("rendered secret", changes.templates())] {
        for (verb, conditional, names) in [
            ("adding", "would add", &difference.added),
            ("modifying", "would modify", &difference.modified),
            ("removing", "would remove", &difference.removed),
        ] {
            if !names.is_empty() {
                let plural = if names.len() == 1 { "" } else { "s" };
                let verb = if mood == Mood::Conditional { conditional } else { verb };
                let names: Vec<_> = names.iter().map(|name| text::piece(name)).collect();
                report.line(format_args!("{verb} {noun}{plural}: {}", names.join(", ")));
            }
        }
    }
}

/// The lines on links that an installation would make or change. What it would refuse is a failure.
fn links(current: &Current<'_>, files: &[File<'_>], report: &mut Report) -> Result<Vec<String>, Reported> {
    let mut lines = Vec::new();
    for file in files {
        let drift = current.inspect_outer_link(file);
        match drift.map_err(|error| report.failed(Code::InstallationFailed, &error))? {
            None => {}
            Some(Drift::NoLink(path)) => lines.push(format!("would add link: {}", path.display())),
            Some(Drift::LinkOwner(path)) => lines.push(format!("would give to another owner: {}", path.display())),
            Some(Drift::LinkElsewhere { path, target }) => {
                lines.push(format!("would replace link: {}, which leads to {}", path.display(), target.display()));
            }
            Some(Drift::NotALink { path, .. }) if is_empty_directory(&path) => {
                lines.push(format!("would replace an empty directory by a link: {}", path.display()));
            }
            Some(drift) => {
                let error = InTheWay { what: drift.to_string() };
                report.failure(Code::LinkFailed, subject_of(file), &error);
            }
        }
    }
    Ok(lines)
}

/// Something stands where a link should be.
#[derive(Debug, thiserror::Error)]
#[error("{what}; move it away before this is installed")]
struct InTheWay {
    what: String,
}

fn is_empty_directory(path: &Path) -> bool {
    std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
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
pub(crate) fn read_manifest(
    path: &ManifestPath,
    action: &Action,
    environment: &Environment,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    let json = read_text(path, report)?;
    parse(path, &json, action, environment, inputs, report)
}

fn read_text(path: &ManifestPath, report: &mut Report) -> Result<Vec<u8>, Reported> {
    let kind = match path {
        ManifestPath::Given(_) => input::Kind::Manifest,
        ManifestPath::OfMachine => input::Kind::ManifestOfMachine,
    };
    input::read(kind, path.as_path()).map_err(|error| report.failed(Code::ManifestUnreadable, &error))
}

fn parse(
    path: &ManifestPath,
    json: &[u8],
    action: &Action,
    environment: &Environment,
    inputs: &mut Inputs,
    report: &mut Report,
) -> Result<Manifest, Reported> {
    questions::add_manifest(inputs, json);
    let runtime_directory = match (action, environment.runtime_directory.as_deref()) {
        // One before a switch has the environment of a deployment tool.
        (Action::CheckManifest | Action::CheckSopsFiles | Action::CheckRecipients(_), _)
        | (Action::PreSwitch(_), None) => RuntimeDirectory::Unneeded,
        (_, Some(directory)) => RuntimeDirectory::At(directory),
        (_, None) => RuntimeDirectory::Unset,
    };
    let manifest = Manifest::from_json(json, runtime_directory).map_err(|problems| {
        for problem in &problems {
            plan::report_problem(Code::ManifestInvalid, path.as_path(), problem, report);
        }
        Reported
    })?;
    for problem in manifest.unknown_fields() {
        match action {
            Action::CheckManifest | Action::CheckSopsFiles | Action::CheckRecipients(_) => {
                plan::report_problem(Code::FieldUnknown, path.as_path(), problem, report);
            }
            Action::Install | Action::DryRun | Action::Verify | Action::Status => {
                let (subject, error) = plan::placed(path.as_path(), problem);
                report.warning(Code::FieldUnknown, subject, &error);
            }
            // The build has checked it, and the installation says it again.
            Action::PreSwitch(_) => {}
        }
    }
    Ok(manifest)
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
