//! Which files can have their links: none leads to where the program keeps its own things, takes the place of what it reads, or
//! is at, in or above another one. Judged before anything is changed.

use std::collections::HashMap;
use std::path::Path;

use crate::aliases::{Ours, Spot};
use crate::dir::split;
use crate::record::Entries;
use crate::surroundings::Surrounding;
use crate::{Current, Error, File, Wanted, links};

impl Current<'_> {
    /// The files, apart from those whose path leads to where the program keeps its own things, to one of the `read_files` or a link on
    /// the way to it, or to the path of another file or below it. The directory of `credentials` is the program's own if there is
    /// one to be in it. Reads only.
    ///
    /// # Errors
    ///
    /// [`Error::Nested`] if the symlink path leads into the mount point, or the other way round, by whichever name;
    /// [`Error::InStore`] if one of them and the directory of `credentials` are in each other; [`Error::ReadFrom`] if the symlink
    /// would take the place of a link on the way to one of the `read_files`.
    pub fn place<'f, 'p>(
        &self,
        files: Vec<File<'f>>,
        read_files: impl IntoIterator<Item = &'p Path>,
        credentials: &Path,
    ) -> Result<PlacedFiles<'f>, Error> {
        let errors = self.misplaced(&files, read_files.into_iter().collect(), credentials)?;
        let mut placed = PlacedFiles { files: Vec::with_capacity(files.len()), misplaced: Vec::new() };
        let mut errors = errors.into_iter();
        for file in files {
            match errors.next().flatten() {
                Some(error) => placed.misplaced.push((file.wanted, error)),
                None => placed.files.push(file),
            }
        }
        Ok(placed)
    }

    /// What is wrong with the path of each file; nothing for the last ones that are right.
    fn misplaced(
        &self,
        files: &[File<'_>],
        read_files: Vec<&Path>,
        credentials: &Path,
    ) -> Result<Vec<Option<Error>>, Error> {
        let mut ours = Ours::of(self.location())?;
        let store = ours.store(self.location(), credentials)?;
        let mut misplaced = Vec::new();
        let symlink_path = self.location().symlink_path();
        if self.number().is_none() && self.running().is_none() && symlink_path.is_symlink() {
            // It gives way to ours, and leads to no generation, which would have successors.
            let mut trails = HashMap::new();
            let (parent, name) = split(symlink_path)?;
            let link = ours.trail(parent, &mut trails)?.spot(name);
            for file in read_files.iter().filter(|file| file.exists()) {
                if ours.way_to(file, &mut trails).contains(&link) {
                    return Err(Error::ReadFrom { path: symlink_path.to_owned(), read: (*file).to_owned() });
                }
            }
        }
        if !files.iter().any(|file| file.wanted.outer_link().is_some()) {
            return Ok(misplaced);
        }
        if files.iter().any(|file| file.wanted.credential.is_some())
            && let Some(spot) = store
        {
            ours.add_credentials(&spot, credentials);
        }
        let mut trails = HashMap::new();
        let mut read: HashMap<Spot, &Path> = HashMap::new();
        let mut on_the_way: HashMap<Spot, &Path> = HashMap::new();
        for file in read_files {
            // What cannot be reached is not read.
            if let Ok(spot) = ours.judge(file, &mut trails) {
                read.insert(spot, file);
            }
            on_the_way.extend(ours.way_to(file, &mut trails).into_iter().map(|spot| (spot, file)));
        }
        misplaced.resize_with(files.len(), || None);
        let mut misplace = |position: usize, error| {
            if let Some(place) = misplaced.get_mut(position) {
                *place = Some(error);
            }
        };
        let mut taken: HashMap<Spot, (usize, &Path)> = HashMap::new();
        let mut unfollowed = Vec::new();
        let mut refused = Vec::new();
        for (position, file) in files.iter().enumerate() {
            let Some(path) = file.wanted.outer_link() else { continue };
            // A reader that comes by a link of its own may read what is installed, but nothing that is there is replaced.
            let replaces = || match path.read_link() {
                Ok(target) => !links::is_ours(&Entries::default(), self.location(), path, &target),
                Err(_) => path.symlink_metadata().is_ok(),
            };
            match ours.judge(path, &mut trails) {
                Ok(spot) => {
                    let read = read.get(&spot).or_else(|| on_the_way.get(&spot).filter(|_| replaces()));
                    match (read, taken.get(&spot)) {
                        (Some(&read), _) => {
                            let (path, read) = (path.to_owned(), read.to_owned());
                            misplace(position, Error::ReadFrom { path, read });
                        }
                        (None, Some(&(_, other))) => {
                            let (path, other) = (path.to_owned(), other.to_owned());
                            misplace(position, Error::SamePlace { path, other });
                        }
                        (None, None) => {
                            taken.insert(spot, (position, path));
                        }
                    }
                }
                Err(error) if error.is_refusal() => refused.push((position, path, error)),
                // A path that cannot be followed leads to no place of ours. It is reported when the link is made, unless it is
                // another link that is in the way.
                Err(_) => unfollowed.push((position, path)),
            }
        }
        if !refused.is_empty() {
            let stale = links::stale(self, files.iter().map(|file| file.wanted))?;
            let going = Surrounding::links_that_go(&stale);
            let going = going.into_iter().filter_map(|path| Some((ours.judge(path, &mut trails).ok()?, path)));
            let going: HashMap<Spot, &Path> = going.collect();
            for (position, path, error) in refused {
                // An old link of ours goes before a directory takes its place.
                let way = ours.trail(split(path)?.0, &mut trails)?;
                if way.links.iter().any(|link| going.contains_key(link)) {
                    unfollowed.push((position, path));
                } else {
                    misplace(position, error);
                }
            }
        }
        for (spot, &(position, path)) in &taken {
            if let Some((_, other)) = spot.above().find_map(|above| taken.get(&above)) {
                let (path, other) = (path.to_owned(), (*other).to_owned());
                misplace(position, Error::Below { path, other });
            }
        }
        for (position, path) in unfollowed {
            let mut spots = path.ancestors().skip(1).filter_map(|above| ours.judge(above, &mut trails).ok());
            if let Some((_, other)) = spots.find_map(|spot| taken.get(&spot)) {
                let (path, other) = (path.to_owned(), (*other).to_owned());
                misplace(position, Error::Below { path, other });
            }
        }
        Ok(misplaced)
    }
}

/// Files, by whether their links can be made.
pub struct PlacedFiles<'f> {
    /// Those that can.
    pub files: Vec<File<'f>>,
    /// The others, and why, in their order.
    pub misplaced: Vec<(Wanted<'f>, Error)>,
}
