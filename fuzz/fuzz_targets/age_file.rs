//! An age file, armored or not.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::age_file(data);
});
