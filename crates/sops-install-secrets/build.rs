//! Makes the released program smaller: leaves out what only an unwinding panic would read, since there a panic ends the
//! process at once, and packs the table of addresses that the loader corrects.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    let script = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("link/no-unwinding.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    if env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
        if loader_unpacks() {
            println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
        }
    }
}

/// Whether the program is built for a C library that reads a packed table: glibc since 2.36. If it cannot be told, none is made.
fn loader_unpacks() -> bool {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_ENV") != "gnu" || variable("HOST") != variable("TARGET") {
        return false;
    }
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let numbers = version.trim().strip_prefix("glibc ").and_then(|numbers| numbers.split_once('.'));
    let number = |text: &str| text.parse::<u32>().ok();
    numbers.is_some_and(|(major, minor)| (number(major), number(minor)) >= (Some(2), Some(36)))
}
