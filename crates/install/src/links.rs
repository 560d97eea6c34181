//! Links at the paths that secrets and templates ask for, outside of the generations.
//!
//! A link leads through the symlink path, so it stays right while generations come and go. It may stand in a directory of
//! an ordinary user, who can exchange anything there at any moment. So the directory is opened once, without following
//! a link that the user could have made, and all the rest happens on its handle: nothing is made, changed or removed in
//! any other directory, and nothing but links changes its owner.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::FileStat;

use crate::aliases::Ours;
use crate::dir::{Dir, Missing, Occupant, Over, PARENT, Prepared, is_one_place, order, split, temporary};
use crate::notice::Notice;
use crate::reach::unreachable;
use crate::record::{self, Entries, LINKS, Pair, REPLACED};
use crate::seal::Seal;
use crate::surroundings::Surrounding;
use crate::symlinks::OtherSymlink;
use crate::{Current, Effect, Error, File, Location, Wanted, symlinks};

/// What came of an update.
pub(crate) struct Updated<'f> {
    pub(crate) failures: Vec<LinkFailure<'f>>,
    pub(crate) notices: Vec<Notice>,
    /// The links as they were made or found; nothing if one failed.
    pub(crate) seal: Option<Seal>,
    pub(crate) effect: Effect,
}

/// Why a link was not made or removed, and the file that it is for; none if it is an old link, or the record of all.
pub type LinkFailure<'f> = (Option<Wanted<'f>>, Error);

/// Makes the links that the files need and removes those of earlier runs that no file needs. One that fails does not stop
/// the others.
pub(crate) fn update<'f>(root: &Dir, location: &Location, others: &[OtherSymlink], files: &[File<'f>]) -> Updated<'f> {
    let wanted: Vec<WantedLink<'_>> = files.iter().filter_map(|file| WantedLink::of(&file.wanted)).collect();
    let mut update = Update {
        failures: Vec::new(),
        unplaced: Vec::new(),
        notices: Vec::new(),
        seal: Seal::default(),
        effect: Effect::Nothing,
    };
    if let Err(error) = update.run(root, location, others, &wanted) {
        update.failures.push(error);
    }
    let Update { failures, unplaced, notices, seal, effect } = update;
    let failures: Vec<_> = failures.into_iter().map(|error| (None, error)).chain(unplaced).collect();
    let seal = failures.is_empty().then_some(seal);
    Updated { failures, notices, seal, effect }
}

/// The links of earlier runs that [`update`] would remove. Reads only.
pub(crate) fn stale<'a>(
    current: &Current<'_>,
    files: impl Iterator<Item = Wanted<'a>>,
) -> Result<Vec<Surrounding>, Error> {
    let location = current.location();
    let others =
        current.root().map_or_else(|| Ok(Vec::new()), |root| OtherSymlink::all(root, location, current.number()))?;
    let wanted: Vec<WantedLink<'_>> = files.filter_map(|file| WantedLink::of(&file)).collect();
    let exact: Entries<Made> = Entries::of(wanted.iter().map(WantedLink::made));
    let paths: HashSet<&Path> = wanted.iter().map(|link| link.path).collect();
    // A damaged record is a failure of its own.
    let known: Entries<Made> = symlinks::known(current, &mut Vec::new())?;
    let mut last = None;
    let mut stale = Vec::new();
    for made in known.without(&exact) {
        if made.use_of(&paths, location, &others) == Use::None {
            match made.found(&mut last) {
                Ok(found) => stale.extend(found),
                // It is forgotten with a warning.
                Err(error) => drop(error.out_of_reach()?),
            }
        }
    }
    Ok(stale)
}

/// Seals the links that are recorded, as they are found.
pub(crate) fn look(root: &Dir) -> Result<Seal, Error> {
    let mut seal = Seal::default();
    let mut directory: Option<(PathBuf, Dir)> = None;
    record::each(root, LINKS, |path, _| {
        let path = Path::new(path);
        let (parent, name) = split(path)?;
        let (_, open) = match directory.take() {
            Some(last) if last.0 == parent => directory.insert(last),
            _ => directory.insert((parent.to_owned(), Dir::walk(parent, Missing::Fail)?)),
        };
        let status = open.status_of(name)?;
        seal.link(path, &open.target_of(name)?, &status);
        Ok(())
    })?;
    Ok(seal)
}

