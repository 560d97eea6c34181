//! The metadata of a sops file: who can open it, what is encrypted, and the MAC (sops-format.md section 5).

mod fields;
mod flattened;

use std::fmt;

use crate::format::Notation;
use crate::tree::Value;
use fields::Fields;

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

/// Metadata that sops would not accept, or none at all. Fields are named by their path, as in `pgp[0].created_at`.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum MetadataError {
    /// It is not a sops file.
    #[error("has no sops metadata, so it is not encrypted with sops; run: sops encrypt --in-place FILE")]
    Absent,
    /// A field that every sops file has is not there.
    #[error("its sops metadata has no {field}; restore the file, it was cut off or edited by hand")]
    Missing {
        /// The field.
        field: String,
    },
    /// A field holds something else than it must.
    #[error("its sops metadata has in {field} a value of type {kind}, but it must be {expected}; restore the file")]
    Type {
        /// The field; `sops` for the whole.
        field: String,
        /// What it holds.
        kind: &'static str,
        /// What it must hold.
        expected: &'static str,
    },
    /// A field holds a text that does not stand for what it must.
    #[error("its sops metadata has in {field} a text that is not {expected}; restore the file")]
    Text {
        /// The field.
        field: String,
        /// What the text must be, with an example.
        expected: &'static str,
    },
    /// There is more than one rule for what is encrypted.
    #[error("its sops metadata has both {first} and {second}, but one file has one rule; restore the file")]
    Rules {
        /// The rule that comes first in the order of sops.
        first: &'static str,
        /// The next one.
        second: &'static str,
    },
    /// There is nobody who could open the file.
    #[error("its sops metadata names no key that could open it; restore the file or encrypt it again with a recipient")]
    NoKeys,
    /// Two lines of dotenv or INI need the same place to be different things.
    #[error("its sops metadata has the line {key:?}, which contradicts another one; remove the one that is wrong")]
    Contradiction {
        /// The key of the line.
        key: String,
    },
    /// A line of dotenv or INI stands for an element that no list has.
    #[error("its sops metadata has the line {key:?} with an index that is negative or above 65535; correct it")]
    Index {
        /// The key of the line.
        key: String,
    },
}

impl Metadata {
    /// The metadata that stands where the format keeps it.
    ///
    /// What any of sops 3.12 and 3.13 accepts is accepted, where the two do not contradict each other; then 3.12 counts.
    /// Unknown fields, the version among them, are ignored. The MAC is not checked here.
    ///
    /// # Errors
    ///
    /// [`MetadataError::Absent`] if there is none, else the first field that sops would not accept.
    pub(crate) fn decode(metadata: Option<&Value>, notation: Notation) -> Result<Self, MetadataError> {
        let metadata = fields::present(metadata).ok_or(MetadataError::Absent)?;
        let nested;
        let metadata = match notation {
            Notation::Nested => metadata,
            Notation::Flattened => {
                nested = flattened::nest(metadata)?;
                &nested
            }
        };
        let fields = Fields::new(metadata, notation)?;
        Ok(Self {
            last_modified: fields.time("lastmodified")?.whole_seconds(),
            key_groups: key_groups(&fields)?,
            rule: rule(&fields)?,
            mac: fields.text("mac")?,
            mac_only_encrypted: fields.boolean("mac_only_encrypted")?,
            shamir_threshold: fields.integer("shamir_threshold")?,
        })
    }

    /// Everybody who can open the file, each with the number of the group.
    pub(crate) fn recipients(&self) -> impl Iterator<Item = (usize, &WrappedKey)> {
        self.key_groups.iter().enumerate().flat_map(|(number, group)| group.iter().map(move |key| (number, key)))
    }
}

impl WrappedKey {
    /// The field of the metadata: `age`, `pgp`, or the name of a service.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Age { .. } => "age",
            Self::Pgp { .. } => "pgp",
            Self::Remote { service, .. } => service,
        }
    }

    /// What the file calls the recipient. Nothing vouches for it.
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Age { recipient, .. } => recipient,
            Self::Pgp { fingerprint, .. } => fingerprint,
            Self::Remote { key, .. } => key,
        }
    }
}

