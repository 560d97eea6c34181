//! Go's regular expressions, in which sops writes its rules (docs/format.md section 3.1, and the documentation of Go's
//! package `regexp/syntax`).
//!
//! The two dialects are close but not the same, and a rule that matches one key more or less decides what counts as
//! encrypted. So a pattern is read here by Go's grammar and written anew for the matcher with nothing but literals in
//! hexadecimal, explicit ranges, plain groups, alternatives, counted repetition and anchors, which mean the same
//! everywhere.
//!
//! - A pattern that Go refuses never matches: sops ignores the error.
//! - A pattern that Go accepts and that cannot be written anew is an [`UntranslatablePattern`]: Unicode classes
//!   (`\pL`, `\p{Greek}`), characters beyond ASCII that are to match regardless of case, and patterns of extreme size.
//!
//! Only whether something matches counts here, so the difference between greedy and lazy, and captures, are left out.

use regex_lite::{Regex, RegexBuilder};

use crate::foreign::Foreign;

/// A pattern that tells whether it matches somewhere in a text.
pub(crate) enum Pattern {
    /// Go refuses the pattern, so in sops it never matches.
    Never,
    /// The pattern, written anew.
    Compiled(Regex),
}

/// A rule whose pattern Go understands and this program does not. Nothing is decrypted then.
#[derive(Debug, thiserror::Error)]
#[error("the rule's pattern {:?} uses {construct}, which is not supported", Foreign(pattern))]
pub struct UntranslatablePattern {
    /// The whole pattern.
    pattern: String,
    /// What of it is not supported.
    construct: &'static str,
}

impl Pattern {
    /// Reads a pattern by Go's grammar.
    ///
    /// # Errors
    ///
    /// [`UntranslatablePattern`]; a pattern that Go itself refuses is no error.
    pub(crate) fn parse(pattern: &str) -> Result<Self, UntranslatablePattern> {
        let untranslatable =
            |construct| Err(UntranslatablePattern { pattern: pattern.chars().take(200).collect(), construct });
        if pattern.len() > PATTERN_BYTES {
            return untranslatable("more than 64 KiB");
        }
        match Translator::new(pattern).run() {
            Err(Refused::ByGo) => Ok(Self::Never),
            Err(Refused::Here(construct)) => untranslatable(construct),
            Ok(translated) => match RegexBuilder::new(&translated).nest_limit(NEST_LIMIT).build() {
                Ok(regex) => Ok(Self::Compiled(regex)),
                // All that is written is in the matcher's grammar, so only its limits are left.
                Err(_) => untranslatable("too many or too large repetitions"),
            },
        }
    }

    /// Whether the pattern matches anywhere in `text`; bytes that are not UTF-8 count as U+FFFD.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Never => false,
            Self::Compiled(regex) => regex.is_match(&String::from_utf8_lossy(text)),
        }
    }
}

/// Why a pattern is not translated.
#[derive(Debug)]
enum Refused {
    ByGo,
    Here(&'static str),
}

/// The flags that change what matches. `U`, which swaps greedy and lazy, does not.
#[derive(Clone, Copy, Default)]
struct Flags {
    fold_case: bool,
    many_lines: bool,
    dot_matches_line_feed: bool,
}

/// One translated element that a repetition can follow.
struct Piece {
    text: String,
    /// The largest product of nested counted repetitions, which Go limits.
    weight: u32,
}

/// An open group, or the whole pattern.
struct Frame {
    /// The alternatives before the current one, each followed by `|`.
    alternatives: String,
    current: Vec<Piece>,
    weight: u32,
    /// The flags to go back to when the group closes.
    outer: Flags,
}

struct Translator<'a> {
    rest: &'a str,
    flags: Flags,
    frames: Vec<Frame>,
    frame: Frame,
    names: Vec<&'a str>,
}

impl<'a> Translator<'a> {
    fn new(pattern: &'a str) -> Self {
        let flags = Flags::default();
        Self { rest: pattern, flags, frames: Vec::new(), frame: Frame::new(flags), names: Vec::new() }
    }

