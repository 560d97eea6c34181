//! The tree of a decrypted file as YAML, the way sops makes nodes of it.

use std::borrow::Cow;

use go_yaml::{Fragment, Shape};

use crate::plaintext::Plaintext;
use crate::tree::{Comment, Item, Key, Mapping, Place, Scalar, Tree, Value};
use crate::version::Version;

/// All documents of a file.
pub(super) fn documents(tree: &Tree, version: Version) -> Vec<Fragment<'_>> {
    tree.documents.iter().map(|mapping| Fragments { version }.mapping(mapping)).collect()
}

/// A collection as a document of its own; a scalar as its bare text, without quotes and line feed.
pub(super) fn emit_value(value: &Value, version: Version) -> Plaintext {
    match value {
        Value::Comment(comment) => comment.text.duplicate(),
        Value::Scalar(leaf) => Plaintext::new(go_yaml::print_scalar(&scalar(leaf))),
        value @ (Value::Mapping(_) | Value::List(_)) => {
            Plaintext::new(go_yaml::print(&[Fragments { version }.value(value)]))
        }
    }
}

/// Makes fragments of a tree.
#[derive(Clone, Copy)]
struct Fragments {
    version: Version,
}

/// Comments that wait for what they belong to.
#[derive(Default)]
struct Waiting<'t> {
    own_line: Vec<&'t [u8]>,
    inline: Vec<&'t [u8]>,
}

impl Fragments {
    fn value(self, value: &Value) -> Fragment<'_> {
        match value {
            Value::Mapping(mapping) => self.mapping(mapping),
            Value::List(list) => self.list(list),
            Value::Comment(comment) => self.structure(comment),
            Value::Scalar(leaf) => Fragment::new(Shape::Scalar(scalar(leaf))),
        }
    }

    fn mapping(self, mapping: &Mapping) -> Fragment<'_> {
        let mut pairs: Vec<(Fragment<'_>, Fragment<'_>)> = Vec::with_capacity(mapping.len());
        let mut waiting = Waiting::default();
        let mut head = Vec::new();
        for item in mapping {
            match item {
                Item::Comment(comment) => self.wait(&mut waiting, comment),
                Item::Entry { key, value } => {
                    let above = std::mem::take(&mut waiting.own_line);
                    let mut key = Fragment::new(Shape::Scalar(key_text(key)));
                    // Those above the first key belong to the mapping as a whole.
                    if pairs.is_empty() {
                        head = above;
                    } else {
                        key.head = above;
                    }
                    let mut value = self.value(value);
                    value.line = std::mem::take(&mut waiting.inline);
                    pairs.push((key, value));
                }
            }
        }
        let left = waiting.left();
        match pairs.last_mut() {
            Some((key, _)) => key.foot = left,
            None => head = left,
        }
        Fragment { head, ..Fragment::new(Shape::Mapping(pairs)) }
    }

    fn list(self, list: &[Value]) -> Fragment<'_> {
        let mut elements: Vec<Fragment<'_>> = Vec::with_capacity(list.len());
        let mut waiting = Waiting::default();
        let mut head = Vec::new();
        for value in list {
            if let Value::Comment(comment) = value {
                self.wait(&mut waiting, comment);
                continue;
            }
            let mut above = std::mem::take(&mut waiting.own_line);
            let mut element = self.value(value);
            if elements.is_empty() {
                head = above;
            } else {
                above.append(&mut element.head);
                element.head = above;
            }
            element.line = std::mem::take(&mut waiting.inline);
            elements.push(element);
        }
        let left = waiting.left();
        match elements.last_mut() {
            Some(element) => element.foot = left,
            None => head = left,
        }
        Fragment { head, ..Fragment::new(Shape::List(elements)) }
    }

    /// A comment that came out of a value: sops writes its own structure for it.
    fn structure(self, comment: &Comment) -> Fragment<'_> {
        if comment.text.as_str().is_some_and(go_yaml::is_lost) {
            return Fragment::new(Shape::Scalar(go_yaml::Scalar::Null));
        }
        let field = |name, value| (leaf(go_yaml::Scalar::text(name)), leaf(value));
        let mut fields = vec![field("value", go_yaml::Scalar::Text(Cow::Borrowed(comment.text.as_bytes())))];
        if self.version.knows_inline_comments() {
            fields.push(field("inline", go_yaml::Scalar::Boolean(false)));
        }
        Fragment::new(Shape::Mapping(fields))
    }

    fn wait<'t>(self, waiting: &mut Waiting<'t>, comment: &'t Comment) {
        let place = if self.version.knows_inline_comments() { comment.place } else { Place::OwnLine };
        match place {
            Place::OwnLine => waiting.own_line.push(comment.text.as_bytes()),
            Place::Inline => waiting.inline.push(comment.text.as_bytes()),
        }
    }
}

impl<'t> Waiting<'t> {
    /// What nothing came for.
    fn left(mut self) -> Vec<&'t [u8]> {
        self.own_line.append(&mut self.inline);
        self.own_line
    }
}

fn leaf(scalar: go_yaml::Scalar<'_>) -> Fragment<'_> {
    Fragment::new(Shape::Scalar(scalar))
}

fn key_text(key: &Key) -> go_yaml::Scalar<'_> {
    let bytes = match key {
        Key::Text(bytes) => bytes.as_slice(),
        Key::Other { text, .. } => text.as_bytes(),
    };
    go_yaml::Scalar::Text(Cow::Borrowed(bytes))
}

fn scalar(scalar: &Scalar) -> go_yaml::Scalar<'_> {
    match scalar {
        Scalar::Text(text) => go_yaml::Scalar::Text(Cow::Borrowed(text.as_bytes())),
        Scalar::Integer(number) | Scalar::JsonInteger { exact: number, .. } => go_yaml::Scalar::Integer(*number),
        Scalar::Unsigned(number) => go_yaml::Scalar::Unsigned(*number),
        Scalar::Float(number) => go_yaml::Scalar::Float(*number),
        Scalar::Boolean(boolean) => go_yaml::Scalar::Boolean(*boolean),
        Scalar::Timestamp(time) => go_yaml::Scalar::Timestamp(*time),
        Scalar::Null => go_yaml::Scalar::Null,
    }
}
