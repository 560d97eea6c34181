//! Bytes that came out of a decryption, wiped when they go.

use std::hint::black_box;

/// Decrypted bytes, or bytes that stand where decrypted ones may stand. They are wiped on drop, and there is
/// deliberately no `Debug`, `Display` or `Clone`.
pub struct Plaintext(Vec<u8>);

impl Plaintext {
    /// Takes ownership of `bytes`; the vector itself is wiped later, nothing is copied.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for as long as the plaintext lives.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, if they are UTF-8.
    pub(crate) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// A second copy, wiped on its own: YAML aliases stand for the same value twice.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Drop for Plaintext {
    fn drop(&mut self) {
        // `zeroize` goes byte by byte, twice, which for a few megabytes takes longer than to decrypt them. The vector keeps its
        // place, since it has the capacity, and nobody can tell that the zeros are not read.
        self.0.clear();
        self.0.resize(self.0.capacity(), 0);
        black_box(self.0.as_slice());
    }
}

impl From<&str> for Plaintext {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}
