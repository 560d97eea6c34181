//! What a person can do about a failure: the end of its message, and a field of the report.

mod key;
mod manifest;
mod module;
mod sops_file;

use std::fmt;
use std::path::Path;

use install::{Notice, WayOut, shell_word};
use nix::unistd::geteuid;
use sops::Format;

use crate::cli::{AccountLookup, ManifestPath};

pub(crate) use module::Module;

/// The way out of a failure, step by step. `Display` gives it in words, as they stand at the end of a message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Remedy {
    steps: Vec<RemedyStep>,
    /// The last step is another way to do what the one before does.
    has_other_way: bool,
}

/// What to do in words, and the command that does it; empty if none does.
#[derive(Clone, Debug, Eq, PartialEq)]
struct RemedyStep {
    advice: String,
    command: String,
    /// What the words end with after the command.
    rest: &'static str,
}

impl Remedy {
    /// Something that no command does.
    pub(crate) fn say(advice: &str) -> Self {
        Self::run(advice, String::new())
    }

    /// A command, and what it is for.
    pub(crate) fn run(advice: &str, command: String) -> Self {
        Self { steps: vec![RemedyStep { advice: advice.to_owned(), command, rest: "" }], has_other_way: false }
    }

    /// The way out of what an installation did or found.
    pub(crate) fn of_notice(notice: &Notice, module: Module) -> Option<Self> {
        let option = module.use_tmpfs();
        match notice {
            Notice::Swappable { .. } => Some(Self::say(&format!("encrypt the swap or set {option} = false"))),
            Notice::KeptMount { wanted: "ramfs", .. } => {
                let words = "what is there may be swapped out; if a tmpfs is meant, set";
                Some(Self::say(&format!("{words} {option} = true")))
            }
            Notice::KeptMount { .. } => Some(Self::say(&format!("if a ramfs is meant, set {option} = false"))),
            notice => notice.way_out().map(Self::from),
        }
    }

    /// To install a manifest.
    pub(crate) fn install(manifest: &ManifestPath, accounts: AccountLookup) -> Self {
        Self::run("install it again with", installation(manifest, accounts))
    }

    /// To install a manifest in the session of this user.
    pub(crate) fn own_session(manifest: &ManifestPath) -> Self {
        let user = geteuid();
        let own = format!("/run/user/{user}");
        if Path::new(&own).is_dir() && !user.is_root() {
            let installation = installation(manifest, AccountLookup::LookUp);
            return Self::run("log in as this user, or run", format!("XDG_RUNTIME_DIR={own} {installation}"));
        }
        Self::say("run this in a session of the user whose secrets these are")
    }

    /// To let a sops file be encrypted to one more recipient.
    pub(crate) fn add_recipient(first: &str, recipient: &str, file: &Path) -> Self {
        let mut add = Self::run(&format!("{first}add {recipient} to .sops.yaml and {UPDATE_KEYS}"), update_keys(file));
        // A hybrid key would take half a page.
        if recipient.starts_with("age1") && recipient.len() < 80 {
            let command = format!("sops rotate -i --add-age {recipient} {}", shell_word(file));
            add = Self { has_other_way: true, ..add.then(Self::run("or without .sops.yaml", command)) };
        }
        add
    }

    /// The same for a plain age file that this host cannot open.
    pub(crate) fn encrypt_again(first: &str, recipient: &str) -> Self {
        let words = format!("{first}encrypt it again to {recipient} too, or add that to secrets.nix and run");
        Self::run(&words, REKEY.to_owned())
    }

    /// The same for a plain age file.
    pub(crate) fn rekey() -> Self {
        Self::run("add the key of the host to secrets.nix and run", REKEY.to_owned())
    }

    /// A host whose keys are gone.
    pub(crate) fn restore_keys(file: &Path) -> Self {
        Self::make_keys()
            .then(Self::run("add what this prints to .sops.yaml", "sops-install-secrets -recipients".to_owned()))
            .then(Self::run(UPDATE_KEYS, update_keys(file)))
    }

