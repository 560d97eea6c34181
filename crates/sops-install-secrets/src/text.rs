//! Foreign text in messages: what stands in files, arguments and the environment is printed on one line, no longer than it
//! may be, and never with a private key in it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A message as it may be printed: [`clean`], and at most [`LONGEST_LINE`] characters long. What is too long loses its middle,
/// because the way out stands at the end.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    match shortened(&text, LONGEST_LINE) {
        Some(short) => Cow::Owned(short),
        None => text,
    }
}

/// A text on one line, without a character that a terminal would obey and without a private key.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let text = without_keys(text);
    if text.chars().all(is_printable) { text } else { Cow::Owned(printable(&text)) }
}

/// A piece of foreign text that a message quotes, such as a name: [`clean`], and at most [`LONGEST_PIECE`] characters.
pub(crate) fn piece(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    match shortened(&text, LONGEST_PIECE) {
        Some(short) => Cow::Owned(short),
        None => text,
    }
}

/// A document in JSON without characters that a terminal obeys and without private keys. Inside its strings, which is the
/// only place where such characters can stand, they are written as escapes.
pub(crate) fn json(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for letter in without_keys(document).chars() {
        if letter == '\n' || is_printable(letter) {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                write!(text, "\\u{unit:04x}").unwrap_or_default();
            }
        }
    }
    text
}

/// Whether a terminal shows it as one visible letter, or a plain blank.
fn is_printable(letter: char) -> bool {
    // Debug's escapes are for what is not printable, and for quotes and backslashes, which are.
    matches!(letter, '"' | '\'' | '\\' | ' ') || letter.escape_debug().len() == 1
}

fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_printable(letter) { line.push(letter) } else { line.extend(letter.escape_debug()) }
    }
    line
}

/// The text without its middle, if it has more characters than that.
fn shortened(text: &str, longest: usize) -> Option<String> {
    if text.len() <= longest || text.chars().count() <= longest {
        return None;
    }
    let kept = longest.saturating_sub(GAP.len()) / 2;
    let end = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
    let start = text.char_indices().rev().nth(kept.saturating_sub(1)).map_or(0, |(at, _)| at);
    Some([text.get(..end).unwrap_or_default(), GAP, text.get(start..).unwrap_or_default()].concat())
}

/// The text with three dots in the place of each private key.
fn without_keys(text: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = text;
    while let Some((start, end)) = key(rest) {
        clean.push_str(rest.get(..start).unwrap_or_default());
        clean.push_str("...");
        rest = rest.get(end..).unwrap_or_default();
    }
    if clean.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// Where the first private key begins and ends, without the words by which it is recognised.
fn key(text: &str) -> Option<(usize, usize)> {
    [AGE_KEY, AGE_PLUGIN, PEM].into_iter().filter_map(|mark| key_behind(text, mark)).min()
}

/// How much of a text goes on with the letters of a key that was broken into lines or words, by escapes too.
fn wrapped(text: &str) -> usize {
    let mut length = 0_usize;
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let mut word = rest;
        while let Some(after) = GAPS.iter().find_map(|gap| word.strip_prefix(gap)) {
            word = after;
        }
        let end = word.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(word.len());
        let part = word.get(..end).unwrap_or_default();
        let is_upper = !part.contains(|letter: char| letter.is_ascii_lowercase());
        let is_lower = !part.contains(|letter: char| letter.is_ascii_uppercase());
        // The words of a message have no digits.
        let has_digit = part.contains(|letter: char| letter.is_ascii_digit());
        if word.len() == rest.len() || end < SHORTEST_PART || !has_digit || !(is_upper || is_lower) {
            return length;
        }
        length = text.len().saturating_sub(word.len()).saturating_add(end);
    }
}

fn key_behind(text: &str, mark: &'static str) -> Option<(usize, usize)> {
    let mut from = 0_usize;
    loop {
        let at = from.checked_add(find(text.get(from..)?, mark)?)?;
        let start = at.checked_add(mark.len())?;
        let behind = text.get(start..)?;
        if mark == PEM {
            // Behind its last line, or where the quote or the text ends.
            if find(header(behind), "PRIVATE").is_some() {
                let start = start.checked_add(header(behind).len())?;
                let behind = text.get(start..)?;
                let end = find(behind, "-----END").or_else(|| behind.find('"')).unwrap_or(behind.len());
                return Some((start, start.checked_add(end)?)).filter(|(start, end)| start < end);
            }
        } else {
            // The letters of its kind, and then those of the key.
            let end =
                behind.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(behind.len());
            let kind = behind.get(..end)?.find('1').map_or(0, |at| at.saturating_add(1));
            let end = end.saturating_add(wrapped(behind.get(end..)?));
            if kind < end {
                return Some((start.checked_add(kind)?, start.checked_add(end)?));
            }
        }
        from = start;
    }
}

