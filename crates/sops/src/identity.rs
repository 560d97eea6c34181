//! Identities: the private keys of this host, and what each can open.

use std::fmt;

pub(crate) mod age;
pub(crate) mod failure;
pub(crate) mod gpg;
pub(crate) mod hybrid;
pub(crate) mod openpgp;
pub(crate) mod plugin;
pub(crate) mod recipient;
pub(crate) mod ssh;
#[cfg(test)]
mod wycheproof;
pub(crate) mod x25519;

use ::age::DecryptError;
use ::age_core::format::{FileKey, Stanza};
use ::age_core::primitives::bech32_decode;
use bech32::Hrp;
use go_yaml::BYTE_ORDER_MARK;
use zeroize::{Zeroize, Zeroizing};

use self::age::{Line, is_age_file};
use self::failure::IdentityFailure;
pub use self::gpg::Gpg;
pub use self::plugin::Plugins;
use self::plugin::{Answers, PluginIdentity};

/// The private keys of this host. They are wiped on drop, and there is deliberately no `Debug`.
///
/// This crate opens no key files: the caller gives their content and says where it came from. One bad key spoils no
/// other, but for identities of one plugin: they are used together, and the plugin refuses all if it refuses one.
#[derive(Default)]
pub struct Identities {
    loaded: Vec<Loaded>,
    unusable: Vec<String>,
    plugins: Plugins,
    gpg: Option<gpg::Program>,
}

/// The kinds of identities of age that need no program, the one to encrypt to first.
static AGE_KINDS: [AgeKind; 2] = [x25519::KIND, hybrid::KIND];

/// An identity of age that needs no program, behind its recipient.
type AgeIdentity = (String, Box<dyn ::age::Identity>);

/// A kind of identity of age that needs no program.
pub(crate) struct AgeKind {
    /// What the text of an identity starts with.
    prefix: &'static str,
    /// What stands before the last `1` of a recipient.
    recipient: &'static str,
    /// What its stanzas are called.
    stanza: &'static str,
    /// Reads the text of an identity.
    parse: fn(&str) -> Result<AgeIdentity, KeyProblem>,
}

/// One private key.
pub(crate) struct Loaded {
    /// Where it came from, usually a path.
    pub(crate) origin: String,
    /// The public keys that belong to it, the one to encrypt to first.
    pub(crate) public: Vec<String>,
    /// How it opens a data key.
    pub(crate) kind: IdentityKind,
}

/// The identities of one plugin.
pub(crate) struct Plugin<'a> {
    program: String,
    /// With their places among all identities.
    pub(crate) members: Vec<(usize, &'a PluginIdentity)>,
}

/// The ways in which an identity opens a data key.
pub(crate) enum IdentityKind {
    /// As one or two identities of age that need no program.
    Age(Vec<Box<dyn ::age::Identity>>),
    /// As an OpenPGP key in memory.
    OpenPgp(Box<openpgp::SecretKey>),
    /// As an identity of age, with the help of a program.
    Plugin(PluginIdentity),
}

