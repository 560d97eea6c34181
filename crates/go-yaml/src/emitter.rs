//! Writing YAML with the bytes of go-yaml v3.
//!
//! Comments travel as in the writer of go-yaml: a node announces them, and they wait until the writer comes by a place
//! for comments of their kind. That explains the odd places where some of them end up, and why some are lost.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fragment::{Fragment, Shape};
use crate::number;
use crate::scalar::Scalar;
use crate::style::{self, Style};
use crate::text::break_width;

/// Columns by which a collection in a mapping is indented.
const INDENT: usize = 4;

/// The longest key that is written without `? `, in bytes.
const SIMPLE_KEY_LENGTH: usize = 128;

/// The characters of a line of base64.
const BASE64_LINE: usize = 70;

/// Writes documents. What go-yaml does not write well is written in the same way: a block that begins with a blank and
/// stands in a list has the wrong indentation mark, and some comments move or are lost.
#[must_use]
pub fn print(documents: &[Fragment<'_>]) -> Vec<u8> {
    let mut emitter = Emitter::new();
    for (number, root) in documents.iter().enumerate() {
        if number > 0 {
            emitter.write_indent();
            emitter.write_indicator("---", Space::Before, Indents::No);
            emitter.write_indent();
            // Comments of the document before that found no place.
            if !emitter.head.is_empty() {
                emitter.write_head();
                emitter.put_break();
            }
        }
        emitter.root(root);
    }
    emitter.output
}

/// Writes a scalar as its bare text, without quotes and line feed.
#[must_use]
pub fn print_scalar(scalar: &Scalar<'_>) -> Vec<u8> {
    let mut output = Vec::new();
    push_scalar(&mut output, scalar);
    output
}

/// What a node stands in; a document counts as a mapping.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Parent {
    Mapping,
    List,
}

/// Whether an indicator needs a space before it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Space {
    Before,
    None,
}

/// Whether an indicator counts as indentation, so that a collection can start behind it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Indents {
    Yes,
    No,
}

/// Comments that were announced and are not yet written.
type Announced<'t> = &'t [&'t [u8]];

struct Emitter<'t> {
    output: Vec<u8>,
    /// Where the current block starts; `None` outside.
    indent: Option<usize>,
    /// Exact where only indentation stands on the line, in bytes elsewhere.
    column: usize,
    /// Whether a blank stands before.
    whitespace: bool,
    /// Whether only indentation stands on the line.
    indention: bool,
    /// Where comments below a block were just written: a blank line separates what follows there.
    foot_indent: Option<usize>,
    /// Comments that wait for a place above something.
    head: Announced<'t>,
    /// Comments that wait for a place below a leaf.
    foot: Announced<'t>,
    /// Comments that wait for the end of a mapping.
    tail: Announced<'t>,
    /// Comments that wait for the end of a line.
    line: Announced<'t>,
    /// Such comments that came before a key, and wait for what is behind it.
    key_line: Announced<'t>,
}

impl<'t> Emitter<'t> {
    fn new() -> Self {
        Self {
            output: Vec::new(),
            indent: None,
            column: 0,
            whitespace: true,
            indention: true,
            foot_indent: None,
            head: &[],
            foot: &[],
            tail: &[],
            line: &[],
            key_line: &[],
        }
    }

    fn root(&mut self, node: &'t Fragment<'t>) {
        announce(&mut self.head, &node.head);
        self.announce_leaf(node);
        self.write_head();
        self.start(node, Parent::Mapping);
        self.write_line();
        self.write_foot();
        self.children(node, Parent::Mapping);
        self.foot_indent = Some(0);
        self.write_foot();
        self.foot_indent = None;
        self.write_indent();
    }

    // ---- Nodes

    /// Writes a leaf; of a collection nothing.
    fn start(&mut self, node: &'t Fragment<'t>, parent: Parent) {
        if let Shape::Scalar(scalar) = &node.shape {
            self.write_scalar(scalar, parent);
        }
    }

    /// Writes what is in a collection, or its brackets if nothing is; of a leaf nothing.
    fn children(&mut self, node: &'t Fragment<'t>, parent: Parent) {
        let outer = self.indent;
        let bracket = Some(outer.map_or(INDENT, |indent| deeper(indent, parent)));
        let inner = Some(outer.map_or(0, |indent| deeper(indent, parent)));
        match &node.shape {
            Shape::Mapping(pairs) if pairs.is_empty() => {
                announce(&mut self.foot, &node.foot);
                announce(&mut self.line, &node.line);
                self.write_indicator("{", Space::Before, Indents::No);
                self.whitespace = true;
                self.indent = bracket;
                self.write_head();
                self.indent = outer;
                self.write_indicator("}", Space::None, Indents::No);
                self.write_line();
                self.write_foot();
            }
            Shape::List(elements) if elements.is_empty() => {
                announce(&mut self.foot, &node.foot);
                announce(&mut self.line, &node.line);
                self.write_indicator("[", Space::Before, Indents::No);
                self.write_indicator("]", Space::None, Indents::No);
                self.write_line();
                self.write_foot();
            }
            Shape::Mapping(pairs) => {
                self.indent = inner;
                self.mapping(pairs);
                announce(&mut self.foot, &node.foot);
                announce(&mut self.line, &node.line);
                self.write_head();
                self.indent = outer;
            }
            Shape::List(elements) => {
                self.indent = inner;
                self.list(elements);
                announce(&mut self.foot, &node.foot);
                announce(&mut self.line, &node.line);
                self.indent = outer;
            }
            Shape::Scalar(_) => {}
        }
    }

