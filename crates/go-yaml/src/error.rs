//! What is wrong with a text, and where.

use std::borrow::Cow;

/// A text that is not YAML 1.1.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", position.map_or_else(String::new, |at| format!("line {}, column {}: ", at.line, at.column)))]
pub struct Error {
    /// Where the problem is; `None` where it is the encoding of the whole.
    pub position: Option<Position>,
    /// What is wrong, in our own words. It never quotes a value.
    pub problem: Cow<'static, str>,
    /// How it is written instead, where that is known.
    pub fix: Option<&'static str>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
}

impl Position {
    /// What stands before it in its text.
    #[must_use]
    pub fn text_before(self, text: &[u8]) -> &[u8] {
        let lines = text.split_inclusive(|&byte| byte == b'\n').take(self.line.saturating_sub(1));
        let start = lines.map(<[u8]>::len).sum();
        let line = text.get(start..).unwrap_or_default();
        // Every character has exactly one byte that does not continue another.
        let mut characters = line.iter().enumerate().filter(|(_, byte)| *byte & 0b1100_0000 != 0b1000_0000);
        let within = characters.nth(self.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
        text.get(..start.saturating_add(within)).unwrap_or(text)
    }

    /// Where a byte of a text stands.
    #[must_use]
    pub fn of(text: &[u8], offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let lines = before.split(|&byte| byte == b'\n');
        let line = lines.clone().next_back().unwrap_or_default();
        // Every character has exactly one byte that does not continue another.
        let characters = line.iter().filter(|&&byte| byte & 0b1100_0000 != 0b1000_0000).count();
        Self { line: lines.count(), column: characters.saturating_add(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        for (text, offset, line, column) in [
            ("", 0, 1, 1),
            ("ab", 1, 1, 2),
            ("ab", 2, 1, 3),
            ("a\n", 2, 2, 1),
            ("a\nbc", 3, 2, 2),
            ("é日😀x", 9, 1, 4),
            ("ab", 9, 1, 3),
        ] {
            let position = Position::of(text.as_bytes(), offset);
            assert_eq!(position, Position { line, column }, "{text:?} {offset}");
            assert_eq!(
                position.text_before(text.as_bytes()),
                text.as_bytes().get(..offset).unwrap_or(text.as_bytes()),
                "{text:?} {offset}"
            );
        }
    }
}
