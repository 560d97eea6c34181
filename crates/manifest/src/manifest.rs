//! The document as a whole.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use crate::clash::clashes;
use crate::error::{Errors, Problems, Reported, Subject};
use crate::fields::{Fields, good};
use crate::json::{self, JsonValue};
use crate::path::{AbsolutePath, RuntimeDirectory, SourcePath};
use crate::schema::{Absent, EMPTY_LIST, EMPTY_OBJECT, FALSE, Field, FieldKind, Object, field, number, our_field};
use crate::{
    Entry, Error, GenerationPlace, LinkPlace, Placeholders, Places, RENDERED, Secret, Template, entry, placeholder,
    places, secret, template, unknown,
};

/// What a manifest says: which secrets and templates go where, and which keys open them.
///
/// The fields are those of sops-nix (docs/format.md section 8.3). Promises, beyond those of the types:
///
/// * The names of the secrets are unique and none is inside another; likewise those of the templates. No secret is where
///   the templates go.
/// * No [`Entry::link`] is at, in or above another link or file, nor the mount point or the symlink.
/// * Each sops file has one format. No two secrets are one credential.
/// * With templates, each secret has a placeholder.
/// * `gnupgHome` comes without `sshKeyPaths` and `ageKeyFile`.
#[derive(Debug)]
pub struct Manifest {
    secrets: Vec<Secret>,
    templates: Vec<Template>,
    placeholders: Placeholders,
    places: Places,
    keep_generations: Option<NonZeroU64>,
    ssh_key_paths: Vec<PathBuf>,
    gnupg_home: Option<PathBuf>,
    age_key_file: Option<PathBuf>,
    age_ssh_key_paths: Vec<PathBuf>,
    use_tmpfs: bool,
    user_mode: bool,
    logging: Logging,
    unknown_fields: Errors,
}

impl Manifest {
    /// Reads the document; text after its first JSON value is ignored, as in sops-nix.
    ///
    /// With `userMode`, `%r` and `%%` are expanded in `secretsMountPoint`, `symlinkPath` and the field `path` of secrets
    /// and templates; otherwise the runtime directory plays no part (docs/format.md section 8.10). Takes time in
    /// O(n log n) for whatever bytes.
    ///
    /// # Errors
    ///
    /// All problems of the document at once. Only a text that is no JSON has a single one.
    pub fn from_json(json: &[u8], runtime: RuntimeDirectory<'_>) -> Result<Self, Errors> {
        let text = json::decode(json);
        let json::Read { value: document, behind } =
            json::read(&text).map_err(|failure| Errors::syntax(&text, failure))?;
        let mut problems = Problems::default();
        match Self::read(&document, runtime, &mut problems) {
            Ok(mut manifest) if problems.is_empty() => {
                unknown::report(&document, &MANIFEST, &mut problems);
                if let Some(at) = behind {
                    problems.report(at, Subject::Document, Error::Behind);
                }
                if !problems.is_empty() {
                    manifest.unknown_fields = Errors::locate(text.as_bytes(), problems);
                }
                Ok(manifest)
            }
            _ => {
                // A mistyped field may be the one that is missing.
                unknown::report(&document, &MANIFEST, &mut problems);
                Err(Errors::locate(text.as_bytes(), problems))
            }
        }
    }

    /// Where the generations of a document probably are, found without reading all of it.
    ///
    /// The caller must check it: the field may belong to another object, and `%r` is expanded even where it has no
    /// meaning. None for spellings that no module writes.
    #[must_use]
    pub fn likely_mount_point(json: &[u8], runtime: Option<&str>) -> Option<AbsolutePath> {
        // Inside a string the quotes would have backslashes.
        let name = format!("\"{}\"", places::SECRETS_MOUNT_POINT.name());
        let (_, behind) = std::str::from_utf8(json).ok()?.split_once(&name)?;
        let value = behind.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
        let (path, _) = value.split_once('"').filter(|(path, _)| !path.contains('\\'))?;
        let runtime = runtime.map_or(RuntimeDirectory::Unset, RuntimeDirectory::At);
        AbsolutePath::try_from(runtime.expand(path)?.into_owned()).ok()
    }

    /// The fields that nothing reads, each as a problem, and the text behind the end if there is any.
    #[must_use]
    pub fn unknown_fields(&self) -> &Errors {
        &self.unknown_fields
    }

