//! Containers for tests: a busybox root, a bundle, the built binary. Each test has a directory and
//! containers of its own and leaves nothing behind.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

pub mod program;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// An ordinary user of the tests; needs no account.
pub const USER: u32 = 54_321;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory with a root file system and the states of some containers.
pub struct Place {
    pub dir: PathBuf,
    pub uid: u32,
    ids: Vec<String>,
}

impl Place {
    /// As root.
    pub fn new() -> Self {
        Self::of(0)
    }

    /// As an ordinary user, without subordinate ids.
    pub fn rootless() -> Self {
        Self::of(USER)
    }

    fn of(uid: u32) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests make containers as root and as a user: run them as root"
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = PathBuf::from(format!("/tmp/pavlosc-test-{}-{number}", std::process::id()));
        fs::create_dir_all(dir.join("state")).unwrap();
        make_root(&dir.join("root"));
        let place = Self {
            dir,
            uid,
            ids: Vec::new(),
        };
        place.own(&place.dir);
        place
    }

    /// A new bundle that runs `args`; gives the container's id.
    pub fn bundle(&mut self, args: &[&str], change: impl FnOnce(&mut Value)) -> String {
        let id = format!(
            "t{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let bundle = self.dir.join(&id);
        fs::create_dir_all(bundle.join("logs")).unwrap();
        let mut config = self.config(&id, args);
        change(&mut config);
        fs::write(bundle.join("config.json"), config.to_string()).unwrap();
        let supervise = json!({
            "version": 1,
            "logs": {"path": bundle.join("logs/output.log"), "maxSize": 1 << 20, "maxFiles": 3},
            "stop": {"signal": "SIGTERM", "timeout": 2000},
            "status": bundle.join("status.json"),
        });
        fs::write(bundle.join("supervise.json"), supervise.to_string()).unwrap();
        self.own(&bundle);
        self.ids.push(id.clone());
        id
    }

    /// pavlosc with these arguments, as the place's user.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pavlosc"));
        command
            .arg("--root")
            .arg(self.dir.join("state"))
            .args(args)
            .stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", &self.dir);
        if self.uid != 0 {
            command.uid(self.uid).gid(self.uid);
        }
        command
    }

    /// Runs pavlosc to its end.
    pub fn pavlosc(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs pavlosc, which must succeed; its standard output.
    pub fn ok(&self, args: &[&str]) -> String {
        let output = self.pavlosc(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success(),
            "pavlosc {args:?}: {:?}: {error}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// `run --supervise` of a bundle made by `bundle`.
    pub fn supervise(&self, id: &str) {
        self.ok(&[
            "run",
            "--supervise",
            "--bundle",
            self.dir.join(id).to_str().unwrap(),
            id,
        ]);
    }

    /// The state as `state` prints it.
    pub fn state(&self, id: &str) -> Value {
        serde_json::from_str(&self.ok(&["state", id])).unwrap()
    }

    /// state.json as it is on disk.
    pub fn record(&self, id: &str) -> Value {
        let path = self.dir.join("state").join(id).join("state.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Log lines without their times: "stdout F text".
    pub fn log(&self, id: &str) -> Vec<String> {
        self.raw_log(id)
            .lines()
            .map(|line| line[31..].to_owned())
            .collect()
    }

    /// With the times in front.
    pub fn raw_log(&self, id: &str) -> String {
        let text = fs::read(self.dir.join(id).join("logs/output.log")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// status.json, waited for.
    pub fn status(&self, id: &str) -> Value {
        let path = self.dir.join(id).join("status.json");
        wait_for("status.json", || path.exists());
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    fn config(&self, id: &str, args: &[&str]) -> Value {
        let mut namespaces = vec!["pid", "mount", "uts", "ipc", "cgroup", "network"];
        let mut config = json!({
            "ociVersion": "1.3.0",
            "process": {
                "args": args, "cwd": "/", "noNewPrivileges": true, "user": {"uid": 0, "gid": 0},
                "env": ["PATH=/bin:/sbin:/usr/bin:/usr/sbin", "FROM=config"],
                "capabilities": CAPABILITIES.iter().map(|set| (set.to_string(), json!(["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"])))
                    .collect::<serde_json::Map<_, _>>(),
            },
            "root": {"path": self.dir.join("root")},
            "hostname": id,
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
                {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
            ],
            "linux": {"cgroupsPath": format!("/pavlosc-test/{id}")},
        });
        if self.uid != 0 {
            namespaces.push("user");
            let map = json!([{"containerID": 0, "hostID": self.uid, "size": 1}]);
            config["linux"] = json!({"cgroupsPath": format!("pavlosc-test/{id}"), "uidMappings": map, "gidMappings": map});
        }
        config["linux"]["namespaces"] = namespaces
            .iter()
            .map(|kind| json!({"type": kind}))
            .collect();
        config
    }

    fn own(&self, path: &Path) {
        chown(path, Some(self.uid), Some(self.uid)).unwrap();
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| {
                let path = entry.unwrap().path();
                if !path.is_symlink() {
                    self.own(&path);
                }
            });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for id in &self.ids {
            let _ = self.command(&["stop", id]).output();
        }
        if std::thread::panicking() {
            eprintln!("kept for a look: {}", self.dir.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const CAPABILITIES: [&str; 3] = ["bounding", "effective", "permitted"];

/// Until `done`, at most 10 seconds.
pub fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "no {what} in a minute");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The process exists and is no zombie.
pub fn is_alive(pid: u64) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with(['Z', 'X'])
    })
}

fn make_root(root: &Path) {
    const BUSYBOX: &str = "/bin/busybox";
    assert!(
        Path::new(BUSYBOX).exists(),
        "these tests need a static busybox: apt-get install busybox-static"
    );
    for dir in ["bin", "proc", "dev", "tmp", "etc", "root", "home/paul"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    program::copy(BUSYBOX, &root.join("bin/busybox"));
    let list = Command::new(BUSYBOX).arg("--list").output().unwrap();
    for applet in String::from_utf8(list.stdout)
        .unwrap()
        .lines()
        .filter(|applet| *applet != "busybox")
    {
        symlink("busybox", root.join("bin").join(applet)).unwrap();
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\npaul:x:1000:1000::/home/paul:/bin/sh\n",
    )
    .unwrap();
    fs::write(
        root.join("etc/group"),
        "root:x:0:\npaul:x:1000:\nvideo:x:44:paul\n",
    )
    .unwrap();
}