    fn mapping(&mut self, pairs: &'t [(Fragment<'t>, Fragment<'t>)]) {
        for (key, value) in pairs {
            announce(&mut self.head, &key.head);
            self.write_head();
            self.write_indent();
            if !self.line.is_empty() {
                self.key_line = std::mem::take(&mut self.line);
            }
            if is_simple_key(key) {
                self.start(key, Parent::Mapping);
                self.announce_value(value);
                self.write_indicator(":", Space::None, Indents::No);
            } else {
                self.write_indicator("?", Space::Before, Indents::Yes);
                self.start(key, Parent::Mapping);
                self.announce_value(value);
                self.write_indent();
                self.write_indicator(":", Space::Before, Indents::Yes);
            }
            self.write_line_of_key(value);
            self.start(value, Parent::Mapping);
            self.write_line();
            self.write_foot();
            self.children(value, Parent::Mapping);
            // What is below a key is below all of its value.
            announce(&mut self.tail, &key.foot);
        }
    }

    fn list(&mut self, elements: &'t [Fragment<'t>]) {
        for node in elements {
            self.announce_value(node);
            self.write_head();
            self.write_indent();
            self.write_indicator("-", Space::Before, Indents::Yes);
            self.start(node, Parent::List);
            self.write_line();
            self.write_foot();
            self.children(node, Parent::List);
        }
    }

    /// A leaf announces all its comments, a collection those behind it when it ends.
    fn announce_value(&mut self, node: &'t Fragment<'t>) {
        announce(&mut self.head, &node.head);
        self.announce_leaf(node);
    }

    fn announce_leaf(&mut self, node: &'t Fragment<'t>) {
        if node.is_leaf() {
            announce(&mut self.line, &node.line);
            announce(&mut self.foot, &node.foot);
        }
    }

    // ---- Comments

    /// Writes the comments that wait for the end of a mapping or for something below them.
    fn write_head(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.write_comments(tail);
            self.foot_indent = Some(self.indent.unwrap_or(0));
        }
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            self.write_comments(head);
        }
    }

    /// Writes the comments that wait for the end of the line, and the end itself if there are any.
    fn write_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            if !self.whitespace {
                self.write_padding(1);
            }
            self.write_comments_here(line);
        }
    }

    /// Comments on the line of a key go to the leaf behind it if that has none of its own, or above the collection
    /// behind it.
    fn write_line_of_key(&mut self, value: &Fragment<'_>) {
        if self.key_line.is_empty() {
        } else if !value.is_leaf() {
            let line = std::mem::replace(&mut self.line, std::mem::take(&mut self.key_line));
            self.write_line();
            self.line = line;
        } else if self.line.is_empty() {
            self.line = std::mem::take(&mut self.key_line);
        }
    }

    fn write_foot(&mut self) {
        let foot = std::mem::take(&mut self.foot);
        if !foot.is_empty() {
            self.write_comments(foot);
            self.foot_indent = Some(self.indent.unwrap_or(0));
        }
    }

    /// Writes comments, each on lines of its own. A line within a comment gets a mark unless it has one.
    fn write_comments(&mut self, comments: Announced<'t>) {
        self.write_indent();
        self.write_comments_here(comments);
    }

    fn write_comments_here(&mut self, comments: Announced<'t>) {
        for (number, text) in comments.iter().enumerate() {
            if number > 0 {
                self.put_break();
                self.write_indent();
            }
            self.write_raw(b"#");
            let mut lines = Lines(text);
            if let Some((line, end)) = lines.next() {
                self.write_raw(line);
                self.write_raw_break(end);
            }
            for (line, end) in lines {
                if !line.is_empty() {
                    self.write_indent();
                    if !line.starts_with(b"#") {
                        self.write_raw(b"# ");
                    }
                    self.write_raw(line);
                }
                self.write_raw_break(end);
            }
        }
        // A comment can end in a break of its own.
        if self.column > 0 {
            self.put_break();
        }
        self.whitespace = true;
    }

    // ---- Scalars

    fn write_scalar(&mut self, scalar: &Scalar<'_>, parent: Parent) {
        match scalar {
            Scalar::Text(text) => self.write_text(text, parent),
            scalar => self.write_leaf(scalar),
        }
    }

    fn write_text(&mut self, bytes: &[u8], parent: Parent) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.write_binary(bytes, parent);
        };
        match style::of(text) {
            Style::Plain => self.write_plain(bytes),
            Style::SingleQuoted => self.write_single_quoted(text, parent),
            Style::DoubleQuoted => self.write_double_quoted(text),
            Style::Literal => self.write_literal(bytes, parent),
            Style::Merge => self.write_plain(b"!!merge <<"),
            Style::Lost => self.write_plain(b"null"),
        }
    }

    fn write_plain(&mut self, text: &[u8]) {
        if !self.whitespace {
            self.write_raw(b" ");
        }
        self.write_raw(text);
        self.whitespace = false;
    }

    fn write_leaf(&mut self, scalar: &Scalar<'_>) {
        self.write_plain(b"");
        push_scalar(&mut self.output, scalar);
        // The exact column is of no use behind a leaf.
        self.column = self.column.saturating_add(1);
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, parent: Parent) {
        self.write_indicator("'", Space::Before, Indents::No);
        let outer = self.enter(parent);
        for (number, (line, end)) in Lines(text.as_bytes()).enumerate() {
            if number > 0 && !line.is_empty() {
                self.write_indent();
            }
            for (number, part) in line.split(|&byte| byte == b'\'').enumerate() {
                if number > 0 {
                    self.write_raw(b"''");
                }
                self.write_raw(part);
            }
            self.write_raw_break(end);
        }
        self.indent = outer;
        self.write_indicator("'", Space::None, Indents::No);
    }

    fn write_double_quoted(&mut self, text: &str) {
        self.write_indicator("\"", Space::Before, Indents::No);
        // go-yaml looks for U+FEFF at the start only, and then escapes everything.
        let all = text.starts_with('\u{FEFF}');
        for character in text.chars() {
            let is_break = matches!(character, '\n' | '\u{2028}' | '\u{2029}');
            if all || is_break || matches!(character, '"' | '\\') || !style::is_printable(character) {
                self.write_escape(character);
            } else {
                self.write_raw(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        self.write_indicator("\"", Space::None, Indents::No);
    }

    fn write_escape(&mut self, character: char) {
        let short = match character {
            '\0' => b'0',
            '\x07' => b'a',
            '\x08' => b'b',
            '\t' => b't',
            '\n' => b'n',
            '\x0B' => b'v',
            '\x0C' => b'f',
            '\r' => b'r',
            '\x1B' => b'e',
            '"' => b'"',
            '\\' => b'\\',
            '\u{85}' => b'N',
            '\u{A0}' => b'_',
            '\u{2028}' => b'L',
            '\u{2029}' => b'P',
            _ => {
                let code = u32::from(character);
                let (mark, shifts): (u8, &[u32]) = match code {
                    0..=0xFF => (b'x', &[4, 0]),
                    0x100..=0xFFFF => (b'u', &[12, 8, 4, 0]),
                    _ => (b'U', &[28, 24, 20, 16, 12, 8, 4, 0]),
                };
                self.write_raw(&[b'\\', mark]);
                for shift in shifts {
                    let digit = char::from_digit((code >> shift) & 0xF, 16).unwrap_or('0').to_ascii_uppercase();
                    self.write_raw(digit.encode_utf8(&mut [0; 4]).as_bytes());
                }
                return;
            }
        };
        self.write_raw(&[b'\\', short]);
    }

    fn write_literal(&mut self, text: &[u8], parent: Parent) {
        self.write_indicator("|", Space::Before, Indents::No);
        if text.starts_with(b" ") || break_width(text) > 0 {
            // The number is right only where the content is indented by as much, which it is not in lists.
            self.write_raw(b"4");
        }
        let mut breaks_at_end = 0_usize;
        for (line, end) in Lines(text) {
            breaks_at_end = match (line, end) {
                (_, b"") => 0,
                (b"", _) => breaks_at_end.saturating_add(1),
                _ => 1,
            };
        }
        match breaks_at_end {
            0 => self.write_raw(b"-"),
            1 if break_width(text) < text.len() => {}
            _ => self.write_raw(b"+"),
        }
        self.end_header();
        let outer = self.enter(parent);
        for (line, end) in Lines(text) {
            if !line.is_empty() {
                self.write_indent();
                self.write_raw(line);
            }
            self.write_raw_break(end);
        }
        self.indent = outer;
    }

    /// Ends the line that a block starts with.
    fn end_header(&mut self) {
        if self.line.is_empty() {
            self.put_break();
        } else {
            self.write_line();
        }
        self.whitespace = true;
    }

    /// Bytes that are not UTF-8.
    fn write_binary(&mut self, bytes: &[u8], parent: Parent) {
        self.write_plain(b"!!binary");
        let text = STANDARD.encode(bytes).into_bytes();
        if text.len() < BASE64_LINE {
            return self.write_plain(&text);
        }
        self.write_indicator("|", Space::Before, Indents::No);
        self.end_header();
        let outer = self.enter(parent);
        for line in text.chunks(BASE64_LINE) {
            self.write_indent();
            self.write_raw(line);
            self.put_break();
        }
        self.indent = outer;
    }

    /// Indents the lines of a scalar; gives the indentation to return to.
    fn enter(&mut self, parent: Parent) -> Option<usize> {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| deeper(indent, parent)));
        outer
    }

    // ---- Characters

    fn write_indicator(&mut self, indicator: &str, space: Space, indents: Indents) {
        if space == Space::Before && !self.whitespace {
            self.write_padding(1);
        }
        let indention = self.indention && indents == Indents::Yes;
        self.write_raw(indicator.as_bytes());
        self.whitespace = false;
        self.indention = indention;
    }

    /// Goes to the column of the current block, on a new line unless only indentation stands on this one.
    fn write_indent(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        if self.foot_indent == Some(indent) {
            self.put_break();
        }
        self.write_padding(indent.saturating_sub(self.column));
        self.whitespace = true;
        self.foot_indent = None;
    }

    fn write_padding(&mut self, width: usize) {
        self.output.resize(self.output.len().saturating_add(width), b' ');
        self.column = self.column.saturating_add(width);
    }

    fn write_raw(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.output.extend_from_slice(text);
            self.column = self.column.saturating_add(text.len());
            self.indention = false;
        }
    }

    fn write_raw_break(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.output.extend_from_slice(text);
            self.column = 0;
            self.indention = true;
        }
    }

    fn put_break(&mut self) {
        self.write_raw_break(b"\n");
    }
}

