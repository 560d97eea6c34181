//! Identities that a plugin of age uses: `AGE-PLUGIN-NAME-1...` (the client of C2SP's age-plugin, state machine identity-v1).
//!
//! A session is about as many files as there are. The client of the `age` crate has one for each file, waits for a plugin
//! without end and never reaps it; this one has a time limit. Nobody is there during an activation, so a plugin that wants
//! to ask for something is told that it cannot.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use age_core::format::{FileKey, Stanza, read, write};
use age_core::primitives::bech32_decode;
use zeroize::{Zeroize, Zeroizing};

use super::failure::{IdentityFailure, Need};
use super::{KeyProblem, file_key};
use crate::child::watcher::Watcher;
use crate::child::{self, Child, ChildProblem, More, When};

/// How to run the plugins of age.
pub struct Plugins {
    /// Where to look for `age-plugin-NAME`: folders with colons between, like `PATH`. Folders that are not absolute are
    /// passed over.
    pub search_path: OsString,
    /// How long a plugin may run for one file. It is run once for all files that it is asked about together, and then has
    /// a second more for each further file.
    pub time_limit: Duration,
    /// Who is told if one takes long.
    pub watcher: Watcher,
}

impl Default for Plugins {
    fn default() -> Self {
        Self { search_path: OsString::new(), time_limit: Duration::from_secs(30), watcher: Watcher::default() }
    }
}

impl Plugins {
    /// The time limit is for what is done once: to find a token, and to have it touched. For each further key a
    /// security chip needs less than a second.
    fn time_limit_for(&self, files: usize) -> Duration {
        let further = u64::try_from(files.saturating_sub(1)).unwrap_or(u64::MAX);
        self.time_limit.saturating_add(Duration::from_secs(further))
    }
}

/// An identity that only its plugin understands.
pub(crate) struct PluginIdentity {
    name: String,
    text: Zeroizing<String>,
    hung: AtomicBool,
}

impl PluginIdentity {
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
}

/// Runs the plugin `program` of `identities` once for all of `headers`, each of which has at least a stanza. The headers belong to
/// that many `files`, which sets the time limit.
///
/// Only together do identities of one plugin cost one session. If the plugin calls one of them wrong, it uses none
/// (age-plugin, "Unwrapping with identity-v1").
pub(crate) fn ask(
    program: &str,
    identities: &[&PluginIdentity],
    headers: &[Vec<Stanza>],
    files: usize,
    plugins: &Plugins,
) -> Answers {
    let keys = headers.iter().map(|_| None).collect();
    let mut answers = Answers { program: program.to_owned(), keys, asked: false, said: BTreeMap::new(), end: None };
    answers.end = start(program, identities, plugins.time_limit_for(files), plugins)
        .and_then(|child| Conversation { child, answers: &mut answers }.run(identities, headers))
        .err();
    let hung = matches!(answers.end, Some(ProblemKind::Child(ChildProblem::TimeLimit(_)) | ProblemKind::HungBefore));
    for identity in identities {
        identity.hung.store(hung, Ordering::Relaxed);
    }
    answers
}

fn start(
    name: &str,
    identities: &[&PluginIdentity],
    time_limit: Duration,
    plugins: &Plugins,
) -> Result<Child, ProblemKind> {
    let program = child::find(name, &plugins.search_path).ok_or(ProblemKind::Missing)?;
    if identities.iter().any(|identity| identity.hung.load(Ordering::Relaxed)) {
        return Err(ProblemKind::HungBefore);
    }
    // Not our own folder, which a plugin has no use for.
    let mut command = Command::new(&program);
    command.arg("--age-plugin=identity-v1").current_dir("/");
    let child = Child::start(&mut command, &plugins.search_path, time_limit, When::Working)?;
    Ok(child.telling(&plugins.watcher, &program))
}

