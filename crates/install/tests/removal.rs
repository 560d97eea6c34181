//! Taking away all that was installed, and nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::thread;
use std::time::Duration;

use install::{Credential, Current, Error, FileSystem, Lock, Notice, Removal, Store};
use manifest::CredentialName;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use support::{Place, in_namespace};

fn remove(place: &Place) -> Result<Removal, Vec<Error>> {
    support::remove(&place.location, Lock::acquire(&place.location, |_| {}).unwrap())
}

/// Everything below a folder, without following links.
fn all(folder: &Path) -> Vec<String> {
    let mut tree = std::collections::BTreeMap::new();
    support::walk(folder, "", &mut tree);
    tree.into_keys().collect()
}

#[test]
fn everything_goes_and_what_others_made_stays() {
    let place = Place::new();
    let wanted = [
        place.secret("d/a", "x").at(&place.path("home/link")),
        place.secret("b", "x").at(&place.path("home/exchanged")),
        place.template("t", "x"),
    ];
    place.install_keeping(&wanted, 3).unwrap();
    place.install_keeping(&wanted[..2], 3).unwrap();
    let exchanged = place.path("home/exchanged");
    fs::remove_file(&exchanged).unwrap();
    symlink("/elsewhere", &exchanged).unwrap();
    fs::write(place.path("run/other"), "").unwrap();
    // What a killed run leaves.
    symlink(place.location.mount_point().join("2"), place.path("run/.secrets.new")).unwrap();
    fs::write(place.location.mount_point().join("..links.new"), "").unwrap();
    fs::create_dir(place.location.mount_point().join("3")).unwrap();
    fs::set_permissions(place.location.mount_point().join("3"), fs::Permissions::from_mode(0o751)).unwrap();

    let removal = remove(&place).unwrap();
    assert!(removal.failures.is_empty() && removal.notices.is_empty(), "{removal:?}");
    assert_eq!((removal.generations, removal.links, removal.symlink), (3, 1, true));
    assert_eq!(all(&place.path("")), ["home", "home/exchanged", "run", "run/other"]);
    assert!(remove(&place).unwrap().is_nothing());
    assert_eq!(all(&place.path("run")), ["other"]);
    // And back again.
    assert_eq!(place.install(&wanted).unwrap().active, Some(1));
}

#[test]
fn a_symlink_that_leads_to_a_generation_by_another_name_goes_too() {
    let place = Place::new();
    place.install(&[place.secret("a", "x")]).unwrap();
    let link = place.location.symlink_path();
    let target = fs::read_link(link).unwrap();
    let relative = Path::new(target.parent().unwrap().file_name().unwrap()).join(target.file_name().unwrap());
    fs::remove_file(link).unwrap();
    symlink(relative, link).unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.symlink && removal.failures.is_empty(), "{removal:?}");
    assert_eq!(all(&place.path("run")), [""; 0]);
}

#[test]
fn nothing_goes_while_something_foreign_is_among_the_generations() {
    let place = Place::new();
    place.install(&[place.secret("a", "x").at(&place.path("home/link"))]).unwrap();
    let before = all(&place.path(""));
    let mount_point = place.location.mount_point();
    for (foreign, found) in
        [("mine", "a file"), ("0x", "a file"), (".links.old", "a file"), ("1/fifo", "a special file")]
    {
        let path = mount_point.join(foreign);
        match found {
            "a file" => fs::write(&path, "precious").unwrap(),
            _ => mkfifo(&path, Mode::S_IRUSR).unwrap(),
        }
        let [Error::Foreign { path: named, found: what }] = &*remove(&place).unwrap_err() else { panic!() };
        assert_eq!((named, *what), (&path, found));
        fs::remove_file(&path).unwrap();
        assert_eq!(all(&place.path("")), before);
    }
    fs::create_dir(mount_point.join("7")).unwrap();
    fs::set_permissions(mount_point.join("7"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(&*remove(&place).unwrap_err(), [Error::Foreign { found: "a directory", .. }]));
}

#[test]
fn a_link_that_cannot_be_reached_any_more_is_told_and_a_damaged_record_stays_without_the_secrets() {
    let place = Place::new();
    let wanted = [place.secret("a", "x").at(&place.path("home/config/token"))];
    place.install(&wanted).unwrap();
    fs::create_dir(place.path("home/real")).unwrap();
    fs::rename(place.path("home/config"), place.path("home/real/config")).unwrap();
    symlink("config", place.path("home/config")).unwrap();
    let record = place.location.mount_point().join(".links");
    let whole = fs::read(&record).unwrap();
    fs::write(&record, "half").unwrap();
    let removal = remove(&place).unwrap();
    assert!(matches!(&*removal.failures, [Error::Record { .. }]), "{removal:?}");
    assert!(!place.location.symlink_path().is_symlink() && place.generations().is_empty());
    assert_eq!(fs::read(&record).unwrap(), b"half");
    fs::write(&record, whole).unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.failures.is_empty() && removal.links == 0, "{removal:?}");
    assert_eq!(
        removal.notices,
        [Notice::Forgotten { path: place.path("home/config/token"), through: place.path("home/config") }]
    );
    assert!(!place.location.mount_point().exists());
}

#[test]
fn a_record_that_another_user_can_have_written_is_not_believed() {
    let place = Place::new();
    let link = place.path("home/token");
    place.install(&[place.secret("a", "x").at(&link)]).unwrap();
    let record = place.location.mount_point().join(".links");
    fs::set_permissions(&record, fs::Permissions::from_mode(0o622)).unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.links == 0 && link.is_symlink(), "{removal:?}");
}

