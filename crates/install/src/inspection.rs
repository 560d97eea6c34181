//! What is installed of each wanted file, and what is beside it, for people to read. Changes nothing.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use manifest::LinkPlace;
use nix::errno::Errno;
use nix::unistd::Gid;

use crate::credentials;
use crate::dir::{Dir, Is, Missing, Occupant, directory_access, owner, permissions_of, split};
use crate::generation::{ForeignNumbers, places};
use crate::mount::file_system_name;
use crate::reach::unfollowed;
use crate::surroundings::Surrounding;
use crate::symlinks::OtherSymlink;
use crate::{Access, Current, Error, File, Notice, Ownership, Retention, Sought, Wanted, WayOut, links, mount};

/// What is found of one wanted file.
#[derive(Debug)]
pub struct Inspection {
    /// The file itself, if it is there.
    pub installed: Option<Installed>,
    /// How it is not as it should be.
    pub drift: Vec<Drift>,
}

/// An installed file, as far as everybody may see it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Installed {
    /// Its permissions: the bits of chmod(2).
    pub mode: u32,
    /// Its owner.
    pub owner: Ownership,
    /// Whether it has an access control list, as far as we may look at it.
    pub is_listed: bool,
}

/// What there is in a generation beside the files that are wanted.
#[derive(Debug, Default)]
pub struct Remains {
    /// The places of what no file wants, sorted.
    pub superfluous: Vec<String>,
    /// The directories that are not as they are made: open to others, closed, or of another owner.
    pub unsettled: Vec<Surrounding>,
}

/// One way in which what is installed differs from what is wanted.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Drift {
    /// Nothing is there.
    #[error("it is not installed")]
    Missing,
    /// Something else is there.
    #[error("{0} stands in its place")]
    NotAFile(&'static str),
    /// Its permissions.
    #[error("its mode is {found:04o} and not {wanted:04o}")]
    Mode {
        /// What they are.
        found: u32,
        /// What they should be.
        wanted: u32,
    },
    /// Its owner or group.
    #[error("it belongs to {}:{} and not to {}:{}", found.user, found.group, wanted.user, wanted.group)]
    Owner {
        /// Its owner.
        found: Ownership,
        /// The owner it should have.
        wanted: Ownership,
    },
    /// An access control list.
    #[error("it has an access control list, by which others may read it")]
    Listed,
    /// The link to it is not there.
    #[error("there is no link at {path}", path = _0.display())]
    NoLink(PathBuf),
    /// The link to it leads to something else.
    #[error("the link at {path} leads to {target}", path = path.display(), target = target.display())]
    LinkElsewhere {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The link to it has another owner.
    #[error("the link at {path} has another owner", path = _0.display())]
    LinkOwner(PathBuf),
    /// There is something else where the link to it should be.
    #[error("{path} is {found} and no link to it", path = path.display())]
    NotALink {
        /// Where the link should be.
        path: PathBuf,
        /// What is there, with an article.
        found: &'static str,
    },
    /// What its user has put on the way to the link keeps others from looking at it.
    #[error(
        "the link at {path} is out of reach, because {through} is of another user or refuses a look",
        path = path.display(),
        through = through.display()
    )]
    OutOfReach {
        /// Where the link should be.
        path: PathBuf,
        /// What is on the way.
        through: PathBuf,
    },
}

impl Drift {
    /// Whether an installation would not mend it, since something stands there that this program does not remove.
    #[must_use]
    pub fn is_in_the_way(&self) -> bool {
        self.is_in_the_way_after(&HashSet::new())
    }

    /// What a person can do about it where an installation would not mend it.
    #[must_use]
    pub fn way_out(&self) -> Option<WayOut> {
        let (Self::OutOfReach { through: path, .. } | Self::NotALink { path, .. }) = self else { return None };
        self.is_in_the_way().then(|| WayOut::move_away(path).before_installation())
    }

