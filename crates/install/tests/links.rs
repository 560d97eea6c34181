//! Links at custom paths: what is made, kept, replaced, removed, and what is never touched.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use install::{Changes, Current, Drift, Error, FileSystem, Notice, Sought, Surrounding};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use support::{Place, Rights, Stop, chain, in_namespace};

#[test]
fn a_link_leads_through_the_symlink_and_stays_for_all_generations() {
    let place = Place::new();
    let path = place.path("etc/app/token");
    for content in ["1", "2", "3"] {
        let before = fs::symlink_metadata(&path).map(|metadata| metadata.ino()).ok();
        let run = place.install(&[place.secret("token", content).at(&path)]).unwrap();
        assert!(run.failures.is_empty());
        assert_eq!(fs::read_link(&path).unwrap(), place.location.symlink_path().join("token"));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        assert!(before.is_none_or(|before| before == fs::symlink_metadata(&path).unwrap().ino()));
    }
    let run = place.install(&[place.template("token", "4").at(&path)]).unwrap();
    assert!(run.failures.is_empty());
    assert_eq!(fs::read_link(&path).unwrap(), place.location.symlink_path().join("rendered/token"));
    assert_eq!(fs::read_dir(place.path("etc/app")).unwrap().count(), 1);
}

#[test]
fn links_go_with_their_secrets_also_with_the_last_one() {
    let place = Place::new();
    let [one, two] = ["etc/one", "etc/deep/two"].map(|path| place.path(path));
    place.install(&[place.secret("1", "x").at(&one), place.secret("2", "x").at(&two)]).unwrap();
    place.install(&[place.secret("1", "x").at(&one), place.secret("2", "x")]).unwrap();
    assert!(one.exists() && !two.is_symlink());
    place.install(&[]).unwrap();
    assert!(!one.is_symlink());
}

#[test]
fn links_are_made_and_removed_without_a_new_generation() {
    let place = Place::new();
    let path = place.path("etc/link");
    place.install(&[place.secret("a", "1")]).unwrap();
    let run = place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    assert!(run.changes.is_empty() && path.exists());
    fs::remove_file(&path).unwrap();
    place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    assert!(path.exists());
    let run = place.install(&[place.secret("a", "1")]).unwrap();
    assert!(run.changes.is_empty() && !path.is_symlink());
}

#[test]
fn a_link_that_leads_elsewhere_by_now_is_not_removed() {
    let place = Place::new();
    let path = place.path("etc/link");
    place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("/elsewhere", &path).unwrap();
    assert!(place.install(&[]).unwrap().failures.is_empty());
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("/elsewhere"));

    place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(place.install(&[]).unwrap().failures.is_empty());
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn a_file_is_never_deleted_and_stops_no_other_link() {
    let place = Place::new();
    fs::create_dir_all(place.path("etc/full/of")).unwrap();
    fs::create_dir_all(place.path("etc/empty")).unwrap();
    fs::write(place.path("etc/file"), "precious").unwrap();
    symlink("/elsewhere", place.path("etc/wrong")).unwrap();
    let wanted = ["etc/file", "etc/full", "etc/file/below", "etc/empty", "etc/wrong", "etc/new"]
        .map(|path| place.secret(&path.replace('/', "-"), "x").at(&place.path(path)));
    let run = place.install(&wanted).unwrap();
    let etc = place.path("etc").display().to_string();
    assert_eq!(
        run.failures.iter().map(chain).collect::<Vec<_>>(),
        [
            format!("{etc}/file is a file that this program did not make; move it away, then run this again"),
            format!(
                "{etc}/full is a directory with files that this program did not make; move it away, then run this again"
            ),
            format!(
                "cannot open {etc}/file: ENOTDIR: Not a directory; something on that path is no directory: move it away, or use another path"
            ),
        ]
    );
    assert_eq!(fs::read_to_string(place.path("etc/file")).unwrap(), "precious");
    assert!(place.path("etc/full/of").is_dir());
    for path in ["etc/empty", "etc/wrong", "etc/new"] {
        assert_eq!(fs::read_to_string(place.path(path)).unwrap(), "x", "{path}");
    }
    assert_eq!(fs::read_dir(place.path("etc")).unwrap().count(), 5);
}

