//! A program that is run for what it prints.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use zeroize::Zeroizing;

use super::watcher::Watcher;
use super::{Child, ChildProblem, LARGEST_OUTPUT, More, When, find};

/// A program that is run for its standard output. It has no input, a process group of its own and a time limit; it ends with
/// this process, and what it leaves in its group is ended with it.
pub struct Query<'a> {
    /// An absolute path, or the name of a program to look up.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Where a name is looked up: folders with colons between, like `PATH`. Folders that are not absolute are passed over,
    /// and the program gets the others as its own `PATH`.
    pub search_path: &'a OsStr,
    /// Variables beside those of this process. The ones that hold identities are never inherited.
    pub environment: &'a [(&'a str, &'a OsStr)],
    /// How long it may take.
    pub time_limit: Duration,
    /// Who is told if it takes long.
    pub watcher: &'a Watcher,
}

/// Why a program gave no output. Nothing of its standard output is in here.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// No folder of the search path has it.
    #[error("the program {} is not in an absolute folder of PATH", crate::Foreign(.0.as_os_str().as_bytes()))]
    NotFound(PathBuf),
    /// A relative path.
    #[error("the program {} is neither a name nor an absolute path", crate::Foreign(.0.as_os_str().as_bytes()))]
    Relative(PathBuf),
    /// It is there and does not start.
    #[error("the program cannot be started: {0}")]
    Start(io::Error),
    /// It was stopped.
    #[error("it gave no answer within {} seconds and was stopped", .0.as_secs_f32())]
    TimeLimit(Duration),
    /// It was stopped, because a key is never so large.
    #[error("it printed more than {LARGEST_OUTPUT} bytes and was stopped")]
    Output,
    /// It ended badly. What it had to say is made fit for a line.
    #[error("it failed ({status}){}", said(complaint))]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// The beginning of its standard error.
        complaint: String,
    },
    /// This process is told to end, so the program was stopped.
    #[error("it was stopped, because this program was told to end")]
    Interrupted,
    /// The system fails.
    #[error("talking to it failed: {0}")]
    Pipe(io::Error),
}

impl Query<'_> {
    /// Runs it, and gives what it printed.
    ///
    /// # Errors
    ///
    /// [`QueryError`]. The program is not running then.
    pub fn output(&self) -> Result<Zeroizing<Vec<u8>>, QueryError> {
        self.run(When::Working)
    }

    /// Runs it also if this process was told to end, to clean up.
    pub(crate) fn output_even_at_the_end(&self) -> Result<Zeroizing<Vec<u8>>, QueryError> {
        self.run(When::CleaningUp)
    }

    fn run(&self, when: When) -> Result<Zeroizing<Vec<u8>>, QueryError> {
        let program = resolve(Path::new(self.program), self.search_path)?;
        let mut command = Command::new(&program);
        command.args(self.arguments).envs(self.environment.iter().copied());
        let child = Child::start(&mut command, self.search_path, self.time_limit, when)?;
        let mut child = child.telling(self.watcher, &program);
        child.exchange(b"", More::Never, |_, _| false)?;
        let status = child.finish(Duration::MAX)?;
        if status.success() {
            return Ok(Zeroizing::new(child.output().to_vec()));
        }
        Err(QueryError::Failed { status, complaint: child.complaint() })
    }
}

/// The file of a program that is named by an absolute path, or by a name that an absolute folder of the search path has.
pub(crate) fn resolve(program: &Path, search_path: &OsStr) -> Result<PathBuf, QueryError> {
    if program.is_absolute() {
        return Ok(program.to_owned());
    }
    if program.as_os_str().as_bytes().contains(&b'/') {
        return Err(QueryError::Relative(program.to_owned()));
    }
    find(program.as_os_str(), search_path).ok_or_else(|| QueryError::NotFound(program.to_owned()))
}

