//! SSH private keys: read in every form they are found in, and used as identities of age.
//!
//! An ed25519 key opens two kinds of stanza: `ssh-ed25519`, and through the identity that ssh-to-age derives from it also
//! `X25519` (docs/format.md section 9.1). The conversion is done here and not by the crate of that name, because that leaves
//! the secret in memory; its other half, which sees public keys only, does come from there.

use age::DecryptError;
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{aead_decrypt, hkdf};
use base64ct::{Base64, Base64Unpadded, Encoding};
use rsa::pkcs1::der::Decode;
use rsa::pkcs8::PrivateKeyInfo;
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Oaep, RsaPrivateKey};
use sha2::digest::generic_array::GenericArray;
use sha2::{Digest, Sha256, Sha512};
use ssh_key::private::Ed25519Keypair;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use super::age::is_age_file;
use super::x25519::X25519Identity;
use super::{KeyProblem, file_key, split};
use crate::foreign::Foreign;

/// A private key of a kind that can be an identity.
pub(crate) enum PrivateKey {
    Ed25519(Ed25519),
    Rsa(Box<Rsa>),
}

impl PrivateKey {
    /// Reads the first private key in `content`: OpenSSH's own form, PKCS#8 or PKCS#1, in base64 of any line width, with any
    /// line ends and any text around it.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, KeyProblem> {
        let block = Block::find(content)?;
        match block.label {
            b"OPENSSH PRIVATE KEY" => parse_openssh(&block.content),
            b"RSA PRIVATE KEY" => Ok(Self::Rsa(Box::new(Rsa::from_pkcs1(&block.content)?))),
            b"PRIVATE KEY" => parse_pkcs8(&block.content),
            b"ENCRYPTED PRIVATE KEY" => Err(KeyProblem::Passphrase),
            b"EC PRIVATE KEY" => Err(KeyProblem::Unusable("ECDSA".into())),
            b"DSA PRIVATE KEY" => Err(KeyProblem::Unusable("DSA".into())),
            other => Err(KeyProblem::Unusable(Foreign(other).to_string())),
        }
    }
}

/// An ed25519 key, as an identity for `ssh-ed25519` stanzas.
pub(crate) struct Ed25519 {
    /// What both curves multiply with. The seed itself is not needed any more.
    scalar: Box<StaticSecret>,
    /// The public key as SSH sends it.
    wire: Vec<u8>,
}

impl Ed25519 {
    fn from_keypair(pair: &Ed25519Keypair) -> Result<Self, KeyProblem> {
        let public = ssh_key::PublicKey::from(pair.public);
        let wire = public.to_bytes().map_err(|error| KeyProblem::Damaged(error.to_string()))?;
        let mut hash = Zeroizing::new([[0; 32]; 2]);
        let output = GenericArray::from_mut_slice(hash.as_flattened_mut());
        Sha512::new().chain_update(pair.private.as_ref()).finalize_into(output);
        let [scalar, _] = *hash;
        Ok(Self { scalar: Box::new(StaticSecret::from(scalar)), wire })
    }

    /// A key with this scalar, which no ed25519 key need have; what a stanza calls it; what its public key is tweaked by.
    #[cfg(test)]
    pub(super) fn for_vectors(scalar: [u8; 32]) -> (Self, String, StaticSecret) {
        let wire = b"a public key".to_vec();
        let tweak = StaticSecret::from(hkdf(&wire, b"age-encryption.org/v1/ssh-ed25519", &[]));
        let tag = key_tag(&wire);
        (Self { scalar: Box::new(StaticSecret::from(scalar)), wire }, tag, tweak)
    }

    /// The X25519 identity that ssh-to-age derives.
    pub(crate) fn derived(&self) -> X25519Identity {
        X25519Identity::new(self.scalar.clone())
    }

    /// The public key as `ssh-keygen` prints it, without a comment.
    pub(crate) fn public(&self) -> String {
        format!("ssh-ed25519 {}", Base64::encode_string(&self.wire))
    }
}