#[test]
fn a_link_becomes_a_directory_of_links_and_back() {
    let place = Place::new();
    let [path, below] = ["etc/a", "etc/a/b"].map(|path| place.path(path));
    for _ in 0..2 {
        for path in [&path, &below] {
            let wanted = [place.secret("a", "x").at(path)];
            let current = Current::inspect(&place.location).unwrap();
            let files = wanted.each_ref().map(support::Wanted::file);
            let found =
                current.surroundings(None, &place.path("run/credstore"), files.iter().map(Sought::from)).unwrap();
            let going = Surrounding::links_that_go(&found);
            let files = files.map(|file| file.wanted);
            let obstacles = current.obstacles(files, &Changes::none(), &going, support::keep_one()).unwrap();
            assert!(obstacles.after.is_empty(), "{obstacles:?}");
            let run = place.install(&wanted).unwrap();
            assert!(run.failures.is_empty(), "{:?}", run.failures);
            assert_eq!(fs::read_to_string(path).unwrap(), "x");
        }
    }
}

#[test]
fn no_link_is_made_that_is_not_recorded() {
    let place = Place::new();
    let [one, two] = ["etc/one", "etc/two"].map(|path| place.path(path));
    let old = [place.secret("a", "x").at(&one)];
    place.install(&old).unwrap();
    let in_the_way = place.location.mount_point().join("..links.new");
    fs::create_dir_all(in_the_way.join("theirs")).unwrap();
    let run = place.install(&[place.secret("a", "x").at(&two), place.secret("b", "x").at(&one)]).unwrap();
    assert_eq!(run.failures.len(), 2, "each is said: {:?}", run.failures);
    assert!(!two.is_symlink() && fs::read_link(&one).unwrap().ends_with("a"), "and the one before stays");
    fs::remove_dir_all(&in_the_way).unwrap();
    for wanted in [&old[..], &[]] {
        assert!(place.install(wanted).unwrap().failures.is_empty());
        assert_eq!(fs::read_dir(place.path("etc")).unwrap().count(), wanted.len());
    }
}

#[test]
fn a_link_that_could_not_be_replaced_is_still_known() {
    let place = Place::new();
    let path = place.path("etc/a");
    place.install(&[place.secret("a", "x").at(&path)]).unwrap();
    fs::write(place.path("etc/.a.new"), "theirs").unwrap();
    assert_eq!(place.install(&[place.secret("b", "x").at(&path)]).unwrap().failures.len(), 1);
    assert!(place.install(&[place.secret("b", "x")]).unwrap().failures.is_empty());
    assert!(!path.is_symlink());
}

#[test]
fn a_link_in_the_place_of_the_secrets_is_an_error() {
    let place = Place::new();
    let symlink_path = place.location.symlink_path().to_owned();
    let paths = [&symlink_path, place.location.mount_point(), Path::new("/"), &place.path("run")];
    let wanted: Vec<_> =
        paths.iter().enumerate().map(|(number, path)| place.secret(&number.to_string(), "x").at(path)).collect();
    let run = place.install(&wanted).unwrap();
    assert_eq!(run.failures.len(), 4, "{:?}", run.failures);
    assert!(matches!(run.failures[0], Error::HidesSecrets { .. }));
    assert_eq!(fs::read_to_string(symlink_path.join("0")).unwrap(), "x");
}

#[test]
fn what_a_killed_run_prepared_is_used_or_removed() {
    let place = Place::new();
    let path = place.path("etc/link");
    let temporary = place.path("etc/.link.new");
    let target = place.location.symlink_path().join("a");
    let wanted = [place.secret("a", "x").at(&path)];
    fs::create_dir(place.path("etc")).unwrap();

    symlink("/elsewhere", &path).unwrap();
    symlink(&target, &temporary).unwrap();
    assert!(place.install(&wanted).unwrap().failures.is_empty());
    assert_eq!(fs::read_link(&path).unwrap(), target);
    assert!(!temporary.is_symlink());

    symlink(&target, &temporary).unwrap();
    place.install(&[]).unwrap();
    assert!(!temporary.is_symlink() && !path.is_symlink());

    symlink("/elsewhere", &path).unwrap();
    fs::write(&temporary, "precious").unwrap();
    assert_eq!(place.install(&wanted).unwrap().failures.len(), 1);
    assert_eq!(fs::read_to_string(&temporary).unwrap(), "precious");
}

