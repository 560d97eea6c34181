//! The fields of one object of the document, as the table has them. Unknown ones are allowed (docs/format.md section 8.3).

use crate::Error;
use crate::error::{Problems, Reported, Subject};
use crate::json::{JsonKind, JsonValue, QUOTED_DIGITS};
use crate::path::{AbsolutePath, RuntimeDirectory};
use crate::schema::{Field, FieldKind};

/// An object of the document, and where its problems go.
///
/// Each method reads one field: `Err` means that its problem has been reported with the place of the value.
pub(crate) struct Fields<'d, 'p> {
    object: &'d JsonValue<'d>,
    subject: Subject,
    problems: &'p mut Problems,
}

impl<'d, 'p> Fields<'d, 'p> {
    /// The fields of a value; null has none.
    pub(crate) fn new(
        value: &'d JsonValue<'d>,
        what: &str,
        subject: Subject,
        problems: &'p mut Problems,
    ) -> Result<Self, Reported> {
        match &value.kind {
            JsonKind::Object(_) | JsonKind::Null => Ok(Self { object: value, subject, problems }),
            _ => Err(problems.report(value.at, subject, wrong(what, value, "an object in { }"))),
        }
    }

    /// Says what the problems from here on are about.
    pub(crate) fn set_subject(&mut self, subject: Subject) {
        self.subject = subject;
    }

    /// Reports a problem of the object at the place of one of its fields.
    pub(crate) fn report_at(&mut self, field: &'static Field, error: impl Into<Error>) -> Reported {
        self.problems.report(self.object.place(field.name()), self.subject.clone(), error)
    }

    /// Reports a problem of a field, which the message names if nothing else says what it is about.
    pub(crate) fn report_field(&mut self, field: &'static Field, error: impl Into<Error>) -> Reported {
        self.problems.report(self.object.place(field.name()), self.subject_of(field), error)
    }

    /// The list of problems, for one that is about something other than this object.
    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The value, or the problem that there is none.
    pub(crate) fn required<T>(
        &mut self,
        field: &'static Field,
        value: Result<Option<T>, Reported>,
    ) -> Result<T, Reported> {
        let missing = Error::Missing { field: field.name(), advice: field.advice() };
        value?.ok_or_else(|| self.report(self.object, missing))
    }

    pub(crate) fn bool(&mut self, field: &'static Field) -> Result<bool, Reported> {
        match self.value(field) {
            None => Ok(false),
            Some(JsonValue { kind: JsonKind::Bool(bool), .. }) => Ok(*bool),
            Some(value) => Err(self.report(value, wrong(field.name(), value, "true or false"))),
        }
    }

    pub(crate) fn text(&mut self, field: &'static Field) -> Result<Option<&'d str>, Reported> {
        self.value(field).map(|value| self.text_of(value, field.name())).transpose()
    }

    /// A text that has to be a `T`.
    pub(crate) fn parse<T>(&mut self, field: &'static Field) -> Result<Option<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        self.value(field).map(|value| self.parse_value(value, field, field.name())).transpose()
    }

    /// A text that has to be a `T`, where the empty text is the same as an absent one.
    pub(crate) fn parse_unless_empty<T>(&mut self, field: &'static Field) -> Result<Option<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        if self.text(field)? == Some("") { Ok(None) } else { self.parse(field) }
    }

    /// A list of texts of which each has to be a `T`.
    pub(crate) fn parse_list<T>(&mut self, field: &'static Field) -> Result<Vec<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        let values = self.list(field)?;
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let what = format!("an element of {}", field.name());
        all(values.iter().map(|value| self.parse_value(value, field, &what)))
    }

    /// A number in the range of its field that `convert` takes.
    pub(crate) fn integer<T>(
        &mut self,
        field: &'static Field,
        convert: fn(u64) -> Option<T>,
    ) -> Result<Option<T>, Reported> {
        let Some(value) = self.value(field) else {
            return Ok(None);
        };
        let (most, expected) = match *field.kind() {
            FieldKind::Integer { most, range } => (most, range),
            _ => (u64::MAX, "a whole number"),
        };
        let found = match &value.kind {
            JsonKind::Number(digits) => match integer(digits).filter(|number| *number <= most).and_then(convert) {
                Some(number) => return Ok(Some(number)),
                None if digits.len() > QUOTED_DIGITS => "a much longer number".to_owned(),
                None => (*digits).to_owned(),
            },
            other => other.describe().to_owned(),
        };
        Err(self.report(value, Error::Value { what: field.name().to_owned(), found, expected }))
    }

    /// A path. With a runtime directory, `%r` in it is expanded.
    pub(crate) fn path(
        &mut self,
        field: &'static Field,
        runtime: Option<RuntimeDirectory<'_>>,
    ) -> Result<Option<AbsolutePath>, Reported> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        let path = match runtime {
            None => text.to_owned(),
            Some(runtime) => match runtime.expand(text) {
                Some(path) => path.into_owned(),
                None => return Err(self.report_field(field, Error::NoRuntimeDirectory(text.to_owned()))),
            },
        };
        AbsolutePath::try_from(path).map(Some).map_err(|error| self.report_field(field, error))
    }