/// The first line of a PEM file, or of one whose line breaks are written as escapes.
fn header(text: &str) -> &str {
    let end = text.find("-----").or_else(|| text.find(['\n', '"'])).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Where a mark stands, in whatever case; that of a plugin's identity in capitals, since its program has the same name in
/// small letters.
fn find(text: &str, mark: &str) -> Option<usize> {
    if mark == AGE_PLUGIN {
        return text.find(mark);
    }
    let found = text.as_bytes().windows(mark.len()).position(|window| window.eq_ignore_ascii_case(mark.as_bytes()))?;
    text.is_char_boundary(found).then_some(found)
}

/// What can stand between two parts of a key.
const GAPS: [&str; 8] = ["\\n", "\\r", "\\t", "\\\\", "\n", "\r", "\t", " "];
/// The fewest letters that are taken for a part of a key.
const SHORTEST_PART: usize = 8;
/// How an age identity begins; a `1` follows, or `PQ-1`.
const AGE_KEY: &str = "AGE-SECRET-KEY-";
/// How an identity of a plugin begins; its name and a `1` follow.
const AGE_PLUGIN: &str = "AGE-PLUGIN-";
const PEM: &str = "-----BEGIN ";
const GAP: &str = " [...] ";

/// The most characters of one line. The longest that is useful names some paths of 4095 bytes.
const LONGEST_LINE: usize = 16 << 10;
/// The most characters of a name in a message or table.
const LONGEST_PIECE: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_private_key_is_in_a_line() {
        for (text, clean) in [
            ("ageKeyFile is \"AGE-SECRET-KEY-1QQPZRY\" here", "ageKeyFile is \"AGE-SECRET-KEY-1...\" here"),
            ("age-secret-key-1qqpzry", "age-secret-key-1..."),
            ("AGE-SECRET-KEY-PQ-1QQPZRY1X, AGE-SECRET-KEY-1Z", "AGE-SECRET-KEY-PQ-1..., AGE-SECRET-KEY-1..."),
            ("AGE-PLUGIN-YUBIKEY-1QQPZRY.", "AGE-PLUGIN-YUBIKEY-1...."),
            ("AGE-SECRET-KEY-QQPZRY", "AGE-SECRET-KEY-..."),
            ("AGE-SECRET-KEY-1QQPZRY\n9X8GF2TVDW\\n  0S3JN54KH is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY-1 QQPZRY9X8GF2 is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY-1QQPZRY is for age1qqpzry9x8", "AGE-SECRET-KEY-1... is for age1qqpzry9x8"),
            (
                "one starts with AGE-SECRET-KEY-1, AGE-SECRET-KEY-PQ-1 or AGE-PLUGIN-",
                "one starts with AGE-SECRET-KEY-1, AGE-SECRET-KEY-PQ-1 or AGE-PLUGIN-",
            ),
            (
                "a \"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n\"",
                "a \"-----BEGIN OPENSSH PRIVATE KEY...-----END OPENSSH PRIVATE KEY-----\\n\"",
            ),
            (r#""-----BEGIN PRIVATE KEY-----\nb3Bl", b"#, r#""-----BEGIN PRIVATE KEY...", b"#),
            ("-----BEGIN PRIVATE KEY-----b3Bl", "-----BEGIN PRIVATE KEY..."),
            ("-----BEGIN PUBLIC KEY-----b3Bl", "-----BEGIN PUBLIC KEY-----b3Bl"),
        ] {
            assert_eq!(line(text), clean);
        }
    }

    #[test]
    fn no_character_that_a_terminal_obeys_is_in_a_line() {
        for (text, printed) in [
            ("a\x1b[31mb\rc\nd\te", "a\\u{1b}[31mb\\rc\\nd\\te"),
            ("\u{9b}31m\u{7f}\u{202e}x\u{2028}\u{feff}", "\\u{9b}31m\\u{7f}\\u{202e}x\\u{2028}\\u{feff}"),
            ("plain \"ключ\" it's C:\\x é 漢字", "plain \"ключ\" it's C:\\x é 漢字"),
        ] {
            assert_eq!(line(text), printed);
        }
        assert_eq!(json("{\n \"a\": \"\u{9b}\u{202e}\u{e0001}\"\n}"), "{\n \"a\": \"\\u009b\\u202e\\udb40\\udc01\"\n}");
    }

    #[test]
    fn what_is_too_long_loses_its_middle() {
        let long = format!("begin{}end", "é".repeat(100_000));
        for (short, longest) in [(line(&long), LONGEST_LINE), (piece(&long), LONGEST_PIECE)] {
            assert!(short.starts_with("begin") && short.ends_with("end") && short.contains(GAP));
            assert!(short.chars().count() <= longest);
        }
        assert_eq!(piece(&"x".repeat(LONGEST_PIECE)), "x".repeat(LONGEST_PIECE));
    }
}