    /// The secrets in the order of the document.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// The templates in the order of the document.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The placeholder of every secret; none if there are no templates.
    #[must_use]
    pub fn placeholders(&self) -> &Placeholders {
        &self.placeholders
    }

    /// The files to install: those of the secrets, then those of the templates.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.secrets.iter().map(Secret::entry).chain(self.templates.iter().map(Template::entry))
    }

    /// Where the generations are, and the symlink to the active one.
    #[must_use]
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// How many generations stay, the active one included; none: all of them. An absent field is 1, other than in sops-nix.
    #[must_use]
    pub fn keep_generations(&self) -> Option<NonZeroU64> {
        self.keep_generations
    }

    /// SSH keys that open PGP recipients.
    #[must_use]
    pub fn ssh_key_paths(&self) -> &[PathBuf] {
        &self.ssh_key_paths
    }

    /// The directory of GnuPG's keys.
    #[must_use]
    pub fn gnupg_home(&self) -> Option<&Path> {
        self.gnupg_home.as_deref()
    }

    /// A file of age identities.
    #[must_use]
    pub fn age_key_file(&self) -> Option<&Path> {
        self.age_key_file.as_deref()
    }

    /// SSH keys that open age recipients.
    #[must_use]
    pub fn age_ssh_key_paths(&self) -> &[PathBuf] {
        &self.age_ssh_key_paths
    }

    /// Whether to mount a tmpfs rather than a ramfs.
    #[must_use]
    pub fn use_tmpfs(&self) -> bool {
        self.use_tmpfs
    }

    /// Whether the secrets are those of a user: nothing is mounted and nothing changes its owner.
    #[must_use]
    pub fn user_mode(&self) -> bool {
        self.user_mode
    }

    /// What to print.
    #[must_use]
    pub fn logging(&self) -> Logging {
        self.logging
    }

    fn read(value: &JsonValue<'_>, runtime: RuntimeDirectory<'_>, problems: &mut Problems) -> Result<Self, Reported> {
        let mut document = Fields::new(value, "the document", Subject::Document, problems)?;
        let user_mode = document.bool(&USER_MODE);
        let runtime = match user_mode {
            Ok(false) => None,
            Ok(true) => Some(runtime),
            // It is not known whether %r has a meaning, so nothing more is said about it.
            Err(_) => Some(RuntimeDirectory::Unneeded),
        };
        let mount_point = store_path(&mut document, &places::SECRETS_MOUNT_POINT, runtime);
        let symlink_path = store_path(&mut document, &places::SYMLINK_PATH, runtime);
        let places = match (&mount_point, &symlink_path) {
            (Ok(mount_point), Ok(symlink_path)) => Places::new(mount_point.clone(), symlink_path.clone())
                .map_err(|error| document.report_field(error.field(), error)),
            (Err(reported), _) | (_, Err(reported)) => Err(*reported),
        };
        let keep_generations = document.integer(&KEEP_GENERATIONS, Some).map(|number| number.and_then(NonZeroU64::new));
        let keys = Keys::read(&mut document);
        let use_tmpfs = document.bool(&USE_TMPFS);
        let logging = Logging::read(&mut document);

        // Without a good symlinkPath the entries are looked at all the same, for their own problems.
        let generation = GenerationPlace::root(symlink_path.as_ref().unwrap_or(&AbsolutePath::root()));
        let (secrets, secrets_complete) = read_secrets(&mut document, &generation, runtime);
        check_names(&mut document, "secret", secrets.files(Subject::Secret, Secret::entry));
        check_formats(&mut document, &secrets);
        check_credentials(&mut document, &secrets);
        let templates = document.list(&TEMPLATES);
        let placeholders = if templates.is_ok_and(|templates| !templates.is_empty()) {
            check_rendered(&mut document, &secrets);
            Placeholders::read(
                &mut document,
                secrets.iter().map(|(secret, source)| (secret, source.place(secret::NAME.name()))),
            )
        } else {
            document.texts(&placeholder::PLACEHOLDER_BY_SECRET_NAME).map(|_| Placeholders::default())
        };
        // A secret that could not be read would make its placeholder look unknown.
        let known = placeholders.as_ref().ok().filter(|_| secrets_complete.is_ok());
        let (templates, templates_complete) = read_templates(&mut document, templates, &generation, runtime, known);
        check_names(&mut document, "template", templates.files(Subject::Template, Template::entry));
        if let (Ok(mount_point), Ok(symlink)) = (&mount_point, &symlink_path) {
            let of_templates = templates.files(Subject::Template, Template::entry);
            let files: Vec<_> = secrets.files(Subject::Secret, Secret::entry).chain(of_templates).collect();
            check_links(&mut document, mount_point, symlink, &files);
            let sops_files = secrets.items.iter().map(Secret::sops_file);
            let texts = templates.items.iter().filter_map(Template::file);
            let keys = keys.iter().flat_map(Keys::paths);
            check_inputs(&mut document, &sops_files.chain(texts).chain(keys).collect(), &files);
        }

        let Keys { ssh_key_paths, gnupg_home, age_key_file, age_ssh_key_paths } = keys?;
        secrets_complete?;
        templates_complete?;
        Ok(Self {
            secrets: secrets.items,
            templates: templates.items,
            placeholders: placeholders?,
            places: places?,
            keep_generations: keep_generations?,
            ssh_key_paths,
            gnupg_home,
            age_key_file,
            age_ssh_key_paths,
            use_tmpfs: use_tmpfs?,
            user_mode: user_mode?,
            logging: logging?,
            unknown_fields: Errors::default(),
        })
    }
}

