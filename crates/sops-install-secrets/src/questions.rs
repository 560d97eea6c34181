//! What a generation is made from, as questions that the next run asks again: is there an answer that has changed?

use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use install::{Answer, Inputs, Ownership};
use nix::unistd::Gid;
use zeroize::Zeroizing;

use crate::cli::AccountLookup;
use crate::environment::Environment;
use crate::plan::Plan;
use crate::{accounts, input};

/// Adds what is in the manifest.
pub(crate) fn add_manifest(inputs: &mut Inputs, json: &[u8]) {
    inputs.add(b"manifest", Answer::new(json));
}

/// Adds what is in a file, as it was used; nothing if it cannot be read.
pub(crate) fn add_file(inputs: &mut Inputs, path: &Path, content: Option<&[u8]>) {
    inputs.add(&[FILE, path.as_os_str().as_bytes()].concat(), answer(content));
}

/// Adds what is known before anything is read: the program, its environment and the command line.
pub(crate) fn add_call(inputs: &mut Inputs, environment: &Environment, accounts: AccountLookup) {
    add_program(inputs);
    add_environment(inputs, environment, accounts);
}

/// Adds what the home of gpg says of the keys in it.
pub(crate) fn add_home(inputs: &mut Inputs, home: &Path) {
    inputs.add(&[HOME, home.as_os_str().as_bytes()].concat(), home_of_gpg(home));
}

/// Adds the numbers of all owners, which this machine gives.
pub(crate) fn add_machine(inputs: &mut Inputs, plan: &Plan<'_>, group: Option<Gid>) {
    let accounts = plan.accounts;
    if let (Some(group), AccountLookup::LookUp) = (group, accounts) {
        add_account(inputs, GROUP, "", group.as_raw());
    }
    for file in &plan.files {
        if !file.is_installable {
            return inputs.add_unknown();
        }
        let (Some(Ownership { user, group }), AccountLookup::LookUp) = (file.wanted.access.owner(), accounts) else {
            continue;
        };
        if let manifest::Owner::Name(name) = file.entry.access().owner() {
            add_account(inputs, USER, name.as_str(), user.as_raw());
        }
        if let manifest::Group::Name(name) = file.entry.access().group() {
            add_account(inputs, GROUP, name.as_str(), group.as_raw());
        }
    }
}

/// Adds an account and its number.
fn add_account(inputs: &mut Inputs, kind: &[u8], name: &str, number: u32) {
    inputs.add(&[kind, name.as_bytes()].concat(), Answer::new(&number.to_le_bytes()));
}

/// Adds the program that runs: where its file is, and what tells one build from another.
fn add_program(inputs: &mut Inputs) {
    let begin = || -> std::io::Result<Vec<u8>> {
        let mut file = fs::File::open(PROGRAM)?;
        let status = file.metadata()?;
        let mut begin = vec![0; BEGIN];
        file.read_exact(&mut begin)?;
        for number in [status.dev(), status.ino(), status.size()] {
            begin.extend(number.to_le_bytes());
        }
        for number in [status.mtime(), status.mtime_nsec(), status.ctime(), status.ctime_nsec()] {
            begin.extend(number.to_le_bytes());
        }
        Ok(begin)
    };
    match begin() {
        Ok(begin) => inputs.add(b"program", Answer::new(&begin)),
        Err(_) => inputs.add_unknown(),
    }
}

