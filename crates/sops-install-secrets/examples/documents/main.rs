//! Writes the manual pages, the completions and the JSON schemas into `doc/`, from the table of options, that of the fields and
//! the words of the report: `cargo run -p sops-install-secrets --example documents`.

mod all;

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc");
    for (name, text) in all::documents() {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}
