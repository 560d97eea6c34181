//! The MAC: a hash over every value of a file, kept encrypted in its metadata (sops-format.md section 4).

use std::fmt::Write as _;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::gcm::Cipher;
use crate::number;
use crate::tree::{Scalar, Value};
use crate::value::{Ciphertext, ValueError};

/// The hash while values are added in the order of the file. Keys, structure and comments are no part of it.
pub(crate) struct MacHasher(Sha512);

/// The finished hash. It tells something of the plaintext, so it is wiped on drop and has no `Debug`.
pub(crate) struct Mac(Zeroizing<String>);

/// Why a file cannot be trusted. No variant holds a hash.
#[derive(Debug, thiserror::Error)]
pub enum MacError {
    /// No MAC at all, which sops never accepts.
    #[error("it has no MAC, so nobody can tell whether it was changed; restore the file from version control")]
    Missing,
    /// The MAC itself does not decrypt.
    #[error("its MAC cannot be read")]
    Unreadable(#[source] ValueError),
    /// The MAC decrypts and is that of other values.
    #[error(
        "its MAC does not match: something was added, removed, reordered or changed without sops; restore the file \
         from version control or, if you trust the change, accept it with: sops edit --ignore-mac FILE"
    )]
    Mismatch,
}

impl MacHasher {
    /// An empty hash; under `mac_only_encrypted` one that has taken in a constant, so that the two kinds never agree.
    pub(crate) fn new(mac_only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if mac_only_encrypted {
            hash.update(MAC_ONLY_ENCRYPTED);
        }
        Self(hash)
    }

    /// Adds the text of a value. Null adds nothing.
    ///
    /// # Errors
    ///
    /// [`ValueError::Offset`].
    pub(crate) fn add(&mut self, scalar: &Scalar) -> Result<(), ValueError> {
        match scalar {
            Scalar::Text(text) => self.0.update(text.as_bytes()),
            Scalar::Integer(number) => self.0.update(Zeroizing::new(number.to_string()).as_bytes()),
            Scalar::Float(number) => self.0.update(Zeroizing::new(number::positional(*number)).as_bytes()),
            Scalar::Boolean(true) => self.0.update("True"),
            Scalar::Boolean(false) => self.0.update("False"),
            Scalar::Timestamp(time) if time.has_strict_offset() => {
                self.0.update(Zeroizing::new(time.to_string()).as_bytes());
            }
            Scalar::Timestamp(_) => return Err(ValueError::Offset),
            Scalar::Null | Scalar::Unsigned(_) => {}
        }
        Ok(())
    }

    /// The hash as sops writes it: 128 upper-case hexadecimal digits.
    pub(crate) fn finish(self) -> Mac {
        let mut text = Zeroizing::new(String::with_capacity(2 * 64));
        for byte in self.0.finalize() {
            if write!(text, "{byte:02X}").is_err() {
                // Writing to a string cannot fail, and a hash that is too short matches nothing.
                break;
            }
        }
        Mac(text)
    }
}

/// Whether what is stored could be a MAC, as far as can be told without the data key.
///
/// # Errors
///
/// [`MacError`] unless it is a ciphertext.
pub(crate) fn check(stored: &str) -> Result<(), MacError> {
    if stored.is_empty() {
        return Err(MacError::Missing);
    }
    let ciphertext = Ciphertext::parse(stored.as_bytes()).ok_or(ValueError::NotEncrypted);
    ciphertext.and_then(|ciphertext| ciphertext.check()).map_err(MacError::Unreadable)
}

