//! Text that someone else wrote, made fit for a line of a message.

use std::fmt;

use crate::private_key::has_private_key;

/// Text from outside: of a file, of another program, of the command line.
///
/// `Display` gives it as it is, `Debug` in double quotes. Either way only printable characters come out (a line break is
/// `; `, anything else `?` or, in quotes, an escape), at most [`Foreign::LONGEST`] of them and then an ellipsis. A text that
/// has a private key in it is withheld as a whole.
#[derive(Clone, Copy)]
pub struct Foreign<T>(pub T);

impl<T> Foreign<T> {
    /// The most characters that are shown.
    pub const LONGEST: usize = 100;
}

impl<T: AsRef<[u8]>> Foreign<T> {
    /// The text as `Display` gives it, with another limit of characters.
    pub(crate) fn within(&self, longest: usize) -> String {
        let text = String::from_utf8_lossy(self.0.as_ref());
        if has_private_key(&text) {
            return WITHHELD.to_owned();
        }
        let lines = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
        let mut shown = Shown { output: String::new(), left: longest };
        for (number, line) in lines.enumerate() {
            if number > 0 {
                shown.push("; ");
            }
            for character in line.chars() {
                if is_printable(character) {
                    shown.push(character.encode_utf8(&mut [0; 4]));
                } else {
                    shown.push("?");
                }
            }
        }
        shown.output
    }
}

impl<T: AsRef<[u8]>> fmt::Display for Foreign<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.within(Self::LONGEST))
    }
}

impl<T: AsRef<[u8]>> fmt::Debug for Foreign<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(self.0.as_ref());
        if has_private_key(&text) {
            return formatter.write_str(WITHHELD);
        }
        let mut shown = Shown { output: String::new(), left: Self::LONGEST };
        for character in text.chars() {
            let escaped = escaped(character);
            shown.push(if character == '\'' { "'" } else { &escaped });
        }
        write!(formatter, "\"{}\"", shown.output)
    }
}

/// Whether a character shows as itself: no control, no mark of direction, nothing invisible.
#[must_use]
pub fn is_printable(character: char) -> bool {
    let shows = matches!(character, '\'' | '"' | '\\') || character.escape_debug().eq([character]);
    shows && !BLANK.contains(&character)
}

/// What stands for a character that does not show, and for a quote or a backslash, between double quotes.
#[must_use]
pub fn escaped(character: char) -> String {
    if BLANK.contains(&character) { character.escape_unicode().collect() } else { character.escape_debug().collect() }
}

/// Letters and symbols that are drawn as nothing.
const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

/// Pieces of text up to a limit.
struct Shown {
    output: String,
    left: usize,
}

impl Shown {
    fn push(&mut self, piece: &str) {
        let length = piece.chars().count();
        if length <= self.left {
            self.output.push_str(piece);
            self.left = self.left.saturating_sub(length);
        } else if !self.output.ends_with(ELLIPSIS) {
            self.output.push_str(ELLIPSIS);
            self.left = 0;
        }
    }
}

/// What stands for the rest of a text that is too long.
const ELLIPSIS: &str = "...";

/// What stands for a text that must not be shown.
const WITHHELD: &str = "(withheld, because it has a private key in it)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_others_is_one_line_of_printable_characters() {
        for (text, shown, quoted) in [
            ("a b", "a b", r#""a b""#),
            ("  one\n\n two\u{1b}[1m\tend \r\n", "one; two?[1m?end", r#""  one\n\n two\u{1b}[1m\tend \r\n""#),
            ("it's \"here\" \\", "it's \"here\" \\", r#""it's \"here\" \\""#),
            ("caf\u{e9} \u{1f600}", "caf\u{e9} \u{1f600}", "\"caf\u{e9} \u{1f600}\""),
            ("a\u{3164}b\u{2800}", "a?b?", r#""a\u{3164}b\u{2800}""#),
            ("a\u{202e}b\u{200b}c\u{9b}d", "a?b?c?d", r#""a\u{202e}b\u{200b}c\u{9b}d""#),
            ("a\u{2028}error: b\u{85}c", "a?error: b?c", r#""a\u{2028}error: b\u{85}c""#),
            ("", "", r#""""#),
        ] {
            assert_eq!((Foreign(text).to_string().as_str(), format!("{:?}", Foreign(text)).as_str()), (shown, quoted));
        }
        assert_eq!(Foreign(b"a\xffb").to_string(), "a\u{fffd}b");
    }

    #[test]
    fn text_of_others_has_an_end() {
        let long = "x".repeat(1000);
        assert_eq!(Foreign(&long).to_string(), "x".repeat(100) + "...");
        assert_eq!(format!("{:?}", Foreign(&long)), format!("\"{}...\"", "x".repeat(100)));
        assert_eq!(Foreign("x".repeat(100)).to_string(), "x".repeat(100));
        assert!(format!("{:?}", Foreign("\u{1b}".repeat(1000))).len() < 120);
        assert_eq!(Foreign(&long).within(5), "xxxxx...");
    }

    #[test]
    fn a_private_key_in_a_text_of_others_is_not_shown() {
        assert_eq!(Foreign("age-plugin-x says no").to_string(), "age-plugin-x says no");
        for text in [
            "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486",
            "bad line: age-secret-key-pq-1qqq",
            "x AGE-PLUGIN-YUBIKEY-1QQQ",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "PuTTY-User-Key-File-3: ssh-ed25519",
        ] {
            assert_eq!(Foreign(text).to_string(), WITHHELD);
            assert_eq!(format!("{:?}", Foreign(text)), WITHHELD);
        }
    }
}
