//! Requests that fall due with a switch, kept until they were made.
//!
//! A run that is killed between its switch and its requests leaves a generation that no unit was told of, and the next run
//! finds nothing changed. So the requests are recorded before the switch, each with the generation that makes it due:
//! if the switch never happens, neither do they.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Error;
use crate::dir::Dir;
use crate::location::number;
use crate::record::{self, Entries, Pair, REQUESTS, Recorded as _};

/// What earlier runs wanted to ask, and perhaps did not.
#[derive(Clone, Default)]
pub(crate) struct RequestRecord {
    recorded: Entries<Request>,
    state: RecordState,
}

/// Something that is to be asked once a generation is active.
struct Request {
    generation: u64,
    /// A word or more of the caller.
    text: String,
}

#[derive(Clone, Default, Eq, PartialEq)]
enum RecordState {
    #[default]
    Absent,
    Present,
    /// There, but it cannot be read. This is reported once the record is gone.
    Damaged(PathBuf),
}

impl RequestRecord {
    /// What is recorded in the directory of the generations.
    pub(crate) fn read(root: &Dir) -> Result<Self, Error> {
        match record::read(root) {
            Ok(None) => Ok(Self::default()),
            Ok(Some(recorded)) => Ok(Self { recorded, state: RecordState::Present }),
            Err(Error::Record { path, .. }) => {
                Ok(Self { recorded: Entries::default(), state: RecordState::Damaged(path) })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether there is a record at all, also one that cannot be read.
    pub(crate) fn is_there(&self) -> bool {
        self.state != RecordState::Absent
    }

    /// That it cannot be read.
    pub(crate) fn damage(&self) -> Option<Error> {
        match &self.state {
            RecordState::Damaged(path) => Some(record::damaged(path)),
            RecordState::Absent | RecordState::Present => None,
        }
    }

    /// Those that a switch to the active generation or an earlier one has made due.
    pub(crate) fn due(&self, active: Option<u64>) -> impl Iterator<Item = &str> {
        let is_due = move |line: &&Pair| Request::of(line).is_some_and(|request| request.is_due(active));
        self.recorded.lines().filter(is_due).filter_map(|[_, text]| text.to_str())
    }

    /// Records, before the switch to a generation, what it makes due besides what is due already.
    pub(crate) fn record(&mut self, root: &Dir, active: Option<u64>, next: u64, new: &[String]) -> Result<(), Error> {
        let new = new.iter().map(|text| Request { generation: next, text: text.clone() });
        let wanted: Entries<Request> =
            Entries::of(self.recorded.iter().filter(|request| request.is_due(active)).chain(new));
        if wanted.is_empty() {
            return self.remove(root);
        }
        if wanted != self.recorded {
            record::write(root, &wanted)?;
            self.recorded = wanted;
            if self.state == RecordState::Absent {
                self.state = RecordState::Present;
            }
        }
        Ok(())
    }

    /// Removes the record: all of it was made.
    pub(crate) fn forget(&mut self, root: &Dir) -> Result<(), Error> {
        self.remove(root)?;
        let damage = self.damage();
        self.state = RecordState::Absent;
        damage.map_or(Ok(()), Err)
    }

    /// Without a record nothing is touched.
    fn remove(&mut self, root: &Dir) -> Result<(), Error> {
        if self.state != RecordState::Absent {
            root.remove(REQUESTS.as_ref())?;
            self.recorded = Entries::default();
            if self.state == RecordState::Present {
                self.state = RecordState::Absent;
            }
        }
        Ok(())
    }
}

impl Request {
    fn is_due(&self, active: Option<u64>) -> bool {
        active.is_some_and(|active| self.generation <= active)
    }
}

impl record::Recorded for Request {
    const RECORD: &'static str = REQUESTS;

    fn line(&self) -> Pair {
        [OsString::from(self.generation.to_string()), OsString::from(&self.text)]
    }

    fn of([generation, text]: &Pair) -> Option<Self> {
        Some(Self { generation: number(generation.as_encoded_bytes())?, text: text.to_str()?.to_owned() })
    }
}