    fn run(mut self) -> Result<String, Refused> {
        let mut just_repeated = false;
        while let Some(next) = self.rest.chars().next() {
            let mut repeated = false;
            match next {
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.rest = after(self.rest, 1);
                    self.frame.next_alternative();
                }
                '*' | '+' | '?' => {
                    self.rest = after(self.rest, 1);
                    self.repeat(&next.to_string(), 1, just_repeated)?;
                    repeated = true;
                }
                '{' => {
                    if let Some((text, weight)) = self.counted()? {
                        self.repeat(&text, weight, just_repeated)?;
                        repeated = true;
                    } else {
                        self.rest = after(self.rest, 1);
                        self.literal('{')?;
                    }
                }
                '[' => {
                    let class = self.class()?;
                    self.push(class.text());
                }
                '\\' => self.backslash()?,
                '^' => self.take_as(if self.flags.many_lines { "(?m:^)" } else { r"\A" }),
                '$' => self.take_as(if self.flags.many_lines { "(?m:$)" } else { r"\z" }),
                '.' => self.take_as(if self.flags.dot_matches_line_feed { "(?s:.)" } else { r"[^\x{A}]" }),
                other => {
                    self.rest = after(self.rest, other.len_utf8());
                    self.literal(other)?;
                }
            }
            just_repeated = repeated;
        }
        if self.frames.is_empty() { Ok(self.frame.finish().text) } else { Err(Refused::ByGo) }
    }

    /// Translates the next character, which is ASCII, to `text`.
    fn take_as(&mut self, text: &str) {
        self.rest = after(self.rest, 1);
        self.push(text.to_owned());
    }

    fn push(&mut self, text: String) {
        self.frame.current.push(Piece { text, weight: 1 });
    }

    fn literal(&mut self, character: char) -> Result<(), Refused> {
        let mut class = Class::default();
        class.add(character, character);
        if self.flags.fold_case {
            class.fold_case()?;
        }
        self.push(class.text());
        Ok(())
    }

    /// Puts a repetition behind the last element.
    fn repeat(&mut self, text: &str, weight: u32, just_repeated: bool) -> Result<(), Refused> {
        // The mark of a lazy repetition, which does not change whether something matches.
        if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
        }
        if just_repeated {
            return Err(Refused::ByGo);
        }
        let piece = self.frame.current.pop().ok_or(Refused::ByGo)?;
        let weight = if weight == 0 { 1 } else { piece.weight.saturating_mul(weight) };
        if weight > GO_REPETITIONS {
            return Err(Refused::ByGo);
        }
        self.frame.current.push(Piece { text: format!("(?:{}){text}", piece.text), weight });
        Ok(())
    }

    /// `{n}`, `{n,}` or `{n,m}`, and how often that repeats; `None` if it is none of them and the brace is a literal.
    fn counted(&mut self) -> Result<Option<(String, u32)>, Refused> {
        let Some((inside, rest)) = self.rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else {
            return Ok(None);
        };
        let (least, most) = match inside.split_once(',') {
            None => (inside, Some(inside)),
            Some((least, "")) => (least, None),
            Some((least, most)) => (least, Some(most)),
        };
        let is_count = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits && (text.len() == 1 || !text.starts_with('0'))
        };
        if !is_count(least) || !most.is_none_or(is_count) {
            return Ok(None);
        }
        self.rest = rest;
        // Too many digits for a number are too many repetitions as well.
        let number = |text: &str| text.parse().unwrap_or(u32::MAX);
        let least = number(least);
        let most = most.map(number);
        if least > GO_REPETITIONS || most.is_some_and(|most| most > GO_REPETITIONS || most < least) {
            return Err(Refused::ByGo);
        }
        Ok(Some(match most {
            Some(most) => (format!("{{{least},{most}}}"), most),
            None => (format!("{{{least},}}"), least),
        }))
    }

    fn open(&mut self) -> Result<(), Refused> {
        self.rest = after(self.rest, 1);
        let outer = self.flags;
        if let Some(rest) = self.rest.strip_prefix("?P<").or_else(|| self.rest.strip_prefix("?<")) {
            let (name, rest) = rest.split_once('>').ok_or(Refused::ByGo)?;
            let is_word = !name.is_empty() && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
            if !is_word || self.names.contains(&name) {
                return Err(Refused::ByGo);
            }
            self.names.push(name);
            self.rest = rest;
        } else if let Some(rest) = self.rest.strip_prefix('?') {
            self.rest = rest;
            if self.flag_group()? == FlagGroup::Setting {
                return Ok(());
            }
        }
        if self.frames.len() >= GROUPS {
            return Err(Refused::Here("groups in more than 100 levels"));
        }
        self.frames.push(std::mem::replace(&mut self.frame, Frame::new(outer)));
        Ok(())
    }

    /// What stands between `(?` and `:` or `)`.
    fn flag_group(&mut self) -> Result<FlagGroup, Refused> {
        let mut on = true;
        let mut flag_seen = false;
        loop {
            let next = self.rest.chars().next().ok_or(Refused::ByGo)?;
            self.rest = after(self.rest, next.len_utf8());
            match next {
                'i' => self.flags.fold_case = on,
                'm' => self.flags.many_lines = on,
                's' => self.flags.dot_matches_line_feed = on,
                'U' => {}
                '-' if on => {
                    on = false;
                    flag_seen = false;
                    continue;
                }
                ':' | ')' if on || flag_seen => {
                    return Ok(if next == ':' { FlagGroup::Group } else { FlagGroup::Setting });
                }
                _ => return Err(Refused::ByGo),
            }
            flag_seen = true;
        }
    }

    fn close(&mut self) -> Result<(), Refused> {
        self.rest = after(self.rest, 1);
        let outer = self.frames.pop().ok_or(Refused::ByGo)?;
        let inner = std::mem::replace(&mut self.frame, outer);
        self.flags = inner.outer;
        let Piece { text, weight } = inner.finish();
        self.frame.current.push(Piece { text: format!("(?:{text})"), weight });
        Ok(())
    }

    fn backslash(&mut self) -> Result<(), Refused> {
        if let Some(rest) = self.rest.strip_prefix(r"\Q") {
            let (literal, rest) = rest.split_once(r"\E").unwrap_or((rest, ""));
            self.rest = rest;
            return literal.chars().try_for_each(|character| self.literal(character));
        }
        for anchor in [r"\A", r"\b", r"\B", r"\z"] {
            if let Some(rest) = self.rest.strip_prefix(anchor) {
                self.rest = rest;
                self.push(anchor.to_owned());
                return Ok(());
            }
        }
        if let Some(class) = self.escaped_class()? {
            self.push(class.text());
            return Ok(());
        }
        let character = self.escape()?;
        self.literal(character)
    }

    /// `\d`, `\s`, `\w` and their opposites, if one stands next.
    fn escaped_class(&mut self) -> Result<Option<Class>, Refused> {
        let Some(letter) = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) else {
            return Ok(None);
        };
        let ranges: &[(char, char)] = match letter {
            'd' | 'D' => DIGIT,
            's' | 'S' => &[('\t', '\n'), ('\u{c}', '\r'), (' ', ' ')],
            'w' | 'W' => WORD,
            'p' | 'P' => return Err(Refused::Here(r"a Unicode class such as \pL")),
            _ => return Ok(None),
        };
        self.rest = after(self.rest, 2);
        let mut class = Class::of(ranges);
        if self.flags.fold_case {
            class.fold_case()?;
        }
        Ok(Some(if letter.is_ascii_uppercase() { class.negated() } else { class }))
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Result<char, Refused> {
        let body = self.rest.strip_prefix('\\').ok_or(Refused::ByGo)?;
        let first = body.chars().next().ok_or(Refused::ByGo)?;
        let rest = after(body, first.len_utf8());
        let octal = |text: &str, most| text.bytes().take(most).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
        let (character, rest) = match first {
            'a' => ('\u{7}', rest),
            'f' => ('\u{c}', rest),
            'n' => ('\n', rest),
            'r' => ('\r', rest),
            't' => ('\t', rest),
            'v' => ('\u{b}', rest),
            // A single digit but 0 would be a back-reference, which Go does not have.
            '1'..='7' if octal(rest, 1) == 0 => return Err(Refused::ByGo),
            '0'..='7' => {
                let (digits, rest) = body.split_at_checked(octal(body, 3)).ok_or(Refused::ByGo)?;
                (scalar_value(digits, 8)?, rest)
            }
            'x' => {
                let braced = rest.strip_prefix('{').map(|inside| inside.split_once('}'));
                let (digits, rest) = braced.unwrap_or_else(|| rest.split_at_checked(2)).ok_or(Refused::ByGo)?;
                (scalar_value(digits, 16)?, rest)
            }
            punctuation if punctuation.is_ascii() && !punctuation.is_ascii_alphanumeric() => (punctuation, rest),
            _ => return Err(Refused::ByGo),
        };
        self.rest = rest;
        Ok(character)
    }

    /// A class in brackets.
    fn class(&mut self) -> Result<Class, Refused> {
        self.rest = after(self.rest, 1);
        let negated = self.rest.starts_with('^');
        if negated {
            self.rest = after(self.rest, 1);
        }
        let mut class = Class::default();
        let mut first = true;
        loop {
            if self.rest.starts_with(']') && !first {
                self.rest = after(self.rest, 1);
                break;
            }
            first = false;
            if let Some((name, rest)) = self.rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
                class.add_class(&self.named_class(name)?);
                self.rest = rest;
            } else if let Some(escaped) = self.escaped_class()? {
                class.add_class(&escaped);
            } else {
                let low = self.class_character()?;
                let mut high = low;
                if self.rest.starts_with('-') && !self.rest.starts_with("-]") && self.rest.len() > 1 {
                    self.rest = after(self.rest, 1);
                    high = self.class_character()?;
                }
                if high < low {
                    return Err(Refused::ByGo);
                }
                let mut range = Class::of(&[(low, high)]);
                if self.flags.fold_case {
                    range.fold_case()?;
                }
                class.add_class(&range);
            }
        }
        Ok(if negated { class.negated() } else { class })
    }

    fn class_character(&mut self) -> Result<char, Refused> {
        if self.rest.starts_with('\\') {
            return self.escape();
        }
        let character = self.rest.chars().next().ok_or(Refused::ByGo)?;
        self.rest = after(self.rest, character.len_utf8());
        Ok(character)
    }

    /// What stands between `[:` and `:]`.
    fn named_class(&self, name: &str) -> Result<Class, Refused> {
        let ranges: &[(char, char)] = match name.trim_start_matches('^') {
            "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
            "alpha" => &[('A', 'Z'), ('a', 'z')],
            "ascii" => &[('\0', '\u{7f}')],
            "blank" => &[('\t', '\t'), (' ', ' ')],
            "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
            "digit" => DIGIT,
            "graph" => &[('!', '~')],
            "lower" => &[('a', 'z')],
            "print" => &[(' ', '~')],
            "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
            "space" => &[('\t', '\r'), (' ', ' ')],
            "upper" => &[('A', 'Z')],
            "word" => WORD,
            "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
            _ => return Err(Refused::ByGo),
        };
        let mut class = Class::of(ranges);
        if self.flags.fold_case {
            class.fold_case()?;
        }
        match name.bytes().take_while(|&byte| byte == b'^').count() {
            0 => Ok(class),
            1 => Ok(class.negated()),
            _ => Err(Refused::ByGo),
        }
    }
}