/// What the run prints about itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Logging {
    key_import: bool,
    secret_changes: bool,
}

impl Logging {
    /// Whether to print each key that is used.
    #[must_use]
    pub fn key_import(self) -> bool {
        self.key_import
    }

    /// Whether to print the secrets that are new, changed or gone.
    #[must_use]
    pub fn secret_changes(self) -> bool {
        self.secret_changes
    }

    fn read(document: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let mut logging = document.object(&LOGGING)?;
        let (key_import, secret_changes) = (logging.bool(&KEY_IMPORT), logging.bool(&SECRET_CHANGES));
        Ok(Self { key_import: key_import?, secret_changes: secret_changes? })
    }
}

/// Where the private keys are.
struct Keys {
    ssh_key_paths: Vec<PathBuf>,
    gnupg_home: Option<PathBuf>,
    age_key_file: Option<PathBuf>,
    age_ssh_key_paths: Vec<PathBuf>,
}

impl Keys {
    /// Where they are.
    fn paths(&self) -> impl Iterator<Item = &Path> {
        let lists = self.ssh_key_paths.iter().chain(&self.age_ssh_key_paths);
        lists.chain(&self.age_key_file).chain(&self.gnupg_home).map(PathBuf::as_path)
    }

    fn read(document: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let ssh_key_paths = document.parse_list::<SourcePath>(&SSH_KEY_PATHS);
        let gnupg_home = document.parse_unless_empty::<SourcePath>(&GNUPG_HOME);
        let age_key_file = document.parse_unless_empty::<SourcePath>(&AGE_KEY_FILE);
        let age_ssh_key_paths = document.parse_list::<SourcePath>(&AGE_SSH_KEY_PATHS);
        if let Ok(Some(_)) = gnupg_home {
            if ssh_key_paths.as_ref().is_ok_and(|paths| !paths.is_empty()) {
                document.report_at(&GNUPG_HOME, Error::GnupgHomeExcludes(SSH_KEY_PATHS.name()));
            }
            if let Ok(Some(_)) = age_key_file {
                document.report_at(&GNUPG_HOME, Error::GnupgHomeExcludes(AGE_KEY_FILE.name()));
            }
        }
        Ok(Self {
            ssh_key_paths: ssh_key_paths?.into_iter().map(PathBuf::from).collect(),
            gnupg_home: gnupg_home?.map(PathBuf::from),
            age_key_file: age_key_file?.map(PathBuf::from),
            age_ssh_key_paths: age_ssh_key_paths?.into_iter().map(PathBuf::from).collect(),
        })
    }
}

/// Secrets or templates, and the objects of the document that they were read from.
struct Declared<'d, T> {
    items: Vec<T>,
    sources: Vec<&'d JsonValue<'d>>,
}

