//! What to say about a text that is not of the format that it was declared to be.

use std::borrow::Cow;

use go_yaml::Position;

use crate::foreign::Foreign;
use crate::format::{Fix, ParseError, guess, lines};
use crate::metadata::MetadataError;

/// The error with where it is, and with what to do about it if the text shows why it is not of the format that it was declared to be.
pub(crate) fn advise(error: ParseError, text: &[u8], declared: &str) -> ParseError {
    if let Some(error) = left_by_git(text, Fix::TakeSide) {
        return error;
    }
    let error = orient(error, text);
    match guess(text) {
        Some("json") if declared == "binary" => error,
        Some(format) if format != declared => {
            let problem = format!("{}; the file looks like {format}", error.problem);
            ParseError { problem: problem.into(), fix: Fix::Format(format), ..error }
        }
        // What sops makes of any bytes is JSON, so these have not come to it.
        None if declared == "binary" && !has_ciphertext(text) => {
            let (why, fix) = if text.trim_ascii().is_empty() {
                (MetadataError::Empty, Fix::Restore)
            } else {
                (MetadataError::Absent, Fix::Encrypt)
            };
            ParseError { problem: why.to_string().into(), fix, ..error }
        }
        _ => error,
    }
}

/// What git or one of its filters has left in the place of a file. Whatever a reader has stumbled over, this is why.
fn left_by_git(text: &[u8], of_conflict: Fix) -> Option<ParseError> {
    if let Some(line) = lines(text).position(|line| line.starts_with(b"<<<<<<< ")) {
        let position = Some(Position { line: line.saturating_add(1), column: 1 });
        return Some(ParseError { position, problem: Cow::Borrowed(CONFLICT), fix: of_conflict });
    }
    let (_, problem, fix) = OTHER_TOOLS.into_iter().find(|(begin, ..)| text.starts_with(begin))?;
    Some(ParseError { position: None, problem: Cow::Borrowed(problem), fix })
}

/// The same for a plain age file, of which no line can be taken from one side and another from the other.
pub(crate) fn left_in_age_file(text: &[u8]) -> Option<ParseError> {
    left_by_git(text, Fix::TakeAgeFile)
}

/// The error with the last key before its place whose value is encrypted, as an orientation in a long file. Nothing else
/// of the text is shown: whatever is not encrypted may be a plain value, but a key that has a ciphertext is a key.
fn orient(error: ParseError, text: &[u8]) -> ParseError {
    let before = error.position.map_or(text, |position| position.text_before(text));
    match last_key(before) {
        Some(key) => {
            ParseError { problem: format!("behind the key {:?}: {}", Foreign(key), error.problem).into(), ..error }
        }
        None => error,
    }
}

fn last_key(text: &[u8]) -> Option<&str> {
    let mut rest = text;
    loop {
        let at = rest.windows(CIPHERTEXT.len()).rposition(|window| window == CIPHERTEXT)?;
        rest = rest.get(..at)?;
        let key = key_at_the_end(rest);
        if key.is_some() {
            return key;
        }
    }
}

/// The key at the end of a text that leads to a value: `key: `, `"key": "` or `key=`.
fn key_at_the_end(text: &[u8]) -> Option<&str> {
    let text = text.trim_ascii_end();
    let text = text.strip_suffix(b"\"").unwrap_or(text).trim_ascii_end();
    let text = text.strip_suffix(b":").or_else(|| text.strip_suffix(b"="))?.trim_ascii_end();
    let key = match text.strip_suffix(b"\"") {
        Some(quoted) => quoted.rsplit(|&byte| byte == b'"').next(),
        None => text.rsplit(|byte| byte.is_ascii_whitespace() || b"{,".contains(byte)).next(),
    }?;
    std::str::from_utf8(key).ok().filter(|key| !key.is_empty() && key.len() <= LONGEST_KEY)
}

const CONFLICT: &str = "an unresolved merge conflict begins here";

/// What other tools leave in the place of a file, by how it begins.
const OTHER_TOOLS: [(&[u8], &str, Fix); 2] = [
    (b"version https://git-lfs", "this is a pointer of Git LFS in the place of the file", Fix::GitLfs),
    (b"\0GITCRYPT", "git-crypt has this file locked, and a flake takes it so from git", Fix::GitCrypt),
];

