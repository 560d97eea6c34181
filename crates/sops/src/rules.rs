//! Which leaves of a file are encrypted (sops-format.md section 3).

pub(crate) mod pattern;

use crate::metadata::RuleText;
use pattern::{Pattern, UntranslatablePattern};

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
