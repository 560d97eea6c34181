//! A sops file before and after its decryption.

use gcm::Cipher;

use crate::datakey::{self, AgeFileError, Findings, Recipient, Search};
use crate::error::Error;
use crate::format::advice::{has_ciphertext, left_in_age_file};
use crate::format::{EmitError, Format, Source, guess, lines};
use crate::identity::recipient::HostRecipient;
use crate::identity::{Identities, age};
use crate::lookup::{self, Finder, LookupError};
use crate::mac;
use crate::metadata::{Metadata, MetadataError};
use crate::plaintext::Plaintext;
use crate::rules::Rule;
use crate::tree::{Integers, Scalar, Tree, Value};
use crate::version::Version;
use crate::walk;

/// A file as it was read: its structure, its metadata and its ciphertexts.
///
/// What was found out about its data key beforehand is kept with it, and so there is deliberately no `Debug`.
pub struct Encrypted {
    content: Sealed,
    findings: Findings,
}

enum Sealed {
    Sops { format: Format, tree: Tree, metadata: Metadata },
    Age(Plaintext),
}

/// What [`Encrypted::check`] found.
pub struct Checked {
    /// What is wrong with the file, whatever is wanted of it.
    pub file: Result<(), Error>,
    /// What is wrong with each path.
    pub keys: Vec<Result<(), LookupError>>,
}

/// A file whose MAC was right. Its plaintext is wiped on drop, and it has no `Debug`.
pub struct Decrypted(Opened);

enum Opened {
    Sops { format: Format, tree: Tree, version: Version, integers: Option<Integers> },
    Age(Plaintext),
}

impl Encrypted {
    /// Reads the structure and the metadata of a file. Nothing is decrypted.
    ///
    /// # Errors
    ///
    /// [`Error::Parse`] and [`Error::Metadata`].
    pub fn parse(format: Format, file: Vec<u8>) -> Result<Self, Error> {
        let file = Plaintext::new(file);
        let Some(source) = format.read(&file) else { return Self::parse_age(file) };
        let Source { tree, metadata, notation } = source?;
        let bytes = file.as_bytes();
        let metadata = Metadata::decode(metadata.as_ref(), notation).map_err(|error| match (error, guess(bytes)) {
            (MetadataError::Absent, Some(found)) if found != format.name() => Error::OtherFormat(found),
            // To encrypt such a file once more would make its values unreadable for good.
            (MetadataError::Absent, _) if has_ciphertext(bytes) => MetadataError::CutOff.into(),
            (MetadataError::Absent, _) if lines(bytes).any(|line| line.starts_with(b"creation_rules:")) => {
                MetadataError::Configuration.into()
            }
            (MetadataError::Absent, _) if bytes.trim_ascii().is_empty() => MetadataError::Empty.into(),
            (error, _) => error.into(),
        })?;
        Ok(Self::new(Sealed::Sops { format, tree, metadata }))
    }

    fn parse_age(file: Plaintext) -> Result<Self, Error> {
        let bytes = file.as_bytes();
        let Err(problem) = age::AgeFile::from_bytes(bytes) else { return Ok(Self::new(Sealed::Age(file))) };
        if let Some(error) = left_in_age_file(bytes) {
            return Err(error.into());
        }
        match guess(bytes) {
            Some(found) if found != Format::Age.name() => Err(Error::OtherFormat(found)),
            _ => Err(AgeFileError::Damaged(problem).into()),
        }
    }

    fn new(content: Sealed) -> Self {
        Self { content, findings: Findings::default() }
    }

