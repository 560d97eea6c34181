//! The sops file format: encrypted bytes in, plaintext out.

#![allow(dead_code, reason = "the crate is being put together")]

mod buffer;
mod datakey;
mod error;
mod format;
mod identity;
mod metadata;
mod number;
mod plaintext;
mod shamir;
mod timestamp;
mod tree;

pub use error::{EmitError, ParseError, Position};
pub use metadata::MetadataError;
pub use plaintext::Plaintext;