    /// The same for a plain age file.
    pub(crate) fn restore_agenix_keys() -> Self {
        Self::make_keys().then(Self::run("add the new one to secrets.nix and run", REKEY.to_owned()))
    }

    /// A host that has no key.
    pub(crate) fn give_key(module: Module) -> Self {
        Self::say(&format!("give this host a key in {}", module.keys()))
    }

    fn make_keys() -> Self {
        Self::run("restore the key, or let sshd have new ones", MAKE_KEYS.to_owned())
    }

    /// Too few of the key groups of a file are opened.
    pub(crate) fn open_group(file: &Path) -> Self {
        // A lower threshold does nothing to a file that there is already: sops looks at the keys alone.
        let words = "give this host a key of another group; or, if one key is to be enough, put all of them under one dash of \
                     key_groups in .sops.yaml and run in its folder, with keys that open it";
        Self::run(words, update_keys(file))
    }

    /// The same where it stands among others: advice without a command says what it is about. A command names the file.
    pub(crate) fn about(mut self, what: &str) -> Self {
        for step in self.steps.iter_mut().filter(|step| step.command.is_empty()) {
            step.advice = format!("for {what}, {advice}", advice = step.advice);
        }
        self
    }

    /// The steps of this, and then those of another one that are not among them.
    pub(crate) fn then(mut self, next: Self) -> Self {
        self.has_other_way = next.has_other_way;
        for step in next.steps {
            if !self.steps.contains(&step) {
                self.steps.push(step);
            }
        }
        self
    }

    /// The same with a format for sops, which takes it from the end of a file's name, where that says another one.
    pub(crate) fn telling_format(mut self, file: &Path, format: Format) -> Self {
        if Format::of_file_name(file) == format {
            return self;
        }
        let format = format.name();
        let word = format!(" {}", shell_word(file));
        for step in &mut self.steps {
            if let Some(before) = step.command.strip_suffix(&word).filter(|before| before.starts_with("sops ")) {
                // updatekeys prints nothing, so it takes no output format.
                let output =
                    if before == "sops updatekeys" { String::new() } else { format!(" --output-type {format}") };
                step.command = format!("{before} --input-type {format}{output}{word}");
            }
        }
        self
    }

    /// The command to run, if one is all or a part of it; of several steps that of the last.
    pub(crate) fn command(&self) -> Option<&str> {
        let step = self.steps.iter().rev().nth(usize::from(self.has_other_way))?;
        Some(step.command.as_str()).filter(|command| !command.is_empty())
    }
}

impl From<WayOut> for Remedy {
    fn from(way_out: WayOut) -> Self {
        let (advice, command) = (way_out.advice().to_owned(), way_out.command().to_owned());
        Self { steps: vec![RemedyStep { advice, command, rest: way_out.rest() }], has_other_way: false }
    }
}

fn installation(manifest: &ManifestPath, accounts: AccountLookup) -> String {
    let option = if accounts == AccountLookup::Ignore { " -ignore-passwd" } else { "" };
    match manifest {
        ManifestPath::OfMachine | ManifestPath::OfUser(_) => format!("sops-install-secrets{option}"),
        ManifestPath::Given(path) => format!("sops-install-secrets{option} {}", shell_word(path)),
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for RemedyStep { advice, command, rest } in &self.steps {
            formatter.write_str(separator)?;
            formatter.write_str(advice)?;
            if !command.is_empty() {
                write!(formatter, ": {command}")?;
            }
            formatter.write_str(rest)?;
            separator = "; ";
        }
        Ok(())
    }
}

/// Lets sshd have each key that it lacks.
pub(crate) const MAKE_KEYS: &str = "ssh-keygen -A";

/// sops looks for `.sops.yaml` in the folder that it is called in and above, and opens the file with a key of whoever calls it.
const UPDATE_KEYS: &str = "run in its folder, with a key that opens the file";
const REKEY: &str = "agenix -r";

fn update_keys(file: &Path) -> String {
    format!("sops updatekeys {}", shell_word(file))
}

