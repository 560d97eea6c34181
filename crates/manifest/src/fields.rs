//! The fields of one object of the document. Unknown ones are allowed (sops-format.md section 8.3).

use crate::Error;
use crate::error::{Problems, Reported, Subject};
use crate::json::{Kind, QUOTED_DIGITS, Value};
use crate::path::{AbsolutePath, RuntimeDirectory};

/// An object of the document, and where its problems go.
///
/// Each method reads one field: `Err` means that its problem has been reported with the place of the value.
pub(crate) struct Fields<'d, 'p> {
    object: &'d Value<'d>,
    subject: Subject,
    problems: &'p mut Problems,
}

impl<'d, 'p> Fields<'d, 'p> {
    /// The fields of a value; null has none.
    pub(crate) fn new(
        value: &'d Value<'d>,
        what: &str,
        subject: Subject,
        problems: &'p mut Problems,
    ) -> Result<Self, Reported> {
        match &value.kind {
            Kind::Object(_) | Kind::Null => Ok(Self { object: value, subject, problems }),
            _ => Err(problems.report(value.at, subject, wrong(what, value, "an object in { }"))),
        }
    }

    /// Says what the problems from here on are about.
    pub(crate) fn set_subject(&mut self, subject: Subject) {
        self.subject = subject;
    }

    /// Reports a problem of the object at the place of one of its fields.
    pub(crate) fn report_at(&mut self, field: &str, error: impl Into<Error>) -> Reported {
        self.problems.report(self.object.place(field), self.subject.clone(), error)
    }

    /// Reports a problem of a field, which the message names if nothing else says what it is about.
    pub(crate) fn report_field(&mut self, field: &'static str, error: impl Into<Error>) -> Reported {
        self.problems.report(self.object.place(field), self.subject_of(field), error)
    }

    /// Where problems go that are about something else than this object.
    pub(crate) fn problems(&mut self) -> &mut Problems {
        self.problems
    }

    /// The value, or the problem that there is none.
    pub(crate) fn required<T>(
        &mut self,
        field: &'static str,
        value: Result<Option<T>, Reported>,
        advice: &'static str,
    ) -> Result<T, Reported> {
        value?.ok_or_else(|| self.report(self.object, Error::Missing { field, advice }))
    }

    pub(crate) fn bool(&mut self, name: &str) -> Result<bool, Reported> {
        match self.value(name) {
            None => Ok(false),
            Some(Value { kind: Kind::Bool(bool), .. }) => Ok(*bool),
            Some(value) => Err(self.report(value, wrong(name, value, "true or false"))),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<&'d str>, Reported> {
        self.value(name).map(|value| self.text_of(value, name)).transpose()
    }

    /// A text that has to be a `T`.
    pub(crate) fn parse<T>(&mut self, name: &'static str) -> Result<Option<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        self.value(name).map(|value| self.parse_value(value, name, name)).transpose()
    }

    /// A text that has to be a `T`, where the empty text is the same as an absent one.
    pub(crate) fn parse_unless_empty<T>(&mut self, name: &'static str) -> Result<Option<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        if self.text(name)? == Some("") { Ok(None) } else { self.parse(name) }
    }

    /// A list of texts of which each has to be a `T`.
    pub(crate) fn parse_list<T>(&mut self, name: &'static str) -> Result<Vec<T>, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        let values = self.list(name)?;
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let what = format!("an element of {name}");
        all(values.iter().map(|value| self.parse_value(value, name, &what)))
    }

    /// A number that `convert` takes.
    pub(crate) fn integer<T>(
        &mut self,
        name: &str,
        expected: &'static str,
        convert: fn(i128) -> Option<T>,
    ) -> Result<Option<T>, Reported> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let found = match &value.kind {
            Kind::Number(digits) => match digits.parse().ok().and_then(convert) {
                Some(number) => return Ok(Some(number)),
                None if digits.len() > QUOTED_DIGITS => "a much longer number".to_owned(),
                None => (*digits).to_owned(),
            },
            other => other.describe().to_owned(),
        };
        Err(self.report(value, Error::Value { what: name.to_owned(), found, expected }))
    }

    /// A path in which `%r` is expanded if there is a runtime directory to speak of.
    pub(crate) fn path(
        &mut self,
        name: &'static str,
        runtime: Option<RuntimeDirectory<'_>>,
    ) -> Result<Option<AbsolutePath>, Reported> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let path = match runtime {
            None => text.to_owned(),
            Some(runtime) => match runtime.expand(text) {
                Some(path) => path.into_owned(),
                None => return Err(self.report_field(name, Error::NoRuntimeDirectory(text.to_owned()))),
            },
        };
        AbsolutePath::try_from(path).map(Some).map_err(|error| self.report_field(name, error))
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<&'d [Value<'d>], Reported> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Value { kind: Kind::List(values), .. }) => Ok(values),
            Some(value) => Err(self.report(value, wrong(name, value, "a list in [ ]"))),
        }
    }

    /// The fields of a field.
    pub(crate) fn object(&mut self, name: &str) -> Result<Fields<'d, '_>, Reported> {
        match self.value(name) {
            None => Ok(Fields { object: &ABSENT, subject: self.subject.clone(), problems: self.problems }),
            Some(value) => Fields::new(value, name, self.subject.clone(), self.problems),
        }
    }

    /// The members of a field that is a mapping from text to text: name, place and text, without those that are null.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<(&'d str, usize, &'d str)>, Reported> {
        let Kind::Object(members) = &self.object(name)?.object.kind else {
            return Ok(Vec::new());
        };
        let values = members.iter().filter(|member| !matches!(member.value.kind, Kind::Null));
        all(values.map(|member| {
            let text = self.text_of(&member.value, &format!("an entry of {name}"))?;
            Ok((member.name.as_ref(), member.value.at, text))
        }))
    }

    fn value(&self, name: &str) -> Option<&'d Value<'d>> {
        self.object.field(name)
    }

    fn text_of(&mut self, value: &'d Value<'d>, what: &str) -> Result<&'d str, Reported> {
        match &value.kind {
            Kind::Text(text) => Ok(text),
            _ => Err(self.report(value, wrong(what, value, "a string in double quotes"))),
        }
    }

    fn parse_value<T>(&mut self, value: &'d Value<'d>, field: &'static str, what: &str) -> Result<T, Reported>
    where
        T: TryFrom<String, Error: Into<Error>>,
    {
        let text = self.text_of(value, what)?;
        T::try_from(text.to_owned()).map_err(|error| self.problems.report(value.at, self.subject_of(field), error))
    }

    fn report(&mut self, value: &Value<'_>, error: Error) -> Reported {
        self.problems.report(value.at, self.subject.clone(), error)
    }

    fn subject_of(&self, field: &'static str) -> Subject {
        match &self.subject {
            Subject::Document => Subject::Field(field),
            subject => subject.clone(),
        }
    }
}

/// The good values, and whether they are all. Unlike `collect`, it goes on behind a problem, so that each is reported.
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

fn wrong(what: &str, value: &Value<'_>, expected: &'static str) -> Error {
    Error::Value { what: what.to_owned(), found: value.kind.describe().to_owned(), expected }
}

const ABSENT: Value<'static> = Value { at: 0, kind: Kind::Null };
