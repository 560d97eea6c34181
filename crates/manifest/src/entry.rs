//! What secrets and templates have in common: each becomes one file.

use crate::error::Reported;
use crate::fields::Fields;
use crate::path::{AbsolutePath, RuntimeDirectory};
use crate::schema::{Absent, EMPTY_LIST, Field, FieldKind, field};
use crate::{Access, GenerationPlace, LinkPlace, Name, UnitName};

/// A file to install, as a secret or a template asks for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    name: Name,
    place: GenerationPlace,
    link: Option<LinkPlace>,
    access: Access,
    restart_units: Vec<UnitName>,
    reload_units: Vec<UnitName>,
}

impl Entry {
    /// The name, unique among the secrets or the templates.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The place of the file in a generation: its name, for a template below `rendered`.
    #[must_use]
    pub fn place(&self) -> &GenerationPlace {
        &self.place
    }

    /// Where the file is to be found.
    #[must_use]
    pub fn path(&self) -> &AbsolutePath {
        self.link.as_ref().map_or(self.place.path(), LinkPlace::path)
    }

    /// The link to [`Entry::place`]; none if the file is to be found there itself, as nearly all are.
    #[must_use]
    pub fn link(&self) -> Option<&LinkPlace> {
        self.link.as_ref()
    }

    /// Who may use the file.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The units to restart when the file changes, as the manifest lists them.
    #[must_use]
    pub fn restart_units(&self) -> &[UnitName] {
        &self.restart_units
    }

    /// The units to reload when the file changes, as the manifest lists them.
    #[must_use]
    pub fn reload_units(&self) -> &[UnitName] {
        &self.reload_units
    }

    /// Reads the common fields of an entry whose file goes below a directory; also without a good name, so that every
    /// problem is reported.
    pub(crate) fn read(
        fields: &mut Fields<'_, '_>,
        name_field: &'static Field,
        name: Result<Name, Reported>,
        directory: &GenerationPlace,
        runtime: Option<RuntimeDirectory<'_>>,
    ) -> Result<Self, Reported> {
        let place = name.and_then(|name| match directory.join(name.as_str()) {
            Ok(place) => Ok((name, place)),
            Err(error) => Err(fields.report_at(name_field, error)),
        });
        let path = fields.path(&PATH, runtime);
        let access = Access::read(fields);
        let restart_units = fields.parse_list(&RESTART_UNITS);
        let reload_units = fields.parse_list(&RELOAD_UNITS);
        let (name, place) = place?;
        Ok(Self {
            name,
            link: path?.and_then(|path| place.link(path)),
            place,
            access: access?,
            restart_units: restart_units?,
            reload_units: reload_units?,
        })
    }
}

pub(crate) static PATH: Field = field(
    "path",
    FieldKind::Text,
    Absent::Nothing,
    "Where the file is to be found: an absolute path. If it is not the file's own place below symlinkPath, a link to it is \
     made here. In user mode %r and %% count as in secretsMountPoint. Absent, it is the file's own place.",
);
pub(crate) static RESTART_UNITS: Field = field(
    "restartUnits",
    FieldKind::Texts,
    EMPTY_LIST,
    "The systemd units to restart when the file is new or changes. A name without the suffix of a unit is a service.",
);
pub(crate) static RELOAD_UNITS: Field =
    field("reloadUnits", FieldKind::Texts, EMPTY_LIST, "The systemd units to reload when the file is new or changes.");
