//! Two symlinks that lead to generations below one mount point.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use install::{Changes, Current, Error, FileSystem, Lock, Notice};
use support::{Place, in_namespace, location};

/// A manifest with another symlink path and the same mount point.
fn other(place: &Place, file_system: FileSystem) -> Place {
    let mut other = place.share();
    other.location = location(place.location.mount_point(), &place.path("run/other"), file_system);
    other
}

fn told(notices: &[Notice]) -> Vec<String> {
    notices.iter().map(support::notice).collect()
}

#[test]
fn what_a_killed_run_prepared_through_another_symlink_is_no_obstacle() {
    let place = Place::new();
    let other = other(&place, FileSystem::Runtime);
    let link = place.path("home/link");
    place.install(&[place.secret("a", "1").at(&link)]).unwrap();
    symlink(fs::read_link(&link).unwrap(), place.path("home/.link.new")).unwrap();
    let wanted = [other.secret("a", "1").at(&link)];
    let obstacles = Current::inspect(&other.location)
        .unwrap()
        .obstacles([wanted[0].file().wanted], &Changes::none(), &HashSet::new(), support::keep_one())
        .unwrap();
    let run = other.install(&wanted).unwrap();
    assert_eq!((obstacles.after.len(), run.failures.len()), (0, 0), "{obstacles:?} {:?}", run.failures);
}

#[test]
fn numbers_go_on_where_the_symlink_was_taken_away() {
    let place = Place::new();
    let install = |content| place.install_keeping(&[place.secret("a", content)], 3).unwrap();
    for content in ["1", "2", "3"] {
        install(content);
    }
    fs::remove_file(place.location.symlink_path()).unwrap();
    let run = install("4");
    assert_eq!(run.failures.len(), 0, "{:?}", run.failures);
    assert_eq!(place.generations(), [2, 3, 4]);
    // What no run can have come to is not gone on from.
    let foreign = place.location.mount_point().join(u64::MAX.to_string());
    fs::create_dir(&foreign).unwrap();
    fs::set_permissions(&foreign, fs::Permissions::from_mode(0o751)).unwrap();
    fs::remove_file(place.location.symlink_path()).unwrap();
    assert_eq!(install("4").active, Some(5));
    // Gone with what was noted: as after a first run that was killed.
    fs::remove_file(place.location.symlink_path()).unwrap();
    fs::remove_file(place.location.mount_point().join(".symlinks")).unwrap();
    assert_eq!(install("5").active, Some(1));
}

#[test]
fn a_link_in_the_way_is_named_and_not_the_secret_behind_it() {
    let (place, other) = (Place::new(), Place::new());
    let path = place.path("etc/a");
    place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    let run = other.install(&[other.secret("b", "1").at(&path.join("b"))]).unwrap();
    assert!(matches!(&*run.failures, [Error::Call { path: named, .. }] if *named == path), "{run:?}");
}

#[test]
fn what_another_symlink_leads_to_stays_until_that_is_gone() {
    let place = Place::new();
    let other = other(&place, FileSystem::Runtime);
    let link = place.path("home/link");
    let first = |content| [place.secret("a", content).at(&link)];
    assert_eq!(place.install(&first("1")).unwrap().notices, []);

    let run = other.install(&[other.secret("b", "1")]).unwrap();
    assert_eq!(run.active, Some(2));
    let generation = place.location.mount_point().join("1");
    assert_eq!(
        told(&run.notices),
        [format!(
            "{symlink} leads to {generation}, which stays for it; if it is not needed any more, run: rm {symlink}",
            symlink = place.location.symlink_path().display(),
            generation = generation.display()
        )]
    );
    assert_eq!(other.install(&[other.secret("b", "2")]).unwrap().active, Some(3));
    assert_eq!(place.generations(), [1, 3]);
    assert_eq!(fs::read_to_string(&link).unwrap(), "1");

    // The first manifest is none the worse, and no more does the second one lose anything to it.
    let run = place.install(&first("1")).unwrap();
    assert_eq!((run.active, run.changes.is_empty(), run.failures.len()), (Some(1), true, 0));
    assert_eq!(place.generations(), [1, 3]);
    assert_eq!(place.install(&first("2")).unwrap().active, Some(4));
    assert_eq!(place.generations(), [3, 4]);
    assert_eq!((fs::read_to_string(&link).unwrap(), other.tree()["b"].content()), ("2".into(), "2"));

    let removal = support::remove(&other.location, Lock::acquire(&other.location, |_| {}).unwrap()).unwrap_err();
    assert!(
        matches!(removal.as_slice(), [Error::OtherSymlink { path, .. }] if path == place.location.symlink_path()),
        "{removal:?}"
    );
    assert_eq!(place.generations(), [3, 4]);

    fs::remove_file(place.location.symlink_path()).unwrap();
    let run = other.install(&[other.secret("b", "2")]).unwrap();
    assert_eq!((run.active, run.changes.is_empty(), told(&run.notices)), (Some(3), true, Vec::new()));
    assert_eq!(place.generations(), [3]);
    assert!(link.symlink_metadata().is_err());
    let removal = support::remove(&other.location, Lock::acquire(&other.location, |_| {}).unwrap()).unwrap();
    assert!(removal.failures.is_empty() && removal.symlink, "{removal:?}");
    assert!(!place.location.mount_point().exists());
}

