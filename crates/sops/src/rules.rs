//! Which leaves of a file are encrypted (docs/format.md section 3).

pub(crate) mod pattern;

use pattern::{Pattern, UntranslatablePattern};

/// The one rule of a file, as written. Regular expressions are not yet compiled.
pub(crate) enum RuleText {
    /// Plain below keys that end so; `_unencrypted` if the file gives no rule.
    UnencryptedSuffix(String),
    /// Encrypted below keys that end so.
    EncryptedSuffix(String),
    /// Plain below keys that match.
    UnencryptedRegex(String),
    /// Encrypted below keys that match.
    EncryptedRegex(String),
    /// Plain below comments that match.
    UnencryptedCommentRegex(String),
    /// Encrypted below comments that match.
    EncryptedCommentRegex(String),
}

/// The one rule of a file, ready to judge.
pub(crate) enum Rule {
    /// Plain below keys that end so.
    UnencryptedSuffix(String),
    /// Encrypted below keys that end so.
    EncryptedSuffix(String),
    /// Plain below keys that match.
    UnencryptedRegex(Pattern),
    /// Encrypted below keys that match.
    EncryptedRegex(Pattern),
    /// Plain below comments that match.
    UnencryptedCommentRegex(Pattern),
    /// Encrypted below comments that match.
    EncryptedCommentRegex(Pattern),
}

/// What a leaf is to the rule: a comment does not decide about itself.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Leaf {
    /// A value.
    Value,
    /// A comment, which is itself the last of the active comments.
    Comment,
}

impl Rule {
    /// Compiles the rule's pattern, if it has one.
    ///
    /// # Errors
    ///
    /// [`UntranslatablePattern`].
    pub(crate) fn compile(text: RuleText) -> Result<Self, UntranslatablePattern> {
        Ok(match text {
            RuleText::UnencryptedSuffix(suffix) => Self::UnencryptedSuffix(suffix),
            RuleText::EncryptedSuffix(suffix) => Self::EncryptedSuffix(suffix),
            RuleText::UnencryptedRegex(pattern) => Self::UnencryptedRegex(Pattern::parse(&pattern)?),
            RuleText::EncryptedRegex(pattern) => Self::EncryptedRegex(Pattern::parse(&pattern)?),
            RuleText::UnencryptedCommentRegex(pattern) => Self::UnencryptedCommentRegex(Pattern::parse(&pattern)?),
            RuleText::EncryptedCommentRegex(pattern) => Self::EncryptedCommentRegex(Pattern::parse(&pattern)?),
        })
    }

    /// Judges what lies below a key, as far as the key itself decides; what lies above it is already in `above`.
    ///
    /// Every component of a path counts, and each is judged alone: once one matches, everything below is decided.
    pub(crate) fn matches_key(&self, key: &[u8]) -> bool {
        match self {
            Self::UnencryptedSuffix(suffix) | Self::EncryptedSuffix(suffix) => key.ends_with(suffix.as_bytes()),
            Self::UnencryptedRegex(pattern) | Self::EncryptedRegex(pattern) => pattern.matches(key),
            Self::UnencryptedCommentRegex(_) | Self::EncryptedCommentRegex(_) => false,
        }
    }

    /// Whether the active comments matter, which is only so under two of the rules.
    pub(crate) fn looks_at_comments(&self) -> bool {
        matches!(self, Self::UnencryptedCommentRegex(_) | Self::EncryptedCommentRegex(_))
    }

    /// Whether a leaf is encrypted. `key_matches`: whether a component of its path does. `comments`: the active
    /// comments, innermost last.
    pub(crate) fn encrypts(&self, leaf: Leaf, key_matches: bool, comments: &[Vec<Vec<u8>>]) -> bool {
        match self {
            Self::UnencryptedSuffix(_) | Self::UnencryptedRegex(_) => !key_matches,
            Self::EncryptedSuffix(_) | Self::EncryptedRegex(_) => key_matches,
            Self::UnencryptedCommentRegex(pattern) => !comments.iter().flatten().any(|text| pattern.matches(text)),
            Self::EncryptedCommentRegex(pattern) => {
                let own = usize::from(leaf == Leaf::Comment);
                let innermost = comments.split_last();
                innermost.is_some_and(|(innermost, outer)| {
                    let before_own = innermost.len().saturating_sub(own);
                    let active = outer.iter().flatten().chain(innermost.iter().take(before_own));
                    active.into_iter().any(|text| pattern.matches(text))
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a leaf below the keys of `path`, joined by `/`, is encrypted.
    fn encrypts(rule: RuleText, path: &str, comments: &[&[&str]], leaf: Leaf) -> bool {
        let rule = Rule::compile(rule).unwrap();
        let matches = path.split('/').filter(|key| !key.is_empty()).any(|key| rule.matches_key(key.as_bytes()));
        let comments: Vec<Vec<Vec<u8>>> =
            comments.iter().map(|level| level.iter().map(|text| text.as_bytes().to_vec()).collect()).collect();
        rule.encrypts(leaf, matches, &comments)
    }

    #[test]
    fn a_key_decides_for_all_that_is_below_it() {
        use RuleText::{EncryptedRegex, EncryptedSuffix, UnencryptedRegex, UnencryptedSuffix};
        for (rule, path, encrypted) in [
            (UnencryptedSuffix("_unencrypted".into()), "a/b", true),
            (UnencryptedSuffix("_unencrypted".into()), "a_unencrypted", false),
            (UnencryptedSuffix("_unencrypted".into()), "a_unencrypted/b/c", false),
            (UnencryptedSuffix("_unencrypted".into()), "", true),
            (EncryptedSuffix("_secret".into()), "a_secret/b", true),
            (EncryptedSuffix("_secret".into()), "a/b", false),
            (EncryptedSuffix("_secret".into()), "", false),
            (EncryptedRegex("^(data|stringData)$".into()), "data/password", true),
            (EncryptedRegex("^(data|stringData)$".into()), "metadata/name", false),
            (EncryptedRegex("(".into()), "data", false),
            (UnencryptedRegex("(".into()), "data", true),
            (UnencryptedRegex("^meta".into()), "a/metadata/name", false),
        ] {
            assert_eq!(encrypts(rule, path, &[], Leaf::Value), encrypted, "{path:?}");
        }
    }

    #[test]
    fn active_comments_decide_but_not_about_themselves() {
        use RuleText::{EncryptedCommentRegex, UnencryptedCommentRegex};
        let encrypted = || EncryptedCommentRegex("^ secret".into());
        let plain = || UnencryptedCommentRegex("^ plain".into());
        for (rule, comments, leaf, expected) in [
            (encrypted(), &[&[" secret"][..]][..], Leaf::Value, true),
            (encrypted(), &[&[" note"]], Leaf::Value, false),
            (encrypted(), &[&[" secret"], &[]], Leaf::Value, true),
            (encrypted(), &[&[" secret"]], Leaf::Comment, false),
            (encrypted(), &[&[" secret", " more"]], Leaf::Comment, true),
            (encrypted(), &[&[" secret"], &[" own"]], Leaf::Comment, true),
            (encrypted(), &[], Leaf::Value, false),
            (plain(), &[&[" plain"]], Leaf::Value, false),
            (plain(), &[&[" plain"]], Leaf::Comment, false),
            (plain(), &[&[" plain"], &[" other"]], Leaf::Value, false),
            (plain(), &[&[" other"]], Leaf::Value, true),
        ] {
            assert_eq!(encrypts(rule, "a", comments, leaf), expected, "{comments:?}");
        }
    }
}
