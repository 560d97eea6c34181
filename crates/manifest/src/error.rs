//! What is wrong with a manifest, and where.
//!
//! Every problem of a document is found in one run. Messages quote the document; the caller that prints them makes the
//! quotes fit for a line.

use std::fmt;

use nearest::did_you_mean;

use crate::json::{Failure, SyntaxError};
use crate::{AccountError, CredentialError, FormatError, ModeError, NameError, PathError, PlacesError, UnitError};

/// All problems of one document in the order of the text.
///
/// Printed, each problem is a line without a line break at the end. The name of the file is not known here: the caller
/// puts it in front, as in `manifest.json:12:15: ...`.
#[derive(Debug, Default)]
pub struct Errors(Vec<Problem>);

impl Errors {
    /// The problems in the order of the text.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// The one problem of a text that is not JSON.
    pub(crate) fn syntax(text: &str, failure: Failure) -> Self {
        let found = Unlocated { at: failure.at, subject: Subject::Document, error: failure.error.into() };
        Self::locate(text.as_bytes(), Problems(vec![found]))
    }

    /// Turns offsets into lines and columns, in one pass over the text.
    pub(crate) fn locate(text: &[u8], Problems(mut found): Problems) -> Self {
        found.sort_by_key(|problem| problem.at);
        let (mut line, mut column, mut reached) = (1_usize, 1_usize, 0);
        let problems = found.into_iter().map(|Unlocated { at, subject, error }| {
            for byte in text.get(reached..at).unwrap_or_default() {
                match byte {
                    b'\n' => (line, column) = (line.saturating_add(1), 1),
                    // A continuation byte belongs to a character that has been counted.
                    0x80..=0xbf => {}
                    _ => column = column.saturating_add(1),
                }
            }
            reached = at;
            Problem { line, column, subject, error }
        });
        Self(problems.collect())
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let line_break = if index == 0 { "" } else { "\n" };
            write!(formatter, "{line_break}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl<'e> IntoIterator for &'e Errors {
    type Item = &'e Problem;
    type IntoIter = std::slice::Iter<'e, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One problem of a document and its place, printed on one line: `12:15: secret "db/password": the mode ...`.
#[derive(Debug, thiserror::Error)]
#[error("{line}:{column}: {subject}{}{error}", if matches!(.subject, Subject::Document) { "" } else { ": " })]
pub struct Problem {
    line: usize,
    column: usize,
    subject: Subject,
    error: Error,
}

impl Problem {
    /// The line of the value that is wrong, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column of the value that is wrong, in characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What the problem is about.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What is wrong.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }
}

/// The part of a document that a problem is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// The document as a whole.
    Document,
    /// A field of the document.
    Field(&'static str),
    /// A secret with a good name.
    Secret(String),
    /// A secret whose name is not known, by its position in the list, from 1.
    NthSecret(usize),
    /// A template with a good name.
    Template(String),
    /// A template whose name is not known, by its position in the list, from 1.
    NthTemplate(usize),
}

/// Empty for the whole document.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document => Ok(()),
            Self::Field(field) => formatter.write_str(field),
            Self::Secret(name) => write!(formatter, "secret \"{}\"", name.escape_debug()),
            Self::NthSecret(number) => write!(formatter, "secret number {number}"),
            Self::Template(name) => write!(formatter, "template \"{}\"", name.escape_debug()),
            Self::NthTemplate(number) => write!(formatter, "template number {number}"),
        }
    }
}

