//! A sops file in any format: read, found in, and written.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::sops_file(data);
});
