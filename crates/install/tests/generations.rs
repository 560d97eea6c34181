//! Generations, in user mode, which needs no right: staging, switching, comparing, pruning.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::read_to_string;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use install::{Activation, Current, Error, Lock, Store};
use nix::dir::Dir;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use support::{Place, Seen, Stop, Wanted, chain, walk, with_umask};

#[test]
fn a_first_activation_installs_everything() {
    let place = Place::new();
    let wanted = [
        place.secret("plain", "one"),
        place.secret("db/password", "two").mode(0o440),
        place.secret("db-2/password", ""),
        place.secret("db/deep/er", "three"),
        place.template("app/config", "four").mode(0o644),
    ];
    let run = place.install(&wanted).unwrap();
    assert_eq!(run.changes.activation(), Activation::First);
    assert_eq!((run.active, run.failures.len()), (Some(1), 0));
    assert_eq!(fs::read_link(place.location.symlink_path()).unwrap(), place.location.mount_point().join("1"));
    let tree = place.tree();
    let names: Vec<&str> = tree.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "db",
            "db-2",
            "db-2/password",
            "db/deep",
            "db/deep/er",
            "db/password",
            "plain",
            "rendered",
            "rendered/app",
            "rendered/app/config"
        ]
    );
    assert_eq!(tree["db/password"].content(), "two");
    assert_eq!(tree["db-2/password"].content(), "");
    assert_eq!(tree["rendered/app/config"].content(), "four");
}

#[test]
fn modes_are_exact_whatever_the_umask() {
    if !with_umask("modes_are_exact_whatever_the_umask", &["000", "022", "077"]) {
        return;
    }
    let place = Place::new();
    fs::set_permissions(place.path(""), fs::Permissions::from_mode(0o700)).unwrap();
    // The directory above exists on a machine, so the umask has no say in it.
    fs::create_dir(place.path("run")).unwrap();
    fs::set_permissions(place.path("run"), fs::Permissions::from_mode(0o755)).unwrap();
    let modes = [0o000, 0o400, 0o440, 0o444, 0o600, 0o666, 0o777];
    let wanted: Vec<Wanted> =
        modes.iter().map(|mode| place.secret(&format!("in/{mode:03o}"), "x").mode(*mode)).collect();
    place.install(&wanted).unwrap();
    let tree = place.tree();
    assert_eq!(tree["in"], Seen::Directory { mode: 0o751 });
    for mode in modes {
        let Seen::File { mode: found, .. } = tree[&format!("in/{mode:03o}")] else { panic!("no file") };
        assert_eq!(found, mode);
    }
    let mut mount_point = BTreeMap::new();
    walk(&place.path("run"), "", &mut mount_point);
    assert_eq!(mount_point["secrets.d"], Seen::Directory { mode: 0o751 });
    assert_eq!(mount_point["secrets.d/1"], Seen::Directory { mode: 0o751 });
}

#[test]
fn nothing_changed_touches_nothing() {
    let place = Place::new();
    let wanted = [
        place.secret("a", "1"),
        place.secret("d/b", "2").at(&place.path("etc/b")),
        place.secret("c", "3").at(&place.location.symlink_path().join("also-c")),
        place.template("t", "4"),
    ];
    place.install(&wanted).unwrap();
    let snapshot = |place: &Place| {
        let mut tree = BTreeMap::new();
        walk(&place.path(""), "", &mut tree);
        tree
    };
    let before = snapshot(&place);
    for _ in 0..2 {
        let run = place.install(&wanted).unwrap();
        assert!(run.changes.is_empty(), "{:?}", run.changes);
        assert_eq!((run.active, run.failures.len()), (Some(1), 0));
        assert_eq!(snapshot(&place), before);
    }
}

