//! The manifest: the JSON document in which the NixOS module says which secrets go where.
//!
//! This crate says what the document *means* and makes no system call.

mod credential;
mod format;
mod key;
mod mode;
mod name;
mod unit;

pub use credential::{CredentialError, CredentialName};
pub use format::{Format, FormatError};
pub use key::KeyPath;
pub use mode::{Mode, ModeError};
pub use name::{Name, NameError};
pub use unit::{UnitError, UnitName};
