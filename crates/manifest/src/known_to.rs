//! What manifests of sops-nix can have, and what only those for this program can.

/// Which programs know a field or a word of one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KnownTo {
    /// sops-nix too.
    SopsNix,
    /// Only this program.
    Ours,
}
