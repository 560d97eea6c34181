//! The texts that stand for secrets in templates.

use std::collections::{BTreeMap, HashMap};

use crate::error::{Error, Reported, Subject};
use crate::fields::Fields;
use crate::table;
use crate::{Name, Secret};

/// The placeholders of a manifest: which text stands for which secret.
///
/// Invariant: no placeholder is empty, longer than 255 bytes or that of two secrets. Without templates there
/// are none.
#[derive(Debug, Default)]
pub struct Placeholders {
    /// In the order of the bytes of their texts.
    sorted: Vec<Placeholder>,
    /// The first bytes of all placeholders, and that of what looks like one.
    first_bytes: Vec<u8>,
    /// Placeholders of secrets that are not in this manifest, to say more about a text that is left over.
    foreign: HashMap<String, String>,
}

#[derive(Debug)]
struct Placeholder {
    text: String,
    secret: Name,
    /// The longest other placeholder with which this one begins.
    shorter: Option<usize>,
}

impl Placeholders {
    /// Reads the placeholder of each secret. The entries of other secrets are allowed and count for nothing.
    pub(crate) fn read<'s>(
        document: &mut Fields<'_, '_>,
        secrets: impl Iterator<Item = (&'s Secret, usize)>,
    ) -> Result<Self, Reported> {
        let mut texts: BTreeMap<&str, (usize, &str)> = document
            .texts(&table::PLACEHOLDER_BY_SECRET_NAME)?
            .into_iter()
            .map(|(secret, at, text)| (secret, (at, text)))
            .collect();
        let mut complete = Ok(());
        let mut found = Vec::new();
        for (secret, secret_at) in secrets {
            let name = secret.name();
            let problem = match texts.get(name.as_str()).copied() {
                None => (secret_at, Error::NoPlaceholder),
                Some((at, "")) => (at, Error::EmptyPlaceholder),
                Some((at, text)) if text.len() > PLACEHOLDER_BYTES => {
                    (at, Error::LongPlaceholder { most: PLACEHOLDER_BYTES })
                }
                Some((at, text)) => {
                    found.push((text, at, name));
                    continue;
                }
            };
            complete = Err(document.problems().report(problem.0, Subject::Secret(name.to_string()), problem.1));
        }
        found.sort_by_key(|(text, at, _)| (*text, *at));
        for pair in found.windows(2) {
            if let [(one, _, other), (text, at, name)] = pair
                && one == text
                // For secrets with the same name, the name is reported instead.
                && other != name
            {
                let error = Error::SamePlaceholder { placeholder: (*text).to_owned(), other: other.to_string() };
                complete = Err(document.problems().report(*at, Subject::Secret(name.to_string()), error));
            }
        }
        complete?;
        for (_, _, name) in &found {
            texts.remove(name.as_str());
        }
        let foreign = texts.into_iter().map(|(secret, (_, text))| (text.to_owned(), secret.to_owned())).collect();
        Ok(Self::new(found.into_iter().map(|(text, _, name)| (text.to_owned(), name.clone())), foreign))
    }

    /// Takes texts in the order of their bytes, each once.
    fn new(sorted: impl Iterator<Item = (String, Name)>, foreign: HashMap<String, String>) -> Self {
        let mut placeholders =
            Self { sorted: Vec::new(), first_bytes: SHAPE_START.get(..1).unwrap_or_default().to_vec(), foreign };
        for (text, secret) in sorted {
            if let Some(first) = text.bytes().next()
                && !placeholders.first_bytes.contains(&first)
            {
                placeholders.first_bytes.push(first);
            }
            // The longest placeholder at the start of this one is the one sorted before it, or stands at the start of
            // that.
            let before = placeholders.sorted.len().checked_sub(1);
            let shorter =
                placeholders.chain(before).find(|(_, one)| text.starts_with(&one.text)).map(|(index, _)| index);
            placeholders.sorted.push(Placeholder { text, secret, shorter });
        }
        placeholders
    }

    /// Whether a placeholder, or what looks like one, can begin with this byte.
    pub(crate) fn may_begin_with(&self, byte: u8) -> bool {
        self.first_bytes.contains(&byte)
    }

    /// The secret of the longest placeholder with which the content begins, and the length of that.
    pub(crate) fn longest_at(&self, content: &[u8]) -> Option<(&Name, usize)> {
        // No placeholder is longer, so the time for one place does not depend on the length of the content.
        let window = content.get(..PLACEHOLDER_BYTES).unwrap_or(content);
        // The longest placeholder at the start of the window is the last one that is not greater than the window, or
        // stands at the start of that one.
        let behind = self.sorted.partition_point(|placeholder| placeholder.text.as_bytes() <= window);
        let last = behind.checked_sub(1);
        let text = self.sorted.get(last?)?.text.as_bytes();
        let common = text.iter().zip(window).take_while(|(one, other)| one == other).count();
        let (_, found) = self.chain(last).find(|(_, placeholder)| placeholder.text.len() <= common)?;
        Some((&found.secret, found.text.len()))
    }

