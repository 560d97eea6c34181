//! The words of the report, which stay the same from version to version. The schema of the report says the same of them to
//! those who write programs: it is made of this.

/// An enumeration whose words and meanings the documents have too.
macro_rules! words {
    (
        $(#[doc = $about:literal])+
        pub(crate) enum $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
        pub(crate) enum $name {
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Each word with its meaning.
            #[allow(dead_code, reason = "the program needs no meanings")]
            pub(crate) const WORDS: &[(&'static str, &'static str)] = &[$(($word, concat!($($meaning),+))),+];
        }
    };
}

words! {
    /// What kind of failure or warning it is. A code keeps its meaning.
    pub(crate) enum Code {
        /// The manifest cannot be read.
        ManifestUnreadable = "manifest-unreadable",
        /// The manifest says something that cannot be.
        ManifestInvalid = "manifest-invalid",
        /// A sops file cannot be read.
        SopsFileUnreadable = "sops-file-unreadable",
        /// A sops file is not of its format, or its metadata is wrong.
        SopsFileInvalid = "sops-file-invalid",
        /// A sops file was changed without sops.
        SopsFileTampered = "sops-file-tampered",
        /// No identity of this host opens a sops file.
        NoIdentity = "no-identity",
        /// A sops file has no such key.
        KeyMissing = "key-missing",
        /// What stands at a key cannot be installed.
        ValueUnusable = "value-unusable",
        /// The text of a template cannot be read.
        TemplateUnreadable = "template-unreadable",
        /// The text of a template has a placeholder that nothing fills.
        TemplateInvalid = "template-invalid",
        /// A user or group does not exist.
        AccountUnknown = "account-unknown",
        /// What was given as recipient is not one.
        RecipientInvalid = "recipient-invalid",
        /// A sops file is not encrypted to the host.
        RecipientMissing = "recipient-missing",
        /// What a file is encrypted to cannot be told.
        RecipientUnknown = "recipient-unknown",
        /// A new generation could not be installed, or what is installed could not be looked at.
        InstallationFailed = "installation-failed",
        /// A link or credential could not be made or removed.
        LinkFailed = "link-failed",
        /// Something that this program did not make gave way to a link.
        GaveWay = "gave-way",
        /// systemd does not know a unit, or does not restart or reload it. A warning: the secrets are installed.
        UnitRefused = "unit-refused",
        /// A unit could not be asked to restart or reload, or what is to be asked could not be noted. The next run asks.
        UnitUnasked = "unit-unasked",
        /// An old generation could not be removed.
        PruneFailed = "prune-failed",
        /// Something of earlier runs is left where it is, as it has to be: nothing failed.
        LeftInPlace = "left-in-place",
        /// Something that was installed could not be taken away.
        RemovalFailed = "removal-failed",
        /// A private key cannot be read or used.
        IdentityUnusable = "identity-unusable",
        /// Secrets are on a disk.
        NotInMemory = "not-in-memory",
        /// Something that the manifest wants is not installed.
        Missing = "missing",
        /// Something is installed in another way than the manifest wants.
        Different = "different",
        /// Something is installed that the manifest does not want.
        Superfluous = "superfluous",
        /// Other runs were installing all the while, so what was seen may not be so any more.
        Unsettled = "unsettled",
        /// The manifest has a field that nothing reads. A failure of the checks, elsewhere a warning.
        FieldUnknown = "field-unknown",
    }
}

words! {
    /// How a run has left the machine.
    pub(crate) enum Outcome {
        /// Nothing was to be changed: a check, a comparison or a look, without a failure.
        Checked = "checked",
        /// All was as the manifest says before.
        Unchanged = "unchanged",
        /// All is as the manifest says.
        Installed = "installed",
        /// A first activation installed what it could.
        PartlyInstalled = "partly-installed",
        /// What was installed is taken away, but for what the failures name.
        Removed = "removed",
        /// A dry run: an installation would install everything. What it would fail at afterwards, such as a link, is a
        /// failure of the dry run too.
        WouldInstall = "would-install",
        /// A dry run of a first activation: an installation would leave some files out.
        WouldInstallPartly = "would-install-partly",
        /// Nothing was changed, because of failures; or what was looked at is not as it should be.
        Failed = "failed",
    }
}

words! {
    /// A part of a run whose time is taken.
    pub(crate) enum Step {
        /// Reading and checking the manifest.
        Manifest = "manifest",
        /// Waiting for another run, and looking at the running generation.
        Look = "look",
        /// Loading identities.
        Identities = "identities",
        /// Reading, decrypting and verifying the sops files.
        Decrypt = "decrypt",
        /// Filling templates and comparing with what is installed.
        Compare = "compare",
        /// Mounting, and writing the new generation.
        Stage = "stage",
        /// Links and credentials.
        Links = "links",
        /// Requests to systemd.
        Units = "units",
        /// Removing old generations.
        Prune = "prune",
    }
}