impl<'d, T> Declared<'d, T> {
    /// Those that are good, and whether all are.
    fn read(
        values: &'d [JsonValue<'d>],
        mut read: impl FnMut(&'d JsonValue<'d>, usize) -> Result<T, Reported>,
    ) -> (Self, Result<(), Reported>) {
        let mut sources = Vec::with_capacity(values.len());
        let (items, complete) = good(values.iter().zip(1..).map(|(source, number)| {
            let item = read(source, number)?;
            sources.push(source);
            Ok(item)
        }));
        (Self { items, sources }, complete)
    }

    fn none() -> Self {
        Self { items: Vec::new(), sources: Vec::new() }
    }

    fn iter(&self) -> impl Iterator<Item = (&T, &'d JsonValue<'d>)> {
        self.items.iter().zip(self.sources.iter().copied())
    }

    fn files(&self, subject: fn(String) -> Subject, entry: fn(&T) -> &Entry) -> impl Iterator<Item = NamedEntry<'_>> {
        self.iter().map(move |(item, source)| NamedEntry { subject, entry: entry(item), source })
    }
}

/// A file to install, and what it is called in messages.
struct NamedEntry<'d> {
    subject: fn(String) -> Subject,
    entry: &'d Entry,
    source: &'d JsonValue<'d>,
}

impl NamedEntry<'_> {
    fn subject(&self) -> Subject {
        (self.subject)(self.entry.name().to_string())
    }
}

fn read_secrets<'d>(
    document: &mut Fields<'d, '_>,
    generation: &GenerationPlace,
    runtime: Option<RuntimeDirectory<'_>>,
) -> (Declared<'d, Secret>, Result<(), Reported>) {
    let values = match document.list(&SECRETS) {
        Ok(values) => values,
        Err(reported) => return (Declared::none(), Err(reported)),
    };
    let mut last = None;
    Declared::read(values, |source, number| {
        let mut fields = Fields::new(source, "the secret", Subject::NthSecret(number), document.problems())?;
        Secret::read(&mut fields, generation, runtime, &mut last)
    })
}

fn read_templates<'d>(
    document: &mut Fields<'d, '_>,
    values: Result<&'d [JsonValue<'d>], Reported>,
    generation: &GenerationPlace,
    runtime: Option<RuntimeDirectory<'_>>,
    placeholders: Option<&Placeholders>,
) -> (Declared<'d, Template>, Result<(), Reported>) {
    let values = match values {
        Ok([]) => return (Declared::none(), Ok(())),
        Ok(values) => values,
        Err(reported) => return (Declared::none(), Err(reported)),
    };
    let directory = match generation.join(RENDERED) {
        Ok(directory) => directory,
        Err(error) => return (Declared::none(), Err(document.report_field(&places::SYMLINK_PATH, error))),
    };
    Declared::read(values, |source, number| {
        let mut fields = Fields::new(source, "the template", Subject::NthTemplate(number), document.problems())?;
        Template::read(&mut fields, &directory, runtime, placeholders)
    })
}

fn store_path(
    document: &mut Fields<'_, '_>,
    field: &'static Field,
    runtime: Option<RuntimeDirectory<'_>>,
) -> Result<AbsolutePath, Reported> {
    let path = document.path(field, runtime);
    document.required(field, path)
}

/// Reports each name that is that of an earlier file or inside that of another one.
fn check_names<'d>(document: &mut Fields<'_, '_>, kind: &'static str, files: impl Iterator<Item = NamedEntry<'d>>) {
    let files: Vec<_> = files.collect();
    for clash in clashes(files.iter().map(|file| file.entry.name().as_str())) {
        if let (Some(outer), Some(inner)) = (files.get(clash.outer), files.get(clash.inner)) {
            let error = if outer.entry.name() == inner.entry.name() {
                Error::SameName(kind)
            } else {
                Error::NestedName { kind, outer: outer.entry.name().to_string() }
            };
            document.problems().report(inner.source.place(secret::NAME.name()), inner.subject(), error);
        }
    }
}

/// Reports each secret that would be among the templates.
fn check_rendered(document: &mut Fields<'_, '_>, secrets: &Declared<'_, Secret>) {
    for (item, source) in secrets.iter() {
        if item.name().components().next() == Some(RENDERED) {
            let subject = Subject::Secret(item.name().to_string());
            document.problems().report(source.place(secret::NAME.name()), subject, Error::Rendered);
        }
    }
}

