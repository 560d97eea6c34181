//! The machine's users and groups: names to numbers, and back.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use manifest::{AccountName, Group, Owner};
use nearest::did_you_mean;
use nix::errno::Errno;
use nix::unistd::{Gid, Uid, User};

use crate::input;

/// The user database, asked once for each name. The answer "there is none" and a failed question are not the same.
#[derive(Default)]
pub(crate) struct Accounts {
    users: Numbers,
    groups: Numbers,
}

type Numbers = HashMap<AccountName, Result<u32, NoAccount>>;

/// Why a name has no number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum NoAccount {
    #[error("there is no {kind} {name:?}")]
    IsNumber { kind: AccountKind, name: String },
    #[error("there is no {kind} {name:?}{}", did_you_mean(nearest))]
    Unknown { kind: AccountKind, name: String, nearest: Vec<String> },
    #[error("cannot look up the {kind} {name:?}: {reason}")]
    Failed { kind: AccountKind, name: String, reason: nix::Error },
    #[error("the {kind} {name:?} has the number 4294967295, which stands for no account at all")]
    NoNumber { kind: AccountKind, name: String },
    #[error("there is neither a group {KEYS} nor a group nogroup to own the directories")]
    NoDirectoryGroup,
}

impl NoAccount {
    /// The account, which is asked for once, so that there is one such error for it.
    pub(crate) fn account(&self) -> Option<(AccountKind, &str)> {
        match self {
            Self::IsNumber { kind, name }
            | Self::Unknown { kind, name, .. }
            | Self::Failed { kind, name, .. }
            | Self::NoNumber { kind, name } => Some((*kind, name)),
            Self::NoDirectoryGroup => None,
        }
    }

    /// What a person can do about it.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::IsNumber { kind, .. } => format!("a number goes into the field {}", kind.number_field()),
            Self::Unknown { .. } => "declare it or correct the name".to_owned(),
            Self::Failed { .. } => "see that what /etc/nsswitch.conf names answers, then run this again".to_owned(),
            Self::NoNumber { .. } => "give it another number".to_owned(),
            Self::NoDirectoryGroup => format!("declare the group {KEYS}"),
        }
    }
}

/// What a name names.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum AccountKind {
    User,
    Group,
}

impl AccountKind {
    /// The field of the manifest, and the option, for a number in the place of a name.
    fn number_field(self) -> &'static str {
        match self {
            Self::User => "uid",
            Self::Group => "gid",
        }
    }
}

impl Accounts {
    /// The number of an owner.
    ///
    /// # Errors
    ///
    /// [`NoAccount`] for a name.
    pub(crate) fn owner(&mut self, owner: &Owner) -> Result<Uid, NoAccount> {
        match owner {
            Owner::Id(id) => Ok(Uid::from_raw(id.number())),
            Owner::Name(name) => cached(&mut self.users, name, number_of_user).map(Uid::from_raw),
        }
    }

    /// The number of a group.
    ///
    /// # Errors
    ///
    /// [`NoAccount`] for a name.
    pub(crate) fn group(&mut self, group: &Group) -> Result<Gid, NoAccount> {
        match group {
            Group::Id(id) => Ok(Gid::from_raw(id.number())),
            Group::Name(name) => cached(&mut self.groups, name, number_of_group).map(Gid::from_raw),
        }
    }
}

/// The number of a user.
///
/// # Errors
///
/// [`NoAccount`].
pub(crate) fn number_of_user(name: &str) -> Result<u32, NoAccount> {
    let found = uninterrupted(|| User::from_name(name)).map(|user| user.map(|user| user.uid.as_raw()));
    known(found, AccountKind::User, name)
}

/// The number of a group.
///
/// # Errors
///
/// [`NoAccount`].
pub(crate) fn number_of_group(name: &str) -> Result<u32, NoAccount> {
    let found =
        uninterrupted(|| nix::unistd::Group::from_name(name)).map(|group| group.map(|group| group.gid.as_raw()));
    known(found, AccountKind::Group, name)
}