/// What can be wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no JSON.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// A value of another type or out of its range.
    #[error("{what} is {found}; it must be {expected}")]
    Value {
        /// The field or the part of it.
        what: String,
        /// What stands there.
        found: String,
        /// What has to stand there.
        expected: &'static str,
    },
    /// A field that cannot be left out.
    #[error("the field {field} is missing")]
    Missing {
        /// The field.
        field: &'static str,
        /// What to write.
        advice: &'static str,
    },
    /// A field that nothing reads.
    #[error("the field {name:?} is not known{}", did_you_mean(nearest.map(|name| format!("{name:?}"))))]
    UnknownField {
        /// The beginning of its name.
        name: String,
        /// The field that was probably meant.
        nearest: Option<&'static str>,
    },
    /// Text after the closing bracket of the document.
    #[error("the manifest ends before this, and what follows is not read")]
    Behind,
    /// A text that is not allowed as a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A text that is no mode.
    #[error(transparent)]
    Mode(#[from] ModeError),
    /// A text that is not allowed as a path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A mount point and a symlink path that cannot be together.
    #[error(transparent)]
    Places(#[from] PlacesError),
    /// A format that is not known.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An owner or group that cannot exist.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// A unit that cannot exist.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// A name that is not allowed for a credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// `%r` without a runtime directory.
    #[error("{0:?} has %r, but XDG_RUNTIME_DIR is not set")]
    NoRuntimeDirectory(String),
    /// `gnupgHome` beside another source of keys.
    #[error("gnupgHome and {0} exclude each other")]
    GnupgHomeExcludes(&'static str),
    /// Two secrets, or two templates, of one name.
    #[error("an earlier {0} has the same name")]
    SameName(&'static str),
    /// A name below that of another secret or template.
    #[error("the name lies inside that of {kind} {outer:?}, which is a file and no directory")]
    NestedName {
        /// `secret` or `template`.
        kind: &'static str,
        /// The name that cannot be a directory.
        outer: String,
    },
    /// A secret where the templates go.
    #[error("the directory rendered belongs to the templates")]
    Rendered,
    /// Two links at one place, or a link in the place of a file.
    #[error("the path {path:?} is also that of {other}")]
    SamePath {
        /// The path.
        path: String,
        /// What else has this path.
        other: Subject,
    },
    /// A link at the path of a file that is read to install.
    #[error("the path {path:?} is where a key, a sops file or a text is read from")]
    PathOfInput {
        /// The path.
        path: String,
    },
    /// A link inside a file.
    #[error("the path {path:?} lies inside {outer:?}, which is the file of {other}")]
    PathInside {
        /// The path.
        path: String,
        /// The path that cannot be a directory.
        outer: String,
        /// Whose that is.
        other: Subject,
    },
    /// A link where a directory has to be.
    #[error("the path {path:?} has to be a directory for {inner:?}, the file of {other}")]
    PathAround {
        /// The path.
        path: String,
        /// The path below it.
        inner: String,
        /// Whose that is.
        other: Subject,
    },
    /// A link in the place of a directory of the store.
    #[error("the path {path:?} is {field} {place:?} or a directory above it")]
    PathAroundStore {
        /// The path.
        path: String,
        /// `symlinkPath` or `secretsMountPoint`.
        field: &'static str,
        /// Its value.
        place: String,
    },
    /// A link among the generations.
    #[error("the path {path:?} lies inside secretsMountPoint {place:?}, where only generations are")]
    PathInMountPoint {
        /// The path.
        path: String,
        /// The mount point.
        place: String,
    },
    /// One sops file in two formats.
    #[error(
        "the sops file {file:?} is declared as {format} here and as {other_format} by secret {other:?}; a file has one format"
    )]
    TwoFormats {
        /// The sops file.
        file: String,
        /// The format here.
        format: &'static str,
        /// The format there.
        other_format: &'static str,
        /// The earlier secret.
        other: String,
    },
    /// `selectKey` with a format that has no keys.
    #[error("selectKey is true, but a file of the format {0} is one value without keys")]
    NoKeys(&'static str),
    /// `selectKey` without a key.
    #[error("selectKey is true, but there is no key to select")]
    NothingToSelect,
    /// Two secrets that result in one credential.
    #[error("the credential {credential:?} is also that of secret {other:?}")]
    SameCredential {
        /// The credential.
        credential: String,
        /// The earlier secret.
        other: String,
    },
    /// A template without a text.
    #[error("neither content nor file is given")]
    NoContent,
    /// A secret that no template could refer to.
    #[error("there are templates, but no placeholder for this secret")]
    NoPlaceholder,
    /// A placeholder that is everywhere.
    #[error("the placeholder is empty and would match everywhere")]
    EmptyPlaceholder,
    /// A placeholder that is too long.
    #[error("the placeholder is longer than {most} bytes")]
    LongPlaceholder {
        /// How many bytes it may have.
        most: usize,
    },
    /// Two secrets of one placeholder.
    #[error("the placeholder {placeholder:?} is also that of secret {other:?}")]
    SamePlaceholder {
        /// The placeholder.
        placeholder: String,
        /// The other secret.
        other: String,
    },
    /// A placeholder that stands for nothing.
    #[error("the placeholder {0:?} belongs to no secret")]
    UnknownPlaceholder(String),
    /// A placeholder that is not as it was given.
    #[error("the placeholder {0:?} has lost a bracket, as if it was escaped for XML, HTML or JSON")]
    ChangedPlaceholder(String),
    /// A placeholder of a secret that is somewhere else.
    #[error(
        "the placeholder {placeholder:?} is that of secret {secret:?}, which is not in this manifest (a secret with \
         neededForUsers is in another one); a template can only use the secrets beside it"
    )]
    ForeignPlaceholder {
        /// The placeholder.
        placeholder: String,
        /// The absent secret.
        secret: String,
    },
}

