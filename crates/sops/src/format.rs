//! The formats: how each is read into a tree, how a tree is written, and what tells one from another.

pub(crate) mod advice;
pub(crate) mod binary;
pub(crate) mod dotenv;
pub(crate) mod flat;
pub(crate) mod ini;
pub(crate) mod json;
#[cfg(test)]
pub(crate) mod outline;
pub(crate) mod yaml;

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;
use std::path::Path;

use go_yaml::{BYTE_ORDER_MARK, Position};

use crate::foreign::Foreign;
use crate::identity::age::is_age_file;
use crate::lookup::{Merge, article};
use crate::metadata::Notation;
use crate::plaintext::Plaintext;
use crate::tree::{Tree, Value};
use crate::version::Version;

/// The formats of secrets, by the names that manifests use.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// A sops file in YAML; its values can be asked for one by one. It has any number of documents, and its metadata below the key
    /// `sops` of the first one.
    Yaml,
    /// A sops file in JSON; its values can be asked for one by one. It is one document with its metadata below the key `sops`, printed
    /// with a tab for each level, and `<`, `>` and `&` escaped.
    Json,
    /// Any bytes, kept by sops in a JSON file below the key `data`.
    Binary,
    /// Lines of `KEY=value`: one document, with its metadata in flattened keys that begin with `sops_`. The one escape is `\n` for a line
    /// feed.
    Dotenv,
    /// Sections of `key = value`: one document, with its metadata flattened in a section `[sops]`. The keys of a section are padded to
    /// one length.
    Ini,
    /// Not a sops file: one secret in a plain age file, binary or armored.
    Age,
}

impl Format {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [Self::Yaml, Self::Json, Self::Binary, Self::Dotenv, Self::Ini, Self::Age];

    /// The one that sops takes a file to be, of which it knows only the name; all others are binary files to it.
    #[must_use]
    pub fn of_file_name(path: &Path) -> Self {
        let name = path.as_os_str().as_encoded_bytes();
        let is_of = |format: &Self| format.endings().iter().any(|end| name.ends_with(end.as_bytes()));
        Self::ALL.into_iter().find(is_of).unwrap_or(Self::Binary)
    }

    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Yaml => &[".yaml", ".yml"],
            Self::Json => &[".json"],
            Self::Dotenv => &[".env"],
            Self::Ini => &[".ini"],
            Self::Binary | Self::Age => &[],
        }
    }

    /// What manifests call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Binary => "binary",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Age => "age",
        }
    }

    /// What stands in a file; `None` if it is not a sops file.
    pub(crate) fn read(self, file: &Plaintext) -> Option<Result<Source, ParseError>> {
        let bytes = file.as_bytes();
        let source = match self {
            Self::Yaml => yaml::parse(bytes),
            Self::Json => json::parse(bytes),
            Self::Binary => binary::parse(file),
            Self::Dotenv => dotenv::parse(bytes),
            Self::Ini => ini::parse(bytes),
            Self::Age => return None,
        };
        Some(source.map_err(|error| advice::advise(error, bytes, self.name())))
    }

    /// The whole file, as `sops decrypt` of that version prints it.
    pub(crate) fn emit(self, tree: &Tree, version: Version) -> Result<Plaintext, EmitError> {
        match self {
            Self::Yaml => yaml::emit(tree, version),
            Self::Json => json::emit(tree, version),
            Self::Dotenv => dotenv::emit(tree, version),
            Self::Ini => ini::emit(tree, version),
            Self::Binary | Self::Age => binary::emit(tree),
        }
    }

    /// One value, a scalar without a line feed.
    pub(crate) fn emit_value(self, value: &Value, version: Version) -> Result<Plaintext, EmitError> {
        match self {
            Self::Yaml => yaml::emit_value(value, version),
            Self::Json => json::emit_value(value, version),
            Self::Dotenv | Self::Ini | Self::Binary | Self::Age => dotenv::emit_value(value, version),
        }
    }

    /// What [`Format::emit`] prints otherwise than the file has it.
    pub(crate) fn lost(self, tree: &Tree) -> Option<EmitError> {
        match self {
            Self::Yaml => yaml::check(tree).err(),
            Self::Json | Self::Binary | Self::Dotenv | Self::Ini | Self::Age => None,
        }
    }

    /// Whether sops has written the file, and not another tool.
    #[must_use]
    pub fn is_of_sops(self) -> bool {
        match self {
            Self::Yaml | Self::Json | Self::Binary | Self::Dotenv | Self::Ini => true,
            Self::Age => false,
        }
    }

    /// Whether there are values that can be asked for one by one.
    pub(crate) fn has_keys(self) -> bool {
        match self {
            Self::Yaml | Self::Json | Self::Dotenv | Self::Ini => true,
            Self::Binary | Self::Age => false,
        }
    }

    /// Whether a value is a text and nothing else.
    pub(crate) fn is_flat(self) -> bool {
        match self {
            Self::Dotenv | Self::Ini => true,
            Self::Yaml | Self::Json | Self::Binary | Self::Age => false,
        }
    }

    /// What becomes of merge keys.
    pub(crate) fn merges(self) -> Merge {
        match self {
            Self::Yaml => Merge::Follow,
            Self::Json | Self::Binary | Self::Dotenv | Self::Ini | Self::Age => Merge::Ignore,
        }
    }
}

