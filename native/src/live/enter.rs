//! Into a running container: first its user namespace, from where the host's files are still in
//! sight, then its mounts.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::error::{Context, Error, Result};
use crate::live::Target;
use crate::root::RootFd;
use crate::sys::process::{set_gid, set_groups, set_uid, setns, unshare};

/// The host's procfs, by descriptor: inside, nothing that is found at /proc is to be trusted.
pub struct Host {
    pub proc: OwnedFd,
    /// The container has a user namespace of its own, and this process is in it.
    pub in_user_namespace: bool,
}

/// The container's mounts, from within.
pub struct Inside {
    pub host: Host,
    pub root: RootFd,
}

/// The step before `mounts`: sources are opened here, with the rights that the container's root has
/// over the caller's files, exactly as at its start.
pub fn user(target: &Target<'_>) -> Result<Host> {
    // Nobody inside may look into this process: descriptors of the host are open in it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).at("protect process", "")?;
    rustix::process::umask(Mode::empty());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let proc = rustix::fs::open("/proc", flags, Mode::empty()).at("open procfs", "/proc")?;
    let in_user_namespace = differs(target, "user")?;
    if !differs(target, "mnt")? {
        return Err(Error::new(
            "join namespaces",
            target.state.id.as_str(),
            "the container shares the host's mounts: they cannot be changed for it alone",
        ));
    }
    if in_user_namespace {
        join(target, libc::CLONE_NEWUSER)?;
        // Its own copy of the host's mounts: only in a mount namespace that this user namespace
        // owns may anything be copied or made.
        unshare(libc::CLONE_NEWNS).at("copy mounts", "")?;
        // Ids without a mapping stay as they are, the rights are there all the same.
        let _ = set_groups(&[]);
        let _ = set_gid(0);
        let _ = set_uid(0);
    }
    Ok(Host {
        proc,
        in_user_namespace,
    })
}

/// Into the container's mounts; the host's are out of sight from here on.
pub fn mounts(target: &Target<'_>, host: Host) -> Result<Inside> {
    join(target, libc::CLONE_NEWNS)?;
    let root = RootFd::open_host(Path::new("/"))?;
    Ok(Inside { host, root })
}

/// The container has a user namespace of its own.
pub fn has_users(target: &Target<'_>) -> bool {
    differs(target, "user").unwrap_or(true)
}

/// To where the container's host name is, to read it.
pub fn host_name_of(target: &Target<'_>) -> Result<()> {
    if has_users(target) {
        join(target, libc::CLONE_NEWUSER)?;
    }
    join(target, libc::CLONE_NEWUTS)
}

/// The same, to change it: the container must have one.
pub fn host_name(target: &Target<'_>) -> Result<()> {
    if !differs(target, "uts")? {
        return Err(Error::new(
            "join namespaces",
            target.state.id.as_str(),
            "the container shares the host's name: it cannot be changed for it alone",
        ));
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).at("protect process", "")?;
    host_name_of(target)
}

fn join(target: &Target<'_>, kind: i32) -> Result<()> {
    setns(target.init.as_fd(), kind)
        .at("join namespaces", target.state.id.as_str())
        .map_err(|error| match error.errno {
            Some(libc::ESRCH) => gone(target),
            Some(libc::EPERM) => error.hint("only its owner and root can change a container"),
            _ => error,
        })
}

fn differs(target: &Target<'_>, name: &str) -> Result<bool> {
    let inode = |process: &str| {
        let path = format!("/proc/{process}/ns/{name}");
        std::fs::metadata(&path)
            .at("read namespace", path)
            .map(|metadata| metadata.ino())
    };
    Ok(inode(&target.state.pid.to_string())? != inode("self")?)
}

fn gone(target: &Target<'_>) -> Error {
    Error::os("join namespaces", target.state.id.as_str(), Errno::SRCH)
        .hint("the container has just stopped")
}
