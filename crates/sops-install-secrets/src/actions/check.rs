//! The checks of a build: the manifest alone, its sops files too, or who can open them. No private key is needed, no account
//! of this machine is looked up, and nothing changes.

use install::Inputs;

use crate::cli::{AccountLookup, Action, Arguments};
use crate::environment::Environment;
use crate::plan::{Plan, Unknown};
use crate::report::{Report, Reported};
use crate::{decrypt, keys, manifest_file, templates};

/// Checks what the command line asks for.
pub(super) fn run(arguments: &Arguments, environment: &Environment, report: &mut Report) -> Result<(), Reported> {
    let action = &arguments.action;
    let manifest = manifest_file::read(&arguments.manifest, action, environment, &mut Inputs::new(), report)?;
    let plan = Plan::resolve(&manifest, AccountLookup::Ignore, Unknown::Failure, report)?;
    match action {
        Action::CheckSopsFiles => {
            decrypt::check(&plan, report);
            templates::check(&manifest, report);
        }
        Action::CheckRecipients(hosts) => {
            let hosts = keys::hosts(hosts, report)?;
            decrypt::check_recipients(&plan, &hosts, report);
        }
        // The manifest has been checked already, and the other actions are not checks.
        Action::CheckManifest
        | Action::Install
        | Action::DryRun
        | Action::Verify
        | Action::Status(_)
        | Action::Recipients(_)
        | Action::Remove
        | Action::PreSwitch(_) => {}
    }
    Ok(())
}