/// Whether `(?flags` opens a group or only sets flags.
#[derive(Eq, PartialEq)]
enum FlagGroup {
    Group,
    Setting,
}

impl Frame {
    fn new(outer: Flags) -> Self {
        Self { alternatives: String::new(), current: Vec::new(), weight: 1, outer }
    }

    fn next_alternative(&mut self) {
        for piece in self.current.drain(..) {
            self.alternatives.push_str(&piece.text);
            self.weight = self.weight.max(piece.weight);
        }
        self.alternatives.push('|');
    }

    fn finish(mut self) -> Piece {
        self.next_alternative();
        self.alternatives.pop();
        Piece { text: self.alternatives, weight: self.weight }
    }
}

/// A set of characters as ranges, in no order.
#[derive(Default)]
struct Class(Vec<(char, char)>);

impl Class {
    fn of(ranges: &[(char, char)]) -> Self {
        Self(ranges.to_vec())
    }

    fn add(&mut self, low: char, high: char) {
        self.0.push((low, high));
    }

    fn add_class(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Adds the other case of every ASCII letter in the class, and the two characters beyond ASCII that Go folds with
    /// one: the Kelvin sign with k, the long s with s.
    fn fold_case(&mut self) -> Result<(), Refused> {
        let whole = |&(low, high): &(char, char)| low == '\0' && high == char::MAX;
        if self.0.iter().any(whole) {
            return Ok(());
        }
        if self.0.iter().any(|&(_, high)| !high.is_ascii()) {
            return Err(Refused::Here("a character beyond ASCII together with the flag i"));
        }
        let letters: Vec<char> = ('a'..='z')
            .filter(|&letter| {
                let upper = letter.to_ascii_uppercase();
                self.0.iter().any(|&(low, high)| (low..=high).contains(&letter) || (low..=high).contains(&upper))
            })
            .collect();
        for letter in letters {
            self.add(letter, letter);
            self.add(letter.to_ascii_uppercase(), letter.to_ascii_uppercase());
            match letter {
                'k' => self.add('\u{212a}', '\u{212a}'),
                's' => self.add('\u{17f}', '\u{17f}'),
                _ => {}
            }
        }
        Ok(())
    }

    /// All other characters.
    fn negated(mut self) -> Self {
        self.0.sort_unstable();
        let mut others = Vec::new();
        let mut next = Some('\0');
        for (low, high) in self.0 {
            let Some(start) = next else { break };
            if let Some(end) = before(low).filter(|&end| end >= start) {
                others.push((start, end));
            }
            if high >= start {
                next = following(high);
            }
        }
        if let Some(start) = next {
            others.push((start, char::MAX));
        }
        Self(others)
    }

    /// The class in the matcher's notation.
    fn text(&self) -> String {
        if self.0.is_empty() {
            // The empty class matches nowhere. This does not either: no place is at once the edge of a word and not
            // one.
            return r"(?:\b\B)".to_owned();
        }
        let range = |&(low, high): &(char, char)| format!(r"\x{{{:X}}}-\x{{{:X}}}", u32::from(low), u32::from(high));
        let ranges = self.0.iter().map(range).collect::<Vec<_>>().concat();
        format!("[{ranges}]")
    }
}

/// The text behind `bytes` bytes, which is the length of what was just looked at.
fn after(text: &str, bytes: usize) -> &str {
    text.get(bytes..).unwrap_or_default()
}

/// The character just before, passing over the surrogates.
fn before(character: char) -> Option<char> {
    ('\0'..character).next_back()
}

/// The character just behind, passing over the surrogates.
fn following(character: char) -> Option<char> {
    (character..=char::MAX).nth(1)
}

/// A character by its number. Go also takes surrogates, which no text has.
fn scalar_value(digits: &str, radix: u32) -> Result<char, Refused> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(Refused::ByGo);
    }
    match u32::from_str_radix(digits.trim_start_matches('0'), radix) {
        Ok(number @ 0xD800..=0xDFFF) if char::from_u32(number).is_none() => Err(Refused::Here("a surrogate")),
        Ok(number) => char::from_u32(number).ok_or(Refused::ByGo),
        // Nothing but zeros, or too many digits.
        Err(_) if digits.bytes().all(|digit| digit == b'0') => Ok('\0'),
        Err(_) => Err(Refused::ByGo),
    }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
