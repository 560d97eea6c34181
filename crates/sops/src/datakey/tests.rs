//! The search from outside: files and hosts with keys, plugins and a stand-in for GnuPG.

use std::collections::HashSet;
use std::io::Write;
use std::time::{Duration, Instant};

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use base64ct::Encoding as _;

use super::*;
use crate::Watcher;
use crate::child::tests::{programs, search_path};
use crate::identity::age::AgeProblem;
use crate::identity::{Gpg, Plugins};
use crate::plaintext::Plaintext;
use crate::{Encrypted, Format};

const KEY_1: &str = "AGE-SECRET-KEY-18K2WAFYUTQ9WLQTFX4MZHCZF2KWK69ZQMM0P9E4PYHCCG8LL3EHSJQ2486";
const AGE_1: &str = "age1guqappygg504gkjqn76c4cl9skqu5s9v8al3z35ce4caatrnegqsayk6a2";
const SSH: &[u8] = include_bytes!("../../../../tests/corpus/keys/ssh-ed25519");
const SSH_PUBLIC: &str = include_str!("../../../../tests/corpus/keys/ssh-ed25519.pub");
const RSA: &[u8] = include_bytes!("../../../../tests/corpus/keys/ssh-rsa");
const STRANGER: &str = "age1pe40k74uf2jmuwm0jj9r5gg9j60kdu5eucwk8r82fazrq4j8hunq5q0xwr";

/// An age file for a recipient of X25519 or SSH.
fn file(recipient: &str, content: &[u8]) -> Vec<u8> {
    let recipient: Box<dyn age::Recipient> = match recipient.parse::<age::x25519::Recipient>() {
        Ok(recipient) => Box::new(recipient),
        Err(_) => Box::new(recipient.parse::<age::ssh::Recipient>().ok().unwrap()),
    };
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&*recipient)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap();
    file
}

fn armored(file: &[u8]) -> String {
    let mut text = Vec::new();
    let mut writer = age::armor::ArmoredWriter::wrap_output(&mut text, age::armor::Format::AsciiArmor).unwrap();
    writer.write_all(file).unwrap();
    writer.finish().unwrap();
    String::from_utf8(text).unwrap()
}

fn age(recipient: &str, content: &[u8]) -> WrappedKey {
    WrappedKey::Age { recipient: recipient.trim().to_owned(), enc: armored(&file(recipient, content)) }
}

fn broken(recipient: &str) -> WrappedKey {
    WrappedKey::Age { recipient: recipient.to_owned(), enc: "broken".to_owned() }
}

fn pgp(enc: &str) -> WrappedKey {
    WrappedKey::Pgp { fingerprint: "4D90CB1E7AE375B0E0FE6DD795290D727DAF2CCE".into(), enc: enc.to_owned() }
}

fn kms() -> WrappedKey {
    WrappedKey::Remote { service: "kms", key: "arn:aws:kms:us-east-1:1:key/2".into() }
}

