//! The environment variables that count, read once and then passed as values (docs/format.md section 8.2).

use std::env;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use crate::{accounts, text};

/// What the environment says.
pub(crate) struct Environment {
    /// How the program was called: the name in front of its messages.
    pub(crate) program: String,
    /// `NIXOS_ACTION`: the action of the switch that this run is a part of; nothing outside of one.
    pub(crate) nixos_action: Option<OsString>,
    /// Whether units are asked for through `systemctl`, as `SOPS_RESTART_UNITS_VIA_SYSTEMCTL=1` says.
    pub(crate) systemctl: bool,
    /// Whether a terminal may have colours: `NO_COLOR` is not set, and `TERM` names one that can.
    pub(crate) colours: bool,
    /// `JOURNAL_STREAM`: the device and inode of the stream to the journal, if a unit's output goes there.
    pub(crate) journal_stream: Option<String>,
    /// `XDG_RUNTIME_DIR`, which `%r` stands for.
    pub(crate) runtime_directory: Option<String>,
    /// `CREDENTIALS_DIRECTORY`, where systemd puts what a unit loads with `LoadCredential=`; `%d` stands for it in the
    /// paths of keys.
    pub(crate) credentials_directory: Option<PathBuf>,
    /// Where programs are looked for.
    pub(crate) path: OsString,
    /// The gpg program: `SOPS_GPG_EXEC`, or `gpg`.
    pub(crate) gpg: OsString,
    /// `GNUPGHOME`, which counts where the manifest names no GnuPG home.
    pub(crate) gnupg_home: Option<PathBuf>,
    /// The user's own directory.
    home: Option<PathBuf>,
    /// `SOPS_AGE_KEY`: identities as text.
    pub(crate) age_key: Option<Zeroizing<String>>,
    /// `SOPS_AGE_KEY_CMD`: a command that prints identities.
    pub(crate) age_key_command: Option<OsString>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_CMD`: a command that prints an SSH private key.
    pub(crate) ssh_key_command: Option<OsString>,
    /// `SOPS_AGE_KEY_FILE`, which counts where the manifest names no age key.
    pub(crate) age_key_file: Option<PathBuf>,
    /// `SOPS_AGE_SSH_PRIVATE_KEY_FILE`, and the keys in `~/.ssh`.
    pub(crate) ssh_keys: Vec<PathBuf>,
    /// The manifest in the configuration directory of an ordinary user, if it is there: home-manager puts it there.
    pub(crate) manifest_of_user: Option<PathBuf>,
    /// The key file in the user's configuration directory.
    pub(crate) user_age_keys: Option<PathBuf>,
}

impl Environment {
    /// Whether NixOS asks for a dry run.
    pub(crate) fn is_dry(&self) -> bool {
        self.nixos_action.as_ref().is_some_and(|action| action == "dry-activate")
    }

    /// Reads the environment of this process.
    pub(crate) fn read() -> Self {
        let value = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let path = |name: &str| value(name).map(PathBuf::from);
        let home = path("HOME").or_else(accounts::own_home);
        let configuration = path("XDG_CONFIG_HOME")
            .filter(|path| path.is_absolute())
            .or_else(|| home.as_ref().map(|home| home.join(".config")));
        let ssh_keys = path("SOPS_AGE_SSH_PRIVATE_KEY_FILE")
            .into_iter()
            .chain(home.iter().flat_map(|home| ["id_ed25519", "id_rsa"].map(|name| home.join(".ssh").join(name))))
            .collect();
        Self {
            program: env::args_os()
                .next()
                .map_or_else(|| NAME.to_owned(), |name| text::piece(&name.to_string_lossy()).into_owned()),
            nixos_action: value("NIXOS_ACTION"),
            systemctl: value("SOPS_RESTART_UNITS_VIA_SYSTEMCTL").is_some_and(|choice| choice == "1"),
            colours: value("NO_COLOR").is_none() && value("TERM").is_some_and(|terminal| terminal != "dumb"),
            journal_stream: env::var("JOURNAL_STREAM").ok(),
            // One that is empty or the root itself would put secrets of a user into directories of the machine.
            runtime_directory: value("XDG_RUNTIME_DIR")
                .and_then(|directory| directory.into_string().ok())
                .filter(|directory| Path::new(directory).components().any(|part| matches!(part, Component::Normal(_)))),
            credentials_directory: path("CREDENTIALS_DIRECTORY"),
            path: env::var_os("PATH").unwrap_or_default(),
            gpg: value("SOPS_GPG_EXEC").unwrap_or_else(|| "gpg".into()),
            gnupg_home: path("GNUPGHOME").map(|path| in_home(&path, home.as_deref())),
            age_key: env::var("SOPS_AGE_KEY").ok().map(Zeroizing::new),
            age_key_command: value("SOPS_AGE_KEY_CMD"),
            ssh_key_command: value("SOPS_AGE_SSH_PRIVATE_KEY_CMD"),
            age_key_file: path("SOPS_AGE_KEY_FILE"),
            ssh_keys,
            manifest_of_user: configuration
                .as_ref()
                .map(|directory| directory.join("sops-nix/manifest.json"))
                .filter(|path| users::get_effective_uid() != 0 && path.exists()),
            home,
            user_age_keys: configuration.map(|directory| directory.join("sops/age/keys.txt")),
        }
    }
}

impl Environment {
    /// Where GnuPG has its keys if nobody says otherwise.
    pub(crate) fn usual_gnupg_home(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(".gnupg"))
    }

    /// A GnuPG home, in which GnuPG itself takes `~/` for the home directory.
    pub(crate) fn gnupg_home(&self, named: &Path) -> PathBuf {
        in_home(named, self.home.as_deref())
    }
}

fn in_home(path: &Path, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(below), Some(home)) => home.join(below),
        _ => path.to_owned(),
    }
}

/// The program, if its caller has no name for it.
const NAME: &str = "sops-install-secrets";
