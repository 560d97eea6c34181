//! Documents that are accepted, and what they mean.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::num::NonZeroU64;
use std::path::Path;

use manifest::{
    AbsolutePath, CredentialName, Entry, Format, Group, KeyPath, LinkPlace, Manifest, Owner, RuntimeDirectory,
    TemplateSource,
};

#[test]
fn the_manifest_of_a_system_is_read_with_every_field() {
    let manifest = read(include_str!("../../../tests/corpus/manifests/system.json"));
    assert_eq!(manifest.age_key_file(), Some(Path::new("/var/lib/sops-nix/key.txt")));
    assert_eq!(manifest.age_ssh_key_paths(), [Path::new("/etc/ssh/ssh_host_ed25519_key")]);
    assert_eq!(manifest.gnupg_home(), None);
    assert_eq!(manifest.ssh_key_paths(), [Path::new("/etc/ssh/ssh_host_rsa_key")]);
    assert_eq!(manifest.keep_generations(), NonZeroU64::new(1));
    assert_eq!((manifest.logging().key_import(), manifest.logging().secret_changes()), (true, true));
    assert_eq!(places(&manifest), ["/run/secrets.d", "/run/secrets"]);
    assert_eq!((manifest.use_tmpfs(), manifest.user_mode()), (false, false));

    let files: Vec<_> = manifest.entries().map(describe).collect();
    assert_eq!(
        files,
        [
            "foo at /run/secrets/foo 0400 0:0 restart [] reload []",
            "nested/bar at /run/secrets/nested/bar 0440 nginx:nginx restart [nginx.service] reload [haproxy.service]",
            "whole at /run/secrets/whole from /etc/app/config.yaml 0400 1000:100 restart [] reload []",
            "app.conf at /run/secrets/rendered/app.conf 0400 0:0 restart [] reload []",
            "env at /run/secrets/rendered/env from /etc/app/env 0400 nginx:nginx restart [app.service] reload []",
        ]
    );
    let keys: Vec<_> = manifest.secrets().iter().map(|secret| secret.key().as_str()).collect();
    assert_eq!(keys, ["foo", "nested/bar", ""]);
    for secret in manifest.secrets() {
        assert_eq!(secret.sops_file(), Path::new("/nix/store/l601bn17w0hjivgqgsajaan4abl7f43w-secrets.yaml"));
        assert_eq!((secret.format(), secret.credential()), (Format::Yaml, None));
    }
    let texts: Vec<_> = manifest.templates().iter().map(|template| print(template.source())).collect();
    assert_eq!(texts, ["password=[foo]\n", "A=[foo]\nB=[nested/bar]\n"]);
}

#[test]
fn the_manifest_of_the_secrets_for_users_is_read_with_every_field() {
    let manifest = read(include_str!("../../../tests/corpus/manifests/system-for-users.json"));
    assert_eq!(places(&manifest), ["/run/secrets-for-users.d", "/run/secrets-for-users"]);
    let files: Vec<_> = manifest.entries().map(describe).collect();
    assert_eq!(files, ["rootpw at /run/secrets-for-users/rootpw 0400 0:0 restart [] reload []"]);
    assert_eq!(manifest.secrets()[0].key().as_str(), "rootpw");
}

#[test]
fn the_manifest_with_gnupg_on_a_tmpfs_is_read_with_every_field() {
    // The document has one stand-in for four files; each gets a file of its own.
    let mut parts = include_str!("../../../tests/corpus/manifests/gnupg-tmpfs.json").split("-secrets.yaml").enumerate();
    let mut json = parts.next().unwrap().1.to_owned();
    json.extend(parts.map(|(number, part)| format!("-secrets.{number}{part}")));
    let manifest = read(&json);
    assert_eq!(manifest.gnupg_home(), Some(Path::new("/var/lib/sops")));
    assert_eq!(
        (manifest.age_key_file(), manifest.ssh_key_paths().len(), manifest.age_ssh_key_paths().len()),
        (None, 0, 0)
    );
    assert_eq!(manifest.keep_generations(), NonZeroU64::new(10));
    assert_eq!((manifest.logging().key_import(), manifest.logging().secret_changes()), (false, true));
    assert_eq!((manifest.use_tmpfs(), manifest.user_mode()), (true, false));
    let secrets: Vec<_> = manifest
        .secrets()
        .iter()
        .map(|secret| {
            let key = secret.selected_key().map_or("whole file", KeyPath::as_str);
            format!("{} {} {key} {}", secret.name(), secret.format(), secret.sops_file().display())
        })
        .collect();
    let store = "/nix/store/l601bn17w0hjivgqgsajaan4abl7f43w-secrets";
    assert_eq!(
        secrets,
        [
            format!("env dotenv whole file {store}.1"),
            format!("ini ini whole file {store}.2"),
            format!("j json a {store}.3"),
            format!("krb binary whole file {store}.4"),
        ]
    );
}

