//! What a run is going to change. Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use manifest::RENDERED;

use nix::unistd::Gid;

use crate::current::Current;
use crate::dir::{Dir, Is, Occupant, directory_access};
use crate::generation::{EntryContent, entries};
use crate::seal::Seal;
use crate::{Access, Error, File, FileKind};

/// The difference between the running generation and the wanted files.
#[derive(Debug)]
pub struct Changes {
    activation: Activation,
    secrets: Difference,
    templates: Difference,
    /// What has no name in the manifest: directories and links inside the generation, and a symlink that leads elsewhere.
    others: Others,
    /// The running generation as it was found, if it is as wanted.
    seal: Option<Seal>,
}

impl Changes {
    /// Compares content, permissions and, outside of user mode, owner and group of each file, and the same of the
    /// directories, which belong to root and the group.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the running generation cannot be read.
    pub fn between(current: &Current<'_>, wanted: &[File<'_>], group: Option<Gid>) -> Result<Self, Error> {
        let entries = entries(wanted);
        let mut comparison = Comparison {
            wanted: entries.iter().map(|entry| (entry.place, &entry.content)).collect(),
            directories: entries.iter().flat_map(|entry| parents(entry.place)).collect(),
            access: directory_access(group),
            seal: Seal::default(),
            changes: Self { activation: Activation::First, ..Self::none() },
        };
        if let Some(running) = current.running() {
            comparison.changes.activation = Activation::Update;
            comparison.directory(&running.listable()?, Path::new(""), "")?;
        }
        if current.number().is_none() {
            comparison.changes.others = Others::Differ;
        }
        Ok(comparison.finish())
    }

    /// What there is to do if the running generation is as wanted: nothing.
    #[must_use]
    pub fn none() -> Self {
        let [secrets, templates] = [Difference::default(), Difference::default()];
        Self { activation: Activation::Update, secrets, templates, others: Others::Same, seal: None }
    }

    /// The running generation as it was found while it was compared, if it is as wanted.
    pub(crate) fn seal(&self) -> Option<&Seal> {
        self.seal.as_ref()
    }

    /// Whether the running generation is as wanted, so that no other one is needed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.activation == Activation::Update
            && self.others == Others::Same
            && self.secrets.is_empty()
            && self.templates.is_empty()
    }

    /// Whether there is something that the changes are relative to.
    #[must_use]
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// The names of changed secrets.
    #[must_use]
    pub fn secrets(&self) -> &Difference {
        &self.secrets
    }

    /// The names of changed templates, without the directory that they are in.
    #[must_use]
    pub fn templates(&self) -> &Difference {
        &self.templates
    }

    /// The names of changed files of one kind.
    #[must_use]
    pub fn of_kind(&self, kind: FileKind) -> &Difference {
        match kind {
            FileKind::Secret => &self.secrets,
            FileKind::Template => &self.templates,
        }
    }

    fn of(&mut self, kind: FileKind) -> &mut Difference {
        match kind {
            FileKind::Secret => &mut self.secrets,
            FileKind::Template => &mut self.templates,
        }
    }
}

/// Whether there is a running generation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Activation {
    /// There is none, so all is new, and no unit has read an older value.
    First,
    /// There is one.
    Update,
}

/// Names, sorted by bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Difference {
    /// Files that are wanted and not there.
    pub added: Vec<String>,
    /// Files that are there with another content, mode, owner or group.
    pub modified: Vec<String>,
    /// Files that are there and not wanted.
    pub removed: Vec<String>,
}

impl Difference {
    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// Whether a file of that name is wanted and not there.
    #[must_use]
    pub fn adds(&self, name: &str) -> bool {
        is_among(name, &self.added)
    }

    /// Whether a file of that name is there with another content, mode, owner or group.
    #[must_use]
    pub fn modifies(&self, name: &str) -> bool {
        is_among(name, &self.modified)
    }

    fn sort(&mut self) {
        self.added.sort_unstable();
        self.modified.sort_unstable();
        self.removed.sort_unstable();
    }
}

