//! What is left of a container when its init has ended: processes that shared the host's pid
//! namespace, and cgroups. With a pid namespace of its own the kernel has killed the processes.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Pid;

use crate::cgroup::Cgroups;
use crate::error::{Error, Result};
use crate::state::Process;
use crate::sys::signal;

/// How long killed processes may take to go before their cgroup cannot be removed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a container's processes are found.
#[derive(Debug)]
pub struct Remains {
    cgroup: BTreeMap<String, PathBuf>,
    /// The container's mount namespace, where that is what tells its processes from others.
    mounts: Option<Namespace>,
}

/// A namespace that is held open: the kernel gives the number of one that is gone to the next.
#[derive(Debug)]
struct Namespace {
    inode: u64,
    _held: File,
}

impl Remains {
    /// Learns about the container of a living init.
    pub fn of(init: Process, cgroup: BTreeMap<String, PathBuf>) -> Self {
        let pid = init.pid.to_string();
        let shared = |kind: &str| inode(&pid, kind) == inode("self", kind);
        // With a pid namespace of its own nothing outlives init; without a mount namespace of its
        // own its processes look like the host's.
        let mounts = (shared("pid") && !shared("mnt"))
            .then(|| Namespace::open(&pid))
            .flatten();
        // What was read may be of another process if the init had ended before.
        let mounts = mounts.filter(|_| init.is_alive());
        Self { cgroup, mounts }
    }

    /// Of a container whose init is gone: the cgroups are all that is known.
    pub fn of_dead(cgroup: BTreeMap<String, PathBuf>) -> Self {
        Self {
            cgroup,
            mounts: None,
        }
    }

    /// Kills every process, again until none is left. `reap` is called in between.
    pub fn kill(&self, mut reap: impl FnMut()) -> Result<()> {
        let cgroups = self.cgroups();
        let end = Instant::now() + PATIENCE;
        // What is frozen does not die (v1).
        let _ = cgroups.thaw();
        loop {
            let living = self.living(&cgroups);
            if living.is_empty() {
                return Ok(());
            }
            let _ = cgroups.kill();
            for process in &living {
                if let Some(pidfd) = process.open() {
                    // It may have just ended.
                    let _ = signal::send(std::os::fd::AsFd::as_fd(&pidfd), libc::SIGKILL);
                }
            }
            reap();
            if Instant::now() > end {
                let pids: Vec<String> = living
                    .iter()
                    .map(|process| process.pid.to_string())
                    .collect();
                return Err(Error::new(
                    "kill what remains",
                    pids.join(" "),
                    "the processes do not end",
                )
                .hint(
                    "they may wait for a disk or a network file system; see `ps -o pid,stat,wchan`",
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The container's cgroups.
    pub fn cgroups(&self) -> Cgroups {
        Cgroups::from_directories(self.cgroup.clone())
    }

    fn living(&self, cgroups: &Cgroups) -> Vec<Process> {
        let own = rustix::process::getpid();
        let mut pids: Vec<Pid> = cgroups.pids().unwrap_or_default();
        if let Some(mounts) = &self.mounts {
            let inside = |pid: &Pid| inode(&pid.to_string(), "mnt") == Some(mounts.inode);
            pids.extend(all_pids().filter(inside));
        }
        pids.iter()
            .filter(|pid| **pid != own)
            .filter_map(|pid| Process::of(pid.as_raw_nonzero().get()))
            .filter(|process| process.is_alive())
            .collect()
    }
}

impl Namespace {
    fn open(process: &str) -> Option<Self> {
        let held = File::open(format!("/proc/{process}/ns/mnt")).ok()?;
        let inode = held.metadata().ok()?.ino();
        Some(Self { inode, _held: held })
    }
}

/// The inode of one of a process's namespaces.
fn inode(process: &str, kind: &str) -> Option<u64> {
    std::fs::metadata(format!("/proc/{process}/ns/{kind}"))
        .ok()
        .map(|metadata| metadata.ino())
}

fn all_pids() -> impl Iterator<Item = Pid> {
    std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}