/// The links that are recorded.
///
/// # Errors
///
/// The record cannot be read.
pub(crate) fn recorded(root: &Dir) -> Result<Entries<Made>, Error> {
    record::read(root).map(Option::unwrap_or_default)
}

/// Whether a link at a path, or one that is prepared for it, is of this program: one that is recorded, or leads through the
/// symlink.
pub(crate) fn is_ours(known: &Entries<Made>, location: &Location, path: &Path, target: &Path) -> bool {
    let made = Made { path: path.to_owned(), target: target.to_owned() };
    known.contains(&made) || made.leads_through(location.symlink_path())
}

/// Removes all links that are recorded but those that lead to something through `spared`, and gives how many there were. The record stays.
///
/// # Errors
///
/// The record cannot be read, and so nothing was done.
pub(crate) fn remove_all(
    root: &Dir,
    spared: Option<&Path>,
    failures: &mut Vec<Error>,
    notices: &mut Vec<Notice>,
) -> Result<usize, Error> {
    let known: Entries<Made> = record::recover(root, failures)?;
    let mut last = None;
    let mut removed = 0_usize;
    let is_spared = |made: &Made| spared.is_some_and(|symlink| made.leads_through(symlink)) && made.target.exists();
    for made in known.iter().filter(|made| !is_spared(made)) {
        match made.remove_or_forget(&mut last) {
            Ok(Gone::Removed) => removed = removed.saturating_add(1),
            Ok(Gone::Before) => {}
            Ok(Gone::OutOfReach(notice)) => notices.push(notice),
            Err(error) => failures.push(error),
        }
    }
    Ok(removed)
}

struct Update<'f> {
    failures: Vec<Error>,
    unplaced: Vec<LinkFailure<'f>>,
    notices: Vec<Notice>,
    seal: Seal,
    effect: Effect,
}

