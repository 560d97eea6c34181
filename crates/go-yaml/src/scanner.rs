//! YAML as a stream of tokens, with the comments between them: the scanner of YAML 1.1 as go-yaml v3 understands it.
//!
//! Which token a comment is anchored to depends on the scanner's state at that moment (the block that is open, the tokens
//! just read), so comments cannot be told from a finished stream of tokens and this scanner keeps that state.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::error::Error;
use crate::text::{Cursor, Mark, is_blank};

/// How many blocks or flow collections may be open at once. Files that people write have a few levels; the bound keeps
/// recursion over what is read shallow.
pub const DEEPEST: usize = 256;

/// How far behind its start the `:` of an implicit key may be, in characters.
const SIMPLE_KEY_LENGTH: usize = 1024;

/// How many blanks and line breaks are looked through for the next comment.
const COMMENT_LOOKAHEAD: usize = 512;

/// A token and where it starts.
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) content: TokenContent<'a>,
    pub(crate) start: Mark,
}

/// What a token is. Names are those of the YAML 1.1 literature.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum TokenKind {
    StreamStart,
    StreamEnd,
    Directive,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    BlockEntry,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

/// What a token says besides.
pub(crate) enum TokenContent<'a> {
    Nothing,
    Version {
        major: u8,
        minor: u8,
    },
    TagDirective {
        handle: &'a str,
        prefix: String,
    },
    /// Of an alias or an anchor.
    Name(&'a str),
    Tag {
        handle: &'a str,
        suffix: String,
    },
    Scalar {
        value: Cow<'a, str>,
        plain: bool,
    },
}

/// Lines of comments, each from its `#` on. A blank line between two of them is an empty line.
pub type CommentLines<'a> = Vec<&'a str>;

/// Lines of comments that belong together.
pub(crate) struct CommentBlock<'a> {
    pub(crate) placement: Placement,
    pub(crate) lines: CommentLines<'a>,
    /// The offset of what the comment belongs to: the first token from there on takes it.
    pub(crate) anchor: usize,
    /// Where it starts; its column counts from 1 unless it is the rest of a line.
    start: Mark,
    /// Where the scan started that found it.
    scanned: usize,
    /// Where that scan ended; 0 for the rest of a line.
    end: usize,
}

/// Where a comment stands relative to what it belongs to.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Placement {
    /// Above.
    Head,
    /// On the same line.
    Line,
    /// Below.
    Foot,
}

/// A place where an implicit key may have started.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// Whether nothing but a key may stand there.
    required: bool,
    token_number: usize,
    start: Mark,
}

