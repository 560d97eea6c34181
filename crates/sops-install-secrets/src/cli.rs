//! The command line, in the style of Go's package `flag`: one dash or two, `-flag=value` or `-flag value`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What the command line asks for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
    /// Check or install what a manifest says.
    Run(Arguments),
}

/// How to treat a manifest.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) manifest: PathBuf,
    pub(crate) check_mode: CheckMode,
    pub(crate) accounts: Accounts,
    pub(crate) dry_run: DryRun,
    /// The hosts that [`CheckMode::Recipients`] asks for, as they were given.
    pub(crate) recipients: Vec<HostName>,
}

/// A host, by what a file can be encrypted to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum HostName {
    /// Itself: `age1...`, `ssh-ed25519 AAAA...` and the like.
    Text(String),
    /// A file with it, such as `ssh_host_ed25519_key.pub`.
    File(PathBuf),
}

/// How much to check without installing anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CheckMode {
    /// Only the manifest.
    Manifest,
    /// The manifest, and that every sops file has what it asks for.
    SopsFile,
    /// The manifest, and that every sops file can be opened by the hosts that are named.
    Recipients,
    /// No check alone: install.
    Off,
}

/// Where owners and groups come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Accounts {
    /// The system's user database.
    LookUp,
    /// Nowhere: all is root's, or in user mode the user's.
    Ignore,
}

/// Whether to say what would be done instead of doing it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DryRun {
    Yes,
    No,
}

/// A command line that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("no manifest is given; name the JSON file that the NixOS module made")]
    NoManifest,
    #[error("more than one manifest is given: {0:?} is too many")]
    Superfluous(OsString),
    #[error("-check-mode=recipients and -recipient or -recipient-file go together; name at least one host")]
    Recipients,
    #[error("there is no option {0:?}")]
    Unknown(OsString),
    #[error("the option -{0} needs a value")]
    NoValue(&'static str),
    #[error("the option -{option} cannot be {value:?}; it takes {allowed}")]
    Value { option: &'static str, value: OsString, allowed: &'static str },
}

/// Understands the arguments that stand behind the program's name.
///
/// # Errors
///
/// [`UsageError`].
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments = arguments.into_iter();
    let mut manifest = None;
    let mut check_mode = CheckMode::Off;
    let mut accounts = Accounts::LookUp;
    let mut dry_run = DryRun::No;
    let mut recipients = Vec::new();
    let mut options_ended = false;
    while let Some(argument) = arguments.next() {
        let Some((name, value)) = option(&argument).filter(|_| !options_ended) else {
            if manifest.is_some() {
                return Err(UsageError::Superfluous(argument));
            }
            manifest = Some(PathBuf::from(argument));
            continue;
        };
        match name {
            b"" => options_ended = true,
            b"h" | b"help" => return Ok(Command::Help),
            b"version" => return Ok(Command::Version),
            b"check-mode" => check_mode = parse_check_mode(required("check-mode", value, &mut arguments)?)?,
            b"recipient" => {
                let text = required("recipient", value, &mut arguments)?;
                recipients.push(HostName::Text(text.to_string_lossy().into_owned()));
            }
            b"recipient-file" => {
                recipients.push(HostName::File(required("recipient-file", value, &mut arguments)?.into()));
            }
            b"ignore-passwd" => {
                accounts = if switch("ignore-passwd", value)? { Accounts::Ignore } else { Accounts::LookUp };
            }
            b"dry-run" => dry_run = if switch("dry-run", value)? { DryRun::Yes } else { DryRun::No },
            _ => return Err(UsageError::Unknown(argument)),
        }
    }
    let manifest = manifest.ok_or(UsageError::NoManifest)?;
    if recipients.is_empty() == (check_mode == CheckMode::Recipients) {
        return Err(UsageError::Recipients);
    }
    Ok(Command::Run(Arguments { manifest, check_mode, accounts, dry_run, recipients }))
}

/// The value of an option that has one: behind its `=`, or the next argument.
fn required(
    option: &'static str,
    value: Option<&OsStr>,
    arguments: &mut impl Iterator<Item = OsString>,
) -> Result<OsString, UsageError> {
    value.map(OsStr::to_owned).or_else(|| arguments.next()).ok_or(UsageError::NoValue(option))
}

/// The name of an option and the value behind its `=`. A lone `-` is no option, and `--` has the empty name.
fn option(argument: &OsStr) -> Option<(&[u8], Option<&OsStr>)> {
    let bytes = argument.as_bytes();
    let body = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-").filter(|body| !body.is_empty()))?;
    let mut parts = body.splitn(2, |&byte| byte == b'=');
    Some((parts.next()?, parts.next().map(OsStr::from_bytes)))
}