impl<'f> Update<'f> {
    /// # Errors
    ///
    /// The record cannot be read, and so nothing was done.
    fn run(
        &mut self,
        root: &Dir,
        location: &Location,
        others: &[OtherSymlink],
        wanted: &[WantedLink<'f>],
    ) -> Result<(), Error> {
        let exact: Entries<Made> = Entries::of(wanted.iter().map(WantedLink::made));
        let known: Entries<Made> = record::recover(root, &mut self.failures)?;
        // Before the first of them is made: a run that is killed leaves no link that the next one does not know, and what cannot be
        // recorded is not made.
        let all: Entries<Made> = known.union(&exact);
        if all != known
            && let Err(error) = record::write(root, &all)
        {
            let (recorded, others): (Vec<_>, Vec<_>) = wanted.iter().partition(|link| known.contains(&link.made()));
            self.unplaced.extend(others.into_iter().map(|link| (Some(link.file), error.clone())));
            // Nothing is removed: what would take its place is not there.
            return self.place(root, location, &recorded, &known).map(drop);
        }
        let mut left: Entries<Made> = exact.clone();
        let mut before = Vec::new();
        // Removed before others are made, so that a link can give way to a directory with links.
        let paths: HashSet<&Path> = wanted.iter().map(|link| link.path).collect();
        let mut last = None;
        for made in known.without(&exact) {
            match made.use_of(&paths, location, others) {
                Use::Path => {
                    // A killed run may have prepared it, and the one that is wanted may be there already.
                    if let Err(error) = made.remove_prepared(&mut last)
                        && let Err(error) = error.out_of_reach()
                    {
                        self.failures.push(error);
                    }
                    before.push(made);
                }
                Use::Readers => {
                    left.insert(&made);
                }
                Use::None => match made.remove_or_forget(&mut last) {
                    Ok(Gone::Removed) => self.effect = Effect::Something,
                    Ok(Gone::Before) => {}
                    Ok(Gone::OutOfReach(notice)) => self.notices.push(notice),
                    Err(error) => {
                        self.failures.push(error);
                        left.insert(&made);
                    }
                },
            }
        }
        let unplaced = self.place(root, location, &wanted.iter().collect::<Vec<_>>(), &known)?;
        for link in &unplaced {
            let made = link.made();
            if !known.contains(&made) {
                left.remove(&made);
            }
        }
        // The link before is still there.
        let unplaced: HashSet<&Path> = unplaced.iter().map(|link| link.path).collect();
        for made in before.iter().filter(|made| unplaced.contains(made.path.as_path())) {
            left.insert(made);
        }
        if left != all {
            self.failures.extend(record::write(root, &left).err());
        }
        Ok(())
    }

    /// Makes all links, and gives those that cannot be made.
    fn place<'w>(
        &mut self,
        root: &Dir,
        location: &Location,
        wanted: &[&'w WantedLink<'f>],
        known: &Entries<Made>,
    ) -> Result<Vec<&'w WantedLink<'f>>, Error> {
        let ours = Ours::of(location)?;
        let mut unplaced = Vec::new();
        let mut foreign = Vec::new();
        let names = wanted.iter().map(|link| link.path.file_name().unwrap_or_default());
        for &link in order(names).filter_map(|index| wanted.get(index)) {
            match link.place(location, &ours, known, Obstacle::Stays) {
                Ok(Placed::Done(status, effect)) => self.done(link, &status, effect),
                Ok(Placed::InTheWay(replaced)) => foreign.push((link, replaced)),
                Err(error) => {
                    self.unplaced.push((Some(link.file), error));
                    unplaced.push(link);
                }
            }
        }
        if foreign.is_empty() {
            return Ok(unplaced);
        }
        // Recorded before it gives way, so that it is known where it led even if this run is killed.
        let mut replaced: Entries<Replaced> = record::recover(root, &mut self.failures)?;
        for (_, one) in &foreign {
            replaced.insert(one);
        }
        self.failures.extend(record::write(root, &replaced).err());
        for (link, replaced) in foreign {
            match link.place(location, &ours, known, Obstacle::GivesWay) {
                Ok(Placed::Done(status, effect)) => {
                    self.done(link, &status, effect);
                    self.notices.push(Notice::GaveWay { path: replaced.path, was: replaced.was });
                }
                Ok(Placed::InTheWay(_)) => {}
                Err(error) => {
                    self.unplaced.push((Some(link.file), error));
                    unplaced.push(link);
                }
            }
        }
        Ok(unplaced)
    }

    fn done(&mut self, link: &WantedLink<'_>, status: &FileStat, effect: Effect) {
        self.seal.link(link.path, link.target.as_os_str(), status);
        self.effect.add(effect);
    }
}

struct WantedLink<'a> {
    file: Wanted<'a>,
    path: &'a Path,
    target: &'a Path,
}

/// What to do about something else at the path of a link that may give way.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Obstacle {
    Stays,
    GivesWay,
}

/// What came of a link.
enum Placed {
    /// It is there, and this is what stat(2) says of it.
    Done(FileStat, Effect),
    /// Something that may give way is there, and nothing was changed.
    InTheWay(Replaced),
}

impl<'a> WantedLink<'a> {
    /// The link that a file needs outside of the generation.
    fn of(file: &Wanted<'a>) -> Option<Self> {
        file.outer_link().map(|path| Self { file: *file, path, target: file.target() })
    }

    fn made(&self) -> Made {
        Made { path: self.path.to_owned(), target: self.target.to_owned() }
    }