/// Reports each secret that gives its sops file another format than the first one did.
fn check_formats(document: &mut Fields<'_, '_>, secrets: &Declared<'_, Secret>) {
    let mut first: HashMap<&Path, &Secret> = HashMap::new();
    for (item, source) in secrets.iter() {
        let other = *first.entry(item.sops_file()).or_insert(item);
        if other.format() != item.format() {
            let error = Error::TwoFormats {
                file: item.sops_file().display().to_string(),
                format: item.format().as_str(),
                other_format: other.format().as_str(),
                other: other.name().to_string(),
            };
            let subject = Subject::Secret(item.name().to_string());
            document.problems().report(source.place(secret::FORMAT.name()), subject, error);
        }
    }
}

/// Reports each secret that would be the same credential as an earlier one.
fn check_credentials(document: &mut Fields<'_, '_>, secrets: &Declared<'_, Secret>) {
    let mut first = HashMap::new();
    for (item, source) in secrets.iter() {
        let Some(credential) = item.credential() else {
            continue;
        };
        let other = *first.entry(credential).or_insert(item.name());
        // For secrets with the same name, the name is reported instead.
        if other != item.name() {
            let error = Error::SameCredential { credential: credential.to_string(), other: other.to_string() };
            document.problems().report(
                source.place(secret::CREDENTIAL.name()),
                Subject::Secret(item.name().to_string()),
                error,
            );
        }
    }
}

