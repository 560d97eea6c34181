//! A program that is told to end takes its children along, and dies as the signal says.
//!
//! The test is its own such program: started with the name of a child and a folder, it waits for that child.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::print_stdout,
    clippy::use_debug,
    reason = "a test with a main of its own"
)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sops::{Encrypted, Format, Gpg, Identities, Query, Watcher};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    match arguments.as_slice() {
        [_, child, folder] if child == "query" => query(folder),
        [_, child, folder] if child == "gpg" => gpg(folder),
        _ => test(),
    }
}

/// Waits for a shell that starts another process and never ends.
fn query(folder: &OsStr) -> ExitCode {
    // One of those that it starts is in a session of its own.
    let script = r#"trap "" TERM INT HUP; sleep 600 & one=$!; setsid sh -c 'echo $$ >"$0/away"; exec sleep 600' "$0" &
        until [ -s "$0/away" ]; do sleep 0.01; done
        echo "$$ $one $(cat "$0/away")" >"$0/pids.new"; mv "$0/pids.new" "$0/pids"; wait"#;
    let query = Query {
        program: OsStr::new("sh"),
        arguments: &["-c".into(), script.into(), folder.into()],
        search_path: OsStr::new("/usr/bin:/bin"),
        environment: &[],
        time_limit: Duration::from_secs(60),
        watcher: &Watcher::default(),
    };
    println!("{:?}", query.output().is_ok());
    ExitCode::SUCCESS
}

/// Waits for a GnuPG that never ends, in a home that was made for it.
fn gpg(folder: &OsStr) -> ExitCode {
    let mut identities = Identities::new();
    let folder = Path::new(folder);
    identities.set_gpg(Gpg {
        program: folder.join("gpg"),
        search_path: "/usr/bin:/bin".into(),
        home: Some(folder.join("missing")),
        time_limit: Duration::from_secs(60),
        watcher: Watcher::default(),
    });
    let file = "a: b\nsops:\n    pgp:\n        - fp: A\n          created_at: \"2026-01-01T00:00:00Z\"\n          enc: x\n    \
                lastmodified: \"2026-01-01T00:00:00Z\"\n    mac: x\n    version: 3.12.2\n";
    let outcome = Encrypted::parse(Format::Yaml, file.into()).map(|file| file.decrypt(&identities).is_ok());
    println!("{outcome:?}");
    ExitCode::SUCCESS
}

fn test() -> ExitCode {
    let mut failures = 0;
    let mut cases = 0;
    for child in ["query", "gpg"] {
        for (signal, ignored, ends) in [
            (Signal::SIGTERM, "", true),
            (Signal::SIGINT, "", true),
            (Signal::SIGHUP, "", true),
            (Signal::SIGHUP, "HUP", false),
        ] {
            cases += 1;
            if let Err(what) = ends_with_its_children(child, signal, ignored, ends) {
                failures += 1;
                println!("{child}, {signal}, ignored: {ignored:?}: {what}");
            }
        }
    }
    println!("{} passed, {failures} failed", cases - failures);
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn ends_with_its_children(child: &str, signal: Signal, ignored: &str, ends: bool) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = folder.path();
    // It stands for GnuPG: starts the agent, as GnuPG does, and hangs.
    let script = format!(
        "#!/bin/sh\ngpg-connect-agent /bye\necho \"$GNUPGHOME\" >{place}/home\nsleep 600 &\necho \"$$ $! $(gpg-connect-agent \
         'getinfo pid' /bye | sed -n 's/^D //p')\" >{place}/pids.new\nmv {place}/pids.new {place}/pids\nwait\n",
        place = place.display()
    );
    fs::write(place.join("gpg"), script).map_err(|error| error.to_string())?;
    fs::set_permissions(place.join("gpg"), fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
    let trap = if ignored.is_empty() { String::new() } else { format!("trap '' {ignored}; ") };
    // Of coreutils: a job in the background of a script is begun with signals ignored, and that is inherited.
    let mut program = Command::new("env")
        .args(["--default-signal", "/bin/sh"])
        .args(["-c", &format!("{trap}exec \"$0\" {child} \"$1\"")])
        .arg(env::current_exe().map_err(|error| error.to_string())?)
        .arg(place)
        .spawn()
        .map_err(|error| error.to_string())?;
    let pids = place.join("pids");
    wait_for("the child does not start", || pids.exists())?;
    let mut pids: Vec<String> =
        fs::read_to_string(&pids).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let running = Pid::from_raw(i32::try_from(program.id()).unwrap_or(0));
    kill(running, signal).map_err(|error| error.to_string())?;
    if !ends {
        std::thread::sleep(Duration::from_millis(300));
        if !matches!(program.try_wait(), Ok(None)) {
            return Err("it ended although the signal is ignored".into());
        }
        kill(running, Signal::SIGTERM).map_err(|error| error.to_string())?;
    }
    let status: ExitStatus = program.wait().map_err(|error| error.to_string())?;
    let expected = if ends { signal } else { Signal::SIGTERM };
    if status.signal() != Some(expected as i32) {
        return Err(format!("it ended otherwise: {status}"));
    }
    pids.retain(|pid| Path::new("/proc").join(pid).exists());
    wait_for(&format!("its children are still there: {pids:?}"), || pids.iter().all(|pid| is_gone(pid)))?;
    if child == "gpg" {
        let home = fs::read_to_string(place.join("home")).map_err(|error| error.to_string())?;
        if home.trim().is_empty() || Path::new(home.trim()).exists() || place.join("missing").exists() {
            return Err(format!("a GnuPG home is left behind: {home}"));
        }
    }
    Ok(())
}

/// What has no parent any more may be a zombie until it is reaped.
fn is_gone(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) -> Result<(), String> {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > Duration::from_secs(20) {
            return Err(what.to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
