//! Reading the files that a run is told of, with an error that names them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the {what} {path}", path = path.display())]
pub(crate) struct Unreadable {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The whole of a file; `what` is what people call it.
///
/// # Errors
///
/// [`Unreadable`].
pub(crate) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, Unreadable> {
    fs::read(path).map_err(|source| Unreadable { what, path: path.to_owned(), source })
}