impl fmt::Display for WrappedKey {
    /// The kind and the label, whose control characters are escaped.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind(), self.label().escape_debug())
    }
}

/// The one group of the lists at the top, if any has an element; else the groups of `key_groups`.
fn key_groups(fields: &Fields<'_>) -> Result<Vec<KeyGroup>, MetadataError> {
    let group = key_group(fields)?;
    if !group.is_empty() {
        return Ok(vec![group]);
    }
    let groups: Vec<_> = fields.list("key_groups")?.iter().map(key_group).collect::<Result<_, _>>()?;
    if groups.is_empty() { Err(MetadataError::NoKeys) } else { Ok(groups) }
}

/// The keys of a group, kind by kind in the order of sops.
fn key_group(fields: &Fields<'_>) -> Result<KeyGroup, MetadataError> {
    let mut group = KeyGroup::new();
    for (service, label) in SERVICES {
        for entry in fields.list(service)? {
            entry.time("created_at")?;
            group.push(WrappedKey::Remote { service, key: label(&entry)? });
        }
    }
    for entry in fields.list("pgp")? {
        entry.time("created_at")?;
        group.push(WrappedKey::Pgp { fingerprint: entry.text("fp")?, enc: entry.text("enc")? });
    }
    for entry in fields.list("age")? {
        group.push(WrappedKey::Age { recipient: entry.text("recipient")?, enc: entry.text("enc")? });
    }
    Ok(group)
}

fn rule(fields: &Fields<'_>) -> Result<RuleText, MetadataError> {
    let mut given = None;
    for (name, rule) in RULES {
        let text = fields.text(name)?;
        if text.is_empty() {
            continue;
        }
        match given {
            None => given = Some((name, rule(text))),
            Some((first, _)) => return Err(MetadataError::Rules { first, second: name }),
        }
    }
    Ok(given.map_or_else(|| RuleText::UnencryptedSuffix(DEFAULT_SUFFIX.to_owned()), |(_, rule)| rule))
}

/// The services in the network in the order in which sops tries them, and how sops prints a key of each.
const SERVICES: [(&str, Label); 5] = [
    ("kms", |entry| entry.text("arn")),
    ("gcp_kms", |entry| entry.text("resource_id")),
    ("hckms", |entry| {
        let key = entry.text("key_id")?;
        match key.split_once(':') {
            Some((region, id)) if !region.trim().is_empty() && !id.trim().is_empty() => Ok(key),
            _ => Err(MetadataError::Text { field: entry.path("key_id"), expected: "of the form region:id" }),
        }
    }),
    ("azure_kv", |entry| {
        Ok(format!("{}/keys/{}/{}", entry.text("vault_url")?, entry.text("name")?, entry.text("version")?))
    }),
    ("hc_vault", |entry| {
        let [address, engine, key] = ["vault_address", "engine_path", "key_name"].map(|name| entry.text(name));
        Ok(format!("{}/v1/{}/keys/{}", address?, engine?, key?))
    }),
];

type Label = fn(&Fields<'_>) -> Result<String, MetadataError>;

/// The fields that hold a rule. An empty text is none.
const RULES: [(&str, MakeRule); 6] = [
    ("unencrypted_suffix", RuleText::UnencryptedSuffix),
    ("encrypted_suffix", RuleText::EncryptedSuffix),
    ("unencrypted_regex", RuleText::UnencryptedRegex),
    ("encrypted_regex", RuleText::EncryptedRegex),
    ("unencrypted_comment_regex", RuleText::UnencryptedCommentRegex),
    ("encrypted_comment_regex", RuleText::EncryptedCommentRegex),
];

type MakeRule = fn(String) -> RuleText;

/// What sops takes if a file has no rule.
const DEFAULT_SUFFIX: &str = "_unencrypted";
