//! Points in time as Go reads and prints them.

use std::fmt;

/// A wall-clock time with its offset from UTC. It keeps the offset it was written with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Timestamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanosecond: u32,
    /// Minutes east of UTC.
    offset: i16,
}

impl Timestamp {
    /// RFC 3339 as Go's `time.Parse` takes it: upper-case `T` and `Z`, an hour of one digit, and a fraction behind `.`
    /// or `,` are allowed.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let mut reader = Rest(text.as_bytes());
        let year = reader.digits(4, 4)?;
        reader.literal(b'-')?;
        let month = reader.digits(2, 2)?;
        reader.literal(b'-')?;
        let day = reader.digits(2, 2)?;
        reader.literal(b'T')?;
        let hour = reader.digits(1, 2)?;
        reader.literal(b':')?;
        let minute = reader.digits(2, 2)?;
        reader.literal(b':')?;
        let second = reader.digits(2, 2)?;
        let nanosecond = reader.fraction();
        let offset = reader.offset()?;
        reader.end()?;
        Self::new([year, month, day], [hour, minute, second], nanosecond, offset)
    }

    /// What YAML takes for a timestamp: a date, or a date and a time in one of the two layouts of go-yaml.
    #[must_use]
    pub(crate) fn parse_yaml(text: &str) -> Option<Self> {
        let mut reader = Rest(text.as_bytes());
        let year = reader.digits(4, 4)?;
        reader.literal(b'-')?;
        let month = reader.digits(1, 2)?;
        reader.literal(b'-')?;
        let day = reader.digits(1, 2)?;
        let date = [year, month, day];
        if reader.0.is_empty() {
            return Self::new(date, [0; 3], 0, 0);
        }
        let spaced = reader.spaces() > 0;
        if !spaced && reader.literal(b'T').is_none() {
            reader.literal(b't')?;
        }
        let hour = reader.digits(1, 2)?;
        reader.literal(b':')?;
        let minute = reader.digits(1, 2)?;
        reader.literal(b':')?;
        let second = reader.digits(1, 2)?;
        let nanosecond = reader.fraction();
        let offset = if spaced { 0 } else { reader.offset()? };
        reader.end()?;
        Self::new(date, [hour, minute, second], nanosecond, offset)
    }

    /// RFC 3339 in whole seconds, any fraction dropped.
    #[must_use]
    pub fn whole_seconds(self) -> String {
        Self { nanosecond: 0, ..self }.to_string()
    }

    /// Whether Go can write it as text: it refuses an offset of 24 hours or more.
    #[must_use]
    pub fn has_strict_offset(self) -> bool {
        self.offset.unsigned_abs() < 24 * 60
    }

    fn new(
        [year, month, day]: [u16; 3],
        [hour, minute, second]: [u16; 3],
        nanosecond: u32,
        offset: i16,
    ) -> Option<Self> {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let small = |number: u16| u8::try_from(number).ok();
        Some(Self {
            year,
            month: small(month)?,
            day: small(day)?,
            hour: small(hour)?,
            minute: small(minute)?,
            second: small(second)?,
            nanosecond,
            offset,
        })
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with up to nine digits of fraction, trailing zeros dropped, and `Z` for no offset.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, nanosecond, offset } = self;
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if *nanosecond != 0 {
            let digits = format!("{nanosecond:09}");
            write!(formatter, ".{}", digits.trim_end_matches('0'))?;
        }
        if *offset == 0 {
            return formatter.write_str("Z");
        }
        let sign = if *offset < 0 { '-' } else { '+' };
        let minutes = offset.unsigned_abs();
        write!(formatter, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// What is left of the text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn literal(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// As many digits as there are, up to `most`; fewer than `least` are an error.
    fn digits(&mut self, least: usize, most: usize) -> Option<u16> {
        let count = self.0.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn spaces(&mut self) -> usize {
        let count = self.0.iter().take_while(|&&byte| byte == b' ').count();
        self.0 = self.0.get(count..).unwrap_or_default();
        count
    }

    /// Nanoseconds of a fraction of any length, 0 if there is none.
    fn fraction(&mut self) -> u32 {
        let [b'.' | b',', digits @ ..] = self.0 else { return 0 };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some((digits, rest)) = digits.split_at_checked(count).filter(|_| count > 0) else { return 0 };
        self.0 = rest;
        let padded = digits.iter().copied().chain(std::iter::repeat(b'0')).take(9);
        padded.fold(0, |sum: u32, digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0'))))
    }

    /// `Z`, or a sign, hours and minutes. As in Go, up to 24 hours and 60 minutes pass.
    fn offset(&mut self) -> Option<i16> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        if first == b'Z' {
            return Some(0);
        }
        let hours = self.digits(2, 2)?;
        self.literal(b':')?;
        let minutes = self.digits(2, 2)?;
        if hours > 24 || minutes > 60 {
            return None;
        }
        let east = i16::try_from(hours.checked_mul(60)?.checked_add(minutes)?).ok()?;
        match first {
            b'+' => Some(east),
            b'-' => east.checked_neg(),
            _ => None,
        }
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_read_as_go_reads_it() {
        for (text, printed) in [
            ("2020-01-01T00:00:00Z", Some("2020-01-01T00:00:00Z")),
            ("2020-01-01T1:02:03Z", Some("2020-01-01T01:02:03Z")),
            ("2020-01-01T01:02:03.5+02:00", Some("2020-01-01T01:02:03.5+02:00")),
            ("2020-01-01T01:02:03,123456789123-07:30", Some("2020-01-01T01:02:03.123456789-07:30")),
            ("2020-01-01T01:02:03.000Z", Some("2020-01-01T01:02:03Z")),
            ("2020-01-01T01:02:03+00:00", Some("2020-01-01T01:02:03Z")),
            ("2020-01-01T01:02:03-00:00", Some("2020-01-01T01:02:03Z")),
            ("2020-02-29T00:00:00Z", Some("2020-02-29T00:00:00Z")),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00Z")),
            ("2021-02-29T00:00:00Z", None),
            ("2020-01-01", None),
            ("2020-01-01 00:00:00Z", None),
            ("2020-01-01t00:00:00Z", None),
            ("2020-01-01T00:00:00z", None),
            ("2020-01-01T00:00:00", None),
            ("2020-01-01T24:00:00Z", None),
            ("2020-01-01T00:00:60Z", None),
            ("2020-13-01T00:00:00Z", None),
            ("2020-1-01T00:00:00Z", None),
            ("2020-01-01T00:00:00.Z", None),
            ("2020-01-01T00:00:00Z ", None),
            ("2020-01-01T00:00:00+25:00", None),
            ("2020-01-01T00:00:00x02:00", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse_rfc3339(text).map(|time| time.to_string()).as_deref(), printed, "{text:?}");
        }
    }

    #[test]
    fn yaml_timestamps_are_those_of_go_yaml() {
        for (text, printed) in [
            ("2001-12-14", Some("2001-12-14T00:00:00Z")),
            ("2001-1-2", Some("2001-01-02T00:00:00Z")),
            ("2001-12-14t21:59:43.10-05:00", Some("2001-12-14T21:59:43.1-05:00")),
            ("2001-12-14T1:2:3Z", Some("2001-12-14T01:02:03Z")),
            ("2001-12-14 21:59:43.10", Some("2001-12-14T21:59:43.1Z")),
            ("2001-12-14   21:59:43", Some("2001-12-14T21:59:43Z")),
            ("2001-12-14 21:59:43 -5", None),
            ("2001-12-14 21:59:43Z", None),
            ("2001-12-14T21:59:43", None),
            ("2001-12", None),
            ("02001-12-14", None),
            ("2001-12-32", None),
        ] {
            assert_eq!(Timestamp::parse_yaml(text).map(|time| time.to_string()).as_deref(), printed, "{text:?}");
        }
    }

    #[test]
    fn the_mac_is_bound_to_whole_seconds() {
        let time = Timestamp::parse_rfc3339("2024-01-02T03:04:05.678+02:00").unwrap();
        assert_eq!(time.whole_seconds(), "2024-01-02T03:04:05+02:00");
    }

    #[test]
    fn an_offset_of_a_day_parses_but_cannot_be_hashed() {
        assert!(!Timestamp::parse_rfc3339("2024-01-02T03:04:05+24:00").unwrap().has_strict_offset());
        assert!(Timestamp::parse_rfc3339("2024-01-02T03:04:05-23:59").unwrap().has_strict_offset());
    }
}
