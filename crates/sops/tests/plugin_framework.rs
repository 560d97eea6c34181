//! Plugins that are made with the framework of the `age` project, the crate `age-plugin`.
//!
//! This program is test and plugin in one: it is put into the search path under the name of a plugin, and started with the
//! flag of one it is one. What it is to do with a file stands in the stanza that is its own.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops where something is not as it must be"
)]

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::env;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use age_core::format::{FileKey, Stanza};
use age_core::primitives::bech32_encode;
use age_core::secrecy::ExposeSecret as _;
use age_plugin::identity::{self, IdentityPluginV1};
use age_plugin::{Callbacks, PluginHandler, run_state_machine};
use sops::{Encrypted, Format, Identities, Plugins, Watcher};

fn main() -> io::Result<()> {
    if let Some(flag) = env::args().nth(1)
        && let Some(machine) = flag.strip_prefix("--age-plugin=")
    {
        return run_state_machine(machine, Handler);
    }
    for (name, test) in TESTS {
        test();
        println!("test {name} ... ok");
    }
    Ok(())
}

const TESTS: [(&str, fn()); 4] = [
    ("all_files_are_opened_in_one_session", all_files_are_opened_in_one_session),
    (
        "what_the_plugin_cannot_open_fails_alone_and_in_its_words",
        what_the_plugin_cannot_open_fails_alone_and_in_its_words,
    ),
    ("a_plugin_that_asks_gets_no_answer_and_can_go_on", a_plugin_that_asks_gets_no_answer_and_can_go_on),
    ("an_identity_that_the_plugin_calls_wrong_is_named", an_identity_that_the_plugin_calls_wrong_is_named),
];

fn all_files_are_opened_in_one_session() {
    let opened = open(&[GOOD], &["open", "message", "open"]);
    assert_eq!(opened, ["file 0", "file 1", "file 2"].map(|text| Ok(text.to_owned())));
}

fn what_the_plugin_cannot_open_fails_alone_and_in_its_words() {
    let opened = open(&[GOOD], &["open", "stanza", "not mine", "open"]);
    assert_eq!([&opened[0], &opened[3]], [&Ok("file 0".to_owned()), &Ok("file 3".to_owned())]);
    let said = opened[1].as_ref().unwrap_err();
    assert!(said.contains("age-plugin-framework says: the slot is empty"), "{said}");
    let said = opened[2].as_ref().unwrap_err();
    assert!(!said.contains("says"), "{said}");
    let opened = open(&[GOOD], &["open", "internal"]);
    let said = opened[1].as_ref().unwrap_err();
    assert!(said.contains("age-plugin-framework says: no reader"), "{said}");
}

fn a_plugin_that_asks_gets_no_answer_and_can_go_on() {
    for question in ["confirm", "public", "secret"] {
        let opened = open(&[GOOD], &["open", question, "open"]);
        assert_eq!([&opened[0], &opened[2]], [&Ok("file 0".to_owned()), &Ok("file 2".to_owned())], "{question}");
        let said = opened[1].as_ref().unwrap_err();
        assert!(
            said.contains("age-plugin-framework wants to ask for something, which cannot be answered here"),
            "{said}"
        );
    }
}

fn an_identity_that_the_plugin_calls_wrong_is_named() {
    let opened = open(&[GOOD, WRONG], &["open"]);
    let said = opened[0].as_ref().unwrap_err();
    assert!(said.contains("age-plugin-framework says: no such token"), "{said}");
}

/// What is in the identities of the plugin.
const GOOD: u8 = 1;
const WRONG: u8 = 2;

