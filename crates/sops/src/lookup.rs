//! Finding values of a file by their keys (docs/format.md section 8.3, and promises V1 and V2 beyond it).

use std::collections::HashMap;

use nearest::did_you_mean;

use crate::foreign::Foreign;
use crate::tree::{Item, Mapping, Scalar, Tree, Value};
use crate::value::Ciphertext;

/// Finds values in one tree. Large mappings are indexed when they are first entered, so that asking for every key of a
/// file takes time in proportion to the file.
pub(crate) struct Finder<'t> {
    tree: &'t Tree,
    merge: Merge,
    /// The entries of large mappings, by the address of the mapping, which does not move while the tree is borrowed. There are
    /// none where a merge key is followed: what it gives depends on where it stands among the others.
    indexes: HashMap<usize, Option<HashMap<&'t [u8], &'t Value>>>,
    /// How many wrong keys may still be compared with all others.
    comparisons: usize,
}

impl<'t> Finder<'t> {
    /// For a tree in whose format merge keys are followed or not.
    pub(crate) fn new(tree: &'t Tree, merge: Merge) -> Self {
        Self { tree, merge, indexes: HashMap::new(), comparisons: COMPARISONS }
    }

    /// The value at a path of keys in the first document. A list is entered by the number of an element, from 0;
    /// comments in it do not count. Of keys given twice the last counts, and YAML's merge key `<<` is followed, as the
    /// parser does with which sops-nix reads the decrypted file.
    ///
    /// # Errors
    ///
    /// [`LookupError`] if there is no such value.
    pub(crate) fn find(&mut self, path: &[&str]) -> Result<&'t Value, LookupError> {
        let Some((first, rest)) = path.split_first() else { return Err(self.not_found(path)) };
        let mut value = self.tree.documents.first().and_then(|root| self.get(root, first));
        for (position, part) in rest.iter().enumerate() {
            value = match value {
                None => break,
                Some(Value::Mapping(mapping)) => self.get(mapping, part),
                Some(Value::List(list)) => element(list, part),
                Some(leaf @ (Value::Comment(_) | Value::Scalar(_))) => {
                    let to_leaf = path.get(..=position).unwrap_or(path).join("/");
                    return Err(LookupError::NotAMapping { key: path.join("/"), leaf: to_leaf, kind: kind(leaf) });
                }
            };
        }
        value.ok_or_else(|| self.not_found(path))
    }

    fn get(&mut self, mapping: &'t Mapping, name: &str) -> Option<&'t Value> {
        if mapping.len() < INDEXED {
            return get(mapping, name, self.merge);
        }
        let index = self.indexes.entry(std::ptr::from_ref(mapping).addr()).or_insert_with(|| {
            let entries = mapping.iter().filter_map(|item| match item {
                Item::Entry { key, value } => Some((key.as_bytes()?, value)),
                Item::Comment(_) => None,
            });
            let index: HashMap<&[u8], &Value> = entries.collect();
            let is_merged = self.merge == Merge::Follow && index.contains_key(b"<<".as_slice());
            (!is_merged).then_some(index)
        });
        match index {
            Some(index) => index.get(name.as_bytes()).copied(),
            None => get(mapping, name, self.merge),
        }
    }

    fn not_found(&mut self, path: &[&str]) -> LookupError {
        let compare = self.comparisons > 0;
        self.comparisons = self.comparisons.saturating_sub(1);
        let nearest = if compare { nearest(self.tree, path, self.merge) } else { Vec::new() };
        let key = path.join("/");
        let root = self.tree.documents.first();
        if path.len() > 1 && root.is_some_and(|root| get(root, &key, Merge::Ignore).is_some()) {
            return LookupError::Slash { key };
        }
        LookupError::NotFound { key, nearest }
    }
}

/// Whether the key `<<` stands for the keys of the mapping behind it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Merge {
    /// In YAML.
    Follow,
    /// Elsewhere it is a key like any other.
    Ignore,
}

/// A key that leads to no value. Keys are not secret: they stand in the encrypted file as they are.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The key, or a part of it, does not exist.
    #[error("there is no key {:?}{}", Foreign(key), did_you_mean(nearest.iter().map(|key| format!("{:?}", Foreign(key)))))]
    NotFound {
        /// The whole key.
        key: String,
        /// The existing keys that are spelled most alike, best first; empty if none is near.
        nearest: Vec<String>,
    },
    /// There is such a name, but a `/` leads from one name to the next.
    #[error("the file has the name {:?}, which cannot be reached, because / separates names", Foreign(key))]
    Slash {
        /// The name.
        key: String,
    },
    /// The path goes on through a leaf.
    #[error(
        "there is no key {:?}: {leaf:?} holds {} {kind}, which has no keys below it",
        Foreign(key),
        article(kind),
        leaf = Foreign(leaf)
    )]
    NotAMapping {
        /// The whole key.
        key: String,
        /// The part of it that leads to the leaf.
        leaf: String,
        /// The leaf's type.
        kind: &'static str,
    },
    /// The key exists and has no value.
    #[error("the key {:?} is null, which has no text to install", Foreign(key))]
    Null {
        /// The whole key.
        key: String,
    },
    /// The value has no notation of its own in the file's format.
    #[error("the key {:?} holds {} {kind}, which cannot be installed on its own", Foreign(key), article(kind))]
    NoText {
        /// The whole key.
        key: String,
        /// The value's type.
        kind: &'static str,
    },
}

