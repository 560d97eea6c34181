//! What private keys look like in a text that goes into a message.

use std::borrow::Cow;

/// Whether a text has a private key in it, or the beginning of one.
pub(crate) fn has_private_key(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let in_any_case = [AGE_KEY, "PRIVATE KEY-----", "PRIVATE KEY BLOCK-----", "PUTTY-USER-KEY-FILE"];
    // The names of plugins are written in small letters, and their identities never.
    in_any_case.iter().any(|mark| upper.contains(mark)) || text.contains(AGE_PLUGIN) || bare(text).is_some()
}

/// The text with three dots in the place of each private key.
#[must_use]
pub fn without_private_keys(text: &str) -> Cow<'_, str> {
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
    [AGE_KEY, AGE_PLUGIN, PEM, PUTTY].into_iter().filter_map(|mark| key_behind(text, mark)).chain(bare(text)).min()
}

/// Where a key without its mark begins and ends: the letters of an age key, which in a recipient are small, or a file of OpenSSH
/// without its first line.
fn bare(text: &str) -> Option<(usize, usize)> {
    let mut end = 0_usize;
    let age = text.as_bytes().split(|byte| !is_of_a_key(*byte)).find_map(|run| {
        let start = end;
        end = start.saturating_add(run.len()).saturating_add(1);
        (run.len() >= LEAST_BARE).then(|| (start, start.saturating_add(run.len())))
    });
    let openssh = text.find(OPENSSH).map(|from| {
        let mut end = from;
        loop {
            let rest = text.get(end..).unwrap_or_default();
            let word = without_gaps(rest);
            let is_outside = |letter: char| !(letter.is_ascii_alphanumeric() || "+/=".contains(letter));
            let length = word.find(is_outside).unwrap_or(word.len());
            if length < OPENSSH.len() || (end > from && word.len() == rest.len()) {
                return (from, end);
            }
            end = text.len().saturating_sub(word.len()).saturating_add(length);
        }
    });
    age.into_iter().chain(openssh).min()
}

/// Whether it is a letter of an age identity, which are those of Bech32 in capitals.
fn is_of_a_key(byte: u8) -> bool {
    byte.is_ascii_uppercase() && !b"BIO".contains(&byte) || byte.is_ascii_digit() && byte != b'1'
}

/// The text from the next part of a key on.
fn without_gaps(mut text: &str) -> &str {
    let is_gap = |letter: char| !letter.is_ascii() || letter.is_ascii_control() || "._-".contains(letter);
    loop {
        let escape = || Some(text.strip_prefix("\\u{")?.split_once('}')?.1);
        let gap = || GAPS.iter().find_map(|gap| text.strip_prefix(gap));
        match escape().or_else(gap).or_else(|| text.strip_prefix(is_gap)) {
            Some(after) => text = after,
            None => return text,
        }
    }
}

