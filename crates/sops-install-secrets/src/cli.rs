//! The command line, in the style of Go's package `flag`: one dash or two, `-flag=value` or `-flag value`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

mod options;

use options::{DEFAULT_MANIFEST, OPTIONS, Opt, OptionArgument, Spec};

use crate::text;

pub(crate) use options::{ExitStatus, usage};

/// What the command line asks for.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Command {
    /// Print the usage.
    Help,
    /// Print the version.
    Version,
    /// Do something with a manifest.
    Run(Arguments),
}

/// What to do with a manifest, and how.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Arguments {
    /// The manifest, or the first of several.
    pub(crate) manifest: ManifestPath,
    pub(crate) action: Action,
    pub(crate) accounts: AccountLookup,
    pub(crate) output: Output,
}

/// Which manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ManifestPath {
    /// The one that was named.
    Given(PathBuf),
    /// The one of this machine.
    OfMachine,
    /// The one of the ordinary user who runs the program.
    OfUser(PathBuf),
}

/// What to do with a manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Check the manifest, without a private key.
    Check(Check),
    /// Install.
    Install,
    /// Say what an installation would change.
    DryRun,
    /// Fail if an installation would change something.
    Verify,
    /// Show what is installed.
    Status(Rows),
    /// Print what to encrypt to: for each of these keys and files, or for this host if there are none.
    Recipients(Vec<OsString>),
    /// Take away everything that was installed.
    Remove,
    /// Before a switch, say whether everything can be decrypted.
    PreSwitch(PreSwitch),
}

impl Action {
    /// What the report calls it, one of [`options::ACTIONS`].
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Install => "install",
            Self::DryRun => "dry-run",
            Self::Verify => "verify",
            Self::Status(_) => "status",
            Self::Recipients(_) => "recipients",
            Self::Remove => "remove",
            Self::PreSwitch(_) => "pre-switch",
        }
    }

    /// The option that asks for it.
    fn option(&self) -> &'static str {
        if matches!(self, Self::Check(_)) { "check-mode" } else { self.word() }
    }
}

/// What is checked besides the manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Check {
    /// Nothing.
    Manifest,
    /// That every sops file has what the manifest asks for.
    SopsFiles,
    /// That each of these hosts can open each sops file.
    Recipients(Vec<HostName>),
}

/// How much of a long table is shown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Rows {
    /// What differs, and the first of the other rows.
    #[default]
    Few,
    All,
}

/// The switch that is about to happen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PreSwitch {
    pub(crate) switch: Switch,
    /// The system that is switched to.
    pub(crate) system: Option<PathBuf>,
    /// The manifests after the first one.
    pub(crate) more: Vec<PathBuf>,
}

/// What a switch is going to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Switch {
    /// Activate the system now.
    Now,
    /// The same, but for no other boot.
    Test,
    /// At the next boot.
    Boot,
    /// Nothing but say what it would do.
    Dry,
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Output {
    /// Lines for people.
    #[default]
    Lines,
    /// One document on standard output for programs.
    Json,
}

/// A host, by what a file can be encrypted to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum HostName {
    /// Itself: `age1...`, `ssh-ed25519 AAAA...` and the like.
    Text(String),
    /// A file with it, such as `ssh_host_ed25519_key.pub`.
    File(PathBuf),
}

/// Where owners and groups come from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum AccountLookup {
    /// The system's user database.
    #[default]
    LookUp,
    /// Nowhere: all is root's, or in user mode the user's.
    Ignore,
}

/// A command line that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("more than one manifest is given: {} is too many", quoted(_0))]
    Superfluous(OsString),
    #[error("-check-mode=recipients and -recipient or -recipient-file go together; name at least one host")]
    Recipients,
    #[error("-{0} and -{1} are two things; ask for one of them")]
    Both(&'static str, &'static str),
    #[error("there is no option {}{}", quoted(name_of(_0)), suggestion(_0))]
    Unknown(OsString),
    #[error("-system goes with -pre-switch")]
    System,
    #[error("-all goes with -status")]
    All,
    #[error("the option -{0} needs a value")]
    NoValue(&'static str),
    #[error("the option -{option} cannot be {}; it takes {allowed}", quoted(value))]
    Value { option: &'static str, value: OsString, allowed: &'static str },
}

