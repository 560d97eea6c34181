//! The data key of a sops file: found by trying this host's identities on the recipients of the file (sops-format.md
//! section 6.1).

use std::fmt;

use zeroize::Zeroizing;

use crate::identity::age::File;
use crate::identity::{Identities, Key, Loaded};
use crate::metadata::{KeyGroup, WrappedKey};
use crate::shamir::{self, CombineError};

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
/// Every group that opens gives its part. If there is one group, the part is the data key, whatever `threshold` says; else
/// all parts are combined.
pub(crate) fn recover(groups: &[KeyGroup], threshold: i64, identities: &Identities) -> Result<DataKey, NoDataKey> {
    let mut search = Search::new(groups, identities);
    search.in_process();
    let several = groups.len() > 1;
    let needed = if several { usize::try_from(threshold).unwrap_or(0).max(2) } else { 1 };
    let mut parts: Vec<_> = search.parts.iter_mut().filter_map(Option::take).collect();
    let opened = parts.len();
    let cause = if several && opened >= needed {
        match shamir::combine(&parts) {
            Ok(key) => return Ok(DataKey(key)),
            Err(error) => Cause::Shares(error),
        }
    } else if let (false, Some(key)) = (several, parts.pop()) {
        return Ok(DataKey(key));
    } else {
        Cause::TooFew { opened, needed }
    };
    Err(search.report(cause))
}

/// What was tried so far.
struct Search<'a> {
    /// Each recipient with the number of its group.
    recipients: Vec<(usize, &'a WrappedKey, Option<String>)>,
    /// Each identity with what went wrong when it was used.
    identities: Vec<(&'a Loaded, Option<String>)>,
    /// What the groups gave.
    parts: Vec<Option<Zeroizing<Vec<u8>>>>,
}

impl<'a> Search<'a> {
    fn new(groups: &'a [KeyGroup], identities: &'a Identities) -> Self {
        let entries = |(number, group): (usize, &'a KeyGroup)| group.iter().map(move |key| (number, key, None));
        Self {
            recipients: groups.iter().enumerate().flat_map(entries).collect(),
            identities: identities.loaded().iter().map(|loaded| (loaded, None)).collect(),
            parts: groups.iter().map(|_| None).collect(),
        }
    }

    /// Tries the keys that are in memory.
    fn in_process(&mut self) {
        for (group, wrapped, problem) in &mut self.recipients {
            let Some(part @ None) = self.parts.get_mut(*group) else { continue };
            let WrappedKey::Age { enc, .. } = wrapped else { continue };
            let file = match File::from_entry(enc) {
                Ok(file) => file,
                Err(error) => {
                    *problem = Some(error.to_string());
                    continue;
                }
            };
            for (loaded, failure) in &mut self.identities {
                let Key::Age(keys) = &loaded.key;
                for key in keys {
                    match file.open(&**key) {
                        Ok(Some(content)) => *part = Some(content),
                        Ok(None) => {}
                        Err(error) => *failure = Some(error.to_string()),
                    }
                }
                if part.is_some() {
                    break;
                }
            }
        }
    }

    fn report(self, cause: Cause) -> NoDataKey {
        let recipients = self.recipients.into_iter().map(|(group, wrapped, problem)| Recipient {
            group,
            kind: match wrapped {
                WrappedKey::Age { .. } => "age",
                WrappedKey::Pgp { .. } => "pgp",
                WrappedKey::Remote { service, .. } => service,
            },
            text: match wrapped {
                WrappedKey::Age { recipient, .. } => recipient.clone(),
                WrappedKey::Pgp { fingerprint, .. } => fingerprint.clone(),
                WrappedKey::Remote { key, .. } => key.clone(),
            },
            problem,
        });
        let identities = self.identities.into_iter().map(|(loaded, failure)| HostIdentity {
            origin: loaded.origin.clone(),
            public: loaded.public.clone(),
            failure,
        });
        NoDataKey { recipients: recipients.collect(), identities: identities.collect(), cause }
    }
}

/// Why no data key was found: who the file is encrypted to, and who this host is.
#[derive(Debug)]
pub struct NoDataKey {
    recipients: Vec<Recipient>,
    identities: Vec<HostIdentity>,
    cause: Cause,
}

/// Who can open a file.
#[derive(Debug)]
pub struct Recipient {
    /// The key group, counted from 0.
    pub group: usize,
    /// The field of the metadata: `age`, `pgp`, or the name of a service.
    pub kind: &'static str,
    /// The recipient as the file names it.
    pub text: String,
    /// What is wrong with the entry, whoever tries to open it.
    pub problem: Option<String>,
}

/// An identity of this host that did not open a file.
#[derive(Debug)]
pub struct HostIdentity {
    /// Where it came from.
    pub origin: String,
    /// The public keys that belong to it, the one to encrypt to first.
    pub public: Vec<String>,
    /// What went wrong when it was used; `None` if the file is simply not encrypted to it.
    pub failure: Option<String>,
}

/// What was missing in the end.
#[derive(Debug)]
enum Cause {
    TooFew { opened: usize, needed: usize },
    Shares(CombineError),
}

impl fmt::Display for NoDataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no identity opens it")
    }
}

impl std::error::Error for NoDataKey {}
