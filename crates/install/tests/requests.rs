//! Requests that a run was to make after its switch, and did not because it was killed: here, dropped after the switch.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::{BTreeMap, HashSet};
use std::fs;

use install::{Changes, Current, Error, Lock, Request, Store, Verb};
use manifest::UnitName;
use support::{Place, walk};

#[test]
fn requests_of_a_killed_run_are_due_until_they_were_made() {
    let place = Place::new();
    switch(&place, "1", &[], Requested::Yes);
    assert_eq!(due(&place), [""; 0]);
    switch(&place, "2", &["restart a.service", "reload b.service"], Requested::No);
    assert_eq!(due(&place), ["reload b.service", "restart a.service"]);
    // The next run is killed as well, and the one after it is not.
    switch(&place, "3", &["restart a.service", "restart c.service"], Requested::No);
    assert_eq!(due(&place), ["reload b.service", "restart a.service", "restart c.service"], "each once");
    switch(&place, "4", &[], Requested::Yes);
    assert_eq!(due(&place), [""; 0]);
}

#[test]
fn requests_are_not_due_before_the_switch() {
    let place = Place::new();
    switch(&place, "1", &[], Requested::Yes);
    switch(&place, "2", &["restart old.service"], Requested::No);
    fs::create_dir_all(place.path("run/.secrets.new/something")).unwrap();
    let error = try_switch(&place, "3", &["restart new.service"], Requested::No).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    assert_eq!(due(&place), ["restart old.service"]);
    fs::remove_dir_all(place.path("run/.secrets.new")).unwrap();
    // As if the run had been killed instead: what it recorded is that of the next generation.
    let record = place.location.mount_point().join(".requests");
    fs::write(&record, "2\0restart old.service\x003\0restart new.service\0").unwrap();
    assert_eq!(due(&place), ["restart old.service"]);
    switch(&place, "3", &["restart other.service"], Requested::No);
    assert_eq!(due(&place), ["restart old.service", "restart other.service"]);
}

#[test]
fn without_requests_there_is_no_record() {
    let place = Place::new();
    let record = place.location.mount_point().join(".requests");
    switch(&place, "1", &[], Requested::Yes);
    assert!(!record.exists());
    switch(&place, "2", &["restart a.service"], Requested::Yes);
    assert!(!record.exists());
    let snapshot = || {
        let mut tree = BTreeMap::new();
        walk(&place.path(""), "", &mut tree);
        tree
    };
    let before = snapshot();
    open(&place, |store| store.requested_but(&[]).unwrap());
    assert_eq!(snapshot(), before);
}

#[test]
fn requests_are_recorded_as_earlier_versions_of_the_program_did() {
    let place = Place::new();
    let record = place.location.mount_point().join(".requests");
    switch(&place, "1", &[], Requested::Yes);
    switch(&place, "2", &["restart a.service", "reload b@c.socket"], Requested::No);
    assert_eq!(fs::read_to_string(&record).unwrap(), "2\0reload b@c.socket\x002\0restart a.service\0");
    assert_eq!(due(&place), ["reload b@c.socket", "restart a.service"]);
    let refused = Request { refused: true, ..request("restart a.service") };
    open(&place, |store| store.requested_but(&[refused]).unwrap());
    assert_eq!(fs::read_to_string(&record).unwrap(), "2\0refused restart a.service\0");
    assert_eq!(due(&place), ["not restart a.service"]);
}

#[test]
fn requests_that_only_a_later_version_knows_are_dropped_and_are_no_damage() {
    let place = Place::new();
    let record = place.location.mount_point().join(".requests");
    switch(&place, "1", &[], Requested::Yes);
    fs::write(&record, "1\0freeze a.service\x001\0restart b.service\x001\0restart c.container\n\0").unwrap();
    assert_eq!(due(&place), ["restart b.service"]);
    switch(&place, "2", &["restart d.service"], Requested::No);
    assert_eq!(due(&place), ["restart b.service", "restart d.service"]);
    switch(&place, "3", &[], Requested::Yes);
    assert!(!record.exists());
}

#[test]
fn requests_of_a_generation_that_never_came_are_not_taken_for_those_of_another_one() {
    let place = Place::new();
    switch(&place, "1", &[], Requested::Yes);
    fs::write(place.location.mount_point().join(".requests"), "2\0restart never.service\0").unwrap();
    switch(&place, "2", &[], Requested::No);
    assert_eq!(due(&place), [""; 0]);
}

#[test]
fn a_damaged_record_of_requests_stops_nothing_and_is_told_once() {
    let place = Place::new();
    switch(&place, "1", &[], Requested::Yes);
    fs::write(place.location.mount_point().join(".requests"), "no end").unwrap();
    assert_eq!(due(&place), [""; 0]);
    let foreseen = Current::inspect(&place.location)
        .unwrap()
        .obstacles([], &Changes::none(), &HashSet::new(), support::keep_one())
        .unwrap();
    let error = try_switch(&place, "2", &["restart a.service"], Requested::Yes).unwrap_err();
    assert!(foreseen.before.is_empty());
    assert_eq!(foreseen.after.iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>(), [error.to_string()]);
    let record = place.location.mount_point().join(".requests").display().to_string();
    assert_eq!(
        support::chain(&error),
        format!(
            "{record} is damaged; units may still run with the secrets before the last ones; if that is said again, run: rm {record}"
        )
    );
    assert_eq!(place.tree()["a"].content(), "2");
    switch(&place, "3", &[], Requested::Yes);
}

/// Whether the run lives until it has made its requests.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Requested {
    Yes,
    No,
}

fn switch(place: &Place, content: &str, requests: &[&str], requested: Requested) {
    try_switch(place, content, requests, requested).unwrap();
}

fn try_switch(place: &Place, content: &str, requests: &[&str], requested: Requested) -> Result<(), Error> {
    let wanted = place.secret("a", content);
    let requests: Vec<Request> = requests.iter().map(|words| request(words)).collect();
    open(place, |store| {
        store.stage(&[wanted.file()], support::keep_one())?.activate(&requests)?;
        if requested == Requested::Yes { store.requested_but(&[]) } else { Ok(()) }
    })
}

fn open<T>(place: &Place, then: impl FnOnce(&mut Store<'_>) -> T) -> T {
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let current = Current::inspect(&place.location).unwrap();
    then(&mut Store::open(&current, lock, None).unwrap())
}

/// Such as `restart a.service`.
fn request(words: &str) -> Request {
    let (verb, unit) = words.split_once(' ').unwrap();
    let verb = Verb::ALL.into_iter().find(|known| known.word() == verb).unwrap();
    Request { verb, unit: UnitName::try_from(unit.to_owned()).unwrap(), refused: false }
}

fn due(place: &Place) -> Vec<String> {
    let words =
        |Request { verb, unit, refused }| format!("{}{} {unit}", if refused { "not " } else { "" }, verb.word());
    Current::inspect(&place.location).unwrap().due().into_iter().map(words).collect()
}
