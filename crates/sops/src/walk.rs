//! The walk over a tree that decrypts its leaves in place and hashes them (sops-format.md sections 1.2, 2.4 and 4).

use crate::gcm::Cipher;
use crate::mac::{Mac, MacHasher};
use crate::rules::{Leaf, Rule};
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};
use crate::value::{Ciphertext, ValueError};

/// What the walk goes by.
pub(crate) struct Walk<'a> {
    /// The data key; without it ciphertexts are only looked at, and stay as they are.
    pub(crate) cipher: Option<&'a Cipher>,
    /// What is encrypted.
    pub(crate) rule: &'a Rule,
    /// Whether plain leaves are left out of the hash.
    pub(crate) mac_only_encrypted: bool,
}

/// A leaf or a key that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A value that cannot be decrypted.
    #[error("the value of the key {path:?}")]
    Value {
        /// The keys that lead there, joined by `/`.
        path: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// YAML keys can be numbers and the like; sops only takes strings.
    #[error("the key {key:?} below {path:?} is of type {kind}, but sops only takes strings as keys; put it in quotes")]
    Key {
        /// The keys that lead to the mapping, joined by `/`.
        path: String,
        /// The key in the file.
        key: String,
        /// Go's name of its type.
        kind: &'static str,
    },
    /// A YAML integer that does not fit 64 bits with a sign.
    #[error(
        "the value of the key {path:?} is an integer above 9223372036854775807, which sops cannot hold; put it in quotes"
    )]
    Unsigned {
        /// The keys that lead there, joined by `/`.
        path: String,
    },
}

impl Walk<'_> {
    /// Decrypts every leaf that the rule calls encrypted, and gives the MAC of all that is hashed.
    ///
    /// Without a data key it finds what can be found without one: a leaf that should be a ciphertext and is none. The MAC is
    /// then that of the plain leaves alone, and good for nothing.
    ///
    /// # Errors
    ///
    /// The first leaf that cannot be. The tree is then partly decrypted and must be dropped.
    pub(crate) fn run(&self, tree: &mut Tree) -> Result<Mac, WalkError> {
        let hasher = MacHasher::new(self.mac_only_encrypted);
        let mut state = State { walk: self, hasher, path: Vec::new(), matching: 0, comments: Vec::new() };
        for document in &mut tree.documents {
            state.mapping(document)?;
        }
        Ok(state.hasher.finish())
    }
}

struct State<'a> {
    walk: &'a Walk<'a>,
    hasher: MacHasher,
    /// The keys from the root of the document, each followed by a colon: what a ciphertext is bound to.
    path: Vec<u8>,
    /// How many keys of the path the rule matches.
    matching: usize,
    /// The active comments, one list for each open mapping or list; empty lists if the rule does not look at them.
    comments: Vec<Vec<Vec<u8>>>,
}

