//! What a scalar stands for: the resolver of go-yaml v3.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::number;
use crate::parser::Tag;
use crate::scalar::Scalar;
use crate::timestamp::Timestamp;

/// The value of a scalar. One that does not fit its tag is null, as where go-yaml decodes into a node and the error is not looked at.
#[must_use]
pub fn resolve(text: &str, plain: bool, tag: Tag) -> Scalar<'_> {
    match tag {
        Tag::Absent if plain => resolve_plain(text),
        Tag::Absent | Tag::Text | Tag::Merge | Tag::Unknown => Scalar::text(text),
        Tag::Null => Scalar::Null,
        Tag::Binary => decode_binary(text).map_or(Scalar::Null, |bytes| Scalar::Text(Cow::Owned(bytes))),
        Tag::Timestamp => Timestamp::parse_yaml(text).map_or(Scalar::Null, Scalar::Timestamp),
        Tag::Integer => match resolve_word(text) {
            Some(number @ (Scalar::Integer(_) | Scalar::Unsigned(_))) => number,
            _ => Scalar::Null,
        },
        Tag::Float => match resolve_word(text) {
            Some(Scalar::Integer(number)) => Scalar::Float(to_float(number)),
            Some(number @ Scalar::Float(_)) => number,
            _ => Scalar::Null,
        },
        Tag::Boolean => match resolve_word(text) {
            Some(word @ Scalar::Boolean(_)) => word,
            _ => Scalar::Null,
        },
    }
}

/// Whether a text stays a string if it stands in a file without quotes and tag.
pub(crate) fn is_plain_string(text: &str) -> bool {
    Timestamp::parse_yaml(text).is_none() && resolve_word(text).is_none()
}

fn resolve_plain(text: &str) -> Scalar<'_> {
    match Timestamp::parse_yaml(text) {
        Some(time) => Scalar::Timestamp(time),
        None => resolve_word(text).unwrap_or_else(|| Scalar::text(text)),
    }
}

/// What a word means that is no string: null, a boolean or a number.
fn resolve_word(text: &str) -> Option<Scalar<'static>> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Scalar::Null),
        "true" | "True" | "TRUE" => return Some(Scalar::Boolean(true)),
        "false" | "False" | "FALSE" => return Some(Scalar::Boolean(false)),
        ".nan" | ".NaN" | ".NAN" => return Some(Scalar::Float(f64::NAN)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(Scalar::Float(f64::INFINITY)),
        "-.inf" | "-.Inf" | "-.INF" => return Some(Scalar::Float(f64::NEG_INFINITY)),
        _ => {}
    }
    match text.as_bytes().first() {
        Some(b'.') => number::parse_float(text).map(Scalar::Float),
        Some(b'0'..=b'9' | b'+' | b'-') if text.contains('_') => resolve_number(&text.replace('_', "")),
        Some(b'0'..=b'9' | b'+' | b'-') => resolve_number(text),
        _ => None,
    }
}

fn resolve_number(text: &str) -> Option<Scalar<'static>> {
    let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if let Some(magnitude) = parse_unsigned(unsigned) {
        let signed = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
        if let Some(number) = signed {
            return Some(Scalar::Integer(number));
        }
        if unsigned.len() == text.len() {
            return Some(Scalar::Unsigned(magnitude));
        }
    }
    if is_decimal_float(unsigned) {
        return number::parse_float(text).map(Scalar::Float);
    }
    // go-yaml reads the digits behind `0b` and `0o` once more, and this time they may have a sign of their own.
    let (digits, radix) = match (unsigned.strip_prefix("0b"), unsigned.strip_prefix("0o")) {
        (Some(digits), _) => (digits, 2),
        (None, Some(digits)) => (digits, 8),
        (None, None) => return None,
    };
    if unsigned.len() == text.len() { i64::from_str_radix(digits, radix).ok().map(Scalar::Integer) } else { None }
}

