//! File systems in memory, owners and credentials: what needs the right to mount. Each test runs in mount namespaces of
//! its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod support;

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::num::NonZeroU64;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use install::{
    Activation, Credential, Current, Drift, Error, FileSystem, Lock, Medium, Notice, Retention, Sought, Store,
    Surrounding,
};
use manifest::{CredentialName, Name};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{Uid, chown};
use support::{Place, Rights, Stop, Wanted, in_namespace, location};

#[test]
fn a_ramfs_is_mounted_once() {
    if in_namespace("a_ramfs_is_mounted_once").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    for content in ["1", "1", "2"] {
        place.install(&[place.secret("d/a", content)]).unwrap();
        let [mounted] = &*mounts(place.location.mount_point()) else { panic!("not one mount") };
        assert!(mounted.contains(" - ramfs none "), "{mounted}");
        for option in ["nosuid", "nodev", "noexec", "mode=751"] {
            assert!(mounted.contains(option), "{mounted}");
        }
    }
    let status = fs::metadata(place.location.mount_point()).unwrap();
    assert_eq!((status.mode() & 0o7777, status.uid(), status.gid()), (0o751, 0, 0));
}

#[test]
fn a_tmpfs_has_no_swap_where_the_kernel_can_do_that() {
    let Some(rights) = in_namespace("a_tmpfs_has_no_swap_where_the_kernel_can_do_that") else { return };
    // The folder is itself on a tmpfs: a directory of the right type is not a mount.
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    let [mounted] = &*mounts(place.location.mount_point()) else { panic!("not one mount") };
    assert!(mounted.contains(" - tmpfs none "), "{mounted}");
    assert_eq!(mounted.contains("noswap"), rights == Rights::Root && kernel_is_since((6, 4)), "{mounted}");
    assert_eq!(place.install(&[place.secret("a", "2")]).unwrap().active, Some(2));
    assert_eq!(mounts(place.location.mount_point()).len(), 1);
}

#[test]
fn the_mount_point_gets_its_owner_and_mode_back() {
    if in_namespace("the_mount_point_gets_its_owner_and_mode_back").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    fs::set_permissions(place.location.mount_point(), fs::Permissions::from_mode(0o700)).unwrap();
    place.install(&[place.secret("a", "1")]).unwrap();
    assert_eq!(fs::metadata(place.location.mount_point()).unwrap().mode() & 0o7777, 0o751);
}

#[test]
fn owners_are_set_and_compared() {
    let Some(rights) = in_namespace("owners_are_set_and_compared") else { return };
    // In a user namespace there is no other id than 0.
    let (user, group, keys) = if rights == Rights::Root { (1234, 2345, 3456) } else { (0, 0, 0) };
    let place = Place::mounted(FileSystem::Ramfs, keys);
    let link = place.path("etc/link");
    let wanted = |user, group| {
        [
            place.secret("d/e/a", "1").owner(user, group).mode(0o440).at(&link),
            place.template("t", "1").owner(user, group),
        ]
    };
    assert!(place.install(&wanted(user, group)).unwrap().failures.is_empty());
    let status = |place: &Path| {
        let status = fs::symlink_metadata(place).unwrap();
        (status.uid(), status.gid(), status.mode() & 0o7777)
    };
    let root = place.location.symlink_path();
    assert_eq!(status(&root.join("d/e/a")), (user, group, 0o440));
    assert_eq!(status(&root.join("rendered/t")), (user, group, 0o400));
    for directory in ["d", "d/e", "rendered", "."] {
        assert_eq!(status(&root.join(directory)), (0, keys, 0o751), "{directory}");
    }
    assert_eq!(status(&link), (user, group, 0o777));
    assert_eq!(status(root).0, 0);

    assert!(place.install(&wanted(user, group)).unwrap().changes.is_empty());
    if rights == Rights::Root {
        chown(&root.join("d/e"), Some(Uid::from_raw(1)), None).unwrap();
        let run = place.install(&wanted(user, group)).unwrap();
        assert!(!run.changes.is_empty() && run.changes.secrets().is_empty(), "a directory of somebody else");
        assert_eq!(status(&root.join("d/e")), (0, keys, 0o751));
        for (user, group) in [(1, group), (1, 2)] {
            let run = place.install(&wanted(user, group)).unwrap();
            assert_eq!(
                (&*run.changes.secrets().modified, &*run.changes.templates().modified),
                (["d/e/a".to_owned()].as_slice(), ["t".to_owned()].as_slice())
            );
            assert_eq!(status(&root.join("d/e/a")), (user, group, 0o440));
            assert_eq!(status(&link), (user, group, 0o777));
        }
    }
}

/// What pruning leaves readers who have just followed the link.
const GRACE: Duration = Duration::from_millis(10);

#[test]
fn the_other_file_system_is_put_over_the_running_one_without_a_gap() {
    if in_namespace("the_other_file_system_is_put_over_the_running_one_without_a_gap").is_none() {
        return;
    }
    // As systemd has it: below a shared mount nothing can be moved.
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>).unwrap();
    let ramfs = Place::mounted(FileSystem::Ramfs, 0);
    let tmpfs = Place::mounted(FileSystem::Tmpfs, 0);
    let link = ramfs.path("etc/link");
    let wanted = |content: &str| -> Vec<Wanted> {
        let inside = ramfs.location.symlink_path().join("inside");
        vec![
            ramfs.secret("d/a", content).at(&link).mode(0o440),
            ramfs.secret("b", "constant").at(&inside),
            ramfs.template("t", content),
        ]
    };
    ramfs.install(&wanted("0")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&done);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut reads = 0_u32;
                    while !done.load(Ordering::Relaxed) {
                        for path in ["d/a", "b", "inside", "rendered/t"] {
                            let generation = || fs::read_link(ramfs.location.symlink_path()).unwrap();
                            let before = generation();
                            match fs::read_to_string(ramfs.location.symlink_path().join(path)) {
                                Ok(read) => assert!(!read.is_empty()),
                                // This thread was stopped on its way, after it had followed the link, until the generation was
                                // gone that it led to; no grace is long enough for that.
                                Err(error) => assert!(generation() != before, "{path}: {error}"),
                            }
                        }
                        fs::read_to_string(&link).unwrap();
                        reads += 1;
                    }
                    reads
                })
            })
            .collect();
        for round in 1..=20 {
            // Nothing changed but the file system: no generation, no change, the same content.
            let before = ramfs.tree();
            let (place, kind) = if round % 2 == 0 { (&ramfs, "ramfs") } else { (&tmpfs, "tmpfs") };
            let content = if round % 4 < 2 { "0".to_owned() } else { round.to_string() };
            let unchanged = place.changes(&wanted(&content)).unwrap().is_empty();
            let run = place.install_unpruned(&wanted(&content)).unwrap();
            assert!(run.failures.is_empty(), "{:?}", run.failures);
            assert!(mount_at(place.location.mount_point()).contains(&format!(" - {kind} none ")));
            assert_eq!(mounts(&place.path("run/.secrets.d.new")), [""; 0]);
            assert!(!place.path("run/.secrets.d.new").exists());
            if unchanged {
                let after = ramfs.tree();
                assert!(before.keys().eq(after.keys()));
                assert_eq!(before["d/a"].content(), after["d/a"].content());
            }
            assert_eq!(place.tree()["d/a"].content(), content);
            thread::sleep(GRACE);
        }
        drop(stop);
        for reader in readers {
            assert!(reader.join().unwrap() > 10);
        }
    });
}

