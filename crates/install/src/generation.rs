//! What one generation consists of, and writing it.

use std::path::PathBuf;

use crate::dir::Dir;
use crate::location::NeededLink;
use crate::mount::DIRECTORY;
use crate::{Error, File, Location, Owner};

/// Something in a generation, at a place below it.
pub(crate) struct Entry<'a> {
    pub(crate) place: String,
    pub(crate) content: Content<'a>,
}

/// What is at a place.
pub(crate) enum Content<'a> {
    File(&'a File<'a>),
    /// A link to a file of whichever generation is running: its path lies below the symlink path.
    Link {
        target: PathBuf,
        owner: Option<Owner>,
    },
}

/// What the generation of these files consists of, sorted so that what is in one directory stays together.
pub(crate) fn entries<'a>(location: &Location, files: &'a [File<'a>]) -> Vec<Entry<'a>> {
    let mut entries = Vec::with_capacity(files.len());
    for file in files {
        entries.push(Entry { place: file.place().into_owned(), content: Content::File(file) });
        if let NeededLink::Inside(place) = location.link(file) {
            let content = Content::Link { target: location.readable(file), owner: file.owner };
            entries.push(Entry { place: place.to_owned(), content });
        }
    }
    entries.sort_unstable_by(|one, other| one.place.cmp(&other.place));
    entries
}

/// Writes sorted entries below an empty directory. A place that is taken twice is an error.
pub(crate) fn write(generation: &Dir, entries: &[Entry<'_>], directories: Option<Owner>) -> Result<(), Error> {
    // The open directories from the generation down to the last entry, so that each is looked up once.
    let mut open: Vec<(&str, Dir)> = Vec::new();
    for entry in entries {
        let (parents, name) = match entry.place.rsplit_once('/') {
            Some((parents, name)) => (parents.split('/').collect(), name),
            None => (Vec::new(), entry.place.as_str()),
        };
        let shared = open.iter().zip(&parents).take_while(|((open, _), parent)| open == *parent).count();
        open.truncate(shared);
        for parent in parents.into_iter().skip(shared) {
            let above = open.last().map_or(generation, |(_, directory)| directory);
            let directory = above.make(parent.as_ref(), DIRECTORY, directories)?;
            open.push((parent, directory));
        }
        let directory = open.last().map_or(generation, |(_, directory)| directory);
        match &entry.content {
            Content::File(file) => directory.write(name.as_ref(), file.content, file.mode.bits(), file.owner)?,
            Content::Link { target, owner } => directory.link(target, name.as_ref(), *owner)?,
        }
    }
    Ok(())
}