/// What a value is called in messages. Before decryption a ciphertext is what its type field says.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Mapping(_) => "mapping",
        Value::List(_) => "list",
        Value::Comment(_) => "comment",
        Value::Scalar(Scalar::Text(text)) => match Ciphertext::parse(text.as_bytes()).map(|found| found.kind()) {
            Some(b"int") => "integer",
            Some(b"float") => "number",
            Some(b"bool") => "boolean",
            Some(b"time") => "timestamp",
            Some(b"comment") => "comment",
            _ => "string",
        },
        Value::Scalar(scalar) => scalar.kind(),
    }
}

/// What stands before the name of a type.
pub(crate) fn article(kind: &str) -> &'static str {
    if kind == "integer" { "an" } else { "a" }
}

/// The last entry of that name; a merge key gives what it merges at its place.
fn get<'a>(mapping: &'a Mapping, name: &str, merge: Merge) -> Option<&'a Value> {
    mapping.iter().rev().find_map(|item| match item {
        Item::Entry { key, value } if key.as_bytes() == Some(b"<<") && merge == Merge::Follow => merged(value, name),
        Item::Entry { key, value } if key.as_bytes() == Some(name.as_bytes()) => Some(value),
        _ => None,
    })
}

/// What a merge key merges: a mapping, or a list of mappings of which the first that has the name wins.
fn merged<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Mapping(mapping) => get(mapping, name, Merge::Follow),
        Value::List(list) => list.iter().find_map(|value| match value {
            Value::Mapping(mapping) => get(mapping, name, Merge::Follow),
            _ => None,
        }),
        _ => None,
    }
}

fn element<'a>(list: &'a [Value], part: &str) -> Option<&'a Value> {
    if !part.bytes().all(|byte| byte.is_ascii_digit()) || (part.len() > 1 && part.starts_with('0')) {
        return None;
    }
    list.iter().filter(|value| !matches!(value, Value::Comment(_))).nth(part.parse().ok()?)
}

/// Up to three existing keys that are spelled most alike. Not many more than [`CANDIDATES`] keys are looked at.
fn nearest(tree: &Tree, path: &[&str], merge: Merge) -> Vec<String> {
    let wanted = path.join("/");
    let mut candidates = Vec::new();
    if let Some(root) = tree.documents.first() {
        collect(root, "", merge, &mut candidates);
    }
    let names = &mut candidates.iter().map(String::as_str);
    let near: Vec<_> = nearest::nearest(&wanted, names).into_iter().map(str::to_owned).collect();
    // Where there is little else, it is shown.
    if near.is_empty() && candidates.len() <= FEW { candidates } else { near }
}

fn collect(mapping: &Mapping, above: &str, merge: Merge, paths: &mut Vec<String>) {
    for item in mapping {
        let Item::Entry { key, value } = item else { continue };
        if paths.len() >= CANDIDATES {
            return;
        }
        // What is below a name with a slash cannot be reached.
        let Some(name) = key.as_bytes().filter(|name| !name.contains(&b'/')) else { continue };
        if name == b"<<" && merge == Merge::Follow {
            if let Value::Mapping(merged) = value {
                collect(merged, above, merge, paths);
            }
            continue;
        }
        let path = format!("{above}{}", String::from_utf8_lossy(name));
        collect_value(value, &path, merge, paths);
    }
}

fn collect_value(value: &Value, path: &str, merge: Merge, paths: &mut Vec<String>) {
    paths.push(path.to_owned());
    match value {
        Value::Mapping(mapping) => collect(mapping, &format!("{path}/"), merge, paths),
        Value::List(list) => {
            let elements = list.iter().filter(|value| !matches!(value, Value::Comment(_)));
            for (number, element) in elements.enumerate() {
                if paths.len() >= CANDIDATES {
                    return;
                }
                collect_value(element, &format!("{path}/{number}"), merge, paths);
            }
        }
        Value::Scalar(_) | Value::Comment(_) => {}
    }
}

