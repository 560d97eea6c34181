//! Nodes of YAML into the tree of a sops file, and the metadata out of it.

use std::collections::HashMap;

use go_yaml::{Comments, Content, DEEPEST, Error, Node, Position, Stream, Tag, number, resolve};

use crate::foreign::Foreign;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Place, Scalar, Tree, Value};

/// How much aliases may copy: every copied node and comment counts its text and [`NODE_COST`]. Far beyond what a file of
/// secrets has use for, and small enough that a few aliases of aliases cannot fill the memory.
const MOST_COPIED: usize = 32 << 20;

/// What a node or comment without text counts.
const NODE_COST: usize = 64;

/// The key of the metadata.
const METADATA: &[u8] = b"sops";

/// Makes the tree, one mapping a document, with aliases replaced by copies. The metadata is cut out.
///
/// # Errors
///
/// Documents that are no mappings; keys that are no scalars; equal keys at the top level of the first document and in
/// its metadata, which is where sops 3.12 looks for them; aliases that stand for too much or for themselves.
pub(super) fn compose(stream: &Stream<'_>) -> Result<(Tree, Option<Value>), Error> {
    let mut composer = Composer { stream, copied: 0, open: Vec::new(), depth: 0 };
    let mut documents = Vec::with_capacity(stream.documents.len());
    let mut metadata = None;
    for (number, document) in stream.documents.iter().enumerate() {
        let is_first = number == 0;
        let mut mapping = Mapping::new();
        composer.document(document.root, is_first, &mut metadata, &mut mapping)?;
        push_comments(&mut mapping, &document.foot, Place::OwnLine);
        documents.push(mapping);
    }
    Ok((Tree { documents }, metadata))
}

struct Composer<'s, 'a> {
    stream: &'s Stream<'a>,
    copied: usize,
    /// The anchored nodes that the current node is copied within, innermost last.
    open: Vec<usize>,
    depth: usize,
}

impl<'s, 'a> Composer<'s, 'a> {
    fn node(&self, number: usize) -> Result<&'s Node<'a>, Error> {
        self.stream.node(number)
    }

    fn document(
        &mut self,
        root: usize,
        is_first: bool,
        metadata: &mut Option<Value>,
        mapping: &mut Mapping,
    ) -> Result<(), Error> {
        let node = self.node(root)?;
        push_comments(mapping, &node.comments.head, Place::OwnLine);
        push_comments(mapping, &node.comments.line, Place::OwnLine);
        match &node.content {
            Content::Mapping(pairs) => {
                if is_first {
                    self.reject_equal_keys(pairs)?;
                    self.reject_bad_merges(pairs)?;
                }
                for &(key, value) in pairs {
                    self.top_level_item(key, value, is_first, metadata, mapping)?;
                }
            }
            Content::Scalar { text, plain, tag } => {
                return match (tag, resolve(text, *plain, *tag)) {
                    (Tag::Absent | Tag::Null, go_yaml::Scalar::Null) => Ok(()),
                    _ => Err(node.error("the document is a text, but sops needs a mapping at the top")),
                };
            }
            Content::Sequence(_) => {
                return Err(node.error("the document is a list, but sops needs a mapping at the top"));
            }
            Content::Alias { target, .. } => {
                self.enter_alias(node, *target)?;
                self.document(*target, is_first, metadata, mapping)?;
                self.leave_alias();
            }
        }
        push_comments(mapping, &node.comments.foot, Place::OwnLine);
        Ok(())
    }

    fn top_level_item(
        &mut self,
        key: usize,
        value: usize,
        is_first: bool,
        metadata: &mut Option<Value>,
        mapping: &mut Mapping,
    ) -> Result<(), Error> {
        if self.key(key)?.as_bytes() != Some(METADATA) {
            return self.item(key, value, mapping);
        }
        // Its place in the file stays the place of the comments around it.
        self.comments_before(key, value, mapping)?;
        if is_first {
            *metadata = Some(self.metadata(value)?);
        }
        self.comments_behind(key, value, mapping)
    }

