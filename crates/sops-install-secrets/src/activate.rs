//! The order of an installation: read everything, decrypt everything, compare, stage, switch, and then the rest.
//!
//! Until the switch an error leaves the machine as it was. After it an error is reported, and the rest still runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use install::{Changes, Current, File, FileSystem, Link, Location, Lock, Store};
use manifest::{Entry, Manifest, Name, RENDERED, RuntimeDirectory};
use nix::unistd::Gid;
use sops::Plaintext;
use zeroize::Zeroizing;

use crate::cli::{self, Arguments, CheckMode, DryRun};
use crate::confinement::confine;
use crate::environment::Environment;
use crate::plan::{Owners, Ownership};
use crate::report::{self, Report, Reported};
use crate::units::{Action, Requests, Route};
use crate::{accounts, decrypt, keys, plan};

/// Does what the command line asks for with a manifest. What came of it stands in the report.
pub(crate) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) {
    let Ok(manifest) = read_manifest(arguments, environment, report) else { return };
    match arguments.check_mode {
        CheckMode::Manifest => {}
        CheckMode::SopsFile => {
            decrypt::check(&manifest, report);
            plan::check_templates(&manifest, report);
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

/// A file to install, and all that is to happen with it.
struct Product<'a> {
    entry: &'a Entry,
    /// Where it stands below the generation.
    name: Name,
    content: &'a [u8],
    ownership: Option<Ownership>,
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
        let location = self.location();
        let group = self.directory_group(report)?;
        let lock = match self.dry_run {
            DryRun::Yes => None,
            DryRun::No => Some(Lock::wait(&location).map_err(|error| report.failed("", &error))?),
        };
        let current = location.current().map_err(|error| report.failed("", &error))?;
        let running = current.as_ref().filter(|current| current.is_running());

        let identities = keys::load(self.manifest, self.environment, report);
        let secrets = decrypt::decrypt(self.manifest, &identities, report);
        drop(identities);
        let templates = plan::render(self.manifest, &secrets, report);
        let contents = Contents { secrets, templates };
        let products = self.products(&contents, report);
        decide(running, &products, report)?;

        let files: Vec<File<'_>> = products.iter().map(Product::file).collect();
        let changes = location.changes(running, &files).map_err(|error| report.failed("", &error))?;
        let requests = self.requests(running, &products, &changes);
        let Some(lock) = lock else {
            self.announce(running, &changes);
            for action in [Action::Restart, Action::Reload] {
                for unit in requests.of(action) {
                    report::note(format_args!("would {} {unit}", action.verb()));
                }
            }
            return Ok(());
        };
        // ------------------------- a dry run has ended; until here nothing on the machine has changed -------------------------

        let ready = location.is_ready().map_err(|error| report.failed("", &error))?;
        let mut store =
            Store::open(&location, group, current.as_ref(), &lock).map_err(|error| report.failed("", &error))?;
        if running.is_none() || !ready || !changes.is_empty() {
            let staged = store.stage(&files).map_err(|error| report.failed("", &error))?;
            drop(files);
            // THE COMMIT: one rename.
            store.activate(staged).map_err(|error| report.failed("", &error))?;
            self.announce(running, &changes);
        }
        // ------------------------- readers see the new values; an error stops nothing any more -------------------------

        for error in store.link(&products.iter().filter_map(Product::link).collect::<Vec<_>>()) {
            report.failure("", &error);
        }
        for error in requests.send(self.route()) {
            report.failure("", &error);
        }
        if let Some(keep) = self.manifest.keep_generations() {
            for error in store.prune(keep) {
                report.failure("", &error);
            }
        }
        Ok(())
    }

    fn location(&self) -> Location {
        Location {
            mount_point: self.manifest.secrets_mount_point().as_path().to_owned(),
            symlink_path: self.manifest.symlink_path().as_path().to_owned(),
            file_system: match (self.manifest.user_mode(), self.manifest.use_tmpfs()) {
                (true, _) => FileSystem::Existing,
                (false, true) => FileSystem::Tmpfs,
                (false, false) => FileSystem::Ramfs,
            },
        }
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

    /// Every file that can be installed.
    fn products<'c>(&self, contents: &'c Contents, report: &mut Report) -> Vec<Product<'c>>
    where
        Self: 'c,
    {
        let mut owners = Owners::of(self.manifest, self.accounts);
        let mut products = Vec::new();
        let secrets = self.manifest.secrets().iter().zip(&contents.secrets);
        let secrets = secrets.map(|(secret, value)| {
            ("secret", secret.entry(), secret.name().clone(), value.as_ref().map(Plaintext::as_bytes))
        });
        let templates = self.manifest.templates().iter().zip(&contents.templates);
        let templates = templates.filter_map(|(template, text)| {
            let name = Name::try_from(format!("{RENDERED}/{}", template.name())).ok()?;
            Some(("template", template.entry(), name, text.as_ref().map(|text| text.as_slice())))
        });
        for (kind, entry, name, content) in secrets.chain(templates) {
            let subject = format!("{kind} {:?}: ", entry.name().as_str());
            let ownership = owners.find(entry, &subject, report);
            if let (Some(content), Ok(ownership)) = (content, ownership) {
                products.push(Product { entry, name, content, ownership });
            }
        }
        products
    }

    /// The units that are to read new values. On the first activation none does: they have yet to start.
    fn requests<'r>(&self, running: Option<&Current>, products: &[Product<'r>], changes: &Changes) -> Requests<'r> {
        let mut requests = Requests::default();
        if running.is_some() && !self.manifest.user_mode() {
            for product in products.iter().filter(|product| changes.affect(&product.name)) {
                requests.add(product.entry.restart_units(), product.entry.reload_units());
            }
        }
        requests
    }

    fn route(&self) -> Route<'static> {
        if self.environment.systemctl { Route::Systemctl } else { Route::ActivationLists(Path::new("/run/nixos")) }
    }

    /// The lines on what changes, as sops-nix prints them: not on the first activation, and not in user mode, where only
    /// a dry run does.
    fn announce(&self, running: Option<&Current>, changes: &Changes) {
        let dry = self.dry_run == DryRun::Yes;
        let wanted = self.manifest.logging().secret_changes() && (dry || !self.manifest.user_mode());
        if !wanted || (running.is_none() && !dry) {
            return;
        }
        let rendered = format!("{RENDERED}/");
        for (noun, of_templates) in [("secret", false), ("rendered secret", true)] {
            for (verb, dry_verb, names) in [
                ("adding", "would add", &changes.added),
                ("modifying", "would modify", &changes.modified),
                ("removing", "would remove", &changes.removed),
            ] {
                let names: Vec<&str> = names
                    .iter()
                    .filter(|name| name.starts_with(&rendered) == of_templates)
                    .map(|name| name.strip_prefix(&rendered).unwrap_or(name))
                    .collect();
                if !names.is_empty() {
                    let plural = if names.len() == 1 { "" } else { "s" };
                    let verb = if dry { dry_verb } else { verb };
                    report::line(format_args!("{verb} {noun}{plural}: {}", names.join(", ")));
                }
            }
        }
    }
}

