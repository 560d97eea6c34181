//! A secret that is an age file as it is.

use super::plugins::ask_plugins;
use super::report::{Cause, NoDataKey};
use super::search::{EntryProblem, Findings, Search};
use crate::identity::Identities;
use crate::identity::age::AgeProblem;
use crate::plaintext::Plaintext;

/// What is in an age file that is a secret as it is, the form that agenix uses. It may be armored.
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
        // What plugins say of it says more.
        Some(EntryProblem::Age(AgeProblem::Passphrase)) if identities.has_plugins() => {}
        Some(EntryProblem::Age(problem)) => return Err(AgeFileError::Damaged(problem)),
        _ => {}
    }
    Err(AgeFileError::NoIdentity(search.report(Cause::TooFew { opened: 0, needed: 1 })))
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
