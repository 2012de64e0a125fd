//! Copies and comparisons of real trees below the temporary directory. As root also with owners,
//! devices and overlayfs's own marks; else with those for user namespaces.
#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};

use super::attributes;
use super::changes::{Change, Kind, changes};
use super::duplicate::{Summary, duplicate};
use super::lower::Lower;

/// A directory of its own that goes away with the test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pavlosc-tree-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Writes a file and the directories around it.
    fn file(&self, path: &str, text: &str) {
        self.dir(Path::new(path).parent().unwrap().to_str().unwrap());
        fs::write(self.at(path), text).unwrap();
    }

    fn dir(&self, path: &str) {
        fs::create_dir_all(self.at(path)).unwrap();
    }

    fn open(&self, path: &str) -> OwnedFd {
        open(
            self.at(path),
            OFlags::DIRECTORY | OFlags::RDONLY,
            Mode::empty(),
        )
        .unwrap()
    }

    fn whiteout(&self, path: &str) {
        mknodat(
            CWD,
            self.at(path),
            FileType::CharacterDevice,
            Mode::empty(),
            0,
        )
        .unwrap();
    }

    /// False: this file system has no attributes for users.
    fn mark(&self, path: &str, what: &str, value: &[u8]) -> bool {
        let prefix = if is_root() { "trusted" } else { "user" };
        let parent = open(&self.0, OFlags::PATH, Mode::empty()).unwrap();
        let name = format!("{prefix}.overlay.{what}");
        attributes::set(&parent, path.as_bytes(), name.as_bytes(), value).is_ok()
    }

    fn copy(&self, from: &str, to: &str) -> Summary {
        self.dir(to);
        duplicate(&self.open(from), &self.open(to)).unwrap()
    }

    fn changes(&self, upper: &str, lower: &[&str]) -> Vec<Change> {
        let lower = Lower(lower.iter().map(|path| self.open(path)).collect());
        let mut found = Vec::new();
        changes(&self.open(upper), lower, &mut |change| found.push(change)).unwrap();
        found
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn told(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let sign = match change.change {
                Kind::Added => '+',
                Kind::Changed => '~',
                Kind::Removed => '-',
            };
            format!(
                "{sign}{} {}{}",
                change.path,
                change.kind,
                change.differs.join(",")
            )
        })
        .collect()
}