#[test]
fn the_smallest_manifest_has_everything_else_at_its_default() {
    for json in [
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s"}"#,
        r#"{"SecretsMountPoint": "/d", "SYMLINKPATH": "/s"} and text behind it"#,
        r#"{"secretsMountPoint": 5, "symlinkPath": null, "secretsmountpoint": "//d/", "symlinkPath": "/./s"}"#,
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": null, "templates": null, "sshKeyPaths": null,
            "placeholderBySecretName": null, "keepGenerations": null, "gnupgHome": null, "ageKeyFile": null,
            "ageSshKeyPaths": null, "useTmpfs": null, "userMode": null, "logging": null}"#,
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": [], "templates": [], "sshKeyPaths": [],
            "placeholderBySecretName": {}, "keepGenerations": 0, "gnupgHome": "", "ageKeyFile": "",
            "ageSshKeyPaths": [], "useTmpfs": false, "userMode": false, "logging": {}, "unknown": [{"a": 1}]}"#,
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "keepGenerations": -0, "logging": {"keyImport": null},
            "placeholderBySecretName": {"a": null, "b": "", "c": "x", "d": "x"}}"#,
    ] {
        let manifest = read(json);
        assert_eq!(places(&manifest), ["/d", "/s"], "{json}");
        assert_eq!(manifest.entries().count(), 0);
        // An explicit 0 keeps all generations, an absent field one.
        let kept = if json.contains("keepGenerations\": 0") || json.contains("keepGenerations\": -0") {
            None
        } else {
            NonZeroU64::new(1)
        };
        assert_eq!(manifest.keep_generations(), kept, "{json}");
        assert_eq!((manifest.ssh_key_paths().len(), manifest.age_ssh_key_paths().len()), (0, 0));
        assert_eq!((manifest.gnupg_home(), manifest.age_key_file()), (None, None));
        assert_eq!((manifest.use_tmpfs(), manifest.user_mode()), (false, false));
        assert_eq!((manifest.logging().key_import(), manifest.logging().secret_changes()), (false, false));
    }
}

