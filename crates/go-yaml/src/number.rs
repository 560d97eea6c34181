//! Numbers as Go reads and prints them.

/// A decimal integer as Go's `strconv.Atoi` takes it: an optional sign, then only ASCII digits, within 64 bits.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A floating-point number as Go's `strconv.ParseFloat` takes it, but for hexadecimal ones, which no program writes into
/// such files: decimal, digits separated by underscores, `inf`, `infinity` and `nan` in any case. A number beyond the range
/// of 64 bits is not taken.
#[must_use]
pub fn parse_float(text: &str) -> Option<f64> {
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
    let magnitude = parse_decimal_float(&unsigned.replace('_', ""))?;
    magnitude.is_finite().then(|| signed(magnitude))
}

/// The shortest digits that read back as the same number, never with an exponent.
#[must_use]
pub fn positional(number: f64) -> String {
    match Shortest::of(number) {
        Ok(shortest) => shortest.positional(),
        Err(name) => name.to_owned(),
    }
}

/// The shortest digits, with an exponent of at least two digits below 1e-4 and from 1e+06 on: Go's format `%g`. Not for
/// infinities and not-a-number, whose names differ between formats.
#[must_use]
pub fn general(number: f64) -> String {
    match Shortest::of(number) {
        Ok(shortest) if (-3..=6).contains(&shortest.point) || number == 0.0 => shortest.positional(),
        Ok(shortest) => {
            let (mantissa, exponent) = shortest.scientific();
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
        }
        Err(name) => name.to_owned(),
    }
}

/// As JSON documents of Go have it: positional from 1e-6 up to, but not including, 1e21, else with an exponent that is
/// not padded. Only for finite numbers.
#[must_use]
pub fn json(number: f64) -> String {
    match Shortest::of(number) {
        Ok(shortest) if (-5..=21).contains(&shortest.point) || number == 0.0 => shortest.positional(),
        Ok(shortest) => {
            let (mantissa, exponent) = shortest.scientific();
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{mantissa}e{sign}{}", exponent.unsigned_abs())
        }
        Err(name) => name.to_owned(),
    }
}

/// The shortest digits of a finite number.
///
/// They are those of the crate `ryu`, which are Go's: of two texts that are equally short and equally near, it takes the one
/// with the even last digit. The standard library takes the greater one.
struct Shortest {
    is_negative: bool,
    /// Without zeros at either end; a zero is one `0`.
    digits: String,
    /// How many of the digits stand before the point. It may be negative, or more than there are digits.
    point: i32,
}

impl Shortest {
    /// Of a number that is not finite, what Go calls it.
    fn of(number: f64) -> Result<Self, &'static str> {
        if number.is_nan() {
            return Err("NaN");
        }
        if number.is_infinite() {
            return Err(if number > 0.0 { "+Inf" } else { "-Inf" });
        }
        let mut buffer = ryu::Buffer::new();
        let text = buffer.format_finite(number.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let significant = all.trim_start_matches('0');
        let zeros = all.len().saturating_sub(significant.len());
        let significant = significant.trim_end_matches('0');
        let places = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let point = places(whole.len()).saturating_sub(places(zeros)).saturating_add(exponent);
        let (digits, point) = if significant.is_empty() { ("0", 1) } else { (significant, point) };
        Ok(Self { is_negative: number.is_sign_negative(), digits: digits.to_owned(), point })
    }

    fn sign(&self) -> &'static str {
        if self.is_negative { "-" } else { "" }
    }

    fn positional(&self) -> String {
        let (sign, digits) = (self.sign(), &self.digits);
        let Ok(whole) = usize::try_from(self.point) else {
            let zeros = "0".repeat(usize::try_from(self.point.unsigned_abs()).unwrap_or(0));
            return format!("{sign}0.{zeros}{digits}");
        };
        match digits.split_at_checked(whole) {
            Some(("", _)) => format!("{sign}0.{digits}"),
            Some((before, "")) => format!("{sign}{before}"),
            Some((before, behind)) => format!("{sign}{before}.{behind}"),
            None => format!("{sign}{digits}{}", "0".repeat(whole.saturating_sub(digits.len()))),
        }
    }

    /// The mantissa with one digit before the point, and the exponent.
    fn scientific(&self) -> (String, i32) {
        let (first, rest) = self.digits.split_at_checked(1).unwrap_or((&self.digits, ""));
        let point = if rest.is_empty() { "" } else { "." };
        (format!("{}{first}{point}{rest}", self.sign()), self.point.saturating_sub(1))
    }
}