impl Mac {
    /// Compares with the MAC in the metadata, which is bound to the time of the last modification.
    ///
    /// # Errors
    ///
    /// [`MacError`] unless the stored MAC decrypts to a string of just these digits.
    pub(crate) fn verify(&self, stored: &str, last_modified: &str, cipher: &Cipher) -> Result<(), MacError> {
        if stored.is_empty() {
            return Err(MacError::Missing);
        }
        let ciphertext = Ciphertext::parse(stored.as_bytes()).ok_or(MacError::Unreadable(ValueError::NotEncrypted))?;
        match ciphertext.open(cipher, last_modified.as_bytes()) {
            Err(error) => Err(MacError::Unreadable(error)),
            Ok(Value::Scalar(Scalar::Text(text))) if text.as_bytes().ct_eq(self.0.as_bytes()).into() => Ok(()),
            Ok(_) => Err(MacError::Mismatch),
        }
    }
}

/// SHA-256 of `sops`.
const MAC_ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::Timestamp;

    fn mac(mac_only_encrypted: bool, scalars: &[Scalar]) -> String {
        let mut hasher = MacHasher::new(mac_only_encrypted);
        for scalar in scalars {
            hasher.add(scalar).unwrap();
        }
        hasher.finish().0.as_str().to_owned()
    }

    #[test]
    fn the_vectors_of_the_format_agree() {
        let hi = "150A14ED5BEA6CC731CF86C41566AC427A8DB48EF1B9FD626664B3BFBB99071FA4C922F33DDE38719B8C8354E2B7AB9D77E0E67FC12843920A712E73D558E197";
        assert_eq!(mac(false, &[Scalar::text("hi")]), hi);
        let constant = "51BCEDE156AC1CD60522D3D881DE7EDB7C40D1D1ACCCB6819E791BE50971F4361A111C70BCED8B18E45D18D2DF39C6A5004E83C16D5567A1ED3B574EA519C08B";
        assert_eq!(mac(true, &[Scalar::text("hi")]), constant);
        let types = [
            Scalar::text("hello"),
            Scalar::Integer(42),
            Scalar::Float(1.5),
            Scalar::Boolean(true),
            Scalar::Timestamp(Timestamp::parse_rfc3339("2020-01-01T00:00:00Z").unwrap()),
            Scalar::text(""),
            Scalar::Null,
            Scalar::text("x"),
            Scalar::text("two\nlines\n"),
            Scalar::text("plain"),
        ];
        let all = "C7B62A5C113988BDBC0EC303DCDC8E7D93D82FAFD664DE28EE3E2FF3BD7D529318AE877A61BA8D002159F32C187A3E92A1BCB9FD92D7D9504B54DAEB545F3A2C";
        assert_eq!(mac(false, &types), all);
    }

    #[test]
    fn a_stored_mac_counts_only_with_its_time_and_in_upper_case() {
        let key: Vec<u8> = (0..32).collect();
        let cipher = Cipher::new(&key).unwrap();
        let stored = "ENC[AES256_GCM,data:JvTBCbw7k2fzEyM20MMiyLSg9OJTwWpklgUL4d5MzMPDrFj+AcvL+2KxNqbBEa59NE63buY/d9qJQ3vEALq7tY6ICXBLXQuFyvUqROOMw9GEHZE8sjJogvnwCyfyZOL9jejw7olVtpM1POIiZoOsccU6yMBRNmXNPP2JCRXnNq4=,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:uNAakoWQWkPJj4qgO+bZxA==,type:str]";
        let of = |text: &str| {
            let mut hasher = MacHasher::new(false);
            hasher.add(&Scalar::text(text)).unwrap();
            hasher.finish()
        };
        let time = "2024-01-02T03:04:05Z";
        assert!(of("hi").verify(stored, time, &cipher).is_ok());
        assert!(matches!(of("ho").verify(stored, time, &cipher), Err(MacError::Mismatch)));
        assert!(matches!(of("hi").verify(stored, "2024-01-02T03:04:06Z", &cipher), Err(MacError::Unreadable(_))));
        assert!(matches!(of("hi").verify("", time, &cipher), Err(MacError::Missing)));
        assert!(matches!(of("hi").verify("x", time, &cipher), Err(MacError::Unreadable(_))));
        let comment = stored.replace("type:str", "type:comment");
        assert!(matches!(of("hi").verify(&comment, time, &cipher), Err(MacError::Mismatch)));
    }
}
