//! Files of age, and the text form of its identities.

use std::io::Read;

use age::DecryptError;
use age::armor::ArmoredReader;
use zeroize::Zeroizing;

use super::KeyProblem;

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

/// An age file without armor, whose header has a size that is worth reading.
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
        let ends = start.windows(4).any(|window| window == b"\n---");
        if ends {
            return Ok(Self(bytes));
        }
        Err(if start.len() < bytes.len() { AgeProblem::HeaderTooLarge } else { AgeProblem::Header })
    }

    /// What is in the file, if `identity` is one of its recipients.
    pub(crate) fn open(&self, identity: &dyn age::Identity) -> Result<Option<Zeroizing<Vec<u8>>>, AgeProblem> {
        let problem = |error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => AgeProblem::Stanza,
            DecryptError::InvalidMac => AgeProblem::Mac,
            DecryptError::ExcessiveWork { .. } => AgeProblem::Passphrase,
            DecryptError::Io(error) => AgeProblem::Plugin(error.to_string()),
            _ => AgeProblem::Header,
        };
        let decryptor = match age::Decryptor::new_buffered(self.0.as_slice()) {
            Ok(decryptor) if decryptor.is_scrypt() => return Err(AgeProblem::Passphrase),
            Ok(decryptor) => decryptor,
            Err(_) => return Err(AgeProblem::Header),
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
}

/// A line of an age key file.
pub(crate) enum Line {
    /// Blank, or a comment.
    Nothing,
    /// The identity of an X25519 key, and its recipient.
    X25519(Box<age::x25519::Identity>, String),
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
        Err(KeyProblem::UnknownLine)
    }
}
