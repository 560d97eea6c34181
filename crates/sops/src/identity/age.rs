//! Files of age, and the text form of its identities.

use std::cell::RefCell;
use std::io::Read;

use age::DecryptError;
use age::armor::ArmoredReader;
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::{KeyProblem, hybrid, plugin};

/// The first line of an armored file.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// The largest header in bytes, which is room for some six hundred recipients, or forty post-quantum ones. The `age` crate
/// starts over at every line of a header, so the time it needs grows with the square of this.
const LARGEST_HEADER: usize = 64 * 1024;

/// What is wrong with an age file, or with the way an identity opened it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AgeProblem {
    /// The entry of a sops file is not armored.
    #[error("it is not an armored age file")]
    NotArmored,
    /// The armor is damaged.
    #[error("its armor is damaged")]
    Armor,
    /// The text is not that of an age file of version 1, or its header is damaged.
    #[error("its header is damaged, or it is no age file")]
    Header,
    /// Larger than any header that a person wants.
    #[error("its header has more than {LARGEST_HEADER} bytes")]
    HeaderTooLarge,
    /// A stanza is for the identity, and what it holds is not a file key.
    #[error("the recipient's stanza is damaged")]
    Stanza,
    /// The header was changed after it was written.
    #[error("its header does not match its MAC")]
    Mac,
    /// The payload was changed after it was written.
    #[error("its payload is damaged or truncated")]
    Payload,
    /// The only recipient is a passphrase.
    #[error("it is encrypted with a passphrase, and nobody is there to type it")]
    Passphrase,
    /// A plugin could not be used.
    #[error("{0}")]
    Plugin(String),
}

/// An age file without armor, whose header is of a sane size and well-formed.
pub(crate) struct File(Vec<u8>);

impl File {
    /// The entry of a sops file, which must be armored (sops-format.md section 6.2).
    pub(crate) fn from_entry(enc: &str) -> Result<Self, AgeProblem> {
        let text = enc.trim().as_bytes();
        if !text.starts_with(ARMOR) {
            return Err(AgeProblem::NotArmored);
        }
        Self::from_armor(text)
    }

    /// A file, armored or not.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, AgeProblem> {
        let trimmed = bytes.trim_ascii();
        if trimmed.starts_with(ARMOR) { Self::from_armor(trimmed) } else { Self::bounded(bytes.to_vec()) }
    }

    fn from_armor(text: &[u8]) -> Result<Self, AgeProblem> {
        let mut bytes = Vec::new();
        match ArmoredReader::new(text).read_to_end(&mut bytes) {
            Ok(_) => Self::bounded(bytes),
            // Its text says where base64 went wrong, which helps nobody.
            Err(_) => Err(AgeProblem::Armor),
        }
    }

    fn bounded(bytes: Vec<u8>) -> Result<Self, AgeProblem> {
        let start = bytes.get(..LARGEST_HEADER).unwrap_or(&bytes);
        if start.len() < bytes.len() && !start.windows(4).any(|window| window == b"\n---") {
            return Err(AgeProblem::HeaderTooLarge);
        }
        match age::Decryptor::new_buffered(bytes.as_slice()) {
            Ok(decryptor) if decryptor.is_scrypt() => Err(AgeProblem::Passphrase),
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(AgeProblem::Header),
        }
    }

    /// What is in the file, if `identity` is one of its recipients.
    pub(crate) fn open(&self, identity: &dyn age::Identity) -> Result<Option<Zeroizing<Vec<u8>>>, AgeProblem> {
        let problem = |error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => AgeProblem::Stanza,
            DecryptError::InvalidMac => AgeProblem::Mac,
            DecryptError::Io(error) => AgeProblem::Plugin(error.to_string()),
            _ => AgeProblem::Header,
        };
        let decryptor = match age::Decryptor::new_buffered(self.0.as_slice()) {
            Ok(decryptor) => decryptor,
            Err(error) => return Err(problem(error)),
        };
        let mut payload = match decryptor.decrypt(std::iter::once(identity)) {
            Ok(payload) => payload,
            Err(DecryptError::NoMatchingKeys) => return Ok(None),
            Err(error) => return Err(problem(error)),
        };
        // Large enough from the start: a vector that grows leaves copies of its content behind.
        let mut content = Zeroizing::new(Vec::with_capacity(self.0.len()));
        match payload.read_to_end(&mut content) {
            Ok(_) => Ok(Some(content)),
            Err(_) => Err(AgeProblem::Payload),
        }
    }

    /// The kinds of the recipients, and the tags that tell SSH keys apart.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let recorder = Recorder(RefCell::default());
        if let Ok(decryptor) = age::Decryptor::new_buffered(self.0.as_slice()) {
            let identity: &dyn age::Identity = &recorder;
            let none = decryptor.decrypt(std::iter::once(identity));
            debug_assert!(none.is_err(), "a recorder opens nothing");
        }
        recorder.0.into_inner()
    }
}

/// An identity that opens nothing and remembers what there was.
struct Recorder(RefCell<Vec<String>>);

impl age::Identity for Recorder {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let tag = stanza.args.first().filter(|_| stanza.tag.starts_with("ssh-"));
        // Every file has a stanza of nonsense, to keep readers tolerant.
        if !stanza.tag.ends_with("-grease") {
            let words = [Some(stanza.tag.as_str()), tag.map(String::as_str)];
            self.0.borrow_mut().push(words.into_iter().flatten().collect::<Vec<_>>().join(" "));
        }
        None
    }
}

/// A line of an age key file.
pub(crate) enum Line {
    /// Blank, or a comment.
    Nothing,
    /// The identity of an X25519 key, and its recipient.
    X25519(Box<age::x25519::Identity>, String),
    /// A post-quantum identity.
    Hybrid(Box<hybrid::Identity>),
    /// An identity for a plugin.
    Plugin(plugin::Identity),
}

impl Line {
    /// What `line` says. Blanks around it do not matter.
    pub(crate) fn parse(line: &str) -> Result<Self, KeyProblem> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        if line.starts_with("AGE-SECRET-KEY-1") {
            let identity = line.parse().map(Box::new).map_err(|_what: &str| KeyProblem::Mistyped)?;
            let recipient = age::x25519::Identity::to_public(&identity).to_string();
            return Ok(Self::X25519(identity, recipient));
        }
        if line.starts_with(hybrid::Identity::PREFIX) {
            return Ok(Self::Hybrid(Box::new(hybrid::Identity::parse(line)?)));
        }
        if line.starts_with(plugin::Identity::PREFIX) {
            return Ok(Self::Plugin(plugin::Identity::parse(line)?));
        }
        Err(KeyProblem::UnknownLine)
    }
}
