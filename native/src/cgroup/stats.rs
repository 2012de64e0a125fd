//! What a container uses, for `events --stats`.

use std::path::Path;

use serde::Serialize;

use super::{Cgroups, file};
use crate::error::Result;

/// Absent: its controller is not there. `u64::MAX` is "no limit".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Processor time, nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_usage: Option<u64>,
    /// Periods in which the quota stopped it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_throttled_periods: Option<u64>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_usage: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<u64>,
    /// Bytes, the most so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_peak: Option<u64>,
    /// Processes killed for want of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kills: Option<u64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_current: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<u64>,
}

pub fn read(cgroups: &Cgroups) -> Result<Stats> {
    let v2 = cgroups.v2();
    let number = |v1: &str, v1_file: &str, v2_file: &str| match cgroups.v1(v1) {
        Some(directory) => optional(directory, v1_file),
        None => v2.and_then(|directory| optional(directory, v2_file)),
    };
    let keyed = |v1: &str, v1_file: &str, v2_file: &str, key: &str| {
        let path = cgroups
            .v1(v1)
            .map(|directory| directory.join(v1_file))
            .or(v2.map(|directory| directory.join(v2_file)));
        path.and_then(|path| value_of(&file::read(&path).ok()?, key))
    };
    let cpu_usage = match cgroups.v1("cpuacct") {
        Some(directory) => optional(directory, "cpuacct.usage"),
        None => v2
            .and_then(|directory| {
                value_of(&file::read(&directory.join("cpu.stat")).ok()?, "usage_usec")
            })
            .map(|micro| micro * 1000),
    };
    Ok(Stats {
        cpu_usage,
        cpu_throttled_periods: keyed("cpu", "cpu.stat", "cpu.stat", "nr_throttled"),
        memory_usage: number("memory", "memory.usage_in_bytes", "memory.current"),
        memory_limit: number("memory", "memory.limit_in_bytes", "memory.max").map(unlimited),
        memory_peak: number("memory", "memory.max_usage_in_bytes", "memory.peak"),
        oom_kills: keyed("memory", "memory.oom_control", "memory.events", "oom_kill"),
        pids_current: number("pids", "pids.current", "pids.current"),
        pids_limit: number("pids", "pids.max", "pids.max"),
    })
}

fn optional(directory: &Path, name: &str) -> Option<u64> {
    file::read_number(&directory.join(name)).ok()
}

/// The number in the line `KEY NUMBER`.
fn value_of(text: &str, key: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.parse().ok())
}

/// v1 shows no limit as the largest multiple of the page size.
fn unlimited(limit: u64) -> u64 {
    const NONE: u64 = i64::MAX.cast_unsigned() & !0xffff;
    if limit >= NONE { u64::MAX } else { limit }
}
