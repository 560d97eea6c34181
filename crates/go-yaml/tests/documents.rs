//! Documents through reader and writer, without any program around.

#![allow(clippy::unwrap_used, clippy::use_debug, reason = "tests")]

use std::fmt::Write as _;

use go_yaml::{Content, Fragment, Scalar, Shape, Stream, decode, print, resolve};
use proptest::prelude::*;

/// Nodes in one line: comments as `^above`, `>behind` and `_below`.
fn show(stream: &Stream<'_>, number: usize) -> String {
    let node = stream.node(number).unwrap();
    let mut shown = String::new();
    for (mark, lines) in [('^', &node.comments.head), ('>', &node.comments.line), ('_', &node.comments.foot)] {
        for line in lines {
            write!(shown, "{mark}{line} ").unwrap();
        }
    }
    match &node.content {
        Content::Scalar { text, plain, tag } => write!(shown, "{:?}", resolve(text, *plain, *tag)).unwrap(),
        Content::Sequence(elements) => {
            let elements: Vec<_> = elements.iter().map(|&element| show(stream, element)).collect();
            write!(shown, "[{}]", elements.join(", ")).unwrap();
        }
        Content::Mapping(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|&(key, value)| format!("{}: {}", show(stream, key), show(stream, value))).collect();
            write!(shown, "{{{}}}", pairs.join(", ")).unwrap();
        }
        Content::Alias { name, .. } => write!(shown, "*{name}").unwrap(),
    }
    shown
}

fn shown(text: &str) -> String {
    let text = decode(text.as_bytes()).unwrap();
    match Stream::parse(&text) {
        Ok(stream) => {
            stream.documents.iter().map(|document| show(&stream, document.root)).collect::<Vec<_>>().join(" --- ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn nodes_have_their_types_and_their_comments() {
    for (text, nodes) in [
        ("a: 1 # end\n", "{Text([97]): ># end Integer(1)}"),
        ("# above\na: 1\n\n# below\n", "{^# above Text([97]): Integer(1)}"),
        ("a: # of a\n  - true\n  # last\n", "{># of a Text([97]): [_# last Boolean(true)]}"),
        ("a: &x ~\nb: *x\n", "{Text([97]): Null, Text([98]): *x}"),
        ("1.5\n--- .inf\n", "Float(1.5) --- Float(inf)"),
        ("[0x1F, 18446744073709551615, '1']\n", "[Integer(31), Unsigned(18446744073709551615), Text([49])]"),
        ("a: [\n", "line 1, column 4: a bracket is opened here and never closed"),
    ] {
        assert_eq!(shown(text), nodes, "{text:?}");
    }
}

#[test]
fn fragments_are_printed_with_their_comments() {
    let text = |text: &'static str| Fragment::new(Shape::Scalar(Scalar::text(text)));
    let mut key = text("a");
    key.head = vec![b" above"];
    let mut value = text("x: y");
    value.line = vec![b" behind", b" more"];
    let mut list = Fragment::new(Shape::List(vec![text("one\ntwo\n"), Fragment::new(Shape::Mapping(Vec::new()))]));
    list.head = vec![b" of the list"];
    let mut end = text("b");
    end.foot = vec![b" below"];
    let mapping = || Fragment::new(Shape::Mapping(Vec::new()));
    let mut root = mapping();
    root.shape = Shape::Mapping(vec![(key, value), (end, list)]);
    root.head = vec![b" of all"];
    let printed = print(&[root, mapping()]);
    assert_eq!(
        String::from_utf8(printed).unwrap(),
        "# of all\n# above\na: 'x: y' # behind\n\n# more\nb:\n    # of the list\n    - |\n      one\n      two\n    - {}\n# below\n---\n{}\n"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, text in "[-\\[\\]{}?:,#&*!|>'\"%@` \n\ta0~]{0,60}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            if let Ok(text) = decode(bytes) {
                let _stream = Stream::parse(&text).map(|stream| stream.documents.len());
            }
        }
    }
}