/// Go's limit for counted repetition, nested ones multiplied.
const GO_REPETITIONS: u32 = 1000;
/// The longest pattern that is translated.
const PATTERN_BYTES: usize = 64 << 10;
/// The deepest nesting of groups that is translated.
const GROUPS: usize = 100;
/// What the matcher must take for that: a group and its repetition nest twice.
const NEST_LIMIT: u32 = 400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_go() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("^a$", "a", true),
            ("^a$", "ab", false),
            ("a", "bab", true),
            ("^(data|stringData)$", "stringData", true),
            ("^(data|stringData)$", "metadata", false),
            (r"\d", "1", true),
            (r"\d", "\u{661}", false),
            (r"\w", "\u{e4}", false),
            (r"\s", "\u{b}", false),
            ("[[:space:]]", "\u{b}", true),
            (r"\bpass\b", "my pass", true),
            (r"\bpass\b", "mypass", false),
            (r"\<a\>", "<a>", true),
            (r"\<a\>", "a", false),
            (r"\Qa.b\E+", "a.bbb", true),
            (r"\Qa.b\E", "axb", false),
            (r"\Qa.b", "a.b", true),
            ("[a&&b]", "&", true),
            ("[!--b]", "%", true),
            ("[[a]]", "a]", true),
            ("[[a]]", "a", false),
            ("[]a]", "]", true),
            ("[^]a]", "]", false),
            ("[^a]", "\n", true),
            ("[a-]", "-", true),
            ("[a-c-e]", "-", true),
            ("[^\\x00-\\x{10FFFF}]", "a", false),
            (".", "\n", false),
            ("(?s).", "\n", true),
            ("(?m)^b$", "a\nb\nc", true),
            ("^b$", "a\nb\nc", false),
            ("a$", "a\n", false),
            ("(?i)k", "\u{212a}", true),
            ("(?i)S", "\u{17f}", true),
            ("(?i)[^s]", "\u{17f}", false),
            ("(?i)PASSWORD", "password", true),
            ("(?i:a)b", "AB", false),
            ("(?i:a)b", "Ab", true),
            ("(?i)a(?-i)b", "Ab", true),
            ("(?i)a(?-i)b", "AB", false),
            ("((?i)a)b", "AB", false),
            ("a{2}", "aa", true),
            ("^a{2,3}$", "aaaa", false),
            ("^a{2,}$", "aaaa", true),
            ("a{", "a{", true),
            ("a{,3}", "a{,3}", true),
            ("a{01}", "a{01}", true),
            ("a{1", "a{1", true),
            (r"\x41\x{42}\103\0", "ABC\0", true),
            (r"\_\-\.", "_-.", true),
            ("(?P<n>a)(?<m>b)", "ab", true),
            ("a|", "zzz", true),
            ("(|a)b", "b", true),
            ("a*?b", "aab", true),
            ("(?U)a+", "a", true),
            ("^*a", "a", true),
            ("(?i)[a-c]", "B", true),
            ("[[:^digit:]]", "1", false),
            ("[^\\d]", "1", false),
            (r"[\D]", "x", true),
            (r"\W", "\u{e4}", true),
            ("ключ", "мой ключ", true),
            ("пар.ль", "пароль", true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert!(matches!(parsed, Pattern::Compiled(_)), "{pattern:?} is refused");
            assert_eq!(parsed.matches(text.as_bytes()), matches, "{pattern:?} on {text:?}");
        }
    }

    #[test]
    fn what_go_refuses_never_matches() {
        for pattern in [
            "(",
            ")",
            "a)",
            "[",
            "[a",
            "[b-a]",
            "[a--b]",
            "*",
            "a**",
            "a*+",
            "a???",
            "a|*",
            "(*a)",
            "a{1001}",
            "a{2}{3}",
            "(a{100}){100}",
            "a{3,2}",
            r"\",
            r"\q",
            r"\1",
            r"\8",
            r"\Z",
            r"\C",
            r"\ä",
            r"[\b]",
            r"[\Qa\E]",
            "(?x)a",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?P<n>a)(?P<n>b)",
            "(?P<>a)",
            "(?P<a-b>a)",
            "(?i-)a",
            "(?",
            "(?i",
            r"\x",
            r"\x4",
            r"\x{}",
            r"\x{110000}",
            r"\xZZ",
            "[[:bogus:]]",
            r"\u0041",
            "(?R)",
            "a++",
        ] {
            assert!(matches!(Pattern::parse(pattern), Ok(Pattern::Never)), "{pattern:?} is accepted");
        }
    }

    #[test]
    fn what_go_accepts_and_we_do_not_is_an_error() {
        for pattern in [r"\pL", r"\p{Greek}", r"[\PL]", "(?i)ü", "(?i)[à-ü]", &"(".repeat(101), &"a".repeat(70_000)]
        {
            assert!(Pattern::parse(pattern).is_err(), "{pattern:?}");
        }
        assert_eq!(
            Pattern::parse(r"^\p{Lu}").err().unwrap().to_string(),
            r#"the rule's pattern "^\\p{Lu}" uses a Unicode class such as \pL, which is not supported"#
        );
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        assert!(Pattern::parse(&deep).unwrap().matches(b"a"));
        assert!(Pattern::parse(&"[a-z]{500}".repeat(2)).unwrap().matches(&[b'x'; 1000]));
    }
}