impl age::Identity for Ed25519 {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        const LABEL: &[u8] = b"age-encryption.org/v1/ssh-ed25519";
        let [tag, share] = stanza.args.as_slice() else { return None };
        if stanza.tag != "ssh-ed25519" || *tag != key_tag(&self.wire) {
            return None;
        }
        let mut bytes = [0; 32];
        if !Base64Unpadded::decode(share, &mut bytes).is_ok_and(|share| share.len() == 32) {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let share = PublicKey::from(bytes);
        let tweak = StaticSecret::from(hkdf(&self.wire, LABEL, &[]));
        let shared = tweak.diffie_hellman(&PublicKey::from(*self.scalar.diffie_hellman(&share).as_bytes()));
        if !shared.was_contributory() {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let salt = [share.to_bytes(), PublicKey::from(&*self.scalar).to_bytes()].concat();
        let wrap_key = Zeroizing::new(hkdf(&salt, LABEL, shared.as_bytes()));
        Some(aead_decrypt(&wrap_key, FILE_KEY_BYTES, &stanza.body).map_err(DecryptError::from).and_then(file_key))
    }
}

/// An RSA key, as an identity for `ssh-rsa` stanzas.
pub(crate) struct Rsa {
    key: RsaPrivateKey,
    /// The public key as SSH sends it.
    wire: Vec<u8>,
}

impl Rsa {
    /// The largest modulus in bits. The time to check and use a key grows with its cube.
    const LARGEST: usize = 16384;

    fn new(modulus: &[u8], exponent: &[u8], private: &[u8], primes: [&[u8]; 2]) -> Result<Self, KeyProblem> {
        let [modulus, exponent, private] = [modulus, exponent, private].map(BigUint::from_bytes_be);
        if modulus.bits() > Self::LARGEST {
            return Err(KeyProblem::Damaged(format!("its modulus has more than {} bits", Self::LARGEST)));
        }
        let primes = primes.map(BigUint::from_bytes_be).to_vec();
        let key = RsaPrivateKey::from_components(modulus, exponent, private, primes)
            .map_err(|error| KeyProblem::Damaged(error.to_string()))?;
        let mut wire = Vec::new();
        write_string(&mut wire, b"ssh-rsa")?;
        write_number(&mut wire, &key.e().to_bytes_be())?;
        write_number(&mut wire, &key.n().to_bytes_be())?;
        Ok(Self { key, wire })
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyProblem> {
        let key = rsa::pkcs1::RsaPrivateKey::from_der(der).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
        let primes = [key.prime1.as_bytes(), key.prime2.as_bytes()];
        Self::new(key.modulus.as_bytes(), key.public_exponent.as_bytes(), key.private_exponent.as_bytes(), primes)
    }

    fn from_keypair(pair: &ssh_key::private::RsaKeypair) -> Result<Self, KeyProblem> {
        // The crate's own conversion takes p for q.
        let number = |number: &ssh_key::Mpint| number.as_positive_bytes().map(<[u8]>::to_vec).map(Zeroizing::new);
        let numbers = [&pair.public.n, &pair.public.e, &pair.private.d, &pair.private.p, &pair.private.q].map(number);
        let [Some(modulus), Some(exponent), Some(private), Some(p), Some(q)] = numbers else {
            return Err(KeyProblem::Damaged("a number in it is negative".into()));
        };
        Self::new(&modulus, &exponent, &private, [&p, &q])
    }

    /// The public key as `ssh-keygen` prints it, without a comment.
    pub(crate) fn public(&self) -> String {
        format!("ssh-rsa {}", Base64::encode_string(&self.wire))
    }

    /// The key itself.
    pub(crate) fn into_key(self) -> RsaPrivateKey {
        self.key
    }
}

impl age::Identity for Rsa {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let [tag] = stanza.args.as_slice() else { return None };
        if stanza.tag != "ssh-rsa" || *tag != key_tag(&self.wire) {
            return None;
        }
        // The crate passes over zeros in front, and no stanza has any but those of the number itself.
        if stanza.body.len() != self.key.size() {
            return Some(Err(DecryptError::DecryptionFailed));
        }
        let padding = Oaep::new_with_label::<Sha256, _>("age-encryption.org/v1/ssh-rsa");
        let unwrapped = self.key.decrypt_blinded(&mut OsRng, padding, &stanza.body);
        // Why the padding does not fit is not said: it would tell something of the plaintext.
        Some(unwrapped.map_err(|_padding| DecryptError::DecryptionFailed).and_then(file_key))
    }
}

/// The first four bytes of the key's hash, by which a stanza names its recipient.
pub(super) fn key_tag(wire: &[u8]) -> String {
    let [first, second, third, fourth, ..] = <[u8; 32]>::from(Sha256::digest(wire));
    Base64Unpadded::encode_string(&[first, second, third, fourth])
}

/// A PEM block, decoded.
struct Block<'a> {
    label: &'a [u8],
    content: Zeroizing<Vec<u8>>,
}