fn recover(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<DataKey, NoDataKey> {
    super::recover(groups, threshold, identities, Findings::default())
}

fn decrypt_age_file(bytes: &[u8], identities: &Identities) -> Result<Plaintext, AgeFileError> {
    super::decrypt_age_file(bytes, identities, Findings::default())
}

fn identities() -> Identities {
    let mut identities = Identities::new();
    assert_eq!(identities.add_age_key_file("/keys.txt", KEY_1.as_bytes()), []);
    identities.add_ssh_key("/etc/ssh/key", SSH).unwrap();
    identities
}

fn open(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<Vec<u8>, String> {
    recover(groups, threshold, identities).map(|key| key.as_bytes().to_vec()).map_err(|error| error.to_string())
}

/// The stand-in for GnuPG, told what to do in its home.
fn set_gpg(identities: &mut Identities, how: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("how"), how).unwrap();
    std::fs::write(home.path().join("pubring.kbx"), "").unwrap();
    identities.set_gpg(Gpg {
        program: programs().join("gpg"),
        search_path: "/usr/bin:/bin".into(),
        home: Some(home.path().to_owned()),
        time_limit: Duration::from_secs(60),
        watcher: Watcher::default(),
    });
    home
}

fn runs(home: &tempfile::TempDir) -> usize {
    std::fs::read_to_string(home.path().join("runs")).map_or(0, |runs| runs.lines().count())
}

#[test]
fn one_group_gives_the_data_key_whatever_the_threshold() {
    let identities = identities();
    for threshold in [-1, 0, 1, 2, i64::MAX] {
        for recipient in [AGE_1, SSH_PUBLIC] {
            let groups = [vec![kms(), broken(AGE_1), age(STRANGER, b"no"), age(recipient, b"a key")]];
            assert_eq!(open(&groups, threshold, &identities).as_deref(), Ok(&b"a key"[..]));
        }
    }
    assert_eq!(open(&[vec![age(AGE_1, b"")]], 0, &identities).as_deref(), Ok(&[][..]), "any length");
}

#[test]
fn several_groups_give_shares() {
    let identities = identities();
    // Of the secret "s" on a line, at 1, 2 and 3.
    let share = |x: u8| [b's' ^ x, x];
    let groups = |openable: &[u8]| -> Vec<KeyGroup> {
        (1..=3).map(|x| vec![age(if openable.contains(&x) { AGE_1 } else { STRANGER }, &share(x))]).collect()
    };
    for (openable, threshold, opens) in [
        (&[1, 2, 3][..], 2, true),
        (&[1, 3], 2, true),
        (&[2, 3], 0, true),
        (&[2, 3], -7, true),
        (&[2, 3], 1, true),
        (&[1, 2, 3], 3, true),
        (&[2, 3], 3, false),
        (&[2], 2, false),
        (&[2], 1, false),
        (&[2], 0, false),
        (&[], 0, false),
    ] {
        let outcome = recover(&groups(openable), threshold, &identities);
        assert_eq!(
            outcome.as_ref().ok().map(DataKey::as_bytes),
            opens.then_some(&b"s"[..]),
            "{openable:?} {threshold}"
        );
        if let Err(error) = outcome {
            let needed = usize::try_from(threshold).unwrap().max(2);
            assert_eq!(error.missing_groups(), Some((needed, openable.len())), "{openable:?} {threshold}");
        }
    }
}

#[test]
fn shares_that_do_not_fit_together_are_told_from_missing_ones() {
    let groups = [vec![age(AGE_1, b"ab")], vec![age(AGE_1, b"cb")]];
    let error = recover(&groups, 2, &identities()).err().unwrap();
    assert_eq!(error.to_string(), "its key groups open, but do not fit together: two groups hold the same share");
    assert_eq!(error.missing_groups(), None);
}

#[test]
fn programs_are_run_only_for_what_nothing_in_memory_opens() {
    let mut identities = identities();
    let home = set_gpg(&mut identities, "copy");
    let both = [vec![pgp("a key of gpg"), age(AGE_1, b"a key")]];
    assert_eq!(open(&both, 0, &identities).as_deref(), Ok(&b"a key"[..]));
    assert_eq!(runs(&home), 0);

    let only_pgp = [vec![pgp("a key of gpg"), pgp("another")]];
    assert_eq!(open(&only_pgp, 0, &identities).as_deref(), Ok(&b"a key of gpg"[..]));
    assert_eq!(runs(&home), 1);

    let enough = [vec![age(AGE_1, &[b's' ^ 1, 1])], vec![pgp("x")], vec![age(AGE_1, &[b's' ^ 3, 3])]];
    assert_eq!(open(&enough, 2, &identities).as_deref(), Ok(&b"s"[..]));
    assert_eq!(runs(&home), 1, "two shares are enough");
}

#[test]
fn an_rsa_host_key_opens_pgp_entries_without_gpg() {
    let mut identities = identities();
    let home = set_gpg(&mut identities, "copy");
    identities.add_openpgp_ssh_key("/etc/ssh/rsa", RSA).unwrap();
    let groups = [vec![pgp("broken"), pgp(include_str!("../../tests/openpgp/aes256-zip.asc"))]];
    assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"0123456789abcdef0123456789abcdef"[..]));
    assert_eq!(runs(&home), 0);
    // What is beyond it is left to GnuPG.
    let camellia = include_str!("../../tests/openpgp/camellia.asc");
    assert_eq!(open(&[vec![pgp(camellia)]], 0, &identities).as_deref(), Ok(camellia.as_bytes()));
}

/// A recipient whose stanza holds the file key itself, with what the toy shall do.
struct Toy<'a>(&'a [&'a str]);

impl age::Recipient for Toy<'_> {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let args = self.0.iter().map(|word| (*word).to_owned()).collect();
        let stanza = Stanza { tag: "toy".to_owned(), args, body: key.expose_secret().to_vec() };
        Ok((vec![stanza], HashSet::new()))
    }
}

