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
        child.exchange(armored.as_bytes(), More::Never, |_| false)?;
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
