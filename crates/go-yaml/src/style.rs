//! In which notation a string is written.

use crate::resolve::is_plain_string;
use crate::text::is_blank;

/// A notation for a string.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    /// The block of lines behind `|`.
    Literal,
    /// `!!merge <<`.
    Merge,
    /// The word `null`: a text of several lines that starts with a tab is lost.
    Lost,
}

/// Whether go-yaml loses a text when it is encoded into a node of its own: then it is null. It is a text of several lines
/// that starts with a tab.
#[must_use]
pub fn is_lost(text: &str) -> bool {
    of(text) == Style::Lost
}

/// The notation that go-yaml chooses.
pub(crate) fn of(text: &str) -> Style {
    // Most texts need no closer look.
    let is_simple = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    let must_escape = !is_simple && text.chars().any(|character| character != '\t' && !is_printable(character));
    let has_break = !is_simple && has_break(text);
    let has_space_before_break = has_break && pairs(text).any(|(first, second)| first == ' ' && is_break(second));
    if text.contains('\n') {
        return if must_escape || has_space_before_break || text.ends_with(' ') {
            Style::DoubleQuoted
        } else if text.starts_with('\t') {
            Style::Lost
        } else {
            Style::Literal
        };
    }
    if !is_plain_string(text) || is_old_boolean(text) || is_base_60(text) {
        return Style::DoubleQuoted;
    }
    if text == "<<" {
        return Style::Merge;
    }
    let has_space_behind_break = has_break && pairs(text).any(|(first, second)| is_break(first) && second == ' ');
    if must_escape || text.contains('\t') || has_space_before_break || has_space_behind_break {
        return Style::DoubleQuoted;
    }
    if has_break || text.starts_with(' ') || text.ends_with(' ') || has_indicator(text) {
        return Style::SingleQuoted;
    }
    Style::Plain
}

/// Whether the text has a line break of any kind, so that it cannot be a key on one line.
pub(crate) fn has_break(text: &str) -> bool {
    text.chars().any(is_break)
}

/// Whether go-yaml writes the character as it is. It takes everything beyond U+FFFF for unprintable.
pub(crate) fn is_printable(character: char) -> bool {
    matches!(character, '\n' | ' '..='~' | '\u{A0}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}') && character != '\u{FEFF}'
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Each character with the one behind it.
fn pairs(text: &str) -> impl Iterator<Item = (char, char)> {
    text.chars().zip(text.chars().skip(1))
}

/// Whether something in the text would be syntax in a plain scalar.
fn has_indicator(text: &str) -> bool {
    starts_with_indicator(text.as_bytes())
        || text.ends_with(':')
        || pairs(text).any(|pair| matches!(pair, (':', ' ' | '\t') | (' ' | '\t', '#')))
}

fn starts_with_indicator(bytes: &[u8]) -> bool {
    match bytes {
        [b'-', b'-', b'-', ..] | [b'.', b'.', b'.', ..] => true,
        [first, ..] if b"#,[]{}&*!|>'\"%@`".contains(first) => true,
        [b'-' | b'?' | b':'] => true,
        [b'-' | b'?' | b':', next, ..] => is_blank(*next),
        _ => false,
    }
}

/// Words that were booleans in YAML 1.1.
fn is_old_boolean(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    )
}

/// Numbers of base 60, as `1:30`, which YAML 1.1 has: a digit, digits and `_`, groups of `:` and up to two digits below
/// 60, and perhaps a fraction.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, fraction),
        None => (unsigned, ""),
    };
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let mut groups = whole.split(':');
    let is_good_start =
        groups.next().is_some_and(|first| first.starts_with(|digit: char| digit.is_ascii_digit()) && are_digits(first));
    let mut count = 0_usize;
    let mut are_good_groups = true;
    for group in groups {
        count = count.saturating_add(1);
        are_good_groups &= matches!(group.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    }
    is_good_start && are_good_groups && count > 0 && are_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_gets_the_style_that_go_yaml_chooses() {
        use Style::{DoubleQuoted, Literal, Lost, Merge, Plain, SingleQuoted};
        for (style, texts) in [
            (
                Plain,
                &[
                    "a", "a, b", "a]", "a{b", "?a", ":a", "-a", "--", "a#b", "a:b", "=", "a'b", "a\"b", "a\\b", "1:99",
                    "é", "\u{A0}",
                ][..],
            ),
            (
                SingleQuoted,
                &[
                    "- a",
                    "-",
                    "? a",
                    ": a",
                    "a: b",
                    "a:",
                    "#a",
                    "a #b",
                    " a",
                    "a ",
                    "'a'",
                    "\"a\"",
                    "[a]",
                    "{a}",
                    "]",
                    "}",
                    ",a",
                    "&a",
                    "*a",
                    "!a",
                    "|",
                    ">",
                    "%a",
                    "@a",
                    "`a",
                    "---",
                    "---a",
                    "...",
                    "a\u{2028}b",
                ],
            ),
            (
                DoubleQuoted,
                &[
                    "",
                    "123",
                    "0x1F",
                    "1e3",
                    ".5",
                    ".inf",
                    "~",
                    "null",
                    "true",
                    "y",
                    "No",
                    "on",
                    "OFF",
                    "2020-01-01",
                    "1:30",
                    "+1:30.5",
                    "-1_0:59",
                    "a\tb",
                    "\ta",
                    "😀",
                    "\u{7F}",
                    "\u{FEFF}a",
                    "a\rb",
                    "a\u{85}b",
                    "a\0",
                    "a \nb",
                    "a\n ",
                    "a\nb ",
                    "a\n\u{1}",
                    "a \u{2028}b",
                    "a\u{2028} b",
                ],
            ),
            (Literal, &["a\nb", "a\n", "\n", "\na", " a\nb", "a\n\tb", "a\t\nb", "\n\ta", "a\n b", "123\n"]),
            (Lost, &["\ta\nb", "\t\n"]),
            (Merge, &["<<"]),
        ] {
            for text in texts {
                assert_eq!(of(text), style, "{text:?}");
            }
        }
    }
}
