//! What a person can do about a failure: the end of its message, and a field of the report.

use std::fmt;
use std::path::{Path, PathBuf};

use install::shell_word;

use crate::cli::ManifestPath;

/// The way out of a failure. `Display` gives it in words, as they stand at the end of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Remedy {
    /// Let a sops file be encrypted to one more recipient, or mend what the message names, if it names a key that cannot be used.
    AddRecipient { mend: bool, recipient: String, file: PathBuf },
    /// The same for the recipients that the message names.
    AddThat { file: PathBuf },
    /// The same for a plain age file.
    Rekey,
    /// Make a file anew that no sops command changes.
    EncryptAgain { recipient: String, file: PathBuf },
    /// A host that has no key, with the options that name one.
    GiveKey { options: &'static str },
    /// A host whose keys cannot be used.
    RepairKeys,
    /// A user who may not read the keys.
    BeRoot,
    /// A host whose keys are gone.
    RestoreKeys { file: PathBuf },
    /// The same for a plain age file.
    RestoreAgenixKeys,
    /// Too few of the key groups of a file are opened.
    OpenGroup { file: PathBuf },
    /// What a sops file says of this host is wrong.
    Restore { file: PathBuf },
    /// Let sops open a file: what for, and with which options.
    Sops { words: String, command: String },
    /// Install again.
    Install { command: String },
    /// Take away what is in the way of a link.
    MoveAway,
    /// Look at a unit that has not read the new secrets.
    SeeUnit { unit: String, command: String },
    /// Ask for units that systemd was not asked for.
    RestartByHand,
}

impl Remedy {
    /// What a message of sops ends with, if it ends with a command on its file. Gives the rest of the message too.
    ///
    /// The message writes FILE for the name of the file, which it does not know.
    pub(crate) fn of_sops(message: &str, file: &Path) -> Option<(String, Self)> {
        let (problem, advice) = message.strip_suffix("FILE")?.rsplit_once("; ")?;
        let (words, command) = advice.rsplit_once(": ")?;
        let command = format!("{command}{}", shell_word(editable(file)));
        Some((problem.to_owned(), Self::Sops { words: words.to_owned(), command }))
    }

    /// To install a manifest.
    pub(crate) fn install(manifest: &ManifestPath) -> Self {
        let command = match manifest {
            ManifestPath::OfMachine | ManifestPath::OfUser(_) => "sops-install-secrets".to_owned(),
            ManifestPath::Given(path) => format!("sops-install-secrets {}", shell_word(path)),
        };
        Self::Install { command }
    }

