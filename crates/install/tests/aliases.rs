//! Paths that lead to the program's own places by another name: refused before anything is changed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use install::{Current, Error, File, FileSystem, Location, Lock, PlacedFiles};
use nix::mount::{MsFlags, mount};
use support::{Place, Wanted, in_namespace, location};

#[test]
fn a_link_below_the_own_places_is_refused_by_whatever_name() {
    if in_namespace("a_link_below_the_own_places_is_refused_by_whatever_name").is_none() {
        return;
    }
    for file_system in [FileSystem::Ramfs, FileSystem::Runtime] {
        let place = Place::mounted(file_system, 0);
        fs::create_dir_all(place.path("run")).unwrap();
        fs::create_dir_all(place.path("var")).unwrap();
        symlink("../run", place.path("var/run")).unwrap();
        symlink(place.path("run"), place.path("var/absolute")).unwrap();
        symlink("run/secrets/of", place.path("var/secrets")).unwrap();
        fs::create_dir(place.path("bound")).unwrap();
        mount(Some(&place.path("run")), &place.path("bound"), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let refused = [
            "run/secrets",
            "run/secrets.d",
            "run/secrets.d/x",
            "run/secrets.d/1/x",
            "run/.secrets.new",
            "run/.secrets.new/x",
            "run/.secrets.d.new",
            "run/.secrets.d.new/deep/x",
            "run/secrets.d.lock",
            "var/run/secrets",
            "var/run/secrets/x",
            "var/run/secrets/deep/x",
            "var/run/secrets.d/1/x",
            "var/run/.secrets.new",
            "var/absolute/secrets/x",
            "var/absolute/.secrets.d.new",
            "var/secrets/x",
            "bound/secrets",
            "bound/secrets/x",
            "bound/secrets.d/x",
            "bound/.secrets.d.new",
        ];
        let accepted =
            ["run/secretsx", "run/.secrets", "run/x/secrets", "var/run/x", "bound/y/secrets/x", "etc/secrets/x"];
        // Before the first generation, and with one.
        for _ in 0..2 {
            for (paths, is_refused) in [(&refused[..], true), (&accepted[..], false)] {
                for path in paths {
                    let wanted = [place.secret("a", "x").at(&place.path(path))];
                    let misplaced = misplaced(&place.location, &wanted).unwrap();
                    assert_eq!(!misplaced.is_empty(), is_refused, "{path}: {misplaced:?}");
                }
            }
            assert!(
                place.path("run").join("secrets").exists() || fs::read_dir(place.path("run")).unwrap().count() == 0
            );
            place.install(&[place.secret("a", "x")]).unwrap();
        }
        nix::mount::umount2(&place.path("bound"), nix::mount::MntFlags::MNT_DETACH).unwrap();
        if file_system != FileSystem::Runtime {
            nix::mount::umount2(place.location.mount_point(), nix::mount::MntFlags::MNT_DETACH).unwrap();
        }
        for directory in ["run", "var", "bound"] {
            fs::remove_dir_all(place.path(directory)).unwrap();
        }
    }
}

#[test]
fn a_link_is_not_made_below_the_own_places_even_if_it_was_not_refused_before() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    symlink("run", place.path("alias")).unwrap();
    let paths = ["alias/secrets", "alias/secrets/x", "alias/secrets.d/x", "alias/.secrets.new", "run/.secrets.d.new"];
    let wanted: Vec<Wanted> =
        paths.iter().map(|path| place.secret(&path.replace('/', "-"), "x").at(&place.path(path))).collect();
    let run = place.install(&wanted).unwrap();
    assert_eq!(run.failures.len(), paths.len(), "{:?}", run.failures);
    assert_eq!(place.tree().len(), paths.len());
    // And so the next run has the same to say, and makes no generation.
    assert!(place.install(&wanted).unwrap().changes.is_empty());
}

