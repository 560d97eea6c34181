//! How long an installation takes, as a ratio to the floor: a program that makes the same system calls with fixed bytes.
//!
//!     cargo bench [-- --turns N]
//!
//! Every figure comes from runs that take turns (ours, floor, ours, ...), so that a machine whose speed drifts changes
//! both; a ratio is the median of the ratios of the turns. Programs to compare with take part in the turns:
//!
//! - the program of sops-nix, or any other that reads the same manifests, if `SOPS_NIX_PROGRAM` is its path;
//! - `sops` if it is in PATH, which has only to decrypt the files and installs nothing.
//!
//! A peer that needs more than [`PATIENCE`] for a job does it once, and leaves out those of more secrets: the program of
//! sops-nix decrypts a file anew for every secret in it, so ten times the secrets take a hundred times as long.

#![allow(clippy::print_stdout, reason = "a bench talks to a person")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a bench may stop on a wrong number")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::use_debug, reason = "a bench that cannot run stops")]

#[path = "../tests/support/large.rs"]
mod large;

use std::cell::Cell;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

fn main() {
    let turns = Turns::of_arguments();
    let peers = Peer::all();
    let jobs = [
        Job::many_files("1 secret in one file", 1),
        Job::one_file("10 secrets in one file", 10),
        Job::one_file("100 secrets in one file", 100),
        Job::one_file("1000 secrets in one file", 1000),
        Job::one_file("10000 secrets in one file", 10_000),
        Job::made_file("100000 secrets in one file", 100_000),
        Job::many_files("100 secrets in 100 files", 100),
        Job::many_files("1000 secrets in 1000 files", 1000),
        Job::binary("10 MiB in one file", 10 << 20),
    ];

    print!("{:<28}{:>12}{:>12}{:>12}{:>14}", "job", "ours", "floor", "ours/floor", "per secret");
    for peer in &peers {
        print!("{:>12}{:>14}", peer.name, format!("{}/ours", peer.name));
    }
    println!();
    for job in &jobs {
        job.print_times(&turns, &peers);
    }

    println!(
        "\n{:<28}{:>12}{:>12}{:>12}{:>24}",
        "job, with nothing changed", "again", "install", "ratio", "less an empty program"
    );
    let others = [Job::templates("1000 templates of 100", 1000), Job::links("10000 links", 10_000)];
    for job in jobs.iter().chain(&others) {
        job.print_again(&turns);
    }

    println!("\n{:<28}{:>13}{:>12}{:>16}", "job", "peak memory", "its files", "less 4 x files");
    for job in &jobs {
        job.print_memory();
    }

    let [start, empty] =
        turns.run(|| [timed(Command::new(ours()).arg("--version")), timed(&mut Command::new(&*FLOOR))]);
    let (start, empty) = (median(&start) * 1e3, median(&empty) * 1e3);
    println!(
        "\nstart and end without work: {start:.2} ms, an empty program {empty:.2} ms, more by {:.2} ms",
        start - empty
    );
}

/// How often each job is run.
struct Turns {
    least: usize,
    /// Short jobs are repeated until so much time has passed.
    time: Duration,
}

impl Turns {
    fn of_arguments() -> Self {
        let mut arguments = env::args().skip_while(|argument| argument != "--turns").skip(1);
        match arguments.next().and_then(|number| number.parse().ok()) {
            Some(least) => Self { least, time: Duration::ZERO },
            None => Self { least: 15, time: Duration::from_secs(2) },
        }
    }

    /// The times of `turn`, of which the first warms the caches up and does not count, unless it lasts so long that it
    /// is the only one.
    fn run<const N: usize>(&self, mut turn: impl FnMut() -> [Duration; N]) -> [Vec<Duration>; N] {
        let mut times = [const { Vec::new() }; N];
        let first = turn();
        if first.iter().any(|time| *time > PATIENCE) {
            return first.map(|time| vec![time]);
        }
        let start = Instant::now();
        while (times[0].len() < self.least && start.elapsed() < LONGEST) || start.elapsed() < self.time {
            for (times, time) in times.iter_mut().zip(turn()) {
                times.push(time);
            }
        }
        times
    }
}

/// A turn that lasts longer is not repeated.
const PATIENCE: Duration = Duration::from_secs(5);

/// After so long a job has had turns enough.
const LONGEST: Duration = Duration::from_secs(12);

/// A program to compare with.
struct Peer {
    name: &'static str,
    program: PathBuf,
    task: Task,
    /// The number of secrets for which it took too long.
    too_many: Cell<usize>,
}

/// What a peer can do of a job.
enum Task {
    Install,
    Decrypt,
}

impl Peer {
    fn all() -> Vec<Self> {
        let installer = env::var_os("SOPS_NIX_PROGRAM").map(|path| Self {
            name: "sops-nix",
            program: path.into(),
            task: Task::Install,
            too_many: Cell::new(usize::MAX),
        });
        let folders = env::var_os("PATH").unwrap_or_default();
        let sops = env::split_paths(&folders).map(|folder| folder.join("sops")).find(|program| program.is_file());
        let sops =
            sops.map(|program| Self { name: "sops", program, task: Task::Decrypt, too_many: Cell::new(usize::MAX) });
        [installer, sops].into_iter().flatten().collect()
    }

