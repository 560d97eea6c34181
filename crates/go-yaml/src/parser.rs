//! The grammar of YAML 1.1: tokens into nodes, and the comments between them to the nodes they belong to.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::{Error, Position};
use crate::scanner::{CommentLines, DEEPEST, Placement, Scanner, TokenContent, TokenKind};
use crate::text::Mark;

/// A node of a document. Nodes refer to each other by their number, with which [`Stream::node`] gives them.
pub struct Node<'a> {
    /// What it is.
    pub content: Content<'a>,
    /// What stands around it.
    pub comments: Comments<'a>,
    start: Mark,
}

/// What a node is.
pub enum Content<'a> {
    /// A leaf.
    Scalar {
        /// Its text, with quotes and escapes resolved.
        text: Cow<'a, str>,
        /// Whether it stands without quotes and `|` or `>`.
        plain: bool,
        /// Its explicit tag.
        tag: Tag,
    },
    /// Elements.
    Sequence(Vec<usize>),
    /// Keys with their values.
    Mapping(Vec<(usize, usize)>),
    /// Another node once more.
    Alias {
        /// What the node is called.
        name: &'a str,
        /// The number of the node.
        target: usize,
    },
}

impl Node<'_> {
    /// What is wrong at this node.
    pub fn error(&self, problem: impl Into<Cow<'static, str>>) -> Error {
        self.start.error(problem)
    }

    /// Where it starts.
    #[must_use]
    pub fn position(&self) -> Position {
        self.start.position()
    }

    /// Whether the comments around the node belong to the collection it is in.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        matches!(self.content, Content::Scalar { .. } | Content::Alias { .. })
    }
}

/// The comments of a node.
#[derive(Default)]
pub struct Comments<'a> {
    /// Above it.
    pub head: CommentLines<'a>,
    /// Behind it on its line.
    pub line: CommentLines<'a>,
    /// Below it.
    pub foot: CommentLines<'a>,
}

/// An explicit tag of a scalar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tag {
    /// No tag, or `!`.
    Absent,
    /// `!!str`.
    Text,
    /// `!!int`.
    Integer,
    /// `!!float`.
    Float,
    /// `!!bool`.
    Boolean,
    /// `!!null`.
    Null,
    /// `!!timestamp`.
    Timestamp,
    /// `!!binary`.
    Binary,
    /// `!!merge`.
    Merge,
    /// Any other: it says nothing about the value.
    Unknown,
}

/// One document.
pub struct Document<'a> {
    /// The number of its node.
    pub root: usize,
    /// What follows its content.
    pub foot: CommentLines<'a>,
}

/// All documents of a file.
pub struct Stream<'a> {
    nodes: Vec<Node<'a>>,
    /// In their order.
    pub documents: Vec<Document<'a>>,
}

impl<'a> Stream<'a> {
    /// Reads all documents of a text.
    ///
    /// # Errors
    ///
    /// A text that is not YAML 1.1, aliases without anchor, and nesting deeper than [`DEEPEST`].
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        // A key and a value for each line, but not more than twice the size of the text, whatever its lines are. To grow to that
        // would need half as much again.
        let nodes = text.lines().count().saturating_mul(2).min(text.len() / 64);
        let mut parser = Parser {
            scanner: Scanner::new(text),
            stream: Self { nodes: Vec::with_capacity(nodes), documents: Vec::new() },
            anchors: HashMap::new(),
            tag_handles: Vec::new(),
            pending: Comments::default(),
            stem: None,
            depth: 0,
        };
        parser.skip()?;
        while let Some(document) = parser.document()? {
            parser.stream.documents.push(document);
        }
        Ok(parser.stream)
    }

    /// The node of a number that the stream itself gave.
    ///
    /// # Errors
    ///
    /// There is no such number in this stream.
    pub fn node(&self, number: usize) -> Result<&Node<'a>, Error> {
        self.nodes.get(number).ok_or_else(|| Mark::default().error("the file cannot be read"))
    }
}

/// Whether a sequence may have its `-` at the column of the key before it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Context {
    Block,
    BlockValue,
    Flow,
}

/// The anchor and the tag before a node.
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<Tag>,
    start: Mark,
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    stream: Stream<'a>,
    /// As in go-yaml they outlive their document.
    anchors: HashMap<&'a str, usize>,
    tag_handles: Vec<(&'a str, String)>,
    /// Comments that no node took yet.
    pending: Comments<'a>,
    /// A comment above `-` that belongs to the whole collection behind it.
    stem: Option<CommentLines<'a>>,
    depth: usize,
}