/// How much of a text goes on with the letters of a key that was broken into lines or words, by escapes too.
fn wrapped(text: &str) -> usize {
    let mut length = 0_usize;
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let word = without_gaps(rest);
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
        if mark == PUTTY {
            let quoted =
                || behind.find('"').map(|at| behind.get(..at).unwrap_or_default().trim_end_matches('\\').len());
            let end = behind.find("Private-MAC:").or_else(quoted).unwrap_or(behind.len());
            // What was hidden before stays as it is.
            if end > 0 && !behind.starts_with("...") {
                return Some((start, start.checked_add(end)?));
            }
        } else if mark == PEM {
            // Behind its last line, or where the quote or the text ends.
            if find(header(behind), "PRIVATE").is_some() {
                let start = start.checked_add(header(behind).len())?;
                let behind = text.get(start..)?;
                let end = find(behind, "-----END").or_else(|| find(behind, "-END ")).or_else(|| behind.find('"'));
                let end = end.unwrap_or(behind.len());
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
    let ends = [text.find("-----"), text.find(['\n', '"']), text.find("\\n")];
    let end = ends.into_iter().flatten().min().unwrap_or(text.len());
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
const GAPS: [&str; 5] = ["\\n", "\\r", "\\t", " ", "\\"];
/// The fewest letters that are taken for a part of a key.
const SHORTEST_PART: usize = 8;
/// How an age identity of whichever kind begins.
const AGE_KEY: &str = "AGE-SECRET-KEY-";
/// How an identity of a plugin begins; its name and a `1` follow.
const AGE_PLUGIN: &str = "AGE-PLUGIN-";
/// How the first line of a PEM file begins. Whoever copies it may miss a dash.
const PEM: &str = "-BEGIN ";
/// What stands before the private half in a file of `PuTTY`.
const PUTTY: &str = "Private-Lines:";
/// How many letters make a key. It has 58, and a PGP fingerprint 40 of other letters.
const LEAST_BARE: usize = 45;
/// What is in a private key of OpenSSH begins so, whatever follows: `openssh-key-`.
const OPENSSH: &str = "b3BlbnNzaC1rZXkt";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_private_key_only_the_beginning_is_left() {
        for (text, clean) in [
            ("ageKeyFile is \"AGE-SECRET-KEY-1QQPZRY\" here", "ageKeyFile is \"AGE-SECRET-KEY-1...\" here"),
            ("age-secret-key-1qqpzry", "age-secret-key-1..."),
            ("AGE-SECRET-KEY-PQ-1QQPZRY1X, AGE-SECRET-KEY-1Z", "AGE-SECRET-KEY-PQ-1..., AGE-SECRET-KEY-1..."),
            ("AGE-PLUGIN-YUBIKEY-1QQPZRY.", "AGE-PLUGIN-YUBIKEY-1...."),
            ("AGE-SECRET-KEY-QQPZRY", "AGE-SECRET-KEY-..."),
            ("AGE-SECRET-KEY-1QQPZRY\n9X8GF2TVDW\\n  0S3JN54KH is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY-1 QQPZRY9X8GF2 is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY-1QQPZRY\\\n9X8GF2TVDW is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY-1QQPZRY\u{200b}9X8GF2TVDW\u{1b}0S3JN54KH.CE6MUA7L is", "AGE-SECRET-KEY-1... is"),
            (r"AGE-SECRET-KEY-1QQPZRY\u{200b}9X8GF2TVDW is", "AGE-SECRET-KEY-1... is"),
            ("AGE-SECRET-KEY1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KH is", "AGE-SECRET-KEY1... is"),
            (
                "\"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\\nAAAAB3NzaC1lZDI1NTE5AAAA+/x=\" is not a configuration",
                "\"...\" is not a configuration",
            ),
            ("0123456789ABCDEF0123456789ABCDEF01234567", "0123456789ABCDEF0123456789ABCDEF01234567"),
            ("AGE-SECRET-KEY-1QQPZRY is for age1qqpzry9x8", "AGE-SECRET-KEY-1... is for age1qqpzry9x8"),
            (
                "one starts with AGE-SECRET-KEY-1, AGE-SECRET-KEY-PQ-1 or AGE-PLUGIN-",
                "one starts with AGE-SECRET-KEY-1, AGE-SECRET-KEY-PQ-1 or AGE-PLUGIN-",
            ),
            (
                "a \"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n\"",
                "a \"-----BEGIN OPENSSH PRIVATE KEY...-----END OPENSSH PRIVATE KEY-----\n\"",
            ),
            (r#""-----BEGIN PRIVATE KEY-----\nb3Bl", b"#, r#""-----BEGIN PRIVATE KEY...", b"#),
            ("-----BEGIN PRIVATE KEY-----b3Bl", "-----BEGIN PRIVATE KEY..."),
            ("----BEGIN RSA PRIVATE KEY-----\nb3Bl", "----BEGIN RSA PRIVATE KEY..."),
            ("a \"PuTTY\nPrivate-Lines: 1\nAAAA\nPrivate-MAC: 1\" b", "a \"PuTTY\nPrivate-Lines:...Private-MAC: 1\" b"),
            (r#"a \"Private-Lines: 1\" b"#, r#"a \"Private-Lines:...\" b"#),
            (r#"a \"Private-Lines:...\" b"#, r#"a \"Private-Lines:...\" b"#),
            ("-----BEGIN RSA PRIVATE KEY----\nb3Bl\n----END RSA", "-----BEGIN RSA PRIVATE KEY----...-END RSA"),
            ("-----BEGIN PUBLIC KEY-----b3Bl", "-----BEGIN PUBLIC KEY-----b3Bl"),
        ] {
            assert_eq!(without_private_keys(text), clean);
        }
    }
}
