//! Layers as the store keeps them: the list, verifying it, names given durably, and directories that
//! a layer names only in passing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::builder::{Header, Tar};
use crate::rig::{Outcome, Rig, is_root, run};

/// A layer's directory, with `tree` and `list` in it.
struct Layer {
    _rig: Rig,
    path: PathBuf,
}

impl Layer {
    fn new(tar: Tar) -> Self {
        let rig = Rig::new();
        let path = rig.tree();
        fs::create_dir(&path).unwrap();
        let list = path.join("list");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
        command
            .args(["unpack", "--layer", "--list"])
            .arg(&list)
            .arg("-")
            .arg(path.join("tree"));
        let summary = run(command, &tar.end()).succeeded().summary();
        if summary["implied"] != 0 {
            fs::write(path.join("implied"), "").unwrap();
        }
        Self { _rig: rig, path }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path.join("tree").join(path)
    }

    fn verify(&self) -> Value {
        pavlosc(&["verify"], &[&self.path]).succeeded().summary()
    }

    fn problems(&self) -> Vec<String> {
        let found = self.verify();
        let problems = found["problems"].as_array().unwrap();
        let text = |problem: &Value| {
            format!(
                "{}: {}",
                problem["path"].as_str().unwrap(),
                problem["problem"].as_str().unwrap()
            )
        };
        problems.iter().map(text).collect()
    }
}

fn pavlosc(args: &[&str], paths: &[&Path]) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
    command.args(args).args(paths);
    run(command, b"")
}

fn sample() -> Layer {
    let tar = Tar::new()
        .dir(".")
        .dir("d")
        .file("d/a", "content of a")
        .hardlink("d/b", "d/a")
        .symlink("d/link", "a")
        .file("implied/x", "x")
        .file("d/.wh.gone", "")
        .dir("o")
        .file("o/.wh..wh..opq", "")
        .raw(&Header::new(b'6', "fifo"), b"")
        .dir("was")
        .file("was/child", "c")
        .file("was", "now a file")
        .file("d/a", "a again");
    Layer::new(tar)
}

#[test]
fn an_unpacked_layer_is_as_its_list_says() {
    let layer = sample();
    let found = layer.verify();
    assert_eq!(
        (&found["listed"], &found["count"]),
        (&Value::Bool(true), &0.into()),
        "{found}"
    );
    assert_eq!(found["bytes"], 7 + 12 + 1 + 10);
}

#[test]
fn every_change_is_found_and_named() {
    type Change = (fn(&Layer), &'static str);
    let changes: &[Change] = &[
        (
            |layer| fs::write(layer.at("d/a"), "A again").unwrap(),
            "d/a: ",
        ),
        (
            |layer| fs::write(layer.at("d/b"), "").unwrap(),
            "d/b: it has 0 bytes, not 12",
        ),
        (
            |layer| fs::remove_file(layer.at("d/a")).unwrap(),
            "d/a: it is missing",
        ),
        (|layer| fs::write(layer.at("d/new"), "").unwrap(), "d: "),
        (
            |layer| {
                fs::set_permissions(layer.at("was"), fs::Permissions::from_mode(0o4755)).unwrap()
            },
            "was: its mode is 4755, not 644",
        ),
        (
            |layer| {
                fs::remove_file(layer.at("d/link")).unwrap();
                symlink("b", layer.at("d/link")).unwrap();
            },
            "d/link: ",
        ),
        (
            |layer| {
                fs::remove_file(layer.at("was")).unwrap();
                symlink("/etc/passwd", layer.at("was")).unwrap();
            },
            "was: it is no longer a file",
        ),
        (
            |layer| fs::remove_file(layer.at("d/gone")).unwrap(),
            "d/gone: it is missing",
        ),
        (
            |layer| {
                fs::remove_dir_all(layer.at("implied")).unwrap();
                symlink("d", layer.at("implied")).unwrap();
            },
            "implied: it is no longer a directory",
        ),
    ];
    for (change, wanted) in changes {
        let layer = sample();
        change(&layer);
        let problems = layer.problems();
        assert!(
            problems.iter().any(|problem| problem.starts_with(wanted)),
            "{wanted} is missing in {problems:?}"
        );
    }
}

#[test]
fn content_that_changed_with_its_facts_kept_is_found() {
    let layer = sample();
    let path = layer.at("d/a");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "A again").unwrap();
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(time)
        .unwrap();
    assert_eq!(layer.problems(), ["d/a: its content has changed"]);
    let found = pavlosc(&["verify", "--no-content"], &[&layer.path])
        .succeeded()
        .summary();
    assert_eq!(found["count"], 0, "{found}");
}

