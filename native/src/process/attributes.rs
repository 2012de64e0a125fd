//! What a process inherits and only the host's side can set: limits, priorities, labels. Must run
//! before the root is left: /proc is the host's.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::{Context, Error, Result};
use crate::spec::process::{IoPriority, Process, Rlimit, Scheduler};
use crate::sys::process::{self as sys, SchedulingAttributes};

/// Sets everything of that kind that `process` asks for.
pub fn set(process: &Process) -> Result<()> {
    if let Some(score) = process.oom_score_adj {
        oom_score(score)?;
    }
    label(
        "apparmor/exec",
        process.apparmor_profile.as_deref(),
        |profile| format!("exec {profile}"),
    )?;
    label("exec", process.selinux_label.as_deref(), str::to_owned)?;
    if let Some(priority) = &process.io_priority {
        io_priority(priority)?;
    }
    if let Some(scheduler) = &process.scheduler {
        schedule(scheduler)?;
    }
    process.rlimits.iter().try_for_each(limit)
}

/// execCPUAffinity: `initial` or `final`, a list like `0-3,8`.
pub fn affinity(wanted: Option<&BTreeMap<String, String>>, which: &str) -> Result<()> {
    let Some(list) = wanted.and_then(|wanted| wanted.get(which)) else {
        return Ok(());
    };
    let field = format!("process.execCPUAffinity.{which}");
    let mut set = CpuSet::new();
    for range in list
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
    {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last && last < CpuSet::MAX_CPU => {
                (first..=last).for_each(|cpu| set.set(cpu))
            }
            _ => {
                return Err(Error::new(
                    "set CPU affinity",
                    field,
                    format!("{range:?} is no list of processors"),
                ));
            }
        }
    }
    sched_setaffinity(None, &set).at("set CPU affinity", field)
}

fn oom_score(score: i32) -> Result<()> {
    const PATH: &str = "/proc/self/oom_score_adj";
    match std::fs::write(PATH, score.to_string()) {
        // Less than what the caller has is for the mighty only; it is as it is then.
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => {
            crate::log::warn(&format!(
                "oomScoreAdj {score} is lower than this process may go"
            ));
            Ok(())
        }
        other => other.at("set OOM score", format!("process.oomScoreAdj: {score}")),
    }
}

/// Writes what a security module does at the next execve.
fn label(attribute: &str, wanted: Option<&str>, text: impl Fn(&str) -> String) -> Result<()> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else {
        return Ok(());
    };
    std::fs::write(format!("/proc/self/attr/{attribute}"), text(wanted))
        .at("set security label", wanted)
        .map_err(|error| error.hint("is the profile loaded, and the security module active?"))
}

fn limit(limit: &Rlimit) -> Result<()> {
    let field = || format!("process.rlimits: {}", limit.kind);
    let number = RLIMITS
        .iter()
        .position(|name| limit.kind.strip_prefix("RLIMIT_") == Some(name));
    let number = number
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| Error::new("set limit", field(), "there is no such limit"))?;
    match sys::set_rlimit(number, limit.soft, limit.hard) {
        Err(Errno::PERM) => {
            // A host may not let root raise a hard limit either: then the present one must do.
            let (_, most) = sys::rlimit(number).at("read limit", field())?;
            Err(Error::new(
                "set limit",
                field(),
                format!(
                    "{} is above the hard limit {most} of the caller",
                    limit.hard
                ),
            )
            .hint("lower it, or raise the caller's limit"))
        }
        other => other.at("set limit", field()),
    }
}

fn io_priority(priority: &IoPriority) -> Result<()> {
    let class = match priority.class.as_str() {
        "IOPRIO_CLASS_RT" => 1,
        "IOPRIO_CLASS_BE" => 2,
        "IOPRIO_CLASS_IDLE" => 3,
        other => {
            return Err(Error::new(
                "set I/O priority",
                "process.ioPriority.class",
                format!("there is no {other}"),
            ));
        }
    };
    sys::set_io_priority(class << 13 | (priority.priority & 7).cast_signed())
        .at("set I/O priority", "process.ioPriority")
}

fn schedule(scheduler: &Scheduler) -> Result<()> {
    let wrong = |field: &str, value: &str| {
        Error::new(
            "set scheduler",
            format!("process.scheduler.{field}"),
            format!("there is no {value}"),
        )
    };
    let policy = POLICIES
        .iter()
        .find(|(name, _)| *name == scheduler.policy)
        .map(|(_, number)| *number)
        .ok_or_else(|| wrong("policy", &scheduler.policy))?;
    let mut flags = 0;
    for flag in &scheduler.flags {
        let number = FLAGS
            .iter()
            .position(|name| name == flag)
            .ok_or_else(|| wrong("flags", flag))?;
        flags |= 1 << number;
    }
    sys::set_scheduler(SchedulingAttributes {
        policy,
        flags,
        nice: scheduler.nice,
        priority: scheduler.priority,
        runtime: scheduler.runtime,
        deadline: scheduler.deadline,
        period: scheduler.period,
        ..SchedulingAttributes::default()
    })
    .at("set scheduler", "process.scheduler")
}

const POLICIES: [(&str, u32); 6] = [
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_IDLE", 5),
    ("SCHED_DEADLINE", 6),
];

/// The index is the bit.
#[rustfmt::skip]
const FLAGS: [&str; 7] = [
    "SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN", "SCHED_FLAG_KEEP_POLICY",
    "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX",
];

/// The index is the kernel's number, on x86-64 and arm64.
#[rustfmt::skip]
const RLIMITS: [&str; 16] = [
    "CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "LOCKS", "SIGPENDING",
    "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
];
