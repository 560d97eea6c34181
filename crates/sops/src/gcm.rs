//! AES in Galois/Counter Mode with a nonce of any length (NIST SP 800-38D).
//!
//! sops writes nonces of 32 bytes and opens whatever length a file holds. The ready-made implementations fix the length
//! when they are compiled, so this is put together from the block cipher of the crate `aes` and the hash of the crate
//! `polyval`; the tests compare it with the crate `aes-gcm`.

mod ghash;

use aes::{Aes128, Aes192, Aes256, Block};
use cipher::{BlockEncrypt, BlockSizeUser, KeyInit, consts::U16};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize as _, Zeroizing};

use crate::gcm::ghash::Ghash;

/// The bytes of a tag.
pub(crate) const TAG_BYTES: usize = 16;

/// A data key, expanded once for all the values of a file. It is wiped on drop and has no `Debug`.
pub(crate) struct Cipher {
    block_cipher: BlockCipherOfKey,
    hash: Ghash,
}

/// Boxed, so that a move leaves no copy of the key schedule behind.
enum BlockCipherOfKey {
    Aes128(Box<Aes128>),
    Aes192(Box<Aes192>),
    Aes256(Box<Aes256>),
}

/// The nonce is empty, or the tag does not fit: the ciphertext was changed, or the key or the place is another.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct NotAuthentic;

impl Cipher {
    /// The cipher for a key of 16, 24 or 32 bytes; `None` for any other length.
    pub(crate) fn new(key: &[u8]) -> Option<Self> {
        let block_cipher = match key.len() {
            16 => BlockCipherOfKey::Aes128(Box::new(Aes128::new_from_slice(key).ok()?)),
            24 => BlockCipherOfKey::Aes192(Box::new(Aes192::new_from_slice(key).ok()?)),
            32 => BlockCipherOfKey::Aes256(Box::new(Aes256::new_from_slice(key).ok()?)),
            _ => return None,
        };
        let mut hash_key = Zeroizing::new([0; 16]);
        block_cipher.encrypt_block(Block::from_mut_slice(hash_key.as_mut_slice()));
        let hash = Ghash::new(&hash_key);
        Some(Self { block_cipher, hash })
    }

    /// Decrypts in place: `sealed` is the ciphertext followed by its tag, and becomes the plaintext.
    ///
    /// # Errors
    ///
    /// [`NotAuthentic`]; `sealed` is wiped then, because it may have become plaintext.
    pub(crate) fn open(&self, nonce: &[u8], authenticated: &[u8], sealed: &mut Vec<u8>) -> Result<(), NotAuthentic> {
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(NotAuthentic)?;
        if nonce.is_empty() {
            return Err(NotAuthentic);
        }
        let lengths @ [_, length] = [authenticated.len(), text.len()];
        let counter = self.first_counter(nonce);
        let mut hash = self.hash.clone();
        hash.update_padded(authenticated);
        let mut number = u128::from_be_bytes(counter);
        for part in text.chunks_mut(PART) {
            hash.update_padded(part);
            number = self.block_cipher.apply_keystream(number, part);
        }
        let mut expected = finish(hash, lengths);
        let mut mask = Block::from(counter);
        self.block_cipher.encrypt_block(&mut mask);
        for (byte, mask) in expected.iter_mut().zip(mask) {
            *byte ^= mask;
        }
        if !bool::from(expected.as_slice().ct_eq(tag)) {
            sealed.zeroize();
            return Err(NotAuthentic);
        }
        sealed.truncate(length);
        Ok(())
    }

    /// The counter block that masks the tag: the nonce and a one, or the hash of a nonce whose length is not 12.
    fn first_counter(&self, nonce: &[u8]) -> [u8; 16] {
        let mut counter = [0; 16];
        if let Some((prefix, [.., last])) = counter.split_at_mut_checked(12)
            && nonce.len() == prefix.len()
        {
            prefix.copy_from_slice(nonce);
            *last = 1;
            return counter;
        }
        let mut hash = self.hash.clone();
        hash.update_padded(nonce);
        finish(hash, [0, nonce.len()])
    }
}

/// The hash after two lengths, which are given in bytes and hashed in bits.
fn finish(mut hash: Ghash, lengths: [usize; 2]) -> [u8; 16] {
    let [first, second] = lengths.map(|bytes| u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8));
    let block = (u128::from(first) << 64 | u128::from(second)).to_be_bytes();
    hash.update(&[block]);
    hash.finish()
}

impl BlockCipherOfKey {
    fn encrypt_block(&self, block: &mut Block) {
        match self {
            Self::Aes128(cipher) => cipher.encrypt_block(block),
            Self::Aes192(cipher) => cipher.encrypt_block(block),
            Self::Aes256(cipher) => cipher.encrypt_block(block),
        }
    }

    fn apply_keystream(&self, counter: u128, text: &mut [u8]) -> u128 {
        match self {
            Self::Aes128(cipher) => apply_keystream(&**cipher, counter, text),
            Self::Aes192(cipher) => apply_keystream(&**cipher, counter, text),
            Self::Aes256(cipher) => apply_keystream(&**cipher, counter, text),
        }
    }
}

