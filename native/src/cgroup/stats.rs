//! What a container uses, in the form of `events --stats`.

use std::path::Path;

use serde::Serialize;

use super::{Cgroups, file};

/// Zero where a controller is missing. `u64::MAX` is "no limit".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub cpu: Cpu,
    pub memory: Memory,
    pub pids: Pids,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Cpu {
    pub usage: CpuUsage,
    pub throttling: Throttling,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CpuUsage {
    /// Nanoseconds.
    pub total: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Throttling {
    pub periods: u64,
    /// Periods in which the quota stopped it.
    pub throttled_periods: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    pub usage: MemoryUsage,
}

/// Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MemoryUsage {
    pub usage: u64,
    /// The most so far.
    pub max: u64,
    pub limit: u64,
    /// Processes killed for want of memory.
    pub failcnt: u64,
}

/// Processes and threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pids {
    pub current: u64,
    pub limit: u64,
}

pub fn read(cgroups: &Cgroups) -> Stats {
    let files = Files(cgroups);
    Stats {
        cpu: Cpu {
            usage: CpuUsage {
                total: files.cpu_time(),
            },
            throttling: Throttling {
                periods: files.keyed("cpu", ["cpu.stat"; 2], "nr_periods"),
                throttled_periods: files.keyed("cpu", ["cpu.stat"; 2], "nr_throttled"),
            },
        },
        memory: Memory {
            usage: MemoryUsage {
                usage: files.number("memory", ["memory.usage_in_bytes", "memory.current"]),
                max: files.number("memory", ["memory.max_usage_in_bytes", "memory.peak"]),
                limit: unlimited(files.number("memory", ["memory.limit_in_bytes", "memory.max"])),
                failcnt: files.keyed(
                    "memory",
                    ["memory.oom_control", "memory.events"],
                    "oom_kill",
                ),
            },
        },
        pids: Pids {
            current: files.number("pids", ["pids.current"; 2]),
            limit: files.number("pids", ["pids.max"; 2]),
        },
    }
}

/// A file's name in v1, and in v2.
type Names = [&'static str; 2];

struct Files<'a>(&'a Cgroups);

impl Files<'_> {
    fn directory<'a>(&'a self, controller: &str, [v1, v2]: Names) -> Option<(&'a Path, &'a str)> {
        let in_v1 = self.0.v1(controller).map(|directory| (directory, v1));
        in_v1.or_else(|| Some((self.0.v2()?, v2)))
    }

    fn number(&self, controller: &str, names: Names) -> u64 {
        let number =
            |(directory, name): (&Path, &str)| file::read_number(&directory.join(name)).ok();
        self.directory(controller, names)
            .and_then(number)
            .unwrap_or(0)
    }

    /// The number in the line `KEY NUMBER`.
    fn keyed(&self, controller: &str, names: Names, key: &str) -> u64 {
        let find = |(directory, name): (&Path, &str)| {
            let text = file::read(&directory.join(name)).ok()?;
            let mut lines = text.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok())
        };
        self.directory(controller, names)
            .and_then(find)
            .unwrap_or(0)
    }

    fn cpu_time(&self) -> u64 {
        if self.0.v1("cpuacct").is_some() {
            return self.number("cpuacct", ["cpuacct.usage"; 2]);
        }
        self.keyed("", ["cpu.stat"; 2], "usage_usec")
            .saturating_mul(1000)
    }
}

/// v1 shows no limit as the largest multiple of the page size.
fn unlimited(limit: u64) -> u64 {
    const NONE: u64 = i64::MAX.cast_unsigned() & !0xffff;
    if limit >= NONE { u64::MAX } else { limit }
}
