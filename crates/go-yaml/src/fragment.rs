//! What is to be written.

use crate::scalar::Scalar;

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

    pub(crate) fn is_leaf(&self) -> bool {
        matches!(self.shape, Shape::Scalar(_))
    }
}
