//! Identities that a plugin of age uses: `AGE-PLUGIN-NAME-1...` (the client of C2SP's age-plugin, state machine identity-v1).
//!
//! The client of the `age` crate waits for a plugin without end and never reaps it. This one has a time limit. Nobody is
//! there during an activation, so a plugin that wants to ask for something is told that it cannot.

use std::ffi::OsString;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use age::DecryptError;
use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_decode;
use base64ct::{Base64Unpadded, Encoding};
use zeroize::{Zeroize, Zeroizing};

use super::KeyProblem;
use super::child::{self, Child, ChildProblem, More};
use super::ssh::file_key;

/// How to run the plugins of age.
pub struct Plugins {
    /// Where to look for `age-plugin-NAME`: folders with colons between, like `PATH`. Folders that are not absolute are
    /// passed over.
    pub search_path: OsString,
    /// How long one data key may take.
    pub time_limit: Duration,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { search_path: OsString::new(), time_limit: Duration::from_secs(30) }
    }
}

/// An identity that only its plugin understands.
pub(crate) struct Identity {
    name: String,
    text: Zeroizing<String>,
    hung: AtomicBool,
}

impl Identity {
    /// What the text of an identity starts with.
    pub(crate) const PREFIX: &str = "AGE-PLUGIN-";

    /// Reads the text of an identity.
    pub(crate) fn parse(text: &str) -> Result<Self, KeyProblem> {
        let name = bech32_decode(text, |_error| KeyProblem::Mistyped, |_| Ok(()), |prefix, _| Ok(prefix.to_string()))?;
        let name = name.strip_prefix(Self::PREFIX).and_then(|name| name.strip_suffix('-')).unwrap_or_default();
        // It becomes part of a file's name.
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_');
        if name.is_empty() || !name.bytes().all(allowed) {
            return Err(KeyProblem::Mistyped);
        }
        Ok(Self { name: name.to_lowercase(), text: Zeroizing::new(text.to_owned()), hung: AtomicBool::new(false) })
    }

    /// The file name of the plugin.
    pub(crate) fn program(&self) -> String {
        format!("age-plugin-{}", self.name)
    }

    /// Whether `recipient` is one that this plugin makes, as far as its text tells.
    pub(crate) fn made(&self, recipient: &str) -> bool {
        recipient
            .strip_prefix("age1")
            .and_then(|rest| rest.strip_prefix(&self.name))
            .is_some_and(|rest| rest.starts_with('1'))
    }

    /// The identity together with what is needed to run its plugin.
    pub(crate) fn with<'a>(&'a self, plugins: &'a Plugins) -> Session<'a> {
        Session { identity: self, plugins }
    }
}

/// An identity whose plugin can be run.
pub(crate) struct Session<'a> {
    identity: &'a Identity,
    plugins: &'a Plugins,
}

impl age::Identity for Session<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match self.ask(stanzas) {
            Ok(key) => key.map(Ok),
            Err(problem) => Some(Err(DecryptError::Io(io::Error::other(problem)))),
        }
    }
}

impl Session<'_> {
    /// Runs the plugin once for one file.
    fn ask(&self, stanzas: &[Stanza]) -> Result<Option<FileKey>, PluginProblem> {
        let name = self.identity.program();
        let problem = |kind| PluginProblem { program: name.clone(), kind };
        let Some(program) = child::find(&name, &self.plugins.search_path) else {
            return Err(problem(ProblemKind::Missing));
        };
        if self.identity.hung.load(Ordering::Relaxed) {
            return Err(problem(ProblemKind::HungBefore));
        }
        // The folder is that of nobody in particular: a plugin has no business with ours.
        let mut command = Command::new(program);
        command.arg("--age-plugin=identity-v1").current_dir("/");
        let outcome = Child::start(&mut command, self.plugins.time_limit)
            .map_err(ProblemKind::Child)
            .and_then(|child| Conversation { child, read: 0 }.run(&self.identity.text, stanzas));
        outcome.map_err(|kind| {
            let hung = matches!(kind, ProblemKind::Child(ChildProblem::TimeLimit(_)));
            self.identity.hung.store(hung, Ordering::Relaxed);
            problem(kind)
        })
    }
}

