//! The version of sops that wrote a file, as far as it decides how the file is read and printed.

/// Major, minor and patch. What is not a version is older than all.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Version(u64, u64, u64);

impl Version {
    /// Older than all.
    #[cfg(test)]
    pub(crate) const OLDEST: Self = Self(0, 0, 0);

    /// Takes numbers with points between; what is behind the numbers, as `-rc.1`, does not count.
    pub(crate) fn parse(text: &str) -> Self {
        let mut numbers = text.trim().splitn(3, '.').map(|part| {
            let digits = part.find(|character: char| !character.is_ascii_digit()).unwrap_or(part.len());
            part.get(..digits).and_then(|digits| digits.parse().ok())
        });
        let mut next = || numbers.next().flatten();
        match (next(), next(), next()) {
            (Some(major), Some(minor), patch) => Self(major, minor, patch.unwrap_or(0)),
            _ => Self::default(),
        }
    }

    /// Whether comments at the end of a line stay there.
    pub(crate) fn knows_inline_comments(self) -> bool {
        self >= Self(3, 13, 0)
    }

    /// Whether an integer of JSON is an integer, and not a floating-point number.
    pub(crate) fn knows_json_integers(self) -> bool {
        self >= Self(3, 13, 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_decides_by_its_numbers() {
        for (text, inline, integers) in [
            ("3.13.2", true, true),
            ("3.13.1", true, false),
            ("3.13.0-rc.1", true, false),
            ("3.14", true, true),
            ("4.0.0", true, true),
            ("3.12.2", false, false),
            ("3.9.4", false, false),
            ("3", false, false),
            ("", false, false),
            ("unstable", false, false),
            ("99999999999999999999.1.1", false, false),
        ] {
            let version = Version::parse(text);
            assert_eq!((version.knows_inline_comments(), version.knows_json_integers()), (inline, integers), "{text}");
        }
    }
}