/// The path of a file where a person edits it: in the Nix store only the part below the store's own folder means
/// anything, or the name without its hash.
pub(crate) fn editable(path: &Path) -> &Path {
    let Ok(inside) = path.strip_prefix("/nix/store") else { return path };
    let mut components = inside.components();
    let top = components.next();
    if !components.as_path().as_os_str().is_empty() {
        return components.as_path();
    }
    let name = top.and_then(|top| top.as_os_str().to_str());
    name.and_then(|name| name.split_once('-')).map_or(path, |(_, name)| Path::new(name))
}

#[cfg(test)]
mod tests {
    use sops::{LookupError, Need};

    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command_that_is_pasted() {
        let remedy = Remedy::add_recipient("", "that", Path::new("my secrets.yaml"));
        assert_eq!(remedy.command().unwrap(), "sops updatekeys 'my secrets.yaml'");
    }

    #[test]
    fn the_command_of_a_message_has_the_name_of_its_file() {
        let file = Path::new("/nix/store/abc-source/secrets/db.yaml");
        let error = LookupError::NotFound { key: "a; b: c".to_owned(), nearest: Vec::new() };
        let remedy = Remedy::of_sops_file(&error.into(), file).unwrap();
        assert_eq!(remedy.to_string(), "they are shown by: sops edit secrets/db.yaml");
        assert_eq!(remedy.command().unwrap(), "sops edit secrets/db.yaml");
    }

    #[test]
    fn options_are_called_as_the_module_calls_them() {
        let swappable = Notice::Swappable { path: "/run/secrets.d".into() };
        let kept = Notice::KeptMount { path: "/run/secrets.d".into(), wanted: "ramfs" };
        for (module, option) in [(Module::Sops, "sops.useTmpfs"), (Module::Agenix, "age.useTmpfs")] {
            let words = |notice| Remedy::of_notice(notice, module).unwrap().to_string();
            assert_eq!(words(&swappable), format!("encrypt the swap or set {option} = false"));
            assert!(words(&kept).ends_with(&format!("if a tmpfs is meant, set {option} = true")));
        }
        let option = |module| Remedy::of_need(Need::Plugin, module).to_string();
        assert_eq!(option(Module::Agenix), "add the package of the plugin to age.plugins");
        assert_eq!(option(Module::Sops), "add the package of the plugin to sops.age.plugins");
    }

    #[test]
    fn sops_is_told_a_format_that_the_name_of_the_file_does_not_say() {
        for (name, format, expected) in [
            ("a.yaml", Format::Yaml, "sops updatekeys a.yaml"),
            ("a.enc", Format::Yaml, "sops updatekeys --input-type yaml a.enc"),
            (".env", Format::Dotenv, "sops updatekeys .env"),
            ("a.json", Format::Binary, "sops updatekeys --input-type binary a.json"),
            ("a.enc", Format::Binary, "sops updatekeys a.enc"),
        ] {
            let file = Path::new(name);
            let remedy = Remedy::add_recipient("", "age1x", file).telling_format(file, format);
            assert_eq!(remedy.command(), Some(expected));
            let format = format.name();
            let types = format!("--input-type {format} --output-type {format} ");
            let rotate =
                format!("sops rotate -i --add-age age1x {}{name}", if expected.contains("--") { &types } else { "" });
            assert!(remedy.to_string().ends_with(&rotate), "{remedy}");
        }
    }

    #[test]
    fn the_steps_of_a_way_out_stand_one_after_the_other() {
        let other = Remedy::run("or else", format!("edit {}", shell_word(Path::new("a b"))));
        let remedy = Remedy::run("mend this", "first".to_owned()).then(Remedy::say("wait")).then(Remedy::rekey());
        let remedy = Remedy { has_other_way: true, ..remedy.then(other) };
        let line =
            "mend this: first; wait; add the key of the host to secrets.nix and run: agenix -r; or else: edit 'a b'";
        assert_eq!(remedy.to_string(), line);
        assert_eq!(remedy.command(), Some("agenix -r"));
    }
}
