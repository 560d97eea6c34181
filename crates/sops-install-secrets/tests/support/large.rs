//! A sops file of any size, made on the spot: those of megabytes are not kept in the repository.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test or bench that cannot be prepared stops")]

use std::fs;
use std::path::Path;

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::{Aead, KeyInit as _, Payload};
use aes_gcm::{AesGcm, aes::Aes256};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use sha2::{Digest as _, Sha512};

/// A sops file of the format binary with so many bytes in it. It is `tests/bench/binary.json`, which sops wrote, with
/// another value and the MAC of that.
pub(crate) fn binary_file(bytes: usize) -> Vec<u8> {
    file_of(&[("data".to_owned(), vec![b'x'; bytes])])
}

/// A sops file of the format JSON with these names and values, made in the same way.
pub(crate) fn file_of(values: &[(String, Vec<u8>)]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench");
    let mut file: Value = serde_json::from_slice(&fs::read(folder.join("binary.json")).unwrap()).unwrap();
    let digits = fs::read_to_string(folder.join("binary.datakey")).unwrap();
    let digits: Vec<char> = digits.trim().chars().collect();
    let key = digits.chunks(2).map(|byte| u8::from_str_radix(&byte.iter().collect::<String>(), 16).unwrap());
    let cipher = AesGcm::<Aes256, U32>::new_from_slice(&key.collect::<Vec<_>>()).unwrap();
    // The MAC is of the values in the order of the text, which is that of the names.
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort();
    let mut mac = Sha512::new();
    file.as_object_mut().unwrap().remove("data");
    for (name, content) in sorted {
        mac.update(content);
        file[name] = seal(&cipher, content, &format!("{name}:")).into();
    }
    let time = file["sops"]["lastmodified"].as_str().unwrap().to_owned();
    file["sops"]["mac"] = seal(&cipher, format!("{:X}", mac.finalize()).as_bytes(), &time).into();
    file.to_string().into_bytes()
}

/// The text that sops makes of a value at a place.
fn seal(cipher: &AesGcm<Aes256, U32>, content: &[u8], place: &str) -> String {
    let nonce = [7; 32];
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: content, aad: place.as_bytes() }).unwrap();
    let (data, tag) = sealed.split_last_chunk::<16>().unwrap();
    let [data, nonce, tag] = [data, &nonce, tag].map(|bytes| BASE64_STANDARD.encode(bytes));
    format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:str]")
}
