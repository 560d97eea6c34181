//! What can be wrong with a sops file.

use std::borrow::Cow;

use crate::datakey::{AgeFileError, NoDataKey};
use crate::lookup::LookupError;
use crate::mac::MacError;
use crate::metadata::MetadataError;
use crate::rules::pattern::UntranslatablePattern;
use crate::walk::WalkError;

/// Why a file gives no plaintext. No variant, and no source of one, holds decrypted bytes, a key or the MAC.
///
/// The name of the file is not known here: where a message ends in a command, its last word is `FILE` instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not of its format.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It could be of its format, but has what makes it a file of another one.
    #[error("it is no file of its format; it looks like {0}: set its format to {0}")]
    OtherFormat(&'static str),
    /// It has no metadata, or metadata that sops would not accept.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Nobody at hand can open it.
    #[error(transparent)]
    DataKey(#[from] NoDataKey),
    /// It is an age file that nobody at hand can open.
    #[error(transparent)]
    Age(#[from] AgeFileError),
    /// Only services in the network can open it.
    #[error(
        "only {0} can open it, which an activation does not ask; add an age recipient and run: sops updatekeys FILE"
    )]
    Remote(String),
    /// Its data key has an impossible length.
    #[error("its data key has {0} bytes, but AES takes 16, 24 or 32; encrypt the file again")]
    DataKeyLength(usize),
    /// Its rule cannot be applied.
    #[error(transparent)]
    Rule(#[from] UntranslatablePattern),
    /// One of its values cannot be decrypted.
    #[error(transparent)]
    Walk(#[from] WalkError),
    /// Its values are not those that its MAC was made for.
    #[error(transparent)]
    Mac(#[from] MacError),
    /// The key that was asked for leads to no text.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// Its format has no notation for what it holds.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// A text that is not of the declared format: where, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", position.map_or_else(String::new, |at| format!("line {}, column {}: ", at.line, at.column)))]
pub struct ParseError {
    /// Where the problem is; `None` where the format's reader cannot tell.
    pub position: Option<Position>,
    /// What is wrong, in our own words. It never quotes a value.
    pub problem: Cow<'static, str>,
}

impl ParseError {
    /// A problem at a byte of a text.
    pub(crate) fn at(text: &[u8], offset: usize, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { position: Some(Position::of(text, offset)), problem: problem.into() }
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
}

impl Position {
    /// What stands before it in its text.
    pub(crate) fn text_before(self, text: &[u8]) -> &[u8] {
        let lines = text.split_inclusive(|&byte| byte == b'\n').take(self.line.saturating_sub(1));
        let start = lines.map(<[u8]>::len).sum();
        let line = text.get(start..).unwrap_or_default();
        // Every character has exactly one byte that does not continue another.
        let mut characters = line.iter().enumerate().filter(|(_, byte)| *byte & 0b1100_0000 != 0b1000_0000);
        let within = characters.nth(self.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        text.get(..start.saturating_add(within)).unwrap_or(text)
    }

    /// Where a byte of a text stands.
    pub(crate) fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let lines = before.split(|&byte| byte == b'\n');
        let line = lines.clone().next_back().unwrap_or_default();
        // Every character has exactly one byte that does not continue another.
        let characters = line.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count();
        Self { line: lines.count(), column: characters.saturating_add(1) }
    }
}

/// A tree that a format cannot write.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// dotenv and INI have no notation for it.
    #[error("the key {key:?} holds a {kind}, which the format has no notation for; choose another format")]
    Complex {
        /// The key.
        key: String,
        /// `mapping` or `list`; in the place of an INI section, any other type.
        kind: &'static str,
    },
    /// JSON has no infinities and no not-a-number.
    #[error("JSON has no notation for a number that is infinite or not a number")]
    NotFinite,
    /// A binary file must hold its bytes in the string `data`.
    #[error("the file has no string named data, so it is not the encrypted form of a binary file; check its format")]
    NoData,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        for (text, offset, line, column) in [
            ("", 0, 1, 1),
            ("ab", 1, 1, 2),
            ("ab", 2, 1, 3),
            ("a\n", 2, 2, 1),
            ("a\nbc", 3, 2, 2),
            ("é日😀x", 9, 1, 4),
            ("ab", 9, 1, 3),
        ] {
            let position = Position::of(text.as_bytes(), offset);
            assert_eq!(position, Position { line, column }, "{text:?} {offset}");
            assert_eq!(
                position.text_before(text.as_bytes()),
                text.as_bytes().get(..offset).unwrap_or(text.as_bytes()),
                "{text:?} {offset}"
            );
        }
    }
}