fn is_among(name: &str, sorted: &[String]) -> bool {
    sorted.binary_search_by(|other| other.as_str().cmp(name)).is_ok()
}

#[derive(Debug, Eq, PartialEq)]
enum Others {
    Same,
    Differ,
}

/// One walk through the running generation.
struct Comparison<'a> {
    /// What has not been found yet, by place.
    wanted: BTreeMap<&'a str, &'a EntryContent<'a>>,
    /// Where a directory is wanted, below the generation.
    directories: BTreeSet<&'a str>,
    /// The access to the directories.
    access: Access,
    /// What was found.
    seal: Seal,
    changes: Changes,
}

impl Comparison<'_> {
    fn directory(&mut self, directory: &Dir, here: &Path, prefix: &str) -> Result<(), Error> {
        if !directory.is_settled(self.access)? {
            self.changes.others = Others::Differ;
        }
        for (name, is) in directory.entries()? {
            let place = [prefix, &name.to_string_lossy()].concat();
            match is {
                // If a file is wanted in its place, this counts as added, as in sops-nix.
                Is::Directory => {
                    if !self.directories.contains(place.as_str()) {
                        self.changes.others = Others::Differ;
                    }
                    match directory.within(&name) {
                        Ok(below) => self.directory(&below, Path::new(&place), &[&place, "/"].concat())?,
                        // Whatever is in there, it was not installed.
                        Err(Error::Mounted { .. }) => self.changes.others = Others::Differ,
                        Err(error) => return Err(error),
                    }
                }
                Is::Other => match name.to_str().and_then(|_| self.wanted.remove(place.as_str())) {
                    Some(wanted) => self.wanted(directory, &name, &place, wanted)?,
                    None => self.unwanted(directory, &name, &place)?,
                },
            }
        }
        self.seal.directory(here, &directory.status()?);
        Ok(())
    }

    fn wanted(&mut self, directory: &Dir, name: &OsStr, place: &str, wanted: &EntryContent<'_>) -> Result<(), Error> {
        match wanted {
            EntryContent::File(file) => match directory.same(name, file.content, file.wanted.access)? {
                Some(status) => self.seal.content(Path::new(place), &status, file.content),
                None => self.changes.of(file.wanted.kind).modified.push(file.wanted.name.to_string()),
            },
            EntryContent::Link { target, owner } => match directory.look(name)? {
                Occupant::Link(link) if link.target == *target && owner.is_none_or(|owner| owner == link.owner) => {
                    self.seal.link(Path::new(place), target.as_os_str(), &link.status);
                }
                _ => self.changes.others = Others::Differ,
            },
        }
        Ok(())
    }

    fn unwanted(&mut self, directory: &Dir, name: &OsStr, place: &str) -> Result<(), Error> {
        // Where something is mounted, there may be no look at it.
        let is_link = !directory.has_mount(name)? && matches!(directory.look(name)?, Occupant::Link(_));
        if is_link {
            self.changes.others = Others::Differ;
        } else if let Some(template) = place.strip_prefix(RENDERED).and_then(|rest| rest.strip_prefix('/')) {
            self.changes.templates.removed.push(template.to_owned());
        } else {
            self.changes.secrets.removed.push(place.to_owned());
        }
        Ok(())
    }

    fn finish(mut self) -> Changes {
        for content in self.wanted.values() {
            match content {
                EntryContent::File(file) => self.changes.of(file.wanted.kind).added.push(file.wanted.name.to_string()),
                EntryContent::Link { .. } => self.changes.others = Others::Differ,
            }
        }
        self.changes.secrets.sort();
        self.changes.templates.sort();
        self.changes.seal = self.changes.is_empty().then_some(self.seal);
        self.changes
    }
}

/// The directories that a place is in, below the generation.
fn parents(place: &str) -> impl Iterator<Item = &str> {
    place.match_indices('/').filter_map(|(end, _)| place.get(..end))
}
