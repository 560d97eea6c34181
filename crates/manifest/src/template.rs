//! A text with secrets in it that becomes a file.

use std::path::{Path, PathBuf};

use crate::error::{Errors, Problems, Reported, Subject};
use crate::fields::Fields;
use crate::path::{RuntimeDirectory, SourcePath};
use crate::placeholder::{Meaning, stray_at};
use crate::schema::{Absent, EMPTY_TEXT, Field, FieldKind, Object, field};
use crate::{Entry, Error, GenerationPlace, Name, Placeholders, access, entry};

/// A template: which text becomes which file below `rendered`.
///
/// The fields are those of sops-nix (docs/format.md section 8.3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Template {
    entry: Entry,
    source: TemplateSource,
}

/// Where the text of a template comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TemplateSource {
    /// From the manifest: the field `content`, which counts if it is not empty.
    Inline(TemplateText),
    /// From the file that the field `file` names: read it and give its content to [`Template::parse`].
    File(PathBuf),
}

impl Template {
    /// The file to install.
    #[must_use]
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The name, unique among the templates.
    #[must_use]
    pub fn name(&self) -> &Name {
        self.entry.name()
    }

    /// Where the text comes from.
    #[must_use]
    pub fn source(&self) -> &TemplateSource {
        &self.source
    }

    /// The file of the text, unless the manifest has the text itself.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            TemplateSource::Inline(_) => None,
            TemplateSource::File(file) => Some(file),
        }
    }

    /// The content of the template's file with every placeholder resolved.
    ///
    /// Content is any bytes. Where several placeholders begin at one place, the longest counts. Time is linear in the
    /// length of the content.
    ///
    /// # Errors
    ///
    /// Every text that has the shape of a placeholder and is not one, with its line and column in this content.
    pub fn parse(&self, content: &[u8], placeholders: &Placeholders) -> Result<TemplateText, Errors> {
        TemplateText::parse(content, placeholders).map_err(|strays| {
            let mut problems = Problems::default();
            for (at, error) in strays {
                problems.report(at, Subject::Template(self.name().to_string()), error);
            }
            Errors::locate(content, problems)
        })
    }

    /// Reads a template. `placeholders` is none if they could not be read; then their use in the text is not checked.
    pub(crate) fn read(
        fields: &mut Fields<'_, '_>,
        directory: &GenerationPlace,
        runtime: Option<RuntimeDirectory<'_>>,
        placeholders: Option<&Placeholders>,
    ) -> Result<Self, Reported> {
        let name = fields.parse::<Name>(&NAME);
        let name = fields.required(&NAME, name);
        if let Ok(name) = &name {
            fields.set_subject(Subject::Template(name.to_string()));
        }
        let content = fields.text(&CONTENT);
        let file = fields.parse_unless_empty::<SourcePath>(&FILE);
        let source = match (content, file) {
            (Ok(Some(content)), Ok(_)) if !content.is_empty() => {
                inline(fields, content, placeholders).map(TemplateSource::Inline)
            }
            (Ok(_), Ok(Some(file))) => Ok(TemplateSource::File(file.into())),
            (Ok(_), Ok(None)) => Err(fields.report_at(&CONTENT, Error::NoContent)),
            (Err(reported), _) | (_, Err(reported)) => Err(reported),
        };
        let entry = Entry::read(fields, &NAME, name, directory, runtime);
        Ok(Self { entry: entry?, source: source? })
    }
}

fn inline(
    fields: &mut Fields<'_, '_>,
    content: &str,
    placeholders: Option<&Placeholders>,
) -> Result<TemplateText, Reported> {
    let Some(placeholders) = placeholders else {
        return Ok(TemplateText::default());
    };
    let mut result = Ok(());
    let text = TemplateText::parse(content.as_bytes(), placeholders).unwrap_or_else(|strays| {
        for (_, error) in strays {
            result = Err(fields.report_at(&CONTENT, error));
        }
        TemplateText::default()
    });
    result.map(|()| text)
}

/// The text of a template: to render it, put the secrets into their places one after the other.
///
/// It has no placeholder of a secret that is not there, so rendering cannot fail. Neighbouring literals are one; no
/// literal is empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TemplateText(Vec<Segment>);

/// A part of a template's text.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Segment {
    /// Bytes to take over as they are.
    Literal(Vec<u8>),
    /// The place of the whole content of this secret of the manifest.
    Secret(Name),
}