#[test]
fn a_directory_that_was_changed_by_hand_is_a_change() {
    for change in [
        |place: &Place| fs::set_permissions(place.location.symlink_path().join("d"), fs::Permissions::from_mode(0o755)),
        |place: &Place| fs::set_permissions(place.location.symlink_path(), fs::Permissions::from_mode(0o777)),
        |place: &Place| fs::create_dir(place.location.symlink_path().join("d/empty")),
    ] {
        let place = Place::new();
        let wanted = [place.secret("d/b", "1"), place.template("e/f", "2")];
        place.install(&wanted).unwrap();
        let before = place.tree();
        change(&place).unwrap();
        let run = place.install(&wanted).unwrap();
        assert!(run.changes.secrets().is_empty() && run.changes.templates().is_empty(), "no file has changed");
        assert_eq!(run.active, Some(2));
        assert_eq!(place.tree().keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
        assert_eq!(fs::metadata(place.location.symlink_path()).unwrap().permissions().mode() & 0o7777, 0o751);
        assert_eq!(place.tree()["d"], Seen::Directory { mode: 0o751 });
    }
}

#[test]
fn a_look_at_what_would_change_writes_nothing() {
    let place = Place::new();
    let changes = place.changes(&[place.secret("a", "1")]).unwrap();
    assert_eq!(changes.activation(), Activation::First);
    assert_eq!(fs::read_dir(place.path("")).unwrap().count(), 0);

    place.install(&[place.secret("a", "1")]).unwrap();
    let mut before = BTreeMap::new();
    walk(&place.path(""), "", &mut before);
    let changes = place.changes(&[place.secret("b", "1")]).unwrap();
    assert_eq!(
        (changes.secrets().added.as_slice(), changes.secrets().removed.as_slice()),
        (["b".to_owned()].as_slice(), ["a".to_owned()].as_slice())
    );
    let mut after = BTreeMap::new();
    walk(&place.path(""), "", &mut after);
    assert_eq!(before, after);
}

#[test]
fn changes_are_content_mode_and_removal_by_name() {
    let place = Place::new();
    let before = [
        place.secret("same", "1"),
        place.secret("content", "1"),
        place.secret("longer", "1"),
        place.secret("mode", "1"),
        place.secret("gone/a", "1"),
        place.secret("gone-too", "1"),
        place.secret("becomes-directory", "1"),
        place.secret("becomes-file/x", "1"),
        place.template("t", "1"),
        place.template("gone/t", "1"),
    ];
    place.install(&before).unwrap();
    let after = [
        place.secret("same", "1"),
        place.secret("content", "2"),
        place.secret("longer", "1\n"),
        place.secret("mode", "1").mode(0o440),
        place.secret("new/b", "1"),
        place.secret("new/a", "1"),
        place.secret("becomes-directory/x", "1"),
        place.secret("becomes-file", "1"),
        place.template("t", "2"),
        place.template("u", "2"),
    ];
    let run = place.install(&after).unwrap();
    assert_eq!(run.changes.activation(), Activation::Update);
    let secrets = run.changes.secrets();
    assert_eq!(secrets.added, ["becomes-directory/x", "becomes-file", "new/a", "new/b"]);
    assert_eq!(secrets.modified, ["content", "longer", "mode"]);
    assert_eq!(secrets.removed, ["becomes-directory", "becomes-file/x", "gone-too", "gone/a"]);
    let templates = run.changes.templates();
    assert_eq!(
        (&*templates.added, &*templates.modified, &*templates.removed),
        (["u".to_owned()].as_slice(), ["t".to_owned()].as_slice(), ["gone/t".to_owned()].as_slice())
    );
    assert_eq!(run.active, Some(2));
    assert_eq!(place.tree()["content"].content(), "2");
    assert_eq!(place.generations(), [2]);
}

#[test]
fn the_last_secret_can_go() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let run = place.install(&[]).unwrap();
    assert_eq!(run.changes.secrets().removed, ["a"]);
    assert!(place.tree().is_empty());
    assert!(place.install(&[]).unwrap().changes.is_empty());
}

