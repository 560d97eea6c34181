//! Recipients as people write them down: what a file is encrypted to, and what a host is called.

use age_core::primitives::{bech32_decode, bech32_encode};
use base64ct::{Base64, Encoding};
use bech32::Hrp;
use curve25519_dalek::edwards::CompressedEdwardsY;
use curve25519_dalek::traits::IsIdentity as _;

use super::AgeKind;
use super::ssh::key_tag;
use crate::private_key::has_private_key;

/// A host by its public key. Tells without any private key whether the host can open a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostRecipient {
    /// Everything that a file can call the host.
    names: Vec<String>,
}

impl HostRecipient {
    /// Reads a recipient of age (`age1...`), an SSH public key (`ssh-ed25519 AAAA...` or `ssh-rsa AAAA...`, with or without a
    /// comment), or the fingerprint of an OpenPGP key. The dash of a list in `.sops.yaml` may stand in front of it.
    ///
    /// # Errors
    ///
    /// Says what the text is instead; nothing of it is in the error, because it may be a private key.
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let text = text.trim_start();
        let text = text.strip_prefix("- ").unwrap_or(text);
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let names = match (first, words.next()) {
            (recipient, None) if is_age_in_capitals(recipient) => return Err(RecipientError::Capitals),
            _ if has_private_key(text) => return Err(RecipientError::private(text)),
            ("ssh-ed25519", Some(key)) => {
                let derived = derived(key).ok_or(RecipientError::DamagedSsh)?;
                vec![derived, format!("{first} {key}")]
            }
            ("ssh-rsa", Some(key)) => {
                let wire = Base64::decode_vec(key).ok().filter(|wire| wire.starts_with(b"\0\0\0\x07ssh-rsa"));
                if wire.is_none() {
                    return Err(RecipientError::DamagedSsh);
                }
                vec![format!("{first} {key}")]
            }
            (kind, Some(_)) if ["ecdsa-", "sk-", "ssh-dss"].iter().any(|start| kind.starts_with(start)) => {
                return Err(RecipientError::OtherSsh);
            }
            (recipient, None) if recipient.starts_with("age1") => {
                // What it encodes is only known to its kind or plugin, but its checksum is the same for all.
                bech32_decode(recipient, |_error| RecipientError::Mistyped, |_| Ok(()), |_, _| Ok(()))?;
                vec![recipient.to_owned()]
            }
            (fingerprint, None)
                if fingerprint.len() == 40 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                vec![fingerprint.to_owned()]
            }
            _ => return Err(RecipientError::Unknown),
        };
        Ok(Self { names })
    }

    /// Reads a line of `known_hosts` or of what ssh-keyscan(1) prints: the names of a host, and behind them its key. Gives
    /// those names too.
    ///
    /// # Errors
    ///
    /// As [`HostRecipient::parse`], also for a line in which no names stand before the key.
    pub fn parse_known_host(line: &str) -> Result<(&str, Self), RecipientError> {
        let line = line.trim();
        // A mark may come first: @cert-authority, whose key is no host's, and @revoked.
        let (names, key) = line.split_once([' ', '\t']).ok_or(RecipientError::Unknown)?;
        let is_key = ["ssh-", "ecdsa-", "sk-"].iter().any(|start| key.trim_start().starts_with(start));
        match Self::parse(line) {
            Err(RecipientError::Unknown) if is_key && !names.starts_with('@') => Ok((names, Self::parse(key)?)),
            Err(error) => Err(error),
            Ok(_) => Err(RecipientError::Unknown),
        }
    }

    /// Everything that a file can call the host, the one to prefer first: for an ed25519 key what ssh-to-age derives of it, then
    /// the key itself.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The recipient to add to a file so that the host can open it: what ssh-to-age derives of an ed25519 key, else the
    /// key itself.
    #[must_use]
    pub fn to_add(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Whether `recipient`, as a file names it, is this host. The names in a file are labels that are not checked, so this is
    /// what the file promises, and not proof.
    #[must_use]
    pub fn is(&self, recipient: &str) -> bool {
        let mut words = recipient.split_whitespace();
        // The comment of an SSH key does not matter.
        let name = [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        self.names.iter().any(|own| if own.len() == 40 { own.eq_ignore_ascii_case(&name) } else { *own == name })
    }

    /// Whether the host can open an age file with these stanzas, each by its kind and, for an SSH key, its tag. `None` if only a
    /// private key could tell: no other stanza says whose it is.
    pub(crate) fn opens_stanzas(&self, stanzas: &[String]) -> Option<bool> {
        any(self.names.iter().map(|name| opens_stanzas(name, stanzas)))
    }
}

/// What ssh-to-age derives of the key of `ssh-ed25519`, the same point on Curve25519; `None` if it is no such key.
fn derived(key: &str) -> Option<String> {
    let wire = Base64::decode_vec(key).ok()?;
    let point = wire.strip_prefix(b"\0\0\0\x0bssh-ed25519\0\0\0\x20")?;
    let point = CompressedEdwardsY(point.try_into().ok()?).decompress().filter(|point| !point.is_identity())?;
    Some(bech32_encode(Hrp::parse_unchecked("age"), point.to_montgomery().as_bytes()))
}

/// Whether it is a recipient of age in capitals, which no private key is: that begins with other letters.
fn is_age_in_capitals(text: &str) -> bool {
    text.starts_with("AGE1") && bech32_decode(text, |_error| (), |_| Ok(()), |_, _| Ok(())).is_ok()
}

fn opens_stanzas(name: &str, stanzas: &[String]) -> Option<bool> {
    let may_be = |kind: &str| if stanzas.iter().any(|stanza| stanza == kind) { None } else { Some(false) };
    match (name.split_once(' '), AgeKind::of(name)) {
        (Some((kind, key)), _) => {
            let tag = Base64::decode_vec(key).map(|wire| key_tag(&wire));
            Some(tag.is_ok_and(|tag| stanzas.contains(&format!("{kind} {tag}"))))
        }
        (None, Some((_, kind))) => may_be(kind.stanza),
        // That of a plugin, which alone knows its stanzas.
        (None, None) if name.starts_with("age1") => None,
        (None, None) => Some(false),
    }
}

/// Whether one of the answers is yes; `None` if none is, and one is not known.
pub(crate) fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all_known = true;
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(false)
}

