//! YAML by itself: read, resolved, and what was read written again.

#![no_main]

use go_yaml::{Content, Fragment, Shape, Stream, decode, print, resolve};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = decode(data) else { return };
    let Ok(stream) = Stream::parse(&text) else { return };
    let mut left = 10_000;
    let documents: Vec<_> =
        stream.documents.iter().filter_map(|document| fragment(&stream, document.root, 64, &mut left)).collect();
    let _printed = print(&documents);
});

/// The node with all its comments, but for what is too deep or too much.
fn fragment<'t>(stream: &'t Stream<'_>, number: usize, depth: usize, left: &mut usize) -> Option<Fragment<'t>> {
    let (depth, rest) = (depth.checked_sub(1)?, left.checked_sub(1)?);
    *left = rest;
    let node = stream.node(number).ok()?;
    let shape = match &node.content {
        Content::Scalar { text, plain, tag } => Shape::Scalar(resolve(text, *plain, *tag)),
        Content::Sequence(elements) => {
            Shape::List(elements.iter().filter_map(|&element| fragment(stream, element, depth, left)).collect())
        }
        Content::Mapping(pairs) => Shape::Mapping(
            pairs
                .iter()
                .filter_map(|&(key, value)| {
                    Some((fragment(stream, key, depth, left)?, fragment(stream, value, depth, left)?))
                })
                .collect(),
        ),
        Content::Alias { target, .. } => return fragment(stream, *target, depth, left),
    };
    let lines = |lines: &'t [&str]| lines.iter().filter_map(|line| line.as_bytes().get(1..)).collect();
    let comments = &node.comments;
    Some(Fragment { shape, head: lines(&comments.head), line: lines(&comments.line), foot: lines(&comments.foot) })
}
