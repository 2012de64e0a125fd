//! What is known of a container between two calls: `<root>/<id>/state.json`, and the truth about
//! its processes, which is the kernel's.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use crate::cgroup::{Cgroups, Unit};
use crate::error::{Context, Error, Result};
use crate::spec;

/// The version of the runtime specification that this binary follows.
pub const OCI_VERSION: &str = "1.3.0";

const FILE: &str = "state.json";

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    pub oci_version: String,
    pub id: String,
    pub pid: i32,
    pub start_time: u64,
    pub bundle: PathBuf,
    /// In place of the bundle's config.json.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// RFC 3339.
    pub created: String,
    /// Host uid of whoever created it.
    pub owner: u32,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// v1 controller -> absolute directory; "" is the v2 directory.
    #[serde(default)]
    pub cgroup: BTreeMap<String, PathBuf>,
    /// Whose that directory is, when systemd made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Process>,
    pub started: bool,
    /// RFC 3339: just before the command was let run, so that nothing it wrote is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
}

/// The state as others see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document<'a> {
    oci_version: &'a str,
    id: &'a str,
    pid: i32,
    pub status: Status,
    bundle: &'a Path,
    #[serde(skip_serializing_if = "str::is_empty")]
    created: &'a str,
    owner: u32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        }
    }
}

/// A process for certain: pids are used again, pid and start time together are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub pid: i32,
    /// Field 22 of /proc/PID/stat, clock ticks since boot.
    pub start_time: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Creating,
    Created,
    Running,
    Paused,
    Stopped,
}

impl State {
    /// Reads the state of container `id`.
    pub fn load(root: &Path, id: &str) -> Result<Self> {
        let path = directory(root, id)?.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Engines know this case by these words.
                return Err(
                    Error::new("find container", id, "the container does not exist")
                        .hint("`pavlosc list` shows those that there are"),
                );
            }
            other => other.at("read state", path.display().to_string())?,
        };
        spec::parse_json(&text, "read state")
    }

    /// Writes it: a new file under a temporary name, then renamed.
    pub fn save(&self, root: &Path) -> Result<()> {
        let directory = directory(root, &self.id)?;
        let (temporary, path) = (directory.join(".state.json"), directory.join(FILE));
        let subject = path.display().to_string();
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::new("write state", subject.clone(), error.to_string()))?;
        std::fs::write(&temporary, text).at("write state", subject.clone())?;
        std::fs::rename(&temporary, &path).at("write state", subject)
    }

    /// The configuration that it was made of.
    pub fn load_config(&self) -> Result<spec::Config> {
        spec::load_from(&self.bundle, self.config.as_deref())
    }

    /// The container's init.
    pub fn init(&self) -> Process {
        Process {
            pid: self.pid,
            start_time: self.start_time,
        }
    }

    /// The container's cgroups.
    pub fn cgroups(&self) -> Cgroups {
        Cgroups::from_directories(self.cgroup.clone()).in_unit(self.unit.clone())
    }

    /// Computed from the kernel.
    pub fn status(&self) -> Status {
        match (self.init().is_alive(), self.started) {
            (false, _) => Status::Stopped,
            (true, false) => Status::Created,
            (true, true) if self.cgroups().frozen().unwrap_or(false) => Status::Paused,
            (true, true) => Status::Running,
        }
    }

    /// What `state` prints and hooks read: OCI's document, with what `list` needs besides.
    pub fn document(&self, status: Status) -> Document<'_> {
        Document {
            oci_version: &self.oci_version,
            id: &self.id,
            pid: if status == Status::Stopped {
                0
            } else {
                self.pid
            },
            status,
            bundle: &self.bundle,
            created: &self.created,
            owner: self.owner,
            annotations: &self.annotations,
        }
    }
}

impl Process {
    /// The process that has this pid now; None when there is none.
    pub fn of(pid: i32) -> Option<Self> {
        Some(Self {
            pid,
            start_time: stat(pid)?.1,
        })
    }

    /// It exists and is no zombie.
    pub fn is_alive(self) -> bool {
        matches!(stat(self.pid), Some((state, start)) if start == self.start_time && !matches!(state, b'Z' | b'X'))
    }

