//! The checks of a build: the manifest alone, its sops files too, or who can open them. No private key is needed, no account
//! of this machine is looked up, and nothing changes.

use crate::cli::{AccountLookup, Arguments, Check};
use crate::environment::Environment;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, Unknown};
use crate::report::{Report, Reported};
use crate::{decrypt, keys, templates};

/// Checks what the command line asks for.
pub(super) fn run(
    arguments: &Arguments,
    check: &Check,
    environment: &Environment,
    report: &mut Report,
) -> Result<(), Reported> {
    let manifest = manifest_file::read(&arguments.manifest, Purpose::Check, environment, report)?;
    let plan = Plan::resolve(&manifest, AccountLookup::Ignore, Unknown::Failure, report);
    let hosts = match check {
        // It was checked when it was read.
        Check::Manifest => return Ok(()),
        Check::SopsFiles => Vec::new(),
        Check::Recipients(hosts) => keys::hosts(hosts, report)?,
    };
    decrypt::check(&plan, &hosts, report);
    templates::check(&manifest, report);
    Ok(())
}