#[test]
fn changes_of_the_file_system_leave_one_mount() {
    if in_namespace("changes_of_the_file_system_leave_one_mount").is_none() {
        return;
    }
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    let link = ramfs.path("etc/link");
    for place in [&ramfs, &tmpfs, &ramfs, &tmpfs] {
        assert!(place.install(&[place.secret("d/a", "1").at(&link)]).unwrap().failures.is_empty());
        // One to unmount when the machine is powered off.
        mount_at(ramfs.location.mount_point());
    }
    // The record of links came along.
    assert!(tmpfs.install(&[]).unwrap().failures.is_empty());
    assert!(!link.is_symlink());
    for _ in mounts(ramfs.location.mount_point()) {
        umount2(ramfs.location.mount_point(), MntFlags::MNT_DETACH).unwrap();
        assert_eq!(names(ramfs.location.mount_point()), [""; 0]);
    }
}

#[test]
fn a_file_system_that_no_symlink_leads_to_is_not_hidden_beneath_another_one() {
    if in_namespace("a_file_system_that_no_symlink_leads_to_is_not_hidden_beneath_another_one").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let link = place.path("etc/a");
    place.install(&[place.secret("a", "1").at(&link)]).unwrap();
    fs::remove_file(place.location.symlink_path()).unwrap();
    let still_in_it = fs::File::open(place.location.mount_point()).unwrap();
    let other = Place::mounted(FileSystem::Tmpfs, 0);
    other.install(&[other.secret("a", "2")]).unwrap();
    assert!(mount_at(place.location.mount_point()).contains(" - tmpfs none "));
    assert_eq!(names(Path::new(&format!("/proc/self/fd/{}", still_in_it.as_raw_fd()))), [""; 0]);
    // What was known of links outside of it still is.
    assert!(!link.is_symlink());
}

#[test]
fn what_somebody_else_has_mounted_is_used_and_stays() {
    if in_namespace("what_somebody_else_has_mounted_is_used_and_stays").is_none() {
        return;
    }
    for (kind, options) in [("tmpfs", "mode=1777"), ("tmpfs", "mode=0755"), ("ramfs", "mode=0700")] {
        // Before, the kernel says of every ramfs that its source is none.
        if kind == "ramfs" && !kernel_is_since((5, 15)) {
            continue;
        }
        let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
        let mount_point = ramfs.location.mount_point();
        fs::create_dir_all(mount_point).unwrap();
        // As /run is, but for its name.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("admin"), mount_point, Some(kind), flags, Some(options)).unwrap();
        for place in [&ramfs, &tmpfs, &ramfs] {
            let run = place.install(&[place.secret("a", "1")]).unwrap();
            let wanted = if place.location.file_system() == FileSystem::Ramfs { "ramfs" } else { "tmpfs" };
            let kept = Notice::KeptMount { path: mount_point.to_owned(), wanted };
            let changed = !place.changes(&[place.secret("a", "1")]).unwrap().is_empty();
            assert!(!changed);
            assert_eq!(run.notices, if wanted == kind { vec![] } else { vec![kept] });
            let mounted = mount_at(mount_point);
            assert!(mounted.contains(" admin "), "{mounted} for {wanted}, at first {kind} with {options}");
            assert_eq!(fs::metadata(mount_point).unwrap().mode() & 0o7777, 0o751);
        }
        let lock = Lock::acquire(&ramfs.location, |_| {}).unwrap();
        let removal = support::remove(&ramfs.location, lock).unwrap();
        assert!(removal.stays_mounted && removal.failures.is_empty(), "{removal:?}");
        assert!(mount_at(mount_point).contains(" admin "));
        assert_eq!(names(mount_point), [""; 0]);
        umount2(mount_point, MntFlags::empty()).unwrap();
        fs::remove_dir_all(ramfs.path("run")).unwrap();
    }
}

