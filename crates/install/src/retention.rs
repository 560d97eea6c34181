//! Which generations stay when old ones are removed.

use std::ffi::OsString;
use std::num::NonZeroU64;

use manifest::Manifest;

use crate::Error;
use crate::dir::Dir;
use crate::location::number;
use crate::symlinks::OtherSymlink;

/// How many generations stay, the active one included.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Retention(Option<NonZeroU64>);

impl Retention {
    /// What a manifest says.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self::last(manifest.keep_generations())
    }

    /// The last ones; `None` for all of them.
    #[must_use]
    pub fn last(generations: Option<NonZeroU64>) -> Self {
        Self(generations)
    }

    /// The names of the generations that do not stay: not those that others lead to, nor the active one, without which all stay. What
    /// only has such a name is among them.
    ///
    /// Pruning asks this, and so does who says beforehand what it will do.
    pub(crate) fn pruned(
        self,
        root: &Dir,
        active: Option<u64>,
        others: &[OtherSymlink],
    ) -> Result<Vec<OsString>, Error> {
        let Some(active) = active else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for (name, _) in root.entries()? {
            let Some(number) = number(name.as_encoded_bytes()) else { continue };
            // Numbers grow, so one above the active generation was staged and never activated.
            let goes = number > active || self.drops(number, active);
            if goes && !others.iter().any(|other| other.number() == number) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Whether a generation goes that is not the active one and has a smaller number.
    fn drops(self, number: u64, active: u64) -> bool {
        self.0.and_then(|generations| active.checked_sub(generations.get())).is_some_and(|last| number <= last)
    }

    /// As a stamp keeps it.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        self.0.map_or(0, NonZeroU64::get).to_le_bytes().to_vec()
    }

    /// From [`Retention::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(NonZeroU64::new(u64::from_le_bytes(bytes.try_into().ok()?))))
    }
}
