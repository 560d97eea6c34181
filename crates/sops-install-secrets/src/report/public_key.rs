//! A key by what may be shown of it, as the report says it.

use serde::Serialize;

/// The public half of a key.
#[derive(Serialize)]
pub(crate) struct PublicKey {
    /// Where the key is, or what it was called.
    pub(crate) origin: String,
    /// What to encrypt to, any of it, the one to prefer first.
    pub(crate) recipients: Vec<String>,
    /// Why the key cannot be used, or why nobody else can tell what to encrypt to.
    pub(crate) note: Option<String>,
}
