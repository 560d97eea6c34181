//! What can be wrong with a sops file.

use std::borrow::Cow;

use crate::datakey::{AgeFileError, NoDataKey};
use crate::lookup::LookupError;
use crate::mac::MacError;
use crate::metadata::MetadataError;
use crate::rules::pattern::UntranslatablePattern;
use crate::walk::WalkError;

/// Why a file gives no plaintext. No variant, and no source of one, holds decrypted bytes, a key or the MAC.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not of its format.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It has no metadata, or metadata that sops would not accept.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// Nobody at hand can open it.
    #[error(transparent)]
    DataKey(#[from] NoDataKey),
    /// It is an age file that nobody at hand can open.
    #[error(transparent)]
    Age(#[from] AgeFileError),
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

/// A place in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
}

/// A tree that a format cannot write.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// dotenv and INI have no notation for it.
    #[error("the key {key:?} holds a {kind}, which the format has no notation for; choose another format")]
    Complex {
        /// The key.
        key: String,
        /// `mapping` or `list`.
        kind: &'static str,
    },
    /// JSON has no infinities and no not-a-number.
    #[error("JSON has no notation for a number that is infinite or not a number")]
    NotFinite,
    /// A binary file must hold its bytes in the string `data`.
    #[error("the file has no string named data, so it is not the encrypted form of a binary file; check its format")]
    NoData,
}