#[test]
fn a_link_may_have_the_name_under_which_another_one_is_prepared_and_255_bytes() {
    let place = Place::new();
    let long = "l".repeat(255);
    let names = [".a.new", "a", "..a.new.new", &long, &format!(".{}.new", "l".repeat(200))];
    for secrets in [["1", "2", "3", "4", "5"], ["2", "1", "4", "5", "3"], ["2", "1", "5", "4", "3"]] {
        let wanted: Vec<_> = names
            .iter()
            .zip(secrets)
            .map(|(name, secret)| place.secret(secret, secret).at(&place.path("etc").join(name)))
            .collect();
        let run = place.install(&wanted).unwrap();
        assert!(run.failures.is_empty(), "{:?}", run.failures);
        for (name, secret) in names.iter().zip(secrets) {
            assert_eq!(fs::read_to_string(place.path("etc").join(name)).unwrap(), secret, "{name}");
        }
        assert_eq!(fs::read_dir(place.path("etc")).unwrap().count(), names.len());
    }
}

#[test]
fn what_gives_way_to_a_link_is_told_once_and_recorded() {
    let place = Place::new();
    fs::create_dir_all(place.path("etc/empty")).unwrap();
    symlink("/run/agenix/token", place.path("etc/foreign")).unwrap();
    fs::create_dir_all(place.location.symlink_path()).unwrap();
    let wanted = ["etc/empty", "etc/foreign", "etc/new"]
        .map(|path| place.secret(&path.replace('/', "-"), "x").at(&place.path(path)));
    let run = place.install(&wanted).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    let said: Vec<String> = run.notices.iter().map(ToString::to_string).collect();
    let line = |path: &Path, was: &str| {
        format!("{} was {was} that is not of this manifest; it gave way to a link", path.display())
    };
    let (symlink_path, record) = (place.location.symlink_path(), place.location.mount_point().join(".replaced"));
    assert_eq!(
        said,
        [
            line(symlink_path, "an empty directory"),
            line(&place.path("etc/empty"), "an empty directory"),
            line(&place.path("etc/foreign"), "a link to /run/agenix/token"),
        ]
    );
    let recorded = fs::read_to_string(&record).unwrap();
    assert!(recorded.contains("/etc/foreign\0a link to /run/agenix/token\0"), "{recorded:?}");
    assert!(recorded.contains("/run/secrets\0an empty directory\0"), "{recorded:?}");
    assert_eq!(place.install(&wanted).unwrap().notices, []);
    // A link of ours that leads elsewhere from now on is not foreign.
    let moved = place.secret("other", "x").at(&place.path("etc/foreign"));
    assert_eq!(place.install(&[moved]).unwrap().notices, []);

    fs::remove_file(symlink_path).unwrap();
    symlink("/elsewhere", symlink_path).unwrap();
    let run = place.install(&[]).unwrap();
    assert_eq!(
        run.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [line(symlink_path, "a link to /elsewhere")]
    );
    let recorded = fs::read_to_string(&record).unwrap();
    assert!(recorded.contains("/run/secrets\0a link to /elsewhere\0"), "{recorded:?}");
}

#[test]
fn a_link_behind_a_link_of_its_user_is_told_once_and_forgotten() {
    let place = Place::new();
    fs::create_dir_all(place.path("home/real")).unwrap();
    fs::set_permissions(place.path("home"), fs::Permissions::from_mode(0o777)).unwrap();
    let path = place.path("home/config/token");
    place.install(&[place.secret("a", "x").at(&path)]).unwrap();
    fs::rename(place.path("home/config"), place.path("home/real/config")).unwrap();
    symlink("real/config", place.path("home/config")).unwrap();
    let run = place.install(&[]).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    let through = place.path("home/config");
    assert_eq!(run.notices, [Notice::Forgotten { path: path.clone(), through }]);
    assert!(place.path("home/real/config/token").is_symlink());
    let run = place.install(&[]).unwrap();
    assert!(run.failures.is_empty() && run.notices.is_empty());
    assert_eq!(fs::read_to_string(place.location.mount_point().join(".links")).unwrap(), "");
}

