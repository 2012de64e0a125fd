//! What init does to the namespaces it is in.

use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::init::Init;
use super::mounts;
use crate::error::{Context, Error, Result};
use crate::spec::Config;
use crate::spec::linux::{NamespaceKind, TimeOffset};
use crate::sys::descriptor::leave;
use crate::sys::process::{prctl, set_gid, set_groups, set_uid, setns, unshare};

const CLONE_NEWTIME: i32 = 0x80;

/// Enters the namespace at a path of the host.
pub fn join(kind: NamespaceKind, path: &Path) -> Result<()> {
    let subject = path.display().to_string();
    let fd = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .at("open namespace", subject.clone())?;
    setns(&fd, flag(kind)).at("join namespace", subject)
}

/// Enters what only the caller may: namespaces whose owner is not the user namespace that is joined
/// next. Which they are; what the caller may not enter waits until it is in that one.
pub fn join_as_caller(config: &Config) -> Result<Vec<NamespaceKind>> {
    let mut entered = Vec::new();
    for namespace in &config.linux.namespaces {
        let (Some(path), true) = (&namespace.path, is_for_callers(namespace.kind)) else {
            continue;
        };
        match join(namespace.kind, path) {
            Ok(()) => entered.push(namespace.kind),
            Err(error) if matches!(error.errno, Some(libc::EPERM | libc::EACCES)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(entered)
}

/// The others count for children only, or for the files that are mounted.
fn is_for_callers(kind: NamespaceKind) -> bool {
    matches!(
        kind,
        NamespaceKind::Network | NamespaceKind::Ipc | NamespaceKind::Uts | NamespaceKind::Cgroup
    )
}

/// Ids 0 of the new user namespace, where they are mapped.
pub fn become_root(init: &Init, groups: bool) -> Result<()> {
    let linux = &init.config.linux;
    if groups {
        match set_groups(&[]) {
            Err(Errno::PERM) if !linux.is_new(NamespaceKind::User) => {}
            other => other.at("drop groups", "")?,
        }
    }
    // Of one that was joined the maps are not known here.
    let joined = !linux.is_new(NamespaceKind::User);
    if joined {
        let _ = set_gid(0).and_then(|()| set_uid(0));
    }
    if linux.gid_mappings.iter().any(|map| map.container == 0) {
        set_gid(0).at("become group 0", "")?;
    }
    if linux.uid_mappings.iter().any(|map| map.container == 0) {
        set_uid(0).at("become user 0", "")?;
    }
    // A change of ids makes the process undumpable and its /proc files the first namespace's
    // root's. Nothing foreign runs in these namespaces yet, so it may own them again.
    prctl(libc::PR_SET_DUMPABLE, 1, 0).at("own /proc/self", "")?;
    init.live_with_parent()
}

/// A new time namespace with its offsets; they can be written only before anybody is in it.
pub fn time(init: &mut Init, offsets: &[(String, TimeOffset)]) -> Result<()> {
    unshare(CLONE_NEWTIME).at("make time namespace", "")?;
    let lines: String = offsets
        .iter()
        .map(|(clock, offset)| format!("{clock} {} {}\n", offset.secs, offset.nanosecs))
        .collect();
    if !lines.is_empty() {
        mounts::write_proc(init.proc()?, "self/timens_offsets", &lines)?;
    }
    let file = "/proc/self/ns/time_for_children";
    let fd = rustix::fs::open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .at("open namespace", file)?;
    setns(&fd, CLONE_NEWTIME).at("enter time namespace", "")
}

/// `lo` up, so that 127.0.0.1 answers.
pub fn loopback() -> Result<()> {
    let socket = crate::sys::net::socket().at("make socket", "")?;
    crate::sys::net::loopback_up(&socket).at("bring loopback up", "lo")?;
    leave(socket);
    Ok(())
}

/// Writes below /proc/sys. The name is a path with dots or slashes and stays below.
pub fn sysctl(init: &mut Init, name: &str, value: &str) -> Result<()> {
    let path = if name.contains('/') {
        name.to_owned()
    } else {
        name.replace('.', "/")
    };
    if path.split('/').any(|part| part.is_empty() || part == "..") {
        return Err(Error::new(
            "check bundle",
            format!("linux.sysctl.{name}"),
            "is no name of a kernel setting",
        ));
    }
    sysctl_is_contained(init, name, &path)?;
    mounts::write_proc(init.proc()?, &format!("sys/{path}"), value)
}

/// A setting that the container does not have for itself would change the host.
fn sysctl_is_contained(init: &Init, name: &str, path: &str) -> Result<()> {
    const IPC: [&str; 8] = [
        "kernel/msgmax",
        "kernel/msgmnb",
        "kernel/msgmni",
        "kernel/sem",
        "kernel/shmall",
        "kernel/shmmax",
        "kernel/shmmni",
        "kernel/shm_rmid_forced",
    ];
    let owner = if path.starts_with("net/") {
        NamespaceKind::Network
    } else if IPC.contains(&path) || path.starts_with("fs/mqueue/") {
        NamespaceKind::Ipc
    } else if path == "kernel/hostname" {
        return Err(Error::new(
            "check bundle",
            "linux.sysctl.kernel.hostname",
            "is not set this way",
        )
        .hint("use `hostname`"));
    } else if path == "kernel/domainname" {
        NamespaceKind::Uts
    } else if path.starts_with("user/") {
        NamespaceKind::User
    } else {
        return Err(Error::new(
            "check bundle",
            format!("linux.sysctl.{name}"),
            "belongs to the whole machine, not to a container",
        ));
    };
    if init.config.linux.namespace(owner).is_none() {
        return Err(Error::new(
            "check bundle",
            format!("linux.sysctl.{name}"),
            format!("would change the host: the container has no {owner:?} namespace of its own"),
        ));
    }
    Ok(())
}

fn flag(kind: NamespaceKind) -> i32 {
    match kind {
        NamespaceKind::User => libc::CLONE_NEWUSER,
        NamespaceKind::Pid => libc::CLONE_NEWPID,
        NamespaceKind::Network => libc::CLONE_NEWNET,
        NamespaceKind::Mount => libc::CLONE_NEWNS,
        NamespaceKind::Ipc => libc::CLONE_NEWIPC,
        NamespaceKind::Uts => libc::CLONE_NEWUTS,
        NamespaceKind::Cgroup => libc::CLONE_NEWCGROUP,
        NamespaceKind::Time => CLONE_NEWTIME,
    }
}