impl TemplateText {
    /// The parts from the beginning to the end, with the value of each secret in its place; `None` if one has no value.
    pub fn fill<'v>(&'v self, value: impl Fn(&'v Name) -> Option<&'v [u8]>) -> Option<Vec<&'v [u8]>> {
        let mut parts = Vec::with_capacity(self.0.len());
        for segment in &self.0 {
            parts.push(match segment {
                Segment::Literal(literal) => literal,
                Segment::Secret(name) => value(name)?,
            });
        }
        Some(parts)
    }

    /// Whether the text has a Nix expression for a placeholder, which Nix has not evaluated.
    #[must_use]
    pub fn is_unevaluated(&self) -> bool {
        let has = |literal: &[u8], text: &[u8]| literal.windows(text.len()).any(|window| window == text);
        let is_there = |literal: &[u8]| EXPRESSIONS.iter().any(|expression| has(literal, expression));
        self.0.iter().any(|segment| matches!(segment, Segment::Literal(literal) if is_there(literal)))
    }

    /// Whether no secret is filled in.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.0.iter().all(|segment| matches!(segment, Segment::Literal(_)))
    }

    /// The text, or the place and reason of each text that looks like a placeholder and is not one; at least one.
    fn parse(content: &[u8], placeholders: &Placeholders) -> Result<Self, Vec<(usize, Error)>> {
        let mut segments = Vec::new();
        let mut strays = Vec::new();
        let push_literal = |segments: &mut Vec<Segment>, literal: Option<&[u8]>| {
            if let Some(literal) = literal.filter(|literal| !literal.is_empty()) {
                segments.push(Segment::Literal(literal.to_vec()));
            }
        };
        let (mut literal, mut at) = (0, 0_usize);
        while let Some(rest) = content.get(at..)
            && let Some(skip) = rest.iter().position(|byte| placeholders.may_begin_with(*byte))
        {
            at = at.saturating_add(skip);
            let rest = rest.get(skip..).unwrap_or_default();
            let length = match placeholders.longest_at(rest) {
                Some((placeholder, Meaning::Secret(secret))) => {
                    push_literal(&mut segments, content.get(literal..at));
                    segments.push(Segment::Secret(secret.clone()));
                    literal = at.saturating_add(placeholder.len());
                    placeholder.len()
                }
                Some((placeholder, Meaning::Absent(secret))) => {
                    let (secret, text) = (secret.clone(), placeholder.to_owned());
                    strays.push((at, Error::ForeignPlaceholder { placeholder: text, secret }));
                    placeholder.len()
                }
                // What begins one byte later may be one.
                None if rest.starts_with(b"<")
                    && placeholders.longest_at(rest.get(1..).unwrap_or_default()).is_some() =>
                {
                    1
                }
                None => match stray_at(rest) {
                    Some((length, error)) => {
                        strays.push((at, error));
                        length
                    }
                    None => 1,
                },
            };
            at = at.saturating_add(length);
        }
        push_literal(&mut segments, content.get(literal..));
        if strays.is_empty() { Ok(Self(segments)) } else { Err(strays) }
    }
}

/// How Nix expressions for placeholders begin.
const EXPRESSIONS: [&[u8]; 2] = [b"${config.sops.placeholder.", b"${config.age.placeholder."];

/// The directory of the templates below the generation directory.
pub const RENDERED: &str = "rendered";