#[test]
fn a_secret_is_the_key_or_the_whole_file_as_its_format_says() {
    for (fields, format, selected) in [
        (r#""key": "a/b""#, "yaml", Some("a/b")),
        (r#""key": "a/b", "format": """#, "yaml", Some("a/b")),
        (r#""key": "a/b", "format": null"#, "yaml", Some("a/b")),
        (r#""key": "a/b", "format": "json", "selectKey": true"#, "json", Some("a/b")),
        (r#""key": "", "format": "json""#, "json", None),
        (r#""key": null"#, "yaml", None),
        (r#""key": "a", "format": "dotenv""#, "dotenv", None),
        (r#""key": "a", "format": "dotenv", "selectKey": true"#, "dotenv", Some("a")),
        (r#""key": "a", "format": "ini", "selectKey": false"#, "ini", None),
        (r#""key": "s/a", "format": "ini", "selectKey": true"#, "ini", Some("s/a")),
        (r#""key": "a", "format": "binary""#, "binary", None),
        (r#""key": "a", "format": "age""#, "age", None),
    ] {
        let manifest = read(&format!(
            r#"{{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": [
                {{"name": "x", "path": "/s/x", "mode": "0400", "sopsFile": "f", {fields}}}]}}"#
        ));
        let secret = &manifest.secrets()[0];
        assert_eq!(secret.format().as_str(), format, "{fields}");
        assert_eq!(secret.selected_key().map(KeyPath::as_str), selected, "{fields}");
    }
}

#[test]
fn ids_count_where_names_are_null() {
    for (fields, owner) in [
        (r#""uid": null, "gid": null"#, "0:0"),
        (r#""owner": "a", "uid": 5, "gid": 4294967294"#, "a:4294967294"),
        (r#""owner": null, "uid": 5, "group": "b", "gid": 6"#, "5:b"),
    ] {
        let manifest = read(&format!(
            r#"{{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": [
                {{"name": "x", "path": "/p", "mode": "0400", "sopsFile": "f", {fields}}}]}}"#
        ));
        assert_eq!(
            describe(manifest.secrets()[0].entry()),
            format!("x at /s/x from /p 0400 {owner} restart [] reload []")
        );
    }
}

#[test]
fn credentials_are_named_after_their_secrets() {
    let manifest = read(
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "secrets": [
            {"name": "db/password", "path": "/s/db/password", "mode": "0400", "sopsFile": "f", "credential": true},
            {"name": "db-password", "path": "/s/db-password", "mode": "0400", "sopsFile": "f", "credential": false}]}"#,
    );
    let credentials: Vec<_> =
        manifest.secrets().iter().map(|secret| secret.credential().map(CredentialName::as_str)).collect();
    assert_eq!(credentials, [Some("db-password"), None]);
}

#[test]
fn a_template_takes_its_content_before_its_file() {
    let manifest = read(
        r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "placeholderBySecretName": {"a": "@a@", "absent": "@absent@"},
            "secrets": [{"name": "a", "path": "/s/a", "mode": "0400", "sopsFile": "f"}],
            "templates": [
                {"name": "one", "path": "/s/rendered/one", "mode": "0400", "content": "a @a@\n", "file": "/f"},
                {"name": "two", "path": "/s/rendered/two", "mode": "0400", "content": "", "file": "/f"}]}"#,
    );
    assert_eq!(print(manifest.templates()[0].source()), "a [a]\n");
    assert_eq!(manifest.templates()[0].file(), None);
    assert_eq!(manifest.templates()[1].file(), Some(Path::new("/f")));
    let text = manifest.templates()[1].parse(b"@a@@", manifest.placeholders()).unwrap();
    assert_eq!(print(&TemplateSource::Inline(text)), "[a]@");
}

#[test]
fn a_secret_may_be_called_rendered_where_there_are_no_templates() {
    let json = r#"{"secretsMountPoint": "/d", "symlinkPath": "/s", "templates": [], "secrets": [
        {"name": "rendered/x", "path": "/s/rendered/x", "mode": "0400", "sopsFile": "f"}]}"#;
    assert_eq!(read(json).secrets()[0].name().as_str(), "rendered/x");
}

#[test]
fn the_runtime_directory_is_expanded_in_user_mode_only() {
    let json = |user_mode: &str| {
        format!(
            r#"{{"userMode": {user_mode}, "secretsMountPoint": "%r/secrets.d", "symlinkPath": "%r/%%/s",
                "ageKeyFile": "%r/key", "placeholderBySecretName": {{"%r": "%r"}},
                "secrets": [{{"name": "%r", "path": "%r/%x", "mode": "0400", "sopsFile": "%r"}}],
                "templates": [{{"name": "t", "path": "%r/t", "mode": "0400", "content": "%%%r"}}]}}"#
        )
    };
    let paths = |runtime| {
        let manifest = Manifest::from_json(json("true").as_bytes(), runtime).unwrap();
        assert_eq!(manifest.age_key_file(), Some(Path::new("%r/key")));
        assert_eq!(manifest.secrets()[0].name().as_str(), "%r");
        assert_eq!(print(manifest.templates()[0].source()), "%%[%r]");
        let store = places(&manifest).map(ToString::to_string);
        let files: Vec<_> =
            manifest.entries().map(|entry| format!("{} {}", entry.place().path(), entry.path())).collect();
        [&store[..], &files].concat()
    };
    assert_eq!(
        paths(RuntimeDirectory::At("/run/user/1000")),
        [
            "/run/user/1000/secrets.d",
            "/run/user/1000/%/s",
            "/run/user/1000/%/s/%r /run/user/1000/%x",
            "/run/user/1000/%/s/rendered/t /run/user/1000/t"
        ]
    );
    assert_eq!(
        paths(RuntimeDirectory::Unneeded),
        ["/%r/secrets.d", "/%r/%/s", "/%r/%/s/%r /%r/%x", "/%r/%/s/rendered/t /%r/t"]
    );
    assert_eq!(paths(RuntimeDirectory::At("")), ["/secrets.d", "/%/s", "/%/s/%r /%x", "/%/s/rendered/t /t"]);
    let problems = Manifest::from_json(json("false").as_bytes(), RuntimeDirectory::At("/run/user/1000")).unwrap_err();
    assert_eq!(problems.iter().count(), 4, "{problems}");
}

#[test]
fn a_manifest_without_percent_r_needs_no_runtime_directory() {
    let json = br#"{"userMode": true, "secretsMountPoint": "/d%%", "symlinkPath": "/s%x"}"#;
    let manifest = Manifest::from_json(json, RuntimeDirectory::Unset).unwrap();
    assert!(manifest.user_mode());
    assert_eq!(places(&manifest), ["/d%", "/s%x"]);
}

#[test]
fn ten_thousand_secrets_are_read_in_their_order() {
    let secrets: Vec<_> = (0..10_000)
        .map(|number| {
            format!(
                r#"{{"name": "s{0}/{number}", "key": "k/{number}", "path": "/run/secrets/s{0}/{number}", "mode": "0400",
                    "sopsFile": "/store/{1}.yaml", "restartUnits": ["u{0}.service"], "credential": true}}"#,
                number % 100,
                number % 7
            )
        })
        .collect();
    let placeholders: Vec<_> = (0..10_000)
        .map(|number| format!(r#""s{}/{number}": "<SOPS:{number:064x}:PLACEHOLDER>""#, number % 100))
        .collect();
    let content: Vec<_> = (0..10_000).rev().map(|number| format!("<SOPS:{number:064x}:PLACEHOLDER>")).collect();
    let manifest = read(&format!(
        r#"{{"secretsMountPoint": "/run/secrets.d", "symlinkPath": "/run/secrets", "secrets": [{}],
            "placeholderBySecretName": {{{}}},
            "templates": [{{"name": "t", "path": "/t", "mode": "0400", "content": "{}"}}]}}"#,
        secrets.join(","),
        placeholders.join(","),
        content.concat()
    ));
    assert_eq!(manifest.secrets().len(), 10_000);
    for (number, secret) in manifest.secrets().iter().enumerate() {
        assert_eq!(secret.name().as_str(), format!("s{}/{number}", number % 100));
        assert_eq!(secret.key().parts().last(), Some(number.to_string().as_str()));
        assert_eq!(secret.entry().link(), None);
    }
    let TemplateSource::Inline(text) = manifest.templates()[0].source() else { panic!() };
    let filled = text.fill(|name| Some(name.as_str().as_bytes())).unwrap();
    assert!(filled.into_iter().eq(manifest.secrets().iter().rev().map(|secret| secret.name().as_str().as_bytes())));
}

fn read(json: &str) -> Manifest {
    Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset).unwrap_or_else(|errors| panic!("{errors}"))
}

