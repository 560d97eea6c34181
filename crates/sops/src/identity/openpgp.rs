//! OpenPGP messages (RFC 4880), as far as an RSA key of SSH can be their recipient (docs/format.md sections 6.3 and 9.2).
//!
//! This is not an implementation of OpenPGP. It reads what sops and GnuPG write to such a key, refuses what has no integrity
//! protection, and names what it does not know; the GnuPG program can be asked for the rest.

use std::fmt::Write;

use aes::cipher::{AsyncStreamCipher, BlockDecryptMut, KeyIvInit};
use aes::{Aes128, Aes192, Aes256};
use base64ct::{Base64, Encoding};
use cfb_mode::Decryptor;
use des::TdesEde3;
use miniz_oxide::inflate::{TINFLStatus, decompress_slice_iter_to_slice};
use rsa::rand_core::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::KeyProblem;

/// The largest message in bytes of armor, and the largest content of one: a data key has 32 bytes.
const LARGEST_MESSAGE: usize = 256 * 1024;
const LARGEST_CONTENT: usize = 64 * 1024;

/// How often a compressed packet may stand in a compressed packet.
const DEEPEST: usize = 4;

/// What is wrong with an OpenPGP message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum PgpProblem {
    /// No armored message, or its checksum does not match.
    #[error("its OpenPGP armor is damaged, or it has none")]
    Armor,
    /// Packets that are cut off or contradict themselves.
    #[error("the OpenPGP message is damaged")]
    Damaged,
    /// Bytes were changed after it was written.
    #[error("the OpenPGP message does not match its checksum")]
    Integrity,
    /// An old message, in which changes cannot be noticed.
    #[error("the OpenPGP message has no integrity protection")]
    Unprotected,
    /// More than anybody would take for a data key.
    #[error("the OpenPGP message is too large to hold a data key")]
    TooLarge,
    /// Something that only the GnuPG program knows.
    #[error("the OpenPGP message uses {0}, which needs a GnuPG home and the gpg program")]
    Unsupported(&'static str),
}

/// An RSA key as OpenPGP sees it: a version 4 key that was made at the epoch.
pub(crate) struct SecretKey {
    key: RsaPrivateKey,
    fingerprint: [u8; 20],
}

impl SecretKey {
    /// The only kind of key that both SSH and OpenPGP have for encryption.
    pub(crate) fn new(key: RsaPrivateKey) -> Result<Self, KeyProblem> {
        let mut body = vec![4, 0, 0, 0, 0, 1];
        for number in [key.n(), key.e()] {
            let bits = u16::try_from(number.bits()).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
            body.extend(bits.to_be_bytes());
            body.extend(number.to_bytes_be());
        }
        let length = u16::try_from(body.len()).map_err(|error| KeyProblem::Damaged(error.to_string()))?;
        let hash = Sha1::new().chain_update([0x99]).chain_update(length.to_be_bytes()).chain_update(body);
        Ok(Self { key, fingerprint: hash.finalize().into() })
    }

    /// Forty lower-case hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        self.fingerprint.iter().fold(String::new(), |mut text, byte| {
            match write!(text, "{byte:02x}") {
                Ok(()) | Err(_) => text, // writing to a string has no errors
            }
        })
    }

    /// The session key in a packet that is meant for this key. What is wrong with it is not told apart: the answer would be
    /// of use to whoever makes messages to learn from answers.
    fn session_key(&self, encrypted: &[u8]) -> Option<SessionKey> {
        let size = self.key.size();
        let mut padded = vec![0; size.checked_sub(encrypted.len())?];
        padded.extend(encrypted);
        let content = Zeroizing::new(self.key.decrypt_blinded(&mut OsRng, Pkcs1v15Encrypt, &padded).ok()?);
        let (cipher, rest) = content.split_first()?;
        let (key, checksum) = rest.split_last_chunk::<2>()?;
        let sum = key.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let matches: bool = sum.to_be_bytes().ct_eq(checksum).into();
        matches.then(|| SessionKey { cipher: *cipher, key: Zeroizing::new(key.to_vec()) })
    }
}

/// What the content of a message is encrypted with.
struct SessionKey {
    /// The number of the cipher (RFC 4880 section 9.2).
    cipher: u8,
    key: Zeroizing<Vec<u8>>,
}