fn toy_file(task: &[&str], content: &[u8]) -> Vec<u8> {
    let toy = Toy(task);
    let recipients: &dyn age::Recipient = &toy;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipients)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap();
    file
}

/// An entry for the toy, whose content is what it shall do.
fn toy(recipient: &str, how: &str) -> WrappedKey {
    WrappedKey::Age { recipient: recipient.to_owned(), enc: armored(&toy_file(&[how], how.as_bytes())) }
}

fn add_toys(identities: &mut Identities, count: u8) {
    for number in 0..count {
        let name = bech32::Hrp::parse_unchecked("age-plugin-toy-");
        let text = age_core::primitives::bech32_encode(name, &[number]);
        assert_eq!(identities.add_age_key_file("/toy.txt", text.to_uppercase().as_bytes()), []);
    }
}

/// A folder with the toy, where its starts are counted.
fn set_counting_toy(identities: &mut Identities, time_limit: Duration) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(programs().join("age-plugin-toy"), folder.path().join("age-plugin-toy")).unwrap();
    std::fs::write(folder.path().join("starts"), "").unwrap();
    identities.set_plugins(Plugins {
        search_path: search_path(folder.path()),
        time_limit,
        watcher: Watcher::default(),
    });
    folder
}

/// A line for each start: the number of identities, and what the toy was to do.
fn starts(folder: &tempfile::TempDir) -> Vec<String> {
    std::fs::read_to_string(folder.path().join("starts")).unwrap().lines().map(str::to_owned).collect()
}

const LONG: Duration = Duration::from_secs(60);

/// Age files in the way of a run: all are read, plugins are asked, each is decrypted.
fn run(files: &[Vec<u8>], identities: &Identities) -> Vec<Result<Vec<u8>, String>> {
    let mut files: Vec<_> = files.iter().map(|file| Encrypted::parse(Format::Age, file.clone())).collect();
    Encrypted::ask_plugins(files.iter_mut().flatten(), identities);
    let decrypt = |file: Result<Encrypted, crate::Error>| match file.and_then(|file| file.decrypt(identities)) {
        Ok(decrypted) => Ok(decrypted.whole().ok().unwrap().as_bytes().to_vec()),
        Err(crate::Error::Age(error)) => Err(error.to_string()),
        Err(error) => Err(format!("another error: {error}")),
    };
    files.into_iter().map(decrypt).collect()
}

#[test]
fn a_plugin_is_started_once_for_all_files() {
    let mut identities = identities();
    add_toys(&mut identities, 1);
    let folder = set_counting_toy(&mut identities, LONG);
    let files: Vec<_> = (0..5).map(|number| toy_file(&["open"], &[number])).collect();
    let opened: Vec<_> = (0..5).map(|number| Ok(vec![number])).collect();
    assert_eq!(run(&files, &identities), opened);
    assert_eq!(starts(&folder), ["1: open open open open open"]);

    add_toys(&mut identities, 1);
    assert_eq!(run(&files, &identities), opened);
    assert_eq!(starts(&folder)[1..], ["2: open open open open open"], "identities of one plugin share a session");

    assert_eq!(run(&[], &identities), []);
    assert_eq!(starts(&folder).len(), 2, "nothing to ask");
    let alone = decrypt_age_file(&files[3], &identities).ok().unwrap();
    assert_eq!((alone.as_bytes(), starts(&folder).len()), (&[3][..], 3), "a file by itself");
}

#[test]
fn a_plugin_is_asked_only_about_groups_that_nothing_in_memory_opens() {
    let mut identities = identities();
    add_toys(&mut identities, 1);
    let folder = set_counting_toy(&mut identities, LONG);
    let home = set_gpg(&mut identities, "copy");
    let files = [
        vec![vec![toy("age1toy1qqqq", "stay"), age(AGE_1, b"in memory")]],
        vec![vec![age(STRANGER, b"no"), pgp("a key of gpg"), toy("age1toy1qqqq", "open")]],
        vec![vec![toy("age1toy1qqqq", "nothing"), pgp("another of gpg")]],
        // Of the secret "s" at 1, 2 and 3.
        vec![vec![age(AGE_1, &[b's' ^ 1, 1])], vec![toy("age1toy1qqqq", "die")], vec![age(AGE_1, &[b's' ^ 3, 3])]],
    ];
    let threshold = 2;
    let mut findings: Vec<_> = files.iter().map(|_| Findings::default()).collect();
    let search = |(groups, findings)| Search::of_sops_file(groups, threshold, &identities, findings);
    let mut searches: Vec<_> = files.iter().map(Vec::as_slice).zip(&mut findings).map(search).collect();
    ask_plugins(&mut searches, &identities);
    drop(searches);
    assert_eq!(starts(&folder), ["1: open nothing"]);
    assert_eq!(runs(&home), 0, "GnuPG is last");
    let keys: Vec<_> = files
        .iter()
        .zip(findings)
        .map(|(groups, findings)| super::recover(groups, threshold, &identities, findings).ok().unwrap())
        .collect();
    let keys: Vec<_> = keys.iter().map(DataKey::as_bytes).collect();
    assert_eq!(keys, [&b"in memory"[..], b"open", b"another of gpg", b"s"]);
    assert_eq!((starts(&folder).len(), runs(&home)), (1, 1), "what is known is not asked again");
    let files = [file(AGE_1, b"a"), file(SSH_PUBLIC, b"b")];
    assert_eq!(run(&files, &identities), [Ok(b"a".to_vec()), Ok(b"b".to_vec())]);
    assert_eq!(starts(&folder).len(), 1, "keys in memory open all files");
}

