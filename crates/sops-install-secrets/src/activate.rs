//! The order of an installation: read everything, decrypt everything, compare, stage, switch, and then the rest.
//!
//! Until the switch an error leaves the machine as it was. After it an error is reported, and the rest still runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use install::{Activation, Changes, Credential, Current, File, FileSystem, Kind, Location, Lock, Medium, Store};
use manifest::{CredentialName, Entry, Manifest, RuntimeDirectory, UnitName};
use nix::unistd::Gid;
use sops::Plaintext;
use zeroize::Zeroizing;

use crate::cli::{self, Arguments, CheckMode, DryRun};
use crate::confinement::{confine, raise_file_limit};
use crate::environment::Environment;
use crate::plan::Owners;
use crate::report::{self, Report, Reported};
use crate::units::{Action, Requests, Route};
use crate::{accounts, decrypt, keys, plan, units};

/// Does what the command line asks for with a manifest. What came of it stands in the report.
pub(crate) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) {
    let Ok(manifest) = read_manifest(arguments, environment, report) else { return };
    match arguments.check_mode {
        CheckMode::Manifest => {}
        CheckMode::SopsFile => {
            decrypt::check(&manifest, report);
            plan::check_templates(&manifest, report);
        }
        CheckMode::Recipients => {
            if let Ok(hosts) = keys::hosts(&arguments.recipients, report) {
                decrypt::check_recipients(&manifest, &hosts, report);
            }
        }
        CheckMode::Off => {
            let dry_run = if environment.dry_activate { DryRun::Yes } else { arguments.dry_run };
            let installation = Installation { manifest: &manifest, environment, accounts: arguments.accounts, dry_run };
            // Whatever stopped it stands in the report.
            match installation.run(report) {
                Ok(()) | Err(Reported) => {}
            }
        }
    }
}

/// A manifest that is to be installed on this machine.
struct Installation<'a> {
    manifest: &'a Manifest,
    environment: &'a Environment,
    accounts: cli::Accounts,
    dry_run: DryRun,
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

