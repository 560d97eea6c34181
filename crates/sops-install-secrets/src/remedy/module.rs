//! The module whose options a way out names.

use manifest::{Format, Manifest};

/// What a manifest was made by, as far as options have different names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Module {
    /// The module of sops, on NixOS or in home-manager.
    #[default]
    Sops,
    /// The module of agenix, which has plain age files alone.
    Agenix,
}

impl Module {
    /// The one that has probably made a manifest. That of sops takes plain age files too, and mostly has its own mount point.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let secrets = manifest.secrets();
        let are_plain = !secrets.is_empty() && secrets.iter().all(|secret| secret.format() == Format::Age);
        let mount_point = manifest.places().mount_point().as_path().file_name();
        let is_of_sops = mount_point.is_some_and(|name| name.as_encoded_bytes().starts_with(b"secrets"));
        if are_plain && !is_of_sops { Self::Agenix } else { Self::Sops }
    }

    /// The options that name the keys of a host.
    pub(crate) fn keys(self) -> &'static str {
        match self {
            Self::Sops => "sops.age.sshKeyPaths or sops.age.keyFile",
            Self::Agenix => "age.identityPaths",
        }
    }

    /// The option that lists SSH keys.
    pub(super) fn ssh_keys(self) -> &'static str {
        match self {
            Self::Sops => "sops.age.sshKeyPaths",
            Self::Agenix => "age.identityPaths",
        }
    }

    /// The option that names a file of age keys.
    pub(super) fn age_key_file(self) -> &'static str {
        match self {
            Self::Sops => "sops.age.keyFile",
            Self::Agenix => "age.keyFile",
        }
    }

    /// The option that lists the packages of plugins.
    pub(super) fn plugins(self) -> &'static str {
        match self {
            Self::Sops => "sops.age.plugins",
            Self::Agenix => "age.plugins",
        }
    }

    /// The option that chooses the file system.
    pub(super) fn use_tmpfs(self) -> &'static str {
        match self {
            Self::Sops => "sops.useTmpfs",
            Self::Agenix => "age.useTmpfs",
        }
    }
}
