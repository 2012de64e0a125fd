//! What is left of a container when its init has ended: processes that shared the host's pid
//! namespace, and cgroups. With a pid namespace of its own the kernel has killed the processes.

use std::collections::BTreeMap;
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
#[derive(Debug, Clone)]
pub struct Remains {
    cgroup: BTreeMap<String, PathBuf>,
    /// The inode of the container's own mount namespace; nothing when it has none of its own.
    mounts: Option<u64>,
}

impl Remains {
    /// Learns about the container of a living init.
    pub fn of(init: i32, cgroup: BTreeMap<String, PathBuf>) -> Self {
        let theirs = namespace(&init.to_string());
        let mounts = theirs.filter(|theirs| namespace("self").is_some_and(|ours| ours != *theirs));
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
        if let Some(mounts) = self.mounts {
            pids.extend(
                all_pids()
                    .filter(|pid| namespace(&pid.as_raw_nonzero().to_string()) == Some(mounts)),
            );
        }
        pids.iter()
            .filter(|pid| **pid != own)
            .filter_map(|pid| Process::of(pid.as_raw_nonzero().get()))
            .filter(|process| process.is_alive())
            .collect()
    }
}

/// The inode of a process's mount namespace.
fn namespace(process: &str) -> Option<u64> {
    std::fs::metadata(format!("/proc/{process}/ns/mnt"))
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