/// A message, taken apart but not decrypted.
pub(crate) struct Message {
    /// Encrypted session keys, each with the last eight bytes of the recipient's fingerprint.
    sessions: Vec<([u8; 8], Vec<u8>)>,
    content: EncryptedData,
}

/// The encrypted content of a message.
enum EncryptedData {
    /// With a modification detection code.
    Protected(Zeroizing<Vec<u8>>),
    /// In a form that cannot be read, which only matters if the message is for this host.
    Other(PgpProblem),
}

impl Message {
    /// Reads an armored message.
    pub(crate) fn parse(armored: &str) -> Result<Self, PgpProblem> {
        let bytes = dearmor(armored)?;
        let mut rest = bytes.as_slice();
        let mut sessions = Vec::new();
        while let Some(packet) = Packet::read(&mut rest)? {
            match (packet.tag, packet.body.as_slice()) {
                (1, body) => sessions.extend(session(body)),
                (9, _) => return Ok(Self { sessions, content: EncryptedData::Other(PgpProblem::Unprotected) }),
                (18, [1, encrypted @ ..]) => {
                    let encrypted = Zeroizing::new(encrypted.to_vec());
                    return Ok(Self { sessions, content: EncryptedData::Protected(encrypted) });
                }
                (18, _) => return Ok(Self::unsupported(sessions, "version 2 of its encryption")),
                (20, _) => return Ok(Self::unsupported(sessions, "the AEAD encryption of GnuPG 2.3")),
                _ => {}
            }
        }
        Err(PgpProblem::Damaged)
    }

    fn unsupported(sessions: Vec<([u8; 8], Vec<u8>)>, what: &'static str) -> Self {
        Self { sessions, content: EncryptedData::Other(PgpProblem::Unsupported(what)) }
    }

    /// What is in the message, if `key` is one of its recipients.
    pub(crate) fn open(&self, key: &SecretKey) -> Result<Option<Zeroizing<Vec<u8>>>, PgpProblem> {
        let mut named = false;
        for (recipient, encrypted) in &self.sessions {
            // Eight zeros stand for a recipient that is not told (RFC 4880 section 5.1).
            let hidden = *recipient == [0; 8];
            if !hidden && !key.fingerprint.ends_with(recipient) {
                continue;
            }
            named |= !hidden;
            if let Some(session) = key.session_key(encrypted) {
                return match &self.content {
                    EncryptedData::Protected(encrypted) => decrypt(encrypted, &session).map(Some),
                    EncryptedData::Other(problem) => Err(problem.clone()),
                };
            }
        }
        if named { Err(PgpProblem::Damaged) } else { Ok(None) }
    }
}

/// A session key packet of version 3 for an RSA key (RFC 4880 section 5.1). Those for other keys are not ours.
fn session(body: &[u8]) -> Option<([u8; 8], Vec<u8>)> {
    let (recipient, rest) = body.strip_prefix(&[3])?.split_first_chunk()?;
    let ([1 | 2, ..], number) = rest.split_first_chunk::<3>()? else { return None };
    Some((*recipient, number.to_vec()))
}

/// The literal data in the content of a version 1 integrity-protected packet (RFC 4880 section 5.13).
fn decrypt(encrypted: &[u8], session: &SessionKey) -> Result<Zeroizing<Vec<u8>>, PgpProblem> {
    let mut content = Zeroizing::new(encrypted.to_vec());
    let block = match session.cipher {
        2 => apply::<Decryptor<TdesEde3>>(session, &mut content, 8),
        7 => apply::<Decryptor<Aes128>>(session, &mut content, 16),
        8 => apply::<Decryptor<Aes192>>(session, &mut content, 16),
        9 => apply::<Decryptor<Aes256>>(session, &mut content, 16),
        1 => return Err(PgpProblem::Unsupported("the cipher IDEA")),
        3 => return Err(PgpProblem::Unsupported("the cipher CAST5")),
        4 => return Err(PgpProblem::Unsupported("the cipher Blowfish")),
        10 => return Err(PgpProblem::Unsupported("the cipher Twofish")),
        11..=13 => return Err(PgpProblem::Unsupported("the cipher Camellia")),
        _ => return Err(PgpProblem::Unsupported("an unknown cipher")),
    };
    let block = block.ok_or(PgpProblem::Damaged)?;
    // Behind a block of noise and its repeated end stand the packets, and last a packet with the hash of all before it.
    // The repetition is not checked: the hash finds more changes, and an attacker learns less from it.
    let (hashed, code) = content.split_last_chunk::<20>().ok_or(PgpProblem::Damaged)?;
    let (packets, header) = hashed.split_last_chunk::<2>().ok_or(PgpProblem::Damaged)?;
    let hash: [u8; 20] = Sha1::digest(hashed).into();
    if !bool::from(hash.ct_eq(code) & header.ct_eq(&[0xd3, 0x14])) {
        return Err(PgpProblem::Integrity);
    }
    let packets = block.checked_add(2).and_then(|noise| packets.get(noise..)).ok_or(PgpProblem::Damaged)?;
    literal(packets, 0)
}