#[test]
fn another_directory_of_the_file_system_is_not_below_a_mount_point_that_is_one_too() {
    if in_namespace("another_directory_of_the_file_system_is_not_below_a_mount_point_that_is_one_too").is_none() {
        return;
    }
    // Both are directories of another tmpfs, as if a container was given each of them.
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    for directory in ["other", "run/secrets.d", "etc", "part"] {
        fs::create_dir_all(place.path(directory)).unwrap();
    }
    mount(Some("none"), &place.path("other"), Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
    fs::create_dir(place.path("other/etc")).unwrap();
    fs::create_dir(place.path("other/given")).unwrap();
    fs::set_permissions(place.path("other/given"), fs::Permissions::from_mode(0o751)).unwrap();
    let bind = |from: &str, to: &str| {
        mount(Some(&place.path(from)), &place.path(to), None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    };
    bind("other/given", "run/secrets.d");
    bind("other/etc", "etc");
    let wanted = ["etc/link", "run/secrets.d/x", "other/given/x"]
        .map(|path| place.secret(&path.replace('/', "-"), "x").at(&place.path(path)));
    let found = misplaced(&place.location, &wanted).unwrap();
    assert_eq!(found.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 2], "{found:?}");
    let run = place.install(&wanted[..1]).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    assert_eq!(fs::read_to_string(place.path("etc/link")).unwrap(), "x");
    // A part of ours that is bound to another place is ours all the same.
    bind("other/given/1", "part");
    let inside = [place.secret("inside", "x").at(&place.path("part/link"))];
    assert_eq!(misplaced(&place.location, &inside).unwrap().len(), 1);
    place.install(&inside).unwrap();
    assert!(!place.path("part/link").is_symlink());
}

#[test]
fn a_symlink_path_that_leads_into_the_mount_point_is_refused_and_the_other_way_round() {
    let place = Place::new();
    fs::create_dir_all(place.path("run")).unwrap();
    symlink("run", place.path("alias")).unwrap();
    for (mount_point, symlink_path) in [
        ("run/secrets.d", "alias/secrets.d"),
        ("run/secrets.d", "alias/secrets.d/link"),
        ("alias/secrets.d", "run/secrets.d"),
        ("alias/secrets/d", "run/secrets"),
        ("run/secrets/deep/d", "alias/secrets"),
    ] {
        for exists in [false, true] {
            let location = location(&place.path(mount_point), &place.path(symlink_path), FileSystem::Runtime);
            if exists {
                fs::create_dir_all(place.path(mount_point)).unwrap();
            }
            let error = misplaced(&location, &[]).err().unwrap();
            assert!(matches!(error, Error::Nested { .. }), "{mount_point} {symlink_path}: {error}");
            // A run takes the lock first, and does not make its file where readers would see it.
            let before = snapshot(&location);
            let error = Lock::acquire(&location, |_| {}).err().unwrap();
            assert!(matches!(error, Error::Nested { .. }), "{mount_point} {symlink_path}: {error}");
            assert_eq!(snapshot(&location), before);
            drop(fs::remove_dir_all(place.path("run/secrets.d")));
            drop(fs::remove_dir_all(place.path("run/secrets")));
        }
    }
}

#[test]
fn two_paths_that_lead_to_one_place_are_told() {
    let place = Place::new();
    fs::create_dir_all(place.path("etc")).unwrap();
    symlink("etc", place.path("alias")).unwrap();
    let at = |path: &str| place.secret(&path.replace('/', "-"), "x").at(&place.path(path));
    let wanted = [at("etc/a/b"), at("alias/a/c"), at("alias/a/b"), at("etc/d"), at("alias/d")];
    let misplaced = misplaced(&place.location, &wanted).unwrap();
    assert_eq!(misplaced.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [2, 4]);
    let [first, _] = [&misplaced[0].1, &misplaced[1].1];
    let (alias, etc) = (place.path("alias/a/b"), place.path("etc/a/b"));
    let expected = format!(
        "{} and {} lead to the same place, and only one link can be there; give each its own path",
        alias.display(),
        etc.display()
    );
    assert_eq!(support::chain(first), expected);
}

#[test]
fn no_link_comes_in_the_way_to_a_file_that_is_read() {
    let place = Place::new();
    for directory in ["keys", "real/deep"] {
        fs::create_dir_all(place.path(directory)).unwrap();
    }
    fs::write(place.path("keys/k"), "x").unwrap();
    fs::write(place.path("real/deep/t"), "x").unwrap();
    for (target, link) in [
        ("k", "keys/second"),
        ("second", "keys/first"),
        ("../real", "keys/directory"),
        ("keys/directory/deep/t", "template"),
    ] {
        symlink(target, place.path(link)).unwrap();
    }
    let at = |path: &str| place.secret(&path.replace('/', "-"), "x").at(&place.path(path));
    let wanted = [
        at("keys/k"),
        at("keys/second"),
        at("keys/first"),
        at("keys/directory"),
        at("template"),
        at("real/deep/t"),
        at("keys/other"),
        at("real/deep/other"),
    ];
    let read = [place.path("keys/first"), place.path("template"), place.path("nowhere/x")];
    let misplaced = misplaced_beside(&place.location, &wanted, &read, "/run/credstore").unwrap();
    assert!(misplaced.iter().all(|(_, error)| matches!(error, Error::ReadFrom { .. })));
    assert_eq!(misplaced.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_key_that_is_a_link_to_where_a_secret_is_installed_stands_in_no_way() {
    let place = Place::new();
    fs::create_dir_all(place.path("etc")).unwrap();
    symlink(place.path("persist/key"), place.path("etc/key")).unwrap();
    let wanted = [place.secret("key", "x").at(&place.path("persist/key"))];
    let read = [place.path("etc/key")];
    assert!(misplaced_beside(&place.location, &wanted, &read, "/run/credstore").unwrap().is_empty());
    place.install(&wanted).unwrap();
    assert!(misplaced_beside(&place.location, &wanted, &read, "/run/credstore").unwrap().is_empty());
    // What somebody else has put there would be lost.
    fs::remove_file(place.path("persist/key")).unwrap();
    fs::write(place.path("persist/key"), "x").unwrap();
    assert_eq!(misplaced_beside(&place.location, &wanted, &read, "/run/credstore").unwrap().len(), 1);
}

#[test]
fn no_link_lies_below_another_one_by_whatever_name() {
    let place = Place::new();
    fs::create_dir(place.path("etc")).unwrap();
    symlink("etc", place.path("alias")).unwrap();
    let at = |path: &str| place.secret(&path.replace('/', "-"), "x").at(&place.path(path));
    let wanted = [at("alias/a/b/c"), at("etc/a"), at("etc/b"), at("alias/b/c"), at("alias/bc/d")];
    let expected = format!(
        "{} leads below {}, where another link is to be",
        place.path("alias/a/b/c").display(),
        place.path("etc/a").display()
    );
    // Also once the other links are there.
    for _ in 0..2 {
        let misplaced = misplaced(&place.location, &wanted).unwrap();
        assert_eq!(misplaced.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(misplaced[0].1.to_string(), expected);
        assert!(place.install(&[at("etc/a"), at("etc/b"), at("alias/bc/d")]).unwrap().failures.is_empty());
    }
}

#[test]
fn nothing_goes_among_the_secrets_of_another_manifest() {
    let place = Place::new();
    place.install(&[place.secret("db/password", "x")]).unwrap();
    symlink("run", place.path("alias")).unwrap();
    let mut own = place.share();
    own.location = location(&place.path("run/agenix.d"), &place.path("run/agenix"), FileSystem::Runtime);
    for below in ["run/secrets/c", "run/secrets.d/c", "alias/secrets/db/c", "alias/secrets/new/c", "run/secrets.d/1/c"]
    {
        let wanted = [own.secret("c", "x").at(&place.path(below))];
        let misplaced = misplaced(&own.location, &wanted).unwrap();
        assert!(matches!(misplaced[..], [(0, Error::Inside { .. })]), "{below}: {misplaced:?}");
        for places in
            [(&*place.path(below), &*place.path("run/agenix")), (&place.path("run/agenix.d"), &place.path(below))]
        {
            let location = location(places.0, places.1, FileSystem::Runtime);
            let error = self::misplaced(&location, &[]).unwrap_err();
            assert!(matches!(error, Error::Inside { .. } | Error::Nested { .. }), "{below}: {error}");
        }
    }
    assert!(misplaced(&own.location, &[own.secret("c", "x").at(&place.path("run/c"))]).unwrap().is_empty());
    // Where this manifest had its own secrets before, a link may be.
    let mut moved = place.share();
    moved.location = location(&place.path("run/new.d"), place.location.symlink_path(), FileSystem::Runtime);
    let old = place.path("run/secrets.d/c");
    assert!(misplaced(&moved.location, &[moved.secret("c", "x").at(&old)]).unwrap().is_empty());
    // What a user can have made says nothing of the directories of that user.
    let home = place.path("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(home.join(".symlinks"), format!("{}\0\0", home.join("link").display())).unwrap();
    symlink(home.join("1"), home.join("link")).unwrap();
    assert!(misplaced(&own.location, &[own.secret("c", "x").at(&home.join("c"))]).unwrap().is_empty());
}

#[test]
fn the_secrets_and_the_credentials_have_places_of_their_own() {
    let place = Place::new();
    fs::create_dir(place.path("run")).unwrap();
    symlink("run", place.path("alias")).unwrap();
    for store in ["run/secrets.d", "alias/secrets.d", "alias/secrets.d/x", "alias", "run/secrets", "alias/secrets/x"] {
        let error = misplaced_beside(&place.location, &[], &[], place.path(store)).unwrap_err();
        assert!(matches!(error, Error::InStore { .. }), "{store}: {error}");
    }
    misplaced_beside(&place.location, &[], &[], place.path("alias/credstore")).unwrap();
}

#[test]
fn an_old_link_that_a_killed_run_has_left_is_not_in_the_way_of_one_below_it() {
    let place = Place::new();
    symlink(".", place.path("alias")).unwrap();
    let old = place.path("etc/app");
    place.install(&[place.secret("old", "x").at(&old)]).unwrap();
    let record = place.location.mount_point().join(".links");
    let links = fs::read(&record).unwrap();
    for new in ["etc/app/new", "alias/etc/app/deep/new", "etc/app/new"] {
        // The switch was made, and the old link leads to nothing; or to a directory, where a secret has its name as a part.
        for name in ["new", "old/new"] {
            place.install(&[place.secret(name, "x")]).unwrap();
            if old.is_dir() {
                fs::remove_dir_all(&old).unwrap();
            }
            symlink(place.location.symlink_path().join("old"), &old).unwrap();
            fs::write(&record, &links).unwrap();
            let wanted = [place.secret(name, "y").at(&place.path(new))];
            assert!(misplaced(&place.location, &wanted).unwrap().is_empty(), "{new}");
            let run = place.install(&wanted).unwrap();
            assert!(run.failures.is_empty(), "{:?}", run.failures);
            assert_eq!(fs::read_to_string(place.path(new)).unwrap(), "y");
        }
    }
    // One that is not on the record is somebody else's.
    place.install(&[place.secret("a", "x")]).unwrap();
    fs::remove_dir_all(&old).unwrap();
    symlink(place.location.symlink_path().join("old"), &old).unwrap();
    let misplaced = misplaced(&place.location, &[place.secret("a", "x").at(&old.join("new"))]).unwrap();
    assert!(matches!(misplaced[..], [(0, Error::Inside { .. })]), "{misplaced:?}");
}

fn misplaced(location: &Location, wanted: &[Wanted]) -> Result<Vec<(usize, Error)>, Error> {
    misplaced_beside(location, wanted, &[], "/run/credstore")
}

fn misplaced_beside(
    location: &Location,
    wanted: &[Wanted],
    read: &[PathBuf],
    credentials: impl AsRef<Path>,
) -> Result<Vec<(usize, Error)>, Error> {
    let files: Vec<File<'_>> = wanted.iter().map(Wanted::file).collect();
    let before = snapshot(location);
    let read = read.iter().map(PathBuf::as_path);
    let placed =
        Current::inspect(location)?.place(wanted.iter().map(Wanted::file).collect(), read, credentials.as_ref());
    assert_eq!(snapshot(location), before, "it only reads");
    let PlacedFiles { files: good, misplaced } = placed?;
    assert_eq!(files.len().checked_sub(good.len()), Some(misplaced.len()));
    let position = |name| files.iter().position(|file| file.wanted.name == name).unwrap();
    Ok(misplaced.into_iter().map(|(wanted, error)| (position(wanted.name), error)).collect())
}

fn snapshot(location: &Location) -> Vec<PathBuf> {
    let folder = location.mount_point().ancestors().find(|path| path.ends_with("run") || path.ends_with("alias"));
    let mut found: Vec<PathBuf> = fs::read_dir(folder.unwrap_or(Path::new("/")))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    found.sort();
    found
}
