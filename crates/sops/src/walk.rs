//! The walk over a tree that decrypts its leaves in place and hashes them (docs/format.md sections 1.2, 2.4 and 4).

use gcm::Cipher;

use crate::foreign::Foreign;
use crate::mac::{Mac, MacHasher};
use crate::rules::{Leaf, Rule};
use crate::tree::{Comment, Item, Key, Mapping, Scalar, Tree, Value};
use crate::value::{Ciphertext, ValueError};

/// A leaf or a key that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A value that cannot be decrypted.
    #[error("the value of the key {:?}", Foreign(path))]
    Value {
        /// The keys that lead there, joined by `/`.
        path: String,
        /// What is wrong with it.
        source: ValueError,
    },
    /// YAML keys can be numbers and the like; sops only takes strings.
    #[error(
        "the key {:?} below {:?} is of type {kind}, but sops only takes strings as keys",
        Foreign(key),
        Foreign(path)
    )]
    Key {
        /// The keys that lead to the mapping, joined by `/`.
        path: String,
        /// The key in the file.
        key: String,
        /// Go's name of its type.
        kind: &'static str,
    },
    /// A YAML integer that does not fit 64 bits with a sign.
    #[error("the value of the key {:?} is an integer above 9223372036854775807, which sops cannot hold", Foreign(path))]
    Unsigned {
        /// The keys that lead there, joined by `/`.
        path: String,
    },
}

/// Decrypts every leaf that the rule calls encrypted, and gives the MAC of all that is hashed. With `mac_only_encrypted`
/// plain leaves are left out of it.
///
/// # Errors
///
/// The first leaf that cannot be. The tree is then partly decrypted and must be dropped.
pub(crate) fn decrypt(
    tree: &mut Tree,
    rule: &Rule,
    cipher: &Cipher,
    mac_only_encrypted: bool,
) -> Result<Mac, WalkError> {
    let mut walk = Walk::new(rule, Some(cipher), mac_only_encrypted);
    for document in &mut tree.documents {
        walk.mapping(document)?;
    }
    Ok(walk.hasher.finish())
}

/// Finds what can be found without a key: a leaf that should be a ciphertext and is not.
///
/// # Errors
///
/// The first leaf that cannot be.
pub(crate) fn check(tree: &mut Tree, rule: &Rule) -> Result<(), WalkError> {
    let mut walk = Walk::new(rule, None, false);
    for document in &mut tree.documents {
        walk.mapping(document)?;
    }
    Ok(())
}

struct Walk<'a> {
    rule: &'a Rule,
    /// Without it ciphertexts are only looked at, and stay as they are.
    cipher: Option<&'a Cipher>,
    mac_only_encrypted: bool,
    hasher: MacHasher,
    /// The keys from the root of the document, each followed by a colon: what a ciphertext is bound to.
    path: Vec<u8>,
    /// How many keys of the path the rule matches.
    matching: usize,
    /// The active comments, one list for each open mapping or list; empty lists if the rule does not look at them.
    comments: Vec<Vec<Vec<u8>>>,
}

impl<'a> Walk<'a> {
    fn new(rule: &'a Rule, cipher: Option<&'a Cipher>, mac_only_encrypted: bool) -> Self {
        Self {
            rule,
            cipher,
            mac_only_encrypted,
            hasher: MacHasher::new(mac_only_encrypted),
            path: Vec::new(),
            matching: 0,
            comments: Vec::new(),
        }
    }

