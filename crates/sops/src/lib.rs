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

pub use datakey::{AgeFileError, HostIdentity, NoDataKey, Recipient, decrypt_age_file};
pub use error::{EmitError, ParseError, Position};
pub use identity::age::AgeProblem;
pub use identity::recipient::HostRecipient;
pub use identity::{Gpg, Identities, IdentityError, Imported, KeyProblem, Plugins};
pub use plaintext::Plaintext;
