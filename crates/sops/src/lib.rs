//! The sops file format: encrypted bytes in, plaintext out.

#![allow(dead_code, reason = "the crate is being put together")]

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

pub use datakey::{HostIdentity, NoDataKey, Recipient};
pub use error::{EmitError, ParseError, Position};
pub use identity::age::AgeProblem;
pub use identity::{Identities, IdentityError, Imported, KeyProblem};
pub use plaintext::Plaintext;
pub use shamir::CombineError;
