//! Layers of images: what they remove from below, digests in the stream, and merged as overlays.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::builder::{Header, Tar};
use crate::rig::{Outcome, Rig, is_root};

impl Rig {
    fn layer(&self, tar: Tar) -> Outcome {
        self.unpack_with(&tar.end(), &["--layer"])
    }

    fn is_whiteout(&self, path: &str) -> bool {
        let stat = self.stat(path);
        stat.file_type().is_char_device() && stat.rdev() == 0
    }

    /// The value of overlayfs's mark on a directory, for overlays of root or in a user namespace.
    fn opaque(&self, path: &str) -> Option<String> {
        ["trusted", "user"].iter().find_map(|class| {
            attribute(&self.tree().join(path), &format!("{class}.overlay.opaque"))
        })
    }
}

fn attribute(path: &Path, name: &str) -> Option<String> {
    let mut value = [0_u8; 64];
    let length = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
    Some(String::from_utf8_lossy(&value[..length]).into_owned())
}

#[test]
fn a_whiteout_is_overlays_mark_whatever_the_order() {
    let rig = Rig::new();
    let tar = Tar::new()
        .dir("etc")
        .file("etc/.wh.gone", "")
        .file(".wh.top", "")
        .file("etc/kept", "kept");
    rig.layer(tar).succeeded();
    assert!(rig.is_whiteout("etc/gone") && rig.is_whiteout("top"));
    assert!(!rig.has("etc/.wh.gone") && !rig.has(".wh.top"));
    assert_eq!(rig.read("etc/kept"), "kept");
}

#[test]
fn without_layer_such_names_are_files_like_any_other() {
    let rig = Rig::new();
    rig.unpack(&Tar::new().file(".wh.a", "x").end()).succeeded();
    assert_eq!(rig.read(".wh.a"), "x");
}

#[test]
fn an_opaque_marker_counts_before_and_behind_the_files_and_not_for_them() {
    for first in [true, false] {
        let rig = Rig::new();
        let mark = |tar: Tar, here: bool| match here {
            true => tar.file("d/.wh..wh..opq", ""),
            false => tar,
        };
        let tar = mark(Tar::new().dir("d"), first)
            .file("d/own", "own")
            .dir("d/sub");
        rig.layer(mark(tar, !first)).succeeded();
        assert_eq!(rig.opaque("d").as_deref(), Some("y"));
        assert_eq!(rig.opaque("d/sub"), None);
        assert_eq!((rig.read("d/own"), rig.has("d/sub")), ("own".into(), true));
    }
}

#[test]
fn whiteouts_in_an_opaque_directory_are_left_out() {
    let rig = Rig::new();
    let tar = Tar::new()
        .dir("d")
        .file("d/.wh.a", "")
        .file("d/sub/.wh.b", "")
        .file("d/.wh..wh..opq", "")
        .file("d/.wh.c", "");
    rig.layer(tar).succeeded();
    assert!(!rig.has("d/a") && !rig.has("d/c") && !rig.has("d/sub"));
}

#[test]
fn a_whiteout_of_what_the_layer_has_itself_hides_only_what_is_below() {
    let rig = Rig::new();
    let tar = Tar::new()
        .file(".wh.dir", "")
        .dir("dir")
        .file("dir/new", "new")
        .file("file", "new")
        .file(".wh.file", "")
        .file(".wh.implied", "")
        .file("implied/new", "new");
    rig.layer(tar).succeeded();
    assert_eq!(rig.opaque("dir").as_deref(), Some("y"));
    assert_eq!(rig.opaque("implied").as_deref(), Some("y"));
    assert_eq!(
        (rig.read("dir/new"), rig.read("file")),
        ("new".into(), "new".into())
    );
}

#[test]
fn an_opaque_root_is_told_because_no_mark_can_say_it() {
    let rig = Rig::new();
    let outcome = rig
        .layer(Tar::new().file(".wh..wh..opq", "").file("a", "a"))
        .succeeded();
    assert_eq!(outcome.summary()["opaque"], true);
    let rig = Rig::new();
    let outcome = rig.layer(Tar::new().file("a", "a")).succeeded();
    assert_eq!(outcome.summary()["opaque"], false);
}