#[test]
fn a_cut_or_missing_list_is_told() {
    let layer = sample();
    let list = layer.path.join("list");
    let length = fs::metadata(&list).unwrap().len();
    fs::File::options()
        .write(true)
        .open(&list)
        .unwrap()
        .set_len(length - 3)
        .unwrap();
    assert!(
        layer.verify()["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("damaged")
    );
    fs::remove_file(&list).unwrap();
    assert_eq!(layer.verify()["listed"], false);
}

#[test]
fn publish_names_directories_and_leaves_a_taken_name_to_its_owner() {
    let rig = Rig::new();
    let path = rig.tree();
    for name in ["one", "two", "taken"] {
        fs::create_dir_all(path.join(name)).unwrap();
        fs::write(path.join(name).join("file"), name).unwrap();
    }
    let publish = |names: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
        command.arg("publish").arg(&path).args(names);
        run(command, b"")
    };
    publish(&["one", "first", "two", "taken"]).succeeded();
    assert_eq!(fs::read_to_string(path.join("first/file")).unwrap(), "one");
    assert_eq!(
        fs::read_to_string(path.join("taken/file")).unwrap(),
        "taken"
    );
    assert!(path.join("two").exists() && !path.join("one").exists());
    publish(&["nothing", "name"]).failed(&["nothing"]);
    publish(&["../outside", "name"]).failed(&["entry of the directory"]);
    publish(&["odd"]).failed(&["new name"]);
}

#[test]
fn directories_named_in_passing_look_as_in_the_layer_below() {
    if !is_root() {
        return;
    }
    let bottom = Layer::new(
        Tar::new()
            .raw(
                &Header::new(b'5', "a").mode(0o750).owner(5, 6).mtime(5000),
                b"",
            )
            .pax(b'x', &[("SCHILY.xattr.user.note", b"kept")])
            .raw(
                &Header::new(b'5', "a/b")
                    .mode(0o1777)
                    .owner(7, 8)
                    .mtime(6000),
                b"",
            )
            .raw(&Header::new(b'5', "gone").mode(0o700), b"")
            .raw(&Header::new(b'5', "own").mode(0o700), b""),
    );
    let middle = Layer::new(Tar::new().file(".wh.gone", "").file("a/b/file", "x"));
    let top = Layer::new(
        Tar::new()
            .file("a/b/c/.wh.x", "")
            .file("gone/file", "new")
            .raw(&Header::new(b'5', "own").mode(0o711), b""),
    );
    let place = Rig::new();
    let made = pavlosc(
        &["complete"],
        &[&place.tree(), &top.path, &middle.path, &bottom.path],
    );
    assert_eq!(made.succeeded().summary()["made"], 2);
    let of = |path: &str| {
        let stat = place.stat(path);
        (stat.mode() & 0o7777, stat.uid(), stat.gid(), stat.mtime())
    };
    assert_eq!(
        (of("a"), of("a/b")),
        ((0o750, 5, 6, 5000), (0o1777, 7, 8, 6000))
    );
    let mut value = [0; 8];
    let length =
        rustix::fs::lgetxattr(place.tree().join("a/b"), "user.note", &mut value[..]).unwrap();
    assert_eq!(&value[..length], b"kept");
    assert!(!place.has("gone") && !place.has("own") && !place.has("a/b/c"));
}

/// What was found on the way to one path counts for the next only as far as they share it.
#[test]
fn directories_named_in_passing_with_similar_names_are_told_apart() {
    let paths = ["p", "p-q", "p/q", "p/q/r", "p/qq", "pp", "s", "s/hidden"];
    let modes = 0o710_u32..;
    let named = paths
        .iter()
        .zip(modes.clone())
        .fold(Tar::new(), |tar, (path, mode)| {
            tar.raw(&Header::new(b'5', path).mode(mode), b"")
        });
    let bottom = Layer::new(named);
    let middle = Layer::new(
        Tar::new()
            .raw(&Header::new(b'5', "s").mode(0o700), b"")
            .file("s/.wh..wh..opq", ""),
    );
    let top = paths.iter().fold(Tar::new(), |tar, path| {
        tar.file(&format!("{path}/file"), "x")
    });
    let top = Layer::new(top);
    let place = Rig::new();
    let made = pavlosc(
        &["complete"],
        &[&place.tree(), &top.path, &middle.path, &bottom.path],
    );
    assert_eq!(made.succeeded().summary()["made"], 7);
    for (path, mode) in paths.iter().zip(modes) {
        let mode = if *path == "s" { 0o700 } else { mode };
        match *path {
            "s/hidden" => assert!(!place.has(path)),
            path => assert_eq!(place.stat(path).mode() & 0o7777, mode, "{path}"),
        }
    }
}

#[test]
fn usage_counts_hard_links_once() {
    let layer = sample();
    let found = pavlosc(&["usage"], &[&layer.path.join("tree")])
        .succeeded()
        .summary();
    assert!(found["files"].as_u64().unwrap() >= 9, "{found}");
}
