//! What is installed, as the report says it.

use std::error::Error;

use install::{FileKind, WayOut};
use serde::{Serialize, Serializer};

use super::{RemedyEntry, message};
use crate::remedy::Remedy;

/// What is installed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstalledFiles {
    /// The file system that the generation is on; nothing without a generation.
    pub(crate) file_system: Option<&'static str>,
    pub(crate) files: Vec<InstalledFile>,
    /// Places in the generation and links of earlier runs that nothing in the manifest wants; unknown if this user may not list them.
    pub(crate) superfluous: Option<Vec<String>>,
    /// How what is beside the generation is not as the manifest says, as far as can be seen without decrypting.
    pub(crate) surroundings: Vec<String>,
    /// What to do about those that an installation leaves.
    #[serde(serialize_with = "remedies")]
    pub(crate) remedies: Vec<Remedy>,
    /// Units that have yet to read the new values.
    pub(crate) pending: Vec<PendingUnit>,
}

/// A file of the manifest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstalledFile {
    #[serde(with = "Kind")]
    pub(crate) kind: FileKind,
    pub(crate) name: String,
    pub(crate) sops_file: Option<String>,
    pub(crate) key: Option<String>,
    /// Where readers find it: a link, unless it is the place in the generation.
    pub(crate) path: String,
    pub(crate) link: bool,
    pub(crate) installed: Option<InstalledAccess>,
    pub(crate) drift: Vec<String>,
    /// What to do about what an installation leaves.
    #[serde(serialize_with = "remedies")]
    pub(crate) remedies: Vec<Remedy>,
}

/// How something is not as the manifest says, in words, and what to do where an installation does nothing about it.
pub(crate) fn finding(what: &dyn Error, way_out: Option<WayOut>) -> (String, Option<Remedy>) {
    let remedy = way_out.map(Remedy::from);
    (message(what, remedy.as_ref()), remedy)
}

fn remedies<S: Serializer>(remedies: &[Remedy], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(remedies.iter().map(RemedyEntry::of))
}

/// The kinds of files, as the report spells them.
#[derive(Serialize)]
#[serde(remote = "FileKind", rename_all = "lowercase")]
enum Kind {
    Secret,
    Template,
}

/// The owner of an installed file, and its mode.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InstalledAccess {
    pub(crate) mode: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) owner: String,
    pub(crate) group: String,
}

/// A unit that was to be asked for something after a switch, and was not, or did not follow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PendingUnit {
    pub(crate) unit: String,
    pub(crate) request: &'static str,
    /// Whether systemd was asked and said no. Otherwise the next run asks.
    pub(crate) refused: bool,
}