/// Go allows one underscore between two digits.
fn underscores_separate_digits(unsigned: &str) -> bool {
    let mut after_digit = false;
    let mut bytes = unsigned.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'_' && !(after_digit && bytes.peek().is_some_and(u8::is_ascii_digit)) {
            return false;
        }
        after_digit = byte.is_ascii_digit();
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

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::excessive_precision,
    reason = "the oracle is arithmetic on small numbers"
)]
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
            ("0x1p1024", None),
            ("0x1p-2", None),
            ("inf", Some(f64::INFINITY)),
            ("+Infinity", Some(f64::INFINITY)),
            ("-INF", Some(f64::NEG_INFINITY)),
            ("1e400", None),
            ("0x1", None),
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

    /// A number without a sign, exactly: an integer times a power of ten.
    #[derive(Clone, Eq, PartialEq)]
    struct Exact {
        /// Decimal digits, the lowest first.
        digits: Vec<u8>,
        /// How many of them are behind the point.
        behind: usize,
    }

    impl Exact {
        /// The number with these bits as an integer divided by a power of two.
        fn of(mantissa: u64, exponent: i32) -> Self {
            let mut digits: Vec<u8> = mantissa.to_string().bytes().rev().map(|digit| digit - b'0').collect();
            for _ in 0..exponent.max(0) {
                times(&mut digits, 2);
            }
            // To halve is to multiply by five and to move the point.
            let halvings = usize::try_from((-exponent).max(0)).unwrap();
            for _ in 0..halvings {
                times(&mut digits, 5);
            }
            Self { digits, behind: halvings }
        }

        /// The digits of both with the point at the same place.
        fn aligned(&self, behind: usize) -> Vec<u8> {
            let zeros = std::iter::repeat_n(0, behind - self.behind);
            let mut digits: Vec<u8> = zeros.chain(self.digits.iter().copied()).collect();
            while digits.last() == Some(&0) {
                digits.pop();
            }
            digits
        }

        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            let behind = self.behind.max(other.behind);
            let (a, b) = (self.aligned(behind), other.aligned(behind));
            a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
        }
    }

    fn times(digits: &mut Vec<u8>, factor: u8) {
        let mut carry = 0;
        for digit in &mut *digits {
            let product = *digit * factor + carry;
            *digit = product % 10;
            carry = product / 10;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }

    /// The digits and the exponent of the shortest decimal that reads back as the number, by exact arithmetic. Of the
    /// shortest ones it is the nearest, and of two that are equally near the even one: what Go's
    /// `strconv.FormatFloat(x, 'e', -1, 64)` is documented to give, and gives.
    fn oracle(number: f64) -> (String, i32) {
        let bits = number.to_bits() & !(1 << 63);
        let (stored, fraction) = (i32::try_from(bits >> 52).unwrap(), bits & ((1 << 52) - 1));
        let (mantissa, exponent) = if stored == 0 { (fraction, -1074) } else { (fraction | 1 << 52, stored - 1075) };
        // Quarters of a unit, since the gap below a power of two is half of that above.
        let value = Exact::of(4 * mantissa, exponent - 2);
        let low = Exact::of(4 * mantissa - if fraction == 0 && stored > 1 { 1 } else { 2 }, exponent - 2);
        let high = Exact::of(4 * mantissa + 2, exponent - 2);
        let ends_read_back = mantissa % 2 == 0;
        let reads_back = |candidate: &Exact| {
            use std::cmp::Ordering::{Equal, Greater, Less};
            match (candidate.cmp(&low), candidate.cmp(&high)) {
                (Less, _) | (_, Greater) => false,
                (Equal, _) | (_, Equal) => ends_read_back,
                _ => true,
            }
        };
        let all = value.aligned(value.behind);
        // Cut behind more and more digits, with the digit below and above.
        for kept in 1.. {
            let dropped = all.len().saturating_sub(kept);
            let floor = Exact {
                digits: std::iter::repeat_n(0, dropped).chain(all[dropped..].iter().copied()).collect(),
                behind: value.behind,
            };
            let mut above = floor.digits.clone();
            let mut place = dropped;
            loop {
                if place == above.len() {
                    above.push(0);
                }
                above[place] += 1;
                if above[place] < 10 {
                    break;
                }
                above[place] = 0;
                place += 1;
            }
            let ceiling = Exact { digits: above, behind: value.behind };
            let rest = &all[..dropped];
            let half = match rest.split_last() {
                None => std::cmp::Ordering::Less,
                Some((&5, lower)) if lower.iter().all(|&digit| digit == 0) => std::cmp::Ordering::Equal,
                Some((&first, _)) => first.cmp(&5).then(std::cmp::Ordering::Greater),
            };
            let is_even = all[dropped].is_multiple_of(2);
            let nearest = match half {
                std::cmp::Ordering::Less => [&floor, &ceiling],
                std::cmp::Ordering::Equal if is_even => [&floor, &ceiling],
                _ => [&ceiling, &floor],
            };
            if let Some(found) = nearest.into_iter().find(|candidate| reads_back(candidate)) {
                let digits = found.aligned(found.behind);
                let text: String = digits.iter().rev().map(|digit| char::from(digit + b'0')).collect();
                let point = i32::try_from(digits.len()).unwrap() - i32::try_from(found.behind).unwrap();
                return (text.trim_end_matches('0').to_owned(), point);
            }
        }
        unreachable!("all digits read back")
    }

    #[track_caller]
    fn assert_shortest(number: f64) {
        let shortest = Shortest::of(number).unwrap();
        assert_eq!((shortest.digits, shortest.point), oracle(number), "{number:e}");
        assert_eq!(positional(number).parse(), Ok(number));
    }

    /// Numbers that look random and are the same in every run (Vigna's splitmix64).
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }
    }

    #[test]
    fn a_number_between_two_shortest_decimals_gets_the_even_one() {
        for (number, text) in [
            (832.413_391_113_281_25, "832.4133911132812"),
            (562_949_953_421_313.25, "562949953421313.2"),
            (562_949_953_421_313.75, "562949953421313.8"),
            (1_125_899_906_842_625.25, "1125899906842625.2"),
        ] {
            assert_eq!(positional(number), text);
            assert_eq!(positional(-number), format!("-{text}"));
            assert_shortest(number);
        }
    }

    #[test]
    fn the_digits_are_the_shortest_nearest_even_ones_by_exact_arithmetic() {
        let mut random = Random(1);
        let mut ties = 0;
        for _ in 0..300 {
            let bits = u32::try_from(random.next() >> 32).unwrap();
            let single = f32::from_bits(bits);
            if single.is_finite() && single != 0.0 {
                assert_shortest(f64::from(single).abs());
            }
            let double = f64::from_bits(random.next() >> 1);
            if double.is_finite() && double != 0.0 {
                assert_shortest(double);
            }
        }
        // Of numbers that were once 32-bit floats more are ties the more digits they have before the point.
        for _ in 0..4_000 {
            let eighths = u32::try_from(random.next() >> 40).unwrap();
            let number = f64::from(eighths) / f64::from(1 << (random.next() % 24));
            if number != 0.0 {
                assert_shortest(number);
                ties += usize::from(format!("{number}") != positional(number));
            }
            let quarter = f64::from(u32::try_from(random.next() >> 33).unwrap()) + 562_949_953_421_312.25;
            assert_shortest(quarter);
            ties += usize::from(format!("{quarter}") != positional(quarter));
        }
        assert!(ties > 200, "only {ties} of them are ties");
        for number in [f64::MIN_POSITIVE, f64::MAX, 5e-324, 2.0, 4.0, 9_007_199_254_740_992.0, 1e23, 9.5e-310] {
            assert_shortest(number);
        }
    }

    #[test]
    fn millions_of_numbers_differ_from_the_standard_library_in_ties_alone() {
        let mut random = Random(2);
        let mut ties = 0;
        for number in 0..3_000_000_u64 {
            let bits = random.next();
            let number = match number % 3 {
                0 => f64::from(f32::from_bits(u32::try_from(bits >> 32).unwrap())),
                1 => f64::from(u32::try_from(bits >> 32).unwrap()) / f64::from(1 << (bits % 31)),
                _ => f64::from_bits(bits),
            };
            if !number.is_finite() {
                continue;
            }
            let (ours, theirs) = (positional(number), number.to_string());
            if ours != theirs {
                ties += 1;
                assert_shortest(number.abs());
            }
        }
        assert!(ties > 1_000, "only {ties} of them are ties");
    }
}
