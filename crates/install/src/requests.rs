//! Requests that fall due with a switch, kept until they were made.
//!
//! A run that is killed between its switch and its requests leaves a generation that no unit was told of, and the next run
//! finds nothing changed. So the requests are recorded before the switch, each with the generation that makes it due:
//! if the switch never happens, neither do they.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use crate::Error;
use crate::current::number;
use crate::dir::Dir;
use crate::record::{self, REQUESTS};

/// What earlier runs wanted to ask, and perhaps did not.
#[derive(Clone, Default)]
pub(crate) struct Requests {
    recorded: BTreeSet<Request>,
    state: State,
}

/// Something that is to be asked once a generation is active.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Request {
    generation: u64,
    /// A word or more of the caller.
    words: String,
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
        match record::read(root) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(recorded)) => Ok(Self { recorded, state: State::Present }),
            Err(Error::Record { path, .. }) => Ok(Self { recorded: BTreeSet::new(), state: State::Damaged(path) }),
            Err(error) => Err(error),
        }
    }

    /// Those that a switch to the active generation or an earlier one has made due.
    pub(crate) fn due(&self, active: Option<u64>) -> impl Iterator<Item = &str> {
        self.requests_due(active).map(|request| request.words.as_str())
    }

    /// Records, before the switch to a generation, what it makes due besides what is due already.
    pub(crate) fn record(&mut self, root: &Dir, active: Option<u64>, next: u64, new: &[String]) -> Result<(), Error> {
        let new = new.iter().map(|words| Request { generation: next, words: words.clone() });
        let wanted: BTreeSet<Request> = self.requests_due(active).cloned().chain(new).collect();
        if wanted.is_empty() {
            return self.remove(root);
        }
        if wanted != self.recorded {
            record::write(root, &wanted)?;
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
            State::Damaged(path) => Err(record::damaged(&path)),
            State::Absent | State::Present => Ok(()),
        }
    }

    fn requests_due(&self, active: Option<u64>) -> impl Iterator<Item = &Request> {
        self.recorded.iter().filter(move |request| active.is_some_and(|active| request.generation <= active))
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

impl record::Entry for Request {
    const RECORD: &'static str = REQUESTS;

    fn fields(&self) -> [Cow<'_, OsStr>; 2] {
        let generation = OsString::from(self.generation.to_string());
        [Cow::Owned(generation), Cow::Borrowed(self.words.as_ref())]
    }

    fn of([generation, words]: [OsString; 2]) -> Option<Self> {
        Some(Self { generation: number(generation.as_encoded_bytes())?, words: words.into_string().ok()? })
    }
}
