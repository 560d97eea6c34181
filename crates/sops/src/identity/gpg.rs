//! The GnuPG program, which is asked for the data keys that nothing in memory opens.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use zeroize::Zeroizing;

use super::child::{Child, ChildProblem, More};

/// How to run GnuPG. It asks nobody for a passphrase; whether its agent does, is up to the settings of the agent.
pub struct Gpg {
    /// The program: a path, or a name to look up in `PATH`.
    pub program: PathBuf,
    /// The folder with the keys; `None` leaves it to the program.
    pub home: Option<PathBuf>,
    /// How long one message may take.
    pub time_limit: Duration,
}

/// GnuPG, unless it has hung once.
pub(crate) struct Program {
    settings: Gpg,
    hung: AtomicBool,
}

impl Program {
    pub(crate) fn new(settings: Gpg) -> Self {
        Self { settings, hung: AtomicBool::new(false) }
    }

    /// How a report names it.
    pub(crate) fn origin(&self) -> String {
        match &self.settings.home {
            Some(home) => format!("{} with the GnuPG home {}", self.settings.program.display(), home.display()),
            None => self.settings.program.display().to_string(),
        }
    }

    /// What is in an armored message. An error says in one line why it was not told.
    pub(crate) fn decrypt(&self, armored: &str) -> Result<Zeroizing<Vec<u8>>, String> {
        if self.hung.load(Ordering::Relaxed) {
            return Err("it did not answer before, so it was not asked again".into());
        }
        self.run(armored).map_err(|problem| match problem {
            Failure::Child(ChildProblem::Start(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("the program {} is not there", self.settings.program.display())
            }
            Failure::Child(problem) => {
                self.hung.store(matches!(problem, ChildProblem::TimeLimit(_)), Ordering::Relaxed);
                problem.to_string()
            }
            Failure::Said(text) => text,
        })
    }

    fn run(&self, armored: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut command = Command::new(&self.settings.program);
        command.args(["--batch", "--no-tty", "--quiet", "--decrypt"]);
        if let Some(home) = &self.settings.home {
            command.env("GNUPGHOME", home);
        }
        let mut child = Child::start(&mut command, self.settings.time_limit)?;
        child.exchange(armored.as_bytes(), More::Never, |_, _| false)?;
        let status = child.finish(Duration::MAX)?;
        let complaint = child.complaint().replace("gpg: ", "");
        if !status.success() {
            let said = if complaint.is_empty() { status.to_string() } else { complaint };
            return Err(Failure::Said(said));
        }
        if child.output().is_empty() {
            return Err(Failure::Said("it printed nothing".into()));
        }
        Ok(Zeroizing::new(child.output().to_vec()))
    }
}

/// Why there was no answer.
enum Failure {
    Child(ChildProblem),
    Said(String),
}

impl From<ChildProblem> for Failure {
    fn from(problem: ChildProblem) -> Self {
        Self::Child(problem)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::Stdio;

    use super::super::child::tests::{assert_gone, programs};
    use super::*;

    /// The stand-in for GnuPG, told what to do.
    fn program(home: &Path, how: &str, time_limit: Duration) -> Program {
        fs::write(home.join("how"), how).unwrap();
        Program::new(Gpg { program: programs().join("gpg"), home: Some(home.to_owned()), time_limit })
    }

    #[test]
    fn the_answer_is_the_key_and_a_refusal_is_told() {
        for (how, expected) in [
            ("copy", Ok("the message")),
            ("deaf", Ok("a key")),
            ("complain", Ok("a key")),
            ("empty", Err("it printed nothing")),
            ("refuse", Err("encrypted with RSA key; decryption failed: ?[1mNo secret key")),
            ("flood", Err("it answered with more than 65536 bytes")),
        ] {
            let home = tempfile::tempdir().unwrap();
            let outcome = program(home.path(), how, Duration::from_secs(60)).decrypt("the message");
            let outcome = outcome.map(|key| String::from_utf8(key.to_vec()).unwrap());
            assert_eq!(outcome, expected.map(str::to_owned).map_err(str::to_owned), "{how}");
        }
    }

    #[test]
    fn a_program_that_hangs_is_stopped_with_all_it_started_and_not_asked_again() {
        let home = tempfile::tempdir().unwrap();
        let gpg = program(home.path(), "hang", Duration::from_secs(2));
        assert_eq!(gpg.decrypt("").err().unwrap(), "it gave no answer within 2 seconds and was stopped");
        assert_gone(&home.path().join("pids"));
        assert_eq!(gpg.decrypt("").err().unwrap(), "it did not answer before, so it was not asked again");
        assert_eq!(fs::read_to_string(home.path().join("runs")).unwrap(), "run\n");
    }

    #[test]
    fn what_a_program_leaves_running_ends_with_it() {
        let home = tempfile::tempdir().unwrap();
        // It holds the pipe of its parent open, so the answer is complete only when the time is over.
        let gpg = program(home.path(), "leave", Duration::from_secs(2));
        assert!(gpg.decrypt("").is_err());
        assert_gone(&home.path().join("pids"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let gpg =
            Program::new(Gpg { program: "/nonexistent/gpg".into(), home: None, time_limit: Duration::from_secs(9) });
        assert_eq!(gpg.decrypt("").err().unwrap(), "the program /nonexistent/gpg is not there");
        assert_eq!(gpg.origin(), "/nonexistent/gpg");
    }

    #[test]
    fn the_real_program_opens_what_it_encrypted() {
        let private = || tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap();
        let home = private();
        let run = |arguments: &[&str], input: &[u8]| {
            let mut child = Command::new("gpg")
                .args(["--batch", "--quiet", "--no-tty", "--pinentry-mode=loopback", "--passphrase="])
                .args(arguments)
                .env("GNUPGHOME", home.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            child.stdin.take().unwrap().write_all(input)?;
            child.wait_with_output()
        };
        let made = run(&["--quick-generate-key", "host", "default", "default"], b"");
        if made.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            // Past the capture of the test harness, which shows nothing of a test that passes.
            std::io::stderr().write_all(b"NOT TESTED: GnuPG, because there is no program gpg\n").unwrap();
            return;
        }
        assert!(made.unwrap().status.success());
        let message =
            run(&["--trust-model=always", "--armor", "--recipient", "host", "--encrypt"], b"a data key").unwrap();
        let message = String::from_utf8(message.stdout).unwrap();
        let gpg = |home: &Path| {
            Program::new(Gpg { program: "gpg".into(), home: Some(home.into()), time_limit: Duration::from_secs(60) })
        };
        let opened = gpg(home.path()).decrypt(&message);
        let empty = private();
        let refused = gpg(empty.path()).decrypt(&message);
        for home in [&home, &empty] {
            let agent = Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", home.path()).status();
            assert!(agent.unwrap().success());
        }
        assert_eq!(opened.unwrap().as_slice(), b"a data key");
        assert!(refused.unwrap_err().contains("No secret key"));
    }
}
