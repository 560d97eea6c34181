//! The encrypted scalar `ENC[AES256_GCM,data:...,iv:...,tag:...,type:...]` (docs/format.md section 2).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use gcm::{Cipher, OpenError, TAG_BYTES};
use go_yaml::{Timestamp, number};

use crate::foreign::Foreign;
use crate::plaintext::Plaintext;
use crate::tree::{Comment, Scalar, Value};

/// The four fields of a ciphertext, still in base64.
pub(crate) struct Ciphertext<'a> {
    data: &'a [u8],
    nonce: &'a [u8],
    tag: &'a [u8],
    kind: &'a [u8],
}

impl<'a> Ciphertext<'a> {
    /// Takes a text apart. It must begin with `ENC[` and have a `]` on its first line; what follows the last
    /// `]` of that line is ignored, as sops does.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        // To look for one byte is fast, to split is not, and almost no text has two lines.
        let line = if text.contains(&b'\n') { text.split(|&byte| byte == b'\n').next()? } else { text };
        let body = line.strip_prefix(b"ENC[AES256_GCM,data:")?;
        let end = body.iter().rposition(|&byte| byte == b']')?;
        // sops's pattern is greedy, so each mark counts where it stands last.
        let (rest, kind) = split_at_last(body.get(..end)?, b",type:")?;
        let (rest, tag) = split_at_last(rest, b",tag:")?;
        let (data, nonce) = split_at_last(rest, b",iv:")?;
        Some(Self { data, nonce, tag, kind })
    }

    /// What the ciphertext says of its type, such as `str`; it is not authenticated.
    pub(crate) fn kind(&self) -> &'a [u8] {
        self.kind
    }

    /// Decrypts, checks that the value belongs where it stands, and gives it its type. `authenticated` names the place:
    /// the path of section 1.3, or for the MAC the time of the last modification.
    pub(crate) fn open(&self, cipher: &Cipher, authenticated: &[u8]) -> Result<Value, ValueError> {
        let mut sealed = Vec::with_capacity(base64::decoded_len_estimate(self.data.len()).saturating_add(TAG_BYTES));
        decode_into(&mut sealed, self.data, "data")?;
        let mut nonce = Vec::new();
        decode_into(&mut nonce, self.nonce, "iv")?;
        decode_into(&mut sealed, self.tag, "tag")?;
        match cipher.open(&nonce, authenticated, &mut sealed) {
            Ok(()) => self.typed(Plaintext::new(sealed)),
            Err(OpenError::NotAuthentic) => Err(ValueError::NotAuthentic),
            Err(OpenError::NonceLength(bytes)) => Err(ValueError::NonceLength(bytes)),
        }
    }

    /// Whether it could be a ciphertext of sops, as far as can be told without the data key.
    pub(crate) fn check(&self) -> Result<(), ValueError> {
        for (field, text) in [("data", self.data), ("tag", self.tag)] {
            decode_into(&mut Vec::new(), text, field)?;
        }
        let mut nonce = Vec::new();
        decode_into(&mut nonce, self.nonce, "iv")?;
        if !NONCE_BYTES.contains(&nonce.len()) {
            return Err(ValueError::NonceLength(nonce.len()));
        }
        match self.kind {
            b"str" | b"int" | b"float" | b"bool" | b"time" | b"comment" => Ok(()),
            kind => Err(ValueError::UnknownType(lossy(kind))),
        }
    }

    fn typed(&self, text: Plaintext) -> Result<Value, ValueError> {
        let scalar = match self.kind {
            b"str" => Some(Scalar::Text(text)),
            b"int" => text.as_str().and_then(number::parse_decimal).map(Scalar::Integer),
            b"float" => text.as_str().and_then(number::parse_float).map(Scalar::Float),
            b"bool" => parse_boolean(text.as_bytes()).map(Scalar::Boolean),
            b"time" => text.as_str().and_then(Timestamp::parse_rfc3339).map(Scalar::Timestamp),
            b"comment" => return Ok(Value::Comment(Comment::new(text))),
            _ => return Err(ValueError::UnknownType(lossy(self.kind))),
        };
        scalar.map(Value::Scalar).ok_or_else(|| ValueError::NotOfItsType(lossy(self.kind)))
    }
}

