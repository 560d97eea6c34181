//! Whatever was installed before, what is wanted is what readers see, and the changes are the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::BTreeMap;
use std::fs;

use proptest::collection::btree_map;
use proptest::prelude::*;
use support::{Place, Seen, Wanted};

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_follows_any_other(first in trees(), second in trees()) {
        let place = Place::new();
        place.install(&wanted(&place, &first)).unwrap();
        let dry = place.changes(&wanted(&place, &second)).unwrap();
        let run = place.install(&wanted(&place, &second)).unwrap();
        prop_assert!(run.failures.is_empty(), "{:?}", run.failures);

        let found: BTreeMap<String, (String, u32)> = place
            .tree()
            .into_iter()
            .filter_map(|(name, seen)| match seen {
                Seen::File { content, mode, .. } => Some((name, (content, mode))),
                Seen::Link { .. } => panic!("{name} is a link"),
                Seen::Directory { mode } => {
                    assert_eq!(mode, 0o751);
                    None
                }
            })
            .collect();
        let expected: BTreeMap<String, (String, u32)> = second
            .iter()
            .map(|(name, file)| (name.clone(), (file.content.clone(), file.mode)))
            .collect();
        prop_assert_eq!(found, expected);

        let names = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
            let mut names: Vec<String> = first.keys().chain(second.keys()).cloned().collect();
            names.sort_unstable();
            names.dedup();
            names.retain(|name| wanted(name));
            names
        };
        let same = |name: &str| (&first[name].content, first[name].mode) == (&second[name].content, second[name].mode);
        let secrets = run.changes.secrets();
        prop_assert_eq!(&secrets.added, &names(&|name| !first.contains_key(name)));
        prop_assert_eq!(&secrets.removed, &names(&|name| !second.contains_key(name)));
        prop_assert_eq!(
            &secrets.modified,
            &names(&|name| first.contains_key(name) && second.contains_key(name) && !same(name))
        );
        prop_assert_eq!(dry.secrets(), secrets);
        prop_assert_eq!(run.active, Some(if run.changes.is_empty() { 1 } else { 2 }));

        for file in first.keys().chain(second.keys()) {
            let link = place.path("links").join(file);
            let expected = second.get(file).filter(|file| file.link).map(|file| file.content.clone());
            prop_assert_eq!(fs::read_to_string(link).ok(), expected);
        }
    }
}

#[derive(Clone, Debug)]
struct Part {
    content: String,
    mode: u32,
    link: bool,
}

/// Few names of which none lies in another, so that two trees have much in common.
fn trees() -> impl Strategy<Value = BTreeMap<String, Part>> {
    let name = prop::sample::select(vec![
        "a",
        "b",
        "d/a",
        "d/b",
        "d/e/a",
        "d/e/b",
        "d-e/a",
        "d.e",
        "d e/ü",
        "d/e.a",
        "z/y/x/w/v",
        "z/y/x/u",
        ".links",
        "1",
    ]);
    let part = ("[ab]{0,2}", prop::sample::select(vec![0o400, 0o440, 0o600]), any::<bool>())
        .prop_map(|(content, mode, link)| Part { content, mode, link });
    btree_map(name.prop_map(str::to_owned), part, 0..14)
}

fn wanted(place: &Place, tree: &BTreeMap<String, Part>) -> Vec<Wanted> {
    tree.iter()
        .map(|(name, part)| {
            let secret = place.secret(name, &part.content).mode(part.mode);
            if part.link { secret.at(&place.path("links").join(name)) } else { secret }
        })
        .collect()
}
