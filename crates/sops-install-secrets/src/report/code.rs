//! The codes of failures and warnings, which stay the same from version to version.

use serde::Serialize;

/// What kind of failure or warning it is. The schema of the report says the same to those who write programs.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// The manifest cannot be read.
    ManifestUnreadable,
    /// The manifest says something that cannot be.
    ManifestInvalid,
    /// A sops file cannot be read.
    SopsFileUnreadable,
    /// A sops file is not of its format, or its metadata is wrong.
    SopsFileInvalid,
    /// A sops file was changed without sops.
    SopsFileTampered,
    /// No identity of this host opens a sops file.
    NoIdentity,
    /// A sops file has no such key.
    KeyMissing,
    /// What stands at a key cannot be installed.
    ValueUnusable,
    /// The text of a template cannot be read.
    TemplateUnreadable,
    /// The text of a template has a placeholder that nothing fills.
    TemplateInvalid,
    /// A user or group does not exist.
    AccountUnknown,
    /// What was given as recipient is not one.
    RecipientInvalid,
    /// A sops file is not encrypted to the host.
    RecipientMissing,
    /// What a file is encrypted to cannot be told.
    RecipientUnknown,
    /// A new generation could not be installed.
    InstallationFailed,
    /// A link or credential could not be made or removed.
    LinkFailed,
    /// Something that this program did not make gave way to a link.
    GaveWay,
    /// systemd does not know a unit, or does not restart or reload it.
    UnitRefused,
    /// A unit could not be asked to restart or reload, or what is to be asked could not be noted.
    UnitUnasked,
    /// An old generation could not be removed.
    PruneFailed,
    /// Something that was installed could not be taken away.
    RemovalFailed,
    /// A private key cannot be read or used.
    IdentityUnusable,
    /// Secrets are on a disk.
    NotInMemory,
    /// Something that the manifest wants is not installed.
    Missing,
    /// Something is installed in another way than the manifest wants.
    Different,
    /// Something is installed that the manifest does not want.
    Superfluous,
    /// Other runs were installing all the while.
    Unsettled,
    /// The manifest has a field that nothing reads.
    FieldUnknown,
}
