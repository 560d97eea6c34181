//! Numbers as sops reads and prints them, which is as Go does (sops-format.md sections 2.3, 4.1, 7.2.3, 7.3 and 7.5).

/// A decimal integer as Go's `strconv.Atoi` takes it: an optional sign, then only ASCII digits, within 64 bits.
pub(crate) fn parse_decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A floating-point number as Go's `strconv.ParseFloat` takes it: decimal or hexadecimal, digits separated by
/// underscores, `inf`, `infinity` and `nan` in any case. A number beyond the range of 64 bits is none.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let signed = |magnitude: f64| if negative { -magnitude } else { magnitude };
    if unsigned.eq_ignore_ascii_case("inf") || unsigned.eq_ignore_ascii_case("infinity") {
        return Some(signed(f64::INFINITY));
    }
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    if !underscores_separate_digits(unsigned) {
        return None;
    }
    let plain = unsigned.replace('_', "");
    let magnitude = match plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        Some(hexadecimal) => parse_hexadecimal_float(hexadecimal)?,
        None => parse_decimal_float(&plain)?,
    };
    magnitude.is_finite().then(|| signed(magnitude))
}

/// The shortest digits that read back as the same number, never with an exponent: the form that is hashed.
pub(crate) fn positional(number: f64) -> String {
    if number == f64::INFINITY {
        "+Inf".to_owned()
    } else if number == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        // Rust prints the same digits as Go, `-0` and `NaN` included.
        number.to_string()
    }
}

/// The shortest digits, with an exponent of at least two digits below 1e-4 and from 1e+06 on: Go's format `%g`. Not for
/// infinities and not-a-number, whose names differ between formats.
pub(crate) fn general(number: f64) -> String {
    let (mantissa, exponent) = scientific(number);
    if (-4..6).contains(&exponent) {
        return positional(number);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

/// As JSON documents of Go have it: positional from 1e-6 up to, but not including, 1e21, else with an exponent that is
/// not padded. Only for finite numbers.
pub(crate) fn json(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        return positional(number);
    }
    let (mantissa, exponent) = scientific(number);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{}", exponent.unsigned_abs())
}

/// The shortest mantissa of a finite number, and its decimal exponent.
fn scientific(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    match text.split_once('e').map(|(mantissa, exponent)| (mantissa.to_owned(), exponent.parse())) {
        Some((mantissa, Ok(exponent))) => (mantissa, exponent),
        // Infinities and not-a-number have no exponent.
        _ => (text, 0),
    }
}

/// Go allows one underscore between two digits, or between the base prefix and a digit.
fn underscores_separate_digits(unsigned: &str) -> bool {
    if !unsigned.contains('_') {
        return true;
    }
    let hexadecimal = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    let is_digit = |byte: u8| byte.is_ascii_digit() || hexadecimal && byte.is_ascii_hexdigit();
    let body = if hexadecimal { unsigned.get(2..).unwrap_or_default() } else { unsigned };
    let mut after_digit = hexadecimal;
    let mut bytes = body.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'_' && !(after_digit && bytes.peek().is_some_and(|&next| is_digit(next))) {
            return false;
        }
        after_digit = is_digit(byte);
    }
    true
}

/// Digits with at most one point and an optional exponent; at least one digit before the exponent.
fn parse_decimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_is_good = exponent.is_none_or(|text| {
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        !unsigned.is_empty() && digits(unsigned)
    });
    if !digits(whole) || !digits(fraction) || (whole.is_empty() && fraction.is_empty()) || !exponent_is_good {
        return None;
    }
    text.parse().ok()
}

