//! Metadata, nested and flattened.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::metadata(data);
});