/// Whether there is an encrypted value in a text.
pub(crate) fn has_ciphertext(text: &[u8]) -> bool {
    text.windows(CIPHERTEXT.len()).any(|window| window == CIPHERTEXT)
}

/// How a ciphertext begins.
const CIPHERTEXT: &[u8] = b"ENC[AES256_GCM,";

/// A longer key is of no help to find a place.
const LONGEST_KEY: usize = 64;

#[cfg(test)]
mod tests {
    use go_yaml::Position;

    use super::*;
    use crate::file::Encrypted;
    use crate::format::Format;

    #[test]
    fn a_file_of_another_format_is_recognised() {
        for (text, declared, advice) in [
            ("{}", "ini", "; the file looks like json; Format(\"json\")"),
            ("\u{feff} \n{", "yaml", "; the file looks like json; Format(\"json\")"),
            ("{}", "json", ""),
            ("{}", "binary", ""),
            ("ENC[AES256_GCM,", "binary", ""),
            ("a: b\r\nsops:\r\n  mac: x\r\n", "json", "; the file looks like yaml; Format(\"yaml\")"),
            ("a=b\nsops_mac=x\n", "ini", "; the file looks like dotenv; Format(\"dotenv\")"),
            ("[s]\n[sops]\n", "dotenv", "; the file looks like ini; Format(\"ini\")"),
            ("[s]\n[sops]\n", "ini", ""),
            ("a: b\n  sops:\n", "json", ""),
            ("", "json", ""),
        ] {
            let error = ParseError { position: None, problem: "x".into(), fix: Fix::Place };
            assert_eq!(advise(error, text.as_bytes(), declared).with_fix(), format!("x{advice}"), "{text:?}");
        }
        let error = ParseError { position: None, problem: "x".into(), fix: Fix::Place };
        assert_eq!(
            advise(error, b"a\n<<<<<<< HEAD\n", "json").with_fix(),
            "line 2, column 1: an unresolved merge conflict begins here; TakeSide"
        );
        let conflict = b"-----BEGIN AGE ENCRYPTED FILE-----\n<<<<<<< HEAD\nYWdl\n=======\nYWdl\n>>>>>>> theirs\n";
        let parse_error = |format, text: &[u8]| match Encrypted::parse(format, text.into()) {
            Err(crate::Error::Parse(error)) => error,
            _ => panic!("{format:?}"),
        };
        assert_eq!(
            parse_error(Format::Age, conflict).with_fix(),
            "line 2, column 1: an unresolved merge conflict begins here; TakeAgeFile"
        );
        for (text, expected) in [
            ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", Fix::GitLfs),
            ("\0GITCRYPT\0\u{1}", Fix::GitCrypt),
        ] {
            for format in Format::ALL {
                assert_eq!(parse_error(format, text.as_bytes()).fix, expected, "{format:?}");
            }
        }
    }

    #[test]
    fn a_place_in_a_long_file_is_found_by_the_last_key_before_it() {
        const ENC: &str = "ENC[AES256_GCM,data:x]";
        for (text, expected) in [
            (format!("{{\"a\": \"{ENC}\", \"b c\" : \"{ENC}\", \"d\": \"plain"), Some("b c")),
            (format!("a: {ENC}\nlist:\n  - {ENC}\n  - "), Some("a")),
            (format!("\ta-b: {ENC}\n"), Some("a-b")),
            (format!("KEY={ENC}\n"), Some("KEY")),
            (format!("[s]\nkey = {ENC}\n"), Some("key")),
            (format!("- {ENC}"), None),
            (format!("{}: {ENC}", "x".repeat(65)), None),
            ("password: hunter2\nother: plain".to_owned(), None),
        ] {
            assert_eq!(last_key(text.as_bytes()), expected, "{text}");
        }
        let text = format!("a: {ENC}\nb: {ENC}\n");
        for (line, column, expected) in
            [(1, 1, "x"), (1, 30, "behind the key \"a\": x"), (3, 1, "behind the key \"b\": x")]
        {
            let error = ParseError { position: Some(Position { line, column }), problem: "x".into(), fix: Fix::Place };
            assert_eq!(orient(error, text.as_bytes()).problem, expected);
        }
    }
}