    /// Adds an entry and the comments around it.
    fn item(&mut self, key: usize, value: usize, mapping: &mut Mapping) -> Result<(), Error> {
        self.comments_before(key, value, mapping)?;
        mapping.push(Item::Entry { key: self.key(key)?, value: self.value(value, Around::Include)? });
        self.comments_behind(key, value, mapping)
    }

    fn comments_before(&self, key: usize, value: usize, mapping: &mut Mapping) -> Result<(), Error> {
        let (key, value) = (self.node(key)?, self.node(value)?);
        push_comments(mapping, &key.comments.head, Place::OwnLine);
        push_comments(mapping, &key.comments.line, Place::OwnLine);
        if value.is_leaf() {
            push_comments(mapping, &value.comments.head, Place::OwnLine);
            push_comments(mapping, &value.comments.line, Place::Inline);
        }
        Ok(())
    }

    fn comments_behind(&self, key: usize, value: usize, mapping: &mut Mapping) -> Result<(), Error> {
        let (key, value) = (self.node(key)?, self.node(value)?);
        if value.is_leaf() {
            push_comments(mapping, &value.comments.foot, Place::OwnLine);
        }
        push_comments(mapping, &key.comments.foot, Place::OwnLine);
        Ok(())
    }

    fn key(&mut self, number: usize) -> Result<Key, Error> {
        let mut node = self.node(number)?;
        self.charge(node)?;
        while let Content::Alias { target, .. } = node.content {
            node = self.node(target)?;
        }
        let Content::Scalar { text, plain, tag } = &node.content else {
            return Err(node.error("a key must be a text, not a mapping or list"));
        };
        let kind = match resolve(text, *plain, *tag) {
            go_yaml::Scalar::Text(bytes) => return Ok(Key::Text(bytes.into_owned())),
            go_yaml::Scalar::Integer(_) => "int",
            go_yaml::Scalar::Unsigned(_) => "uint64",
            go_yaml::Scalar::Float(_) => "float64",
            go_yaml::Scalar::Boolean(_) => "bool",
            go_yaml::Scalar::Timestamp(_) => "time.Time",
            go_yaml::Scalar::Null => "<nil>",
        };
        Ok(Key::Other { kind, text: text.clone().into_owned() })
    }

