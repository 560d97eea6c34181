//! Generations of secrets in memory: finished contents become files that readers see all at once.
//!
//! The steps, in the order in which a run takes them:
//!
//! 1. [`Lock::acquire`]: one run at a time. A dry run leaves this out.
//! 2. [`Current::inspect`]: which generation is running.
//! 3. [`Current::place`]: which links would be among the program's own things.
//! 4. [`Changes::between`]: what is going to change. A dry run ends here; nothing has been touched. If
//!    [`Current::is_stamped`], nothing is going to change, and there is no need to have any contents or to make links.
//! 5. [`Store::open`]: the file system in memory is mounted.
//! 6. [`Store::stage`]: a new generation that has no readers yet. Left out, like the next step, if nothing changes.
//! 7. [`Staged::activate`]: one rename(2), which is the commit.
//! 8. [`Store::link`], [`Store::publish`], [`Store::prune`]: all of it is done even if some of it fails. In between the
//!    caller makes the requests that it gave to [`Staged::activate`] and those of [`Current::due`], then
//!    [`Store::requested_but`].
//! 9. [`Store::notices`]: what people should know. [`Store::stamp`], if nothing failed.
//!
//! [`Removable::remove`] takes all of it away again.
//!
//! [`Current::inspect_file`] and [`Current::remains`] tell people what is installed, without reading any content.
//!
//! This crate knows no cryptography, of systemd units only what was to be asked of them, and of a manifest only what it says of
//! places and generations. The contents are secret: no error and no `Debug` holds them.

mod aliases;
mod changes;
mod credentials;
mod current;
mod dir;
mod error;
mod file;
mod foreign;
mod generation;
mod inspection;
mod links;
mod location;
mod lock;
mod mount;
mod mountinfo;
mod notice;
mod obstacles;
mod placement;
mod reach;
mod record;
mod removal;
mod requests;
mod retention;
mod seal;
mod shell;
mod stamp;
mod store;
mod surroundings;
mod symlinks;
mod way_out;

pub use changes::{Activation, Changes, Difference};
pub use credentials::Credential;
pub use current::Current;
pub use error::Error;
pub use file::{Access, Effect, File, FileKind, Ownership, Sought, Wanted};
pub use inspection::{Drift, Inspection, Installed, Remains};
pub use links::LinkFailure;
pub use location::{FileSystem, Location};
pub use lock::{Lock, is_running, rest, state};
pub use notice::Notice;
pub use obstacles::Obstacles;
pub use placement::PlacedFiles;
pub use reach::{is_of_a_user, open};
pub use removal::{Removable, Removal};
pub use requests::{Request, Verb};
pub use retention::Retention;
pub use shell::shell_word;
pub use stamp::{Answer, Inputs, Summary};
pub use store::{Medium, Staged, Store, tidy};
pub use surroundings::Surrounding;
pub use way_out::WayOut;