#[test]
fn a_plugin_that_hangs_takes_one_time_limit_and_every_file_says_so() {
    let mut identities = Identities::new();
    add_toys(&mut identities, 2);
    let folder = set_counting_toy(&mut identities, Duration::from_secs(1));
    let pids = folder.path().join("pids");
    let hang = toy_file(&["hang", pids.to_str().unwrap()], b"");
    let start = Instant::now();
    let outcome = run(&[toy_file(&["open"], b"early"), hang, toy_file(&["open"], b"late")], &identities);
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    crate::child::tests::assert_gone(&pids);
    assert_eq!(outcome[0], Ok(b"early".to_vec()));
    let stopped = "age-plugin-toy was of no use: it gave no answer within 3 seconds and was stopped";
    for outcome in &outcome[1..] {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!(error.matches(stopped).count(), 2, "by each identity: {error}");
    }
    assert_eq!(starts(&folder), ["2: open hang open"]);
}

#[test]
fn a_plugin_that_is_missing_is_named_for_every_file_but_those_that_open_without_it() {
    let mut identities = identities();
    add_toys(&mut identities, 1);
    let files = [toy_file(&["open"], b"one"), file(AGE_1, b"two"), toy_file(&["open"], b"three"), b"x".to_vec()];
    let outcome = run(&files, &identities);
    for number in [0, 2] {
        let error = outcome[number].as_ref().unwrap_err();
        assert!(error.contains("this host cannot use /toy.txt (age-plugin-toy is not in PATH); "), "{error}");
    }
    assert_eq!(outcome[1], Ok(b"two".to_vec()));
    assert_eq!(outcome[3], Err("it is not an age file".to_owned()));
}

#[test]
fn a_plugin_may_answer_for_some_files_only() {
    let mut identities = Identities::new();
    add_toys(&mut identities, 1);
    let folder = set_counting_toy(&mut identities, LONG);
    let tasks = ["nothing", "open", "refuse", "wrong", "open"];
    let files: Vec<_> = tasks.iter().map(|task| toy_file(&[task], task.as_bytes())).collect();
    let outcome = run(&files, &identities);
    let closed = "no identity opens it; it is encrypted to toy; this host is age-plugin-toy (/toy.txt)";
    assert_eq!(outcome[0], Err(closed.to_owned()));
    assert_eq!(outcome[1], Ok(b"open".to_vec()));
    assert!(
        outcome[2].as_ref().unwrap_err().starts_with("this host cannot use /toy.txt (age-plugin-toy says: "),
        "{outcome:?}"
    );
    assert_eq!(outcome[3], Err("its header does not match its MAC".to_owned()));
    assert_eq!(outcome[4], Ok(b"open".to_vec()));
    assert_eq!(starts(&folder).len(), 1);
}

