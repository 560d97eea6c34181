//! Files of age, and the text form of its identities.

use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, Read};

use age::DecryptError;
use age::armor::ArmoredReader;
use age_core::format::{FileKey, Stanza};
use zeroize::Zeroizing;

use super::plugin::PluginIdentity;
use super::{AGE_KINDS, KeyProblem, split};
use crate::foreign::Foreign;

/// The first line of an armored file.
const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// The largest header in bytes. It has room for two thousand recipients, or for 150 post-quantum ones, and bounds how often an
/// identity has to try.
const LARGEST_HEADER: usize = 256 * 1024;

/// What is wrong with an age file, or with the way an identity opened it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum AgeProblem {
    /// The entry of a sops file is not armored.
    #[error("it is not an armored age file")]
    NotArmored,
    /// The armor is damaged.
    #[error("its armor is damaged")]
    Armor,
    /// Nothing is in it.
    #[error("it is empty, and no age file is")]
    Empty,
    /// It does not even begin like an age file.
    #[error("it is not an age file")]
    Plain,
    /// The text is not that of an age file, or its header is damaged.
    #[error("its header is damaged, or it is not an age file")]
    Header,
    /// An editor or version control has made CR LF of its line ends.
    #[error("its line ends were converted to those of Windows, which breaks it")]
    LineEnds,
    /// A shell or an editor has written it in another encoding.
    #[error("it is in UTF-16, as a shell of Windows writes it, which breaks it")]
    Utf16,
    /// A version of the format that does not exist yet, or no longer.
    #[error("it is of version {0} of the age format, and only version 1 is known")]
    Version(String),
    /// Larger than any header that is of use.
    #[error("its header has more than {LARGEST_HEADER} bytes")]
    HeaderTooLarge,
    /// A stanza is for the identity, and what it holds is not a file key.
    #[error("the recipient's stanza is damaged")]
    Stanza,
    /// The header was changed after it was written.
    #[error("its header does not match its MAC")]
    Mac,
    /// The payload was changed after it was written.
    #[error("its payload is damaged or truncated")]
    Payload,
    /// The only recipient is a passphrase.
    #[error("it is encrypted with a passphrase, which cannot be typed here; only a plugin could know it")]
    Passphrase,
    /// To try everything would take too long.
    #[error(
        "it has so many recipients and this host so many identities that not all were tried; after {0} attempts it is given up"
    )]
    TooManyAttempts(usize),
}

/// An age file without armor, whose header is of a sane size and well-formed.
pub(crate) struct AgeFile {
    bytes: Vec<u8>,
    /// How many of them are the header.
    header: usize,
    /// Whether a passphrase opens it, so that no key in memory does.
    is_scrypt: bool,
}

impl AgeFile {
    /// The entry of a sops file, which must be armored (docs/format.md section 6.2).
    pub(crate) fn from_entry(enc: &str) -> Result<Self, AgeProblem> {
        let text = enc.trim().as_bytes();
        if !text.starts_with(ARMOR) {
            return Err(AgeProblem::NotArmored);
        }
        Self::from_armor(text)
    }

