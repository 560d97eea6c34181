//! What can be wrong with a sops file.

use std::borrow::Cow;

/// A text that is not of the declared format: where, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", position.map_or_else(String::new, |at| format!("line {}, column {}: ", at.line, at.column)))]
pub struct ParseError {
    /// Where the problem is; `None` where the format's reader cannot tell.
    pub position: Option<Position>,
    /// What is wrong, in our own words. It never quotes a value.
    pub problem: Cow<'static, str>,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
}

/// A tree that a format cannot write.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// dotenv and INI have no notation for it.
    #[error("the key {key:?} holds a {kind}, which the format has no notation for; choose another format")]
    Complex {
        /// The key.
        key: String,
        /// `mapping` or `list`.
        kind: &'static str,
    },
    /// JSON has no infinities and no not-a-number.
    #[error("JSON has no notation for a number that is infinite or not a number")]
    NotFinite,
    /// A binary file must hold its bytes in the string `data`.
    #[error("the file has no string named data, so it is not the encrypted form of a binary file; check its format")]
    NoData,
}