#[test]
fn a_number_that_another_symlink_leads_to_is_not_used_again() {
    let place = Place::new();
    for content in ["1", "2", "3"] {
        place.install(&[place.secret("a", content)]).unwrap();
    }
    let other = other(&place, FileSystem::Runtime);
    assert_eq!(other.install(&[other.secret("b", "1")]).unwrap().active, Some(4));
    assert_eq!((place.generations(), place.tree()["a"].content()), (vec![3, 4], "3"));
}

#[test]
fn a_symlink_that_cannot_be_reached_any_more_stops_nothing() {
    let place = Place::new();
    let mut before = place.share();
    before.location = location(place.location.mount_point(), &place.path("home/secrets"), FileSystem::Runtime);
    before.install(&[before.secret("a", "1")]).unwrap();
    fs::rename(place.path("home"), place.path("moved")).unwrap();
    std::os::unix::fs::symlink("home", place.path("home")).unwrap();
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert_eq!((run.notices.len(), run.failures.len(), place.tree()["a"].content()), (0, 0, "2"));
}

#[test]
fn a_mount_point_that_is_not_used_any_more_is_named() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let mut after = place.share();
    after.location = location(&place.path("run/new.d"), place.location.symlink_path(), FileSystem::Runtime);
    let run = after.install(&[after.secret("a", "2")]).unwrap();
    let (before, symlink) = (place.location.mount_point().to_owned(), place.location.symlink_path().to_owned());
    assert_eq!(run.notices, [Notice::Left { path: before, symlink, reader: None, command: "rm -r --one-file-system" }]);
    assert_eq!((run.active, after.tree()["a"].content()), (Some(1), "2"));
    assert_eq!(place.generations(), [1]);
}

#[test]
fn a_mount_point_that_another_manifest_reads_is_not_to_be_taken_away() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let other = other(&place, FileSystem::Runtime);
    other.install(&[other.secret("b", "1")]).unwrap();
    let mut after = place.share();
    after.location = location(&place.path("run/new.d"), place.location.symlink_path(), FileSystem::Runtime);
    let run = after.install(&[after.secret("a", "2")]).unwrap();
    let (before, reader) = (place.location.mount_point(), other.location.symlink_path());
    let [notice] = &*run.notices else { panic!("{:?}", run.notices) };
    let expected = format!(
        "once {} does not lead there any more, run: rm -r --one-file-system {}",
        reader.display(),
        before.display()
    );
    assert_eq!(notice.way_out().unwrap().to_string(), expected);
}

