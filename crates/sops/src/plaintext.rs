//! Bytes that came out of a decryption, wiped when they go.

use std::hint::black_box;
use std::ops::Range;
use std::rc::Rc;

/// Decrypted bytes, or bytes that stand where decrypted ones may stand. They are wiped on drop, and there is
/// deliberately no `Debug`, `Display` or `Clone`.
pub struct Plaintext {
    whole: Rc<Bytes>,
    /// Which part of the whole it is. Invariant: the part is in the whole.
    part: Range<usize>,
}

/// What is wiped when the last of those that share it goes.
struct Bytes(Vec<u8>);

impl Plaintext {
    /// Takes ownership of `bytes`; the vector itself is wiped later, nothing is copied.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        let part = 0..bytes.len();
        Self { whole: Rc::new(Bytes(bytes)), part }
    }

    /// The bytes, for as long as the plaintext lives.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.whole.0.get(self.part.clone()).unwrap_or_default()
    }

    /// The bytes as text, if they are UTF-8.
    pub(crate) fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The same bytes once more: an alias of YAML, or a secret that is a value of the file. Nothing is copied.
    pub(crate) fn duplicate(&self) -> Self {
        Self { whole: Rc::clone(&self.whole), part: self.part.clone() }
    }

    /// A part of these bytes, which stay until the last part goes. Nothing is copied. There is none if it is not in them.
    pub(crate) fn part(&self, part: Range<usize>) -> Option<Self> {
        self.as_bytes().get(part.clone())?;
        let place = |offset| self.part.start.checked_add(offset);
        Some(Self { whole: Rc::clone(&self.whole), part: place(part.start)?..place(part.end)? })
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
