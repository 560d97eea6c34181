//! Stamps: whether a generation was made from the same bytes and is as it was made.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{Seek as _, Write as _};
use std::num::NonZeroU64;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use install::{Answer, Changes, Credential, Current, FileSystem, Inputs, Lock, Retention, Store, Summary};
use manifest::{CredentialName, Name};
use support::{Place, Rights, Wanted, in_namespace};

#[test]
fn the_same_answers_are_the_same_inputs() {
    let place = Place::new();
    let wanted = wanted(&place);
    let known = inputs(&[("a", "1")]);
    install(&place, &wanted, &inputs(&[("a", "1"), ("b", "2")]));
    for (known, b, expected) in [
        (&known, Some("2"), true),
        (&inputs(&[]), Some("2"), false),
        (&inputs(&[("a", "1"), ("b", "2")]), None, true),
        (&known, Some("3"), false),
        (&known, None, false),
        (&inputs(&[("a", "2")]), Some("2"), false),
        (&inputs(&[("a", "1"), ("c", "3")]), Some("2"), false),
    ] {
        let ask =
            |question: &[u8]| (question == b"b").then(|| b.map(|answer| Answer::new(answer.as_bytes()))).flatten();
        assert_eq!(Current::inspect(&place.location).unwrap().is_stamped(known, ask), expected, "{known:?} {b:?}");
    }
}

#[test]
fn what_gives_two_answers_or_none_gets_no_stamp() {
    let place = Place::new();
    let wanted = wanted(&place);
    let mut unknown = Inputs::new();
    unknown.add_unknown();
    // Such as a file of FUSE or the network, which may give other bytes at every look.
    for inputs in [unknown, inputs(&[("a", "1"), ("a", "2")])] {
        install(&place, &wanted, &inputs);
        assert!(!place.location.mount_point().join(".stamp").exists());
        assert!(!is_stamped(&place, &inputs));
    }
    install(&place, &wanted, &inputs(&[("a", "1"), ("a", "1")]));
    assert!(is_stamped(&place, &inputs(&[("a", "1")])));
}

#[test]
fn any_touch_of_what_is_installed_is_noticed_by_no_clock() {
    type Touch = fn(&Place);
    if in_namespace("any_touch_of_what_is_installed_is_noticed_by_no_clock").is_none() {
        return;
    }
    let touches: [(&str, Touch); 14] = [
        ("none", |_| {}),
        ("content", |place| fs::write(generation(place).join("b/c"), "new").unwrap()),
        ("content of the same size with the old time", |place| {
            let path = generation(place).join("theirs");
            let before = path.metadata().unwrap().modified().unwrap();
            fs::write(&path, "2").unwrap();
            File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(before)).unwrap();
        }),
        ("mode", |place| {
            fs::set_permissions(generation(place).join("b/c"), Permissions::from_mode(0o440)).unwrap();
        }),
        ("mode of a directory", |place| {
            fs::set_permissions(generation(place).join("b"), Permissions::from_mode(0o755)).unwrap();
        }),
        ("mode of the generation", |place| {
            fs::set_permissions(generation(place), Permissions::from_mode(0o755)).unwrap();
        }),
        ("another file in its place", |place| {
            let path = generation(place).join("b/c");
            fs::remove_file(&path).unwrap();
            fs::write(&path, "two").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        }),
        ("removal", |place| fs::remove_file(generation(place).join("b/c")).unwrap()),
        ("a file more", |place| fs::write(generation(place).join("b/d"), "").unwrap()),
        ("a directory more", |place| fs::create_dir(generation(place).join("e")).unwrap()),
        ("a link inside", |place| {
            fs::remove_file(generation(place).join("inside")).unwrap();
            symlink("/elsewhere", generation(place).join("inside")).unwrap();
        }),
        ("a link outside", |place| {
            fs::remove_file(place.path("etc/link")).unwrap();
            symlink("/elsewhere", place.path("etc/link")).unwrap();
        }),
        ("a link that is gone", |place| fs::remove_file(place.path("etc/link")).unwrap()),
        ("a credential", |place| fs::write(place.path("run/credstore/x"), "new").unwrap()),
    ];
    let place = Place::mounted(FileSystem::Ramfs, 0);
    for (touch, apply) in touches {
        install(&place, &wanted(&place), &Inputs::new());
        assert!(is_stamped(&place, &Inputs::new()), "{touch}");
        apply(&place);
        assert_eq!(is_stamped(&place, &Inputs::new()), touch == "none", "{touch}");
        // It is made good, or is foreign and was said.
        place.install(&wanted(&place)).unwrap();
    }
}