#[test]
fn a_path_below_the_symlink_path_is_part_of_the_generation() {
    let place = Place::new();
    let inside = place.location.symlink_path().join("other/name");
    let wanted = |content| [place.secret("a", content).at(&inside)];
    let run = place.install(&wanted("1")).unwrap();
    assert!(run.failures.is_empty());
    assert_eq!(fs::read_to_string(&inside).unwrap(), "1");
    assert_eq!(place.tree()["other/name"], Seen::Link { target: place.location.symlink_path().join("a") });
    assert!(place.install(&wanted("1")).unwrap().changes.is_empty());

    let run = place.install(&wanted("2")).unwrap();
    assert_eq!((run.changes.secrets().modified.len(), run.changes.secrets().removed.len()), (1, 0));
    assert_eq!(fs::read_to_string(&inside).unwrap(), "2");

    // The link alone is a reason for a new generation, but no name to report.
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert!(!run.changes.is_empty() && run.changes.secrets().is_empty());
    assert!(!inside.exists());
}

#[test]
fn pruning_keeps_the_active_generation_and_as_many_as_it_is_told() {
    for (keep, expected) in [(0, vec![1, 2, 3, 4, 5]), (1, vec![5]), (2, vec![4, 5]), (9, vec![1, 2, 3, 4, 5])] {
        let place = Place::new();
        for number in 1..=5 {
            place.install_keeping(&[place.secret("a", &number.to_string())], keep).unwrap();
        }
        assert_eq!(place.generations(), expected, "keep {keep}");
    }
}

#[test]
fn what_a_killed_run_left_behind_is_removed() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let mount_point = place.location.mount_point();
    for leftover in ["2/half/tree", "7/later"] {
        fs::create_dir_all(mount_point.join(leftover)).unwrap();
        fs::write(mount_point.join(leftover).join("plaintext"), "x").unwrap();
    }
    for leftover in ["2", "7"] {
        fs::set_permissions(mount_point.join(leftover), fs::Permissions::from_mode(0o751)).unwrap();
    }
    symlink("/nowhere", mount_point.join("2/half/link")).unwrap();
    symlink(mount_point.join("2"), place.path("run/.secrets.new")).unwrap();
    fs::write(mount_point.join("not-ours"), "x").unwrap();
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert_eq!(run.active, Some(2));
    assert_eq!(place.tree().keys().collect::<Vec<_>>(), ["a"]);
    assert_eq!(place.generations(), [2]);
    assert!(!place.path("run/.secrets.new").is_symlink());
    assert!(mount_point.join("not-ours").exists());
}

