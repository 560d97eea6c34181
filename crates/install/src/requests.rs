//! Requests that fall due with a switch, kept until they were made.
//!
//! A run that is killed between its switch and its requests leaves a generation of which nobody was told, and the next run
//! finds nothing changed. So the requests are recorded before the switch, each with the generation that makes it due:
//! if the switch never happens, neither do they.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::current::number;
use crate::dir::Dir;
use crate::record::{self, Entries, REQUESTS};

/// What earlier runs wanted to ask, and perhaps did not. Each is a word or more of the caller.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    recorded: Entries,
    state: State,
}

#[derive(Clone, Default, Eq, PartialEq)]
enum State {
    #[default]
    Absent,
    Present,
    /// There, and not to be read. This is told once the record is gone.
    Damaged(PathBuf),
}

impl Requests {
    /// What is recorded in the directory of the generations.
    pub(crate) fn read(root: &Dir) -> Result<Self, Error> {
        match record::read(root, REQUESTS) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(recorded)) => Ok(Self { recorded, state: State::Present }),
            Err(Error::Record { path, .. }) => Ok(Self { recorded: Entries::new(), state: State::Damaged(path) }),
            Err(error) => Err(error),
        }
    }

    /// Those that a switch to the active generation or an earlier one has made due.
    pub(crate) fn due(&self, active: Option<u64>) -> impl Iterator<Item = &str> {
        self.entries_due(active).filter_map(|(_, words)| words.to_str())
    }

    /// Records, before the switch to a generation, what it makes due besides what is due already.
    pub(crate) fn record(&mut self, root: &Dir, active: Option<u64>, next: u64, new: &[String]) -> Result<(), Error> {
        let next = PathBuf::from(next.to_string());
        let new = new.iter().map(|words| (next.clone(), OsString::from(words)));
        let wanted: Entries = self.entries_due(active).cloned().chain(new).collect();
        if wanted.is_empty() {
            return self.remove(root);
        }
        if wanted != self.recorded {
            record::write(root, REQUESTS, &wanted)?;
            self.recorded = wanted;
            if self.state == State::Absent {
                self.state = State::Present;
            }
        }
        Ok(())
    }

    /// Removes the record: all of it was made.
    pub(crate) fn forget(&mut self, root: &Dir) -> Result<(), Error> {
        self.remove(root)?;
        match std::mem::take(&mut self.state) {
            State::Damaged(path) => Err(record::damaged(path)),
            State::Absent | State::Present => Ok(()),
        }
    }

    fn entries_due(&self, active: Option<u64>) -> impl Iterator<Item = &(PathBuf, OsString)> {
        let is_due = move |place: &Path| active.is_some_and(|active| of(place).is_some_and(|number| number <= active));
        self.recorded.iter().filter(move |(place, _)| is_due(place))
    }

    /// Without a record nothing is touched.
    fn remove(&mut self, root: &Dir) -> Result<(), Error> {
        if self.state != State::Absent {
            root.remove(REQUESTS.as_ref())?;
            self.recorded.clear();
            if self.state == State::Present {
                self.state = State::Absent;
            }
        }
        Ok(())
    }
}

/// The generation that makes an entry due.
fn of(place: &Path) -> Option<u64> {
    number(place.as_os_str().as_encoded_bytes())
}