/// The name of a user, or the number if there is no name.
pub(crate) fn user_name(user: Uid) -> String {
    User::from_uid(user).ok().flatten().map_or_else(|| user.to_string(), |user| user.name)
}

/// The name of a group, or the number if there is no name.
pub(crate) fn group_name(group: Gid) -> String {
    nix::unistd::Group::from_gid(group).ok().flatten().map_or_else(|| group.to_string(), |group| group.name)
}

/// The home directory that the user database has for the user of this process.
pub(crate) fn own_home() -> Option<PathBuf> {
    let user = users::get_user_by_uid(users::get_effective_uid())?;
    Some(users::os::unix::UserExt::home_dir(&user).to_owned())
}

/// The group of the directories: [`KEYS`], or where it does not exist `nogroup`.
///
/// # Errors
///
/// [`NoAccount::NoDirectoryGroup`] without either, [`NoAccount::Failed`] if they cannot be looked up.
pub(crate) fn directory_group() -> Result<Gid, NoAccount> {
    // It is in the machine's own table. To ask the user database for it may load modules that look elsewhere, which
    // takes half a millisecond.
    if let Some(number) = input::read_table(Path::new("/etc/group")).and_then(|table| number_in(&table, KEYS)) {
        return known(Ok(Some(number)), AccountKind::Group, KEYS).map(Gid::from_raw);
    }
    for name in [KEYS, "nogroup"] {
        match uninterrupted(|| nix::unistd::Group::from_name(name)) {
            Ok(Some(group)) => return known(Ok(Some(group.gid.as_raw())), AccountKind::Group, name).map(Gid::from_raw),
            Ok(None) => {}
            Err(reason) => return Err(NoAccount::Failed { kind: AccountKind::Group, name: name.to_owned(), reason }),
        }
    }
    Err(NoAccount::NoDirectoryGroup)
}

/// The group that NixOS has for who may read the directories of secrets.
const KEYS: &str = "keys";

/// Asks again if a signal came in between, which says nothing about the account.
fn uninterrupted<T>(ask: impl Fn() -> nix::Result<T>) -> nix::Result<T> {
    let mut attempts = (0..ATTEMPTS).map(|_| ask());
    attempts.find(|answer| !matches!(answer, Err(Errno::EINTR))).unwrap_or(Err(Errno::EINTR))
}

const ATTEMPTS: usize = 100;

/// Whether a look-up can take long: other than files of this machine and systemd are asked, perhaps over a network, or a service that
/// keeps answers, which may hang.
pub(crate) fn may_be_slow() -> bool {
    if input::absence(Path::new("/run/nscd/socket")).is_none() {
        return true;
    }
    let table = input::read_table(Path::new("/etc/nsswitch.conf")).unwrap_or_default();
    asks_others(&String::from_utf8_lossy(&table))
}

/// What is waited for then, in the words of a message.
pub(crate) const SERVICE: &str = "the name services (nscd, or those in /etc/nsswitch.conf)";

fn asks_others(table: &str) -> bool {
    let lines = table.lines().filter_map(|line| line.split('#').next()?.split_once(':'));
    let services = lines.filter(|(database, _)| ["passwd", "group"].contains(&database.trim()));
    let is_quick = |word: &str| ["files", "compat", "systemd", "mymachines", "altfiles"].contains(&word);
    let mut words = services.flat_map(|(_, services)| services.split_whitespace());
    // What stands in brackets says what to do after an answer.
    words.any(|word| !is_quick(word) && !word.contains(['[', ']', '=']))
}

/// The number of a name in a table such as `/etc/group`.
fn number_in(table: &[u8], name: &str) -> Option<u32> {
    let lines = table.split(|&byte| byte == b'\n');
    let mut fields = lines.map(|line| line.split(|&byte| byte == b':')).find_map(|mut fields| {
        let is_it = fields.next() == Some(name.as_bytes());
        is_it.then_some(fields)
    })?;
    std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()
}

