//! Writing YAML with the bytes of sops 3.12 (sops-format.md section 7.2).
//!
//! Comments travel as in the writer of go-yaml: a node announces them, and they wait until the writer comes by a place
//! for comments of their kind. That explains the odd places where some of them end up, and why some are lost.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::style::{self, Style};
use super::text::break_width;
use crate::buffer::Buffer;
use crate::number;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};

/// Columns by which a collection in a mapping is indented.
const INDENT: usize = 4;

/// The longest key that is written without `? `, in bytes.
const SIMPLE_KEY_LENGTH: usize = 128;

/// The characters of a line of base64.
const BASE64_LINE: usize = 70;

/// All documents of a file.
pub(super) fn emit(tree: &Tree) -> Plaintext {
    let mut emitter = Emitter::new();
    for (number, mapping) in tree.documents.iter().enumerate() {
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
        emitter.root(Node::Mapping(mapping));
    }
    emitter.output.into_plaintext()
}

/// A collection as a document of its own; a scalar as its bare text, without quotes and line feed.
pub(super) fn emit_value(value: &Value) -> Plaintext {
    match value {
        Value::Mapping(mapping) => {
            let mut emitter = Emitter::new();
            emitter.root(Node::Mapping(mapping));
            emitter.output.into_plaintext()
        }
        Value::List(list) => {
            let mut emitter = Emitter::new();
            emitter.root(Node::List(list));
            emitter.output.into_plaintext()
        }
        Value::Comment(Comment(text)) => text.duplicate(),
        Value::Scalar(scalar) => {
            let mut output = Buffer::default();
            push_leaf(&mut output, scalar);
            output.into_plaintext()
        }
    }
}