/// How many keys are named although they are not near.
const FEW: usize = 2;
/// From how many items on a mapping is indexed.
const INDEXED: usize = 16;
/// How many wrong keys of one file are compared with those that exist.
const COMPARISONS: usize = 20;
/// How many keys of a file are compared with a wrong one.
const CANDIDATES: usize = 20_000;
#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Key;

    fn entry(name: &str, value: Value) -> Item {
        Item::Entry { key: Key::Text(name.as_bytes().to_vec()), value }
    }

    fn text(text: &str) -> Value {
        Value::Scalar(Scalar::text(text))
    }

    fn tree() -> Tree {
        let comment = || Value::Comment(crate::tree::Comment::new(" note".into()));
        let inner = Value::Mapping(vec![entry("q", text("in list"))]);
        let first = vec![
            entry("db", Value::Mapping(vec![entry("password", text("p")), entry("user", text("u"))])),
            entry(
                "list",
                Value::List(vec![comment(), text("zero"), comment(), inner, Value::List(vec![text("deep")])]),
            ),
            entry("twice", text("first")),
            entry("twice", text("last")),
            entry("", Value::Mapping(vec![entry("", text("empty"))])),
            entry("nothing", Value::Scalar(Scalar::Null)),
            entry("with/slash", text("out of reach")),
            entry(
                "merge",
                Value::Mapping(vec![
                    entry("before", text("own")),
                    entry(
                        "<<",
                        Value::Mapping(vec![
                            entry("a", text("merged")),
                            entry("own", text("merged")),
                            entry("before", text("merged")),
                        ]),
                    ),
                    entry("own", text("own")),
                ]),
            ),
            entry(
                "merges",
                Value::Mapping(vec![entry(
                    "<<",
                    Value::List(vec![
                        Value::Mapping(vec![entry("a", text("one"))]),
                        Value::Mapping(vec![entry("a", text("two")), entry("b", text("two"))]),
                    ]),
                )]),
            ),
        ];
        Tree { documents: vec![first, vec![entry("second", text("s"))]] }
    }

    fn found(key: &str) -> Result<String, String> {
        let path: Vec<&str> = key.split('/').collect();
        match Finder::new(&tree(), Merge::Follow).find(&path) {
            Ok(Value::Scalar(Scalar::Text(text))) => Ok(text.as_str().unwrap().to_owned()),
            Ok(other) => Ok(format!("a {}", kind(other))),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_path_leads_through_mappings_lists_and_merge_keys() {
        for (key, value) in [
            ("db/password", "p"),
            ("db", "a mapping"),
            ("list/0", "zero"),
            ("list/1/q", "in list"),
            ("list/2/0", "deep"),
            ("twice", "last"),
            ("/", "empty"),
            ("nothing", "a null"),
            ("merge/a", "merged"),
            ("merge/own", "own"),
            ("merge/before", "merged"),
            ("merges/a", "one"),
            ("merges/b", "two"),
        ] {
            assert_eq!(found(key).as_deref(), Ok(value), "{key:?}");
        }
    }

    #[test]
    fn an_indexed_mapping_gives_the_same() {
        let mut root: Mapping =
            (0..INDEXED).map(|number| entry(&format!("k{number}"), text(&number.to_string()))).collect();
        root.push(entry("k3", text("last")));
        let found = |root: Mapping, key: &str| {
            let tree = Tree { documents: vec![root] };
            match Finder::new(&tree, Merge::Follow).find(&[key]) {
                Ok(Value::Scalar(Scalar::Text(text))) => text.as_str().map(str::to_owned),
                _ => None,
            }
        };
        let merging = |mut root: Mapping| {
            root.push(entry("<<", Value::Mapping(vec![entry("k3", text("merged")), entry("m", text("merged"))])));
            root
        };
        assert_eq!(found(std::mem::take(&mut root), "k3").as_deref(), Some("last"));
        let large = || (0..INDEXED).map(|number| entry(&format!("k{number}"), text("own"))).collect::<Mapping>();
        assert_eq!(found(large(), "k99"), None);
        assert_eq!(found(merging(large()), "m").as_deref(), Some("merged"));
        assert_eq!(found(merging(large()), "k3").as_deref(), Some("merged"));
        assert_eq!(found(merging(large()), "k4").as_deref(), Some("own"));
    }

    #[test]
    fn a_wrong_key_names_the_nearest_ones() {
        for (key, message) in [
            ("db/pasword", r#"there is no key "db/pasword" (did you mean "db/password"?)"#),
            ("password", r#"there is no key "password" (did you mean "db/password"?)"#),
            ("DB/Password", r#"there is no key "DB/Password" (did you mean "db/password"?)"#),
            ("second", r#"there is no key "second""#),
            ("list/7", r#"there is no key "list/7" (did you mean "list/0" or "list/1" or "list/2"?)"#),
            ("list/00", r#"there is no key "list/00" (did you mean "list/0" or "list/1" or "list/2"?)"#),
            ("merge/<<", r#"there is no key "merge/<<" (did you mean "merge/a"?)"#),
            ("with/slash", r#"the file has the name "with/slash", which cannot be reached, because / separates names"#),
            ("with/slasch", r#"there is no key "with/slasch""#),
            ("db//user", r#"there is no key "db//user" (did you mean "db/user"?)"#),
            ("db/user/name", r#"there is no key "db/user/name": "db/user" holds a string, which has no keys below it"#),
        ] {
            assert_eq!(found(key), Err(message.to_owned()));
        }
        let number = LookupError::NotAMapping { key: "a/b".to_owned(), leaf: "a".to_owned(), kind: "integer" };
        assert!(number.to_string().contains("\"a\" holds an integer, which"), "{number}");
    }
}