#[test]
fn what_a_killed_run_left_behind_goes_with_a_run_that_fails_too() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let mount_point = place.location.mount_point();
    fs::create_dir(mount_point.join("2")).unwrap();
    fs::write(mount_point.join("2/plaintext"), "x").unwrap();
    symlink(mount_point.join("2"), place.path("run/.secrets.new")).unwrap();
    // Not as a generation is made.
    fs::create_dir(mount_point.join("3")).unwrap();
    for (number, mode) in [("2", 0o751), ("3", 0o755)] {
        fs::set_permissions(mount_point.join(number), fs::Permissions::from_mode(mode)).unwrap();
    }
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let current = Current::inspect(&place.location).unwrap();
    assert_eq!(install::tidy(&current, &lock), []);
    assert_eq!(place.generations(), [1, 3]);
    assert!(!place.path("run/.secrets.new").is_symlink());
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn what_others_have_given_a_number_stays_and_is_said() {
    let place = Place::new();
    let mount_point = place.location.mount_point();
    for number in ["1", "3", "9"] {
        fs::create_dir_all(mount_point.join(number)).unwrap();
        fs::write(mount_point.join(number).join("precious"), "x").unwrap();
        fs::set_permissions(mount_point.join(number), fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(mount_point.join("8"), "precious").unwrap();
    let run = place.install(&[place.secret("a", "1")]).unwrap();
    assert_eq!(run.active, Some(2));
    let named: Vec<_> = run.failures.iter().map(ToString::to_string).collect();
    assert_eq!(named.len(), 4, "{named:?}");
    for number in ["1", "3", "8", "9"] {
        let start = format!("{} is a ", mount_point.join(number).display());
        assert!(named.iter().any(|error| error.starts_with(&start)), "{number}: {named:?}");
    }
    assert_eq!(place.install(&[place.secret("a", "2")]).unwrap().active, Some(4));
    for path in ["1/precious", "3/precious", "8", "9/precious"] {
        assert!(mount_point.join(path).exists(), "{path}");
    }
}

#[test]
fn what_is_no_directory_of_ours_stays_whatever_its_number() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let mount_point = place.location.mount_point();
    fs::write(mount_point.join("0"), "precious").unwrap();
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert!(matches!(&*run.failures, [Error::Foreign { found: "a file", .. }]), "{:?}", run.failures);
    assert_eq!(fs::read_to_string(mount_point.join("0")).unwrap(), "precious");
    assert_eq!(place.generations(), [0, 2]);
}

#[test]
fn a_directory_that_is_moved_away_while_it_is_removed_leads_nowhere_else() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let (tree, elsewhere) = (place.location.mount_point().join("1/dir"), place.path("elsewhere"));
    // Whatever the order of the directory, most of the others are yet to come.
    let names: Vec<String> = (0..9).map(|number| format!("other-{number}")).collect();
    for folder in names.iter().map(String::as_str).chain(["moved"]) {
        fs::create_dir_all(tree.join(folder)).unwrap();
    }
    for number in 0..20_000 {
        fs::write(tree.join("moved").join(number.to_string()), "").unwrap();
    }
    for name in &names {
        fs::create_dir_all(elsewhere.join(name)).unwrap();
        fs::write(elsewhere.join(name).join("precious"), "x").unwrap();
    }
    let first = fs::read_dir(tree.join("moved")).unwrap().next().unwrap().unwrap().path();
    thread::scope(|scope| {
        scope.spawn(|| {
            while first.exists() {}
            fs::rename(tree.join("moved"), elsewhere.join("moved")).unwrap();
            assert_ne!(fs::read_dir(elsewhere.join("moved")).unwrap().count(), 0, "it was moved too late");
        });
        // What stays is reported, or what is left of the tree is not found any more.
        drop(place.install(&[place.secret("a", "2")]));
    });
    for name in &names {
        assert!(elsewhere.join(name).join("precious").exists(), "{name}");
    }
}

#[test]
fn a_file_that_its_owner_may_not_read_is_made_anew() {
    let place = Place::new();
    place.install(&[place.secret("a", "1").mode(0o040)]).unwrap();
    let run = place.install(&[place.secret("a", "1").mode(0o040), place.secret("b", "1")]).unwrap();
    assert_eq!(run.active, Some(2));
    assert_eq!(place.install(&[place.secret("a", "2")]).unwrap().active, Some(3));
}

#[test]
fn leftovers_go_even_if_nothing_changed() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let leftover = place.location.mount_point().join("2");
    fs::create_dir(&leftover).unwrap();
    fs::set_permissions(&leftover, fs::Permissions::from_mode(0o751)).unwrap();
    let record = place.location.mount_point().join("..successor.new");
    fs::write(&record, "0:1 1\n").unwrap();
    assert_eq!(place.install(&[place.secret("a", "1")]).unwrap().active, Some(1));
    assert_eq!(place.generations(), [1]);
    assert!(!record.exists());
}

