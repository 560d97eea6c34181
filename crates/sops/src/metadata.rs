//! The metadata of a sops file: who can open it, what is encrypted, and the MAC (sops-format.md section 5).

/// The decoded metadata.
pub(crate) struct Metadata {
    /// `lastmodified` in RFC 3339 with whole seconds: the data that the MAC's ciphertext is bound to.
    pub(crate) last_modified: String,
    /// The MAC's ciphertext, empty if the file has none.
    pub(crate) mac: String,
    /// What is encrypted.
    pub(crate) rule: RuleText,
    /// Whether only encrypted values are hashed.
    pub(crate) mac_only_encrypted: bool,
    /// Who can open the file; at least one group.
    pub(crate) key_groups: Vec<KeyGroup>,
    /// How many groups are needed if there are several.
    pub(crate) shamir_threshold: i64,
}

/// The one rule of a file, as written. Regular expressions are not yet compiled.
pub(crate) enum RuleText {
    /// Plain below keys that end so; `_unencrypted` if the file gives no rule.
    UnencryptedSuffix(String),
    /// Encrypted below keys that end so.
    EncryptedSuffix(String),
    /// Plain below keys that match.
    UnencryptedRegex(String),
    /// Encrypted below keys that match.
    EncryptedRegex(String),
    /// Plain below comments that match.
    UnencryptedCommentRegex(String),
    /// Encrypted below comments that match.
    EncryptedCommentRegex(String),
}

/// Recipients any of which gives the group's part of the data key; in the order of the file within each kind.
pub(crate) type KeyGroup = Vec<WrappedKey>;

/// The data key, or a share of it, encrypted to one recipient.
pub(crate) enum WrappedKey {
    /// An age file, in ASCII armor.
    Age {
        /// Only a label.
        recipient: String,
        /// The armored text.
        enc: String,
    },
    /// An OpenPGP message, in ASCII armor.
    Pgp {
        /// Only a label.
        fingerprint: String,
        /// The armored text.
        enc: String,
    },
    /// A service in the network, which is named in messages and never asked.
    Remote {
        /// The field of the metadata, such as `kms`.
        service: &'static str,
        /// What the service calls the key.
        key: String,
    },
}