/// What is written at one place.
#[derive(Clone, Copy)]
enum Node<'t> {
    Mapping(&'t Mapping),
    List(&'t [Value]),
    /// A comment that came out of a value: sops writes its own structure for it.
    Structure(&'t Comment),
    Text(&'t [u8]),
    /// Anything else that is a leaf.
    Leaf(&'t Scalar),
}

/// Where a node stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Place {
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

type Comments<'t> = Vec<&'t Comment>;

struct Emitter<'t> {
    output: Buffer,
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
    head: Comments<'t>,
    /// Comments that wait for a place below a leaf.
    foot: Comments<'t>,
    /// Comments that wait for the end of a mapping.
    tail: Comments<'t>,
}

impl<'t> Emitter<'t> {
    fn new() -> Self {
        Self {
            output: Buffer::default(),
            indent: None,
            column: 0,
            whitespace: true,
            indention: true,
            foot_indent: None,
            head: Vec::new(),
            foot: Vec::new(),
            tail: Vec::new(),
        }
    }

    fn root(&mut self, node: Node<'t>) {
        announce(&mut self.head, node.leading_comments());
        self.write_head();
        self.start(node, Place::Mapping);
        self.write_foot();
        self.children(node, Place::Mapping, Vec::new());
        self.foot_indent = Some(0);
        self.write_foot();
        self.foot_indent = None;
        self.write_indent();
    }

    // ---- Nodes

    /// Writes a leaf; of a collection nothing.
    fn start(&mut self, node: Node<'t>, place: Place) {
        match node {
            Node::Text(bytes) => self.write_text(bytes, place),
            Node::Leaf(scalar) => self.write_leaf(scalar),
            Node::Structure(comment) if is_lost(comment) => self.write_plain(b"null"),
            Node::Mapping(_) | Node::List(_) | Node::Structure(_) => {}
        }
    }

    /// Writes what is in a collection, or its brackets if nothing is; of a leaf nothing. `foot` are comments below it.
    fn children(&mut self, node: Node<'t>, place: Place, foot: Comments<'t>) {
        let outer = self.indent;
        let bracket = Some(outer.map_or(INDENT, |indent| deeper(indent, place)));
        let inner = Some(outer.map_or(0, |indent| deeper(indent, place)));
        match node {
            Node::Mapping(_) if !node.has_entries() => {
                announce(&mut self.foot, foot);
                self.write_indicator("{", Space::Before, Indents::No);
                self.whitespace = true;
                self.indent = bracket;
                self.write_head();
                self.indent = outer;
                self.write_indicator("}", Space::None, Indents::No);
                self.write_foot();
            }
            Node::List(_) if !node.has_entries() => {
                announce(&mut self.foot, foot);
                self.write_indicator("[", Space::Before, Indents::No);
                self.write_indicator("]", Space::None, Indents::No);
                self.write_foot();
            }
            Node::Mapping(mapping) => {
                self.indent = inner;
                self.mapping(mapping);
                announce(&mut self.foot, foot);
                self.write_head();
                self.indent = outer;
            }
            Node::List(list) => {
                self.indent = inner;
                self.list(list);
                announce(&mut self.foot, foot);
                self.indent = outer;
            }
            Node::Structure(comment) if !is_lost(comment) => {
                self.indent = inner;
                self.write_head();
                self.write_indent();
                self.write_plain(b"value");
                self.write_indicator(":", Space::None, Indents::No);
                self.write_text(comment.0.as_bytes(), Place::Mapping);
                self.write_foot();
                announce(&mut self.foot, foot);
                self.write_head();
                self.indent = outer;
            }
            Node::Structure(_) | Node::Text(_) | Node::Leaf(_) => {}
        }
    }

    fn mapping(&mut self, mapping: &'t Mapping) {
        let mut is_first = true;
        let mut above = Comments::new();
        for item in mapping {
            let (key, value) = match item {
                Item::Comment(comment) => {
                    above.push(comment);
                    continue;
                }
                Item::Entry { key, value } => (key, value),
            };
            let above = std::mem::take(&mut above);
            // Those above the first key were announced by the mapping.
            if !is_first {
                announce(&mut self.head, above);
            }
            is_first = false;
            self.write_head();
            self.write_indent();
            let node = Node::of(value);
            let key = match key {
                Key::Text(bytes) => bytes.as_slice(),
                Key::Other { text, .. } => text.as_bytes(),
            };
            if is_simple_key(key) {
                self.write_text(key, Place::Mapping);
                announce(&mut self.head, node.leading_comments());
                self.write_indicator(":", Space::None, Indents::No);
            } else {
                self.write_indicator("?", Space::Before, Indents::Yes);
                self.write_text(key, Place::Mapping);
                announce(&mut self.head, node.leading_comments());
                self.write_indent();
                self.write_indicator(":", Space::Before, Indents::Yes);
            }
            self.start(node, Place::Mapping);
            self.write_foot();
            self.children(node, Place::Mapping, Comments::new());
        }
        announce(&mut self.tail, above);
    }

    fn list(&mut self, list: &'t [Value]) {
        let is_comment = |value: &&Value| matches!(value, Value::Comment(_));
        let entries = list.iter().filter(|value| !is_comment(value)).count();
        let mut below: Comments<'t> = list.iter().rev().take_while(is_comment).filter_map(as_comment).collect();
        below.reverse();
        let mut above = Comments::new();
        let mut number = 0_usize;
        for value in list {
            if let Value::Comment(comment) = value {
                above.push(comment);
                continue;
            }
            number = number.saturating_add(1);
            let node = Node::of(value);
            let mut head = std::mem::take(&mut above);
            // Those above the first element were announced by the list.
            if number == 1 {
                head.clear();
            }
            head.extend(node.leading_comments());
            announce(&mut self.head, head);
            let foot = if number == entries { std::mem::take(&mut below) } else { Comments::new() };
            let (own, of_end) = if node.is_leaf() { (foot, Comments::new()) } else { (Comments::new(), foot) };
            announce(&mut self.foot, own);
            self.write_head();
            self.write_indent();
            self.write_indicator("-", Space::Before, Indents::Yes);
            self.start(node, Place::List);
            self.write_foot();
            self.children(node, Place::List, of_end);
        }
    }

    // ---- Comments

    /// Writes the comments that wait for the end of a mapping or for something below them.
    fn write_head(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            self.write_comments(&tail);
            self.foot_indent = Some(self.indent.unwrap_or(0));
        }
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            self.write_comments(&head);
        }
    }

    fn write_foot(&mut self) {
        let foot = std::mem::take(&mut self.foot);
        if !foot.is_empty() {
            self.write_comments(&foot);
            self.foot_indent = Some(self.indent.unwrap_or(0));
        }
    }

    /// Writes comments, each on lines of its own. A line within a comment gets a mark unless it has one.
    fn write_comments(&mut self, comments: &[&Comment]) {
        self.write_indent();
        for (number, Comment(text)) in comments.iter().enumerate() {
            if number > 0 {
                self.put_break();
                self.write_indent();
            }
            self.write_raw(b"#");
            let mut lines = Lines(text.as_bytes());
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

    fn write_text(&mut self, bytes: &[u8], place: Place) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.write_binary(bytes, place);
        };
        match style::of(text) {
            Style::Plain => self.write_plain(bytes),
            Style::SingleQuoted => self.write_single_quoted(text, place),
            Style::DoubleQuoted => self.write_double_quoted(text),
            Style::Literal => self.write_literal(bytes, place),
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

    fn write_leaf(&mut self, scalar: &Scalar) {
        self.write_plain(b"");
        push_leaf(&mut self.output, scalar);
        // The exact column is of no use behind a leaf.
        self.column = self.column.saturating_add(1);
        self.indention = false;
    }

    fn write_single_quoted(&mut self, text: &str, place: Place) {
        self.write_indicator("'", Space::Before, Indents::No);
        let outer = self.enter(place);
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
        // sops looks for U+FEFF at the start only, and then escapes everything.
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

    fn write_literal(&mut self, text: &[u8], place: Place) {
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
        self.put_break();
        self.whitespace = true;
        let outer = self.enter(place);
        for (line, end) in Lines(text) {
            if !line.is_empty() {
                self.write_indent();
                self.write_raw(line);
            }
            self.write_raw_break(end);
        }
        self.indent = outer;
    }

    /// Bytes that are not UTF-8.
    fn write_binary(&mut self, bytes: &[u8], place: Place) {
        self.write_plain(b"!!binary");
        let text = Zeroizing::new(STANDARD.encode(bytes).into_bytes());
        if text.len() < BASE64_LINE {
            return self.write_plain(&text);
        }
        self.write_indicator("|", Space::Before, Indents::No);
        self.put_break();
        let outer = self.enter(place);
        for line in text.chunks(BASE64_LINE) {
            self.write_indent();
            self.write_raw(line);
            self.put_break();
        }
        self.indent = outer;
    }

    /// Indents the lines of a scalar; gives the indentation to return to.
    fn enter(&mut self, place: Place) -> Option<usize> {
        let outer = self.indent;
        self.indent = Some(outer.map_or(INDENT, |indent| deeper(indent, place)));
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
        self.output.push_repeated(b" ", width);
        self.column = self.column.saturating_add(width);
    }

    fn write_raw(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.output.push(text);
            self.column = self.column.saturating_add(text.len());
            self.indention = false;
        }
    }

    fn write_raw_break(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.output.push(text);
            self.column = 0;
            self.indention = true;
        }
    }

    fn put_break(&mut self) {
        self.write_raw_break(b"\n");
    }
}

impl<'t> Node<'t> {
    fn of(value: &'t Value) -> Self {
        match value {
            Value::Mapping(mapping) => Self::Mapping(mapping),
            Value::List(list) => Self::List(list),
            Value::Comment(comment) => Self::Structure(comment),
            Value::Scalar(Scalar::Text(text)) => Self::Text(text.as_bytes()),
            Value::Scalar(scalar) => Self::Leaf(scalar),
        }
    }

    /// Whether something besides comments is in the collection.
    fn has_entries(self) -> bool {
        match self {
            Self::Mapping(mapping) => mapping.iter().any(|item| matches!(item, Item::Entry { .. })),
            Self::List(list) => list.iter().any(|value| !matches!(value, Value::Comment(_))),
            Self::Structure(_) | Self::Text(_) | Self::Leaf(_) => true,
        }
    }

    fn is_leaf(self) -> bool {
        match self {
            Self::Text(_) | Self::Leaf(_) => true,
            Self::Structure(comment) => is_lost(comment),
            Self::Mapping(_) | Self::List(_) => false,
        }
    }

    /// The comments before the first entry, which belong to the collection as a whole.
    fn leading_comments(self) -> Comments<'t> {
        match self {
            Self::Mapping(mapping) => mapping
                .iter()
                .map_while(|item| match item {
                    Item::Comment(comment) => Some(comment),
                    Item::Entry { .. } => None,
                })
                .collect(),
            Self::List(list) => list.iter().map_while(as_comment).collect(),
            Self::Structure(_) | Self::Text(_) | Self::Leaf(_) => Comments::new(),
        }
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
fn announce<'t>(slot: &mut Comments<'t>, comments: Comments<'t>) {
    if !comments.is_empty() {
        *slot = comments;
    }
}

fn as_comment(value: &Value) -> Option<&Comment> {
    match value {
        Value::Comment(comment) => Some(comment),
        _ => None,
    }
}

/// The column of what is within a collection at `indent`: in a list right behind `- `, else at the next stop.
fn deeper(indent: usize, place: Place) -> usize {
    match place {
        Place::List => indent.saturating_add(2),
        Place::Mapping => (indent / INDENT).saturating_add(1).saturating_mul(INDENT),
    }
}

/// Whether sops loses the text when it prepares the structure for it.
fn is_lost(comment: &Comment) -> bool {
    comment.0.as_str().is_some_and(|text| style::of(text) == Style::Lost)
}

/// Whether a key stands on one line before its `:`.
fn is_simple_key(key: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(key) else {
        let length = key.len().div_ceil(3).saturating_mul(4);
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

/// Writes a leaf other than a text.
fn push_leaf(output: &mut Buffer, scalar: &Scalar) {
    match scalar {
        Scalar::Text(text) => output.push(text.as_bytes()),
        Scalar::Null => output.push(b"null"),
        Scalar::Integer(number) => output.push_display(number),
        Scalar::Unsigned(number) => output.push_display(number),
        Scalar::Boolean(boolean) => output.push_display(boolean),
        Scalar::Timestamp(time) => output.push_display(time),
        Scalar::Float(number) if number.is_nan() => output.push(b".nan"),
        Scalar::Float(number) if number.is_infinite() => {
            output.push(if *number > 0.0 { ".inf" } else { "-.inf" }.as_bytes());
        }
        Scalar::Float(number) => output.push(Zeroizing::new(number::general(*number)).as_bytes()),
    }
}