/// Why a plugin did not open a file.
#[derive(Debug, thiserror::Error)]
#[error("{program} {kind}")]
struct PluginProblem {
    program: String,
    kind: ProblemKind,
}

/// What the plugin did. Reads on from its name.
#[derive(Debug, thiserror::Error)]
enum ProblemKind {
    #[error("is not in PATH; an activation has no other PATH than the one that the system's configuration gives it")]
    Missing,
    #[error("did not answer before, so it was not asked again")]
    HungBefore,
    #[error("was of no use: {0}")]
    Child(ChildProblem),
    #[error("ended before it answered{0}")]
    Ended(String),
    #[error("does not follow the plugin protocol")]
    Protocol,
    #[error("wants to ask for something, and nobody is there to answer")]
    Question,
    #[error("says: {0}")]
    Said(String),
}

impl From<ChildProblem> for ProblemKind {
    fn from(problem: ChildProblem) -> Self {
        Self::Child(problem)
    }
}

/// A plugin that is being talked to.
struct Conversation {
    child: Child,
    /// How much of its output was understood.
    read: usize,
}

impl Conversation {
    fn run(mut self, identity: &str, stanzas: &[Stanza]) -> Result<Option<FileKey>, ProblemKind> {
        let room = stanzas.iter().map(|stanza| stanza.body.len()).fold(identity.len(), usize::saturating_add);
        let mut message = Zeroizing::new(Vec::with_capacity(room.saturating_mul(2)));
        write(&mut message, ["add-identity", identity], &[]);
        for Stanza { tag, args, body } in stanzas {
            let words = ["recipient-stanza", "0", tag].into_iter().chain(args.iter().map(String::as_str));
            write(&mut message, words, body);
        }
        write(&mut message, ["done"], &[]);
        let mut key = None;
        let mut asked = false;
        let mut said = None;
        loop {
            let command = self.answer(&message)?;
            let (first, arguments) = command.words.split_first().ok_or(ProblemKind::Protocol)?;
            let reply = match (first.as_str(), arguments) {
                ("done", _) => break,
                ("msg", _) => "ok",
                ("confirm" | "request-public" | "request-secret", _) => {
                    asked = true;
                    "fail"
                }
                ("file-key", [file]) if file == "0" && key.is_none() => {
                    key = Some(file_key(command.body.to_vec()).map_err(|_wrong_size| ProblemKind::Protocol)?);
                    "ok"
                }
                ("error", _) => {
                    said = Some(child::one_line(&String::from_utf8_lossy(&command.body)));
                    "ok"
                }
                _ => "unsupported",
            };
            message.zeroize();
            write(&mut message, [reply], &[]);
        }
        match self.child.finish(Duration::from_secs(1)) {
            // It has said all it had to say. If it does not end by itself, it is ended.
            Ok(_) | Err(_) => {}
        }
        match (key, said) {
            (Some(key), _) => Ok(Some(key)),
            (None, _) if asked => Err(ProblemKind::Question),
            (None, Some(said)) => Err(ProblemKind::Said(said)),
            (None, None) => Ok(None),
        }
    }

    /// Sends `message` and gives the next command of the plugin.
    fn answer(&mut self, message: &[u8]) -> Result<Parsed, ProblemKind> {
        let read = self.read;
        let whole = |output: &[u8]| !matches!(Parsed::read(output.get(read..).unwrap_or_default()), Ok(None));
        self.child.exchange(message, More::Expected, whole)?;
        let unread = self.child.output().get(read..).unwrap_or_default();
        if let Some((command, length)) = Parsed::read(unread)? {
            self.read = read.saturating_add(length);
            return Ok(command);
        }
        let complaint = match self.child.finish(Duration::from_secs(1)) {
            Ok(_) | Err(_) => self.child.complaint(), // that it ends badly is what is being reported
        };
        Err(ProblemKind::Ended(if complaint.is_empty() { complaint } else { format!(": {complaint}") }))
    }
}

/// A command of the plugin, in the form of a stanza.
struct Parsed {
    words: Vec<String>,
    body: Zeroizing<Vec<u8>>,
}

