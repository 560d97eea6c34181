//! Who may use a file, as the manifest says it.

use crate::Mode;
use crate::account::{AccountName, Id};
use crate::error::Reported;
use crate::fields::Fields;
use crate::table;

/// The owner, the group and the permissions of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Access {
    owner: Owner,
    group: Group,
    mode: Mode,
}

impl Access {
    /// The user that owns the file.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The group of the file.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The permissions of the file.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let mode = fields.parse(&table::MODE);
        let mode = fields.required(&table::MODE, mode);
        let (owner, group) = (Owner::read(fields), Group::read(fields));
        Ok(Self { owner: owner?, group: group?, mode: mode? })
    }
}

/// The user that owns a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Owner {
    /// The field `owner`.
    Name(AccountName),
    /// The field `uid`, which counts if `owner` is null; 0 if that is absent too.
    Id(Id),
}

impl Owner {
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, Reported> {
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
    fn read(fields: &mut Fields<'_, '_>) -> Result<Self, Reported> {
        let (name, id) = (fields.parse(&table::GROUP), fields.integer(&table::GID, Id::new));
        let id = id?.unwrap_or_default();
        Ok(name?.map_or(Self::Id(id), Self::Name))
    }
}
