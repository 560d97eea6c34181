//! Which generations stay when old ones are removed.

use std::num::NonZeroU64;

use manifest::Manifest;

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

    /// Whether a generation goes that is not the active one and has a smaller number.
    pub(crate) fn drops(self, number: u64, active: u64) -> bool {
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
