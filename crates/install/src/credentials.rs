//! Secrets for `ImportCredential=` of systemd units, in a directory that only root can enter.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use manifest::CredentialName;
use nix::errno::Errno;
use nix::sys::stat::FileStat;
use nix::unistd::geteuid;

use crate::dir::{self, Dir, Missing, Occupant, PARENT, order, permissions_of, split, temporary};
use crate::record::{self, CREDENTIALS, Entries, Pair};
use crate::seal::Seal;
use crate::surroundings::Surrounding;
use crate::{Access, Current, Effect, Error, File, Ownership, Sought, reach, symlinks};

/// A secret that systemd hands to units. It borrows the plaintext and has no `Debug`.
pub struct Credential<'a> {
    /// The name of its file.
    pub name: &'a CredentialName,
    /// The plaintext.
    pub content: &'a [u8],
}

impl<'a> File<'a> {
    /// The file as a credential, if it is to be one.
    #[must_use]
    pub fn credential(&self) -> Option<Credential<'a>> {
        self.wanted.credential.map(|name| Credential { name, content: self.content })
    }
}

impl Credential<'_> {
    fn file(&self) -> &OsStr {
        self.name.as_str().as_ref()
    }

    fn published(&self, directory: &Path) -> Published {
        Published { directory: directory.to_owned(), name: self.file().to_owned() }
    }
}

/// Who owns credentials, where the program gives owners at all.
pub(crate) fn owner(directories: Access) -> Option<Ownership> {
    directories.owner.map(|_| Ownership::ROOT)
}

/// What came of an update.
pub(crate) struct Updated {
    pub(crate) failures: Vec<Error>,
    /// The files as they were made or found; nothing if one failed.
    pub(crate) seal: Option<Seal>,
    pub(crate) effect: Effect,
}

