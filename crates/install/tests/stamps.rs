//! Stamps: whether anything was touched since a generation was made.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use install::{Current, Inputs, Lock, Owner, Store};
use nix::unistd::{Gid, Uid};
use support::Place;

#[test]
fn any_touch_of_an_input_is_noticed() {
    type Touch = fn(&Path);
    let touches: [(&str, Touch); 7] = [
        ("none", |_| {}),
        ("other bytes of the same size", |path| fs::write(path, "new").unwrap()),
        ("the same bytes", |path| fs::write(path, "old").unwrap()),
        ("other bytes with the old time", |path| {
            let before = path.metadata().unwrap().modified().unwrap();
            fs::write(path, "new").unwrap();
            let file = File::options().write(true).open(path).unwrap();
            file.set_times(FileTimes::new().set_modified(before)).unwrap();
        }),
        ("permissions", |path| fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap()),
        ("another file in its place", |path| fs::rename(path.with_extension("other"), path).unwrap()),
        ("removal", |path| fs::remove_file(path).unwrap()),
    ];
    let places: Vec<_> = touches.iter().map(|touch| (Place::new(), touch)).collect();
    for (place, _) in &places {
        install(place);
        fs::write(input(place), "old").unwrap();
        fs::write(input(place).with_extension("other"), "old").unwrap();
    }
    wait();
    for (place, (touch, apply)) in &places {
        stamp(place, &inputs(place));
        assert!(is_stamped(place, &inputs(place)), "{touch}");
        apply(&input(place));
    }
    // It is not its youth that gives it away.
    wait();
    for (place, (touch, _)) in places {
        assert_eq!(is_stamped(&place, &inputs(&place)), *touch == "none", "{touch}");
    }
}

#[test]
fn an_input_that_appears_is_noticed() {
    let place = Place::new();
    install(&place);
    stamp(&place, &inputs(&place));
    assert!(is_stamped(&place, &inputs(&place)));
    fs::write(input(&place), "").unwrap();
    wait();
    assert!(!is_stamped(&place, &inputs(&place)));
}

#[test]
fn what_was_touched_a_moment_ago_or_cannot_be_looked_at_gets_no_stamp() {
    let place = Place::new();
    install(&place);
    fs::write(input(&place), "").unwrap();
    stamp(&place, &inputs(&place));
    assert!(!place.location.mount_point().join(".stamp").exists());
    let mut unknown = Inputs::new();
    unknown.add_unknown();
    stamp(&place, &unknown);
    assert!(!place.location.mount_point().join(".stamp").exists());
    assert!(!is_stamped(&place, &unknown));
}

#[test]
fn inputs_are_told_apart() {
    let place = Place::new();
    install(&place);
    let of = |parts: &[&str]| {
        let mut inputs = Inputs::new();
        for part in parts {
            inputs.add(part.as_bytes());
        }
        inputs
    };
    let owned_by = |user| {
        let mut inputs = of(&["ab", "c"]);
        inputs.add_owner(Some(Owner { user: Uid::from_raw(user), group: Gid::from_raw(0) }));
        inputs
    };
    stamp(&place, &of(&["ab", "c"]));
    assert!(is_stamped(&place, &of(&["ab", "c"])));
    for other in [of(&["a", "bc"]), of(&["ab", "c", ""]), of(&["ab"]), of(&["c", "ab"]), owned_by(0)] {
        assert!(!is_stamped(&place, &other));
    }
    stamp(&place, &owned_by(0));
    assert!(is_stamped(&place, &owned_by(0)));
    assert!(!is_stamped(&place, &owned_by(1)));
}

#[test]
fn a_stamp_is_that_of_one_generation() {
    let place = Place::new();
    install(&place);
    stamp(&place, &Inputs::new());
    place.install(&[place.secret("a", "two")]).unwrap();
    assert!(!is_stamped(&place, &Inputs::new()));
    fs::remove_dir_all(place.location.mount_point().join("2")).unwrap();
    assert!(!is_stamped(&place, &Inputs::new()));
}

fn install(place: &Place) {
    place.install(&[place.secret("a", "one"), place.secret("b/c", "two"), place.template("d", "three")]).unwrap();
}

fn input(place: &Place) -> PathBuf {
    place.path("input")
}

fn inputs(place: &Place) -> Inputs {
    let mut inputs = Inputs::new();
    inputs.add_program();
    inputs.add_file(&input(place));
    inputs
}

fn stamp(place: &Place, inputs: &Inputs) {
    let current = Current::inspect(&place.location).unwrap();
    let lock = Lock::acquire(&place.location).unwrap();
    Store::open(&current, lock, place.group).unwrap().stamp(inputs);
}

fn is_stamped(place: &Place, inputs: &Inputs) -> bool {
    Current::inspect(&place.location).unwrap().is_stamped(inputs)
}

/// Until the last change is long enough ago.
fn wait() {
    thread::sleep(Duration::from_millis(2100));
}