    /// The same after the links that go have gone.
    #[must_use]
    pub fn is_in_the_way_after(&self, going: &HashSet<&Path>) -> bool {
        match self {
            Self::NotALink { path, .. } => !is_empty_directory(path, going),
            Self::OutOfReach { through, .. } => !going.contains(through.as_path()),
            Self::Missing
            | Self::NotAFile(_)
            | Self::Mode { .. }
            | Self::Owner { .. }
            | Self::Listed
            | Self::NoLink(_)
            | Self::LinkElsewhere { .. }
            | Self::LinkOwner(_) => false,
        }
    }
}

/// Not one that a file system is mounted at, either. What is about to go counts as gone.
fn is_empty_directory(path: &Path, going: &HashSet<&Path>) -> bool {
    let is_empty = |(parent, name)| {
        let names = Dir::walk(parent, Missing::Fail)?.within(name)?.entries()?;
        Ok(names.into_iter().all(|(name, _)| going.contains(&*path.join(name))))
    };
    split(path).and_then(is_empty).unwrap_or(false)
}

impl Current<'_> {
    /// What is wrong outside the running generation, except the links of these files. Before the first generation only
    /// credentials can be wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if it cannot be looked at.
    pub fn surroundings<'a>(
        &self,
        group: Option<Gid>,
        directory: &Path,
        files: impl IntoIterator<Item = Sought<'a>>,
    ) -> Result<Vec<Surrounding>, Error> {
        let mut found = Vec::new();
        let access = directory_access(group);
        let root = match self.root().map(Dir::listable).transpose() {
            // An ordinary user, who could not install either.
            Err(Error::Call { errno: Errno::EACCES, .. }) => None,
            root => root?,
        };
        match root.as_ref().map_or(Ok(None), |root| mount::keeps(self, root, access)) {
            Err(error) => found.push(Surrounding::MountPoint(error)),
            // What somebody else has mounted on purpose is nothing to be mended.
            Ok(Some(Notice::KeptMount { .. })) => {}
            Ok(Some(notice)) => found.push(Surrounding::Kept(notice)),
            Ok(None) => {
                if let Some(missing) = self.misses_file_system()? {
                    found.push(missing);
                } else if let (Some(root), Some(_)) = (&root, self.running())
                    && !root.is_settled(access)?
                {
                    found.push(Surrounding::Directory(root.path().to_owned()));
                }
            }
        }
        found.extend(unfollowed(self.location().symlink_path())?.map(Surrounding::MountPoint));
        let files: Vec<_> = files.into_iter().collect();
        found.extend(links::stale(self, files.iter().map(|file| file.wanted))?);
        credentials::compare(self, directory, &files, credentials::owner(access), &mut found)?;
        Ok(found)
    }

    /// The generations that a run would remove if it made no new one.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if it cannot be looked.
    pub fn old_generations(&self, retention: Retention) -> Result<Vec<PathBuf>, Error> {
        let (root, names) = self.pruned(retention)?;
        let mut found: Vec<PathBuf> = Vec::new();
        for name in names {
            found.extend(root.as_ref().map(|root| root.path().join(name)));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Their names, and the directory that they are in.
    pub(crate) fn pruned(&self, retention: Retention) -> Result<(Option<Dir>, Vec<OsString>), Error> {
        let Some(root) = self.root() else { return Ok((None, Vec::new())) };
        let others = OtherSymlink::all(root, self.location(), self.number())?;
        let root = match root.listable() {
            // An ordinary user, who could not install either.
            Err(Error::Call { errno: Errno::EACCES, .. }) => return Ok((None, Vec::new())),
            root => root?,
        };
        let mut found = Vec::new();
        let foreign = ForeignNumbers::read(&root)?;
        for name in retention.pruned(&root, self.number(), &others)? {
            if foreign.is_generation(&root, &name, self.number())? {
                found.push(name);
            }
        }
        Ok((Some(root), found))
    }

    /// What an installation would say of generations that others read.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if it cannot be looked.
    pub fn read_by_others(&self) -> Result<Vec<Notice>, Error> {
        let Some(root) = self.root() else { return Ok(Vec::new()) };
        let others = OtherSymlink::all(root, self.location(), self.number())?;
        Ok(others.iter().map(|other| other.notice(self.location())).collect())
    }

    /// That the running generation is not on the file system that it is to be on.
    pub(crate) fn misses_file_system(&self) -> Result<Option<Surrounding>, Error> {
        let (Some(root), Some(_)) = (self.root(), self.running()) else { return Ok(None) };
        let missing = mount::missing(self.location(), root)?;
        Ok(missing.map(|wanted| Surrounding::FileSystem { path: root.path().to_owned(), wanted }))
    }

    /// The kind of file system that the running generation is on, such as `ramfs`; nothing without a generation.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if the file system cannot be asked.
    pub fn file_system_name(&self) -> Result<Option<&'static str>, Error> {
        self.running().map(file_system_name).transpose()
    }

    /// What is installed of a file. Its content is not looked at.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if something cannot be looked at.
    pub fn inspect_file(&self, file: &Wanted<'_>) -> Result<Inspection, Error> {
        // Where the symlink leads to another place, what is there is not that of this manifest.
        let Some(running) = self.running_number().and(self.running()) else {
            return Ok(Inspection { installed: None, drift: vec![Drift::Missing] });
        };
        let mut drift = Vec::new();
        let installed = match find(running, file.place.below())? {
            AtPlace::Nothing => {
                drift.push(Drift::Missing);
                None
            }
            AtPlace::Other(found) => {
                drift.push(Drift::NotAFile(found));
                None
            }
            AtPlace::File(found) => {
                let wanted = file.access.permissions;
                if found.mode != wanted {
                    drift.push(Drift::Mode { found: found.mode, wanted });
                }
                if let Some(wanted) = file.access.owner.filter(|wanted| *wanted != found.owner) {
                    drift.push(Drift::Owner { found: found.owner, wanted });
                }
                drift.extend(found.is_listed.then_some(Drift::Listed));
                Some(found)
            }
        };
        drift.extend(self.inspect_link(running, file)?);
        Ok(Inspection { installed, drift })
    }

    /// Whether a file is there with this content, whatever its mode and owner.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if it cannot be read.
    pub fn has_content(&self, file: &File<'_>) -> Result<bool, Error> {
        let Some(running) = self.running() else { return Ok(false) };
        let path = running.path().join(file.wanted.place.below());
        let (parent, name) = split(&path)?;
        let Some(parent) = Dir::existing(parent)? else { return Ok(false) };
        parent.has_content(name, file.content)
    }

    /// How the link of a file outside of the generations is not as it should be, whether there is a generation or not.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if something cannot be looked at.
    pub fn inspect_outer_link(&self, file: &Wanted<'_>) -> Result<Option<Drift>, Error> {
        file.outer_link().map_or(Ok(None), |path| inspect_link_at(path, path, file))
    }

    /// What a switch replaces at the symlink path that is no symlink of ours.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if it cannot be looked at.
    pub fn inspect_symlink(&self) -> Result<Option<Drift>, Error> {
        let path = self.location().symlink_path();
        let (parent, name) = split(path)?;
        let Some(parent) = Dir::existing(parent)? else { return Ok(None) };
        let path = path.to_owned();
        Ok(match parent.look(name)? {
            Occupant::Link(link) if self.location().is_below(&link.target) || self.number().is_some() => None,
            Occupant::Link(link) => Some(Drift::LinkElsewhere { path, target: link.target }),
            found @ Occupant::Directory => Some(Drift::NotALink { path, found: found.noun() }),
            Occupant::Nothing | Occupant::File | Occupant::Special => None,
        })
    }

    fn inspect_link(&self, running: &Dir, file: &Wanted<'_>) -> Result<Option<Drift>, Error> {
        match file.link {
            Some(LinkPlace::Inside(link)) => {
                inspect_link_at(&running.path().join(link.below()), link.path().as_path(), file)
            }
            Some(LinkPlace::Outside(_)) | None => self.inspect_outer_link(file),
        }
    }

    /// What there is in the running generation that is not of these files.
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if a directory cannot be listed, which ordinary users may not do.
    pub fn remains<'a>(
        &self,
        wanted: impl IntoIterator<Item = Wanted<'a>>,
        group: Option<Gid>,
    ) -> Result<Remains, Error> {
        // What the symlink leads to elsewhere is no directory of ours.
        let access = self.running_number().map(|_| directory_access(group));
        let mut search = GenerationSearch { wanted: places(wanted), access, found: Remains::default() };
        if let Some(running) = self.running() {
            search.directory(&running.listable()?, "")?;
        }
        let mut found = search.found;
        found.superfluous.sort_unstable();
        Ok(found)
    }
}

