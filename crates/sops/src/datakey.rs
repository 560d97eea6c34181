//! The data key of a sops file: found by trying this host's identities on the recipients of the file (docs/format.md
//! section 6.1).

mod age_file;
mod plugins;
mod report;
mod search;

use zeroize::Zeroizing;

pub use self::age_file::AgeFileError;
pub(crate) use self::age_file::{age_file_opens_for, age_file_recipients, check_age_file, decrypt_age_file};
pub(crate) use self::plugins::ask_plugins;
use self::report::Cause;
pub use self::report::{HostIdentity, NoDataKey, Recipient};
use self::search::needed;
pub(crate) use self::search::{Findings, Search};
use crate::identity::Identities;
use crate::identity::recipient::HostRecipient;
use crate::metadata::{KeyGroup, WrappedKey};
use crate::shamir;

/// The key that the values of a file are encrypted with. It is wiped on drop, and there is deliberately no `Debug`.
///
/// It has any length: whether a cipher takes it is seen when it is used.
pub(crate) struct DataKey(Zeroizing<Vec<u8>>);

impl DataKey {
    /// The bytes, for as long as the key lives.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The data key of a file with these groups.
///
/// If there is one group, its part is the data key, whatever `threshold` says; else all parts that were found are combined.
/// Keys in memory are tried first. Only if they do not open as many groups as are needed, programs are run: plugins of age,
/// and then GnuPG. What is in `findings` already is not tried again.
pub(crate) fn recover(
    groups: &[KeyGroup],
    threshold: i64,
    identities: &Identities,
    mut findings: Findings,
) -> Result<DataKey, NoDataKey> {
    let needed = needed(groups, threshold);
    let mut search = Search::of_sops_file(groups, threshold, identities, &mut findings);
    ask_plugins(std::slice::from_mut(&mut search), identities);
    if !search.is_over() {
        search.with_gpg();
    }
    let opened = search.opened();
    if opened < needed {
        return Err(search.report(Cause::TooFew { opened, needed }));
    }
    match <[_; 1]>::try_from(search.take_parts()) {
        Ok([key]) => Ok(DataKey(key)),
        Err(parts) => shamir::combine(&parts).map(DataKey).map_err(|error| search.report(Cause::Shares(error))),
    }
}

/// The recipients in all groups, as messages name them.
pub(crate) fn recipients(groups: &[KeyGroup]) -> Vec<Recipient> {
    let numbered = groups.iter().enumerate();
    numbered.flat_map(|(group, keys)| keys.iter().map(move |key| Recipient::of(group, key))).collect()
}

/// Whether hosts of these names could open a file with these groups, as far as the names in the file are right.
pub(crate) fn could_open(groups: &[KeyGroup], threshold: i64, hosts: &[HostRecipient]) -> bool {
    let ours = |wrapped: &WrappedKey| match wrapped {
        WrappedKey::Age { recipient, .. } => hosts.iter().any(|host| host.is(recipient)),
        WrappedKey::Pgp { fingerprint, .. } => hosts.iter().any(|host| host.is(fingerprint)),
        WrappedKey::Remote { .. } => false,
    };
    groups.iter().filter(|group| group.iter().any(ours)).count() >= needed(groups, threshold)
}

/// Whether a recipient that is not in the network could open a file with these groups.
pub(crate) fn could_open_offline(groups: &[KeyGroup], threshold: i64) -> bool {
    let is_offline = |wrapped: &WrappedKey| !matches!(wrapped, WrappedKey::Remote { .. });
    groups.iter().filter(|group| group.iter().any(is_offline)).count() >= needed(groups, threshold)
}

#[cfg(test)]
mod tests;