    fn run(&self, job: &Job) -> Duration {
        match self.task {
            Task::Install => job.install(&self.program),
            Task::Decrypt => job.files.iter().map(|file| self.decrypt(file)).sum(),
        }
    }

    fn decrypt(&self, file: &Path) -> Duration {
        let mut command = Command::new(&self.program);
        command.arg("decrypt").arg(file);
        timed(command.env("SOPS_AGE_KEY_FILE", fixtures().join(KEY)).env("HOME", NO_HOME))
    }
}

/// Something to install, in a folder of its own in memory.
struct Job {
    name: &'static str,
    folder: TempDir,
    files: Vec<PathBuf>,
    count: usize,
    /// The size of each secret.
    bytes: usize,
}

impl Job {
    /// Secrets of 32 characters in one YAML file.
    fn one_file(name: &'static str, count: usize) -> Self {
        let job =
            Self { name, folder: memory(), files: vec![fixtures().join(format!("n{count}.yaml"))], count, bytes: 32 };
        job.with_manifest("yaml", |job, _| job.files[0].clone())
    }

    /// As many secrets of 32 characters in a JSON file that is made on the spot.
    fn made_file(name: &'static str, count: usize) -> Self {
        let folder = memory();
        let file = folder.path().join("made.json");
        let values: Vec<_> = (0..count).map(|number| (format!("s{number}"), vec![b'x'; 32])).collect();
        fs::write(&file, large::file_of(&values)).unwrap();
        Self { name, folder, files: vec![file], count, bytes: 32 }.with_manifest("json", |job, _| job.files[0].clone())
    }

    /// As many YAML files of one secret each. There are [`FILES`] of them, and the others are copies.
    fn many_files(name: &'static str, count: usize) -> Self {
        let folder = memory();
        let file = |number| {
            let file = fixtures().join(format!("many/s{}.yaml", number % FILES));
            if number < FILES {
                return file;
            }
            let copy = folder.path().join(format!("s{number}.yaml"));
            fs::copy(file, &copy).unwrap();
            copy
        };
        let files = (0..count).map(file).collect();
        let job = Self { name, folder, files, count, bytes: 32 };
        job.with_manifest("yaml", |job, number| job.files[number].clone())
    }

    /// As many templates, each of a hundred secrets of one file.
    fn templates(name: &'static str, count: usize) -> Self {
        let job = Self::one_file(name, 100);
        let lines: Vec<_> = (0..job.count).map(|number| format!("s{number} = <SOPS:{number}>\n")).collect();
        let template = |number| {
            let path = format!("%r/secrets/rendered/t{number}");
            json!({"name": format!("t{number}"), "path": path, "mode": "0400", "content": lines.concat()})
        };
        let placeholder = |number| (format!("s{number}"), Value::from(format!("<SOPS:{number}>")));
        job.with_field("templates", (0..count).map(template).collect())
            .with_field("placeholderBySecretName", Value::Object((0..100).map(placeholder).collect()))
    }

    /// As many links to as many secrets, which are one value of one file.
    fn links(name: &'static str, count: usize) -> Self {
        let job = Self::many_files(name, 1);
        let link = |number| {
            let path = format!("%r/links/s{number}");
            json!({"name": format!("s{number}"), "key": "s0", "sopsFile": job.files[0], "path": path, "mode": "0400"})
        };
        let links = (0..count).map(link).collect();
        job.with_field("secrets", links)
    }

    /// Another value of a field of the manifest.
    fn with_field(self, name: &str, value: Value) -> Self {
        let mut manifest: Value = serde_json::from_slice(&fs::read(self.manifest()).unwrap()).unwrap();
        manifest[name] = value;
        fs::write(self.manifest(), manifest.to_string()).unwrap();
        self
    }

    /// A file of the format binary.
    fn binary(name: &'static str, bytes: usize) -> Self {
        let folder = memory();
        let file = folder.path().join("binary.json");
        fs::write(&file, large::binary_file(bytes)).unwrap();
        Self { name, folder, files: vec![file], count: 1, bytes }.with_manifest("binary", |job, _| job.files[0].clone())
    }

    fn with_manifest(self, format: &str, file: impl Fn(&Self, usize) -> PathBuf) -> Self {
        let secret = |number| {
            let key = match format {
                "binary" => String::new(),
                _ if self.files.len() > FILES => format!("s{}", number % FILES),
                _ => format!("s{number}"),
            };
            json!({
                "name": format!("s{number}"), "key": key, "sopsFile": file(&self, number), "format": format,
                "path": format!("%r/secrets/s{number}"), "mode": "0400",
            })
        };
        let secrets: Vec<Value> = (0..self.count).map(secret).collect();
        let manifest = json!({
            "secrets": secrets,
            "secretsMountPoint": "%r/secrets.d",
            "symlinkPath": "%r/secrets",
            "keepGenerations": 1,
            "userMode": true,
            "ageKeyFile": fixtures().join(KEY),
        });
        fs::write(self.manifest(), manifest.to_string()).unwrap();
        self
    }