/// The format that the place of a file's metadata speaks for, or its first character.
pub(crate) fn guess(text: &[u8]) -> Option<&'static str> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if is_age_file(text) {
        return Some("age");
    }
    if text.trim_ascii_start().starts_with(b"{") {
        return Some("json");
    }
    lines(text).find_map(|line| match line {
        b"sops:" => Some("yaml"),
        b"[sops]" => Some("ini"),
        _ if line.starts_with(b"sops_") && line.contains(&b'=') => Some("dotenv"),
        _ => None,
    })
}

/// The lines of a text without the blanks at their ends.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end)
}

/// What a format's reader makes of a file: its data and, cut out of it, the metadata.
pub(crate) struct Source {
    /// The data, without the metadata.
    pub(crate) tree: Tree,
    /// What stands where the format keeps its metadata; `None` if nothing does.
    pub(crate) metadata: Option<Value>,
    /// How the metadata is written down.
    pub(crate) notation: Notation,
}

/// A text that is not of the declared format: where, and what is wrong there.
#[derive(Debug, thiserror::Error)]
#[error("{}{problem}", position.map_or_else(String::new, |at| format!("line {}, column {}: ", at.line, at.column)))]
pub struct ParseError {
    /// Where the problem is; `None` where the format's reader cannot tell.
    pub position: Option<Position>,
    /// What is wrong, in our own words. It never quotes a value.
    pub problem: Cow<'static, str>,
    /// What to do about it.
    pub fix: Fix,
}

/// What makes a text one of its format again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fix {
    /// The place has to be mended; nothing better is known.
    Place,
    /// It is written in another way, said in the words of its format.
    Write(&'static str),
    /// The file is of this format.
    Format(&'static str),
    /// The file is not what it was.
    Restore,
    /// The file is to be encrypted first.
    Encrypt,
    /// One side of a merge is to be taken, and the values of the other one entered again.
    TakeSide,
    /// One side of a merge is to be taken. A plain age file has nothing else to offer.
    TakeAgeFile,
    /// Git LFS has the file.
    GitLfs,
    /// git-crypt has locked the file.
    GitCrypt,
}

impl ParseError {
    /// A problem at a byte of a text.
    pub(crate) fn at(text: &[u8], offset: usize, &(problem, fix): Reason) -> Self {
        Self { position: Some(Position::of(text, offset)), problem: problem.into(), fix }
    }
}

#[cfg(test)]
impl ParseError {
    /// The message and the fix, for comparisons.
    pub(crate) fn with_fix(&self) -> String {
        match self.fix {
            Fix::Place => self.to_string(),
            Fix::Write(words) => format!("{self}; {words}"),
            fix => format!("{self}; {fix:?}"),
        }
    }
}

impl From<go_yaml::Error> for ParseError {
    fn from(error: go_yaml::Error) -> Self {
        Self { position: error.position, problem: error.problem, fix: error.fix.map_or(Fix::Place, Fix::Write) }
    }
}

/// A tree that a format cannot write.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// dotenv and INI have no notation for it.
    #[error("the key {:?} holds {} {kind}, which the format has no notation for", Foreign(key), article(kind))]
    Complex {
        /// The key.
        key: String,
        /// `mapping` or `list`; in the place of an INI section, any other type.
        kind: &'static str,
    },
    /// A text that sops cannot print in YAML.
    #[error(
        "the text of the key {:?} has several lines and begins with a tab, and sops prints null in its place, or fails if a \
         comment is at it",
        Foreign(key)
    )]
    Lost {
        /// The keys that lead there, joined by `/`.
        key: String,
    },
    /// JSON has no infinities and no not-a-number.
    #[error("JSON has no notation for a number that is infinite or not a number")]
    NotFinite,
    /// A binary file must hold its bytes in the string `data`.
    #[error("the file has no string named data, so it is not the encrypted form of a binary file")]
    NoData,
}

/// What is wrong where a reader of a format stopped, in our own words, and what to do about it.
pub(crate) type Reason = &'static (&'static str, Fix);

