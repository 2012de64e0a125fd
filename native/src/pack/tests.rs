#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pavlosc-pack-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn dir(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn packed(trees: &[&Path], style: Style) -> Vec<u8> {
    let trees = trees
        .iter()
        .map(|path| File::open(path).unwrap().into())
        .collect();
    let mut out = Vec::new();
    let options = Options {
        style,
        epoch: Some(1000),
    };
    pack(trees, &mut out, options).unwrap();
    out
}

/// What GNU tar reads in it.
fn listed(archive: &[u8]) -> String {
    let mut tar = Command::new("tar")
        .args(["--list", "--file=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    tar.stdin.take().unwrap().write_all(archive).unwrap();
    let output = tar.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn trees_over_each_other_are_what_an_overlay_shows() {
    let scratch = Scratch::new("merge");
    let (top, bottom) = (scratch.dir("top"), scratch.dir("bottom"));
    fs::create_dir(top.join("both")).unwrap();
    fs::write(top.join("both/new"), "new").unwrap();
    fs::write(top.join("file"), "from the top").unwrap();
    fs::create_dir(bottom.join("both")).unwrap();
    fs::write(bottom.join("both/old"), "old").unwrap();
    fs::create_dir(bottom.join("file")).unwrap();
    fs::write(bottom.join("file/hidden"), "").unwrap();
    assert_eq!(
        listed(&packed(&[&top, &bottom], Style::Tree)),
        "./\nboth/\nboth/new\nboth/old\nfile\n"
    );
}

#[test]
fn long_names_links_and_data_come_back() {
    let scratch = Scratch::new("names");
    let (tree, back) = (scratch.dir("tree"), scratch.dir("back"));
    let deep = tree.join("d".repeat(120));
    fs::create_dir(&deep).unwrap();
    fs::write(deep.join("f".repeat(200)), vec![7; 70_000]).unwrap();
    fs::write(tree.join("one"), "data").unwrap();
    fs::set_permissions(tree.join("one"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(tree.join("one"), tree.join("two")).unwrap();
    symlink("x".repeat(150), tree.join("link")).unwrap();
    let archive = packed(&[&tree], Style::Layer);
    assert_eq!(archive, packed(&[&tree], Style::Layer));
    let file = scratch.0.join("archive.tar");
    fs::write(&file, &archive).unwrap();
    let status = Command::new("tar")
        .arg("-xpf")
        .arg(&file)
        .arg("-C")
        .arg(&back)
        .status()
        .unwrap();
    assert!(status.success());
    let diff = Command::new("diff")
        .args(["-r", "--no-dereference"])
        .arg(&tree)
        .arg(&back)
        .status()
        .unwrap();
    assert!(diff.success());
    use std::os::unix::fs::MetadataExt;
    let one = fs::metadata(back.join("one")).unwrap();
    assert_eq!(
        (one.nlink(), one.mode() & 0o7777, one.mtime()),
        (2, 0o640, 1000)
    );
}

#[test]
fn a_removed_file_is_a_whiteout_in_a_layer_and_nothing_in_a_tree() {
    let scratch = Scratch::new("whiteout");
    let (top, bottom) = (scratch.dir("top"), scratch.dir("bottom"));
    fs::write(bottom.join("gone"), "").unwrap();
    fs::write(bottom.join("stays"), "").unwrap();
    // Any user may make this device: the kernel's own mark of a removed file.
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("gone"),
        rustix::fs::FileType::CharacterDevice,
        rustix::fs::Mode::empty(),
        0,
    )
    .unwrap();
    assert_eq!(listed(&packed(&[&top], Style::Layer)), ".wh.gone\n");
    assert_eq!(
        listed(&packed(&[&top, &bottom], Style::Tree)),
        "./\nstays\n"
    );
}