#[test]
fn another_spelling_of_the_same_places_is_no_other_manifest() {
    let place = Place::new();
    let link = place.path("etc/link");
    symlink(".", place.path("alias")).unwrap();
    let places = [("run/secrets.d", "run/secrets"), ("alias/run/secrets.d", "run/secrets")];
    let more = [("run/secrets.d", "alias/run/secrets"), ("alias/run/secrets.d", "alias/run/secrets")];
    for (number, (mount_point, symlink)) in places.into_iter().chain(more).chain(places).enumerate() {
        let mut spelt = place.share();
        spelt.location = location(&place.path(mount_point), &place.path(symlink), FileSystem::Runtime);
        // A dry run says so too.
        assert_eq!(Current::inspect(&spelt.location).unwrap().inspect_symlink().unwrap(), None);
        for content in [format!("old{number}"), format!("new{number}")] {
            let run = spelt.install(&[spelt.secret("a", &content).at(&link)]).unwrap();
            assert!(run.notices.is_empty() && run.failures.is_empty(), "{:?} {:?}", told(&run.notices), run.failures);
            assert_eq!(fs::read_to_string(&link).unwrap(), content);
            assert_eq!(spelt.generations().len(), 1);
            let current = Current::inspect(&spelt.location).unwrap();
            assert!(current.read_by_others().unwrap().is_empty());
        }
    }
    // A symlink to what cannot be reached leads to none of ours.
    let long = location(&place.path("run/other.d"), &place.path("run/long"), FileSystem::Runtime);
    symlink(place.path(&format!("run/{}/5", "x".repeat(300))), long.symlink_path()).unwrap();
    let mut odd = place.share();
    odd.location = long;
    assert_eq!(odd.install(&[odd.secret("a", "x")]).unwrap().active, Some(1));
    // A link that is not wanted any more goes, also one that was made by the other name.
    let mut spelt = place.share();
    spelt.location = location(&place.path("run/secrets.d"), &place.path("alias/run/secrets"), FileSystem::Runtime);
    spelt.install(&[spelt.secret("a", "x")]).unwrap();
    assert!(!link.is_symlink());
}

#[test]
fn a_link_whose_readers_have_moved_to_another_mount_point_stays() {
    let place = Place::new();
    let other = other(&place, FileSystem::Runtime);
    let link = place.path("home/link");
    let wanted = [place.secret("a", "1").at(&link)];
    place.install(&wanted).unwrap();
    other.install(&[other.secret("b", "1")]).unwrap();
    let mut moved = place.share();
    moved.location = location(&place.path("run/new.d"), place.location.symlink_path(), FileSystem::Runtime);
    moved.install(&wanted).unwrap();
    assert_eq!(other.install(&[other.secret("b", "2")]).unwrap().failures.len(), 0);
    assert_eq!(fs::read_to_string(&link).unwrap(), "1");
    let removal = support::remove(&place.location, Lock::acquire(&place.location, |_| {}).unwrap());
    assert!(removal.is_err(), "{removal:?}");
    fs::remove_file(other.location.symlink_path()).unwrap();
    let removal = support::remove(&place.location, Lock::acquire(&place.location, |_| {}).unwrap()).unwrap();
    assert!(removal.failures.is_empty() && removal.links == 0 && !removal.symlink, "{removal:?}");
    assert_eq!(fs::read_to_string(&link).unwrap(), "1");
}

#[test]
fn what_was_made_beside_another_mount_point_is_known_at_the_next_one() {
    let place = Place::new();
    let links = ["home/one", "home/two"].map(|path| place.path(path));
    let [one, two] = &links;
    place.install(&[place.secret("a", "1").at(one), place.secret("b", "1").at(two)]).unwrap();
    let mut moved = place.share();
    moved.location = location(&place.path("run/new.d"), place.location.symlink_path(), FileSystem::Runtime);
    let run = moved.install(&[moved.secret("a", "1").at(one), moved.secret("b", "1")]).unwrap();
    assert!(run.failures.is_empty() && one.is_symlink() && !two.is_symlink(), "{run:?}");
}

