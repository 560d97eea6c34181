//! The post-quantum identity of age: `AGE-SECRET-KEY-PQ-1...` for recipients `age1pq1...`.
//!
//! A stanza `mlkem768x25519` is a message of HPKE (RFC 9180) in base mode with the KEM MLKEM768-X25519, known as X-Wing
//! (draft-connolly-cfrg-xwing-kem), HKDF-SHA-256 and ChaCha20-Poly1305. The `age` crate has no such identity.

use age::DecryptError;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::bech32_encode;
use base64ct::{Base64Unpadded, Encoding};
use bech32::Hrp;
use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use hkdf::{Hkdf, HkdfExtract};
use ml_kem::kem::{Decapsulate, DecapsulationKey};
use ml_kem::{B32, Ciphertext, EncodedSizeUser, KemCore, MlKem768, MlKem768Params};
use sha2::Sha256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use sha3::{Digest, Sha3_256, Shake256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use super::{AgeKind, KeyProblem, file_key, secret};

/// What tells them from others.
pub(super) const KIND: AgeKind = AgeKind {
    prefix: "AGE-SECRET-KEY-PQ-1",
    recipient: "age1pq",
    stanza: "mlkem768x25519",
    parse: |text| {
        let identity = HybridIdentity::parse(text)?;
        Ok((identity.recipient(), Box::new(identity)))
    },
};

/// Bytes of an ML-KEM-768 ciphertext, and then of the X25519 share behind it.
const CIPHERTEXT: usize = 1088;
const SHARE: usize = 32;

/// KEM, key derivation and cipher by their numbers in HPKE.
const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

/// A post-quantum identity.
pub(crate) struct HybridIdentity {
    lattice: Box<DecapsulationKey<MlKem768Params>>,
    curve: Box<StaticSecret>,
    /// Both public keys, one behind the other.
    public: Vec<u8>,
}

impl HybridIdentity {
    /// Reads the text of an identity.
    fn parse(text: &str) -> Result<Self, KeyProblem> {
        Ok(Self::from_seed(&*secret(text, Hrp::parse_unchecked("age-secret-key-pq-"))?))
    }

    fn from_seed(seed: &[u8; 32]) -> Self {
        let mut expanded = Zeroizing::new([[0; 32]; 3]);
        Shake256::default().chain(seed).finalize_xof().read(expanded.as_flattened_mut());
        let [first, second, curve] = *expanded;
        let mut halves = [B32::from(first), B32::from(second)];
        let (lattice, encapsulation) = MlKem768::generate_deterministic(&halves[0], &halves[1]);
        for half in &mut halves {
            half.as_mut_slice().zeroize();
        }
        let curve = Box::new(StaticSecret::from(curve));
        let public = [encapsulation.as_bytes().as_slice(), PublicKey::from(&*curve).as_bytes()].concat();
        Self { lattice: Box::new(lattice), curve, public }
    }

    /// The recipient, `age1pq1...`, of nearly two thousand characters.
    pub(crate) fn recipient(&self) -> String {
        bech32_encode(Hrp::parse_unchecked(KIND.recipient), &self.public)
    }

    /// The secret that is shared by whoever made `ciphertext` and `share`; `None` if the share allows only one.
    fn decapsulate(&self, ciphertext: &[u8; CIPHERTEXT], share: [u8; SHARE]) -> Option<Zeroizing<[u8; 32]>> {
        // It has no error: a ciphertext that was tampered with gives another secret.
        let lattice = self.lattice.decapsulate(&Ciphertext::<MlKem768>::from(*ciphertext)).ok()?;
        let lattice = Zeroizing::new(<[u8; 32]>::from(lattice));
        let curve = self.curve.diffie_hellman(&PublicKey::from(share));
        if !curve.was_contributory() {
            return None;
        }
        let own = self.public.last_chunk::<SHARE>()?;
        let hash = Sha3_256::new()
            .chain_update(lattice.as_slice())
            .chain_update(curve.as_bytes())
            .chain_update(share)
            .chain_update(own)
            .chain_update(br"\.//^\");
        Some(Zeroizing::new(hash.finalize().into()))
    }
}

impl age::Identity for HybridIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != KIND.stanza {
            return None;
        }
        let mut encapsulated = [0; CIPHERTEXT + SHARE];
        let [argument] = stanza.args.as_slice() else { return Some(Err(DecryptError::InvalidHeader)) };
        let length = Base64Unpadded::decode(argument, &mut encapsulated).map_or(0, <[u8]>::len);
        // The length of the body is checked before it is decrypted, so that no stanza can fit two keys.
        if length != encapsulated.len() || stanza.body.len() != FILE_KEY_BYTES + 16 {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let (ciphertext, share) = encapsulated.split_first_chunk()?;
        let Some(secret) = self.decapsulate(ciphertext, *share.first_chunk()?) else {
            return Some(Err(DecryptError::InvalidHeader));
        };
        // A stanza does not say whose it is, so a failure means that it is another's.
        open(&secret, b"age-encryption.org/mlkem768x25519", &stanza.body).map(file_key)
    }
}

/// `Open` of the first message in HPKE's base mode, with no additional data.
fn open(secret: &[u8; 32], info: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let (psk_hash, _) = extract(&[], b"psk_id_hash", &[]);
    let (info_hash, _) = extract(&[], b"info_hash", info);
    let context = [&[0], psk_hash.as_slice(), info_hash.as_slice()].concat();
    let (_, schedule) = extract(secret, b"secret", &[]);
    let mut key = Zeroizing::new([0; 32]);
    expand(&schedule, b"key", &context, key.as_mut_slice())?;
    let mut nonce = [0; 12];
    expand(&schedule, b"base_nonce", &context, &mut nonce)?;
    ChaCha20Poly1305::new((&*key).into()).decrypt(&nonce.into(), message).ok()
}

/// `LabeledExtract`: the pseudo-random key, and the same ready to be expanded.
fn extract(salt: &[u8], label: &[u8], input: &[u8]) -> (Zeroizing<[u8; 32]>, Hkdf<Sha256>) {
    let mut extraction = HkdfExtract::<Sha256>::new(Some(salt));
    for part in [b"HPKE-v1".as_slice(), SUITE, label, input] {
        extraction.input_ikm(part);
    }
    let (key, expansion) = extraction.finalize();
    (Zeroizing::new(key.into()), expansion)
}

/// `LabeledExpand` into the whole of `output`.
fn expand(key: &Hkdf<Sha256>, label: &[u8], info: &[u8], output: &mut [u8]) -> Option<()> {
    let length = u16::try_from(output.len()).ok()?.to_be_bytes();
    key.expand_multi_info(&[&length, b"HPKE-v1", SUITE, label, info], output).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::age::AgeFile;

    const KEY_FILE: &str = include_str!("../../../../tests/corpus/keys/age-pq.txt");
    const MESSAGE: &str = include_str!("../../tests/keys/age-pq-message.txt");

    fn identity() -> HybridIdentity {
        HybridIdentity::parse(KEY_FILE.lines().nth(1).unwrap()).unwrap()
    }

    #[test]
    fn the_recipient_is_the_one_that_age_keygen_printed() {
        let printed = KEY_FILE.lines().next().unwrap().strip_prefix("# public key: ").unwrap();
        assert_eq!(identity().recipient(), printed);
    }

    #[test]
    fn what_sops_encrypted_opens() {
        let file = AgeFile::from_entry(MESSAGE).unwrap();
        assert_eq!(file.open(&identity()).unwrap().unwrap().len(), 32);
        assert_eq!(file.open(&HybridIdentity::from_seed(&[1; 32])).map(|content| content.is_some()), Ok(false));
    }

    #[test]
    fn the_text_must_be_whole() {
        let text = KEY_FILE.lines().nth(1).unwrap();
        for wrong in [&text[..text.len() - 1], &text.replace("PQ-1", "PQ-1Q"), KIND.prefix, ""] {
            assert_eq!(HybridIdentity::parse(wrong).err(), Some(KeyProblem::Mistyped), "{} characters", wrong.len());
        }
        let short = bech32_encode(Hrp::parse_unchecked("age-secret-key-pq-"), &[7; 31]);
        assert_eq!(HybridIdentity::parse(&short).err(), Some(KeyProblem::Mistyped));
        let other = bech32_encode(Hrp::parse_unchecked("age-secret-key-"), &[7; 32]);
        assert_eq!(HybridIdentity::parse(&other).err(), Some(KeyProblem::Mistyped));
    }

    #[test]
    fn stanzas_that_are_not_well_formed_are_errors() {
        let identity = identity();
        let stanza = |tag: &str, arguments: &[&[u8]], body: usize| {
            let args = arguments.iter().map(|bytes| Base64Unpadded::encode_string(bytes)).collect();
            age::Identity::unwrap_stanza(&identity, &Stanza { tag: tag.into(), args, body: vec![0; body] })
        };
        let good = [&[1; CIPHERTEXT][..], &[9], &[0; 31]].concat();
        let without_share = [&[1; CIPHERTEXT][..], &[0; SHARE]].concat();
        assert!(stanza("mlkem768x25519", &[&good], 32).is_none(), "another's");
        assert!(stanza("X25519", &[&good], 32).is_none(), "another kind");
        for (what, outcome) in [
            ("short body", stanza("mlkem768x25519", &[&good], 31)),
            ("long body", stanza("mlkem768x25519", &[&good], 33)),
            ("no argument", stanza("mlkem768x25519", &[], 32)),
            ("two arguments", stanza("mlkem768x25519", &[&good, &good], 32)),
            ("short argument", stanza("mlkem768x25519", &[&good[1..]], 32)),
            ("long argument", stanza("mlkem768x25519", &[&[&good[..], &[0]].concat()], 32)),
            ("share without secret", stanza("mlkem768x25519", &[&without_share], 32)),
        ] {
            assert!(matches!(outcome, Some(Err(DecryptError::InvalidHeader))), "{what}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn a_changed_character_opens_nothing(at in 40_usize..2200) {
            let mut changed = MESSAGE.as_bytes().to_vec();
            prop_assume!(changed[at] != b'\n' && changed[at] != b'A');
            changed[at] = b'A';
            let outcome = AgeFile::from_entry(std::str::from_utf8(&changed).unwrap()).and_then(|file| file.open(&identity()));
            prop_assert!(!matches!(outcome, Ok(Some(_))));
        }
    }
}
