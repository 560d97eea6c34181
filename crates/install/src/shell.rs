//! Commands that people paste.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// A path as one word of a command line of any POSIX shell, between quotes where it needs them.
///
/// One with letters that do not show, or that a terminal obeys, is made by printf(1) of its escapes: the quotes `$'...'` are known to
/// bash, and not to every sh. Only for a path that ends with a line break they are used all the same, since a shell takes
/// the last breaks of what a command prints away.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let is_plain = |letter: char| is_shown(letter) && (letter.is_alphanumeric() || "/._-+=:,@%".contains(letter));
    let bytes = path.as_os_str().as_bytes();
    let begin = if bytes.starts_with(b"-") { "./" } else { "" };
    match path.to_str() {
        Some(text) if !text.is_empty() && begin.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if text.chars().all(is_shown) => format!("'{begin}{}'", text.replace('\'', r"'\''")),
        _ if bytes.ends_with(b"\n") => format!("$'{begin}{}'", escapes(bytes)),
        _ => format!("\"$(printf '{begin}{}')\"", escapes(bytes).replace('%', "%%")),
    }
}

/// What does not show as itself, and what a shell would take for its own, as octal escapes.
fn escapes(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if (byte.is_ascii_graphic() || byte == b' ') && !b"'\\".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digits = [byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' | digit));
            text.extend(['\\'].into_iter().chain(digits));
        }
    }
    text
}

fn is_shown(letter: char) -> bool {
    let shows = matches!(letter, '\'' | '"' | '\\') || letter.escape_debug().eq([letter]);
    shows && !BLANK.contains(&letter)
}

/// Letters and symbols that are drawn as nothing.
const BLANK: [char; 5] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}'];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command_that_is_pasted() {
        for (path, expected) in [
            ("secrets/db.yaml", "secrets/db.yaml"),
            ("my secrets.yaml", "'my secrets.yaml'"),
            ("it's.yaml", r"'it'\''s.yaml'"),
            ("$HOME;x", "'$HOME;x'"),
            ("-rf", "'./-rf'"),
            ("größe.yaml", "größe.yaml"),
            ("a\nb's 100%", r#""$(printf 'a\012b\047s 100%%')""#),
            ("-o\u{308}", r#""$(printf './-o\314\210')""#),
            ("a\u{3164}", r#""$(printf 'a\343\205\244')""#),
            ("a\n", r"$'a\012'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), expected);
        }
    }

    #[test]
    fn every_shell_reads_the_path_back() {
        let all: Vec<u8> = (1..=255).collect();
        let paths =
            [&all, "%s%d%%\\n \u{2800} `id` $(id) ${HOME} \"'".as_bytes(), b"\xff\\0101", b"12\x011", b"\n\n/x"];
        for (shell, path) in ["sh", "bash"].into_iter().flat_map(|shell| paths.map(|path| (shell, path))) {
            let word = shell_word(Path::new(OsStr::from_bytes(path)));
            assert!(word.chars().all(|letter| !letter.is_control()), "{word:?}");
            match Command::new(shell).args(["-c", &format!("printf '%s' {word}")]).output() {
                Ok(output) => assert_eq!(output.stdout, path, "{shell} {word}"),
                Err(error) => assert!(shell != "sh", "{error}"),
            }
        }
    }
}
