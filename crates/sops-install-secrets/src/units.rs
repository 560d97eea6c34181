//! Asking systemd to restart and reload units whose secrets have changed (sops-format.md section 8.7).
//!
//! This happens after the switch: a unit that is restarted reads the new values. A unit that cannot be asked for stops
//! nothing else.

use std::collections::HashSet;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use install::Current;
use manifest::UnitName;

/// The units to ask for, each once, in the order of the manifest.
#[derive(Default)]
pub(crate) struct Requests<'a> {
    restart: Vec<&'a UnitName>,
    reload: Vec<&'a UnitName>,
    seen: HashSet<(Action, &'a UnitName)>,
}

/// What is asked of a unit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Action {
    Restart,
    Reload,
}

/// What earlier runs switched for and, because they were killed, may not have asked for. Words that this version does not
/// know are those of a later one, and lost.
pub(crate) fn due(current: &Current<'_>) -> Vec<(Action, UnitName)> {
    let parse = |words: &str| {
        let (verb, unit) = words.split_once(' ')?;
        let action = ACTIONS.into_iter().find(|action| action.verb() == verb)?;
        Some((action, UnitName::try_from(unit.to_owned()).ok()?))
    };
    current.due().filter_map(parse).collect()
}

/// In the order in which they are asked for.
pub(crate) const ACTIONS: [Action; 2] = [Action::Restart, Action::Reload];

/// How units are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Route<'a> {
    /// `systemctl --no-block`: from a unit, whose lists NixOS would read only at the next switch.
    Systemctl,
    /// The lists below this directory that NixOS reads after its activation script.
    ActivationLists(&'a Path),
}

/// Why a request was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("cannot run systemctl to {0}; the new secrets are installed, restart the units by hand, or run this again")]
    NoSystemctl(&'static str, #[source] io::Error),
    /// systemd's answer, which will be the same the next time.
    #[error("systemctl {verb}: {words}; the new secrets are installed, see: systemctl status")]
    Refused { verb: &'static str, words: String },
    /// Another end of systemctl, which may not have reached systemd.
    #[error("systemctl {verb}: {words}; the new secrets are installed, restart the units by hand, or run this again")]
    Failed { verb: &'static str, words: String },
    #[error(
        "cannot write {path}, so that NixOS does not {verb} the units in it; do so by hand, or run this again: {units}",
        path = path.display()
    )]
    List { path: PathBuf, verb: &'static str, units: String, source: io::Error },
}

impl RequestError {
    /// Whether the next run should make the request again.
    pub(crate) fn is_owed(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }
}

impl<'a> Requests<'a> {
    /// Adds the units of a secret or template that has changed.
    pub(crate) fn add_all(&mut self, restart: &'a [UnitName], reload: &'a [UnitName]) {
        for (action, units) in [(Action::Restart, restart), (Action::Reload, reload)] {
            for unit in units {
                self.add(action, unit);
            }
        }
    }

    /// Adds a unit, unless the same is asked of it already.
    pub(crate) fn add(&mut self, action: Action, unit: &'a UnitName) {
        if self.seen.insert((action, unit)) {
            self.of_mut(action).push(unit);
        }
    }

    /// The units of which one thing is asked.
    pub(crate) fn of(&self, action: Action) -> &[&'a UnitName] {
        match action {
            Action::Restart => &self.restart,
            Action::Reload => &self.reload,
        }
    }

    /// Each request in words that [`due`] reads.
    pub(crate) fn words(&self) -> Vec<String> {
        let of = |action| self.of(action).iter().map(move |unit| format!("{} {unit}", Action::verb(action)));
        ACTIONS.into_iter().flat_map(of).collect()
    }

    fn of_mut(&mut self, action: Action) -> &mut Vec<&'a UnitName> {
        match action {
            Action::Restart => &mut self.restart,
            Action::Reload => &mut self.reload,
        }
    }

    /// Makes the requests, restarts first.
    pub(crate) fn send(&self, route: Route<'_>) -> Vec<RequestError> {
        let mut errors = Vec::new();
        for action in ACTIONS {
            let units = self.of(action);
            if units.is_empty() {
                continue;
            }
            match route {
                Route::Systemctl => {
                    errors.extend(units.chunks(UNITS).flat_map(|units| ask_systemctl(action, units)));
                }
                Route::ActivationLists(directory) => errors.extend(append(directory, action, units).err()),
            }
        }
        errors
    }
}

impl Action {
    /// As a person says it: `would restart`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }
}

/// How many units are asked for in one call. Their names are short enough for a command line.
const UNITS: usize = 1000;

/// One call for all these units. systemctl goes on after a unit that it cannot find, and names each on its standard error.
fn ask_systemctl(action: Action, units: &[&UnitName]) -> Vec<RequestError> {
    let verb = match action {
        Action::Restart => "try-restart",
        Action::Reload => "try-reload-or-restart",
    };
    let output = Command::new("systemctl")
        .args(["--no-block", verb, "--"])
        .args(units.iter().map(|unit| unit.as_str()))
        // The identities that sops takes from there are no business of a child.
        .env_remove("SOPS_AGE_KEY")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => return vec![RequestError::NoSystemctl(action.verb(), error)],
    };
    if output.status.success() {
        return Vec::new();
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let mut refusals: Vec<_> =
        stderr.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if refusals.is_empty() {
        let names: Vec<_> = units.iter().map(|unit| unit.as_str()).collect();
        refusals.push(format!("{} ({})", output.status, names.join(", ")));
    }
    let error = match output.status.code() {
        Some(NOT_PERMITTED | NOT_INSTALLED) => |verb, words| RequestError::Refused { verb, words },
        _ => |verb, words| RequestError::Failed { verb, words },
    };
    refusals.into_iter().map(|words| error(verb, words)).collect()
}

/// systemctl's exit status for what a unit does not allow.
const NOT_PERMITTED: i32 = 4;
/// And for a unit that does not exist.
const NOT_INSTALLED: i32 = 5;

/// Appends to the list that NixOS reads. Without the directory there is nobody to read it, and so no request.
fn append(directory: &Path, action: Action, units: &[&UnitName]) -> Result<(), RequestError> {
    let path = directory.join(match action {
        Action::Restart => "activation-restart-list",
        Action::Reload => "activation-reload-list",
    });
    let names: Vec<_> = units.iter().map(|unit| unit.as_str()).collect();
    let lines: String = names.iter().flat_map(|name| [name, "\n"]).collect();
    let written = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()));
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(RequestError::List { path, verb: action.verb(), units: names.join(" "), source }),
    }
}