/// An element of `templates`.
pub(crate) static TEMPLATE: Object = Object::new(
    "template",
    "A text with placeholders of secrets that becomes a file.",
    &[
        &NAME,
        &CONTENT,
        &FILE,
        &entry::PATH,
        &access::MODE,
        &access::OWNER,
        &access::UID,
        &access::GROUP,
        &access::GID,
        &entry::RESTART_UNITS,
        &entry::RELOAD_UNITS,
    ],
);
static NAME: Field = field(
    "name",
    FieldKind::Text,
    Absent::Missing("give the template a relative path such as app/config.toml"),
    "The path of the file below the directory rendered in symlinkPath, such as app/config.toml. No two templates have the \
     same, and none is inside another.",
);
static CONTENT: Field = field(
    "content",
    FieldKind::Text,
    EMPTY_TEXT,
    "The text, in which each placeholder becomes the content of its secret. If it is empty, file counts.",
);
static FILE: Field = field(
    "file",
    FieldKind::Text,
    Absent::Nothing,
    "The file of the text, if content is empty. One of both is needed.",
);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::placeholder::tests::placeholders;

    #[test]
    fn a_text_is_split_at_its_placeholders() {
        const BARE: &str = "SOPS:0123456789012345678901234567890123456789012345678901234567890123:PLACEHOLDER";
        let placeholders = placeholders(&[("@a@", "a"), ("@a", "short"), ("<b>", "b/c"), (BARE, "bare")], &[]);
        for (content, expected) in [
            (&b""[..], ""),
            (b"nothing @ here", "nothing @ here"),
            (b"@a@", "[a]"),
            (b"@a@a@", "[a]a@"),
            (b"x@a@<b>@ay\n", "x[a][b/c][short]y\n"),
            (b"<<b>><b", "<[b/c]><b"),
            (b"@@a@@", "@[a]@"),
            (b"\xff\0@a@\xfe", "\u{fffd}\0[a]\u{fffd}"),
            (format!("<{BARE}>").as_bytes(), "<[bare]>"),
        ] {
            let text = TemplateText::parse(content, &placeholders).unwrap();
            assert_eq!(render(&text, |name| format!("[{name}]")), expected, "{content:?}");
        }
    }

    #[test]
    fn what_looks_like_a_placeholder_and_is_none_is_an_error_with_its_place() {
        let shape = |digit: &str| format!("<SOPS:{}:PLACEHOLDER>", digit.repeat(64));
        let (known, foreign, unknown) = (shape("1"), shape("2"), shape("a"));
        let placeholders = placeholders(&[(&known, "known")], &[(&foreign, "root/pw"), ("@gone@", "gone")]);
        let json = r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "templates": [
            {"name": "app.conf", "file": "x", "path": "/p", "mode": "0400"}]}"#;
        let manifest = crate::Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset).unwrap();
        let escaped = known.replace('>', "&gt;");
        let content = format!("a={known}\né={foreign}{unknown}\n<SOPS:11:PLACEHOLDER>\n@gone@ {escaped}");
        let errors = manifest.templates()[0].parse(content.as_bytes(), &placeholders).unwrap_err();
        assert_eq!(
            errors.to_string(),
            format!(
                "2:3: template \"app.conf\": the placeholder {foreign:?} is that of secret \"root/pw\", which is not in this \
                 manifest (a secret with neededForUsers is in another one); a template can only use the secrets beside it\n\
                 2:86: template \"app.conf\": the placeholder {unknown:?} belongs to no secret\n\
                 4:1: template \"app.conf\": the placeholder \"@gone@\" is that of secret \"gone\", which is not in this \
                 manifest (a secret with neededForUsers is in another one); a template can only use the secrets beside it\n\
                 4:8: template \"app.conf\": the placeholder {:?} has lost a bracket, as if it was escaped for XML, HTML or JSON",
                known.trim_end_matches('>')
            )
        );
    }

    #[test]
    fn ten_thousand_placeholders_in_megabytes_of_text_are_all_found() {
        let texts: Vec<_> = (0..10_000).map(|number| format!("<SOPS:{number:064x}:PLACEHOLDER>")).collect();
        let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), &text[60..70])).collect();
        let content = texts.join("<SOPS:<<<SOPS:0000000000000000000000000000000000000000000000000000000000\n");
        let text = TemplateText::parse(content.as_bytes(), &placeholders(&pairs, &[])).unwrap();
        let secrets = text.0.iter().filter(|segment| matches!(segment, Segment::Secret(_))).count();
        assert_eq!((text.0.len(), secrets), (19_999, 10_000));
    }

    proptest! {
        #[test]
        fn rendering_each_secret_as_its_placeholder_gives_the_content_back(
            texts in prop::collection::btree_set("[ab<]{1,4}", 0..8), content in prop::collection::vec(any::<u8>(), 0..16),
            more in "[ab<]{0,32}"
        ) {
            let content = [content, more.into_bytes()].concat();
            let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), text.as_str())).collect();
            let text = TemplateText::parse(&content, &placeholders(&pairs, &[])).unwrap();
            let filled = text.fill(|name| Some(name.as_str().as_bytes())).unwrap().concat();
            prop_assert_eq!(filled, content);
            for pair in text.0.windows(2) {
                prop_assert!(pair.iter().any(|segment| matches!(segment, Segment::Secret(_))));
            }
        }
    }

    fn render(text: &TemplateText, value: fn(&Name) -> String) -> String {
        let filled = text.fill(|name| Some(value(name).leak().as_bytes())).unwrap().concat();
        String::from_utf8_lossy(&filled).into_owned()
    }
}