/// How a link at a place is not as it should be. People know it by its path.
fn inspect_link_at(place: &Path, path: &Path, file: &Wanted<'_>) -> Result<Option<Drift>, Error> {
    let path = path.to_owned();
    let (parent, name) = split(place)?;
    let found =
        Dir::existing(parent).and_then(|parent| parent.map_or(Ok(Occupant::Nothing), |parent| parent.look(name)));
    let found = match found {
        Ok(found) => found,
        Err(error) => return error.out_of_reach().map(|through| Some(Drift::OutOfReach { path, through })),
    };
    Ok(match found {
        Occupant::Link(link) if link.target != file.target() => {
            Some(Drift::LinkElsewhere { path, target: link.target })
        }
        Occupant::Link(link) if file.access.owner.is_some_and(|owner| owner != link.owner) => {
            Some(Drift::LinkOwner(path))
        }
        Occupant::Link(_) => None,
        Occupant::Nothing => Some(Drift::NoLink(path)),
        found @ (Occupant::Directory | Occupant::File | Occupant::Special) => {
            Some(Drift::NotALink { path, found: found.noun() })
        }
    })
}

/// What is at a place below a generation.
enum AtPlace {
    Nothing,
    File(Installed),
    /// Something else, with an article.
    Other(&'static str),
}

fn find(running: &Dir, place: &str) -> Result<AtPlace, Error> {
    let path = running.path().join(place);
    let (parent, name) = split(&path)?;
    let Some(parent) = Dir::existing(parent)? else { return Ok(AtPlace::Nothing) };
    // First: whoever serves what is mounted there may refuse every look.
    if parent.has_mount(name)? {
        return Ok(AtPlace::Other("a mounted file system"));
    }
    if let Some(status) = parent.file_status(name)? {
        let is_listed = parent.has_list(name);
        return Ok(AtPlace::File(Installed { mode: permissions_of(&status), owner: owner(&status), is_listed }));
    }
    Ok(match parent.look(name)? {
        Occupant::Nothing => AtPlace::Nothing,
        found => AtPlace::Other(found.noun()),
    })
}

/// Looks for what remains in a generation.
struct GenerationSearch<'a> {
    wanted: BTreeSet<&'a str>,
    /// That of directories, if they are ours.
    access: Option<Access>,
    found: Remains,
}

impl GenerationSearch<'_> {
    fn directory(&mut self, directory: &Dir, prefix: &str) -> Result<(), Error> {
        if let Some(access) = self.access
            && !directory.is_settled(access)?
        {
            self.found.unsettled.push(Surrounding::Directory(directory.path().to_owned()));
        }
        for (name, is) in directory.entries()? {
            let place = [prefix, &name.to_string_lossy()].concat();
            match is {
                Is::Directory => match directory.within(&name) {
                    Ok(below) => self.directory(&below, &[&place, "/"].concat())?,
                    Err(Error::Mounted { .. }) => self.found.superfluous.push(place),
                    Err(error) => return Err(error),
                },
                Is::Other if self.wanted.contains(place.as_str()) => {}
                Is::Other => self.found.superfluous.push(place),
            }
        }
        Ok(())
    }
}
