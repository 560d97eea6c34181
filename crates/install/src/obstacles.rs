//! What would keep an installation from being made, for those who only look. Reads only.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::dir::{Dir, Prepared, directory_access, owner, split};
use crate::foreign::foreign;
use crate::links::{self, LinkFailure};
use crate::reach::{refused_link, unfollowed, unmakeable, unreachable};
use crate::record::Entries;
use crate::store::last_number;
use crate::symlinks::OtherSymlink;
use crate::{Changes, Current, Drift, Error, Retention, Wanted, lock};

/// What would keep an installation from being made.
#[derive(Debug, Default)]
pub struct Obstacles<'f> {
    /// What it fails at before readers see anything new.
    pub before: Vec<Error>,
    /// What it fails at afterwards: one link is missing, which is that of the file, or something cannot be removed.
    pub after: Vec<LinkFailure<'f>>,
}

impl Current<'_> {
    /// Why records of links and of requests cannot be read. The next installation reports it, and begins what is damaged again.
    #[must_use]
    pub fn damage(&self) -> Vec<Error> {
        let links = self.root().and_then(|root| links::recorded(root).err());
        links.into_iter().chain(self.requests().damage()).collect()
    }

    /// What an installation of these files, which makes these changes, would refuse or fail at, apart from what stands at the very
    /// paths of their links. What its retention keeps is no obstacle, nor are the links that are `going`
    /// ([`Surrounding::links_that_go`](crate::Surrounding::links_that_go)).
    ///
    /// # Errors
    ///
    /// [`Error::Call`] if something cannot be looked at.
    pub fn obstacles<'f>(
        &self,
        files: impl IntoIterator<Item = Wanted<'f>>,
        changes: &Changes,
        going: &HashSet<&Path>,
        retention: Retention,
    ) -> Result<Obstacles<'f>, Error> {
        let location = self.location();
        let Obstacles { mut before, mut after } = Obstacles::default();
        let mut switch = Vec::new();
        let mut others = Vec::new();
        let mut known = Entries::default();
        if let Some(error) = unreachable(location.mount_point(), 0) {
            before.push(error);
        } else {
            before.extend(lock::obstacle(location)?);
            let lock = lock::path(location)?;
            for path in [lock.as_path(), location.mount_point()] {
                before.extend(unmakeable(path)?);
            }
        }
        switch.extend(prepared(location.symlink_path(), &|target| location.is_below(target))?);
        if let (Some(u64::MAX), link) = (self.number(), location.symlink_path().to_owned()) {
            switch.push(Error::LastGeneration { generation: u64::MAX, link });
        }
        if let Some(root) = self.root() {
            match links::recorded(root) {
                Ok(links) => known = links,
                Err(error) => others.push(error),
            }
            others.extend(self.requests().damage());
            if is_of_another(root)? {
                before.push(Error::call("change the mode of", location.mount_point())(Errno::EPERM));
            } else if (!changes.is_empty() || self.misses_file_system()?.is_some())
                && let Some(errno) = root.refusal_to_change()
            {
                before.push(Error::call("write below", location.mount_point())(errno));
            }
            // A generation with a mount in it, and what only has the name of one, cannot be removed when its time has come.
            if let Ok(root) = root.listable() {
                let others_links = OtherSymlink::all(&root, location, self.number())?;
                let doomed = retention.pruned(&root, self.number(), &others_links)?;
                let mut doomed: HashSet<OsString> = doomed.into_iter().collect();
                if !changes.is_empty() {
                    let next = last_number(&root, location, self.number(), &others_links)?.checked_add(1);
                    doomed.extend(retention.pruned(&root, next, &others_links)?);
                }
                let below = |path: &Path| path.strip_prefix(root.path()).map(Path::to_owned).unwrap_or_default();
                for error in foreign(&root, location, self.number())? {
                    let goes = match &error {
                        Error::Mounted { path } => below(path).iter().next().is_some_and(|name| doomed.contains(name)),
                        Error::Foreign { path, .. } | Error::Disowned { path } => {
                            doomed.contains(below(path).as_os_str())
                        }
                        _ => false,
                    };
                    others.extend(goes.then_some(error));
                }
            }
        }
        if !changes.is_empty() {
            before.append(&mut switch);
        }
        after.extend(others.into_iter().map(|error| (None, error)));
        for file in files {
            // An old link that the manifest does not want goes before another link is made below it.
            let is_below_what_goes = |path: &Path| path.ancestors().skip(1).any(|above| going.contains(above));
            if let Some(path) = file.outer_link().filter(|path| !is_below_what_goes(path)) {
                // A link that is right is not made again, and one that is out of reach is reported elsewhere.
                if self.inspect_outer_link(&file)?.is_some_and(|drift| !matches!(drift, Drift::OutOfReach { .. })) {
                    let failure = prepared(path, &|target| links::is_ours(&known, location, path, target))?;
                    let failure = failure.or(unfollowed(path)?);
                    after.extend(failure.map(|error| (Some(file), error)));
                }
            }
        }
        Ok(Obstacles { before, after })
    }
}

/// What stands at the name under which a link is prepared, or instead of a directory on the way to it.
fn prepared(path: &Path, is_ours: &dyn Fn(&Path) -> bool) -> Result<Option<Error>, Error> {
    if let Some(error) = unreachable(path, 1) {
        return Ok(Some(error));
    }
    if let Some(error) = refused_link(path)? {
        return Ok(Some(error));
    }
    let (parent, name) = split(path)?;
    let Some(parent) = Dir::existing(parent)? else { return Ok(None) };
    Ok(match parent.prepared(name, is_ours)? {
        Prepared::Nothing | Prepared::Link => None,
        Prepared::Foreign(error) => Some(error),
    })
}

/// Whether an ordinary user would have to give the directory another mode, and it belongs to somebody else.
fn is_of_another(root: &Dir) -> Result<bool, Error> {
    let is_settled = |root: Dir| root.is_settled(directory_access(None));
    Ok(!geteuid().is_root()
        && owner(&root.status()?).user != geteuid()
        // Who may not list it is told so elsewhere.
        && root.listable().is_ok_and(|root| matches!(is_settled(root), Ok(false))))
}