/// Decrypts in place, with a start value of zeros. Gives the size of a block back, or nothing if the key has another size.
fn apply<C: KeyIvInit + AsyncStreamCipher + BlockDecryptMut>(
    session: &SessionKey,
    content: &mut [u8],
    block: usize,
) -> Option<usize> {
    let start = [0; 16];
    C::new_from_slices(&session.key, start.get(..block)?).ok()?.decrypt(content);
    Some(block)
}

/// The content of the first literal packet (RFC 4880 section 5.9), be it inside a compressed one (section 5.6).
fn literal(packets: &[u8], depth: usize) -> Result<Zeroizing<Vec<u8>>, PgpProblem> {
    let mut rest = packets;
    while let Some(packet) = Packet::read(&mut rest)? {
        match (packet.tag, packet.body.as_slice()) {
            (8, [algorithm, compressed @ ..]) if depth < DEEPEST => {
                let inner = match algorithm {
                    0 => Zeroizing::new(compressed.to_vec()),
                    1 => decompress(compressed, Wrapping::None)?,
                    2 => decompress(compressed, Wrapping::Zlib)?,
                    3 => return Err(PgpProblem::Unsupported("the compression BZip2")),
                    _ => return Err(PgpProblem::Unsupported("an unknown compression")),
                };
                return literal(&inner, depth.saturating_add(1));
            }
            (11, [_format, name_length, rest @ ..]) => {
                // A name and four bytes of time.
                let skipped = usize::from(*name_length).saturating_add(4);
                let data = rest.get(skipped..).ok_or(PgpProblem::Damaged)?;
                return Ok(Zeroizing::new(data.to_vec()));
            }
            (8 | 11, _) => return Err(PgpProblem::Damaged),
            _ => {} // signatures and marks
        }
    }
    Err(PgpProblem::Damaged)
}

/// Whether deflated data has the header and checksum of zlib.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Wrapping {
    None,
    Zlib,
}

/// Into a buffer that does not grow, which bounds it and leaves no copies behind.
fn decompress(compressed: &[u8], wrapping: Wrapping) -> Result<Zeroizing<Vec<u8>>, PgpProblem> {
    let mut content = Zeroizing::new(vec![0; LARGEST_CONTENT]);
    let input = std::iter::once(compressed);
    match decompress_slice_iter_to_slice(&mut content, input, wrapping == Wrapping::Zlib, false) {
        Ok(length) => content.truncate(length),
        Err(TINFLStatus::HasMoreOutput) => return Err(PgpProblem::TooLarge),
        Err(_) => return Err(PgpProblem::Damaged),
    }
    Ok(content)
}

/// A packet whose pieces are put together (RFC 4880 section 4.2).
struct Packet {
    tag: u8,
    body: Zeroizing<Vec<u8>>,
}

impl Packet {
    /// The next packet, and `rest` behind it. Nothing at the end.
    fn read(rest: &mut &[u8]) -> Result<Option<Self>, PgpProblem> {
        let Some((&first, behind)) = rest.split_first() else { return Ok(None) };
        *rest = behind;
        let mut body = Zeroizing::new(Vec::with_capacity(behind.len()));
        let tag = if first & 0xc0 == 0xc0 {
            while let Length::Partial = new_length(rest, &mut body).ok_or(PgpProblem::Damaged)? {}
            first & 0x3f
        } else if first & 0x80 != 0 {
            old_length(first & 3, rest, &mut body).ok_or(PgpProblem::Damaged)?;
            (first >> 2) & 0x0f
        } else {
            return Err(PgpProblem::Damaged);
        };
        Ok(Some(Self { tag, body }))
    }
}

