//! What to do about a problem of the manifest.

use std::borrow::Cow;

use manifest::{AccountError, CredentialError, Error, Format, ModeError, NameError, PathError, SyntaxError, UnitError};

use super::Remedy;

impl Remedy {
    /// The way out of a problem of the manifest; nothing where the problem itself says what must stand there.
    pub(crate) fn of_manifest(error: &Error) -> Option<Self> {
        words(error).map(|words| Self::say(&words))
    }
}

fn words(error: &Error) -> Option<Cow<'static, str>> {
    let words = match error {
        Error::Value { .. } | Error::TwoFormats { .. } | Error::ForeignPlaceholder { .. } => return None,
        Error::Syntax(error) => return of_json(error),
        Error::Format(_) => {
            let [others @ .., last] = Format::ALL.map(Format::as_str);
            return Some(format!("use {} or {last}", others.join(", ")).into());
        }
        Error::Unit(error) => return of_unit(error).map(Cow::Borrowed),
        Error::Missing { advice, .. } => advice,
        Error::UnknownField { .. } => "correct or remove it",
        Error::Behind => "remove it, or see whether a bracket is misplaced",
        Error::Name(error) => of_name(error),
        Error::Mode(ModeError::NotOctal(_) | ModeError::TooLarge(_)) => "write it like 0400 or 0440",
        Error::Path(error) => of_path(error),
        Error::Account(AccountError::Empty) => "name it, or write null to give it by number in uid or gid",
        Error::Account(AccountError::Character(..)) => "remove it",
        Error::Credential(CredentialError::Character(..)) => {
            "rename the secret to letters, digits and _.-/, or remove credential"
        }
        Error::Credential(CredentialError::Long(_)) => "shorten the secret's name, or remove credential",
        Error::NoRuntimeDirectory(_) => "run this as a user with a session",
        Error::Places(_) => "choose two paths, neither inside the other",
        Error::GnupgHomeExcludes(_) => "remove one of them",
        Error::SameName(_) | Error::SamePath { .. } => "give each its own",
        Error::NestedName { .. } | Error::SameCredential { .. } => "rename one of them",
        Error::Rendered => "rename the secret",
        Error::PathOfInput { .. }
        | Error::PathInside { .. }
        | Error::PathAround { .. }
        | Error::PathAroundStore { .. }
        | Error::PathInMountPoint { .. } => "choose another path",
        Error::NoKeys(_) => "remove selectKey",
        Error::NothingToSelect => "name it in the field key, or remove selectKey",
        Error::NoContent => "write the text into content or name its file",
        Error::NoPlaceholder => "add it to placeholderBySecretName",
        Error::EmptyPlaceholder => "give each secret a text of its own",
        Error::LongPlaceholder { .. } => "give each secret a short text of its own",
        Error::SamePlaceholder { .. } => "give each secret its own",
        Error::UnknownPlaceholder(_) => "declare the secret, or remove the placeholder from the template",
        Error::ChangedPlaceholder(_) => "put it into the text as it is, in < and >",
    };
    Some(Cow::Borrowed(words))
}

fn of_json(error: &SyntaxError) -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(match error {
        SyntaxError::Control(character) => return Some(format!("write it as \\u{:04x}", u32::from(*character)).into()),
        SyntaxError::Escape(_) => r"a backslash itself is written \\",
        SyntaxError::Surrogate => "write the character itself",
        SyntaxError::LeadingZero(_) => {
            "write a mode in double quotes, like \"0400\", and any other number without the 0"
        }
        SyntaxError::Conflict => {
            "keep the lines of one side, and remove those that begin with <<<<<<<, |||||||, ======= and >>>>>>>"
        }
        SyntaxError::Character { .. }
        | SyntaxError::End(_)
        | SyntaxError::Unclosed
        | SyntaxError::Unicode
        | SyntaxError::LargeNumber
        | SyntaxError::Depth => return None,
    }))
}

fn of_name(error: &NameError) -> &'static str {
    match error {
        NameError::Empty => "give it a relative path such as db/password",
        NameError::Absolute(_) => "a name is relative, remove the leading /",
        NameError::EmptyComponent(_) => "remove the superfluous /",
        NameError::Dots(_) => "spell the path out",
        NameError::Nul(_) => "remove it",
        NameError::Long(_) | NameError::TooLong => "shorten it",
    }
}

fn of_path(error: &PathError) -> &'static str {
    match error {
        PathError::Empty => "write an absolute path",
        PathError::Relative(path) => match path.split('/').next() {
            Some("$XDG_RUNTIME_DIR" | "${XDG_RUNTIME_DIR}" | "%t") => "for the runtime directory of a user write %r",
            Some("~" | "$HOME" | "${HOME}" | "%h") => "no shell reads it, so write the home directory itself",
            _ => "begin it with /",
        },
        PathError::DotDot(_) => "spell the path out",
        PathError::Nul(_) => "remove it",
        PathError::Long(_) | PathError::TooLong => "shorten it",
    }
}

fn of_unit(error: &UnitError) -> Option<&'static str> {
    Some(match error {
        UnitError::Empty | UnitError::NoPrefix(_) => "write it like nginx.service",
        UnitError::NoInstance(_) => "name an instance, written like getty@tty1.service",
        UnitError::Option(_) => return None,
        UnitError::Character(..) => r"only letters, digits and :_.\@- can be there (see systemd-escape)",
        UnitError::Long(_) => "shorten it",
    })
}
