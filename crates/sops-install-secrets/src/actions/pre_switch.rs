//! Before a switch: can this machine decrypt all that the new system wants, and put it in its place? Everything happens in
//! memory, nothing is written and nothing is locked.
//!
//! A switch that would leave secrets as they were is refused while nothing has happened yet. The way back to an older system
//! is never refused, and neither is what does not touch the running machine.

use std::fs;
use std::path::{Path, PathBuf};

use install::{Current, Location, shell_word};
use manifest::Manifest;

use super::dry_run::{self, Tell};
use crate::cli::{AccountLookup, Arguments, ManifestPath, PreSwitch, Switch};
use crate::confinement::confine;
use crate::contents::Contents;
use crate::environment::Environment;
use crate::input;
use crate::keys::KeyCommands;
use crate::manifest_file::{self, Purpose};
use crate::plan::{Plan, Unknown};
use crate::remedy::Remedy;
use crate::report::{About, Code, Outcome, Readers, Report, Reported, Step, Tone};

/// Checks the manifests of a system that is about to be switched to.
pub(super) fn run(arguments: &Arguments, switch: &PreSwitch, environment: &Environment, report: &mut Report) {
    confine();
    // A dry switch is never refused, and says all that it would do.
    let system = switch.system.as_deref().filter(|_| switch.switch != Switch::Dry);
    let way_back = system.and_then(|system| older_generation(system, Path::new(PROFILES)));
    let tell = match switch.switch {
        Switch::Now | Switch::Test => way_back.is_none().then_some(Tell::Failures),
        Switch::Dry => Some(Tell::All),
        Switch::Boot => None,
    };
    if way_back.is_none() && matches!(switch.switch, Switch::Boot | Switch::Dry) {
        report.set_tone(Tone::Lenient);
    }
    if let Some(system) = &switch.system {
        report.refuses_switch_to(system, if switch.switch == Switch::Test { "test" } else { "switch" });
    }
    let mut unopened = Vec::new();
    let more = switch.more.iter().cloned().map(ManifestPath::Given);
    for path in std::iter::once(arguments.manifest.clone()).chain(more) {
        if way_back.is_some() {
            report.hold();
        }
        let before = report.failures();
        let tell = match tell {
            Some(Tell::All) if !switch.more.is_empty() => Some(Tell::AllOf(path.as_path())),
            tell => tell,
        };
        let done = open(&path, tell, arguments, environment, report);
        if way_back.is_none() {
            // Whatever is wrong stands in the report.
        } else if done.is_ok() && report.failures() == before {
            report.release();
        } else {
            report.discard();
            let command = format!("sops-install-secrets -dry-run {}", shell_word(path.as_path()));
            unopened.push(Remedy::run("to see which", command));
        }
    }
    if !switch.more.is_empty() {
        report.no_single_generation();
    }
    if let (Some(generation), Some(remedy)) = (way_back, unopened.into_iter().reduce(Remedy::then)) {
        report.warning_with(Code::NoIdentity, About::default(), &WayBack { generation }, Some(remedy));
    }
}

/// What becomes of the switch after failures.
pub(super) fn last_words(_outcome: Outcome, _readers: &Readers) -> &'static str {
    "; the switch is refused and nothing was changed; to switch all the same, run it again with NIXOS_NO_CHECK=1 in its \
     environment"
}

/// Decrypts everything that a manifest wants, and compares it with what is installed if something is to be told of that.
fn open(
    path: &ManifestPath,
    tell: Option<Tell<'_>>,
    arguments: &Arguments,
    environment: &Environment,
    report: &mut Report,
) -> Result<(), Reported> {
    report.step(Step::Manifest);
    let manifest = manifest_file::read(path, Purpose::PreSwitch, environment, report)?;
    if is_first_installation(&manifest, environment) {
        return Ok(());
    }
    if let Some(tell) = tell {
        return dry_run::dry_run(&manifest, arguments.accounts, environment, KeyCommands::NotRun, tell, report);
    }
    // What is installed and which users there are matters neither for the next boot nor for the way back.
    let plan = Plan::resolve(&manifest, AccountLookup::Ignore, Unknown::Warning, report);
    drop(Contents::resolve(&plan, environment, KeyCommands::NotRun, report));
    Ok(())
}

/// Whether nothing is installed yet, and none of the keys that the manifest names is there: they are made at the first boot.
fn is_first_installation(manifest: &Manifest, environment: &Environment) -> bool {
    let home = manifest.gnupg_home().map(|home| environment.gnupg_home(home));
    let named = manifest.age_ssh_key_paths().iter().chain(manifest.ssh_key_paths()).map(PathBuf::as_path);
    let named: Vec<_> = named.chain(manifest.age_key_file()).chain(home.as_deref()).collect();
    if named.is_empty() || named.iter().any(|path| input::absence(path).is_none()) {
        return false;
    }
    let location = Location::of(manifest);
    Current::inspect(&location).is_ok_and(|current| current.running_number().is_none())
}

/// The number of the generation that the system is, if it is one of the profile and not its newest.
fn older_generation(system: &Path, profiles: &Path) -> Option<u64> {
    let system = fs::canonicalize(system).ok()?;
    let generations = input::names(profiles)?.into_iter().filter_map(|name| {
        let number = name.to_str()?.strip_prefix("system-")?.strip_suffix("-link")?.parse::<u64>().ok()?;
        Some((number, profiles.join(name)))
    });
    let generations: Vec<_> = generations.collect();
    let newest = generations.iter().map(|&(number, _)| number).max()?;
    let is_it = |path: &Path| fs::canonicalize(path).is_ok_and(|path| path == system);
    // A specialisation is a part of its generation.
    let has_it = |path: &Path| {
        let below = path.join("specialisation");
        is_it(path) || input::names(&below).into_iter().flatten().any(|name| is_it(&below.join(name)))
    };
    let found = generations.iter().filter(|(_, path)| has_it(path)).map(|&(number, _)| number).max()?;
    (found < newest).then_some(found)
}

/// Secrets that an older system cannot open.
#[derive(Debug, thiserror::Error)]
#[error(
    "this is the way back to generation {generation} of the system; the secrets that it cannot open stay as they are installed \
     now"
)]
struct WayBack {
    generation: u64,
}

/// Where NixOS keeps the generations of the system.
const PROFILES: &str = "/nix/var/nix/profiles";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_system_is_the_way_back_if_a_newer_generation_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for system in ["old", "new", "test", "profiles", "old/specialisation"] {
            fs::create_dir(at(system)).unwrap();
        }
        symlink(at("test"), at("old/specialisation/special")).unwrap();
        for (link, system) in [
            ("system-9-link", "old"),
            ("system-10-link", "new"),
            ("system", "system-10-link"),
            ("other-11-link", "old"),
            ("system-x-link", "new"),
        ] {
            symlink(at(system), at("profiles").join(link)).unwrap();
        }
        let older = |system: &str| older_generation(&at(system), &at("profiles"));
        assert_eq!(older("old"), Some(9));
        assert_eq!(older("old/specialisation/special"), Some(9));
        for system in ["new", "profiles", "nowhere"] {
            assert_eq!(older(system), None, "{system}");
        }
        // Built again it is the newest one.
        symlink(at("old"), at("profiles/system-11-link")).unwrap();
        assert_eq!(older("old"), None);
        assert_eq!(older("new"), Some(10));
        assert_eq!(older_generation(&at("old"), &at("nowhere")), None);
    }
}
