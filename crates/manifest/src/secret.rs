//! A value of a sops file that becomes a file.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::error::{Reported, Subject};
use crate::fields::Fields;
use crate::format::KeyCounts;
use crate::path::{RuntimeDirectory, SourcePath};
use crate::schema::{Absent, EMPTY_TEXT, FALSE, Field, FieldKind, Object, field, our_field, text};
use crate::{CredentialName, Entry, Error, Format, GenerationPlace, KeyPath, Name, access, entry};

/// A secret: which value of which sops file becomes which file.
///
/// The fields are those of sops-nix (docs/format.md section 8.3) and two more:
///
/// * `selectKey`: with the formats dotenv and ini, the secret is the one value at `key`. Without it, it is the whole file
///   whatever `key` says, as in sops-nix.
/// * `credential`: the secret is published as a systemd credential too (see [`CredentialName`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Secret {
    entry: Entry,
    key: KeyPath,
    select_key: bool,
    /// One for all secrets of the file that follow one another.
    sops_file: Rc<PathBuf>,
    format: Format,
    credential: Option<CredentialName>,
    is_needed_for_users: bool,
}

impl Secret {
    /// The file to install.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The name, unique among the secrets.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.entry.name()
    }

    /// The field `key`, even where it does not count.
    #[must_use]
    pub fn key(&self) -> &KeyPath {
        &self.key
    }

    /// The value of the sops file that the secret is; none for the whole file.
    #[must_use]
    pub fn selected_key(&self) -> Option<&KeyPath> {
        let counts = match self.format.key_counts() {
            KeyCounts::Always => !self.key.is_whole_file(),
            KeyCounts::Selected => self.select_key,
            KeyCounts::Never => false,
        };
        counts.then_some(&self.key)
    }

    /// The encrypted file.
    #[must_use]
    pub fn sops_file(&self) -> &Path {
        &self.sops_file
    }

    /// The format of the encrypted file, the same for every secret in it.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The credential that the secret is also published as.
    #[must_use]
    pub fn credential(&self) -> Option<&CredentialName> {
        self.credential.as_ref()
    }

    /// Whether it is installed before there are users.
    #[must_use]
    pub fn is_needed_for_users(&self) -> bool {
        self.is_needed_for_users
    }

    pub(crate) fn read(
        fields: &mut Fields<'_, '_>,
        directory: &GenerationPlace,
        runtime: Option<RuntimeDirectory<'_>>,
        last: &mut Option<Rc<PathBuf>>,
    ) -> Result<Self, Reported> {
        let name = fields.parse::<Name>(&NAME);
        let name = fields.required(&NAME, name);
        if let Ok(name) = &name {
            fields.set_subject(Subject::Secret(name.to_string()));
        }
        let credential = fields.bool(&CREDENTIAL).and_then(|wanted| match &name {
            Ok(name) if wanted => {
                CredentialName::try_from(name).map(Some).map_err(|error| fields.report_at(&CREDENTIAL, error))
            }
            _ => Ok(None),
        });
        let key = fields.text(&KEY).map(|key| KeyPath::from(key.unwrap_or_default().to_owned()));
        let sops_file = fields.parse_unless_empty::<SourcePath>(&SOPS_FILE);
        let sops_file = fields.required(&SOPS_FILE, sops_file);
        let format = fields.parse::<Format>(&FORMAT).map(Option::unwrap_or_default);
        let select_key = fields.bool(&SELECT_KEY);
        let select_key = match (select_key, &format, &key) {
            (Ok(true), Ok(format), _) if format.key_counts() == KeyCounts::Never => {
                Err(fields.report_at(&SELECT_KEY, Error::NoKeys(format.as_str())))
            }
            (Ok(true), Ok(_), Ok(key)) if key.is_whole_file() => {
                Err(fields.report_at(&SELECT_KEY, Error::NothingToSelect))
            }
            (select_key, _, _) => select_key,
        };
        let is_needed_for_users = fields.bool(&NEEDED_FOR_USERS);
        let entry = Entry::read(fields, &NAME, name, directory, runtime);
        Ok(Self {
            entry: entry?,
            key: key?,
            select_key: select_key?,
            sops_file: share(sops_file?.into(), last),
            format: format?,
            credential: credential?,
            is_needed_for_users: is_needed_for_users?,
        })
    }
}

/// The path of the secret before, if this is the same.
fn share(path: PathBuf, last: &mut Option<Rc<PathBuf>>) -> Rc<PathBuf> {
    match last {
        Some(last) if last.as_os_str() == path.as_os_str() => Rc::clone(last),
        _ => Rc::clone(last.insert(Rc::new(path))),
    }
}

/// An element of `secrets`.
pub(crate) static SECRET: Object = Object::new(
    "secret",
    "A value of a sops file that becomes a file.",
    &[
        &NAME,
        &SOPS_FILE,
        &FORMAT,
        &KEY,
        &SELECT_KEY,
        &entry::PATH,
        &access::MODE,
        &access::OWNER,
        &access::UID,
        &access::GROUP,
        &access::GID,
        &entry::RESTART_UNITS,
        &entry::RELOAD_UNITS,
        &CREDENTIAL,
        &SOPS_FILE_HASH,
        &NEEDED_FOR_USERS,
    ],
);
pub(crate) static NAME: Field = field(
    "name",
    FieldKind::Text,
    Absent::Missing("give the secret a relative path such as db/password"),
    "The path of the file below symlinkPath, such as db/password: relative, without empty components, . and .. in it. No two \
     secrets have the same, none is inside another, and with templates none is inside the directory rendered.",
);
static SOPS_FILE: Field =
    field("sopsFile", FieldKind::Text, Absent::Missing("name the encrypted file"), "The encrypted file.");
pub(crate) static FORMAT: Field = field(
    "format",
    FieldKind::Word(&Format::WORDS),
    text("yaml"),
    "The format of the encrypted file, the same for each secret in it. The empty text is yaml, too.",
);
static KEY: Field = field(
    "key",
    FieldKind::Text,
    EMPTY_TEXT,
    "The way to the value in the file, its parts separated by /, such as db/password or list/0. The empty text is the whole \
     file. With the formats dotenv and ini it counts with selectKey only, and never with binary and age.",
);
static SELECT_KEY: Field = our_field(
    "selectKey",
    FieldKind::Bool,
    FALSE,
    "Whether the secret is the one value at key with the formats dotenv and ini, too. Otherwise it is the whole file \
     there.",
);
pub(crate) static CREDENTIAL: Field = our_field(
    "credential",
    FieldKind::Bool,
    FALSE,
    "Whether the secret is also in /run/credstore, for ImportCredential= and LoadCredential= of systemd, under its name with \
     - for each /.",
);
static SOPS_FILE_HASH: Field = field(
    "sopsFileHash",
    FieldKind::Unread,
    Absent::Nothing,
    "Changes the manifest when the encrypted file changes. An installation does not read it.",
);
static NEEDED_FOR_USERS: Field = field(
    "neededForUsers",
    FieldKind::Bool,
    FALSE,
    "Whether the secret is installed before there are users: by a manifest of its own, with -ignore-passwd, which counts for a \
     manifest with such secrets alone whether it is given or not.",
);