    fn value(&mut self, number: usize, around: Around) -> Result<Value, Error> {
        let node = self.enter(number)?;
        let value = match &node.content {
            Content::Scalar { text, plain, tag } => Value::Scalar(scalar(resolve(text, *plain, *tag))),
            Content::Sequence(elements) => Value::List(self.list(node, elements, around)?),
            Content::Mapping(pairs) => Value::Mapping(self.mapping(node, pairs, around)?),
            Content::Alias { target, .. } => {
                self.enter_alias(node, *target)?;
                let value = self.value(*target, Around::Include)?;
                self.leave_alias();
                value
            }
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    fn list(&mut self, node: &Node<'_>, elements: &[usize], around: Around) -> Result<Vec<Value>, Error> {
        let mut list = Vec::with_capacity(elements.len());
        if around == Around::Include {
            list_comments(&mut list, &node.comments.head, Place::OwnLine);
            list_comments(&mut list, &node.comments.line, Place::OwnLine);
        }
        for &element in elements {
            let comments = &self.node(element)?.comments;
            list_comments(&mut list, &comments.head, Place::OwnLine);
            list_comments(&mut list, &comments.line, Place::Inline);
            list.push(self.value(element, Around::Omit)?);
            list_comments(&mut list, &comments.foot, Place::OwnLine);
        }
        if around == Around::Include {
            list_comments(&mut list, &node.comments.foot, Place::OwnLine);
        }
        Ok(list)
    }

    fn mapping(&mut self, node: &Node<'_>, pairs: &[(usize, usize)], around: Around) -> Result<Mapping, Error> {
        let mut mapping = Mapping::with_capacity(pairs.len());
        if around == Around::Include {
            push_comments(&mut mapping, &node.comments.head, Place::OwnLine);
            push_comments(&mut mapping, &node.comments.line, Place::OwnLine);
        }
        for &(key, value) in pairs {
            self.item(key, value, &mut mapping)?;
        }
        if around == Around::Include {
            push_comments(&mut mapping, &node.comments.foot, Place::OwnLine);
        }
        Ok(mapping)
    }

    /// One level deeper, and one more node if it is a copy.
    fn enter(&mut self, number: usize) -> Result<&'s Node<'a>, Error> {
        let node = self.node(number)?;
        self.charge(node)?;
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEEPEST {
            return Err(node.error("mappings and lists are nested too deep"));
        }
        Ok(node)
    }

    /// Counts a node that is a copy.
    fn charge(&mut self, node: &Node<'_>) -> Result<(), Error> {
        if self.open.is_empty() {
            return Ok(());
        }
        let text = if let Content::Scalar { text, .. } = &node.content { text.len() } else { 0 };
        let Comments { head, line, foot } = &node.comments;
        let comments = head.iter().chain(line).chain(foot).map(|line| line.len().saturating_add(NODE_COST));
        let cost = comments.fold(text.saturating_add(NODE_COST), usize::saturating_add);
        self.copied = self.copied.saturating_add(cost);
        if self.copied > MOST_COPIED {
            return Err(node.error("aliases in this file stand for too much when they are replaced by copies"));
        }
        Ok(())
    }

    fn enter_alias(&mut self, alias: &Node<'_>, target: usize) -> Result<(), Error> {
        // An anchor is recorded when its node starts, so an alias within the node can refer to it.
        if self.open.contains(&target) || self.open.len() >= DEEPEST {
            return Err(alias.error("this alias stands for something that contains the alias itself"));
        }
        self.open.push(target);
        Ok(())
    }

    fn leave_alias(&mut self) {
        self.open.pop();
    }

    // ---- Metadata

    /// The metadata without comments. sops takes any scalar for a text where it needs one, so only those have a type that
    /// can be printed as they stand in the file; others, as `1.10` and dates, are texts.
    fn metadata(&mut self, number: usize) -> Result<Value, Error> {
        let node = self.enter(number)?;
        let value = match &node.content {
            Content::Scalar { text, plain, tag } => {
                self.reject_misfit(number)?;
                let scalar = scalar(resolve(text, *plain, *tag));
                let keeps_its_text = match &scalar {
                    Scalar::Text(_) | Scalar::Null => true,
                    Scalar::Integer(number) => number.to_string() == *text,
                    Scalar::Float(number) => number::positional(*number) == *text,
                    Scalar::Boolean(boolean) => boolean.to_string() == *text,
                    Scalar::Unsigned(_) | Scalar::JsonInteger { .. } | Scalar::Timestamp(_) => false,
                };
                Value::Scalar(if keeps_its_text { scalar } else { Scalar::text(text) })
            }
            Content::Sequence(elements) => {
                Value::List(elements.iter().map(|&element| self.metadata(element)).collect::<Result<_, _>>()?)
            }
            Content::Mapping(pairs) => {
                self.reject_equal_keys(pairs)?;
                self.reject_bad_merges(pairs)?;
                let mut mapping = Mapping::with_capacity(pairs.len());
                for &(key, value) in pairs {
                    self.reject_misfit(key)?;
                    let key = self.key(key)?;
                    mapping.push(Item::Entry { key, value: self.metadata(value)? });
                }
                Value::Mapping(mapping)
            }
            Content::Alias { target, .. } => {
                self.enter_alias(node, *target)?;
                let value = self.metadata(*target)?;
                self.leave_alias();
                value
            }
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(value)
    }

    /// A scalar must be what its tag says. Elsewhere sops takes one that is not for a null.
    fn reject_misfit(&self, number: usize) -> Result<(), Error> {
        let node = self.node(number)?;
        let Content::Scalar { text, plain, tag } = &node.content else { return Ok(()) };
        let is_null = |plain, tag| matches!(resolve(text, plain, tag), go_yaml::Scalar::Null);
        if is_null(*plain, *tag) && !is_null(true, Tag::Absent) {
            return Err(node.error("this does not fit its tag"));
        }
        Ok(())
    }

    /// A merge key must stand for a mapping or a list of mappings, in which the same holds and keys differ. Where sops decodes
    /// the metadata it looks at that.
    fn reject_bad_merges(&self, pairs: &[(usize, usize)]) -> Result<(), Error> {
        self.reject_bad_merges_within(pairs, DEEPEST)
    }

    fn reject_bad_merges_within(&self, pairs: &[(usize, usize)], depth: usize) -> Result<(), Error> {
        for &(key, value) in pairs {
            let is_merge = match &self.node(key)?.content {
                Content::Scalar { text, tag: Tag::Merge, .. }
                | Content::Scalar { text, plain: true, tag: Tag::Absent } => text == "<<",
                _ => false,
            };
            if !is_merge {
                continue;
            }
            let value = self.node(value)?;
            let Some(depth) = depth.checked_sub(1) else {
                return Err(value.error("mappings and lists are nested too deep"));
            };
            let elements = match &value.content {
                Content::Sequence(elements) => elements.iter().map(|&element| self.node(element)).collect(),
                _ => Ok(vec![value]),
            };
            for element in elements? {
                let Some(merged) = self.pairs(element)? else {
                    return Err(value.error("the merge key `<<` must stand for a mapping or a list of mappings"));
                };
                self.reject_equal_keys(merged)?;
                self.reject_bad_merges_within(merged, depth)?;
            }
        }
        Ok(())
    }

    /// What is in a mapping, or in the mapping that an alias stands for.
    fn pairs(&self, node: &'s Node<'a>) -> Result<Option<&'s [(usize, usize)]>, Error> {
        let node = match node.content {
            Content::Alias { target, .. } => self.node(target)?,
            _ => node,
        };
        Ok(if let Content::Mapping(pairs) = &node.content { Some(pairs) } else { None })
    }

    /// Keys are compared as they stand in the file, without quotes: `1` and `"1"` are equal.
    fn reject_equal_keys(&self, pairs: &[(usize, usize)]) -> Result<(), Error> {
        let mut seen: HashMap<(bool, &str), Position> = HashMap::with_capacity(pairs.len());
        for &(key, _) in pairs {
            let node = self.node(key)?;
            let name: (bool, &str) = match &node.content {
                Content::Scalar { text, .. } => (false, text),
                Content::Alias { name, .. } => (true, name),
                Content::Sequence(_) | Content::Mapping(_) => continue,
            };
            if let Some(first) = seen.insert(name, node.position()) {
                let key = Foreign(name.1);
                return Err(node.error(format!("the key {key:?} was given on line {} already", first.line)));
            }
        }
        Ok(())
    }
}

/// Whether a collection's own comments go into it, or are those of the list around it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Around {
    Include,
    Omit,
}

fn push_comments(mapping: &mut Mapping, lines: &[&str], place: Place) {
    mapping.extend(lines.iter().filter_map(|line| comment(line, place)).map(Item::Comment));
}

fn list_comments(list: &mut Vec<Value>, lines: &[&str], place: Place) {
    list.extend(lines.iter().filter_map(|line| comment(line, place)).map(Value::Comment));
}

/// The text of a line behind its `#`; none for a blank line.
fn comment(line: &str, place: Place) -> Option<Comment> {
    line.get(1..).map(|text| Comment { text: Plaintext::from(text), place })
}

fn scalar(scalar: go_yaml::Scalar<'_>) -> Scalar {
    match scalar {
        go_yaml::Scalar::Text(text) => Scalar::Text(Plaintext::new(text.into_owned())),
        go_yaml::Scalar::Integer(number) => Scalar::Integer(number),
        go_yaml::Scalar::Unsigned(number) => Scalar::Unsigned(number),
        go_yaml::Scalar::Float(number) => Scalar::Float(number),
        go_yaml::Scalar::Boolean(boolean) => Scalar::Boolean(boolean),
        go_yaml::Scalar::Timestamp(time) => Scalar::Timestamp(time),
        go_yaml::Scalar::Null => Scalar::Null,
    }
}