#[test]
fn what_somebody_else_has_mounted_over_the_secrets_is_in_the_way() {
    if in_namespace("what_somebody_else_has_mounted_over_the_secrets_is_in_the_way").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let mount_point = place.location.mount_point();
    place.install(&[place.secret("a", "1")]).unwrap();
    mount(Some("admin"), mount_point, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let [Error::Mounted { path }] = &*support::remove(&place.location, lock).unwrap_err() else { panic!("removed") };
    assert_eq!(path, mount_point);
    assert!(matches!(place.install(&[place.secret("a", "2")]), Err(Error::Mounted { .. })));
    umount2(mount_point, MntFlags::empty()).unwrap();
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn nothing_is_left_for_who_is_still_in_a_file_system_that_was_taken_away() {
    if in_namespace("nothing_is_left_for_who_is_still_in_a_file_system_that_was_taken_away").is_none() {
        return;
    }
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    ramfs.install(&[ramfs.secret("d/a", "1")]).unwrap();
    std::env::set_current_dir(ramfs.location.mount_point()).unwrap();
    tmpfs.install(&[tmpfs.secret("d/a", "1")]).unwrap();
    assert_eq!(names(Path::new(".")), [""; 0]);
}

#[test]
fn a_change_that_was_broken_off_between_its_steps_is_finished() {
    if in_namespace("a_change_that_was_broken_off_between_its_steps_is_finished").is_none() {
        return;
    }
    for next in [FileSystem::Ramfs, FileSystem::Tmpfs] {
        let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
        let mount_point = ramfs.location.mount_point();
        // What is to be beneath, with the generation that the upper one has too.
        tmpfs.install(&[tmpfs.secret("a", "1")]).unwrap();
        let device = fs::metadata(mount_point).unwrap().dev();
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("none"), mount_point, Some("ramfs"), flags, Some("mode=0751")).unwrap();
        fs::create_dir(mount_point.join("1")).unwrap();
        fs::write(mount_point.join("1/a"), "1").unwrap();
        fs::set_permissions(mount_point.join("1"), fs::Permissions::from_mode(0o751)).unwrap();
        fs::set_permissions(mount_point.join("1/a"), fs::Permissions::from_mode(0o400)).unwrap();
        let note = |generation| {
            let device = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
            format!("{}:{} {generation}\n", device.0, device.1)
        };
        // A note on another generation is of a change that another switch has overtaken.
        for generation in [7, 1] {
            fs::write(mount_point.join(".successor"), note(generation)).unwrap();
            let place = if generation == 7 || next == FileSystem::Ramfs { &ramfs } else { &tmpfs };
            let run = place.install_unpruned(&[place.secret("a", "1")]).unwrap();
            assert!(run.failures.is_empty());
            assert_eq!(place.tree()["a"].content(), "1");
            if generation == 7 {
                // As it was.
                assert_eq!(mounts(mount_point).len(), 2);
                assert!(!mount_point.join(".successor").exists());
            } else {
                mount_at(mount_point);
            }
        }
        for _ in mounts(mount_point) {
            umount2(mount_point, MntFlags::MNT_DETACH).unwrap();
        }
        fs::remove_dir_all(ramfs.path("run")).unwrap();
    }
}

#[test]
fn a_mount_point_that_is_open_to_others_can_change_its_file_system() {
    if in_namespace("a_mount_point_that_is_open_to_others_can_change_its_file_system").is_none() {
        return;
    }
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    let mount_point = ramfs.location.mount_point();
    ramfs.install(&[ramfs.secret("a", "1")]).unwrap();
    for place in [&tmpfs, &ramfs] {
        fs::set_permissions(mount_point, fs::Permissions::from_mode(0o777)).unwrap();
        place.install_unpruned(&[place.secret("a", "1")]).unwrap();
        assert_eq!(place.tree()["a"].content(), "1");
        assert_eq!(fs::metadata(mount_point).unwrap().mode() & 0o7777, 0o751);
    }
}

#[test]
fn what_is_mounted_below_a_generation_is_never_touched_and_is_named() {
    if in_namespace("what_is_mounted_below_a_generation_is_never_touched_and_is_named").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let files = |content: &str| ["dir/aa/x", "dir/deep/a", "dir/b", "file"].map(|name| place.secret(name, content));
    place.install(&files("1")).unwrap();
    // A directory of another file system, one of the same, and a file: each has another device, or only another mount.
    let data = place.path("data");
    let same = place.location.mount_point().join("same");
    for directory in [&data, &same] {
        fs::create_dir_all(directory.join("below")).unwrap();
        fs::write(directory.join("below/precious"), "x").unwrap();
    }
    let generation = place.location.mount_point().join("1");
    fs::create_dir(generation.join("dir/deep/data")).unwrap();
    let mounted = [generation.join("dir/deep/data"), generation.join("dir/deep"), generation.join("file")];
    let [below, deep, file] = &mounted;
    let bind = |from: &Path, to: &Path| mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    for (from, to) in [(&data, below), (&same, deep), (&data.join("below/precious"), file)] {
        bind(from, to);
        for _ in 0..2 {
            // A difference, but no difference in names: what is mounted there was never installed.
            let changes = place.changes(&files("1")).unwrap();
            assert!(!changes.is_empty() && changes.secrets().removed.is_empty(), "{changes:?}");
        }
    }
    for content in ["2", "3"] {
        let run = place.install(&files(content)).unwrap();
        assert_eq!(place.tree()["dir/b"].content(), content, "the run goes on");
        let failures: Vec<String> = run.failures.iter().map(support::chain).collect();
        let said = |path: &Path| {
            format!(
                "a file system is mounted at {0}, so it stays; run: umount {0}, then run this again",
                path.display()
            )
        };
        assert_eq!(failures, [said(file), said(deep)], "{failures:?}");
        assert_eq!(place.generations().len(), 2);
        for directory in [&data, &same] {
            assert_eq!(fs::read_to_string(directory.join("below/precious")).unwrap(), "x");
        }
        assert!(!generation.join("dir/b").exists(), "the rest of it is gone");
    }
    for path in [file, deep, below] {
        umount2(path, MntFlags::empty()).unwrap();
    }
    assert!(place.install(&files("3")).unwrap().failures.is_empty());
    assert_eq!(place.generations(), [3]);
}

#[test]
fn what_is_said_to_unmount_does_so_where_mounts_are_nested_or_elsewhere() {
    if in_namespace("what_is_said_to_unmount_does_so_where_mounts_are_nested_or_elsewhere").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let files = |content: &str| ["dir/a", "b"].map(|name| place.secret(name, content));
    place.install(&files("1")).unwrap();
    let [data, other] = ["data", "other place"].map(|name| place.path(name));
    fs::create_dir_all(data.join("below")).unwrap();
    fs::create_dir(&other).unwrap();
    let bind = |from: &Path, to: &Path| mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let mount_point = place.location.mount_point();
    bind(&data, &mount_point.join("1/dir"));
    tmpfs(&mount_point.join("1/dir/below"));
    bind(mount_point, &other);
    tmpfs(&other.join("1/dir"));
    fs::write(other.join("1/dir/precious"), "x").unwrap();
    fs::write(data.join("precious"), "x").unwrap();
    for (number, at) in [("2", mount_point.join("1/dir")), ("3", other.join("1/dir"))] {
        let run = place.install(&files(number)).unwrap();
        let [error @ Error::Mounted { path }] = &*run.failures else { panic!("{:?}", run.failures) };
        assert_eq!(*path, at);
        let command = error.way_out().unwrap().command().to_owned();
        assert!(paste(&command), "{command}");
    }
    assert!(place.install(&files("3")).unwrap().failures.is_empty());
    assert_eq!(place.generations(), [3]);
    assert!(data.join("precious").exists());
}

#[test]
fn what_covers_the_running_generation_is_no_generation_and_no_mount_is_to_be_moved() {
    if in_namespace("what_covers_the_running_generation_is_no_generation_and_no_mount_is_to_be_moved").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let link = place.path("link");
    let secrets = [place.secret("a", "1").at(&link)];
    place.install(&secrets).unwrap();
    let covered = place.location.generation(1);
    tmpfs(&covered);
    fs::write(covered.join("a"), "1").unwrap();
    assert_eq!(Current::inspect(&place.location).unwrap().running_number(), None);
    let run = place.install(&secrets).unwrap();
    let [error @ Error::Mounted { .. }] = &*run.failures else { panic!("{:?}", run.failures) };
    assert_eq!(run.active, Some(2));
    assert!(paste(error.way_out().unwrap().command()));
    assert!(place.install(&secrets).unwrap().failures.is_empty());

    // A file can be mounted on too.
    fs::remove_file(&link).unwrap();
    for (target, source) in [(&link, place.path("other")), (&place.path("run/secrets"), place.path("directory"))] {
        let is_file = target == &link;
        if is_file {
            fs::write(&source, "precious").unwrap();
            fs::write(target, "").unwrap();
        } else {
            fs::remove_file(target).unwrap();
            fs::create_dir(&source).unwrap();
            fs::create_dir(target).unwrap();
        }
        mount(Some(&source), target, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
        let way_out = match place.install(&secrets) {
            Ok(run) => run.failures[0].way_out().unwrap(),
            Err(error) => error.way_out().unwrap(),
        };
        assert!(way_out.command().starts_with("umount "), "{way_out}");
        if is_file {
            let current = Current::inspect(&place.location).unwrap();
            let drift = current.inspect_outer_link(&secrets[0].file().wanted).unwrap().unwrap();
            assert_eq!(drift.way_out().unwrap().command(), way_out.command());
        }
        assert!(paste(way_out.command()));
        if is_file {
            fs::remove_file(target).unwrap();
        }
        assert!(place.install(&secrets).unwrap().failures.is_empty());
    }
}

#[test]
fn the_mount_that_is_read_only_is_the_one_on_which_a_directory_is_seen() {
    if in_namespace("the_mount_that_is_read_only_is_the_one_on_which_a_directory_is_seen").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let above = place.path("above");
    let below = above.join("below");
    fs::create_dir(&above).unwrap();
    tmpfs(&above);
    fs::create_dir(&below).unwrap();
    // Covered by the next one, in which nothing is mounted.
    tmpfs(&below);
    mount(Some(&above), &above, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, &above, None::<&str>, read_only, None::<&str>).unwrap();
    let run = place.install(&[place.secret("a", "1").at(&below.join("link"))]).unwrap();
    let way_out = run.failures[0].way_out().unwrap();
    let expected = format!("mount -o remount,bind,rw {}", above.display());
    assert!(way_out.command().ends_with(&expected), "{way_out}");
}

#[test]
fn a_lock_file_that_is_deleted_and_mounted_there_can_be_locked() {
    if in_namespace("a_lock_file_that_is_deleted_and_mounted_there_can_be_locked").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    let [lock, deleted] = ["run/secrets.d.lock", "deleted"].map(|name| place.path(name));
    fs::write(&deleted, "").unwrap();
    fs::set_permissions(&deleted, fs::Permissions::from_mode(0o600)).unwrap();
    mount(Some(&deleted), &lock, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    fs::remove_file(&deleted).unwrap();
    place.install(&[place.secret("a", "2")]).unwrap();
    assert_eq!(place.tree()["a"].content(), "2");
}

#[test]
fn a_mount_where_the_next_generation_would_be_is_passed_over() {
    if in_namespace("a_mount_where_the_next_generation_would_be_is_passed_over").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    fs::create_dir(place.path("data")).unwrap();
    fs::write(place.path("data/precious"), "x").unwrap();
    for taken in ["2/dir", "3"] {
        let taken = place.location.mount_point().join(taken);
        fs::create_dir_all(&taken).unwrap();
        let generation = place.location.mount_point().join("2");
        fs::set_permissions(generation, fs::Permissions::from_mode(0o751)).unwrap();
        mount(Some(&place.path("data")), &taken, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    }
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert_eq!(run.active, Some(4));
    assert!(run.failures.iter().all(|failure| matches!(failure, Error::Mounted { .. })), "{:?}", run.failures);
    assert_eq!(run.failures.len(), 2);
    assert_eq!(fs::read_to_string(place.path("data/precious")).unwrap(), "x");
    assert_eq!(place.tree()["a"].content(), "2");
    // No path is said twice on the way: it is where it is.
    assert!(
        run.failures.iter().any(|failure| failure.to_string().contains("/run/secrets.d/2/dir,")),
        "{:?}",
        run.failures
    );
}

#[test]
fn what_is_mounted_below_a_generation_does_not_come_along_into_another_file_system() {
    if in_namespace("what_is_mounted_below_a_generation_does_not_come_along_into_another_file_system").is_none() {
        return;
    }
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    ramfs.install(&[ramfs.secret("dir/a", "1")]).unwrap();
    let data = ramfs.path("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("precious"), "x").unwrap();
    let below = ramfs.location.mount_point().join("1/dir/data");
    fs::create_dir(&below).unwrap();
    mount(Some(&data), &below, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let refuses = |run: &support::Run, at: &Path| {
        let [Notice::Kept { wanted: "tmpfs", found, way_out: Some(way_out), .. }] = &*run.notices else { return false };
        found == at && way_out.command() == format!("umount {}", at.display())
    };
    let run = tmpfs.install(&[tmpfs.secret("dir/a", "1")]).unwrap();
    assert!(refuses(&run, &below), "{run:?}");
    assert_eq!(fs::read_to_string(below.join("precious")).unwrap(), "x");
    umount2(&below, MntFlags::empty()).unwrap();
    // On a file too, which nobody would look for.
    let file = fs::canonicalize(ramfs.location.symlink_path().join("dir/a")).unwrap();
    mount(Some(&data.join("precious")), &file, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    let run = tmpfs.install(&[tmpfs.secret("dir/a", "1")]).unwrap();
    assert!(refuses(&run, &file), "{run:?}");
    umount2(&file, MntFlags::empty()).unwrap();
    tmpfs.install(&[tmpfs.secret("dir/a", "1")]).unwrap();
    assert_eq!(fs::read_to_string(data.join("precious")).unwrap(), "x");
    assert_eq!(tmpfs.tree().len(), 2);
    mount_at(ramfs.location.mount_point());
}

#[test]
fn a_file_system_of_its_owner_over_a_secret_stops_no_run() {
    let test = "a_file_system_of_its_owner_over_a_secret_stops_no_run";
    let Some(rights) = in_namespace(test) else { return };
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    let files = |content: &str| ["dir/a", "b"].map(|name| place.secret(name, content));
    for is_served in [true, false] {
        // Of another user, whom a user namespace does not know.
        let user = if rights == Rights::Root { 1000 } else { 0 };
        if is_served && user == 0 {
            continue;
        }
        place.install(&files("1")).unwrap();
        let secret = fs::canonicalize(place.location.symlink_path().join("dir/a")).unwrap();
        let Some(fuse) = mount_fuse(&secret, user, 0o100_644) else { return say_without_fuse(test) };
        // Served, it refuses everybody but its user; no one answers once it is not.
        let _served = is_served.then_some(fuse);
        assert!(fs::symlink_metadata(&secret).is_err(), "nobody else can look at it");
        let current = Current::inspect(&place.location).unwrap();
        let drift = current.inspect_file(&files("1")[0].file().wanted).unwrap().drift;
        assert_eq!(drift, [Drift::NotAFile("a mounted file system")]);
        let changes = place.changes(&files("2")).unwrap();
        for (keep, goes) in [(NonZeroU64::new(1), true), (NonZeroU64::new(2), false), (None, false)] {
            let obstacles = current.obstacles([], &changes, &HashSet::new(), Retention::last(keep)).unwrap();
            let foreseen = matches!(&*obstacles.after, [(None, Error::Mounted { path })] if *path == secret);
            assert!(if goes { foreseen } else { obstacles.after.is_empty() }, "{keep:?} {obstacles:?}");
        }
        for wanted in [&files("2")[..], &files("2")[1..], &files("2")] {
            let run = place.install(wanted).unwrap();
            let failures: Vec<String> = run.failures.iter().map(support::chain).collect();
            let said = format!("a file system is mounted at {}, so it stays; ", secret.display());
            assert!(matches!(&*failures, [failure] if failure.starts_with(&said)), "{failures:?}");
            assert_eq!(place.tree()["b"].content(), "2", "the run goes on");
        }
        umount2(&secret, MntFlags::MNT_DETACH).unwrap();
        assert!(place.install(&files("2")).unwrap().failures.is_empty());
    }
}

#[test]
fn a_generation_whose_owner_somebody_has_changed_goes_once_it_is_taken_back() {
    let Some(rights) = in_namespace("a_generation_whose_owner_somebody_has_changed_goes_once_it_is_taken_back") else {
        return;
    };
    if rights != Rights::Root {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    let generation = place.location.mount_point().join("1");
    chown(&generation, Some(Uid::from_raw(1000)), None).unwrap();
    let run = place.install(&[place.secret("a", "2")]).unwrap();
    assert!(matches!(&*run.failures, [Error::Disowned { path }] if *path == generation), "{run:?}");
    let advice = run.failures[0].way_out().unwrap().command().to_owned();
    assert!(paste(&advice), "{advice}");
    assert!(place.install(&[place.secret("a", "2")]).unwrap().failures.is_empty());
    assert_eq!(place.generations(), [2]);
}

#[test]
fn a_link_in_a_file_system_of_its_user_is_told_once_and_forgotten() {
    let test = "a_link_in_a_file_system_of_its_user_is_told_once_and_forgotten";
    let Some(rights) = in_namespace(test) else { return };
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let path = place.path("home/token");
    place.install(&[place.secret("a", "1").at(&path)]).unwrap();
    let user = if rights == Rights::Root { 1000 } else { 0 };
    let Some(fuse) = mount_fuse(path.parent().unwrap(), user, 0o40_755) else { return say_without_fuse(test) };
    let _served = (user != 0).then_some(fuse);
    let run = place.install(&[]).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    assert_eq!(run.notices, [Notice::Forgotten { path: path.clone(), through: path.clone() }]);
    let run = place.install(&[]).unwrap();
    assert!(run.failures.is_empty() && run.notices.is_empty());
}

#[test]
fn an_empty_file_system_below_the_symlink_path_is_not_taken_for_nothing() {
    if in_namespace("an_empty_file_system_below_the_symlink_path_is_not_taken_for_nothing").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let below = place.location.symlink_path().join("one/two");
    fs::create_dir_all(&below).unwrap();
    mount(Some("none"), &below, Some("ramfs"), MsFlags::empty(), None::<&str>).unwrap();
    let error = place.install(&[place.secret("a", "1")]).err().unwrap();
    assert!(matches!(error, Error::Foreign { found: "a directory with files", .. }), "{error}");
    assert!(below.is_dir());
}

#[test]
fn an_access_control_list_is_a_difference_and_goes() {
    if in_namespace("an_access_control_list_is_a_difference_and_goes").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    let wanted = [place.secret("d/a", "1").mode(0o440)];
    place.install(&wanted).unwrap();
    // Entries as in acl(5) for owner, user 0, group, mask and others: what stat(2) says of the mode stays the same.
    let entries = |execute: u16| {
        let of = [
            (1_u16, 4 | (execute * 2), u32::MAX),
            (2, 4, 0),
            (4, 4, u32::MAX),
            (0x10, 4 | execute, u32::MAX),
            (0x20, execute, u32::MAX),
        ];
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, permissions, id) in of {
            bytes.extend(tag.to_le_bytes());
            bytes.extend((permissions | if tag == 1 { execute } else { 0 }).to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    };
    for (place_of_list, list) in [
        ("run/secrets/d/a", "system.posix_acl_access"),
        ("run/secrets/d", "system.posix_acl_default"),
        ("run/secrets.d", "system.posix_acl_default"),
    ] {
        let path = place.path(place_of_list);
        let mode = fs::metadata(&path).unwrap().mode();
        let execute = u16::from(place_of_list != "run/secrets/d/a");
        rustix::fs::setxattr(&path, list, &entries(execute), rustix::fs::XattrFlags::empty()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode(), mode, "the mode does not tell");
        if place_of_list == "run/secrets/d/a" {
            let current = Current::inspect(&place.location).unwrap();
            assert_eq!(current.inspect_file(&wanted[0].file().wanted).unwrap().drift, [Drift::Listed]);
        }
        if place_of_list != "run/secrets.d" {
            assert!(!place.changes(&wanted).unwrap().is_empty(), "{place_of_list}");
        }
        place.install(&wanted).unwrap();
        assert!(place.changes(&wanted).unwrap().is_empty(), "{place_of_list}");
        for path in [place.path("run/secrets/d/a"), place.path("run/secrets/d"), place.path("run/secrets.d")] {
            let mut names = [0_u8; 100];
            assert_eq!(rustix::fs::listxattr(&path, &mut names).unwrap(), 0, "{place_of_list}: {path:?}");
        }
    }
}

#[test]
fn a_default_access_control_list_is_not_handed_down() {
    if in_namespace("a_default_access_control_list_is_not_handed_down").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let handing = place.path("handing");
    fs::create_dir(&handing).unwrap();
    mount(Some("none"), &handing, Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
    // Entries as in acl(5) for owner, user 0, group, mask and others, to whom nothing is allowed.
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in
        [(1_u16, 7_u16, u32::MAX), (2, 7, 0), (4, 5, u32::MAX), (0x10, 7, u32::MAX), (0x20, 0, u32::MAX)]
    {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(&handing, "system.posix_acl_default", &list, flags).unwrap();
    let link = handing.join("a/b/link");
    let run = place.install(&[place.secret("a", "1").at(&link)]).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    let store = handing.join("store");
    assert!(publish(&place, &store, &[("a", "1")]).is_empty());
    let expected = [(handing.join("a"), 0o755), (handing.join("a/b"), 0o755), (store.join("a"), 0o400)];
    for (path, mode) in expected {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode, "{}", path.display());
        let mut names = [0_u8; 100];
        assert_eq!(rustix::fs::listxattr(&path, &mut names).unwrap(), 0, "{}", path.display());
    }
}

#[test]
fn a_tmpfs_that_may_be_swapped_out_is_told() {
    let Some(rights) = in_namespace("a_tmpfs_that_may_be_swapped_out_is_told") else { return };
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    let can = rights == Rights::Root && kernel_is_since((6, 4));
    let path = || tmpfs.location.mount_point().to_owned();
    let mut expected = if can { vec![] } else { vec![Notice::Swappable { path: path() }] };
    // Mounted where nothing was, and in the place of another one.
    for before in [None, Some(&ramfs)] {
        if let Some(ramfs) = before {
            let stacked = || if kernel_mounts_beneath() { vec![] } else { vec![Notice::Stacked { path: path() }] };
            assert_eq!(ramfs.install(&[ramfs.secret("a", "1")]).unwrap().notices, stacked());
            expected.extend(stacked());
        }
        let run = tmpfs.install(&[tmpfs.secret("a", "1")]).unwrap();
        assert_eq!(run.notices, expected);
    }
}

#[test]
fn a_mount_that_was_lost_is_made_again() {
    if in_namespace("a_mount_that_was_lost_is_made_again").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    place.install(&[place.secret("a", "1")]).unwrap();
    umount2(place.location.mount_point(), MntFlags::empty()).unwrap();
    let run = place.install(&[place.secret("a", "1")]).unwrap();
    assert_eq!((run.changes.activation(), run.active), (Activation::First, Some(2)));
    assert_eq!(mounts(place.location.mount_point()).len(), 1);
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn a_generation_in_a_mere_directory_is_carried_into_memory() {
    if in_namespace("a_generation_in_a_mere_directory_is_carried_into_memory").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let generation = place.location.mount_point().join("4");
    fs::create_dir_all(&generation).unwrap();
    fs::set_permissions(&generation, fs::Permissions::from_mode(0o751)).unwrap();
    fs::write(generation.join("a"), "old").unwrap();
    fs::write(place.location.mount_point().join("foreign"), "x").unwrap();
    symlink(&generation, place.location.symlink_path()).unwrap();
    // It would be hidden.
    let error = place.install(&[place.secret("a", "new")]).unwrap_err();
    assert!(matches!(error, Error::Foreign { found: "a file", .. }), "{error}");
    assert_eq!(fs::read_to_string(place.location.symlink_path().join("a")).unwrap(), "old");
    fs::remove_file(place.location.mount_point().join("foreign")).unwrap();
    let run = place.install(&[place.secret("a", "new")]).unwrap();
    assert_eq!((run.changes.activation(), run.active), (Activation::Update, Some(5)));
    assert_eq!(place.tree()["a"].content(), "new");
    umount2(place.location.mount_point(), MntFlags::MNT_DETACH).unwrap();
    assert!(!generation.exists());
}

#[test]
fn a_mount_point_with_something_foreign_is_not_used() {
    if in_namespace("a_mount_point_with_something_foreign_is_not_used").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    let mount_point = place.location.mount_point();
    fs::create_dir_all(mount_point).unwrap();
    let refused = |is_it: fn(&Error) -> bool| {
        let before = fs::metadata(mount_point).unwrap().mode();
        let error = place.install(&[place.secret("a", "1")]).unwrap_err();
        assert!(is_it(&error), "{error}");
        assert_eq!(fs::read_to_string(mount_point.join("mine")).unwrap(), "precious");
        assert_eq!(fs::metadata(mount_point).unwrap().mode(), before);
        assert!(!place.location.symlink_path().exists());
    };
    fs::write(mount_point.join("mine"), "precious").unwrap();
    refused(|error| matches!(error, Error::Foreign { found: "a file", .. }));
    // A file system of somebody else, in memory too.
    mount(Some("none"), mount_point, Some("tmpfs"), MsFlags::empty(), Some("mode=1777")).unwrap();
    fs::write(mount_point.join("mine"), "precious").unwrap();
    refused(|error| matches!(error, Error::Foreign { found: "a file", .. }));
    // In one that sops-nix has mounted it may be a secret too, which nobody should be told to move to a disk.
    let ours = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("none"), mount_point, Some("tmpfs"), ours, Some("mode=0750")).unwrap();
    fs::write(mount_point.join("mine"), "precious").unwrap();
    refused(|error| {
        matches!(error, Error::ForeignSecret { .. })
            && error.way_out().is_some_and(|way_out| way_out.to_string().starts_with("if nobody needs it, run: rm /"))
    });
    umount2(mount_point, MntFlags::empty()).unwrap();
    fs::remove_file(mount_point.join("mine")).unwrap();
    place.install(&[place.secret("a", "1")]).unwrap();
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn a_secret_that_its_owner_has_made_huge_is_made_anew() {
    if in_namespace("a_secret_that_its_owner_has_made_huge_is_made_anew").is_none() {
        return;
    }
    let [ramfs, tmpfs] = [FileSystem::Ramfs, FileSystem::Tmpfs].map(|kind| Place::mounted(kind, 0));
    let secret = |place: &Place, content: &str| place.secret("a", content).mode(0o600);
    ramfs.install(&[secret(&ramfs, "1")]).unwrap();
    let path = ramfs.location.symlink_path().join("a");
    for content in ["1", "2"] {
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        ramfs.install(&[secret(&ramfs, content)]).unwrap();
        assert_eq!(ramfs.tree()["a"].content(), content);
    }
    // A new file system gets a copy of what is there.
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
    tmpfs.install(&[secret(&tmpfs, "3")]).unwrap();
    assert_eq!(tmpfs.tree()["a"].content(), "3");
}

#[test]
fn a_failure_while_mounting_leaves_the_running_generation() {
    let Some(rights) = in_namespace("a_failure_while_mounting_leaves_the_running_generation") else { return };
    if rights == Rights::UserNamespace {
        // There, a pipe cannot stand in for what cannot be copied any better than as root.
        return;
    }
    let ramfs = Place::mounted(FileSystem::Ramfs, 0);
    ramfs.install(&[ramfs.secret("a", "1")]).unwrap();
    nix::unistd::mkfifo(&ramfs.location.mount_point().join("1/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let tmpfs = Place::mounted(FileSystem::Tmpfs, 0);
    let run = tmpfs.install(&[tmpfs.secret("a", "2")]).unwrap();
    assert!(matches!(&*run.notices, [Notice::Kept { .. }]), "{:?}", run.notices);
    assert_eq!(fs::read_to_string(ramfs.location.symlink_path().join("a")).unwrap(), "2");
    assert_eq!(mounts(ramfs.location.mount_point()).len(), 1);
    assert!(!ramfs.path("run/.secrets.d.new").exists());
}

#[test]
fn a_file_system_at_the_symlink_path_is_an_error_before_anything_is_mounted() {
    if in_namespace("a_file_system_at_the_symlink_path_is_an_error_before_anything_is_mounted").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    fs::create_dir(place.path("run")).unwrap();
    fs::create_dir(place.location.symlink_path()).unwrap();
    mount(Some("none"), place.location.symlink_path(), Some("ramfs"), MsFlags::empty(), None::<&str>).unwrap();
    let error = place.install(&[place.secret("a", "1")]).err().unwrap();
    assert!(matches!(error, Error::Foreign { found: "a mounted file system", .. }), "{error}");
    assert!(!place.location.mount_point().exists());
}

#[test]
fn two_first_activations_at_once_mount_once() {
    if in_namespace("two_first_activations_at_once_mount_once").is_none() {
        return;
    }
    for _ in 0..20 {
        let place = Place::mounted(FileSystem::Ramfs, 0);
        thread::scope(|scope| {
            for runner in 0..4 {
                let place = place.share();
                scope.spawn(move || place.install(&[place.secret("a", &format!("{runner}"))]).unwrap());
            }
        });
        assert_eq!(mounts(place.location.mount_point()).len(), 1);
        assert_eq!(place.generations(), [4]);
        umount2(place.location.mount_point(), MntFlags::empty()).unwrap();
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}

#[test]
fn a_full_tmpfs_leaves_the_running_generation_and_nothing_else() {
    if in_namespace("a_full_tmpfs_leaves_the_running_generation_and_nothing_else").is_none() {
        return;
    }
    let place = small("64k");
    place.install(&[place.secret("a", "1")]).unwrap();
    let error = place.install(&[place.secret("a", "2"), place.secret("b", &"x".repeat(100_000))]).unwrap_err();
    assert!(matches!(error, Error::Call { action: "write", errno: nix::errno::Errno::ENOSPC, .. }), "{error}");
    assert_eq!(place.generations(), [1]);
    assert_eq!(place.tree()["a"].content(), "1");
}

#[test]
fn generations_that_are_not_kept_any_more_make_room() {
    if in_namespace("generations_that_are_not_kept_any_more_make_room").is_none() {
        return;
    }
    let place = small("256k");
    let content = |number: usize| number.to_string().repeat(50_000);
    let kept = (1..9).take_while(|&number| place.install_keeping(&[place.secret("a", &content(number))], 0).is_ok());
    assert_eq!((kept.count(), place.generations()), (4, vec![1, 2, 3, 4]));
    let run = place.install_keeping(&[place.secret("a", &content(7))], 2).unwrap();
    assert!(run.failures.is_empty(), "{:?}", run.failures);
    assert_eq!((place.generations(), place.tree()["a"].content()), (vec![4, 5], &*content(7)));
}

#[test]
fn a_mount_whose_path_is_no_utf8_is_in_the_way_of_nothing() {
    if in_namespace("a_mount_whose_path_is_no_utf8_is_in_the_way_of_nothing").is_none() {
        return;
    }
    let mut place = Place::mounted(FileSystem::Ramfs, 0);
    let odd = place.path("").join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::create_dir(&odd).unwrap();
    mount(Some("x"), &odd, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    place.install(&[place.secret("a", "1")]).unwrap();
    place.location = location(place.location.mount_point(), place.location.symlink_path(), FileSystem::Tmpfs);
    place.install(&[place.secret("a", "1")]).unwrap();
    let mounted = mount_at(place.location.mount_point());
    assert!(mounted.contains(" - tmpfs none "), "{mounted}");
}

#[test]
fn user_mode_says_whether_it_is_in_memory() {
    let Some(rights) = in_namespace("user_mode_says_whether_it_is_in_memory") else { return };
    let place = Place::mounted(FileSystem::Runtime, 0);
    let open = || {
        let lock = Lock::acquire(&place.location, |_| {}).unwrap();
        Store::open(&Current::inspect(&place.location).unwrap(), lock, None).unwrap().medium().unwrap()
    };
    assert_eq!(open(), Medium::Memory);
    // Before, the root of a user namespace may mount no overlay.
    if rights == Rights::UserNamespace && !kernel_is_since((5, 11)) {
        return;
    }
    // An overlay is not memory, wherever its parts are.
    for part in ["lower", "upper", "work"] {
        fs::create_dir(place.path(part)).unwrap();
    }
    let part = |name| place.path(name).display().to_string();
    let data = format!("lowerdir={},upperdir={},workdir={}", part("lower"), part("upper"), part("work"));
    let run = place.path("run");
    mount(Some("none"), &run, Some("overlay"), MsFlags::empty(), Some(&*data)).unwrap();
    assert_eq!(open(), Medium::Disk);
}

#[test]
fn credentials_are_published_kept_replaced_and_removed() {
    if in_namespace("credentials_are_published_kept_replaced_and_removed").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let directory = place.path("run/credstore");
    let run = |credentials: &[(&str, &str)]| publish(&place, &directory, credentials);

    assert!(run(&[]).is_empty());
    assert!(!directory.exists());

    assert!(run(&[("a", "1"), ("b", "1")]).is_empty());
    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o7777, 0o700);
    let a = fs::metadata(directory.join("a")).unwrap();
    assert_eq!((a.mode() & 0o7777, a.uid(), a.gid()), (0o400, 0, 0));

    let b = fs::metadata(directory.join("b")).unwrap().ino();
    assert!(run(&[("a", "2"), ("b", "1")]).is_empty());
    assert_eq!(fs::read_to_string(directory.join("a")).unwrap(), "2");
    assert_eq!(fs::metadata(directory.join("b")).unwrap().ino(), b);

    fs::write(directory.join("foreign"), "x").unwrap();
    fs::write(directory.join("wanted"), "x").unwrap();
    let failures = run(&[("b", "1"), ("wanted", "1"), ("c", "1")]);
    assert!(matches!(&*failures, [Error::OtherCredential { .. }]), "{failures:?}");
    assert_eq!(names(&directory), ["b", "c", "foreign", "wanted"]);
    assert_eq!(fs::read_to_string(directory.join("wanted")).unwrap(), "x");

    fs::write(directory.join(".d.new"), "x").unwrap();
    let failures = run(&[("b", "1"), ("c", "1"), ("d", "1")]);
    assert!(matches!(&*failures, [Error::OtherCredential { .. }]), "{failures:?}");
    assert_eq!(names(&directory), [".d.new", "b", "c", "foreign", "wanted"]);
    fs::remove_file(directory.join(".d.new")).unwrap();

    // As a run leaves it that is killed before the new credential is in place, also if the next one wants the old content.
    fs::write(directory.join(".c.new"), "x").unwrap();
    let current = Current::inspect(&place.location).unwrap();
    let wanted = ["b", "c"].map(|name| place.secret(name, "1"));
    let credentials = wanted.each_ref().map(|wanted| CredentialName::try_from(&wanted.name).unwrap());
    let mut files = wanted.each_ref().map(|wanted| wanted.file());
    for (file, credential) in files.iter_mut().zip(&credentials) {
        file.wanted.credential = Some(credential);
    }
    let found = current.surroundings(place.group, &directory, files.iter().map(Sought::from)).unwrap();
    assert!(
        found.iter().any(|one| matches!(one, Surrounding::StaleCredential(path) if path.ends_with(".c.new"))),
        "{found:?}"
    );
    assert!(run(&[("b", "1"), ("c", "1")]).is_empty());
    assert_eq!(names(&directory), ["b", "c", "foreign", "wanted"]);
    fs::write(directory.join(".c.new"), "x").unwrap();
    assert!(run(&[]).is_empty());
    assert_eq!(names(&directory), ["foreign", "wanted"]);
}

#[test]
fn what_somebody_else_puts_in_the_place_of_a_credential_does_not_go_with_it() {
    if in_namespace("what_somebody_else_puts_in_the_place_of_a_credential_does_not_go_with_it").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let directory = place.path("run/credstore");
    let run = |credentials: &[(&str, &str)]| publish(&place, &directory, credentials);
    assert!(run(&[("file", "1"), ("link", "1"), ("directory", "1"), ("ours", "1")]).is_empty());
    for name in ["file", "link", "directory"] {
        fs::remove_file(directory.join(name)).unwrap();
    }
    fs::write(directory.join("file"), "precious").unwrap();
    symlink("/etc/precious", directory.join("link")).unwrap();
    fs::create_dir(directory.join("directory")).unwrap();
    let failures = run(&[("file", "2"), ("ours", "1")]);
    assert!(matches!(&*failures, [Error::OtherCredential { .. }]), "{failures:?}");
    assert_eq!(fs::read_to_string(directory.join("file")).unwrap(), "precious");
    let failures = run(&[]);
    assert!(matches!(&*failures, [Error::OtherCredential { .. }]), "{failures:?}");
    assert_eq!(names(&directory), ["directory", "file", "link"]);
    // It is said until it is moved away.
    assert_eq!(run(&[]).len(), 1);
    fs::remove_file(directory.join("file")).unwrap();
    assert!(run(&[]).is_empty());
}

#[test]
fn a_credential_may_have_the_name_under_which_another_one_is_prepared() {
    if in_namespace("a_credential_may_have_the_name_under_which_another_one_is_prepared").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let directory = place.path("run/credstore");
    let mut failures = publish(&place, &directory, &[("a", "1")]);
    for content in ["1", "2", "3"] {
        failures.extend(publish(&place, &directory, &[(".a.new", content), ("a", content), ("..a.new.new", content)]));
        for name in [".a.new", "a", "..a.new.new"] {
            assert_eq!(fs::read_to_string(directory.join(name)).unwrap(), content, "{name}");
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}

#[test]
fn a_credential_that_cannot_be_recorded_is_not_made() {
    if in_namespace("a_credential_that_cannot_be_recorded_is_not_made").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    let directory = place.path("run/credstore");
    assert!(publish(&place, &directory, &[]).is_empty());
    for name in [".credentials", "..credentials.new"] {
        let in_the_way = place.location.mount_point().join(name);
        fs::create_dir(&in_the_way).unwrap();
        let failures = publish(&place, &directory, &[("a", "1")]);
        let is_said = match &*failures {
            [Error::Foreign { path, .. }] => name == ".credentials" && *path == in_the_way,
            [Error::Call { .. }] => name == "..credentials.new",
            _ => false,
        };
        assert!(is_said, "{failures:?}");
        assert!(!directory.join("a").exists());
        fs::remove_dir(&in_the_way).unwrap();
    }
    assert!(publish(&place, &directory, &[("a", "1")]).is_empty());
    assert_eq!(names(&directory), ["a"]);
}

#[test]
fn credentials_go_only_into_memory_and_only_where_nobody_else_can_write() {
    if in_namespace("credentials_go_only_into_memory_and_only_where_nobody_else_can_write").is_none() {
        return;
    }
    let place = Place::mounted(FileSystem::Ramfs, 0);
    // A directory that is not there yet is told before.
    let wanted = place.secret("a", "1");
    let credential = CredentialName::try_from(&wanted.name).unwrap();
    let mut file = wanted.file();
    file.wanted.credential = Some(&credential);
    let current = Current::inspect(&place.location).unwrap();
    let found = current.surroundings(place.group, Path::new("/proc/sys/credstore"), [Sought::from(&file)]).unwrap();
    assert!(matches!(&*found, [Surrounding::Credential(Error::NotInMemory { .. })]), "{found:?}");
    let failures = publish(&place, Path::new("/proc/sys"), &[("a", "1")]);
    assert!(matches!(&*failures, [Error::NotInMemory { .. }]), "{failures:?}");
    let directory = place.path("open");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let failures = publish(&place, &directory, &[("a", "1")]);
    assert!(matches!(&*failures, [Error::Shared { .. }]), "{failures:?}");
    assert_eq!(names(&directory), [""; 0]);
}

/// Mounts a tmpfs as an administrator does.
fn tmpfs(at: &Path) {
    mount(Some("none"), at, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
}

/// Runs a command that was advised. Says whether it went well.
fn paste(command: &str) -> bool {
    Command::new("sh").args(["-c", command]).status().unwrap().success()
}

fn publish(place: &Place, directory: &Path, credentials: &[(&str, &str)]) -> Vec<Error> {
    let names: Vec<CredentialName> = credentials
        .iter()
        .map(|(name, _)| CredentialName::try_from(&Name::try_from((*name).to_owned()).unwrap()).unwrap())
        .collect();
    let credentials: Vec<Credential<'_>> = names
        .iter()
        .zip(credentials)
        .map(|(name, (_, content))| Credential { name, content: content.as_bytes() })
        .collect();
    let lock = Lock::acquire(&place.location, |_| {}).unwrap();
    let current = Current::inspect(&place.location).unwrap();
    let mut store = Store::open(&current, lock, place.group).unwrap();
    let failures = store.publish(directory, &credentials);
    assert!(store.prune(Retention::last(NonZeroU64::new(1))).is_empty());
    failures
}

/// A file system of a user that nobody serves as long as the handle is open, and that is without anybody to serve it afterwards;
/// nothing where there is no FUSE.
fn mount_fuse(at: &Path, user: u32, root: u32) -> Option<fs::File> {
    let handle = fs::File::options().read(true).write(true).open("/dev/fuse").ok()?;
    let options = format!("fd={},rootmode={root:o},user_id={user},group_id={user}", handle.as_raw_fd());
    mount(Some("fuse"), at, Some("fuse"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(&*options)).unwrap();
    Some(handle)
}

/// Not by a macro, whose output is only shown if a test fails.
fn say_without_fuse(test: &str) {
    let notice = format!("*** {test}: NO /dev/fuse HERE, so this is not tested; run it where there is one\n");
    std::io::stderr().write_all(notice.as_bytes()).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A place on a tmpfs of this size.
fn small(size: &str) -> Place {
    let place = Place::mounted(FileSystem::Tmpfs, 0);
    fs::create_dir_all(place.location.mount_point()).unwrap();
    let data = format!("mode=0751,size={size}");
    mount(Some("none"), place.location.mount_point(), Some("tmpfs"), MsFlags::empty(), Some(data.as_str())).unwrap();
    place
}

/// The lines of mountinfo about this very path.
fn mounts(path: &Path) -> Vec<String> {
    String::from_utf8_lossy(&fs::read("/proc/self/mountinfo").unwrap())
        .lines()
        .filter(|line| line.split(' ').nth(4) == path.to_str())
        .map(str::to_owned)
        .collect()
}

/// The mount that is in use at a path, of which there is only one; where the kernel cannot mount beneath, what was there before
/// is below it.
fn mount_at(path: &Path) -> String {
    let mut mounted = mounts(path);
    let last = mounted.pop().unwrap();
    assert!(mounted.is_empty() || !kernel_mounts_beneath(), "{last} and {mounted:?}");
    last
}

fn kernel_mounts_beneath() -> bool {
    kernel_is_since((6, 5))
}

fn kernel_is_since(version: (u32, u32)) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap()) >= version
}
