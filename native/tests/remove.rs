//! `pavlosc remove`, through the built binary.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[test]
fn a_tree_goes_and_what_its_links_point_to_stays() {
    let base = Base::new();
    fs::create_dir_all(base.join("tree/a/b")).unwrap();
    fs::write(base.join("tree/a/b/file"), "x").unwrap();
    symlink("../keep", base.join("tree/link")).unwrap();
    symlink(base.join("keep"), base.join("tree/a/absolute")).unwrap();
    assert_eq!(remove(&[&base.join("tree")]), (0, String::new()));
    assert!(!base.join("tree").exists());
    assert_eq!(fs::read_to_string(base.join("keep/file")).unwrap(), "keep");
}

#[test]
fn files_links_and_missing_paths_are_fine() {
    let base = Base::new();
    fs::write(base.join("file"), "x").unwrap();
    symlink("keep", base.join("link")).unwrap();
    let paths = [
        base.join("file"),
        base.join("link"),
        base.join("missing"),
        base.join("no/such/dir"),
    ];
    assert_eq!(
        remove(&paths.each_ref().map(PathBuf::as_path)),
        (0, String::new())
    );
    assert!(!base.join("file").exists() && !base.join("link").is_symlink());
    assert!(base.join("keep/file").exists());
}

#[test]
fn directories_without_permissions_go_too() {
    let base = Base::new();
    fs::create_dir_all(base.join("work/work/index")).unwrap();
    fs::write(base.join("work/work/file"), "x").unwrap();
    for dir in ["work/work/index", "work/work", "work"] {
        fs::set_permissions(base.join(dir), fs::Permissions::from_mode(0o000)).unwrap();
    }
    assert_eq!(remove(&[&base.join("work")]), (0, String::new()));
    assert!(!base.join("work").exists());
}

#[test]
fn a_tree_of_any_depth_and_width_goes() {
    let base = Base::new();
    fs::create_dir(base.join("deep")).unwrap();
    // Step by step: the whole path is far longer than the kernel takes.
    let mut dir: OwnedFd = fs::File::open(base.join("deep")).unwrap().into();
    let name = "d".repeat(100);
    for _ in 0..300 {
        for name in [name.as_str(), "beside"] {
            rustix::fs::mkdirat(&dir, name, rustix::fs::Mode::RWXU).unwrap();
        }
        let flags = rustix::fs::OFlags::DIRECTORY;
        dir = rustix::fs::openat(&dir, name.as_str(), flags, rustix::fs::Mode::empty()).unwrap();
    }
    fs::create_dir(base.join("deep/wide")).unwrap();
    for index in 0..5000 {
        fs::write(base.join(&format!("deep/wide/{index}")), "").unwrap();
    }
    assert_eq!(remove(&[&base.join("deep")]), (0, String::new()));
    assert!(!base.join("deep").exists());
}

#[test]
fn paths_without_a_name_are_refused_and_the_others_go() {
    let base = Base::new();
    fs::create_dir(base.join("tree")).unwrap();
    let (code, text) = remove(&[Path::new("/"), Path::new(".."), &base.join("tree")]);
    assert_eq!((code, text.lines().count()), (1, 2), "{text}");
    assert!(text.contains("does not end in a name"));
    assert!(!base.join("tree").exists());
}

#[test]
fn what_is_mounted_inside_is_neither_entered_nor_removed() {
    let base = Base::new();
    fs::create_dir_all(base.join("tree/sub/mnt")).unwrap();
    fs::write(base.join("tree/sub/file"), "x").unwrap();
    // A mount namespace of its own: nothing is left mounted, and an ordinary user may do it too.
    let script = "mount --bind \"$1/keep\" \"$1/tree/sub/mnt\" && \"$0\" remove \"$1/tree\"; echo $?; cat \"$1/tree/sub/mnt/file\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]);
    let output = command
        .arg(env!("CARGO_BIN_EXE_pavlosc"))
        .arg(&base.0)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\nkeep", "{text}");
    assert!(
        text.contains("tree/sub/mnt") && text.contains("unmount it first"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!base.join("tree/sub/file").exists() && base.join("keep/file").exists());
}

#[test]
fn a_tree_that_changes_meanwhile_takes_nothing_else_along() {
    let base = Base::new();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let swap = || {
            // A directory and a link to `keep` change places all the time.
            while !stop.load(Ordering::Relaxed) {
                let _ = fs::create_dir_all(base.join("tree/a/swap"));
                let _ = fs::write(base.join("tree/a/swap/file"), "x");
                let _ = fs::remove_dir_all(base.join("tree/a/swap"));
                let _ = symlink(base.join("keep"), base.join("tree/a/swap"));
                let _ = fs::remove_file(base.join("tree/a/swap"));
            }
        };
        scope.spawn(swap);
        for _ in 0..100 {
            remove(&[&base.join("tree")]);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_to_string(base.join("keep/file")).unwrap(), "keep");
    assert_eq!(remove(&[&base.join("tree")]).0, 0);
}

/// A directory for one test, with `keep/file` in it.
struct Base(PathBuf);

impl Base {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pavlosc-remove-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let base = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(base.join("keep")).unwrap();
        fs::write(base.join("keep/file"), "keep").unwrap();
        base
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Exit code and standard error.
fn remove(paths: &[&Path]) -> (i32, String) {
    let command = Command::new(env!("CARGO_BIN_EXE_pavlosc"))
        .arg("remove")
        .args(paths)
        .output();
    let Output { status, stderr, .. } = command.unwrap();
    (
        status.code().unwrap_or(-1),
        String::from_utf8(stderr).unwrap(),
    )
}
