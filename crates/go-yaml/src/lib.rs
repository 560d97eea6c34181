//! YAML as the Go package go-yaml v3 reads and prints it: YAML 1.1 with some of 1.2, comments included.
//!
//! A program that has to agree with one in Go on what a file says needs more than a reader of YAML: it needs the same
//! types for the same words, the same places for comments, and for whole files the same bytes. That is what this crate
//! is for; it is no reader for general use.
//!
//! ```
//! use go_yaml::{Content, Stream, decode, resolve};
//!
//! # fn main() -> Result<(), go_yaml::Error> {
//! let text = decode(b"port: 0x1F # of the service\n")?;
//! let stream = Stream::parse(&text)?;
//! let root = stream.node(stream.documents[0].root)?;
//! let Content::Mapping(pairs) = &root.content else { panic!("it is a mapping") };
//! let value = stream.node(pairs[0].1)?;
//! assert_eq!(value.comments.line, ["# of the service"]);
//! let Content::Scalar { text, plain, tag } = &value.content else { panic!("it is a scalar") };
//! assert_eq!(resolve(text, *plain, *tag), go_yaml::Scalar::Integer(31));
//! # Ok(())
//! # }
//! ```
//!
//! [`decode`] turns bytes into text, [`Stream::parse`] text into nodes with comments, and [`resolve`] a scalar into its
//! value. Aliases stay aliases: whoever follows them bounds what that may come to. [`print()`] writes documents made of
//! [`Fragment`]s, in the one layout that go-yaml has with an indentation of four and no line width. Nesting is bounded
//! ([`DEEPEST`]), and work and memory are linear in the size of the text.
//!
//! # Why it is written by hand
//!
//! `serde_yaml`'s successor `yaml_serde` keeps no comments and has another layout; granit-parser 2.2 and saphyr-parser 0.3
//! are YAML 1.2 with other rules for comments, and print nothing; libyaml's bindings have no comments either. Floats are
//! printed from the digits of `ryu`; for timestamps, humantime, time and jiff were looked at, none of which takes exactly
//! what Go takes and keeps the offset that was written.

mod emitter;
mod error;
mod fragment;
pub mod number;
mod parser;
mod resolve;
mod scalar;
mod scanner;
mod style;
mod text;
mod timestamp;

pub use emitter::{print, print_scalar};
pub use error::{Error, Position};
pub use fragment::{Fragment, Shape};
pub use parser::{Comments, Content, Document, Node, Stream, Tag};
pub use resolve::resolve;
pub use scalar::Scalar;
pub use scanner::{CommentLines, DEEPEST};
pub use style::is_lost;
pub use text::{BYTE_ORDER_MARK, decode};
pub use timestamp::Timestamp;
