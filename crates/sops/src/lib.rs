//! The sops file format: encrypted bytes in, plaintext out.
//!
//! [sops](https://getsops.io) encrypts the *values* of a structured file and leaves its keys readable, so that an
//! encrypted file can be kept in version control and its changes can be reviewed. This crate reads such files. It
//! never writes one, it asks no service in the network, and it knows nothing of the program around it.
//!
//! ```no_run
//! use sops::{Encrypted, Format, Identities};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut identities = Identities::new();
//! let key = std::fs::read("/etc/ssh/ssh_host_ed25519_key")?;
//! identities.add_ssh_key("/etc/ssh/ssh_host_ed25519_key", &key)?;
//!
//! let file = Encrypted::parse(Format::Yaml, std::fs::read("secrets.yaml")?)?.decrypt(&identities)?;
//! let password = file.value(&["database", "password"])?;
//! assert!(!password.as_bytes().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! What follows describes the format. "sops" is versions 3.12 and 3.13 of the program; where they differ, it says so.
//!
//! # A file, from outside
//!
//! ```yaml
//! # Who may use the database. (In an encrypted file this line is a ciphertext too.)
//! database:
//!     user: ENC[AES256_GCM,data:KPyshg==,iv:2u4N...Q=,tag:4wqm...w==,type:str]
//!     port: ENC[AES256_GCM,data:YQnTZg==,iv:EIa8...c=,tag:c0fF...Q==,type:int]
//! shown_unencrypted: this stays readable
//! sops:
//!     age:
//!         - recipient: age17aym2vww7d550zjnmuje2a8zs5y4hfkc2we8sn3kda7kru3amuds5jn
//!           enc: |
//!             -----BEGIN AGE ENCRYPTED FILE-----
//!             ...
//!             -----END AGE ENCRYPTED FILE-----
//!     lastmodified: "2026-11-23T02:45:03Z"
//!     mac: ENC[AES256_GCM,data:yQV6...=,iv:...,tag:...,type:str]
//!     unencrypted_suffix: _unencrypted
//!     version: 3.12.2
//! ```
//!
//! One random *data key* of 32 bytes encrypts every value. The data key itself stands in the *metadata*, encrypted once
//! to each *recipient*. Who has the *identity* of one recipient recovers the data key, decrypts the values, and compares
//! the *MAC* of all of them with the one in the metadata. Only then does anything come out.
//!
//! [`Encrypted::parse`] is the first of the two steps and needs no key; [`Encrypted::decrypt`] is the second.
//!
//! # The tree
//!
//! Every format is read into the same tree: documents, which are mappings; in them items, which are a key with a value or
//! a comment; values, which are mappings, lists or leaves. Order counts, and duplicates are kept where the format keeps
//! them. A leaf is a string (any bytes), a 64-bit integer, a floating-point number, a truth value, a time with its offset,
//! or null. How many documents a file has, where its metadata stands and how it is printed says each [`Format`].
//!
//! A comment stands before the item it precedes, even one at the end of a line. In a list it is an element.
//!
//! # The encrypted scalar
//!
//! ```text
//! ENC[AES256_GCM,data:<base64>,iv:<base64>,tag:<base64>,type:<type>]
//! ```
//!
//! The cipher is AES-GCM under the data key, whose length (16, 24 or 32 bytes) chooses the variant. The nonce is what
//! `iv` holds, 32 bytes where sops wrote it, and 12 and 16 are read too; `tag` is the 16 bytes that GCM puts behind the ciphertext. The text must
//! begin the value, and what follows the last `]` of its line is ignored.
//!
//! The additional authenticated data is the *path* of the leaf: the keys of the mappings that lead there, each followed by
//! a colon. Numbers of list elements are no part of it, nor is the document. So `b` below `a` is `a:b:`, every element of a
//! list below `a` is `a:`, and a comment has the path of the mapping or list that it is in, which at the top is `:` alone.
//! A value that was moved to another key does not decrypt.
//!
//! | `type` | plaintext | becomes |
//! | --- | --- | --- |
//! | `str` | any bytes | a string |
//! | `int` | decimal digits with an optional sign, within 64 bits | an integer |
//! | `float` | a decimal number, infinite or not a number | a floating-point number |
//! | `bool` | `True` or `False`, and the other words of Go's `ParseBool` | a truth value |
//! | `time` | RFC 3339 | a time that keeps its offset |
//! | `comment` | any bytes | a comment |
//!
//! The empty string, null, an empty list and an empty mapping are never encrypted. The type is not authenticated: who
//! changes `int` to `str` gets the digits as a string.
//!
//! # What is encrypted
//!
//! One rule in the metadata decides for each leaf. A suffix or a regular expression is compared with every key of the path,
//! so that a key decides for everything below it.
//!
//! | rule | a leaf is encrypted if |
//! | --- | --- |
//! | `unencrypted_suffix` | no key of its path ends so |
//! | `encrypted_suffix` | some key ends so |
//! | `unencrypted_regex` | no key matches |
//! | `encrypted_regex` | some key matches |
//! | `unencrypted_comment_regex` | no active comment matches |
//! | `encrypted_comment_regex` | some active comment matches; a comment does not decide about itself |
//!
//! Without a rule it is `unencrypted_suffix` with `_unencrypted`. Two rules are an error. A comment is *active* for the next
//! item in its mapping or list and all that is below, and so are the comments directly before it.
//!
//! The expressions are those of Go. A pattern that Go cannot compile never matches: sops ignores the error, and so does this
//! crate, because a file encrypted under such a pattern must open. A pattern that Go can compile and this crate cannot
//! ([`UntranslatablePattern`]: Unicode classes such as `\pL`, and characters beyond ASCII under the flag `i`) is an error,
//! never a guess.
//!
//! A leaf that the rule leaves plain is taken literally, even if it looks like a ciphertext. One that the rule calls
//! encrypted and that is not a ciphertext is an error ([`ValueError`]), but for comments: those that do not decrypt stay as they are.
//!
//! # The MAC
//!
//! A SHA-512 over the plaintext of every leaf in the order of the file, one after the other without anything between. Not
//! hashed are keys, structure, nulls and comments. With `mac_only_encrypted` the hash begins with a constant (the SHA-256 of
//! `sops`), and plain leaves are left out.
//!
//! A string is hashed as its bytes; an integer in decimal; a floating-point number as the shortest digits that read back
//! as the same, never with an exponent; truth as `True` and `False`; a time in RFC 3339 with its fraction. Plain leaves are
//! hashed in that form too and not as the file spells them: `0x1F` in YAML is hashed as `31`.
//!
//! In the metadata stand the 128 upper-case hexadecimal digits of the hash, as an encrypted scalar whose additional
//! authenticated data is `lastmodified` in whole seconds. A file without a MAC is never accepted ([`MacError`]).
//!
//! What follows from this, and is so in sops as well: a plain key can be renamed, a plain `7` can become `"7"`, nulls can be
//! added, and text can move from one plain value to the next without the MAC noticing. Comments can be changed. Everything
//! else is noticed.
//!
//! # The metadata
//!
//! | field | meaning |
//! | --- | --- |
//! | `lastmodified` | a time in RFC 3339; required |
//! | `mac` | see above; required |
//! | `age`, `pgp` | recipients: with `recipient` or `fp` as a label, and `enc`, the data key encrypted to it |
//! | `kms`, `gcp_kms`, `hckms`, `azure_kv`, `hc_vault` | recipients in the network; they are named in messages and never asked |
//! | `key_groups`, `shamir_threshold` | see below |
//! | the six rules | at most one that is not empty |
//! | `mac_only_encrypted` | whether plain leaves are left out of the MAC |
//! | `version` | the sops that wrote it, which decides how a whole file is printed |
//!
//! Formats without nesting have flattened fields: `age__list_0__map_enc` is the field `enc` of the first element of `age`.
//!
//! All of it is read before any key is tried, so one bad entry spoils the file ([`MetadataError`]).
//!
//! # The data key
//!
//! An ordinary file has one *key group*, and any of its recipients gives the data key. With several groups each gives a
//! *share* (Shamir's scheme over GF(2⁸) with the polynomial of AES, byte by byte, the last byte of a share being its x
//! coordinate), and `shamir_threshold` of them give the key.
//!
//! An `age` entry is an [age](https://age-encryption.org/v1) file in ASCII armor whose content is the data key. Which identities
//! open one, and how, stands in section 6.2 of docs/format.md. They come from key files and from the SSH keys of a host.
//!
//! The form that ssh-to-age derives is the usual one for a host: its X25519 secret is the first half of the SHA-512 of the
//! ed25519 seed, its recipient the same point in the other coordinates. That is why the recipient of a host can be
//! computed from `ssh_host_ed25519_key.pub` alone.
//!
//! A plugin is started when nothing in memory opens a file: once for that file, or once for all that are given to
//! [`Encrypted::ask_plugins`] before they are decrypted.
//!
//! A `pgp` entry is an armored OpenPGP message. An RSA host key opens it in this process, as the OpenPGP key that sops-nix
//! makes of it: version 4, created at time 0. For any other key there is the gpg program ([`Gpg`]), which is run only when
//! nothing in memory opens the file.
//!
//! A file that a passphrase opens is put to plugins only. What there is to try on one file is bounded, and a file that goes
//! beyond says so.
//!
//! If no identity opens a file, [`NoDataKey`] names its recipients and the identities of this host, and says why each did not
//! fit.
//!
//! # What comes out
//!
//! [`Decrypted::whole`] is byte for byte what `sops decrypt` prints. For YAML that is the style of sops and not that of the
//! file: four columns of indentation, no folding, quotes only where a reader could mistake the text, and the peculiarities
//! of its emitter, of which three lose or break text. A string of several lines that begins with a tab is printed as
//! `null`, which [`Decrypted::lost`] tells. A block that begins with a blank and stands in a list has the wrong indentation mark. A comment behind a last
//! list element that is a mapping moves down. [`Decrypted::value`] takes values from the tree and is free of all this.
//!
//! A plain integer in JSON that fits 64 bits is exact since sops 3.13.2, and was a floating-point number before, so that
//! `12345678901234567` came out as `12345678901234568`. The MAC tells which it was, and so it comes out
//! ([`Decrypted::integers`]); where the MAC does not cover it, the version decides. Since 3.13.0 comments that are not encrypted
//! and end the line of a value in YAML stay there; files of older versions have them above.
//!
//! # Bounds
//!
//! A sops file may come from anyone who can write to a repository. Nesting is limited, and so are what aliases expand to,
//! the header of an age file, and what a compressed OpenPGP message may become. Every such limit is an error with a
//! position where there is one. Work and memory are linear in the size of the file.
//!
//! # Secrecy
//!
//! Identities, data keys and everything decrypted are wiped when they are dropped ([`Plaintext`]) and have no `Debug`. What
//! else passes through memory, as text that is being written, is wiped by the allocator of the program, which wipes whatever
//! is freed. No error holds any of these, nor a MAC, and text from outside goes into messages through [`Foreign`] alone.
//!
//! # Children
//!
//! Plugins, GnuPG and what [`Query`] runs come from absolute folders of the search path, have a time limit, a limit of output
//! and a process group of their own, and end when this process is told to end. GnuPG gets a home
//! in memory where there is none, and an agent that was started for it is stopped ([`Identities::close`]).