#[test]
fn what_is_known_of_links_goes_with_them_also_if_others_could_write_beside_it() {
    let place = Place::new();
    let link = place.path("home/token");
    place.install(&[place.secret("a", "x").at(&link)]).unwrap();
    fs::set_permissions(place.location.mount_point(), fs::Permissions::from_mode(0o777)).unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.links == 1 && !link.is_symlink(), "{removal:?}");
}

#[test]
fn nothing_goes_from_a_read_only_file_system() {
    if in_namespace("nothing_goes_from_a_read_only_file_system").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let link = place.path("home/token");
    place.install(&[place.secret("a", "x").at(&link)]).unwrap();
    let mount_point = place.location.mount_point();
    mount(None::<&str>, mount_point, None::<&str>, MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY, None::<&str>).unwrap();
    let obstacles = remove(&place).unwrap_err();
    assert!(matches!(&*obstacles, [Error::Call { errno: Errno::EROFS, .. }]), "{obstacles:?}");
    assert_eq!(fs::read_to_string(&link).unwrap(), "x");
}

#[test]
fn a_symlink_that_leads_elsewhere_stays() {
    let place = Place::new();
    // Others read what is there, as after a change to sops-nix with another mount point, which records nothing.
    fs::create_dir_all(place.path("theirs/1")).unwrap();
    fs::write(place.path("theirs/1/b"), "live").unwrap();
    for target in [Path::new("/elsewhere"), &place.path("theirs/1")] {
        let [a, b] = ["a", "b"].map(|name| place.secret(name, "x").at(&place.path("run").join(format!("link-{name}"))));
        place.install(&[a, b]).unwrap();
        fs::remove_file(place.location.symlink_path()).unwrap();
        symlink(target, place.location.symlink_path()).unwrap();
        let removal = remove(&place).unwrap();
        assert!(!removal.symlink && removal.failures.is_empty() && removal.generations == 1, "{removal:?}");
        let left: &[&str] = if target.exists() { &["link-b", "secrets"] } else { &["secrets"] };
        assert_eq!(
            (removal.links, all(&place.path("run"))),
            (3 - left.len(), left.iter().map(|&name| name.into()).collect())
        );
    }
}

#[test]
fn a_relative_symlink_to_a_generation_that_is_gone_goes_too() {
    let place = Place::new();
    place.install(&[place.secret("a", "x")]).unwrap();
    fs::remove_file(place.location.symlink_path()).unwrap();
    symlink("secrets.d/9", place.location.symlink_path()).unwrap();
    assert!(remove(&place).unwrap().symlink);
}

#[test]
fn who_waits_for_the_lock_does_not_get_the_one_that_was_removed() {
    let place = Place::new();
    place.install(&[place.secret("a", "x")]).unwrap();
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| Lock::acquire(&place.location, |_| {}).unwrap());
        thread::sleep(Duration::from_millis(50));
        support::remove(&place.location, lock).unwrap();
        let second = waiting.join().unwrap();
        assert!(place.path("run/secrets.d.lock").exists());
        drop(second);
    });
}

#[test]
fn what_is_mounted_is_unmounted_unless_something_is_mounted_below() {
    if in_namespace("what_is_mounted_is_unmounted_unless_something_is_mounted_below").is_none() {
        return;
    }
    for file_system in [FileSystem::Ramfs, FileSystem::Tmpfs] {
        let place = Place::mounted(file_system, 0);
        place.install(&[place.secret("d/a", "x")]).unwrap();
        let data = place.path("data");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("precious"), "").unwrap();
        for below in ["1/d/data", "beside"] {
            let below = place.location.mount_point().join(below);
            fs::create_dir(&below).unwrap();
            mount(Some(&data), &below, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
            let [Error::Mounted { path }] = &*remove(&place).unwrap_err() else { panic!() };
            assert_eq!(*path, below);
            nix::mount::umount(&below).unwrap();
            fs::remove_dir(&below).unwrap();
        }
        let removal = remove(&place).unwrap();
        assert!(removal.failures.is_empty() && !removal.stays_mounted && removal.generations == 1, "{removal:?}");
        assert_eq!(all(&place.path("")), ["data", "data/precious", "run"]);
        assert!(!fs::read_to_string("/proc/self/mountinfo").unwrap().contains("secrets.d"));
        fs::remove_dir_all(&data).unwrap();
    }
}

#[test]
fn a_file_system_beneath_another_one_goes_too() {
    if in_namespace("a_file_system_beneath_another_one_goes_too").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "x")]).unwrap();
    // As this program mounts it.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("none"), place.location.mount_point(), Some("ramfs"), flags, None::<&str>).unwrap();
    place.install(&[place.secret("a", "y")]).unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.failures.is_empty() && removal.generations == 2, "{removal:?}");
    assert_eq!(all(&place.path("")), ["run"]);
}

#[test]
fn credentials_go() {
    if in_namespace("credentials_go").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let secret = place.secret("a", "x");
    let store = place.path("credstore");
    {
        let current = Current::inspect(&place.location).unwrap();
        let mut open = Store::open(&current, Lock::acquire(&place.location, |_| {}).unwrap(), place.group).unwrap();
        open.stage(&[secret.file()], support::keep_one()).unwrap().activate(&[]).unwrap();
        let name = CredentialName::try_from(&secret.name).unwrap();
        assert!(open.publish(&store, &[Credential { name: &name, content: b"x" }]).is_empty());
    }
    fs::write(store.join("other"), "").unwrap();
    let removal = remove(&place).unwrap();
    assert!(removal.failures.is_empty() && removal.credentials == 1, "{removal:?}");
    assert_eq!(all(&store), ["other"]);
}