#[test]
fn what_its_owner_writes_at_any_moment_is_noticed() {
    let Some(rights) = in_namespace("what_its_owner_writes_at_any_moment_is_noticed") else { return };
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let wanted = wanted(&place);
    for moment in ["before the switch", "before the stamp", "after it", "after a comparison"] {
        let write = |now: &str| {
            if now == moment {
                // Its owner has it open since long ago. In a user namespace, others may write it instead.
                let newest = place.generations().into_iter().max().unwrap();
                let path = place.location.mount_point().join(newest.to_string()).join("theirs");
                let before = path.metadata().unwrap();
                let mut file = OpenOptions::new().write(true).open(&path).unwrap();
                file.rewind().unwrap();
                file.write_all(b"2").unwrap();
                file.set_times(FileTimes::new().set_modified(before.modified().unwrap())).unwrap();
            }
        };
        if moment == "after a comparison" {
            place.install(&wanted).unwrap();
        }
        let files: Vec<_> = wanted.iter().map(Wanted::file).collect();
        let current = Current::inspect(&place.location).unwrap();
        let changes = Changes::between(&current, &files, place.group).unwrap();
        write("after a comparison");
        let lock = Lock::acquire(&place.location, |_| {}).unwrap();
        let mut store = Store::open(&current, lock, place.group).unwrap();
        if !changes.is_empty() {
            let staged = store.stage(&files, support::keep_one()).unwrap();
            write("before the switch");
            staged.activate(&[]).unwrap();
        }
        assert!(store.link(&files).is_empty());
        write("before the stamp");
        store.stamp(&Inputs::new(), &changes, None);
        write("after it");
        drop(store);
        assert!(!is_stamped(&place, &Inputs::new()), "{moment} with the rights of {rights:?}");
        let run = place.install(&wanted).unwrap();
        assert_eq!(run.changes.secrets().modified, ["theirs"], "{moment}");
    }
    assert!(matches!(rights, Rights::Root | Rights::UserNamespace));
}

#[test]
fn an_access_control_list_is_noticed() {
    if in_namespace("an_access_control_list_is_noticed").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    // Only root can change the first ones, so the time of the last change tells, and it is the old one within one tick of the
    // kernel's clock. In what is theirs, the list is looked for.
    for (name, tick) in [("b/c", 20), ("b", 20), ("theirs", 0)] {
        install(&place, &wanted(&place), &Inputs::new());
        assert!(is_stamped(&place, &Inputs::new()), "{name}");
        sleep(Duration::from_millis(tick));
        let path = generation(&place).join(name);
        let mode = path.metadata().unwrap().permissions().mode();
        // Of owner, user 0, group, mask and others, so that the mode stays what it is.
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in [
            (1_u16, mode >> 6, u32::MAX),
            (2, 0, 0),
            (4, mode >> 3, u32::MAX),
            (16, mode >> 3, u32::MAX),
            (32, mode, u32::MAX),
        ] {
            list.extend(tag.to_le_bytes());
            list.extend(u16::try_from(permissions & 7).unwrap().to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(&path, "system.posix_acl_access", &list, flags).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode(), mode, "{name}");
        assert!(!is_stamped(&place, &Inputs::new()), "{name}");
        place.install(&wanted(&place)).unwrap();
    }
}

#[test]
fn a_stamp_is_that_of_one_generation() {
    let place = Place::new();
    install(&place, &wanted(&place), &Inputs::new());
    place.install(&[place.secret("a", "two")]).unwrap();
    assert!(!is_stamped(&place, &Inputs::new()));
    fs::remove_dir_all(generation(&place)).unwrap();
    assert!(!is_stamped(&place, &Inputs::new()));
}

#[test]
fn a_stamp_of_another_version_or_a_damaged_one_says_nothing() {
    let place = Place::new();
    install(&place, &wanted(&place), &inputs(&[("a", "1")]));
    let path = place.location.mount_point().join(".stamp");
    let whole = fs::read(&path).unwrap();
    assert!(is_stamped(&place, &inputs(&[("a", "1")])));
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(!is_stamped(&place, &inputs(&[("a", "1")])), "{length} bytes");
        let mut other = whole.clone();
        other[length] ^= 1;
        fs::write(&path, other).unwrap();
        assert!(!is_stamped(&place, &inputs(&[("a", "1")])), "byte {length} is another one");
    }
}