/// An argument in a message.
fn quoted(argument: &OsStr) -> String {
    format!("\"{}\"", text::piece(&argument.to_string_lossy()))
}

/// An option without its value, which may be secret.
fn name_of(argument: &OsStr) -> &OsStr {
    let name = argument.as_bytes().split(|&byte| byte == b'=').next();
    name.map_or(argument, OsStr::from_bytes)
}

/// The options that are spelled most alike.
fn suggestion(argument: &OsStr) -> String {
    let name = name_of(argument).to_string_lossy();
    let names = &mut OPTIONS.iter().map(|spec| spec.name);
    let near = nearest::nearest(name.trim_start_matches('-'), names);
    nearest::did_you_mean(near.into_iter().map(|name| format!("\"-{name}\"")))
}

/// Understands the arguments after the program's name.
///
/// # Errors
///
/// [`UsageError`].
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments = arguments.into_iter();
    let mut asked = Asked::default();
    let mut options_ended = false;
    while let Some(argument) = arguments.next() {
        let Some((name, value)) = option(&argument).filter(|_| !options_ended) else {
            asked.operands.push(argument);
            continue;
        };
        if name.is_empty() {
            options_ended = true;
            continue;
        }
        // -h is an old short form that no list needs to name.
        let name = if name == b"h" { b"help" } else { name };
        let Some(spec) = OPTIONS.iter().find(|spec| spec.name.as_bytes() == name) else {
            return Err(UsageError::Unknown(argument));
        };
        let given = Given::of(spec, value, &mut arguments)?;
        if let Some(command) = asked.add(spec, given)? {
            return Ok(command);
        }
    }
    asked.arguments().map(Command::Run)
}

/// What the options and operands so far ask for.
#[derive(Default)]
struct Asked {
    operands: Vec<OsString>,
    pre_switch: Option<Switch>,
    system: Option<PathBuf>,
    check_mode: CheckMode,
    hosts: Vec<HostName>,
    accounts: AccountLookup,
    output: Output,
    rows: Rows,
    recipients: bool,
    /// The actions that are options of their own.
    others: Vec<Action>,
}

impl Asked {
    /// Adds an option. Gives the command if all others do not matter.
    fn add(&mut self, spec: &Spec, given: Given) -> Result<Option<Command>, UsageError> {
        match (spec.option, given) {
            (Opt::Help, _) => return Ok(Some(Command::Help)),
            (Opt::Version, _) => return Ok(Some(Command::Version)),
            (Opt::CheckMode, Given::Text(mode)) => self.check_mode = CheckMode::parse(spec, mode)?,
            (Opt::Recipient, Given::Text(text)) => {
                self.hosts.push(HostName::Text(text.to_string_lossy().into_owned()));
            }
            (Opt::RecipientFile, Given::Text(path)) => self.hosts.push(HostName::File(path.into())),
            (Opt::PreSwitch, Given::Text(action)) => self.pre_switch = Some(Switch::parse(&action)),
            (Opt::System, Given::Text(path)) => {
                self.system = Some(path).filter(|path| !path.is_empty()).map(PathBuf::from);
            }
            (Opt::DryRun, Given::On) => self.others.push(Action::DryRun),
            (Opt::Verify, Given::On) => self.others.push(Action::Verify),
            (Opt::Status, Given::On) => self.others.push(Action::Status(Rows::Few)),
            (Opt::All, given) => self.rows = if given == Given::On { Rows::All } else { Rows::Few },
            (Opt::Recipients, given) => self.recipients = given == Given::On,
            (Opt::Remove, Given::On) => self.others.push(Action::Remove),
            (Opt::Json, given) => self.output = if given == Given::On { Output::Json } else { Output::Lines },
            (Opt::IgnorePasswd, given) => {
                self.accounts = if given == Given::On { AccountLookup::Ignore } else { AccountLookup::LookUp };
            }
            (
                Opt::CheckMode
                | Opt::Recipient
                | Opt::RecipientFile
                | Opt::PreSwitch
                | Opt::System
                | Opt::DryRun
                | Opt::Verify
                | Opt::Status
                | Opt::Remove,
                _,
            ) => {}
        }
        Ok(None)
    }