impl<'a> Block<'a> {
    /// The first block of a private key. More lenient than RFC 7468: hosts have keys in all shapes, and sshd reads them.
    fn find(text: &'a [u8]) -> Result<Self, KeyProblem> {
        let mut rest = text;
        let mut public =
            [&b"ssh-"[..], b"ecdsa-", b"sk-"].iter().any(|start| text.trim_ascii_start().starts_with(start));
        while let Some((_, behind)) = split(rest, b"-----BEGIN ") {
            let Some((label, behind)) = split(behind, b"-----") else { break };
            rest = behind;
            if !label.ends_with(b"PRIVATE KEY") {
                public |= label.ends_with(b"PUBLIC KEY") || label.ends_with(b"CERTIFICATE");
                continue;
            }
            let truncated = || KeyProblem::Damaged("its END line is missing".into());
            let (body, behind) = split(behind, b"-----END ").ok_or_else(truncated)?;
            if !behind.strip_prefix(label).is_some_and(|behind| behind.starts_with(b"-----")) {
                return Err(truncated());
            }
            return Ok(Self { label, content: decode(body)? });
        }
        if text.trim_ascii().is_empty() {
            return Err(KeyProblem::Empty);
        }
        if split(text, b"AGE-SECRET-KEY-").is_some() || split(text, b"AGE-PLUGIN-").is_some() {
            return Err(KeyProblem::AgeIdentity);
        }
        if is_age_file(text) {
            return Err(KeyProblem::Encrypted);
        }
        if text.starts_with(b"PuTTY-User-Key-File") {
            return Err(KeyProblem::Putty);
        }
        Err(if public { KeyProblem::PublicKey } else { KeyProblem::NoKey })
    }
}

/// The base64 between the lines BEGIN and END, and perhaps headers above it.
fn decode(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let mut text = Zeroizing::new(Vec::with_capacity(body.len()));
    for line in body.split(|byte| matches!(byte, b'\n' | b'\r')) {
        if line.contains(&b':') {
            // OpenSSL's old encryption is announced by `Proc-Type: 4,ENCRYPTED`.
            if split(line, b"ENCRYPTED").is_some() {
                return Err(KeyProblem::Passphrase);
            }
            continue;
        }
        text.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
    }
    let mut content = Zeroizing::new(vec![0; text.len()]);
    let length = Base64::decode(text.as_slice(), &mut content)
        .map_err(|error| KeyProblem::Damaged(format!("its base64 is wrong ({error})")))?
        .len();
    content.truncate(length);
    Ok(content)
}