impl State<'_> {
    fn mapping(&mut self, mapping: &mut Mapping) -> Result<(), WalkError> {
        self.comments.push(Vec::new());
        for item in mapping {
            match item {
                Item::Entry { key, value } => self.entry(key, value)?,
                Item::Comment(comment) => {
                    self.activate(comment);
                    match self.comment(comment)? {
                        None => {}
                        Some(Value::Comment(opened)) => *comment = opened,
                        Some(Value::Scalar(Scalar::Text(text))) => *comment = Comment(text),
                        Some(_) => return Err(self.value_error(ValueError::NotAComment)),
                    }
                }
            }
        }
        self.comments.pop();
        Ok(())
    }

    fn entry(&mut self, key: &Key, value: &mut Value) -> Result<(), WalkError> {
        let name = match key {
            Key::Text(name) => name,
            Key::Other { kind, text } => {
                return Err(WalkError::Key { path: self.shown_path(), key: text.clone(), kind });
            }
        };
        let parent = (self.path.len(), self.matching);
        self.path.extend_from_slice(name);
        self.path.push(b':');
        self.matching = self.matching.saturating_add(usize::from(self.walk.rule.matches_key(name)));
        self.value(value)?;
        self.path.truncate(parent.0);
        self.matching = parent.1;
        Ok(())
    }

    fn list(&mut self, list: &mut [Value]) -> Result<(), WalkError> {
        self.comments.push(Vec::new());
        for value in list {
            self.value(value)?;
        }
        self.comments.pop();
        Ok(())
    }

    /// Walks an element of a list or the value of a key. Afterwards the comments before it are no longer active, unless
    /// it is itself a comment.
    fn value(&mut self, value: &mut Value) -> Result<(), WalkError> {
        let opened = match value {
            Value::Comment(comment) => {
                self.activate(comment);
                if let Some(opened) = self.comment(comment)? {
                    *value = opened;
                }
                return Ok(());
            }
            Value::Mapping(mapping) => {
                self.mapping(mapping)?;
                None
            }
            Value::List(list) => {
                self.list(list)?;
                None
            }
            Value::Scalar(scalar) => self.scalar(scalar)?,
        };
        if let Some(opened) = opened {
            *value = opened;
        }
        if let Some(active) = self.comments.last_mut() {
            active.clear();
        }
        Ok(())
    }

    /// What a leaf decrypts to; `None` if it stays as it is.
    fn scalar(&mut self, scalar: &Scalar) -> Result<Option<Value>, WalkError> {
        match scalar {
            // Neither decrypted nor hashed, wherever it stands.
            Scalar::Null => return Ok(None),
            Scalar::Unsigned(_) => return Err(WalkError::Unsigned { path: self.shown_path() }),
            _ => {}
        }
        if !self.encrypts(Leaf::Value) {
            if !self.walk.mac_only_encrypted {
                self.hash(scalar)?;
            }
            return Ok(None);
        }
        let Scalar::Text(text) = scalar else {
            return Err(self.value_error(ValueError::NotText(scalar.kind())));
        };
        if text.as_bytes().is_empty() {
            return Ok(None);
        }
        let ciphertext = Ciphertext::parse(text.as_bytes()).ok_or(ValueError::NotEncrypted);
        let Some(cipher) = self.walk.cipher else {
            return match ciphertext.and_then(|ciphertext| ciphertext.check()) {
                Ok(()) => Ok(None),
                Err(source) => Err(self.value_error(source)),
            };
        };
        let opened = ciphertext
            .and_then(|ciphertext| ciphertext.open(cipher, self.place()))
            .map_err(|source| self.value_error(source))?;
        self.hash_opened(&opened)?;
        Ok(Some(opened))
    }

    /// What a comment decrypts to; `None` if it stays as it is. sops tolerates comments that do not decrypt: files of
    /// old versions have plain ones, and comments are not protected by the MAC in the first place.
    fn comment(&mut self, comment: &Comment) -> Result<Option<Value>, WalkError> {
        let text = comment.0.as_bytes();
        if text.is_empty() || !self.encrypts(Leaf::Comment) {
            return Ok(None);
        }
        let (Some(found), Some(cipher)) = (Ciphertext::parse(text), self.walk.cipher) else { return Ok(None) };
        let Ok(opened) = found.open(cipher, self.place()) else { return Ok(None) };
        self.hash_opened(&opened)?;
        Ok(Some(opened))
    }

    fn encrypts(&self, leaf: Leaf) -> bool {
        self.walk.rule.encrypts(leaf, self.matching > 0, &self.comments)
    }

    /// Makes a comment, as it stands in the file, count for what follows it.
    fn activate(&mut self, comment: &Comment) {
        if self.walk.rule.looks_at_comments()
            && let Some(active) = self.comments.last_mut()
        {
            active.push(comment.0.as_bytes().to_vec());
        }
    }

    /// What a ciphertext here is bound to. Even the empty path ends in a colon.
    fn place(&self) -> &[u8] {
        if self.path.is_empty() { b":" } else { &self.path }
    }

    /// Hashes a decrypted value. Comments, also those that lists hold as values, are left out: sops up to 3.13.1 does
    /// so, and only 3.13.2 does not recognise its own files (section 4.4).
    fn hash_opened(&mut self, opened: &Value) -> Result<(), WalkError> {
        match opened {
            Value::Scalar(scalar) => self.hash(scalar),
            Value::Comment(_) | Value::Mapping(_) | Value::List(_) => Ok(()),
        }
    }

    fn hash(&mut self, scalar: &Scalar) -> Result<(), WalkError> {
        self.hasher.add(scalar).map_err(|source| self.value_error(source))
    }

    fn value_error(&self, source: ValueError) -> WalkError {
        WalkError::Value { path: self.shown_path(), source }
    }

    /// The path as messages have it: keys joined by `/`. A key with a colon looks like two.
    fn shown_path(&self) -> String {
        let joined = self.path.strip_suffix(b":").unwrap_or_default();
        String::from_utf8_lossy(joined).replace(':', "/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::RuleText;

    /// The vectors of the format: the data key is the bytes 0 to 31.
    const HI_AT_A: &str = "ENC[AES256_GCM,data:f6g=,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:Hl/6MbouvAVT4BrLNHh6pQ==,type:str]";
    const TOP_COMMENT: &str = "ENC[AES256_GCM,data:Y66B,iv:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=,tag:nbd6WzzGW7hfoM1+Wc3pnw==,type:comment]";

    fn walked(items: Vec<Item>) -> Result<Tree, WalkError> {
        let cipher = Cipher::new(&(0..32).collect::<Vec<u8>>()).unwrap();
        walked_with(Some(&cipher), items)
    }

    fn walked_with(cipher: Option<&Cipher>, items: Vec<Item>) -> Result<Tree, WalkError> {
        let rule = Rule::compile(RuleText::UnencryptedSuffix("_unencrypted".into())).unwrap();
        let mut tree = Tree { documents: vec![items] };
        Walk { cipher, rule: &rule, mac_only_encrypted: false }.run(&mut tree)?;
        Ok(tree)
    }

    #[test]
    fn without_a_key_what_is_no_ciphertext_is_found_and_the_rest_stays_as_it_is() {
        for (value, is_good) in [
            (HI_AT_A, true),
            ("", true),
            ("plain", false),
            ("ENC[AES256_GCM,data:f6g,iv:ICEi,tag:Hl==,type:str]", false),
            ("ENC[AES256_GCM,data:f6g=,iv:ICEi,tag:Hl==,type:bytes]", false),
        ] {
            let walked = walked_with(None, vec![entry("anywhere", text(value)), entry("b_unencrypted", text("plain"))]);
            assert_eq!(walked.is_ok(), is_good, "{value}");
            let Ok(tree) = walked else { continue };
            assert!(matches!(&tree.documents[0][0], Item::Entry { value: kept, .. } if texts(kept) == [value]));
        }
        let comment = walked_with(None, vec![Item::Comment(Comment(" plain".into()))]);
        assert!(comment.is_ok());
    }

    fn entry(name: &str, value: Value) -> Item {
        Item::Entry { key: Key::Text(name.as_bytes().to_vec()), value }
    }

    fn text(text: &str) -> Value {
        Value::Scalar(Scalar::text(text))
    }

    fn texts(value: &Value) -> Vec<&str> {
        match value {
            Value::Scalar(Scalar::Text(text)) => text.as_str().into_iter().collect(),
            Value::List(list) => list.iter().flat_map(texts).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn the_elements_of_a_list_have_the_path_of_the_list() {
        let nested = Value::List(vec![text(HI_AT_A), Value::List(vec![text(HI_AT_A)])]);
        let tree = walked(vec![entry("a", nested)]).ok().unwrap();
        assert!(matches!(&tree.documents[0][0], Item::Entry { value, .. } if texts(value) == ["hi", "hi"]));
    }

    #[test]
    fn what_is_empty_or_null_is_left_alone() {
        let items = vec![
            entry("a", text("")),
            entry("b", Value::Scalar(Scalar::Null)),
            entry("c", Value::List(Vec::new())),
            entry("d", Value::Mapping(Mapping::new())),
        ];
        assert!(walked(items).is_ok());
    }

    #[test]
    fn comments_that_do_not_decrypt_are_kept() {
        for (stored, shown) in [(TOP_COMMENT, "top"), (" plain", " plain"), (HI_AT_A, HI_AT_A)] {
            let tree = walked(vec![Item::Comment(Comment(stored.into()))]).ok().unwrap();
            assert!(matches!(&tree.documents[0][0], Item::Comment(Comment(text)) if text.as_str() == Some(shown)));
        }
    }

    #[test]
    fn a_leaf_that_cannot_be_is_named_by_its_path() {
        let below = |value| vec![entry("m", Value::Mapping(vec![entry("k", value)]))];
        let number = Item::Entry { key: Key::Other { kind: "int", text: "1".into() }, value: text("x") };
        for (items, message) in [
            (below(text("plain")), r#"the value of the key "m/k""#),
            (below(text(HI_AT_A)), r#"the value of the key "m/k""#),
            (below(Value::Scalar(Scalar::Integer(1))), r#"the value of the key "m/k""#),
            (
                below(Value::Scalar(Scalar::Unsigned(u64::MAX))),
                r#"the value of the key "m/k" is an integer above 9223372036854775807, which sops cannot hold; put it in quotes"#,
            ),
            (
                vec![entry("m", Value::Mapping(vec![number]))],
                r#"the key "1" below "m" is of type int, but sops only takes strings as keys; put it in quotes"#,
            ),
        ] {
            assert_eq!(walked(items).err().unwrap().to_string(), message);
        }
    }
}
