//! A sops file before and after its decryption.

use crate::datakey;
use crate::error::Error;
use crate::format::{Source, binary, dotenv, ini, json, yaml};
use crate::gcm::Cipher;
use crate::identity::Identities;
use crate::lookup::{self, LookupError, Merge};
use crate::metadata::Metadata;
use crate::plaintext::Plaintext;
use crate::rules::Rule;
use crate::tree::{Scalar, Tree, Value};
use crate::walk::Walk;

/// The formats of secrets, by the names that manifests use.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// A sops file in YAML; its values can be asked for one by one.
    Yaml,
    /// A sops file in JSON; its values can be asked for one by one.
    Json,
    /// Any bytes, kept by sops in a JSON file.
    Binary,
    /// Lines of `KEY=value`.
    Dotenv,
    /// Sections of `key = value`.
    Ini,
    /// Not a sops file: one secret in a plain age file, binary or armored.
    Age,
}

/// A file as it was read: its structure, its metadata and its ciphertexts.
pub struct Encrypted(Content);

enum Content {
    Sops { format: Format, tree: Tree, metadata: Metadata },
    Age(Vec<u8>),
}

/// A file whose MAC was right. Its plaintext is wiped on drop, and it has no `Debug`.
pub struct Decrypted(Opened);

enum Opened {
    Sops { format: Format, tree: Tree },
    Age(Plaintext),
}

impl Encrypted {
    /// Reads the structure and the metadata of a file. Nothing is decrypted.
    ///
    /// # Errors
    ///
    /// [`Error::Parse`] and [`Error::Metadata`].
    pub fn parse(format: Format, bytes: &[u8]) -> Result<Self, Error> {
        let Source { tree, metadata, notation } = match format {
            Format::Yaml => yaml::parse(bytes)?,
            Format::Json => json::parse(bytes)?,
            Format::Binary => binary::parse(bytes)?,
            Format::Dotenv => dotenv::parse(bytes)?,
            Format::Ini => ini::parse(bytes)?,
            Format::Age => return Ok(Self(Content::Age(bytes.to_vec()))),
        };
        let metadata = Metadata::decode(metadata.as_ref(), notation)?;
        Ok(Self(Content::Sops { format, tree, metadata }))
    }

    /// Whether the value at a path will have a text, as far as the encrypted file tells: it does not decrypt anything.
    ///
    /// # Errors
    ///
    /// [`LookupError`] as [`Decrypted::value`] would have it.
    pub fn check(&self, path: &[&str]) -> Result<(), LookupError> {
        match &self.0 {
            Content::Sops { format, tree, .. } => value_with_text(*format, tree, path).map(|_| ()),
            Content::Age(_) => Ok(()),
        }
    }

    /// Recovers the data key, decrypts every value and checks the MAC.
    ///
    /// # Errors
    ///
    /// Any [`Error`]. One value that does not decrypt is enough: nothing of the file is given out then.
    pub fn decrypt(self, identities: &Identities) -> Result<Decrypted, Error> {
        let (format, mut tree, metadata) = match self.0 {
            Content::Sops { format, tree, metadata } => (format, tree, metadata),
            Content::Age(bytes) => return Ok(Decrypted(Opened::Age(datakey::decrypt_age_file(&bytes, identities)?))),
        };
        let data_key = datakey::recover(&metadata.key_groups, metadata.shamir_threshold, identities)?;
        let cipher = Cipher::new(data_key.as_bytes()).ok_or_else(|| Error::DataKeyLength(data_key.as_bytes().len()))?;
        let rule = Rule::compile(metadata.rule)?;
        let walk = Walk { cipher: &cipher, rule: &rule, mac_only_encrypted: metadata.mac_only_encrypted };
        walk.run(&mut tree)?.verify(&metadata.mac, &metadata.last_modified, &cipher)?;
        Ok(Decrypted(Opened::Sops { format, tree }))
    }
}

impl Decrypted {
    /// The whole file as `sops decrypt` prints it, byte for byte.
    ///
    /// # Errors
    ///
    /// [`Error::Emit`] if the format has no notation for what the file holds.
    pub fn whole(&self) -> Result<Plaintext, Error> {
        Ok(match &self.0 {
            Opened::Sops { format: Format::Yaml, tree } => yaml::emit(tree),
            Opened::Sops { format: Format::Json, tree } => json::emit(tree)?,
            Opened::Sops { format: Format::Dotenv, tree } => dotenv::emit(tree)?,
            Opened::Sops { format: Format::Ini, tree } => ini::emit(tree)?,
            Opened::Sops { tree, .. } => binary::emit(tree)?,
            Opened::Age(plaintext) => plaintext.duplicate(),
        })
    }

    /// The value at a path of keys: a scalar as its text without a line feed, a mapping or list as `sops decrypt
    /// --extract` prints it. Files without keys, which binary and age files are, give their one value whatever the path.
    ///
    /// # Errors
    ///
    /// [`Error::Lookup`], and [`Error::Emit`] if the format has no notation for the value.
    pub fn value(&self, path: &[&str]) -> Result<Plaintext, Error> {
        let Opened::Sops { format, tree } = &self.0 else { return self.whole() };
        if *format == Format::Binary {
            return self.whole();
        }
        let value = value_with_text(*format, tree, path)?;
        Ok(match format {
            Format::Yaml => yaml::emit_value(value),
            Format::Json => json::emit_value(value)?,
            _ => dotenv::emit_value(value)?,
        })
    }
}

/// The value at a path, if it is one that can be installed.
fn value_with_text<'a>(format: Format, tree: &'a Tree, path: &[&str]) -> Result<&'a Value, LookupError> {
    let merge = if format == Format::Yaml { Merge::Follow } else { Merge::Ignore };
    let value = lookup::find(tree, path, merge)?;
    match value {
        Value::Scalar(Scalar::Null) => Err(LookupError::Null { key: path.join("/") }),
        Value::Mapping(_) | Value::List(_) if matches!(format, Format::Dotenv | Format::Ini) => {
            Err(LookupError::NoText { key: path.join("/"), kind: lookup::kind(value) })
        }
        value => Ok(value),
    }
}
