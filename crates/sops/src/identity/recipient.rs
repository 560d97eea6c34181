//! Recipients as people write them down: whom a file is encrypted to, and what a host is called.

use age_core::primitives::bech32_decode;
use base64ct::{Base64, Encoding};

/// A host by its public key. Tells without any private key whether the host can open a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostRecipient {
    /// Everything that a file can call the host.
    names: Vec<String>,
}

impl HostRecipient {
    /// Reads a recipient of age (`age1...`), an SSH public key (`ssh-ed25519 AAAA...` or `ssh-rsa AAAA...`, with or without a
    /// comment), or the fingerprint of an OpenPGP key. Nothing if it is none of these.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let first = words.next()?;
        let names = match (first, words.next()) {
            ("ssh-ed25519", Some(key)) => {
                let derived = ssh_to_age::convert::ssh_public_key_to_age(&format!("{first} {key}")).ok()?;
                vec![derived, format!("{first} {key}")]
            }
            ("ssh-rsa", Some(key)) => {
                Base64::decode_vec(key).ok().filter(|wire| wire.starts_with(b"\0\0\0\x07ssh-rsa"))?;
                vec![format!("{first} {key}")]
            }
            (recipient, None) if recipient.starts_with("age1") => {
                // What it stands for is the business of its kind or plugin, but it must not be mistyped.
                bech32_decode(recipient, |_error| (), |_| Ok(()), |_, _| Ok(())).ok()?;
                vec![recipient.to_owned()]
            }
            (fingerprint, None)
                if fingerprint.len() == 40 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                vec![fingerprint.to_owned()]
            }
            _ => return None,
        };
        Some(Self { names })
    }

    /// The recipient to add to a file so that the host can open it: what ssh-to-age derives of an ed25519 key, else the
    /// key itself.
    #[must_use]
    pub fn to_add(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Whether `recipient`, as a file names it, is this host. The names in a file are labels that nobody checks, so this is
    /// what the file promises, and not proof.
    #[must_use]
    pub fn is(&self, recipient: &str) -> bool {
        let mut words = recipient.split_whitespace();
        // The comment of an SSH key does not matter.
        let name = [words.next(), words.next()].into_iter().flatten().collect::<Vec<_>>().join(" ");
        self.names.iter().any(|own| if own.len() == 40 { own.eq_ignore_ascii_case(&name) } else { *own == name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = include_str!("../../tests/keys/ssh-ed25519.pub");
    const RSA: &str = include_str!("../../tests/keys/ssh-rsa.pub");
    const DERIVED: &str = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";

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
    fn what_is_no_recipient_is_refused() {
        for text in [
            "",
            "age1",
            "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a3",
            "age1 guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2",
            "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486",
            "ssh-ed25519",
            "ssh-ed25519 AAAA",
            "ssh-rsa AAAA",
            "ecdsa-sha2-nistp256 AAAA",
            "4d90cb1e7ae375b0e0fe6dd795290d727daf2cc",
            "4d90cb1e7ae375b0e0fe6dd795290d727daf2ccx",
            "host",
        ] {
            assert_eq!(HostRecipient::parse(text), None, "{text}");
        }
    }
}