    /// Runs each plugin of age once for all of `files`, instead of once for each file that is decrypted. Only files that no
    /// key in memory opens are put to a plugin. What comes of it is kept with the files and counts when they are decrypted,
    /// which is to be done with the same `identities`; so do failures, which are no error here.
    ///
    /// Without identities of plugins this does nothing.
    pub fn ask_plugins<'f>(files: impl IntoIterator<Item = &'f mut Self>, identities: &Identities) {
        if identities.has_plugins() {
            let mut searches: Vec<_> = files.into_iter().map(|file| file.search(identities)).collect();
            datakey::ask_plugins(&mut searches, identities);
        }
    }

    fn search<'s>(&'s mut self, identities: &'s Identities) -> Search<'s> {
        match &self.content {
            Sealed::Sops { metadata, .. } => {
                let Metadata { key_groups, shamir_threshold, .. } = metadata;
                Search::of_sops_file(key_groups, *shamir_threshold, identities, &mut self.findings)
            }
            Sealed::Age(file) => Search::of_age_file(file.as_bytes(), identities, &mut self.findings),
        }
    }

    /// Checks without any key what can be checked without one: that the values at the paths are there and can be installed,
    /// and that what must be encrypted is. It is for the moment when a system is built.
    pub fn check<'p>(self, paths: impl IntoIterator<Item = &'p [&'p str]>) -> Checked {
        let (format, tree, metadata) = match self.content {
            Sealed::Sops { format, tree, metadata } => (format, tree, metadata),
            Sealed::Age(file) => {
                let file = datakey::check_age_file(file.as_bytes()).map_err(Error::Age);
                return Checked { file, keys: paths.into_iter().map(|_| Ok(())).collect() };
            }
        };
        let mut finder = Finder::new(&tree, format.merges());
        let keys = paths.into_iter().map(|path| find_text(&mut finder, format, path).map(|_| ())).collect();
        Checked { file: check_whole(format, tree, metadata), keys }
    }

    /// Whether hosts with these names can open the file, as far as the names of its recipients are right: no key is
    /// needed. A plain age file names SSH keys by a tag, and nothing else: `None` if only a private key could tell.
    #[must_use]
    pub fn opens_for(&self, hosts: &[HostRecipient]) -> Option<bool> {
        match &self.content {
            Sealed::Sops { metadata, .. } => {
                Some(datakey::could_open(&metadata.key_groups, metadata.shamir_threshold, hosts))
            }
            Sealed::Age(file) => datakey::age_file_opens_for(file.as_bytes(), hosts),
        }
    }

    /// What the file is encrypted to; for a plain age file the kinds of its stanzas, and the tags of SSH keys.
    #[must_use]
    pub fn recipients(&self) -> Vec<Recipient> {
        match &self.content {
            Sealed::Sops { metadata, .. } => datakey::recipients(&metadata.key_groups),
            Sealed::Age(file) => datakey::age_file_recipients(file.as_bytes()),
        }
    }

    /// Recovers the data key, decrypts every value and checks the MAC.
    ///
    /// # Errors
    ///
    /// Any [`Error`]. One value that does not decrypt is enough: nothing of the file is given out then.
    pub fn decrypt(self, identities: &Identities) -> Result<Decrypted, Error> {
        let Self { content, findings } = self;
        let (format, mut tree, metadata) = match content {
            Sealed::Sops { format, tree, metadata } => (format, tree, metadata),
            Sealed::Age(file) => {
                return Ok(Decrypted(Opened::Age(datakey::decrypt_age_file(file.as_bytes(), identities, findings)?)));
            }
        };
        let Metadata { key_groups, shamir_threshold, .. } = &metadata;
        let data_key = datakey::recover(key_groups, *shamir_threshold, identities, findings)
            .map_err(|error| remote(&metadata).unwrap_or_else(|| error.into()))?;
        let cipher = Cipher::new(data_key.as_bytes()).ok_or_else(|| Error::DataKeyLength(data_key.as_bytes().len()))?;
        let (rule, version) = (Rule::compile(metadata.rule)?, metadata.version);
        let mac = walk::decrypt(&mut tree, &rule, &cipher, metadata.mac_only_encrypted)?;
        let integers = mac.verify(&metadata.mac, &metadata.last_modified, &cipher)?;
        // Where the MAC does not tell, the version does.
        let by_version = if version.knows_json_integers() { Integers::Exact } else { Integers::Rounded };
        tree.settle(integers.unwrap_or(by_version));
        Ok(Decrypted(Opened::Sops { format, tree, version, integers }))
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
            Opened::Sops { format, tree, version, .. } => format.emit(tree, *version)?,
            Opened::Age(plaintext) => plaintext.duplicate(),
        })
    }

    /// The values at paths of keys: a scalar as its text without a line feed, a mapping or list as `sops decrypt
    /// --extract` prints it. Files without keys, which binary and age files are, give their one value for every path.
    ///
    /// # Errors
    ///
    /// For each path [`Error::Lookup`], or [`Error::Emit`] if the format has no notation for the value.
    pub fn values<'p>(&self, paths: impl IntoIterator<Item = &'p [&'p str]>) -> Vec<Result<Plaintext, Error>> {
        match &self.0 {
            Opened::Sops { format, tree, version, .. } if format.has_keys() => {
                let mut finder = Finder::new(tree, format.merges());
                let value = |path| Ok(format.emit_value(find_text(&mut finder, *format, path)?, *version)?);
                paths.into_iter().map(value).collect()
            }
            Opened::Sops { .. } | Opened::Age(_) => paths.into_iter().map(|_| self.whole()).collect(),
        }
    }

    /// What [`Decrypted::whole`] says otherwise than the file does: in YAML sops prints null in the place of a text of several
    /// lines that begins with a tab, and so it comes out. The error is for a warning.
    #[must_use]
    pub fn lost(&self) -> Option<EmitError> {
        match &self.0 {
            Opened::Sops { format, tree, .. } => format.lost(tree),
            Opened::Age(_) => None,
        }
    }

    /// Which reading of its integers gave the MAC of a JSON file, where that makes a difference: where a plain integer is
    /// another number as a 64-bit float.
    #[must_use]
    pub fn integers(&self) -> Option<Integers> {
        match &self.0 {
            Opened::Sops { integers, .. } => *integers,
            Opened::Age(_) => None,
        }
    }

    /// One value; see [`Decrypted::values`].
    ///
    /// # Errors
    ///
    /// Those of [`Decrypted::values`].
    pub fn value(&self, path: &[&str]) -> Result<Plaintext, Error> {
        let not_found = || LookupError::NotFound { key: path.join("/"), nearest: Vec::new() };
        self.values([path]).pop().unwrap_or_else(|| Err(not_found().into()))
    }
}

