//! The characters of a YAML file: which ones are allowed, how they are encoded, and a cursor over them.
//!
//! This is YAML 1.1: besides LF, CR and CR LF, also NEL, LS and PS end a line.

use std::borrow::Cow;

use crate::error::{Error, Position};

/// U+FEFF in UTF-8.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A place in a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mark {
    /// In bytes from the start.
    pub(crate) offset: usize,
    /// From 0.
    pub(crate) line: usize,
    /// In characters from 0.
    pub(crate) column: usize,
}

impl Mark {
    /// What is wrong at this place.
    pub(crate) fn error(self, problem: impl Into<Cow<'static, str>>) -> Error {
        Error { position: Some(self.position()), problem: problem.into(), fix: None }
    }
}

impl Error {
    /// A problem at a byte of a text.
    fn at(text: &[u8], offset: usize, problem: &'static str) -> Self {
        Self { position: Some(Position::of(text, offset)), problem: problem.into(), fix: None }
    }

    /// The same with how it is written instead.
    #[cold]
    #[inline(never)]
    pub(crate) fn fix(self, fix: &'static str) -> Self {
        Self { fix: Some(fix), ..self }
    }
}

impl Mark {
    /// The place as people count.
    pub(crate) fn position(self) -> Position {
        Position { line: self.line.saturating_add(1), column: self.column.saturating_add(1) }
    }
}

/// The text of a file in UTF-8, or in UTF-16 if it starts with the mark of one. Marks are left out.
///
/// # Errors
///
/// Bytes that are not in that encoding, and characters that YAML does not allow.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    let text = if let Some(units) = bytes.strip_prefix(b"\xFF\xFE") {
        Cow::Owned(decode_utf16(units, u16::from_le_bytes)?)
    } else if let Some(units) = bytes.strip_prefix(b"\xFE\xFF") {
        Cow::Owned(decode_utf16(units, u16::from_be_bytes)?)
    } else {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        Cow::Borrowed(
            std::str::from_utf8(bytes)
                .map_err(|error| Error::at(bytes, error.valid_up_to(), "the text is not UTF-8"))?,
        )
    };
    match forbidden(&text) {
        None => Ok(text),
        Some(offset) => Err(Error::at(text.as_bytes(), offset, "a control character is not allowed here")
            .fix("write it as an escape in double quotes")),
    }
}

fn decode_utf16(units: &[u8], decode: fn([u8; 2]) -> u16) -> Result<String, Error> {
    let error = |problem: &'static str| Error { position: None, problem: problem.into(), fix: None };
    let (pairs, rest) = units.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(error("the file starts as UTF-16 but ends within a character"));
    }
    char::decode_utf16(pairs.iter().copied().map(decode))
        .collect::<Result<_, _>>()
        .map_err(|_half| error("the file starts as UTF-16 but holds half a surrogate pair"))
}

/// Where the first character stands that YAML does not allow.
fn forbidden(text: &str) -> Option<usize> {
    // Only these bytes can be, or begin, a forbidden character.
    let suspicious =
        |byte: u8| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || matches!(byte, 0x7F | 0xC2 | 0xEF);
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{1_0000}'..);
    text.bytes()
        .enumerate()
        .filter(|&(_, byte)| suspicious(byte))
        .map(|(offset, _)| offset)
        .find(|&offset| !text.get(offset..).and_then(|rest| rest.chars().next()).is_some_and(allowed))
}

/// A line break, or 0 bytes if there is none, at the start of `rest`.
pub(crate) fn break_width(rest: &[u8]) -> usize {
    match rest {
        [b'\r', b'\n', ..] | [0xC2, 0x85, ..] => 2,
        [b'\n' | b'\r', ..] => 1,
        [0xE2, 0x80, 0xA8 | 0xA9, ..] => 3,
        _ => 0,
    }
}

