//! Requests to units that fall due with a switch, kept until they were made.
//!
//! A run that is killed between its switch and its requests leaves a generation that no unit was told of, and the next run
//! finds nothing changed. So the requests are recorded before the switch, each with the generation that makes it due:
//! if the switch never happens, neither do they.

use std::collections::BTreeSet;
use std::path::PathBuf;

use manifest::UnitName;

use crate::Error;
use crate::dir::Dir;
use crate::location::number;
use crate::record::{self, Entries, Pair, REQUESTS};

/// Something that a unit is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What it is to do.
    pub verb: Verb,
    /// Which unit.
    pub unit: UnitName,
    /// Whether systemd was asked, and did not do it.
    pub refused: bool,
}

/// What is asked of a unit.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verb {
    /// To start anew, if it runs.
    Restart,
    /// To read its configuration again, if it runs.
    Reload,
}

impl Verb {
    /// In the order in which they are asked for.
    pub const ALL: [Self; 2] = [Self::Restart, Self::Reload];

    /// The word for it: `would restart`. It stands in records.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Restart => "restart",
            Self::Reload => "reload",
        }
    }
}

/// What earlier runs wanted to ask, and perhaps did not.
#[derive(Clone, Default)]
pub(crate) struct RequestRecord {
    recorded: Entries<RecordedRequest>,
    state: RecordState,
}

/// A request that is to be made once a generation is active.
struct RecordedRequest {
    generation: u64,
    request: Request,
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
    /// Each unit is there once for each verb; one that is asked again was not refused the last time.
    pub(crate) fn due(&self, active: Option<u64>) -> Vec<Request> {
        let mut asked = BTreeSet::<Pair>::new();
        let mut due = Vec::new();
        for refused in [false, true] {
            let recorded = self.recorded.iter().filter(|recorded| recorded.is_due(active));
            for RecordedRequest { request, .. } in recorded.filter(|recorded| recorded.request.refused == refused) {
                if asked.insert([request.verb.word().into(), request.unit.as_str().into()]) {
                    due.push(request);
                }
            }
        }
        due
    }

    /// Records, before the switch to a generation, what it makes due besides what is due already.
    pub(crate) fn record(&mut self, root: &Dir, active: Option<u64>, next: u64, new: &[Request]) -> Result<(), Error> {
        let new = new.iter().map(|request| RecordedRequest { generation: next, request: request.clone() });
        let wanted = Entries::of(self.recorded.iter().filter(|recorded| recorded.is_due(active)).chain(new));
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

impl RecordedRequest {
    fn is_due(&self, active: Option<u64>) -> bool {
        active.is_some_and(|active| self.generation <= active)
    }
}

impl record::Recorded for RecordedRequest {
    const RECORD: &'static str = REQUESTS;

    fn line(&self) -> Pair {
        let Request { verb, unit, refused } = &self.request;
        let refused = if *refused { REFUSED } else { "" };
        [self.generation.to_string().into(), format!("{refused}{} {unit}", verb.word()).into()]
    }

    fn of([generation, text]: &Pair) -> Option<Self> {
        let text = text.to_str()?;
        let (text, refused) = text.strip_prefix(REFUSED).map_or((text, false), |text| (text, true));
        let (word, unit) = text.split_once(' ')?;
        let verb = Verb::ALL.into_iter().find(|verb| verb.word() == word)?;
        let request = Request { verb, unit: UnitName::try_from(unit.to_owned()).ok()?, refused };
        Some(Self { generation: number(generation.as_encoded_bytes())?, request })
    }

    /// A request that this version does not know comes from a later one. It is dropped, and is no damage.
    fn is_entry([generation, text]: &Pair) -> bool {
        number(generation.as_encoded_bytes()).is_some() && text.to_str().is_some()
    }
}

/// What stands in a record before a request that systemd did not follow.
const REFUSED: &str = "refused ";