    /// All of it together, if it asks for one action.
    fn arguments(self) -> Result<Arguments, UsageError> {
        let Self {
            mut operands,
            pre_switch,
            system,
            check_mode,
            hosts,
            accounts,
            output,
            rows,
            recipients,
            mut others,
        } = self;
        if hosts.is_empty() == (check_mode == CheckMode::Recipients) {
            return Err(UsageError::Recipients);
        }
        if recipients {
            others.push(Action::Recipients(std::mem::take(&mut operands)));
        }
        if rows == Rows::All {
            let mut actions = others.iter_mut();
            *actions.find(|action| matches!(action, Action::Status(_))).ok_or(UsageError::All)? = Action::Status(rows);
        }
        let mut manifests = operands.into_iter().map(PathBuf::from);
        let manifest = manifests.next().map_or(ManifestPath::OfMachine, ManifestPath::Given);
        let more: Vec<_> = manifests.collect();
        match (pre_switch, more.first()) {
            (Some(switch), _) => others.push(Action::PreSwitch(PreSwitch { switch, system, more })),
            (None, Some(manifest)) => return Err(UsageError::Superfluous(manifest.into())),
            (None, None) if system.is_some() => return Err(UsageError::System),
            (None, None) => {}
        }
        let checked = check_mode.action(hosts);
        let action = one_of(checked.into_iter().chain(others))?.unwrap_or(Action::Install);
        Ok(Arguments { manifest, action, accounts, output })
    }
}

impl ManifestPath {
    /// Where it is.
    pub(crate) fn as_path(&self) -> &Path {
        match self {
            Self::Given(path) | Self::OfUser(path) => path,
            Self::OfMachine => Path::new(DEFAULT_MANIFEST),
        }
    }
}

impl Switch {
    /// The action of `switch-to-configuration`. One that is not known, or is left out, may well change the machine.
    fn parse(action: &OsStr) -> Self {
        match action.as_bytes() {
            b"boot" => Self::Boot,
            b"test" => Self::Test,
            b"dry-activate" => Self::Dry,
            _ => Self::Now,
        }
    }
}

/// The words of `-check-mode`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum CheckMode {
    Manifest,
    SopsFile,
    Recipients,
    #[default]
    Off,
}

impl CheckMode {
    fn parse(spec: &Spec, value: OsString) -> Result<Self, UsageError> {
        match value.as_bytes() {
            b"manifest" => Ok(Self::Manifest),
            b"sopsfile" => Ok(Self::SopsFile),
            b"recipients" => Ok(Self::Recipients),
            b"off" => Ok(Self::Off),
            _ => {
                let allowed = "manifest, sopsfile, recipients or off";
                Err(UsageError::Value { option: spec.name, value, allowed })
            }
        }
    }

    fn action(self, recipients: Vec<HostName>) -> Option<Action> {
        match self {
            Self::Manifest => Some(Action::Check(Check::Manifest)),
            Self::SopsFile => Some(Action::Check(Check::SopsFiles)),
            Self::Recipients => Some(Action::Check(Check::Recipients(recipients))),
            Self::Off => None,
        }
    }
}

/// The action that is asked for, if it is one. The same one twice is one.
fn one_of(asked: impl IntoIterator<Item = Action>) -> Result<Option<Action>, UsageError> {
    let mut asked = asked.into_iter();
    let Some(action) = asked.next() else { return Ok(None) };
    match asked.find(|other| *other != action) {
        Some(other) => Err(UsageError::Both(action.option(), other.option())),
        None => Ok(Some(action)),
    }
}

