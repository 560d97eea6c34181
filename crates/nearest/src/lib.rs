//! The names that a misspelt one may stand for, by one rule in all messages.

use std::fmt::Display;

/// The names that are spelled most alike, the nearest first: three at most, and none that is `wanted` itself.
///
/// A third of the letters may differ, and always one. What differs in the case of letters only, or is the last part of the other
/// behind a `/`, is as near as one letter. Names of more than 256 bytes are near to none: to compare them takes time in proportion
/// to the square.
pub fn nearest<'n>(wanted: &str, names: &mut dyn Iterator<Item = &'n str>) -> Vec<&'n str> {
    let limit = (wanted.chars().count() / 3).max(1);
    let is_compared = |name: &str| name != wanted && !name.is_empty() && name.len().max(wanted.len()) <= LONGEST;
    let compared: Vec<_> = names.filter(|name| is_compared(name)).map(|name| (distance(name, wanted), name)).collect();
    let mut near = Vec::new();
    for edits in 0..=limit {
        for &(distance, name) in &compared {
            if distance == edits && near.len() < MOST && !near.contains(&name) {
                near.push(name);
            }
        }
    }
    near
}

/// The question whether one of the names was meant, in parentheses with a blank in front; nothing without names.
pub fn did_you_mean(names: impl IntoIterator<Item = impl Display>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { String::new() } else { format!(" (did you mean {}?)", names.join(" or ")) }
}

fn distance(name: &str, wanted: &str) -> usize {
    let last = |path: &str, part: &str| path.rsplit('/').next() == Some(part);
    if last(name, wanted) || last(wanted, name) || name.to_lowercase() == wanted.to_lowercase() {
        return 1;
    }
    strsim::osa_distance(name, wanted)
}

const LONGEST: usize = 256;
const MOST: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn near(wanted: &str) -> Vec<&'static str> {
        let names = ["root", "nginx", "postgres", "db/password", "DB", "list/0", "list/1", "list/2", "list/3", ""];
        nearest(wanted, &mut names.into_iter())
    }

    #[test]
    fn the_names_that_are_spelled_most_alike_come_first() {
        for (wanted, expected) in [
            ("ngnix", &["nginx"][..]),
            ("postgresql", &["postgres"]),
            ("roto", &["root"]),
            ("password", &["db/password"]),
            ("other/db/password", &[]),
            ("db", &["DB"]),
            ("list/9", &["list/0", "list/1", "list/2"]),
            // Whoever asks has not found it, although it is there.
            ("nginx", &[]),
            ("zzz", &[]),
            ("", &[]),
        ] {
            assert_eq!(near(wanted), expected, "{wanted}");
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(nearest(&format!("{long}y"), &mut [long.as_str()].into_iter()).is_empty());
    }

    #[test]
    fn the_question_names_all_of_them() {
        assert_eq!(did_you_mean(["a"; 0]), "");
        assert_eq!(did_you_mean(["\"a\""]), " (did you mean \"a\"?)");
        assert_eq!(did_you_mean(["a", "b"]), " (did you mean a or b?)");
    }
}