/// Adds what decides besides the manifest: the environment and the command line. Where programs for keys are looked for is left
/// out, because they only open what others cannot, and the values are the same.
fn add_environment(inputs: &mut Inputs, environment: &Environment, accounts: AccountLookup) {
    let text = |text: Option<&str>| text.map(|text| text.as_bytes().to_owned());
    let path = |path: Option<&Path>| path.map(|path| path.as_os_str().as_bytes().to_owned());
    let mut add = |question: &str, value: Option<Vec<u8>>| {
        inputs.add(question.as_bytes(), answer(value.map(Zeroizing::new).as_ref().map(|value| value.as_slice())));
    };
    add("XDG_RUNTIME_DIR", text(environment.runtime_directory.as_deref()));
    add("CREDENTIALS_DIRECTORY", path(environment.credentials_directory.as_deref()));
    add("GNUPGHOME", path(environment.gnupg_home.as_deref()));
    add("SOPS_AGE_KEY", text(environment.age_key.as_deref().map(String::as_str)));
    add("SOPS_AGE_KEY_FILE", path(environment.age_key_file.as_deref()));
    add("user's age keys", path(environment.user_age_keys.as_deref()));
    let ssh_keys: Vec<&OsStr> = environment.ssh_keys.iter().map(|key| key.as_os_str()).collect();
    add("SOPS_AGE_SSH_PRIVATE_KEY_FILE", Some(ssh_keys.join(OsStr::new("\0")).into_encoded_bytes()));
    add("accounts", Some(vec![u8::from(accounts == AccountLookup::Ignore)]));
    // The lines on imported keys begin with it.
    add("argv[0]", text(Some(&environment.program)));
    // What a command prints is not known before it has run.
    if environment.age_key_command.is_some() || environment.ssh_key_command.is_some() {
        inputs.add_unknown();
    }
}

/// The answer to a question, as it is now; nothing if there is none, or this is not a question that a later run can
/// ask.
pub(crate) fn ask(question: &[u8]) -> Option<Answer> {
    let path = |bytes| Path::new(OsStr::from_bytes(bytes));
    if let Some(file) = question.strip_prefix(FILE) {
        let mut content = answer(Some(b""));
        return match input::read_again(path(file), &mut |piece| content.append(piece)) {
            Ok(()) => Some(content),
            Err(input::ReadError::Absent(_)) => Some(answer(None)),
            // An ordinary run reports it: it knows what the file is for.
            Err(_) => None,
        };
    }
    let number = if let Some(home) = question.strip_prefix(HOME) {
        return Some(home_of_gpg(path(home)));
    } else if let Some(name) = question.strip_prefix(USER) {
        accounts::number_of_user(std::str::from_utf8(name).ok()?).ok()?
    } else {
        match std::str::from_utf8(question.strip_prefix(GROUP)?).ok()? {
            "" => accounts::directory_group().map(Gid::as_raw),
            name => accounts::number_of_group(name),
        }
        .ok()?
    };
    Some(Answer::new(&number.to_le_bytes()))
}

/// Whose a home of gpg is, how large its keyrings are, and the names of its private keys, which are hashes of the public ones. To ask
/// gpg would take longer than all else.
fn home_of_gpg(home: &Path) -> Answer {
    let Ok(status) = fs::metadata(home) else { return answer(None) };
    let mut answer = answer(Some(&status.uid().to_le_bytes()));
    let mut add = |name: &OsStr, number: u64| {
        answer.append(name.as_bytes());
        answer.append(&number.to_le_bytes());
    };
    for name in ["pubring.kbx", "pubring.gpg", "secring.gpg"] {
        if let Ok(status) = fs::metadata(home.join(name)) {
            add(name.as_ref(), status.size());
        }
    }
    // They come in any order.
    let hash = |name: &OsString| BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
    let keys = input::names(&home.join("private-keys-v1.d")).unwrap_or_default();
    add(OsStr::new("keys"), keys.iter().map(hash).fold(0, u64::wrapping_add));
    answer
}

/// The answer that is this content. Without content it is another one than for an empty content.
fn answer(content: Option<&[u8]>) -> Answer {
    let mut answer = Answer::new(if content.is_some() { b"+" } else { b"" });
    answer.append(content.unwrap_or_default());
    answer
}

const FILE: &[u8] = b"file ";
const HOME: &[u8] = b"home ";
const USER: &[u8] = b"user ";
/// Without a name, that of the directories.
const GROUP: &[u8] = b"group ";
const PROGRAM: &str = "/proc/self/exe";

/// How much of the program is looked at: its headers, with the sizes of its parts and the number of its build.
const BEGIN: usize = 4096;
