//! Properties of the command's process that are no rights: limits, scheduling, keys.

use super::init::Init;
use super::mounts::write_proc;
use crate::error::{Context, Error, Result};
use crate::log;
use crate::spec::linux::Personality;
use crate::spec::process::{IoPriority, Rlimit, Scheduler};
use crate::sys::process::{self as sys, SchedulingAttributes};

/// An own session keyring. Kernels without keyrings, and filters that forbid them, are fine.
pub fn new_keyring() -> Result<()> {
    if let Err(errno) = sys::new_session_keyring() {
        log::warn(&format!(
            "the session keyring is shared with the caller: {errno}"
        ));
    }
    Ok(())
}

/// How ready the kernel is to kill this process when memory runs out. Lowering needs a right
/// that a user namespace does not give.
pub fn oom_score(init: &mut Init, score: i32) -> Result<()> {
    match write_proc(init.proc()?, "self/oom_score_adj", &score.to_string()) {
        Err(error) if matches!(error.errno, Some(libc::EACCES | libc::EPERM)) => {
            log::warn(&format!("process.oomScoreAdj {score} is not set: {error}"));
            Ok(())
        }
        other => other,
    }
}

/// Sets the limits. One above what this process may have is cut to that, with a warning.
pub fn limits(limits: &[Rlimit]) -> Result<()> {
    for (index, limit) in limits.iter().enumerate() {
        let field = || format!("process.rlimits[{index}]");
        let resource = resource(&limit.kind).ok_or_else(|| {
            Error::new(
                "check bundle",
                field(),
                format!("`{}` is no limit", limit.kind),
            )
        })?;
        if limit.soft > limit.hard {
            return Err(Error::new(
                "check bundle",
                field(),
                format!("soft {} is above hard {}", limit.soft, limit.hard),
            ));
        }
        match sys::set_rlimit(resource, limit.soft, limit.hard) {
            Err(rustix::io::Errno::PERM) => {
                let (_, hard) = sys::rlimit(resource).at("read limit", limit.kind.as_str())?;
                log::warn(&format!(
                    "{} is cut to this host's hard limit {hard}",
                    limit.kind
                ));
                sys::set_rlimit(resource, limit.soft.min(hard), limit.hard.min(hard))
                    .at("set limit", field())?;
            }
            other => other.at("set limit", field())?,
        }
    }
    Ok(())
}

pub fn personality(personality: &Personality) -> Result<()> {
    let persona = match personality.domain.as_str() {
        "LINUX" => 0,
        "LINUX32" => 8,
        other => {
            return Err(Error::new(
                "check bundle",
                "linux.personality.domain",
                format!("`{other}` is neither LINUX nor LINUX32"),
            ));
        }
    };
    sys::set_personality(persona).at("set personality", "")
}

pub fn scheduler(scheduler: &Scheduler) -> Result<()> {
    let policy = match scheduler.policy.as_str() {
        "SCHED_OTHER" => 0,
        "SCHED_FIFO" => 1,
        "SCHED_RR" => 2,
        "SCHED_BATCH" => 3,
        "SCHED_IDLE" => 5,
        "SCHED_DEADLINE" => 6,
        other => {
            return Err(Error::new(
                "check bundle",
                "process.scheduler.policy",
                format!("`{other}` is no policy"),
            ));
        }
    };
    let mut flags = 0;
    for flag in &scheduler.flags {
        flags |= match flag.as_str() {
            "SCHED_FLAG_RESET_ON_FORK" => 0x01,
            "SCHED_FLAG_RECLAIM" => 0x02,
            "SCHED_FLAG_DL_OVERRUN" => 0x04,
            "SCHED_FLAG_KEEP_POLICY" => 0x08,
            "SCHED_FLAG_KEEP_PARAMS" => 0x10,
            "SCHED_FLAG_UTIL_CLAMP_MIN" => 0x20,
            "SCHED_FLAG_UTIL_CLAMP_MAX" => 0x40,
            other => {
                return Err(Error::new(
                    "check bundle",
                    "process.scheduler.flags",
                    format!("`{other}` is no flag"),
                ));
            }
        };
    }
    sys::set_scheduler(SchedulingAttributes {
        size: 0,
        policy,
        flags,
        nice: scheduler.nice,
        priority: scheduler.priority,
        runtime: scheduler.runtime,
        deadline: scheduler.deadline,
        period: scheduler.period,
    })
    .at("set scheduler", scheduler.policy.as_str())
}

pub fn io_priority(priority: &IoPriority) -> Result<()> {
    let class = match priority.class.as_str() {
        "IOPRIO_CLASS_RT" => 1,
        "IOPRIO_CLASS_BE" => 2,
        "IOPRIO_CLASS_IDLE" => 3,
        other => {
            return Err(Error::new(
                "check bundle",
                "process.ioPriority.class",
                format!("`{other}` is no class"),
            ));
        }
    };
    sys::set_io_priority(class << 13 | (priority.priority & 7) as i32)
        .at("set I/O priority", priority.class.as_str())
}

#[rustfmt::skip]
fn resource(name: &str) -> Option<i32> {
    Some(match name {
        "RLIMIT_CPU" => 0, "RLIMIT_FSIZE" => 1, "RLIMIT_DATA" => 2, "RLIMIT_STACK" => 3,
        "RLIMIT_CORE" => 4, "RLIMIT_RSS" => 5, "RLIMIT_NPROC" => 6, "RLIMIT_NOFILE" => 7,
        "RLIMIT_MEMLOCK" => 8, "RLIMIT_AS" => 9, "RLIMIT_LOCKS" => 10, "RLIMIT_SIGPENDING" => 11,
        "RLIMIT_MSGQUEUE" => 12, "RLIMIT_NICE" => 13, "RLIMIT_RTPRIO" => 14, "RLIMIT_RTTIME" => 15,
        _ => return None,
    })
}
