//! What the fuzz targets call: the readers of this crate, on any bytes. It is compiled only
//! for them. None of these may panic, and each must end soon.

use gcm::Cipher;

use crate::datakey::{Findings, decrypt_age_file};
use crate::identity::{Identities, openpgp};
use crate::metadata::{Metadata, Notation};
use crate::rules::pattern::Pattern;
use crate::tree::{Item, Key, Mapping, Scalar, Value};
use crate::value::Ciphertext;
use crate::{Encrypted, Format};

/// Reads a file in each format; if it is one, looks something up in it and writes it.
pub fn sops_file(data: &[u8]) {
    for format in Format::ALL {
        if let Some(decrypted) = crate::file::decrypted_for_fuzzing(format, data) {
            let _whole = decrypted.whole();
            let _value = decrypted.value(&["a", "0"]);
        }
        let _encrypted = Encrypted::parse(format, data.to_vec()).map(|file| file.check([["a"].as_slice()]));
    }
}

/// Takes a ciphertext apart and opens it.
pub fn ciphertext(data: &[u8]) {
    if let (Some(ciphertext), Some(cipher)) = (Ciphertext::parse(data), Cipher::new(&[0; 32])) {
        let _value = ciphertext.open(&cipher, b"a:");
    }
}

/// Decodes metadata in the flattened notation: a line for each field, as in dotenv files.
pub fn metadata(data: &[u8]) {
    let mapping: Mapping = data
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let at = line.iter().position(|&byte| byte == b'=')?;
            let (key, value) = line.split_at_checked(at)?;
            let value = String::from_utf8_lossy(value.get(1..)?).into_owned();
            Some(Item::Entry { key: Key::Text(key.to_vec()), value: Value::Scalar(Scalar::text(&value)) })
        })
        .collect();
    let _metadata = Metadata::decode(Some(&Value::Mapping(mapping)), Notation::Flattened);
}

/// Compiles the pattern on the first line and matches the rest.
pub fn pattern(data: &[u8]) {
    let (pattern, text) = data.split_at(data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len()));
    if let Ok(pattern) = std::str::from_utf8(pattern)
        && let Ok(pattern) = Pattern::parse(pattern)
    {
        let _matches = pattern.matches(text);
    }
}

/// Reads an SSH key in both of its uses.
pub fn ssh_key(data: &[u8]) {
    let mut identities = Identities::new();
    let _imported = identities.add_ssh_key("key", data);
    let _fingerprint = identities.add_openpgp_ssh_key("key", data);
}

/// Reads an age key file.
pub fn age_keys(data: &[u8]) {
    let _errors = Identities::new().add_age_key_file("keys", data);
}

/// Opens an age file with an identity that is not its own.
pub fn age_file(data: &[u8]) {
    let mut identities = Identities::new();
    let key = b"AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2WKW69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
    let _errors = identities.add_age_key_file("keys", key);
    let _content = decrypt_age_file(data, &identities, Findings::default());
}

/// Takes an OpenPGP message apart.
pub fn openpgp(data: &[u8]) {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(data);
    let armored = format!("-----BEGIN PGP MESSAGE-----\n\n{body}\n-----END PGP MESSAGE-----\n");
    let _message = openpgp::Message::parse(&armored);
    let _message = openpgp::Message::parse(&String::from_utf8_lossy(data));
}