    fn print_times(&self, turns: &Turns, peers: &[Peer]) {
        let [own, floor] = turns.run(|| [self.install(&ours()), self.floor()]);
        let each = median(&own) / f64::from(u32::try_from(self.count).unwrap());
        print!(
            "{:<28}{:>9.2} ms{:>9.2} ms{:>12.2}{:>11.2} µs",
            self.name,
            median(&own) * 1e3,
            median(&floor) * 1e3,
            ratio(&own, &floor),
            each * 1e6
        );
        for peer in peers {
            if self.count > peer.too_many.get() {
                print!("{:>12}{:>14}", "-", "-");
                continue;
            }
            // A peer that takes a hundred times as long has its own turns, fewer of them.
            let few = Turns { least: 3, time: turns.time };
            let [times, own] = few.run(|| [peer.run(self), self.install(&ours())]);
            print!("{:>9.2} ms{:>14.1}", median(&times) * 1e3, ratio(&times, &own));
            if times.iter().any(|time| *time > PATIENCE) {
                peer.too_many.set(self.count);
            }
        }
        println!();
    }

    fn print_again(&self, turns: &Turns) {
        let [install, again, empty] = turns.run(|| {
            let runtime = self.runtime();
            [self.timed(&ours(), &runtime), self.timed(&ours(), &runtime), timed(&mut Command::new(&*FLOOR))]
        });
        let less = (median(&again) - median(&empty)) / (median(&install) - median(&empty));
        println!(
            "{:<28}{:>9.2} ms{:>9.2} ms{:>12.2}{:>24.2}",
            self.name,
            median(&again) * 1e3,
            median(&install) * 1e3,
            ratio(&again, &install),
            less
        );
    }

    fn print_memory(&self) {
        let mut command = Command::new(&*FLOOR);
        command.arg("peak").arg(ours());
        let output = self.arguments(&mut command, &self.runtime()).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        let peak: f64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        let read = self.files.iter().cloned().chain([self.manifest()]);
        let bytes: u64 = read.map(|file| file.metadata().unwrap().len()).sum();
        let files = f64::from(u32::try_from(bytes >> 10).unwrap());
        let rest = peak - 4.0 * files;
        println!("{:<28}{:>9.1} MiB{:>8.1} MiB{:>12.1} MiB", self.name, peak / 1024.0, files / 1024.0, rest / 1024.0);
    }

    /// A first installation into a new folder.
    fn install(&self, program: &Path) -> Duration {
        let runtime = self.runtime();
        let time = self.timed(program, &runtime);
        assert_eq!(fs::read_dir(runtime.join("secrets/")).unwrap().count(), self.count, "{}", program.display());
        time
    }

    fn timed(&self, program: &Path, runtime: &Path) -> Duration {
        timed(self.arguments(&mut Command::new(program), runtime))
    }

    /// What every installer is called with.
    fn arguments<'c>(&self, command: &'c mut Command, runtime: &Path) -> &'c mut Command {
        command.arg("-ignore-passwd").arg(self.manifest()).env("XDG_RUNTIME_DIR", runtime).env("HOME", NO_HOME)
    }

    /// The same files with fixed bytes.
    fn floor(&self) -> Duration {
        let runtime = self.runtime();
        let mut command = Command::new(&*FLOOR);
        command.arg("install").arg(runtime.join("secrets.d")).arg(runtime.join("secrets"));
        command.args([self.count.to_string(), self.bytes.to_string()]).args([self.manifest(), fixtures().join(KEY)]);
        timed(command.args(&self.files))
    }

    fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.json")
    }

    /// An empty folder in the place of the one of the run before.
    fn runtime(&self) -> PathBuf {
        let runtime = self.folder.path().join("run");
        if runtime.exists() {
            fs::remove_dir_all(&runtime).unwrap();
        }
        fs::create_dir(&runtime).unwrap();
        runtime
    }
}

fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().unwrap();
    let time = start.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    time
}

fn ours() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_sops-install-secrets"))
}

/// The bench `floor`, which cargo builds beside this one under a name with a hash.
static FLOOR: LazyLock<PathBuf> = LazyLock::new(|| {
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
});

/// In seconds.
fn median(times: &[Duration]) -> f64 {
    middle(times.iter().map(Duration::as_secs_f64).collect())
}

/// The median of the ratios, turn by turn.
fn ratio(one: &[Duration], other: &[Duration]) -> f64 {
    middle(one.iter().zip(other).map(|(one, other)| one.as_secs_f64() / other.as_secs_f64()).collect())
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn memory() -> TempDir {
    let folder = tempfile::Builder::new().prefix("sops-bench-").tempdir_in("/dev/shm");
    folder.or_else(|_| tempfile::tempdir()).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/bench").canonicalize().unwrap()
}

/// The age identity that opens every file of the bench.
const KEY: &str = "age-perf.txt";

/// How many files of one secret each there are.
const FILES: usize = 100;

const NO_HOME: &str = "/var/empty";
