//! An OpenPGP message, as the data key of a file has it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::openpgp(data);
});