fn places(manifest: &Manifest) -> [&str; 2] {
    [manifest.places().mount_point().as_str(), manifest.places().symlink_path().as_str()]
}

fn describe(entry: &Entry) -> String {
    let link = entry.link().map(|link| format!(" from {}", link.path())).unwrap_or_default();
    assert_eq!(entry.path(), entry.link().map_or(entry.place().path(), LinkPlace::path));
    let owner = match entry.access().owner() {
        Owner::Name(name) => name.to_string(),
        Owner::Id(id) => id.to_string(),
    };
    let group = match entry.access().group() {
        Group::Name(name) => name.to_string(),
        Group::Id(id) => id.to_string(),
    };
    let units = |units: &[manifest::UnitName]| units.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    format!(
        "{} at {}{link} {} {owner}:{group} restart [{}] reload [{}]",
        entry.name(),
        entry.place().path(),
        entry.access().mode(),
        units(entry.restart_units()),
        units(entry.reload_units())
    )
}

fn print(source: &TemplateSource) -> String {
    let TemplateSource::Inline(text) = source else { panic!("the text is in a file") };
    let filled = text.fill(|name| Some(format!("[{name}]").leak().as_bytes())).unwrap().concat();
    String::from_utf8(filled).unwrap()
}

#[test]
fn the_mount_point_is_found_without_reading_the_document() {
    for (json, expected) in [
        (r#"{"secretsMountPoint":"/run/secrets.d","symlinkPath":"/run/secrets"}"#, Some("/run/secrets.d")),
        ("{\n  \"secretsMountPoint\" :\n  \"%r/secrets.d\" }", Some("/run/user/1/secrets.d")),
        // Quoted in a string it has backslashes.
        (r#"{"templates":["\"secretsMountPoint\":\"/a\""],"secretsMountPoint":"/b"}"#, Some("/b")),
        (r#"{"secretsMountPoint":"/a\u002f"}"#, None),
        (r#"{"secretsMountPoint":"relative"}"#, None),
        (r#"{"secretsMountPoint":null}"#, None),
        (r#"{"secretsMountPoint"#, None),
        ("{}", None),
    ] {
        let found = Manifest::likely_mount_point(json.as_bytes(), Some("/run/user/1"));
        assert_eq!(found.as_ref().map(AbsolutePath::as_str), expected, "{json}");
    }
    let json = br#"{"secretsMountPoint":"%r/secrets.d"}"#;
    assert!(Manifest::likely_mount_point(json, None).is_none());
    assert!(Manifest::likely_mount_point(b"\xff\"secretsMountPoint\":\"/a\"", None).is_none());
}
