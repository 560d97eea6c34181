//! The manual page of the manifest, sops-install-secrets-manifest(5).

use manifest::{Field, FieldKind, KnownTo, MANIFEST, Object};

use super::roff::{entry, literal, roff, sentence};

/// A whole manifest, as somebody without NixOS writes it.
pub(crate) const EXAMPLE: &str = r#"{
  "secretsMountPoint": "/run/secrets.d",
  "symlinkPath": "/run/secrets",
  "ageSshKeyPaths": ["/etc/ssh/ssh_host_ed25519_key"],
  "secrets": [
    { "name": "db/password", "sopsFile": "/etc/secrets/db.yaml", "key": "db/password",
      "owner": "postgres", "group": "postgres", "mode": "0440", "restartUnits": ["postgresql.service"] },
    { "name": "tls.pem", "sopsFile": "/etc/secrets/tls.pem", "format": "binary", "path": "/etc/app/tls.pem" }
  ],
  "placeholderBySecretName": { "db/password": "@db/password@", "tls.pem": "@tls.pem@" },
  "templates": [
    { "name": "app.env", "content": "DATABASE_PASSWORD=@db/password@\n", "owner": "app" }
  ]
}
"#;

/// The page in the macros of man(7).
pub(crate) fn page() -> String {
    let mut lines = vec![
        ".\\\" Made by the program documents from the table of the manifest's fields.".to_owned(),
        format!(
            ".TH SOPS\\-INSTALL\\-SECRETS\\-MANIFEST 5 \"\" \"sops-install-secrets {}\"",
            env!("CARGO_PKG_VERSION")
        ),
        ".SH NAME".to_owned(),
        "sops\\-install\\-secrets\\-manifest \\- which secrets of which sops files become which files".to_owned(),
        ".SH DESCRIPTION".to_owned(),
    ];
    for paragraph in [
        "The manifest is a JSON document that tells sops-install-secrets what to install. The modules for NixOS and \
         home-manager make it from their options; elsewhere it is written by hand. It holds no secret and no private key.",
        MANIFEST.meaning(),
        "An unknown field, which is most often one that is mistyped, is a warning when the secrets are installed and a failure of \
         each check. To look at a manifest without keys, run sops-install-secrets -check-mode=manifest FILE, and \
         -check-mode=sopsfile to look at its sops files, too.",
    ] {
        lines.extend([".PP".to_owned(), roff(paragraph)]);
    }
    lines.extend(fields("FIELDS OF THE MANIFEST", &MANIFEST));
    for field in MANIFEST.fields() {
        if let FieldKind::Object(inner) | FieldKind::Objects(inner) = field.kind() {
            let of = if matches!(field.kind(), FieldKind::Objects(_)) { "AN ELEMENT OF " } else { "" };
            lines.extend(fields(&format!("FIELDS OF {of}{}", field.name()), inner));
        }
    }
    lines.push(".SH EXAMPLE".to_owned());
    lines.extend(literal(EXAMPLE));
    lines.extend([
        ".SH SEE ALSO".to_owned(),
        ".BR sops\\-install\\-secrets (8),".to_owned(),
        ".BR sops (1),".to_owned(),
        ".BR systemd.exec (5)".to_owned(),
    ]);
    lines.join("\n") + "\n"
}

fn fields(title: &str, object: &Object) -> Vec<String> {
    let mut lines = vec![format!(".SH {}", roff(title))];
    if object.name() != MANIFEST.name() {
        lines.push(roff(object.meaning()));
    }
    for field in object.fields() {
        lines.extend(entry(
            field.name(),
            [roff(&kind(field)), roff(&marked(field.meaning().to_owned(), field.known_to()))],
        ));
        if let FieldKind::Word(words) = field.kind() {
            lines.push(".RS".to_owned());
            for &(word, meaning, known_to) in *words {
                lines.extend(entry(word, [roff(&marked(sentence(meaning), known_to))]));
            }
            lines.push(".RE".to_owned());
        }
    }
    lines
}

/// A meaning, and whether only this program has what it is of: the one list of that.
fn marked(meaning: String, known_to: KnownTo) -> String {
    match known_to {
        KnownTo::SopsNix => meaning,
        KnownTo::Ours => meaning + " Not in sops-nix.",
    }
}

/// What a field can hold, and what counts if it is absent.
fn kind(field: &Field) -> String {
    let kind = match field.kind() {
        FieldKind::Bool => "true or false",
        FieldKind::Integer { range, .. } => range,
        FieldKind::Text => "a string",
        FieldKind::Octal => "a string of octal digits",
        FieldKind::Word(_) => "one of the strings below",
        FieldKind::Texts => "a list of strings",
        FieldKind::TextsByName => "an object with strings",
        FieldKind::Object(_) => "an object, see below",
        FieldKind::Objects(_) => "a list of objects, see below",
        FieldKind::Unread => "anything",
    };
    let absent = match (field.is_required(), field.default_json()) {
        (true, _) => "; it cannot be absent".to_owned(),
        (false, Some(default)) => format!("; {default} if absent"),
        (false, None) => String::new(),
    };
    sentence(&format!("{kind}{absent}"))
}