/// Whether a piece of a packet is its last.
enum Length {
    Partial,
    Last,
}

/// Takes a piece of a packet in the new format.
fn new_length(rest: &mut &[u8], body: &mut Vec<u8>) -> Option<Length> {
    let first = take(rest, 1)?;
    let (kind, length) = match first {
        0..192 => (Length::Last, first),
        192..224 => (Length::Last, (first & 0x1f).checked_shl(8)?.checked_add(take(rest, 1)?)?.checked_add(192)?),
        224..255 => (Length::Partial, 1_u32.checked_shl(first & 0x1f)?),
        _ => (Length::Last, take(rest, 4)?),
    };
    let (piece, behind) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    body.extend_from_slice(piece);
    *rest = behind;
    Some(kind)
}

/// Takes the body of a packet in the old format.
fn old_length(kind: u8, rest: &mut &[u8], body: &mut Vec<u8>) -> Option<()> {
    let length = match kind {
        0 => usize::try_from(take(rest, 1)?).ok()?,
        1 => usize::try_from(take(rest, 2)?).ok()?,
        2 => usize::try_from(take(rest, 4)?).ok()?,
        _ => rest.len(), // up to the end
    };
    let (whole, behind) = rest.split_at_checked(length)?;
    body.extend_from_slice(whole);
    *rest = behind;
    Some(())
}

/// A big-endian number of `length` bytes, four at most.
fn take(rest: &mut &[u8], length: usize) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(digits.iter().fold(0, |number, digit| (number << 8) | u32::from(*digit)))
}

/// The bytes of an armored message (RFC 4880 section 6.2): headers up to an empty line, base64, and perhaps a checksum.
fn dearmor(text: &str) -> Result<Vec<u8>, PgpProblem> {
    if text.len() > LARGEST_MESSAGE {
        return Err(PgpProblem::TooLarge);
    }
    let mut lines = text.lines().map(str::trim).skip_while(|line| *line != "-----BEGIN PGP MESSAGE-----").skip(1);
    let mut encoded = String::with_capacity(text.len());
    let mut checksum = None;
    loop {
        match lines.next().ok_or(PgpProblem::Armor)? {
            "-----END PGP MESSAGE-----" => break,
            header if header.contains(':') && encoded.is_empty() => {}
            line if checksum.is_none() => match line.strip_prefix('=') {
                Some(digits) if digits.len() == 4 => checksum = Some(digits),
                _ => encoded.push_str(line),
            },
            "" => {}
            _ => return Err(PgpProblem::Armor),
        }
    }
    let Ok(bytes) = Base64::decode_vec(&encoded) else { return Err(PgpProblem::Armor) };
    let matches = checksum.is_none_or(|checksum| {
        let [_, expected @ ..] = crc24(&bytes).to_be_bytes();
        Base64::decode_vec(checksum).is_ok_and(|found| found == expected)
    });
    if matches { Ok(bytes) } else { Err(PgpProblem::Armor) }
}