impl Parsed {
    /// The first command of `output` with its length; nothing as long as it is not complete.
    fn read(output: &[u8]) -> Result<Option<(Self, usize)>, ProblemKind> {
        let mut lines = output.split_inclusive(|byte| *byte == b'\n');
        let mut length: usize = 0;
        let mut next = || {
            let line = lines.next()?;
            length = length.saturating_add(line.len());
            line.strip_suffix(b"\n")
        };
        let Some(first) = next() else { return Ok(None) };
        let words = first.strip_prefix(b"-> ").map(std::str::from_utf8);
        let Some(Ok(words)) = words else { return Err(ProblemKind::Protocol) };
        let words = words.split(' ').map(str::to_owned).collect();
        let mut text = Zeroizing::new(Vec::with_capacity(output.len()));
        loop {
            let Some(line) = next() else { return Ok(None) };
            text.extend_from_slice(line);
            if line.len() < COLUMNS {
                break;
            }
            if line.len() > COLUMNS {
                return Err(ProblemKind::Protocol);
            }
        }
        let mut body = Zeroizing::new(vec![0; text.len()]);
        let Ok(decoded) = Base64Unpadded::decode(text.as_slice(), &mut body).map(<[u8]>::len) else {
            return Err(ProblemKind::Protocol);
        };
        body.truncate(decoded);
        Ok(Some((Self { words, body }, length)))
    }
}

/// Characters in a full line of a stanza's body.
const COLUMNS: usize = 64;