#[test]
fn a_failure_while_staging_leaves_the_running_generation_and_nothing_else() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let clash = [place.secret("a", "2"), place.secret("b", "2"), place.secret("b/c", "2")];
    let error = place.install(&clash).unwrap_err();
    assert_eq!(
        chain(&error),
        format!("cannot make the directory {}/2/b: EEXIST: File exists", place.location.mount_point().display())
    );
    assert_eq!(place.generations(), [1]);
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn a_failure_while_switching_leaves_the_running_generation_and_nothing_else() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    fs::write(place.path("run/.secrets.new"), "not ours").unwrap();
    let error = place.install(&[place.secret("a", "2")]).unwrap_err();
    assert!(matches!(&error, Error::Foreign { found: "a file", .. }), "{error}");
    assert_eq!(place.generations(), [1]);
    assert_eq!(place.tree()["a"].content(), "1");
    assert_eq!(fs::read_to_string(place.path("run/.secrets.new")).unwrap(), "not ours");
}

#[test]
fn a_generation_that_is_dropped_before_it_is_activated_is_removed_by_the_next_run() {
    let place = Place::new();
    let wanted = place.secret("a", "1");
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let current = Current::inspect(&place.location).unwrap();
    let mut store = Store::open(&current, lock, None).unwrap();
    drop(store.stage(&[wanted.file()], support::keep_one()).unwrap());
    assert!(!place.location.symlink_path().is_symlink());
    drop(store);
    assert_eq!(place.install(&[place.secret("b", "1")]).unwrap().active, Some(1));
    assert_eq!(place.tree().keys().collect::<Vec<_>>(), ["b"]);
}

#[test]
fn a_symlink_that_leads_elsewhere_is_replaced_and_numbers_begin_again() {
    // By text the last of them would be below the mount point.
    for target in ["/nonexistent/41", "relative", "run/secrets.d-old/41"] {
        let place = Place::new();
        fs::create_dir(place.path("run")).unwrap();
        symlink(place.path(target), place.location.symlink_path()).unwrap();
        assert_eq!(place.install(&[place.secret("a", "1")]).unwrap().active, Some(1), "{target}");
        assert_eq!(place.tree()["a"].content(), "1");
    }
}

#[test]
fn a_symlink_that_leads_to_the_generation_by_another_name_keeps_it_for_readers() {
    for target in ["secrets.d/1", "./secrets.d/1/", "other/1", "../run/secrets.d/1"] {
        let place = Place::new();
        place.install(&[place.secret("a", "1")]).unwrap();
        symlink("secrets.d", place.path("run/other")).unwrap();
        let link = place.location.symlink_path();
        fs::remove_file(link).unwrap();
        symlink(target, link).unwrap();
        // Nothing else is to be made, and whoever looks says the same.
        let run = place.install(&[place.secret("a", "1")]).unwrap();
        assert_eq!((run.active, run.changes.is_empty()), (Some(1), true), "{target}");
        let run = place.install_keeping(&[place.secret("a", "2")], 2).unwrap();
        assert_eq!(run.active, Some(2), "{target}");
        assert_eq!(place.generations(), [1, 2], "{target}");
        assert_eq!(fs::read_link(link).unwrap(), place.location.mount_point().join("2"));
    }
}

#[test]
fn a_symlink_that_leads_in_a_circle_is_replaced() {
    for target in ["secrets", "./secrets/", "secrets/x"] {
        let place = Place::new();
        fs::create_dir(place.path("run")).unwrap();
        symlink(target, place.location.symlink_path()).unwrap();
        assert_eq!(place.install(&[place.secret("a", "1")]).unwrap().active, Some(1), "{target}");
        assert_eq!(place.tree()["a"].content(), "1");
    }
}

#[test]
fn a_symlink_to_another_tree_is_replaced_and_not_looked_into() {
    let place = Place::new();
    fs::create_dir_all(place.path("run/old")).unwrap();
    fs::write(place.path("run/old/a"), "1").unwrap();
    symlink(place.path("run/old"), place.location.symlink_path()).unwrap();
    let run = place.install(&[place.secret("b", "1")]).unwrap();
    assert!(run.changes.secrets().removed.is_empty());
    assert_eq!(run.active, Some(1));
    assert!(place.path("run/old/a").exists());
}

