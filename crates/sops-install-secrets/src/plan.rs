//! What this machine makes of a manifest: where everything goes, and which user and group own it.
//!
//! Every action that looks at files has a [`Plan`]. To make one changes nothing and decrypts nothing: what is not known
//! on this machine is part of it, and each action says it when it matters. Only that a name service takes long is said at once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use install::{Access, Current, FileKind, Location, Ownership, Retention, Wanted};
use manifest::{Entry, Manifest, Secret, Template};
use nix::unistd::Gid;
use sops::Format;

use crate::accounts::{self, Accounts, NoAccount};
use crate::cli::AccountLookup;
use crate::remedy::Remedy;
use crate::report::{About, Code, Report, Reported};

/// A manifest on this machine.
pub(crate) struct Plan<'m> {
    pub(crate) manifest: &'m Manifest,
    pub(crate) location: Location,
    /// Which generations stay.
    pub(crate) retention: Retention,
    /// Every file in the order of the manifest, secrets first.
    pub(crate) files: Vec<PlannedFile<'m>>,
    /// Every sops file once, in the order of the manifest.
    pub(crate) sops_files: Vec<SopsFile<'m>>,
    /// Where systemd looks for credentials that units import.
    pub(crate) credentials: &'static Path,
    /// Whether accounts were looked up.
    pub(crate) accounts: AccountLookup,
    directory_group: Result<Option<Gid>, NoAccount>,
    unknown: Unknown,
}

/// A secret or template that becomes a file.
pub(crate) struct PlannedFile<'m> {
    /// What the manifest says of it.
    pub(crate) entry: &'m Entry,
    pub(crate) origin: Origin<'m>,
    /// The file to install. An owner that is not known is left out.
    pub(crate) wanted: Wanted<'m>,
    /// Why its owner is not known.
    no_accounts: Vec<NoAccount>,
    /// Whether it can be installed all the same.
    pub(crate) is_installable: bool,
}

/// What a file comes from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'m> {
    Secret(&'m Secret),
    Template(&'m Template),
}

/// A sops file and what it gives.
pub(crate) struct SopsFile<'m> {
    pub(crate) path: &'m Path,
    pub(crate) format: Format,
    /// Its secrets, in the order of the manifest.
    pub(crate) secrets: Vec<&'m Secret>,
}

/// How serious an owner or group is that is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Unknown {
    /// A failure, and its files are not installed.
    Failure,
    /// A warning: an account that the same switch is going to make.
    Warning,
}

impl<'m> Plan<'m> {
    /// The plan, with the accounts of this machine if they are to be looked up. Those of secrets that users need never are: they
    /// belong to root, whoever installs them by hand or looks at them.
    pub(crate) fn resolve(manifest: &'m Manifest, lookup: AccountLookup, unknown: Unknown, report: &Report) -> Self {
        let is_before_users =
            !manifest.secrets().is_empty() && manifest.secrets().iter().all(Secret::is_needed_for_users);
        let lookup = if is_before_users { AccountLookup::Ignore } else { lookup };
        let ask = || {
            let mut owners = Owners::of(manifest, lookup);
            let secrets = manifest.secrets().iter().map(Origin::Secret);
            let files = secrets.chain(manifest.templates().iter().map(Origin::Template));
            let files: Vec<_> = files.map(|origin| PlannedFile::new(origin, &mut owners, unknown)).collect();
            (files, directory_group(manifest, lookup))
        };
        let asks_slowly = lookup == AccountLookup::LookUp && !manifest.user_mode() && accounts::may_be_slow();
        let (files, directory_group) =
            if asks_slowly { report.watcher().during(accounts::SERVICE, ask) } else { ask() };
        let (location, retention) = (Location::of(manifest), Retention::of(manifest));
        let sops_files = sops_files(manifest);
        let credentials = Path::new("/run/credstore");
        let accounts = lookup;
        Self { manifest, location, retention, files, sops_files, credentials, accounts, directory_group, unknown }
    }

    /// Every file that the manifest has read: keys, texts of templates and sops files. Those in the Nix store are left out, since no
    /// link can be made there.
    pub(crate) fn read_files(&self) -> impl Iterator<Item = &Path> {
        let manifest = self.manifest;
        let keys = manifest.age_key_file().into_iter();
        let ssh = [manifest.age_ssh_key_paths(), manifest.ssh_key_paths()].into_iter().flatten().map(PathBuf::as_path);
        let texts = manifest.templates().iter().filter_map(Template::file);
        let sops = self.sops_files.iter().map(|file| file.path);
        let all = keys.chain(ssh).chain(texts).chain(sops);
        all.filter(|path| path.is_absolute() && !path.starts_with("/nix/store"))
    }

    /// The group of the directories; none in user mode, where they are the user's.
    ///
    /// # Errors
    ///
    /// That there is no such group, which is reported.
    pub(crate) fn directory_group(&self, report: &mut Report) -> Result<Option<Gid>, Reported> {
        self.directory_group.as_ref().copied().map_err(|error| {
            let remedy = Remedy::say(&error.advice());
            report.failure_with(Code::AccountUnknown, About::default(), error, Some(remedy));
            Reported
        })
    }