#[test]
fn a_generation_that_may_be_read_stays_where_the_record_of_symlinks_is_lost() {
    let place = Place::new();
    let other = other(&place, FileSystem::Runtime);
    place.install(&[place.secret("a", "1")]).unwrap();
    other.install(&[other.secret("b", "1")]).unwrap();
    let at = |name: &str| place.location.mount_point().join(name);
    // As a run leaves it that has come to its end.
    fs::write(at(".stamp"), "x").unwrap();
    // Somebody has closed it, and it is a generation all the same.
    fs::set_permissions(at("2"), fs::Permissions::from_mode(0o700)).unwrap();
    for (content, harm) in [("2", "rm"), ("3", ""), ("4", "garbled"), ("5", "x\0y")] {
        match harm {
            "" => {}
            "rm" => fs::remove_file(at(".symlinks")).unwrap(),
            harm => fs::write(at(".symlinks"), harm).unwrap(),
        }
        let run = place.install(&[place.secret("a", content)]).unwrap();
        assert_eq!(
            (run.failures.len(), &*run.notices),
            (0, &[Notice::MayBeRead { generation: at("2") }][..]),
            "{harm}"
        );
        assert_eq!((place.tree()["a"].content(), other.tree()["b"].content()), (content, "1"), "{harm}");
        let refused = support::remove(&place.location, Lock::acquire(&place.location, |_| {}).unwrap());
        assert!(matches!(&*refused.unwrap_err(), [Error::MayBeRead { path }] if *path == at("2")), "{harm}");
    }
    fs::remove_dir_all(at("2")).unwrap();
    assert_eq!(place.install(&[place.secret("a", "6")]).unwrap().notices, []);
}

#[test]
fn a_damaged_record_of_symlinks_is_written_anew() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    fs::write(place.location.mount_point().join(".symlinks"), "no record").unwrap();
    assert_eq!(place.install(&[place.secret("a", "2")]).unwrap().failures.len(), 0);
    let other = other(&place, FileSystem::Runtime);
    assert_eq!(other.install(&[other.secret("b", "1")]).unwrap().notices.len(), 1);
}

#[test]
fn a_file_system_that_another_symlink_leads_to_stays() {
    if in_namespace("a_file_system_that_another_symlink_leads_to_stays").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    let other = self::other(&place, FileSystem::Tmpfs);
    // The first time too.
    for content in ["1", "2"] {
        let run = other.install(&[other.secret("b", content)]).unwrap();
        assert!(
            matches!(run.notices.as_slice(), [Notice::KeptFor { symlink, .. }, Notice::OtherSymlink { .. }] if symlink == place.location.symlink_path()),
            "{run:?}"
        );
    }
    assert_eq!((place.tree()["a"].content(), other.tree()["b"].content()), ("1", "2"));
    fs::remove_file(place.location.symlink_path()).unwrap();
    assert_eq!(other.install(&[other.secret("b", "2")]).unwrap().failures.len(), 0);
    assert_eq!(Current::inspect(&other.location).unwrap().file_system_name().unwrap(), Some("tmpfs"));
}

#[test]
fn a_symlink_may_begin_at_its_own_directory_or_lead_through_another_one() {
    for target in ["secrets.d/1", "../run/secrets.d/1", "through"] {
        let place = Place::new();
        let other = other(&place, FileSystem::Runtime);
        place.install(&[place.secret("a", "1")]).unwrap();
        symlink(place.location.generation(1), place.path("run/through")).unwrap();
        fs::remove_file(place.location.symlink_path()).unwrap();
        symlink(target, place.location.symlink_path()).unwrap();
        for content in ["1", "2", "3"] {
            let run = other.install(&[other.secret("b", content)]).unwrap();
            assert!(matches!(&*run.notices, [Notice::OtherSymlink { .. }]), "{target}: {:?}", run.notices);
        }
        assert_eq!((place.tree()["a"].content(), other.tree()["b"].content()), ("1", "3"), "{target}");
        let refused = support::remove(&other.location, Lock::acquire(&other.location, |_| {}).unwrap());
        assert!(matches!(&*refused.unwrap_err(), [Error::OtherSymlink { .. }]), "{target}");

        // What stays at the old mount point is named by the place that it has, wherever the program was started.
        let mut moved = place.share();
        moved.location = location(&place.path("run/moved.d"), place.location.symlink_path(), FileSystem::Runtime);
        let run = moved.install(&[moved.secret("a", "1")]).unwrap();
        let [Notice::Left { path, .. }] = &*run.notices else { panic!("{target}: {:?}", run.notices) };
        assert_eq!(path, place.location.mount_point(), "{target}");
    }
}