#[test]
fn what_a_killed_run_prepared_for_the_switch_goes_even_if_nothing_changes() {
    let place = Place::new();
    let wanted = [place.secret("a", "x")];
    place.install(&wanted).unwrap();
    let prepared = place.path("run/.secrets.new");
    symlink(place.location.mount_point().join("2"), &prepared).unwrap();
    assert!(place.install(&wanted).unwrap().changes.is_empty());
    assert!(!prepared.is_symlink());
    // What is not ours stays, and is in the way of a switch only.
    symlink("/elsewhere", &prepared).unwrap();
    place.install(&wanted).unwrap();
    assert!(matches!(place.install(&[]).err().unwrap(), Error::Foreign { found: "a link", .. }));
    assert!(prepared.is_symlink());
}

#[test]
fn directories_on_the_way_to_a_link_have_exact_modes_whatever_the_umask() {
    let name = "directories_on_the_way_to_a_link_have_exact_modes_whatever_the_umask";
    if !support::with_umask(name, &["0", "022", "077", "0177", "0277"]) {
        return;
    }
    let place = Place::new();
    // Where others may write too, a mode cannot be made right afterwards.
    fs::create_dir(place.path("open")).unwrap();
    fs::set_permissions(place.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    let links = ["home/one/two/link", "open/one/link"].map(|path| place.path(path));
    let wanted = [place.secret("a", "x").at(&links[0]), place.secret("b", "x").at(&links[1])];
    let run = place.install(&wanted).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    let mode = |path: &str| fs::metadata(place.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        ["home", "home/one", "home/one/two", "open/one", "run/secrets.d"].map(mode),
        [0o755, 0o755, 0o755, 0o755, 0o751]
    );
}

#[test]
fn a_link_never_takes_the_place_of_what_appears_there_meanwhile() {
    let place = Place::new();
    let [path, aside] = ["home/link", "home/aside"].map(|path| place.path(path));
    fs::create_dir(place.path("home")).unwrap();
    fs::write(&aside, "precious").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&done);
        let user = scope.spawn(|| {
            let (mut put, mut lost) = (0_u32, 0_u32);
            while !done.load(Ordering::Relaxed) {
                // Where there is nothing, a file may be at any moment, and only its user takes it away again.
                if fs::hard_link(&aside, &path).is_ok() {
                    put += 1;
                    thread::yield_now();
                    lost += u32::from(path.is_symlink());
                    drop(fs::remove_file(&path));
                }
            }
            (put, lost)
        });
        for _ in 0..300 {
            place.install(&[place.secret("a", "x").at(&path)]).unwrap();
            place.install(&[]).unwrap();
        }
        drop(stop);
        let (put, lost) = user.join().unwrap();
        assert!(put > 10 && lost == 0, "{put} files, {lost} lost");
    });
}

#[test]
fn a_damaged_record_is_said_and_stops_nothing() {
    let place = Place::new();
    let path = place.path("etc/link");
    place.install(&[]).unwrap();
    let long = format!("/{}\0/target\0", "a".repeat(256));
    for garbage in ["garbage", "\0\0", "/\0/target\0", "/a/../b\0/target\0", "a\0/target\0", &long] {
        fs::write(place.location.mount_point().join(".links"), garbage).unwrap();
        let run = place.install(&[place.secret("a", "x").at(&path)]).unwrap();
        assert!(matches!(&*run.failures, [Error::Record { .. }]), "{garbage}: {:?}", run.failures);
        assert!(path.exists());
    }
    assert!(place.install(&[place.secret("a", "x").at(&path)]).unwrap().failures.is_empty());
}