/// Why an encrypted value cannot be decrypted. No variant holds any of its text.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// A text that is no ciphertext, where the rule of the file says that there is one.
    #[error("it is not encrypted, although the file's rule says that it is")]
    NotEncrypted,
    /// Something but a text where a ciphertext is expected.
    #[error("it is a plain {0}, although the file's rule says that it is encrypted")]
    NotText(&'static str),
    /// A field of the ciphertext is no base64.
    #[error("the field {0} of its ciphertext is not base64 with padding")]
    NotBase64(&'static str),
    /// The ciphertext, its place in the file or the data key is not what it was encrypted with.
    #[error("it was changed, moved or encrypted with another data key since sops wrote it")]
    NotAuthentic,
    /// A nonce of another length than any sops wrote.
    #[error("its ciphertext has a nonce (iv) of {0} bytes, but sops writes 32, and 12 or 16 are read too")]
    NonceLength(usize),
    /// The plaintext does not fit the type beside it.
    #[error(
        "its decrypted text is not of the type {}, which its ciphertext names", Foreign(.0)
    )]
    NotOfItsType(String),
    /// A type that sops does not know, or `bytes`, which it never writes.
    #[error("its ciphertext names the type {:?}, which sops never writes", Foreign(.0))]
    UnknownType(String),
    /// A comment that decrypts to something else.
    #[error("it is a comment that decrypts to another type of value")]
    NotAComment,
    /// A timestamp with an offset that cannot be hashed.
    #[error("it is a time with an offset of 24 hours or more, which sops cannot hash")]
    Offset,
}

/// Splits at the last `mark` that has something in front of it and behind it.
fn split_at_last<'a>(text: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let last = text.len().checked_sub(1)?;
    let head = text.get(..last)?;
    // The first byte tells almost always, as it is none of base64.
    let is_mark = |window: &[u8]| window.first() == mark.first() && window == mark;
    let at = head.windows(mark.len()).rposition(is_mark).filter(|&at| at > 0)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.strip_prefix(mark)?))
}

/// Standard base64 as Go reads it: padding is demanded, carriage returns are skipped, loose bits at the end are not
/// looked at.
fn decode_into(bytes: &mut Vec<u8>, text: &[u8], field: &'static str) -> Result<(), ValueError> {
    let before = bytes.len();
    if decode_parts(bytes, text) {
        return Ok(());
    }
    bytes.truncate(before);
    let without: Vec<u8> = text.iter().copied().filter(|&byte| byte != b'\r').collect();
    if without.len() < text.len() && decode_parts(bytes, &without) { Ok(()) } else { Err(ValueError::NotBase64(field)) }
}

/// Decodes part by part, so that the place that the decoder fills with zeros first is still in the processor's cache when it
/// takes the bytes. Only the last part may end in padding. The decoder's own error would quote a character of the ciphertext.
#[inline(never)]
fn decode_parts(bytes: &mut Vec<u8>, text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((part, behind)) = rest.split_at_checked(rest.len().min(DECODED_AT_ONCE))
        && !part.is_empty()
    {
        rest = behind;
        if (part.ends_with(b"=") && !rest.is_empty()) || BASE64.decode_vec(part, bytes).is_err() {
            return false;
        }
    }
    true
}

/// The lengths of nonces that are read.
const NONCE_BYTES: [usize; 3] = [12, 16, 32];

/// Characters, a multiple of four.
const DECODED_AT_ONCE: usize = 64 << 10;

