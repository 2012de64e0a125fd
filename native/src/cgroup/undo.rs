//! Putting limits back after an update that failed half way.

use std::path::PathBuf;

use super::{Cgroups, file};

/// Files with one value that a limit is written to.
const FILES: [(&str, &[&str]); 9] = [
    (
        "memory",
        &[
            "memory.limit_in_bytes",
            "memory.memsw.limit_in_bytes",
            "memory.soft_limit_in_bytes",
            "memory.swappiness",
        ],
    ),
    (
        "cpu",
        &[
            "cpu.idle",
            "cpu.shares",
            "cpu.cfs_period_us",
            "cpu.cfs_quota_us",
            "cpu.cfs_burst_us",
        ],
    ),
    ("cpuset", &["cpuset.cpus", "cpuset.mems"]),
    ("pids", &["pids.max"]),
    ("blkio", &["blkio.bfq.weight", "blkio.weight"]),
    ("", &["memory.max", "memory.swap.max", "memory.low"]),
    ("", &["cpu.idle", "cpu.weight", "cpu.max", "cpu.max.burst"]),
    ("", &["cpuset.cpus", "cpuset.mems", "pids.max"]),
    ("", &["io.weight", "io.bfq.weight"]),
];

/// The values of a moment.
pub struct Snapshot(Vec<(PathBuf, String)>);

impl Snapshot {
    pub fn take(cgroups: &Cgroups) -> Self {
        let mut values = Vec::new();
        for (controller, names) in FILES {
            let Some(directory) = cgroups.v1(controller) else {
                continue;
            };
            let paths = names.iter().map(|name| directory.join(name));
            values
                .extend(paths.filter_map(|path| file::read(&path).ok().map(|value| (path, value))));
        }
        Self(values)
    }

    /// Writes back what is different. Limits depend on each other in either direction: what is
    /// refused first is tried once more after the rest.
    pub fn restore(&self) {
        for _ in 0..2 {
            for (path, value) in &self.0 {
                if file::read(path).is_ok_and(|now| now != *value) {
                    // There is nothing more to be done about it, and the first error is shown.
                    let _ = file::try_write(path, &format!("{value}\n"));
                }
            }
        }
    }
}
