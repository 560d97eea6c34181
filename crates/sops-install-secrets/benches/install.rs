//! How long an installation takes, as a ratio to the floor: a program that makes the same system calls with fixed bytes.
//!
//!     cargo bench [-- --runs N] [-- --peer PATH]
//!
//! Every figure comes from runs that take turns (ours, floor, ours, ...), so that a machine whose speed drifts changes
//! both. `--peer` names another sops-install-secrets to measure in the same turns, such as that of sops-nix.

#![allow(clippy::print_stdout, reason = "a bench talks to a person")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a bench may stop on a wrong number")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::use_debug,
    reason = "a bench that cannot run stops"
)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

fn main() {
    let options = Options::parse();
    print!("{:<28} {:>10} {:>10} {:>10} {:>12}", "job", "ours", "floor", "ours/floor", "per secret");
    println!("{}", if options.peer.is_some() { "       peer  peer/ours" } else { "" });
    for count in [10, 100, 1000, 10_000] {
        Job::one_file(count).measure(&format!("{count} secrets in one file"), &options);
    }
    Job::many_files(100).measure("100 secrets in 100 files", &options);
}

struct Options {
    runs: usize,
    peer: Option<PathBuf>,
}

impl Options {
    fn parse() -> Self {
        let mut options = Self { runs: 15, peer: None };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--runs" => options.runs = arguments.next().and_then(|runs| runs.parse().ok()).unwrap_or(options.runs),
                "--peer" => options.peer = arguments.next().map(PathBuf::from),
                // What cargo itself passes.
                _ => {}
            }
        }
        options
    }
}

/// Something to install, in a folder of its own in memory. Every secret has 32 bytes.
struct Job {
    folder: TempDir,
    manifest: PathBuf,
    count: usize,
}

impl Job {
    /// Secrets of 32 characters in one YAML file.
    fn one_file(count: usize) -> Self {
        let source = fixtures().join(format!("n{count}.yaml"));
        Self::new(count, |number| (source.clone(), format!("s{number}")))
    }

    /// As many YAML files of one secret each.
    fn many_files(count: usize) -> Self {
        Self::new(count, |number| (fixtures().join(format!("many/s{number}.yaml")), format!("s{number}")))
    }

    fn new(count: usize, secret: impl Fn(usize) -> (PathBuf, String)) -> Self {
        let folder = tempfile::Builder::new().prefix("sops-bench-").tempdir_in("/dev/shm");
        let folder = folder.or_else(|_| tempfile::tempdir()).unwrap();
        let secrets: Vec<Value> = (0..count)
            .map(|number| {
                let (source, key) = secret(number);
                assert!(source.is_file(), "{} is missing", source.display());
                json!({
                    "name": format!("s{number}"), "key": key, "sopsFile": source, "format": "yaml",
                    "path": format!("%r/secrets/s{number}"), "mode": "0400",
                })
            })
            .collect();
        let manifest = json!({
            "secrets": secrets,
            "secretsMountPoint": "%r/secrets.d",
            "symlinkPath": "%r/secrets",
            "keepGenerations": 1,
            "userMode": true,
            "ageKeyFile": fixtures().join("age-perf.txt"),
        });
        let path = folder.path().join("manifest.json");
        fs::write(&path, manifest.to_string()).unwrap();
        Self { folder, manifest: path, count }
    }

    /// Runs ours, the floor and the peer in turns and prints a row of the table.
    fn measure(&self, name: &str, options: &Options) {
        let ours = PathBuf::from(env!("CARGO_BIN_EXE_sops-install-secrets"));
        let mut times: [Vec<Duration>; 3] = Default::default();
        // The first turn warms the caches up and does not count.
        for run in 0..=options.runs {
            let turn = [
                Some(self.install(&ours, run)),
                Some(self.floor(run)),
                options.peer.as_deref().map(|peer| self.install(peer, run)),
            ];
            for (times, time) in times.iter_mut().zip(turn) {
                times.extend(time.filter(|_| run > 0));
            }
        }
        let [ours, floor, peer] = times;
        let each = median(&ours) / u32::try_from(self.count).unwrap();
        print!(
            "{name:<28} {:>10.2?} {:>10.2?} {:>10.2} {each:>12.2?}",
            median(&ours),
            median(&floor),
            ratio(&ours, &floor)
        );
        if !peer.is_empty() {
            print!(" {:>10.2?} {:>10.1}", median(&peer), ratio(&peer, &ours));
        }
        println!();
    }

    /// A first installation into a new folder.
    fn install(&self, program: &Path, run: usize) -> Duration {
        self.timed(run, |runtime| {
            let mut command = Command::new(program);
            command.arg("-ignore-passwd").arg(&self.manifest).env("XDG_RUNTIME_DIR", runtime).env("HOME", "/var/empty");
            command
        })
    }

    /// The same files with fixed bytes.
    fn floor(&self, run: usize) -> Duration {
        self.timed(run, |runtime| {
            let mut command = Command::new(floor_program());
            command
                .arg(runtime.join("secrets.d"))
                .arg(runtime.join("secrets"))
                .args([self.count.to_string(), "32".into()]);
            command
        })
    }

    fn timed(&self, run: usize, command: impl FnOnce(&Path) -> Command) -> Duration {
        let runtime = self.folder.path().join(run.to_string());
        fs::create_dir(&runtime).unwrap();
        let mut command = command(&runtime);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let start = Instant::now();
        let output = command.output().unwrap();
        let time = start.elapsed();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let installed = fs::read_dir(runtime.join("secrets/")).unwrap().count();
        assert_eq!(installed, self.count, "{command:?}");
        fs::remove_dir_all(&runtime).unwrap();
        time
    }
}

/// The bench `floor`, which cargo builds beside this one under a name with a hash.
fn floor_program() -> PathBuf {
    let folder = env::current_exe().unwrap();
    let newest = fs::read_dir(folder.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("floor-") && path.extension().is_none()
        })
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("run with: cargo bench")
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

/// The median of the ratios, turn by turn.
fn ratio(one: &[Duration], other: &[Duration]) -> f64 {
    let mut ratios: Vec<f64> =
        one.iter().zip(other).map(|(one, other)| one.as_secs_f64() / other.as_secs_f64()).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench")
}