/// Encrypts a file for each task, and opens all of them with identities of the plugin. Its sessions end by themselves.
fn open(identities: &[u8], tasks: &[&'static str]) -> Vec<Result<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    symlink(env::current_exe().unwrap(), folder.path().join("age-plugin-framework")).unwrap();
    let text: String = identities.iter().fold(String::new(), |mut text, identity| {
        let prefix = bech32::Hrp::parse_unchecked("age-plugin-framework-");
        writeln!(text, "{}", bech32_encode(prefix, &[*identity]).to_uppercase()).unwrap();
        text
    });
    let mut host = Identities::new();
    assert!(host.add_age_key_file("keys.txt", text.as_bytes()).is_empty());
    host.set_plugins(Plugins {
        search_path: folder.path().into(),
        time_limit: TIME_LIMIT,
        watcher: Watcher::default(),
    });
    let mut files: Vec<_> = tasks
        .iter()
        .enumerate()
        .map(|(number, task)| {
            let recipient: &dyn age::Recipient = &Recipient(task);
            let age = age::Encryptor::with_recipients([recipient].into_iter()).unwrap();
            let mut file = Vec::new();
            let mut writer = age.wrap_output(&mut file).unwrap();
            write!(writer, "file {number}").unwrap();
            writer.finish().unwrap();
            Encrypted::parse(Format::Age, file).unwrap()
        })
        .collect();
    let start = Instant::now();
    Encrypted::ask_plugins(&mut files, &host);
    let opened = files
        .into_iter()
        .map(|file| {
            let whole = file.decrypt(&host).map_err(|error| error.to_string())?.whole().unwrap();
            Ok(String::from_utf8(whole.as_bytes().to_vec()).unwrap())
        })
        .collect();
    assert!(start.elapsed() < TIME_LIMIT, "it waited for something");
    opened
}

const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Wraps file keys so that the plugin has a task.
struct Recipient(&'static str);

impl age::Recipient for Recipient {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let stanza =
            |tag: &str, args: Vec<String>| Stanza { tag: tag.into(), args, body: key.expose_secret().to_vec() };
        let own = if self.0 == "not mine" { "somebody" } else { "framework" };
        Ok((vec![stanza("other", Vec::new()), stanza(own, vec![self.0.into()])], HashSet::new()))
    }
}

struct Handler;

impl PluginHandler for Handler {
    type RecipientV1 = Infallible;
    type IdentityV1 = Plugin;

    fn identity_v1(self) -> io::Result<Plugin> {
        Ok(Plugin)
    }
}

struct Plugin;

impl IdentityPluginV1 for Plugin {
    fn add_identity(&mut self, index: usize, name: &str, bytes: &[u8]) -> Result<(), identity::Error> {
        assert_eq!(name, "framework");
        if bytes == [GOOD] { Ok(()) } else { Err(identity::Error::Identity { index, message: "no such token".into() }) }
    }

    fn unwrap_file_keys(
        &mut self,
        files: Vec<Vec<Stanza>>,
        mut callbacks: impl Callbacks<identity::Error>,
    ) -> io::Result<HashMap<usize, Result<FileKey, Vec<identity::Error>>>> {
        let mut keys = HashMap::new();
        for (file_index, stanzas) in files.into_iter().enumerate() {
            let own = stanzas.iter().enumerate().find(|(_, stanza)| stanza.tag == "framework");
            let Some((stanza_index, stanza)) = own else { continue };
            let error = |message: &str| identity::Error::Stanza { file_index, stanza_index, message: message.into() };
            let asked = match stanza.args[0].as_str() {
                "stanza" => Err(error("the slot is empty")),
                "internal" => Err(identity::Error::Internal { message: "no reader".into() }),
                "message" => callbacks.message("touch it")?.map_err(|_no_display| error("nobody reads")),
                "confirm" => callbacks.confirm("insert it", "done", None)?.map(drop).map_err(|_fail| error("no token")),
                "public" => callbacks.request_public("name?")?.map(drop).map_err(|_fail| error("no name")),
                "secret" => callbacks.request_secret("PIN?")?.map(drop).map_err(|_fail| error("no PIN")),
                _ => Ok(()),
            };
            let key = asked.map(|()| FileKey::init_with_mut(|key| key.copy_from_slice(&stanza.body)));
            keys.insert(file_index, key.map_err(|error| vec![error]));
        }
        Ok(keys)
    }
}