    /// Makes the link unless it is there. Other links and empty directories may give way, anything else is an error.
    fn place(
        &self,
        location: &Location,
        ours: &Ours,
        known: &Entries<Made>,
        foreign: Obstacle,
    ) -> Result<Placed, Error> {
        let (parent, name) = split(self.path)?;
        let parent = Dir::walk(parent, Missing::Make(PARENT)).map_err(|error| match error {
            // What is in the way may be a link of another manifest: it is that link, and not the secret behind it.
            Error::Call { errno: Errno::ENOTDIR, .. } => unreachable(self.path, 1).unwrap_or(error),
            error => error,
        })?;
        let found = parent.look(name)?;
        match &found {
            Occupant::Link(link) if link.target == self.target => {
                let other = self.file.access.owner.filter(|owner| *owner != link.owner);
                return Ok(match other {
                    Some(owner) => Placed::Done(link.give(owner)?, Effect::Something),
                    None => Placed::Done(link.status, Effect::Nothing),
                });
            }
            _ => ours.refuse(self.path, &parent, name)?,
        }
        let is_ours = |target: &Path| is_ours(known, location, self.path, target);
        let in_the_way = |was: OsString| Placed::InTheWay(Replaced { path: self.path.to_owned(), was });
        match found {
            Occupant::Nothing => self.put(&parent, name, &is_ours, Over::Nothing),
            Occupant::Link(link) => {
                if foreign == Obstacle::Stays && !is_ours(&link.target) {
                    let mut was = OsString::from("a link to ");
                    was.push(&link.target);
                    return Ok(in_the_way(was));
                }
                self.put(&parent, name, &is_ours, Over::Anything)
            }
            Occupant::Directory if foreign == Obstacle::Stays && self.is_empty(&parent, name)? => {
                Ok(in_the_way(OsString::from("an empty directory")))
            }
            Occupant::Directory => match parent.remove_empty(name) {
                Ok(()) => self.put(&parent, name, &is_ours, Over::Nothing),
                Err(Error::Call { errno: Errno::ENOTEMPTY | Errno::EEXIST, .. } | Error::Mounted { .. }) => {
                    Err(self.foreign("a directory with files"))
                }
                Err(error) => Err(error),
            },
            found @ (Occupant::File | Occupant::Special) => Err(self.foreign(found.noun())),
        }
    }

    fn is_empty(&self, parent: &Dir, name: &OsStr) -> Result<bool, Error> {
        parent.has_empty(name).map_err(|error| match error {
            Error::Mounted { .. } => self.foreign("a mounted file system"),
            error => error,
        })
    }

    /// Puts the link in place in one step, complete, so that a run that is killed leaves no part of it there.
    fn put(&self, parent: &Dir, name: &OsStr, is_ours: &dyn Fn(&Path) -> bool, over: Over) -> Result<Placed, Error> {
        parent.refuse_nosymfollow(self.path)?;
        let temporary = temporary(name);
        match parent.prepared(name, is_ours)? {
            Prepared::Nothing => {}
            Prepared::Link => parent.remove(&temporary)?,
            Prepared::Foreign(error) => return Err(error),
        }
        let of_link = |error: Error| error.at(self.path);
        let status = parent.link(self.target, &temporary, self.file.access.owner).map_err(of_link)?;
        parent.rename_or_remove(&temporary, name, over).map_err(of_link)?;
        Ok(Placed::Done(status, Effect::Something))
    }

    fn foreign(&self, found: &'static str) -> Error {
        Error::Foreign { path: self.path.to_owned(), found }
    }
}

/// A link that this program made.
pub(crate) struct Made {
    path: PathBuf,
    target: PathBuf,
}

/// What still needs a link of an earlier run that no file wants in this form.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Use {
    None,
    /// Another one is wanted at its path.
    Path,
    /// It leads somewhere by another symlink, whose readers may have moved to another mount point.
    Readers,
}

impl Made {
    /// Whether it leads through a symlink to generations, as the links of files do.
    fn leads_through(&self, symlink: &Path) -> bool {
        self.target.starts_with(symlink) || self.target.ancestors().any(|above| is_one_place(above, symlink))
    }

    fn use_of(&self, wanted: &HashSet<&Path>, location: &Location, others: &[OtherSymlink]) -> Use {
        let is_read = || !self.leads_through(location.symlink_path()) && self.target.exists();
        if wanted.contains(self.path.as_path()) {
            Use::Path
        } else if is_read() || others.iter().filter_map(OtherSymlink::path).any(|path| self.leads_through(path)) {
            Use::Readers
        } else {
            Use::None
        }
    }

