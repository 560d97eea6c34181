//! The documents that are made from tables, so that none of them can tell of an option or a field that does not exist, or
//! keep one to itself.

#![allow(dead_code, reason = "the program and the test of the documents each use a part")]

mod completions;
pub(crate) mod manifest_page;
mod manifest_schema;
#[path = "../../../src/cli/options.rs"]
pub(crate) mod options;
pub(crate) mod program_page;
mod report_schema;
#[path = "../../../src/report/words.rs"]
mod report_words;
mod roff;

/// Each file in `doc/` that is made, and what it holds.
pub(crate) fn documents() -> [(&'static str, String); 7] {
    [
        ("sops-install-secrets.8", program_page::page()),
        ("sops-install-secrets-manifest.5", manifest_page::page()),
        ("manifest.schema.json", manifest_schema::schema()),
        ("report.schema.json", report_schema::schema()),
        ("completions/sops-install-secrets.bash", completions::bash()),
        ("completions/_sops-install-secrets", completions::zsh()),
        ("completions/sops-install-secrets.fish", completions::fish()),
    ]
}