/// What an option was given.
#[derive(Debug, Eq, PartialEq)]
enum Given {
    On,
    Off,
    Text(OsString),
}

impl Given {
    /// What follows the option's `=`, or for one that has to have a value in the next argument.
    fn of(
        spec: &Spec,
        value: Option<&OsStr>,
        arguments: &mut impl Iterator<Item = OsString>,
    ) -> Result<Self, UsageError> {
        match spec.argument {
            OptionArgument::Flag => Ok(if is_on(spec.name, value)? { Self::On } else { Self::Off }),
            OptionArgument::Word(..) | OptionArgument::Text(_) | OptionArgument::File(_) => {
                let value = value.map(OsStr::to_owned).or_else(|| arguments.next());
                value.map(Self::Text).ok_or(UsageError::NoValue(spec.name))
            }
        }
    }
}

/// The name of an option and the value after its `=`. A lone `-` is not an option, and `--` has the empty name.
fn option(argument: &OsStr) -> Option<(&[u8], Option<&OsStr>)> {
    let bytes = argument.as_bytes();
    let body = bytes.strip_prefix(b"--").or_else(|| bytes.strip_prefix(b"-").filter(|body| !body.is_empty()))?;
    let mut parts = body.splitn(2, |&byte| byte == b'=');
    Some((parts.next()?, parts.next().map(OsStr::from_bytes)))
}