/// RFC 4880 section 6.1.
fn crc24(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x00b7_04ce, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 16), |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ 0x0186_4cfb }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::ssh::PrivateKey;

    const TEXT: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn key() -> SecretKey {
        match PrivateKey::parse(include_bytes!("../../../../tests/corpus/keys/ssh-rsa")) {
            Ok(PrivateKey::Rsa(key)) => SecretKey::new(key.into_key()).unwrap(),
            _ => panic!("the key is an RSA key"),
        }
    }

    fn open(message: &str, key: &SecretKey) -> Result<Option<Vec<u8>>, PgpProblem> {
        Ok(Message::parse(message)?.open(key)?.map(|content| content.to_vec()))
    }

    #[test]
    fn the_fingerprint_is_that_of_ssh_to_pgp() {
        assert_eq!(key().fingerprint(), "4d90cb1e7ae375b0e0fe6dd795290d727daf2cce");
    }

    #[test]
    fn messages_of_gnupg_open() {
        let key = key();
        let unsupported = |what| Err(PgpProblem::Unsupported(what));
        for (message, expected) in [
            (include_str!("../../tests/openpgp/3des-zip.asc"), Ok(Some(TEXT.to_vec()))),
            (include_str!("../../tests/openpgp/aes128-none.asc"), Ok(Some(TEXT.to_vec()))),
            (include_str!("../../tests/openpgp/aes192-zlib.asc"), Ok(Some(TEXT.to_vec()))),
            (include_str!("../../tests/openpgp/aes256-zip.asc"), Ok(Some(TEXT.to_vec()))),
            (include_str!("../../tests/openpgp/hidden.asc"), Ok(Some(TEXT.to_vec()))),
            (include_str!("../../tests/openpgp/partial.asc"), Ok(Some((0..=255).collect::<Vec<u8>>().repeat(40)))),
            (include_str!("../../tests/openpgp/bomb.asc"), Err(PgpProblem::TooLarge)),
            (include_str!("../../tests/openpgp/no-mdc.asc"), Err(PgpProblem::Unprotected)),
            (include_str!("../../tests/openpgp/bzip2.asc"), unsupported("the compression BZip2")),
            (include_str!("../../tests/openpgp/cast5.asc"), unsupported("the cipher CAST5")),
            (include_str!("../../tests/openpgp/blowfish.asc"), unsupported("the cipher Blowfish")),
            (include_str!("../../tests/openpgp/twofish.asc"), unsupported("the cipher Twofish")),
            (include_str!("../../tests/openpgp/camellia.asc"), unsupported("the cipher Camellia")),
        ] {
            assert_eq!(open(message, &key), expected);
        }
    }

    #[test]
    fn a_message_to_somebody_else_is_not_ours() {
        let mut stranger = key();
        stranger.fingerprint = [0x11; 20];
        assert_eq!(open(include_str!("../../tests/openpgp/aes256-zip.asc"), &stranger), Ok(None));
        // Even if it could not be read: that is the business of its recipient.
        assert_eq!(open(include_str!("../../tests/openpgp/camellia.asc"), &stranger), Ok(None));
    }

    #[test]
    fn the_newer_kinds_of_encryption_are_named() {
        let key = key();
        let bytes = dearmor(include_str!("../../tests/openpgp/aes256-zip.asc")).unwrap();
        // The session key packet has 399 bytes. Behind it stand the header of the data packet and its version.
        for (header, what) in [
            (&[0xd4, 4, 1, 9, 2, 16][..], "the AEAD encryption of GnuPG 2.3"),
            (&[0xd2, 4, 2, 9, 2, 16], "version 2 of its encryption"),
        ] {
            let message = armor(&[&bytes[..399], header].concat(), "");
            assert_eq!(open(&message, &key), Err(PgpProblem::Unsupported(what)));
        }
    }

    #[test]
    fn a_changed_bit_is_noticed() {
        let key = key();
        let message = Message::parse(include_str!("../../tests/openpgp/aes128-none.asc")).unwrap();
        let EncryptedData::Protected(content) = &message.content else { panic!("the message is protected") };
        let (_, encrypted) = &message.sessions[0];
        let session = key.session_key(encrypted).unwrap();
        for at in 0..content.len() {
            let mut changed = content.to_vec();
            changed[at] ^= 1;
            assert_eq!(decrypt(&changed, &session).err(), Some(PgpProblem::Integrity), "byte {at}");
        }
        for length in 0..content.len() {
            assert!(decrypt(&content[..length], &session).is_err(), "{length} bytes");
        }
        let mut other = encrypted.clone();
        other[100] ^= 1;
        assert!(key.session_key(&other).is_none());
        assert!(key.session_key(&[]).is_none());
        assert!(key.session_key(&[0xff; 384]).is_none(), "larger than the modulus");
        assert!(key.session_key(&[0xff; 385]).is_none(), "longer than the modulus");
    }

    #[test]
    fn armor_is_read_with_and_without_headers_and_checksum() {
        for (text, bytes) in [
            (armor(b"abcdef", ""), Ok(b"abcdef".to_vec())),
            (armor(b"abcdef", "=MM1z\n"), Err(PgpProblem::Armor)),
            (armor(b"abcdef", &checksum(b"abcdef")), Ok(b"abcdef".to_vec())),
            (armor(b"abcdef", &checksum(b"abcdeg")), Err(PgpProblem::Armor)),
            (armor(b"abcdef", "").replace("\n\n", "\nVersion: GnuPG v2\nComment: none\n\n"), Ok(b"abcdef".to_vec())),
            (armor(b"abcdef", "").replace('\n', "\r\n"), Ok(b"abcdef".to_vec())),
            (armor(b"abcdef", "").replace('\n', "\n  "), Ok(b"abcdef".to_vec())),
            (format!("text around\n{}\ntext around", armor(b"abcdef", "")), Ok(b"abcdef".to_vec())),
            (armor(b"abcdef", "").replace("END", "ENDE"), Err(PgpProblem::Armor)),
            (armor(b"abcdef", "").replace("YW", "Y!"), Err(PgpProblem::Armor)),
            ("YWJjZGVm".to_owned(), Err(PgpProblem::Armor)),
            (String::new(), Err(PgpProblem::Armor)),
            ("A".repeat(LARGEST_MESSAGE + 1), Err(PgpProblem::TooLarge)),
        ] {
            assert_eq!(dearmor(&text), bytes, "{text:.200}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc24(b"123456789"), 0x0021_cf02);
        assert_eq!(crc24(b""), 0x00b7_04ce);
    }

    #[test]
    fn packets_of_every_length_are_read() {
        let long = vec![7; 300];
        for (packet, expected) in [
            (vec![0xcb, 2, 1, 2, 0xff], Some((11, vec![1, 2], 1))),
            ([&[0xcb, 192, 108][..], &long].concat(), Some((11, long.clone(), 0))),
            ([&[0xcb, 255, 0, 0, 1, 44][..], &long].concat(), Some((11, long.clone(), 0))),
            ([&[0xcb, 0xe1, 1, 2, 0xe0, 3, 1, 4][..], &[9]].concat(), Some((11, vec![1, 2, 3, 4], 1))),
            (vec![0xac, 1, 5, 6], Some((11, vec![5], 1))),
            ([&[0xad, 1, 44][..], &long].concat(), Some((11, long.clone(), 0))),
            ([&[0xae, 0, 0, 1, 44][..], &long].concat(), Some((11, long.clone(), 0))),
            (vec![0xaf, 5, 6], Some((11, vec![5, 6], 0))),
            (vec![0xcb, 3, 1, 2], None),
            (vec![0xcb, 0xe1, 1, 2], None),
            (vec![0xcb, 0xfe, 1, 2], None),
            (vec![0xcb, 255, 0xff, 0xff, 0xff, 0xff], None),
            (vec![0xcb], None),
            (vec![0xac], None),
            (vec![0x3f, 1], None),
        ] {
            let mut rest = packet.as_slice();
            let read = Packet::read(&mut rest).ok().flatten();
            assert_eq!(read.map(|packet| (packet.tag, packet.body.to_vec(), rest.len())), expected, "{packet:?}");
        }
    }

    #[test]
    fn packets_in_packets_end() {
        let mut packets = vec![0xaf, b'b', 0, 0, 0, 0, 0, b'k'];
        for depth in 0..=DEEPEST {
            assert!(literal(&packets, 0).is_ok_and(|content| *content == b"k"), "{depth}");
            packets = [&[0xa3, 0][..], &packets].concat();
        }
        assert_eq!(literal(&packets, 0).err(), Some(PgpProblem::Damaged));
        assert_eq!(literal(&[], 0).err(), Some(PgpProblem::Damaged));
        assert_eq!(literal(&[0xac, 3, b'b', 9, b'x'], 0).err(), Some(PgpProblem::Damaged));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _outcome = Message::parse(&armor(&bytes, ""));
            let _outcome = Message::parse(&String::from_utf8_lossy(&bytes));
            let _outcome = literal(&bytes, 0);
            let _outcome = session(&bytes);
        }
    }

    fn armor(bytes: &[u8], checksum: &str) -> String {
        let body = Base64::encode_string(bytes);
        format!("-----BEGIN PGP MESSAGE-----\n\n{body}\n{checksum}-----END PGP MESSAGE-----\n")
    }

    fn checksum(bytes: &[u8]) -> String {
        format!("={}\n", Base64::encode_string(&crc24(bytes).to_be_bytes()[1..]))
    }
}
