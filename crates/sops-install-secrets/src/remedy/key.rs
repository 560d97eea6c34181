//! What to do about a key of this host, or about a text that is no public key.

use std::path::Path;

use install::shell_word;
use sops::{KeyProblem, Need, RecipientError};

use super::{Module, Remedy};

impl Remedy {
    /// The way out of a key that cannot be used, which has come from a file or from somewhere else.
    pub(crate) fn of_key(problem: &KeyProblem, file: Option<&Path>, module: Module) -> Option<Self> {
        let file = word(file);
        Some(match problem {
            KeyProblem::Utf16 => Self::say("save the key as UTF-8"),
            KeyProblem::Passphrase => Self::run(
                "this takes the passphrase off, and then whoever can read the file has the key",
                format!("ssh-keygen -p -N \"\" -f {file}"),
            ),
            KeyProblem::Encrypted => Self::run("name a file with what this prints", format!("age -d {file}")),
            KeyProblem::SshKey => Self::say(&format!("list an SSH key in {}", module.ssh_keys())),
            KeyProblem::AgeIdentity => Self::say(&format!("name an age key file in {}", module.age_key_file())),
            KeyProblem::SecurityKey | KeyProblem::Unusable(_) => Self::say("use an ed25519 or RSA key"),
            KeyProblem::NotRsa => Self::say(&format!("list an ed25519 key in {}", module.ssh_keys())),
            KeyProblem::Putty => Self::say("convert the key with puttygen -O private-openssh"),
            KeyProblem::Empty
            | KeyProblem::NoKey
            | KeyProblem::UnknownLine
            | KeyProblem::Mistyped
            | KeyProblem::PublicKey
            | KeyProblem::Damaged(_) => return None,
        })
    }

    /// What gives an identity what it needs.
    pub(crate) fn of_need(need: Need, module: Module) -> Self {
        match need {
            Need::Plugin => Self::say(&format!("add the package of the plugin to {}", module.plugins())),
            // The modules of agenix have no option for it, since no plain age file needs it.
            Need::Gpg => Self::say("install gpg, or set sops.gnupg.home"),
            Need::OwnHome => Self::say(
                "copy the keys to a home of your own that can be written to, and name it in sops.gnupg.home or GNUPGHOME",
            ),
            Need::NoPassphrase => Self::say("take the passphrase off with gpg --homedir HOME --passwd FINGERPRINT"),
        }
    }

    /// The way out of a text that is no recipient, which has come from a file or from somewhere else.
    pub(crate) fn of_recipient(error: RecipientError, file: Option<&Path>) -> Option<Self> {
        let file = word(file);
        Some(match error {
            RecipientError::Unknown => {
                Self::say("give age1..., ssh-ed25519 AAAA..., ssh-rsa AAAA... or the 40 digits of a PGP fingerprint")
            }
            RecipientError::Capitals => Self::say("write it in small letters"),
            RecipientError::Mistyped | RecipientError::DamagedSsh => return None,
            RecipientError::OtherSsh => Self::say("give an ssh-ed25519 or ssh-rsa key"),
            RecipientError::PrivateAge => {
                Self::run("give its public half, which this prints", format!("age-keygen -y {file}"))
            }
            RecipientError::PrivatePlugin => Self::say("give the recipient age1... that the plugin printed with it"),
            RecipientError::PrivateSsh => Self::run(
                &format!("give its public half, which is in {file}.pub, or printed by"),
                format!("ssh-keygen -y -f {file}"),
            ),
        })
    }
}

/// A file as a word of a command, also where it is not known.
fn word(file: Option<&Path>) -> String {
    shell_word(file.unwrap_or(Path::new("FILE")))
}