impl Identities {
    /// No identity at all.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is an identity that a plugin of age uses.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        self.loaded.iter().any(|loaded| matches!(loaded.kind, IdentityKind::Plugin(_)))
    }

    /// Adds the identities of an age key file, one a line, beside empty lines and comments. What is wrong with a line is
    /// returned; the other lines count.
    #[must_use]
    pub fn add_age_key_file(&mut self, origin: &str, content: &[u8]) -> Vec<IdentityError> {
        self.add_age_keys(origin, content, |line| vec![line])
    }

    /// The same for the text of a variable, `SOPS_AGE_KEY`: there a line may hold several identities, with blanks between.
    #[must_use]
    pub fn add_age_key_variable(&mut self, name: &str, content: &[u8]) -> Vec<IdentityError> {
        self.add_age_keys(name, content, |line| {
            if line.trim_start().starts_with('#') { vec![line] } else { line.split_whitespace().collect() }
        })
    }

    fn add_age_keys(&mut self, origin: &str, content: &[u8], parts: impl Fn(&str) -> Vec<&str>) -> Vec<IdentityError> {
        let error = |line, problem| IdentityError { origin: origin.to_owned(), line, problem };
        if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
            return vec![error(None, KeyProblem::Utf16)];
        }
        // Editors of Windows write the mark, and nothing shows it.
        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        let text = content.trim_ascii_start();
        if is_age_file(text) {
            return vec![error(None, KeyProblem::Encrypted)];
        }
        if text.starts_with(b"-----BEGIN ") {
            return vec![error(None, KeyProblem::SshKey)];
        }
        let mut errors = Vec::new();
        let before = self.loaded.len();
        for (number, line) in (1..).zip(content.split(|byte| *byte == b'\n')) {
            let Ok(line) = std::str::from_utf8(line) else {
                errors.push(error(Some(number), KeyProblem::UnknownLine));
                continue;
            };
            for part in parts(line) {
                match Line::parse(part) {
                    Ok(Line::Nothing) => {}
                    Ok(Line::Identity(recipient, identity)) => {
                        self.add(origin, vec![recipient], IdentityKind::Age(vec![identity]));
                    }
                    Ok(Line::Plugin(identity)) => {
                        self.add(origin, vec![identity.program()], IdentityKind::Plugin(identity));
                    }
                    Err(problem) => {
                        let error = error(Some(number), problem);
                        // Of several words of one line, what holds for all is said once.
                        if errors.last() != Some(&error) {
                            errors.push(error);
                        }
                    }
                }
            }
        }
        if errors.is_empty() && self.loaded.len() == before {
            errors.push(error(None, KeyProblem::Empty));
        }
        errors
    }

    /// Adds an SSH private key that has no passphrase. An ed25519 key opens what is encrypted to it as well as what is
    /// encrypted to the recipient that ssh-to-age derives from it; an RSA key opens what is encrypted to it.
    ///
    /// # Errors
    ///
    /// Where `content` is not such a key, says what it is instead.
    pub fn add_ssh_key(&mut self, origin: &str, content: &[u8]) -> Result<Imported, IdentityError> {
        let error = |problem| IdentityError { origin: origin.to_owned(), line: None, problem };
        let (public, keys): (_, Vec<Box<dyn ::age::Identity>>) = match ssh::PrivateKey::parse(content).map_err(error)? {
            ssh::PrivateKey::Ed25519(key) => {
                let derived = key.derived();
                (vec![derived.recipient(), key.public()], vec![Box::new(derived), Box::new(key)])
            }
            ssh::PrivateKey::Rsa(key) => (vec![key.public()], vec![key]),
        };
        let recipient = public.first().cloned().unwrap_or_default();
        self.add(origin, public, IdentityKind::Age(keys));
        Ok(Imported { recipient })
    }

    /// Adds an SSH private key of RSA as the OpenPGP key that ssh-to-pgp makes of it. Gives its fingerprint, forty lower-case
    /// hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Where `content` is not such a key, says what it is instead.
    pub fn add_openpgp_ssh_key(&mut self, origin: &str, content: &[u8]) -> Result<String, IdentityError> {
        let error = |problem| IdentityError { origin: origin.to_owned(), line: None, problem };
        let key = match ssh::PrivateKey::parse(content).map_err(error)? {
            ssh::PrivateKey::Rsa(key) => openpgp::SecretKey::new(key.into_key()).map_err(error)?,
            ssh::PrivateKey::Ed25519(_) => return Err(error(KeyProblem::NotRsa)),
        };
        let fingerprint = key.fingerprint();
        self.add(origin, vec![fingerprint.to_uppercase()], IdentityKind::OpenPgp(Box::new(key)));
        Ok(fingerprint)
    }

    /// Lets the GnuPG program be asked, once for each data key that nothing in memory opens.
    pub fn set_gpg(&mut self, gpg: Gpg) {
        self.gpg = Some(gpg::Program::new(gpg));
    }

    /// Stops what GnuPG started, and removes what was made for it. For the moment when all files are decrypted; dropping does
    /// the same. Until then signals that end this process are postponed, if GnuPG was run.
    pub fn close(&self) {
        if let Some(gpg) = &self.gpg {
            gpg.close();
        }
    }

    /// Says where plugins are. Without it none is found.
    pub fn set_plugins(&mut self, plugins: Plugins) {
        self.plugins = plugins;
    }

    /// Names a key of this host that cannot be used, with the reason in parentheses, for the message on a file that it might
    /// have opened.
    pub fn add_unusable(&mut self, key: String) {
        self.unusable.push(key);
    }

    fn add(&mut self, origin: &str, public: Vec<String>, kind: IdentityKind) {
        self.loaded.push(Loaded { origin: origin.to_owned(), public, kind });
    }

    /// What belongs to each identity and may be shown to everybody, in the order they were added.
    pub fn public(&self) -> impl Iterator<Item = PublicHalf<'_>> {
        self.loaded.iter().map(|loaded| {
            let names = loaded.public.as_slice();
            let is = match (&loaded.kind, names) {
                (IdentityKind::Plugin(_), [program]) => Public::Plugin(program),
                _ => Public::Names(names),
            };
            PublicHalf { origin: &loaded.origin, is }
        })
    }

    /// Whether one of them is the recipient of this name.
    pub(crate) fn are_named(&self, recipient: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded.is_named(recipient))
    }

    /// Whether one of them came from there.
    #[must_use]
    pub fn has_origin(&self, origin: &str) -> bool {
        self.loaded.iter().any(|loaded| loaded.origin == origin)
    }

    pub(crate) fn loaded(&self) -> &[Loaded] {
        &self.loaded
    }

    pub(crate) fn unusable(&self) -> &[String] {
        &self.unusable
    }

    pub(crate) fn plugins(&self) -> &Plugins {
        &self.plugins
    }

    /// The identities of each plugin, in the order they were added.
    pub(crate) fn by_plugin(&self) -> Vec<Plugin<'_>> {
        let mut plugins: Vec<Plugin<'_>> = Vec::new();
        for (place, loaded) in self.loaded.iter().enumerate() {
            let IdentityKind::Plugin(identity) = &loaded.kind else { continue };
            let program = identity.program();
            match plugins.iter_mut().find(|plugin| plugin.program == program) {
                Some(plugin) => plugin.members.push((place, identity)),
                None => plugins.push(Plugin { program, members: vec![(place, identity)] }),
            }
        }
        plugins
    }

    pub(crate) fn gpg(&self) -> Option<&gpg::Program> {
        self.gpg.as_ref()
    }
}

