//! Foreign text in messages: what stands in files, arguments and the environment is printed on one line, no longer than it
//! may be, and never with a private key in it.

use std::borrow::Cow;
use std::fmt::Write as _;

use sops::{escaped, is_printable, without_private_keys};

/// A message as it may be printed: [`clean`], and at most [`LONGEST_LINE`] characters long. What is too long loses its middle,
/// because the way out stands at the end.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    limited(text, LONGEST_LINE)
}

/// A text on one line, without a character that a terminal would obey and without a private key.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let text = without_private_keys(text);
    if text.chars().all(is_printable) { text } else { Cow::Owned(printable(&text)) }
}

/// A piece of foreign text that a message quotes, such as a name: [`clean`], and at most [`LONGEST_PIECE`] characters.
pub(crate) fn piece(text: &str) -> Cow<'_, str> {
    limited(text, LONGEST_PIECE)
}

/// A document in JSON without characters that a terminal obeys and without private keys. Inside its strings, which is the
/// only place where such characters can stand, they are written as escapes.
pub(crate) fn json(document: &str) -> String {
    let mut text = String::with_capacity(document.len());
    for letter in without_private_keys(document).chars() {
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

fn limited(text: &str, longest: usize) -> Cow<'_, str> {
    let text = clean(text);
    match shortened(&text, longest) {
        Some(short) => Cow::Owned(short),
        None => text,
    }
}

fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_printable(letter) { line.push(letter) } else { line.push_str(&escaped(letter)) }
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

const GAP: &str = " [...] ";

/// The most characters of one line. The longest that is useful names some paths of 4095 bytes.
const LONGEST_LINE: usize = 16 << 10;
/// The most characters of a name in a message or table.
const LONGEST_PIECE: usize = 255;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn no_private_key_is_in_a_line_or_a_document() {
        let text = "ageKeyFile is \"AGE-SECRET-KEY-1QQPZRY\"\n";
        assert_eq!(line(text), "ageKeyFile is \"AGE-SECRET-KEY-1...\"\\n");
        assert_eq!(json(text), "ageKeyFile is \"AGE-SECRET-KEY-1...\"\n");
    }

    #[test]
    fn no_character_that_a_terminal_obeys_is_in_a_line() {
        for (text, printed) in [
            ("a\x1b[31mb\rc\nd\te", "a\\u{1b}[31mb\\rc\\nd\\te"),
            ("\u{9b}31m\u{7f}\u{202e}x\u{2028}\u{feff}", "\\u{9b}31m\\u{7f}\\u{202e}x\\u{2028}\\u{feff}"),
            ("a\u{115f}\u{ffa0}", "a\\u{115f}\\u{ffa0}"),
            ("plain \"ключ\" it's C:\\x é 漢字", "plain \"ключ\" it's C:\\x é 漢字"),
        ] {
            assert_eq!(line(text), printed);
        }
        assert_eq!(json("{\n \"a\": \"\u{9b}\u{202e}\u{e0001}\"\n}"), "{\n \"a\": \"\\u009b\\u202e\\udb40\\udc01\"\n}");
    }

    #[test]
    fn what_shows_in_a_message_shows_in_a_command() {
        // Neither crate knows the other, so each says what shows.
        for letter in '\u{1}'..=char::MAX {
            let word = install::shell_word(Path::new(&format!("{letter}x")));
            assert_eq!(word.contains("printf"), !is_printable(letter), "{letter:?}");
        }
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
