//! The permission bits of a secret.

use std::fmt;

/// Permission bits, written in the manifest as octal digits such as `0400`.
///
/// As in sops-nix, numbers up to 177777 are accepted and only the low nine bits count: no set-user-id, set-group-id or
/// sticky bit ever reaches a file (docs/format.md section 8.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode(u32);

impl Mode {
    /// The low nine bits, as `chmod(2)` takes them.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04o}", self.0)
    }
}

impl TryFrom<String> for Mode {
    type Error = ModeError;

    fn try_from(text: String) -> Result<Self, ModeError> {
        if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
            return Err(ModeError::NotOctal(text));
        }
        match u16::from_str_radix(&text, 8) {
            Ok(number) => Ok(Self(u32::from(number) & 0o777)),
            // Only digits are left, so the number is too large for the kernel's 16 bits.
            Err(_) => Err(ModeError::TooLarge(text)),
        }
    }
}

/// Why a text is no [`Mode`].
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// Something but the digits 0 to 7.
    #[error("the mode {0:?} is not made of octal digits")]
    NotOctal(String),
    /// More than 16 bits.
    #[error("the mode {0:?} is larger than 177777")]
    TooLarge(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_octal_digits_and_keeps_nine_bits() {
        for (text, bits) in [("0400", 0o400), ("440", 0o440), ("4755", 0o755), ("0", 0), ("177777", 0o777)] {
            assert_eq!(Mode::try_from(text.to_owned()).unwrap().bits(), bits, "{text}");
        }
    }

    #[test]
    fn each_reason_against_a_mode_has_its_words() {
        for bad in ["", "0o400", "+400", "-1", "800", " 400", "r--------"] {
            assert_eq!(
                Mode::try_from(bad.to_owned()).unwrap_err().to_string(),
                format!("the mode {bad:?} is not made of octal digits")
            );
        }
        for bad in ["200000", "77777777777777777777777777"] {
            assert_eq!(
                Mode::try_from(bad.to_owned()).unwrap_err().to_string(),
                format!("the mode {bad:?} is larger than 177777")
            );
        }
    }
}