/// Reports each link that is in the way of something else.
fn check_links(
    document: &mut Fields<'_, '_>,
    mount_point: &AbsolutePath,
    symlink: &AbsolutePath,
    files: &[NamedEntry<'_>],
) {
    let mut taken: Vec<(&NamedEntry<'_>, &AbsolutePath, Taken)> = Vec::with_capacity(files.len());
    for file in files {
        taken.push((file, file.entry.place().path(), Taken::ByFile));
        if let Some(link) = file.entry.link().map(LinkPlace::path) {
            match in_the_store(link, mount_point, symlink) {
                None => taken.push((file, link, Taken::ByLink)),
                Some(error) => {
                    document.problems().report(file.source.place(entry::PATH.name()), file.subject(), error);
                }
            }
        }
    }
    let mut around = HashSet::new();
    for clash in clashes(taken.iter().map(|(_, path, _)| path.as_str())) {
        let (Some(outer), Some(inner)) = (taken.get(clash.outer), taken.get(clash.inner)) else {
            continue;
        };
        let ((outer_file, outer_path, outer_taken), (inner_file, inner_path, inner_taken)) = (outer, inner);
        let (file, error) = match (outer_taken, inner_taken) {
            // Their names clash too, which has been reported.
            (Taken::ByFile, Taken::ByFile) => continue,
            (_, Taken::ByLink) if outer_path == inner_path => {
                (inner_file, Error::SamePath { path: inner_path.to_string(), other: outer_file.subject() })
            }
            (Taken::ByLink, _) if outer_path == inner_path => {
                (outer_file, Error::SamePath { path: outer_path.to_string(), other: inner_file.subject() })
            }
            (_, Taken::ByLink) => {
                let (path, outer) = (inner_path.to_string(), outer_path.to_string());
                (inner_file, Error::PathInside { path, outer, other: outer_file.subject() })
            }
            // One link in the way of many files is one problem.
            (Taken::ByLink, Taken::ByFile) if !around.insert(clash.outer) => continue,
            (Taken::ByLink, Taken::ByFile) => {
                let (path, inner) = (outer_path.to_string(), inner_path.to_string());
                (outer_file, Error::PathAround { path, inner, other: inner_file.subject() })
            }
        };
        document.problems().report(file.source.place(entry::PATH.name()), file.subject(), error);
    }
}

/// Reports each link at the path of a file that is read to install it. Where that is itself a link, it would give way, and the
/// next run would find no key.
fn check_inputs(document: &mut Fields<'_, '_>, inputs: &HashSet<&Path>, files: &[NamedEntry<'_>]) {
    for file in files {
        if let Some(link) = file.entry.link().map(LinkPlace::path).filter(|link| inputs.contains(link.as_path())) {
            let error = Error::PathOfInput { path: link.to_string() };
            document.problems().report(file.source.place(entry::PATH.name()), file.subject(), error);
        }
    }
}

/// What is at a path.
#[derive(Clone, Copy)]
enum Taken {
    ByFile,
    ByLink,
}

/// Why a link cannot be where the generations are, or the way to them.
fn in_the_store(link: &AbsolutePath, mount_point: &AbsolutePath, symlink: &AbsolutePath) -> Option<Error> {
    let path = link.to_string();
    for (field, place) in [(places::SYMLINK_PATH.name(), symlink), (places::SECRETS_MOUNT_POINT.name(), mount_point)] {
        if link.holds(place) {
            return Some(Error::PathAroundStore { path, field, place: place.to_string() });
        }
    }
    mount_point.holds(link).then(|| Error::PathInMountPoint { path, place: mount_point.to_string() })
}

/// The manifest as a whole.
pub static MANIFEST: Object = Object::new(
    "manifest",
    "The document is one object. Of a field that is there twice, the last one counts; null is the same as absent. \
              Names of fields are read without regard to case, and names that begin with an underscore are free for notes.",
    &[
        &places::SECRETS_MOUNT_POINT,
        &places::SYMLINK_PATH,
        &KEEP_GENERATIONS,
        &SECRETS,
        &TEMPLATES,
        &placeholder::PLACEHOLDER_BY_SECRET_NAME,
        &AGE_KEY_FILE,
        &AGE_SSH_KEY_PATHS,
        &GNUPG_HOME,
        &SSH_KEY_PATHS,
        &USE_TMPFS,
        &USER_MODE,
        &LOGGING,
        &SCHEMA,
    ],
);
/// The field `logging`.
static LOGGING_FIELDS: Object = Object::new(
    "logging",
    "What an installation says about itself, besides warnings and failures.",
    &[&KEY_IMPORT, &SECRET_CHANGES],
);
static KEEP_GENERATIONS: Field = field(
    "keepGenerations",
    FieldKind::Integer { most: u64::MAX, range: "a whole number, 0 to keep every generation" },
    number("1"),
    "How many generations stay, the active one included; 0 keeps all of them. (For sops-nix, an absent field is a 0.)",
);
static SECRETS: Field = field(
    "secrets",
    FieldKind::Objects(&secret::SECRET),
    EMPTY_LIST,
    "The secrets to install. What an earlier manifest with the same places installed and this one does not name is removed.",
);
pub(crate) static TEMPLATES: Field = field(
    "templates",
    FieldKind::Objects(&template::TEMPLATE),
    EMPTY_LIST,
    "The texts with secrets in them to install.",
);
static AGE_KEY_FILE: Field = field(
    "ageKeyFile",
    FieldKind::Text,
    Absent::Nothing,
    "A file of age identities, one a line. The empty text is the same as absent. %d at the beginning stands for the directory \
     in CREDENTIALS_DIRECTORY.",
);
static AGE_SSH_KEY_PATHS: Field = field(
    "ageSshKeyPaths",
    FieldKind::Texts,
    EMPTY_LIST,
    "SSH private keys that open age recipients, such as /etc/ssh/ssh_host_ed25519_key. %d counts as in ageKeyFile.",
);
static GNUPG_HOME: Field = field(
    "gnupgHome",
    FieldKind::Text,
    Absent::Nothing,
    "The directory of GnuPG's keys. The empty text is the same as absent. It excludes sshKeyPaths and ageKeyFile.",
);
static SSH_KEY_PATHS: Field = field(
    "sshKeyPaths",
    FieldKind::Texts,
    EMPTY_LIST,
    "SSH private keys of the type RSA that open PGP recipients. %d counts as in ageKeyFile.",
);
static USE_TMPFS: Field = field(
    "useTmpfs",
    FieldKind::Bool,
    FALSE,
    "Whether to mount a tmpfs, which can be swapped out, instead of a ramfs, which cannot.",
);
static USER_MODE: Field = field(
    "userMode",
    FieldKind::Bool,
    FALSE,
    "Whether the secrets are those of a user: nothing is mounted, and all belongs to the user.",
);
static LOGGING: Field =
    field("logging", FieldKind::Object(&LOGGING_FIELDS), EMPTY_OBJECT, "What to say during an installation.");
static SCHEMA: Field = our_field(
    "$schema",
    FieldKind::Unread,
    Absent::Nothing,
    "Where an editor finds the JSON schema of this document. An installation does not read it.",
);
static KEY_IMPORT: Field =
    field("keyImport", FieldKind::Bool, FALSE, "Whether to print each key that is used, without its private part.");
static SECRET_CHANGES: Field = field(
    "secretChanges",
    FieldKind::Bool,
    FALSE,
    "Whether to print the names of secrets and templates that are new, changed or gone.",
);
