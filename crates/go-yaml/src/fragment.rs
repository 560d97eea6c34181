//! What is to be written.

use crate::scalar::Scalar;
use crate::style;

/// A node to be written, with the comments around it. Each comment is without its `#`; a line break in it starts another
/// line of the comment.
pub struct Fragment<'t> {
    /// What it is.
    pub shape: Shape<'t>,
    /// Comments above it.
    pub head: Vec<&'t [u8]>,
    /// Comments behind it on its line.
    pub line: Vec<&'t [u8]>,
    /// Comments below it.
    pub foot: Vec<&'t [u8]>,
}

/// What a fragment is.
pub enum Shape<'t> {
    /// Keys, which are scalars, with their values.
    Mapping(Vec<(Fragment<'t>, Fragment<'t>)>),
    /// Elements.
    List(Vec<Fragment<'t>>),
    /// A leaf.
    Scalar(Scalar<'t>),
}

impl<'t> Fragment<'t> {
    /// A fragment without comments.
    #[must_use]
    pub fn new(shape: Shape<'t>) -> Self {
        Self { shape, head: Vec::new(), line: Vec::new(), foot: Vec::new() }
    }

    /// Whether go-yaml fails on it or on something in it: on a text that it would lose, if there are comments at it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match &self.shape {
            // Comments below a key are written behind its value.
            Shape::Mapping(pairs) => {
                pairs.iter().any(|(key, value)| key.is_lost_under_comments() || value.is_refused())
            }
            Shape::List(elements) => elements.iter().any(Self::is_refused),
            Shape::Scalar(_) => self.is_lost_under_comments() || !self.foot.is_empty() && self.is_lost(),
        }
    }

    fn is_lost_under_comments(&self) -> bool {
        !(self.head.is_empty() && self.line.is_empty()) && self.is_lost()
    }

    fn is_lost(&self) -> bool {
        matches!(&self.shape, Shape::Scalar(Scalar::Text(text)) if std::str::from_utf8(text).is_ok_and(style::is_lost))
    }

    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self.shape, Shape::Scalar(_))
    }
}
