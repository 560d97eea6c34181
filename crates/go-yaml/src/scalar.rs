//! Scalars by what they stand for.

use std::borrow::Cow;

use crate::timestamp::Timestamp;

/// The value of a scalar.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A string. Only one that was written in base64 need not be UTF-8.
    Text(Cow<'a, [u8]>),
    /// A whole number.
    Integer(i64),
    /// A whole number that only an unsigned number can hold.
    Unsigned(u64),
    /// A floating-point number, infinities and not-a-number included.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A point in time with its offset.
    Timestamp(Timestamp),
    /// No value.
    Null,
}

impl<'a> Scalar<'a> {
    /// A string.
    #[must_use]
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text.as_bytes()))
    }
}
