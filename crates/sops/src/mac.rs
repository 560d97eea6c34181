//! The MAC: a hash over every value of a file, kept encrypted in its metadata (docs/format.md section 4).

use std::fmt::Write as _;

use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use gcm::Cipher;

use go_yaml::number;

use crate::tree::{Integers, Scalar, Value};
use crate::value::{Ciphertext, ValueError};

/// The hash while values are added in the order of the file. Keys, structure and comments are no part of it.
pub(crate) struct MacHasher {
    /// With integers of JSON as they are since sops 3.13.2.
    exact: Sha512,
    /// With integers of JSON as they were before, as soon as one comes that makes a difference.
    rounded: Option<Sha512>,
}

/// The finished hash. It tells something of the plaintext, so it is wiped on drop and has no `Debug`.
#[cfg_attr(test, derive(Eq, PartialEq))]
pub(crate) struct Mac {
    exact: Zeroizing<String>,
    rounded: Option<Zeroizing<String>>,
}

/// Why a file cannot be trusted. No variant holds a hash.
#[derive(Debug, thiserror::Error)]
pub enum MacError {
    /// No MAC at all, which sops never accepts.
    #[error("it has no MAC, without which changes cannot be noticed")]
    Missing,
    /// The MAC itself does not decrypt.
    #[error("its MAC cannot be read")]
    Unreadable(#[source] ValueError),
    /// The MAC decrypts and is that of other values.
    #[error("its MAC does not match: something was added, removed, reordered or changed without sops")]
    Mismatch,
}

impl MacHasher {
    /// An empty hash; under `mac_only_encrypted` one that has taken in a constant, so that the two kinds never agree.
    pub(crate) fn new(mac_only_encrypted: bool) -> Self {
        let mut hash = Sha512::new();
        if mac_only_encrypted {
            hash.update(MAC_ONLY_ENCRYPTED);
        }
        Self { exact: hash, rounded: None }
    }

    /// Adds the text of a value. Null adds nothing.
    ///
    /// # Errors
    ///
    /// [`ValueError::Offset`].
    pub(crate) fn add(&mut self, scalar: &Scalar) -> Result<(), ValueError> {
        match scalar {
            Scalar::Text(text) => self.update(text.as_bytes()),
            Scalar::Integer(number) => self.update(Zeroizing::new(number.to_string()).as_bytes()),
            Scalar::JsonInteger { exact, rounded } => {
                let before = self.rounded.take().unwrap_or_else(|| self.exact.clone());
                self.rounded = Some(before.chain_update(number::positional(*rounded)));
                self.exact.update(exact.to_string());
            }
            Scalar::Float(number) => self.update(Zeroizing::new(number::positional(*number)).as_bytes()),
            Scalar::Boolean(true) => self.update(b"True"),
            Scalar::Boolean(false) => self.update(b"False"),
            Scalar::Timestamp(time) if time.has_strict_offset() => {
                self.update(Zeroizing::new(time.to_string()).as_bytes());
            }
            Scalar::Timestamp(_) => return Err(ValueError::Offset),
            Scalar::Null | Scalar::Unsigned(_) => {}
        }
        Ok(())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.exact.update(bytes);
        if let Some(rounded) = &mut self.rounded {
            rounded.update(bytes);
        }
    }

    /// The hash.
    pub(crate) fn finish(self) -> Mac {
        Mac { exact: digits(self.exact), rounded: self.rounded.map(digits) }
    }
}

/// A hash as sops writes it: 128 upper-case hexadecimal digits.
fn digits(hash: Sha512) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * 64));
    for byte in hash.finalize() {
        if write!(text, "{byte:02X}").is_err() {
            // Writing to a string cannot fail, and a hash that is too short matches nothing.
            break;
        }
    }
    text
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
    /// Compares with the MAC in the metadata, which is bound to the time of the last modification. It is right if it is that
    /// of either reading of the integers of JSON; says of which, where it makes a difference.
    ///
    /// # Errors
    ///
    /// [`MacError`] unless the stored MAC decrypts to a string of just these digits.
    pub(crate) fn verify(
        &self,
        stored: &str,
        last_modified: &str,
        cipher: &Cipher,
    ) -> Result<Option<Integers>, MacError> {
        if stored.is_empty() {
            return Err(MacError::Missing);
        }
        let ciphertext = Ciphertext::parse(stored.as_bytes()).ok_or(MacError::Unreadable(ValueError::NotEncrypted))?;
        let opened = ciphertext.open(cipher, last_modified.as_bytes()).map_err(MacError::Unreadable)?;
        let Value::Scalar(Scalar::Text(text)) = opened else { return Err(MacError::Mismatch) };
        let is = |digits: &Zeroizing<String>| bool::from(text.as_bytes().ct_eq(digits.as_bytes()));
        match &self.rounded {
            None if is(&self.exact) => Ok(None),
            Some(_) if is(&self.exact) => Ok(Some(Integers::Exact)),
            Some(rounded) if is(rounded) => Ok(Some(Integers::Rounded)),
            _ => Err(MacError::Mismatch),
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
    use go_yaml::Timestamp;

    use super::*;

    fn mac(mac_only_encrypted: bool, scalars: &[Scalar]) -> String {
        let mut hasher = MacHasher::new(mac_only_encrypted);
        for scalar in scalars {
            hasher.add(scalar).unwrap();
        }
        hasher.finish().exact.as_str().to_owned()
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

    #[test]
    fn an_integer_of_json_is_right_in_either_reading() {
        let hasher = |scalars: &[Scalar]| {
            let mut hasher = MacHasher::new(false);
            for scalar in scalars {
                hasher.add(scalar).unwrap();
            }
            hasher.finish()
        };
        let large = Scalar::JsonInteger { exact: 9_007_199_254_740_993, rounded: 9_007_199_254_740_992.0 };
        let zero = Scalar::JsonInteger { exact: 0, rounded: -0.0 };
        let both = hasher(&[Scalar::text("a"), large, Scalar::text("b"), zero]);
        assert_eq!(both.exact, hasher(&[Scalar::text("a9007199254740993b0")]).exact);
        assert_eq!(both.rounded, Some(hasher(&[Scalar::text("a9007199254740992b-0")]).exact));
        assert_eq!(hasher(&[Scalar::Integer(1)]).rounded, None);
    }
}