/// Whether a flag is set, which Go also lets one do with a truth value.
fn is_on(option: &'static str, value: Option<&OsStr>) -> Result<bool, UsageError> {
    match value.map(OsStr::as_bytes) {
        None | Some(b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True") => Ok(true),
        Some(b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False") => Ok(false),
        Some(other) => {
            let value = OsStr::from_bytes(other).to_owned();
            Err(UsageError::Value { option, value, allowed: "true or false" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
    }

    fn run(action: Action, accounts: AccountLookup) -> Command {
        let manifest = ManifestPath::Given("m.json".into());
        Command::Run(Arguments { manifest, action, accounts, output: Output::Lines })
    }

    fn before(switch: Switch, system: Option<&str>, more: &[&str]) -> Action {
        let more = more.iter().map(PathBuf::from).collect();
        Action::PreSwitch(PreSwitch { switch, system: system.map(PathBuf::from), more })
    }

    #[test]
    fn the_forms_of_go_are_understood() {
        use {AccountLookup::*, Action::*};
        for (line, expected) in [
            ("m.json", run(Install, LookUp)),
            ("-check-mode=sopsfile m.json", run(Check(super::Check::SopsFiles), LookUp)),
            ("-check-mode sopsfile m.json", run(Check(super::Check::SopsFiles), LookUp)),
            ("--check-mode=manifest m.json", run(Check(super::Check::Manifest), LookUp)),
            ("--check-mode off m.json", run(Install, LookUp)),
            ("-ignore-passwd m.json", run(Install, Ignore)),
            ("-ignore-passwd=true m.json", run(Install, Ignore)),
            ("--ignore-passwd=F m.json", run(Install, LookUp)),
            ("m.json -ignore-passwd", run(Install, Ignore)),
            ("-- m.json", run(Install, LookUp)),
            ("--dry-run m.json", run(DryRun, LookUp)),
            ("-dry-run -dry-run m.json", run(DryRun, LookUp)),
            ("-dry-run=0 m.json", run(Install, LookUp)),
            ("-status m.json", run(Status(Rows::Few), LookUp)),
            ("-all -status m.json", run(Status(Rows::All), LookUp)),
            ("-status -all=false m.json", run(Status(Rows::Few), LookUp)),
            ("-remove m.json", run(Remove, LookUp)),
            ("-verify m.json", run(Verify, LookUp)),
            ("-pre-switch=switch -system= m.json", run(before(Switch::Now, None, &[]), LookUp)),
            ("-pre-switch= m.json n.json", run(before(Switch::Now, None, &["n.json"]), LookUp)),
            ("-pre-switch boot -system /s m.json", run(before(Switch::Boot, Some("/s"), &[]), LookUp)),
            ("-pre-switch=dry-activate m.json", run(before(Switch::Dry, None, &[]), LookUp)),
            ("-pre-switch=no-such-word m.json", run(before(Switch::Now, None, &[]), LookUp)),
            ("-h", Command::Help),
            ("--help", Command::Help),
            ("-version", Command::Version),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn the_manifest_of_the_machine_is_read_if_none_is_named() {
        let Ok(Command::Run(arguments)) = parsed("-json") else { panic!() };
        assert_eq!(arguments.manifest, ManifestPath::OfMachine);
        assert_eq!(arguments.manifest.as_path(), Path::new("/etc/sops-nix/manifest.json"));
        assert_eq!(arguments.output, Output::Json);
    }

    #[test]
    fn what_recipients_are_asked_for_is_no_manifest() {
        for (line, operands) in [("-recipients", vec![]), ("a -recipients b -", vec!["a", "b", "-"])] {
            let Ok(Command::Run(arguments)) = parsed(line) else { panic!() };
            assert_eq!(arguments.manifest, ManifestPath::OfMachine);
            assert_eq!(arguments.action, Action::Recipients(operands.into_iter().map(OsString::from).collect()));
        }
    }

    #[test]
    fn every_option_of_the_table_is_understood() {
        for spec in OPTIONS {
            let value = match spec.argument {
                OptionArgument::Flag => String::new(),
                OptionArgument::Word(_, words) => format!("={}", words[0].0),
                OptionArgument::Text(_) | OptionArgument::File(_) => "=x".to_owned(),
            };
            let line = format!("-{}{value} m.json", spec.name);
            match parsed(&line) {
                Ok(_) => {}
                // A host needs a check that asks for it, a system a switch, and all rows a table.
                Err(message) if spec.option == Opt::All => assert!(message.contains("-status"), "{line}: {message}"),
                Err(message) if spec.option == Opt::System => {
                    assert!(message.contains("-pre-switch"), "{line}: {message}");
                }
                Err(message) => assert!(message.contains("-check-mode=recipients"), "{line}: {message}"),
            }
        }
    }

    #[test]
    fn the_usage_fits_a_terminal() {
        let usage = usage();
        assert!(usage.lines().all(|line| line.len() <= 80 && line.trim_end() == line), "{usage}");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("-status -verify m", "-status and -verify are two things; ask for one of them"),
            ("-dry-run -check-mode=manifest m", "-check-mode and -dry-run are two things; ask for one of them"),
            ("a b", r#"more than one manifest is given: "b" is too many"#),
            ("-x m.json", r#"there is no option "-x""#),
            ("-x=value m.json", r#"there is no option "-x""#),
            ("-dryrun m.json", r#"there is no option "-dryrun" (did you mean "-dry-run"?)"#),
            ("--chek-mode=off", r#"there is no option "--chek-mode" (did you mean "-check-mode"?)"#),
            ("-AGE-SECRET-KEY-1QQ", r#"there is no option "-AGE-SECRET-KEY-1...""#),
            ("a AGE-SECRET-KEY-1QQ", r#"more than one manifest is given: "AGE-SECRET-KEY-1..." is too many"#),
            (
                "-check-mode=AGE-SECRET-KEY-1QQ m",
                r#"the option -check-mode cannot be "AGE-SECRET-KEY-1..."; it takes manifest, sopsfile, recipients or off"#,
            ),
            ("-system=/s m", "-system goes with -pre-switch"),
            ("-all m.json", "-all goes with -status"),
            ("-recipients -status m", "-status and -recipients are two things; ask for one of them"),
            ("-pre-switch=boot -dry-run m", "-dry-run and -pre-switch are two things; ask for one of them"),
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