    /// A file, armored or not.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, AgeProblem> {
        let trimmed = bytes.trim_ascii();
        if trimmed.starts_with(ARMOR) {
            return Self::from_armor(trimmed);
        }
        Self::bounded(bytes.to_vec()).map_err(|problem| match problem {
            AgeProblem::Header if trimmed.is_empty() => AgeProblem::Empty,
            AgeProblem::Header if split(bytes, b"age-encryption").or(split(bytes, b"-----")).is_none() => {
                AgeProblem::Plain
            }
            problem => problem,
        })
    }

    fn from_armor(text: &[u8]) -> Result<Self, AgeProblem> {
        let mut bytes = Vec::new();
        match ArmoredReader::new(text).read_to_end(&mut bytes) {
            Ok(_) => Self::bounded(bytes),
            // Its text says where base64 went wrong, which is of no help.
            Err(_) => Err(AgeProblem::Armor),
        }
    }

    fn bounded(bytes: Vec<u8>) -> Result<Self, AgeProblem> {
        let start = bytes.get(..LARGEST_HEADER).unwrap_or(&bytes);
        let last_line =
            start.windows(4).position(|window| window == b"\n---").map_or(start.len(), |at| at.saturating_add(1));
        let length = start.iter().skip(last_line).position(|byte| *byte == b'\n');
        let Some(length) = length else {
            return Err(if start.len() < bytes.len() { AgeProblem::HeaderTooLarge } else { damage(&bytes) });
        };
        let mut file = Self { header: last_line.saturating_add(length).saturating_add(1), bytes, is_scrypt: false };
        file.is_scrypt = file.decryptor()?.is_scrypt();
        Ok(file)
    }

    /// Whether a passphrase opens it, so that no key in memory does.
    pub(crate) fn is_scrypt(&self) -> bool {
        self.is_scrypt
    }

    fn decryptor(&self) -> Result<age::Decryptor<HeaderAtOnce<'_>>, AgeProblem> {
        let reader = HeaderAtOnce { rest: &self.bytes, header: Some(self.header) };
        age::Decryptor::new_buffered(reader).map_err(|_what_or_where| damage(&self.bytes))
    }

    /// What is in the file, if `identity` is one of its recipients.
    pub(crate) fn open(&self, identity: &dyn age::Identity) -> Result<Option<Zeroizing<Vec<u8>>>, AgeProblem> {
        let problem = |error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => AgeProblem::Stanza,
            DecryptError::InvalidMac => AgeProblem::Mac,
            _ => AgeProblem::Header,
        };
        let mut payload = match self.decryptor()?.decrypt(std::iter::once(identity)) {
            Ok(payload) => payload,
            Err(DecryptError::NoMatchingKeys) => return Ok(None),
            Err(error) => return Err(problem(error)),
        };
        // Large enough from the start: a vector that grows leaves copies of its content behind.
        let mut content = Zeroizing::new(Vec::with_capacity(self.bytes.len()));
        match payload.read_to_end(&mut content) {
            Ok(_) => Ok(Some(content)),
            Err(_) => Err(AgeProblem::Payload),
        }
    }

    /// What is in the file, if `key` is its file key.
    pub(crate) fn open_with(&self, key: FileKey) -> Result<Option<Zeroizing<Vec<u8>>>, AgeProblem> {
        self.open(&Known(Cell::new(Some(key))))
    }

    /// What the header says to each recipient.
    pub(crate) fn stanzas(&self) -> Vec<Stanza> {
        let recorder = Recorder(RefCell::default());
        let identity: &dyn age::Identity = &recorder;
        match self.decryptor().map(|decryptor| decryptor.decrypt(std::iter::once(identity)).is_ok()) {
            Ok(_) | Err(_) => {} // it opens nothing
        }
        recorder.0.into_inner()
    }

    /// The kinds of the recipients, and the tags that tell SSH keys apart.
    pub(crate) fn recipients(&self) -> Vec<String> {
        let name = |Stanza { tag, args, .. }: Stanza| {
            let ssh_tag = args.into_iter().next().filter(|_| tag.starts_with("ssh-"));
            // Every file has a stanza of nonsense, to keep readers tolerant.
            (!tag.ends_with("-grease"))
                .then(|| [Some(tag), ssh_tag].into_iter().flatten().collect::<Vec<_>>().join(" "))
        };
        self.stanzas().into_iter().filter_map(name).collect()
    }
}

/// What is wrong with a file whose header cannot be read.
fn damage(bytes: &[u8]) -> AgeProblem {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return AgeProblem::Utf16;
    }
    let Some(rest) = bytes.strip_prefix(MAGIC) else { return AgeProblem::Header };
    let line = rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
    match line.strip_suffix(b"\r").unwrap_or(line) {
        b"v1" if line.ends_with(b"\r") => AgeProblem::LineEnds,
        b"v1" => AgeProblem::Header,
        version => AgeProblem::Version(Foreign(version).to_string()),
    }
}

/// How a file begins, in front of the version.
const MAGIC: &[u8] = b"age-encryption.org/";

