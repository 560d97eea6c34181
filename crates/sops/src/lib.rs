//! The sops file format: encrypted bytes in, plaintext out.

#![allow(dead_code, reason = "the crate is being put together")]

mod datakey;
mod error;
mod file;
mod format;
mod gcm;
mod identity;
mod lookup;
mod mac;
mod metadata;
mod number;
mod plaintext;
mod rules;
mod shamir;
mod timestamp;
mod tree;
mod value;
mod walk;

pub use datakey::{AgeFileError, HostIdentity, NoDataKey, Recipient};
pub use error::{EmitError, Error, ParseError, Position};
pub use file::{Decrypted, Encrypted, Format};
pub use identity::age::AgeProblem;
pub use identity::recipient::HostRecipient;
pub use identity::{Gpg, Identities, IdentityError, Imported, KeyProblem, Plugins};
pub use lookup::LookupError;
pub use mac::MacError;
pub use plaintext::Plaintext;
pub use rules::pattern::UntranslatablePattern;
pub use shamir::CombineError;
pub use value::ValueError;
pub use walk::WalkError;