/// Whether the byte is a space or a tab.
pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A cursor over a text. Its end reads as byte 0, which no text holds.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    mark: Mark,
    /// How many line breaks were passed since the last character that is no blank.
    breaks: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, mark: Mark::default(), breaks: 0 }
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    pub(crate) fn breaks(&self) -> usize {
        self.breaks
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.mark.offset..).unwrap_or_default()
    }

    /// The text from an offset up to here.
    pub(crate) fn since(&self, offset: usize) -> &'a str {
        self.text.get(offset..self.mark.offset).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> u8 {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.mark.offset.saturating_add(ahead)).copied().unwrap_or(0)
    }

    pub(crate) fn at_end(&self) -> bool {
        self.peek() == 0
    }

    /// Whether a line break starts `ahead` bytes from here.
    pub(crate) fn is_break_at(&self, ahead: usize) -> bool {
        self.rest().get(ahead..).is_some_and(|rest| break_width(rest) > 0)
    }

    pub(crate) fn at_break(&self) -> bool {
        break_width(self.rest()) > 0
    }

    /// Whether the line ends `ahead` bytes from here.
    pub(crate) fn is_line_end_at(&self, ahead: usize) -> bool {
        self.peek_at(ahead) == 0 || self.is_break_at(ahead)
    }

    /// Whether a blank or the end of the line is `ahead` bytes from here.
    pub(crate) fn is_blank_or_end_at(&self, ahead: usize) -> bool {
        is_blank(self.peek_at(ahead)) || self.is_line_end_at(ahead)
    }

    /// Whether the line starts with `---` or `...` on its own.
    pub(crate) fn at_document_mark(&self) -> bool {
        self.mark.column == 0
            && (self.rest().starts_with(b"---") || self.rest().starts_with(b"..."))
            && self.is_blank_or_end_at(3)
    }

    /// Passes one character that is no line break.
    pub(crate) fn skip(&mut self) {
        let width = match self.peek() {
            0..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        self.skip_bytes(width);
    }

    /// Passes so many bytes, which are whole characters and hold no line break.
    pub(crate) fn skip_bytes(&mut self, width: usize) {
        let passed = self.text.get(self.mark.offset..self.mark.offset.saturating_add(width)).unwrap_or_default();
        if passed.bytes().any(|byte| !is_blank(byte)) {
            self.breaks = 0;
        }
        self.mark.offset = self.mark.offset.saturating_add(passed.len());
        self.mark.column = self.mark.column.saturating_add(passed.chars().count());
    }

    /// Passes the rest of the line and returns it.
    pub(crate) fn take_line(&mut self) -> &'a str {
        let start = self.mark.offset;
        let rest = self.rest();
        let may_end = |byte: u8| matches!(byte, b'\n' | b'\r' | 0xC2 | 0xE2);
        let mut width = 0_usize;
        while let Some(more) = rest.get(width..).filter(|more| !more.is_empty() && break_width(more) == 0) {
            let step = more.iter().skip(1).position(|&byte| may_end(byte));
            width = step.map_or(rest.len(), |step| width.saturating_add(step).saturating_add(1));
        }
        self.skip_bytes(width);
        self.since(start)
    }

    /// Passes a line break, if one is here.
    pub(crate) fn skip_break(&mut self) {
        let width = break_width(self.rest());
        if width > 0 {
            self.mark.offset = self.mark.offset.saturating_add(width);
            self.mark.line = self.mark.line.saturating_add(1);
            self.mark.column = 0;
            self.breaks = self.breaks.saturating_add(1);
        }
    }

    /// Passes a line break and returns what it stands for: LS and PS stay what they are, all others are LF.
    pub(crate) fn take_break(&mut self) -> &'static str {
        let text = match self.rest() {
            [0xE2, _, 0xA8, ..] => "\u{2028}",
            [0xE2, _, 0xA9, ..] => "\u{2029}",
            _ => "\n",
        };
        self.skip_break();
        text
    }

    /// Passes characters and line breaks up to an offset.
    pub(crate) fn advance_to(&mut self, offset: usize) {
        while self.mark.offset < offset && !self.at_end() {
            if self.at_break() {
                self.skip_break();
            } else {
                self.skip();
            }
        }
    }

    /// At the end, places the mark at the start of a line, as the end of a file counts as one.
    pub(crate) fn close_line(&mut self) {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line = self.mark.line.saturating_add(1);
        }
    }
}