/// Whether a text begins as an age file does, armored or not.
pub(crate) fn is_age_file(text: &[u8]) -> bool {
    text.starts_with(MAGIC) || text.trim_ascii_start().starts_with(b"-----BEGIN AGE ")
}

/// The bytes of a file. The `age` crate starts over at each line of a header, which takes seconds for a few thousand lines;
/// it takes as a line what `read_until` gives, and here that is the header as a whole.
struct HeaderAtOnce<'a> {
    rest: &'a [u8],
    header: Option<usize>,
}

impl Read for HeaderAtOnce<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.rest.read(buffer)
    }
}

impl BufRead for HeaderAtOnce<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.rest)
    }

    fn consume(&mut self, amount: usize) {
        self.rest.consume(amount);
    }

    fn read_until(&mut self, _delimiter: u8, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let taken = self.header.take().unwrap_or(0);
        let (header, rest) = self.rest.split_at_checked(taken).unwrap_or_default();
        buffer.extend_from_slice(header);
        self.rest = rest;
        Ok(header.len())
    }
}

/// An identity that opens nothing and remembers what there was.
struct Recorder(RefCell<Vec<Stanza>>);

impl age::Identity for Recorder {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let Stanza { tag, args, body } = stanza;
        self.0.borrow_mut().push(Stanza { tag: tag.clone(), args: args.clone(), body: body.clone() });
        None
    }
}

/// A file key that somebody else found, as the identity that opens this one file.
struct Known(Cell<Option<FileKey>>);

impl age::Identity for Known {
    fn unwrap_stanza(&self, _stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.0.take().map(Ok)
    }
}

/// A line of an age key file.
pub(crate) enum Line {
    /// Blank, or a comment.
    Nothing,
    /// An identity that needs no program, and its recipient.
    Identity(String, Box<dyn age::Identity>),
    /// An identity for a plugin.
    Plugin(PluginIdentity),
}

impl Line {
    /// What `line` says. Blanks around it do not matter.
    pub(crate) fn parse(line: &str) -> Result<Self, KeyProblem> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(Self::Nothing);
        }
        if let Some(kind) = AGE_KINDS.iter().find(|kind| line.starts_with(kind.prefix)) {
            return (kind.parse)(line).map(|(recipient, identity)| Self::Identity(recipient, identity));
        }
        if line.starts_with(PluginIdentity::PREFIX) {
            return Ok(Self::Plugin(PluginIdentity::parse(line)?));
        }
        Err(if line.starts_with("age1") { KeyProblem::PublicKey } else { KeyProblem::UnknownLine })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::super::x25519::X25519Identity;
    use super::*;

    const KEY: &str = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
    const ENTRY: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA5akJKMDlCcFNJSDBXVSt5