#[test]
fn a_record_that_cannot_be_read_is_kept_for_the_next_run() {
    let place = Place::new();
    let path = place.path("etc/link");
    place.install(&[place.secret("a", "x").at(&path)]).unwrap();
    let [record, aside] = [".links", "aside"].map(|name| place.location.mount_point().join(name));
    fs::rename(&record, &aside).unwrap();
    fs::create_dir(&record).unwrap();
    let run = place.install(&[place.secret("a", "x")]).unwrap();
    let said = format!(
        "{} is a directory that this program did not make; move it away, then run this again",
        record.display()
    );
    assert_eq!(run.failures.iter().map(chain).collect::<Vec<_>>(), [said]);
    fs::remove_dir(&record).unwrap();
    fs::rename(&aside, &record).unwrap();
    assert!(place.install(&[place.secret("a", "x")]).unwrap().failures.is_empty());
    assert!(!path.is_symlink());
}

#[test]
fn links_on_the_way_are_followed_only_if_nobody_else_can_change_them() {
    let place = Place::new();
    for directory in ["real", "trusted", "shared"] {
        fs::create_dir(place.path(directory)).unwrap();
    }
    fs::set_permissions(place.path("shared"), fs::Permissions::from_mode(0o777)).unwrap();
    symlink("../real", place.path("trusted/way")).unwrap();
    symlink(place.path("real"), place.path("trusted/absolute-way")).unwrap();
    symlink(place.path("real"), place.path("shared/way")).unwrap();
    symlink("loop", place.path("trusted/loop")).unwrap();

    let wanted = ["trusted/way/x/a", "trusted/absolute-way/b", "shared/way/c", "trusted/loop/d", "shared/e"]
        .map(|path| place.secret(&path.replace('/', "-"), "x").at(&place.path(path)));
    let run = place.install(&wanted).unwrap();
    let [untrusted, looping] = &*run.failures else { panic!("{:?}", run.failures) };
    assert!(matches!(untrusted, Error::Untrusted { path } if *path == place.path("shared/way")), "{untrusted}");
    assert!(chain(looping).ends_with("ELOOP: Too many symbolic links encountered"), "{}", chain(looping));
    assert_eq!(fs::read_to_string(place.path("real/x/a")).unwrap(), "x");
    assert_eq!(fs::read_to_string(place.path("real/b")).unwrap(), "x");
    assert!(!place.path("real/c").exists());
    assert_eq!(fs::read_to_string(place.path("shared/e")).unwrap(), "x");
    assert!(place.install(&[]).unwrap().failures.is_empty());
    assert!(!place.path("real/x/a").is_symlink() && !place.path("shared/e").is_symlink());
}

#[test]
fn a_user_who_exchanges_directories_leads_nothing_astray() {
    let place = Place::new();
    for directory in ["home/config", "victim/deep"] {
        fs::create_dir_all(place.path(directory)).unwrap();
    }
    fs::write(place.path("victim/secret"), "precious").unwrap();
    // As the home directory of another user, as seen by root.
    fs::set_permissions(place.path("home"), fs::Permissions::from_mode(0o777)).unwrap();
    symlink(place.path("victim"), place.path("home/other")).unwrap();

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&done);
        let attacker = scope.spawn(|| {
            let [config, other] = ["home/config", "home/other"].map(|path| place.path(path));
            let mut exchanges = 0_u32;
            while !done.load(Ordering::Relaxed) {
                renameat2(AT_FDCWD, &config, AT_FDCWD, &other, RenameFlags::RENAME_EXCHANGE).unwrap();
                exchanges += 1;
            }
            exchanges
        });
        let mut made = 0_u32;
        for round in 0..1000 {
            let wanted = [
                place.secret("a", "x").at(&place.path("home/config/secret")),
                place.secret("b", "x").at(&place.path("home/config/deep/other")),
            ];
            let run = place.install_unpruned(if round % 2 == 0 { &wanted } else { &[] }).unwrap();
            made += u32::from(run.failures.is_empty());
            for failure in run.failures {
                let expected = matches!(failure, Error::Untrusted { .. } | Error::Call { .. });
                assert!(expected, "{failure}");
            }
            assert_eq!(fs::read_dir(place.path("victim")).unwrap().count(), 2);
            assert_eq!(fs::read_dir(place.path("victim/deep")).unwrap().count(), 0);
        }
        drop(stop);
        let exchanges = attacker.join().unwrap();
        assert!(exchanges > 100 && made > 10, "{exchanges} exchanges, {made} runs without a failure");
    });
    assert_eq!(fs::read_to_string(place.path("victim/secret")).unwrap(), "precious");
}

