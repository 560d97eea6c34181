//! What to do about a sops file or an age file.

use std::path::Path;

use install::shell_word;
use sops::{
    AgeFileError, AgeProblem, EmitError, Error, Fix, Foreign, LookupError, MacError, MetadataError, ParseError,
    ValueError, WalkError,
};

use super::{Remedy, editable};

impl Remedy {
    /// The way out of what is wrong with a file or one of its keys; nothing where that depends on the keys of the host.
    pub(crate) fn of_sops_file(error: &Error, file: &Path) -> Option<Self> {
        let (advice, command) = match error {
            Error::DataKey(_) | Error::Age(AgeFileError::NoIdentity(_)) => return None,
            Error::Parse(ParseError { fix: Fix::Format(format), .. }) | Error::OtherFormat(format) => {
                return Some(Self::say(&format!("set its format to {format}")));
            }
            Error::Parse(ParseError { fix: Fix::GitLfs, .. }) => {
                let advice = "in a flake set inputs.self.lfs = true, elsewhere fetch it with";
                return Some(Self::run(advice, "git lfs pull".to_owned()));
            }
            Error::Parse(ParseError { fix: Fix::GitCrypt, .. }) => {
                let advice = "leave the file to sops alone in .gitattributes, or outside of a flake unlock it with";
                return Some(Self::run(advice, "git-crypt unlock".to_owned()));
            }
            Error::Lookup(LookupError::NotAMapping { leaf, .. }) => {
                return Some(Self::say(&format!("ask for {:?} itself", Foreign(leaf))));
            }
            error => way_out(error)?,
        };
        Some(match command {
            "" => Self::say(advice),
            command => Self::run(advice, format!("{command} {}", shell_word(editable(file)))),
        })
    }
}

/// What to do in words, and the command that does it, which ends with the name of the file; empty if none does.
type Advice = (&'static str, &'static str);

fn way_out(error: &Error) -> Option<Advice> {
    Some(match error {
        Error::DataKey(_) | Error::OtherFormat(_) | Error::Age(AgeFileError::NoIdentity(_)) => return None,
        Error::Parse(error) => match error.fix {
            Fix::Place => ("mend that place, or restore the file from version control", ""),
            Fix::Write(words) => (words, ""),
            Fix::Restore => RESTORE,
            Fix::Encrypt => ENCRYPT,
            Fix::TakeSide => {
                // To resolve it line by line would give a file that is of neither side, and so has no MAC that fits.
                ("take the whole file of one side, and enter the values of the other one again with", "sops edit")
            }
            Fix::TakeAgeFile => {
                ("take the whole file of one side, yours while the merge lasts with", "git checkout --ours")
            }
            Fix::Format(_) | Fix::GitLfs | Fix::GitCrypt => return None,
        },
        Error::Metadata(error) => match error {
            MetadataError::Absent => ENCRYPT,
            MetadataError::Configuration => ("name the encrypted file in its place", ""),
            MetadataError::NoKeys => {
                ("restore the file from version control, or encrypt it again with a recipient", "")
            }
            MetadataError::Contradiction { .. } => ("remove the one that is wrong", ""),
            MetadataError::Index { .. } => ("correct it", ""),
            MetadataError::Empty
            | MetadataError::CutOff
            | MetadataError::Missing { .. }
            | MetadataError::Type { .. }
            | MetadataError::Text { .. }
            | MetadataError::Rules { .. } => RESTORE,
        },
        Error::Age(AgeFileError::Damaged(problem)) => match problem {
            AgeProblem::NotArmored | AgeProblem::Version(_) | AgeProblem::Passphrase => return None,
            AgeProblem::Empty | AgeProblem::Plain => ("put one there that age or agenix -e has made", ""),
            AgeProblem::LineEnds => ("restore it, and keep git from converting it", ""),
            AgeProblem::Utf16 => ("make it again with", "age --output"),
            AgeProblem::TooManyAttempts(_) => ("remove identities that are not needed", ""),
            AgeProblem::Armor
            | AgeProblem::Header
            | AgeProblem::HeaderTooLarge
            | AgeProblem::Stanza
            | AgeProblem::Mac
            | AgeProblem::Payload => RESTORE,
        },
        Error::Remote(_) => (
            "add a recipient of the host, as sops-install-secrets -recipients prints it there, to .sops.yaml and run in \
             its folder",
            "sops updatekeys",
        ),
        Error::DataKeyLength(_) => ("encrypt the file again", ""),
        Error::Rule(_) => ("write the rule in another way", ""),
        Error::Walk(WalkError::Key { .. } | WalkError::Unsigned { .. }) => ("put it in quotes", ""),
        Error::Walk(WalkError::Value { source, .. }) | Error::Mac(MacError::Unreadable(source)) => match source {
            ValueError::NotEncrypted | ValueError::NotText(_) => {
                ("restore the file from version control, then change it with", "sops edit")
            }
            ValueError::NotAuthentic => ("restore the file from version control, and change it only with", "sops edit"),
            ValueError::Offset => ("write the time with another offset", ""),
            ValueError::NotBase64(_)
            | ValueError::NonceLength(_)
            | ValueError::NotOfItsType(_)
            | ValueError::UnknownType(_)
            | ValueError::NotAComment => RESTORE,
        },
        Error::Mac(MacError::Missing) => RESTORE,
        Error::Mac(MacError::Mismatch) => (
            "restore the file from version control or, if you trust the change, change any value with this, which writes \
             nothing otherwise",
            "sops edit --ignore-mac",
        ),
        Error::Lookup(error) => match error {
            LookupError::NotFound { nearest, .. } if nearest.is_empty() => ("they are shown by", "sops edit"),
            LookupError::NotFound { .. } | LookupError::NotAMapping { .. } => return None,
            LookupError::Slash { .. } => ("rename it with", "sops edit"),
            LookupError::Null { .. } => ("give it a value with", "sops edit"),
            LookupError::NoText { .. } => ("ask for the values in it", ""),
        },
        Error::Emit(error) => match error {
            EmitError::Complex { .. } => ("choose another format", ""),
            EmitError::Lost { .. } => ("ask for its value by its key, or begin it with another character", ""),
            EmitError::NotFinite => return None,
            EmitError::NoData => ("check its format", ""),
        },
    })
}

const RESTORE: Advice = ("restore the file from version control", "");
const ENCRYPT: Advice = ("encrypt it, in the folder of .sops.yaml, with", "sops encrypt --in-place");
