//! Generations of secrets on a memory file system: staged where nobody looks, activated by one rename.
//!
//! The crate takes finished contents and makes them reachable. It knows no cryptography, no manifest document and no
//! unit. In the order of an installation:
//!
//! 1. [`Location::current`] and [`Location::changes`] find out what is running and what would change. They only read,
//!    and a dry run ends after them.
//! 2. [`Store::open`] mounts, where that is still to be done, and clears away what killed runs left.
//! 3. [`Store::stage`] writes the new generation, and [`Store::activate`] makes it the running one. Nothing before
//!    that changes anything for a reader, and an error until then leaves everything as it was.
//! 4. [`Store::link`] and [`Store::prune`] come after that, and go on where a part of them fails.
//!
//! A [`Lock`] is held all the while.

mod changes;
mod dir;
mod error;
mod links;
mod location;
mod lock;
mod mount;
mod store;

pub use changes::Changes;
pub use error::Error;
pub use links::Link;
pub use location::{FileSystem, Location};
pub use lock::Lock;
pub use store::{Current, File, Staged, Store};