#[test]
fn a_summary_is_found_by_what_is_known_and_where_it_belongs() {
    let place = Place::new();
    let made_from = inputs(&[("manifest", "1"), ("file", "2")]);
    install(&place, &wanted(&place), &made_from);
    let known = inputs(&[("manifest", "1")]);
    let mount_point = place.location.mount_point();
    let found = Summary::find(mount_point, &known).unwrap();
    assert_eq!((found.location, found.group), (place.location.clone(), place.group));
    assert_eq!(
        (found.retention, found.lines),
        (Retention::last(NonZeroU64::new(3)), vec![b"one".to_vec(), Vec::new()])
    );
    let mut incomplete = inputs(&[("manifest", "1")]);
    incomplete.add_unknown();
    for other in [inputs(&[("manifest", "2")]), inputs(&[("manifest", "1"), ("more", "")]), incomplete] {
        assert!(Summary::find(mount_point, &other).is_none(), "{other:?}");
    }
    // A copy says where it belongs, and a directory that others write in has none.
    let copy = place.path("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(mount_point.join(".stamp"), copy.join(".stamp")).unwrap();
    assert!(Summary::find(&copy, &known).is_none());
    assert!(Summary::find(&place.path("nowhere"), &known).is_none());
    fs::set_permissions(mount_point, Permissions::from_mode(0o777)).unwrap();
    assert!(Summary::find(mount_point, &known).is_none());
}

#[test]
fn every_kind_of_summary_is_read_as_it_was_written() {
    if in_namespace("every_kind_of_summary_is_read_as_it_was_written").is_none() {
        return;
    }
    for kind in [FileSystem::Ramfs, FileSystem::Tmpfs] {
        let place = Place::mounted(kind, 0);
        install(&place, &wanted(&place), &Inputs::new());
        let found = Summary::find(place.location.mount_point(), &Inputs::new()).unwrap();
        assert_eq!((found.location, found.group), (place.location.clone(), place.group));
    }
}

#[test]
fn a_run_that_had_more_to_say_leaves_no_summary() {
    let place = Place::new();
    let current = Current::inspect(&place.location).unwrap();
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let mut store = Store::open(&current, lock, place.group).unwrap();
    store.stage(&[], support::keep_one()).unwrap().activate(&[]).unwrap();
    store.stamp(&Inputs::new(), &Changes::none(), None);
    drop(store);
    assert!(Summary::find(place.location.mount_point(), &Inputs::new()).is_none());
    let current = Current::inspect(&place.location).unwrap();
    assert!(current.summary().is_none() && current.is_stamped(&Inputs::new(), |_| None));
}

#[test]
fn only_root_reads_a_stamp_and_no_answer_is_in_it() {
    let place = Place::new();
    install(&place, &wanted(&place), &inputs(&[("question", "plaintext")]));
    let path = place.location.mount_point().join(".stamp");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    let first = fs::read(&path).unwrap();
    assert!(!first.windows(9).any(|part| part == b"plaintext"));
    install(&place, &wanted(&place), &inputs(&[("question", "plaintext")]));
    let [first, second] = [first, fs::read(&path).unwrap()];
    assert_ne!(first[8..40], second[8..40], "each has a salt of its own");
    assert_ne!(first[first.len() - 32..], second[second.len() - 32..]);
}

/// One secret that its owner, or others, can write, among others.
fn wanted(place: &Place) -> Vec<Wanted> {
    let theirs = place.secret("theirs", "1");
    let theirs = if support::may_give_away() { theirs.owner(1234, 0).mode(0o600) } else { theirs.mode(0o622) };
    vec![
        theirs,
        place.secret("b/c", "two").at(&place.path("etc/link")),
        place.secret("b2", "x").at(&place.location.symlink_path().join("inside")),
        place.template("d", "three"),
    ]
}

/// A whole run that is stamped.
fn install(place: &Place, wanted: &[Wanted], inputs: &Inputs) {
    let files: Vec<_> = wanted.iter().map(Wanted::file).collect();
    let current = Current::inspect(&place.location).unwrap();
    let changes = Changes::between(&current, &files, place.group).unwrap();
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let mut store = Store::open(&current, lock, place.group).unwrap();
    if !changes.is_empty() {
        store.stage(&files, support::keep_one()).unwrap().activate(&[]).unwrap();
    }
    assert!(store.link(&files).is_empty());
    if place.group.is_some() {
        let name = CredentialName::try_from(&Name::try_from("x".to_owned()).unwrap()).unwrap();
        let credential = Credential { name: &name, content: b"old" };
        assert!(store.publish(&place.path("run/credstore"), &[credential]).is_empty());
    }
    let summary = Summary {
        location: place.location.clone(),
        group: place.group,
        retention: Retention::last(NonZeroU64::new(3)),
        lines: vec![b"one".to_vec(), Vec::new()],
    };
    store.stamp(inputs, &changes, Some(&summary));
}

fn generation(place: &Place) -> std::path::PathBuf {
    fs::canonicalize(place.location.symlink_path()).unwrap()
}

fn inputs(answers: &[(&str, &str)]) -> Inputs {
    let mut inputs = Inputs::new();
    for (question, answer) in answers {
        inputs.add(question.as_bytes(), Answer::new(answer.as_bytes()));
    }
    inputs
}

fn is_stamped(place: &Place, inputs: &Inputs) -> bool {
    assert!(Path::new("/proc/self").exists());
    Current::inspect(&place.location).unwrap().is_stamped(inputs, |_| None)
}
