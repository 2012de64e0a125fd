//! Unpacking and removing as an ordinary user, and in user namespaces.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard};

use crate::builder::{Header, Tar};
use crate::rig::{Outcome, Rig, is_root, run};

/// First subordinate id of the test's user.
const SUBORDINATE: u32 = 700_000;
const NAME: &str = "pavlosc-test";
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn without_a_mapping_everything_belongs_to_the_caller() {
    let Some(user) = User::new() else { return };
    let archive = Tar::new()
        .raw(&Header::new(b'0', "su").mode(0o6755).owner(0, 42), b"")
        .raw(&Header::new(b'5', "closed").mode(0o000).owner(5, 5), b"")
        .raw(
            &Header::new(b'0', "closed/f")
                .mode(0o444)
                .owner(5, 5)
                .size(1),
            b"x",
        )
        .raw(
            &Header::new(b'5', "closed/sub").mode(0o500).owner(5, 5),
            b"",
        )
        .file("closed/sub/g", "g")
        .raw(&Header::new(b'3', "null").device(1, 3), b"")
        .hardlink("null2", "null")
        .raw(&Header::new(b'3', "gone").device(0, 0), b"")
        .raw(&Header::new(b'6', "fifo"), b"");
    let outcome = user.unpack(&archive.end(), &[]).succeeded();
    let skipped = outcome.summary()["skipped"].clone();
    assert_eq!(
        (
            &skipped[0]["path"],
            &skipped[1]["path"],
            skipped.as_array().unwrap().len()
        ),
        (&"null".into(), &"null2".into(), 2)
    );
    let su = user.rig.stat("su");
    assert_eq!((su.uid(), su.mode() & 0o7777), (user.id, 0o755));
    assert_eq!(user.rig.stat("closed").mode() & 0o7777, 0);
    assert_eq!(user.rig.read("closed/sub/g"), "g");
    assert!(
        user.rig.stat("gone").file_type().is_char_device()
            && user.rig.stat("fifo").file_type().is_fifo()
    );
    user.remove(&[]).succeeded();
    assert!(!user.rig.tree().exists());
}

#[test]
fn with_subordinate_ids_the_owners_are_those_of_the_archive() {
    let Some(user) = User::new() else { return };
    let archive = Tar::new()
        .raw(&Header::new(b'5', "./").mode(0o755), b"")
        .raw(&Header::new(b'0', "su").mode(0o4755), b"")
        .raw(&Header::new(b'0', "mail").mode(0o2755).owner(8, 8), b"")
        .raw(&Header::new(b'2', "link").link("mail").owner(8, 8), b"")
        .raw(
            &Header::new(b'5', "private").mode(0o700).owner(1000, 1000),
            b"",
        )
        .raw(
            &Header::new(b'0', "private/f").mode(0o400).owner(1000, 1000),
            b"",
        );
    let maps = user.maps();
    user.unpack(&archive.end(), &maps.each_ref().map(String::as_str))
        .succeeded();
    let of = |path: &str| {
        (
            user.rig.stat(path).uid(),
            user.rig.stat(path).mode() & 0o7777,
        )
    };
    assert_eq!([of(""), of("su")], [(user.id, 0o755), (user.id, 0o4755)]);
    assert_eq!(
        [of("mail"), of("private")],
        [(SUBORDINATE + 7, 0o2755), (SUBORDINATE + 999, 0o700)]
    );
    assert_eq!(
        (user.rig.stat("link").uid(), of("private/f").1),
        (SUBORDINATE + 7, 0o400)
    );
    // Without the mapping the caller cannot look into what is a stranger's.
    user.remove(&[]).failed(&["private", "--uid-map"]);
    user.remove(&maps.each_ref().map(String::as_str))
        .succeeded();
    assert!(!user.rig.tree().exists());
}

#[test]
fn an_id_outside_of_the_mapping_is_an_error_or_squashed() {
    let Some(user) = User::new() else { return };
    let archive = Tar::new()
        .raw(&Header::new(b'0', "far").mode(0o4755).owner(70_000, 0), b"")
        .end();
    let maps = user.maps();
    let maps = maps.each_ref().map(String::as_str);
    user.unpack(&archive, &maps).failed(&[
        "far, byte 0",
        "user id 70000",
        "outside of the mapping",
        "--squash",
    ]);
    user.remove(&maps).succeeded();
    user.unpack(&archive, &[&maps[..], &["--squash"]].concat())
        .succeeded();
    let far = user.rig.stat("far");
    assert_eq!((far.uid(), far.mode() & 0o7777), (user.id, 0o755));
}

