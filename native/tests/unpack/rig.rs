//! Runs the built command on an archive, between things that must not change.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory for one test: `tree` is unpacked into, `outside` must stay as it is.
pub struct Rig {
    pub base: PathBuf,
    before: BTreeMap<PathBuf, String>,
}

pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Rig {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "pavlosc-unpack-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let base = std::env::temp_dir().join(name);
        fs::create_dir_all(base.join("outside/dir")).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(base.join("outside/secret"), "secret").unwrap();
        fs::write(base.join("outside/dir/file"), "file").unwrap();
        let before = list(&base);
        Self { base, before }
    }

    pub fn tree(&self) -> PathBuf {
        self.base.join("tree")
    }

    pub fn outside(&self) -> PathBuf {
        self.base.join("outside")
    }

    /// Unpacks `archive` from standard input into `tree`.
    pub fn unpack(&self, archive: &[u8]) -> Outcome {
        self.unpack_with(archive, &[])
    }

    pub fn unpack_with(&self, archive: &[u8], options: &[&str]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
        command
            .arg("unpack")
            .args(options)
            .arg("-")
            .arg(self.tree());
        run(command, archive)
    }

    /// Nothing but `tree` has changed, not even a time.
    pub fn assert_unharmed(&self) {
        assert_eq!(
            self.before,
            list(&self.base),
            "something outside of the tree has changed"
        );
    }

    /// Content of a file of the tree.
    pub fn read(&self, path: &str) -> String {
        let path = self.tree().join(path);
        assert!(
            path.symlink_metadata().unwrap().is_file(),
            "{} is no file",
            path.display()
        );
        String::from_utf8(fs::read(path).unwrap()).unwrap()
    }

    pub fn stat(&self, path: &str) -> fs::Metadata {
        self.tree().join(path).symlink_metadata().unwrap()
    }

    pub fn has(&self, path: &str) -> bool {
        self.tree().join(path).symlink_metadata().is_ok()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.base);
    }
}

impl Outcome {
    pub fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    /// Failed with exit code 1 and one line that holds all of `words`.
    pub fn failed(self, words: &[&str]) -> Self {
        assert_eq!(self.code, 1, "{} {}", self.out, self.err);
        assert!(self.err.starts_with("pavlosc: "), "{}", self.err);
        for word in words {
            assert!(
                self.err.contains(word),
                "`{word}` is missing in: {}",
                self.err
            );
        }
        self
    }

    pub fn summary(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Runs `command` with `input` as its standard input.
pub fn run(mut command: Command, input: &[u8]) -> Outcome {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Everything below `base` but `tree`, with type, mode, owner, time and content.
fn list(base: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![base.join("outside")];
    for entry in fs::read_dir(base).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(
            name == "outside" || name == "tree",
            "{name:?} appeared beside the tree"
        );
    }
    while let Some(path) = open.pop() {
        let stat = path.symlink_metadata().unwrap();
        let content = if stat.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let times = (
            stat.mtime(),
            stat.mtime_nsec(),
            stat.ctime(),
            stat.ctime_nsec(),
        );
        found.insert(
            path.clone(),
            format!(
                "{:o} {} {} {times:?} {content:?}",
                stat.mode(),
                stat.uid(),
                stat.nlink()
            ),
        );
        if stat.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    found
}
