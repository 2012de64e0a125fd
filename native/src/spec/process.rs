//! `process` of config.json, and what `exec --process` reads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Process {
    pub terminal: bool,
    pub console_size: Option<ConsoleSize>,
    pub user: User,
    pub args: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Absolute, inside.
    pub cwd: PathBuf,
    pub capabilities: Option<Capabilities>,
    pub rlimits: Vec<Rlimit>,
    pub no_new_privileges: bool,
    pub apparmor_profile: Option<String>,
    pub selinux_label: Option<String>,
    pub oom_score_adj: Option<i32>,
    pub scheduler: Option<Scheduler>,
    #[serde(rename = "ioPriority")]
    pub io_priority: Option<IoPriority>,
    #[serde(rename = "execCPUAffinity")]
    pub exec_cpu_affinity: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct ConsoleSize {
    pub height: u16,
    pub width: u16,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct User {
    pub uid: u32,
    pub gid: u32,
    pub additional_gids: Vec<u32>,
    /// Absent: 022.
    pub umask: Option<u32>,
}

/// Names as `CAP_CHOWN`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    pub bounding: Vec<String>,
    pub effective: Vec<String>,
    pub inheritable: Vec<String>,
    pub permitted: Vec<String>,
    pub ambient: Vec<String>,
}

/// 2^64-1 is "no limit".
#[derive(Debug, Clone, Deserialize)]
pub struct Rlimit {
    /// `RLIMIT_NOFILE`.
    #[serde(rename = "type")]
    pub kind: String,
    pub soft: u64,
    pub hard: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Scheduler {
    /// `SCHED_BATCH`.
    pub policy: String,
    #[serde(default)]
    pub nice: i32,
    #[serde(default)]
    pub priority: u32,
    #[serde(default)]
    pub flags: Vec<String>,
    #[serde(default)]
    pub runtime: u64,
    #[serde(default)]
    pub deadline: u64,
    #[serde(default)]
    pub period: u64,
}

#[derive(Debug, Clone, Deserialize)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_BE`.
    pub class: String,
    #[serde(default)]
    pub priority: u32,
}

/// Sets variables in a list of `NAME=value`; one that is there already is replaced.
pub fn set_env<'a>(
    env: &mut Vec<String>,
    variables: impl IntoIterator<Item = (&'a String, &'a String)>,
) {
    for (name, value) in variables {
        env.retain(|known| {
            known
                .strip_prefix(name.as_str())
                .is_none_or(|rest| !rest.starts_with('='))
        });
        env.push(format!("{name}={value}"));
    }
}