/// What came of a session with a plugin. The file keys are wiped on drop, and there is deliberately no `Debug`.
pub(crate) struct Answers {
    program: String,
    /// In the order of the headers.
    keys: Vec<Option<FileKey>>,
    /// Whether it wanted to ask for something.
    asked: bool,
    /// The last it said of each.
    said: BTreeMap<Blamed, String>,
    /// Why the session ended before its time. What had been answered until then counts.
    end: Option<ProblemKind>,
}

/// What a plugin complains of. The numbers are places in what it was given.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Blamed {
    Session,
    Identity(usize),
    Header(usize),
}

impl Answers {
    /// The file key of a header.
    pub(crate) fn take_key(&mut self, header: usize) -> Option<FileKey> {
        self.keys.get_mut(header).and_then(Option::take)
    }

    /// Why an identity did not open a header, if it is known.
    pub(crate) fn failure(&self, identity: usize, header: usize) -> Option<IdentityFailure> {
        let program = &self.program;
        let said = [Blamed::Header(header), Blamed::Identity(identity), Blamed::Session];
        let said = said.iter().find_map(|subject| self.said.get(subject));
        match (&self.end, said) {
            // Go's framework ends without another word when it has called an identity wrong.
            (Some(ProblemKind::Ended(_)), Some(_)) | (None, _) => {}
            (Some(problem), _) => {
                let need = matches!(problem, ProblemKind::Missing).then_some(Need::Plugin);
                return Some(IdentityFailure { words: format!("{program} {problem}"), need });
            }
        }
        if self.asked {
            // What it says then is that it got no answer.
            return Some(format!("{program} {}", ProblemKind::Question).into());
        }
        Some(format!("{program} says: {}", said?).into())
    }

    fn subject(&self, identities: &[&PluginIdentity], arguments: &[String]) -> Blamed {
        let place = |number: &str, end: usize| number.parse().ok().filter(|place| *place < end);
        let words: Vec<_> = arguments.iter().map(String::as_str).collect();
        let subject = match words.as_slice() {
            ["identity", number] => place(number, identities.len()).map(Blamed::Identity),
            ["stanza", header, _] => place(header, self.keys.len()).map(Blamed::Header),
            _ => None,
        };
        subject.unwrap_or(Blamed::Session)
    }

    /// Where the key of a header goes that was asked about and not yet answered.
    fn slot(&mut self, header: &str) -> Option<&mut Option<FileKey>> {
        self.keys.get_mut(header.parse::<usize>().ok()?).filter(|slot| slot.is_none())
    }
}

/// What the plugin did. Reads on from its name.
#[derive(Debug, thiserror::Error)]
enum ProblemKind {
    #[error("is not in PATH")]
    Missing,
    #[error("did not answer before, so it was not asked again")]
    HungBefore,
    #[error("was of no use: {0}")]
    Child(ChildProblem),
    #[error("ended before it answered{0}")]
    Ended(String),
    #[error("does not follow the plugin protocol")]
    Protocol,
    #[error("wants to ask for something, which cannot be answered here")]
    Question,
}

impl From<ChildProblem> for ProblemKind {
    fn from(problem: ChildProblem) -> Self {
        Self::Child(problem)
    }
}

/// A plugin that is being talked to.
struct Conversation<'a> {
    child: Child,
    answers: &'a mut Answers,
}

