//! Who may use a file, as the manifest says it.

use crate::Mode;
use crate::account::{AccountName, Id};
use crate::error::Reported;
use crate::fields::Fields;
use crate::schema::{Absent, Field, FieldKind, ZERO, field, text};

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
        let mode = fields.parse(&MODE);
        let mode = fields.required(&MODE, mode);
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
        let (name, id) = (fields.parse(&OWNER), fields.integer(&UID, Id::new));
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
        let (name, id) = (fields.parse(&GROUP), fields.integer(&GID, Id::new));
        let id = id?.unwrap_or_default();
        Ok(name?.map_or(Self::Id(id), Self::Name))
    }
}

/// Every user and group but 2³²-1, which chown(2) takes for "leave it as it is".
const ID: FieldKind = FieldKind::Integer { most: 4_294_967_294, range: "a whole number from 0 to 4294967294" };
pub(crate) static MODE: Field = field(
    "mode",
    FieldKind::Octal,
    text("0400"),
    "The permissions of the file as octal digits in double quotes. Only the last three digits count.",
);
pub(crate) static OWNER: Field = field(
    "owner",
    FieldKind::Text,
    Absent::Nothing,
    "The name of the user that owns the file. If it is absent, uid counts.",
);
pub(crate) static UID: Field =
    field("uid", ID, ZERO, "The number of the user that owns the file. It counts if owner is absent.");
pub(crate) static GROUP: Field =
    field("group", FieldKind::Text, Absent::Nothing, "The name of the file's group. If it is absent, gid counts.");
pub(crate) static GID: Field = field("gid", ID, ZERO, "The number of the file's group. It counts if group is absent.");
