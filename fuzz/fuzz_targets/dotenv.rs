//! A dotenv file: read, found in, and written.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::file(sops::Format::Dotenv, data);
});