#[test]
fn hostile_whiteouts_are_refused_or_harmless() {
    for name in [
        ".wh.",
        "a/.wh.",
        ".wh..",
        ".wh...",
        ".wh.x/y",
        ".wh.x/.wh.y",
    ] {
        let rig = Rig::new();
        rig.layer(Tar::new().file(name, "")).failed(&["whiteout"]);
        rig.assert_unharmed();
    }
    for name in ["link/.wh.secret", "link/.wh..wh..opq", "link/dir/.wh.file"] {
        let rig = Rig::new();
        let tar = Tar::new().symlink("link", "../outside").file(name, "");
        rig.layer(tar).succeeded();
        assert!(rig.stat("link").is_symlink());
        rig.assert_unharmed();
    }
    let rig = Rig::new();
    rig.layer(Tar::new().file("../.wh.outside", ""))
        .failed(&["out of the tree"]);
    rig.assert_unharmed();
}

#[test]
fn what_would_forge_overlays_marks_is_left_out() {
    let rig = Rig::new();
    let forged: &[(&str, &[u8])] = &[
        ("SCHILY.xattr.user.overlay.opaque", b"y"),
        ("SCHILY.xattr.trusted.overlay.redirect", b"/etc"),
        ("SCHILY.xattr.user.overlay.whiteout", b"y"),
        ("SCHILY.xattr.security.selinux", b"evil"),
    ];
    let tar = Tar::new()
        .pax(b'x', forged)
        .dir("d")
        .pax(b'x', forged)
        .file("d/f", "f")
        .raw(&Header::new(b'3', "d/device").device(0, 0), b"");
    let outcome = rig.layer(tar).succeeded();
    for path in ["d", "d/f"] {
        for (name, _) in forged {
            let name = name.strip_prefix("SCHILY.xattr.").unwrap();
            assert_eq!(
                attribute(&rig.tree().join(path), name),
                None,
                "{path} {name}"
            );
        }
    }
    assert!(!rig.has("d/device"));
    assert_eq!(outcome.summary()["skipped"][0]["path"], "d/device");
}

#[test]
fn directories_keep_their_times_when_marks_are_made_in_them() {
    let rig = Rig::new();
    let tar = Tar::new()
        .raw(&Header::new(b'5', "d").mode(0o555).mtime(5000), b"")
        .file("d/.wh.a", "")
        .raw(&Header::new(b'5', "o").mode(0o700).mtime(6000), b"")
        .file("o/.wh..wh..opq", "");
    rig.layer(tar).succeeded();
    let of = |path: &str| (rig.stat(path).mode() & 0o7777, rig.stat(path).mtime());
    assert_eq!((of("d"), of("o")), ((0o555, 5000), (0o700, 6000)));
}

#[test]
fn both_digests_are_verified_in_the_stream() {
    let tar = Tar::new().file("a", "a").end();
    let diff_id = sha256(&tar);
    for packed in [tar.clone(), packed("gzip", &tar), packed("zstd", &tar)] {
        let digest = sha256(&packed);
        let rig = Rig::new();
        let right = [
            "--layer",
            "--sha256",
            &digest,
            "--diff-id",
            &format!("sha256:{diff_id}"),
        ];
        let summary = rig.unpack_with(&packed, &right).succeeded().summary();
        assert_eq!(summary["sha256"], digest.as_str());
        assert_eq!(summary["diffId"], diff_id.as_str());
        let other = "0".repeat(64);
        for option in ["--sha256", "--diff-id"] {
            let rig = Rig::new();
            rig.unpack_with(&packed, &["--layer", option, &other])
                .failed(&["not 000", "fetch it again"]);
        }
    }
}

#[test]
fn zstd_with_frames_for_others_is_read_as_plain_zstd() {
    // As zstd:chunked has it: parts of their own, and a table behind them that only others read.
    let tar = Tar::new().file("a", "a").file("b", "b").end();
    let table = [&[0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0][..], b"table"].concat();
    let parts = [
        packed("zstd", &tar[..700]),
        packed("zstd", &tar[700..]),
        table.clone(),
    ];
    for bytes in [parts.concat(), [table, packed("zstd", &tar)].concat()] {
        let rig = Rig::new();
        let options = [
            "--layer",
            "--sha256",
            &sha256(&bytes),
            "--diff-id",
            &sha256(&tar),
        ];
        rig.unpack_with(&bytes, &options).succeeded();
        assert_eq!((rig.read("a"), rig.read("b")), ("a".into(), "b".into()));
    }
}