fn ends_document(next: TokenKind) -> bool {
    matches!(next, TokenKind::StreamEnd | TokenKind::DocumentStart | TokenKind::DocumentEnd)
}

impl<'a> Parser<'a> {
    /// What comes next and where. Comments up to there become pending.
    fn peek(&mut self) -> Result<(TokenKind, Mark), Error> {
        let token = self.scanner.peek()?;
        let start = token.start;
        let next = token.kind;
        // The end of a block has nothing below it, so a comment above waits for what follows.
        let accept = |placement| next != TokenKind::BlockEnd || placement != Placement::Head;
        while let Some(comment) = self.scanner.comment_up_to(start.offset, accept) {
            let lines = match comment.placement {
                Placement::Head => &mut self.pending.head,
                Placement::Line => &mut self.pending.line,
                Placement::Foot => &mut self.pending.foot,
            };
            lines.extend(comment.lines);
        }
        Ok((next, start))
    }

    /// Passes a token that needs no further look.
    fn skip(&mut self) -> Result<(), Error> {
        self.peek()?;
        self.scanner.take();
        Ok(())
    }

    fn take_pending(&mut self) -> Comments<'a> {
        self.stem = None;
        std::mem::take(&mut self.pending)
    }

    // ---- Documents

    fn document(&mut self) -> Result<Option<Document<'a>>, Error> {
        let is_first = self.stream.documents.is_empty();
        let (mut next, _) = self.peek()?;
        while !is_first && next == TokenKind::DocumentEnd {
            self.skip()?;
            (next, _) = self.peek()?;
        }
        let is_implicit = is_first && !matches!(next, TokenKind::Directive | TokenKind::DocumentStart);
        if next == TokenKind::StreamEnd {
            return Ok(None);
        }
        let root = if is_implicit {
            self.node(Context::Block)?
        } else {
            self.directives()?;
            let (next, start) = self.peek()?;
            if next != TokenKind::DocumentStart {
                return Err(start
                    .error("this does not belong to what stands above")
                    .fix("check the indentation, or start a document with ---"));
            }
            self.skip()?;
            match self.peek()? {
                (
                    TokenKind::Directive | TokenKind::DocumentStart | TokenKind::DocumentEnd | TokenKind::StreamEnd,
                    start,
                ) => self.empty(start),
                _ => self.node(Context::Block)?,
            }
        };
        if self.peek()?.0 == TokenKind::DocumentEnd {
            self.scanner.take();
        }
        self.tag_handles.clear();
        let comments = self.take_pending();
        let foot = if comments.foot.is_empty() { comments.head } else { comments.foot };
        Ok(Some(Document { root, foot }))
    }

    fn directives(&mut self) -> Result<(), Error> {
        let mut has_version = false;
        while let (TokenKind::Directive, start) = self.peek()? {
            match self.scanner.take().map(|token| token.content) {
                Some(TokenContent::Version { .. }) if has_version => {
                    return Err(start.error("a document can have only one %YAML directive"));
                }
                Some(TokenContent::Version { major: 1, minor: 1 }) => has_version = true,
                Some(TokenContent::Version { .. }) => {
                    return Err(start.error("only YAML 1.1 is read").fix("remove the %YAML directive"));
                }
                Some(TokenContent::TagDirective { handle, .. })
                    if self.tag_handles.iter().any(|(known, _)| *known == handle) =>
                {
                    return Err(start.error("this handle has a %TAG directive already"));
                }
                Some(TokenContent::TagDirective { handle, prefix }) => self.tag_handles.push((handle, prefix)),
                _ => {}
            }
        }
        Ok(())
    }

    // ---- Nodes

    fn add(&mut self, node: Node<'a>) -> usize {
        let number = self.stream.nodes.len();
        self.stream.nodes.push(node);
        number
    }

    /// The null that stands where a key or value is left out.
    fn empty(&mut self, start: Mark) -> usize {
        let content = Content::Scalar { text: Cow::Borrowed(""), plain: true, tag: Tag::Absent };
        self.add(Node { content, comments: Comments::default(), start })
    }

    fn node(&mut self, context: Context) -> Result<usize, Error> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(self.peek()?.1.error("mappings and lists are nested too deep"));
        }
        let number = self.node_in(context)?;
        self.depth = self.depth.saturating_sub(1);
        Ok(number)
    }

    fn node_in(&mut self, place: Context) -> Result<usize, Error> {
        if let (TokenKind::Alias, start) = self.peek()? {
            let comments = self.take_pending();
            return self.alias(comments, start);
        }
        let properties = self.properties()?;
        let (next, start) = self.peek()?;
        let is_block = place != Context::Flow;
        match next {
            TokenKind::BlockEntry if place == Context::BlockValue => {
                let number = self.collection(Content::Sequence(Vec::new()), Comments::default(), &properties);
                self.indentless_sequence(number)
            }
            TokenKind::Scalar => {
                let comments = self.take_pending();
                let Some(TokenContent::Scalar { value, plain }) = self.scanner.take().map(|token| token.content) else {
                    return Err(start.error("a value is expected here"));
                };
                let content = Content::Scalar { text: value, plain, tag: properties.tag.unwrap_or(Tag::Absent) };
                Ok(self.collection(content, comments, &properties))
            }
            TokenKind::FlowSequenceStart => {
                let comments = self.take_pending();
                let number = self.collection(Content::Sequence(Vec::new()), comments, &properties);
                self.flow_sequence(number, start)
            }
            TokenKind::FlowMappingStart => {
                let comments = self.take_pending();
                let number = self.collection(Content::Mapping(Vec::new()), comments, &properties);
                self.flow_mapping(number, start)
            }
            TokenKind::BlockSequenceStart if is_block => {
                let comments = Comments { head: self.stem.take().unwrap_or_default(), ..Comments::default() };
                let number = self.collection(Content::Sequence(Vec::new()), comments, &properties);
                self.block_sequence(number)
            }
            TokenKind::BlockMappingStart if is_block => {
                let comments = Comments { head: self.stem.take().unwrap_or_default(), ..Comments::default() };
                let number = self.collection(Content::Mapping(Vec::new()), comments, &properties);
                self.block_mapping(number)
            }
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                let tag = properties.tag.unwrap_or(Tag::Absent);
                let content = Content::Scalar { text: Cow::Borrowed(""), plain: true, tag };
                Ok(self.collection(content, Comments::default(), &properties))
            }
            TokenKind::FlowSequenceEnd | TokenKind::FlowMappingEnd => Err(start.error("this bracket closes nothing")),
            TokenKind::FlowEntry => Err(start.error("a text cannot start with a comma").fix("put it in quotes")),
            TokenKind::BlockEntry => Err(start.error("a list cannot start here").fix("put it on a line of its own")),
            _ => Err(start.error("a value is expected here")),
        }
    }

    /// Adds a node under its anchor, before what it contains.
    fn collection(&mut self, content: Content<'a>, comments: Comments<'a>, properties: &Properties<'a>) -> usize {
        let number = self.add(Node { content, comments, start: properties.start });
        if let Some(name) = properties.anchor {
            self.anchors.insert(name, number);
        }
        number
    }

    fn alias(&mut self, comments: Comments<'a>, start: Mark) -> Result<usize, Error> {
        let Some(TokenContent::Name(name)) = self.scanner.take().map(|token| token.content) else {
            return Err(start.error("a value is expected here"));
        };
        match self.anchors.get(name) {
            Some(&target) => Ok(self.add(Node { content: Content::Alias { name, target }, comments, start })),
            None => {
                Err(start.error("this alias has no anchor before it").fix("if it is meant as text, put it in quotes"))
            }
        }
    }

    fn properties(&mut self) -> Result<Properties<'a>, Error> {
        let (_, start) = self.peek()?;
        let mut properties = Properties { anchor: None, tag: None, start };
        loop {
            match self.peek()? {
                (TokenKind::Anchor, _) if properties.anchor.is_none() => {
                    if let Some(TokenContent::Name(name)) = self.scanner.take().map(|token| token.content) {
                        properties.anchor = Some(name);
                    }
                }
                (TokenKind::Tag, start) if properties.tag.is_none() => {
                    if let Some(TokenContent::Tag { handle, suffix }) = self.scanner.take().map(|token| token.content) {
                        properties.tag = Some(self.resolve_tag(handle, &suffix, start)?);
                    }
                }
                _ => return Ok(properties),
            }
        }
    }

    fn resolve_tag(&self, handle: &str, suffix: &str, start: Mark) -> Result<Tag, Error> {
        let prefix = match self.tag_handles.iter().find(|(known, _)| *known == handle) {
            Some((_, prefix)) => prefix.as_str(),
            None if handle.is_empty() => "",
            None if handle == "!" => "!",
            None if handle == "!!" => "tag:yaml.org,2002:",
            None => return Err(start.error("the handle of this tag has no %TAG directive")),
        };
        let full = format!("{prefix}{suffix}");
        let short = full.strip_prefix("tag:yaml.org,2002:").or_else(|| full.strip_prefix("!!"));
        Ok(match short {
            Some("str") => Tag::Text,
            Some("int") => Tag::Integer,
            Some("float") => Tag::Float,
            Some("bool") => Tag::Boolean,
            Some("null") => Tag::Null,
            Some("timestamp") => Tag::Timestamp,
            Some("binary") => Tag::Binary,
            Some("merge") => Tag::Merge,
            _ if full == "!" => Tag::Absent,
            _ => Tag::Unknown,
        })
    }

    fn node_mut(&mut self, number: usize) -> Option<&mut Node<'a>> {
        self.stream.nodes.get_mut(number)
    }

    // ---- Block collections

    fn block_sequence(&mut self, number: usize) -> Result<usize, Error> {
        self.skip()?;
        let mut elements = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::BlockEntry => {
                    self.block_entry()?;
                    elements.push(match self.peek()? {
                        (TokenKind::BlockEntry | TokenKind::BlockEnd, _) => self.empty(start),
                        _ => self.node(Context::Block)?,
                    });
                }
                TokenKind::BlockEnd => {
                    self.skip()?;
                    return Ok(self.finish_sequence(number, elements, None));
                }
                _ => {
                    return Err(start
                        .error("`-` is expected here, as the list above goes on")
                        .fix("check the indentation"));
                }
            }
        }
    }

    /// The elements of a sequence at the column of its key, which no token starts or ends.
    fn indentless_sequence(&mut self, number: usize) -> Result<usize, Error> {
        let mut elements = Vec::new();
        while let (TokenKind::BlockEntry, start) = self.peek()? {
            self.block_entry()?;
            elements.push(match self.peek()? {
                (TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, _) => {
                    self.empty(start)
                }
                _ => self.node(Context::Block)?,
            });
        }
        Ok(self.finish_sequence(number, elements, None))
    }

    /// Passes `-`. If a block collection follows, comments above `-` belong to it as a whole, not to its first item.
    fn block_entry(&mut self) -> Result<(), Error> {
        let above = self.pending.head.len();
        self.skip()?;
        if above > 0 && matches!(self.peek()?.0, TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart) {
            let below = self.pending.head.split_off(above.min(self.pending.head.len()));
            self.stem = Some(std::mem::replace(&mut self.pending.head, below));
        }
        Ok(())
    }

    /// Stores the elements. Comments at the end replace those at the start that are not above.
    fn finish_sequence(&mut self, number: usize, elements: Vec<usize>, end: Option<Comments<'a>>) -> usize {
        let end = end.unwrap_or_default();
        if let Some(node) = self.node_mut(number) {
            node.content = Content::Sequence(elements);
            node.comments.line = end.line;
            node.comments.foot = end.foot;
        }
        number
    }

    fn block_mapping(&mut self, number: usize) -> Result<usize, Error> {
        self.skip()?;
        let mut pairs: Vec<(usize, usize)> = Vec::new();
        loop {
            let (next, start) = self.peek()?;
            match next {
                TokenKind::Key => {
                    self.skip()?;
                    let key = self.block_key_or_value(start)?;
                    // Below the key before this one, if there is one, is where a dedented comment belongs.
                    if let Some(&(previous, _)) = pairs.last() {
                        self.move_foot(key, previous);
                    }
                    let (next, start) = self.peek()?;
                    let value = if next == TokenKind::Value {
                        self.skip()?;
                        self.block_key_or_value(start)?
                    } else {
                        self.empty(start)
                    };
                    self.give_foot_to_key(key, value);
                    pairs.push((key, value));
                }
                TokenKind::Value => {
                    return Err(start.error("a key is expected before `:`").fix("an empty key is written as \"\""));
                }
                TokenKind::BlockEnd => {
                    let end = self.take_pending();
                    self.scanner.take();
                    let last = pairs.last().and_then(|&(key, _)| self.node_mut(key));
                    if let (false, Some(key)) = (end.foot.is_empty(), last) {
                        key.comments.foot = end.foot;
                    }
                    if let Some(node) = self.node_mut(number) {
                        node.content = Content::Mapping(pairs);
                        node.comments.line = end.line;
                    }
                    return Ok(number);
                }
                _ => {
                    return Err(start
                        .error("a key is expected here, as the mapping above goes on")
                        .fix("check the indentation"));
                }
            }
        }
    }

    fn block_key_or_value(&mut self, start: Mark) -> Result<usize, Error> {
        match self.peek()? {
            (TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd, _) => Ok(self.empty(start)),
            _ => self.node(Context::BlockValue),
        }
    }

    fn move_foot(&mut self, from: usize, to: usize) {
        let foot = self.node_mut(from).map(|node| std::mem::take(&mut node.comments.foot)).unwrap_or_default();
        if let (false, Some(node)) = (foot.is_empty(), self.node_mut(to)) {
            node.comments.foot = foot;
        }
    }

    /// What stands below a value stands below its key, unless something does already.
    fn give_foot_to_key(&mut self, key: usize, value: usize) {
        if self.stream.nodes.get(key).is_some_and(|key| key.comments.foot.is_empty()) {
            self.move_foot(value, key);
        }
    }

    // ---- Flow collections

    fn flow_sequence(&mut self, number: usize, open: Mark) -> Result<usize, Error> {
        self.skip()?;
        let mut elements = Vec::new();
        while self.flow_goes_on(TokenKind::FlowSequenceEnd, elements.is_empty(), open)? {
            elements.push(match self.peek()? {
                (TokenKind::Key, start) => self.flow_pair(start)?,
                _ => self.node(Context::Flow)?,
            });
        }
        let end = self.take_pending();
        self.scanner.take();
        Ok(self.finish_sequence(number, elements, Some(end)))
    }

    /// Whether another entry follows in a flow collection; passes the comma before it.
    fn flow_goes_on(&mut self, end: TokenKind, is_first: bool, open: Mark) -> Result<bool, Error> {
        let (mut next, start) = self.peek()?;
        if next == TokenKind::FlowEntry && !is_first {
            self.skip()?;
            (next, _) = self.peek()?;
        } else if !is_first && !ends_document(next) && next != end {
            return Err(start.error("a comma or the closing bracket is expected here"));
        }
        if ends_document(next) {
            return Err(open.error("a bracket is opened here and never closed"));
        }
        Ok(next != end)
    }

    /// A mapping of one entry between square brackets, which needs no braces.
    fn flow_pair(&mut self, start: Mark) -> Result<usize, Error> {
        let content = Content::Mapping(Vec::new());
        let number = self.add(Node { content, comments: Comments::default(), start });
        self.skip()?;
        let key = match self.peek()? {
            (TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd, start) => {
                self.skip()?;
                self.empty(start)
            }
            _ => self.node(Context::Flow)?,
        };
        let value = self.flow_value(TokenKind::FlowSequenceEnd)?;
        self.give_foot_to_key(key, value);
        self.peek()?;
        if let Some(node) = self.node_mut(number) {
            node.content = Content::Mapping(vec![(key, value)]);
        }
        Ok(number)
    }

    fn flow_mapping(&mut self, number: usize, open: Mark) -> Result<usize, Error> {
        self.skip()?;
        let mut pairs = Vec::new();
        while self.flow_goes_on(TokenKind::FlowMappingEnd, pairs.is_empty(), open)? {
            let (key, value) = if self.peek()?.0 == TokenKind::Key {
                self.skip()?;
                let key = match self.peek()? {
                    (TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd, start) => self.empty(start),
                    _ => self.node(Context::Flow)?,
                };
                (key, self.flow_value(TokenKind::FlowMappingEnd)?)
            } else {
                let key = self.node(Context::Flow)?;
                let (_, start) = self.peek()?;
                (key, self.empty(start))
            };
            self.give_foot_to_key(key, value);
            pairs.push((key, value));
        }
        let end = self.take_pending();
        self.scanner.take();
        if let Some(node) = self.node_mut(number) {
            node.content = Content::Mapping(pairs);
            node.comments.line = end.line;
            node.comments.foot = end.foot;
        }
        Ok(number)
    }

    fn flow_value(&mut self, end: TokenKind) -> Result<usize, Error> {
        let (next, start) = self.peek()?;
        if next == TokenKind::Value {
            self.skip()?;
            let (next, start) = self.peek()?;
            if next == TokenKind::FlowEntry || next == end { Ok(self.empty(start)) } else { self.node(Context::Flow) }
        } else {
            Ok(self.empty(start))
        }
    }
}