impl Conversation<'_> {
    fn run(mut self, identities: &[&PluginIdentity], headers: &[Vec<Stanza>]) -> Result<(), ProblemKind> {
        let mut message = questions(identities, headers);
        loop {
            let command = self.next_command(&message)?;
            let (first, arguments) = command.words.split_first().ok_or(ProblemKind::Protocol)?;
            let reply = match (first.as_str(), arguments) {
                ("done", _) => break,
                ("msg", _) => "ok",
                ("confirm" | "request-public" | "request-secret", _) => {
                    self.answers.asked = true;
                    "fail"
                }
                ("file-key", [header]) => match self.answers.slot(header) {
                    Some(slot) => {
                        *slot = Some(file_key(command.body.to_vec()).map_err(|_wrong_size| ProblemKind::Protocol)?);
                        "ok"
                    }
                    None => "unsupported",
                },
                ("error", about) => {
                    let text = child::one_line(&command.body);
                    let subject = self.answers.subject(identities, about);
                    self.answers.said.insert(subject, text);
                    "ok"
                }
                _ => "unsupported",
            };
            message.zeroize();
            push(&mut message, reply, &[], &[]);
        }
        match self.child.finish(Duration::from_secs(1)) {
            // It has said all it had to say. If it does not end by itself, it is ended.
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    /// Sends `message` and gives the next command of the plugin.
    fn next_command(&mut self, message: &[u8]) -> Result<Parsed, ProblemKind> {
        let whole = |output: &[u8], complaint: &[u8]| {
            !matches!(Parsed::read(output), Ok(None)) || Parsed::misplaced(complaint).is_some()
        };
        self.child.exchange(message, More::Expected, whole)?;
        if let Some((command, length)) = Parsed::read(self.child.output())? {
            self.child.forget(length);
            return Ok(command);
        }
        if let Some((command, end)) = Parsed::misplaced(self.child.raw_complaint()) {
            self.child.forget_complaint(end);
            return Ok(command);
        }
        let complaint = match self.child.finish(Duration::from_secs(1)) {
            Ok(_) | Err(_) => self.child.complaint(), // that it ends badly is what is being reported
        };
        Err(ProblemKind::Ended(if complaint.is_empty() { complaint } else { format!(": {complaint}") }))
    }
}

/// All that a plugin is told before it answers.
fn questions(identities: &[&PluginIdentity], headers: &[Vec<Stanza>]) -> Zeroizing<Vec<u8>> {
    // With room from the start, no copy of an identity is left behind.
    let mut message = Zeroizing::new(Vec::with_capacity(room(identities, headers)));
    for identity in identities {
        push(&mut message, "add-identity", &[&identity.text], &[]);
    }
    // The numbers have no gap: plugins insist on it.
    for (number, stanzas) in headers.iter().enumerate() {
        let number = number.to_string();
        for Stanza { tag, args, body } in stanzas {
            let words: Vec<_> = [number.as_str(), tag].into_iter().chain(args.iter().map(String::as_str)).collect();
            push(&mut message, "recipient-stanza", &words, body);
        }
    }
    push(&mut message, "done", &[], &[]);
    message
}

/// At least as many bytes as `questions` writes.
fn room(identities: &[&PluginIdentity], headers: &[Vec<Stanza>]) -> usize {
    // The words and the line feeds of a stanza.
    let words = 64_usize;
    let identity = |identity: &&PluginIdentity| identity.text.len().saturating_add(words);
    let stanza = |Stanza { tag, args, body }: &Stanza| {
        let args = args.iter().map(|word| word.len().saturating_add(1)).fold(tag.len(), usize::saturating_add);
        body.len().saturating_mul(2).saturating_add(args).saturating_add(words)
    };
    let stanzas = headers.iter().flatten().map(stanza);
    identities.iter().map(identity).chain(stanzas).fold(words, usize::saturating_add)
}

/// A command of the plugin, in the form of a stanza.
struct Parsed {
    words: Vec<String>,
    body: Zeroizing<Vec<u8>>,
}

impl Parsed {
    /// The first command of `output` with its length; nothing as long as it is not complete.
    fn read(output: &[u8]) -> Result<Option<(Self, usize)>, ProblemKind> {
        match read::age_stanza(output) {
            Ok((rest, stanza)) => {
                let body = Zeroizing::new(stanza.body());
                let words = std::iter::once(stanza.tag).chain(stanza.args).map(str::to_owned).collect();
                Ok(Some((Self { words, body }, output.len().saturating_sub(rest.len()))))
            }
            Err(nom::Err::Incomplete(_)) => Ok(None),
            Err(nom::Err::Error(_) | nom::Err::Failure(_)) => Err(ProblemKind::Protocol),
        }
    }
}

/// Go's framework (filippo.io/age/plugin) writes its errors to the standard error, and then waits for the answer like for
/// any other.
impl Parsed {
    /// The first whole `error` in a complaint, and where it ends.
    fn misplaced(complaint: &[u8]) -> Option<(Self, usize)> {
        let command = b"-> error ";
        let starts_line = |at: usize| at.checked_sub(1).is_none_or(|before| complaint.get(before) == Some(&b'\n'));
        let at = complaint.windows(command.len()).enumerate().find(|(at, text)| text == command && starts_line(*at))?.0;
        let (command, length) = Self::read(complaint.get(at..)?).ok()??;
        Some((command, at.saturating_add(length)))
    }
}

/// Writes a stanza.
fn push(message: &mut Vec<u8>, tag: &str, args: &[&str], body: &[u8]) {
    match cookie_factory::gen_simple(write::age_stanza(tag, args, body), &mut *message) {
        // Writing into memory does not fail.
        Ok(_) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use age_core::primitives::bech32_encode;
    use age_core::secrecy::ExposeSecret;
    use bech32::Hrp;
    use proptest::prelude::*;

    use super::*;
    use crate::child::tests::{assert_gone, programs, search_path};

    fn text(prefix: &str) -> String {
        bech32_encode(Hrp::parse_unchecked(prefix), &[1, 2, 3]).to_uppercase()
    }

    fn toy() -> PluginIdentity {
        PluginIdentity::parse(&text("age-plugin-toy-")).unwrap()
    }

    fn plugins(time_limit: Duration) -> Plugins {
        Plugins { search_path: search_path(&programs()), time_limit, watcher: Watcher::default() }
    }

    /// What the toy is told to do, with a key.
    fn header(args: &[&str], body: &[u8]) -> Vec<Stanza> {
        let args = args.iter().map(|word| (*word).to_owned()).collect();
        // A stanza of somebody else in front, with a body of more than one line.
        let other = Stanza { tag: "X25519".into(), args: vec!["abc".into()], body: vec![1; 100] };
        vec![other, Stanza { tag: "toy".into(), args, body: body.to_vec() }]
    }

    /// What each of the identities makes of each header.
    fn session(
        identities: &[&PluginIdentity],
        plugins: &Plugins,
        headers: &[Vec<Stanza>],
    ) -> Vec<Result<[u8; 16], Vec<Option<String>>>> {
        let mut answers = ask("age-plugin-toy", identities, headers, 1, plugins);
        let failures = |answers: &Answers, header| {
            (0..identities.len()).map(|one| answers.failure(one, header).map(|failure| failure.words)).collect()
        };
        let answer =
            |header| answers.take_key(header).map(|key| *key.expose_secret()).ok_or_else(|| failures(&answers, header));
        (0..headers.len()).map(answer).collect()
    }

    /// What the toy makes of one stanza.
    fn unwrap(
        identity: &PluginIdentity,
        plugins: &Plugins,
        args: &[&str],
        body: &[u8],
    ) -> Option<Result<[u8; 16], String>> {
        match session(&[identity], plugins, &[header(args, body)]).pop().unwrap() {
            Ok(key) => Some(Ok(key)),
            Err(failures) => failures.into_iter().next().unwrap().map(Err),
        }
    }

    #[test]
    fn a_plugin_opens_what_it_can_and_its_failures_are_told() {
        let plugins = plugins(Duration::from_secs(60));
        for (how, expected) in [
            ("open", Some(Ok(*b"sixteen bytes ok"))),
            ("stay", Some(Ok(*b"sixteen bytes ok"))),
            ("twice", Some(Ok(*b"sixteen bytes ok"))),
            ("talk", Some(Ok(*b"sixteen bytes ok"))),
            ("nothing", None),
            ("error", Some(Err("age-plugin-toy says: sixteen bytes ok"))),
            ("complain", Some(Err("age-plugin-toy says: sixteen bytes ok"))),
            ("complain-and-end", Some(Err("age-plugin-toy says: sixteen bytes ok"))),
            ("ask", Some(Err("age-plugin-toy wants to ask for something, which cannot be answered here"))),
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
    fn each_header_and_identity_has_the_answer_that_is_its_own() {
        let (plugins, both) = (plugins(Duration::from_secs(60)), [&toy(), &toy()]);
        let key = b"sixteen bytes ok";
        let says = || Some("age-plugin-toy says: sixteen bytes ok".to_owned());
        let headers = |tasks: &[&str]| -> Vec<_> { tasks.iter().map(|task| header(&[task], key)).collect() };
        let outcome = session(&both, &plugins, &headers(&["nothing", "refuse", "open", "first", "open"]));
        assert_eq!(
            outcome,
            [Err(vec![says(), None]), Err(vec![says(), says()]), Ok(*key), Err(vec![says(), None]), Ok(*key)]
        );
        let outcome = session(&both, &plugins, &headers(&["open", "error", "nothing"]));
        assert_eq!(outcome, [Ok(*key), Err(vec![says(), says()]), Err(vec![says(), says()])]);
        // What it opened before it failed counts.
        let outcome = session(&both, &plugins, &headers(&["nothing", "open", "die", "open"]));
        let died = || Some("age-plugin-toy ended before it answered: the card is not there".to_owned());
        let failed = || Err(vec![died(), died()]);
        assert_eq!(outcome, [failed(), Ok(*key), failed(), failed()]);
    }

    #[test]
    fn an_error_on_the_standard_error_is_answered_and_the_rest_goes_on() {
        let (plugins, key) = (plugins(Duration::from_secs(60)), b"sixteen bytes ok");
        // More of them than fit into what is kept of the standard error.
        let mut tasks = vec!["complain"; 200];
        tasks.push("open");
        let headers: Vec<_> = tasks.iter().map(|task| header(&[task], key)).collect();
        let mut outcome = session(&[&toy()], &plugins, &headers);
        assert_eq!(outcome.pop(), Some(Ok(*key)));
        let says = Err(vec![Some("age-plugin-toy says: sixteen bytes ok".to_owned())]);
        assert!(outcome.len() == 200 && outcome.iter().all(|failure| *failure == says));
    }

    #[test]
    fn a_session_has_a_second_more_for_each_further_file() {
        let plugins = plugins(Duration::from_secs(60));
        for (files, seconds) in [(0, 60), (1, 60), (2, 61), (100, 159)] {
            assert_eq!(plugins.time_limit_for(files), Duration::from_secs(seconds));
        }
        let endless = Plugins { time_limit: Duration::MAX, ..plugins };
        assert_eq!(endless.time_limit_for(usize::MAX), Duration::MAX);
    }

    #[test]
    fn a_message_with_identities_has_room_from_the_start() {
        let identity = toy();
        let args = vec!["x".repeat(300), String::new(), "y".into()];
        for length in [0, 1, 47, 48, 1000] {
            let stanza = || Stanza { tag: "t".repeat(500), args: args.clone(), body: vec![7; length] };
            let headers: Vec<_> = (0..12).map(|_| vec![stanza(), stanza()]).collect();
            let written = questions(&[&identity; 20], &headers).len();
            assert!(written <= room(&[&identity; 20], &headers), "{length}");
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
            let identity = PluginIdentity::parse(&text(prefix));
            assert_eq!(identity.as_ref().ok().map(PluginIdentity::program).as_deref(), program, "{prefix}");
        }
        assert!(PluginIdentity::parse("AGE-PLUGIN-TOY-1QQ").is_err());
    }

    #[test]
    fn recipients_of_a_plugin_are_known_by_their_text() {
        let toy = toy();
        assert!(toy.made("age1toy1qqqq"));
        assert!(!toy.made("age1toys1qqqq"));
        assert!(!toy.made("age1qqqq"));
    }

    #[test]
    fn what_is_written_is_read_as_soon_as_it_is_whole() {
        for length in [0, 47, 48, 49, 96] {
            let mut message = Vec::new();
            push(&mut message, "a", &["b"], &vec![7; length]);
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
            let _outcome = Parsed::misplaced(&[bytes.as_slice(), b"\n-> error ", bytes.as_slice(), b"\n\n"].concat());
            let _outcome = PluginIdentity::parse(&text);
        }
    }
}