/// The scanner. It reads ahead as little as go-yaml does, so that comments are known when tokens are taken, not before.
pub(crate) struct Scanner<'a> {
    cursor: Cursor<'a>,
    started: bool,
    queue: VecDeque<Token<'a>>,
    /// How many tokens were taken from the queue.
    taken: usize,
    /// The last two tokens put into the queue, the latest last.
    recent: [(TokenKind, usize); 2],
    comments: VecDeque<CommentBlock<'a>>,
    /// How many flow collections are open.
    flow: usize,
    /// The column right of which the innermost block's indentation ends: 0 if no block is open, else its column + 1.
    inner: usize,
    /// The same of the blocks around it.
    outer: Vec<usize>,
    simple_key_allowed: bool,
    /// One for the block context and one for each open flow collection.
    simple_keys: Vec<SimpleKey>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            started: false,
            queue: VecDeque::new(),
            taken: 0,
            recent: [(TokenKind::StreamStart, 0); 2],
            comments: VecDeque::new(),
            flow: 0,
            inner: 0,
            outer: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
        }
    }

    /// The next token; after the last one, the end of the stream again and again.
    pub(crate) fn peek(&mut self) -> Result<&Token<'a>, Error> {
        // Three tokens must be known, so that comments below the first are anchored, and the first must not turn out to
        // be a key later.
        while self.queue.len() < 3 || self.next_may_be_key()? {
            self.fetch()?;
        }
        match self.queue.front() {
            Some(token) => Ok(token),
            None => Err(self.cursor.mark().error("the file ends unexpectedly")),
        }
    }

    /// Takes the token that was peeked at.
    pub(crate) fn take(&mut self) -> Option<Token<'a>> {
        self.taken = self.taken.saturating_add(1);
        self.queue.pop_front()
    }

    /// The next comment that belongs to a token at this offset, or before it.
    pub(crate) fn comment_up_to(
        &mut self,
        offset: usize,
        accept: impl Fn(Placement) -> bool,
    ) -> Option<CommentBlock<'a>> {
        let comment = self.comments.front()?;
        if comment.anchor > offset || !accept(comment.placement) {
            return None;
        }
        self.comments.pop_front()
    }

    fn next_may_be_key(&mut self) -> Result<bool, Error> {
        let next = self.taken;
        match self.simple_keys.iter().rposition(|key| key.possible && key.token_number == next) {
            Some(index) => self.is_key_valid(index),
            None => Ok(false),
        }
    }

    fn push(&mut self, kind: TokenKind, start: Mark) {
        self.push_with(kind, TokenContent::Nothing, start);
    }

    fn push_with(&mut self, kind: TokenKind, content: TokenContent<'a>, start: Mark) {
        let [_, last] = self.recent;
        self.recent = [last, (kind, start.offset)];
        self.queue.push_back(Token { kind, content, start });
    }

    /// Puts a token before one that was read earlier.
    fn insert(&mut self, token_number: usize, kind: TokenKind, start: Mark) {
        let index = token_number.saturating_sub(self.taken).min(self.queue.len());
        self.queue.insert(index, Token { kind, content: TokenContent::Nothing, start });
    }

    /// Passes `width` bytes that are a token.
    fn indicator(&mut self, kind: TokenKind, width: usize) {
        let start = self.cursor.mark();
        self.cursor.skip_bytes(width);
        self.push(kind, start);
    }

    /// Reads at least one more token.
    fn fetch(&mut self) -> Result<(), Error> {
        if !self.started {
            self.started = true;
            self.push(TokenKind::StreamStart, self.cursor.mark());
            return Ok(());
        }
        let from = self.cursor.mark();
        self.skip_to_token();
        self.close_blocks(Some(self.cursor.mark().column), from);
        if self.cursor.at_end() {
            return self.fetch_stream_end();
        }
        if self.cursor.mark().column == 0 && self.cursor.peek() == b'%' {
            return self.fetch_directive();
        }
        if self.cursor.at_document_mark() {
            let kind = if self.cursor.peek() == b'-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
            self.close_document(self.cursor.mark())?;
            self.indicator(kind, 3);
            return Ok(());
        }
        let [_, (_, last_start)] = self.recent;
        let separator = if self.flow > 0 { b',' } else { b':' };
        let anchor = if self.cursor.peek() == separator { last_start } else { self.cursor.mark().offset };
        self.fetch_content()?;
        // A comment behind `-` is one above what follows.
        if !matches!(self.recent, [_, (TokenKind::BlockEntry, _)]) {
            self.scan_line_comment(anchor);
        }
        Ok(())
    }

    fn fetch_content(&mut self) -> Result<(), Error> {
        let next_is_blank = self.cursor.is_blank_or_end_at(1);
        match self.cursor.peek() {
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => {
                self.drop_simple_key()?;
                self.simple_key_allowed = true;
                self.indicator(TokenKind::FlowEntry, 1);
                Ok(())
            }
            b'-' if next_is_blank => self.fetch_block_entry(),
            b'?' if self.flow > 0 || next_is_blank => self.fetch_key(),
            b':' if self.flow > 0 || next_is_blank => self.fetch_value(),
            b'*' => self.fetch_name(TokenKind::Alias),
            b'&' => self.fetch_name(TokenKind::Anchor),
            b'!' => self.fetch_tag(),
            b'|' if self.flow == 0 => self.fetch_block_scalar(Fold::Keep),
            b'>' if self.flow == 0 => self.fetch_block_scalar(Fold::Fold),
            b'\'' => self.fetch_quoted(Quote::Single),
            b'"' => self.fetch_quoted(Quote::Double),
            b'\t' => Err(self.error("a tab is used as indentation").fix("indent with spaces")),
            b'%' => Err(self.error("a text cannot start with %").fix("put it in quotes")),
            b'@' | b'`' => Err(self.error("a text cannot start with @ or `").fix("put it in quotes")),
            b'|' | b'>' => Err(self.error("a block text cannot stand between brackets")),
            _ => self.fetch_plain(),
        }
    }

    fn error(&self, problem: &'static str) -> Error {
        self.cursor.mark().error(problem)
    }

    fn fetch_stream_end(&mut self) -> Result<(), Error> {
        self.cursor.close_line();
        self.close_document(self.cursor.mark())?;
        self.push(TokenKind::StreamEnd, self.cursor.mark());
        Ok(())
    }

    /// Ends all open blocks.
    fn close_document(&mut self, from: Mark) -> Result<(), Error> {
        self.close_blocks(None, from);
        self.drop_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.save_simple_key()?;
        self.flow = self.flow.saturating_add(1);
        self.simple_keys.push(SimpleKey::default());
        if self.flow > DEEPEST {
            return Err(self.error("brackets are nested too deep"));
        }
        self.simple_key_allowed = true;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.drop_simple_key()?;
        if self.flow > 0 {
            self.flow = self.flow.saturating_sub(1);
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.indicator(kind, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<(), Error> {
        if self.flow == 0 {
            if !self.simple_key_allowed {
                return Err(self
                    .error("a list cannot start on the line of its key")
                    .fix("put `-` on a line of its own"));
            }
            self.open_block(self.cursor.mark().column, None, TokenKind::BlockSequenceStart)?;
        }
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<(), Error> {
        if self.flow == 0 {
            if !self.simple_key_allowed {
                return Err(self.error("a key marked by `?` must start a line"));
            }
            self.open_block(self.cursor.mark().column, None, TokenKind::BlockMappingStart)?;
        }
        self.drop_simple_key()?;
        self.simple_key_allowed = self.flow == 0;
        self.indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<(), Error> {
        let innermost = self.simple_keys.len().saturating_sub(1);
        if self.is_key_valid(innermost)? {
            let key = self.simple_keys.get(innermost).copied().unwrap_or_default();
            self.insert(key.token_number, TokenKind::Key, key.start);
            if self.flow == 0 {
                self.open_block(key.start.column, Some(key), TokenKind::BlockMappingStart)?;
            }
            self.forget_simple_key();
            self.simple_key_allowed = false;
        } else {
            if self.flow == 0 {
                if !self.simple_key_allowed {
                    return Err(self
                        .error("a value cannot hold `: ` here")
                        .fix("put it in quotes, or check the indentation"));
                }
                self.open_block(self.cursor.mark().column, None, TokenKind::BlockMappingStart)?;
            }
            self.simple_key_allowed = self.flow == 0;
        }
        self.indicator(TokenKind::Value, 1);
        Ok(())
    }

    fn fetch_name(&mut self, kind: TokenKind) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.skip();
        let name = self.take_word();
        let ends = self.cursor.is_blank_or_end_at(0)
            || matches!(self.cursor.peek(), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(start.error("the name of an anchor may have only letters, digits, `_` and `-`"));
        }
        self.push_with(kind, TokenContent::Name(name), start);
        Ok(())
    }

    /// Passes letters, digits, `_` and `-`.
    fn take_word(&mut self) -> &'a str {
        let start = self.cursor.mark().offset;
        let width = self.cursor.rest().iter().take_while(|&&byte| is_word(byte)).count();
        self.cursor.skip_bytes(width);
        self.cursor.since(start)
    }

    // ---- Implicit keys

    fn save_simple_key(&mut self) -> Result<(), Error> {
        if self.simple_key_allowed {
            let start = self.cursor.mark();
            let required = self.flow == 0 && self.inner == start.column.saturating_add(1);
            let token_number = self.taken.saturating_add(self.queue.len());
            self.drop_simple_key()?;
            if let Some(key) = self.simple_keys.last_mut() {
                *key = SimpleKey { possible: true, required, token_number, start };
            }
        }
        Ok(())
    }

    /// Gives up a possible key at the current level.
    fn drop_simple_key(&mut self) -> Result<(), Error> {
        match self.simple_keys.last() {
            Some(key) if key.possible && key.required => Err(missing_colon(key)),
            _ => {
                self.forget_simple_key();
                Ok(())
            }
        }
    }

    fn forget_simple_key(&mut self) {
        if let Some(key) = self.simple_keys.last_mut() {
            key.possible = false;
        }
    }

    /// Whether what started there can still turn out to be a key: a key is on one line and not too long.
    fn is_key_valid(&mut self, index: usize) -> Result<bool, Error> {
        let here = self.cursor.mark();
        let Some(key) = self.simple_keys.get_mut(index).filter(|key| key.possible) else { return Ok(false) };
        if key.start.line < here.line || key.start.column.saturating_add(SIMPLE_KEY_LENGTH) < here.column {
            if key.required {
                return Err(missing_colon(key));
            }
            key.possible = false;
        }
        Ok(key.possible)
    }

    // ---- Blocks

    /// Opens a block at `column` unless one is open there. `key` is where an implicit first key started.
    fn open_block(&mut self, column: usize, key: Option<SimpleKey>, kind: TokenKind) -> Result<(), Error> {
        if self.inner > column {
            return Ok(());
        }
        self.outer.push(self.inner);
        self.inner = column.saturating_add(1);
        if self.outer.len() > DEEPEST {
            return Err(self.error("mappings and lists are nested too deep"));
        }
        match key {
            Some(key) => self.insert(key.token_number, kind, key.start),
            None => self.push(kind, self.cursor.mark()),
        }
        Ok(())
    }

    /// Ends the blocks that are indented deeper than `column`, or all. `from` is where the scan for the next token started.
    fn close_blocks(&mut self, column: Option<usize>, from: Mark) {
        if self.flow > 0 {
            return;
        }
        let kept = column.map_or(0, |column| column.saturating_add(1));
        let mut end = Mark { offset: from.offset.saturating_sub(1), ..from };
        while self.inner > kept {
            // Comments below that are indented like this block belong into it, so it ends before the first of them.
            let mut stop = end.offset;
            for comment in self.comments.iter().rev() {
                if comment.end < stop {
                    break;
                }
                if comment.start.column == self.inner {
                    end = comment.start;
                }
                stop = comment.scanned;
            }
            self.push(TokenKind::BlockEnd, end);
            self.inner = self.outer.pop().unwrap_or(0);
        }
    }

    // ---- Comments

    /// Passes blanks, line breaks and comments.
    fn skip_to_token(&mut self) {
        let from = self.cursor.mark();
        if from.offset == 0 && self.cursor.rest().starts_with("\u{FEFF}".as_bytes()) {
            self.cursor.skip();
        }
        loop {
            while self.cursor.peek() == b' '
                || (self.cursor.peek() == b'\t' && (self.flow > 0 || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            self.turn_line_into_head();
            if self.cursor.peek() == b'#' {
                self.scan_comments(from);
            }
            if !self.cursor.at_break() {
                return;
            }
            self.cursor.skip_break();
            if self.flow == 0 {
                self.simple_key_allowed = true;
            }
        }
    }

    /// A comment on the line of a list's first `-` is one above what follows.
    fn turn_line_into_head(&mut self) {
        let [(before, _), (last, _)] = self.recent;
        if before != TokenKind::BlockSequenceStart || last != TokenKind::BlockEntry || self.cursor.at_break() {
            return;
        }
        let here = self.cursor.mark();
        if let Some(comment) = self.comments.back_mut().filter(|comment| comment.placement == Placement::Line) {
            comment.placement = Placement::Head;
            if comment.start.line.saturating_add(1) == here.line {
                comment.anchor = here.offset;
            }
        }
    }

    /// Reads a comment on the line of the token before.
    fn scan_line_comment(&mut self, anchor: usize) {
        if self.cursor.breaks() > 0 {
            return;
        }
        let blanks = self.cursor.rest().iter().take(COMMENT_LOOKAHEAD).take_while(|&&byte| is_blank(byte)).count();
        if blanks < COMMENT_LOOKAHEAD && self.cursor.peek_at(blanks) == b'#' {
            self.cursor.skip_bytes(blanks);
            let start = self.cursor.mark();
            let lines = vec![self.cursor.take_line()];
            self.comments.push_back(CommentBlock {
                placement: Placement::Line,
                lines,
                anchor,
                start,
                scanned: 0,
                end: 0,
            });
        }
    }

    /// Reads comments on lines of their own, up to the next token, and decides for each whether it belongs to the token
    /// before or to the one that follows. `from` is where the scan for the next token started.
    fn scan_comments(&mut self, from: Mark) {
        let [before, last] = self.recent;
        let (kind, mut anchor) = if last.0 == TokenKind::FlowEntry { before } else { last };
        let block_column = self.inner.saturating_sub(1);
        let here = self.cursor.mark();
        let breaks = self.cursor.breaks();
        // Only a comment that starts on the line below a token can be its foot.
        let foot_line = (from.line > 0).then(|| {
            let below = here.line.saturating_sub(breaks).saturating_add(1);
            if breaks == 0 && here.column > 1 { below.saturating_add(1) } else { below }
        });
        let mut first_gap = breaks <= 1;
        let mut in_gap = false;
        let mut scanned = from.offset;
        let mut start = Mark::default();
        let mut lines: CommentLines<'a> = Vec::new();
        let (mut line, mut column) = (here.line, here.column);
        let mut ahead = 0_usize;
        while ahead < COMMENT_LOOKAHEAD {
            column = column.saturating_add(1);
            let byte = self.cursor.peek_at(ahead);
            let place = self.cursor.mark().offset.saturating_add(ahead);
            if is_blank(byte) {
                ahead = ahead.saturating_add(1);
                continue;
            }
            let dedented = start.column <= block_column;
            let closes_flow = self.flow > 0 && matches!(byte, b']' | b'}');
            let is_foot;
            if closes_flow || self.cursor.is_line_end_at(ahead) {
                let below = Some(start.line) == foot_line && kind != TokenKind::Value;
                is_foot = closes_flow || !in_gap && first_gap && (below || dedented);
                if is_foot && dedented && !lines.is_empty() {
                    anchor = start.offset;
                }
                if !is_foot && !in_gap && !lines.is_empty() && byte != 0 {
                    lines.push("");
                }
            } else {
                is_foot = column <= block_column && column != start.column;
            }
            if is_foot && !lines.is_empty() {
                let lines = std::mem::take(&mut lines);
                self.comments.push_back(CommentBlock {
                    placement: Placement::Foot,
                    lines,
                    anchor,
                    start,
                    scanned,
                    end: place,
                });
                scanned = place;
                anchor = place;
            }
            if self.cursor.is_break_at(ahead) {
                first_gap = false;
                in_gap = true;
                line = line.saturating_add(1);
                column = 0;
                ahead = ahead.saturating_add(1);
                continue;
            }
            if byte != b'#' {
                break;
            }
            if lines.is_empty() {
                start = Mark { offset: place, line, column };
            }
            in_gap = false;
            self.cursor.advance_to(place);
            lines.push(self.cursor.take_line());
            line = self.cursor.mark().line;
            column = 0;
            // The break that ends the comment is no gap.
            ahead = 1;
        }
        if !lines.is_empty() {
            let end = self.cursor.mark().offset.saturating_add(ahead).saturating_sub(1);
            let anchor = start.offset;
            self.comments.push_back(CommentBlock { placement: Placement::Head, lines, anchor, start, scanned, end });
        }
    }

    // ---- Directives and tags

    fn fetch_directive(&mut self) -> Result<(), Error> {
        self.close_document(self.cursor.mark())?;
        let start = self.cursor.mark();
        self.cursor.skip();
        let content = match self.take_word() {
            "YAML" => {
                self.skip_blanks();
                let major = self.scan_version_number(start)?;
                if self.cursor.peek() != b'.' {
                    return Err(start.error("%YAML must be followed by a version such as 1.1"));
                }
                self.cursor.skip();
                TokenContent::Version { major, minor: self.scan_version_number(start)? }
            }
            "TAG" => {
                self.skip_blanks();
                let (handle, is_handle) = self.scan_tag_handle(start)?;
                if !is_handle && handle != "!" || !is_blank(self.cursor.peek()) {
                    return Err(start.error("%TAG must be followed by a handle such as `!name!` and a prefix"));
                }
                self.skip_blanks();
                TokenContent::TagDirective { handle, prefix: self.scan_tag_uri("", start)? }
            }
            _ => return Err(start.error("a line that starts with % is a directive, but this one is unknown")),
        };
        self.skip_blanks();
        if self.cursor.peek() == b'#' {
            self.cursor.take_line();
        }
        if !self.cursor.is_line_end_at(0) {
            return Err(start.error("the directive does not end where its line should"));
        }
        self.cursor.skip_break();
        self.push_with(TokenKind::Directive, content, start);
        Ok(())
    }

    fn skip_blanks(&mut self) {
        while is_blank(self.cursor.peek()) {
            self.cursor.skip();
        }
    }

    fn scan_version_number(&mut self, directive: Mark) -> Result<u8, Error> {
        let start = self.cursor.mark().offset;
        while self.cursor.peek().is_ascii_digit() {
            self.cursor.skip();
        }
        let digits = self.cursor.since(start);
        match digits.parse() {
            Ok(number) if digits.len() <= 2 => Ok(number),
            _ => Err(directive.error("%YAML must be followed by a version such as 1.1")),
        }
    }

    fn fetch_tag(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark();
        let content = if self.cursor.peek_at(1) == b'<' {
            self.cursor.skip_bytes(2);
            let suffix = self.scan_tag_uri("", start)?;
            if self.cursor.peek() != b'>' {
                return Err(start.error("the tag lacks its closing `>`"));
            }
            self.cursor.skip();
            TokenContent::Tag { handle: "", suffix }
        } else {
            let (text, is_handle) = self.scan_tag_handle(start)?;
            if is_handle {
                TokenContent::Tag { handle: text, suffix: self.scan_tag_uri("", start)? }
            } else {
                let suffix = self.scan_tag_uri(text, start)?;
                if suffix.is_empty() {
                    TokenContent::Tag { handle: "", suffix: "!".to_owned() }
                } else {
                    TokenContent::Tag { handle: "!", suffix }
                }
            }
        };
        if !self.cursor.is_blank_or_end_at(0) {
            return Err(start.error("a tag must be followed by a blank"));
        }
        self.push_with(TokenKind::Tag, content, start);
        Ok(())
    }

    /// Reads `!`, letters and digits, and `!` again. Without the second one it is no handle but the start of a tag.
    fn scan_tag_handle(&mut self, start: Mark) -> Result<(&'a str, bool), Error> {
        let from = self.cursor.mark().offset;
        if self.cursor.peek() != b'!' {
            return Err(start.error("a tag must start with `!`"));
        }
        self.cursor.skip();
        self.take_word();
        let is_handle = self.cursor.peek() == b'!';
        if is_handle {
            self.cursor.skip();
        }
        Ok((self.cursor.since(from), is_handle))
    }

    /// Reads the characters of a URI, with `%` escapes resolved. `head` is what was read of it, with its leading `!`.
    fn scan_tag_uri(&mut self, head: &str, start: Mark) -> Result<String, Error> {
        let mut uri = head.get(1..).unwrap_or_default().as_bytes().to_vec();
        let mut is_empty = head.is_empty();
        loop {
            match self.cursor.peek() {
                b'%' => {
                    let digit = |ahead| char::from(self.cursor.peek_at(ahead)).to_digit(16);
                    let octet = digit(1).zip(digit(2)).and_then(|(high, low)| u8::try_from(high << 4 | low).ok());
                    uri.push(octet.ok_or_else(|| start.error("`%` in a tag must be followed by two hex digits"))?);
                    self.cursor.skip_bytes(3);
                }
                byte if is_word(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) => {
                    uri.push(byte);
                    self.cursor.skip();
                }
                _ => break,
            }
            is_empty = false;
        }
        if is_empty {
            return Err(start.error("the tag has no name"));
        }
        String::from_utf8(uri).map_err(|_bytes| start.error("the tag is not UTF-8"))
    }

    // ---- Scalars

    fn fetch_block_scalar(&mut self, fold: Fold) -> Result<(), Error> {
        self.drop_simple_key()?;
        self.simple_key_allowed = true;
        let start = self.cursor.mark();
        self.cursor.skip();
        let mut chomp = Chomp::Clip;
        let mut indentation = 0;
        let mut indicators = 0_u8;
        while indicators < 2 {
            match self.cursor.peek() {
                b'+' if chomp == Chomp::Clip => chomp = Chomp::Keep,
                b'-' if chomp == Chomp::Clip => chomp = Chomp::Strip,
                b'0' if indentation == 0 => return Err(start.error("a block text cannot be indented by 0")),
                digit @ b'1'..=b'9' if indentation == 0 => indentation = usize::from(digit.wrapping_sub(b'0')),
                _ => break,
            }
            self.cursor.skip();
            indicators = indicators.saturating_add(1);
        }
        self.skip_blanks();
        if self.cursor.peek() == b'#' {
            self.scan_line_comment(start.offset);
            self.cursor.take_line();
        }
        if !self.cursor.is_line_end_at(0) {
            return Err(start.error("only a comment can follow on the line that starts a block text"));
        }
        self.cursor.skip_break();

        let mut indent = match indentation {
            0 => 0,
            width => self.inner.saturating_sub(1).saturating_add(width),
        };
        let mut value = String::new();
        let mut leading_break = "";
        let mut trailing_breaks = String::new();
        let mut after_indented_line = false;
        self.scan_block_breaks(&mut indent, &mut trailing_breaks)?;
        while self.cursor.mark().column == indent && !self.cursor.at_end() {
            let is_indented_line = is_blank(self.cursor.peek());
            if fold == Fold::Fold && !after_indented_line && !is_indented_line && leading_break == "\n" {
                if trailing_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(leading_break);
            }
            value.push_str(&trailing_breaks);
            trailing_breaks.clear();
            after_indented_line = is_indented_line;
            value.push_str(self.cursor.take_line());
            leading_break = if self.cursor.at_break() { self.cursor.take_break() } else { "" };
            self.scan_block_breaks(&mut indent, &mut trailing_breaks)?;
        }
        if chomp != Chomp::Strip {
            value.push_str(leading_break);
        }
        if chomp == Chomp::Keep {
            value.push_str(&trailing_breaks);
        }
        self.push_with(TokenKind::Scalar, TokenContent::Scalar { value: Cow::Owned(value), plain: false }, start);
        Ok(())
    }

    /// Passes indentation and empty lines of a block text. An indentation of 0 is not yet known: the first line decides.
    fn scan_block_breaks(&mut self, indent: &mut usize, breaks: &mut String) -> Result<(), Error> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.cursor.mark().column < *indent) && self.cursor.peek() == b' ' {
                self.cursor.skip();
            }
            let column = self.cursor.mark().column;
            deepest = deepest.max(column);
            if (*indent == 0 || column < *indent) && self.cursor.peek() == b'\t' {
                return Err(self.error("a tab is used as indentation of a block text").fix("indent with spaces"));
            }
            if !self.cursor.at_break() {
                break;
            }
            breaks.push_str(self.cursor.take_break());
        }
        if *indent == 0 {
            *indent = deepest.max(self.inner).max(1);
        }
        Ok(())
    }

    fn fetch_quoted(&mut self, quote: Quote) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark();
        self.cursor.skip();
        let mut value = Cow::Borrowed("");
        loop {
            if self.cursor.at_document_mark() {
                return Err(start.error("a quote is opened here, but the document ends before it is closed"));
            }
            if self.cursor.at_end() {
                return Err(start.error("a quote is opened here and never closed"));
            }
            let mut joined = self.scan_quoted_line(quote, &mut value, start)?;
            if self.cursor.peek() == quote.mark() {
                break;
            }
            // Blanks within a line stay; around line breaks they go, and the breaks are folded.
            let blanks_from = self.cursor.mark().offset;
            self.skip_blanks();
            if !joined && !self.cursor.at_break() {
                append(&mut value, self.cursor.since(blanks_from));
                continue;
            }
            let mut first_break = "";
            let mut more_breaks = String::new();
            while self.cursor.at_break() {
                let text = self.cursor.take_break();
                if joined {
                    more_breaks.push_str(text);
                } else {
                    first_break = text;
                    joined = true;
                }
                self.skip_blanks();
            }
            append_breaks(&mut value, first_break, &more_breaks);
        }
        self.cursor.skip();
        self.push_with(TokenKind::Scalar, TokenContent::Scalar { value, plain: false }, start);
        Ok(())
    }

    /// Reads up to a blank, the end of the line or the closing quote. Whether the line ended in an escaped break.
    fn scan_quoted_line(&mut self, quote: Quote, value: &mut Cow<'a, str>, start: Mark) -> Result<bool, Error> {
        loop {
            let from = self.cursor.mark().offset;
            let rest = self.cursor.rest();
            let mut width = 0_usize;
            while let Some(&byte) = rest.get(width) {
                let special = match byte {
                    b' ' | b'\t' | b'\n' | b'\r' => true,
                    b'\\' => quote == Quote::Double,
                    0xC2 | 0xE2 => self.cursor.is_break_at(width),
                    byte => byte == quote.mark(),
                };
                if special {
                    break;
                }
                width = width.saturating_add(1);
            }
            self.cursor.skip_bytes(width);
            append(value, self.cursor.since(from));
            match (quote, self.cursor.peek(), self.cursor.peek_at(1)) {
                (Quote::Single, b'\'', b'\'') => {
                    append(value, "'");
                    self.cursor.skip_bytes(2);
                }
                (Quote::Double, b'\\', _) => {
                    self.cursor.skip();
                    if self.cursor.at_break() {
                        self.cursor.skip_break();
                        return Ok(true);
                    }
                    let character = self.scan_escape(start)?;
                    value.to_mut().push(character);
                }
                _ => return Ok(false),
            }
        }
    }

    /// Reads what follows a backslash.
    fn scan_escape(&mut self, start: Mark) -> Result<char, Error> {
        let digits = match self.cursor.peek() {
            b'x' => 2_usize,
            b'u' => 4,
            b'U' => 8,
            byte => {
                let character = match byte {
                    b'0' => '\0',
                    b'a' => '\x07',
                    b'b' => '\x08',
                    b't' | b'\t' => '\t',
                    b'n' => '\n',
                    b'v' => '\x0B',
                    b'f' => '\x0C',
                    b'r' => '\r',
                    b'e' => '\x1B',
                    b' ' => ' ',
                    b'"' => '"',
                    b'\'' => '\'',
                    b'\\' => '\\',
                    b'N' => '\u{85}',
                    b'_' => '\u{A0}',
                    b'L' => '\u{2028}',
                    b'P' => '\u{2029}',
                    _ => {
                        return Err(self
                            .error("this escape does not exist")
                            .fix("write a backslash in double quotes as `\\\\`, or use single quotes"));
                    }
                };
                self.cursor.skip();
                return Ok(character);
            }
        };
        self.cursor.skip();
        let from = self.cursor.mark().offset;
        let width = self.cursor.rest().iter().take(digits).take_while(|byte| byte.is_ascii_hexdigit()).count();
        self.cursor.skip_bytes(width);
        if width < digits {
            return Err(self.error("the escape of a character needs more hexadecimal digits"));
        }
        u32::from_str_radix(self.cursor.since(from), 16)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| start.error("an escape in this text stands for no Unicode character"))
    }

    fn fetch_plain(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark();
        let mut value = Cow::Borrowed("");
        let mut first_break = "";
        let mut more_breaks = String::new();
        loop {
            if self.cursor.at_document_mark() {
                break;
            }
            let (content, width) = self.plain_line();
            if content > 0 {
                append_breaks(&mut value, first_break, &more_breaks);
                first_break = "";
                more_breaks.clear();
                let from = self.cursor.mark().offset;
                self.cursor.skip_bytes(content);
                append(&mut value, self.cursor.since(from));
                self.cursor.skip_bytes(width.saturating_sub(content));
            }
            if content == 0 || !self.cursor.at_break() {
                break;
            }
            first_break = self.cursor.take_break();
            loop {
                while is_blank(self.cursor.peek()) {
                    if self.cursor.peek() == b'\t' && self.cursor.mark().column < self.inner {
                        return Err(self.error("a tab is used as indentation").fix("indent with spaces"));
                    }
                    self.cursor.skip();
                }
                if !self.cursor.at_break() {
                    break;
                }
                more_breaks.push_str(self.cursor.take_break());
            }
            if self.flow == 0 && self.cursor.mark().column < self.inner {
                break;
            }
        }
        if !first_break.is_empty() {
            self.simple_key_allowed = true;
        }
        self.push_with(TokenKind::Scalar, TokenContent::Scalar { value, plain: true }, start);
        Ok(())
    }

    /// How many bytes of the line are content of a plain scalar, and how many they are with the blanks behind them.
    fn plain_line(&self) -> (usize, usize) {
        let rest = self.cursor.rest();
        let mut content = 0_usize;
        let mut width = 0_usize;
        while let Some(&byte) = rest.get(width) {
            match byte {
                // Most of a file is base64.
                b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'+' | b'/' | b'=' => {
                    let word = rest.get(width..).unwrap_or_default();
                    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
                    width = word
                        .iter()
                        .position(|byte| !is_base64(byte))
                        .map_or(rest.len(), |end| width.saturating_add(end));
                    content = width;
                    continue;
                }
                b' ' | b'\t' => {
                    width = width.saturating_add(1);
                    continue;
                }
                b'\n' | b'\r' => break,
                0xC2 | 0xE2 if self.cursor.is_break_at(width) => break,
                // Within a word `#` is content.
                b'#' if width == 0 || content < width => break,
                b':' if self.cursor.is_blank_or_end_at(width.saturating_add(1)) => break,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.flow > 0 => break,
                _ => {}
            }
            width = width.saturating_add(1);
            content = width;
        }
        (content, width)
    }
}

fn missing_colon(key: &SimpleKey) -> Error {
    key.start.error("a key starts here, but no `: ` follows on its line")
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether line breaks of a block text become blanks.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fold {
    Keep,
    Fold,
}

/// What becomes of the line breaks at the end of a block text.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}

/// A kind of quotes.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Quote {
    Single,
    Double,
}

impl Quote {
    fn mark(self) -> u8 {
        match self {
            Self::Single => b'\'',
            Self::Double => b'"',
        }
    }
}

/// Appends without copying where there was nothing before.
fn append<'a>(value: &mut Cow<'a, str>, text: &'a str) {
    if value.is_empty() {
        *value = Cow::Borrowed(text);
    } else if !text.is_empty() {
        value.to_mut().push_str(text);
    }
}

/// Appends line breaks as folding leaves them: a single LF becomes a blank, of several the first goes.
fn append_breaks(value: &mut Cow<'_, str>, first: &str, more: &str) {
    if first == "\n" {
        value.to_mut().push_str(if more.is_empty() { " " } else { more });
    } else if !first.is_empty() || !more.is_empty() {
        value.to_mut().push_str(first);
        value.to_mut().push_str(more);
    }
}
