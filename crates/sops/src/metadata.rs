//! The metadata of a sops file: who can open it, what is encrypted, and the MAC (docs/format.md section 5).

mod fields;
mod flattened;

use crate::foreign::Foreign;
use crate::rules::RuleText;
use crate::tree::Value;
use crate::version::Version;
use fields::Fields;
pub(crate) use flattened::unescape;

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
    /// The sops that wrote the file, as far as the file says.
    pub(crate) version: Version,
}

/// The two ways to write metadata down (docs/format.md sections 5.2 and 5.4).
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Notation {
    /// Mappings and lists with typed values, as in YAML.
    Nested,
    /// One mapping of texts whose keys are flattened paths, without a prefix that the format puts before them.
    Flattened,
}

/// Recipients any of which gives the group's part of the data key; in the order of the file within each kind.
pub(crate) type KeyGroup = Vec<WrappedKey>;

/// The data key, or a share of it, encrypted to one recipient.
#[cfg_attr(test, derive(Clone))]
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
    #[error("it has no sops metadata, so it is not encrypted")]
    Absent,
    /// It says how sops encrypts other files.
    #[error("it is the configuration of sops and not a sops file")]
    Configuration,
    /// There is nothing in it.
    #[error("it is empty, without any sops metadata")]
    Empty,
    /// Only a part of a sops file is left.
    #[error("it has encrypted values and no sops metadata, so its end was cut off")]
    CutOff,
    /// A field that every sops file has is not there.
    #[error("its sops metadata has no {field}, so it was cut off or edited by hand")]
    Missing {
        /// The field.
        field: String,
    },
    /// A field holds something else than it must.
    #[error("its sops metadata has in {field} a value of type {kind}, but it must be {expected}")]
    Type {
        /// The field; `sops` for the whole.
        field: String,
        /// What it holds.
        kind: &'static str,
        /// What it must hold.
        expected: &'static str,
    },
    /// A field holds a text that does not stand for what it must.
    #[error("its sops metadata has in {field} a text that is not {expected}")]
    Text {
        /// The field.
        field: String,
        /// What the text must be, with an example.
        expected: &'static str,
    },
    /// There is more than one rule for what is encrypted.
    #[error("its sops metadata has both {first} and {second}, but one file has one rule")]
    Rules {
        /// The rule that comes first in the order of sops.
        first: &'static str,
        /// The next one.
        second: &'static str,
    },
    /// It has no recipients.
    #[error("its sops metadata names no key that could open it")]
    NoKeys,
    /// Two lines of dotenv or INI need the same place to be different things.
    #[error("its sops metadata has the line {:?}, which contradicts another one", Foreign(key))]
    Contradiction {
        /// The key of the line.
        key: String,
    },
    /// A line of dotenv or INI stands for an element that no list has.
    #[error("its sops metadata has the line {:?} with an index that is negative or above 65535", Foreign(key))]
    Index {
        /// The key of the line.
        key: String,
    },
}

impl Metadata {
    /// The metadata that stands where the format keeps it.
    ///
    /// What any of sops 3.12 and 3.13 accepts is accepted, where the two do not contradict each other; then 3.12 counts.
    /// Unknown fields are ignored. The MAC is not checked here.
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
            version: Version::parse(&fields.text("version")?),
        })
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

/// The error for a field with a value of another type.
fn mismatch(field: String, value: &Value, expected: &'static str) -> MetadataError {
    let kind = match value {
        Value::Mapping(_) => "mapping",
        Value::List(_) => "list",
        Value::Comment(_) => "comment",
        Value::Scalar(scalar) => scalar.kind(),
    };
    MetadataError::Type { field, kind, expected }
}

#[cfg(test)]
mod tests {
    use go_yaml::Timestamp;

    use super::*;
    use crate::format::{Source, dotenv, ini, json};
    use crate::tree::{Item, Key, Scalar};

