//! Secrets that are plain age files, without sops.

use super::plugins::ask_plugins;
use super::report::{Cause, NoDataKey, Recipient};
use super::search::{EntryProblem, Findings, Search};
use crate::identity::Identities;
use crate::identity::age::{self, AgeProblem};
use crate::identity::recipient::{HostRecipient, any};
use crate::plaintext::Plaintext;

/// What is in a plain age file, the form that agenix uses. It may be armored.
///
/// # Errors
///
/// Says what is wrong with the file, or that no identity opens it.
pub(crate) fn decrypt_age_file(
    bytes: &[u8],
    identities: &Identities,
    mut findings: Findings,
) -> Result<Plaintext, AgeFileError> {
    let mut search = Search::of_age_file(bytes, identities, &mut findings);
    ask_plugins(std::slice::from_mut(&mut search), identities);
    if let Some(mut content) = search.take_parts().pop() {
        return Ok(Plaintext::new(std::mem::take(&mut *content)));
    }
    match search.findings.problems.first_mut().and_then(Option::take) {
        // What the plugins answered is a better reason.
        Some(EntryProblem::Age(AgeProblem::Passphrase)) if identities.has_plugins() => {}
        Some(EntryProblem::Age(problem)) => return Err(AgeFileError::Damaged(problem)),
        _ => {}
    }
    Err(AgeFileError::NoIdentity(search.report(Cause::TooFew { opened: 0, needed: 1 })))
}

/// What a plain age file is encrypted to: the kind of each stanza, and the tag of an SSH key. Nothing if its header
/// cannot be read.
pub(crate) fn age_file_recipients(bytes: &[u8]) -> Vec<Recipient> {
    stanzas(bytes).into_iter().map(Recipient::of_stanza).collect()
}

/// Whether one of the hosts can open an age file, as far as its stanzas tell.
pub(crate) fn age_file_opens_for(bytes: &[u8], hosts: &[HostRecipient]) -> Option<bool> {
    let stanzas = stanzas(bytes);
    any(hosts.iter().map(|host| host.opens_stanzas(&stanzas)))
}

fn stanzas(bytes: &[u8]) -> Vec<String> {
    age::AgeFile::from_bytes(bytes).map(|file| file.recipients()).unwrap_or_default()
}

/// Whether the header of an age file can be read.
///
/// # Errors
///
/// Says what is wrong with the file.
pub(crate) fn check_age_file(bytes: &[u8]) -> Result<(), AgeFileError> {
    age::AgeFile::from_bytes(bytes).map(|_file| ()).map_err(AgeFileError::Damaged)
}

/// Why an age file was not decrypted.
#[derive(Debug, thiserror::Error)]
pub enum AgeFileError {
    /// The file is at fault.
    #[error("{0}")]
    Damaged(AgeProblem),
    /// None of the identities is a recipient of the file, or none could be used.
    #[error("{0}")]
    NoIdentity(NoDataKey),
}
