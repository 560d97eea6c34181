//! The manifest: the JSON document in which the NixOS module says which secrets go where.
//!
//! This crate says what the document *means* and makes no system call.

mod mode;
mod name;

pub use mode::{Mode, ModeError};
pub use name::{Name, NameError};