    #[test]
    fn all_fields_are_read() {
        let metadata = decode_json(
            r#"{"age": [{"recipient": "age1", "enc": "A"}], "lastmodified": "2024-01-02T03:04:05Z", "mac": "ENC[x]",
                "encrypted_regex": "^a$", "mac_only_encrypted": true, "shamir_threshold": 2, "version": "3.12.2"}"#,
        )
        .ok()
        .unwrap();
        assert_eq!(metadata.last_modified, "2024-01-02T03:04:05Z");
        assert_eq!(metadata.mac, "ENC[x]");
        assert!(matches!(metadata.rule, RuleText::EncryptedRegex(regex) if regex == "^a$"));
        assert!(metadata.mac_only_encrypted);
        assert_eq!(metadata.shamir_threshold, 2);
        assert_eq!(keys(&metadata.key_groups), [["age age1 A"]]);
    }

    #[test]
    fn what_is_left_out_has_a_default() {
        let metadata =
            decode_json(r#"{"age": [null], "lastmodified": "2024-01-02T03:04:05Z", "mac": null}"#).ok().unwrap();
        assert_eq!(metadata.mac, "");
        assert!(matches!(metadata.rule, RuleText::UnencryptedSuffix(suffix) if suffix == "_unencrypted"));
        assert!(!metadata.mac_only_encrypted);
        assert_eq!(metadata.shamir_threshold, 0);
        assert_eq!(keys(&metadata.key_groups), [["age  "]]);
    }

    #[test]
    fn the_time_that_the_mac_is_bound_to_has_whole_seconds_and_keeps_its_offset() {
        for (written, bound) in [
            ("2024-01-02T03:04:05.678Z", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05Z"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02T03:04:05+02:00"),
        ] {
            let metadata = decode_json(&format!(r#"{{"age": [{{}}], "lastmodified": "{written}"}}"#)).ok().unwrap();
            assert_eq!(metadata.last_modified, bound);
        }
    }

    #[test]
    fn a_time_of_yaml_need_not_be_in_quotes() {
        let Ok(Source { metadata: Some(Value::Mapping(mut fields)), .. }) = json::parse(br#"{"sops": {"age": [{}]}}"#)
        else {
            panic!("it is no mapping")
        };
        let time = Timestamp::parse_rfc3339("2024-01-02T03:04:05Z").unwrap();
        fields.push(Item::Entry {
            key: Key::Text(b"lastmodified".to_vec()),
            value: Value::Scalar(Scalar::Timestamp(time)),
        });
        let metadata = Metadata::decode(Some(&Value::Mapping(fields)), Notation::Nested).ok().unwrap();
        assert_eq!(metadata.last_modified, "2024-01-02T03:04:05Z");
    }

    #[test]
    fn keys_stand_in_the_order_in_which_sops_tries_them() {
        let fields = r#"
            "age": [{"recipient": "age1", "enc": "A"}, {"recipient": "age2", "enc": "B"}],
            "pgp": [{"fp": "F", "enc": "P", "created_at": "2024-01-02T03:04:05Z"}],
            "hc_vault": [{"vault_address": "https://v", "engine_path": "e", "key_name": "k", "created_at": "2024-01-02T03:04:05Z"}],
            "azure_kv": [{"vault_url": "https://a", "name": "n", "version": "1", "created_at": "2024-01-02T03:04:05Z"}],
            "hckms": [{"key_id": "region:id", "created_at": "2024-01-02T03:04:05Z"}],
            "gcp_kms": [{"resource_id": "projects/p", "created_at": "2024-01-02T03:04:05Z"}],
            "kms": [{"arn": "arn:aws", "context": {"a": "b"}, "created_at": "2024-01-02T03:04:05Z"}]"#;
        let expected = [
            "kms arn:aws",
            "gcp_kms projects/p",
            "hckms region:id",
            "azure_kv https://a/keys/n/1",
            "hc_vault https://v/v1/e/keys/k",
            "pgp F P",
            "age age1 A",
            "age age2 B",
        ];
        let one = decode_json(&format!(r#"{{"lastmodified": "2024-01-02T03:04:05Z", {fields}}}"#)).ok().unwrap();
        assert_eq!(keys(&one.key_groups), [expected]);
        let grouped =
            decode_json(&format!(r#"{{"lastmodified": "2024-01-02T03:04:05Z", "key_groups": [{{{fields}}}, null]}}"#));
        let expected: [&[&str]; 2] = [&expected, &[]];
        assert_eq!(keys(&grouped.ok().unwrap().key_groups), expected);
    }

    #[test]
    fn groups_count_only_without_a_list_at_the_top() {
        let groups = r#""key_groups": [{"age": [{"recipient": "in"}]}]"#;
        for (fields, expected) in [
            (format!(r#"{groups}, "age": [{{"recipient": "out"}}]"#), vec![vec!["age out "]]),
            (format!(r#"{groups}, "age": []"#), vec![vec!["age in "]]),
            (format!(r#"{groups}, "age": null, "kms": null, "pgp": []"#), vec![vec!["age in "]]),
        ] {
            let metadata =
                decode_json(&format!(r#"{{"lastmodified": "2024-01-02T03:04:05Z", {fields}}}"#)).ok().unwrap();
            assert_eq!(keys(&metadata.key_groups), expected);
        }
    }

    #[test]
    fn what_either_version_of_sops_takes_is_taken() {
        for fields in [
            r#""shamir_threshold": 2.0"#,
            r#""shamir_threshold": 2.9"#,
            r#""shamir_threshold": "2""#,
            r#""SHAMIR_threshold": 2"#,
            r#""Shamir_Threshold": 3, "shamir_threshold": 2"#,
            r#""shamir_threshold": 3, "shamir_threshold": 2"#,
            r#""shamir_threshold": 2, "version": 3.9, "future": {"a": [1]}, "encrypted_regex": "", "kms": {}"#,
        ] {
            let fields =
                format!(r#"{{"age": {{"enc": "A"}}, "lastmodified": "2024-01-02T03:04:05Z", "pgp": null, {fields}}}"#);
            let metadata = decode_json(&fields).map_err(|error| error.to_string());
            assert_eq!(metadata.map(|metadata| metadata.shamir_threshold), Ok(2), "{fields}");
        }
        for (value, expected) in [
            ("true", true),
            ("\"true\"", true),
            ("\"yes\"", true),
            ("\"T\"", true),
            ("1", true),
            ("0", false),
            ("false", false),
            ("\"no\"", false),
            ("\"\"", false),
            ("null", false),
        ] {
            let fields =
                format!(r#"{{"age": [{{}}], "lastmodified": "2024-01-02T03:04:05Z", "mac_only_encrypted": {value}}}"#);
            assert_eq!(decode_json(&fields).ok().unwrap().mac_only_encrypted, expected, "{value}");
        }
    }

    #[test]
    fn metadata_that_sops_refuses_is_refused_with_a_way_out() {
        let time = r#""lastmodified": "2024-01-02T03:04:05Z""#;
        for (metadata, message) in [
            ("null".to_owned(), "it has no sops metadata, so it is not encrypted"),
            ("[]".to_owned(), "its sops metadata has in sops a value of type list, but it must be a mapping"),
            ("\"SECRET\"".to_owned(), "its sops metadata has in sops a value of type string, but it must be a mapping"),
            ("{}".to_owned(), "its sops metadata has no lastmodified, so it was cut off or edited by hand"),
            (
                r#"{"lastmodified": "2024-01-02"}"#.to_owned(),
                "its sops metadata has in lastmodified a text that is not a time like 2024-01-02T03:04:05Z",
            ),
            (format!("{{{time}}}"), "its sops metadata names no key that could open it"),
            (
                format!(r#"{{{time}, "key_groups": [], "age": [], "kms": {{}}}}"#),
                "its sops metadata names no key that could open it",
            ),
            (
                format!(r#"{{{time}, "age": ["age1"]}}"#),
                "its sops metadata has in age[0] a value of type string, but it must be a mapping",
            ),
            (
                format!(r#"{{{time}, "age": "age1"}}"#),
                "its sops metadata has in age a value of type string, but it must be a list",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}, {{"enc": []}}]}}"#),
                "its sops metadata has in age[1].enc a value of type list, but it must be a text",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}], "pgp": [{{"enc": "x"}}]}}"#),
                "its sops metadata has no pgp[0].created_at, so it was cut off or edited by hand",
            ),
            (
                format!(r#"{{{time}, "key_groups": [{{}}, {{"kms": [null]}}]}}"#),
                "its sops metadata has no key_groups[1].kms[0].created_at, so it was cut off or edited by hand",
            ),
            (
                format!(r#"{{{time}, "hckms": [{{"created_at": "2024-01-02T03:04:05Z", "key_id": "id"}}]}}"#),
                "its sops metadata has in hckms[0].key_id a text that is not of the form region:id",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}], "encrypted_suffix": "a", "encrypted_comment_regex": "b"}}"#),
                "its sops metadata has both encrypted_suffix and encrypted_comment_regex, but one file has one rule",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}], "shamir_threshold": "two"}}"#),
                "its sops metadata has in shamir_threshold a text that is not a whole number of 64 bits",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}], "shamir_threshold": 1e300}}"#),
                "its sops metadata has in shamir_threshold a value of type number, but it must be a whole number of 64 bits",
            ),
            (
                format!(r#"{{{time}, "age": [{{}}], "mac_only_encrypted": "maybe"}}"#),
                "its sops metadata has in mac_only_encrypted a text that is not true or false",
            ),
        ] {
            assert_eq!(decode_json(&metadata).err().unwrap().to_string(), message, "{metadata}");
        }
    }

    #[test]
    fn flattened_metadata_is_that_of_its_nested_form() {
        let fields = [
            ("key_groups__list_1__map_age__list_0__map_enc", "B\\n"),
            ("lastmodified", "2024-01-02T03:04:05Z"),
            ("key_groups__list_0__map_age__list_0__map_recipient", "age1"),
            ("key_groups__list_0__map_age__list_0__map_enc", "-\\nA"),
            ("shamir_threshold", "2.0"),
            ("mac_only_encrypted", "true"),
        ];
        let dotenv = fields.map(|(key, value)| format!("sops_{key}={value}\n")).concat();
        let ini = fields.map(|(key, value)| format!("{key} = {value}\n")).concat();
        for source in [dotenv::parse(dotenv.as_bytes()), ini::parse(format!("[sops]\n{ini}").as_bytes())] {
            let source = source.ok().unwrap();
            let metadata = Metadata::decode(source.metadata.as_ref(), source.notation).ok().unwrap();
            assert_eq!(keys(&metadata.key_groups), [["age age1 -\nA"], ["age  B\n"]]);
            assert_eq!(metadata.shamir_threshold, 2);
            assert!(metadata.mac_only_encrypted);
        }
    }

    #[test]
    fn texts_on_lines_stand_for_what_sops_3_12_takes_them_for() {
        for (line, threshold) in [
            ("shamir_threshold=2", Some(2)),
            ("shamir_threshold=-2", Some(-2)),
            ("shamir_threshold=2.0", Some(2)),
            ("shamir_threshold=", Some(0)),
            ("shamir_threshold=2.5", None),
            ("shamir_threshold=two", None),
            ("mac_only_encrypted=True", Some(0)),
            ("mac_only_encrypted=1", Some(0)),
        ] {
            let text = format!("sops_lastmodified=2024-01-02T03:04:05Z\nsops_age__list_0__map_enc=A\nsops_{line}\n");
            let source = dotenv::parse(text.as_bytes()).ok().unwrap();
            let metadata = Metadata::decode(source.metadata.as_ref(), source.notation);
            assert!(metadata.as_ref().map_or(true, |metadata| !metadata.mac_only_encrypted));
            assert_eq!(metadata.ok().map(|metadata| metadata.shamir_threshold), threshold, "{line}");
        }
    }

    /// Decodes the value of the key `sops` of a JSON file.
    fn decode_json(metadata: &str) -> Result<Metadata, MetadataError> {
        let source = json::parse(format!("{{\"sops\": {metadata}}}").as_bytes()).ok().unwrap();
        Metadata::decode(source.metadata.as_ref(), source.notation)
    }

    /// The keys of each group: the kind, the label, and what is decrypted in this process.
    fn keys(groups: &[KeyGroup]) -> Vec<Vec<String>> {
        let key = |key: &WrappedKey| match key {
            WrappedKey::Age { recipient, enc } => format!("age {recipient} {enc}"),
            WrappedKey::Pgp { fingerprint, enc } => format!("pgp {fingerprint} {enc}"),
            WrappedKey::Remote { service, key } => format!("{service} {key}"),
        };
        groups.iter().map(|group| group.iter().map(key).collect()).collect()
    }
}
