//! Documents that are not accepted, and every line that says why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use manifest::{Manifest, RuntimeDirectory, Subject};
use proptest::prelude::*;

/// The fields that a document needs, so that a case is only about its own.
const STORE: &str = r#""secretsMountPoint": "/d", "symlinkPath": "/s""#;

#[test]
fn text_that_is_no_json_has_one_problem() {
    for (json, line) in [
        ("", "1:1: expected a value, found the end of the text; the file is empty or cut off"),
        ("{\n  \"é\": 1,\n}", "3:1: expected a field name in double quotes after the comma, found '}'"),
        ("{\n  \"é\": x,\n}", "2:8: expected a value, found 'x'"),
        ("{\"a\n", "1:4: the control character '\\n' is inside a string"),
        ("{\"a", "1:2: the string that begins here has no closing double quote"),
    ] {
        assert_eq!(problems(json), [line], "{json}");
    }
    let deep = "[".repeat(10_000);
    assert_eq!(problems(&deep), ["1:128: lists and objects are nested more than 127 deep; a manifest needs five"]);
}

#[test]
fn a_value_of_another_type_is_told_with_its_place() {
    assert_eq!(problems("\n []"), ["2:2: the document is a list; it must be an object in { }"]);
    for (fields, line) in [
        (r#""secrets": {}"#, "secrets is an object; it must be a list in [ ]"),
        (r#""templates": "a""#, "templates is a string; it must be a list in [ ]"),
        (r#""placeholderBySecretName": []"#, "placeholderBySecretName is a list; it must be an object in { }"),
        (
            r#""keepGenerations": "1""#,
            "keepGenerations is a string; it must be a whole number, 0 to keep every generation",
        ),
        (r#""keepGenerations": -1"#, "keepGenerations is -1; it must be a whole number, 0 to keep every generation"),
        (r#""keepGenerations": 1.0"#, "keepGenerations is 1.0; it must be a whole number, 0 to keep every generation"),
        (r#""keepGenerations": 1e3"#, "keepGenerations is 1e3; it must be a whole number, 0 to keep every generation"),
        (
            r#""keepGenerations": 18446744073709551616"#,
            "keepGenerations is 18446744073709551616; it must be a whole number, 0 to keep every generation",
        ),
        (
            r#""keepGenerations": 99999999999999999999999999999999999999999999999999"#,
            "keepGenerations is a much longer number; it must be a whole number, 0 to keep every generation",
        ),
        (r#""sshKeyPaths": "/k""#, "sshKeyPaths is a string; it must be a list in [ ]"),
        (r#""gnupgHome": 1"#, "gnupgHome is a number; it must be a string in double quotes"),
        (r#""ageKeyFile": true"#, "ageKeyFile is true; it must be a string in double quotes"),
        (r#""ageSshKeyPaths": false"#, "ageSshKeyPaths is false; it must be a list in [ ]"),
        (r#""useTmpfs": "true""#, "useTmpfs is a string; it must be true or false"),
        (r#""userMode": 0"#, "userMode is a number; it must be true or false"),
        (r#""logging": true"#, "logging is true; it must be an object in { }"),
    ] {
        let column = STORE.len() + fields.find(": ").unwrap() + 6;
        assert_eq!(problems(&format!("{{{STORE}, {fields}}}")), [format!("1:{column}: {line}")], "{fields}");
    }
    for (fields, lines) in [
        (
            r#""sshKeyPaths": [1, "a", null], "ageSshKeyPaths": [""]"#,
            &[
                "1:66: an element of sshKeyPaths is a number; it must be a string in double quotes",
                "1:74: an element of sshKeyPaths is null; it must be a string in double quotes",
                "1:100: ageSshKeyPaths: the path is empty",
            ][..],
        ),
        (
            r#""placeholderBySecretName": {"a": 1, "b": "x", "c": []}"#,
            &[
                "1:83: an entry of placeholderBySecretName is a number; it must be a string in double quotes",
                "1:101: an entry of placeholderBySecretName is a list; it must be a string in double quotes",
            ],
        ),
        (
            r#""logging": {"keyImport": 1, "secretChanges": "x"}"#,
            &[
                "1:75: keyImport is a number; it must be true or false",
                "1:95: secretChanges is a string; it must be true or false",
            ],
        ),
        (
            r#""secrets": [5, [], "x"], "templates": [true]"#,
            &[
                "1:62: secret number 1: the secret is a number; it must be an object in { }",
                "1:65: secret number 2: the secret is a list; it must be an object in { }",
                "1:69: secret number 3: the secret is a string; it must be an object in { }",
                "1:89: template number 1: the template is true; it must be an object in { }",
            ],
        ),
    ] {
        assert_eq!(problems(&format!("{{{STORE}, {fields}}}")), lines, "{fields}");
    }
}

#[test]
fn the_mount_point_and_the_symlink_have_to_be_two_absolute_paths() {
    for (json, lines) in [
        ("{}", &["1:1: the field secretsMountPoint is missing", "1:1: the field symlinkPath is missing"][..]),
        ("null", &["1:1: the field secretsMountPoint is missing", "1:1: the field symlinkPath is missing"]),
        (
            r#"{"secretsMountPoint": "", "symlinkPath": "s"}"#,
            &["1:23: secretsMountPoint: the path is empty", "1:42: symlinkPath: the path \"s\" is relative"],
        ),
        (
            r#"{"secretsMountPoint": "/\u0000", "symlinkPath": "/a/../b"}"#,
            &[
                "1:23: secretsMountPoint: the path \"/\\0\" has a NUL byte, which no path can hold",
                "1:49: symlinkPath: the path \"/a/../b\" has a component ..",
            ],
        ),
        (
            r#"{"secretsMountPoint": "/a/b", "symlinkPath": "/a//b/"}"#,
            &["1:46: symlinkPath: the path \"/a/b\" is also secretsMountPoint"],
        ),
        (
            r#"{"secretsMountPoint": "/a", "symlinkPath": "/a/b"}"#,
            &["1:44: symlinkPath: the path \"/a/b\" lies inside secretsMountPoint \"/a\""],
        ),
        (
            r#"{"secretsMountPoint": "/a/b", "symlinkPath": "/"}"#,
            &["1:23: secretsMountPoint: the path \"/a/b\" lies inside symlinkPath \"/\""],
        ),
        // Links are judged all the same.
        (
            r#"{"secretsMountPoint": "/a", "symlinkPath": "/a/b", "secrets": [{"name": "x", "path": "/a/c", "sopsFile": "f", "mode": "0400"}]}"#,
            &[
                "1:44: symlinkPath: the path \"/a/b\" lies inside secretsMountPoint \"/a\"",
                "1:86: secret \"x\": the path \"/a/c\" lies inside secretsMountPoint \"/a\", where only generations are",
            ],
        ),
    ] {
        assert_eq!(problems(json), lines, "{json}");
    }
    let long = "/x".repeat(2045);
    assert_eq!(
        problems(&format!(
            r#"{{"secretsMountPoint": "/d", "symlinkPath": "{long}", "templates": [{{"name": "t", "path": "/t", "mode": "0400",
            "file": "/f"}}]}}"#
        )),
        ["1:44: symlinkPath: the path has more than 4095 bytes, the limit for a path"]
    );
}

#[test]
fn percent_r_needs_a_runtime_directory_when_installing() {
    let json = r#"{"userMode": true, "secretsMountPoint": "%r/d", "symlinkPath": "/s",
        "secrets": [{"name": "a", "path": "%%%r", "mode": "0400", "sopsFile": "f"}]}"#;
    assert_eq!(
        problems(json),
        [
            "1:41: secretsMountPoint: \"%r/d\" has %r, but XDG_RUNTIME_DIR is not set",
            "2:43: secret \"a\": \"%%%r\" has %r, but XDG_RUNTIME_DIR is not set",
        ]
    );
    let errors = Manifest::from_json(json.as_bytes(), RuntimeDirectory::At("run")).unwrap_err();
    assert_eq!(
        errors.to_string(),
        "1:41: secretsMountPoint: the path \"run/d\" is relative\n\
         2:43: secret \"a\": the path \"%run\" is relative"
    );
    assert_eq!(
        problems(&json.replace("true", "1")),
        ["1:14: userMode is a number; it must be true or false", "2:43: secret \"a\": the path \"%/%r\" is relative"]
    );
}

#[test]
fn keys_come_from_gnupg_or_from_elsewhere() {
    let json = r#"{"secretsMountPoint": "/d", "symlinkPath": "/s",
        "gnupgHome": "/g", "sshKeyPaths": ["/k"], "ageKeyFile": "/a", "ageSshKeyPaths": ["/b"]}"#;
    assert_eq!(
        problems(json),
        ["2:22: gnupgHome and sshKeyPaths exclude each other", "2:22: gnupgHome and ageKeyFile exclude each other",]
    );
    assert_eq!(problems(&json.replace("[\"/k\"]", "[]").replace("\"/a\"", "\"\"")), [""; 0]);
}

#[test]
fn every_problem_of_every_entry_is_reported_in_one_run() {
    assert_eq!(
        problems(
            r#"{"secretsMountPoint": "/d", "symlinkPath": "/s",
"secrets": [
  {},
  {"name": "../a", "path": "", "mode": "0o400", "sopsFile": "\u0000", "format": "html", "key": 1, "selectKey": 1},
  {"name": "db/password", "path": "x", "mode": 400, "sopsFile": "", "owner": "", "group": "a:b", "credential": 1},
  {"name": "é", "path": "/é", "mode": "7777777", "sopsFile": "f", "uid": -1, "gid": 4294967295, "format": []},
  {"name": "u", "path": "/u", "mode": "", "sopsFile": "f", "restartUnits": ["ng nx", 1], "reloadUnits": ["-a.mount"]},
  {"name": "a b", "path": "/a b", "mode": "0400", "sopsFile": "f", "credential": true},
  {"name": "n1", "path": "/n1", "mode": "0400", "sopsFile": "b", "format": "binary", "selectKey": true},
  {"name": "n2", "path": "/n2", "mode": "0400", "sopsFile": "i", "format": "ini", "selectKey": true}
],
"templates": [
  {"name": 7},
  {"name": "t", "path": "/t", "mode": "0400", "content": "", "file": ""},
  {"name": "/t", "path": "/u", "mode": "x", "content": 5, "file": "\u0000"}
]}"#
        ),
        [
            "3:3: secret number 1: the field name is missing",
            "3:3: secret number 1: the field sopsFile is missing",
            "4:12: secret number 2: the name \"../a\" has a component . or .., which could leave the secrets directory",
            "4:28: secret number 2: the path is empty",
            "4:40: secret number 2: the mode \"0o400\" is not made of octal digits",
            "4:61: secret number 2: the path \"\\0\" has a NUL byte, which no path can hold",
            "4:81: secret number 2: the format \"html\" is not known",
            "4:96: secret number 2: key is a number; it must be a string in double quotes",
            "4:112: secret number 2: selectKey is a number; it must be true or false",
            "5:3: secret \"db/password\": the field sopsFile is missing",
            "5:35: secret \"db/password\": the path \"x\" is relative",
            "5:48: secret \"db/password\": mode is a number; it must be a string in double quotes",
            "5:78: secret \"db/password\": the owner or group is empty",
            "5:91: secret \"db/password\": the owner or group \"a:b\" has the character ':', which no account name can \
             hold",
            "5:112: secret \"db/password\": credential is a number; it must be true or false",
            "6:39: secret \"é\": the mode \"7777777\" is larger than 177777",
            "6:74: secret \"é\": uid is -1; it must be a whole number from 0 to 4294967294",
            "6:85: secret \"é\": gid is 4294967295; it must be a whole number from 0 to 4294967294",
            "6:107: secret \"é\": format is a list; it must be a string in double quotes",
            "7:39: secret \"u\": the mode \"\" is not made of octal digits",
            "7:77: secret \"u\": the unit name \"ng nx.service\" has the character ' '",
            "7:86: secret \"u\": an element of restartUnits is a number; it must be a string in double quotes",
            "7:106: secret \"u\": the unit name \"-a.mount\" begins with -, like an option of systemctl; such a unit cannot \
             be restarted from here",
            "8:82: secret \"a b\": the credential \"a b\" would have the character ' '",
            "9:99: secret \"n1\": selectKey is true, but a file of the format binary is one value without keys",
            "10:96: secret \"n2\": selectKey is true, but there is no key to select",
            "13:3: template number 1: neither content nor file is given",
            "13:12: template number 1: name is a number; it must be a string in double quotes",
            "14:58: template \"t\": neither content nor file is given",
            "15:12: template number 3: the name \"/t\" is an absolute path",
            "15:40: template number 3: the mode \"x\" is not made of octal digits",
            "15:56: template number 3: content is a number; it must be a string in double quotes",
            "15:67: template number 3: the path \"\\0\" has a NUL byte, which no path can hold",
        ]
    );
}

#[test]
fn a_missing_name_does_not_hide_the_other_problems_of_a_template() {
    let json = format!(r#"{{{STORE}, "templates": [{{"file": "/f", "path": "/p", "mode": "0400"}}]}}"#);
    assert_eq!(problems(&json), ["1:64: template number 1: the field name is missing"]);
}

#[test]
fn a_name_has_to_fit_below_the_symlink() {
    let name = "x/".repeat(2046) + "xx";
    assert_eq!(
        in_lists(&[secret(&name, "a", "")], &[]),
        [format!("1:22: secret {name:?}: the path has more than 4095 bytes, the limit for a path")]
    );
}

#[test]
fn names_are_unique_and_none_is_inside_another() {
    assert_eq!(
        in_lists(
            &["foo", "bar/baz", "foo", "foo/bar", "bar/baz/x/y", "foo-bar"].map(|name| secret(name, name, "")),
            &["foo", "foo", "foo/x"].map(|name| template(name, name, ""))
        ),
        [
            "3:22: secret \"foo\": an earlier secret has the same name",
            "4:22: secret \"foo/bar\": the name lies inside that of secret \"foo\", which is a file and no directory",
            "5:22: secret \"bar/baz/x/y\": the name lies inside that of secret \"bar/baz\", which is a file and no \
             directory",
            "8:23: template \"foo\": an earlier template has the same name",
            "9:23: template \"foo/x\": the name lies inside that of template \"foo\", which is a file and no directory",
        ]
    );
}

#[test]
fn a_link_keeps_away_from_what_is_read() {
    let at = |name: &str, path: &str| {
        format!(
            r#"{{"name": "{name}", "key": "k", "path": "{path}", "sopsFile": "/f.yaml", "mode": "0400", "format": "yaml"}}"#
        )
    };
    let secrets = [at("a", "/key"), at("b", "/f.yaml"), at("c", "/ssh"), at("d", "/fine")].join(",\n");
    let json = format!(
        r#"{{"secretsMountPoint": "/s.d", "symlinkPath": "/s", "ageKeyFile": "/key", "ageSshKeyPaths": ["/ssh"], "secrets": [
{secrets}]}}"#
    );
    let found: Vec<_> = Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unneeded)
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = [("a", "/key"), ("b", "/f.yaml"), ("c", "/ssh")].map(|(name, path)| {
        format!("secret {name:?}: the path {path:?} is where a key, a sops file or a text is read from")
    });
    assert_eq!(found.len(), 3, "{found:?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert!(found.ends_with(expected.as_str()), "{found}");
    }
}

#[test]
fn a_secret_keeps_out_of_the_directory_of_the_templates() {
    assert_eq!(
        in_lists(
            &["rendered", "rendered/x", "rendered-x", "x/rendered"].map(|name| secret(name, name, "")),
            &[template("t", "t", "")]
        ),
        [
            "1:22: secret \"rendered\": the directory rendered belongs to the templates",
            "2:22: secret \"rendered/x\": the name lies inside that of secret \"rendered\", which is a file and no \
             directory",
            "2:22: secret \"rendered/x\": the directory rendered belongs to the templates",
        ]
    );
}

#[test]
fn links_keep_out_of_each_other_and_of_the_store() {
    let at = |name: &str, path: &str| secret(name, name, "").replace(&format!("\"/s/{name}\""), &format!("{path:?}"));
    assert_eq!(
        in_lists(
            &[
                at("a", "/etc/a"),
                at("b", "/etc//a/"),
                at("c", "/etc/a/c"),
                at("d", "/s/e"),
                at("e", "/s/e"),
                at("dir/f", "/s/dir/f"),
                at("dir/g", "/s/dir/g"),
                at("h", "/s/dir"),
                at("i", "/s"),
                at("j", "/"),
                at("k", "/d"),
                at("l", "/d/1"),
                at("m", "/s/m/x"),
                at("n", "/etc/a-b"),
                at("o", "/s/other"),
                at("p", "/etc/t"),
            ],
            &[template("t", "t", "").replace("/s/rendered/t", "/etc/t"), template("u", "u", "")]
        ),
        [
            "2:35: secret \"b\": the path \"/etc/a\" is also that of secret \"a\"",
            "3:35: secret \"c\": the path \"/etc/a/c\" lies inside \"/etc/a\", which is the file of secret \"b\"",
            "4:35: secret \"d\": the path \"/s/e\" is also that of secret \"e\"",
            "8:35: secret \"h\": the path \"/s/dir\" has to be a directory for \"/s/dir/f\", the file of secret \"dir/f\"",
            "9:35: secret \"i\": the path \"/s\" is symlinkPath \"/s\" or a directory above it",
            "10:35: secret \"j\": the path \"/\" is symlinkPath \"/s\" or a directory above it",
            "11:35: secret \"k\": the path \"/d\" is secretsMountPoint \"/d\" or a directory above it",
            "12:35: secret \"l\": the path \"/d/1\" lies inside secretsMountPoint \"/d\", where only generations are",
            "13:35: secret \"m\": the path \"/s/m/x\" lies inside \"/s/m\", which is the file of secret \"m\"",
            "17:36: template \"t\": the path \"/etc/t\" is also that of secret \"p\"",
        ]
    );
}

#[test]
fn a_sops_file_has_one_format() {
    let lines = problems(include_str!("../../../tests/corpus/manifests/gnupg-tmpfs.json"));
    let file = "/nix/store/l601bn17w0hjivgqgsajaan4abl7f43w-secrets.yaml";
    assert_eq!(
        lines,
        [("29:14", "ini", "ini"), ("45:14", "j", "json"), ("61:14", "krb", "binary")].map(|(place, name, format)| format!(
            "{place}: secret {name:?}: the sops file {file:?} is declared as {format} here and as dotenv by secret \"env\"; a \
             file has one format"
        ))
    );
    assert_eq!(
        in_lists(&[secret("a", "a", r#", "format": "json""#), secret("b", "b", "")], &[]),
        [
            "2:13: secret \"b\": the sops file \"/f\" is declared as yaml here and as json by secret \"a\"; a file has one format"
        ]
    );
}

#[test]
fn a_credential_is_one_secret() {
    let credential = r#", "credential": true"#;
    assert_eq!(
        in_lists(
            &[
                secret("a/b", "a/b", credential),
                secret("a-b", "a-b", credential),
                secret("c-d", "c-d", ""),
                secret("c/d", "c/d", credential)
            ],
            &[]
        ),
        ["2:107: secret \"a-b\": the credential \"a-b\" is also that of secret \"a/b\""]
    );
}

#[test]
fn two_secrets_of_one_name_are_one_problem() {
    let twice = secret("a", "a", r#", "credential": true"#);
    assert_eq!(
        in_lists(&[twice.clone(), twice], &[template("t", "t", "")]),
        ["2:22: secret \"a\": an earlier secret has the same name"]
    );
}

#[test]
fn with_templates_each_secret_needs_a_placeholder_of_its_own() {
    let json = format!(
        r#"{{{STORE}, "templates": [{}], "secrets": [
    {},
    {},
    {},
    {},
    {}],
"placeholderBySecretName": {{
    "empty": "",
    "long": "{}",
    "two": "@",
    "one": "@"}}}}"#,
        template("t", "t", ""),
        secret("none", "none", ""),
        secret("empty", "empty", ""),
        secret("long", "long", ""),
        secret("one", "one", ""),
        secret("two", "two", ""),
        "x".repeat(256),
    );
    assert_eq!(
        problems(&json),
        [
            "2:14: secret \"none\": there are templates, but no placeholder for this secret",
            "8:14: secret \"empty\": the placeholder is empty and would match everywhere",
            "9:13: secret \"long\": the placeholder is longer than 255 bytes",
            "11:12: secret \"one\": the placeholder \"@\" is also that of secret \"two\"",
        ]
    );
}

#[test]
fn a_template_has_no_placeholder_left_over() {
    let shape = |digit: &str| format!("<SOPS:{}:PLACEHOLDER>", digit.repeat(64));
    let (known, foreign, unknown) = (shape("1"), shape("2"), shape("a"));
    let json = format!(
        r#"{{{STORE}, "secrets": [{}],
    "placeholderBySecretName": {{"a": "{known}", "root/pw": "{foreign}"}},
    "templates": [{{"name": "t", "path": "/t", "mode": "0400",
        "content": "{known}\n{foreign}\n{unknown}"}}]}}"#,
        secret("a", "a", "")
    );
    assert_eq!(
        problems(&json),
        [
            format!(
                "4:20: template \"t\": the placeholder {foreign:?} is that of secret \"root/pw\", which is not in this manifest \
                 (a secret with neededForUsers is in another one); a template can only use the secrets beside it"
            ),
            format!("4:20: template \"t\": the placeholder {unknown:?} belongs to no secret"),
        ]
    );
    // A secret that is there but wrong is the only problem: its placeholder is not called unknown as well.
    let lines = problems(&json.replacen("0400", "x", 1));
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn a_problem_knows_its_parts() {
    let json = format!(r#"{{{STORE}, "secrets": [{}]}}"#, secret("a", "a", "").replace("0400", "x"));
    let errors = Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset).unwrap_err();
    let problem = errors.iter().next().unwrap();
    assert_eq!((problem.line(), problem.column()), (1, 100));
    assert_eq!(problem.subject(), &Subject::Secret("a".to_owned()));
    assert!(matches!(problem.error(), manifest::Error::Mode(_)));
    assert_eq!((&errors).into_iter().count(), 1);
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic(
        secrets in prop::collection::vec(any_entry(), 0..4),
        templates in prop::collection::vec(any_entry(), 0..4),
        mut rest in any_entry(),
        cut in any::<prop::sample::Index>(),
        directory in prop::sample::select(vec![
            RuntimeDirectory::At("/run/user/1"), RuntimeDirectory::At("%"), RuntimeDirectory::Unset, RuntimeDirectory::Unneeded,
        ]),
    ) {
        let lists = [("secrets".to_owned(), secrets.into()), ("templates".to_owned(), templates.into())];
        rest.as_object_mut().unwrap().extend(lists);
        let json = rest.to_string();
        for json in [&json, &json.replace(',', "\n,")] {
            if let Err(errors) = Manifest::from_json(json.as_bytes(), directory) {
                let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
                prop_assert!(!lines.is_empty());
                prop_assert_eq!(errors.to_string(), lines.join("\n"));
            }
        }
        let cut = cut.index(json.len());
        prop_assert!(Manifest::from_json(&json.as_bytes()[..cut], directory).is_err());
    }
}

/// An object with fields of the manifest, its secrets and templates, and values that are good for some of them.
fn any_entry() -> impl Strategy<Value = serde_json::Value> {
    let fields = [
        "name",
        "path",
        "mode",
        "owner",
        "uid",
        "sopsFile",
        "format",
        "key",
        "selectKey",
        "credential",
        "restartUnits",
        "content",
        "file",
        "secretsMountPoint",
        "symlinkPath",
        "placeholderBySecretName",
        "userMode",
        "keepGenerations",
        "gnupgHome",
        "sshKeyPaths",
        "logging",
    ];
    let values = [
        "null",
        "true",
        "0",
        "-1",
        "1e9",
        "\"\"",
        "\"a\"",
        "\"a/b\"",
        "\"/a\"",
        "\"/a/b\"",
        "\"%r/a\"",
        "\"0400\"",
        "\"yaml\"",
        "\"ini\"",
        "\"\\u0000\"",
        "[\"a.service\"]",
        "[1]",
        "{\"a\": \"a\"}",
        "{\"a/b\": \"\"}",
    ];
    let values = values.map(|value| serde_json::from_str::<serde_json::Value>(value).unwrap());
    let field = (prop::sample::select(fields.to_vec()), prop::sample::select(values.to_vec()));
    let good = r#"{"name": "a", "path": "/a", "mode": "0400", "sopsFile": "/f", "secretsMountPoint": "/d", "symlinkPath": "/s"}"#;
    prop::collection::vec(field, 0..4).prop_map(move |fields| {
        let mut entry: serde_json::Value = serde_json::from_str(good).unwrap();
        entry.as_object_mut().unwrap().extend(fields.into_iter().map(|(field, value)| (field.to_owned(), value)));
        entry
    })
}

/// The problems of a document with these entries, of which the first is on line 1.
fn in_lists(secrets: &[String], templates: &[String]) -> Vec<String> {
    let names = secrets.iter().map(|secret| secret.split('"').nth(3).unwrap());
    let placeholders: Vec<_> = names.map(|name| format!("\"{name}\": \"@{name}@\"")).collect();
    problems(&format!(
        "{{\"secrets\":[{}],\n\"templates\":[{}],\n\"placeholderBySecretName\":{{{}}}, {STORE}}}",
        secrets.join(",\n            "),
        templates.join(",\n             "),
        placeholders.join(", ")
    ))
}

fn secret(name: &str, place: &str, more: &str) -> String {
    format!(r#"{{"name": "{name}", "path": "/s/{place}", "mode": "0400", "sopsFile": "/f", "key": "k"{more}}}"#)
}

fn template(name: &str, place: &str, more: &str) -> String {
    format!(r#"{{"name": "{name}", "path": "/s/rendered/{place}", "mode": "0400", "file": "/f"{more}}}"#)
}

/// One line for each problem.
fn problems(json: &str) -> Vec<String> {
    match Manifest::from_json(json.as_bytes(), RuntimeDirectory::Unset) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}
