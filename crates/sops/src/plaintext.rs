//! Bytes that came out of a decryption, wiped when they go.

use std::hint::black_box;
use std::rc::Rc;

/// Decrypted bytes, or bytes that stand where decrypted ones may stand. They are wiped on drop, and there is
/// deliberately no `Debug`, `Display` or `Clone`.
pub struct Plaintext(Rc<Bytes>);

/// What is wiped when the last of those that share it goes.
struct Bytes(Vec<u8>);

impl Plaintext {
    /// Takes ownership of `bytes`; the vector itself is wiped later, nothing is copied.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Rc::new(Bytes(bytes)))
    }

    /// The bytes, for as long as the plaintext lives.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0.0
    }

    /// The bytes as text, if they are UTF-8.
    pub(crate) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The same bytes once more: an alias of YAML, or a secret that is a value of the file. Nothing is copied.
    pub(crate) fn duplicate(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        // `zeroize` goes byte by byte, twice, which for a few megabytes takes longer than to decrypt them. What is behind the
        // length never was plaintext.
        self.0.fill(0);
        black_box(self.0.as_slice());
    }
}

impl From<&str> for Plaintext {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}