/// Counter mode with the 32-bit counter of GCM, from the block after the one with this number on. Gives the last number.
fn apply_keystream<C>(cipher: &C, mut number: u128, text: &mut [u8]) -> u128
where
    C: BlockEncrypt + BlockSizeUser<BlockSize = U16>,
{
    let mut blocks = [Block::default(); PARALLEL];
    for part in text.chunks_mut(size_of_val(&blocks)) {
        let keystream = blocks.get_mut(..part.len().div_ceil(16)).unwrap_or_default();
        for block in &mut *keystream {
            number = next(number);
            *block = number.to_be_bytes().into();
        }
        cipher.encrypt_blocks(keystream);
        let (whole, rest) = part.as_chunks_mut::<16>();
        for (text, key) in whole.iter_mut().zip(&*keystream) {
            *text = (u128::from_ne_bytes(*text) ^ u128::from_ne_bytes((*key).into())).to_ne_bytes();
        }
        if let Some(key) = keystream.last() {
            rest.iter_mut().zip(key).for_each(|(text, key)| *text ^= key);
        }
    }
    for block in &mut blocks {
        block.as_mut_slice().zeroize();
    }
    number
}

/// The next counter: only its last 32 bits count, and they start over.
fn next(counter: u128) -> u128 {
    const LAST: u128 = 0xffff_ffff;
    (counter & !LAST) | (counter.wrapping_add(1) & LAST)
}

/// So many bytes, of whole blocks, stay in a processor's cache while they are hashed and decrypted.
const PART: usize = 256 << 10;

/// As many blocks as processors with instructions for AES take at a time.
const PARALLEL: usize = 8;

#[cfg(test)]
mod tests {
    use aes_gcm::AesGcm;
    use aes_gcm::aead::{Aead, KeyInit as _, Payload};
    use cipher::consts::{U1, U8, U12, U16, U32, U64};
    use cipher::generic_array::ArrayLength;

    use super::*;

    fn opened(key: &[u8], nonce: &[u8], authenticated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut text = sealed.to_vec();
        Cipher::new(key).unwrap().open(nonce, authenticated, &mut text).ok().map(|()| text)
    }

    fn sealed_elsewhere<N: ArrayLength<u8>>(key: &[u8], nonce: &[u8], authenticated: &[u8], text: &[u8]) -> Vec<u8> {
        let cipher = AesGcm::<Aes256, N>::new_from_slice(key).unwrap();
        cipher.encrypt(nonce.into(), Payload { msg: text, aad: authenticated }).unwrap()
    }

    #[test]
    fn what_another_implementation_seals_is_opened_whatever_the_length_of_the_nonce() {
        let key: Vec<u8> = (0..32).collect();
        let nonce: Vec<u8> = (32..96).collect();
        for length in [0, 1, 15, 16, 17, 100, 1000, PART, PART + 1, 2 * PART + 17] {
            let text = vec![b'x'; length];
            let with = &text[..length / 2];
            for (bytes, sealed) in [
                (1, sealed_elsewhere::<U1>(&key, &nonce[..1], with, &text)),
                (8, sealed_elsewhere::<U8>(&key, &nonce[..8], with, &text)),
                (12, sealed_elsewhere::<U12>(&key, &nonce[..12], with, &text)),
                (16, sealed_elsewhere::<U16>(&key, &nonce[..16], with, &text)),
                (32, sealed_elsewhere::<U32>(&key, &nonce[..32], with, &text)),
                (64, sealed_elsewhere::<U64>(&key, &nonce[..64], with, &text)),
            ] {
                assert_eq!(opened(&key, &nonce[..bytes], with, &sealed), Some(text.clone()), "{bytes}, {length}");
            }
        }
    }

    #[test]
    fn the_counter_starts_over_without_a_carry() {
        assert_eq!(next(0x0007_ffff_fffe), 0x0007_ffff_ffff);
        assert_eq!(next(0x0007_ffff_ffff), 0x0007_0000_0000);
        assert_eq!(next(u128::MAX), u128::MAX - 0xffff_ffff);
    }

    #[test]
    fn shorter_keys_are_shorter_aes() {
        let nonce = [7; 12];
        let sealed = AesGcm::<Aes128, U12>::new(&[1; 16].into()).encrypt(&nonce.into(), b"text".as_slice()).unwrap();
        assert_eq!(opened(&[1; 16], &nonce, b"", &sealed).unwrap(), b"text");
        let sealed = AesGcm::<Aes192, U12>::new(&[1; 24].into()).encrypt(&nonce.into(), b"text".as_slice()).unwrap();
        assert_eq!(opened(&[1; 24], &nonce, b"", &sealed).unwrap(), b"text");
        for bytes in [0, 1, 15, 17, 31, 33, 64] {
            assert!(Cipher::new(&vec![0; bytes]).is_none());
        }
    }

    #[test]
    fn any_changed_bit_is_noticed() {
        let sealed = sealed_elsewhere::<U32>(&[1; 32], &[2; 32], b"a:", b"secret");
        assert_eq!(opened(&[1; 32], &[2; 32], b"a:", &sealed).unwrap(), b"secret");
        assert!(opened(&[1; 32], &[2; 32], b"b:", &sealed).is_none());
        assert!(opened(&[1; 32], &[3; 32], b"a:", &sealed).is_none());
        assert!(opened(&[2; 32], &[2; 32], b"a:", &sealed).is_none());
        assert!(opened(&[1; 32], &[], b"a:", &sealed).is_none());
        assert!(opened(&[1; 32], &[2; 32], b"a:", &sealed[..15]).is_none());
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&[1; 32], &[2; 32], b"a:", &changed).is_none(), "bit {bit}");
        }
    }
}