/// Writes a stanza: its words, its body in lines, the last of which is not full.
fn write<'a>(message: &mut Vec<u8>, words: impl IntoIterator<Item = &'a str>, body: &[u8]) {
    message.extend_from_slice(b"->");
    for word in words {
        message.push(b' ');
        message.extend_from_slice(word.as_bytes());
    }
    message.push(b'\n');
    let text = Base64Unpadded::encode_string(body);
    for line in text.as_bytes().chunks(COLUMNS) {
        message.extend_from_slice(line);
        message.push(b'\n');
    }
    if text.len() % COLUMNS == 0 {
        message.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use age_core::primitives::bech32_encode;
    use age_core::secrecy::ExposeSecret;
    use bech32::Hrp;
    use proptest::prelude::*;

    use super::super::child::tests::{assert_gone, programs};
    use super::*;

    fn text(prefix: &str) -> String {
        bech32_encode(Hrp::parse_unchecked(prefix), &[1, 2, 3]).to_uppercase()
    }

    fn toy() -> Identity {
        Identity::parse(&text("age-plugin-toy-")).unwrap()
    }

    fn plugins(time_limit: Duration) -> Plugins {
        Plugins { search_path: programs().into(), time_limit }
    }

    /// What the toy makes of a stanza.
    fn unwrap(identity: &Identity, plugins: &Plugins, args: &[&str], body: &[u8]) -> Option<Result<[u8; 16], String>> {
        let args = args.iter().map(|word| (*word).to_owned()).collect();
        // A stanza of somebody else in front, with a body of more than one line.
        let other = Stanza { tag: "X25519".into(), args: vec!["abc".into()], body: vec![1; 100] };
        let stanzas = [other, Stanza { tag: "toy".into(), args, body: body.to_vec() }];
        let outcome = age::Identity::unwrap_stanzas(&identity.with(plugins), &stanzas);
        outcome.map(|key| match key {
            Ok(key) => Ok(*key.expose_secret()),
            Err(DecryptError::Io(error)) => Err(error.to_string()),
            Err(error) => Err(format!("another error: {error}")),
        })
    }

    #[test]
    fn a_plugin_opens_what_it_can_and_its_failures_are_told() {
        let plugins = plugins(Duration::from_secs(60));
        for (how, expected) in [
            ("open", Some(Ok(*b"sixteen bytes ok"))),
            ("stay", Some(Ok(*b"sixteen bytes ok"))),
            ("nothing", None),
            ("error", Some(Err("age-plugin-toy says: sixteen bytes ok"))),
            ("ask", Some(Err("age-plugin-toy wants to ask for something, and nobody is there to answer"))),
            ("short", Some(Err("age-plugin-toy does not follow the plugin protocol"))),
            ("babble", Some(Err("age-plugin-toy does not follow the plugin protocol"))),
            ("flood", Some(Err("age-plugin-toy was of no use: it answered with more than 65536 bytes"))),
            ("die", Some(Err("age-plugin-toy ended before it answered: the card is not there"))),
        ] {
            let outcome = unwrap(&toy(), &plugins, &[how], b"sixteen bytes ok");
            assert_eq!(outcome, expected.map(|key| key.map_err(str::to_owned)), "{how}");
        }
    }

    #[test]
    fn a_plugin_that_hangs_is_stopped_with_all_it_started_and_not_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pids");
        let identity = toy();
        let ask = || unwrap(&identity, &plugins(Duration::from_secs(2)), &["hang", file.to_str().unwrap()], &[0; 16]);
        let stopped = "age-plugin-toy was of no use: it gave no answer within 2 seconds and was stopped";
        assert_eq!(ask(), Some(Err(stopped.to_owned())));
        assert_gone(&file);
        let given_up = "age-plugin-toy did not answer before, so it was not asked again";
        assert_eq!(ask(), Some(Err(given_up.to_owned())));
    }

    #[test]
    fn a_plugin_that_is_not_there_is_named() {
        let plugins = Plugins { search_path: Path::new("/nonexistent").into(), ..plugins(Duration::from_secs(60)) };
        let problem = unwrap(&toy(), &plugins, &["open"], &[0; 16]).unwrap().unwrap_err();
        assert!(problem.starts_with("age-plugin-toy is not in PATH"), "{problem}");
    }

    #[test]
    fn the_name_of_a_plugin_is_a_file_name() {
        for (prefix, program) in [
            ("age-plugin-yubikey-", Some("age-plugin-yubikey")),
            ("age-plugin-a+b.c_d-e-", Some("age-plugin-a+b.c_d-e")),
            ("age-plugin-", None),
            ("age-plugin--", None),
            ("age-plugin-../x-", None),
            ("age-plugin-a/b-", None),
            ("age-plugin-yubikey", None),
            ("age-secret-key-", None),
        ] {
            let identity = Identity::parse(&text(prefix));
            assert_eq!(identity.as_ref().ok().map(Identity::program).as_deref(), program, "{prefix}");
        }
        assert!(Identity::parse("AGE-PLUGIN-TOY-1QQ").is_err());
    }

    #[test]
    fn recipients_of_a_plugin_are_known_by_their_text() {
        let toy = toy();
        assert!(toy.made("age1toy1qqqq"));
        assert!(!toy.made("age1toys1qqqq"));
        assert!(!toy.made("age1qqqq"));
    }

    #[test]
    fn bodies_are_written_in_lines_the_last_of_which_is_not_full() {
        for (length, lines) in
            [(0, vec![0]), (47, vec![63]), (48, vec![64, 0]), (49, vec![64, 2]), (96, vec![64, 64, 0])]
        {
            let mut message = Vec::new();
            write(&mut message, ["a", "b"], &vec![7; length]);
            let text = String::from_utf8(message.clone()).unwrap();
            let (first, body) = text.split_once('\n').unwrap();
            assert_eq!(first, "-> a b");
            assert_eq!(
                body.strip_suffix('\n').unwrap().split('\n').map(str::len).collect::<Vec<_>>(),
                lines,
                "{length}"
            );
            let (parsed, read) = Parsed::read(&[&message[..], b"-> more"].concat()).unwrap().unwrap();
            assert_eq!((parsed.words, parsed.body.len(), read), (vec!["a".into(), "b".into()], length, message.len()));
            for end in 0..message.len() {
                assert!(Parsed::read(&message[..end]).is_ok_and(|parsed| parsed.is_none()), "{end} of {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text: String) {
            let _outcome = Parsed::read(&bytes);
            let _outcome = Parsed::read(&[b"-> ", bytes.as_slice(), b"\n\n"].concat());
            let _outcome = Identity::parse(&text);
        }
    }
}