impl AgeKind {
    /// That of a recipient, with its place among [`AGE_KINDS`].
    pub(crate) fn of(recipient: &str) -> Option<(usize, &'static Self)> {
        let (name, _) = recipient.rsplit_once('1')?;
        AGE_KINDS.iter().enumerate().find(|(_, kind)| kind.recipient == name)
    }
}

impl Loaded {
    /// Whether it is the recipient of this name; SSH keys may have a comment behind them.
    pub(crate) fn is_named(&self, recipient: &str) -> bool {
        self.public.iter().any(|public| recipient.starts_with(public.as_str()))
    }
}

impl Plugin<'_> {
    /// Runs the plugin once for all of `headers`, which belong to that many `files`.
    pub(crate) fn ask(&self, headers: &[Vec<Stanza>], files: usize, plugins: &Plugins) -> Answers {
        let identities: Vec<_> = self.members.iter().map(|&(_, identity)| identity).collect();
        plugin::ask(&self.program, &identities, headers, files, plugins)
    }

    /// Why the identities did not open a header, as far as it is known, with their places among all identities.
    pub(crate) fn failures(&self, answers: &Answers, header: usize) -> Vec<(usize, IdentityFailure)> {
        let failure = |(number, &(place, _))| Some((place, answers.failure(number, header)?));
        self.members.iter().enumerate().filter_map(failure).collect()
    }
}

/// The secret in the text of an identity that begins with a name.
fn secret(text: &str, name: Hrp) -> Result<Zeroizing<[u8; 32]>, KeyProblem> {
    bech32_decode(
        text,
        |_error| KeyProblem::Mistyped,
        |found| if found == name { Ok(()) } else { Err(KeyProblem::Mistyped) },
        |_, bytes| {
            let mut secret = Zeroizing::new([0; 32]);
            if bytes.len() != secret.len() {
                return Err(KeyProblem::Mistyped);
            }
            secret.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
            Ok(secret)
        },
    )
}

/// The file key that stood in a stanza, wiped where it was.
fn file_key(mut bytes: Vec<u8>) -> Result<FileKey, DecryptError> {
    let key = FileKey::try_init_with_mut(|key| {
        if bytes.len() != key.len() {
            return Err(DecryptError::DecryptionFailed);
        }
        key.copy_from_slice(&bytes);
        Ok(())
    });
    bytes.zeroize();
    key
}

/// What stands before and behind the first occurrence of `separator`.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(separator.len()).position(|window| window == separator)?;
    let (before, behind) = text.split_at_checked(at)?;
    Some((before, behind.strip_prefix(separator)?))
}

/// What may be shown of an identity.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublicHalf<'a> {
    /// Where the identity came from, as it was given with its content.
    pub origin: &'a str,
    /// What others know it by.
    pub is: Public<'a>,
}

/// What others know an identity by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Public<'a> {
    /// What to encrypt to, the one to prefer first: `age1...`, `ssh-ed25519 ...`, `ssh-rsa ...`, or the fingerprint of an OpenPGP
    /// key.
    Names(&'a [String]),
    /// The program of a plugin, which alone can tell.
    Plugin(&'a str),
}

/// What became of an SSH key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Imported {
    recipient: String,
}