/// What stands behind `0x`: hexadecimal digits with at most one point, then `p` and a decimal exponent of two, which Go
/// demands. Rounded to the nearest even.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let unsigned_exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if unsigned_exponent.is_empty() || !unsigned_exponent.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // An exponent beyond 32 bits is far beyond what the digits of any text could make up for.
    let written: i64 =
        exponent.parse::<i32>().map_or(if exponent.starts_with('-') { -1 << 40 } else { 1 << 40 }, i64::from);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut significant: u64 = 0;
    let mut power: i64 = written.checked_sub(i64::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    for digit in whole.chars().chain(fraction.chars()) {
        let digit = u64::from(digit.to_digit(16)?);
        if significant >> 60 == 0 {
            significant = (significant << 4) | digit;
        } else {
            // No room for the digit: it only tells whether the rest is zero, which rounding needs to know.
            significant |= u64::from(digit != 0);
            power = power.checked_add(4)?;
        }
    }
    if significant == 0 {
        return Some(0.0);
    }
    let leading = significant.leading_zeros();
    significant <<= leading;
    // The value is significant x 2^power with the top bit set, so its exponent is power + 63.
    let biased = power.checked_sub(i64::from(leading))?.checked_add(63 + 1023)?;
    if biased >= 2047 {
        return Some(f64::INFINITY);
    }
    let dropped = if biased >= 1 { 11 } else { 12_i64.checked_sub(biased)? };
    let kept = match u32::try_from(dropped) {
        Ok(shift @ 0..=63) => {
            let floor = significant >> shift;
            let rest = significant & ((1_u64 << shift).wrapping_sub(1));
            let half = 1_u64 << shift.saturating_sub(1);
            floor.saturating_add(u64::from(rest > half || (rest == half && floor & 1 == 1)))
        }
        Ok(64) => u64::from(significant > 1 << 63),
        _ => 0,
    };
    let exponent_bits = u64::try_from(biased.max(1).saturating_sub(1)).ok()? << 52;
    Some(f64::from_bits(exponent_bits.saturating_add(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_integers_are_those_of_go() {
        for (text, number) in [
            ("0", Some(0)),
            ("+5", Some(5)),
            ("-5", Some(-5)),
            ("007", Some(7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("+", None),
            ("1_0", None),
            (" 1", None),
            ("0x1", None),
            ("1.", None),
            ("+-1", None),
        ] {
            assert_eq!(parse_decimal(text), number, "{text:?}");
        }
    }

    #[test]
    fn floats_are_those_of_go() {
        for (text, number) in [
            ("1.5", Some(1.5)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1e25", Some(1e25)),
            ("-1E-2", Some(-0.01)),
            ("1_0.5", Some(10.5)),
            ("0x1p-2", Some(0.25)),
            ("0X1.8P1", Some(3.0)),
            ("0x_1p0", Some(1.0)),
            ("0x1.fffffffffffff8p0", Some(2.0)),
            ("0x1.fffffffffffff7p0", Some(1.999_999_999_999_999_8)),
            ("0x1p-1074", Some(5e-324)),
            ("0x1p-1075", Some(0.0)),
            ("0x1.8p-1075", Some(5e-324)),
            ("0x1p1023", Some(8.988_465_674_311_58e307)),
            ("0x1p1024", None),
            ("0x0p99999999999", Some(0.0)),
            ("inf", Some(f64::INFINITY)),
            ("+Infinity", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("1e400", None),
            ("0x1", None),
            ("0x1.8", None),
            ("_1", None),
            ("1_", None),
            ("1__0", None),
            ("1_.5", None),
            ("1e", None),
            (".", None),
            ("", None),
            ("-", None),
            ("-nan", None),
            ("1 ", None),
        ] {
            assert_eq!(parse_float(text), number, "{text:?}");
        }
        assert!(parse_float("NaN").is_some_and(f64::is_nan));
        assert!(parse_float("-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
    }

    #[test]
    fn floats_print_as_in_go() {
        for (number, hashed, yaml, in_json) in [
            (1.0, "1", "1", "1"),
            (1.5, "1.5", "1.5", "1.5"),
            (-0.0, "-0", "-0", "-0"),
            (999_999.0, "999999", "999999", "999999"),
            (1e6, "1000000", "1e+06", "1000000"),
            (1_234_567.5, "1234567.5", "1.2345675e+06", "1234567.5"),
            (0.0001, "0.0001", "0.0001", "0.0001"),
            (0.00001, "0.00001", "1e-05", "0.00001"),
            (0.000_000_1, "0.0000001", "1e-07", "1e-7"),
            (1e21, "1000000000000000000000", "1e+21", "1e+21"),
            (1e25, "10000000000000000000000000", "1e+25", "1e+25"),
            (1e100, &("1".to_owned() + &"0".repeat(100)), "1e+100", "1e+100"),
        ] {
            assert_eq!(
                (positional(number), general(number), json(number)),
                (hashed.into(), yaml.into(), in_json.into())
            );
        }
        assert_eq!(positional(f64::INFINITY), "+Inf");
        assert_eq!(positional(f64::NEG_INFINITY), "-Inf");
        assert_eq!(positional(f64::NAN), "NaN");
    }
}