#[test]
fn a_cut_or_damaged_layer_is_an_error_also_where_tar_sees_none() {
    let tar = Tar::new().file("a", &"a".repeat(100_000)).end();
    let whole = packed("gzip", &tar);
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        let rig = Rig::new();
        rig.unpack_with(&whole[..cut], &["--layer", "--sha256", &sha256(&whole)])
            .failed(&[]);
    }
    // Behind the last file nothing is read by tar: only the digest can tell.
    let rig = Rig::new();
    rig.unpack_with(
        &tar[..tar.len() - 1024],
        &["--layer", "--sha256", &sha256(&tar)],
    )
    .failed(&["sha256"]);
}

#[test]
fn a_layer_of_nothing_and_one_without_its_end_are_taken() {
    for bytes in [&[][..], &[0; 1024], &Tar::new().file("a", "a").bytes] {
        let rig = Rig::new();
        rig.unpack_with(bytes, &["--layer"]).succeeded();
    }
}

#[test]
fn marks_can_be_attributes_where_no_device_may_be_made() {
    let rig = Rig::new();
    let tar = Tar::new().dir("d").file("d/.wh.a", "");
    rig.unpack_with(&tar.end(), &["--layer-by-attribute"])
        .succeeded();
    assert_eq!(rig.opaque("d").as_deref(), Some("x"));
    let file = rig.tree().join("d/a");
    assert_eq!(
        (rig.stat("d/a").is_file(), rig.stat("d/a").len()),
        (true, 0)
    );
    assert!(
        ["trusted", "user"].iter().any(|class| attribute(
            &file,
            &format!("{class}.overlay.whiteout")
        )
        .is_some())
    );
}

/// Merges layers (bottom first) by the kernel's overlay and gives what is seen, sorted.
#[test]
fn merged_by_the_kernel_removed_files_are_gone() {
    if !is_root() {
        return;
    }
    for option in ["--layer", "--layer-by-attribute"] {
        let bottom = Tar::new()
            .dir("d")
            .file("d/a", "a")
            .file("d/b", "b")
            .dir("e")
            .file("e/old", "old")
            .file("top", "top")
            .dir("again")
            .file("again/old", "old");
        let middle = Tar::new()
            .dir("d")
            .file("d/.wh.a", "")
            .dir("e")
            .file("e/.wh..wh..opq", "")
            .file("e/.wh.old", "")
            .file("e/new", "new")
            .file(".wh.top", "")
            .file(".wh.again", "")
            .file("again/new", "new");
        let rigs = [bottom, middle].map(|tar| {
            let rig = Rig::new();
            rig.unpack_with(&tar.end(), &[option]).succeeded();
            rig
        });
        let seen = merged(&[rigs[1].tree(), rigs[0].tree()], &rigs[0].base);
        assert_eq!(
            seen,
            ["again", "again/new", "d", "d/b", "e", "e/new"],
            "{option}"
        );
    }
}

fn merged(trees: &[PathBuf], place: &Path) -> Vec<String> {
    let point = place.join("tree-merged");
    fs::create_dir(&point).unwrap();
    let lower: Vec<_> = trees
        .iter()
        .map(|tree| tree.display().to_string())
        .collect();
    let script = format!(
        "mount -t overlay overlay -o lowerdir={} {point} && cd {point} && find . -mindepth 1 | sort",
        lower.join(":"),
        point = point.display()
    );
    let output = Command::new("unshare")
        .args(["-m", "sh", "-c", &script])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen = String::from_utf8(output.stdout).unwrap();
    seen.lines()
        .map(|line| line.trim_start_matches("./").to_owned())
        .collect()
}

fn packed(program: &str, bytes: &[u8]) -> Vec<u8> {
    filtered(program, &["-c"], bytes)
}

fn sha256(bytes: &[u8]) -> String {
    let line = String::from_utf8(filtered("sha256sum", &[], bytes)).unwrap();
    line.split(' ').next().unwrap().to_owned()
}

fn filtered(program: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    output.stdout
}