#[test]
fn a_single_own_id_needs_no_helper() {
    let Some(user) = User::new() else { return };
    let maps = [
        format!("--uid-map=0:{}:1", user.id),
        format!("--gid-map=0:{}:1", user.id),
        "--squash".into(),
    ];
    let archive = Tar::new()
        .raw(&Header::new(b'0', "f").owner(33, 33), b"")
        .end();
    let mut command = user.command();
    command
        .env("PATH", "/nowhere")
        .arg("unpack")
        .args(&maps)
        .arg("-")
        .arg(user.rig.tree());
    run(command, &archive).succeeded();
    assert_eq!(user.rig.stat("f").uid(), user.id);
}

#[test]
fn missing_helpers_are_named_with_their_package() {
    let Some(user) = User::new() else { return };
    let mut command = user.command();
    command
        .env("PATH", "/nowhere")
        .arg("unpack")
        .args(user.maps())
        .arg("-")
        .arg(user.rig.tree());
    run(command, &Tar::new().end()).failed(&["newuidmap", "uidmap"]);
}

#[test]
fn ids_that_are_not_the_callers_are_refused_by_the_helper() {
    let Some(user) = User::new() else { return };
    let options = ["--uid-map=0:1:10", "--gid-map=0:1:10"];
    user.unpack(&Tar::new().end(), &options)
        .failed(&["newuidmap", "/etc/subuid"]);
}

#[test]
fn root_unpacks_into_a_mapping_and_gives_the_directory_away() {
    if !is_root() {
        return;
    }
    let rig = Rig::new();
    let options = ["--uid-map=0:700000:65536", "--gid-map=0:700000:65536"];
    rig.unpack_with(
        &Tar::new()
            .raw(&Header::new(b'0', "f").owner(3, 4), b"")
            .end(),
        &options,
    )
    .succeeded();
    assert_eq!(
        (rig.stat("").uid(), rig.stat("f").uid(), rig.stat("f").gid()),
        (700_000, 700_003, 700_004)
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
    command.arg("remove").args(options).arg(rig.tree());
    run(command, b"").succeeded();
    assert!(!rig.tree().exists());
}

/// An ordinary user for one test; as root one with subordinate ids is made, and removed again.
struct User {
    id: u32,
    rig: Rig,
    program: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl User {
    /// None, with a word about it, when the tests' own user has no subordinate ids to test with.
    fn new() -> Option<Self> {
        let turn = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if !is_root() {
            eprintln!(
                "not tested: run this as root, which makes a user with known subordinate ids"
            );
            return None;
        }
        let shell = |script: &str| {
            let output = Command::new("sh").args(["-c", script]).output().unwrap();
            assert!(
                output.status.success(),
                "{script}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap()
        };
        let id = shell(&format!(
            "command -v newuidmap >&2 || {{ echo install the package uidmap >&2; exit 1; }}
             id -u {NAME} 2>/dev/null || {{ useradd -M {NAME} &&
             usermod --add-subuids {SUBORDINATE}-765534 --add-subgids {SUBORDINATE}-765534 {NAME} && id -u {NAME}; }}"
        ));
        let id = id.trim().parse().unwrap();
        let rig = Rig::new();
        let program = private_copy(&rig.base);
        std::os::unix::fs::chown(&rig.base, Some(id), Some(id)).unwrap();
        Some(Self {
            id,
            rig,
            program,
            _turn: turn,
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.uid(self.id).gid(self.id).current_dir("/");
        command
    }

    fn maps(&self) -> [String; 4] {
        let own = |kind: &str| format!("--{kind}-map=0:{}:1", self.id);
        let others = |kind: &str| format!("--{kind}-map=1:{SUBORDINATE}:65535");
        [own("uid"), others("uid"), own("gid"), others("gid")]
    }

    fn unpack(&self, archive: &[u8], options: &[&str]) -> Outcome {
        let mut command = self.command();
        command
            .arg("unpack")
            .args(options)
            .arg("-")
            .arg(self.rig.tree());
        run(command, archive)
    }

    fn remove(&self, options: &[&str]) -> Outcome {
        let mut command = self.command();
        command.arg("remove").args(options).arg(self.rig.tree());
        run(command, b"")
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = Command::new("userdel").arg(NAME).output();
        let _ = self.program.parent().map(fs::remove_dir_all);
    }
}

/// The built program where any user may run it: the build folder may be closed to others.
fn private_copy(near: &Path) -> PathBuf {
    let dir = near.with_extension("program");
    fs::create_dir_all(&dir).unwrap();
    let copy = dir.join("pavlosc");
    crate::program::copy(env!("CARGO_BIN_EXE_pavlosc"), &copy);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}