/// An integer as Go's `strconv.ParseUint` takes it with base 0: `0x`, `0o`, `0b`, or octal with a leading zero.
fn parse_unsigned(text: &str) -> Option<u64> {
    let (digits, radix) = match text.as_bytes() {
        [b'0'] => return Some(0),
        [b'0', b'x' | b'X', _, ..] => (text.get(2..)?, 16),
        [b'0', b'o' | b'O', _, ..] => (text.get(2..)?, 8),
        [b'0', b'b' | b'B', _, ..] => (text.get(2..)?, 2),
        [b'0', ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    // The standard library would take a sign here.
    if digits.starts_with('+') { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// Digits with a point anywhere but alone, and perhaps an exponent.
fn is_decimal_float(unsigned: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let mantissa_is_good = match mantissa.split_once('.') {
        Some((whole, "")) => digits(whole),
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(mantissa),
    };
    mantissa_is_good && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// The nearest float. Text is the one way there that rounds and needs no cast.
fn to_float(number: i64) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// Standard base64 with padding, as Go reads it: line breaks within it are passed over, and loose bits at the end are
/// not looked at.
fn decode_binary(text: &str) -> Option<Vec<u8>> {
    let compact: Vec<u8> = text.bytes().filter(|&byte| !matches!(byte, b'\n' | b'\r')).collect();
    BASE64.decode(compact).ok()
}

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

#[cfg(test)]
mod tests {
    use super::*;

    /// A scalar as Go would print it, with its type in front.
    fn show(scalar: &Scalar<'_>) -> String {
        match scalar {
            Scalar::Text(text) => format!("str {}", String::from_utf8_lossy(text)),
            Scalar::Integer(number) => format!("int {number}"),
            Scalar::Unsigned(number) => format!("uint {number}"),
            Scalar::Float(number) => format!("float {}", number::positional(*number)),
            Scalar::Boolean(boolean) => format!("bool {boolean}"),
            Scalar::Timestamp(time) => format!("time {time}"),
            Scalar::Null => "null".to_owned(),
        }
    }

    #[test]
    fn plain_scalars_resolve_as_in_go_yaml() {
        for (text, value) in [
            ("", "null"),
            ("~", "null"),
            ("Null", "null"),
            ("nULL", "str nULL"),
            ("true", "bool true"),
            ("FALSE", "bool false"),
            ("tRue", "str tRue"),
            ("yes", "str yes"),
            ("off", "str off"),
            ("n", "str n"),
            (".nan", "float NaN"),
            ("-.nan", "str -.nan"),
            ("+.Inf", "float +Inf"),
            ("-.INF", "float -Inf"),
            ("0", "int 0"),
            ("-0", "int 0"),
            ("+12", "int 12"),
            ("017", "int 15"),
            ("-017", "int -15"),
            ("0o17", "int 15"),
            ("0O17", "int 15"),
            ("0x1F", "int 31"),
            ("-0X1f", "int -31"),
            ("0b11", "int 3"),
            ("0B11", "int 3"),
            ("0x", "str 0x"),
            ("1_000", "int 1000"),
            ("0x_f", "int 15"),
            ("1__0_", "int 10"),
            ("_1", "str _1"),
            ("08", "float 8"),
            ("0_8", "float 8"),
            ("0o-17", "int -15"),
            ("0b-101", "int -5"),
            ("0b+1", "int 1"),
            ("-0o-1", "str -0o-1"),
            ("+0b+1", "str +0b+1"),
            ("9223372036854775807", "int 9223372036854775807"),
            ("-9223372036854775808", "int -9223372036854775808"),
            ("9223372036854775808", "uint 9223372036854775808"),
            ("+9223372036854775808", "float 9223372036854776000"),
            ("-9223372036854775809", "float -9223372036854776000"),
            ("18446744073709551616", "float 18446744073709552000"),
            ("1.5", "float 1.5"),
            ("1.", "float 1"),
            (".5", "float 0.5"),
            ("+.5", "float 0.5"),
            (".5_5", "float 0.55"),
            ("._5", "str ._5"),
            ("1e3", "float 1000"),
            ("1E+3", "float 1000"),
            ("-1.5e-1", "float -0.15"),
            ("1e", "str 1e"),
            ("1e400", "str 1e400"),
            ("1.5.5", "str 1.5.5"),
            (".", "str ."),
            ("-", "str -"),
            ("0x1p-2", "str 0x1p-2"),
            ("1:30", "str 1:30"),
            ("2020-01-01", "time 2020-01-01T00:00:00Z"),
            ("2020-1-2 3:4:5.60", "time 2020-01-02T03:04:05.6Z"),
            ("2020-13-01", "str 2020-13-01"),
            ("<<", "str <<"),
        ] {
            let resolved = show(&resolve(text, true, Tag::Absent));
            assert_eq!(resolved, value, "{text:?}");
            assert_eq!(is_plain_string(text), value.starts_with("str "), "{text:?}");
            assert_eq!(show(&resolve(text, false, Tag::Absent)), format!("str {text}"), "{text:?} in quotes");
        }
    }

    #[test]
    fn a_tag_decides_and_what_does_not_fit_it_is_null() {
        for (tag, text, value) in [
            (Tag::Text, "123", "str 123"),
            (Tag::Text, "", "str "),
            (Tag::Unknown, "123", "str 123"),
            (Tag::Integer, "12", "int 12"),
            (Tag::Integer, "18446744073709551615", "uint 18446744073709551615"),
            (Tag::Integer, "1.5", "null"),
            (Tag::Integer, "x", "null"),
            (Tag::Integer, "", "null"),
            (Tag::Float, "1", "float 1"),
            (Tag::Float, "0x1F", "float 31"),
            (Tag::Float, ".inf", "float +Inf"),
            (Tag::Float, "18446744073709551615", "null"),
            (Tag::Float, "2020-01-01", "null"),
            (Tag::Boolean, "True", "bool true"),
            (Tag::Boolean, "yes", "null"),
            (Tag::Null, "x", "null"),
            (Tag::Timestamp, "2020-01-01", "time 2020-01-01T00:00:00Z"),
            (Tag::Timestamp, "x", "null"),
            (Tag::Binary, "aGk=", "str hi"),
            (Tag::Binary, "aG\n k=", "null"),
            (Tag::Binary, "aG\nk=\n", "str hi"),
            (Tag::Binary, "aGl=", "str hi"),
            (Tag::Binary, "aGk", "null"),
        ] {
            for plain in [true, false] {
                assert_eq!(show(&resolve(text, plain, tag)), value, "{text:?}");
            }
        }
    }
}