    /// The link, if it is still there.
    fn found(&self, last: &mut Option<(PathBuf, Dir)>) -> Result<Option<Surrounding>, Error> {
        let Some((parent, name)) = self.directory(last)? else { return Ok(None) };
        Ok(match parent.look(name)? {
            Occupant::Link(link) if link.target == self.target => Some(Surrounding::StaleLink {
                path: self.path.clone(),
                obstacle: parent.refusal_to_change().map(Error::call("remove", &self.path)),
            }),
            _ => None,
        })
    }

    /// As [`Made::remove`], but a link that cannot be reached any more is a notice and not an error.
    fn remove_or_forget(&self, last: &mut Option<(PathBuf, Dir)>) -> Result<Gone, Error> {
        match self.remove(last) {
            Ok(true) => Ok(Gone::Removed),
            Ok(false) => Ok(Gone::Before),
            // Its user has put something on the way since. There is nothing to repair.
            Err(error) => {
                let through = error.out_of_reach()?;
                Ok(Gone::OutOfReach(Notice::Forgotten { path: self.path.clone(), through }))
            }
        }
    }

    /// Removes it, and what a killed run prepared, if they still lead where they led. Says whether there was one of them.
    ///
    /// If the link before was in the same directory, that is not opened again.
    fn remove(&self, last: &mut Option<(PathBuf, Dir)>) -> Result<bool, Error> {
        let Some((parent, name)) = self.directory(last)? else {
            return Dir::remove_unfinished(&self.path).map(|()| false);
        };
        let was_there = self.remove_at(parent, name)?;
        Ok(self.remove_at(parent, &temporary(name))? || was_there)
    }

    /// Removes what a killed run prepared, if it can be reached.
    fn remove_prepared(&self, last: &mut Option<(PathBuf, Dir)>) -> Result<(), Error> {
        let Some((parent, name)) = self.directory(last)? else { return Ok(()) };
        self.remove_at(parent, &temporary(name)).map(drop)
    }

    /// Removes a link of this name if it leads where this one led. Says whether there was one.
    fn remove_at(&self, parent: &Dir, name: &OsStr) -> Result<bool, Error> {
        match parent.look(name)? {
            Occupant::Link(link) if link.target == self.target => parent.remove(name).map(|()| true),
            _ => Ok(false),
        }
    }

    /// The directory that it is in, if it is there.
    fn directory<'s, 'd>(
        &'s self,
        last: &'d mut Option<(PathBuf, Dir)>,
    ) -> Result<Option<(&'d Dir, &'s OsStr)>, Error> {
        let (path, name) = split(&self.path)?;
        let parent = match last.take() {
            Some((open, parent)) if open == path => parent,
            _ => match Dir::existing(path)? {
                Some(parent) => parent,
                None => return Ok(None),
            },
        };
        let (_, parent) = last.insert((path.to_owned(), parent));
        Ok(Some((parent, name)))
    }
}

/// Notes what is about to give way to a link of ours. A damaged note is begun again.
pub(crate) fn note_replaced(root: &Dir, path: &Path, was: &OsStr) -> Result<(), Error> {
    let mut replaced: Entries<Replaced> = record::recover(root, &mut Vec::new())?;
    replaced.insert(&Replaced { path: path.to_owned(), was: was.to_owned() });
    record::write(root, &replaced)
}

/// What became of a link that is not wanted any more.
enum Gone {
    Removed,
    /// It was gone, or leads elsewhere.
    Before,
    OutOfReach(Notice),
}

impl record::Recorded for Made {
    const RECORD: &'static str = LINKS;

    fn line(&self) -> Pair {
        [self.path.clone().into(), self.target.clone().into()]
    }

    fn of([path, target]: &Pair) -> Option<Self> {
        record::is_path(path).then(|| Self { path: path.into(), target: target.into() })
    }
}

/// What gave way to a link.
struct Replaced {
    path: PathBuf,
    /// What it was, in words, and where it led.
    was: OsString,
}

impl record::Recorded for Replaced {
    const RECORD: &'static str = REPLACED;

    fn line(&self) -> Pair {
        [self.path.clone().into(), self.was.clone()]
    }

    fn of([path, was]: &Pair) -> Option<Self> {
        record::is_path(path).then(|| Self { path: path.into(), was: was.clone() })
    }
}