/// Exactly the words that Go's `strconv.ParseBool` takes.
pub(crate) fn parse_boolean(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Some(true),
        b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Some(false),
        _ => None,
    }
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Cipher {
        Cipher::new(&(0..32).collect::<Vec<u8>>()).unwrap()
    }

    fn open(text: &str, place: &str) -> Result<Value, ValueError> {
        Ciphertext::parse(text.as_bytes()).ok_or(ValueError::NotEncrypted)?.open(&key(), place.as_bytes())
    }

    const HI: &str = "ENC[AES256_GCM,data:f6g=,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:Hl/6MbouvAVT4BrLNHh6pQ==,type:str]";

    #[test]
    fn the_vectors_of_the_format_open() {
        let text = |value| match value {
            Ok(Value::Scalar(Scalar::Text(text))) => text.as_str().map(str::to_owned),
            _ => None,
        };
        assert_eq!(text(open(HI, "a:")).as_deref(), Some("hi"));
        let short = "ENC[AES256_GCM,data:L2s=,iv:AAECAwQFBgcICQoL,tag:G8OWKaNcqPof9I3AxR+WyQ==,type:str]";
        assert_eq!(text(open(short, "a:")).as_deref(), Some("hi"));
        let truth = "ENC[AES256_GCM,data:Q7OELQ==,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:QvVXvQVMw04qTX/pbX32IQ==,type:bool]";
        assert!(matches!(open(truth, "m:x:"), Ok(Value::Scalar(Scalar::Boolean(true)))));
        let comment = "ENC[AES256_GCM,data:Y66B,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:nbd6WzzGW7hfoM1+Wc3pnw==,type:comment]";
        assert!(matches!(open(comment, ":"), Ok(Value::Comment(comment)) if comment.text.as_bytes() == b"top"));
    }

    #[test]
    fn a_ciphertext_is_recognised_as_by_the_pattern_of_sops() {
        for (text, recognised) in [
            (HI.to_owned(), true),
            (format!("{HI}garbage"), true),
            (format!("{HI}\nfoo]"), true),
            (HI.replace("f6g=", "f6g=\r"), true),
            (format!(" {HI}"), false),
            (HI.to_lowercase(), false),
            (HI.replace("f6g=", ""), false),
            (HI.replace("type:str", "type:"), false),
            (HI.replace("iv:", "iv:\n"), false),
            (HI.replace(']', ""), false),
            (HI.replace("AES256_GCM", "AES128_GCM"), false),
            (String::new(), false),
            ("ENC[AES256_GCM,data:,iv:,iv:b,tag:c,type:d]".to_owned(), true),
            ("ENC[AES256_GCM,data:a,iv:b,tag:c,type:d,type:]".to_owned(), true),
        ] {
            assert_eq!(Ciphertext::parse(text.as_bytes()).is_some(), recognised, "{text:?}");
        }
        let greedy = Ciphertext::parse(b"ENC[AES256_GCM,data:a,iv:b,tag:c,type:d,iv:e]x]").unwrap();
        assert_eq!(
            (greedy.data, greedy.nonce, greedy.tag, greedy.kind),
            (&b"a"[..], &b"b"[..], &b"c"[..], &b"d,iv:e]x"[..])
        );
    }

    #[test]
    fn a_value_opens_only_where_it_stands() {
        assert!(matches!(open(HI, "b:"), Err(ValueError::NotAuthentic)));
        assert!(matches!(open(HI, "a"), Err(ValueError::NotAuthentic)));
    }

    #[test]
    fn base64_needs_its_padding_and_alphabet_but_not_its_loose_bits() {
        assert!(matches!(open(&HI.replace("f6g=", "f6g"), "a:"), Err(ValueError::NotBase64("data"))));
        assert!(matches!(open(&HI.replace("tag:Hl/", "tag:Hl_"), "a:"), Err(ValueError::NotBase64("tag"))));
        assert!(open(&HI.replace("f6g=", "f6h="), "a:").is_ok());
        assert!(open(&HI.replace("iv:ICE", "iv:\rICE"), "a:").is_ok());
    }

    #[test]
    fn long_base64_is_decoded_as_if_in_one_piece() {
        let decoded = |text: &str| {
            let mut bytes = b"before".to_vec();
            decode_into(&mut bytes, text.as_bytes(), "data").ok().map(|()| bytes.split_off(6))
        };
        for length in [DECODED_AT_ONCE - 4, DECODED_AT_ONCE, DECODED_AT_ONCE + 4, 3 * DECODED_AT_ONCE] {
            let text = "QUJD".repeat(length / 4);
            assert_eq!(decoded(&text).unwrap(), b"ABC".repeat(length / 4));
            assert_eq!(decoded(&(text.clone() + "\r")).unwrap(), b"ABC".repeat(length / 4));
            assert_eq!(decoded(&(text.clone() + "QQ==")).unwrap(), [b"ABC".repeat(length / 4), b"A".to_vec()].concat());
            assert!(decoded(&(text.clone() + "QQ")).is_none());
            // Padding at the end of a part is none at the end of the whole.
            let padded = [&text[..length - 4], "QQ==", "QUJD"].concat();
            assert!(decoded(&padded).is_none(), "{length}");
        }
    }

    #[test]
    fn types_are_exact() {
        assert!(matches!(open(&HI.replace("type:str", "type:STR"), "a:"), Err(ValueError::UnknownType(_))));
        assert!(matches!(open(&HI.replace("type:str", "type:bytes"), "a:"), Err(ValueError::UnknownType(_))));
        assert!(matches!(open(&HI.replace("type:str", "type:int"), "a:"), Err(ValueError::NotOfItsType(_))));
        for (text, truth) in [("t", Some(true)), ("False", Some(false)), ("yes", None), ("", None), ("tRUE", None)] {
            assert_eq!(parse_boolean(text.as_bytes()), truth);
        }
    }
}
