//! An encrypted scalar: taken apart and opened with a key that is not its own.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::ciphertext(data);
});