#[test]
fn a_copy_has_content_modes_times_links_and_attributes() {
    let place = Place::new("copy");
    place.file("from/a/text", "hello");
    fs::set_permissions(place.at("from/a/text"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(place.at("from/a/text"), place.at("from/same")).unwrap();
    symlink("nowhere", place.at("from/link")).unwrap();
    mknodat(CWD, place.at("from/pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000, 5);
    File::open(place.at("from/a"))
        .unwrap()
        .set_modified(time)
        .unwrap();
    let marked = place.mark("from/a", "opaque", b"y");

    let summary = place.copy("from", "to");
    assert_eq!((summary.entries, summary.skipped.len()), (5, 0));
    assert_eq!(fs::read(place.at("to/same")).unwrap(), b"hello");
    let (text, same) = (
        fs::metadata(place.at("to/a/text")).unwrap(),
        fs::metadata(place.at("to/same")).unwrap(),
    );
    assert_eq!((text.ino(), text.mode() & 0o7777), (same.ino(), 0o640));
    assert_eq!(
        fs::read_link(place.at("to/link")).unwrap(),
        Path::new("nowhere")
    );
    assert_eq!(
        fs::metadata(place.at("to/a")).unwrap().modified().unwrap(),
        time
    );
    let pipe = fs::symlink_metadata(place.at("to/pipe")).unwrap();
    assert_eq!(pipe.mode() & 0o170_000, 0o010_000);
    if marked {
        let parent = open(&place.0, OFlags::PATH, Mode::empty()).unwrap();
        assert!(super::lower::is_opaque(&parent, b"to/a").unwrap());
    }
}

#[test]
fn a_copy_keeps_holes() {
    let place = Place::new("holes");
    place.dir("from");
    let sparse = File::create(place.at("from/sparse")).unwrap();
    sparse.write_all_at(b"end", 64 << 20).unwrap();
    drop(sparse);
    let summary = place.copy("from", "to");
    let copied = fs::metadata(place.at("to/sparse")).unwrap();
    assert_eq!(copied.len(), (64 << 20) + 3);
    assert!(
        copied.blocks() * 512 < 1 << 20,
        "{} blocks",
        copied.blocks()
    );
    assert!(summary.bytes <= (64 << 20) + 3);
    assert_eq!(
        fs::read(place.at("from/sparse")).unwrap(),
        fs::read(place.at("to/sparse")).unwrap()
    );
}

#[test]
fn a_copy_of_root_has_owners_setuid_bits_and_whiteouts() {
    // Whoever is not root has no other owners; the tests of the whole program cover namespaces.
    if !is_root() {
        return;
    }
    let place = Place::new("owners");
    place.file("from/tool", "x");
    std::os::unix::fs::chown(place.at("from/tool"), Some(1234), Some(5678)).unwrap();
    fs::set_permissions(place.at("from/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    place.whiteout("from/gone");
    place.copy("from", "to");
    let tool = fs::metadata(place.at("to/tool")).unwrap();
    assert_eq!(
        (tool.uid(), tool.gid(), tool.mode() & 0o7777),
        (1234, 5678, 0o4755)
    );
    let gone = fs::symlink_metadata(place.at("to/gone")).unwrap();
    assert_eq!((gone.mode() & 0o170_000, gone.rdev()), (0o020_000, 0));
}

#[test]
fn changes_are_added_changed_and_removed_paths() {
    let place = Place::new("changes");
    place.file("lower/etc/same", "same");
    place.file("lower/etc/edited", "one");
    place.file("lower/etc/closed", "text");
    place.file("lower/etc/gone", "text");
    place.file("upper/etc/same", "same");
    place.file("upper/etc/edited", "two");
    place.file("upper/etc/closed", "text");
    fs::set_permissions(
        place.at("upper/etc/closed"),
        fs::Permissions::from_mode(0o600),
    )
    .unwrap();
    place.file("upper/opt/new", "new");
    let mut expected = vec![
        "~/etc/closed filemode",
        "~/etc/edited filecontent",
        "+/opt directory",
        "+/opt/new file",
    ];
    if is_root() {
        place.whiteout("upper/etc/gone");
        place.whiteout("upper/etc/never-there");
        expected.insert(2, "-/etc/gone file");
    }
    assert_eq!(told(&place.changes("upper", &["lower"])), expected);
}

#[test]
fn an_opaque_directory_removes_what_it_does_not_have() {
    let place = Place::new("opaque");
    place.file("lower/d/kept", "1");
    place.file("lower/d/gone", "1");
    place.file("lower/d/sub/deep", "1");
    place.file("upper/d/kept", "2");
    if !place.mark("upper/d", "opaque", b"y") {
        return;
    }
    assert_eq!(
        told(&place.changes("upper", &["lower"])),
        ["-/d/gone file", "-/d/sub directory", "+/d/kept file"]
    );
}

#[test]
fn several_layers_count_as_one() {
    let place = Place::new("layers");
    place.file("base/a", "base");
    place.file("base/b", "base");
    place.file("base/d/low", "base");
    place.file("middle/a", "middle");
    place.file("middle/d/high", "middle");
    place.file("upper/a", "middle");
    place.file("upper/b", "mine!");
    place.file("upper/d/low", "base");
    place.file("upper/d/high", "middle");
    let mut expected = vec!["~/b filecontent"];
    if is_root() {
        place.file("base/c", "base");
        place.whiteout("middle/c");
        place.file("upper/c", "back");
        expected.push("+/c file");
    }
    assert_eq!(told(&place.changes("upper", &["middle", "base"])), expected);
}

#[test]
fn a_renamed_directory_says_where_it_was() {
    let place = Place::new("renamed");
    place.file("lower/old/kept", "1");
    place.dir("upper/new");
    place.file("upper/new/more", "2");
    if !place.mark("upper/new", "redirect", b"old") {
        return;
    }
    let found = place.changes("upper", &["lower"]);
    assert_eq!(told(&found), ["+/new directory", "+/new/more file"]);
    assert_eq!(found[0].from.as_deref(), Some("/old"));
}
