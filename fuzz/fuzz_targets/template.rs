//! The text of a template: every byte of it is either kept or part of a placeholder.

#![no_main]

use manifest::{Manifest, RuntimeDirectory, Segment};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let json = br#"{"secrets": [
        {"name": "a", "path": "/s/a", "mode": "0400", "sopsFile": "f"}, {"name": "b", "path": "/s/b", "mode": "0400", "sopsFile": "f"}],
        "templates": [{"name": "t", "path": "/s/rendered/t", "mode": "0400", "file": "x"}],
        "placeholderBySecretName": {"a": "<A>", "b": "<A>>"}, "secretsMountPoint": "/s.d", "symlinkPath": "/s"}"#;
    let manifest = Manifest::from_json(json, RuntimeDirectory::Unneeded).unwrap();
    for template in manifest.templates() {
        let Ok(text) = template.parse(data, manifest.placeholders()) else { continue };
        let length: usize = text
            .segments()
            .iter()
            .map(|segment| match segment {
                Segment::Literal(literal) => literal.len(),
                Segment::Secret(name) if name.as_str() == "a" => 3,
                Segment::Secret(_) => 4,
            })
            .sum();
        assert_eq!(length, data.len());
    }
});
