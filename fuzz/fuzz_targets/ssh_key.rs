//! An SSH private key, for age and for OpenPGP.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sops::fuzzing::ssh_key(data);
});
