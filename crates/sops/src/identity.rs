//! Identities: the private keys of this host, and what each can open.

pub(crate) mod age;
pub(crate) mod gpg;
pub(crate) mod hybrid;
pub(crate) mod openpgp;
pub(crate) mod plugin;
pub(crate) mod ssh;