/// The answer given before, or a new one.
fn cached(
    answers: &mut Numbers,
    name: &AccountName,
    ask: fn(&str) -> Result<u32, NoAccount>,
) -> Result<u32, NoAccount> {
    if let Some(answer) = answers.get(name) {
        return answer.clone();
    }
    let answer = ask(name.as_str());
    answers.insert(name.clone(), answer.clone());
    answer
}

/// chown(2) takes the largest number as "leave it as it is", so it is no account's.
fn known(found: nix::Result<Option<u32>>, kind: AccountKind, name: &str) -> Result<u32, NoAccount> {
    let name = || name.to_owned();
    match found {
        Ok(Some(u32::MAX)) => Err(NoAccount::NoNumber { kind, name: name() }),
        Ok(Some(number)) => Ok(number),
        Ok(None) if name().bytes().all(|byte| byte.is_ascii_digit()) => Err(NoAccount::IsNumber { kind, name: name() }),
        Ok(None) => Err(NoAccount::Unknown { kind, name: name(), nearest: nearest(kind, &name()) }),
        Err(reason) => Err(NoAccount::Failed { kind, name: name(), reason }),
    }
}

/// The declared names that are spelled most alike, as messages quote them. They only help a person, so what cannot be read is
/// passed over.
fn nearest(kind: AccountKind, wanted: &str) -> Vec<String> {
    let declared = match kind {
        AccountKind::User => fs::read_to_string("/etc/passwd"),
        AccountKind::Group => fs::read_to_string("/etc/group"),
    };
    let declared = declared.unwrap_or_default();
    let names = &mut declared.lines().filter_map(|line| line.split(':').next());
    nearest::nearest(wanted, names).into_iter().map(|name| format!("{name:?}")).collect()
}

impl std::fmt::Display for AccountKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_of_others_are_taken_for_slow() {
        for (table, slow) in [
            ("", false),
            ("passwd: files systemd\ngroup: files [success=merge] systemd\nhosts: dns\n", false),
            ("passwd:\tfiles sss # network\n", true),
            ("group: compat [NOTFOUND=return] ldap\n", true),
            ("# passwd: nis\n", false),
        ] {
            assert_eq!(asks_others(table), slow, "{table}");
        }
    }

    #[test]
    fn a_name_that_nobody_has_is_unknown_and_not_an_answer() {
        let mut accounts = Accounts::default();
        let name = AccountName::try_from("nobody-is-called-so".to_owned()).unwrap();
        for _ in 0..2 {
            let error = accounts.owner(&Owner::Name(name.clone())).unwrap_err();
            assert_eq!(error.to_string(), r#"there is no user "nobody-is-called-so""#);
            assert_eq!(error.advice(), "declare it or correct the name");
            assert!(matches!(accounts.group(&Group::Name(name.clone())), Err(NoAccount::Unknown { .. })));
        }
    }

    #[test]
    fn the_number_that_stands_for_no_account_is_refused() {
        let found = known(Ok(Some(u32::MAX)), AccountKind::User, "x").unwrap_err();
        assert!(matches!(found, NoAccount::NoNumber { .. }));
        assert_eq!(known(Ok(Some(7)), AccountKind::Group, "x").unwrap(), 7);
    }

    #[test]
    fn the_number_of_a_group_stands_in_its_own_line() {
        let table = b"root:x:0:\n#keys:x:1:\nkeys2:x:2:\nx:keys:3:keys\nkeys:x:96:a,b\nkeys:x:97:\n";
        assert_eq!(number_in(table, "keys"), Some(96));
        for damaged in [&b"keys"[..], b"keys:x", b"keys:x:", b"keys:x:-1:", b"keys:x:4294967296:", b""] {
            assert_eq!(number_in(damaged, "keys"), None);
        }
    }

    #[test]
    fn root_is_user_and_group_0() {
        let root = AccountName::try_from("root".to_owned()).unwrap();
        let mut accounts = Accounts::default();
        assert_eq!(accounts.owner(&Owner::Name(root.clone())).unwrap(), Uid::from_raw(0));
        assert_eq!(accounts.group(&Group::Name(root)).unwrap(), Gid::from_raw(0));
    }
}