fn parse_openssh(bytes: &[u8]) -> Result<PrivateKey, KeyProblem> {
    // What the key is, without asking a parser that knows fewer kinds than there are.
    let outline = openssh_outline(bytes).ok_or_else(|| KeyProblem::Damaged("it is truncated".into()))?;
    match outline.algorithm {
        b"ssh-ed25519" | b"ssh-rsa" if outline.encrypted => return Err(KeyProblem::Passphrase),
        b"ssh-ed25519" | b"ssh-rsa" => {}
        other if other.starts_with(b"sk-") => return Err(KeyProblem::SecurityKey),
        other if other.starts_with(b"ecdsa-") => return Err(KeyProblem::Unusable("ECDSA".into())),
        other => return Err(KeyProblem::Unusable(Foreign(other).to_string())),
    }
    let key = ssh_key::PrivateKey::from_bytes(bytes).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
    if let Some(pair) = key.key_data().ed25519() {
        if Ed25519Keypair::from_seed(pair.private.as_ref()).public != pair.public {
            return Err(KeyProblem::Damaged("its public and its private half do not belong together".into()));
        }
        Ok(PrivateKey::Ed25519(Ed25519::from_keypair(pair)?))
    } else if let Some(pair) = key.key_data().rsa() {
        Ok(PrivateKey::Rsa(Box::new(Rsa::from_keypair(pair)?)))
    } else {
        Err(KeyProblem::Damaged("its two halves are of different kinds".into()))
    }
}

/// What the unencrypted part of OpenSSH's form says.
struct Outline<'a> {
    encrypted: bool,
    algorithm: &'a [u8],
}

/// OpenSSH's PROTOCOL.key: magic, cipher, key derivation, its options, number of keys, public key, private part.
fn openssh_outline(bytes: &[u8]) -> Option<Outline<'_>> {
    let rest = bytes.strip_prefix(b"openssh-key-v1\0")?;
    let (cipher, rest) = read_string(rest)?;
    let (_, rest) = read_string(rest)?;
    let (_, rest) = read_string(rest)?;
    let (_, rest) = rest.split_at_checked(4)?;
    let (public, _) = read_string(rest)?;
    let (algorithm, _) = read_string(public)?;
    Some(Outline { encrypted: cipher != b"none", algorithm })
}

fn parse_pkcs8(der: &[u8]) -> Result<PrivateKey, KeyProblem> {
    let info = PrivateKeyInfo::try_from(der).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
    match info.algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.1" => Ok(PrivateKey::Rsa(Box::new(Rsa::from_pkcs1(info.private_key)?))),
        "1.3.101.112" => {
            // RFC 8410 section 7: an octet string with the 32 bytes of the seed.
            let seed = info.private_key.strip_prefix(&[0x04, 0x20]).and_then(|seed| seed.try_into().ok());
            let seed: &[u8; 32] = seed.ok_or_else(|| KeyProblem::Damaged("its seed has not 32 bytes".into()))?;
            Ok(PrivateKey::Ed25519(Ed25519::from_keypair(&Ed25519Keypair::from_seed(seed))?))
        }
        "1.2.840.10045.2.1" => Err(KeyProblem::Unusable("ECDSA".into())),
        other => Err(KeyProblem::Unusable(other.to_owned())),
    }
}

/// RFC 4251 section 5: four bytes of length, then as many bytes.
fn read_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn write_string(wire: &mut Vec<u8>, bytes: &[u8]) -> Result<(), KeyProblem> {
    let length = u32::try_from(bytes.len()).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
    wire.extend(length.to_be_bytes());
    wire.extend(bytes);
    Ok(())
}

