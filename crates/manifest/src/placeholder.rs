//! The texts that stand for secrets in templates.

use std::collections::BTreeMap;

use crate::error::{Error, Reported, Subject};
use crate::fields::Fields;
use crate::schema::{EMPTY_OBJECT, Field, FieldKind, field};
use crate::{Name, Secret};

/// The placeholders of a manifest: which text stands for which secret.
///
/// Invariant: no placeholder is empty, longer than 255 bytes or that of two secrets. Without templates there
/// are none.
#[derive(Debug, Default)]
pub struct Placeholders {
    /// In the order of the bytes of their texts.
    sorted: Vec<Placeholder>,
    /// The first bytes of all placeholders, and of what looks like one.
    first_bytes: Vec<u8>,
}

/// What a placeholder stands for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Meaning {
    /// A secret of the manifest.
    Secret(Name),
    /// One that is not in it, so that the text cannot be filled.
    Absent(String),
}

#[derive(Debug)]
struct Placeholder {
    text: String,
    meaning: Meaning,
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
            .texts(&PLACEHOLDER_BY_SECRET_NAME)?
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
        found.sort_unstable_by_key(|(text, at, _)| (*text, *at));
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
        let mut sorted: BTreeMap<String, Meaning> = BTreeMap::new();
        for (secret, (_, text)) in texts {
            if !text.is_empty() && text.len() <= PLACEHOLDER_BYTES {
                sorted.insert(text.to_owned(), Meaning::Absent(secret.to_owned()));
            }
        }
        // Later, because one with the same text is that of the secret that is there.
        for (text, _, name) in found {
            sorted.insert(text.to_owned(), Meaning::Secret(name.clone()));
        }
        Ok(Self::new(sorted))
    }

    fn new(sorted: BTreeMap<String, Meaning>) -> Self {
        let mut placeholders = Self { sorted: Vec::new(), first_bytes: SHAPE_FIRST.to_vec() };
        for (text, meaning) in sorted {
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
            placeholders.sorted.push(Placeholder { text, meaning, shorter });
        }
        placeholders
    }

    /// Whether a placeholder, or what looks like one, can begin with this byte.
    pub(crate) fn may_begin_with(&self, byte: u8) -> bool {
        self.first_bytes.contains(&byte)
    }

    /// The longest placeholder with which the content begins, and what it stands for.
    pub(crate) fn longest_at(&self, content: &[u8]) -> Option<(&str, &Meaning)> {
        // No placeholder is longer, so the time for one place does not depend on the length of the content.
        let window = content.get(..PLACEHOLDER_BYTES).unwrap_or(content);
        // The longest placeholder at the start of the window is the last one that is not greater than the window, or
        // stands at the start of that one.
        let behind = self.sorted.partition_point(|placeholder| placeholder.text.as_bytes() <= window);
        let last = behind.checked_sub(1);
        let text = self.sorted.get(last?)?.text.as_bytes();
        let common = text.iter().zip(window).take_while(|(one, other)| one == other).count();
        let (_, found) = self.chain(last).find(|(_, placeholder)| placeholder.text.len() <= common)?;
        Some((&found.text, &found.meaning))
    }

    /// The placeholder at an index and those with which it begins, from the longest to the shortest.
    fn chain(&self, index: Option<usize>) -> impl Iterator<Item = (usize, &Placeholder)> {
        let at = |index: usize| self.sorted.get(index).map(|placeholder| (index, placeholder));
        std::iter::successors(index.and_then(at), move |(_, placeholder)| placeholder.shorter.and_then(at))
    }
}

/// What is wrong with a text at the beginning of the content that looks like a placeholder of sops-nix, and how long it is:
/// `<SOPS:`, 64 hexadecimal digits, `:PLACEHOLDER>`. Something has changed it if one of its brackets is gone.
pub(crate) fn stray_at(content: &[u8]) -> Option<(usize, Error)> {
    let inner = content.strip_prefix(b"<").unwrap_or(content);
    let (digits, rest) = inner.strip_prefix(SHAPE_START)?.split_at_checked(SHAPE_DIGITS)?;
    let after = rest.strip_prefix(SHAPE_END).filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
    let after_bracket = after.strip_prefix(b">").filter(|_| inner.len() < content.len());
    let length = content.len().saturating_sub(after_bracket.unwrap_or(after).len());
    let text = std::str::from_utf8(content.get(..length)?).ok()?.to_owned();
    let is_whole = after_bracket.is_some();
    Some((length, if is_whole { Error::UnknownPlaceholder(text) } else { Error::ChangedPlaceholder(text) }))
}

/// The longest placeholder; those of sops-nix have 83 bytes.
const PLACEHOLDER_BYTES: usize = 255;

const SHAPE_FIRST: &[u8] = b"<S";
const SHAPE_START: &[u8] = b"SOPS:";
const SHAPE_DIGITS: usize = 64;
const SHAPE_END: &[u8] = b":PLACEHOLDER";

pub(crate) static PLACEHOLDER_BY_SECRET_NAME: Field = field(
    "placeholderBySecretName",
    FieldKind::TextsByName,
    EMPTY_OBJECT,
    "Under the name of each secret the text that stands for it in templates, of 1 to 255 bytes. With templates, each secret \
     needs one of its own.",
);

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Placeholders that stand for secrets of these names.
    pub(crate) fn placeholders(texts: &[(&str, &str)], foreign: &[(&str, &str)]) -> Placeholders {
        let known = |(text, secret): &(&str, &str)| {
            ((*text).to_owned(), Meaning::Secret(Name::try_from((*secret).to_owned()).unwrap()))
        };
        let absent = |(text, secret): &(&str, &str)| ((*text).to_owned(), Meaning::Absent((*secret).to_owned()));
        Placeholders::new(texts.iter().map(known).chain(foreign.iter().map(absent)).collect())
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
            let longest =
                placeholders.longest_at(content.as_bytes()).map(|(text, meaning)| (name(meaning), text.len()));
            assert_eq!(longest, found, "{content}");
        }
    }

    #[test]
    fn the_shape_of_a_placeholder_is_exact() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        let stray = |text: &str| {
            stray_at(text.as_bytes()).map(|(length, error)| (length, matches!(error, Error::UnknownPlaceholder(_))))
        };
        let good = format!("<SOPS:{digits}:PLACEHOLDER>");
        assert_eq!(stray(&format!("{good} and more")), Some((83, true)));
        for (changed, length) in [
            (format!("<SOPS:{digits}:PLACEHOLDER"), 82),
            (format!("<SOPS:{digits}:PLACEHOLDER&gt;"), 82),
            (format!("SOPS:{digits}:PLACEHOLDER>"), 81),
            (format!("SOPS:{digits}:PLACEHOLDER\\u003e"), 81),
        ] {
            assert_eq!(stray(&changed), Some((length, false)), "{changed}");
        }
        for bad in [
            format!("<SOPS:{}:PLACEHOLDER>", &digits[1..]),
            format!("<SOPS:{digits}0:PLACEHOLDER>"),
            format!("<SOPS:{}g:PLACEHOLDER>", &digits[1..]),
            format!("<sops:{digits}:PLACEHOLDER>"),
            format!(" {good}"),
            String::new(),
        ] {
            assert_eq!(stray(&bad), None, "{bad}");
        }
    }

    fn name(meaning: &Meaning) -> &str {
        match meaning {
            Meaning::Secret(name) => name.as_str(),
            Meaning::Absent(name) => name,
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
            let found = placeholders.longest_at(content.as_bytes()).map(|(_, meaning)| name(meaning));
            prop_assert_eq!(found, expected.map(String::as_str));
        }
    }
}
