//! `linux` of config.json.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Linux {
    pub namespaces: Vec<Namespace>,
    pub uid_mappings: Vec<IdMapping>,
    pub gid_mappings: Vec<IdMapping>,
    /// `monotonic`, `boottime` -> offset.
    pub time_offsets: BTreeMap<String, TimeOffset>,
    pub devices: Vec<Device>,
    /// Absolute, or relative to the caller's own cgroup.
    pub cgroups_path: Option<String>,
    pub resources: Option<super::resources::Resources>,
    pub rootfs_propagation: Option<String>,
    pub seccomp: Option<super::seccomp::Seccomp>,
    /// Below /proc/sys, with dots.
    pub sysctl: BTreeMap<String, String>,
    pub masked_paths: Vec<PathBuf>,
    pub readonly_paths: Vec<PathBuf>,
    pub mount_label: Option<String>,
    pub personality: Option<Personality>,
    pub memory_policy: Option<MemoryPolicy>,
    /// Known, to be refused.
    pub intel_rdt: Option<serde::de::IgnoredAny>,
    /// Interface of the host -> how it is called in the container.
    pub net_devices: BTreeMap<String, NetDevice>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NetDevice {
    /// Empty: as on the host.
    pub name: String,
}

/// Of which memory nodes pages come.
#[derive(Debug, Clone, Deserialize)]
pub struct MemoryPolicy {
    /// `MPOL_BIND`.
    pub mode: String,
    /// As "0-3,7".
    #[serde(default)]
    pub nodes: String,
    /// `MPOL_F_STATIC_NODES`.
    #[serde(default)]
    pub flags: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Namespace {
    #[serde(rename = "type")]
    pub kind: NamespaceKind,
    /// Joined; absent or empty: a new one.
    #[serde(default, deserialize_with = "not_empty")]
    pub path: Option<PathBuf>,
}

fn not_empty<'de, D: serde::Deserializer<'de>>(text: D) -> Result<Option<PathBuf>, D::Error> {
    let path = Option::<PathBuf>::deserialize(text)?;
    Ok(path.filter(|path| !path.as_os_str().is_empty()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceKind {
    User,
    Pid,
    Network,
    Mount,
    Ipc,
    Uts,
    Cgroup,
    Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct IdMapping {
    #[serde(rename = "containerID")]
    pub container: u32,
    #[serde(rename = "hostID")]
    pub host: u32,
    #[serde(rename = "size")]
    pub count: u32,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct TimeOffset {
    pub secs: i64,
    pub nanosecs: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    #[serde(rename = "type")]
    pub kind: DeviceKind,
    pub path: PathBuf,
    /// Pavlos's own: where the host has it, for those who may not make nodes. Default: `path`.
    pub source: Option<PathBuf>,
    #[serde(default)]
    pub major: u32,
    #[serde(default)]
    pub minor: u32,
    /// Default 0666.
    pub file_mode: Option<u32>,
    #[serde(default)]
    pub uid: u32,
    #[serde(default)]
    pub gid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum DeviceKind {
    #[serde(rename = "c", alias = "u")]
    Character,
    #[serde(rename = "b")]
    Block,
    #[serde(rename = "p")]
    Fifo,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Personality {
    /// `LINUX` or `LINUX32`.
    pub domain: String,
    #[serde(default)]
    pub flags: Vec<String>,
}

impl Linux {
    /// The namespace of that kind, when the configuration has one.
    pub fn namespace(&self, kind: NamespaceKind) -> Option<&Namespace> {
        self.namespaces
            .iter()
            .find(|namespace| namespace.kind == kind)
    }

    /// Joins the namespace at `path` in place of a new one of that kind.
    pub fn join(&mut self, kind: NamespaceKind, path: &Path) {
        for namespace in &mut self.namespaces {
            if namespace.kind == kind && namespace.path.is_none() {
                namespace.path = Some(path.to_owned());
            }
        }
    }

    /// A new namespace of that kind is made (not joined, not shared with the host).
    pub fn is_new(&self, kind: NamespaceKind) -> bool {
        self.namespace(kind)
            .is_some_and(|namespace| namespace.path.is_none())
    }
}