#[test]
fn a_user_who_exchanges_the_link_itself_gets_no_other_file() {
    if support::in_namespace("a_user_who_exchanges_the_link_itself_gets_no_other_file").is_none() {
        return;
    }
    let rights = nix::unistd::Uid::from_raw(if support::may_give_away() { 1234 } else { 0 });
    let place = Place::mounted(install::FileSystem::Ramfs, 0);
    fs::create_dir(place.path("home")).unwrap();
    fs::set_permissions(place.path("home"), fs::Permissions::from_mode(0o777)).unwrap();
    // A file of root in the user's directory, which the user can rename but must never own.
    fs::write(place.path("home/of-root"), "precious").unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&done);
        scope.spawn(|| {
            let [file, link, aside] = ["home/of-root", "home/link", "home/aside"].map(|path| place.path(path));
            while !done.load(Ordering::Relaxed) {
                // Any of these fails if the link is not there at this moment.
                drop(fs::rename(&link, &aside).and_then(|()| fs::rename(&file, &link)));
                drop(fs::rename(&link, &file));
                drop(fs::remove_file(&aside));
            }
        });
        for _ in 0..1000 {
            let wanted = place.secret("a", "x").owner(rights.as_raw(), 0).at(&place.path("home/link"));
            place.install(&[wanted]).unwrap();
        }
        drop(stop);
    });
    let files: Vec<_> = fs::read_dir(place.path("home"))
        .unwrap()
        .map(|entry| entry.unwrap().path().symlink_metadata().unwrap())
        .filter(fs::Metadata::is_file)
        .collect();
    // Neither deleted, unless the user did it, nor given away.
    assert!(files.iter().all(|file| file.uid() == 0), "{files:?}");
}