/// Makes the files that are wanted and removes those of earlier runs that are not. One that fails does not stop the others.
pub(crate) fn update(root: &Dir, path: &Path, credentials: &[Credential<'_>], owner: Option<Ownership>) -> Updated {
    let (failures, seal, effect) = (Vec::new(), Seal::default(), Effect::Nothing);
    let mut update = Update { root, path, owner, failures, seal, effect };
    if let Err(error) = update.run(credentials) {
        update.failures.push(error);
    }
    let Update { failures, seal, effect, .. } = update;
    let seal = failures.is_empty().then_some(seal);
    Updated { failures, seal, effect }
}

/// Seals the credentials that are recorded, as they are found.
pub(crate) fn look(root: &Dir) -> Result<Seal, Error> {
    let mut seal = Seal::default();
    let mut directory: Option<(PathBuf, Dir)> = None;
    for published in record::read::<Published>(root)?.unwrap_or_default().iter() {
        let open = match directory.take() {
            Some((path, open)) if path == published.directory => open,
            _ => {
                // A link may lead elsewhere by the time that a credential goes, so it is refused, as in every other run.
                let (parent, name) = split(&published.directory)?;
                let open = Dir::walk(parent, Missing::Fail)?.child(name)?;
                open.refuse_lists()?;
                seal.place(&published.directory, &open.status()?);
                open
            }
        };
        seal.file(&published.directory.join(&published.name), &open.status_of(&published.name)?);
        directory = Some((published.directory, open));
    }
    Ok(seal)
}

/// Finds how the credentials of files are not as wanted, and what stands in their way. Where the content of one is not known, its mode
/// and owner are looked at.
pub(crate) fn compare(
    current: &Current<'_>,
    path: &Path,
    files: &[Sought<'_>],
    owner: Option<Ownership>,
    found: &mut Vec<Surrounding>,
) -> Result<(), Error> {
    let mut damaged = Vec::new();
    let known: Entries<Published> = symlinks::known(current, &mut damaged)?;
    found.extend(damaged.into_iter().map(Surrounding::Credential));
    let credentials: Vec<(&OsStr, Option<&[u8]>)> =
        files.iter().filter_map(|file| Some((file.wanted.credential?.as_str().as_ref(), file.content))).collect();
    let published = |name: &OsStr| Published { directory: path.to_owned(), name: name.to_owned() };
    let wanted: Entries<Published> = Entries::of(credentials.iter().map(|(name, _)| published(name)));
    for stale in known.without(&wanted) {
        let place = stale.directory.join(&stale.name);
        match stale.status()? {
            Some(status) if is_as_made(&status) => found.push(Surrounding::StaleCredential(place)),
            // It stays, as it may be somebody else's by now.
            Some(_) => found.push(Surrounding::Credential(stale.foreign())),
            None => {}
        }
    }
    let directory = if credentials.is_empty() { Ok(None) } else { existing(path) };
    let directory = match directory {
        Ok(directory) => directory,
        Err(error) => {
            found.push(Surrounding::Credential(error));
            return Ok(());
        }
    };
    let access = Access { permissions: FILE, owner };
    for (name, content) in credentials {
        let place = path.join(name);
        let Some(directory) = &directory else {
            found.push(Surrounding::NoCredential(place));
            continue;
        };
        if let Err(error) = claim(directory, &published(name), &known) {
            found.push(Surrounding::Credential(error));
            continue;
        }
        let prepared = published(&temporary(name));
        if !wanted.contains(&prepared) && prepared.status()?.is_some() {
            found.push(Surrounding::StaleCredential(path.join(prepared.name)));
        }
        let status = directory.file_status(name)?;
        let is_right = match content {
            Some(content) => directory.same(name, content, access)?.is_some(),
            None => status.is_some_and(|status| is_as_made(&status)),
        };
        if let Some(errno) = directory.refusal_to_change().filter(|_| !is_right) {
            found.push(Surrounding::Credential(Error::call("make", place)(errno)));
        } else if !is_right {
            let what = if status.is_some() { Surrounding::OtherCredential } else { Surrounding::NoCredential };
            found.push(what(place));
        }
    }
    Ok(())
}

/// Removes all recorded credentials except those that `other` records too. Returns how many it removed. The record stays.
///
/// # Errors
///
/// The record cannot be read, and so nothing was done.
pub(crate) fn remove_all(root: &Dir, other: Option<&Dir>, failures: &mut Vec<Error>) -> Result<usize, Error> {
    let known: Entries<Published> = record::recover(root, failures)?;
    let spared: Entries<Published> = other.map(record::read).transpose()?.flatten().unwrap_or_default();
    let mut removed = 0_usize;
    for published in known.without(&spared) {
        match published.remove() {
            Ok(was_there) => removed = removed.saturating_add(usize::from(was_there)),
            Err(error) => failures.push(error),
        }
    }
    Ok(removed)
}

/// One update of the credentials in a directory, and what has come of it so far.
struct Update<'a> {
    /// Where the record is.
    root: &'a Dir,
    /// The directory of the credentials.
    path: &'a Path,
    owner: Option<Ownership>,
    failures: Vec<Error>,
    seal: Seal,
    effect: Effect,
}

impl Update<'_> {
    /// # Errors
    ///
    /// The record cannot be read or written, and so the rest was not done.
    fn run(&mut self, credentials: &[Credential<'_>]) -> Result<(), Error> {
        let known: Entries<Published> = record::recover(self.root, &mut self.failures)?;
        let mut left: Entries<Published> =
            Entries::of(credentials.iter().map(|credential| credential.published(self.path)));
        let stale: Vec<Published> = known.without(&left).collect();
        // Without anything to publish, the directory is not made.
        let directory = match credentials {
            [] => None,
            _ => open(self.path, self.owner).map_err(|error| self.failures.push(error)).ok(),
        };
        let ours = self.claim_all(directory.as_ref(), credentials, &known, &mut left);
        // Before the first of them is made: a run that is killed leaves no file that the next one does not know. What is not in
        // the record would be foreign to the next run, so it is not made.
        let all: Entries<Published> = known.union(&left);
        if all != known {
            record::write(self.root, &all)?;
        }
        self.remove_stale(stale, &mut left);
        if let Some(directory) = &directory {
            self.place(directory, &ours, &all)?;
        }
        if left != all {
            record::write(self.root, &left)?;
        }
        Ok(())
    }

    /// Gives those whose names are free or already ours. The others leave the record unless an earlier run made them.
    fn claim_all<'c, 'p>(
        &mut self,
        directory: Option<&Dir>,
        credentials: &'c [Credential<'p>],
        known: &Entries<Published>,
        left: &mut Entries<Published>,
    ) -> Vec<&'c Credential<'p>> {
        let mut ours = Vec::new();
        for credential in credentials {
            let published = credential.published(self.path);
            let claimed = directory.map(|directory| claim(directory, &published, known));
            if let Some(Ok(())) = claimed {
                ours.push(credential);
            } else if !known.contains(&published) {
                left.remove(&published);
            }
            self.failures.extend(claimed.and_then(Result::err));
        }
        ours
    }

    /// Removes what is not wanted any more. What cannot be removed stays in the record.
    fn remove_stale(&mut self, stale: Vec<Published>, left: &mut Entries<Published>) {
        for published in stale {
            match published.remove() {
                Ok(true) => self.effect.add(Effect::Something),
                Ok(false) => {}
                Err(error) => {
                    self.failures.push(error);
                    left.insert(&published);
                }
            }
        }
    }

    /// Makes the files that are not right yet.
    fn place(&mut self, directory: &Dir, ours: &[&Credential<'_>], recorded: &Entries<Published>) -> Result<(), Error> {
        self.seal.place(self.path, &directory.status()?);
        for credential in order(ours.iter().map(|one| one.file())).filter_map(|index| ours.get(index)) {
            let prepared = Published { directory: self.path.to_owned(), name: temporary(credential.file()) };
            if !recorded.contains(&prepared) {
                // A killed run may have left a half-made file here. A credential that is already right is not written again, so
                // nothing else would remove it.
                self.failures.extend(remove_prepared(directory, credential.file()).err());
            }
            match publish(directory, credential, self.owner) {
                Ok((status, effect)) => {
                    self.effect.add(effect);
                    self.seal.file(&self.path.join(credential.file()), &status);
                }
                Err(error) => self.failures.push(error),
            }
        }
        Ok(())
    }
}

/// The directory, made if it is not there, if it is fit for plaintext.
fn open(path: &Path, owner: Option<Ownership>) -> Result<Dir, Error> {
    let (parent, name) = split(path)?;
    let parent = Dir::walk(parent, Missing::Make(PARENT))?;
    let made = match parent.look(name)? {
        Occupant::Nothing => parent.make(name, Access { permissions: DIRECTORY, owner }),
        _ => parent.child(name),
    };
    let directory = match made {
        // Another run has made it meanwhile.
        Err(Error::Call { errno: Errno::EEXIST, .. }) => parent.child(name)?,
        made => made?,
    };
    fit(&directory)?;
    Ok(directory)
}

/// The directory, if it is there, and fit for plaintext or can be made so.
fn existing(path: &Path) -> Result<Option<Dir>, Error> {
    let (parent, name) = split(path)?;
    let Some(parent) = Dir::existing(parent)? else { return makeable(path) };
    if let Occupant::Nothing = parent.look(name)? {
        return makeable(path);
    }
    let directory = parent.child(name)?;
    fit(&directory)?;
    Ok(Some(directory))
}

/// Nothing, unless the directory cannot be made.
fn makeable(path: &Path) -> Result<Option<Dir>, Error> {
    reach::unfit(path)?.map_or(Ok(None), Err)
}

/// Whether plaintext may be in it.
fn fit(directory: &Dir) -> Result<(), Error> {
    let path = || directory.path().to_owned();
    if !directory.is_memory()? {
        return Err(Error::NotInMemory { path: path() });
    }
    if !directory.is_private()? {
        return Err(Error::Shared { path: path() });
    }
    Ok(())
}

/// Whether the name is free, or already ours, and the one under which it is prepared too.
fn claim(directory: &Dir, credential: &Published, recorded: &Entries<Published>) -> Result<(), Error> {
    let (name, known) = (credential.name.as_os_str(), recorded.contains(credential));
    let foreign = |name: &OsStr, found: Occupant| {
        let path = directory.path().join(name);
        Err(match found {
            Occupant::File => Error::OtherCredential { path },
            found => Error::Foreign { path, found: found.noun() },
        })
    };
    match directory.look(name)? {
        Occupant::Nothing => {}
        // A file that differs from what is made here may belong to somebody who has replaced ours.
        Occupant::File if known && directory.file_status(name)?.is_some_and(|status| is_as_made(&status)) => {}
        found => return foreign(name, found),
    }
    let temporary = temporary(name);
    match directory.look(&temporary)? {
        Occupant::Nothing => Ok(()),
        // A run was killed while it made it.
        Occupant::File if known => Ok(()),
        found => foreign(&temporary, found),
    }
}

/// Whether a file has the mode and the owner that one is made with.
fn is_as_made(status: &FileStat) -> bool {
    permissions_of(status) == FILE && dir::owner(status).user == geteuid()
}

fn publish(
    directory: &Dir,
    credential: &Credential<'_>,
    owner: Option<Ownership>,
) -> Result<(FileStat, Effect), Error> {
    let name = credential.file();
    let access = Access { permissions: FILE, owner };
    if let Some(status) = directory.same(name, credential.content, access)? {
        return Ok((status, Effect::Nothing));
    }
    directory.replace(name, credential.content, access)?;
    // A file may inherit an access control list from its directory. It says who could read if the mode did not mask it.
    Ok((directory.remove_list(name)?, Effect::Something))
}

/// Removes what a killed run has prepared for a credential.
fn remove_prepared(directory: &Dir, name: &OsStr) -> Result<(), Error> {
    let temporary = temporary(name);
    if directory.file_status(&temporary)?.is_some() { directory.remove(&temporary) } else { Ok(()) }
}

/// A credential that this program made.
pub(crate) struct Published {
    directory: PathBuf,
    name: OsString,
}

impl Published {
    /// What stat(2) says of the file, if it is there.
    fn status(&self) -> Result<Option<FileStat>, Error> {
        Dir::existing(&self.directory)?.map_or(Ok(None), |directory| directory.file_status(&self.name))
    }

    /// That the file is not as one is made.
    fn foreign(&self) -> Error {
        Error::OtherCredential { path: self.directory.join(&self.name) }
    }

    /// Removes it, and what a killed run prepared, unless something else stands there by now. Says whether it was there.
    ///
    /// # Errors
    ///
    /// [`Error::OtherCredential`] for a file that is not as one is made. It may still be ours, changed by hand, so it is
    /// reported.
    fn remove(&self) -> Result<bool, Error> {
        let Some(directory) = Dir::existing(&self.directory)? else { return Ok(false) };
        remove_prepared(&directory, &self.name)?;
        match directory.file_status(&self.name)? {
            None => Ok(false),
            Some(status) if is_as_made(&status) => directory.remove(&self.name).map(|()| true),
            Some(_) => Err(self.foreign()),
        }
    }
}

impl record::Recorded for Published {
    const RECORD: &'static str = CREDENTIALS;

    fn line(&self) -> Pair {
        [self.directory.clone().into(), self.name.clone()]
    }

    fn of([directory, name]: &Pair) -> Option<Self> {
        (record::is_path(directory) && record::is_name(name))
            .then(|| Self { directory: directory.into(), name: name.clone() })
    }
}

/// Permissions of the directory, as systemd-tmpfiles makes it.
const DIRECTORY: u32 = 0o700;
/// Permissions of a credential.
const FILE: u32 = 0o400;