#[test]
fn a_symlink_into_the_mount_point_has_to_name_a_generation() {
    for target in ["run/secrets.d/x", "run/secrets.d/01", "run/secrets.d/+1", "run/secrets.d", "run/secrets.d/1/2"] {
        let place = Place::new();
        fs::create_dir(place.path("run")).unwrap();
        symlink(place.path(target), place.location.symlink_path()).unwrap();
        let error = place.install(&[place.secret("a", "1")]).unwrap_err();
        assert!(matches!(error, Error::NoGeneration { .. }), "{target}: {error}");
        assert!(!place.location.mount_point().exists());
    }
}

#[test]
fn no_generation_follows_the_last_number() {
    let place = Place::new();
    fs::create_dir(place.path("run")).unwrap();
    symlink(place.location.mount_point().join(u64::MAX.to_string()), place.location.symlink_path()).unwrap();
    let error = place.install(&[place.secret("a", "1")]).unwrap_err();
    assert!(matches!(error, Error::LastGeneration { generation: u64::MAX, .. }), "{error}");
}

#[test]
fn after_a_reboot_the_symlink_of_user_mode_leads_to_nothing() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    fs::remove_dir_all(place.location.mount_point()).unwrap();
    let run = place.install(&[place.secret("a", "1")]).unwrap();
    assert_eq!((run.changes.activation(), run.active), (Activation::First, Some(2)));
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn directories_without_a_file_give_way_to_the_symlink() {
    let place = Place::new();
    fs::create_dir_all(place.location.symlink_path().join("hollow/deep")).unwrap();
    assert_eq!(place.install(&[place.secret("a", "1")]).unwrap().active, Some(1));
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn files_at_the_symlink_path_are_an_error_before_anything_is_written() {
    let place = Place::new();
    let symlink_path = place.location.symlink_path();
    fs::create_dir_all(symlink_path.join("deep")).unwrap();
    fs::write(symlink_path.join("deep/precious"), "x").unwrap();
    let error = place.changes(&[]).unwrap_err();
    assert_eq!(
        chain(&error),
        format!(
            "{} is a directory with files that this program did not make; move it away, then run this again",
            symlink_path.display()
        )
    );
    place.install(&[place.secret("a", "1")]).unwrap_err();
    assert_eq!(fs::read_to_string(symlink_path.join("deep/precious")).unwrap(), "x");
    assert!(!place.location.mount_point().exists());

    fs::remove_dir_all(symlink_path).unwrap();
    fs::write(symlink_path, "precious").unwrap();
    place.install(&[place.secret("a", "1")]).unwrap_err();
    assert_eq!(fs::read_to_string(symlink_path).unwrap(), "precious");
}

#[test]
fn a_lock_file_that_is_not_ours_is_an_error() {
    let place = Place::new();
    fs::create_dir_all(place.path("run/secrets.d.lock")).unwrap();
    assert!(place.install(&[]).is_err());
    fs::remove_dir(place.path("run/secrets.d.lock")).unwrap();
    symlink(place.path("elsewhere"), place.path("run/secrets.d.lock")).unwrap();
    assert!(place.install(&[]).is_err());
    assert!(!place.path("elsewhere").exists());
    fs::remove_file(place.path("run/secrets.d.lock")).unwrap();
    // Another user who can open it could hold it for ever.
    fs::write(place.path("run/secrets.d.lock"), "").unwrap();
    fs::set_permissions(place.path("run/secrets.d.lock"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(place.install(&[]).unwrap_err(), Error::Foreign { .. }));
}

#[test]
fn readers_see_one_whole_generation_at_every_moment() {
    let place = Place::new();
    let generation = |number: u32| -> Vec<Wanted> {
        (0..5).map(|file| place.secret(&format!("d/{file}"), &number.to_string().repeat(50))).collect()
    };
    place.install_unpruned(&generation(0)).unwrap();
    let done = AtomicBool::new(false);
    let flags = OFlag::O_RDONLY;
    thread::scope(|scope| {
        let stop = Stop(&done);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u32;
                    while !done.load(Ordering::Relaxed) {
                        // One open directory, as a service that needs files that belong together has to do it.
                        let generation = Dir::open(place.location.symlink_path(), flags, Mode::empty()).unwrap();
                        let contents: Vec<String> = (0..5)
                            .map(|file| openat(&generation, &*format!("d/{file}"), flags, Mode::empty()).unwrap())
                            .map(|file| read_to_string(std::fs::File::from(file)).unwrap())
                            .collect();
                        // Never of two generations, and never a part of one.
                        assert!(contents.windows(2).all(|pair| pair[0] == pair[1]), "{contents:?}");
                        assert!(contents.iter().all(|content| !content.is_empty() && content.len() % 50 == 0));
                        // Through the link, there is always one, and it is never empty.
                        let one = fs::read_to_string(place.location.symlink_path().join("d/0")).unwrap();
                        assert!(!one.is_empty());
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for number in 1..=300 {
            place.install_unpruned(&generation(number)).unwrap();
        }
        drop(stop);
        for reader in readers {
            assert!(reader.join().unwrap() > 10);
        }
    });
}

#[test]
fn concurrent_runs_wait_for_each_other() {
    let place = Place::new();
    thread::scope(|scope| {
        for runner in 0..4 {
            let place = place.share();
            scope.spawn(move || {
                for round in 0..25 {
                    let content = format!("{runner} {round}");
                    let wanted: Vec<Wanted> = (0..4).map(|file| place.secret(&format!("{file}"), &content)).collect();
                    let run = place.install(&wanted).unwrap();
                    assert!(run.failures.is_empty(), "{:?}", run.failures);
                }
            });
        }
    });
    // Each run made one generation, and none was lost or left.
    assert_eq!(place.generations(), [100]);
    let tree = place.tree();
    assert_eq!(tree.len(), 4);
    assert!(tree.values().all(|seen| seen.content() == tree["0"].content()));
}

#[test]
fn a_generation_whose_mode_somebody_has_changed_is_no_obstacle() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let numbers = ["1", "2"].map(|number| place.location.mount_point().join(number));
    let [active, foreign] = &numbers;
    fs::create_dir(foreign).unwrap();
    for directory in &numbers {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let wanted = [place.secret("a", "2")];
    let changes = place.changes(&wanted).unwrap();
    let obstacles = Current::inspect(&place.location)
        .unwrap()
        .obstacles([], &changes, &HashSet::new(), support::keep_one())
        .unwrap();
    let run = place.install(&wanted).unwrap();
    let foreseen: Vec<_> = obstacles.after.iter().map(|(_, error)| error).collect();
    for failures in [foreseen, run.failures.iter().collect()] {
        assert!(matches!(&*failures, [Error::Foreign { path, .. }] if path == foreign), "{failures:?}");
    }
    assert!(obstacles.before.is_empty() && !active.exists() && foreign.exists());
}

#[test]
fn a_damaged_record_of_what_others_have_made_stops_nothing() {
    let place = Place::new();
    place.install(&[place.secret("a", "1")]).unwrap();
    let [foreign, record] = ["2/theirs", ".foreign"].map(|name| place.location.mount_point().join(name));
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, "precious").unwrap();
    fs::set_permissions(foreign.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
    place.install(&[place.secret("a", "2")]).unwrap();
    assert!(record.exists());
    for content in ["3", "4"] {
        fs::write(&record, "no end").unwrap();
        let run = place.install(&[place.secret("a", content)]).unwrap();
        let [Error::Foreign { path, .. }] = &*run.failures else { panic!("{:?}", run.failures) };
        assert_eq!(*path, foreign.parent().unwrap());
        assert_eq!(place.tree()["a"].content(), content);
    }
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "precious");
}
