//! Id maps of a new user namespace, written by the parent: directly where the kernel lets it,
//! else by newuidmap and newgidmap.

use std::os::fd::OwnedFd;
use std::process::Command;

use rustix::fs::{Mode, OFlags};

use crate::error::{Context, Error, Result};
use crate::spec::Config;
use crate::spec::linux::{IdMapping, NamespaceKind};
use crate::sys::process::setns;

/// The two maps and how they get into the kernel.
#[derive(Debug)]
pub struct Mapping {
    uids: Vec<IdMapping>,
    gids: Vec<IdMapping>,
    privileged: bool,
}

impl Mapping {
    /// For a namespace of its own.
    pub fn new(uids: Vec<IdMapping>, gids: Vec<IdMapping>) -> Self {
        Self {
            uids,
            gids,
            privileged: rustix::process::geteuid().is_root(),
        }
    }

    /// None: no new user namespace.
    pub fn of(config: &Config) -> Result<Option<Self>> {
        if !config.linux.is_new(NamespaceKind::User) {
            return Ok(None);
        }
        let (uids, gids) = (
            config.linux.uid_mappings.clone(),
            config.linux.gid_mappings.clone(),
        );
        for (name, map) in [("uidMappings", &uids), ("gidMappings", &gids)] {
            if map.is_empty() {
                return Err(Error::new(
                    "check bundle",
                    format!("linux.{name}"),
                    "is empty, but there is a user namespace",
                ));
            }
        }
        Ok(Some(Self::new(uids, gids)))
    }

    /// The kernel allows setgroups inside: not after a map of one's own single group.
    pub fn allows_groups(&self) -> bool {
        !self.gids_are_own()
    }

    /// Writes both maps for process `pid`.
    pub fn write(&self, pid: i32) -> Result<()> {
        if self.gids_are_own() {
            put(pid, "setgroups", "deny")?;
        }
        let direct_uids =
            self.privileged || is_own(&self.uids, rustix::process::geteuid().as_raw());
        apply(pid, Kind::Uid, &self.uids, direct_uids)?;
        apply(
            pid,
            Kind::Gid,
            &self.gids,
            self.privileged || self.gids_are_own(),
        )
    }

    fn gids_are_own(&self) -> bool {
        !self.privileged && is_own(&self.gids, rustix::process::getegid().as_raw())
    }
}

/// May supplementary groups be set in the user namespace that the container is in? In one that is
/// joined, linux.gidMappings tells what its mapping is.
pub fn allows_groups(config: &Config, made: Option<&Mapping>) -> bool {
    let user = config.linux.namespace(NamespaceKind::User);
    let joined = user.is_some_and(|namespace| namespace.path.is_some());
    let own = joined
        && !rustix::process::geteuid().is_root()
        && is_own(
            &config.linux.gid_mappings,
            rustix::process::getegid().as_raw(),
        );
    made.map_or(!own, Mapping::allows_groups)
}

/// Joins pid namespaces given by path: they count for children, so the parent enters before the
/// clone and comes back when the result is dropped.
pub fn join_before_clone(config: &Config) -> Result<Option<Joined>> {
    let Some(path) = config
        .linux
        .namespace(NamespaceKind::Pid)
        .and_then(|namespace| namespace.path.as_ref())
    else {
        return Ok(None);
    };
    let subject = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let own = rustix::fs::open("/proc/self/ns/pid", flags, Mode::empty())
        .at("open namespace", "/proc/self/ns/pid")?;
    let target =
        rustix::fs::open(path, flags, Mode::empty()).at("open namespace", subject.clone())?;
    setns(&target, libc::CLONE_NEWPID).at("join namespace", subject)?;
    Ok(Some(Joined { own }))
}

/// The user namespace that is given by its path.
pub fn to_join(config: &Config) -> Result<Option<OwnedFd>> {
    let namespace = config.linux.namespace(NamespaceKind::User);
    let Some(path) = namespace.and_then(|namespace| namespace.path.as_ref()) else {
        return Ok(None);
    };
    rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .at("open namespace", path.display().to_string())
        .map(Some)
}

/// The parent's children are born elsewhere while this lives.
#[derive(Debug)]
pub struct Joined {
    own: OwnedFd,
}

impl Drop for Joined {
    fn drop(&mut self) {
        if let Err(errno) = setns(&self.own, libc::CLONE_NEWPID) {
            crate::log::warn(&format!("return to the own pid namespace: {errno}"));
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Uid,
    Gid,
}

impl Kind {
    fn file(self) -> &'static str {
        match self {
            Self::Uid => "uid_map",
            Self::Gid => "gid_map",
        }
    }

    fn helper(self) -> &'static str {
        match self {
            Self::Uid => "newuidmap",
            Self::Gid => "newgidmap",
        }
    }
}

fn is_own(map: &[IdMapping], id: u32) -> bool {
    matches!(map, [one] if one.count == 1 && one.host == id)
}

fn apply(pid: i32, kind: Kind, map: &[IdMapping], direct: bool) -> Result<()> {
    if direct {
        let lines: String = map
            .iter()
            .map(|m| format!("{} {} {}\n", m.container, m.host, m.count))
            .collect();
        return put(pid, kind.file(), &lines);
    }
    let mut command = Command::new(kind.helper());
    command.arg(pid.to_string());
    for m in map {
        command.args([
            m.container.to_string(),
            m.host.to_string(),
            m.count.to_string(),
        ]);
    }
    let output = command
        .output()
        .at("run", kind.helper())
        .map_err(|error| error.hint("install it (package uidmap), or map only your own id"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new("run", kind.helper(), said.trim())
        .hint("the ranges must be yours in /etc/subuid and /etc/subgid"))
}

fn put(pid: i32, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    std::fs::write(&path, text).at("map ids", path)
}