#[test]
fn directories_that_are_made_in_the_directory_of_a_user_are_the_users() {
    if in_namespace("directories_that_are_made_in_the_directory_of_a_user_are_the_users") != Some(Rights::Root) {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    for (folder, owner, mode) in [
        ("home", 1000, 0o700),
        ("open", 1000, 0o777),
        ("etc", 0, 0o755),
        ("shared", 1000, 0o2775),
        ("taken", 1000, 0o755),
        ("moved", 1000, 0o755),
    ] {
        fs::create_dir(place.path(folder)).unwrap();
        chown(place.path(folder), Some(owner), Some(owner)).unwrap();
        fs::set_permissions(place.path(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    // As a killed run leaves it, and as the user may be in the way.
    fs::create_dir(place.path("shared/.app.new")).unwrap();
    fs::create_dir_all(place.path("taken/.app.new/precious")).unwrap();
    // Root's, and perhaps mounted elsewhere.
    fs::create_dir(place.path("moved/data")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::rename(place.path("moved/data"), place.path("moved/.app.new")).unwrap();
    let links = [
        "home/.config/app/token",
        "open/.config/token",
        "etc/app/token",
        "shared/app/token",
        "taken/app/token",
        "moved/app/token",
    ]
    .map(|path| place.path(path));
    let wanted: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .zip(&links)
        .map(|(name, path)| place.secret(name, "x").at(path))
        .collect();
    let run = place.install(&wanted).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    for (path, owner) in [("home/.config", 1000), ("home/.config/app", 1000), ("open/.config", 0), ("etc/app", 0)] {
        let status = fs::symlink_metadata(place.path(path)).unwrap();
        assert_eq!((status.uid(), status.gid(), status.mode() & 0o7777), (owner, owner, 0o755), "{path}");
    }
    let [shared, taken] = ["shared/app", "taken/app"].map(|path| fs::symlink_metadata(place.path(path)).unwrap());
    assert_eq!((shared.uid(), shared.mode() & 0o7777, taken.uid()), (1000, 0o2755, 0));
    let precious = fs::symlink_metadata(place.path("taken/.app.new/precious")).unwrap();
    assert_eq!((precious.uid(), place.path("shared/.app.new").exists()), (0, false));
    assert_eq!(fs::symlink_metadata(place.path("moved/.app.new")).unwrap().uid(), 0);
}

#[test]
fn a_directory_that_a_killed_run_has_not_finished_goes_with_its_link() {
    if in_namespace("a_directory_that_a_killed_run_has_not_finished_goes_with_its_link") != Some(Rights::Root) {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    fs::create_dir(place.path("home")).unwrap();
    chown(place.path("home"), Some(1000), Some(1000)).unwrap();
    fs::create_dir(place.path("etc")).unwrap();
    for (below, is_removed) in [("home", true), ("etc", false)] {
        let [directory, unfinished] = ["app", ".app.new"].map(|name| place.path(below).join(name));
        for content in [None, Some("precious")] {
            place.install(&[place.secret("a", "x").at(&directory.join("deep/token"))]).unwrap();
            fs::remove_dir_all(&directory).unwrap();
            fs::create_dir(&unfinished).unwrap();
            if let Some(name) = content {
                fs::write(unfinished.join(name), "").unwrap();
            }
            let run = place.install(&[place.secret("a", "x")]).unwrap();
            assert!(run.failures.is_empty(), "{:?}", run.failures);
            assert_eq!(unfinished.exists(), !is_removed || content.is_some(), "{below} {content:?}");
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished).unwrap();
            }
        }
    }
}

#[test]
fn a_link_out_of_reach_ends_no_look() {
    let place = Place::new();
    let others = place.path("others");
    fs::create_dir_all(place.path("far")).unwrap();
    fs::create_dir(&others).unwrap();
    fs::set_permissions(&others, fs::Permissions::from_mode(0o777)).unwrap();
    symlink(place.path("far"), others.join("way")).unwrap();
    let wanted = [place.secret("a", "1").at(&others.join("way/a")), place.secret("b", "1").at(&place.path("etc/b"))];
    let run = place.install(&wanted).unwrap();
    assert_eq!(run.failures.len(), 1, "{:?}", run.failures);

    let current = Current::inspect(&place.location).unwrap();
    let files = wanted.each_ref().map(|wanted| wanted.file().wanted);
    let [lost, right] = files.each_ref().map(|file| current.inspect_file(file).unwrap().drift);
    assert_eq!(right, []);
    let path = others.join("way");
    assert_eq!(lost, [Drift::OutOfReach { path: path.join("a"), through: path }]);
    assert!(lost.iter().all(Drift::is_in_the_way));
    let obstacles = current.obstacles(files, &Changes::none(), &HashSet::new(), support::keep_one()).unwrap();
    assert!(obstacles.before.is_empty() && obstacles.after.is_empty(), "{obstacles:?}");
}

#[test]
fn a_link_that_a_killed_run_has_prepared_for_another_secret_goes() {
    let place = Place::new();
    let path = place.path("home/token");
    let prepared = place.path("home/.token.new");
    let wanted = |name| [place.secret(name, "1").at(&path)];
    place.install(&wanted("a")).unwrap();
    // As it is left by a run that is killed before the link is in place, and before the record is made short again.
    symlink(place.location.symlink_path().join("b"), &prepared).unwrap();
    let record = place.location.mount_point().join(".links");
    let mut lines = fs::read(&record).unwrap();
    let [path_text, target] = [path.clone(), place.location.symlink_path().join("b")];
    lines.extend(format!("{}\0{}\0", path_text.display(), target.display()).into_bytes());
    fs::write(&record, lines).unwrap();
    let run = place.install(&wanted("a")).unwrap();
    assert!(run.failures.is_empty() && !prepared.is_symlink() && path.exists(), "{run:?}");
}
