//! The text of a template: every byte of it is either kept or part of a placeholder.

#![no_main]

use manifest::{Manifest, Name, RuntimeDirectory};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let json = br#"{"secrets": [
        {"name": "a", "path": "/s/a", "mode": "0400", "sopsFile": "f"}, {"name": "b", "path": "/s/b", "mode": "0400", "sopsFile": "f"}],
        "templates": [{"name": "t", "path": "/s/rendered/t", "mode": "0400", "file": "x"}],
        "placeholderBySecretName": {"a": "<A>", "b": "<A>>"}, "secretsMountPoint": "/s.d", "symlinkPath": "/s"}"#;
    let manifest = Manifest::from_json(json, RuntimeDirectory::Unneeded).unwrap();
    for template in manifest.templates() {
        let Ok(text) = template.parse(data, manifest.placeholders()) else { continue };
        let placeholder = |name: &Name| Some(if name.as_str() == "a" { &b"<A>"[..] } else { b"<A>>" });
        assert_eq!(text.fill(placeholder).unwrap().concat(), data);
    }
});