/// Lines with the break that ends each, empty for the last. There is no line behind a break at the end.
struct Lines<'t>(&'t [u8]);

impl<'t> Iterator for Lines<'t> {
    type Item = (&'t [u8], &'t [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        // Here CR LF is two breaks.
        let width = |rest: &[u8]| if rest.starts_with(b"\r\n") { 1 } else { break_width(rest) };
        let end = (0..self.0.len()).find(|&at| self.0.get(at..).is_some_and(|rest| width(rest) > 0));
        let (line, rest) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        let (end, rest) = rest.split_at_checked(width(rest))?;
        self.0 = rest;
        Some((line, end))
    }
}

/// Comments that were not yet written give way to new ones.
fn announce<'t>(slot: &mut Announced<'t>, comments: &'t [&'t [u8]]) {
    if !comments.is_empty() {
        *slot = comments;
    }
}

/// The column of what is within a collection at `indent`: in a list right behind `- `, else at the next stop.
fn deeper(indent: usize, parent: Parent) -> usize {
    match parent {
        Parent::List => indent.saturating_add(2),
        Parent::Mapping => (indent / INDENT).saturating_add(1).saturating_mul(INDENT),
    }
}

/// Whether a key stands on one line before its `:`.
fn is_simple_key(key: &Fragment<'_>) -> bool {
    let bytes = match &key.shape {
        Shape::Scalar(Scalar::Text(text)) => text,
        Shape::Scalar(_) => return true,
        Shape::Mapping(_) | Shape::List(_) => return false,
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        let length = bytes.len().div_ceil(3).saturating_mul(4);
        return length < BASE64_LINE;
    };
    match style::of(text) {
        Style::Plain => text.len() <= SIMPLE_KEY_LENGTH,
        Style::Merge | Style::Lost => true,
        Style::SingleQuoted | Style::DoubleQuoted | Style::Literal => {
            text.len() <= SIMPLE_KEY_LENGTH && !style::has_break(text)
        }
    }
}

/// Writes the text of a scalar.
fn push_scalar(output: &mut Vec<u8>, scalar: &Scalar<'_>) {
    let outcome = match scalar {
        Scalar::Text(text) => output.write_all(text),
        Scalar::Null => output.write_all(b"null"),
        Scalar::Integer(number) => write!(output, "{number}"),
        Scalar::Unsigned(number) => write!(output, "{number}"),
        Scalar::Boolean(boolean) => write!(output, "{boolean}"),
        Scalar::Timestamp(time) => write!(output, "{time}"),
        Scalar::Float(number) if number.is_nan() => output.write_all(b".nan"),
        Scalar::Float(number) if number.is_infinite() => {
            output.write_all(if *number > 0.0 { b".inf" } else { b"-.inf" })
        }
        Scalar::Float(number) => output.write_all(number::general(*number).as_bytes()),
    };
    match outcome {
        // Writing into memory does not fail.
        Ok(()) | Err(_) => {}
    }
}
