//! What the tests from outside have in common: a folder of its own for each run, and the program in it.

#![allow(
    dead_code,
    clippy::indexing_slicing,
    reason = "each test binary uses its own part of this, and stops where a field is missing"
)]

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The folder `tests/corpus`.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus").canonicalize().unwrap()
}

/// Whether a program is in `PATH`.
pub(crate) fn program_exists(name: &str) -> bool {
    env::split_paths(&env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(name).is_file())
}

/// The target of a generation link, if there is one.
pub(crate) fn installed(link: &Path) -> Option<PathBuf> {
    fs::read_link(link).ok()
}

/// A manifest in user mode with secrets of one YAML file that holds every type.
pub(crate) fn manifest(secrets: &[Value]) -> Value {
    json!({
        "secrets": secrets,
        "secretsMountPoint": "%r/secrets.d",
        "symlinkPath": "%r/secrets",
        "keepGenerations": 1,
        "userMode": true,
        "ageKeyFile": corpus().join("keys/age-1.txt"),
    })
}

/// A secret of that file.
pub(crate) fn secret(name: &str, key: &str) -> Value {
    json!({
        "name": name, "key": key, "path": format!("%r/secrets/{name}"), "mode": "0400", "format": "yaml",
        "sopsFile": source(),
    })
}

/// The file.
pub(crate) fn source() -> PathBuf {
    corpus().join("sops/key-string/in.yaml")
}

/// A manifest, or a part of one, with another field.
pub(crate) fn with(mut value: Value, field: &str, content: impl Into<Value>) -> Value {
    value[field] = content.into();
    value
}

/// Standard error without the name of the program in front of each line, and without the folders of this machine.
pub(crate) fn messages(scratch: &Scratch, run: &Run) -> String {
    run.stderr
        .replace(&format!("{}: ", env!("CARGO_BIN_EXE_sops-install-secrets")), "")
        .replace(scratch.path().to_str().unwrap(), "SCRATCH")
        .replace(corpus().to_str().unwrap(), "CORPUS")
}

/// A folder for one test, in memory where the machine allows, removed in the end.
pub(crate) struct Scratch {
    folder: TempDir,
}

/// What a run of the program gave.
pub(crate) struct Run {
    /// `None` if it died of a signal.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        let folder = tempfile::Builder::new().prefix("sops-install-secrets-").tempdir_in(memory);
        let folder = folder.or_else(|_| tempfile::tempdir()).unwrap();
        for name in ["run", "home"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What `%r` stands for.
    pub(crate) fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    /// The program with an environment in which nothing but the manifest says where keys are.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sops-install-secrets"));
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path().join("home"))
            .env("XDG_RUNTIME_DIR", self.runtime())
            .current_dir(self.path())
            .stdin(Stdio::null());
        command
    }

    /// Writes the manifest and runs the program on it.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, manifest: &Value, arguments: &[A]) -> Run {
        let path = self.write("manifest.json", manifest.to_string().as_bytes());
        Self::finish(self.command().args(arguments).arg(path))
    }

    /// Runs a command to its end.
    pub(crate) fn finish(command: &mut Command) -> Run {
        let output = command.output().unwrap();
        Run {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Copies a key file or folder so that only its owner can read it, as ssh and gpg expect.
    pub(crate) fn private_copy(&self, source: &Path, name: &str) -> PathBuf {
        let target = self.path().join("keys").join(name).join(source.file_name().unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        copy_privately(source, &target);
        target
    }

    /// Ends the agents that gpg started for the homes in this folder.
    pub(crate) fn stop_agents(&self) {
        for number in 0..3 {
            let home = self.path().join("keys").join(number.to_string()).join("gnupg");
            if home.is_dir() && program_exists("gpgconf") {
                let done = Command::new("gpgconf").arg("--homedir").arg(home).args(["--kill", "all"]).output();
                assert!(done.is_ok());
            }
        }
    }
}

fn copy_privately(source: &Path, target: &Path) {
    if source.is_dir() {
        fs::create_dir(target).unwrap();
        fs::set_permissions(target, fs::Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            copy_privately(&entry.path(), &target.join(entry.file_name()));
        }
    } else {
        fs::copy(source, target).unwrap();
        fs::set_permissions(target, fs::Permissions::from_mode(0o600)).unwrap();
    }
}
