//! The sops file format: encrypted bytes in, plaintext out.

#![allow(dead_code, reason = "the crate is being put together")]

mod datakey;
mod error;
mod format;
mod gcm;
mod identity;
mod metadata;
mod number;
mod plaintext;
mod rules;
mod shamir;
mod timestamp;
mod tree;
mod value;
mod walk;

pub use error::{EmitError, ParseError, Position};
pub use plaintext::Plaintext;
pub use rules::pattern::UntranslatablePattern;
pub use value::ValueError;
pub use walk::WalkError;