/// Why a text is not a recipient. Nothing of the text is in here.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecipientError {
    /// It begins like no recipient.
    #[error("this is not a recipient")]
    Unknown,
    /// A character of an age recipient is wrong, or some are missing.
    #[error("this age recipient is mistyped or truncated")]
    Mistyped,
    /// An age recipient in capitals, in which age does not take it.
    #[error("this age recipient is in capitals")]
    Capitals,
    /// An SSH public key that is not intact.
    #[error("this SSH public key is mistyped or truncated")]
    DamagedSsh,
    /// An SSH public key of a kind that age cannot encrypt to.
    #[error("age cannot encrypt to an SSH key of this kind")]
    OtherSsh,
    /// An age identity.
    #[error("this is a private key of age")]
    PrivateAge,
    /// An identity of a plugin of age.
    #[error("this is an identity of a plugin of age")]
    PrivatePlugin,
    /// A private key in PEM, or in the form of another program.
    #[error("this is a private key")]
    PrivateSsh,
}

impl RecipientError {
    /// What a text is that has a private key in it.
    fn private(text: &str) -> Self {
        let upper = text.to_ascii_uppercase();
        if upper.contains("AGE-PLUGIN-") {
            Self::PrivatePlugin
        } else if upper.contains("AGE-SECRET-KEY-") {
            Self::PrivateAge
        } else {
            Self::PrivateSsh
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ED25519: &str = include_str!("../../../../tests/corpus/keys/ssh-ed25519.pub");
    const RSA: &str = include_str!("../../../../tests/corpus/keys/ssh-rsa.pub");
    const DERIVED: &str = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";

    proptest! {
        #[test]
        fn every_point_is_converted_as_ssh_to_age_converts_it(point: [u8; 32], kind in "ssh-ed2551[89]", more in 0..2_usize) {
            let mut wire = b"\0\0\0\x0b".to_vec();
            wire.extend(kind.as_bytes());
            wire.extend([0, 0, 0, 32]);
            wire.extend(point);
            wire.extend(std::iter::repeat_n(0, more));
            let key = Base64::encode_string(&wire);
            let theirs = ssh_to_age::convert::ssh_public_key_to_age(&format!("ssh-ed25519 {key}")).ok();
            prop_assert_eq!(derived(&key), theirs);
        }
    }

    #[test]
    fn a_point_that_stands_for_no_key_is_none() {
        // The identity, and a text that is no base64.
        let mut wire = b"\0\0\0\x0bssh-ed25519\0\0\0\x20\x01".to_vec();
        wire.resize(51, 0);
        assert_eq!(derived(&Base64::encode_string(&wire)), None);
        assert_eq!(derived("AAAAC3NzaC1lZDI1NTE5AAAAI"), None);
        assert_eq!(derived(&ED25519[12..80]), ssh_to_age::convert::ssh_public_key_to_age(ED25519).ok());
    }

    #[test]
    fn a_host_is_known_by_all_its_names() {
        let host = HostRecipient::parse(ED25519).unwrap();
        let native = ED25519.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let derived = ssh_to_age::convert::ssh_public_key_to_age(ED25519).unwrap();
        for (recipient, same) in [
            (ED25519, true),
            (native.as_str(), true),
            (&format!("{native} another comment"), true),
            (&derived, true),
            (DERIVED, false),
            (RSA, false),
            ("ssh-ed25519", false),
            ("", false),
        ] {
            assert_eq!(host.is(recipient), same, "{recipient}");
        }
        assert!(HostRecipient::parse(RSA).unwrap().is(RSA));
        assert!(HostRecipient::parse(DERIVED).unwrap().is(DERIVED));
        let fingerprint = HostRecipient::parse("4d90cb1e7ae375b0e0fe6dd795290d727daf2cce").unwrap();
        assert!(fingerprint.is("4D90CB1E7AE375B0E0FE6DD795290D727DAF2CCE"));
        let plugin = age_core::primitives::bech32_encode(bech32::Hrp::parse_unchecked("age1toy"), &[1, 2]);
        assert!(HostRecipient::parse(&plugin).unwrap().is(&plugin));
    }

    #[test]
    fn the_key_of_a_known_host_stands_behind_its_names() {
        let key = ED25519.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let parsed = HostRecipient::parse(ED25519).unwrap();
        for names in ["host", "host,192.0.2.1", "[host]:2222", "|1|bm90aGluZw==|bm90aGluZw=="] {
            let line = format!(" {names}\t{key} comment\r");
            assert_eq!(HostRecipient::parse_known_host(&line), Ok((names, parsed.clone())));
        }
        for (line, expected) in [
            (format!("@cert-authority *.example {key}"), RecipientError::Unknown),
            (format!("@revoked host {key}"), RecipientError::Unknown),
            ("host ecdsa-sha2-nistp256 AAAA".to_owned(), RecipientError::OtherSsh),
            ("host ssh-ed25519 AAAA".to_owned(), RecipientError::DamagedSsh),
            ("AGE-SECRET-KEY-1QQ ssh-ed25519 AAAA".to_owned(), RecipientError::PrivateAge),
            (key, RecipientError::Unknown),
            ("host".to_owned(), RecipientError::Unknown),
        ] {
            assert_eq!(HostRecipient::parse_known_host(&line).unwrap_err(), expected, "{line}");
        }
    }

    #[test]
    fn a_stanza_for_an_ssh_key_tells_whose_it_is_and_others_do_not() {
        let parse = |text: &str| HostRecipient::parse(text).unwrap();
        let native = |text: &str| {
            let key = Base64::decode_vec(text.split(' ').nth(1).unwrap()).unwrap();
            format!("{} {}", text.split(' ').next().unwrap(), key_tag(&key))
        };
        let plugin = age_core::primitives::bech32_encode(bech32::Hrp::parse_unchecked("age1toy"), &[1, 2]);
        let (ed25519, rsa) = (native(ED25519), native(RSA));
        for (host, stanzas, opens) in [
            (ED25519, &[ed25519.as_str()][..], Some(true)),
            (ED25519, &["X25519", &ed25519], Some(true)),
            (ED25519, &[&rsa], Some(false)),
            // Its other form could be the recipient.
            (ED25519, &[&rsa, "X25519"], None),
            (ED25519, &["ssh-ed25519 AAAAAA"], Some(false)),
            (ED25519, &[], Some(false)),
            (RSA, &[&rsa], Some(true)),
            (RSA, &["X25519"], Some(false)),
            (DERIVED, &["X25519"], None),
            (DERIVED, &[&ed25519], Some(false)),
            (plugin.as_str(), &["piv-p256"], None),
            ("4d90cb1e7ae375b0e0fe6dd795290d727daf2cce", &["X25519"], Some(false)),
        ] {
            let stanzas: Vec<_> = stanzas.iter().map(|&stanza| stanza.to_owned()).collect();
            assert_eq!(parse(host).opens_stanzas(&stanzas), opens, "{host} {stanzas:?}");
        }
    }

    #[test]
    fn what_is_not_a_recipient_says_what_it_is_and_nothing_of_it_is_shown() {
        use RecipientError::{
            Capitals, DamagedSsh, Mistyped, OtherSsh, PrivateAge, PrivatePlugin, PrivateSsh, Unknown,
        };
        for (text, expected) in [
            ("", Unknown),
            ("age1", Mistyped),
            ("age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a3", Mistyped),
            ("AGE1GUQAPPYGG504GKJQN76C4CL9SKQU5S9V8AL3Z35CE4CAATRNEGQSAYK6A2", Capitals),
            ("age1 guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2", Unknown),
            ("AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486", PrivateAge),
            ("# my key: age-secret-key-18k2wafyutq9wlqtfx4mzhczf2kwk69zqmm0p9e4pyhccg8ll3ehsjq2486", PrivateAge),
            ("AGE-SECRET-KEY-PQ-1QQQ", PrivateAge),
            ("AGE-PLUGIN-YUBIKEY-1QQQ", PrivatePlugin),
            ("-----BEGIN OPENSSH PRIVATE KEY-----", PrivateSsh),
            ("PuTTY-User-Key-File-3: ssh-ed25519", PrivateSsh),
            ("ssh-ed25519", Unknown),
            ("ssh-ed25519 AAAA", DamagedSsh),
            ("ssh-rsa AAAA", DamagedSsh),
            ("ecdsa-sha2-nistp256 AAAA", OtherSsh),
            ("4d90cb1e7ae375b0e0fe6dd795290d727daf2cc", Unknown),
            ("4d90cb1e7ae375b0e0fe6dd795290d727daf2ccx", Unknown),
            ("b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW", PrivateSsh),
        ] {
            let error = HostRecipient::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            for word in text.split_whitespace().filter(|word| word.len() > 20) {
                assert!(!error.to_string().contains(word), "{error}");
            }
        }
    }
}
