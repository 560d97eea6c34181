//! The fields of the manifest in one table.
//!
//! From it come what the reader takes for an absent field, the range of a number, what is missing, which fields are known,
//! the JSON schema and the manual page of the manifest.

use std::borrow::Cow;

use crate::Format;
use crate::json::{JsonKind, JsonValue};
use crate::known_to::KnownTo;

/// An object of the manifest.
#[derive(Debug)]
pub struct Object {
    name: &'static str,
    meaning: &'static str,
    fields: &'static [&'static Field],
}

impl Object {
    /// What one is called: `manifest`, `secret`, `template` or `logging`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it is, in a sentence.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// Its fields, in the order in which people are told of them.
    #[must_use]
    pub fn fields(&self) -> &'static [&'static Field] {
        self.fields
    }
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    kind: FieldKind,
    absent: Absent,
    known_to: KnownTo,
    meaning: &'static str,
}

impl Field {
    /// The name as the modules spell it; read without regard to case.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it can hold, besides null, which is the same as absent.
    #[must_use]
    pub fn kind(&self) -> &FieldKind {
        &self.kind
    }

    /// Whether it cannot be absent.
    #[must_use]
    pub fn is_required(&self) -> bool {
        matches!(self.absent, Absent::Missing(_))
    }

    /// The value that counts if it is absent, as JSON; none if then something else counts, or nothing.
    #[must_use]
    pub fn default_json(&self) -> Option<Cow<'static, str>> {
        let Absent::Counts(value) = &self.absent else {
            return None;
        };
        Some(match &value.kind {
            JsonKind::Number(digits) => Cow::Borrowed(digits),
            JsonKind::Text(text) => Cow::Owned(format!("{text:?}")),
            JsonKind::List(_) => Cow::Borrowed("[]"),
            JsonKind::Object(_) => Cow::Borrowed("{}"),
            word => Cow::Borrowed(word.describe()),
        })
    }

    /// Which programs know it.
    #[must_use]
    pub fn known_to(&self) -> KnownTo {
        self.known_to
    }

    /// What it is for, and what else counts for it, in sentences.
    #[must_use]
    pub fn meaning(&self) -> &'static str {
        self.meaning
    }

    /// The value that counts if it is absent.
    pub(crate) fn counts(&'static self) -> Option<&'static JsonValue<'static>> {
        match &self.absent {
            Absent::Counts(value) => Some(value),
            Absent::Missing(_) | Absent::Nothing => None,
        }
    }

    /// What to write if it is missing; empty if it can be absent.
    pub(crate) fn advice(&self) -> &'static str {
        match self.absent {
            Absent::Missing(advice) => advice,
            Absent::Counts(_) | Absent::Nothing => "",
        }
    }
}