    /// A pidfd that is certainly of this process; None when it is gone.
    pub fn open(self) -> Option<OwnedFd> {
        let pidfd = rustix::process::pidfd_open(
            Pid::from_raw(self.pid)?,
            rustix::process::PidfdFlags::empty(),
        )
        .ok()?;
        self.is_alive().then_some(pidfd)
    }
}

/// Makes the directory of a new container; one that exists is an error.
pub fn make_directory(root: &Path, id: &str) -> Result<PathBuf> {
    let path = directory(root, id)?;
    let subject = path.display().to_string();
    let make = || DirBuilder::new().mode(0o700).create(&path);
    // The directory above is nearly always there: it is made only when it is missed.
    let made = match make() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(root)
                .at("make state directory", root.display().to_string())?;
            make()
        }
        other => other,
    };
    match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::new(
            "make state directory",
            id,
            "a container of this name exists",
        )
        .hint(format!("`pavlosc delete --force {id}` removes it"))),
        other => other.at("make state directory", subject).map(|()| path),
    }
}

/// Holds the container's directory until it is dropped: `start` while it starts, and who must know
/// how that ended. The kernel lets go of it for a process that dies.
pub fn lock(root: &Path, id: &str) -> Result<OwnedFd> {
    let path = directory(root, id)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let subject = path.display().to_string();
    let fd = rustix::fs::open(&path, flags, Mode::empty()).at("open state", subject.clone())?;
    let exclusive = FlockOperation::LockExclusive;
    rustix::io::retry_on_intr(|| rustix::fs::flock(&fd, exclusive)).at("lock state", subject)?;
    Ok(fd)
}

/// Removes the state of a container; nothing there is fine.
pub fn remove_directory(root: &Path, id: &str) -> Result<()> {
    let path = directory(root, id)?;
    // What is nearly always in it, by name; the general way is for the rest.
    let _ = std::fs::remove_file(path.join(FILE));
    let removed = match std::fs::remove_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::DirectoryNotEmpty => {
            std::fs::remove_dir_all(&path)
        }
        other => other,
    };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.at("remove state", path.display().to_string()),
    }
}

/// Ids of all containers below `root`, sorted.
pub fn ids(root: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at("list containers", root.display().to_string())?,
    };
    let mut ids: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|id| check_id(id).is_ok())
        .collect();
    ids.sort();
    Ok(ids)
}

/// The directory of container `id`; the id is checked, so that it cannot lead elsewhere.
pub fn directory(root: &Path, id: &str) -> Result<PathBuf> {
    check_id(id)?;
    Ok(root.join(id))
}

fn check_id(id: &str) -> Result<()> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
    if !id.is_empty() && id.len() <= 1024 && id != "." && id != ".." && id.chars().all(good) {
        return Ok(());
    }
    Err(Error::new(
        "check container id",
        id,
        "an id has letters, digits, `_`, `+`, `-` and `.` only",
    ))
}

/// State letter and start time of a process.
fn stat(pid: i32) -> Option<(u8, u64)> {
    let path = format!("/proc/{pid}/stat");
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    // The kernel gives it whole in one read, and it is shorter than this.
    let mut text = [0; 1024];
    let length = rustix::io::read(&file, &mut text).ok()?;
    let text = &text[..length];
    // The command's name is in parentheses and may hold anything, parentheses too.
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let mut fields = std::str::from_utf8(text.get(end + 2..)?).ok()?.split(' ');
    let state = *fields.next()?.as_bytes().first()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_leave_the_state_directory() {
        for id in ["", ".", "..", "a/b", "../x", "a b", "ä"] {
            assert!(directory(Path::new("/run/x"), id).is_err(), "{id}");
        }
        assert_eq!(
            directory(Path::new("/run/x"), "a.b-c_1+2").unwrap(),
            Path::new("/run/x/a.b-c_1+2")
        );
    }

    #[test]
    fn a_process_is_known_by_pid_and_start_time() {
        let own = Process::of(std::process::id().cast_signed()).unwrap();
        assert!(own.is_alive());
        assert!(
            !Process {
                start_time: own.start_time + 1,
                ..own
            }
            .is_alive()
        );
    }
}