impl Installation<'_> {
    /// The whole of it, top to bottom.
    fn run(&self, report: &mut Report) -> Result<(), Reported> {
        confine();
        raise_file_limit();
        let location = self.location().map_err(|error| report.failed("", &error))?;
        let group = self.directory_group(report)?;
        let lock = match self.dry_run {
            DryRun::Yes => None,
            DryRun::No => Some(Lock::acquire(&location).map_err(|error| report.failed("", &error))?),
        };
        let current = Current::inspect(&location).map_err(|error| report.failed("", &error))?;

        let identities = keys::load(self.manifest, self.environment, report);
        let secrets = decrypt::decrypt(self.manifest, &identities, report);
        drop(identities);
        let templates = plan::render(self.manifest, &secrets, report);
        let contents = Contents { secrets, templates };
        let (files, sources) = self.files(&contents, report);
        let changes = Changes::between(&current, &files, group).map_err(|error| report.failed("", &error))?;
        decide(changes.activation(), &files, report)?;
        let due = units::due(&current);
        let requests = self.requests(&files, &sources, &changes, &due);
        let Some(lock) = lock else {
            self.announce(&changes);
            for action in [Action::Restart, Action::Reload] {
                for unit in requests.of(action) {
                    report::note(format_args!("would {} {unit}", action.verb()));
                }
            }
            return Ok(());
        };
        // -------------- a dry run has ended; until here nothing on the machine has changed --------------

        let mut store = Store::open(&current, lock, group).map_err(|error| report.failed("", &error))?;
        if store.medium().map_err(|error| report.failed("", &error))? == Medium::Disk {
            report.warning("", &OnDisk { path: location.mount_point().to_owned() });
        }
        if !changes.is_empty() {
            let staged = store.stage(&files).map_err(|error| report.failed("", &error))?;
            // THE COMMIT: one rename.
            staged.activate(&requests.words()).map_err(|error| report.failed("", &error))?;
            self.announce(&changes);
        }
        // -------------- readers see the new values; from here on an error stops nothing else --------------

        let mut failures = store.link(&files);
        failures.extend(store.publish(Path::new(CREDENTIALS), &Self::credentials(&files, &sources)));
        for error in requests.send(self.route()) {
            report.failure("", &error);
        }
        failures.extend(store.requested().err());
        failures.extend(store.prune(self.manifest.keep_generations()));
        for error in failures {
            report.failure("", &error);
        }
        Ok(())
    }

    fn location(&self) -> Result<Location, install::Error> {
        let file_system = match (self.manifest.user_mode(), self.manifest.use_tmpfs()) {
            (true, _) => FileSystem::Runtime,
            (false, true) => FileSystem::Tmpfs,
            (false, false) => FileSystem::Ramfs,
        };
        let manifest = self.manifest;
        Location::new(manifest.secrets_mount_point().clone(), manifest.symlink_path().clone(), file_system)
    }

    /// The group of the directories; none in user mode, where they are the user's.
    fn directory_group(&self, report: &mut Report) -> Result<Option<Gid>, Reported> {
        if self.manifest.user_mode() {
            return Ok(None);
        }
        match self.accounts {
            cli::Accounts::Ignore => Ok(Some(Gid::from_raw(0))),
            cli::Accounts::LookUp => accounts::keys_group().map(Some).map_err(|error| report.failed("", &error)),
        }
    }

    /// Every file that can be installed, and what each comes from.
    fn files<'c>(&self, contents: &'c Contents, report: &mut Report) -> (Vec<File<'c>>, Vec<Source<'c>>)
    where
        Self: 'c,
    {
        let mut owners = Owners::of(self.manifest, self.accounts);
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
        for (kind, source, content) in secrets.chain(templates) {
            let entry = source.entry;
            let noun = if kind == Kind::Secret { "secret" } else { "template" };
            let owner = owners.find(entry, &format!("{noun} {:?}: ", entry.name().as_str()), report);
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
        due: &'r [(Action, UnitName)],
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

    /// The secrets that systemd is to hand to units.
    fn credentials<'r>(files: &[File<'r>], sources: &[Source<'r>]) -> Vec<Credential<'r>> {
        let pairs = files.iter().zip(sources);
        pairs
            .filter_map(|(file, source)| Some(Credential { name: source.credential?, content: file.content }))
            .collect()
    }

    fn route(&self) -> Route<'static> {
        if self.environment.systemctl { Route::Systemctl } else { Route::ActivationLists(Path::new("/run/nixos")) }
    }

    /// The lines on what changes, as sops-nix prints them: not on the first activation, and not in user mode, but for a
    /// dry run.
    fn announce(&self, changes: &Changes) {
        let dry = self.dry_run == DryRun::Yes;
        let silent = self.manifest.user_mode() || changes.activation() == Activation::First;
        if !self.manifest.logging().secret_changes() || (silent && !dry) {
            return;
        }
        for (noun, difference) in [("secret", changes.secrets()), ("rendered secret", changes.templates())] {
            for (verb, dry_verb, names) in [
                ("adding", "would add", &difference.added),
                ("modifying", "would modify", &difference.modified),
                ("removing", "would remove", &difference.removed),
            ] {
                if !names.is_empty() {
                    let plural = if names.len() == 1 { "" } else { "s" };
                    let verb = if dry { dry_verb } else { verb };
                    report::line(format_args!("{verb} {noun}{plural}: {}", names.join(", ")));
                }
            }
        }
    }
}

fn is_among(name: &str, sorted: &[String]) -> bool {
    sorted.binary_search_by(|other| other.as_str().cmp(name)).is_ok()
}

/// Whether to go on after failures: a running generation stays as it is; without one, something is better than nothing.
fn decide(activation: Activation, files: &[File<'_>], report: &Report) -> Result<(), Reported> {
    if report.failures() == 0 {
        return Ok(());
    }
    if activation == Activation::Update {
        let program = report.program();
        report::note(format_args!("{program}: nothing was changed: the secrets installed before are still in place"));
        return Err(Reported);
    }
    if files.is_empty() { Err(Reported) } else { Ok(()) }
}

/// The manifest of the command line, with every problem of it reported.
fn read_manifest(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<Manifest, Reported> {
    let path = &arguments.manifest;
    let json = fs::read(path).map_err(|source| report.failed("", &Unreadable { path: path.clone(), source }))?;
    let runtime_directory = match (arguments.check_mode, environment.runtime_directory.as_deref()) {
        (CheckMode::Manifest | CheckMode::SopsFile | CheckMode::Recipients, _) => RuntimeDirectory::Unneeded,
        (CheckMode::Off, Some(directory)) => RuntimeDirectory::At(directory),
        (CheckMode::Off, None) => RuntimeDirectory::Unset,
    };
    Manifest::from_json(&json, runtime_directory).map_err(|problems| {
        for problem in &problems {
            report.failure(&format!("{}:", path.display()), &plan::Shown(problem.to_string()));
        }
        Reported
    })
}

/// Where systemd looks for credentials that units import.
const CREDENTIALS: &str = "/run/credstore";

/// Secrets of a user that are not in memory.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} is on a disk, where secrets outlive the session; let XDG_RUNTIME_DIR name a directory in memory",
    path = path.display()
)]
struct OnDisk {
    path: PathBuf,
}

/// A manifest that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the manifest {path}", path = path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}