/// A file taken for its own decryption, so that the writers of the formats are fuzzed without a key.
#[cfg(fuzzing)]
pub(crate) fn decrypted_for_fuzzing(format: Format, bytes: &[u8]) -> Option<Decrypted> {
    let source = format.read(&Plaintext::new(bytes.to_vec()))?;
    let tree = source.ok()?.tree;
    Some(Decrypted(Opened::Sops { format, tree, version: Version::parse("3.13.2"), integers: None }))
}

/// What is wrong with a file, whatever its data key is.
fn check_whole(format: Format, mut tree: Tree, metadata: Metadata) -> Result<(), Error> {
    if let Some(error) = remote(&metadata) {
        return Err(error);
    }
    mac::check(&metadata.mac)?;
    let rule = Rule::compile(metadata.rule)?;
    walk::check(&mut tree, &rule)?;
    if !format.has_keys() {
        format.emit(&tree, metadata.version)?;
    }
    Ok(())
}

/// That only services in the network open the file, if it is so.
fn remote(metadata: &Metadata) -> Option<Error> {
    let Metadata { key_groups, shamir_threshold, .. } = metadata;
    if datakey::could_open_offline(key_groups, *shamir_threshold) {
        return None;
    }
    let recipients: Vec<_> = datakey::recipients(key_groups).iter().map(ToString::to_string).collect();
    Some(Error::Remote(recipients.join(", ")))
}

/// The value at a path, if it is one that can be installed.
fn find_text<'t>(finder: &mut Finder<'t>, format: Format, path: &[&str]) -> Result<&'t Value, LookupError> {
    let value = finder.find(path)?;
    match value {
        Value::Scalar(Scalar::Null) => Err(LookupError::Null { key: path.join("/") }),
        Value::Mapping(_) | Value::List(_) if format.is_flat() => {
            Err(LookupError::NoText { key: path.join("/"), kind: lookup::kind(value) })
        }
        value => Ok(value),
    }
}