/// What a field can hold.
#[derive(Debug)]
pub enum FieldKind {
    /// `true` or `false`.
    Bool,
    /// A whole number from 0.
    Integer {
        /// The largest one.
        most: u64,
        /// The range in words, to continue "it must be".
        range: &'static str,
    },
    /// A string.
    Text,
    /// A string of octal digits.
    Octal,
    /// One of these strings, each with its meaning and which programs know it.
    Word(&'static [(&'static str, &'static str, KnownTo)]),
    /// A list of strings.
    Texts,
    /// An object with strings under names that are free.
    TextsByName,
    /// Another object.
    Object(&'static Object),
    /// A list of objects.
    Objects(&'static Object),
    /// Anything: the field is known but not read.
    Unread,
}

#[derive(Debug)]
enum Absent {
    /// Is an error with this advice.
    Missing(&'static str),
    /// Is the same as this value.
    Counts(JsonValue<'static>),
    /// Is told in the meaning.
    Nothing,
}

const fn counts(kind: JsonKind<'static>) -> Absent {
    Absent::Counts(JsonValue { at: 0, kind })
}

const fn field(name: &'static str, kind: FieldKind, absent: Absent, meaning: &'static str) -> Field {
    Field { name, kind, absent, known_to: KnownTo::SopsNix, meaning }
}

/// One that sops-nix does not have.
const fn our_field(name: &'static str, kind: FieldKind, absent: Absent, meaning: &'static str) -> Field {
    Field { name, kind, absent, known_to: KnownTo::Ours, meaning }
}

const EMPTY_TEXT: Absent = counts(JsonKind::Text(Cow::Borrowed("")));
const EMPTY_LIST: Absent = counts(JsonKind::List(Vec::new()));
const EMPTY_OBJECT: Absent = counts(JsonKind::Object(Vec::new()));
const FALSE: Absent = counts(JsonKind::Bool(false));
const ZERO: Absent = counts(JsonKind::Number("0"));

/// Every user and group but 2³²-1, which chown(2) takes for "leave it as it is".
const ID: FieldKind = FieldKind::Integer { most: 4_294_967_294, range: "a whole number from 0 to 4294967294" };

/// The manifest as a whole.
pub static MANIFEST: Object = Object {
    name: "manifest",
    meaning: "The document is one object. Of a field that is there twice, the last one counts; null is the same as absent. \
              Names of fields are read without regard to case, and names that begin with an underscore are free for notes.",
    fields: &[
        &SECRETS_MOUNT_POINT,
        &SYMLINK_PATH,
        &KEEP_GENERATIONS,
        &SECRETS,
        &TEMPLATES,
        &PLACEHOLDER_BY_SECRET_NAME,
        &AGE_KEY_FILE,
        &AGE_SSH_KEY_PATHS,
        &GNUPG_HOME,
        &SSH_KEY_PATHS,
        &USE_TMPFS,
        &USER_MODE,
        &LOGGING,
        &SCHEMA,
    ],
};

/// The field `logging`.
static LOGGING_FIELDS: Object = Object {
    name: "logging",
    meaning: "What an installation says about itself, besides warnings and failures.",
    fields: &[&KEY_IMPORT, &SECRET_CHANGES],
};

/// An element of `secrets`.
static SECRET: Object = Object {
    name: "secret",
    meaning: "A value of a sops file that becomes a file.",
    fields: &[
        &SECRET_NAME,
        &SOPS_FILE,
        &FORMAT,
        &KEY,
        &SELECT_KEY,
        &PATH,
        &MODE,
        &OWNER,
        &UID,
        &GROUP,
        &GID,
        &RESTART_UNITS,
        &RELOAD_UNITS,
        &CREDENTIAL,
        &SOPS_FILE_HASH,
        &NEEDED_FOR_USERS,
    ],
};

/// An element of `templates`.
static TEMPLATE: Object = Object {
    name: "template",
    meaning: "A text with placeholders of secrets that becomes a file.",
    fields: &[&TEMPLATE_NAME, &CONTENT, &FILE, &PATH, &MODE, &OWNER, &UID, &GROUP, &GID, &RESTART_UNITS, &RELOAD_UNITS],
};

pub(crate) static SECRETS_MOUNT_POINT: Field = field(
    "secretsMountPoint",
    FieldKind::Text,
    Absent::Missing("write it like /run/secrets.d"),
    "The directory where the memory file system with the generations is mounted: an absolute path that is neither \
     symlinkPath nor inside or around it. In user mode %r at any place stands for the runtime directory, and %% for a %.",
);
pub(crate) static SYMLINK_PATH: Field = field(
    "symlinkPath",
    FieldKind::Text,
    Absent::Missing("write it like /run/secrets"),
    "The link to the active generation, which readers follow: an absolute path. In user mode %r and %% count as in \
     secretsMountPoint.",
);
pub(crate) static KEEP_GENERATIONS: Field = field(
    "keepGenerations",
    FieldKind::Integer { most: u64::MAX, range: "a whole number, 0 to keep every generation" },
    counts(JsonKind::Number("1")),
    "How many generations stay, the active one included; 0 keeps all of them. (For sops-nix, an absent field is a 0.)",
);
pub(crate) static SECRETS: Field = field(
    "secrets",
    FieldKind::Objects(&SECRET),
    EMPTY_LIST,
    "The secrets to install. What an earlier manifest with the same places installed and this one does not name is removed.",
);
pub(crate) static TEMPLATES: Field =
    field("templates", FieldKind::Objects(&TEMPLATE), EMPTY_LIST, "The texts with secrets in them to install.");
pub(crate) static PLACEHOLDER_BY_SECRET_NAME: Field = field(
    "placeholderBySecretName",
    FieldKind::TextsByName,
    EMPTY_OBJECT,
    "Under the name of each secret the text that stands for it in templates, of 1 to 255 bytes. With templates, each secret \
     needs one of its own.",
);
pub(crate) static AGE_KEY_FILE: Field = field(
    "ageKeyFile",
    FieldKind::Text,
    Absent::Nothing,
    "A file of age identities, one a line. The empty text is the same as absent. %d at the beginning stands for the directory \
     in CREDENTIALS_DIRECTORY.",
);
pub(crate) static AGE_SSH_KEY_PATHS: Field = field(
    "ageSshKeyPaths",
    FieldKind::Texts,
    EMPTY_LIST,
    "SSH private keys that open age recipients, such as /etc/ssh/ssh_host_ed25519_key. %d counts as in ageKeyFile.",
);
pub(crate) static GNUPG_HOME: Field = field(
    "gnupgHome",
    FieldKind::Text,
    Absent::Nothing,
    "The directory of GnuPG's keys. The empty text is the same as absent. It excludes sshKeyPaths and ageKeyFile.",
);
pub(crate) static SSH_KEY_PATHS: Field = field(
    "sshKeyPaths",
    FieldKind::Texts,
    EMPTY_LIST,
    "SSH private keys of the type RSA that open PGP recipients. %d counts as in ageKeyFile.",
);
pub(crate) static USE_TMPFS: Field = field(
    "useTmpfs",
    FieldKind::Bool,
    FALSE,
    "Whether to mount a tmpfs, which can be swapped out, instead of a ramfs, which cannot.",
);
pub(crate) static USER_MODE: Field = field(
    "userMode",
    FieldKind::Bool,
    FALSE,
    "Whether the secrets are those of a user: nothing is mounted, and all belongs to the user.",
);
pub(crate) static LOGGING: Field =
    field("logging", FieldKind::Object(&LOGGING_FIELDS), EMPTY_OBJECT, "What to say during an installation.");
static SCHEMA: Field = our_field(
    "$schema",
    FieldKind::Unread,
    Absent::Nothing,
    "Where an editor finds the JSON schema of this document. An installation does not read it.",
);

pub(crate) static KEY_IMPORT: Field =
    field("keyImport", FieldKind::Bool, FALSE, "Whether to print each key that is used, without its private part.");
pub(crate) static SECRET_CHANGES: Field = field(
    "secretChanges",
    FieldKind::Bool,
    FALSE,
    "Whether to print the names of secrets and templates that are new, changed or gone.",
);

pub(crate) static SECRET_NAME: Field = field(
    "name",
    FieldKind::Text,
    Absent::Missing("give the secret a relative path such as db/password"),
    "The path of the file below symlinkPath, such as db/password: relative, without empty components, . and .. in it. No two \
     secrets have the same, none is inside another, and with templates none is inside the directory rendered.",
);
pub(crate) static SOPS_FILE: Field =
    field("sopsFile", FieldKind::Text, Absent::Missing("name the encrypted file"), "The encrypted file.");
pub(crate) static FORMAT: Field = field(
    "format",
    FieldKind::Word(&Format::WORDS),
    counts(JsonKind::Text(Cow::Borrowed("yaml"))),
    "The format of the encrypted file, the same for each secret in it. The empty text is yaml, too.",
);
pub(crate) static KEY: Field = field(
    "key",
    FieldKind::Text,
    EMPTY_TEXT,
    "The way to the value in the file, its parts separated by /, such as db/password or list/0. The empty text is the whole \
     file. With the formats dotenv and ini it counts with selectKey only, and never with binary and age.",
);
pub(crate) static SELECT_KEY: Field = our_field(
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
    FieldKind::Unread,
    Absent::Nothing,
    "Tells the NixOS module which of two manifests the secret is in. An installation does not read it.",
);

pub(crate) static TEMPLATE_NAME: Field = field(
    "name",
    FieldKind::Text,
    Absent::Missing("give the template a relative path such as app/config.toml"),
    "The path of the file below the directory rendered in symlinkPath, such as app/config.toml. No two templates have the \
     same, and none is inside another.",
);
pub(crate) static CONTENT: Field = field(
    "content",
    FieldKind::Text,
    EMPTY_TEXT,
    "The text, in which each placeholder becomes the content of its secret. If it is empty, file counts.",
);
pub(crate) static FILE: Field = field(
    "file",
    FieldKind::Text,
    Absent::Nothing,
    "The file of the text, if content is empty. One of both is needed.",
);

pub(crate) static PATH: Field = field(
    "path",
    FieldKind::Text,
    Absent::Nothing,
    "Where the file is to be found: an absolute path. If it is not the file's own place below symlinkPath, a link to it is \
     made here. In user mode %r and %% count as in secretsMountPoint. Absent, it is the file's own place.",
);
pub(crate) static MODE: Field = field(
    "mode",
    FieldKind::Octal,
    counts(JsonKind::Text(Cow::Borrowed("0400"))),
    "The permissions of the file as octal digits in double quotes. Only the last three digits count.",
);
pub(crate) static OWNER: Field = field(
    "owner",
    FieldKind::Text,
    Absent::Nothing,
    "The name of the user that owns the file. If it is absent, uid counts.",
);
pub(crate) static UID: Field =
    field("uid", ID, ZERO, "The number of the user that owns the file. It counts if owner is absent.");
pub(crate) static GROUP: Field =
    field("group", FieldKind::Text, Absent::Nothing, "The name of the file's group. If it is absent, gid counts.");
pub(crate) static GID: Field = field("gid", ID, ZERO, "The number of the file's group. It counts if group is absent.");
pub(crate) static RESTART_UNITS: Field = field(
    "restartUnits",
    FieldKind::Texts,
    EMPTY_LIST,
    "The systemd units to restart when the file is new or changes. A name without the suffix of a unit is a service.",
);
pub(crate) static RELOAD_UNITS: Field =
    field("reloadUnits", FieldKind::Texts, EMPTY_LIST, "The systemd units to reload when the file is new or changes.");
