//! A rule's pattern in Go's dialect, and a key to match.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::pattern(data);
});
