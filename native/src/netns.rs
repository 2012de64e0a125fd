//! Network namespaces that live at paths, the interfaces that lead into them, their addresses and
//! routes: what `ip netns` and `ip link` do, for many at once.

pub mod device;
mod link;
mod netlink;
pub mod within;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use serde::Deserialize;

use crate::error::{Context, Error, Result};
use crate::launch::namespaces;
use crate::sys::process::{setns, unshare};

/// What happens to one namespace; without a path to the one that the caller is in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    path: Option<PathBuf>,
    /// Is it to be there, and of what kind? Without: it is there already.
    #[serde(default)]
    make: Option<Make>,
    /// Interfaces that go; one that is not there is gone already.
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    links: Vec<link::Link>,
    /// Names with slashes below /proc/sys, "net/...".
    #[serde(default)]
    sysctl: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Make {
    /// One that is there stays.
    Missing,
    /// A new one in any case.
    Fresh,
    /// The namespace of this process is put there, unless one is there already.
    Of(i32),
    /// None any more.
    Gone,
}

pub fn carry_out(steps: &[Step]) -> Result<()> {
    let own = open(Path::new("/proc/self/ns/net"))?;
    for step in steps {
        let done = carry_out_one(step);
        if step.path.is_some() {
            setns(&own, libc::CLONE_NEWNET).at("return to namespace", "")?;
        }
        done?;
    }
    Ok(())
}

fn carry_out_one(step: &Step) -> Result<()> {
    if let Some(path) = &step.path {
        if let Some(make) = step.make {
            provide(path, make)?;
        }
        if step.make == Some(Make::Gone) {
            return Ok(());
        }
        let target = open(path)?;
        setns(&target, libc::CLONE_NEWNET).at("join namespace", path.display().to_string())?;
    }
    for name in &step.remove {
        link::remove(name)?;
    }
    for link in &step.links {
        link.set_up()?;
    }
    for (name, value) in &step.sysctl {
        sysctl(name, value)?;
    }
    Ok(())
}

fn provide(path: &Path, make: Make) -> Result<()> {
    if matches!(make, Make::Fresh | Make::Gone) {
        release(path)?;
    }
    if make == Make::Gone || is_namespace(path) {
        return Ok(());
    }
    let subject = path.display().to_string();
    // A mount needs something to lie on; what else is there is not a namespace.
    File::create(path).at("make file", subject.clone())?;
    if let Make::Of(pid) = make {
        match mount_bind(format!("/proc/{pid}/ns/net"), path) {
            // It has just ended: nobody needs its namespace.
            Err(Errno::NOENT) => {}
            bound => return bound.at("keep namespace", subject),
        }
    }
    unshare(libc::CLONE_NEWNET).at("make namespace", subject.clone())?;
    namespaces::loopback()?;
    mount_bind("/proc/thread-self/ns/net", path).at("keep namespace", subject)
}

/// Takes every mount from the path, and its file.
fn release(path: &Path) -> Result<()> {
    let subject = || path.display().to_string();
    while is_namespace(path) {
        unmount(path, UnmountFlags::DETACH).at("release namespace", subject())?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).at("remove file", subject())
        }
        _ => Ok(()),
    }
}

fn is_namespace(path: &Path) -> bool {
    const NSFS_MAGIC: u64 = 0x6e73_6673;
    rustix::fs::statfs(path).is_ok_and(|found| found.f_type as u64 == NSFS_MAGIC)
}

pub fn open(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).at("open namespace", path.display().to_string())
}

/// Network settings only: they belong to the namespace that this process is in.
fn sysctl(name: &str, value: &str) -> Result<()> {
    if !name.starts_with("net/") || name.split('/').any(|part| part.is_empty() || part == "..") {
        return Err(Error::new("set", name, "is no name of a network setting"));
    }
    std::fs::write(format!("/proc/sys/{name}"), value).at("set", name)
}
