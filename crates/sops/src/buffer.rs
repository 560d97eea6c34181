//! A place to write plaintext into.

use std::fmt;

use zeroize::Zeroizing;

use crate::plaintext::Plaintext;

/// Bytes that are being written. They are wiped on drop, and so is every smaller place that they outgrew.
#[derive(Default)]
pub(crate) struct Buffer(Zeroizing<Vec<u8>>);

impl Buffer {
    /// Adds bytes at the end.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            // A vector that grows by itself gives its old place back as it is.
            let room = self.0.capacity().saturating_mul(2).max(needed).max(SMALLEST);
            let mut larger = Zeroizing::new(Vec::with_capacity(room));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    /// Adds what a value prints, without a copy of it elsewhere.
    pub(crate) fn push_display(&mut self, value: impl fmt::Display) {
        match fmt::Write::write_fmt(self, format_args!("{value}")) {
            // Writing into memory does not fail, nor does any value that is printed here.
            Ok(()) | Err(fmt::Error) => {}
        }
    }

    /// Adds the same bytes several times.
    pub(crate) fn push_repeated(&mut self, bytes: &[u8], count: usize) {
        for _ in 0..count {
            self.push(bytes);
        }
    }

    /// What was written; nothing is copied.
    pub(crate) fn into_plaintext(mut self) -> Plaintext {
        Plaintext::new(std::mem::take(&mut *self.0))
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Most secrets fit, so that nothing grows.
const SMALLEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_comes_out_in_order() {
        let mut buffer = Buffer::default();
        for number in 0..1000 {
            buffer.push(b"n");
            buffer.push_display(number);
        }
        buffer.push_repeated(b"\t", 3);
        let expected = (0..1000).fold(String::new(), |text, number| text + "n" + &number.to_string());
        assert_eq!(buffer.into_plaintext().as_bytes(), (expected + "\t\t\t").as_bytes());
    }
}