    /// The command to run, if one is all or a part of it.
    pub(crate) fn command(&self) -> Option<String> {
        match self {
            Self::AddRecipient { file, .. }
            | Self::AddThat { file }
            | Self::OpenGroup { file }
            | Self::RestoreKeys { file } => Some(format!("sops updatekeys {}", shell_word(file))),
            Self::Rekey | Self::RestoreAgenixKeys => Some("agenix -r".to_owned()),
            Self::Sops { command, .. } | Self::Install { command } | Self::SeeUnit { command, .. } => {
                Some(command.clone())
            }
            Self::EncryptAgain { .. }
            | Self::GiveKey { .. }
            | Self::RepairKeys
            | Self::BeRoot
            | Self::Restore { .. }
            | Self::MoveAway
            | Self::RestartByHand => None,
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddRecipient { mend, recipient, .. } => {
                let first = if *mend { "mend that, or " } else { "" };
                write!(formatter, "{first}add {recipient}{UPDATE_KEYS}")?;
            }
            Self::AddThat { .. } => write!(formatter, "add that{UPDATE_KEYS}")?,
            Self::Rekey => formatter.write_str("add the key of the host to secrets.nix and run: ")?,
            Self::EncryptAgain { recipient, file } => {
                let file = file.display();
                write!(formatter, "add {recipient} to secrets.nix and run agenix -r, or encrypt {file} again to it too")?;
            }
            Self::GiveKey { options } => write!(formatter, "give this host a key in {options}")?,
            Self::RepairKeys => {
                formatter.write_str("correct the path of the key, repair or restore it, then run this again")?;
            }
            Self::BeRoot => formatter.write_str("let this user read the key, or run this as root")?,
            Self::RestoreKeys { .. } => write!(
                formatter,
                "restore one of these keys, or make new ones of sshd with ssh-keygen -A, add what sops-install-secrets \
                 -recipients prints{UPDATE_KEYS}"
            )?,
            Self::RestoreAgenixKeys => formatter.write_str(
                "restore the key, or make new ones of sshd with ssh-keygen -A, add the new one to secrets.nix and run: ",
            )?,
            Self::OpenGroup { .. } => formatter.write_str(
                "give this host a key of another group, or lower shamir_threshold in .sops.yaml and run in its folder: ",
            )?,
            Self::Restore { file } => write!(
                formatter,
                "the entry for this host is damaged or was encrypted to another key: restore {} from version control",
                file.display()
            )?,
            Self::Sops { words, .. } => write!(formatter, "{words}: ")?,
            Self::Install { .. } => formatter.write_str("install it again with: ")?,
            Self::MoveAway => formatter.write_str("move it away before this is installed")?,
            Self::SeeUnit { unit, .. } => write!(
                formatter,
                "the new secrets are installed, but {unit} has not read them: correct the name or see: "
            )?,
            Self::RestartByHand => {
                formatter.write_str("the new secrets are installed, restart the units by hand, or run this again")?;
            }
        }
        formatter.write_str(&self.command().unwrap_or_default())?;
        match self {
            // A hybrid key would take half a page.
            Self::AddRecipient { recipient, file, .. } if recipient.starts_with("age1") && recipient.len() < 80 => {
                write!(formatter, "; or without .sops.yaml: sops rotate -i --add-age {recipient} {}", shell_word(file))
            }
            _ => Ok(()),
        }
    }
}

/// The options that name the keys of a host.
pub(crate) const KEYS_OF_SOPS: &str = "sops.age.sshKeyPaths or sops.age.keyFile";
pub(crate) const KEYS_OF_AGENIX: &str = "age.identityPaths";

/// sops looks for `.sops.yaml` in the folder that it is called in and above, and opens the file with a key of whoever calls it.
const UPDATE_KEYS: &str = " to .sops.yaml and run in its folder, with a key that opens the file: ";

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
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command_that_is_pasted() {
        for (path, expected) in [
            ("secrets/db.yaml", "secrets/db.yaml"),
            ("my secrets.yaml", "'my secrets.yaml'"),
            ("it's.yaml", r"'it'\''s.yaml'"),
            ("$HOME;x", "'$HOME;x'"),
            ("-rf", "'./-rf'"),
            ("größe.yaml", "größe.yaml"),
        ] {
            assert_eq!(shell_word(Path::new(path)), expected);
        }
        let file = PathBuf::from("my secrets.yaml");
        assert_eq!(Remedy::AddThat { file }.command().unwrap(), "sops updatekeys 'my secrets.yaml'");
    }

    #[test]
    fn the_command_of_a_message_has_the_name_of_its_file() {
        let file = Path::new("/nix/store/abc-source/secrets/db.yaml");
        let message = "there is no key \"a; b: c\"; they are shown by: sops edit FILE";
        let (problem, remedy) = Remedy::of_sops(message, file).unwrap();
        assert_eq!(problem, "there is no key \"a; b: c\"");
        assert_eq!(remedy.to_string(), "they are shown by: sops edit secrets/db.yaml");
        assert_eq!(remedy.command().unwrap(), "sops edit secrets/db.yaml");
        assert_eq!(Remedy::of_sops("it is empty; encrypt FILE again", file), None);
    }
}