    /// Reports each owner and group that is not known, once for all of its files.
    pub(crate) fn report_unknown_accounts(&self, report: &mut Report) {
        let mut unknown: Vec<(&NoAccount, About)> = Vec::new();
        let mut numbers = HashMap::new();
        for file in &self.files {
            for error in &file.no_accounts {
                let number = *numbers.entry(error.account()).or_insert(unknown.len());
                match unknown.get_mut(number) {
                    Some((_, about)) => about.add(file.about()),
                    None => unknown.push((error, file.about())),
                }
            }
        }
        for (error, about) in unknown {
            match self.unknown {
                Unknown::Failure => {
                    let remedy = Remedy::say(&error.advice());
                    report.failure_with(Code::AccountUnknown, about, error, Some(remedy));
                }
                Unknown::Warning => {
                    let remedy = Remedy::say(&format!("{}, unless the switch makes it", error.advice()));
                    report.warning_with(Code::AccountUnknown, about, error, Some(remedy));
                }
            }
        }
    }

    /// The running generation.
    ///
    /// # Errors
    ///
    /// That it cannot be looked at, which is reported.
    pub(crate) fn look(&self, report: &mut Report) -> Result<Current<'_>, Reported> {
        let current = report.tried(Current::inspect(&self.location))?;
        report.generation(&self.location, current.running_number());
        Ok(current)
    }
}

impl<'m> PlannedFile<'m> {
    fn new(origin: Origin<'m>, owners: &mut Owners, unknown: Unknown) -> Self {
        let (kind, entry, credential) = match origin {
            Origin::Secret(secret) => (FileKind::Secret, secret.entry(), secret.credential()),
            Origin::Template(template) => (FileKind::Template, template.entry(), None),
        };
        let (owner, no_accounts) = match owners.find(entry.access()) {
            Ok(owner) => (owner, Vec::new()),
            Err(no_accounts) => (None, no_accounts),
        };
        let access = Access::new(entry.access().mode(), owner);
        let (name, place, link) = (entry.name(), entry.place(), entry.link());
        let wanted = Wanted { name, kind, access, place, link, credential };
        let is_installable = no_accounts.is_empty() || unknown == Unknown::Warning;
        Self { entry, origin, wanted, no_accounts, is_installable }
    }

    /// What a message on it begins with.
    pub(crate) fn about(&self) -> About {
        About::of(&self.wanted)
    }
}

fn directory_group(manifest: &Manifest, lookup: AccountLookup) -> Result<Option<Gid>, NoAccount> {
    match lookup {
        _ if manifest.user_mode() => Ok(None),
        AccountLookup::Ignore => Ok(Some(Ownership::ROOT.group)),
        AccountLookup::LookUp => accounts::directory_group().map(Some),
    }
}

fn sops_files(manifest: &Manifest) -> Vec<SopsFile<'_>> {
    let mut files: Vec<SopsFile<'_>> = Vec::new();
    let mut numbers: HashMap<&Path, usize> = HashMap::new();
    for secret in manifest.secrets() {
        let path = secret.sops_file();
        let next = files.len();
        let number = match files.last() {
            // Often a file has many secrets, and they stand together.
            Some(last) if last.path.as_os_str() == path.as_os_str() => next.saturating_sub(1),
            _ => *numbers.entry(path).or_insert(next),
        };
        if let Some(file) = files.get_mut(number) {
            file.secrets.push(secret);
        } else {
            files.push(SopsFile { path, format: format(secret.format()), secrets: vec![secret] });
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

/// Where owners come from.
enum Owners {
    /// The manifest, with names looked up.
    Manifest(Accounts),
    /// Nowhere: all is root's.
    Root,
    /// Nowhere: files stay with the user who runs the program.
    Caller,
}

impl Owners {
    fn of(manifest: &Manifest, lookup: AccountLookup) -> Self {
        match lookup {
            _ if manifest.user_mode() => Self::Caller,
            AccountLookup::LookUp => Self::Manifest(Accounts::default()),
            AccountLookup::Ignore => Self::Root,
        }
    }

    /// The owner of one file, or `None` if it stays with the user who runs the program.
    ///
    /// # Errors
    ///
    /// Why the user, the group or both are not known.
    fn find(&mut self, access: &manifest::Access) -> Result<Option<Ownership>, Vec<NoAccount>> {
        match self {
            Self::Caller => Ok(None),
            Self::Root => Ok(Some(Ownership::ROOT)),
            Self::Manifest(accounts) => match (accounts.owner(access.owner()), accounts.group(access.group())) {
                (Ok(user), Ok(group)) => Ok(Some(Ownership { user, group })),
                (user, group) => Err([user.err(), group.err()].into_iter().flatten().collect()),
            },
        }
    }
}