    /// What is wrong with a text that looks like a placeholder and is not one.
    pub(crate) fn stray(&self, text: &str) -> Error {
        let placeholder = text.to_owned();
        match self.foreign.get(text) {
            Some(secret) => Error::ForeignPlaceholder { placeholder, secret: secret.clone() },
            None => Error::UnknownPlaceholder(placeholder),
        }
    }

    /// The placeholder at an index and those with which it begins, from the longest to the shortest.
    fn chain(&self, index: Option<usize>) -> impl Iterator<Item = (usize, &Placeholder)> {
        let at = |index: usize| self.sorted.get(index).map(|placeholder| (index, placeholder));
        std::iter::successors(index.and_then(at), move |(_, placeholder)| placeholder.shorter.and_then(at))
    }
}

/// The text at the beginning of the content that has the shape of sops-nix's placeholders:
/// `<SOPS:`, 64 hexadecimal digits, `:PLACEHOLDER>`.
pub(crate) fn shape_at(content: &[u8]) -> Option<&str> {
    let (digits, rest) = content.strip_prefix(SHAPE_START)?.split_at_checked(SHAPE_DIGITS)?;
    let behind = rest.strip_prefix(SHAPE_END)?;
    let shape = content.get(..content.len().saturating_sub(behind.len()))?;
    digits.iter().all(u8::is_ascii_hexdigit).then(|| std::str::from_utf8(shape).ok()).flatten()
}

/// The longest placeholder; those of sops-nix have 83 bytes.
const PLACEHOLDER_BYTES: usize = 255;

const SHAPE_START: &[u8] = b"<SOPS:";
const SHAPE_DIGITS: usize = 64;
const SHAPE_END: &[u8] = b":PLACEHOLDER>";

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Placeholders that stand for secrets of these names.
    pub(crate) fn placeholders(texts: &[(&str, &str)], foreign: &[(&str, &str)]) -> Placeholders {
        let mut sorted: Vec<_> = texts
            .iter()
            .map(|(text, secret)| ((*text).to_owned(), Name::try_from((*secret).to_owned()).unwrap()))
            .collect();
        sorted.sort();
        let foreign = foreign.iter().map(|(text, secret)| ((*text).to_owned(), (*secret).to_owned())).collect();
        Placeholders::new(sorted.into_iter(), foreign)
    }

    #[test]
    fn the_longest_placeholder_is_found_also_when_the_nearest_is_none() {
        let placeholders =
            placeholders(&[("ab", "1"), ("abcd", "2"), ("aby", "3"), ("abcdx", "4"), ("b", "5"), ("<", "6")], &[]);
        for (content, found) in [
            ("ab", Some(("1", 2))),
            ("abz", Some(("1", 2))),
            ("abc", Some(("1", 2))),
            ("abcd", Some(("2", 4))),
            ("abcdw", Some(("2", 4))),
            ("abcdxyz", Some(("4", 5))),
            ("abcz", Some(("1", 2))),
            ("bbb", Some(("5", 1))),
            ("<SOPS", Some(("6", 1))),
            ("a", None),
            ("aa", None),
            ("zab", None),
            ("", None),
        ] {
            let longest = placeholders.longest_at(content.as_bytes()).map(|(secret, length)| (secret.as_str(), length));
            assert_eq!(longest, found, "{content}");
        }
    }

    #[test]
    fn the_shape_of_a_placeholder_is_exact() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let good = format!("<SOPS:{digits}:PLACEHOLDER>");
        assert_eq!(shape_at(format!("{good} and more").as_bytes()), Some(good.as_str()));
        for bad in [
            format!("<SOPS:{}:PLACEHOLDER>", &digits[1..]),
            format!("<SOPS:{digits}0:PLACEHOLDER>"),
            format!("<SOPS:{}g:PLACEHOLDER>", &digits[1..]),
            format!("<sops:{digits}:PLACEHOLDER>"),
            format!("<SOPS:{digits}:PLACEHOLDER"),
            format!(" {good}"),
            String::new(),
        ] {
            assert_eq!(shape_at(bad.as_bytes()), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_longest_placeholder_is_the_one_that_trying_each_finds(
            texts in prop::collection::btree_set("[abc]{1,5}", 0..12), content in "[abc]{0,8}"
        ) {
            let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), text.as_str())).collect();
            let expected = texts.iter().filter(|text| content.starts_with(text.as_str())).max_by_key(|text| text.len());
            let placeholders = placeholders(&pairs, &[]);
            let found = placeholders.longest_at(content.as_bytes()).map(|(secret, _)| secret.as_str());
            prop_assert_eq!(found, expected.map(String::as_str));
        }
    }
}