impl Product<'_> {
    fn file(&self) -> File<'_> {
        File { name: &self.name, content: self.content, mode: self.entry.mode(), owner: self.owner() }
    }

    fn link(&self) -> Option<Link<'_>> {
        let path = self.entry.link()?.as_path();
        Some(Link { path, target: self.entry.place().as_path(), owner: self.owner() })
    }

    fn owner(&self) -> Option<(nix::unistd::Uid, Gid)> {
        self.ownership.map(|ownership| (ownership.user, ownership.group))
    }
}

/// Whether to go on after failures: a running generation stays as it is; without one, something is better than nothing.
fn decide(running: Option<&Current>, products: &[Product<'_>], report: &Report) -> Result<(), Reported> {
    if report.failures() == 0 {
        return Ok(());
    }
    if running.is_some() {
        let program = report.program();
        report::note(format_args!("{program}: nothing was changed: the secrets installed before are still in place"));
        return Err(Reported);
    }
    if products.is_empty() { Err(Reported) } else { Ok(()) }
}

/// The manifest of the command line, with every problem of it reported.
fn read_manifest(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<Manifest, Reported> {
    let path = &arguments.manifest;
    let json = fs::read(path).map_err(|source| report.failed("", &Unreadable { path: path.clone(), source }))?;
    let runtime_directory = match (arguments.check_mode, environment.runtime_directory.as_deref()) {
        (CheckMode::Manifest | CheckMode::SopsFile, _) => RuntimeDirectory::Unneeded,
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

/// A manifest that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the manifest {path}", path = path.display())]
struct Unreadable {
    path: PathBuf,
    source: io::Error,
}