/// RFC 4251 section 5: a positive number has no bit of sign, so it may need a zero in front.
fn write_number(wire: &mut Vec<u8>, digits: &[u8]) -> Result<(), KeyProblem> {
    let zero: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    write_string(wire, &[zero, digits].concat())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use proptest::prelude::*;

    use super::*;

    const ED25519: &str = include_str!("../../../../tests/corpus/keys/ssh-ed25519");
    const RSA: &str = include_str!("../../../../tests/corpus/keys/ssh-rsa");

    fn parse(text: &str) -> Result<String, KeyProblem> {
        parse_bytes(text.as_bytes())
    }

    /// The public key.
    fn parse_bytes(content: &[u8]) -> Result<String, KeyProblem> {
        PrivateKey::parse(content).map(|key| match key {
            PrivateKey::Ed25519(key) => key.public(),
            PrivateKey::Rsa(key) => key.public(),
        })
    }

    fn ed25519(text: &str) -> Ed25519 {
        match PrivateKey::parse(text.as_bytes()) {
            Ok(PrivateKey::Ed25519(key)) => key,
            _ => panic!("not an ed25519 key"),
        }
    }

    /// A PKCS#8 file with this seed.
    fn pkcs8(seed: &[u8]) -> String {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend(seed);
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", Base64::encode_string(&der))
    }

    /// The same key in lines of another width.
    fn wrapped(text: &str, width: usize) -> String {
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let lines: Vec<_> = body.as_bytes().chunks(width).map(|line| String::from_utf8_lossy(line)).collect();
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn the_conversion_is_that_of_ssh_to_age() {
        let key = ed25519(&pkcs8(&(0..32).collect::<Vec<u8>>()));
        let recipient = key.derived().recipient();
        let known = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
        assert_eq!(X25519Identity::parse(known).unwrap().recipient(), recipient);
        assert_eq!(recipient, "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2");
        assert_eq!(ssh_to_age::convert::ssh_public_key_to_age(&key.public()).unwrap(), recipient);

        let theirs = ssh_to_age::convert::ssh_private_key_to_age(ED25519.as_bytes()).unwrap();
        assert_eq!(ed25519(ED25519).derived().recipient(), theirs.recipient);
    }

    proptest! {
        #[test]
        fn every_seed_is_converted_as_ssh_to_age_converts_it(seed: [u8; 32]) {
            let pair = Ed25519Keypair::from_seed(&seed);
            let key = ssh_key::PrivateKey::from(pair);
            let text = key.to_openssh(ssh_key::LineEnding::LF).unwrap();
            let theirs = ssh_to_age::convert::ssh_private_key_to_age(text.as_bytes()).unwrap();
            prop_assert_eq!(ed25519(&text).derived().recipient(), theirs.recipient);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = parse_bytes(&bytes);
            for label in ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY"] {
                let body = Base64::encode_string(&bytes);
                let _outcome = parse(&format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"));
            }
        }

        #[test]
        fn no_change_makes_it_panic(at in 0_usize..2000, byte: u8) {
            for text in [ED25519, RSA] {
                let mut content = Block::find(text.as_bytes()).ok().unwrap().content;
                let at = at.checked_rem(content.len()).unwrap();
                content[at] = byte;
                let _outcome = parse_openssh(&content);
                let _outcome = parse_openssh(&content[..at]);
            }
        }
    }

    #[test]
    fn keys_are_read_in_every_shape() {
        let public = include_str!("../../../../tests/corpus/keys/ssh-ed25519.pub");
        let public = public.rsplit_once(" test").unwrap().0;
        for (shape, text) in [
            ("as made", ED25519.to_owned()),
            ("64 columns", wrapped(ED25519, 64)),
            ("76 columns", wrapped(ED25519, 76)),
            ("one line", wrapped(ED25519, 10_000)),
            ("one column", wrapped(ED25519, 1)),
            ("no line breaks at all", ED25519.replace('\n', "")),
            ("blanks for line breaks", ED25519.replace('\n', " ")),
            ("CRLF", ED25519.replace('\n', "\r\n")),
            ("CR", ED25519.replace('\n', "\r")),
            ("indented", ED25519.replace('\n', "\n    ")),
            ("trailing blanks", ED25519.replace('\n', "  \t\n")),
            ("empty lines", format!("\n\n{}\n\n", ED25519.replace('\n', "\n\n"))),
            ("no final line break", ED25519.trim_end().to_owned()),
            ("text around", format!("# the host key\nPrivate: yes\n{ED25519}\nand more\n")),
            ("behind a byte order mark", format!("\u{feff}{ED25519}")),
            ("behind its public key", format!("{public} host\n{ED25519}")),
        ] {
            assert_eq!(parse(&text).as_deref(), Ok(public), "{shape}");
        }
    }

    #[test]
    fn an_rsa_key_is_the_same_in_every_form() {
        let public = include_str!("../../../../tests/corpus/keys/ssh-rsa.pub");
        let public = public.split(' ').take(2).collect::<Vec<_>>().join(" ");
        for text in [
            RSA,
            include_str!("../../../../tests/corpus/keys/ssh-rsa-pkcs1"),
            include_str!("../../tests/keys/ssh-rsa-pkcs8"),
        ] {
            assert_eq!(parse(text).as_ref(), Ok(&public));
        }
    }

    #[test]
    fn what_cannot_be_used_says_what_it_is() {
        let ecdsa = KeyProblem::Unusable("ECDSA".into());
        let damaged = |what: &str| KeyProblem::Damaged(what.into());
        for (text, problem) in [
            (include_str!("../../../../tests/corpus/keys/ssh-ed25519-passphrase"), KeyProblem::Passphrase),
            (include_str!("../../tests/keys/ssh-rsa-pkcs1-passphrase"), KeyProblem::Passphrase),
            (include_str!("../../tests/keys/ssh-rsa-pkcs8-passphrase"), KeyProblem::Passphrase),
            (include_str!("../../../../tests/corpus/keys/ssh-ecdsa"), ecdsa.clone()),
            (include_str!("../../tests/keys/ssh-ecdsa-pkcs8"), ecdsa.clone()),
            (include_str!("../../tests/keys/ssh-ecdsa-sec1"), ecdsa),
            ("-----BEGIN DSA PRIVATE KEY-----\n-----END DSA PRIVATE KEY-----", KeyProblem::Unusable("DSA".into())),
            (include_str!("../../../../tests/corpus/keys/ssh-ed25519.pub"), KeyProblem::PublicKey),
            (include_str!("../../../../tests/corpus/keys/ssh-rsa.pub"), KeyProblem::PublicKey),
            ("sk-ssh-ed25519@openssh.com AAAA", KeyProblem::PublicKey),
            ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", KeyProblem::PublicKey),
            ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", KeyProblem::PublicKey),
            (include_str!("../../../../tests/corpus/keys/age-1.txt"), KeyProblem::AgeIdentity),
            ("# a card\nAGE-PLUGIN-YUBIKEY-1QQQ\n", KeyProblem::AgeIdentity),
            (
                "-----BEGIN \u{1b}[31mfake\nerror: PRIVATE KEY-----\n-----END \u{1b}[31mfake\nerror: PRIVATE KEY-----",
                KeyProblem::Unusable("?[31mfake; error: PRIVATE KEY".into()),
            ),
            ("PuTTY-User-Key-File-3: ssh-ed25519\n", KeyProblem::Putty),
            ("age-encryption.org/v1\n-> scrypt AAAA 18\n", KeyProblem::Encrypted),
            ("", KeyProblem::Empty),
            (" \n\t\n", KeyProblem::Empty),
            ("hello", KeyProblem::NoKey),
            ("-----BEGIN ", KeyProblem::NoKey),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n", damaged("its END line is missing")),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", damaged("its END line is missing")),
            (
                "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
                damaged("it is truncated"),
            ),
        ] {
            assert_eq!(parse(text), Err(problem), "{text:.60}");
        }
        for (text, start) in [
            (ED25519.replace("AAAA", "AA!A"), "its base64 is wrong"),
            (pkcs8(&[1; 31]), "PKCS#8"),
            (wrapped(ED25519, 70).replace("AAAA", "AAAB"), ""),
        ] {
            let Err(KeyProblem::Damaged(problem)) = parse(&text) else { panic!("not damaged: {text}") };
            assert!(problem.starts_with(start), "{problem}");
        }
    }

    #[test]
    fn a_security_key_is_no_identity() {
        let mut bytes = b"openssh-key-v1\0".to_vec();
        for part in [&b"none"[..], b"none", b""] {
            write_string(&mut bytes, part).unwrap();
        }
        bytes.extend([0, 0, 0, 1]);
        let mut public = Vec::new();
        write_string(&mut public, b"sk-ssh-ed25519@openssh.com").unwrap();
        write_string(&mut bytes, &public).unwrap();
        assert_eq!(parse_openssh(&bytes).err(), Some(KeyProblem::SecurityKey));
    }

    #[test]
    fn the_halves_of_a_key_must_belong_together() {
        let mut pair = Ed25519Keypair::from_seed(&[1; 32]);
        pair.public = Ed25519Keypair::from_seed(&[2; 32]).public;
        let bytes = ssh_key::PrivateKey::from(pair).to_bytes().unwrap();
        assert!(matches!(parse_openssh(&bytes), Err(KeyProblem::Damaged(_))));
    }

    #[test]
    fn a_giant_modulus_is_refused_before_it_is_used() {
        let modulus = vec![0xff; 2049];
        let refused = Rsa::new(&modulus, &[1, 0, 1], &[3], [&[3], &[5]]).err();
        assert_eq!(refused, Some(KeyProblem::Damaged("its modulus has more than 16384 bits".into())));
    }

    /// A file that the `age` crate makes for an SSH key.
    fn encrypted(public: &str) -> Vec<u8> {
        let recipient: age::ssh::Recipient = public.parse().ok().unwrap();
        let recipient: &dyn age::Recipient = &recipient;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(b"secret").unwrap();
        writer.finish().unwrap();
        file
    }

    fn decrypted(file: &[u8], identity: &dyn age::Identity) -> Result<String, DecryptError> {
        let mut content = String::new();
        age::Decryptor::new_buffered(file)?.decrypt(std::iter::once(identity))?.read_to_string(&mut content).unwrap();
        Ok(content)
    }

    #[test]
    fn both_kinds_open_what_the_age_crate_encrypts_to_them() {
        let Ok(PrivateKey::Rsa(rsa)) = PrivateKey::parse(RSA.as_bytes()) else { panic!("not an RSA key") };
        let ed25519 = ed25519(ED25519);
        let (for_ed25519, for_rsa) = (encrypted(&ed25519.public()), encrypted(&rsa.public()));
        assert_eq!(decrypted(&for_ed25519, &ed25519).unwrap(), "secret");
        assert_eq!(decrypted(&for_rsa, &*rsa).unwrap(), "secret");
        assert!(matches!(decrypted(&for_rsa, &ed25519), Err(DecryptError::NoMatchingKeys)));
        assert!(matches!(decrypted(&for_ed25519, &*rsa), Err(DecryptError::NoMatchingKeys)));
        let derived = ed25519.derived();
        assert!(matches!(decrypted(&for_ed25519, &derived), Err(DecryptError::NoMatchingKeys)));
    }

    #[test]
    fn damaged_stanzas_are_errors_once_they_name_the_key() {
        let ed25519 = ed25519(ED25519);
        let tag = key_tag(&ed25519.wire);
        let share = Base64Unpadded::encode_string(PublicKey::from(&StaticSecret::from([3; 32])).as_bytes());
        let zero = Base64Unpadded::encode_string(&[0; 32]);
        let stanza = |args: &[&str], body: &[u8]| Stanza {
            tag: "ssh-ed25519".into(),
            args: args.iter().map(|word| (*word).to_owned()).collect(),
            body: body.to_vec(),
        };
        for (args, body, ours) in [
            (vec![tag.as_str(), &share], 32, true),
            (vec![&tag, &share], 31, true),
            (vec![&tag, &share[1..]], 32, true),
            (vec![&tag, &zero], 32, true),
            (vec![&tag], 32, false),
            (vec![], 32, false),
            (vec!["AAAAAA", &share], 32, false),
        ] {
            let outcome = age::Identity::unwrap_stanza(&ed25519, &stanza(&args, &vec![0; body]));
            assert_eq!(outcome.is_some(), ours, "{args:?}");
            assert!(outcome.is_none_or(|outcome| outcome.is_err()), "{args:?}");
        }
    }
}