ai9aSmsrZ09uUWNNTEY3RzhRZXlqTDF3bTBJCjNuRko5OW9iVENwSVlIdzZkZmw2
dXE5ajkyQk54NFVMTGhMSTVwSW1VQkkKLS0tIEFHVnN5dmpSdHhrT2xQS05iZUNZ
TDQ1MmNEZE0vMFZyWWl1OEx4MGsrWlkK+zFB6iYb4Z0exGCgjBZEg6XMFbZ9nxr/
/OvovsfHnsQdIpPWyHZtlRbUuQQut6SzSOVkNsZKQb3R5tnspMt8zA==
-----END AGE ENCRYPTED FILE-----
";

    fn open(entry: &str) -> Result<Option<Vec<u8>>, AgeProblem> {
        let identity = X25519Identity::parse(KEY).unwrap();
        Ok(AgeFile::from_entry(entry)?.open(&identity)?.map(|content| content.to_vec()))
    }

    #[test]
    fn the_vector_opens_in_all_the_ways_it_can_stand_in_a_file() {
        let data_key: Vec<u8> = (0..32).collect();
        for entry in [
            ENTRY.to_owned(),
            ENTRY.trim_end().to_owned(),
            ENTRY.replace('\n', "\r\n"),
            format!("\n \t\n{ENTRY}\n\n  "),
        ] {
            assert_eq!(open(&entry), Ok(Some(data_key.clone())), "{entry:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_said() {
        let line = "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSA5akJKMDlCcFNJSDBXVSt5";
        for (entry, problem) in [
            (String::new(), AgeProblem::NotArmored),
            ("age-encryption.org/v1\n".to_owned(), AgeProblem::NotArmored),
            (ENTRY.replace("BEGIN AGE", "BEGIN PGP"), AgeProblem::NotArmored),
            (format!("{ENTRY}x"), AgeProblem::Armor),
            (ENTRY.replace("-----END", "----END"), AgeProblem::Armor),
            (ENTRY.replace(line, &format!("{line}\n")), AgeProblem::Armor),
            (ENTRY.replace(line, &format!(" {line}")), AgeProblem::Armor),
            (ENTRY.replace(line, &line[4..]), AgeProblem::Armor),
            (ENTRY.replace("8zA==", "8zB=="), AgeProblem::Armor),
            (ENTRY.replace("8zA==", "8zA"), AgeProblem::Armor),
            (ENTRY.replace(&format!("{line}\n"), ""), AgeProblem::Header),
        ] {
            assert_eq!(open(&entry), Err(problem), "{entry}");
        }
    }

    #[test]
    fn each_part_of_a_file_is_checked() {
        let whole = AgeFile::from_entry(ENTRY).unwrap().bytes;
        let at = |part: &[u8]| whole.windows(part.len()).position(|window| window == part).unwrap();
        let end = whole.len();
        for (what, byte, outcome) in [
            ("version", at(b"v1") + 1, Err(AgeProblem::Version("v0".into()))),
            ("kind of the stanza", at(b"X25519"), Ok(None)),
            ("share", at(b"X25519 ") + 8, Ok(None)),
            ("wrapped key", at(b"\n--- ") - 3, Ok(None)),
            ("MAC", at(b"--- ") + 5, Err(AgeProblem::Mac)),
            ("payload", end - 20, Err(AgeProblem::Payload)),
            ("tag of the payload", end - 1, Err(AgeProblem::Payload)),
        ] {
            let mut bytes = whole.clone();
            bytes[byte] ^= 1;
            let identity = X25519Identity::parse(KEY).unwrap();
            let opened = AgeFile::from_bytes(&bytes).and_then(|file| file.open(&identity));
            assert_eq!(opened.map(|content| content.map(|content| content.to_vec())), outcome, "{what}");
        }
        for length in 0..end {
            let identity = X25519Identity::parse(KEY).unwrap();
            assert!(
                AgeFile::from_bytes(&whole[..length]).and_then(|file| file.open(&identity)).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_file_for_a_passphrase_is_read_because_a_plugin_may_know_it() {
        let (salt, body, mac) = ("A".repeat(22), "A".repeat(43), "A".repeat(43));
        let file = format!("age-encryption.org/v1\n-> scrypt {salt} 10\n{body}\n--- {mac}\n{}", "0".repeat(40));
        let file = AgeFile::from_bytes(file.as_bytes()).unwrap();
        assert!(file.is_scrypt());
        assert_eq!(file.recipients(), ["scrypt"]);
        assert!(!AgeFile::from_entry(ENTRY).unwrap().is_scrypt());
    }

    #[test]
    fn what_happened_to_a_file_on_its_way_is_said() {
        let whole = AgeFile::from_entry(ENTRY).unwrap().bytes;
        let utf_16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{text}").encode_utf16().flat_map(order).collect()
        };
        let converted: Vec<u8> =
            whole.iter().flat_map(|byte| if *byte == b'\n' { vec![b'\r', b'\n'] } else { vec![*byte] }).collect();
        let version = |text: &str| [b"age-encryption.org/", text.as_bytes(), b"\n-> X25519 a\n\n--- a\n"].concat();
        for (bytes, problem) in [
            (converted, AgeProblem::LineEnds),
            (utf_16(ENTRY, u16::to_le_bytes), AgeProblem::Utf16),
            (utf_16("age-encryption.org/v1\n", u16::to_be_bytes), AgeProblem::Utf16),
            (version("v2"), AgeProblem::Version("v2".into())),
            (version("v1.1\u{1b}[1m"), AgeProblem::Version("v1.1?[1m".into())),
            (version("v1"), AgeProblem::Header),
            (b"age-encryption.net/v1\n".to_vec(), AgeProblem::Header),
            (b"hello\n".to_vec(), AgeProblem::Plain),
            (b" \n".to_vec(), AgeProblem::Empty),
        ] {
            assert_eq!(AgeFile::from_bytes(&bytes).err(), Some(problem));
        }
    }

    #[test]
    fn a_giant_header_takes_no_time() {
        let header = |size: usize| {
            let stanzas = "-> X\n\n".repeat(size / 6);
            format!("age-encryption.org/v1\n{stanzas}--- {}\n{}", "A".repeat(43), "0".repeat(40)).into_bytes()
        };
        let start = Instant::now();
        assert!(AgeFile::from_bytes(&header(LARGEST_HEADER - 100)).is_ok());
        assert_eq!(AgeFile::from_bytes(&header(LARGEST_HEADER)).err(), Some(AgeProblem::HeaderTooLarge));
        assert_eq!(AgeFile::from_bytes(&vec![b'\n'; 8 * 1024 * 1024]).err(), Some(AgeProblem::HeaderTooLarge));
        // Line by line, as the crate reads by itself, the first of them takes minutes.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }

    #[test]
    fn the_recipients_of_a_file_are_listed() {
        assert_eq!(AgeFile::from_entry(ENTRY).unwrap().recipients(), ["X25519"]);
        let public: age::ssh::Recipient =
            include_str!("../../../../tests/corpus/keys/ssh-ed25519.pub").parse().ok().unwrap();
        let recipient: &dyn age::Recipient = &public;
        let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
        let mut file = Vec::new();
        encryptor.wrap_output(&mut file).unwrap().finish().unwrap();
        let recipients = AgeFile::from_bytes(&file).unwrap().recipients();
        assert!(matches!(recipients.as_slice(), [one] if one.starts_with("ssh-ed25519 ")), "{recipients:?}");
    }

    #[test]
    fn lines_of_a_key_file_are_told_apart() {
        let kind = |line: &str| match Line::parse(line) {
            Ok(Line::Nothing) => "nothing".to_owned(),
            Ok(Line::Identity(recipient, _)) => recipient,
            Ok(Line::Plugin(identity)) => identity.program(),
            Err(problem) => problem.to_string(),
        };
        let recipient = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";
        let unknown = KeyProblem::UnknownLine.to_string();
        let mistyped = KeyProblem::Mistyped.to_string();
        for (line, expected) in [
            ("", "nothing"),
            ("  \t\r", "nothing"),
            ("# comment", "nothing"),
            ("  # comment", "nothing"),
            (KEY, recipient),
            (&format!("  {KEY} \r"), recipient),
            (&KEY.replace("18K2", "18K3"), &mistyped),
            (&KEY[..60], &mistyped),
            (&format!("{KEY} {KEY}"), &mistyped),
            (&KEY.to_lowercase(), &unknown),
            ("age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2", &KeyProblem::PublicKey.to_string()),
            ("AGE-PLUGIN-YUBIKEY-1", &mistyped),
            ("hello", &unknown),
        ] {
            assert_eq!(kind(line), expected, "{line:?}");
        }
        let pq = include_str!("../../../../tests/corpus/keys/age-pq.txt");
        assert!(kind(pq.lines().nth(1).unwrap()).starts_with("age1pq1"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text: String) {
            let _outcome = AgeFile::from_bytes(&bytes);
            let _outcome = AgeFile::from_bytes(&[b"age-encryption.org/v1\n-> X25519 ", bytes.as_slice()].concat());
            let _outcome = open(&text);
            let _outcome = open(&format!("-----BEGIN AGE ENCRYPTED FILE-----\n{text}\n-----END AGE ENCRYPTED FILE-----"));
            let _outcome = Line::parse(&text);
        }
    }
}