    fn mapping(&mut self, mapping: &mut Mapping) -> Result<(), WalkError> {
        self.comments.push(Vec::new());
        for item in mapping {
            match item {
                Item::Entry { key, value } => self.entry(key, value)?,
                Item::Comment(comment) => {
                    self.activate(comment.text.as_bytes());
                    match self.comment(comment)? {
                        None => {}
                        Some(Value::Comment(opened)) => *comment = opened,
                        Some(Value::Scalar(Scalar::Text(text))) => comment.text = text,
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
        self.matching = self.matching.saturating_add(usize::from(self.rule.matches_key(name)));
        self.value(value)?;
        self.path.truncate(parent.0);
        self.matching = parent.1;
        Ok(())
    }

    fn list(&mut self, list: &mut [Value]) -> Result<(), WalkError> {
        self.comments.push(Vec::new());
        for value in list {
            match value {
                Value::Comment(comment) => {
                    self.activate(comment.text.as_bytes());
                    if let Some(opened) = self.comment(comment)? {
                        *value = opened;
                    }
                }
                // sops encrypts a comment in a list to an element. It stays a comment to what follows it.
                Value::Scalar(Scalar::Text(text)) if is_encrypted_comment(text.as_bytes()) => {
                    let active = self.comments.last().cloned().unwrap_or_default();
                    self.value(value)?;
                    if let Some(innermost) = self.comments.last_mut() {
                        *innermost = active;
                    }
                    if let Value::Comment(comment) = value {
                        self.activate(comment.text.as_bytes());
                    }
                }
                value => self.value(value)?,
            }
        }
        self.comments.pop();
        Ok(())
    }

    /// Walks an element of a list or the value of a key. Afterwards the comments before it are no longer active.
    fn value(&mut self, value: &mut Value) -> Result<(), WalkError> {
        let opened = match value {
            // Only a list has comments among its values.
            Value::Comment(_) => None,
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
            if !self.mac_only_encrypted {
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
        let Some(cipher) = self.cipher else {
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
    /// old versions have plain ones, and comments are not protected by the MAC in the first place. What decrypts to a text is
    /// a text: in a list, where the empty comment comes out so, it becomes an element.
    fn comment(&mut self, comment: &Comment) -> Result<Option<Value>, WalkError> {
        let text = comment.text.as_bytes();
        if !self.encrypts(Leaf::Comment) {
            return Ok(None);
        }
        if text.is_empty() {
            return Ok(self.cipher.map(|_| Value::Scalar(Scalar::text(""))));
        }
        let (Some(found), Some(cipher)) = (Ciphertext::parse(text), self.cipher) else { return Ok(None) };
        let Ok(opened) = found.open(cipher, self.place()) else { return Ok(None) };
        self.hash_opened(&opened)?;
        Ok(Some(opened))
    }

    fn encrypts(&self, leaf: Leaf) -> bool {
        self.rule.encrypts(leaf, self.matching > 0, &self.comments)
    }

    /// Makes a comment, as it stands in the file, count for what follows it.
    fn activate(&mut self, comment: &[u8]) {
        if self.rule.looks_at_comments()
            && let Some(active) = self.comments.last_mut()
        {
            active.push(comment.to_vec());
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

/// Whether an element of a list is a comment that sops encrypted.
fn is_encrypted_comment(text: &[u8]) -> bool {
    Ciphertext::parse(text).is_some_and(|found| found.kind() == b"comment")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleText;

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
        match cipher {
            Some(cipher) => drop(decrypt(&mut tree, &rule, cipher, false)?),
            None => check(&mut tree, &rule)?,
        }
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
        let comment = walked_with(None, vec![Item::Comment(Comment::new(" plain".into()))]);
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
            let tree = walked(vec![Item::Comment(Comment::new(stored.into()))]).ok().unwrap();
            assert!(matches!(&tree.documents[0][0], Item::Comment(comment) if comment.text.as_str() == Some(shown)));
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
                r#"the value of the key "m/k" is an integer above 9223372036854775807, which sops cannot hold"#,
            ),
            (
                vec![entry("m", Value::Mapping(vec![number]))],
                r#"the key "1" below "m" is of type int, but sops only takes strings as keys"#,
            ),
        ] {
            assert_eq!(walked(items).err().unwrap().to_string(), message);
        }
    }

    /// A ciphertext that the key of these tests opens.
    fn sealed(text: &str, place: &str, kind: &str) -> String {
        use aes_gcm::aead::consts::U32;
        use aes_gcm::aead::{Aead, KeyInit as _, Payload};
        use base64::Engine as _;
        let key: Vec<u8> = (0..32).collect();
        let cipher = aes_gcm::AesGcm::<aes_gcm::aes::Aes256, U32>::new_from_slice(&key).unwrap();
        let message = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = cipher.encrypt(&[7; 32].into(), message).unwrap();
        let (data, tag) = sealed.split_at(sealed.len().saturating_sub(16));
        let [data, nonce, tag] =
            [data, &[7; 32], tag].map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
        format!("ENC[AES256_GCM,data:{data},iv:{nonce},tag:{tag},type:{kind}]")
    }

    #[test]
    fn an_empty_comment_in_a_list_becomes_an_element_as_in_sops() {
        let comment = |text: &str| Value::Comment(Comment::new(text.into()));
        let list = vec![comment(""), text(&sealed("x", "a:", "str")), comment(&sealed("y", "a:", "str"))];
        let tree = walked(vec![entry("a", Value::List(list))]).ok().unwrap();
        let Item::Entry { value, .. } = &tree.documents[0][0] else { panic!("not an entry") };
        assert_eq!(texts(value), ["", "x", "y"]);
        // In a mapping it stays a comment.
        let tree = walked(vec![Item::Comment(Comment::new("".into()))]).ok().unwrap();
        assert!(matches!(&tree.documents[0][0], Item::Comment(comment) if comment.text.as_bytes().is_empty()));
        assert!(walked_with(None, vec![entry("a", Value::List(vec![comment("")]))]).is_ok());
    }

    #[test]
    fn comments_that_sops_encrypted_in_a_list_stay_active_for_the_element_below_them() {
        let rule = Rule::compile(RuleText::EncryptedCommentRegex("secret".into())).unwrap();
        let cipher = Cipher::new(&(0..32).collect::<Vec<u8>>()).unwrap();
        let list = || {
            vec![
                Value::Comment(Comment::new(" secret".into())),
                text(&sealed(" second line", "a:", "comment")),
                text(&sealed(" third line", "a:", "comment")),
                text(&sealed("x", "a:", "str")),
                text("plain"),
            ]
        };
        let tree = || Tree { documents: vec![vec![entry("a", Value::List(list()))]] };
        let mut decrypted = tree();
        let mac = decrypt(&mut decrypted, &rule, &cipher, false).ok().unwrap();
        let Item::Entry { value: Value::List(list), .. } = &decrypted.documents[0][0] else { panic!("not a list") };
        assert_eq!(list.iter().flat_map(texts).collect::<Vec<_>>(), ["x", "plain"]);
        assert_eq!(list.iter().filter(|value| matches!(value, Value::Comment(_))).count(), 3);
        let mut hasher = MacHasher::new(false);
        for text in ["x", "plain"] {
            hasher.add(&Scalar::text(text)).unwrap();
        }
        assert!(mac == hasher.finish());
        assert!(check(&mut tree(), &rule).is_ok());
    }
}
