//! Paths that cannot all be files.

use std::cmp::Ordering;

/// Two paths that are the same, or of which one has to be a directory for the other.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Clash {
    /// The position of the shorter path; of equal ones, the earlier position.
    pub(crate) outer: usize,
    /// The position of the other one.
    pub(crate) inner: usize,
}

/// Every path that is equal to another or inside it, each with the nearest such path.
///
/// The paths are compared component by component as they are written, in O(n log n).
pub(crate) fn clashes<'p>(paths: impl Iterator<Item = &'p str>) -> Vec<Clash> {
    let mut sorted: Vec<(usize, &str)> = paths.enumerate().collect();
    // By components, everything inside a path comes directly after it.
    sorted.sort_unstable_by(|(one, path), (other, second)| by_component(path, second).then(one.cmp(other)));
    let mut clashes = Vec::new();
    let mut around: Vec<(usize, &str)> = Vec::new();
    for (inner, path) in sorted {
        while let Some((outer, directory)) = around.last() {
            if is_in(path, directory) {
                clashes.push(Clash { outer: *outer, inner });
                break;
            }
            around.pop();
        }
        around.push((inner, path));
    }
    clashes
}

/// Compares component by component: byte by byte, with `/` before every other byte.
fn by_component(one: &str, other: &str) -> Ordering {
    let mut pairs = one.bytes().zip(other.bytes());
    match pairs.find(|(one, other)| one != other) {
        None => one.len().cmp(&other.len()),
        Some((b'/', _)) => Ordering::Less,
        Some((_, b'/')) => Ordering::Greater,
        Some((one, other)) => one.cmp(&other),
    }
}

fn is_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn equal_and_nested_paths_clash() {
        for (paths, expected) in [
            (&["a", "b", "a-b", "ab"][..], &[][..]),
            (&["a", "a"], &[(0, 1)]),
            (&["a/b", "a"], &[(1, 0)]),
            (&["a", "a-b", "a/b", "a.b"], &[(0, 2)]),
            (&["a/b/c", "a/b/d", "a"], &[(2, 0), (2, 1)]),
            (&["a/b/c", "a", "a/b"], &[(1, 2), (2, 0)]),
            (&["x", "a", "x", "x"], &[(0, 2), (2, 3)]),
        ] {
            let found = clashes(paths.iter().copied());
            assert_eq!(found.iter().map(|clash| (clash.outer, clash.inner)).collect::<Vec<_>>(), expected, "{paths:?}");
        }
    }

    proptest! {
        #[test]
        fn a_path_is_in_a_clash_if_and_only_if_comparing_each_with_each_finds_one(
            paths in prop::collection::vec("[ab.-]{1,2}(/[ab.-]{1,2}){0,2}", 0..12)
        ) {
            let found = clashes(paths.iter().map(String::as_str));
            for (inner, path) in paths.iter().enumerate() {
                let expected = paths.iter().enumerate().any(|(outer, other)| {
                    if path == other { outer < inner } else { path.starts_with(&format!("{other}/")) }
                });
                prop_assert_eq!(found.iter().any(|clash| clash.inner == inner), expected);
            }
        }
    }
}
