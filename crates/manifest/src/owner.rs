//! The owner of a file, as the manifest says it.

use crate::account::{AccountName, Id};
use crate::error::Reported;
use crate::fields::Fields;
use crate::table;

/// The user that owns a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Owner {
    /// The field `owner`.
    Name(AccountName),
    /// The field `uid`, which counts if `owner` is null; 0 if that is absent too.
    Id(Id),
}

impl Owner {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let (name, id) = (fields.parse(&table::OWNER), fields.integer(&table::UID, Id::new));
        let id = id?.unwrap_or_default();
        Ok(name?.map_or(Self::Id(id), Self::Name))
    }
}

/// The group of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Group {
    /// The field `group`.
    Name(AccountName),
    /// The field `gid`, which counts if `group` is null; 0 if that is absent too.
    Id(Id),
}

impl Group {
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let (name, id) = (fields.parse(&table::GROUP), fields.integer(&table::GID, Id::new));
        let id = id?.unwrap_or_default();
        Ok(name?.map_or(Self::Id(id), Self::Name))
    }
}
