//! Recipients as people write them down: whom a file is encrypted to, and what a host is called.

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
                // A plugin's recipient has its name and one more digit 1 in front; its own text is not ours to check.
                bech32::primitives::decode::UncheckedHrpstring::new(recipient).ok()?;
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
