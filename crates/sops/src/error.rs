//! What can be wrong with a sops file.

use crate::datakey::{AgeFileError, NoDataKey};
use crate::format::{EmitError, ParseError};
use crate::lookup::LookupError;
use crate::mac::MacError;
use crate::metadata::MetadataError;
use crate::rules::pattern::UntranslatablePattern;
use crate::walk::WalkError;

/// Why a file gives no plaintext. No variant, and no source of one, holds decrypted bytes, a key or the MAC.
///
/// Printed, it says what is wrong and not what to do about it, which depends on who asks: the variants tell that apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not of its format.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// It could be of its format, but has what makes it a file of another one.
    #[error("it is no file of its format; it looks like {0}")]
    OtherFormat(&'static str),
    /// It has no metadata, or metadata that sops would not accept.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// No identity opens it.
    #[error(transparent)]
    DataKey(#[from] NoDataKey),
    /// It is an age file that no identity opens.
    #[error(transparent)]
    Age(#[from] AgeFileError),
    /// Only services in the network can open it.
    #[error("only {0} can open it, which an activation does not ask")]
    Remote(String),
    /// Its data key has an impossible length.
    #[error("its data key has {0} bytes, but AES takes 16, 24 or 32")]
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
