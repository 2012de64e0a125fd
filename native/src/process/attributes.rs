//! What a process inherits besides its identity: limits, priorities, labels, keys.

use std::collections::BTreeMap;

use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::{Context, Error, Result};
use crate::log;
use crate::spec::linux::Personality;
use crate::spec::process::{IoPriority, Process, Rlimit, Scheduler};
use crate::sys::process::{self as sys, SchedulingAttributes};

/// Writes a file below /proc, in a procfs that is one for certain.
pub type Write<'a> = &'a mut dyn FnMut(&str, &str) -> Result<()>;

/// Sets everything of that kind that `process` asks for, but the OOM score.
pub fn set(process: &Process, write: Write<'_>) -> Result<()> {
    label(process, write)?;
    if let Some(priority) = &process.io_priority {
        io_priority(priority)?;
    }
    if let Some(scheduler) = &process.scheduler {
        schedule(scheduler)?;
    }
    process.rlimits.iter().enumerate().try_for_each(limit)
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

/// How ready the kernel is to kill this process when memory runs out.
pub fn oom_score(score: i32, write: Write<'_>) -> Result<()> {
    match write("self/oom_score_adj", &score.to_string()) {
        // Less than what the caller has is for the mighty only; it is as it is then.
        Err(error) if matches!(error.errno, Some(libc::EACCES | libc::EPERM)) => {
            log::warn(&format!("process.oomScoreAdj {score} is not set: {error}"));
            Ok(())
        }
        other => other,
    }
}

/// An own session keyring. Kernels without keyrings, and filters that forbid them, are fine.
pub fn new_keyring() {
    if let Err(errno) = sys::new_session_keyring() {
        log::warn(&format!(
            "the session keyring is shared with the caller: {errno}"
        ));
    }
}

pub fn personality(personality: &Personality) -> Result<()> {
    let persona = match personality.domain.as_str() {
        "LINUX" => 0,
        "LINUX32" => 8,
        other => {
            let reason = format!("`{other}` is neither LINUX nor LINUX32");
            return Err(Error::new(
                "check bundle",
                "linux.personality.domain",
                reason,
            ));
        }
    };
    if let Some(flag) = personality.flags.first() {
        let reason = format!("`{flag}` is no flag that the specification has");
        return Err(Error::new(
            "check bundle",
            "linux.personality.flags",
            reason,
        ));
    }
    sys::set_personality(persona).at("set personality", "")
}

/// What security modules do at the next execve. A host without the module is an error only when a
/// label is asked for.
fn label(process: &Process, write: Write<'_>) -> Result<()> {
    let asked = |label: &Option<String>| label.clone().filter(|label| !label.is_empty());
    if let Some(profile) = asked(&process.apparmor_profile) {
        let text = format!("exec {profile}");
        write("self/attr/apparmor/exec", &text)
            .or_else(|_| write("self/attr/exec", &text))
            .map_err(|error| {
                error.hint("process.apparmorProfile: is AppArmor enabled and the profile loaded?")
            })?;
    }
    if let Some(label) = asked(&process.selinux_label) {
        write("self/attr/exec", &label)
            .map_err(|error| error.hint("process.selinuxLabel: is SELinux enabled?"))?;
    }
    Ok(())
}

/// A limit above what this process may have is cut to that, with a warning.
fn limit((index, limit): (usize, &Rlimit)) -> Result<()> {
    let field = || format!("process.rlimits[{index}]");
    let number = RLIMITS
        .iter()
        .position(|name| limit.kind.strip_prefix("RLIMIT_") == Some(name))
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| {
            let reason = format!("`{}` is no limit", limit.kind);
            Error::new("check bundle", field(), reason)
        })?;
    if limit.soft > limit.hard {
        let reason = format!("soft {} is above hard {}", limit.soft, limit.hard);
        return Err(Error::new("check bundle", field(), reason));
    }
    match sys::set_rlimit(number, limit.soft, limit.hard) {
        Err(Errno::PERM) => {
            let (_, hard) = sys::rlimit(number).at("read limit", limit.kind.as_str())?;
            log::warn(&format!(
                "{} is cut to this host's hard limit {hard}",
                limit.kind
            ));
            sys::set_rlimit(number, limit.soft.min(hard), limit.hard.min(hard))
                .at("set limit", field())
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
