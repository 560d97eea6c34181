//! A binary file: read and written.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::file(sops::Format::Binary, data);
});
