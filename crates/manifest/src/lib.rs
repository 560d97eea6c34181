//! The manifest: the JSON document in which the NixOS module says which secrets go where.
//!
//! This crate says what the document *means* and makes no system call. [`Manifest::from_json`] is the way in; every
//! type below it exists only if its value is good.

mod access;
mod account;
mod clash;
mod credential;
mod entry;
mod error;
mod fields;
mod format;
mod json;
mod key;
mod known_to;
mod manifest;
mod mode;
mod name;
mod path;
mod placeholder;
mod places;
mod schema;
mod secret;
mod template;
mod unit;
mod unknown;

pub use access::{Access, Group, Owner};
pub use account::{AccountError, AccountName, Id};
pub use credential::{CredentialError, CredentialName};
pub use entry::Entry;
pub use error::{Error, Errors, Problem, Subject};
pub use format::{Format, FormatError};
pub use json::SyntaxError;
pub use key::KeyPath;
pub use known_to::KnownTo;
pub use manifest::{Logging, MANIFEST, Manifest};
pub use mode::{Mode, ModeError};
pub use name::{Name, NameError};
pub use path::{AbsolutePath, PathError, RuntimeDirectory};
pub use placeholder::Placeholders;
pub use places::{GenerationPlace, LinkPlace, Places, PlacesError};
pub use schema::{Field, FieldKind, Object};
pub use secret::Secret;
pub use template::{RENDERED, Template, TemplateSource, TemplateText};
pub use unit::{UnitError, UnitName};