/// The problems that have been found so far.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Unlocated>);

impl Problems {
    /// Adds the problem of the value at this offset.
    pub(crate) fn report(&mut self, at: usize, subject: Subject, error: impl Into<Error>) -> Reported {
        self.0.push(Unlocated { at, subject, error: error.into() });
        Reported(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The proof that a problem has been reported: the caller can give up without another message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reported(());

#[derive(Debug)]
struct Unlocated {
    at: usize,
    subject: Subject,
    error: Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_printed_in_the_order_of_the_text_with_lines_and_columns_in_characters() {
        let text = "ab\r\nä→\u{1f600}x\n".as_bytes();
        let mut problems = Problems::default();
        for (at, subject) in [
            (13, Subject::Field("symlinkPath")),
            (4, Subject::Secret("a\n\"".to_owned())),
            (0, Subject::Document),
            (14, Subject::NthTemplate(2)),
            (4, Subject::NthSecret(1)),
            (15, Subject::Template("t".to_owned())),
            (99, Subject::Document),
        ] {
            problems.report(at, subject, Error::NoContent);
        }
        let places: Vec<_> = Errors::locate(text, problems)
            .iter()
            .map(|problem| {
                let line = problem.to_string();
                let (place, message) = line.split_once(": ").unwrap();
                (place.to_owned(), message.split("neither").next().unwrap().to_owned())
            })
            .collect();
        let expected = [
            ("1:1", ""),
            ("2:1", "secret \"a\\n\\\"\": "),
            ("2:1", "secret number 1: "),
            ("2:4", "symlinkPath: "),
            ("2:5", "template number 2: "),
            ("3:1", "template \"t\": "),
            ("3:1", ""),
        ];
        assert_eq!(places, expected.map(|(place, subject)| (place.to_owned(), subject.to_owned())));
    }

    #[test]
    fn a_collection_is_printed_one_problem_a_line() {
        let mut problems = Problems::default();
        problems.report(1, Subject::Document, Error::Rendered);
        problems.report(0, Subject::NthSecret(3), Error::NothingToSelect);
        assert_eq!(
            Errors::locate(b"{}", problems).to_string(),
            "1:1: secret number 3: selectKey is true, but there is no key to select\n1:2: the directory rendered belongs to the templates"
        );
    }
}