    pub(crate) fn list(&mut self, field: &'static Field) -> Result<&'d [JsonValue<'d>], Reported> {
        match self.value(field) {
            None => Ok(&[]),
            Some(JsonValue { kind: JsonKind::List(values), .. }) => Ok(values),
            Some(value) => Err(self.report(value, wrong(field.name(), value, "a list in [ ]"))),
        }
    }

    /// The fields of a field.
    pub(crate) fn object(&mut self, field: &'static Field) -> Result<Fields<'d, '_>, Reported> {
        match self.value(field) {
            None => Ok(Fields { object: &ABSENT, subject: self.subject.clone(), problems: self.problems }),
            Some(value) => Fields::new(value, field.name(), self.subject.clone(), self.problems),
        }
    }

    /// The members of a field that is a mapping from text to text: name, place and text, without those that are null.
    pub(crate) fn texts(&mut self, field: &'static Field) -> Result<Vec<(&'d str, usize, &'d str)>, Reported> {
        let JsonKind::Object(members) = &self.object(field)?.object.kind else {
            return Ok(Vec::new());
        };
        let values = members.iter().filter(|member| !matches!(member.value.kind, JsonKind::Null));
        all(values.map(|member| {
            let text = self.text_of(&member.value, &format!("an entry of {}", field.name()))?;
            Ok((member.name.as_ref(), member.value.at, text))
        }))
    }

    /// The value of a field, or its default.
    fn value(&self, field: &'static Field) -> Option<&'d JsonValue<'d>> {
        self.object.field(field.name()).or_else(|| field.counts())
    }

    fn text_of(&mut self, value: &'d JsonValue<'d>, what: &str) -> Result<&'d str, Reported> {
        match &value.kind {
            JsonKind::Text(text) => Ok(text),
            _ => Err(self.report(value, wrong(what, value, "a string in double quotes"))),
        }
    }

    fn parse_value<T>(&mut self, value: &'d JsonValue<'d>, field: &'static Field, what: &str) -> Result<T, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        let text = self.text_of(value, what)?;
        T::try_from(text.to_owned()).map_err(|error| self.problems.report(value.at, self.subject_of(field), error))
    }

    fn report(&mut self, value: &JsonValue<'_>, error: Error) -> Reported {
        self.problems.report(value.at, self.subject.clone(), error)
    }

    fn subject_of(&self, field: &'static Field) -> Subject {
        match &self.subject {
            Subject::Document => Subject::Field(field.name()),
            subject => subject.clone(),
        }
    }
}

/// A whole number from 0, which may be written -0.
fn integer(digits: &str) -> Option<u64> {
    u64::try_from(digits.parse::<i128>().ok()?).ok()
}

/// The good values, and whether all were good. Unlike `collect`, it goes on after a problem, so that each is reported.
pub(crate) fn good<T>(results: impl Iterator<Item = Result<T, Reported>>) -> (Vec<T>, Result<(), Reported>) {
    let mut values = Vec::with_capacity(results.size_hint().0);
    let mut complete = Ok(());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(problem) => complete = Err(problem),
        }
    }
    (values, complete)
}

/// Every value, or a problem if there is one, with each problem reported.
fn all<T>(results: impl Iterator<Item = Result<T, Reported>>) -> Result<Vec<T>, Reported> {
    let (values, complete) = good(results);
    complete.map(|()| values)
}

fn wrong(what: &str, value: &JsonValue<'_>, expected: &'static str) -> Error {
    Error::Value { what: what.to_owned(), found: value.kind.describe().to_owned(), expected }
}

const ABSENT: JsonValue<'static> = JsonValue { at: 0, kind: JsonKind::Null };