/// Adds what a value prints.
pub(crate) fn push_display(output: &mut Vec<u8>, value: impl fmt::Display) {
    match write!(output, "{value}") {
        // Writing into memory does not fail, nor does any value that is printed here.
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::metadata::Metadata;

    #[test]
    fn a_file_of_another_format_and_a_merge_conflict_are_told_in_each() {
        let message = |format, text: &str| parse(format, text.as_bytes()).err().unwrap().with_fix();
        for (format, text, end) in [
            (Format::Yaml, "A=1\nsops_version=3\n", "; the file looks like dotenv; Format(\"dotenv\")"),
            (Format::Json, "[sops]\n", "; the file looks like ini; Format(\"ini\")"),
            (Format::Binary, "sops:\n    mac: x\n", "; the file looks like yaml; Format(\"yaml\")"),
            (Format::Dotenv, "a: SECRET\nsops:\n    mac: x\n", "; the file looks like yaml; Format(\"yaml\")"),
            (Format::Ini, "{\n", "; the file looks like json; Format(\"json\")"),
        ] {
            let message = message(format, text);
            assert!(message.ends_with(end), "{format:?}: {message}");
        }
        for format in [Format::Yaml, Format::Json, Format::Binary, Format::Dotenv, Format::Ini] {
            let message = message(format, "a\n<<<<<<< HEAD\nB=2\n=======\nB=3\n>>>>>>> theirs\n");
            assert!(
                message.starts_with("line 2, column 1: an unresolved merge conflict begins here"),
                "{format:?}: {message}"
            );
        }
    }

    #[test]
    fn what_is_written_of_a_file_of_the_corpus_is_read_and_written_the_same() {
        for text in corpus() {
            for format in [Format::Json, Format::Dotenv, Format::Ini] {
                let Ok(source) = parse(format, &text) else { continue };
                let emit = |tree| format.emit(tree, Version::OLDEST).ok().unwrap();
                let written = emit(&source.tree);
                let read = parse(format, written.as_bytes()).map_err(|error| error.to_string()).unwrap();
                assert_eq!(emit(&read.tree).as_str(), written.as_str());
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic(text in proptest::collection::vec(any::<u8>(), 0..64)) {
            read_and_write(&text);
        }

        #[test]
        fn no_text_of_their_own_signs_makes_a_reader_panic(text in "[\\[\\]{}\"'`=:;#,\\\\u0-9en \t\r\n\u{a0}a_.+-]{0,64}") {
            read_and_write(text.as_bytes());
        }

        #[test]
        fn no_change_of_a_sops_file_makes_a_reader_panic(
            file in any::<prop::sample::Index>(),
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
        ) {
            let files = corpus();
            let mut text = file.get(&files).clone();
            for (place, byte, change) in changes {
                let place = place.index(text.len().saturating_add(1));
                match change {
                    0 => text.insert(place, byte),
                    1 => text.truncate(place),
                    _ => text.get_mut(place).into_iter().for_each(|old| *old = byte),
                }
            }
            read_and_write(&text);
        }

        #[test]
        fn no_error_quotes_a_value(
            format in 0..3_usize,
            place in any::<prop::sample::Index>(),
            sign in prop::sample::select(&["\n", "\"", "=", "[", "{", "\\", "`", "\"\"\"", ",", "\0", "x"][..]),
        ) {
            let mut text = [
                "{\"a\": \"SECRET\", \"b\": [\"SECRET\", {\"c\": \"SECRET\"}], \"sops\": {\"mac\": \"SECRET\", \"age\": [\"SECRET\"]}}",
                "A=SECRET\nB=SECRET\nsops_mac=SECRET\nsops_age__list_0=SECRET\n",
                "[s]\na = SECRET\nb = \"SECRET\"\nc = \"\"\"SECRET\nSECRET\"\"\"\n[sops]\nmac = SECRET\nlastmodified = SECRET\n",
            ][format].to_owned();
            text.insert_str(place.index(text.len()), sign);
            for format in SOPS_FORMATS {
                let message = match parse(format, text.as_bytes()) {
                    Err(error) => error.to_string(),
                    Ok(source) => match Metadata::decode(source.metadata.as_ref(), source.notation) {
                        Err(error) => error.to_string(),
                        Ok(_) => continue,
                    },
                };
                prop_assert!(!message.contains("SECRET"), "{message}");
            }
        }
    }

    /// Does all that these bytes lead to.
    fn read_and_write(text: &[u8]) {
        for format in SOPS_FORMATS {
            if let Ok(source) = parse(format, text) {
                drop(Metadata::decode(source.metadata.as_ref(), source.notation));
                drop(format.emit(&source.tree, Version::OLDEST));
            }
        }
    }

    fn parse(format: Format, text: &[u8]) -> Result<Source, ParseError> {
        format.read(&Plaintext::new(text.to_vec())).unwrap()
    }

    /// All but YAML, which has tests of its own, and what is not a sops file.
    const SOPS_FORMATS: [Format; 4] = [Format::Json, Format::Binary, Format::Dotenv, Format::Ini];

    /// The encrypted files of the corpus that are not YAML and not long.
    fn corpus() -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/sops");
        let cases = fs::read_dir(folder).unwrap().map(|case| case.unwrap().path());
        let mut files: Vec<_> = cases
            .flat_map(|case| ["json", "bin", "env", "ini"].map(|extension| case.join("in").with_extension(extension)))
            .filter_map(|path| fs::read(path).ok())
            .filter(|text| text.len() < 10_000)
            .collect();
        files.sort();
        assert!(files.len() > 100, "the corpus is incomplete");
        files
    }
}
