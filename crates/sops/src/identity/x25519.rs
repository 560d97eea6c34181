//! The classic identity of age: `AGE-SECRET-KEY-1...` for recipients `age1...`.
//!
//! The `age` crate has one too. It multiplies its way to its own public key again for each stanza that it tries, and that is
//! a third of what a file costs; here the public key is kept.

use age::DecryptError;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{aead_decrypt, bech32_encode, hkdf};
use base64ct::{Base64Unpadded, Encoding};
use bech32::Hrp;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::{AgeKind, KeyProblem, file_key, secret};

/// What tells them from others.
pub(super) const KIND: AgeKind = AgeKind {
    prefix: "AGE-SECRET-KEY-1",
    recipient: "age",
    stanza: "X25519",
    parse: |text| {
        let identity = X25519Identity::parse(text)?;
        Ok((identity.recipient(), Box::new(identity)))
    },
};

/// An X25519 identity.
pub(crate) struct X25519Identity {
    secret: Box<StaticSecret>,
    public: PublicKey,
}

impl X25519Identity {
    /// Reads the text of an identity.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyProblem> {
        let secret = secret(text, Hrp::parse_unchecked("age-secret-key-"))?;
        Ok(Self::new(Box::new(StaticSecret::from(*secret))))
    }

    /// The identity with this secret.
    pub(crate) fn new(secret: Box<StaticSecret>) -> Self {
        let public = PublicKey::from(&*secret);
        Self { secret, public }
    }

    /// The recipient, `age1...`.
    pub(crate) fn recipient(&self) -> String {
        bech32_encode(Hrp::parse_unchecked(KIND.recipient), self.public.as_bytes())
    }
}

impl age::Identity for X25519Identity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != KIND.stanza {
            return None;
        }
        let mut share = [0; 32];
        let [argument] = stanza.args.as_slice() else { return Some(Err(DecryptError::InvalidHeader)) };
        let length = Base64Unpadded::decode(argument, &mut share).map_or(0, <[u8]>::len);
        // The length of the body is checked before it is decrypted, so that no stanza can fit two keys.
        if length != share.len() || stanza.body.len() != FILE_KEY_BYTES + 16 {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let shared = self.secret.diffie_hellman(&PublicKey::from(share));
        if !shared.was_contributory() {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let salt = [share, self.public.to_bytes()].concat();
        let wrap_key = Zeroizing::new(hkdf(&salt, b"age-encryption.org/v1/X25519", shared.as_bytes()));
        // A stanza does not say whose it is, so a failure means that it is another's.
        aead_decrypt(&wrap_key, FILE_KEY_BYTES, &stanza.body).ok().map(file_key)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The identity of both readers, and its text.
    fn pair(secret: [u8; 32]) -> (X25519Identity, age::x25519::Identity) {
        let text = bech32_encode(Hrp::parse_unchecked("age-secret-key-"), &secret).to_uppercase();
        (X25519Identity::parse(&text).unwrap(), text.parse().unwrap())
    }

    /// What became of a stanza, without the key.
    fn outcome(identity: &dyn age::Identity, stanza: &Stanza) -> &'static str {
        match identity.unwrap_stanza(stanza) {
            None => "another's",
            Some(Ok(_)) => "opened",
            Some(Err(DecryptError::InvalidHeader)) => "invalid",
            Some(Err(_)) => "failed",
        }
    }

    proptest! {
        #[test]
        fn it_is_the_identity_of_the_age_crate(secret: [u8; 32]) {
            let (ours, theirs) = pair(secret);
            prop_assert_eq!(ours.recipient(), theirs.to_public().to_string());
            let recipient = theirs.to_public();
            let file_key = || FileKey::new(Box::new([7; FILE_KEY_BYTES]));
            let (stanzas, _) = age::Recipient::wrap_file_key(&recipient, &file_key()).unwrap();
            for stanza in &stanzas {
                prop_assert_eq!(outcome(&ours, stanza), outcome(&theirs, stanza));
            }
            prop_assert!(stanzas.iter().any(|stanza| outcome(&ours, stanza) == "opened"));
        }

        #[test]
        fn a_damaged_stanza_is_to_it_what_it_is_to_the_age_crate(
            secret: [u8; 32],
            tag in "X25519|X25518|x25519|",
            args in proptest::collection::vec("[A-Za-z0-9+/=]{42,44}|A{43}|", 0..3),
            body in proptest::collection::vec(any::<u8>(), 30..34),
        ) {
            let (ours, theirs) = pair(secret);
            let stanza = Stanza { tag, args, body };
            prop_assert_eq!(outcome(&ours, &stanza), outcome(&theirs, &stanza));
        }
    }
}