#[test]
fn a_plugin_is_asked_first_about_recipients_of_its_own() {
    let mut identities = identities();
    add_toys(&mut identities, 1);

    let missing = open(&[vec![toy("age1toy1qqqq", "open")]], 0, &identities).unwrap_err();
    assert!(missing.contains("this host cannot use /toy.txt (age-plugin-toy is not in PATH"), "{missing}");

    identities.set_plugins(Plugins {
        search_path: search_path(&programs()),
        time_limit: Duration::from_secs(60),
        watcher: Watcher::default(),
    });
    let groups = [vec![toy("age1other1qqqq", "open"), toy("age1toy1qqqq", "stay")]];
    assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"stay"[..]));
    let groups = [vec![toy("age1other1qqqq", "error"), toy("age1tag1qqqq", "open")]];
    assert_eq!(open(&groups, 0, &identities).as_deref(), Ok(&b"open"[..]));
    let failed = recover(&[vec![toy("age1toy1qqqq", "die"), kms()]], 0, &identities).err().unwrap();
    let reasons: Vec<_> = failed.identities().iter().map(|identity| failed.reason(identity)).collect();
    assert_eq!(
        reasons,
        ["not a recipient", "not a recipient", "age-plugin-toy ended before it answered: the card is not there"]
    );
    let order: Vec<_> = failed.recipients().iter().map(Recipient::kind).collect();
    assert_eq!(order, ["age", "kms"], "the report keeps the order of the file");
}

#[test]
fn the_report_names_both_sides() {
    let mut identities = identities();
    let home = set_gpg(&mut identities, "refuse");
    identities.add_unusable("/lost (there is no such file)".to_owned());
    let derived = identities.loaded()[1].public[0].clone();
    let groups = [vec![kms(), age(STRANGER, b"no"), broken("age1xyz"), broken(""), pgp("no message")]];
    let error = recover(&groups, 0, &identities).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "this host cannot use /lost (there is no such file), {} with the GnuPG home {} (decryption \
             failed: ?[1mNo secret key); no identity opens it; it is encrypted to kms arn:aws:kms:us-east-1:1:key/2, {STRANGER}, \
             age1xyz (it is not an armored age file), age (not named) (it is not an armored age file), \
             pgp 4D90CB1E7AE375B0E0FE6DD795290D727DAF2CCE; this host is {AGE_1} (/keys.txt), {derived} (/etc/ssh/key)",
            programs().join("gpg").display(),
            home.path().display(),
        )
    );
    assert_eq!(error.recipient_to_add(), Some(derived.as_str()), "that of the host key");
    assert_eq!(error.missing_groups(), Some((1, 0)));
}

#[test]
fn a_recipient_that_is_there_already_is_not_to_be_added() {
    let identities = identities();
    let mut mislabelled = age(STRANGER, b"no");
    let derived = identities.loaded()[1].public[0].clone();
    if let WrappedKey::Age { recipient, .. } = &mut mislabelled {
        recipient.clone_from(&derived);
    }
    let error = recover(&[vec![mislabelled]], 0, &identities).err().unwrap();
    assert_eq!(error.recipient_to_add(), Some(AGE_1));
    assert!(error.lists(&error.identities()[1]));
    let reason = "a recipient, but its entry is damaged or was encrypted to another key";
    assert_eq!(error.reason(&error.identities()[1]), reason);

    let without = recover(&[], 0, &Identities::new()).err().unwrap();
    assert_eq!(without.to_string(), "this host has no identity; it has no recipients");
    assert_eq!(without.recipient_to_add(), None);
}

#[test]
fn names_tell_who_could_open_a_file() {
    let hosts = |names: &[&str]| -> Vec<_> { names.iter().map(|name| HostRecipient::parse(name).unwrap()).collect() };
    let fingerprint = "4d90cb1e7ae375b0e0fe6dd795290d727daf2cce";
    let groups = [vec![kms(), broken(AGE_1)], vec![broken(STRANGER), broken(SSH_PUBLIC)], vec![pgp("")]];
    for (names, threshold, could) in [
        (&[AGE_1, SSH_PUBLIC, fingerprint][..], 3, true),
        (&[AGE_1, SSH_PUBLIC], 3, false),
        (&[AGE_1, SSH_PUBLIC], 2, true),
        (&[AGE_1, fingerprint], 0, true),
        (&[SSH_PUBLIC, STRANGER], 2, false),
        (&[AGE_1], 1, false),
        (&[], 0, false),
    ] {
        assert_eq!(could_open(&groups, threshold, &hosts(names)), could, "{names:?} {threshold}");
    }
    assert!(could_open(&groups[..1], 3, &hosts(&[AGE_1])));
    assert!(!could_open(&groups[..1], 3, &hosts(&[STRANGER])));
}

#[test]
fn plain_age_files_open_armored_or_not() {
    let identities = identities();
    for recipient in [AGE_1, SSH_PUBLIC] {
        let file = file(recipient, b"a secret");
        for bytes in [file.clone(), armored(&file).into_bytes(), format!("\n{}\n", armored(&file)).into_bytes()] {
            let content = decrypt_age_file(&bytes, &identities).ok().unwrap();
            assert_eq!(content.as_bytes(), b"a secret");
        }
    }
    let large = vec![b'x'; 200_000];
    assert_eq!(decrypt_age_file(&file(AGE_1, &large), &identities).ok().unwrap().as_bytes(), large);
}