/// A switch, which Go also lets one set to a truth value.
fn switch(option: &'static str, value: Option<&OsStr>) -> Result<bool, UsageError> {
    match value.map(OsStr::as_bytes) {
        None | Some(b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True") => Ok(true),
        Some(b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False") => Ok(false),
        Some(other) => {
            let value = OsStr::from_bytes(other).to_owned();
            Err(UsageError::Value { option, value, allowed: "true or false" })
        }
    }
}

fn parse_check_mode(value: OsString) -> Result<CheckMode, UsageError> {
    match value.as_bytes() {
        b"manifest" => Ok(CheckMode::Manifest),
        b"sopsfile" => Ok(CheckMode::SopsFile),
        b"recipients" => Ok(CheckMode::Recipients),
        b"off" => Ok(CheckMode::Off),
        _ => Err(UsageError::Value { option: "check-mode", value, allowed: "manifest, sopsfile, recipients or off" }),
    }
}

/// What `--help` prints.
pub(crate) const USAGE: &str = "\
Usage: sops-install-secrets [OPTION]... MANIFEST

Decrypts the secrets that MANIFEST, the JSON file made by the NixOS module, asks
for, and installs them into a memory file system.

Options, with one dash or two:
  -check-mode=MODE   check without installing; MODE is one of
                       manifest   only the manifest itself
                       sopsfile   also that each sops file has what is asked for
                       recipients also that the hosts named can open each sops
                                  file; no private key is needed
                       off        install (the default)
  -recipient=KEY     a host for -check-mode=recipients: age1..., ssh-ed25519 ...,
                     ssh-rsa ... or the fingerprint of a PGP key; may be repeated
  -recipient-file=FILE  the same from a file such as ssh_host_ed25519_key.pub
  -dry-run           decrypt, and say what would change, but change nothing
  -ignore-passwd     look up no owner and no group: all belongs to root, or in
                     user mode to the user
  -help              print this help
  -version           print the version

Exit status: 0 done, 1 something failed, 2 called wrongly.
";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    fn run(check_mode: CheckMode, accounts: Accounts, dry_run: DryRun) -> Command {
        let recipients = Vec::new();
        Command::Run(Arguments { manifest: "m.json".into(), check_mode, accounts, dry_run, recipients })
    }

    #[test]
    fn the_forms_of_go_are_understood() {
        use {Accounts::*, CheckMode::*};
        for (line, expected) in [
            ("m.json", run(Off, LookUp, DryRun::No)),
            ("-check-mode=sopsfile m.json", run(SopsFile, LookUp, DryRun::No)),
            ("-check-mode sopsfile m.json", run(SopsFile, LookUp, DryRun::No)),
            ("--check-mode=manifest m.json", run(Manifest, LookUp, DryRun::No)),
            ("--check-mode off m.json", run(Off, LookUp, DryRun::No)),
            ("-ignore-passwd m.json", run(Off, Ignore, DryRun::No)),
            ("-ignore-passwd=true m.json", run(Off, Ignore, DryRun::No)),
            ("--ignore-passwd=F m.json", run(Off, LookUp, DryRun::No)),
            ("m.json -ignore-passwd", run(Off, Ignore, DryRun::No)),
            ("-- m.json", run(Off, LookUp, DryRun::No)),
            ("--dry-run m.json", run(Off, LookUp, DryRun::Yes)),
            ("-h", Command::Help),
            ("--help", Command::Help),
            ("-version", Command::Version),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("", "no manifest is given; name the JSON file that the NixOS module made"),
            ("a b", r#"more than one manifest is given: "b" is too many"#),
            ("-x m.json", r#"there is no option "-x""#),
            ("m.json -check-mode", "the option -check-mode needs a value"),
            (
                "-check-mode=all m",
                r#"the option -check-mode cannot be "all"; it takes manifest, sopsfile, recipients or off"#,
            ),
            (
                "-check-mode=recipients m",
                "-check-mode=recipients and -recipient or -recipient-file go together; name at least one host",
            ),
            (
                "-recipient age1x m",
                "-check-mode=recipients and -recipient or -recipient-file go together; name at least one host",
            ),
            ("-ignore-passwd=yes m", r#"the option -ignore-passwd cannot be "yes"; it takes true or false"#),
        ] {
            assert_eq!(parsed(line), Err(message.to_owned()), "{line}");
        }
    }
}
