//! What the files of a plan hold: values of sops files, and templates filled with them. All of it stays in memory.

use install::{Activation, Changes, Current, File, Inputs, PlacedFiles};
use nix::unistd::Gid;
use sops::Plaintext;

use crate::environment::Environment;
use crate::keys::{self, HostKeys, KeyCommands};
use crate::plan::{Origin, Plan, PlannedFile};
use crate::report::{About, Code, Report, Reported, Step};
use crate::{decrypt, templates};

/// The plaintext of every file that has one, in the order of the plan.
pub(crate) struct Contents<'p>(Vec<FileContent<'p>>);

/// A file of the plan and its plaintext.
struct FileContent<'p> {
    file: &'p PlannedFile<'p>,
    plaintext: Plaintext,
}

/// What a run is going to do, decided before anything is touched.
pub(crate) struct Decision<'c> {
    /// What is going to be installed.
    pub(crate) files: Vec<File<'c>>,
    pub(crate) changes: Changes,
}

impl<'p> Contents<'p> {
    /// Loads the keys of this host and opens everything with them. What fails, and which owners are not known, is reported.
    pub(crate) fn resolve(
        plan: &'p Plan<'_>,
        environment: &Environment,
        commands: KeyCommands,
        report: &mut Report,
    ) -> Self {
        report.step(Step::Identities);
        // Nothing is stamped with them.
        let mut inputs = Inputs::new();
        let keys = keys::load(plan.manifest, environment, commands, &mut inputs, report);
        let contents = Self::of(plan, &keys, &mut inputs, report);
        plan.report_unknown_accounts(report);
        contents
    }

    /// Decrypts every secret, and fills every template. What fails is reported, and has no content.
    pub(crate) fn of(plan: &'p Plan<'_>, keys: &HostKeys, inputs: &mut Inputs, report: &mut Report) -> Self {
        report.step(Step::Decrypt);
        let mut values = decrypt::decrypt(plan, keys, inputs, report);
        keys.warn(report);
        report.step(Step::Compare);
        let rendered = templates::render(plan, &values, inputs, report);
        let secrets = plan.files.iter().filter_map(|file| match file.origin {
            Origin::Secret(secret) => Some((file, values.remove(secret.name())?)),
            Origin::Template(_) => None,
        });
        Self(secrets.chain(rendered).map(|(file, plaintext)| FileContent { file, plaintext }).collect())
    }

    /// The files that can be installed.
    pub(crate) fn files(&self) -> Vec<File<'_>> {
        let installable = self.0.iter().filter(|content| content.file.is_installable);
        installable.map(|content| File { wanted: content.file.wanted, content: content.plaintext.as_bytes() }).collect()
    }

    /// What is to be installed, and whether it may be: a running generation stays as it is after a failure; without one,
    /// something is better than nothing.
    ///
    /// # Errors
    ///
    /// That nothing is to be installed, for reasons that were reported.
    pub(crate) fn decide(
        &self,
        plan: &Plan<'_>,
        current: &Current<'_>,
        group: Option<Gid>,
        report: &mut Report,
    ) -> Result<Decision<'_>, Reported> {
        let inputs = plan.read_files().chain([report.manifest()]);
        let placed = current.place(self.files(), inputs, plan.credentials);
        let PlacedFiles { files, misplaced } = report.tried(placed)?;
        for (wanted, error) in &misplaced {
            report.undone(Code::LinkFailed, About::of(wanted), error);
        }
        let changes = report.tried(Changes::between(current, &files, group))?;
        if report.failures() > 0 && (changes.activation() == Activation::Update || files.is_empty()) {
            return Err(Reported);
        }
        Ok(Decision { files, changes })
    }
}