#[test]
fn a_plain_age_file_that_does_not_open_says_why() {
    let identities = identities();
    let error = decrypt_age_file(&file(STRANGER, b"no"), &identities).err().unwrap();
    assert!(
        error.to_string().starts_with("no identity opens it; it is encrypted to X25519; this host is age1"),
        "{error}"
    );
    let mut damaged = file(AGE_1, b"a secret");
    damaged.pop();
    let error = decrypt_age_file(&damaged, &identities).err().unwrap();
    assert!(matches!(error, AgeFileError::Damaged(AgeProblem::Payload)));
    assert_eq!(error.to_string(), "its payload is damaged or truncated");
    let error = decrypt_age_file(b"hello", &identities).err().unwrap();
    assert_eq!(error.to_string(), "it is not an age file");
}

/// A recipient that is a passphrase. For the toy, the salt is the file key.
struct PassphraseOfToy;

impl age::Recipient for PassphraseOfToy {
    fn wrap_file_key(&self, key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let salt = base64ct::Base64Unpadded::encode_string(key.expose_secret());
        Ok((
            vec![Stanza { tag: "scrypt".to_owned(), args: vec![salt, "18".to_owned()], body: vec![7; 32] }],
            HashSet::new(),
        ))
    }
}

#[test]
fn a_passphrase_is_put_to_a_plugin_and_to_nothing_else() {
    let recipients: &dyn age::Recipient = &PassphraseOfToy;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipients)).unwrap();
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).unwrap();
    writer.write_all(b"inside").unwrap();
    writer.finish().unwrap();
    let entry = vec![vec![WrappedKey::Age { recipient: "age1batchpass1qqqq".into(), enc: armored(&file) }]];

    let without = identities();
    let typed = "it is encrypted with a passphrase, which cannot be typed here; only a plugin could know it";
    assert_eq!(run(std::slice::from_ref(&file), &without), [Err(typed.to_owned())]);
    assert!(open(&entry, 0, &without).unwrap_err().contains(typed));

    let mut with = identities();
    add_toys(&mut with, 1);
    let missing = run(std::slice::from_ref(&file), &with).pop().unwrap().unwrap_err();
    assert!(missing.contains("this host cannot use /toy.txt (age-plugin-toy is not in PATH"), "{missing}");
    let _folder = set_counting_toy(&mut with, LONG);
    assert_eq!(run(&[file], &with), [Ok(b"inside".to_vec())]);
    assert_eq!(open(&entry, 0, &with).as_deref(), Ok(&b"inside"[..]));
}

#[test]
fn many_identities_and_many_recipients_are_given_up_with_a_message() {
    let mut identities = Identities::new();
    let key = |number: u8| {
        let name = bech32::Hrp::parse_unchecked("age-secret-key-");
        age_core::primitives::bech32_encode(name, &[number; 32]).to_uppercase()
    };
    let keys: Vec<_> = (1..=100).map(key).collect();
    assert_eq!(identities.add_age_key_file("/keys.txt", keys.join("\n").as_bytes()), []);
    let share = base64ct::Base64Unpadded::encode_string(&[9; 32]);
    let body = base64ct::Base64Unpadded::encode_string(&[0; 32]);
    let stanzas = format!("-> X25519 {share}\n{body}\n").repeat(1000);
    let mac = base64ct::Base64Unpadded::encode_string(&[0; 32]);
    let large = format!("age-encryption.org/v1\n{stanzas}--- {mac}\n{}", "0".repeat(40)).into_bytes();
    let start = Instant::now();
    let error = run(&[large], &identities).pop().unwrap().unwrap_err();
    assert!(error.contains("not all were tried; after 10000 attempts it is given up"), "{error}");
    // What names this host is tried first, wherever it stands.
    let stranger = age(STRANGER, b"no");
    let mut entries: Vec<_> = (0..300).map(|_| stranger.clone()).collect();
    assert!(open(&[entries.clone()], 0, &identities).unwrap_err().contains("not all were tried"));
    let own = identities.loaded()[99].public[0].clone();
    entries.push(age(&own, b"key"));
    assert_eq!(open(&[entries], 0, &identities).as_deref(), Ok(&b"key"[..]));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}