impl Imported {
    /// What to encrypt to for this key: `age1...` for an ed25519 key, `ssh-rsa ...` for an RSA key.
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }
}

/// A key that cannot be used: where it stands, and why. No part of the key is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityError {
    origin: String,
    line: Option<usize>,
    problem: KeyProblem,
}

impl IdentityError {
    /// Where the key came from, as it was given with its content.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The line in an age key file, counted from 1, if a single line is wrong.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Why it cannot be used.
    #[must_use]
    pub fn problem(&self) -> &KeyProblem {
        &self.problem
    }
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.origin)?;
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        self.problem.fmt(formatter)
    }
}

impl std::error::Error for IdentityError {}

/// Why a key cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyProblem {
    /// Nothing, or nothing but comments.
    #[error("it holds no key")]
    Empty,
    /// Text of another kind where an SSH key should be.
    #[error("it holds no SSH private key")]
    NoKey,
    /// An encoding that no key file has.
    #[error("it is in UTF-16, as a shell of Windows writes it")]
    Utf16,
    /// A line of an age key file that is not an identity.
    #[error("not an age identity; one starts with {} or AGE-PLUGIN-", AGE_KINDS.each_ref().map(|kind| kind.prefix).join(", "))]
    UnknownLine,
    /// A character of an age identity is wrong, or some are missing.
    #[error("the age identity is mistyped or truncated")]
    Mistyped,
    /// An SSH key with a passphrase.
    #[error("it is protected by a passphrase, which cannot be typed here")]
    Passphrase,
    /// A file of age identities that is an age file itself.
    #[error("it is encrypted itself")]
    Encrypted,
    /// An SSH key where age identities should be.
    #[error("it is a PEM file and no age key file")]
    SshKey,
    /// An age identity where an SSH key should be.
    #[error("it is an age key file and no SSH key")]
    AgeIdentity,
    /// The public half only.
    #[error("it is a public key or certificate; the private key is needed")]
    PublicKey,
    /// The private half is in a device.
    #[error("its private half is in a security key, which cannot decrypt")]
    SecurityKey,
    /// A kind of key that only signs, or is unknown.
    #[error("{0} keys cannot decrypt")]
    Unusable(String),
    /// Only RSA keys have a form in OpenPGP that sops uses.
    #[error("only RSA keys can be used as OpenPGP keys")]
    NotRsa,
    /// The form of another program.
    #[error("it is in PuTTY's format")]
    Putty,
    /// The right kind of file, but not intact; or a key beyond the limits. Says what was found.
    #[error("the private key cannot be read: {0}")]
    Damaged(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE_1: &str = "age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr";

    fn publics(identities: &Identities) -> Vec<&str> {
        identities.loaded().iter().map(|loaded| loaded.public[0].as_str()).collect()
    }

    #[test]
    fn a_bad_line_spoils_no_other() {
        let file = include_str!("../../../tests/corpus/keys/age-1.txt");
        let mixed = format!("garbage\n{file}\n\n  # more\nssh-ed25519 AAAA\n\u{e4}\nAGE-SECRET-KEY-1QQQ\r\n");
        let mut identities = Identities::new();
        let errors = identities.add_age_key_file("/keys.txt", &[mixed.as_bytes(), b"\xff\n"].concat());
        assert_eq!(publics(&identities), [AGE_1]);
        let lines: Vec<_> = errors.iter().map(|error| (error.line(), error.problem().clone())).collect();
        assert_eq!(
            lines,
            [
                (Some(1), KeyProblem::UnknownLine),
                (Some(7), KeyProblem::UnknownLine),
                (Some(8), KeyProblem::UnknownLine),
                (Some(9), KeyProblem::Mistyped),
                (Some(10), KeyProblem::UnknownLine),
            ]
        );
        assert_eq!(errors[3].to_string(), "/keys.txt: line 9: the age identity is mistyped or truncated");
    }

    #[test]
    fn key_files_are_read_whatever_their_line_ends() {
        for (file, count) in [
            (&include_bytes!("../../../tests/corpus/keys/age-1.txt")[..], 1),
            (include_bytes!("../../../tests/corpus/keys/age-1-crlf.txt"), 1),
            (include_bytes!("../../../tests/corpus/keys/age-1-and-2.txt"), 2),
            (include_bytes!("../../../tests/corpus/keys/age-1.txt").trim_ascii_end(), 1),
        ] {
            let mut identities = Identities::new();
            assert_eq!(identities.add_age_key_file("keys.txt", file), []);
            assert_eq!(publics(&identities).len(), count);
            assert_eq!(publics(&identities)[0], AGE_1);
        }
    }

    #[test]
    fn a_byte_order_mark_in_front_of_a_key_does_not_matter_and_utf_16_is_named() {
        let file = include_str!("../../../tests/corpus/keys/age-1.txt");
        let key = file.lines().find(|line| line.starts_with("AGE-")).unwrap();
        for content in [format!("\u{feff}{key}"), format!("\u{feff}{file}")] {
            let mut identities = Identities::new();
            assert_eq!(identities.add_age_key_file("keys.txt", content.as_bytes()), []);
            assert_eq!(publics(&identities), [AGE_1]);
        }
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let content: Vec<u8> = format!("\u{feff}{file}").encode_utf16().flat_map(order).collect();
            let errors = Identities::new().add_age_key_file("keys.txt", &content);
            assert_eq!(errors.iter().map(IdentityError::problem).collect::<Vec<_>>(), [&KeyProblem::Utf16]);
        }
    }

    #[test]
    fn a_variable_may_hold_several_identities_in_a_line() {
        let file = include_str!("../../../tests/corpus/keys/age-1-and-2.txt");
        let keys: Vec<_> = file.lines().filter(|line| line.starts_with("AGE-")).collect();
        let mut identities = Identities::new();
        let text = format!("# two keys here\n  {}\t{} \nwrong {}\n", keys[0], keys[1], keys[0]);
        let errors = identities.add_age_key_variable("SOPS_AGE_KEY", text.as_bytes());
        assert_eq!(
            errors.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("SOPS_AGE_KEY: line 3: {}", KeyProblem::UnknownLine)]
        );
        assert_eq!(publics(&identities).len(), 3);
        // What is wrong with each word of a line is said once.
        let errors = Identities::new().add_age_key_variable("SOPS_AGE_KEY", b"two words\nand more");
        assert_eq!(errors.iter().map(IdentityError::line).collect::<Vec<_>>(), [Some(1), Some(2)]);
        let mut identities = Identities::new();
        assert_eq!(identities.add_age_key_file("keys.txt", format!("{} {}", keys[0], keys[1]).as_bytes()).len(), 1);
    }

    #[test]
    fn files_of_another_kind_say_so() {
        let encrypted = "age-encryption.org/v1\n-> scrypt AAAA 18\n";
        for (file, problem) in [
            ("", KeyProblem::Empty),
            ("# only a comment\n\n", KeyProblem::Empty),
            (encrypted, KeyProblem::Encrypted),
            ("\n-----BEGIN AGE ENCRYPTED FILE-----\n", KeyProblem::Encrypted),
            (include_str!("../../../tests/corpus/keys/ssh-ed25519"), KeyProblem::SshKey),
        ] {
            let mut identities = Identities::new();
            let errors = identities.add_age_key_file("keys.txt", file.as_bytes());
            assert_eq!(
                errors.iter().map(|error| (error.line(), error.problem())).collect::<Vec<_>>(),
                [(None, &problem)]
            );
            assert!(identities.loaded.is_empty());
        }
    }

    #[test]
    fn an_ssh_key_tells_what_to_encrypt_to() {
        let mut identities = Identities::new();
        let imported =
            identities.add_ssh_key("/key", include_bytes!("../../../tests/corpus/keys/ssh-ed25519")).unwrap();
        let derived =
            ssh_to_age::convert::ssh_public_key_to_age(include_str!("../../../tests/corpus/keys/ssh-ed25519.pub"))
                .unwrap();
        assert_eq!(imported.recipient(), derived);
        let imported = identities.add_ssh_key("/key", include_bytes!("../../../tests/corpus/keys/ssh-rsa")).unwrap();
        assert!(imported.recipient().starts_with("ssh-rsa AAAA"));
        let error = identities.add_ssh_key("/key", b"").unwrap_err();
        assert_eq!((error.origin(), error.to_string().as_str()), ("/key", "/key: it holds no key"));
    }

    #[test]
    fn only_rsa_keys_are_openpgp_keys() {
        let mut identities = Identities::new();
        let fingerprint =
            identities.add_openpgp_ssh_key("/key", include_bytes!("../../../tests/corpus/keys/ssh-rsa-pkcs1"));
        assert_eq!(fingerprint.as_deref(), Ok("4d90cb1e7ae375b0e0fe6dd795290d727daf2cce"));
        let error = identities
            .add_openpgp_ssh_key("/key", include_bytes!("../../../tests/corpus/keys/ssh-ed25519"))
            .unwrap_err();
        assert_eq!(*error.problem(), KeyProblem::NotRsa);
    }
}
