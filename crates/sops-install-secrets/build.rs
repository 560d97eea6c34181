//! Leaves out of the released program what only an unwinding panic would read. There a panic ends the process at once.

use std::env;
use std::path::Path;

fn main() {
    let script = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("link/no-unwinding.ld");
    println!("cargo::rerun-if-changed={}", script.display());
    if env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr");
    }
}
