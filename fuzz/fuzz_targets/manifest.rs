//! A manifest, and the text of a template.

#![no_main]

use manifest::{Manifest, RuntimeDirectory};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Err(problems) = Manifest::from_json(data, RuntimeDirectory::At("/run/user/0")) {
        assert!(!problems.to_string().is_empty());
    }
});