/// The words of a command as sops takes it apart: blanks separate, single quotes keep all, double quotes keep all but `\`,
/// `\` keeps the next character, and `#` at the start of a word begins a comment that lasts to the end of the line.
/// `None` if a quote is not closed, or if there is no word.
#[must_use]
pub fn command_words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' if word.is_none() => while characters.next().is_some_and(|character| character != '\n') {},
            '\'' => loop {
                let word = word.get_or_insert_default();
                match characters.next()? {
                    '\'' => break,
                    character => word.push(character),
                }
            },
            '"' => loop {
                let word = word.get_or_insert_default();
                match characters.next()? {
                    '"' => break,
                    '\\' => word.push(characters.next()?),
                    character => word.push(character),
                }
            },
            '\\' => word.get_or_insert_default().push(characters.next()?),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    (!words.is_empty()).then_some(words)
}

fn said(complaint: &str) -> String {
    if complaint.is_empty() { String::new() } else { format!(": {complaint}") }
}

impl From<ChildProblem> for QueryError {
    fn from(problem: ChildProblem) -> Self {
        match problem {
            ChildProblem::Start(error) => Self::Start(error),
            ChildProblem::TimeLimit(limit) => Self::TimeLimit(limit),
            ChildProblem::Output => Self::Output,
            ChildProblem::Interrupted => Self::Interrupted,
            ChildProblem::Pipe(error) => Self::Pipe(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/usr/bin:/bin";

    fn shell(script: &str, search_path: &str, seconds: u64) -> Result<String, String> {
        let arguments = ["-c".into(), script.into()];
        let query = Query {
            program: OsStr::new("sh"),
            arguments: &arguments,
            search_path: OsStr::new(search_path),
            environment: &[("GIVEN", OsStr::new("given"))],
            time_limit: Duration::from_secs(seconds),
            watcher: &Watcher::default(),
        };
        let output = query.output().map(|output| String::from_utf8_lossy(&output).into_owned());
        output.map_err(|error| error.to_string())
    }

    #[test]
    fn a_program_is_run_for_what_it_prints() {
        assert_eq!(shell("echo $GIVEN", PATH, 60), Ok("given\n".into()));
        assert_eq!(shell("cat", PATH, 60), Ok(String::new()), "its input is empty");
        assert_eq!(shell("echo $PATH", &format!(":.:{PATH}:x"), 60), Ok(format!("{PATH}\n")));
        let failed = "it failed (exit status: 3): no; such key";
        assert_eq!(shell("echo a; printf 'no\\nsuch key' >&2; exit 3", PATH, 60), Err(failed.into()));
        assert_eq!(shell("sleep 60", PATH, 1), Err("it gave no answer within 1 seconds and was stopped".into()));
        assert_eq!(shell("yes", PATH, 60), Err("it printed more than 65536 bytes and was stopped".into()));
        assert_eq!(shell("kill -9 $$", PATH, 60), Err("it failed (signal: 9 (SIGKILL))".into()));
    }

    #[test]
    fn a_program_is_not_taken_from_the_current_folder() {
        for path in ["", ".", ":", "bin:.", ".:"] {
            assert_eq!(shell("true", path, 60), Err("the program sh is not in an absolute folder of PATH".into()));
        }
        let program = resolve(Path::new("./gpg"), OsStr::new(PATH));
        assert!(matches!(program, Err(QueryError::Relative(_))));
        assert_eq!(resolve(Path::new("/x/gpg"), OsStr::new("")).ok(), Some("/x/gpg".into()));
    }

    #[test]
    fn a_command_is_taken_apart_as_sops_takes_it_apart() {
        for (command, words) in [
            ("op read op://a/b", Some(&["op", "read", "op://a/b"][..])),
            ("  cat\t/a\n b ", Some(&["cat", "/a", "b"])),
            ("a 'b c' \"d 'e\" f", Some(&["a", "b c", "d 'e", "f"])),
            (r#"a\ b "c\"d" 'e\f'"#, Some(&["a b", r#"c"d"#, r"e\f"])),
            ("a'b'\"c\" ''", Some(&["abc", ""])),
            ("a # b\nc#d", Some(&["a", "c#d"])),
            ("a 'b", None),
            ("a \"b", None),
            ("a\\", None),
            (" # x", None),
            ("", None),
        ] {
            let expected = words.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
            assert_eq!(command_words(command), expected, "{command:?}");
        }
    }
}
