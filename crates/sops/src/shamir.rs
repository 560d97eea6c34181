//! Shamir's secret sharing over GF(2^8), which sops uses to share a data key among key groups (docs/format.md section 6.1).

use zeroize::Zeroizing;

/// Shares that cannot be combined. The first that applies, in the order of sops.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CombineError {
    /// One share says nothing about the secret.
    #[error("a single share does not give the data key")]
    TooFew,
    /// A share is at least one byte of the secret and its coordinate.
    #[error("a share is shorter than two bytes")]
    TooShort,
    /// The shares are not those of one secret.
    #[error("the shares have different lengths")]
    DifferentLengths,
    /// Two shares have the same coordinate.
    #[error("two groups hold the same share")]
    Duplicate,
}

/// The secret that `shares` are shares of, each the bytes of y and then one byte x.
///
/// Fewer shares than the secret was made for give a wrong secret, which cannot be seen here.
pub(crate) fn combine(shares: &[Zeroizing<Vec<u8>>]) -> Result<Zeroizing<Vec<u8>>, CombineError> {
    if shares.len() < 2 {
        return Err(CombineError::TooFew);
    }
    let points: Vec<(&[u8], u8)> = shares
        .iter()
        .map(|share| match share.split_last() {
            Some((&x, y)) if !y.is_empty() => Ok((y, x)),
            _ => Err(CombineError::TooShort),
        })
        .collect::<Result<_, _>>()?;
    let length = points.first().map_or(0, |(y, _)| y.len());
    if points.iter().any(|(y, _)| y.len() != length) {
        return Err(CombineError::DifferentLengths);
    }
    let mut seen = [false; 256];
    for (_, x) in &points {
        if seen.get_mut(usize::from(*x)).is_some_and(|before| std::mem::replace(before, true)) {
            return Err(CombineError::Duplicate);
        }
    }
    let mut secret = Zeroizing::new(vec![0; length]);
    for (own, (y, x)) in points.iter().enumerate() {
        // The Lagrange polynomial of this point at 0. Where it says 0 - x, the field says x.
        let weight = points.iter().enumerate().filter(|(other, _)| *other != own).fold(1, |weight, (_, (_, other))| {
            multiply(weight, multiply(*other, inverse(x ^ other))) // no two x are the same
        });
        for (byte, y) in secret.iter_mut().zip(*y) {
            *byte ^= multiply(weight, *y);
        }
    }
    Ok(secret)
}

/// The product modulo x^8 + x^4 + x^3 + x + 1, without a branch or a table that depends on it.
fn multiply(left: u8, right: u8) -> u8 {
    let mut product = 0;
    let mut shifted = left;
    for bit in 0..8 {
        product ^= shifted & 0_u8.wrapping_sub((right >> bit) & 1);
        shifted = (shifted << 1) ^ (0x1b & 0_u8.wrapping_sub(shifted >> 7));
    }
    product
}

/// The multiplicative inverse, which is the 254th power.
fn inverse(number: u8) -> u8 {
    (0..6).fold(multiply(number, number), |power, _| multiply(multiply(power, number), multiply(power, number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hex: &str) -> Zeroizing<Vec<u8>> {
        let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
        Zeroizing::new(hex.as_bytes().chunks(2).map(|pair| (digit(pair[0]) << 4) | digit(pair[1])).collect())
    }

    #[test]
    fn multiplication_is_that_of_the_field() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        for number in 1..=255 {
            assert_eq!(multiply(number, inverse(number)), 1, "{number}");
            assert_eq!(multiply(number, 1), number);
            assert_eq!(multiply(0, number), 0);
        }
    }

    #[test]
    fn any_two_shares_of_the_vector_give_the_secret() {
        let shares = [
            share("535b636b6b737b83839b93ababa3bbb3d3dbc3cbcbf3fbe3e31b130b0b033b3301"),
            share("a6b5c0d3dae9fc1405362350594a7f6c8d9eabb8b1c2d7e4f51d083b3221544702"),
            share("f5efa1bbb59f81908ea4baf0fee4cad04e547a606e243a100e1f012b253f716b03"),
            share("a29c3e00125c6eb694dae846546a28166f51132d3f91a3edcf17256b7947e5db07"),
        ];
        let secret: Vec<u8> = (0..32).collect();
        for left in 0..shares.len() {
            for right in 0..shares.len() {
                let two = [shares[left].clone(), shares[right].clone()];
                let combined = combine(&two).map(|secret| secret.to_vec());
                let expected = if left == right { Err(CombineError::Duplicate) } else { Ok(secret.clone()) };
                assert_eq!(combined, expected, "shares {left} and {right}");
            }
        }
        assert_eq!(combine(&shares).map(|secret| secret.to_vec()), Ok(secret), "more than needed are combined too");
    }

    #[test]
    fn the_share_at_zero_is_the_secret() {
        let shares = [share("0a0b00"), share("ffff05")];
        assert_eq!(combine(&shares).map(|secret| secret.to_vec()), Ok(vec![0x0a, 0x0b]));
    }

    #[test]
    fn what_cannot_be_combined_is_said_in_the_order_of_sops() {
        for (shares, error) in [
            (vec![], CombineError::TooFew),
            (vec![share("0001")], CombineError::TooFew),
            (vec![share("01"), share("01")], CombineError::TooShort),
            (vec![share(""), share("0102")], CombineError::TooShort),
            (vec![share("0102"), share("010202")], CombineError::DifferentLengths),
            (vec![share("0102"), share("0202")], CombineError::Duplicate),
        ] {
            assert_eq!(combine(&shares).map(|secret| secret.to_vec()), Err(error));
        }
    }
}