mod child;
mod datakey;
mod error;
mod file;
mod foreign;
mod format;
#[cfg(fuzzing)]
pub mod fuzzing;
mod identity;
mod lookup;
mod mac;
mod metadata;
mod plaintext;
mod private_key;
mod rules;
mod shamir;
mod tree;
mod value;
mod version;
mod walk;

pub use child::query::{Query, QueryError, command_words};
pub use child::watcher::Watcher;
pub use datakey::{AgeFileError, HostIdentity, NoDataKey, Recipient};
pub use error::Error;
pub use file::{Checked, Decrypted, Encrypted};
pub use foreign::{Foreign, escaped, is_printable};
pub use format::{EmitError, Fix, Format, ParseError};
pub use go_yaml::Position;
pub use identity::age::AgeProblem;
pub use identity::failure::Need;
pub use identity::recipient::{HostRecipient, RecipientError};
pub use identity::{Gpg, Identities, IdentityError, Imported, KeyProblem, Plugins, Public, PublicHalf};
pub use lookup::LookupError;
pub use mac::MacError;
pub use metadata::MetadataError;
pub use plaintext::Plaintext;
pub use private_key::without_private_keys;
pub use rules::pattern::UntranslatablePattern;
pub use tree::Integers;
pub use value::ValueError;
pub use walk::WalkError;
